//! Which build ran when: the version columns tell it with every request, whatever the registry says.

use std::collections::BTreeMap;

use model::observation::BuildSeen;
use model::{Build, Family, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;

/// No server runs more builds in the life of its logs; forged ones beyond this are dropped, highest first.
const BUILDS_MAX: usize = 200;

/// Builds with the first and last record that names them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BuildTally {
    seen: BTreeMap<(Build, Family, bool), (Utc, Utc)>,
    /// Named by a file that has no time (ExSetup.exe).
    pub undated: Vec<Build>,
}

impl BuildTally {
    pub fn record(&mut self, build: Build, family: Family, weak: bool, time: Utc) {
        let (first, last) = self.seen.entry((build, family, weak)).or_insert((time, time));
        *first = (*first).min(time);
        *last = (*last).max(time);
        self.trim();
    }

    pub fn shift(&mut self, secs: i64) {
        for (first, last) in self.seen.values_mut() {
            *first = first.plus_secs(secs);
            *last = last.plus_secs(secs);
        }
    }

    /// In time order. Undated builds stand at `end` and only where nothing else names one.
    pub fn into_builds(self, end: Option<Utc>) -> Vec<BuildSeen> {
        let mut builds: Vec<BuildSeen> = self
            .seen
            .into_iter()
            .map(|((build, family, weak), (first, last))| BuildSeen { build, first, last, family, weak })
            .collect();
        if let (true, Some(end)) = (builds.is_empty(), end) {
            let seen = |build| BuildSeen { build, first: end, last: end, family: Family::File, weak: true };
            builds.extend(self.undated.into_iter().map(seen));
        }
        builds.sort_by_key(|seen| (seen.first, seen.last, seen.build, seen.family));
        builds
    }

    fn trim(&mut self) {
        while self.seen.len() > BUILDS_MAX {
            self.seen.pop_last();
        }
    }
}

impl Merge for BuildTally {
    fn merge(&mut self, other: Self) {
        for (key, (first, last)) in other.seen {
            let mine = self.seen.entry(key).or_insert((first, last));
            *mine = (mine.0.min(first), mine.1.max(last));
        }
        self.trim();
        self.undated.extend(other.undated);
        self.undated.sort_unstable();
        self.undated.dedup();
        self.undated.truncate(BUILDS_MAX);
    }
}
