//! How fast a table of files is read, and what is in it.
//!
//! `cargo run --release -p formats --example mft_speed -- ROUNDS FILE...` reads all files ROUNDS times and says how many
//! records that were; `time` around it says how long. With 0 rounds it prints every record that has a name.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool for measuring")]

use formats::block::Block;
use formats::mft;
use model::{Reject, Row, Sink, WindowsEvent};

#[derive(Default)]
struct Rejects(u64);

impl Sink for Rejects {
    fn row(&mut self, _: &Row<'_>) {}
    fn event(&mut self, _: &WindowsEvent<'_>) {}
    fn reject(&mut self, reject: Reject) {
        self.0 += 1;
        if self.0 < 10 {
            println!("{reject:?}");
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds: u32 = arguments.next().and_then(|rounds| rounds.parse().ok()).expect("how many rounds");
    for path in arguments {
        let bytes = std::fs::read(&path).expect("a file");
        let (mut rejects, mut found) = (Rejects::default(), 0_u64);
        let wanted = |name: &str| rounds == 0 || name.ends_with(".aspx");
        for _ in 0..rounds.max(1) {
            let mut note = |record: model::listing::TableRecord| {
                found += 1;
                if rounds == 0 {
                    println!("{record:?}");
                }
            };
            let lines = mft::read(&Block::whole(&bytes), mft::record_bytes(&bytes), &wanted, &mut note, &mut rejects);
            println!("{path}: {lines:?}, {found} wanted");
        }
    }
}
