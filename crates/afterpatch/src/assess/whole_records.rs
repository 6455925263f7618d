//! Long records were kept only by their beginning; those that will be shown are read again from the evidence.

use std::collections::BTreeMap;

use detect::observe::RAW_BYTES_MAX;
use evidence::Inventory;
use model::file::Kind;
use model::observation::{EvidenceRecord, Observations};

use super::reading::Accounted;

/// The longest record that is shown whole.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// All records together that are read again; what comes later in the order of files stays short.
const TOTAL_BYTES_MAX: usize = 64 << 20;

/// Completes every kept record that was cut.
pub fn complete(observations: &mut Observations, inventory: &Inventory, accounted: &[Accounted]) {
    let mut cut: BTreeMap<(u32, u64), Vec<&mut EvidenceRecord>> = BTreeMap::new();
    for server in observations.servers.values_mut() {
        let sightings = server.sightings.iter_mut().flat_map(|sighting| sighting.evidence.iter_mut());
        let pages = server.pages.iter_mut().flat_map(|page| page.evidence.iter_mut());
        for record in sightings.chain(pages).filter(|record| record.raw.len() == RAW_BYTES_MAX) {
            cut.entry((record.origin.file, record.origin.offset)).or_default().push(record);
        }
    }
    let mut total = 0;
    for ((file, offset), records) in cut {
        let is_line =
            accounted.get(file as usize).is_some_and(|file| is_read_by_line(file.record.kind) && !file.decoded);
        let Some(input) = inventory.inputs.get(file as usize).filter(|_| is_line && total < TOTAL_BYTES_MAX) else {
            continue;
        };
        let bytes = inventory.read_at(input, offset, RECORD_BYTES_MAX);
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        total += line.len();
        for record in records {
            // Evidence that changed under our hands is not shown as what was judged.
            if line.starts_with(&record.raw) {
                record.raw = line.into();
            }
        }
    }
}

fn is_read_by_line(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DelimitedLog | Kind::IisNative | Kind::ExchangeSetup | Kind::WindowsEventsJson | Kind::TestProxyLogon
    )
}
