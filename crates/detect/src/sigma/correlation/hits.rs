//! The hits that correlations look at: few words each, bounded, and the same in any order.
//!
//! Of each rule the earliest hits are kept, and it is counted how many more there were. A hit once passed over can never
//! be among the earliest again, so stretches of a file and files may be merged as they come.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Origin, Source, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::RuleIndex;
use super::super::fields::FieldId;

/// Hits kept of one rule on one server.
pub const HITS_MAX: usize = 50_000;
/// Longer values are kept by their digest: whether they are equal can still be told.
const VALUE_BYTES_MAX: usize = 256;

/// A hit, as far as correlations look at it, beside the fields of its record.
#[derive(Clone, Copy, Debug)]
pub struct NotedHit<'a> {
    /// The rule that hit.
    pub rule: RuleIndex,
    /// When. Hits without a time belong to no span of time.
    pub time: Utc,
    /// The log it was seen in.
    pub source: &'a Source,
    /// Where the record stands.
    pub origin: Origin,
    /// Client address.
    pub client: Option<&'a [u8]>,
    /// Account.
    pub account: Option<&'a [u8]>,
    /// What the hit was about.
    pub subject: Option<&'a [u8]>,
}

/// The hits of one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HitLog {
    hits_max: usize,
    texts: Texts,
    rules: BTreeMap<RuleIndex, RuleHits>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct RuleHits {
    kept: Vec<Stored>,
    passed_over: u64,
}

/// A hit whose texts are numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) time: Utc,
    pub(super) origin: Origin,
    pub(super) source: Source,
    pub(super) client: Option<u32>,
    pub(super) account: Option<u32>,
    pub(super) subject: Option<u32>,
    /// Those of [`super::Correlations::noted`], in that order.
    pub(super) fields: Box<[Option<u32>]>,
}

/// Each text once. Between processes travel the texts alone, in the order of their numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
struct Texts {
    all: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, u32>,
}

impl Default for HitLog {
    fn default() -> Self {
        Self::with_room_for(HITS_MAX)
    }
}

impl HitLog {
    /// A log that keeps so many hits of each rule; the default keeps [`HITS_MAX`].
    #[must_use]
    pub fn with_room_for(hits_max: usize) -> Self {
        Self { hits_max, texts: Texts::default(), rules: BTreeMap::new() }
    }

