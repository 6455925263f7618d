//! What the groups of hits of each correlation are.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;
use rsigma_parser::ConditionOperator;

use super::super::RuleIndex;
use super::super::detection::Node;
use super::hits::{HitLog, Stored};
use super::window::{Mark, UNIT, Window};
use super::{Correlation, Correlations, Grouping, Key, Kind};

/// A hit of a rule, and where it comes from.
pub(super) struct Base<'a> {
    pub(super) rule: RuleIndex,
    pub(super) server: &'a str,
    pub(super) log: &'a HitLog,
    pub(super) stored: &'a Stored,
}

/// A hit of a rule or of a correlation: the hits that it consists of, in order.
#[derive(Clone, Debug)]
struct Event {
    rule: RuleIndex,
    time: Utc,
    bases: Box<[usize]>,
}

/// The hits that fulfil a correlation, and what they have in common.
pub(super) struct Found {
    pub(super) rule: RuleIndex,
    pub(super) key: Vec<String>,
    /// Positions among all hits, in time order.
    pub(super) bases: Vec<usize>,
}

/// Evaluates all correlations, those that others name first. `bases` are in time order.
pub(super) fn evaluate(correlations: &Correlations, bases: &[Base<'_>]) -> Vec<Found> {
    let mut events: BTreeMap<RuleIndex, Vec<Event>> = BTreeMap::new();
    for (at, base) in bases.iter().enumerate() {
        let event = Event { rule: base.rule, time: base.stored.time, bases: Box::new([at]) };
        events.entry(base.rule).or_default().push(event);
    }
    let mut all = Vec::new();
    for correlation in &correlations.all {
        let evaluation = Evaluation { correlation, correlations, bases };
        let found = evaluation.run(&events);
        let joined = found.iter().map(|found| Event {
            rule: found.rule,
            time: found.bases.last().and_then(|at| bases.get(*at)).map_or(Utc(0), |base| base.stored.time),
            bases: found.bases.as_slice().into(),
        });
        events.insert(correlation.rule, joined.collect());
        all.extend(found);
    }
    all
}

struct Evaluation<'a> {
    correlation: &'a Correlation,
    correlations: &'a Correlations,
    bases: &'a [Base<'a>],
}

