//! Any bytes as the answer of a server, in any pieces. Nothing stops the reader, nothing is longer than its limit, and where the
//! pieces are cut changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use survey::probe::http::{Answer, BODY_BYTES_MAX, HEADERS_MAX, Progress, Reader};

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Progress, Option<Answer>) {
    let mut reader = Reader::default();
    let mut progress = Progress::More;
    for piece in pieces {
        progress = reader.feed(piece);
    }
    (progress, reader.finish())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let whole = read(std::iter::once(bytes));
    if let (_, Some(answer)) = &whole {
        assert!(answer.body.len() <= BODY_BYTES_MAX && answer.head.headers.len() <= HEADERS_MAX);
    }
    assert_eq!(read(bytes.chunks(1 + usize::from(*step))), whole);
});
