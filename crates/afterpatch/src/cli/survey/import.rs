//! The options of `survey import`.

use std::path::PathBuf;

use clap::Args;
use model::Utc;
use survey::import::Format;

use super::SurveyOutputOptions;

/// Read the output of other scanners and judge it like our own
#[derive(Debug, Args)]
pub struct SurveyImportOptions {
    /// Output of zgrab2, httpx, nmap (XML), masscan, Shodan or Censys, or reports of Shadowserver; folders and archives
    /// with such files; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read all files as this, whatever they look like
    #[arg(long = "as", value_name = "FORMAT", value_parser = format)]
    pub format: Option<Format>,
    /// When records were seen that do not say so, such as 2026-11-20
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub seen_on: Option<Utc>,
    #[command(flatten)]
    pub output: SurveyOutputOptions,
}

fn format(text: &str) -> Result<Format, String> {
    let names = || Format::ALL.map(Format::name).join(", ");
    Format::of_name(&text.to_ascii_lowercase()).ok_or_else(|| format!("one of {}", names()))
}

fn day(text: &str) -> Result<Utc, String> {
    Utc::parse(text.as_bytes()).ok_or_else(|| "write a day as 2026-11-20".to_owned())
}
