//! Who logged on from where, and who read which mailbox from where.

use model::observation::{Logon, MailUse};
use model::{Family, Utc};

use super::bounded::{Bounded, Merge};

/// Pairs of account and client that are told apart per server.
pub const LOGONS_MAX: usize = 50_000;
/// Combinations of mailbox, account, client and log that are told apart per server.
pub const MAILBOX_USES_MAX: usize = 50_000;

/// How often, how much, from when until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    requests: u64,
    bytes: u64,
    span: Option<(Utc, Utc)>,
}

impl Use {
    pub fn add(&mut self, bytes: u64, time: Utc) {
        self.merge(Self { requests: 1, bytes, span: Some((time, time)) });
    }

    pub fn requests(self) -> u64 {
        self.requests
    }

    pub fn span(self) -> Option<(Utc, Utc)> {
        self.span
    }

    pub fn shift(&mut self, secs: i64) {
        self.span = self.span.map(|(first, last)| (first.plus_secs(secs), last.plus_secs(secs)));
    }
}

impl Merge for Use {
    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }
}

/// Parts of a key are set apart by a byte that no log cell holds.
const SEPARATOR: u8 = 0;

pub fn key(parts: &[&[u8]], scratch: &mut Vec<u8>) {
    scratch.clear();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            scratch.push(SEPARATOR);
        }
        scratch.extend_from_slice(part);
    }
}

/// The parts of a key as text. Cells are shown as they are; bytes that are no UTF-8 are replaced.
fn parts<const N: usize>(key: &[u8]) -> [String; N] {
    let mut split = key.split(|byte| *byte == SEPARATOR);
    std::array::from_fn(|_| String::from_utf8_lossy(split.next().unwrap_or_default()).into_owned())
}

pub fn logons(tally: Bounded<Use>) -> Vec<Logon> {
    let (entries, _) = tally.into_parts();
    let logon = |(key, seen): (Box<[u8]>, Use)| {
        let [account, client] = parts::<2>(&key);
        let (first, last) = seen.span?;
        Some(Logon { account, client, requests: seen.requests, first, last })
    };
    entries.into_iter().filter_map(logon).collect()
}

pub fn mailboxes(tally: Bounded<Use>) -> Vec<MailUse> {
    let (entries, _) = tally.into_parts();
    let family_of = |name: &str| match name {
        "ews" => Some(Family::Ews),
        "mapihttp" => Some(Family::MapiHttp),
        "httpproxy" => Some(Family::HttpProxy),
        _ => None,
    };
    let mail_use = |(key, seen): (Box<[u8]>, Use)| {
        let [mailbox, account, client, family] = parts::<4>(&key);
        let (first, last) = seen.span?;
        let family = family_of(&family)?;
        Some(MailUse { mailbox, account, client, family, requests: seen.requests, bytes: seen.bytes, first, last })
    };
    entries.into_iter().filter_map(mail_use).collect()
}
