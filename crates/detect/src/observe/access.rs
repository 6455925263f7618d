//! Who logged on from where, and who read which mailbox from where.

use model::observation::{EvidenceRecord, Logon, MailUse};
use model::{Family, Origin, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::{Bounded, Merge};

/// Pairs of account and client that are told apart per server.
pub const LOGONS_MAX: usize = 50_000;
/// Combinations of mailbox, account, client and log that are told apart per server.
pub const MAILBOX_USES_MAX: usize = 50_000;

/// How often, how much, from when until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    requests: u64,
    bytes: u64,
    ends: Option<Ends>,
}

/// The first record and the last. Only their places: of so many, few are ever shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    pub first: (Utc, Origin),
    pub last: (Utc, Origin),
}

impl Ends {
    pub fn at(time: Utc, origin: Origin) -> Self {
        Self { first: (time, origin), last: (time, origin) }
    }

    pub fn widen(mine: &mut Option<Self>, other: Option<Self>) {
        *mine = match (*mine, other) {
            (Some(mine), Some(other)) => {
                Some(Self { first: mine.first.min(other.first), last: mine.last.max(other.last) })
            }
            (one, other) => one.or(other),
        };
    }

    pub fn shift(&mut self, secs: i64) {
        self.first.0 = self.first.0.plus_secs(secs);
        self.last.0 = self.last.0.plus_secs(secs);
    }

    /// The records, without their bytes.
    pub fn records(self) -> Vec<EvidenceRecord> {
        let record = |(time, origin)| EvidenceRecord { origin, time: Some(time), raw: Box::default() };
        let mut records = vec![record(self.first)];
        records.extend((self.first != self.last).then(|| record(self.last)));
        records
    }
}

impl Use {
    pub fn add(&mut self, bytes: u64, time: Utc, origin: Origin) {
        self.merge(Self { requests: 1, bytes, ends: Some(Ends::at(time, origin)) });
    }

    pub fn requests(self) -> u64 {
        self.requests
    }

    pub fn span(self) -> Option<(Utc, Utc)> {
        self.ends.map(|ends| (ends.first.0, ends.last.0))
    }

    pub fn shift(&mut self, secs: i64) {
        self.ends.iter_mut().for_each(|ends| ends.shift(secs));
    }

    fn first_record(self) -> Vec<EvidenceRecord> {
        self.ends.into_iter().flat_map(|ends| Ends { last: ends.first, ..ends }.records()).collect()
    }
}

impl Merge for Use {
    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
        Ends::widen(&mut self.ends, other.ends);
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
        let (first, last) = seen.span()?;
        Some(Logon { account, client, requests: seen.requests, first, last, evidence: seen.first_record() })
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
        let [mailbox, account, client, family, protocol] = parts::<5>(&key);
        let (first, last) = seen.span()?;
        Some(MailUse {
            mailbox,
            account,
            client,
            family: family_of(&family)?,
            protocol: Some(protocol).filter(|protocol| !protocol.is_empty()),
            requests: seen.requests,
            bytes: seen.bytes,
            first,
            last,
            evidence: seen.first_record(),
        })
    };
    entries.into_iter().filter_map(mail_use).collect()
}
