//! The command line. No other module sees it raw: each verb gets its options as a struct.

mod collect;
mod hunt;
mod inspect;
mod isolation;
mod packs;
mod survey;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::assessment::Verdict;

use crate::assess::party::Asked;
use crate::exit::{Exit, Failure};

pub use collect::{CollectOptions, RecipeFormat};
pub use hunt::{HuntFormat, HuntOptions};
pub use inspect::{InspectFormat, InspectOptions};
pub use isolation::IsolationOptions;
pub use packs::{
    CheckOptions, ExplainOptions, ImportOptions, KeygenOptions, ListOptions, Listing, PackOptions, PackOptionsOfFile,
    PacksOptions, PacksVerb, PasswordOptions, ShowOptions, SignOptions, TestOptions, VerifyOptions,
};

pub use survey::{
    EstimateFormat, NotifyBy, SurveyDiffOptions, SurveyEstimateOptions, SurveyImportOptions, SurveyNotifyOptions,
    SurveyOptions, SurveyOutputOptions, SurveyProbeOptions, SurveyProbingTxtOptions, SurveyReportOptions,
    SurveyTrendOptions, SurveyVerb,
};
pub use verify::{SignReportOptions, VerifyReportOptions};

/// Beyond this, threads wait for disks and each other.
const THREADS_MAX: i64 = 64;
/// Computer names have at most so many characters.
const SERVER_CHARS_MAX: usize = 63;

/// What happened on your Exchange server, from its own evidence
///
/// Point `afterpatch assess` at whatever you have: a copy of a server's drives, a Logging folder, IIS logs, event
/// logs, a collection of a responder. It says for each server whether it was open, whether it was hit, since when, how,
/// what was left, what was taken, whether the update ended it, what the evidence cannot say, and what to do next.
#[derive(Debug, Parser)]
#[command(name = "afterpatch", version, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub console: ConsoleOptions,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Args)]
pub struct ConsoleOptions {
    /// No talk and no progress; results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// No colour (also: the environment variable NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Assess(AssessOptions),
    Hunt(HuntOptions),
    Inspect(InspectOptions),
    Advise(AdviseOptions),
    Collect(CollectOptions),
    Explain(ExplainOptions),
    Verify(VerifyReportOptions),
    Sign(SignReportOptions),
    Packs(PacksOptions),
    Survey(SurveyOptions),
    Demo(DemoOptions),
    Completions(CompletionsOptions),
    Man(ManOptions),
}

/// Read evidence and answer: open, hit, since when, how, what is left, is it over
///
/// Writes assessment.json, report.html, timeline.csv, timeline.jsonl, manifest.jsonl and custody.json, with --sigma also
/// rules.csv, with --yara also yara-rules.csv. `afterpatch verify` checks them later.
/// Evidence is only read; nothing is written beside it and nothing leaves this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    done, nothing at or above --fail-on
  1    done, at or above --fail-on
  2    the arguments do not fit
  3    nothing readable or nothing recognised
  4    done, and the answer is: cannot tell
  5    a hash, manifest or signature does not fit, or a rule did not load
  70   internal fault
  130  interrupted (a report marked incomplete is written)

Examples:
  afterpatch assess /cases/4711/EXC01 -o /cases/4711/report
  afterpatch assess EXC01/ EXC02/ dc-events.jsonl --from 2021-01-01 --format json")]
pub struct AssessOptions {
    /// Folders and files with evidence, in any layout
    #[arg(required_unless_present = "live", value_name = "EVIDENCE")]
    pub evidence: Vec<PathBuf>,
    /// Read this server itself, at the places that `afterpatch collect` lists (on Windows, as administrator)
    #[arg(long, conflicts_with = "evidence")]
    pub live: bool,
    /// Folder for the results; must lie outside the evidence
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-report")]
    pub output: PathBuf,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Judge only records from this time on (UTC): 2021-01-01 or 2021-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<model::Utc>,
    /// Judge only records before this time (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<model::Utc>,
    /// Threads to read with [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    pub threads: Option<u16>,
    /// End with status 1 from this verdict on
    #[arg(long, value_enum, default_value_t = FailOn::Exploited, value_name = "VERDICT")]
    pub fail_on: FailOn,
    #[command(flatten)]
    pub archives: ArchiveOptions,
    #[command(flatten)]
    pub packs: PackOptions,
    /// A folder with Sigma rules of others, such as a checkout of SigmaHQ; what they hit is background (can be repeated)
    #[arg(long, value_name = "DIR")]
    pub sigma: Vec<PathBuf>,
    /// A folder or a file with YARA rules of others; what they hit is background (can be repeated)
    #[arg(long, value_name = "DIR|FILE")]
    pub yara: Vec<PathBuf>,
    /// Name of the server, for evidence that names none
    #[arg(long, value_name = "NAME", value_parser = server)]
    pub server: Option<String>,
    /// Go on with a run that was killed or interrupted, in the same folder with the same options
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub isolation: IsolationOptions,
}