impl Evaluation<'_> {
    fn run(&self, events: &BTreeMap<RuleIndex, Vec<Event>>) -> Vec<Found> {
        let members: BTreeSet<RuleIndex> = self.correlation.members.iter().copied().collect();
        let mut groups: BTreeMap<Vec<String>, Vec<&Event>> = BTreeMap::new();
        for event in members.iter().filter_map(|member| events.get(member)).flatten() {
            for key in self.keys(event) {
                groups.entry(key).or_default().push(event);
            }
        }
        let mut found = Vec::new();
        for (key, mut events) in groups {
            events.sort_by(|a, b| (a.time, &a.bases, a.rule).cmp(&(b.time, &b.bases, b.rule)));
            let chains = match self.correlation.kind {
                Kind::Together => self.together(&events),
                Kind::InOrder => self.in_order(&events),
                _ => self.measured(&events),
            };
            found.extend(chains.into_iter().map(|chain| {
                let of_chain = chain.into_iter().filter_map(|at| events.get(at));
                let bases: BTreeSet<usize> = of_chain.flat_map(|event| event.bases.iter().copied()).collect();
                Found { rule: self.correlation.rule, key: key.clone(), bases: bases.into_iter().collect() }
            }));
        }
        found
    }

    /// What a hit is grouped under: of a correlation's, what each of its own hits is.
    fn keys(&self, event: &Event) -> BTreeSet<Vec<String>> {
        let bases = event.bases.iter().filter_map(|at| self.bases.get(*at));
        bases.filter_map(|base| self.correlation.group_by.iter().map(|by| self.value(base, by)).collect()).collect()
    }

    /// The value, without regard to case.
    fn value(&self, base: &Base<'_>, by: &Grouping) -> Option<String> {
        let stored = base.stored;
        let number = match by.key(base.rule) {
            Key::Server => return Some(base.server.to_lowercase()),
            Key::Client => stored.client,
            Key::Account => stored.account,
            Key::Subject => stored.subject,
            Key::Field(field) => {
                let at = self.correlations.noted(base.rule)?.binary_search(&field).ok()?;
                stored.fields.get(at).copied().flatten()
            }
        };
        base.log.text(number).map(|text| text.to_lowercase())
    }

    /// Windows that begin with a hit and measure up. Where a window that does not may hide a later one that does, the
    /// next begins one hit later; else behind the window, so that the tail of a burst is not taken for a lull.
    fn measured(&self, events: &[&Event]) -> Vec<Vec<usize>> {
        let (marks, count, by_rank) = self.marks(events);
        let Correlation { kind, bounds, .. } = self.correlation;
        let fresh = || Window::new(kind, bounds, count, &by_rank);
        let slides = self.slides();
        let mut found = Vec::new();
        let mut window = fresh();
        let (mut start, mut end) = (0, 0);
        while let Some(first) = events.get(start) {
            while let Some(mark) = events.get(end).filter(|hit| self.within(first, hit)).and_then(|_| marks.get(end)) {
                window.add(*mark);
                end += 1;
            }
            if window.fulfils() {
                found.push((start..end).collect());
            } else if slides && let Some(mark) = marks.get(start) {
                window.remove(*mark);
                start += 1;
                continue;
            }
            (start..end).filter_map(|at| marks.get(at)).for_each(|mark| window.remove(*mark));
            start = end;
        }
        found
    }

    fn slides(&self) -> bool {
        match &self.correlation.kind {
            Kind::Average(_) | Kind::Percentile(..) => true,
            Kind::Condition(condition) => only_asks_for_more(condition),
            _ => {
                let lower = |operator| matches!(operator, ConditionOperator::Gt | ConditionOperator::Gte);
                self.correlation.bounds.iter().all(|(operator, _)| lower(*operator))
            }
        }
    }

    /// What each hit counts for, how many marks there are, and the numbers by rank.
    fn marks(&self, events: &[&Event]) -> (Vec<Mark>, usize, Vec<i128>) {
        let base = |event: &Event| event.bases.first().and_then(|at| self.bases.get(*at));
        let members = &self.correlation.members;
        let mut by_rank: Vec<i128> = Vec::new();
        let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let numbers: Vec<Option<i128>> = match &self.correlation.kind {
            Kind::Sum(by) | Kind::Average(by) | Kind::Percentile(by, _) => {
                events.iter().map(|event| millionths(&self.value(base(event)?, by)?)).collect()
            }
            _ => Vec::new(),
        };
        by_rank.extend(numbers.iter().flatten());
        by_rank.sort_unstable();
        by_rank.dedup();
        let mut mark = |event: &Event| match &self.correlation.kind {
            Kind::Values(by) => {
                let value: Vec<String> = by.iter().map(|by| self.value(base(event)?, by)).collect::<Option<_>>()?;
                let next = known.len();
                Some(*known.entry(value).or_insert(next))
            }
            Kind::Rules | Kind::Condition(_) => members.iter().position(|member| *member == event.rule),
            _ => None,
        };
        let marks: Vec<Option<usize>> = events.iter().map(|event| mark(event)).collect();
        let number = |at: usize| {
            let number = numbers.get(at).copied().flatten()?;
            Some((number, by_rank.binary_search(&number).ok()?))
        };
        let marks = marks.into_iter().enumerate().map(|(at, mark)| Mark { mark, number: number(at) }).collect();
        (marks, known.len().max(members.len()), by_rank)
    }

    /// All rules within the span, in any order: the last hit of each before the last of them came.
    fn together(&self, events: &[&Event]) -> Vec<Vec<usize>> {
        let rules: BTreeSet<RuleIndex> = self.correlation.members.iter().copied().collect();
        let mut found = Vec::new();
        let mut last_of: BTreeMap<RuleIndex, usize> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            last_of.insert(event.rule, at);
            let earliest = last_of.values().min().copied().unwrap_or(at);
            let complete = last_of.len() == rules.len();
            if complete && events.get(earliest).is_some_and(|first| self.within(first, event)) {
                let mut chain: Vec<usize> = last_of.values().copied().collect();
                chain.sort_unstable();
                found.push(chain);
                last_of.clear();
            }
        }
        found
    }

    /// The rules one after the other within the span: from each first hit the next fitting hits. Hits of the same
    /// moment count as in order, since logs are no finer.
    fn in_order(&self, events: &[&Event]) -> Vec<Vec<usize>> {
        let members = &self.correlation.members;
        let mut open: BTreeMap<RuleIndex, BTreeSet<(Utc, usize)>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            open.entry(event.rule).or_default().insert((event.time, at));
        }
        let mut found = Vec::new();
        let starts = members.first().and_then(|first| open.get(first)).cloned().unwrap_or_default();
        for start in starts {
            let Some(chain) = self.chain_from(start, &open) else {
                continue;
            };
            for (rule, place) in members.iter().zip(&chain) {
                if let Some(places) = open.get_mut(rule) {
                    places.remove(place);
                }
            }
            found.push(chain.into_iter().map(|(_, at)| at).collect());
        }
        found
    }

    /// The chain that begins with a hit, of hits that belong to no chain yet.
    fn chain_from(
        &self,
        start: (Utc, usize),
        open: &BTreeMap<RuleIndex, BTreeSet<(Utc, usize)>>,
    ) -> Option<Vec<(Utc, usize)>> {
        let members = &self.correlation.members;
        if !open.get(members.first()?)?.contains(&start) {
            return None;
        }
        let mut chain = vec![start];
        let mut after = start.0;
        let last = Utc(start.0.0.saturating_add(self.correlation.span_micros));
        for member in members.get(1..)? {
            let mut next = open.get(member)?.range((after, 0)..=(last, usize::MAX));
            let place = next.find(|place| !chain.contains(place))?;
            after = place.0;
            chain.push(*place);
        }
        Some(chain)
    }

    fn within(&self, first: &Event, event: &Event) -> bool {
        event.time.0.saturating_sub(first.time.0) <= self.correlation.span_micros
    }
}

