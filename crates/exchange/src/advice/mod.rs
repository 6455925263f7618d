//! What a build number alone says: which release it is, what it is open to, which update fits, what else is to do.
//!
//! Needs no evidence and says nothing about whether anybody came in. Where a number names only a CU, every build of it
//! is judged, and only what holds for all of them is said.

mod beyond;
mod number;
mod support;

use model::advice::{BuildAdvice, Counts, Day, Hole, HoleState, Recognised, Step, StepKind, Update};
use model::{Build, Utc};

use crate::{Exactness, FixState, Judgement, Knowledge, table};

pub use number::{Names, NotANumber, Number};

impl Knowledge {
    /// Judges what a number names. `only`: ids of the holes to judge in any case, all where it is empty. `as_of`: the
    /// day for which support is told.
    #[must_use]
    pub fn advise(&self, number: &Number, as_of: Utc, only: &[String]) -> BuildAdvice {
        let (lowest, highest) = number.ends();
        let release = self.release(lowest);
        let (holes, not_affected) = self.judge_all(number, only);
        let way = self.way(number);
        let at_end = way.iter().rev().find_map(|step| step.update.as_ref()).map_or(lowest, |update| update.build);
        let beyond = self.beyond(lowest, at_end, &holes);
        BuildAdvice {
            id: number.id(),
            lowest,
            highest,
            recognised: self.recognised(number),
            product: release.product.to_owned(),
            level: release.level.to_owned(),
            update: match lowest == highest {
                true if number.names == Names::Build => release.update_words(),
                true => release.level.to_owned(),
                false => format!("{}, update not told", release.level),
            },
            released: release.date.map(Day),
            kb: release.kb.map(str::to_owned),
            note: self.note(number),
            support: self.support(lowest, as_of),
            counts: counts(&holes, &not_affected),
            holes,
            not_affected,
            way,
            beyond,
        }
    }

    /// The day up to which the data is complete.
    #[must_use]
    pub fn state_day(&self) -> Day {
        Day(table::day(crate::STATE_DATE).expect("the state date is a day"))
    }

    fn recognised(&self, number: &Number) -> Recognised {
        let exactness = self.release(number.ends().0).exactness;
        match exactness {
            Exactness::NewerThanKnown => Recognised::NewerThanKnown,
            Exactness::Unknown => Recognised::Unknown,
            _ if number.names != Names::Build => Recognised::CuOnly,
            Exactness::Exact => Recognised::Exact,
            Exactness::NextLower(_) => Recognised::NextLower,
        }
    }

    fn note(&self, number: &Number) -> Option<String> {
        let note = self.note_on_build(number);
        if number.names != Names::SerialNumber {
            return note;
        }
        let read = format!("{SERIAL_NUMBER}, so this is {}", number.ends().0);
        Some(note.map_or(read.clone(), |note| format!("{read}; {note}")))
    }

    fn note_on_build(&self, number: &Number) -> Option<String> {
        let (lowest, highest) = number.ends();
        let release = self.release(lowest);
        let state = crate::STATE_DATE;
        let builds = if lowest == highest { format!("{lowest}") } else { format!("any of {lowest} to {highest}") };
        let given = (number.names != Names::Build).then_some(CU_ONLY);
        match (release.exactness, given) {
            (Exactness::NewerThanKnown, _) => Some(format!("it is newer than what is known on {state}")),
            (Exactness::Unknown, _) if (lowest.major, lowest.minor) == (15, 20) => {
                Some("15.20 is Exchange Online, which Microsoft updates".to_owned())
            }
            (Exactness::Unknown, _) if release.level == "unknown" => {
                Some(format!("no such CU is in the list of {state}"))
            }
            (Exactness::Unknown, _) => {
                Some(format!("no known build of {} is as low, so the update cannot be told", release.level))
            }
            (_, Some(given)) => Some(format!("{given}: here it can be {builds}; {TELL}")),
            (Exactness::NextLower(lower), None) => {
                let name = self.release(lower).update;
                Some(format!("it is not in the list of {state} and judged as the next lower one, {lower} ({name})"))
            }
            (Exactness::Exact, None) if release.level == "Preview" => Some("it is a preview".to_owned()),
            (Exactness::Exact, None) => None,
        }
    }

