//! Public event logs and made-up ones: whole, cut and damaged, and compared with another reader.

mod binxml;
mod damage;
mod made;
mod oracle;

use std::io::{Cursor, Read};

use model::{Reject, Row, Sink, WindowsEvent};

use super::{is_event_log, read};
use crate::testing::evidence;

/// What came out of a log.
#[derive(Default)]
struct Seen {
    events: Vec<(u64, u64)>,
    rejects: Vec<Reject>,
}

impl Sink for Seen {
    fn row(&mut self, _: &Row<'_>) {}
    fn event(&mut self, event: &WindowsEvent<'_>) {
        assert!(event.raw.bytes().starts_with(b"{\"Event\":"));
        self.events.push((event.record, event.offset));
    }
    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

fn run(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let (count, outcome) = read(&mut Cursor::new(bytes), &mut seen);
    outcome.unwrap();
    assert_eq!(count.events, seen.events.len() as u64);
    assert_eq!(count.rejected, seen.rejects.len() as u64);
    seen
}

/// Hands every event log of the two public sets to `each`; false where they are not at hand.
fn each_log(mut each: impl FnMut(&str, &[u8])) -> bool {
    let Some(files) = evidence("evtx") else { return false };
    for (_, packed) in files.into_iter().filter(|(name, _)| name.ends_with(".zip")) {
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            if is_event_log(&bytes) {
                let name = String::from_utf8_lossy(member.name_raw()).into_owned();
                each(&name, &bytes);
            }
        }
    }
    true
}
