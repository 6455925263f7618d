//! Status line and headers.

use super::HEADERS_MAX;

/// What stands before the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// HTTP/1.0 ends a connection unless it says otherwise.
    pub is_1_0: bool,
    /// Status.
    pub status: u16,
    /// As they came: order, spelling, repetitions. A line without a colon is a name without a value.
    pub headers: Vec<(String, String)>,
    /// There were more headers than are kept.
    pub cut: bool,
}

impl Head {
    /// The values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a header lists a word, among others.
    #[must_use]
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.values(name).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    }
}

/// Whether these bytes can be the begin of an answer.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"HTTP/1.";
    let common = bytes.len().min(BEGIN.len());
    bytes[..common] == BEGIN[..common]
}

/// The first byte behind the empty line. `searched` bytes are known to hold no end.
pub(super) fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let mut from = searched;
    while let Some(at) = memchr::memchr(b'\n', bytes.get(from..)?) {
        let behind = from + at + 1;
        match bytes.get(behind..)? {
            [b'\n', ..] => return Some(behind + 1),
            [b'\r', b'\n', ..] => return Some(behind + 2),
            _ => from = behind,
        }
    }
    None
}

/// Reads a head without a doubt of its length. `None`: not a status line of HTTP.
pub(super) fn parse(bytes: &[u8]) -> Option<Head> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let (version, rest) = lines.next()?.split_once(' ')?;
    let status = rest.trim_start().get(..3)?;
    let status = status.bytes().all(|byte| byte.is_ascii_digit()).then(|| status.parse().ok())??;
    let mut head = Head { is_1_0: version == "HTTP/1.0", status, ..Head::default() };
    for line in lines.take_while(|line| !line.is_empty()) {
        let continued = line.starts_with([' ', '\t']);
        let is_full = head.headers.len() == HEADERS_MAX;
        match head.headers.last_mut() {
            // Folded lines are obsolete, and some old servers still fold. Source: RFC 9112, section 5.2.
            Some((_, value)) if continued => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ if is_full => {
                head.cut = true;
                break;
            }
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                head.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }
    Some(head)
}