/// Whether a condition that holds still holds when more rules hit.
fn only_asks_for_more(condition: &Node) -> bool {
    match condition {
        Node::All(parts) | Node::Any(parts) | Node::AtLeast(_, parts) => parts.iter().all(only_asks_for_more),
        Node::Not(_) => false,
        Node::Named(_) | Node::Item(_) => true,
    }
}

/// A number in decimal digits, as millionths; more digits than that are cut off.
fn millionths(text: &str) -> Option<i128> {
    let text = text.trim();
    let (digits, sign) = text.strip_prefix('-').map_or((text.strip_prefix('+').unwrap_or(text), 1), |rest| (rest, -1));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, ""), |(whole, fraction)| (whole, fraction.get(..6).unwrap_or(fraction)));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let readable = !whole.is_empty() && whole.len() <= 18 && is_number(whole) && is_number(fraction);
    if !readable || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (whole * UNIT + fraction))
}

#[cfg(test)]
mod tests {
    use super::millionths;

    #[test]
    fn reads_numbers_exactly() {
        for (text, expected) in [
            ("1", Some(1_000_000)),
            (" -0.5 ", Some(-500_000)),
            ("+12.0000019", Some(12_000_001)),
            ("999999999999999999", Some(999_999_999_999_999_999_000_000)),
            ("1234567890123456789", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("0x1f", None),
            ("--1", None),
            ("", None),
        ] {
            assert_eq!(millionths(text), expected, "{text}");
        }
    }
}
