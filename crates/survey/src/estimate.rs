//! How many servers were broken into: an interval, with what it stands on and what is taken for true.
//!
//! No shell is asked for. What is counted: web shells that others reported. What is estimated: the share of exploited
//! servers among those that were assessed from their own evidence, carried over to those that were open.
//!
//! Source of the interval: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).

use std::io::Read;

use model::assessment::Verdict;
use model::survey::{Assumed, Estimate, Interval, Judged, Point};
use serde::Deserialize;
use thiserror::Error;

use crate::count::Met;
use crate::store::{Store, StoreError};

/// Assessed servers below which no share is carried over.
pub const ASSESSED_MIN: u64 = 10;

/// Of a hundred such intervals, how many would miss the share.
const MISSES: f64 = 0.05;

/// What assessments of own servers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assessed {
    /// Servers that were open.
    pub open: u64,
    /// Of those, exploited.
    pub open_exploited: u64,
    /// Servers whose evidence does not tell whether they were open, or exploited: left out of the share.
    pub open_untold: u64,
    /// Servers that were not open.
    pub closed: u64,
    /// Of those, exploited.
    pub closed_exploited: u64,
}

impl Assessed {
    /// Takes another assessment.
    pub fn join(&mut self, other: Self) {
        self.open += other.open;
        self.open_exploited += other.open_exploited;
        self.open_untold += other.open_untold;
        self.closed += other.closed;
        self.closed_exploited += other.closed_exploited;
    }

    /// Takes one server of an assessment.
    pub fn add(&mut self, was_open: bool, verdict: Verdict) {
        let exploited = matches!(verdict, Verdict::Active | Verdict::Compromised | Verdict::Exploited);
        match (was_open, verdict) {
            (true, Verdict::CannotTell) => self.open_untold += 1,
            (true, _) => {
                self.open += 1;
                self.open_exploited += u64::from(exploited);
            }
            (false, _) => {
                self.closed += 1;
                self.closed_exploited += u64::from(exploited);
            }
        }
    }
}

/// Why something is no assessment.
#[derive(Debug, Error)]
pub enum AssessmentError {
    /// Not the JSON that is expected, or it ends too early.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON of another kind.
    #[error("its schema is another")]
    Schema,
}

/// What is needed of `assessment.json`.
#[derive(Deserialize)]
struct Told {
    schema: String,
    #[serde(default)]
    incomplete: bool,
    servers: Vec<ToldServer>,
}

#[derive(Deserialize)]
struct ToldServer {
    verdict: String,
    exposure: Vec<ToldExposure>,
}

#[derive(Deserialize)]
struct ToldExposure {
    grounds: String,
    cves: Vec<String>,
    verdict: String,
}

/// What an `assessment.json` says of the servers in it, for one hole or any. The reader is limited by whoever opens it.
pub fn read_assessment(input: impl Read, hole: Option<&str>) -> Result<Assessed, AssessmentError> {
    let told: Told = serde_json::from_reader(input)?;
    if !told.schema.starts_with("afterpatch.assessment/") {
        return Err(AssessmentError::Schema);
    }
    let mut assessed = Assessed::default();
    for server in &told.servers {
        let of_hole = |exposure: &&ToldExposure| hole.is_none_or(|hole| exposure.cves.iter().any(|cve| cve == hole));
        let exposures = || server.exposure.iter().filter(of_hole);
        let was = |grounds: &[&str]| exposures().any(|exposure| grounds.contains(&exposure.grounds.as_str()));
        let verdict = match hole {
            None => verdict_of(&server.verdict),
            Some(_) => exposures().map(|exposure| verdict_of(&exposure.verdict)).min().unwrap_or(Verdict::NoEvidence),
        };
        // What an interrupted run did not find may still be there.
        let verdict = if told.incomplete { verdict.min(Verdict::CannotTell) } else { verdict };
        if was(&["open-build", "earlier-build"]) {
            assessed.add(true, verdict);
        } else if was(&["undetermined-build", "no-build"]) {
            assessed.open_untold += 1;
        } else {
            assessed.add(false, verdict);
        }
    }
    Ok(assessed)
}

/// A word that nobody here knows tells nothing.
fn verdict_of(word: &str) -> Verdict {
    [Verdict::Active, Verdict::Compromised, Verdict::Exploited, Verdict::Targeted, Verdict::NoEvidence]
        .into_iter()
        .find(|verdict| verdict.word() == word)
        .unwrap_or(Verdict::CannotTell)
}

/// Servers of a run that others reported a web shell on.
pub fn web_shells_seen(store: &Store, run: i64) -> Result<u64, StoreError> {
    let mut seen = 0;
    store.each_server(run, |targets: &[Judged]| {
        let tagged = targets.iter().any(|target| target.tags.iter().any(|tag| tag.eq_ignore_ascii_case("webshell")));
        seen += u64::from(tagged && Met::of(targets, None).is_server());
    })?;
    Ok(seen)
}

