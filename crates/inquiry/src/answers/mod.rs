//! The eleven questions, one file each. Every answer says what is seen, how sure that is, which findings it rests on,
//! and what it cannot say together with what would settle it.

mod campaign;
mod cloud;
mod control;
mod entry;
mod exposed;
mod foothold;
mod hit;
mod next;
mod over;
mod since;
mod taken;

use std::collections::BTreeSet;

use model::Family;
use model::assessment::{Answer, Answers, Confidence};

use crate::case::Case;
use crate::findings::{Seen, top_ids};
use crate::incidents::Chain;

/// The most findings that an answer points to.
const BECAUSE_MAX: usize = 8;
/// The most wishes that an answer repeats.
const WISHES_MAX: usize = 4;
/// The most names that a sentence lists.
const NAMES_MAX: usize = 6;

/// All answers, always.
pub(crate) fn all(case: &Case<'_>) -> Answers {
    Answers {
        exposed: exposed::answer(case),
        hit: hit::answer(case),
        since: since::answer(case),
        entry: entry::answer(case),
        foothold: foothold::answer(case),
        control: control::answer(case),
        taken: taken::answer(case),
        campaign: campaign::answer(case),
        cloud: cloud::answer(case),
        over: over::answer(case),
        next: next::answer(case),
    }
}

/// How sure findings make: high where two log families agree.
fn sureness(seen: &[&Seen]) -> Confidence {
    let families: BTreeSet<Family> = seen.iter().map(|one| one.family).collect();
    match families.len() {
        0 => Confidence::None,
        1 => Confidence::Medium,
        _ => Confidence::High,
    }
}

fn said(answer: String, confidence: Confidence, because: &[&Seen], unknown: Vec<String>) -> Answer {
    Answer { answer, confidence, because: top_ids(because.iter().copied(), BECAUSE_MAX), unknown }
}

/// `not seen before 2021-02-03: collect …`, for questions that older records would answer.
fn wishes(case: &Case<'_>) -> Vec<String> {
    let mut wishes = case.wishes();
    wishes.truncate(WISHES_MAX);
    wishes
}

/// The chain that got furthest, the earliest of equals.
fn worst_chain<'a>(case: &'a Case<'_>) -> Option<&'a Chain> {
    case.chains.iter().rev().max_by_key(|chain| chain.incident.outcome)
}

/// A source of the evidence, by the beginning of its name.
fn has_source(case: &Case<'_>, beginning: &str) -> bool {
    case.spoken.iter().any(|one| one.name.starts_with(beginning))
}

#[cfg(test)]
mod tests;
