//! Which hours of which log hold records: the ledger of what could be seen.

use std::collections::BTreeMap;

use model::observation::SourceCoverage;
use model::{Source, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;

/// Hours with records, per source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CoverageTally {
    sources: BTreeMap<Source, SourceCoverage>,
    /// Records of one hour come one after the other: counted here before they are filed.
    current: Option<(Source, i64, u64, Utc, Utc)>,
}

impl CoverageTally {
    /// Counts a record. `source` is asked only when it may have changed.
    pub fn record(&mut self, source: &Source, time: Option<Utc>) {
        let Some(time) = time else {
            self.file(source).records += 1;
            return;
        };
        let hour = time.hour();
        match &mut self.current {
            Some((last, at, count, first, until)) if *at == hour && last == source => {
                *count += 1;
                *first = (*first).min(time);
                *until = (*until).max(time);
            }
            _ => {
                self.settle();
                self.current = Some((source.clone(), hour, 1, time, time));
            }
        }
    }

    /// Every source that was met came from one more file.
    pub fn count_file(&mut self) {
        self.settle();
        for coverage in self.sources.values_mut() {
            coverage.files = 1;
        }
    }

    /// Moves all times by whole seconds.
    pub fn shift(&mut self, secs: i64) {
        self.settle();
        for coverage in self.sources.values_mut() {
            let hours = std::mem::take(&mut coverage.hours);
            for (hour, count) in hours {
                *coverage.hours.entry(Utc::from_hour(hour).plus_secs(secs).hour()).or_default() += count;
            }
            coverage.first = coverage.first.map(|time| time.plus_secs(secs));
            coverage.last = coverage.last.map(|time| time.plus_secs(secs));
        }
    }

    /// Records per source; what is still in hand counts after [`CoverageTally::count_file`].
    pub fn records(&self) -> impl Iterator<Item = (&Source, u64)> {
        self.sources.iter().map(|(source, coverage)| (source, coverage.records))
    }

    pub fn into_sources(mut self) -> BTreeMap<Source, SourceCoverage> {
        self.settle();
        self.sources
    }

    fn file(&mut self, source: &Source) -> &mut SourceCoverage {
        if !self.sources.contains_key(source) {
            self.sources.insert(source.clone(), SourceCoverage::default());
        }
        self.sources.entry(source.clone()).or_default()
    }

    fn settle(&mut self) {
        if let Some((source, hour, count, first, last)) = self.current.take() {
            let coverage = self.file(&source);
            *coverage.hours.entry(hour).or_default() += count;
            coverage.records += count;
            widen(coverage, Some(first), Some(last));
        }
    }
}

impl Merge for CoverageTally {
    fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        for (source, theirs) in other.sources {
            let mine = self.sources.entry(source).or_default();
            for (hour, count) in theirs.hours {
                *mine.hours.entry(hour).or_default() += count;
            }
            mine.files += theirs.files;
            mine.records += theirs.records;
            widen(mine, theirs.first, theirs.last);
        }
    }
}

fn widen(coverage: &mut SourceCoverage, first: Option<Utc>, last: Option<Utc>) {
    coverage.first = [coverage.first, first].into_iter().flatten().min();
    coverage.last = coverage.last.max(last);
}
