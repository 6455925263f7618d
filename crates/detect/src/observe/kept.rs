//! The few raw records that are kept of many: the first ones and the last.

use model::observation::EvidenceRecord;
use model::{Origin, Raw, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;

/// Longer records are kept up to here and read again from the evidence when they are shown.
pub const RAW_BYTES_MAX: usize = 2 * 1024;

/// Keeps the `FIRST` earliest records and the `LAST` latest, by time and place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept<const FIRST: usize, const LAST: usize> {
    records: Vec<EvidenceRecord>,
}

impl<const FIRST: usize, const LAST: usize> Kept<FIRST, LAST> {
    /// Keeps a record if it is among the first or last. Bytes are copied, or rendered, only then.
    pub fn offer(&mut self, time: Option<Utc>, origin: Origin, raw: Raw<'_>) {
        let key = (time, origin);
        let at = self.records.partition_point(|record| (record.time, record.origin) < key);
        if self.records.len() >= FIRST + LAST && at >= FIRST && at < self.records.len() {
            return;
        }
        let raw = raw.bytes();
        let raw = raw.get(..RAW_BYTES_MAX).unwrap_or(&raw).into();
        self.records.insert(at, EvidenceRecord { origin, time, raw });
        self.trim();
    }

    /// Would a record of this time be kept? A cheap first look.
    pub fn wants(&self, time: Option<Utc>) -> bool {
        let between = |first: &EvidenceRecord, last: &EvidenceRecord| first.time < time && time < last.time;
        match (FIRST.checked_sub(1).and_then(|at| self.records.get(at)), self.records.get(FIRST)) {
            (Some(first), Some(last)) if self.records.len() >= FIRST + LAST => !between(first, last),
            _ => true,
        }
    }

    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut EvidenceRecord> {
        self.records.iter_mut()
    }

    pub fn into_records(self) -> Vec<EvidenceRecord> {
        self.records
    }

    fn trim(&mut self) {
        if self.records.len() > FIRST + LAST {
            let surplus = self.records.len() - FIRST - LAST;
            self.records.drain(FIRST..FIRST + surplus);
        }
    }
}

impl<const FIRST: usize, const LAST: usize> Merge for Kept<FIRST, LAST> {
    fn merge(&mut self, other: Self) {
        self.records.extend(other.records);
        self.records.sort_by_key(|record| (record.time, record.origin));
        self.trim();
    }
}

#[cfg(test)]
mod tests {
    use model::{Origin, Raw, Utc};

    use super::{Kept, Merge};

    fn kept(numbers: &[i64]) -> Vec<i64> {
        let mut kept = Kept::<2, 1>::default();
        for number in numbers {
            kept.offer(Some(Utc(*number)), Origin { file: 0, record: 0, offset: 0 }, Raw::Text(b"x"));
        }
        kept.into_records().iter().map(|record| record.time.map_or(0, |time| time.0)).collect()
    }

    #[test]
    fn keeps_the_first_and_the_last() {
        assert_eq!(kept(&[5, 3, 9, 1, 7, 2]), [1, 2, 9]);
        assert_eq!(kept(&[9, 7, 5, 3, 2, 1]), [1, 2, 9]);
        assert_eq!(kept(&[1]), [1]);
    }

    #[test]
    fn merging_is_the_same_as_offering() {
        let (mut left, mut right) = (Kept::<2, 1>::default(), Kept::<2, 1>::default());
        for number in 0..10 {
            let half = if number % 3 == 0 { &mut left } else { &mut right };
            half.offer(Some(Utc(number)), Origin { file: 0, record: 0, offset: 0 }, Raw::Text(b"x"));
        }
        left.merge(right);
        let times: Vec<_> = left.into_records().iter().map(|record| record.time.map_or(0, |time| time.0)).collect();
        assert_eq!(times, [0, 1, 9]);
    }
}
