//! Correlations over a handful of hits.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Family, Origin, Source, Utc};
use rsigma_parser::parse_sigma_yaml;

use super::{Correlation, Correlations, Correlator, HitLog, Known, NotedHit, RuleIndex};
use crate::sigma::FieldNames;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Correlations as a pack would have them, the first of them named `d`, the second `e`.
fn correlations(texts: &[&str]) -> Result<(Correlations, FieldNames), String> {
    let (mut correlations, mut names) = (Correlations::default(), FieldNames::default());
    let mut known: Vec<(String, Known)> = NAMES
        .iter()
        .zip(0..)
        .map(|(name, at)| ((*name).to_owned(), Known { rule: RuleIndex(at), bases: vec![RuleIndex(at)] }))
        .collect();
    for (text, at) in texts.iter().zip(9u8..) {
        let yaml = format!("title: t\ncorrelation:\n{text}");
        let collection = parse_sigma_yaml(&yaml).unwrap();
        let written = collection.correlations.first().ok_or_else(|| collection.errors.join(" "))?;
        let find = |name: &str| known.iter().find(|(of, _)| of == name).map(|(_, known)| known.clone());
        let rule = RuleIndex(u32::from(at));
        let compiled = Correlation::compile(written, rule, &find, &mut names).map_err(|reason| reason.to_string())?;
        let bases: Vec<RuleIndex> =
            written.rules.iter().filter_map(|name| find(name)).flat_map(|known| known.bases).collect();
        correlations.add(compiled, &bases, written.generate).map_err(|reason| reason.to_string())?;
        known.push((char::from(b'd' + at - 9).to_string(), Known { rule, bases }));
    }
    Ok((correlations, names))
}

/// Hits as `rule second client subject field=value…`, numbered as they stand; the groups of the last correlation.
fn groups_of(texts: &[&str], hits: &str) -> Vec<Vec<usize>> {
    let (correlations, names) = correlations(texts).unwrap();
    let last = RuleIndex(8 + texts.len() as u32);
    let mut correlator = Correlator::new(&Arc::new(correlations));
    for (index, hit) in hits.split(',').enumerate() {
        let (fields, words): (Vec<&str>, Vec<&str>) = hit.split_whitespace().partition(|word| word.contains('='));
        let hit = NotedHit {
            rule: RuleIndex(u32::from(words[0].as_bytes()[0] - b'a')),
            time: Utc(words[1].parse::<i64>().unwrap() * 1_000_000),
            source: &Source::whole(Family::Iis),
            origin: Origin { file: 0, record: index as u64, offset: 0 },
            client: words.get(2).map(|client| client.as_bytes()),
            account: None,
            subject: words.get(3).map(|subject| subject.as_bytes()),
        };
        let server = fields.iter().find_map(|field| field.strip_prefix("server=")).unwrap_or("EXC01");
        correlator.note(server, &hit, &|id| {
            let values = fields.iter().filter_map(|field| field.split_once('='));
            values.filter(|(name, _)| *name == names.name(id)).map(|(_, value)| Cow::Borrowed(value.as_bytes())).next()
        });
    }
    let (groups, cut) = correlator.finish();
    assert_eq!(cut, []);
    let members = |group: super::CorrelationGroup| group.members.iter().map(|hit| hit.origin.record as usize).collect();
    groups.into_iter().filter(|group| group.rule == last).map(members).collect()
}

fn groups(text: &str, hits: &str) -> Vec<Vec<usize>> {
    groups_of(&[text], hits)
}

