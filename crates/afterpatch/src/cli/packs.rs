//! The options of `packs` and `explain`, and those that choose packs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Which packs are used.
#[derive(Debug, Default, Args)]
pub struct PackOptions {
    /// Packs to use instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub packs: Option<PathBuf>,
    /// A pack folder, a folder of packs or a pack file to use as well (can be repeated)
    #[arg(long, value_name = "PATH")]
    pub add_packs: Vec<PathBuf>,
    /// Every pack that is not built in must be a pack file signed with this minisign key (a file, or the key itself)
    #[arg(long, value_name = "PUBKEY")]
    pub require_signature: Option<String>,
}

/// List, look at, check, test, import, bundle and sign packs of rules and indicators
#[derive(Debug, Args)]
pub struct PacksOptions {
    #[command(subcommand)]
    pub verb: PacksVerb,
}

#[derive(Debug, Subcommand)]
pub enum PacksVerb {
    List(ListOptions),
    Show(ShowOptions),
    Check(CheckOptions),
    Test(TestOptions),
    Import(ImportOptions),
    Pack(PackOptionsOfFile),
    Sign(SignOptions),
    Verify(VerifyOptions),
    Keygen(KeygenOptions),
}

/// List packs: campaign, rules, indicators, cases, first use, signature
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    pub packs: PackOptions,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub format: Listing,
}

/// Show a campaign: holes, dates, what tells it apart, what logs must cover, limits, rules, indicators, sources
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// The pack
    #[arg(value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub packs: PackOptions,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub format: Listing,
}

/// Check packs: do they compile, has every rule its cases, is anything there twice, is anything slow
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  no error
  2  the arguments do not fit
  5  at least one error")]
pub struct CheckOptions {
    /// Pack folders, folders of packs, pack files, or ids of built-in packs [default: the built-in packs]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub format: Listing,
}

/// Run the cases of packs: what each log block must hit hits, and nothing else does
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  all cases are as written
  2  the arguments do not fit
  5  a case differs, or a pack with rules has none")]
pub struct TestOptions {
    /// Pack folders, folders of packs, pack files, or ids of built-in packs [default: the built-in packs]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Make a pack from STIX 2.1, MISP, CSV, Sigma and YARA files
///
/// Everything is read before the first file is written. What cannot be expressed is listed by name with its reason.
/// docs/packs.md says what becomes of what.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Files to import; a folder stands for the .yml, .yar and .yara files below it
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Name of the new pack, in small letters, digits and dashes
    #[arg(long, value_name = "NAME", value_parser = pack_id)]
    pub id: String,
    /// Folder of the new pack, whose last name is that of the pack, or a folder in which it is made; must be empty or absent
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The pack describes a campaign of this name, and not things that fit any campaign
    #[arg(long, value_name = "NAME", requires_all = ["cves", "first_use", "public"])]
    pub campaign: Option<String>,
    /// The holes of the campaign that let it in (can be repeated)
    #[arg(long = "cve", value_name = "CVE", requires = "campaign")]
    pub cves: Vec<String>,
    /// First known use: 2021-01-03
    #[arg(long, value_name = "DAY", requires = "campaign", value_parser = super::time)]
    pub first_use: Option<model::Utc>,
    /// Day on which the public learned of it
    #[arg(long, value_name = "DAY", requires = "campaign", value_parser = super::time)]
    pub public: Option<model::Utc>,
}

/// Put a pack folder into one file for machines without a network
///
/// The same folder gives the same bytes.
#[derive(Debug, Args)]
pub struct PackOptionsOfFile {
    /// The pack folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The pack file; must be absent
    #[arg(short, long, value_name = "FILE.afterpack")]
    pub output: PathBuf,
}

/// Sign a pack file; the signature is written beside it as FILE.minisig
#[derive(Debug, Args)]
pub struct SignOptions {
    /// The pack file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The minisign secret key
    #[arg(long, value_name = "SECRETKEY")]
    pub key: PathBuf,
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// Verify the signature of a pack file
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  signed by this key
  2  the arguments do not fit
  5  not signed, by another key, or changed since")]
pub struct VerifyOptions {
    /// The pack file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The minisign public key: a file, or the key itself
    #[arg(long, value_name = "PUBKEY")]
    pub key: String,
}

/// Make a minisign key pair: NAME.key (secret) and NAME.pub (public)
#[derive(Debug, Args)]
pub struct KeygenOptions {
    /// Path of the new files without their endings; both must be absent
    #[arg(short, long, value_name = "NAME", default_value = "afterpatch")]
    pub output: PathBuf,
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// The password of a secret key; it is never asked for.
#[derive(Debug, Args)]
pub struct PasswordOptions {
    /// File whose first line is the password [default: the environment variable AFTERPATCH_KEY_PASSWORD]
    #[arg(long, value_name = "FILE", conflicts_with = "without_password")]
    pub password_file: Option<PathBuf>,
    /// The secret key has no password
    #[arg(short = 'W', long)]
    pub without_password: bool,
}

/// Explain a rule, or a finding of an assessment
///
/// A rule: what a hit means, why, what else it can be, what it proves, the detection, a record that hits and one that
/// does not. A finding: the records with their places, and what rests on it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterpatch explain proxylogon/anchor-backend
  afterpatch explain f12 --in /cases/4711/report")]
pub struct ExplainOptions {
    /// A rule (proxylogon/anchor-backend), or with --in a finding (f12)
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The folder of an assessment, or its assessment.json
    #[arg(long = "in", value_name = "DIR")]
    pub assessment: Option<PathBuf>,
    #[command(flatten)]
    pub packs: PackOptions,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people
    Human,
    /// JSON
    Json,
}

/// The name of a pack is a folder and part of rule ids.
fn pack_id(text: &str) -> Result<String, String> {
    let fits = crate::packs::is_id(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    fits.then(|| text.to_owned()).ok_or_else(|| "expected small letters, digits and dashes, at most 64".to_owned())
}