/// The estimate. `trend`: all runs of the scope; the one with the most open servers counts, because who was open then
/// could be exploited then.
#[must_use]
pub fn estimate(hole: Option<&str>, trend: &[Point], web_shells_seen: u64, assessed: Assessed) -> Estimate {
    let peak = trend.iter().max_by_key(|point| (point.open.at_least, point.open.at_most, -point.run));
    let mut basis = basis(peak, trend.len(), web_shells_seen, assessed);
    let assumptions = assumptions(hole);
    let of_hole = hole.map_or_else(|| "a known hole".to_owned(), str::to_owned);
    let Some(peak) = peak.filter(|_| assessed.open >= ASSESSED_MIN) else {
        basis.push(format!(
            "An estimate needs at least {ASSESSED_MIN} assessed servers that were open and whose evidence tells; there are {}.",
            if trend.is_empty() { 0 } else { assessed.open }
        ));
        let says = format!(
            "No estimate: the basis is too small. A web shell was reported on {web_shells_seen} servers; there may be more."
        );
        let (victims, hole) = (None, hole.map(str::to_owned));
        return Estimate { hole, says, victims, web_shells_seen, basis, assumptions };
    };
    let (low, high) = share(assessed.open_exploited, assessed.open);
    let at_least = (low * float(peak.open.at_least)).floor();
    let at_most = (high * float(peak.open.at_most)).ceil();
    let all = peak.servers.at_most.max(web_shells_seen);
    let victims = Interval {
        at_least: whole(at_least).max(web_shells_seen).min(all),
        at_most: whole(at_most).max(web_shells_seen).min(all),
    };
    let says = format!(
        "Between {} and {} servers of this scope were broken into through {of_hole}, if the assumptions hold.",
        victims.at_least, victims.at_most
    );
    basis.push(format!(
        "Of assessed open servers {} of {} were exploited: between {:.1} and {:.1} per cent, with a confidence of 95 per cent.",
        assessed.open_exploited,
        assessed.open,
        low * 100.0,
        high * 100.0
    ));
    Estimate { hole: hole.map(str::to_owned), says, victims: Some(victims), web_shells_seen, basis, assumptions }
}

fn basis(peak: Option<&Point>, runs: usize, web_shells_seen: u64, assessed: Assessed) -> Vec<String> {
    let mut basis = Vec::new();
    match peak {
        Some(peak) => basis.push(format!(
            "Most servers were open in run {}: at least {}, at most {}; the highest of {runs} runs counts.",
            peak.run, peak.open.at_least, peak.open.at_most
        )),
        None => basis.push("No finished run of this scope.".to_owned()),
    }
    basis.push(format!(
        "Others reported a web shell on {web_shells_seen} servers of this scope. No shell was asked for."
    ));
    if assessed.open_untold > 0 {
        basis.push(format!(
            "{} assessed servers do not count, because their evidence does not tell whether they were open, or exploited.",
            assessed.open_untold
        ));
    }
    if assessed.closed > 0 {
        basis.push(format!(
            "Of {} assessed servers that were not open, {} were exploited; they are not carried over.",
            assessed.closed, assessed.closed_exploited
        ));
    }
    basis
}

fn assumptions(hole: Option<&str>) -> Vec<Assumed> {
    let assumed = |what: &str, otherwise: &str| Assumed { what: what.to_owned(), otherwise: otherwise.to_owned() };
    let mut assumptions = vec![
        assumed(
            "The assessed servers were exploited as often as the open servers of this scope.",
            "Who has servers assessed often has a reason: then the estimate is too high. A well-kept organisation assesses its own: then it is too low.",
        ),
        assumed(
            "Assessed servers were broken into independently of each other.",
            "Servers of one organisation fall together: then the interval is too narrow.",
        ),
        assumed(
            "The run with the most open servers saw all that were ever open.",
            "Servers patched before the first run were open earlier and are missing: then the estimate is too low.",
        ),
        assumed(
            "An assessment without signs of exploitation means that there was none.",
            "What was not logged or was rotated away is not found: then the estimate is too low.",
        ),
        assumed(
            "A reported web shell was one, and stands on a server of its own.",
            "False or repeated reports raise the lower end.",
        ),
    ];
    if hole.is_none() {
        assumptions.push(assumed(
            "Any known hole is as likely to be used as those through which the assessed servers were exploited.",
            "Most holes are never used at scale: then the estimate is too high. Name a hole with `--cve`.",
        ));
    }
    assumptions
}

/// The interval of Clopper and Pearson for a share, by halving.
fn share(hits: u64, of: u64) -> (f64, f64) {
    let tail = MISSES / 2.0;
    let low = if hits == 0 { 0.0 } else { halve(|share| 1.0 - below(hits - 1, of, share) < tail) };
    let high = if hits >= of { 1.0 } else { halve(|share| below(hits, of, share) > tail) };
    (low, high)
}

