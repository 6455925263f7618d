//! Whether an event log is whole: records that are missing inside it, times that run backwards, and who cleared it.
//!
//! Windows numbers the records of a log one by one. A number that no file of the log holds, between two that one file
//! does, was taken out: by a filter when the log was exported, or by somebody. What a file does not hold before its first
//! and after its last record is no such gap: logs roll, and are archived. Numbers are kept as ranges.

use std::collections::{BTreeMap, BTreeSet};

use model::observation::{Clearing, ClockBack, EventLog, MissingRecords};
use model::{Utc, WindowsEvent};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;

/// Logs told apart on one server; a forged file names millions.
const LOGS_MAX: usize = 500;
/// Ranges of numbers kept per log while a file is read; a file with more was filtered.
const RANGES_MAX: usize = 1_024;
/// A file with more gaps was filtered: they tell nothing one by one.
const GAPS_MAX: usize = 16;
/// An export with gaps and fewer records was picked by hand.
const PICKED_MAX: u64 = 100;
/// Files of one log that are compared.
const FILES_MAX: usize = 5_000;
/// Clearings kept per log: the latest.
const CLEARINGS_MAX: usize = 32;
/// Times that ran backwards kept per file: the first.
const BACK_MAX: usize = 8;
/// From one record to the next the time may run back so far: clocks are set right all day.
const BACK_SECS: i64 = 10 * 60;
const EVENT_LOG_PROVIDER: &str = "Microsoft-Windows-Eventlog";

/// All event logs of one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EventLogTally {
    /// Of the file that is being read, by channel.
    open: BTreeMap<String, Numbers>,
    /// Of files that were read, by channel.
    closed: BTreeMap<String, BTreeMap<u32, Closed>>,
    clearings: BTreeMap<String, BTreeSet<(Utc, String)>>,
}

/// Records one after the other, without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    last: u64,
    from: Option<Utc>,
    until: Option<Utc>,
}

/// The numbers of one log in one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Numbers {
    /// Index of the file in the manifest.
    file: u32,
    ranges: BTreeMap<u64, Range>,
    /// More ranges than are kept.
    overflowed: bool,
    /// The file has numbers of its own beside those of the log: an export, or the collected records of other machines.
    renumbered: bool,
    /// Read from an event log itself, whose times are UTC.
    binary: bool,
    back: BTreeMap<u64, (Utc, Utc)>,
}

/// What is kept of a file that was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Closed {
    ranges: BTreeMap<u64, Range>,
    filtered: bool,
    back: BTreeMap<u64, (Utc, Utc)>,
}

impl EventLogTally {
    /// Counts an event of a file in. `binary`: the file is an event log, no export.
    pub fn record(&mut self, event: &WindowsEvent<'_>, (file, binary): (u32, bool)) {
        self.record_clearing(event);
        let Some(id) = event.field("EventRecordID").and_then(|id| id.trim().parse::<u64>().ok()) else { return };
        if event.channel.is_empty() {
            return;
        }
        if !self.open.contains_key(event.channel.as_ref()) {
            self.open.insert(event.channel.clone().into_owned(), Numbers { file, ..Numbers::default() });
            while self.open.len() > LOGS_MAX {
                self.open.pop_last();
            }
        }
        if let Some(numbers) = self.open.get_mut(event.channel.as_ref()) {
            numbers.binary |= binary;
            numbers.renumbered |= binary && event.record != id;
            numbers.add(id, Range { last: id, from: event.time, until: event.time });
        }
    }

    fn record_clearing(&mut self, event: &WindowsEvent<'_>) {
        if !event.provider.eq_ignore_ascii_case(EVENT_LOG_PROVIDER) {
            return;
        }
        let channel = match event.event_id {
            1102 => Some(event.channel.as_ref()),
            104 => event.field("Channel"),
            _ => None,
        };
        let (Some(channel), Some(time)) = (channel.filter(|channel| !channel.is_empty()), event.time) else { return };
        let account = event.field("SubjectUserName").unwrap_or_default().to_owned();
        let clearings = self.clearings.entry(channel.to_owned()).or_default();
        clearings.insert((time, account));
        trim(clearings);
        while self.clearings.len() > LOGS_MAX {
            self.clearings.pop_last();
        }
    }

    /// Ends a file. Where records of it could not be read, what is missing shows nothing.
    pub fn close(&mut self, has_rejects: bool) {
        for (channel, numbers) in std::mem::take(&mut self.open) {
            if has_rejects {
                continue;
            }
            let files = self.closed.entry(channel).or_default();
            files.insert(numbers.file, numbers.close());
            while files.len() > FILES_MAX {
                files.pop_last();
            }
        }
    }

