//! How fast event logs are read, beside the `evtx` crate's rendering of the same bytes.
//!
//! `cargo run --release -p formats --example evtx_speed -- ours|lengths|head|crate ROUNDS FILE...` reads all files ROUNDS
//! times and says how many records that were; `perf stat` or `time` around it says how long. `ours` hands every event
//! to a sink that does nothing, `lengths` to one that adds up the lengths of all fields, `head` to one that wants no
//! data, `crate` renders every record to JSON.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool for measuring")]

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use formats::evtx::{CHUNK_BYTES, HEADER_BYTES, Reader};
use model::{EventHead, Reject, Row, Sink, WindowsEvent};

#[derive(Default)]
struct Counts {
    events: u64,
    rejects: u64,
    bytes: u64,
    adds_up: bool,
    wants_data: bool,
}

impl Sink for Counts {
    fn row(&mut self, _: &Row<'_>) {}
    fn wants_data(&mut self, _: &EventHead<'_>) -> bool {
        self.wants_data
    }
    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.events += 1;
        if self.adds_up {
            self.bytes += event.fields.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum::<u64>();
        }
    }
    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

fn render(chunk: &[u8], settings: &Arc<ParserSettings>, counts: &mut Counts) {
    let mut data = EvtxChunkData::new(chunk.to_vec(), false).expect("a chunk");
    let mut parsed = data.parse(Arc::clone(settings)).expect("a chunk");
    for record in parsed.iter() {
        let json = record.and_then(evtx::EvtxRecord::into_json_bytes);
        counts.events += u64::from(json.is_ok());
        counts.bytes += json.map_or(0, |json| json.data.len() as u64);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let way = arguments.next().expect("ours, lengths, head or crate");
    let rounds: u32 = arguments.next().and_then(|rounds| rounds.parse().ok()).expect("a number of rounds");
    let files: Vec<_> = arguments.map(|path| std::fs::read(path).expect("a file")).collect();
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut reader = Reader::default();
    let mut counts = Counts { adds_up: way == "lengths", wants_data: way != "head", ..Counts::default() };
    for _ in 0..rounds {
        for chunk in files.iter().flat_map(|file| file.get(HEADER_BYTES..).unwrap_or_default().chunks(CHUNK_BYTES)) {
            if !chunk.starts_with(b"ElfChnk\0") {
                continue;
            }
            match way.as_str() {
                "crate" => render(chunk, &settings, &mut counts),
                _ => {
                    reader.chunk(chunk, 0, &mut counts);
                }
            }
        }
    }
    println!("{} records, {} rejects, {} bytes", counts.events, counts.rejects, counts.bytes);
}