    /// All holes with their states, and those that the product never had.
    fn judge_all(&self, number: &Number, only: &[String]) -> (Vec<Hole>, Vec<String>) {
        let mut wanted: Vec<String> = only.iter().map(|cve| cve.to_ascii_uppercase()).collect();
        if wanted.is_empty() {
            wanted = self.holes().map(|hole| hole.id.clone()).collect();
            // The updates of March 2021 for old CUs leave holes open that are too old for the list.
            let not_proven = number.builds.iter().flat_map(|build| self.not_proven(*build));
            wanted.extend(not_proven.map(str::to_owned));
        }
        wanted.sort_by_key(|id| natural(id));
        wanted.dedup();
        let (mut holes, mut not_affected) = (Vec::new(), Vec::new());
        for id in wanted {
            let judged = self.judge_number(&id, number);
            let Some(state) = hole_state(judged.state) else {
                not_affected.push(id);
                continue;
            };
            let known = self.hole(&id);
            holes.push(Hole {
                nickname: known.and_then(|hole| hole.nickname.clone()),
                exploited: known.and_then(|hole| hole.exploited_listed).map(Day),
                state,
                reason: judged.reason,
                fixed_by: judged.fixed_by.map(|fix| Update { build: fix.build, update: fix.update, kb: fix.kb }),
                id,
            });
        }
        holes.sort_by_key(|hole| (hole.state == HoleState::Fixed, hole.exploited.is_none(), hole.state));
        (holes, not_affected)
    }

    /// One judgement for all builds that a number can be: that of each where they agree, else undetermined.
    fn judge_number(&self, cve: &str, number: &Number) -> Judgement {
        let (lowest, _) = number.ends();
        let first = self.state(cve, lowest);
        let mut runs: Vec<(Build, Build, FixState)> = Vec::new();
        for build in &number.builds {
            let state = self.state(cve, *build).state;
            match runs.last_mut() {
                Some(run) if run.2 == state => run.1 = *build,
                _ => runs.push((*build, *build, state)),
            }
        }
        let last = runs.len().saturating_sub(1);
        if last == 0 {
            return first;
        }
        let words = runs.iter().enumerate().map(|(place, (from, until, state))| match place {
            0 => format!("{} up to {until}", state_words(*state)),
            _ if place == last => format!("{} from {from} ({}) on", state_words(*state), self.release(*from).update),
            _ if from == until => format!("{} in {from}", state_words(*state)),
            _ => format!("{} from {from} to {until}", state_words(*state)),
        });
        let words: Vec<String> = words.collect();
        let reason = format!("{}; the number does not tell which of them runs", words.join(", "));
        Judgement { state: FixState::Undetermined, reason, fixed_by: first.fixed_by }
    }

    fn way(&self, number: &Number) -> Vec<Step> {
        let (lowest, highest) = number.ends();
        let steps = self.update_that_fits(lowest).into_iter().map(|step| {
            let update = step.build.zip(step.update).map(|(build, update)| Update { build, update, kb: step.kb });
            let mut text = step.text;
            if step.kind == StepKind::Update && lowest != highest {
                text = format!("Unless it runs already: {text}");
            }
            Step { kind: step.kind, text, update, without_programme: step.without_programme }
        });
        steps.collect()
    }
}

const CU_ONLY: &str = "the number names the CU and not the update on it, as three parts and AdminDisplayVersion do";
const SERIAL_NUMBER: &str =
    "the number is written with 30000 added, as serialNumber of a server in Active Directory is";
const TELL: &str = "`Get-Command ExSetup.exe | % {$_.FileVersionInfo}` on the server tells";

fn hole_state(state: FixState) -> Option<HoleState> {
    match state {
        FixState::Open => Some(HoleState::Open),
        FixState::Partly => Some(HoleState::Partly),
        FixState::Undetermined => Some(HoleState::Undetermined),
        FixState::Fixed => Some(HoleState::Fixed),
        FixState::NotAffected => None,
    }
}

fn state_words(state: FixState) -> &'static str {
    match state {
        FixState::Open => "open",
        FixState::Partly => "partly closed",
        FixState::Undetermined => "undetermined",
        FixState::Fixed => "fixed",
        FixState::NotAffected => "not affected",
    }
}

fn counts(holes: &[Hole], not_affected: &[String]) -> Counts {
    let mut counts = Counts { not_affected: not_affected.len() as u64, ..Counts::default() };
    for hole in holes {
        let exploited = u64::from(hole.exploited.is_some());
        match hole.state {
            HoleState::Open => {
                counts.open += 1;
                counts.open_exploited += exploited;
            }
            HoleState::Partly => counts.partly += 1,
            HoleState::Undetermined => {
                counts.undetermined += 1;
                counts.undetermined_exploited += exploited;
            }
            HoleState::Fixed => counts.fixed += 1,
        }
    }
    counts
}

/// `CVE-2021-1730` before `CVE-2021-26855`.
fn natural(id: &str) -> (String, u64) {
    let (head, number) = id.rsplit_once('-').unwrap_or((id, ""));
    (head.to_owned(), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests;