    /// Moves all times by whole seconds.
    pub fn shift(&mut self, secs: i64) {
        let moved = |time: Option<Utc>| time.map(|time| time.plus_secs(secs));
        for numbers in self.open.values_mut() {
            for range in numbers.ranges.values_mut() {
                (range.from, range.until) = (moved(range.from), moved(range.until));
            }
            for (from, until) in numbers.back.values_mut() {
                (*from, *until) = (from.plus_secs(secs), until.plus_secs(secs));
            }
        }
        for clearings in self.clearings.values_mut() {
            *clearings =
                std::mem::take(clearings).into_iter().map(|(time, account)| (time.plus_secs(secs), account)).collect();
        }
    }

    /// By channel; logs of which there is nothing to say are left out.
    pub fn into_logs(self) -> BTreeMap<String, EventLog> {
        let mut logs: BTreeMap<String, EventLog> = BTreeMap::new();
        for (channel, clearings) in self.clearings {
            let clearing = |(time, account): (Utc, String)| Clearing {
                time,
                account: Some(account).filter(|account| !account.is_empty()),
            };
            logs.entry(channel).or_default().cleared = clearings.into_iter().map(clearing).collect();
        }
        for (channel, files) in self.closed {
            let log = EventLog {
                missing: missing(&files),
                back: back(&files),
                filtered: files.iter().filter(|(_, closed)| closed.filtered).map(|(file, _)| *file).collect(),
                cleared: Vec::new(),
            };
            if !log.missing.is_empty() || !log.back.is_empty() || !log.filtered.is_empty() {
                let known = logs.entry(channel).or_default();
                (known.missing, known.back, known.filtered) = (log.missing, log.back, log.filtered);
            }
        }
        logs
    }
}

impl Merge for EventLogTally {
    fn merge(&mut self, other: Self) {
        for (channel, numbers) in other.open {
            let file = numbers.file;
            self.open.entry(channel).or_insert_with(|| Numbers { file, ..Numbers::default() }).merge(numbers);
        }
        while self.open.len() > LOGS_MAX {
            self.open.pop_last();
        }
        for (channel, files) in other.closed {
            let mine = self.closed.entry(channel).or_default();
            mine.extend(files);
            while mine.len() > FILES_MAX {
                mine.pop_last();
            }
        }
        for (channel, clearings) in other.clearings {
            let mine = self.clearings.entry(channel).or_default();
            mine.extend(clearings);
            trim(mine);
        }
        while self.clearings.len() > LOGS_MAX {
            self.clearings.pop_last();
        }
    }
}

impl Numbers {
    fn add(&mut self, first: u64, mut range: Range) {
        let mut first = first;
        // What it overlaps or touches on the left becomes one with it.
        if let Some((left, known)) = self.ranges.range(..=first).next_back().map(|(left, known)| (*left, *known))
            && known.last.saturating_add(1) >= first
        {
            self.look_back(known, first, range);
            self.ranges.remove(&left);
            first = left;
            range = Range { last: known.last.max(range.last), from: known.from, until: later(known, range) };
        }
        while let Some((right, known)) = self.ranges.range(first..).next().map(|(right, known)| (*right, *known))
            && right <= range.last.saturating_add(1)
        {
            self.look_back(range, right, known);
            self.ranges.remove(&right);
            range = Range { last: known.last.max(range.last), until: later(range, known), ..range };
        }
        self.ranges.insert(first, range);
        if self.ranges.len() > RANGES_MAX {
            self.overflowed = true;
            self.ranges.pop_last();
        }
    }