/// The largest share for which `holds` is true, when it is true from 0 up to somewhere.
fn halve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// How likely `hits` or fewer of `of` are.
fn below(hits: u64, of: u64, share: f64) -> f64 {
    let of = of.min(100_000);
    let (log_hit, log_miss) = (share.ln(), (1.0 - share).ln());
    let (mut sum, mut log_ways) = (0.0, 0.0);
    for k in 0..=hits.min(of) {
        if k > 0 {
            log_ways += float(of - k + 1).ln() - float(k).ln();
        }
        sum += (log_ways + float(k) * log_hit + float(of - k) * log_miss).exp();
    }
    sum.min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and below a count")]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use model::Utc;

    use super::*;

    fn point(at_least: u64, at_most: u64) -> Point {
        let servers = Interval { at_least: 1_000, at_most: 1_100 };
        let open = Interval { at_least, at_most };
        Point { run: 1, day: Utc(0), servers, open, targets: 2_000, answered: 1_500, data_date: None }
    }

    #[test]
    fn the_interval_is_that_of_the_tables() {
        for ((hits, of), (low, high)) in [
            ((0, 10), (0.0, 0.3085)),
            ((5, 10), (0.1871, 0.8129)),
            ((10, 10), (0.6915, 1.0)),
            ((1, 20), (0.0013, 0.2487)),
        ] {
            let found = share(hits, of);
            assert!((found.0 - low).abs() < 1e-4 && (found.1 - high).abs() < 1e-4, "{hits} of {of}: {found:?}");
        }
    }

    #[test]
    fn a_small_basis_is_refused() {
        let assessed = Assessed { open: 9, open_exploited: 9, ..Assessed::default() };
        let estimate = estimate(None, &[point(100, 200)], 7, assessed);
        assert_eq!(estimate.victims, None);
        assert!(estimate.says.starts_with("No estimate") && estimate.says.contains('7'), "{}", estimate.says);
    }

    #[test]
    fn shells_seen_are_the_least() {
        let assessed = Assessed { open: 20, open_exploited: 1, ..Assessed::default() };
        let found = estimate(Some("CVE-2021-26855"), &[point(50, 80), point(100, 200)], 30, assessed);
        // 0.13 % of 100 is less than the 30 that were seen; 24.87 % of 200 is 50 when rounded up.
        assert_eq!(found.victims, Some(Interval { at_least: 30, at_most: 50 }));
        assert!(!found.assumptions.is_empty());
    }

    #[test]
    fn an_assessment_is_read_for_one_hole_or_any() {
        let exposure = |grounds: &str, cve: &str, verdict: &str| {
            format!(r#"{{"grounds":"{grounds}","cves":["{cve}"],"verdict":"{verdict}"}}"#)
        };
        let server = |verdict: &str, exposures: &[String]| {
            format!(r#"{{"verdict":"{verdict}","exposure":[{}]}}"#, exposures.join(","))
        };
        let file = |more: &str| {
            let servers = [
                server(
                    "compromised",
                    &[exposure("open-build", "CVE-1", "compromised"), exposure("open-build", "CVE-2", "targeted")],
                ),
                server("targeted", &[exposure("undetermined-build", "CVE-1", "targeted")]),
                server("no-evidence", &[]),
            ];
            format!(r#"{{"schema":"afterpatch.assessment/1"{more},"servers":[{}]}}"#, servers.join(","))
        };
        let read = |text: &str, hole| read_assessment(text.as_bytes(), hole).expect("an assessment");
        let any = Assessed { open: 1, open_exploited: 1, open_untold: 1, closed: 1, closed_exploited: 0 };
        assert_eq!(read(&file(""), None), any);
        assert_eq!(read(&file(""), Some("CVE-1")), any);
        let second = Assessed { open: 1, closed: 2, ..Assessed::default() };
        assert_eq!(read(&file(""), Some("CVE-2")), second);
        // Broken off: who was not found exploited may have been.
        let broken = read(&file(r#","incomplete":true"#), Some("CVE-2"));
        assert_eq!((broken.open, broken.open_untold), (0, 1));
        for bad in ["", "{}", "[]", r#"{"schema":"other","servers":[]}"#, "\u{0}"] {
            assert!(read_assessment(bad.as_bytes(), None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_no_victim_and_no_survivor() {
        let mut assessed = Assessed::default();
        assessed.add(true, Verdict::CannotTell);
        assessed.add(true, Verdict::Exploited);
        assessed.add(true, Verdict::Targeted);
        assessed.add(false, Verdict::NoEvidence);
        let expected = Assessed { open: 2, open_exploited: 1, open_untold: 1, closed: 1, closed_exploited: 0 };
        assert_eq!(assessed, expected);
    }
}
