//! Any bytes as a chunk of an event log. Nothing stops the reader, everything is counted, what a person is shown is
//! JSON, and what the reader kept from before changes nothing.
#![no_main]

use formats::evtx::Reader;
use libfuzzer_sys::fuzz_target;
use model::{EventHead, Reject, Row, Sink, WindowsEvent};
use serde::de::IgnoredAny;

/// Touches everything that it is handed.
#[derive(Default)]
struct Seen {
    events: u64,
    rejects: u64,
    /// Lengths of names and values, per event.
    lengths: Vec<usize>,
    is_quiet: bool,
}

impl Sink for Seen {
    fn row(&mut self, _: &Row<'_>) {
        unreachable!("an event log has no rows");
    }

    fn wants_data(&mut self, head: &EventHead<'_>) -> bool {
        assert!(!(head.channel.is_empty() && head.provider.is_empty()));
        !self.is_quiet
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.events += 1;
        self.lengths.push(event.fields.iter().map(|(name, value)| name.len() + value.len()).sum());
        if self.lengths.len() <= 64 {
            serde_json::from_slice::<IgnoredAny>(&event.raw.bytes()).expect("JSON");
        }
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

fn run(reader: &mut Reader, bytes: &[u8], is_quiet: bool) -> Seen {
    let mut seen = Seen { is_quiet, ..Seen::default() };
    let count = reader.chunk(bytes, 4_096, &mut seen);
    assert_eq!((count.events, count.rejected), (seen.events, seen.rejects));
    assert!(count.total() > 0);
    seen
}

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::default();
    let first = run(&mut reader, bytes, false);
    let again = run(&mut reader, bytes, false);
    assert_eq!((first.events, first.rejects, &first.lengths), (again.events, again.rejects, &again.lengths));
    // A record whose data nobody wants can only do better than one whose data are too much.
    assert!(run(&mut reader, bytes, true).events >= first.events);
});