    /// Two neighbours by number: does the time run backwards between them?
    fn look_back(&mut self, left: Range, first: u64, right: Range) {
        if left.last.checked_add(1) != Some(first) {
            return;
        }
        if let (Some(before), Some(after)) = (left.until, right.from)
            && before.secs_since(after) > BACK_SECS
        {
            self.back.insert(first, (before, after));
            while self.back.len() > BACK_MAX {
                self.back.pop_last();
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.overflowed |= other.overflowed;
        self.renumbered |= other.renumbered;
        self.binary |= other.binary;
        for (first, range) in other.ranges {
            self.add(first, range);
        }
        self.back.extend(other.back);
        while self.back.len() > BACK_MAX {
            self.back.pop_last();
        }
    }

    fn close(self) -> Closed {
        let first = self.ranges.keys().next().copied();
        let last = self.ranges.values().next_back().map(|range| range.last);
        let all = first.zip(last).map_or(0, |(first, last)| last.saturating_sub(first).saturating_add(1));
        let held = self.ranges.iter().map(|(first, range)| range.last - first + 1).fold(0, u64::saturating_add);
        let half_is_missing = held.saturating_mul(2) < all;
        let picked = self.renumbered || (!self.binary && held < PICKED_MAX);
        let has_gaps = self.ranges.len() > 1;
        let filtered = self.overflowed || self.ranges.len() > GAPS_MAX + 1 || half_is_missing || (picked && has_gaps);
        // Exports may carry local times, which run back an hour every autumn.
        let back = if self.binary && !self.renumbered { self.back } else { BTreeMap::new() };
        Closed { ranges: if filtered { BTreeMap::new() } else { self.ranges }, filtered, back }
    }
}

/// The end of two ranges of which the right one follows or overlaps the left.
fn later(left: Range, right: Range) -> Option<Utc> {
    if right.last >= left.last { right.until.or(left.until) } else { left.until }
}

fn trim(clearings: &mut BTreeSet<(Utc, String)>) {
    while clearings.len() > CLEARINGS_MAX {
        clearings.pop_first();
    }
}

/// What is missing inside one file, and in no other.
fn missing(files: &BTreeMap<u32, Closed>) -> Vec<MissingRecords> {
    let mut held = Numbers::default();
    for (first, range) in files.values().flat_map(|closed| &closed.ranges) {
        held.add(*first, *range);
    }
    let mut missing: BTreeMap<(u64, u64), MissingRecords> = BTreeMap::new();
    for (file, closed) in files {
        let pairs = closed.ranges.values().zip(closed.ranges.iter().skip(1));
        for (before, (next, after)) in pairs {
            let (first, last) = (before.last.saturating_add(1), next.saturating_sub(1));
            let is_held = held.ranges.range(..=first).next_back().is_some_and(|(_, range)| range.last >= last);
            if !is_held && first <= last {
                let gap = MissingRecords { file: *file, first, last, after: before.until, before: after.from };
                missing.entry((first, last)).or_insert(gap);
            }
        }
    }
    missing.into_values().collect()
}

fn back(files: &BTreeMap<u32, Closed>) -> Vec<ClockBack> {
    let mut all: BTreeMap<u64, ClockBack> = BTreeMap::new();
    for (file, closed) in files {
        for (record, (from, until)) in &closed.back {
            let back = ClockBack { file: *file, record: *record, from: *from, until: *until };
            all.entry(*record).or_insert(back);
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, secs: i64) -> WindowsEvent<'static> {
        WindowsEvent {
            record: id,
            offset: 0,
            time: Some(Utc(secs * 1_000_000)),
            clock_shift_secs: None,
            channel: "Security".into(),
            provider: "Microsoft-Windows-Security-Auditing".into(),
            event_id: 4624,
            level: None,
            computer: "EXC01".into(),
            fields: vec![("EventRecordID".into(), id.to_string().into())],
            raw: model::Raw::Text(b""),
        }
    }

    fn file(number: u32, ids: &[u64]) -> EventLogTally {
        let mut tally = EventLogTally::default();
        for id in ids {
            tally.record(&event(*id, i64::try_from(*id).unwrap() * 60), (number, true));
        }
        tally.close(false);
        tally
    }

    fn told(files: Vec<EventLogTally>) -> (Vec<(u64, u64)>, usize) {
        let mut all = EventLogTally::default();
        files.into_iter().for_each(|file| all.merge(file));
        let log = all.into_logs().remove("Security").unwrap_or_default();
        (log.missing.iter().map(|gap| (gap.first, gap.last)).collect(), log.filtered.len())
    }

    fn numbers(from: u64, until: u64) -> Vec<u64> {
        (from..=until).collect()
    }

    #[test]
    fn a_hole_inside_one_file_is_told_with_the_times_around_it() {
        let ids: Vec<u64> = numbers(100, 200).into_iter().filter(|id| !(150..=160).contains(id)).collect();
        assert_eq!(told(vec![file(3, &ids)]), (vec![(150, 160)], 0));
        let log = file(3, &ids).into_logs().remove("Security").unwrap();
        assert_eq!(log.missing[0].after, Some(Utc(149 * 60_000_000)));
        assert_eq!(log.missing[0].before, Some(Utc(161 * 60_000_000)));
    }

    #[test]
    fn ends_of_files_archives_and_copies_are_no_holes() {
        assert_eq!(told(vec![file(0, &numbers(100, 200)), file(1, &numbers(500, 600))]), (vec![], 0));
        let holey: Vec<u64> = numbers(100, 200).into_iter().filter(|id| *id != 150).collect();
        assert_eq!(told(vec![file(0, &holey), file(1, &numbers(140, 160))]), (vec![], 0));
        assert_eq!(told(vec![file(1, &numbers(140, 160)), file(0, &holey)]), (vec![], 0));
    }

    #[test]
    fn a_filtered_export_is_said_once() {
        let every_third: Vec<u64> = (0..300).map(|id| id * 3).collect();
        assert_eq!(told(vec![file(0, &every_third)]), (vec![], 1));
        let two_ends: Vec<u64> = numbers(1, 10).into_iter().chain(numbers(900, 910)).collect();
        assert_eq!(told(vec![file(0, &two_ends)]), (vec![], 1), "more is missing than is there");
        let many: Vec<u64> = (0..20_000).map(|id| id * 2).collect();
        assert_eq!(told(vec![file(0, &many)]), (vec![], 1));
    }

    #[test]
    fn a_few_records_in_an_export_were_picked() {
        for (until, expected) in [(90, (vec![], 1)), (190, (vec![(50, 50)], 0))] {
            let mut export = EventLogTally::default();
            let ids = (1..=until).filter(|id| *id != 50);
            ids.for_each(|id| export.record(&WindowsEvent { record: id + 7, ..event(id, 0) }, (0, false)));
            export.close(false);
            assert_eq!(told(vec![export]), expected);
        }
    }

    #[test]
    fn exports_and_collected_logs_have_gaps_by_nature_and_damaged_ones_show_nothing() {
        for (last, filtered) in [(202, 0), (203, 1)] {
            let mut collected = EventLogTally::default();
            for (record, id) in [(1, 199), (2, 200), (3, 201), (4, last)] {
                collected.record(&WindowsEvent { record, ..event(id, 0) }, (0, true));
            }
            collected.close(false);
            assert_eq!(told(vec![collected]), (vec![], filtered));
        }
        let mut damaged = EventLogTally::default();
        [1, 2, 9, 10, 11, 12, 13, 14, 15, 16, 17].iter().for_each(|id| damaged.record(&event(*id, 0), (1, true)));
        damaged.close(true);
        assert_eq!(told(vec![damaged]), (vec![], 0));
    }

    #[test]
    fn time_that_runs_backwards_shows_in_event_logs_alone() {
        for (binary, jumps) in [(true, 1), (false, 0)] {
            let mut tally = EventLogTally::default();
            for (id, secs) in [(1, 10_000), (2, 9_700), (3, 5_000), (4, 5_001)] {
                tally.record(&event(id, secs), (0, binary));
            }
            tally.close(false);
            let back = tally.into_logs().remove("Security").unwrap_or_default().back;
            assert_eq!(back.len(), jumps);
            assert!(back.iter().all(|one| one.record == 3));
        }
    }

    #[test]
    fn who_cleared_which_log() {
        let cleared = |id: u32, channel: &'static str| WindowsEvent {
            provider: "Microsoft-Windows-Eventlog".into(),
            event_id: id,
            fields: vec![("SubjectUserName".into(), "adm1".into()), ("Channel".into(), channel.into())],
            ..event(1, 60)
        };
        let mut tally = EventLogTally::default();
        tally.record(&cleared(1_102, ""), (0, true));
        tally.record(&cleared(104, "Windows PowerShell"), (0, true));
        tally.record(&cleared(105, "Application"), (0, true));
        tally.shift(60);
        let logs = tally.into_logs();
        assert_eq!(logs.keys().collect::<Vec<_>>(), ["Security", "Windows PowerShell"]);
        let one = Clearing { time: Utc(120_000_000), account: Some("adm1".to_owned()) };
        assert_eq!(logs["Security"].cleared, [one]);
    }

    /// However a file is cut and in whatever order its pieces come, the same is told.
    #[test]
    fn order_does_not_matter() {
        let ids: Vec<u64> = numbers(1, 90).into_iter().filter(|id| !matches!(id, 20..=25 | 70)).collect();
        let piece = |ids: &[u64]| {
            let mut tally = EventLogTally::default();
            ids.iter().for_each(|id| tally.record(&event(*id, if *id > 40 { 1 } else { 5_000 }), (0, true)));
            tally
        };
        let whole = |mut tally: EventLogTally| {
            tally.close(false);
            tally.into_logs()
        };
        let expected = whole(piece(&ids));
        assert_eq!((expected["Security"].missing.len(), expected["Security"].back.len()), (2, 1));
        for cut in 0..ids.len() {
            let (front, end) = ids.split_at(cut);
            for (first, second) in [(front, end), (end, front)] {
                let mut merged = piece(first);
                merged.merge(piece(second));
                assert_eq!(whole(merged), expected, "cut at {cut}");
            }
        }
    }
}