/// How archives in the evidence are opened.
#[derive(Clone, Default, Args)]
pub struct ArchiveOptions {
    /// Password of encrypted archives in the evidence (can be repeated)
    #[arg(long = "password", value_name = "PASSWORD", env = "AFTERPATCH_PASSWORD", hide_env_values = true)]
    pub passwords: Vec<String>,
    /// Another budget for archives: depth=8, member-bytes=1T; docs/containers.md lists them (can be repeated)
    #[arg(long = "budget", value_name = "NAME=VALUE", value_parser = budget)]
    pub budgets: Vec<(String, u64)>,
}

impl std::fmt::Debug for ArchiveOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passwords, budgets {:?}", self.passwords.len(), self.budgets)
    }
}

impl ArchiveOptions {
    /// What was asked for, and else the defaults.
    pub fn opening(&self) -> evidence::Opening {
        let mut opening = evidence::Opening { passwords: self.passwords.clone(), ..evidence::Opening::default() };
        for (name, value) in &self.budgets {
            opening.budgets.set(name, *value).expect("names and values were tried when they were parsed");
        }
        opening
    }
}

/// Say from build numbers alone what they are open to and which update fits
///
/// Needs no evidence. Knows nothing of whether anybody came in: `afterpatch assess` looks for that.
#[derive(Debug, Args)]
#[command(after_help = "\
A build is written as 15.1.2106.2 or 15.01.2106.002. What names only the CU, such as 15.1.2106,
\"Version 15.1 (Build 2106.2)\" or \"2016 CU18\", is judged as every build of that CU.

Exit status:
  0    answered, and nothing meets --fail-on
  1    answered, and something meets --fail-on
  2    the arguments or a table do not fit
  3    --from names nothing readable or nothing recognised
  70   internal fault
  130  interrupted

Examples:
  afterpatch advise 15.1.2106.2
  afterpatch advise --csv servers.csv --format csv -o advice.csv
  Get-ExchangeServer | Select Name,AdminDisplayVersion | ConvertTo-Csv | afterpatch advise --csv -")]
pub struct AdviseOptions {
    /// Builds, as ExSetup.exe, OWA or Get-ExchangeServer show them
    #[arg(value_name = "BUILD")]
    pub builds: Vec<String>,
    /// A server and its build
    #[arg(long, value_name = "NAME=BUILD")]
    pub server: Vec<String>,
    /// An assessment.json, a report folder, or evidence: what each server ran last
    #[arg(long, value_name = "PATH")]
    pub from: Vec<PathBuf>,
    /// A table with a column that names builds and one that names servers; - for standard input
    #[arg(long, value_name = "FILE")]
    pub csv: Vec<PathBuf>,
    /// Leave rows out that name no build, and list them
    #[arg(long)]
    pub keep_going: bool,
    /// The day for which support is told [default: the day up to which the data is complete]
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub as_of: Option<model::Utc>,
    /// Judge only these holes
    #[arg(long, value_name = "ID", value_parser = hole)]
    pub cve: Vec<String>,
    /// Every hole with its reason, every build
    #[arg(long)]
    pub all: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = AdviceFormat::Human)]
    pub format: AdviceFormat,
    /// File to write to instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// End with status 1 where a hole is open
    #[arg(long, value_enum, default_value_t = FailOnHole::Never, value_name = "HOLE")]
    pub fail_on: FailOnHole,
    /// Who publishes the CSAF document
    #[arg(long, value_name = "NAME", value_parser = publisher)]
    pub publisher_name: Option<String>,
    /// A URI under the publisher's control
    #[arg(long, value_name = "URI", value_parser = uri)]
    pub publisher_namespace: Option<String>,
}

