//! Public logs cut and damaged.

use std::io::Cursor;

use model::{Reject, RejectReason};

use super::{Seen, each_log, run};
use crate::evtx::{CHUNK_BYTES, HEADER_BYTES, read, read_chunk};
use crate::testing::Random;

/// One log with a few chunks for the tests of damage.
fn some_log() -> Option<Vec<u8>> {
    let mut found: Option<Vec<u8>> = None;
    each_log(|_, bytes| {
        if found.is_none() && (HEADER_BYTES + 2 * CHUNK_BYTES..HEADER_BYTES + 6 * CHUNK_BYTES).contains(&bytes.len()) {
            found = Some(bytes.to_vec());
        }
    });
    found
}

#[test]
fn damage_costs_what_is_damaged() {
    let Some(log) = some_log() else { return };
    let whole = run(&log);
    let in_chunk = |chunk: usize| {
        let start = (HEADER_BYTES + chunk * CHUNK_BYTES) as u64;
        whole.events.iter().filter(move |(_, offset)| (start..start + CHUNK_BYTES as u64).contains(offset)).count()
    };
    assert!(in_chunk(0) > 3 && in_chunk(1) > 3, "the log has two filled chunks");

    let mut bad_magic = log.clone();
    bad_magic[HEADER_BYTES] = b'x';
    let seen = run(&bad_magic);
    assert_eq!((seen.events.len(), seen.rejects.len()), (whole.events.len() - in_chunk(0), 1));
    assert_eq!(seen.rejects[0].offset, HEADER_BYTES as u64);

    let mut bad_header = log.clone();
    bad_header[..8].fill(b'x');
    assert_eq!(run(&bad_header).events, whole.events);

    let carved = run(&log[HEADER_BYTES..]);
    assert_eq!((carved.events.len(), carved.rejects.len()), (whole.events.len(), 0));

    // A wrong checksum alone: every record comes, and the checksum tells.
    let mut altered = log.clone();
    altered[HEADER_BYTES + 124] ^= 1;
    let seen = run(&altered);
    assert_eq!(seen.events, whole.events);
    assert!(matches!(seen.rejects.as_slice(), [Reject { reason: RejectReason::Damaged(_), record: 0, .. }]));

    // The second record: its size, then its content.
    let second = usize::try_from(whole.events[1].1).unwrap();
    for (at, value) in [(second + 4, [0; 4]), (second + 4, [0xFF; 4]), (second + 28, [0xFF; 4]), (second, [0; 4])] {
        let mut bad_record = log.clone();
        bad_record[at..at + 4].copy_from_slice(&value);
        let seen = run(&bad_record);
        assert!(!seen.rejects.is_empty());
        assert!(seen.events.len() + 3 >= whole.events.len(), "only the damaged record is lost");
        assert_eq!(seen.rejects[0].offset, second as u64, "{:?}", seen.rejects);
    }
}

#[test]
fn cut_and_flipped_logs_never_stop_the_reader() {
    let Some(log) = some_log() else { return };
    let whole = run(&log).events;
    for cut in (0..log.len()).step_by(4_099) {
        let seen = run(&log[..cut]);
        assert!(whole.starts_with(&seen.events), "cut at {cut}");
        let at_chunk_end = cut >= HEADER_BYTES && (cut - HEADER_BYTES).is_multiple_of(CHUNK_BYTES);
        assert_eq!(
            seen.rejects.iter().any(|reject| reject.reason == RejectReason::Truncated),
            cut > 0 && !at_chunk_end
        );
    }
    let chunk = &log[HEADER_BYTES..HEADER_BYTES + CHUNK_BYTES];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..400 {
        let mut damaged = chunk.to_vec();
        // Half of the rounds aim at the headers and tables, where damage does most.
        let span = if round % 2 == 0 { 2_048 } else { damaged.len() };
        for _ in 0..=random.below(16) {
            damaged[8 + random.below(span - 8)] = random.next().to_le_bytes()[0];
        }
        let mut seen = Seen::default();
        let count = read_chunk(&damaged, 0, &mut seen);
        assert_eq!((count.events, count.rejected), (seen.events.len() as u64, seen.rejects.len() as u64));
    }
}

#[test]
fn nothing_and_zeroes_and_noise() {
    let seen = run(b"");
    assert_eq!((seen.events.len(), seen.rejects.len()), (0, 0));
    let mut zeroes = vec![0; HEADER_BYTES + CHUNK_BYTES];
    zeroes[..8].copy_from_slice(b"ElfFile\0");
    let (count, _) = read(&mut Cursor::new(&zeroes), &mut Seen::default());
    assert_eq!((count.headers, count.blanks, count.total()), (1, 1, 2));
    let seen = run(&[0xA5; HEADER_BYTES + CHUNK_BYTES + 100]);
    assert_eq!((seen.events.len(), seen.rejects.len()), (0, 3));
}
