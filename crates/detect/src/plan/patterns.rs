//! Indicators that are searched for instead of looked up: user agents and host names, as detections over many values.

use std::collections::BTreeMap;

use model::{Family, Utc};
use rsigma_parser::parse_sigma_yaml;

use super::routes::{Route, Scope};
use crate::pack::{Indicator, IndicatorKind};
use crate::sigma::{Detection, FieldNames};

/// Shorter ones would fit half of all records.
const VALUE_BYTES_MIN: usize = 4;

/// Where to look, for what, and between which times a hit counts.
pub(super) type Pattern = (Route, Detection, (Option<Utc>, Option<Utc>));

/// The detections for a list of indicators of one kind: one for each place to look and each stretch of time.
pub(super) fn of(kind: IndicatorKind, list: &[&Indicator], names: &mut FieldNames) -> Vec<Pattern> {
    let mut by_time: BTreeMap<(Option<Utc>, Option<Utc>), Vec<&str>> = BTreeMap::new();
    for one in list.iter().filter(|one| one.value.len() >= VALUE_BYTES_MIN) {
        by_time.entry((one.from, one.until)).or_default().push(&one.value);
    }
    let mut patterns = Vec::new();
    for (between, values) in by_time {
        let found = texts(kind, &values).into_iter().filter_map(|(route, text)| Some((route, compile(&text, names)?)));
        patterns.extend(found.map(|(route, detection)| (route, detection, between)));
    }
    patterns
}

fn texts(kind: IndicatorKind, values: &[&str]) -> Vec<(Route, String)> {
    let values = || values.iter().copied();
    match kind {
        IndicatorKind::UserAgent => vec![
            // IIS writes blanks as plus signs.
            (Route::Rows(Family::Iis), field("cs-user-agent", values().map(|value| value.replace(' ', "+")))),
            (Route::Rows(Family::HttpProxy), field("UserAgent", values().map(str::to_owned))),
        ],
        IndicatorKind::Domain => {
            let anywhere = vec![Scope { log: None, event_ids: None, renamed: false }];
            vec![(Route::Events(anywhere), keywords(values()))]
        }
        _ => Vec::new(),
    }
}

fn compile(text: &str, names: &mut FieldNames) -> Option<Detection> {
    let rule = parse_sigma_yaml(text).ok()?.rules.pop()?;
    Detection::compile(&rule, names).ok()
}

fn field(name: &str, values: impl Iterator<Item = String>) -> String {
    rule(&format!("  selection:\n    {name}:\n"), "      - ", "selection", values)
}

fn keywords<'v>(values: impl Iterator<Item = &'v str>) -> String {
    rule("  keywords:\n", "    - ", "keywords", values.map(str::to_owned))
}

fn rule(head: &str, bullet: &str, condition: &str, values: impl Iterator<Item = String>) -> String {
    let lines: String = values.map(|value| format!("{bullet}{}\n", quoted(&value))).collect();
    format!("title: indicators\nlogsource:\n  product: any\ndetection:\n{head}{lines}  condition: {condition}\n")
}

/// A YAML string that stands for itself in Sigma: no wildcards.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('\'');
    for letter in value.chars().filter(|letter| !letter.is_control()) {
        match letter {
            '\'' => text.push_str("''"),
            '*' | '?' | '\\' => text.extend(['\\', letter]),
            letter => text.push(letter),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indicator(kind: IndicatorKind, value: &str) -> Indicator {
        Indicator {
            kind,
            value: value.to_owned(),
            confidence: "low".to_owned(),
            from: None,
            until: None,
            note: String::new(),
            source: String::new(),
            group: None,
        }
    }

    #[test]
    fn values_stand_for_themselves() {
        assert_eq!(quoted(r"it's a\b*?"), r"'it''s a\\b\*\?'");
        let awkward = indicator(IndicatorKind::Domain, "a'b: #*.example");
        assert_eq!(of(IndicatorKind::Domain, &[&awkward], &mut FieldNames::default()).len(), 1);
    }

    #[test]
    fn what_is_too_short_or_looked_up_is_not_searched_for() {
        let names = &mut FieldNames::default();
        let short = indicator(IndicatorKind::Domain, "x.y");
        assert!(of(IndicatorKind::Domain, &[&short], names).is_empty());
        let ip = indicator(IndicatorKind::Ip, "192.0.2.1");
        assert!(of(IndicatorKind::Ip, &[&ip], names).is_empty());
        let agent = indicator(IndicatorKind::UserAgent, "antSword/v2.1");
        assert_eq!(of(IndicatorKind::UserAgent, &[&agent], names).len(), 2);
        let later = Indicator { from: Some(Utc(0)), ..agent.clone() };
        assert_eq!(of(IndicatorKind::UserAgent, &[&agent, &later], names).len(), 4, "by time");
    }
}
