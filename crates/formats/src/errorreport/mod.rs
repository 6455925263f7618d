//! Windows error reports, `Report.wer`: UTF-16 text of `key=value` lines.
//!
//! A crash of an Exchange application pool names the pool (`w3wp#MSExchangeECPAppPool`) in its signature. Layout as
//! Windows 8 and later write it; `EventTime` is a FILETIME, UTC.

use model::Utc;

use crate::block::lines;
use crate::text::encoding::{Encoding, decode_utf16};

/// Larger files are no error report; genuine ones stay below 100 KiB.
pub const BYTES_MAX: usize = 4 << 20;
/// More values than any report has.
const VALUES_MAX: usize = 1_000;

/// Keys that are kept, besides `Sig[…]` and `DynamicSig[…]`.
const KEYS: [&str; 8] = [
    "AppName",
    "AppPath",
    "EventTime",
    "EventType",
    "FriendlyEventName",
    "NsAppName",
    "OriginalFilename",
    "ReportDescription",
];

/// What a report says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// When the program failed.
    pub time: Option<Utc>,
    /// The values that tell what failed, in the order of the file.
    pub values: Vec<(String, String)>,
}

impl ErrorReport {
    /// The value of a key, compared without regard to case.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}

/// Reads a report, or `None` when the bytes are none: no `EventType`.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<ErrorReport> {
    if bytes.len() > BYTES_MAX {
        return None;
    }
    let decoded;
    let text = match Encoding::of(bytes) {
        encoding @ (Encoding::Utf16Le | Encoding::Utf16Be) => {
            decoded = decode_utf16(bytes, encoding == Encoding::Utf16Be);
            decoded.as_slice()
        }
        Encoding::Utf8Bom | Encoding::Utf8 => bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
    };
    let values: Vec<_> = lines(text).filter_map(|(line, _)| kept(line)).take(VALUES_MAX).collect();
    let mut report = ErrorReport { time: None, values };
    report.value("EventType")?;
    report.time = report.value("EventTime").and_then(filetime);
    Some(report)
}

fn kept(line: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(line);
    let (key, value) = text.split_once('=')?;
    let is_kept = KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
        || key.starts_with("Sig[")
        || key.starts_with("DynamicSig[");
    is_kept.then(|| (key.to_owned(), value.trim_end().to_owned()))
}

/// 100-nanosecond steps since 1601.
fn filetime(text: &str) -> Option<Utc> {
    const EPOCH_MICROS: i64 = 11_644_473_600_000_000;
    let micros = text.trim().parse::<i64>().ok()? / 10;
    let time = Utc(micros.checked_sub(EPOCH_MICROS)?);
    // Outside of these years it was never a time.
    (1990..=2100).contains(&time.date().0).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::read;

    const REPORT: &str = "Version=1\r\nEventType=CLR20r3\r\nEventTime=132592190023700000\r\nReportType=2\r\n\
        Sig[0].Name=Problem Signature 01\r\nSig[0].Value=w3wp#MSExchangeECPAppPool\r\nUI[2]=c:\\windows\\x\r\n\
        AppPath=c:\\windows\\system32\\inetsrv\\w3wp.exe\r\n[Section]\r\nno pair";

    #[test]
    fn reads_utf16_and_utf8_alike() {
        let utf16: Vec<u8> = format!("\u{FEFF}{REPORT}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let report = read(&utf16).expect("a report");
        assert_eq!(Some(&report), read(REPORT.as_bytes()).as_ref());
        assert_eq!(report.time.map(|time| time.to_string()).as_deref(), Some("2021-03-03T04:23:22.370Z"));
        assert_eq!(report.value("Sig[0].Value"), Some("w3wp#MSExchangeECPAppPool"));
        assert_eq!(report.value("apppath"), Some("c:\\windows\\system32\\inetsrv\\w3wp.exe"));
        assert_eq!(report.values.len(), 5);
    }

    #[test]
    fn what_is_no_report_is_none() {
        for bytes in [&b""[..], b"\xFF\xFE", b"a=b\n", &[0; 4_000], b"\xFF\xFE\x00"] {
            assert_eq!(read(bytes), None);
        }
        let odd = read(b"EventType=x\nEventTime=9223372036854775807\n").expect("a report");
        assert_eq!(odd.time, None);
    }
}
