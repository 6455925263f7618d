//! The options of `collect`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::collecting::WindowsFolder;

/// `robocopy` takes a larger number for a date.
const DAYS_MAX: i64 = 1_825;

/// Say what to collect from a server, as a list or as a recipe for a collector
///
/// The recipe takes what this program reads, from the table that it reads by; it only reads the server, the most
/// perishable first. With --for it asks only for what would settle the open questions of an assessment.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    done
  2    the arguments do not fit
  3    nothing is open in the assessment that files could settle
  70   internal fault

Examples:
  afterpatch collect
  afterpatch collect --as kape -o Exchange_afterpatch.tkape
  afterpatch collect --as powershell --days 60 -o collect.ps1
  afterpatch collect --for report/assessment.json --server EXC01 --as velociraptor")]
pub struct CollectOptions {
    /// What to write
    #[arg(long = "as", value_enum, default_value_t = RecipeFormat::List, value_name = "RECIPE")]
    pub format: RecipeFormat,
    /// Logs of the last so many days, counted when the recipe is run
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "assessment"], value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub days: Option<u32>,
    /// Logs from this time on (UTC): 2021-01-01 or 2021-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "assessment", value_parser = super::time)]
    pub from: Option<model::Utc>,
    /// Only what would settle the open questions of this assessment.json
    #[arg(long = "for", value_name = "FILE")]
    pub assessment: Option<PathBuf>,
    /// Only what the assessment asks of this server
    #[arg(long, value_name = "NAME", requires = "assessment", value_parser = super::server)]
    pub server: Option<String>,
    /// Where Exchange stands, if not where it stands by default: D:\Exchange\V15
    #[arg(long, value_name = "DIR", value_parser = folder)]
    pub exchange_path: Option<WindowsFolder>,
    /// Where IIS has its folder per site: E:\Logs
    #[arg(long, value_name = "DIR", value_parser = folder)]
    pub iis_logs: Option<WindowsFolder>,
    /// File to write to instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecipeFormat {
    /// What, where, why, and how long it lives
    List,
    /// The same for machines
    Json,
    /// A target of KAPE (.tkape)
    Kape,
    /// An artifact of Velociraptor (.yaml)
    Velociraptor,
    /// A script for Windows PowerShell 5.1 and later (.ps1)
    Powershell,
    /// A batch file with nothing but what Windows brings (.cmd)
    Robocopy,
    /// A shell script for a mounted image, with GNU find and tar (.sh)
    Tar,
}

fn folder(text: &str) -> Result<WindowsFolder, String> {
    WindowsFolder::new(text).ok_or_else(|| {
        r"expected a folder such as D:\Exchange\V15; ASCII letters, digits, blanks and _ - . ( ) only, since it becomes part of a command".to_owned()
    })
}
