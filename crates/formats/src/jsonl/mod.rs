//! Windows events as JSON, one a line or spread over many, in the shapes that forwarders and forensic tools write:
//! Winlogbeat, NXLog and other flat exports, Velociraptor, `evtx_dump`, EvtxECmd, `Get-WinEvent`.
//!
//! The shape is told object by object, so mixed files read alike. A list with one object a line reads too; its brackets
//! count as headers. Of an object over many lines (see [`Header`]) the closing line counts as the event, or as the
//! reject, and the lines before it as headers or blanks; it is named by the number and offset of its first line. An
//! object that never closes is one reject, counted at the line that shows it, which is taken for a part of the damage.

mod data;
mod flat;
pub(crate) mod json;
mod pretty;
mod system;
mod winlogbeat;

use model::{Raw, Reject, RejectReason, Sink};

use crate::block::{Block, Lines, lines};
use crate::windows::Draft;
use json::{Flaw, Json};
use pretty::{Object, Step};

pub use pretty::{Header, OBJECT_BYTES_MAX};

/// A longer line is a reject. A record of an event log is at most 64 KiB; its rendered text and the escapes of JSON
/// multiply that.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// So many lines and beginnings and ends of objects are looked at to tell what a file is.
const LOOK_LINES: usize = 5;

/// Reads the lines of a whole file, or of a block before which no object is open.
pub fn read(block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    read_on(block, &mut Header::default(), sink)
}

/// Reads the lines of a block. `header` holds what was open before it and afterwards what is open behind it.
pub fn read_on(block: &Block<'_>, header: &mut Header, sink: &mut dyn Sink) -> Lines {
    let mut reader = Reader { block, object_at: Place { number: block.first_line, in_block: 0 } };
    let mut count = Lines::default();
    // Where a last line without line end starts.
    let unended = memchr::memrchr(b'\n', block.bytes).map_or(0, |at| at + 1);
    for (line, in_block) in lines(block.bytes) {
        let place = Place { number: block.first_line + count.total(), in_block };
        match reader.line(line, place, header, in_block == unended, sink) {
            Ok(LineIs::Event) => count.events += 1,
            Ok(LineIs::Header) => count.headers += 1,
            Ok(LineIs::Blank) => count.blanks += 1,
            Err(reject) => {
                count.rejected += 1;
                sink.reject(reject);
            }
        }
    }
    header.carry(block.bytes.get(reader.object_at.in_block..).unwrap_or_default());
    count
}

/// Does the begin of a file show Windows events? The last line or object may be cut.
#[must_use]
pub fn is_export(head: &[u8]) -> bool {
    let (mut header, mut object_at, mut looked_at) = (Header::default(), 0, 0);
    for (line, at) in lines(head) {
        match header.step(line) {
            Step::Opens(_) => object_at = at,
            Step::Inside => continue,
            Step::Closes(_) if is_event(trimmed(head.get(object_at..at + line.len()).unwrap_or_default())) => {
                return true;
            }
            Step::Closes(_) => {}
            Step::Alone | Step::Breaks(_) => {
                let line = trimmed(line);
                if line.starts_with(b"{") && line.len() <= LINE_BYTES_MAX && is_event(line) {
                    return true;
                }
            }
        }
        looked_at += 1;
        if looked_at == LOOK_LINES {
            return false;
        }
    }
    header.is_inside_object() && is_event(trimmed(head.get(object_at..).unwrap_or_default()))
}

fn is_event(line: &[u8]) -> bool {
    match parse(line, 1, 0, Raw::Text(line)) {
        Ok(_) => true,
        Err(Flawed::Json(Flaw::Cut)) => {
            let has = |names: &[&str]| names.iter().any(|name| memchr::memmem::find(line, name.as_bytes()).is_some());
            let by_get_win_event = has(&["\"Id\""]) && has(&["\"LogName\"", "\"ProviderName\""]);
            by_get_win_event
                || has(&["\"winlog\"", "\"winlog.", "\"Event\"", "\"EventID\"", "\"EventId\"", "\"event_id\""])
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
    raw: Raw<'a>,
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
    /// A bracket, or a line of an object before its last.
    Header,
    Blank,
}

/// Where a line stands.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    in_block: usize,
}

struct Reader<'a> {
    block: &'a Block<'a>,
    /// Where the object that is open began; the begin of the block if it was open before.
    object_at: Place,
}

impl Reader<'_> {
    fn line(
        &mut self,
        line: &[u8],
        place: Place,
        header: &mut Header,
        is_last: bool,
        sink: &mut dyn Sink,
    ) -> Result<LineIs, Reject> {
        let is = match header.step(line) {
            Step::Alone => {
                let offset = self.block.offset + place.in_block as u64;
                let flawed = |flaw| Reject { record: place.number, offset, reason: reason(flaw, is_last) };
                return read_line(line, place.number, offset, sink).map_err(flawed);
            }
            Step::Closes(object) => return self.object(object, place.in_block + line.len(), sink),
            Step::Breaks(object) => return Err(self.reject(&object, RejectReason::NotAnEvent)),
            Step::Opens(broken) => {
                let broken = broken.map(|object| self.reject(&object, RejectReason::NotAnEvent));
                self.object_at = place;
                broken.map_or(Ok(LineIs::Header), Err)
            }
            Step::Inside if line.trim_ascii().is_empty() => Ok(LineIs::Blank),
            Step::Inside => Ok(LineIs::Header),
        };
        match (is, &header.open) {
            (Ok(_), Some(object)) if is_last => Err(self.reject(object, RejectReason::Truncated)),
            (is, _) => is,
        }
    }

    /// Reads the object that closes at `end`.
    fn object(&self, mut object: Object, end: usize, sink: &mut dyn Sink) -> Result<LineIs, Reject> {
        let Reject { record, offset, .. } = self.reject(&object, RejectReason::NotAnEvent);
        let last = self.block.bytes.get(self.object_at.in_block..end).unwrap_or_default();
        let event = match object.whole(last) {
            Some(text) => parse(trimmed(text), record, offset, Raw::Text(text)),
            None => Err(Flawed::TooLong),
        };
        match event {
            Ok(event) => sink.event(&event),
            Err(flaw) => return Err(Reject { record, offset, reason: reason(flaw, false) }),
        }
        Ok(LineIs::Event)
    }

    fn reject(&self, object: &Object, reason: RejectReason) -> Reject {
        // Relative to this block, because who runs ahead over blocks knows no line numbers.
        let record = self.object_at.number.saturating_sub(object.lines_before);
        let offset = (self.block.offset + self.object_at.in_block as u64).saturating_sub(object.bytes_before);
        Reject { record, offset, reason }
    }
}

fn read_line(line: &[u8], record: u64, offset: u64, sink: &mut dyn Sink) -> Result<LineIs, Flawed> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Flawed::TooLong);
    }
    match trimmed(line) {
        [] if line.iter().all(u8::is_ascii_whitespace) => return Ok(LineIs::Blank),
        [] => return Err(Flawed::Binary),
        b"[" | b"]" | b"[]" | b"," | b"\xEF\xBB\xBF" | b"\xEF\xBB\xBF[" => return Ok(LineIs::Header),
        text => sink.event(&parse(text, record, offset, Raw::Text(line))?),
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
