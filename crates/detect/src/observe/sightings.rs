//! Rule hits, grouped by rule, hour, client and subject.
//!
//! A scanner can make a million hits. Per rule the earliest and the latest groups are kept, and of each group the first
//! and last records; everything is counted. What is kept does not depend on the order in which hits arrive.

use std::collections::BTreeMap;

use model::observation::Sighting;
use model::{Origin, Raw, Source, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;
use super::kept::Kept;

/// Groups kept per rule: as many from the beginning as from the end.
const GROUPS_MAX: usize = 600;
/// Request ids kept per group.
const REQUEST_IDS_MAX: usize = 256;
/// Longer cells are cut in group keys; the raw record has them whole.
const KEY_BYTES_MAX: usize = 1_024;

/// One hit.
pub struct Hit<'a> {
    pub rule: usize,
    pub source: &'a Source,
    pub time: Option<Utc>,
    pub client: Option<&'a [u8]>,
    pub subject: Option<&'a [u8]>,
    pub account: Option<&'a [u8]>,
    pub request_id: Option<&'a [u8]>,
    pub status: Option<u16>,
    pub bytes: u64,
    pub origin: Origin,
    pub raw: Raw<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    hour: Option<i64>,
    client: Option<Box<[u8]>>,
    subject: Option<Box<[u8]>>,
    source: Source,
}

/// What the earliest record of a group says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct First {
    at: (Option<Utc>, Origin),
    status: Option<u16>,
    account: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Group {
    count: u64,
    bytes: u64,
    span: Option<(Utc, Utc)>,
    /// Of the earliest record, so that it is the same in every order.
    first: Option<First>,
    request_ids: std::collections::BTreeSet<Box<[u8]>>,
    kept: Kept<8, 2>,
}

/// All hits on one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SightingTally {
    rules: BTreeMap<usize, BTreeMap<Key, Group>>,
}

impl SightingTally {
    pub fn record(&mut self, hit: &Hit<'_>) {
        let cut = |cell: Option<&[u8]>| cell.map(|cell| cell.get(..KEY_BYTES_MAX).unwrap_or(cell).into());
        let key = Key {
            hour: hit.time.map(Utc::hour),
            client: cut(hit.client),
            subject: cut(hit.subject),
            source: hit.source.clone(),
        };
        let groups = self.rules.entry(hit.rule).or_default();
        groups.entry(key).or_default().add(hit);
        // Trimmed in batches: finding the middle of a map costs.
        if groups.len() > GROUPS_MAX * 2 {
            trim(groups);
        }
    }

    pub fn shift(&mut self, secs: i64) {
        for groups in self.rules.values_mut() {
            *groups = std::mem::take(groups)
                .into_iter()
                .map(|(mut key, mut group)| {
                    group.shift(secs);
                    key.hour = group.span.map(|(first, _)| first.hour());
                    (key, group)
                })
                .collect();
        }
    }

    /// By rule, time, client and subject.
    pub fn into_sightings(self) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        for (rule, mut groups) in self.rules {
            trim(&mut groups);
            sightings.extend(groups.into_iter().map(|(key, group)| group.into_sighting(rule, key)));
        }
        sightings
    }
}

impl Merge for SightingTally {
    fn merge(&mut self, other: Self) {
        for (rule, theirs) in other.rules {
            let mine = self.rules.entry(rule).or_default();
            for (key, group) in theirs {
                mine.entry(key).or_default().merge(group);
            }
            trim(mine);
        }
    }
}

impl Group {
    fn add(&mut self, hit: &Hit<'_>) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(hit.bytes);
        let span = hit.time.map(|time| (time, time));
        self.widen(span);
        self.earlier(First { at: (hit.time, hit.origin), status: hit.status, account: hit.account.map(Into::into) });
        if let Some(id) = hit.request_id.filter(|id| !id.is_empty() && id.len() <= 64) {
            self.request_ids.insert(id.to_ascii_lowercase().into());
            self.trim_ids();
        }
        self.kept.offer(hit.time, hit.origin, hit.raw);
    }

    fn widen(&mut self, span: Option<(Utc, Utc)>) {
        self.span = match (self.span, span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }

    fn earlier(&mut self, first: First) {
        if self.first.as_ref().is_none_or(|mine| first.at < mine.at) {
            self.first = Some(first);
        }
    }

    fn trim_ids(&mut self) {
        while self.request_ids.len() > REQUEST_IDS_MAX {
            self.request_ids.pop_last();
        }
    }

    fn shift(&mut self, secs: i64) {
        self.span = self.span.map(|(first, last)| (first.plus_secs(secs), last.plus_secs(secs)));
        if let Some(first) = &mut self.first {
            first.at.0 = first.at.0.map(|time| time.plus_secs(secs));
        }
        self.kept.records_mut().for_each(|record| record.time = record.time.map(|time| time.plus_secs(secs)));
    }

    fn into_sighting(self, rule: usize, key: Key) -> Sighting {
        let text = |bytes: Box<[u8]>| String::from_utf8_lossy(&bytes).into_owned();
        let (status, account) = self.first.map_or((None, None), |first| (first.status, first.account));
        Sighting {
            rule,
            source: key.source,
            first: self.span.map(|span| span.0),
            last: self.span.map(|span| span.1),
            count: self.count,
            client: key.client.map(text),
            subject: key.subject.map(text),
            account: account.map(text),
            bytes: self.bytes,
            status,
            request_ids: self.request_ids.into_iter().map(text).collect(),
            evidence: self.kept.into_records(),
        }
    }
}

impl Merge for Group {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.widen(other.span);
        if let Some(first) = other.first {
            self.earlier(first);
        }
        self.request_ids.extend(other.request_ids);
        self.trim_ids();
        self.kept.merge(other.kept);
    }
}

fn trim(groups: &mut BTreeMap<Key, Group>) {
    let half = GROUPS_MAX / 2;
    if groups.len() > GROUPS_MAX {
        let surplus = groups.len() - GROUPS_MAX;
        let middle: Vec<Key> = groups.keys().skip(half).take(surplus).cloned().collect();
        middle.iter().for_each(|key| _ = groups.remove(key));
    }
}
