//! Windows events as JSON, one a line, in the shapes that forwarders and forensic tools write: Winlogbeat, NXLog and
//! other flat exports, Velociraptor, `evtx_dump`, EvtxECmd, `Get-WinEvent`.
//!
//! The shape is told line by line, so mixed files read alike. A list with one object a line reads too; its brackets
//! count as headers. Every line is an event, a bracket, blank, or a counted reject: nothing is guessed across lines.

mod data;
mod flat;
mod json;
mod system;
mod winlogbeat;

use model::{Reject, RejectReason, Sink};

use crate::block::{Block, Lines, lines};
use crate::windows::Draft;
use json::{Flaw, Json};

/// A longer line is a reject. A record of an event log is at most 64 KiB; its rendered text and the escapes of JSON
/// multiply that.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// So many lines are looked at to tell what a file is.
const LOOK_LINES: usize = 5;

/// Reads the lines of a block.
pub fn read(block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    let mut count = Lines::default();
    for (line, in_block) in lines(block.bytes) {
        let (record, offset) = (block.first_line + count.total(), block.offset + in_block as u64);
        match read_line(line, record, offset, sink) {
            Ok(LineIs::Event) => count.events += 1,
            Ok(LineIs::Bracket) => count.headers += 1,
            Ok(LineIs::Blank) => count.blanks += 1,
            Err(flaw) => {
                count.rejected += 1;
                let is_last = in_block + line.len() == block.bytes.len();
                sink.reject(Reject { record, offset, reason: reason(flaw, is_last) });
            }
        }
    }
    count
}

/// Does the begin of a file show Windows events? The last line may be cut.
#[must_use]
pub fn is_export(head: &[u8]) -> bool {
    lines(head).take(LOOK_LINES).any(|(line, _)| {
        let line = trimmed(line);
        line.starts_with(b"{") && line.len() <= LINE_BYTES_MAX && is_event(line)
    })
}

fn is_event(line: &[u8]) -> bool {
    match parse(line, 1, 0, line) {
        Ok(_) => true,
        Err(Flawed::Json(Flaw::Cut)) => {
            let has = |names: &[&str]| names.iter().any(|name| memchr::memmem::find(line, name.as_bytes()).is_some());
            has(&["\"winlog\"", "\"winlog.", "\"Event\"", "\"EventID\"", "\"EventId\"", "\"event_id\""])
                && has(&["\"Channel\"", "\"channel\"", "\"winlog.channel\"", "\"SourceName\"", "\"Provider\""])
        }
        Err(_) => false,
    }
}

/// Reads the one event that `text` holds and hands it on with `raw` as what a person is shown.
pub(crate) fn parse<'a>(
    text: &'a [u8],
    record: u64,
    offset: u64,
    raw: &'a [u8],
) -> Result<model::WindowsEvent<'a>, Flawed> {
    let value = Json::parse(text).map_err(Flawed::Json)?;
    draft(value).and_then(|draft| draft.finish(record, offset, raw)).ok_or(Flawed::NoEvent)
}

/// Why a line is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flawed {
    Json(Flaw),
    NoEvent,
    TooLong,
    Binary,
}

enum LineIs {
    Event,
    Bracket,
    Blank,
}

fn read_line(line: &[u8], record: u64, offset: u64, sink: &mut dyn Sink) -> Result<LineIs, Flawed> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Flawed::TooLong);
    }
    match trimmed(line) {
        [] if line.iter().all(u8::is_ascii_whitespace) => return Ok(LineIs::Blank),
        [] => return Err(Flawed::Binary),
        b"[" | b"]" | b"[]" | b"," | b"\xEF\xBB\xBF" | b"\xEF\xBB\xBF[" => return Ok(LineIs::Bracket),
        text => sink.event(&parse(text, record, offset, line)?),
    }
    Ok(LineIs::Event)
}

fn reason(flaw: Flawed, is_last: bool) -> RejectReason {
    match flaw {
        Flawed::Json(Flaw::Cut) if is_last => RejectReason::Truncated,
        Flawed::Json(Flaw::Count) | Flawed::TooLong => RejectReason::TooLong,
        Flawed::Binary => RejectReason::Binary,
        Flawed::Json(_) | Flawed::NoEvent => RejectReason::NotAnEvent,
    }
}

/// The object of a line, without blanks, NUL padding, and the comma or bracket of a list around it.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = line.iter().take_while(|byte| is_padding(byte)).count();
    let line = line.get(start..).unwrap_or_default();
    let end = line.len() - line.iter().rev().take_while(|byte| is_padding(byte)).count();
    let line = line.get(..end).unwrap_or_default();
    // What is not `{…}` between them is left alone: it is a bracket line or no event.
    let inner = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let inner = inner.strip_prefix(b"[").or(inner.strip_prefix(b",")).unwrap_or(inner).trim_ascii_start();
    if !inner.starts_with(b"{") {
        return line.strip_suffix(b",").filter(|rest| *rest == b"]").unwrap_or(line);
    }
    inner.strip_suffix(b",").or(inner.strip_suffix(b"]")).unwrap_or(inner).trim_ascii_end()
}

/// Tells the shape of an object by the names that only that shape has.
fn draft(value: Json<'_>) -> Option<Draft<'_>> {
    let Json::Object(mut members) = value else {
        return None;
    };
    // Elasticsearch wraps what it stores.
    if let Some(at) = members.iter().position(|(name, value)| name == "_source" && matches!(value, Json::Object(_))) {
        let Json::Object(inner) = members.swap_remove(at).1 else {
            return None;
        };
        members = inner;
    }
    if members.iter().any(|(name, _)| name == "winlog" || name.starts_with("winlog.")) {
        return Some(winlogbeat::draft(&members));
    }
    if let Some(event) = json::member(&members, "Event").filter(|event| event.get("System").is_some()) {
        return system::draft(event.members());
    }
    match json::member(&members, "System") {
        Some(Json::Object(_)) => system::draft(&members),
        _ => Some(flat::draft(&members)),
    }
}

#[cfg(test)]
mod tests;
