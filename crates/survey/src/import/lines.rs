//! A file of lines, one at a time, none longer than the limit.

use std::io::{self, BufRead};

use super::{Held, Intake, RECORD_BYTES_MAX};

/// Reads all lines. `read` says whether a line held a record, or why it could not be read.
pub(super) fn each<'t, 'f>(
    input: &mut dyn BufRead,
    intake: &mut Intake<'t, 'f>,
    mut read: impl FnMut(&[u8], &mut Intake<'t, 'f>) -> Result<Held, String>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while !intake.is_stopped {
        line.clear();
        match next(input, &mut line)? {
            Next::End => break,
            Next::TooLong => intake.end_record(Err(format!("longer than {} MiB", RECORD_BYTES_MAX >> 20))),
            Next::Line => {
                let line = line.trim_ascii();
                let outcome = if line.is_empty() { Ok(Held::Nothing) } else { read(line, intake) };
                intake.end_record(outcome);
            }
        }
    }
    Ok(())
}

enum Next {
    Line,
    TooLong,
    End,
}

fn next(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    let (mut any, mut too_long) = (false, false);
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
        too_long |= line.len() + piece.len() > RECORD_BYTES_MAX;
        if !too_long {
            line.extend_from_slice(piece);
        }
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(if !any {
        Next::End
    } else if too_long {
        Next::TooLong
    } else {
        Next::Line
    })
}