fn correlation(text: &str) -> Result<(), String> {
    correlations(&[text]).map(|_| ())
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
    // Of the same moment the record that comes first is told first.
    assert_eq!(groups(ORDERED, "b 3 x, a 3 x"), [[0, 1]]);
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
        "  type: value_sum\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1}\n",
        "  type: value_sum\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1, field: [x, y]}\n",
        "  type: value_sum\n  rules: [a]\n  timespan: 10s\n  condition: {gt: -1, field: x}\n",
        "  type: value_percentile\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1, field: x}\n",
        "  type: value_percentile\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1, field: x, percentile: 101}\n",
        "  type: event_count\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1, field: x}\n",
        "  type: temporal_ordered\n  rules: [a, b, c]\n  timespan: 10s\n  condition: {gte: 2}\n",
        "  type: temporal_ordered\n  rules: [a, b]\n  timespan: 10s\n  condition: a and b\n",
        "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  condition: a and c\n",
        "  type: temporal\n  rules: [a, b]\n  group-by: [x]\n  timespan: 10s\n  aliases: {x: {a: p}}\n",
        "  type: temporal\n  rules: [a, b]\n  group-by: [x]\n  timespan: 10s\n  aliases: {x: {a: p, z: q}}\n",
        "  type: value_count\n  rules: [a]\n  timespan: 10s\n  condition: {gt: 1}\n",
        "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  window: tumbling\n",
    ] {
        assert!(correlation(text).is_err(), "{text}");
    }
}

#[test]
fn groups_by_any_field() {
    let count = "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 10s\n  condition: {gte: 2}\n";
    assert_eq!(groups(count, "a 0 User=x, a 1 User=y, a 2 User=X"), [[0, 2]]);
    assert_eq!(groups(count, "a 0 User=-, a 1 User=-, a 2, a 3"), Vec::<Vec<usize>>::new());
    // The specification groups by what is written, so hits on two servers belong together.
    assert_eq!(groups(count, "a 0 User=x server=A, a 1 User=x server=B"), [[0, 1]]);
    let long = "v".repeat(300);
    assert_eq!(groups(count, &format!("a 0 User={long}, a 1 User={long}, a 2 User={long}w")), [[0, 1]]);
}

#[test]
fn aliases_name_a_field_for_each_rule() {
    let alias =
        "  type: temporal\n  rules: [a, b]\n  group-by: [ip]\n  timespan: 10s\n  aliases: {ip: {a: src, b: dst}}\n";
    assert_eq!(groups(alias, "a 0 src=1 dst=2, b 1 src=2 dst=1"), [[0, 1]]);
    assert_eq!(groups(alias, "a 0 src=1 dst=2, b 1 src=1 dst=2"), Vec::<Vec<usize>>::new());
}

#[test]
fn measures_numbers() {
    let check = |of: &str, hits: &str, expected: &[&[usize]]| {
        assert_eq!(groups(&format!("  rules: [a]\n  timespan: 10s\n{of}"), hits), expected, "{of} {hits}");
    };
    let sum = "  type: value_sum\n  condition: {field: n, gt: 10}\n";
    check(sum, "a 0 n=4, a 1 n=6.5", &[&[0, 1]]);
    check(sum, "a 0 n=4, a 1 n=6", &[]);
    check(sum, "a 0 n=4, a 1 n=many, a 11 n=11", &[&[1, 2]]);
    let average = "  type: value_avg\n  condition: {field: n, gt: 10}\n";
    check(average, "a 0 n=1, a 1 n=20", &[&[0, 1]]);
    check(average, "a 0 n=1, a 1 n=19", &[&[1]]);
    check(average, "a 0 n=x", &[]);
    let percentile = "  type: value_percentile\n  condition: {field: n, gte: 10, percentile: 90}\n";
    check(percentile, "a 0 n=0, a 1 n=0, a 2 n=12", &[&[1, 2]]);
    let median = "  type: value_median\n  condition: {field: n, eq: 3}\n";
    check(median, "a 0 n=1, a 1 n=2, a 2 n=4, a 3 n=9", &[&[0, 1, 2, 3]]);
    let both = "  type: value_count\n  condition: {field: [n, m], gte: 2}\n";
    check(both, "a 0 n=1 m=1, a 1 n=1 m=2", &[&[0, 1]]);
    check(both, "a 0 n=1 m=1, a 1 n=1 m=1, a 2 n=2", &[]);
}