/// Write a synthetic Exchange evidence tree with a known story
///
/// For trying afterpatch out, for training and for measuring. The same options give the same bytes.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Folder to write to; must be empty or absent
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-demo")]
    pub out: PathBuf,
    /// The story
    #[arg(long, default_value = "compromised-before-patch", value_parser = scenario)]
    pub scenario: demo::Scenario,
    /// Days of logs [default: as the story needs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,
    /// About how much to write: 500k, 200M, 10G [default: a few megabytes]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub size: Option<u64>,
    /// Another seed gives another tree with the same story
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// List the stories and end
    #[arg(long)]
    pub list: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Write the manual pages (man(1)) to a folder
#[derive(Debug, Args)]
pub struct ManOptions {
    /// Folder to write to
    pub dir: PathBuf,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One screen for people
    Human,
    /// assessment.json
    Json,
}

/// How advice is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdviceFormat {
    /// One screen for people
    Human,
    /// Everything, by schema/advice.schema.json
    Json,
    /// One row per server
    Csv,
    /// A CSAF 2.0 document of the profile VEX, without names of servers
    CsafVex,
}

/// Which hole makes the exit status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOnHole {
    /// Any that is open, and what `exploited` means
    Open,
    /// One known to be exploited that is open, or of which the number does not tell
    Exploited,
    /// None
    Never,
}

/// From which verdict on the exit status is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// The foothold is used after the update
    Active,
    /// Persistence, execution or theft is proven
    Compromised,
    /// An exploit request succeeded
    Exploited,
    /// Attempts and scans
    Targeted,
    /// Never
    Never,
}

impl AssessOptions {
    /// Options that only say what to read.
    pub fn reading(evidence: &Path) -> Self {
        Self {
            evidence: vec![evidence.to_owned()],
            live: false,
            output: PathBuf::new(),
            format: Format::Human,
            from: None,
            to: None,
            threads: None,
            archives: ArchiveOptions::default(),
            fail_on: FailOn::Never,
            packs: PackOptions::default(),
            sigma: Vec::new(),
            yara: Vec::new(),
            server: None,
            resume: false,
            isolation: IsolationOptions::default(),
        }
    }

    /// What is to be read, and how.
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            evidence: &self.evidence,
            archives: &self.archives,
            isolation: self.isolation,
            range: (self.from, self.to),
            threads: self.threads,
        }
    }

    /// How many threads read.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// Refuses options that contradict each other.
    ///
    /// # Errors
    /// When no time lies between `--from` and `--to`.
    pub fn refuse_contradictions(&self) -> Result<(), Failure> {
        refuse_empty_range(self.from, self.to)
    }
}

/// Refuses a range in which no time lies.
fn refuse_empty_range(from: Option<model::Utc>, to: Option<model::Utc>) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Failure::new(
            Exit::Usage,
            format!("no record can be from {from} on and before {to}: --from must lie before --to"),
        )
        .hint("exchange the two, or leave one out")),
        _ => Ok(()),
    }
}

impl FailOn {
    /// Is this verdict at or above the bar?
    pub fn is_met_by(self, verdict: Verdict) -> bool {
        let bar = match self {
            Self::Active => Verdict::Active,
            Self::Compromised => Verdict::Compromised,
            Self::Exploited => Verdict::Exploited,
            Self::Targeted => Verdict::Targeted,
            Self::Never => return false,
        };
        verdict <= bar && verdict != Verdict::CannotTell
    }
}

/// Prints help or what was wrong with the arguments.
pub fn refused(error: &clap::Error) -> ExitCode {
    // Nothing better can be done when even the terminal is gone.
    _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

fn time(text: &str) -> Result<model::Utc, String> {
    model::Utc::parse(text.as_bytes()).ok_or_else(|| "expected 2021-01-01 or 2021-01-01T00:00:00Z".to_owned())
}

fn day(text: &str) -> Result<model::Utc, String> {
    let day = model::Utc::parse(text.as_bytes()).filter(|_| text.len() == 10);
    day.ok_or_else(|| "expected a day such as 2021-01-01".to_owned())
}

fn hole(text: &str) -> Result<String, String> {
    let id = text.trim().to_ascii_uppercase();
    let digits =
        |part: &str, least: usize| (least..=19).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_cve = id
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| year.len() == 4 && digits(year, 4) && digits(number, 4));
    let is_advisory = id.strip_prefix("ADV").is_some_and(|number| digits(number, 1));
    if is_cve || is_advisory { Ok(id) } else { Err("expected an id such as CVE-2021-26855".to_owned()) }
}

