//! Correlations: hits of several rules that belong together, found after all evidence was read.
//!
//! Implements the Sigma correlation rules specification 2.1 for `event_count`, `value_count`, `temporal` and
//! `temporal_ordered`. Groups are formed by what a hit is about (client, account, subject, server), because the logs
//! name the same thing differently. Groups of one correlation never share a hit. The rules that a correlation names
//! keep their own hits, whatever `generate` says.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;
use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};

use super::RuleIndex;
use super::reason::Reason;

/// Upper bound of the rules that one correlation names.
const RULES_MAX: usize = 32;

/// A hit, as far as correlations look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrelationHit {
    /// The rule that hit.
    pub rule: RuleIndex,
    /// When.
    pub time: Utc,
    /// On which server.
    pub server: String,
    /// Client address.
    pub client: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// What the hit was about.
    pub subject: Option<String>,
    /// The caller's own number for the hit.
    pub index: usize,
}

/// Hits that fulfil a correlation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrelationGroup {
    /// The correlation.
    pub rule: RuleIndex,
    /// [`CorrelationHit::index`] of its hits, in time order.
    pub hits: Vec<usize>,
}

/// What hits are grouped by or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Server,
    Client,
    Account,
    Subject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Count(Bounds),
    Values(Key, Bounds),
    Together,
    InOrder,
}

/// All of these have to hold.
type Bounds = Vec<(ConditionOperator, u64)>;

/// A compiled correlation.
#[derive(Clone, Debug)]
pub struct Correlation {
    rule: RuleIndex,
    kind: Kind,
    members: Vec<RuleIndex>,
    group_by: Vec<Key>,
    span_micros: i64,
}

impl Correlation {
    /// Compiles a correlation; `find` knows the rules of the pack by name.
    ///
    /// # Errors
    /// The first thing in it that cannot be evaluated exactly.
    pub fn compile(
        written: &CorrelationRule,
        rule: RuleIndex,
        find: &dyn Fn(&str) -> Option<RuleIndex>,
    ) -> Result<Self, Reason> {
        let refuse = |why: String| Err(Reason::Correlation(why));
        if written.window != WindowMode::Sliding || written.gap.is_some() {
            return refuse("only sliding windows are known".into());
        }
        if !written.aliases.is_empty() {
            return refuse("aliases are not needed: group by client, account, subject or server".into());
        }
        if written.rules.is_empty() || written.rules.len() > RULES_MAX {
            return refuse(format!("names {} rules, 1 to {RULES_MAX} are possible", written.rules.len()));
        }
        let mut members = Vec::new();
        for name in &written.rules {
            let unknown = || Reason::Correlation(format!("`{name}` is no rule of this pack that was loaded"));
            members.push(find(name).ok_or_else(unknown)?);
        }
        let group_by = written.group_by.iter().map(|name| Key::read(name)).collect::<Result<_, _>>()?;
        let micros = i64::try_from(written.timespan.seconds).ok().and_then(|secs| secs.checked_mul(1_000_000));
        let Some(span_micros) = micros else {
            return refuse(format!("timespan `{}` is too long", written.timespan));
        };
        Ok(Self { rule, kind: Kind::read(written)?, members, group_by, span_micros })
    }

    /// The correlation's own number.
    pub(crate) fn rule(&self) -> RuleIndex {
        self.rule
    }

    /// What it asks for, in one spelling.
    pub(crate) fn logic(&self) -> String {
        format!("{:?} {:?} {:?} {}", self.kind, self.members, self.group_by, self.span_micros)
    }

    /// The groups of hits that fulfil this correlation, by group key and time.
    #[must_use]
    pub fn evaluate(&self, hits: &[CorrelationHit]) -> Vec<CorrelationGroup> {
        let mut groups: BTreeMap<Vec<String>, Vec<&CorrelationHit>> = BTreeMap::new();
        for hit in hits.iter().filter(|hit| self.members.contains(&hit.rule)) {
            let key: Option<Vec<String>> = self.group_by.iter().map(|key| key.value(hit)).collect();
            if let Some(key) = key {
                groups.entry(key).or_default().push(hit);
            }
        }
        let mut found = Vec::new();
        for hits in groups.values_mut() {
            hits.sort_by_key(|hit| (hit.time, hit.index));
            let chains = match &self.kind {
                Kind::Count(bounds) => self.counted(hits, bounds, None),
                Kind::Values(key, bounds) => self.counted(hits, bounds, Some(*key)),
                Kind::Together => self.together(hits),
                Kind::InOrder => self.in_order(hits),
            };
            found.extend(chains.into_iter().map(|hits| CorrelationGroup { rule: self.rule, hits }));
        }
        found
    }