#[test]
fn counts_rules_and_asks_for_them() {
    let two = "  type: temporal\n  rules: [a, b, c]\n  timespan: 10s\n  condition: {gte: 2}\n";
    assert_eq!(groups(two, "a 0, a 1, c 2"), [[0, 1, 2]]);
    assert_eq!(groups(two, "a 0, a 1"), Vec::<Vec<usize>>::new());
    let asked = "  type: temporal\n  rules: [a, b, c]\n  timespan: 10s\n  condition: a and (b or c)\n";
    assert_eq!(groups(asked, "c 0, a 1"), [[0, 1]]);
    assert_eq!(groups(asked, "c 0, b 1"), Vec::<Vec<usize>>::new());
    let without = "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  condition: a and not b\n";
    assert_eq!(groups(without, "a 0, b 1, a 20"), [[2]]);
}

#[test]
fn correlations_of_correlations() {
    let failed = "  type: event_count\n  rules: [a]\n  group-by: [Computer]\n  timespan: 10s\n  condition: {gte: 2}\n";
    let then = "  type: temporal_ordered\n  rules: [d, b]\n  group-by: [User]\n  timespan: 10s\n";
    let hits = "a 0 Computer=1 User=x, a 8 Computer=1 User=y, b 12 User=x, b 13 User=y, b 13 User=z";
    assert_eq!(groups_of(&[failed, then], hits), [[0, 1, 2], [0, 1, 3]]);
    assert_eq!(groups_of(&[failed, then], "a 0 Computer=1 User=x, b 12 User=x"), Vec::<Vec<usize>>::new());
    // The failures are complete with the last of them.
    assert_eq!(
        groups_of(&[failed, then], "a 0 Computer=1 User=x, b 3 User=x, a 8 Computer=1 User=x"),
        Vec::<Vec<usize>>::new()
    );
    assert!(
        correlations(&[failed, "  type: value_count\n  rules: [d]\n  timespan: 1s\n  condition: {gt: 1, field: x}\n"])
            .is_err()
    );
}

#[test]
fn what_is_only_joined_is_known() {
    let count = |generate: bool| {
        format!("  type: event_count\n  rules: [a]\n  timespan: 1s\n  generate: {generate}\n  condition: {{gte: 2}}\n")
    };
    for (texts, only_joined) in [(vec![false], true), (vec![true], false), (vec![false, true], false)] {
        let texts: Vec<String> = texts.into_iter().map(count).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (correlations, _) = correlations(&texts).unwrap();
        assert_eq!(correlations.is_only_joined(RuleIndex(0)), only_joined, "{texts:?}");
        assert!(!correlations.is_only_joined(RuleIndex(1)));
    }
}

/// Whatever the order and however the logs were cut: the earliest hits stay, and the missing ones are counted.
#[test]
fn a_full_log_says_so() {
    let source = Source::whole(Family::Iis);
    let log = |times: &[i64]| {
        let mut log = HitLog::with_room_for(3);
        for time in times {
            let hit = NotedHit {
                rule: RuleIndex(0),
                time: Utc(*time),
                source: &source,
                origin: Origin { file: 0, record: 0, offset: 0 },
                client: Some(b"x"),
                account: None,
                subject: None,
            };
            log.note(&hit, &[], &|_| None);
        }
        log
    };
    let times: Vec<i64> = (0..40).map(|n| n * 7 % 40).collect();
    for cut in 0..times.len() {
        let (front, back) = times.split_at(cut);
        let mut merged = log(back);
        merged.merge(log(front));
        assert_eq!(merged.finish(), [(RuleIndex(0), 37)], "cut at {cut}");
        let kept: Vec<i64> = merged.hits().map(|(_, hit)| hit.time.0).collect();
        assert_eq!(kept, [0, 1, 2]);
        assert_eq!(merged.hits().map(|(_, hit)| merged.text(hit.client)).last().flatten().as_deref(), Some("x"));
    }
}
