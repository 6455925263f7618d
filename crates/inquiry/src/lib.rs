//! Observations to incidents, exposure, verdict and the eleven answers.
//!
//! This room judges; it reads nothing. It gets what `detect` saw, asks `exchange` what is known of the product, and
//! says what follows, each sentence with the findings it rests on. It does no I/O and reads no clock, and every result
//! is sorted: the same observations give the same assessment.
//!
//! The way of one server: `builds` and `coverage` say what could be seen, `findings` and `pages` what was
//! seen, `corroboration` what of it counts, `exposure` when the server was open, `incidents` what belongs
//! together, `verdict` how bad it is; `answers` puts it into words.

mod answers;
mod begin;
mod belongs;
mod builds;
mod case;
mod clients;
mod configuration;
mod corroboration;
mod coverage;
mod credentials;
mod custody;
mod event_logs;
mod exposure;
mod findings;
mod gaps;
mod incidents;
mod mailboxes;
mod pages;
mod paths;
mod persistence;
mod processes;
mod product;
mod readings;
mod reasons;
#[cfg(test)]
mod testing;
mod timing;
mod verdict;
mod web_shells;
mod wording;

use std::collections::BTreeSet;

use model::Utc;
use model::assessment::{Assessment, Finding, PackIdentity, Program, RuleCount, ServerAssessment, Totals, Verdict};
use model::campaign::Proves;
use model::file::{FileRecord, Kind};
use model::observation::Observations;

use crate::product::{Product, Shipped};

/// The schema word of `assessment.json`.
pub const SCHEMA: &str = "afterpatch.assessment/1";

/// The most request ids that a second search is asked for.
pub const FOLLOW_UP_MAX: usize = 10_000;

/// The rule id of sightings that a second search by request id adds.
pub const JOIN_RULE: &str = "join/request-id";

/// What the caller knows and the observations do not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Version of the program.
    pub version: String,
    /// Packs that ran.
    pub packs: Vec<PackIdentity>,
    /// Rules that ran, and those that were refused.
    pub rules: RuleCount,
    /// Records before this were not looked at, because the analyst asked for it.
    pub from: Option<Utc>,
    /// Records from this on were not looked at, because the analyst asked for it.
    pub until: Option<Utc>,
}

/// Judges everything that was seen.
#[must_use]
pub fn assess(observations: &Observations, options: &Options) -> Assessment {
    assess_with(observations, options, &Shipped::new())
}

/// The request ids of sightings that prove something, sorted. The caller searches the IIS and EWS logs for them and
/// adds what it finds as sightings of the rule [`JOIN_RULE`].
#[must_use]
pub fn follow_up(observations: &Observations) -> Vec<String> {
    let mut ids = BTreeSet::new();
    for level in [Proves::Theft, Proves::Execution, Proves::Persistence, Proves::Success] {
        for sighting in observations.servers.values().flat_map(|server| &server.sightings) {
            let telling =
                observations.rules.get(sighting.rule).is_some_and(|rule| rule.proves == level && !rule.indicator);
            let room = FOLLOW_UP_MAX.saturating_sub(ids.len());
            if telling {
                ids.extend(sighting.request_ids.iter().filter(|id| findings::is_request_id(id)).take(room).cloned());
            }
        }
    }
    ids.into_iter().collect()
}

/// Where the records stand that the assessment will show and whose bytes were not kept: file and offset. The caller reads
/// them again and completes the observations.
#[must_use]
pub fn records_to_read(observations: &Observations) -> BTreeSet<(u32, u64)> {
    let is_chain = |rule: usize| observations.rules.get(rule).is_some_and(|facts| facts.correlation);
    let sightings = observations.servers.values().flat_map(|server| &server.sightings);
    let of_chains = sightings.filter(|sighting| is_chain(sighting.rule)).flat_map(|sighting| &sighting.evidence);
    let wanted = observations.servers.values().flat_map(credentials::wanted).chain(of_chains);
    wanted.filter(|record| record.raw.is_empty()).map(|record| (record.origin.file, record.origin.offset)).collect()
}

