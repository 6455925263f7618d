//! Global filters: what an organisation accepts, put to many rules at once.
//!
//! The specification calls their purpose to suppress matches, and its example has the condition `selection` for what is
//! to be suppressed. Others write `not selection` and join it by "and" (pySigma). Both are the same wish, and it can be
//! told which is meant: whatever none of its selections fits, a filter leaves alone. So a condition that does not hold
//! for such a record says what is suppressed, and one that holds says what is kept.

use std::collections::BTreeMap;

use rsigma_parser::{FilterRule, FilterRuleTarget, LogSource, SigmaRule, parse_sigma_yaml};

use super::detection::{Compiling, Node};
use super::reason::Reason;

/// Reads a file of filters, and nothing but filters.
///
/// # Errors
/// What cannot be read.
pub fn read(yaml: &[u8]) -> Result<Vec<FilterRule>, Reason> {
    let text = std::str::from_utf8(yaml).map_err(|_| Reason::Syntax("not UTF-8".into()))?;
    if crate::pack::nests_too_deep(text) {
        return Err(Reason::Syntax("too many brackets inside each other".into()));
    }
    let collection = parse_sigma_yaml(text).map_err(|error| Reason::Syntax(error.to_string()))?;
    if !collection.errors.is_empty() {
        return Err(Reason::Syntax(collection.errors.join("; ")));
    }
    if collection.filters.is_empty() || !collection.rules.is_empty() || !collection.correlations.is_empty() {
        return Err(Reason::Filter("a file of filters holds filters and nothing else".into()));
    }
    Ok(collection.filters)
}

/// Whether a filter is for a rule: it names it (by id or name, case disregarded, or by one of `names`), and whatever its
/// log source says, that of the rule says too.
#[must_use]
pub fn applies(filter: &FilterRule, rule: &SigmaRule, names: &[&str]) -> bool {
    let own = [rule.id.as_deref(), rule.name.as_deref()].into_iter().flatten();
    let is_named = match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(targets) => {
            own.chain(names.iter().copied()).any(|name| targets.iter().any(|target| target.eq_ignore_ascii_case(name)))
        }
    };
    is_named && filter.logsource.as_ref().is_none_or(|of| log_source_fits(of, &rule.logsource))
}

fn log_source_fits(of_filter: &LogSource, of_rule: &LogSource) -> bool {
    let fits = |filter: &Option<String>, rule: &Option<String>| match (filter, rule) {
        (None, _) => true,
        (Some(filter), Some(rule)) => filter.eq_ignore_ascii_case(rule),
        (Some(_), None) => false,
    };
    let custom =
        |(key, word): (&String, &String)| of_rule.custom.get(key).is_some_and(|other| other.eq_ignore_ascii_case(word));
    fits(&of_filter.category, &of_rule.category)
        && fits(&of_filter.product, &of_rule.product)
        && fits(&of_filter.service, &of_rule.service)
        && of_filter.custom.iter().all(custom)
}

/// What a filter adds to the condition of a rule. Its detections are put behind those in `named`.
pub(super) fn compile(
    filter: &FilterRule,
    named: &mut Vec<Node>,
    compiling: &mut Compiling<'_>,
) -> Result<Node, Reason> {
    let first = named.len();
    let condition = compiling.section(&filter.detection, named)?;
    let own = named.get(first..).unwrap_or_default();
    let of_nothing: BTreeMap<usize, bool> = (first..first + own.len()).map(|at| (at, false)).collect();
    Ok(if condition.holds_when(&of_nothing) { condition } else { Node::Not(Box::new(condition)) })
}
