//! `afterpatch survey probe`: asks the servers of a scope for three pages each. And `survey probing-txt`, which says so to
//! whoever wonders.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use ::survey::probe::{self, Forecast, Pace, Plan, Summary, Surroundings, SystemResolver, Timeouts};
use ::survey::scope::{Scope, ScopeError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Utc;
use model::survey::{Observation, Outcome};

use super::gathering::Gathering;
use crate::assess::interrupt;
use crate::cli::{SurveyProbeOptions, SurveyProbingTxtOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Bytes of a scope file.
const SCOPE_BYTES_MAX: u64 = 64 << 20;
/// Different reasons that the summary names.
const REASONS_MAX: usize = 12;

/// Runs the verb.
pub fn run(options: &SurveyProbeOptions, console: &Console) -> Result<Exit, Failure> {
    let plan = plan_of(options)?;
    plan.scope.in_force(now()).map_err(|error| refused(&options.scope, &error))?;
    say_plan(&plan, &plan.forecast(), console);
    if options.dry_run {
        return Ok(Exit::Done);
    }
    interrupt::listen();
    let mut gathering = Gathering::begin(&options.output)?;
    gathering.ordered(&plan.scope.ticket, configuration(&plan));
    let mut watched = Watched::new(plan.forecast().targets, console);
    let mut failure = None;
    let mut sink = |observation: Observation| {
        watched.note(&observation);
        match gathering.take(&observation) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let around = Surroundings { clock: &now, resolver: &SystemResolver, stop: &interrupt::came, sink: &mut sink };
    let summary = probe::run(&plan, around).map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    watched.say(&summary, console);
    let exit = gathering.finish(console)?;
    Ok(if summary.interrupted { Exit::Interrupted } else { exit })
}

/// Prints the file of RFC 9511.
pub fn print_probing_txt(options: &SurveyProbingTxtOptions, console: &Console) -> Result<Exit, Failure> {
    console.result(&scope_of(&options.scope)?.probing_txt());
    Ok(Exit::Done)
}

fn plan_of(options: &SurveyProbeOptions) -> Result<Plan, Failure> {
    let mut plan = Plan::new(scope_of(&options.scope)?, env!("CARGO_PKG_VERSION"));
    plan.pace = Pace {
        rate: options.rate,
        rate_per_prefix: options.rate_per_prefix,
        concurrency: usize::try_from(options.concurrency).unwrap_or(usize::MAX).min(sockets_max()),
        ..Pace::default()
    };
    plan.timeouts = Timeouts::from_answer(Duration::from_secs(u64::from(options.timeout)));
    plan.ports.clone_from(&options.ports);
    plan.limit = options.limit;
    plan.seed = options.seed.unwrap_or_else(any_seed);
    plan.export_tool = options.exporttool;
    plan.smtp = options.smtp;
    Ok(plan)
}

/// What changes what is seen, or whether it is seen. Not the order of targets and how many are asked at one time,
/// which change neither.
fn configuration(plan: &Plan) -> String {
    let Pace { rate, rate_per_prefix, .. } = plan.pace;
    let mut words = vec![
        format!("rate {rate}"),
        format!("rate per prefix {rate_per_prefix}"),
        format!("timeout {} s", plan.timeouts.answer.as_secs()),
    ];
    if !plan.ports.is_empty() {
        let ports: Vec<String> = plan.ports.iter().map(ToString::to_string).collect();
        words.push(format!("ports {}", ports.join(" ")));
    }
    words.extend(plan.limit.map(|limit| format!("limit {limit}")));
    words.extend(plan.export_tool.then(|| "export tool".to_owned()));
    words.extend(plan.smtp.then(|| "smtp".to_owned()));
    words.join(", ")
}

fn scope_of(path: &Path) -> Result<Scope, Failure> {
    let cannot = |why: String| Failure::new(Exit::Usage, format!("cannot read the scope `{}`: {why}", path.display()));
    // No evidence: the order of whoever runs this.
    #[allow(clippy::disallowed_methods)]
    let text = match std::fs::metadata(path) {
        Ok(about) if about.len() > SCOPE_BYTES_MAX => Err(cannot("it is too large".to_owned())),
        Ok(_) => std::fs::read_to_string(path).map_err(|error| cannot(error.to_string())),
        Err(error) => Err(cannot(error.to_string())),
    }?;
    Scope::parse(&text).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &ScopeError) -> Failure {
    let hint = match error {
        ScopeError::Expired(_) => "nothing is asked after the last day of an order; renew it and set `valid_until`",
        ScopeError::NamesNowhere => "list the networks that the names may lie in, or set `names_anywhere = true`",
        _ => {
            "a scope names `operator`, `contact` (mailto: or https:), `probing_uri`, `ticket`, `valid_until` and `targets`; \
             docs/survey.md shows one"
        }
    };
    Failure::new(Exit::Usage, format!("no run with the scope `{}`: {error}", path.display())).hint(hint)
}

/// The only clock of a survey: when something was seen, and whether an order still holds.
#[allow(clippy::disallowed_methods)]
fn now() -> Utc {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A number that differs from run to run; it keeps no secret.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// Half of what may be open, after asking for as much as may be had.
fn sockets_max() -> usize {
    #[cfg(target_os = "linux")]
    if let Ok(files) = rlimit::increase_nofile_limit(65_536) {
        return usize::try_from(files / 2).unwrap_or(usize::MAX).max(1);
    }
    256
}

fn say_plan(plan: &Plan, forecast: &Forecast, console: &Console) {
    let scope = &plan.scope;
    let names = if forecast.names > 0 { format!(", {} of them names", forecast.names) } else { String::new() };
    console.say(&format!("{} for {}, valid until {}", scope.ticket, scope.operator, scope.valid_until));
    console.say(&format!("  {} targets{names}; order {}", forecast.targets, plan.seed));
    console.say(&format!("  GET {}", plan.paths().join(", ")));
    console.say(&format!("  as {}", scope.user_agent(&plan.version)));
    let Pace { rate, rate_per_prefix, concurrency, .. } = plan.pace;
    console.say(&format!("  at most {rate}/s, {rate_per_prefix}/s to a /24 or /48, {concurrency} at one time"));
    console.say(&format!("  takes {} to {}", duration(forecast.at_least), duration(forecast.at_most)));
    for network in &forecast.too_wide {
        console.say(&format!("  {network} is too wide to go through: it only says where names may be"));
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ ..120 => format!("{secs} s"),
        secs @ ..7_200 => format!("{} min", secs / 60),
        secs @ ..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} days", secs / 86_400),
    }
}

/// What a person is told while it runs and afterwards.
struct Watched {
    bar: Option<ProgressBar>,
    outcomes: BTreeMap<Outcome, u64>,
    reasons: BTreeMap<(Outcome, String), u64>,
}

impl Watched {
    fn new(targets: u64, console: &Console) -> Self {
        let bar = console.live.then(|| {
            let bar = ProgressBar::with_draw_target(Some(targets), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {wide_bar:.dim} {per_sec}, {eta} left, {msg}")
            {
                bar.set_style(style.progress_chars("━╸ "));
            }
            bar
        });
        Self { bar, outcomes: BTreeMap::new(), reasons: BTreeMap::new() }
    }

    fn note(&mut self, observation: &Observation) {
        *self.outcomes.entry(observation.outcome).or_default() += 1;
        if let Some(reason) = &observation.reason {
            let key = (observation.outcome, reason.chars().take(80).collect());
            // Reasons are words of systems and servers: few, unless somebody makes them many.
            if self.reasons.len() < 1_000 || self.reasons.contains_key(&key) {
                *self.reasons.entry(key).or_default() += 1;
            }
        }
        if let Some(bar) = &self.bar {
            let of = |outcome| self.outcomes.get(&outcome).copied().unwrap_or(0);
            bar.inc(1);
            bar.set_message(format!("{} answered, {} refused", of(Outcome::Answered), of(Outcome::Refused)));
        }
    }

    fn say(&self, summary: &Summary, console: &Console) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let Summary { observed, connections, left, interrupted } = *summary;
        let end = if interrupted { format!("; ended before {left} more were asked") } else { String::new() };
        console.say(&format!("{observed} observations over {connections} connections{end}"));
        for (outcome, count) in &self.outcomes {
            console.say(&format!("  {count} {}", words(*outcome)));
            let mut reasons: Vec<(&String, u64)> = self
                .reasons
                .iter()
                .filter(|((of, _), _)| of == outcome)
                .map(|((_, reason), count)| (reason, *count))
                .collect();
            reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
            for (reason, count) in reasons.into_iter().take(REASONS_MAX) {
                console.say(&format!("      {count} {}", report::hostile::ForTerminal(reason)));
            }
        }
    }
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "have the port closed",
        Outcome::Unreachable => "cannot be reached",
        Outcome::TimedOut => "did not answer in time",
        Outcome::Closed => "ended the connection before an answer",
        Outcome::TlsRefused => "have no TLS in common with us",
        Outcome::NotTls => "do not speak TLS there",
        Outcome::NotHttp => "do not speak HTTP there",
        Outcome::NotResolved => "are names without an address",
        Outcome::OutOfScope => "turned out to be outside the scope; nothing was sent to them",
        Outcome::NotTried => "were left alone",
        Outcome::Other => "ended otherwise",
    }
}
