//! Text logs of Microsoft's antivirus: what it saw and removed. A web shell that it deleted is still proof of one.
//!
//! | file | what | times |
//! |---|---|---|
//! | `MPLog-*.log`, `MPDetection-*.log` | Defender's own log | UTC where the stamp ends in `Z`; older ones state no zone |
//! | `msert.log`, `mrt.log` | runs of the Safety Scanner and of the Malicious Software Removal Tool | of the server, no zone |
//! | `EOMTSummary.txt` | the mitigation tool of March 2021 ran | none |
//!
//! Each stamped line of Defender is an event; of a run its begin, its end and every thing found. Other lines are what belongs
//! to them and count as headers. Events carry the numbers and names that Defender uses in the event log (1000 a scan begins,
//! 1001 it ends, 1116 found, 1117 acted upon, 0 anything else), with `Threat Name`, `Path`, `Resource`, `Action Name`.
//! What is found is shown with the lines above it that name the threat. A time without a zone is no time here: it stands in `WrittenTime` as it was written.
//!
//! Sources: artefacts.help, "Windows Defender support logs"; Microsoft, "Remove specific prevalent malware with MSRT"
//! (KB890830); microsoft/CSS-Exchange, EOMT.ps1.

mod protection;
mod run;

use model::{Raw, Reject, RejectReason, Sink, Utc, WindowsEvent};

use crate::block::{Block, Lines, lines};

pub use run::Header;

/// A longer line is a reject.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// So much of a text is kept in a field.
const FIELD_BYTES_MAX: usize = 4_096;

/// The channels under which the events are told.
pub const CHANNELS: [&str; 4] = ["Antivirus/MPLog", "Antivirus/MSERT", "Antivirus/MRT", "Antivirus/EOMT"];

/// What a line is.
enum LineIs {
    Event(Said),
    Header,
    Blank,
}

/// What an event says.
#[derive(Default)]
struct Said {
    channel: &'static str,
    event_id: u32,
    time: Option<Utc>,
    fields: Vec<(&'static str, String)>,
    /// What a person is shown where the line alone does not say it: the lines that do, as they stand in the log.
    shown: Option<Vec<u8>>,
}

impl Said {
    fn add(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            let end = (0..=FIELD_BYTES_MAX.min(value.len())).rev().find(|end| value.is_char_boundary(*end));
            self.fields.push((name, value.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()));
        }
    }
}

/// Reads the lines of a block. `header` holds what was said before it and afterwards what was said up to its end.
pub fn read(block: &Block<'_>, header: &mut Header, sink: &mut dyn Sink) -> Lines {
    let mut count = Lines::default();
    for (line, in_block) in lines(block.bytes) {
        let (number, offset) = (block.first_line + count.total(), block.offset + in_block as u64);
        match line_is(line, header) {
            Ok(LineIs::Event(said)) => {
                count.events += 1;
                hand_on(&said, (number, offset), line, sink);
            }
            Ok(LineIs::Header) => count.headers += 1,
            Ok(LineIs::Blank) => count.blanks += 1,
            Err(reason) => {
                count.rejected += 1;
                sink.reject(Reject { record: number, offset, reason });
            }
        }
    }
    count
}

fn line_is(raw: &[u8], header: &mut Header) -> Result<LineIs, RejectReason> {
    let line = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw).trim_ascii();
    if line.is_empty() {
        return Ok(LineIs::Blank);
    }
    if line.len() > LINE_BYTES_MAX {
        return Err(RejectReason::TooLong);
    }
    if line.iter().all(u8::is_ascii_control) {
        return Err(RejectReason::Binary);
    }
    match protection::read(line)? {
        Some(said) => Ok(LineIs::Event(said)),
        None => Ok(header.take(&String::from_utf8_lossy(line), raw).map_or(LineIs::Header, LineIs::Event)),
    }
}

fn hand_on(said: &Said, (record, offset): (u64, u64), line: &[u8], sink: &mut dyn Sink) {
    let provider = match said.channel {
        "Antivirus/MPLog" => "Microsoft Defender Antivirus",
        "Antivirus/MSERT" => "Microsoft Safety Scanner",
        "Antivirus/MRT" => "Microsoft Windows Malicious Software Removal Tool",
        _ => "Exchange On-premises Mitigation Tool",
    };
    sink.event(&WindowsEvent {
        record,
        offset,
        time: said.time,
        clock_shift_secs: None,
        channel: said.channel.into(),
        provider: provider.into(),
        event_id: said.event_id,
        level: None,
        computer: "".into(),
        fields: said.fields.iter().map(|(name, value)| ((*name).into(), value.as_str().into())).collect(),
        raw: Raw::Text(said.shown.as_deref().unwrap_or(line)),
    });
}

#[cfg(test)]
mod tests;
