//! Every record of the public logs against the `evtx` crate, an independent reader: what we read of the bytes is what
//! our reader of JSON reads of its JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use model::{Raw, Reject, Row, Sink, Utc, WindowsEvent};

use super::each_log;
use crate::evtx::{CHUNK_BYTES, HEADER_BYTES, Reader};
use crate::jsonl;

/// An event without its raw record.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub time: Option<Utc>,
    pub clock_shift_secs: Option<i64>,
    pub channel: String,
    pub provider: String,
    pub event_id: u32,
    pub level: Option<u8>,
    pub computer: String,
    pub fields: Vec<(String, String)>,
}

impl Event {
    fn of(event: &WindowsEvent<'_>) -> Self {
        let owned = |(name, value): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (name.to_string(), value.to_string())
        };
        Self {
            time: event.time,
            clock_shift_secs: event.clock_shift_secs,
            channel: event.channel.to_string(),
            provider: event.provider.to_string(),
            event_id: event.event_id,
            level: event.level,
            computer: event.computer.to_string(),
            fields: event.fields.iter().map(owned).collect(),
        }
    }
}

/// By offset in the chunk and id.
pub type Events = BTreeMap<(u64, u64), Event>;

#[derive(Default)]
pub struct Ours {
    pub events: Events,
    pub rejects: Vec<Reject>,
    /// Records whose JSON, read again, gives another event.
    pub raw_differs: Vec<String>,
}

impl Sink for Ours {
    fn row(&mut self, _: &Row<'_>) {}
    fn event(&mut self, event: &WindowsEvent<'_>) {
        let read = Event::of(event);
        let raw = event.raw.bytes();
        serde_json::from_slice::<serde::de::IgnoredAny>(&raw).expect("other readers of JSON read it too");
        let again = jsonl::parse(&raw, event.record, event.offset, Raw::Text(b"")).map(|again| Event::of(&again));
        if again.as_ref() != Ok(&read) {
            self.raw_differs.push(format!("{read:#?}\n{}", String::from_utf8_lossy(&raw)));
        }
        self.events.insert((event.offset, event.record), read);
    }
    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// What the crate makes of a chunk.
pub fn theirs(chunk: &[u8]) -> Events {
    let mut data = EvtxChunkData::new(chunk.to_vec(), false).unwrap();
    let mut parsed = data.parse(Arc::new(ParserSettings::new().indent(false))).unwrap();
    let mut events = Events::new();
    for record in parsed.iter() {
        let record = record.unwrap();
        let (id, offset) = (record.event_record_id, record.binxml_offset - 24);
        let json = record.into_json_bytes().unwrap().data;
        let event = jsonl::parse(&json, id, offset, Raw::Text(b"")).unwrap();
        events.insert((offset, id), Event::of(&event));
    }
    events
}

#[test]
fn public_logs_read_like_the_crate_reads_them() {
    let mut reader = Reader::default();
    let (mut logs, mut total, mut differing) = (0, 0, Vec::new());
    let mut cmdlets = Vec::new();
    let found = each_log(|name, bytes| {
        logs += 1;
        for chunk in bytes[HEADER_BYTES..].chunks(CHUNK_BYTES).filter(|chunk| chunk.starts_with(b"ElfChnk\0")) {
            let mut ours = Ours::default();
            let count = reader.chunk(chunk, 0, &mut ours);
            let theirs = theirs(chunk);
            assert_eq!((ours.rejects, count.events), (vec![], ours.events.len() as u64), "{name}");
            total += theirs.len();
            cmdlets.extend(ours.events.values().flat_map(|event| {
                event.fields.iter().filter(|(field, _)| field == "Cmdlet").map(|(_, value)| value.clone())
            }));
            differing.extend(ours.raw_differs.into_iter().map(|raw| format!("{name} raw: {raw}")));
            assert_eq!(ours.events.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{name}");
            for ((place, ours), theirs) in ours.events.iter().zip(theirs.values()) {
                if ours != theirs {
                    differing.push(format!("{name} {place:?}: {ours:#?}\n{theirs:#?}"));
                }
            }
        }
    });
    if !found {
        return;
    }
    assert!(differing.is_empty(), "{} differ, the first: {}", differing.len(), differing[0]);
    assert_eq!((logs, total), (554, 18_256));
    assert_eq!(
        cmdlets.join(" "),
        "Install-TransportAgent Install-TransportAgent Enable-TransportAgent Enable-TransportAgent"
    );
}
