//! What rules cost: how often each was tested, how often it fitted, and its share of all tests.

use std::fmt::Write as _;

use detect::plan::Plan;
use report::hostile::ForTerminal;

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

/// The costs of a run. A plan does not count them yet.
pub fn of(_plan: &Plan) -> Vec<Cost> {
    Vec::new()
}

/// The most expensive rules.
pub fn table(mut costs: Vec<Cost>) -> String {
    if costs.is_empty() {
        return "Cost of rules: not counted by this version.\n".to_owned();
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
