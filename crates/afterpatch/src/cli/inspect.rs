//! The options of `inspect`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ArchiveOptions, IsolationOptions, THREADS_MAX};

/// Say what pages do, from their code alone: which run what they are sent, and how
///
/// Reads pages of ASP.NET and classic ASP, takes disguises off, and follows what is sent to what is done. No signatures
/// are used and nothing is run. Needs no logs and no Exchange.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    no page is a web shell by its code
  1    a page is
  2    the arguments do not fit
  3    no page was readable
  70   internal fault
  130  interrupted

Examples:
  afterpatch inspect suspicious.aspx
  afterpatch inspect /mnt/c/inetpub/wwwroot --format jsonl | jq -r 'select(.judgement==\"shell\").path'")]
pub struct InspectOptions {
    /// Pages, or folders with pages
    #[arg(required = true, value_name = "PAGE")]
    pub pages: Vec<PathBuf>,
    /// Also pages in which nothing speaks against them
    #[arg(long)]
    pub all: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = InspectFormat::Human)]
    pub format: InspectFormat,
    /// Threads to read with [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub archives: ArchiveOptions,
    #[command(flatten)]
    pub isolation: IsolationOptions,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InspectFormat {
    /// A paragraph a page
    Human,
    /// One JSON object a page
    Jsonl,
}