    /// Notes a hit with the fields `noted` of its record.
    pub fn note<'r>(
        &mut self,
        hit: &NotedHit<'_>,
        noted: &[FieldId],
        field: &dyn Fn(FieldId) -> Option<Cow<'r, [u8]>>,
    ) {
        let texts = &mut self.texts;
        let stored = Stored {
            time: hit.time,
            origin: hit.origin,
            source: hit.source.clone(),
            client: texts.number(hit.client),
            account: texts.number(hit.account),
            subject: texts.number(hit.subject),
            fields: noted.iter().map(|id| texts.number(field(*id).as_deref())).collect(),
        };
        let rule = self.rules.entry(hit.rule).or_default();
        rule.kept.push(stored);
        // Trimmed in batches: sorting costs.
        if rule.kept.len() >= self.hits_max.saturating_mul(2) {
            rule.trim(self.hits_max);
            self.forget_unused();
        }
    }

    /// Moves all times by whole seconds.
    pub fn shift(&mut self, secs: i64) {
        let hits = self.rules.values_mut().flat_map(|rule| &mut rule.kept);
        hits.for_each(|hit| hit.time = hit.time.plus_secs(secs));
    }

    /// Takes in what another log noted.
    pub fn merge(&mut self, other: Self) {
        let mut numbers: Vec<Option<u32>> = Vec::with_capacity(other.texts.all.len());
        numbers.extend(other.texts.all.iter().map(|text| self.texts.number_of(text)));
        let renumber = |text: &mut Option<u32>| {
            *text = text.and_then(|text| numbers.get(text as usize).copied().flatten());
        };
        for (rule, theirs) in other.rules {
            let mine = self.rules.entry(rule).or_default();
            mine.passed_over += theirs.passed_over;
            mine.kept.extend(theirs.kept.into_iter().map(|mut hit| {
                [&mut hit.client, &mut hit.account, &mut hit.subject].into_iter().for_each(renumber);
                hit.fields.iter_mut().for_each(renumber);
                hit
            }));
            if mine.kept.len() >= self.hits_max.saturating_mul(2) {
                mine.trim(self.hits_max);
            }
        }
        self.forget_unused();
    }

    /// Rules of which more hits were noted than were kept, and how many are missing.
    pub(super) fn finish(&mut self) -> Vec<(RuleIndex, u64)> {
        let hits_max = self.hits_max;
        self.rules.values_mut().for_each(|rule| rule.trim(hits_max));
        let missing = self.rules.iter().filter(|(_, rule)| rule.passed_over > 0);
        missing.map(|(index, rule)| (*index, rule.passed_over)).collect()
    }

    /// All kept hits.
    pub(super) fn hits(&self) -> impl Iterator<Item = (RuleIndex, &Stored)> {
        self.rules.iter().flat_map(|(rule, hits)| hits.kept.iter().map(|hit| (*rule, hit)))
    }

    pub(super) fn text(&self, number: Option<u32>) -> Option<Arc<str>> {
        self.texts.all.get(number? as usize).cloned()
    }

    /// Texts that no hit has any more would add up. Numbering anew costs, so only when they are the most.
    fn forget_unused(&mut self) {
        let hits: usize = self.rules.values().map(|rule| rule.kept.len() * (3 + rule.width())).sum();
        if self.texts.all.len() <= hits {
            return;
        }
        let old = std::mem::take(&mut self.texts);
        let texts = &mut self.texts;
        let mut renumber = |text: &mut Option<u32>| {
            *text = text.and_then(|text| old.all.get(text as usize)).and_then(|text| texts.number_of(text));
        };
        for hit in self.rules.values_mut().flat_map(|rule| &mut rule.kept) {
            [&mut hit.client, &mut hit.account, &mut hit.subject].into_iter().for_each(&mut renumber);
            hit.fields.iter_mut().for_each(&mut renumber);
        }
    }
}

impl RuleHits {
    fn width(&self) -> usize {
        self.kept.first().map_or(0, |hit| hit.fields.len())
    }

    fn trim(&mut self, hits_max: usize) {
        self.kept.sort_by_key(|hit| (hit.time, hit.origin));
        let surplus = self.kept.len().saturating_sub(hits_max);
        self.passed_over += surplus as u64;
        self.kept.truncate(hits_max);
    }
}

impl From<Vec<String>> for Texts {
    fn from(texts: Vec<String>) -> Self {
        let all: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
        let by_text = all.iter().cloned().zip(0..).collect();
        Self { all, by_text }
    }
}

impl From<Texts> for Vec<String> {
    fn from(texts: Texts) -> Self {
        texts.all.iter().map(|text| text.as_ref().to_owned()).collect()
    }
}

impl Texts {
    /// The number of a value; empty ones and the logs' `-` are none.
    fn number(&mut self, value: Option<&[u8]>) -> Option<u32> {
        let value = value.filter(|value| !matches!(*value, b"" | b"-"))?;
        if value.len() > VALUE_BYTES_MAX {
            let digest = Sha256::digest(value.to_ascii_lowercase());
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            return self.number_of(&Arc::from(format!("sha256:{digits}")));
        }
        let text = String::from_utf8_lossy(value);
        if let Some(number) = self.by_text.get(&*text) {
            return Some(*number);
        }
        self.number_of(&Arc::from(text))
    }

    fn number_of(&mut self, text: &Arc<str>) -> Option<u32> {
        if let Some(number) = self.by_text.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.all.push(Arc::clone(text));
        self.by_text.insert(Arc::clone(text), number);
        Some(number)
    }
}
