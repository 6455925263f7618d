//! A moving window over the hits of one group, and what is measured in it.
//!
//! Everything is exact: numbers are counted in millionths, so that what is taken out again leaves no trace.

use rsigma_parser::ConditionOperator;

use super::super::detection::Node;
use super::{Bounds, Kind};

/// One unit of the numbers that are added up.
pub(super) const UNIT: i128 = 1_000_000;

/// What a hit counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its value, or its rule, as a number below [`Window::new`]'s `marks`.
    pub(super) mark: Option<usize>,
    /// Its number, in millionths, and its rank among those of the group.
    pub(super) number: Option<(i128, usize)>,
}

/// The hits between two places.
pub(super) struct Window<'k> {
    kind: &'k Kind,
    bounds: &'k Bounds,
    count: u64,
    marks: Vec<u64>,
    different: u64,
    sum: i128,
    numbers: u64,
    ranks: Ranks,
    /// The numbers of the group, ascending, by rank.
    by_rank: &'k [i128],
}

impl<'k> Window<'k> {
    /// An empty window.
    pub(super) fn new(kind: &'k Kind, bounds: &'k Bounds, marks: usize, by_rank: &'k [i128]) -> Self {
        Self {
            kind,
            bounds,
            count: 0,
            marks: vec![0; marks],
            different: 0,
            sum: 0,
            numbers: 0,
            ranks: Ranks(vec![0; by_rank.len()]),
            by_rank,
        }
    }

    /// A hit comes in.
    pub(super) fn add(&mut self, hit: Mark) {
        self.count += 1;
        if let Some(seen) = hit.mark.and_then(|mark| self.marks.get_mut(mark)) {
            *seen += 1;
            self.different += u64::from(*seen == 1);
        }
        if let Some((number, rank)) = hit.number {
            self.sum += number;
            self.numbers += 1;
            self.ranks.add(rank, 1);
        }
    }

    /// A hit that came in goes out.
    pub(super) fn remove(&mut self, hit: Mark) {
        self.count -= 1;
        if let Some(seen) = hit.mark.and_then(|mark| self.marks.get_mut(mark)) {
            *seen -= 1;
            self.different -= u64::from(*seen == 0);
        }
        if let Some((number, rank)) = hit.number {
            self.sum -= number;
            self.numbers -= 1;
            self.ranks.add(rank, -1);
        }
    }

    /// Whether the correlation's condition holds for what is inside.
    pub(super) fn fulfils(&self) -> bool {
        let holds = |number: i128, unit: i128| {
            self.bounds.iter().all(|(operator, bound)| compare(*operator, number, i128::from(*bound) * unit))
        };
        let numbers = i128::from(self.numbers);
        match self.kind {
            Kind::Count => holds(self.count.into(), 1),
            Kind::Values(_) | Kind::Rules => holds(self.different.into(), 1),
            Kind::Sum(_) => numbers > 0 && holds(self.sum, UNIT),
            Kind::Average(_) => numbers > 0 && holds(self.sum, UNIT * numbers),
            Kind::Percentile(_, percentile) => {
                self.percentile(*percentile).is_some_and(|hundredfold| holds(hundredfold, UNIT * 100))
            }
            Kind::Condition(condition) => self.stands(condition),
            Kind::Together | Kind::InOrder => false,
        }
    }

    /// Between the two nearest numbers in proportion, so that the 50th is the median. A hundredfold, to stay exact.
    fn percentile(&self, percentile: u64) -> Option<i128> {
        let last = self.numbers.checked_sub(1)?;
        let place = percentile * last;
        let at = |nth: u64| self.ranks.nth(nth).and_then(|rank| self.by_rank.get(rank).copied());
        let (low, high) = (at(place / 100)?, at((place / 100 + 1).min(last))?);
        Some(low * 100 + (high - low) * i128::from(place % 100))
    }

    fn stands(&self, condition: &Node) -> bool {
        match condition {
            Node::All(parts) => parts.iter().all(|part| self.stands(part)),
            Node::Any(parts) => parts.iter().any(|part| self.stands(part)),
            Node::AtLeast(least, parts) => parts.iter().filter(|part| self.stands(part)).count() >= *least,
            Node::Not(part) => !self.stands(part),
            Node::Named(rule) => self.marks.get(*rule).is_some_and(|seen| *seen > 0),
            Node::Item(_) => false,
        }
    }
}

fn compare(operator: ConditionOperator, number: i128, bound: i128) -> bool {
    match operator {
        ConditionOperator::Lt => number < bound,
        ConditionOperator::Lte => number <= bound,
        ConditionOperator::Gt => number > bound,
        ConditionOperator::Gte => number >= bound,
        ConditionOperator::Eq => number == bound,
        ConditionOperator::Neq => number != bound,
    }
}

/// How many numbers there are of each rank: a Fenwick tree, so that the nth is found without looking at all.
struct Ranks(Vec<i64>);

impl Ranks {
    fn add(&mut self, rank: usize, count: i64) {
        let mut at = rank + 1;
        while let Some(node) = self.0.get_mut(at - 1) {
            *node += count;
            at += at & at.wrapping_neg();
        }
    }

    /// The rank of the nth number, counted from 0.
    fn nth(&self, nth: u64) -> Option<usize> {
        let mut left = i64::try_from(nth).ok()?;
        let mut at = 0usize;
        let mut step = self.0.len().checked_next_power_of_two()?;
        while step > 0 {
            if let Some(count) = self.0.get(at + step - 1)
                && *count <= left
            {
                left -= count;
                at += step;
            }
            step /= 2;
        }
        (at < self.0.len()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::Ranks;

    #[test]
    fn the_nth_is_found_in_any_crowd() {
        let mut ranks = Ranks(vec![0; 11]);
        let crowd = [0usize, 3, 3, 3, 7, 10, 10];
        crowd.iter().for_each(|rank| ranks.add(*rank, 1));
        let found: Vec<_> = (0..8).map(|nth| ranks.nth(nth)).collect();
        let expected: Vec<_> = crowd.iter().map(|rank| Some(*rank)).chain([None]).collect();
        assert_eq!(found, expected);
        ranks.add(3, -1);
        assert_eq!(ranks.nth(3), Some(7));
    }
}