    /// Windows that begin with a hit and hold the right number of hits or of different values. Where only a lower
    /// bound is asked for, the next window begins one hit later; where there is an upper bound, after the window, so
    /// that the tail of a burst is not taken for a lull.
    fn counted(&self, hits: &[&CorrelationHit], bounds: &Bounds, values: Option<Key>) -> Vec<Vec<usize>> {
        let only_lower =
            bounds.iter().all(|(operator, _)| matches!(operator, ConditionOperator::Gt | ConditionOperator::Gte));
        let mut found = Vec::new();
        let mut window = Window { values, seen: BTreeMap::new(), count: 0 };
        let (mut start, mut end) = (0, 0);
        while let Some(first) = hits.get(start) {
            while let Some(hit) = hits.get(end).filter(|hit| self.within(first, hit)) {
                window.add(hit);
                end += 1;
            }
            if window.fulfils(bounds) {
                found.push(hits.get(start..end).unwrap_or_default().iter().map(|hit| hit.index).collect());
            } else if only_lower {
                window.remove(first);
                start += 1;
                continue;
            }
            window = Window { values, seen: BTreeMap::new(), count: 0 };
            start = end;
        }
        found
    }

    /// All rules within the span, in any order: the first hit of each.
    fn together(&self, hits: &[&CorrelationHit]) -> Vec<Vec<usize>> {
        let mut rules = self.members.clone();
        rules.sort_unstable();
        rules.dedup();
        let mut found = Vec::new();
        let mut last_of: BTreeMap<RuleIndex, usize> = BTreeMap::new();
        let mut from = 0;
        for (at, hit) in hits.iter().enumerate() {
            last_of.insert(hit.rule, at);
            let earliest = last_of.values().min().copied().unwrap_or(at);
            let complete = last_of.len() == rules.len() && earliest >= from;
            if complete && hits.get(earliest).is_some_and(|first| self.within(first, hit)) {
                let mut chain: Vec<usize> = last_of.values().copied().collect();
                chain.sort_unstable();
                found.push(chain.into_iter().filter_map(|at| hits.get(at)).map(|hit| hit.index).collect());
                last_of.clear();
                from = at + 1;
            }
        }
        found
    }

    /// The rules one after the other within the span: from each first hit the next fitting hits. Hits of the same
    /// moment count as in order, since logs are no finer.
    fn in_order(&self, hits: &[&CorrelationHit]) -> Vec<Vec<usize>> {
        let mut open: BTreeMap<RuleIndex, BTreeSet<(Utc, usize)>> = BTreeMap::new();
        for (at, hit) in hits.iter().enumerate() {
            open.entry(hit.rule).or_default().insert((hit.time, at));
        }
        let mut found = Vec::new();
        let starts = self.members.first().and_then(|first| open.get(first)).cloned().unwrap_or_default();
        for start in starts {
            let Some(chain) = self.chain_from(start, &open) else {
                continue;
            };
            for (rule, place) in self.members.iter().zip(&chain) {
                if let Some(places) = open.get_mut(rule) {
                    places.remove(place);
                }
            }
            found.push(chain.into_iter().filter_map(|(_, at)| hits.get(at)).map(|hit| hit.index).collect());
        }
        found
    }

    /// The chain that begins with a hit, of hits that belong to no chain yet.
    fn chain_from(
        &self,
        start: (Utc, usize),
        open: &BTreeMap<RuleIndex, BTreeSet<(Utc, usize)>>,
    ) -> Option<Vec<(Utc, usize)>> {
        if !open.get(self.members.first()?)?.contains(&start) {
            return None;
        }
        let mut chain = vec![start];
        let mut after = start.0;
        let last = Utc(start.0.0.saturating_add(self.span_micros));
        for member in self.members.get(1..)? {
            let mut next = open.get(member)?.range((after, 0)..=(last, usize::MAX));
            let place = next.find(|place| !chain.contains(place))?;
            after = place.0;
            chain.push(*place);
        }
        Some(chain)
    }

