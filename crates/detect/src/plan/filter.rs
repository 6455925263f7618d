//! Which rules a stretch of bytes can concern at all, by their required literals.

use std::collections::BTreeMap;

use super::scanner::Scanner;
use crate::sigma::{Literal, RuleIndex};

/// The rules of one log source, by their literals.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    scanner: Scanner,
    /// By literal.
    rules: Vec<Vec<RuleIndex>>,
    unfiltered: Vec<RuleIndex>,
}

/// A set of rules.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSet(Vec<u64>);

impl Filter {
    /// From rules and, where they are known, the literals of which each requires one.
    pub(super) fn new(rules: impl IntoIterator<Item = (RuleIndex, Option<Vec<Literal>>)>) -> Self {
        let mut by_literal: BTreeMap<Vec<u8>, Vec<RuleIndex>> = BTreeMap::new();
        let mut unfiltered = Vec::new();
        for (rule, literals) in rules {
            match literals {
                Some(literals) => {
                    literals.into_iter().for_each(|literal| by_literal.entry(literal.bytes).or_default().push(rule))
                }
                None => unfiltered.push(rule),
            }
        }
        // A literal that a rule requires in several fields stands for it once.
        by_literal.values_mut().for_each(|rules| rules.dedup());
        let (literals, rules) =
            by_literal.into_iter().map(|(literal, rules)| (literal.into_boxed_slice(), rules)).unzip();
        Self { scanner: Scanner::new(literals), rules, unfiltered }
    }

    /// Reports the rules whose literals occur, with the offset of the literal's end.
    pub(super) fn scan(&self, bytes: &[u8], found: &mut impl FnMut(usize, RuleIndex)) {
        self.scanner.scan(bytes, &mut |end, literal| {
            for rule in self.rules.get(literal).into_iter().flatten() {
                found(end, *rule);
            }
        });
    }

    /// Rules that have to be tested on every record.
    pub(super) fn unfiltered(&self) -> &[RuleIndex] {
        &self.unfiltered
    }
}

impl RuleSet {
    pub(super) fn with_room_for(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)])
    }

    /// Whether the rule was not in the set before.
    pub(super) fn insert(&mut self, rule: RuleIndex) -> bool {
        let Some(word) = self.0.get_mut(rule.at() / 64) else {
            return false;
        };
        let bit = 1 << (rule.at() % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn contains(&self, rule: RuleIndex) -> bool {
        self.0.get(rule.at() / 64).is_some_and(|word| word & (1 << (rule.at() % 64)) != 0)
    }
}