fn assess_with(observations: &Observations, options: &Options, product: &dyn Product) -> Assessment {
    let mut servers: Vec<ServerAssessment> = Vec::new();
    let mut all: Vec<Finding> = Vec::new();
    for (name, server) in &observations.servers {
        let (assessed, findings) = case::assess(observations, options, product, (name, server), all.len());
        servers.push(assessed);
        all.extend(findings);
    }
    Assessment {
        schema: SCHEMA,
        afterpatch: Program {
            version: options.version.clone(),
            packs: options.packs.clone(),
            rules: options.rules.clone(),
        },
        verdict: servers.iter().map(|server| server.verdict).min().unwrap_or(Verdict::CannotTell),
        incomplete: observations.incomplete,
        totals: totals(&observations.files),
        servers,
        findings: all,
        gaps: gaps::list(&observations.files).into_iter().chain(event_logs::gaps(observations)).collect(),
        custody: custody::of(&observations.files),
    }
}

fn totals(files: &[FileRecord]) -> Totals {
    let mut totals = Totals { files: files.len() as u64, ..Totals::default() };
    for file in files {
        totals.bytes = totals.bytes.saturating_add(file.size);
        if file.same_as.is_some() {
            totals.files_met_twice += 1;
            continue;
        }
        totals.records = totals.records.saturating_add(file.records);
        totals.rejected = totals.rejected.saturating_add(file.rejected);
        totals.unrecognised_files += u64::from(file.kind == Kind::Other);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, file, sighting};
    use model::campaign::Stage;

    #[test]
    fn only_what_proves_something_is_followed_up() {
        let mut builder = Builder::new();
        let with = |builder: &mut Builder, rule: usize, id: &str| {
            let mut one = sighting(rule, "httpproxy/Ecp", "2021-03-03T04:00:00Z");
            one.request_ids = vec![id.to_owned(), "-".to_owned()];
            builder.see(one);
        };
        let success = builder.rule("proxylogon/success", Stage::Access, Proves::Success);
        let attempt = builder.rule("proxylogon/attempt", Stage::Access, Proves::Attempt);
        let theft = builder.rule("proxylogon/theft", Stage::Collection, Proves::Theft);
        let indicator = builder.indicator("proxylogon/indicator", Stage::Collection, Proves::Theft);
        with(&mut builder, success, "bbbbbbbb-1");
        with(&mut builder, attempt, "cccccccc-1");
        with(&mut builder, indicator, "dddddddd-1");
        with(&mut builder, theft, "aaaaaaaa-1");
        with(&mut builder, theft, "bbbbbbbb-1");
        assert_eq!(follow_up(&builder.observations), ["aaaaaaaa-1", "bbbbbbbb-1"]);
    }

    #[test]
    fn totals_are_sums_over_files() {
        let mut other = file("b.bin");
        (other.kind, other.rejected) = (Kind::Other, 3);
        let mut twin = file("c.log");
        twin.same_as = Some("a.log".to_owned());
        let totals = totals(&[file("a.log"), other, twin]);
        let expected =
            Totals { files: 3, bytes: 30, records: 2, rejected: 3, unrecognised_files: 1, files_met_twice: 1 };
        assert_eq!(totals, expected);
    }

    #[test]
    fn the_overall_verdict_is_the_first_of_the_order() {
        let mut builder = Builder::new().covered();
        let scanned = builder.rule("proxylogon/scan", Stage::Access, Proves::Scan);
        let blind = Builder::new().rotated().observations.servers.remove("EXC01").expect("made by new");
        builder.see(sighting(scanned, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
        assert_eq!(builder.assess().verdict, Verdict::Targeted);
        builder.observations.servers.insert("EXC02".to_owned(), blind);
        assert_eq!(builder.assess().verdict, Verdict::CannotTell);
        builder.observations.servers.clear();
        assert_eq!(builder.assess().verdict, Verdict::CannotTell);
    }
}
