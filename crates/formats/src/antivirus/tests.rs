//! Logs as the tools write them, cuts, and damage.

use model::Sink;

use super::{Header, read};
use crate::block::{Block, Lines};
use crate::testing::{check_golden, each_cut_reads_the_same_with, fixture, flips_are_survived};

fn whole(block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    read(block, &mut Header::default(), sink)
}

fn fixtures() -> impl Iterator<Item = Vec<u8>> {
    ["scanner", "protection", "mitigation"]
        .into_iter()
        .map(|name| fixture(&format!("src/antivirus/fixtures/{name}.in")))
}

#[test]
fn golden() {
    check_golden("src/antivirus/fixtures", whole);
}

#[test]
fn cut_anywhere_and_damaged_anywhere() {
    for file in fixtures() {
        each_cut_reads_the_same_with(&file, whole, |front, back, sink| {
            let mut header = Header::default();
            header.advance(front);
            read(back, &mut header, sink)
        });
        flips_are_survived(&file, whole);
    }
}
