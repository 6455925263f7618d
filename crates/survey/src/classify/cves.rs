//! What builds are open to, from the same knowledge as `advise`. Worked out once for each set of builds.

use std::collections::HashMap;
use std::sync::Arc;

use exchange::{FixState, Knowledge};
use model::Build;
use model::survey::{CveState, Precision, State, Why};

use super::builds::Told;
use super::marks::can_be_mitigated;

/// Sets of builds that are remembered.
const REMEMBERED_MAX: usize = 4_096;
/// Holes that another scanner names, at most.
const TESTED_MAX: usize = 64;

/// What is said of one hole.
type Said = (State, Option<Why>);
/// A build as far as it is known: the lowest and the highest that it can be.
type Span = (Build, Build, Precision);

/// What decides the states of a target.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    builds: Vec<Span>,
    is_sure: bool,
    tested: Vec<String>,
}

/// States by what decides them.
#[derive(Default)]
pub(super) struct Cves {
    known: HashMap<Key, Arc<[CveState]>>,
    single: HashMap<Span, Arc<[Said]>>,
    not_applicable: Option<Arc<[CveState]>>,
}

impl Cves {
    /// What a server with these builds is open to. `is_sure`: it is an Exchange Server. `tested`: what another scanner
    /// found open.
    pub(super) fn of(&mut self, told: &[Arc<Told>], is_sure: bool, tested: &[String]) -> Arc<[CveState]> {
        let mut tested: Vec<String> = tested.iter().take(TESTED_MAX).cloned().collect();
        tested.sort();
        tested.dedup();
        let key = Key { builds: told.iter().map(|told| place_of(told)).collect(), is_sure, tested };
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
            self.single.clear();
        }
        let states = self.work_out(told, &key);
        self.known.insert(key, Arc::clone(&states));
        states
    }

    /// All holes, none of which concerns the target.
    pub(super) fn not_applicable(&mut self) -> Arc<[CveState]> {
        let all =
            || ids().map(|cve| CveState { cve: cve.to_owned(), state: State::NotApplicable, why: None }).collect();
        Arc::clone(self.not_applicable.get_or_insert_with(all))
    }

    fn work_out(&mut self, told: &[Arc<Told>], key: &Key) -> Arc<[CveState]> {
        let each: Vec<Arc<[Said]>> = told.iter().map(|told| self.of_one(told)).collect();
        let mut states: Vec<CveState> = Vec::new();
        for (number, cve) in ids().enumerate() {
            let of_farm = each.iter().filter_map(|states| states.get(number).copied());
            let (state, why) = farm(of_farm);
            let (state, why) = match state {
                State::Vulnerable | State::Patched if !key.is_sure => (State::Undetermined, Some(Why::ProductUnsure)),
                _ => (state, why),
            };
            states.push(CveState { cve: cve.to_owned(), state, why });
        }
        for cve in &key.tested {
            found_open(&mut states, cve);
        }
        states.into()
    }

    fn of_one(&mut self, told: &Told) -> Arc<[Said]> {
        let states = self.single.entry(place_of(told)).or_insert_with(|| {
            let of_hole = |cve: &str| {
                let of_build = |build: &Build| of_build(cve, *build, told.seen.precision);
                let each: Vec<Said> = told.builds.iter().map(of_build).collect();
                one_of(&each)
            };
            ids().map(of_hole).collect()
        });
        Arc::clone(states)
    }
}

fn place_of(told: &Told) -> Span {
    (told.seen.lowest, told.seen.highest, told.seen.precision)
}

fn ids() -> impl Iterator<Item = &'static str> {
    Knowledge::shipped().holes().map(|hole| hole.id.as_str())
}

fn of_build(cve: &str, build: Build, precision: Precision) -> Said {
    let judged = Knowledge::shipped().state(cve, build);
    let is_newer = precision == Precision::NewerThanData;
    match judged.state {
        FixState::NotAffected => (State::NotApplicable, None),
        FixState::Fixed => (State::Patched, None),
        FixState::Open | FixState::Partly | FixState::Undetermined if is_newer => {
            (State::Undetermined, Some(Why::NewerThanData))
        }
        FixState::Open => (State::Vulnerable, can_be_mitigated(cve).then_some(Why::MitigationPossible)),
        // With a fix on this build or below, the code is fixed; else only what is switched on can close it.
        FixState::Partly => match judged.fixed_by {
            Some(fix) if fix.build <= build => (State::Undetermined, Some(Why::SettingNotVisible)),
            _ => (State::Undetermined, Some(Why::MitigationPossible)),
        },
        FixState::Undetermined => (State::Undetermined, Some(Why::BuildProvesNothing)),
    }
}

/// It is one of these builds, and nobody knows which.
fn one_of(each: &[Said]) -> Said {
    match each {
        [] => (State::Undetermined, Some(Why::BuildProvesNothing)),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        [first, rest @ ..] if first.0 != State::Undetermined && rest.iter().all(|other| other.0 == first.0) => {
            (first.0, None)
        }
        _ => (State::Undetermined, Some(Why::CuOnly)),
    }
}

/// All of these builds run: open if any is, fixed only if all are.
fn farm(each: impl Iterator<Item = Said>) -> Said {
    // The order of the states is that of how much they weigh.
    each.min_by_key(|(state, _)| *state).unwrap_or((State::Undetermined, Some(Why::NoVersion)))
}

/// Somebody tested it. A version that says otherwise makes it an open question.
fn found_open(states: &mut Vec<CveState>, cve: &str) {
    let is_id = cve.starts_with("CVE-") && cve.len() <= 20;
    match states.iter_mut().find(|state| state.cve == cve) {
        Some(known) => {
            let says_otherwise = matches!(known.state, State::Patched | State::NotApplicable);
            known.state = if says_otherwise { State::Undetermined } else { State::Vulnerable };
            known.why = Some(Why::TestedByScanner);
        }
        None if is_id => {
            let one = CveState { cve: cve.to_owned(), state: State::Vulnerable, why: Some(Why::TestedByScanner) };
            let at = states.partition_point(|state| state.cve.as_str() < cve);
            states.insert(at, one);
        }
        None => {}
    }
}