    fn within(&self, first: &CorrelationHit, hit: &CorrelationHit) -> bool {
        hit.time.0.saturating_sub(first.time.0) <= self.span_micros
    }
}

/// The hits of a moving window.
struct Window {
    values: Option<Key>,
    seen: BTreeMap<String, u64>,
    count: u64,
}

impl Window {
    fn add(&mut self, hit: &CorrelationHit) {
        self.count += 1;
        if let Some(value) = self.values.and_then(|key| key.value(hit)) {
            *self.seen.entry(value).or_default() += 1;
        }
    }

    fn remove(&mut self, hit: &CorrelationHit) {
        self.count = self.count.saturating_sub(1);
        if let Some(value) = self.values.and_then(|key| key.value(hit))
            && let Some(count) = self.seen.get_mut(&value)
        {
            *count -= 1;
            if *count == 0 {
                self.seen.remove(&value);
            }
        }
    }

    fn fulfils(&self, bounds: &Bounds) -> bool {
        let number = if self.values.is_some() { self.seen.len() as u64 } else { self.count };
        bounds.iter().all(|(operator, bound)| match operator {
            ConditionOperator::Lt => number < *bound,
            ConditionOperator::Lte => number <= *bound,
            ConditionOperator::Gt => number > *bound,
            ConditionOperator::Gte => number >= *bound,
            ConditionOperator::Eq => number == *bound,
            ConditionOperator::Neq => number != *bound,
        })
    }
}

impl Key {
    fn read(name: &str) -> Result<Self, Reason> {
        match name.to_ascii_lowercase().as_str() {
            "server" => Ok(Self::Server),
            "client" | "c-ip" | "clientipaddress" => Ok(Self::Client),
            "account" | "cs-username" | "authenticateduser" => Ok(Self::Account),
            "subject" => Ok(Self::Subject),
            _ => Err(Reason::Correlation(format!("`{name}` is none of client, account, subject and server"))),
        }
    }

    /// The value, without regard to case.
    fn value(self, hit: &CorrelationHit) -> Option<String> {
        let value = match self {
            Self::Server => Some(&hit.server),
            Self::Client => hit.client.as_ref(),
            Self::Account => hit.account.as_ref(),
            Self::Subject => hit.subject.as_ref(),
        };
        value.map(|value| value.to_lowercase())
    }
}

