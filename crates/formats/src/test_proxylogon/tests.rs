//! Files as the script writes them, cuts and damage.

use model::RejectReason;

use super::{Header, is_output, read};
use crate::block::Block;
use crate::testing::{Seen, check_golden, each_cut_reads_the_same_with, evidence, fixture, flips_are_survived};

fn read_whole(block: &Block<'_>, sink: &mut dyn model::Sink) -> crate::block::Lines {
    read(block, &mut Header::default(), sink)
}

#[test]
fn golden() {
    check_golden("src/test_proxylogon/fixtures", read_whole);
}

#[test]
fn cut_anywhere_and_damaged_anywhere() {
    for name in ["anchor", "converted"] {
        let file = fixture(&format!("src/test_proxylogon/fixtures/{name}.in"));
        each_cut_reads_the_same_with(&file, read_whole, |front, back, sink| {
            let mut header = Header::default();
            header.advance(front);
            read(back, &mut header, sink)
        });
        flips_are_survived(&file, read_whole);
    }
}

#[test]
fn a_httpproxy_log_is_none_of_it() {
    assert!(is_output(b"#TYPE x\r\n\"DateTime\",\"AnchorMailbox\"\r\n"));
    assert!(is_output(b"DateTime;RequestId;AnchorMailbox;HttpStatus\n"));
    assert!(!is_output(b"\"DateTime\",\"Name\"\r\n"));
    assert!(!is_output(b"DateTime,RequestId,AnchorMailbox,BackEndStatus\n"));
    let columns = |count: usize| format!("DateTime,AnchorMailbox{}\n", ",x".repeat(count - 2));
    assert!(is_output(columns(40).as_bytes()));
    assert!(!is_output(columns(41).as_bytes()));
}

#[test]
fn records_before_a_header_row_are_rejects() {
    let (seen, count) = Seen::of(b"\"2021-03-03T07:52:05.000Z\",\"x\"\n\0\0", read_whole);
    assert_eq!(count.rejected, 2);
    assert_eq!(seen.rejects[0].reason, RejectReason::NoColumns);
}

#[test]
fn a_published_file_reads_whole() {
    let Some(files) = evidence("logs/msqna") else { return };
    let (_, bytes) = files.into_iter().find(|(name, _)| name.starts_with("exc01-anchor")).expect("the file");
    assert!(is_output(&bytes));
    let (_, count) = Seen::of(&bytes, read_whole);
    assert_eq!((count.events, count.headers, count.rejected), (12, 1, 0));
}
