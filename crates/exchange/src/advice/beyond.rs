//! What no build number shows: settings, directory, Windows, stolen keys. Data: `knowledge/steps.csv`.
//!
//! A step is told only where a hole of this build, or of the build at the end of the way, calls for it.

use std::collections::BTreeSet;

use model::Build;
use model::advice::{Beyond, Hole, HoleState, When};

use crate::fixes::ConditionKind;
use crate::{FixState, Knowledge, table};

/// When a step applies.
enum Applies {
    /// Where a hole is closed only if one of these conditions holds.
    Conditions(Vec<String>),
    /// Where a fix can be switched off by an override.
    Override,
    /// Where this hole is open.
    Open(String),
    /// Where an exploited hole is open, or may be.
    Exploited,
}

impl Knowledge {
    /// The steps for a build with these holes, and for the build at the end of its way.
    pub(super) fn beyond(&self, build: Build, at_end: Build, holes: &[Hole]) -> Vec<Beyond> {
        let rows = table::rows(include_str!("../../../../knowledge/steps.csv"));
        let steps = rows.filter_map(|row| {
            let (when, found, details) = match applies(&row[1]) {
                Applies::Conditions(names) => self.unmet(build, at_end, holes, &names)?,
                Applies::Override => self.overrides(build, at_end, holes)?,
                Applies::Open(cve) => {
                    let open = |hole: &&Hole| hole.id == cve && hole.state == HoleState::Open;
                    (When::Now, ids(holes.iter().filter(open))?, Vec::new())
                }
                Applies::Exploited => {
                    // Of a CU that is in no list nothing is known, so there is nothing to fear in particular.
                    let is_known = !self.catalogue.on_cu(build).is_empty();
                    let open = |hole: &&Hole| {
                        hole.state == HoleState::Open || hole.state == HoleState::Undetermined && is_known
                    };
                    let exploited = holes.iter().filter(open).filter(|hole| hole.exploited.is_some());
                    (When::AfterBreakIn, ids(exploited)?, Vec::new())
                }
            };
            let (id, text, source) = (row[0].to_owned(), row[2].to_owned(), row[3].to_owned());
            Some(Beyond { id, when, text, holes: found, details, source })
        });
        let mut steps: Vec<Beyond> = steps.collect();
        steps.sort_by_key(|step| step.when);
        steps
    }

    /// Holes whose fix needs more, in this build or at the end.
    fn unmet(
        &self,
        build: Build,
        at_end: Build,
        holes: &[Hole],
        names: &[String],
    ) -> Option<(When, Vec<String>, Vec<String>)> {
        let unmet = |on: Build| -> Option<(Vec<String>, Vec<String>)> {
            let (mut found, mut details) = (Vec::new(), BTreeSet::new());
            for hole in holes {
                let condition = self.condition(&hole.id, on).filter(|condition| names.contains(&condition.name));
                let state = self.state(&hole.id, on).state;
                if let (Some(condition), FixState::Partly | FixState::Undetermined) = (condition, state) {
                    found.push(hole.id.clone());
                    details.insert(condition.text.clone());
                }
            }
            (!found.is_empty()).then(|| (found, details.into_iter().collect()))
        };
        let now = unmet(build).map(|(found, details)| (When::Now, found, details));
        now.or_else(|| unmet(at_end).map(|(found, details)| (When::WithTheWay, found, details)))
    }

    /// Holes that an override could open again, once the way has been gone.
    fn overrides(&self, build: Build, at_end: Build, holes: &[Hole]) -> Option<(When, Vec<String>, Vec<String>)> {
        let (mut found, mut details) = (Vec::new(), BTreeSet::new());
        for hole in holes {
            let condition = self.condition(&hole.id, at_end);
            let Some(condition) = condition.filter(|condition| condition.kind == ConditionKind::Override) else {
                continue;
            };
            if self.state(&hole.id, at_end).state == FixState::Fixed {
                found.push(hole.id.clone());
                details.insert(condition.text.clone());
            }
        }
        let when = if build == at_end { When::Now } else { When::WithTheWay };
        (!found.is_empty()).then(|| (when, found, details.into_iter().collect()))
    }
}

fn applies(cell: &str) -> Applies {
    let (word, rest) = cell.split_once(' ').unwrap_or((cell, ""));
    match word {
        "condition" => Applies::Conditions(rest.split(' ').map(str::to_owned).collect()),
        "override" => Applies::Override,
        "open" => Applies::Open(rest.to_owned()),
        _ => Applies::Exploited,
    }
}

fn ids<'h>(holes: impl Iterator<Item = &'h Hole>) -> Option<Vec<String>> {
    let ids: Vec<String> = holes.map(|hole| hole.id.clone()).collect();
    (!ids.is_empty()).then_some(ids)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::table;

    #[test]
    fn every_condition_that_somebody_has_to_meet_has_a_step() {
        let mut covered = BTreeSet::new();
        for row in table::rows(include_str!("../../../../knowledge/steps.csv")) {
            let (word, rest) = row[1].split_once(' ').unwrap_or((&row[1], ""));
            assert!(matches!(word, "condition" | "override" | "open" | "exploited"), "{row:?}");
            if word == "condition" {
                covered.extend(rest.split(' ').map(str::to_owned));
            }
            if word == "open" {
                assert!(crate::Knowledge::shipped().hole(rest).is_some(), "{row:?}");
            }
            assert!(!row[2].is_empty() && !row[2].ends_with('.') && !row[3].is_empty(), "{row:?}");
        }
        let required = table::rows(include_str!("../../../../knowledge/conditions.csv"))
            .filter(|row| &row[1] == "required")
            .map(|row| row[0].to_owned());
        assert_eq!(covered, required.collect::<BTreeSet<_>>());
    }
}
