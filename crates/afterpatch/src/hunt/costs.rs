//! What rules cost: how often each was tested, how often it fitted, and its share of all tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use detect::observe::Merge;
use detect::plan::{Meter, RuleIndex};
use report::hostile::ForTerminal;
use serde::{Deserialize, Serialize};

/// Rules shown.
const SHOWN_MAX: usize = 20;

/// What one rule cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Its name.
    pub rule: String,
    /// Records on which it was tried, after the search for literals.
    pub tested: u64,
    /// Of those, the ones that fit.
    pub hits: u64,
    /// Of the time that all rules took, from 0 to 1.
    pub share: f64,
}

/// What rules spent in a stretch of the evidence, or in all of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Costs {
    /// Nothing is counted unless somebody asked.
    counts: bool,
    rules: BTreeMap<RuleIndex, Spent>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spent {
    tested: u64,
    hits: u64,
    time: Duration,
}

impl Costs {
    /// Nothing spent yet; `counts` is what the person asked for.
    pub fn new(counts: bool) -> Self {
        Self { counts, rules: BTreeMap::new() }
    }

    /// By rule; `name` knows what it is called.
    pub fn told(&self, name: &dyn Fn(RuleIndex) -> String) -> Vec<Cost> {
        let whole: Duration = self.rules.values().map(|spent| spent.time).sum();
        let share = |spent: &Spent| spent.time.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
        let cost = |(rule, spent): (&RuleIndex, &Spent)| Cost {
            rule: name(*rule),
            tested: spent.tested,
            hits: spent.hits,
            share: share(spent),
        };
        self.rules.iter().map(cost).collect()
    }
}

impl Meter for Costs {
    fn measure(&mut self, rule: RuleIndex, test: impl FnOnce() -> bool) -> bool {
        if !self.counts {
            return test();
        }
        let begun = now();
        let fits = test();
        let spent = self.rules.entry(rule).or_default();
        spent.time += begun.elapsed();
        spent.tested += 1;
        spent.hits += u64::from(fits);
        fits
    }
}

impl Merge for Costs {
    fn merge(&mut self, other: Self) {
        self.counts |= other.counts;
        for (rule, theirs) in other.rules {
            let mine = self.rules.entry(rule).or_default();
            mine.tested += theirs.tested;
            mine.hits += theirs.hits;
            mine.time += theirs.time;
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "shares of time are for the screen alone, and only when asked for")]
fn now() -> Instant {
    Instant::now()
}

/// The most expensive rules.
pub fn table(mut costs: Vec<Cost>) -> String {
    if costs.is_empty() {
        return "No rule was tested: the search for their strings left no record.\n".to_owned();
    }
    costs.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| b.tested.cmp(&a.tested)).then(a.rule.cmp(&b.rule)));
    let mut text = format!("{:>6}  {:>12}  {:>12}  rule\n", "share", "tested", "hits");
    for cost in costs.iter().take(SHOWN_MAX) {
        let share = format!("{:.1} %", cost.share * 100.0);
        writeln!(text, "{share:>6}  {:>12}  {:>12}  {}", cost.tested, cost.hits, ForTerminal(&cost.rule))
            .expect("a string takes everything");
    }
    let rest = costs.get(SHOWN_MAX..).unwrap_or_default();
    if !rest.is_empty() {
        let share: f64 = rest.iter().map(|cost| cost.share).sum();
        writeln!(text, "and {} more rules with {:.1} % together", rest.len(), share * 100.0)
            .expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Cost, SHOWN_MAX, table};

    #[test]
    fn the_most_expensive_rule_comes_first() {
        let cost = |number: u32| Cost {
            rule: format!("x/{number}\u{1b}"),
            tested: 10,
            hits: 1,
            share: f64::from(number) / 1_000.0,
        };
        let text = table((0..30).map(cost).collect());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), SHOWN_MAX + 2);
        assert_eq!(lines[1], " 2.9 %            10             1  x/29\\x1b");
        assert!(lines[SHOWN_MAX + 1].starts_with("and 10 more rules"), "{text}");
    }
}
