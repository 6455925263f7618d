//! The options of `verify` and `sign`.

use std::path::PathBuf;

use clap::Args;

use super::{ArchiveOptions, IsolationOptions, Listing, PasswordOptions, THREADS_MAX};

/// Check that a report, and the evidence it rests on, are what they were
///
/// Reads custody.json of a report folder and compares every file of the report with it, follows the chain of
/// manifest.jsonl, and hashes the evidence again where it is given. docs/custody.md says what this proves and how to do
/// it without afterpatch.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    everything fits
  2    the arguments do not fit
  3    there is no report in DIR, or the evidence is not there
  5    something does not fit; each file is named
  70   internal fault
  130  interrupted

Examples:
  afterpatch verify /cases/4711/report
  afterpatch verify /cases/4711/report /cases/4711/EXC01 --key analyst.pub")]
pub struct VerifyReportOptions {
    /// The folder of a report
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The folders and files that were assessed, the same as then: they are hashed again
    #[arg(value_name = "EVIDENCE")]
    pub evidence: Vec<PathBuf>,
    /// The report must be signed with this minisign key (a file, or the key itself)
    #[arg(long, value_name = "PUBKEY")]
    pub key: Option<String>,
    /// The SHA-256 of custody.json, or that of the manifest's last line, as noted elsewhere
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    pub noted: Option<String>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub format: Listing,
    /// Threads to hash evidence with [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub archives: ArchiveOptions,
    #[command(flatten)]
    pub isolation: IsolationOptions,
}

/// Sign a report: custody.json, and through it everything that it names
///
/// Checks the report first. The signature is written beside custody.json as custody.json.minisig; it holds no time, and
/// the ordinary minisign can check it. `afterpatch packs keygen` makes keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  signed
  2  the arguments do not fit, or a signature is there already
  3  there is no report in DIR
  5  the report is not as it was written; it is not signed")]
pub struct SignReportOptions {
    /// The folder of a report
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The minisign secret key
    #[arg(long, value_name = "SECRETKEY")]
    pub key: PathBuf,
    #[command(flatten)]
    pub password: PasswordOptions,
}

fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase()).ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}