fn publisher(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if fits { Ok(text.trim().to_owned()) } else { Err("expected a name of at most 200 characters".to_owned()) }
}

fn uri(text: &str) -> Result<String, String> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let is_rest = |rest: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
        !rest.is_empty() && rest.bytes().all(allowed)
    };
    let fits =
        text.len() <= 500 && text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && is_rest(rest));
    if fits { Ok(text.to_owned()) } else { Err("expected a URI such as https://example.org".to_owned()) }
}

fn server(text: &str) -> Result<String, String> {
    model::server_name(text)
        .filter(|name| name.chars().count() <= SERVER_CHARS_MAX)
        .ok_or_else(|| format!("expected the name of a computer, at most {SERVER_CHARS_MAX} characters"))
}

fn scenario(text: &str) -> Result<demo::Scenario, String> {
    let names = || demo::Scenario::all().iter().map(|scenario| scenario.name()).collect::<Vec<_>>().join(", ");
    demo::Scenario::from_name(text).ok_or_else(|| format!("expected one of: {}", names()))
}

fn budget(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("expected a name and a value: depth=8")?;
    let value = size(value)?;
    match evidence::Budgets::default().set(name, value) {
        Some(()) => Ok((name.to_owned(), value)),
        None => Err(format!("expected one of: {}", evidence::Budgets::NAMES.join(", "))),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        _ => return Err("expected a number with k, M, G or T: 200M".to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| "expected a number with k, M or G: 200M".to_owned())?;
    let whole = (number * 1_000.0).round();
    if !(0.0..=1e12).contains(&whole) {
        return Err("too large".to_owned());
    }
    // In range by the test above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok((whole as u64).saturating_mul(factor) / 1_000)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, AssessOptions, Verb};

    fn assess(options: &[&str]) -> Option<AssessOptions> {
        let arguments = ["afterpatch", "assess", "x"].iter().chain(options);
        match Arguments::try_parse_from(arguments).ok()?.verb {
            Verb::Assess(options) => Some(options),
            _ => None,
        }
    }

    #[test]
    fn a_range_holds_a_moment() {
        let fits = |from, to| assess(&["--from", from, "--to", to]).unwrap().refuse_contradictions().is_ok();
        assert!(fits("2021-01-01", "2021-01-02") && fits("2021-01-01T00:00:00Z", "2021-01-01T00:00:01Z"));
        assert!(!fits("2021-01-02", "2021-01-01") && !fits("2021-01-01", "2021-01-01"));
        assert!(assess(&["--from", "2021-01-01"]).unwrap().refuse_contradictions().is_ok());
    }

    #[test]
    fn threads_have_a_limit() {
        assert_eq!(assess(&["--threads", "64"]).unwrap().threads, Some(64));
        assert!(assess(&["--threads", "65"]).is_none() && assess(&["--threads", "0"]).is_none());
    }

    #[test]
    fn a_server_has_a_name() {
        assert_eq!(assess(&["--server", "exc01.contoso.example"]).unwrap().server.as_deref(), Some("EXC01"));
        let (longest, longer) = ("a".repeat(63), "a".repeat(64));
        assert!(assess(&["--server", &longest]).is_some());
        for name in ["", " ", "-", "a\u{1b}[2Jb", "a\nb", &longer] {
            assert!(assess(&["--server", name]).is_none(), "{name:?}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn ids_of_holes_days_and_uris() {
        assert_eq!(super::hole("cve-2021-26855"), Ok("CVE-2021-26855".to_owned()));
        assert_eq!(super::hole("ADV24199947"), Ok("ADV24199947".to_owned()));
        for text in
            ["", "CVE-2021", "CVE-21-26855", "CVE-2021-1", "ADV", "CVE-2021-26855 ", "KB5000871", "CVE-2021-2685x"]
        {
            assert_eq!(super::hole(text).is_ok(), text.ends_with(' '), "{text:?}");
        }
        assert!(super::day("2026-11-23").is_ok() && super::day("2026-11-23T00:00:00Z").is_err());
        assert!(super::uri("https://example.org").is_ok() && super::uri("urn:x").is_ok());
        assert!(super::uri("example.org").is_err() && super::uri("https://a b").is_err() && super::uri("x:").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(super::size("200M"), Ok(200_000_000));
        assert_eq!(super::size("1.5k"), Ok(1_500));
        assert!(super::size("-1").is_err() && super::size("much").is_err());
    }
}
