//! The options of `survey probe` and `survey probing-txt`.

use std::path::PathBuf;

use clap::Args;

use super::SurveyOutputOptions;

/// Ask the servers of a scope for three pages each, and judge what they answer
///
/// Nothing is asked that the scope file does not name; without operator, contact and order in it, or after its last day,
/// nothing is asked at all. Every target gets at most three GETs over one connection, without login, cookies or redirects.
#[derive(Debug, Args)]
pub struct SurveyProbeOptions {
    /// Who and what may be looked at, until when, by which order
    #[arg(long, value_name = "FILE")]
    pub scope: PathBuf,
    /// New connections per second
    #[arg(long, value_name = "N", default_value_t = 50.0, value_parser = rate)]
    pub rate: f64,
    /// New connections per second to one /24 (IPv4) or /48 (IPv6)
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = rate)]
    pub rate_per_prefix: f64,
    /// Connections at one time; half of the open files that the system allows is the limit
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub concurrency: u32,
    /// Seconds to wait for an answer; half of it for a connection, three times for all of one
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub timeout: u32,
    /// Ports instead of those of the scope; 80 is asked without TLS
    #[arg(long, value_name = "PORTS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// Only so many targets
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Ask for the manifest of the export tool too: exact build, but some defences take it for an attack
    #[arg(long)]
    pub exporttool: bool,
    /// Read the greeting of port 25 too
    #[arg(long)]
    pub smtp: bool,
    /// Order in which targets are asked: the same for the same number
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Say what would be asked, and how long that takes; send nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: SurveyOutputOptions,
}

/// Print the file that belongs at the scope's probing URI (RFC 9511)
#[derive(Debug, Args)]
pub struct SurveyProbingTxtOptions {
    /// The scope file
    #[arg(long, value_name = "FILE")]
    pub scope: PathBuf,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=10_000.0).contains(&rate) { Ok(rate) } else { Err("not between 0.01 and 10000".to_owned()) }
}