impl Kind {
    fn read(written: &CorrelationRule) -> Result<Self, Reason> {
        let CorrelationCondition::Threshold { predicates, field, percentile } = &written.condition else {
            return Err(Reason::Correlation("conditions over rule names are not known".into()));
        };
        if percentile.is_some() {
            return Err(Reason::Correlation("percentiles are not known".into()));
        }
        match written.correlation_type {
            CorrelationType::EventCount => Ok(Self::Count(predicates.clone())),
            CorrelationType::ValueCount => match field.as_deref() {
                Some([field]) => Ok(Self::Values(Key::read(field)?, predicates.clone())),
                _ => Err(Reason::Correlation("value_count counts the values of one `field`".into())),
            },
            // Without a condition the parser fills in "at least one".
            CorrelationType::Temporal | CorrelationType::TemporalOrdered
                if *predicates != [(ConditionOperator::Gte, 1)] =>
            {
                Err(Reason::Correlation("temporal correlations take no condition".into()))
            }
            CorrelationType::Temporal => Ok(Self::Together),
            CorrelationType::TemporalOrdered => Ok(Self::InOrder),
            other => Err(Reason::Correlation(format!("type `{}` is not known", other.as_str()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Utc;
    use rsigma_parser::parse_sigma_yaml;

    use super::{Correlation, CorrelationHit, RuleIndex};

    fn correlation(text: &str) -> Result<Correlation, String> {
        let yaml = format!("title: t\ncorrelation:\n{text}");
        let collection = parse_sigma_yaml(&yaml).unwrap();
        let find = |name: &str| ["a", "b", "c"].iter().position(|known| *known == name).map(|at| RuleIndex(at as u32));
        let written = collection.correlations.first().ok_or_else(|| collection.errors.join(" "))?;
        Correlation::compile(written, RuleIndex(9), &find).map_err(|reason| reason.to_string())
    }

    /// Hits as `rule second client`, numbered as they stand.
    fn groups(correlation_text: &str, hits: &str) -> Vec<Vec<usize>> {
        let hits: Vec<CorrelationHit> = hits
            .split(',')
            .enumerate()
            .map(|(index, hit)| {
                let words: Vec<&str> = hit.split_whitespace().collect();
                CorrelationHit {
                    rule: RuleIndex(u32::from(words[0].as_bytes()[0] - b'a')),
                    time: Utc(words[1].parse::<i64>().unwrap() * 1_000_000),
                    server: "EXC01".into(),
                    client: words.get(2).map(|client| (*client).to_owned()),
                    account: None,
                    subject: words.get(3).map(|subject| (*subject).to_owned()),
                    index,
                }
            })
            .collect();
        let correlation = correlation(correlation_text).unwrap();
        correlation.evaluate(&hits).into_iter().map(|group| group.hits).collect()
    }

    const ORDERED: &str = "  type: temporal_ordered\n  rules: [a, b]\n  group-by: [client]\n  timespan: 10s\n";

    #[test]
    fn finds_rules_in_order() {
        assert_eq!(groups(ORDERED, "a 0 x, b 5 x"), [[0, 1]]);
        assert_eq!(groups(ORDERED, "b 0 x, a 5 x"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(ORDERED, "a 0 x, b 11 x"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(ORDERED, "a 0 x, b 10 x"), [[0, 1]]);
        assert_eq!(groups(ORDERED, "a 0 x, b 5 y"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(ORDERED, "a 0, b 5"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(ORDERED, "b 3 x, a 3 x"), [[1, 0]]);
        assert_eq!(groups(ORDERED, "a 0 x, a 1 x, b 2 x, b 3 x"), [[0, 2], [1, 3]]);
        assert_eq!(groups(ORDERED, "a 0 x, a 1 x, b 2 x"), [[0, 2]]);
    }

    #[test]
    fn does_not_depend_on_the_order_of_hits() {
        assert_eq!(groups(ORDERED, "b 5 x, a 0 x"), [[1, 0]]);
    }

    #[test]
    fn finds_rules_together() {
        let together = "  type: temporal\n  rules: [a, b, c]\n  timespan: 10s\n";
        assert_eq!(groups(together, "c 0, a 4, b 9"), [[0, 1, 2]]);
        assert_eq!(groups(together, "c 0, a 4, b 11"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(together, "c 0, c 3, a 4, b 11"), [[1, 2, 3]]);
        assert_eq!(groups(together, "a 0, b 1, c 2, a 3, b 4, c 5"), [[0, 1, 2], [3, 4, 5]]);
    }

    #[test]
    fn counts_hits_and_values() {
        let count = "  type: event_count\n  rules: [a]\n  group-by: [client]\n  timespan: 10s\n  condition: {gte: 3}\n";
        assert_eq!(groups(count, "a 0 x, a 1 x, a 2 x"), [[0, 1, 2]]);
        assert_eq!(groups(count, "a 0 x, a 8 x, a 12 x, a 13 x"), [[1, 2, 3]]);
        assert_eq!(groups(count, "a 0 x, a 1 y, a 2 x"), Vec::<Vec<usize>>::new());
        let exact = "  type: event_count\n  rules: [a]\n  timespan: 10s\n  condition: {eq: 2}\n";
        assert_eq!(groups(exact, "a 0, a 1, a 2"), Vec::<Vec<usize>>::new());
        assert_eq!(groups(exact, "a 0, a 1, a 20"), [[0, 1]]);
        let values = "  type: value_count\n  rules: [a]\n  group-by: [client]\n  timespan: 10s\n  condition: {gt: 1, field: subject}\n";
        assert_eq!(groups(values, "a 0 x p, a 1 x P, a 2 x q"), [[0, 1, 2]]);
        assert_eq!(groups(values, "a 0 x p, a 1 x P"), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn refuses_what_it_cannot_evaluate() {
        for text in [
            "  type: temporal\n  rules: [a, z]\n  timespan: 10s\n",
            "  type: temporal\n  rules: [a, b]\n  group-by: [shoe-size]\n  timespan: 10s\n",
            "  type: value_sum\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1, field: client}\n",
            "  type: value_count\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1}\n",
            "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  condition: a and b\n",
            "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  window: tumbling\n",
        ] {
            assert!(correlation(text).is_err(), "{text}");
        }
    }
}
