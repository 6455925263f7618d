//! Long records were kept only by their beginning; those that will be shown are read again from the evidence.

use std::collections::{BTreeMap, BTreeSet};

use detect::observe::RAW_BYTES_MAX;
use model::file::Kind;
use model::observation::{EvidenceRecord, Observations};

use super::crew::Crew;
use super::reading::Accounted;
use super::work::{Job, Part};

/// All records together that are read again; what comes later in the order of files stays short.
const TOTAL_BYTES_MAX: usize = 64 << 20;

/// The records that were cut, by where they start. One record may be kept several times.
type Cut<'a> = BTreeMap<u64, Vec<&'a mut EvidenceRecord>>;

/// Completes every kept record that was cut, as far as it gets before an interruption.
pub fn complete(observations: &mut Observations, accounted: &[Accounted], crew: &mut Crew<'_>) {
    let wanted = inquiry::records_to_read(observations);
    let mut cut = cut(observations, &wanted);
    let is_line = |file: &Accounted| is_read_by_line(file.record.kind) && !file.decoded;
    cut.retain(|file, _| accounted.get(*file as usize).is_some_and(is_line));
    complete_cut(crew, cut, TOTAL_BYTES_MAX);
}

/// Records that were cut, and wanted ones of which only the place was kept.
fn cut<'o>(observations: &'o mut Observations, wanted: &BTreeSet<(u32, u64)>) -> BTreeMap<u32, Cut<'o>> {
    let is_cut = |record: &EvidenceRecord| match record.raw.len() {
        RAW_BYTES_MAX => true,
        0 => wanted.contains(&(record.origin.file, record.origin.offset)),
        _ => false,
    };
    let mut cut: BTreeMap<u32, Cut<'o>> = BTreeMap::new();
    for server in observations.servers.values_mut() {
        let sightings = server.sightings.iter_mut().flat_map(|sighting| sighting.evidence.iter_mut());
        let pages = server.pages.iter_mut().flat_map(|page| page.evidence.iter_mut());
        let logons = server.logons.iter_mut().flat_map(|logon| logon.evidence.iter_mut());
        let refused = server.refused.iter_mut().flat_map(|refused| refused.evidence.iter_mut());
        let mail = server.mail.iter_mut().flat_map(|mail| mail.evidence.iter_mut());
        let all = sightings.chain(pages).chain(logons).chain(refused).chain(mail);
        for record in all.filter(|record| is_cut(record)) {
            cut.entry(record.origin.file).or_default().entry(record.origin.offset).or_default().push(record);
        }
    }
    cut
}

/// Returns how much could still have been read.
fn complete_cut(crew: &mut Crew<'_>, mut cut: BTreeMap<u32, Cut<'_>>, left: usize) -> usize {
    let mut still_left = left;
    let files: Vec<u32> = cut.keys().copied().collect();
    let offsets = cut.iter().map(|(file, cut)| (*file, cut.keys().copied().collect())).collect();
    crew.perform(&Job::Lines { offsets, room: left }, &files, &mut |file, part| {
        let Part::Lines(lines) = part else { return };
        for (offset, line) in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if still_left == 0 {
                return;
            }
            still_left = still_left.saturating_sub(line.len());
            let records = cut.get_mut(&file).and_then(|cut| cut.remove(&offset));
            for record in records.into_iter().flatten() {
                // Evidence that changed under our hands is not shown as what was judged.
                if line.starts_with(&record.raw) {
                    record.raw = line.into();
                }
            }
        }
    });
    still_left
}

fn is_read_by_line(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DelimitedLog | Kind::IisNative | Kind::ExchangeSetup | Kind::WindowsEventsJson | Kind::TestProxyLogon
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use detect::observe::TimeRange;
    use detect::plan::Plan;
    use evidence::Inventory;
    use model::Origin;
    use model::observation::EvidenceRecord;
    use tempfile::TempDir;

    use super::{Cut, RAW_BYTES_MAX, complete_cut};
    use crate::assess::crew::Crew;
    use crate::assess::progress::Progress;
    use crate::assess::work::Reader;

    fn record(offset: u64, raw: &str) -> EvidenceRecord {
        EvidenceRecord { origin: Origin { file: 0, record: 1, offset }, time: None, raw: raw.as_bytes().into() }
    }

    /// Completes the cut records of a log of two long lines.
    fn completed(left: usize, records: &mut [EvidenceRecord]) -> usize {
        let folder = TempDir::new().unwrap();
        let lines = format!("{}\r\n{}\n", "a".repeat(3_000), "b".repeat(3_000));
        std::fs::write(folder.path().join("x.log"), lines).unwrap();
        let inventory = Inventory::walk(&[folder.path().to_owned()]).unwrap();
        let mut cut: Cut<'_> = BTreeMap::new();
        for record in records {
            cut.entry(record.origin.offset).or_default().push(record);
        }
        let (plan, progress) = (Plan::compile_with_yara(&[], &[], &[]).plan, Progress::default());
        let reader = Reader { inventory: &inventory, plan: &plan, range: TimeRange::default(), threads: 1 };
        complete_cut(&mut Crew::here(reader, &progress), BTreeMap::from([(0, cut)]), left)
    }

    #[test]
    fn cut_records_become_whole() {
        let (a, b) = ("a".repeat(RAW_BYTES_MAX), "b".repeat(RAW_BYTES_MAX));
        let mut records = [record(0, &a), record(3_002, &b), record(3_002, &b)];
        assert_eq!(completed(10_000, &mut records), 4_000);
        assert_eq!(records.map(|record| record.raw.len()), [3_000; 3]);
    }

    #[test]
    fn what_is_too_much_or_has_changed_stays_short() {
        let (a, b) = ("a".repeat(RAW_BYTES_MAX), "b".repeat(RAW_BYTES_MAX));
        let mut records = [record(0, &b), record(3_002, &b)];
        assert_eq!(completed(2_500, &mut records), 0);
        assert_eq!(records.map(|record| record.raw.len()), [RAW_BYTES_MAX; 2]);
        let mut records = [record(0, &a)];
        assert_eq!(completed(0, &mut records), 0);
        assert_eq!(records[0].raw.len(), RAW_BYTES_MAX);
    }
}
