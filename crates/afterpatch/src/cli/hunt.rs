//! The options of `hunt`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{ArchiveOptions, IsolationOptions, PackOptions, THREADS_MAX, time};
use crate::exit::{Exit, Failure};
use crate::hunt::level::Level;

/// List every record that fits a rule, without a verdict
///
/// The rules of the packs, and with --sigma rules of others, over the same evidence that assess reads: Windows event
/// logs, IIS and Exchange logs, files. Hits come in the order of the evidence, with all fields of their records.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    done, no hit at or above --fail-on
  1    done, a hit at or above --fail-on
  2    the arguments do not fit
  3    nothing readable or nothing recognised
  5    a signature does not fit, or a rule did not load
  70   internal fault
  130  interrupted (the hits until then are written)

Examples:
  afterpatch hunt EXC01/
  afterpatch hunt EXC01/ --level medium --format csv -o hits.csv
  afterpatch hunt Security.evtx --sigma sigma/rules/windows --no-packs --format jsonl | jq .rule.title")]
pub struct HuntOptions {
    /// Folders and files with evidence, in any layout
    #[arg(required = true, value_name = "EVIDENCE")]
    pub evidence: Vec<PathBuf>,
    /// A folder of Sigma rules of others (can be repeated)
    #[arg(long, value_name = "DIR")]
    pub sigma: Vec<PathBuf>,
    #[command(flatten)]
    pub packs: PackOptions,
    /// No packs: only the rules of --sigma
    #[arg(long, requires = "sigma", conflicts_with_all = ["packs", "add_packs"])]
    pub no_packs: bool,
    /// What to write
    #[arg(long, value_enum, default_value_t = HuntFormat::Table)]
    pub format: HuntFormat,
    /// File for the hits instead of standard output; must lie outside the evidence
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only rules of this level or above
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Informational)]
    pub level: Level,
    /// Only records from this time on (UTC): 2021-01-01 or 2021-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<model::Utc>,
    /// Only records before this time (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<model::Utc>,
    /// Threads to read with [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub archives: ArchiveOptions,
    #[command(flatten)]
    pub isolation: IsolationOptions,
    /// Show which rules cost most
    #[arg(long)]
    pub rule_cost: bool,
    /// End with status 1 where there is a hit of this level or above
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub fail_on: Option<Level>,
}

/// How hits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum HuntFormat {
    /// One screen for people: hits per rule and host
    Table,
    /// One JSON object a hit
    Jsonl,
    /// One row a hit
    Csv,
    /// JSON lines that Timesketch imports
    Timesketch,
}

impl HuntOptions {
    /// Refuses options that contradict each other.
    ///
    /// # Errors
    /// When no time lies between `--from` and `--to`, a table is to go to a file, or no rule could reach `--fail-on`.
    pub fn refuse_contradictions(&self) -> Result<(), Failure> {
        super::refuse_empty_range(self.from, self.to)?;
        if self.output.is_some() && self.format == HuntFormat::Table {
            return Err(Failure::new(Exit::Usage, "a table is for the screen, and holds no hits to write to a file")
                .hint("add --format jsonl, csv or timesketch; the table is shown all the same"));
        }
        match self.fail_on {
            Some(bar) if bar < self.level => Err(Failure::new(
                Exit::Usage,
                format!("--level {} leaves hits out that --fail-on {} asks for", self.level.word(), bar.word()),
            )
            .hint("lower --level, or raise --fail-on")),
            _ => Ok(()),
        }
    }
}
