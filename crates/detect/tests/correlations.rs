//! Correlations beside a reference that only tries everything: over generated hits both find the same groups.
//!
//! The reference is written from the specification and from what docs/sigma.md says where that is silent: windows begin
//! with a hit and last the timespan; where a later window can hold more, the next begins one hit later, else behind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use detect::pack::PackFiles;
use detect::plan::{Compiled, Plan, RuleIndex};
use detect::sigma::correlation::NotedHit;
use model::{Family, Origin, Source, Utc};

const MANIFEST: &str = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n";
const TAGS: &str = "tags: [afterpatch.stage.access, afterpatch.proves.scan]\n";

/// Rules `a`, `b` and `c`, and correlations.
fn compile(correlations: &[(&str, &str)]) -> Compiled {
    let file = |name: String, text: String| (name, Cow::Owned(text.into_bytes()));
    let mut files = vec![file("pack.toml".into(), MANIFEST.into())];
    for name in ["a", "b", "c"] {
        let rule = format!(
            "title: t\nname: {name}\nlogsource: {{product: windows}}\n{TAGS}detection:\n  s: {{k: {name}}}\n  condition: s\n"
        );
        files.push(file(format!("rules/{name}.yml"), rule));
    }
    for (name, text) in correlations {
        files.push(file(format!("rules/{name}.yml"), format!("title: t\nname: {name}\n{TAGS}correlation:\n{text}")));
    }
    Plan::compile(&[PackFiles { id: "p".into(), files }])
}

#[derive(Clone, Debug)]
struct Hit {
    rule: &'static str,
    time: i64,
    user: Option<&'static str>,
    number: Option<i64>,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % sides
    }

    fn hits(&mut self) -> Vec<Hit> {
        let mut time = 0;
        let many = 3 + self.below(14);
        (0..many)
            .map(|_| {
                time += 1 + self.below(6);
                Hit {
                    rule: ["a", "b", "c"][self.below(3) as usize],
                    time,
                    user: [Some("x"), Some("x"), Some("Y"), None][self.below(4) as usize],
                    number: [None, Some(self.below(20) - 5)][usize::from(self.below(5) > 0)],
                }
            })
            .collect()
    }
}

/// What the engine finds, hits shown in the order that `turn` gives them.
fn engine(compiled: &Compiled, name: &str, hits: &[Hit], turn: usize) -> Vec<Vec<usize>> {
    let plan = &compiled.plan;
    let index = |name: &str| {
        let at = plan.rules().iter().position(|facts| facts.id == format!("p/{name}")).expect("a rule of the pack");
        RuleIndex(at as u32)
    };
    let mut parts = [plan.correlations(), plan.correlations()];
    for step in 0..hits.len() {
        let at = (step * 7 + turn) % hits.len();
        // Steps of seven reach each hit once unless seven divides their number.
        let at = if hits.len().is_multiple_of(7) { step } else { at };
        let hit = &hits[at];
        let noted = NotedHit {
            rule: index(hit.rule),
            time: Utc(hit.time * 1_000_000),
            source: &Source::whole(Family::Windows),
            origin: Origin { file: 0, record: at as u64, offset: 0 },
            client: None,
            account: None,
            subject: None,
        };
        parts[step % 2].note("EXC01", &noted, &|field| {
            let number = || hit.number.map(|number| Cow::Owned(number.to_string().into_bytes()));
            match plan.fields().name(field) {
                "User" => hit.user.map(|user| Cow::Borrowed(user.as_bytes())),
                "n" => number(),
                other => panic!("{other}"),
            }
        });
    }
    let [mut first, second] = parts;
    first.merge(second);
    let (groups, cut) = first.finish();
    assert!(cut.is_empty());
    let of_name = groups.into_iter().filter(|group| group.rule == index(name));
    of_name.map(|group| group.members.iter().map(|hit| hit.origin.record as usize).collect()).collect()
}

const SPAN: i64 = 12;

/// Hits of each user by themselves, in lower case and in order.
fn by_user(hits: &[Hit], rules: &[&str]) -> BTreeMap<String, Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, hit) in hits.iter().enumerate().filter(|(_, hit)| rules.contains(&hit.rule)) {
        if let Some(user) = hit.user {
            groups.entry(user.to_lowercase()).or_default().push(at);
        }
    }
    groups
}

/// Every window of every group, tried one by one.
fn windows(hits: &[Hit], rules: &[&str], slides: bool, fits: &dyn Fn(&[&Hit]) -> bool) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for group in by_user(hits, rules).into_values() {
        let mut from = 0;
        while from < group.len() {
            let first = hits[group[from]].time;
            let window: Vec<usize> =
                group[from..].iter().copied().filter(|at| hits[*at].time - first <= SPAN).collect();
            let inside: Vec<&Hit> = window.iter().map(|at| &hits[*at]).collect();
            let fulfilled = fits(&inside);
            from += if fulfilled || !slides { window.len() } else { 1 };
            if fulfilled {
                found.push(window);
            }
        }
    }
    found
}

fn numbers(window: &[&Hit]) -> Vec<i64> {
    let mut numbers: Vec<i64> = window.iter().filter_map(|hit| hit.number).collect();
    numbers.sort_unstable();
    numbers
}

fn different<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<BTreeSet<T>>().len()
}

type Fits = fn(&[&Hit]) -> bool;

#[test]
fn windows_are_those_of_the_reference() {
    let cases: [(&str, &[&str], bool, Fits); 13] = [
        ("type: event_count\n  condition: {gte: 3}", &["a", "b"], true, |window| window.len() >= 3),
        ("type: event_count\n  condition: {gt: 1, lt: 4}", &["a", "b"], false, |window| (2..4).contains(&window.len())),
        ("type: event_count\n  condition: {neq: 2}", &["a"], false, |window| window.len() != 2),
        ("type: event_count\n  condition: {eq: 2}", &["a", "c"], false, |window| window.len() == 2),
        ("type: value_count\n  condition: {gte: 3, field: n}", &["a", "b"], true, |window| {
            different(window.iter().filter_map(|hit| hit.number)) >= 3
        }),
        ("type: value_count\n  condition: {lte: 1, field: n}", &["a", "b"], false, |window| {
            different(window.iter().filter_map(|hit| hit.number)) <= 1
        }),
        ("type: value_sum\n  condition: {gt: 12, field: n}", &["a", "b"], true, |window| {
            let numbers = numbers(window);
            !numbers.is_empty() && numbers.iter().sum::<i64>() > 12
        }),
        ("type: value_avg\n  condition: {gte: 6, field: n}", &["a", "b", "c"], true, |window| {
            let numbers = numbers(window);
            !numbers.is_empty() && numbers.iter().sum::<i64>() >= 6 * numbers.len() as i64
        }),
        ("type: value_avg\n  condition: {lt: 4, field: n}", &["a", "b", "c"], true, |window| {
            let numbers = numbers(window);
            !numbers.is_empty() && numbers.iter().sum::<i64>() < 4 * numbers.len() as i64
        }),
        ("type: value_percentile\n  condition: {gte: 5, field: n, percentile: 50}", &["a", "b"], true, |window| {
            let numbers = numbers(window);
            let half = numbers.len() / 2;
            match numbers.len() {
                0 => false,
                many if many % 2 == 1 => numbers[half] >= 5,
                _ => numbers[half - 1] + numbers[half] >= 10,
            }
        }),
        ("type: value_percentile\n  condition: {gt: 9, field: n, percentile: 100}", &["a", "b"], true, |window| {
            numbers(window).last().is_some_and(|most| *most > 9)
        }),
        ("type: temporal\n  condition: {gte: 2}", &["a", "b", "c"], true, |window| {
            different(window.iter().map(|hit| hit.rule)) >= 2
        }),
        ("type: temporal\n  condition: a and not (b or c)", &["a", "b", "c"], false, |window| {
            window.iter().all(|hit| hit.rule == "a")
        }),
    ];
    for (text, rules, slides, fits) in cases {
        let text = format!("  {text}\n  rules: [{}]\n  group-by: [User]\n  timespan: {SPAN}s\n", rules.join(", "));
        let compiled = compile(&[("x", &text)]);
        assert!(compiled.refusals.is_empty(), "{text} {:?}", compiled.refusals);
        let mut dice = Dice(7);
        let mut found = 0;
        for turn in 0..150 {
            let hits = dice.hits();
            let expected = windows(&hits, rules, slides, &fits);
            found += expected.len();
            assert_eq!(engine(&compiled, "x", &hits, turn), expected, "{text} {hits:?}");
        }
        assert!(found > 20, "{text}: {found}");
    }
}

/// All ways to take one hit of each rule.
fn chains(hits: &[Hit], group: &[usize], rules: &[&str], ordered: bool) -> bool {
    fn any(hits: &[Hit], left: &[usize], rules: &[&str], chain: &mut Vec<i64>, ordered: bool) -> bool {
        let Some((rule, rules)) = rules.split_first() else {
            let (first, last) = (chain.iter().min(), chain.iter().max());
            let spans = first.zip(last).is_some_and(|(first, last)| last - first <= SPAN);
            return spans && (!ordered || chain.is_sorted());
        };
        left.iter().filter(|at| hits[**at].rule == *rule).any(|at| {
            chain.push(hits[*at].time);
            let holds = any(hits, left, rules, chain, ordered);
            chain.pop();
            holds
        })
    }
    any(hits, group, rules, &mut Vec::new(), ordered)
}

/// A chain is found exactly where there is one, each that is found is one, and none shares a hit with another.
#[test]
fn chains_are_found_where_there_are_any() {
    for (kind, ordered) in [("temporal", false), ("temporal_ordered", true)] {
        let rules = ["a", "b", "c"];
        let text = format!("  type: {kind}\n  rules: [a, b, c]\n  group-by: [User]\n  timespan: {SPAN}s\n");
        let compiled = compile(&[("x", &text)]);
        assert!(compiled.refusals.is_empty(), "{:?}", compiled.refusals);
        let mut dice = Dice(11);
        let mut found = 0;
        for turn in 0..400 {
            let hits = dice.hits();
            let groups = engine(&compiled, "x", &hits, turn);
            let any = by_user(&hits, &rules).values().any(|group| chains(&hits, group, &rules, ordered));
            assert_eq!(!groups.is_empty(), any, "{kind} {hits:?} {groups:?}");
            found += groups.len();
            let all: Vec<usize> = groups.concat();
            assert_eq!(different(all.iter()), all.len(), "{hits:?} {groups:?}");
            for group in groups {
                assert!(group.len() == 3 && chains(&hits, &group, &rules, ordered), "{hits:?} {group:?}");
            }
        }
        assert!(found > 30, "{kind}: {found}");
    }
}

/// The specification's example: many failures of a user, then a success of the same.
#[test]
fn chains_of_correlations() {
    let failed = "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 12s\n  condition: {gte: 3}\n";
    let then = "  type: temporal_ordered\n  rules: [failed, b]\n  group-by: [User]\n  timespan: 12s\n";
    // Whatever the order of the files.
    for (first, second) in [("failed", "zz"), ("failed", "aa")] {
        let compiled = compile(&[(first, failed), (second, then)]);
        assert!(compiled.refusals.is_empty(), "{:?}", compiled.refusals);
        let hit = |rule, time, user| Hit { rule, time, user: Some(user), number: None };
        let hits = [hit("a", 0, "x"), hit("a", 2, "x"), hit("a", 4, "X"), hit("b", 9, "y"), hit("b", 15, "x")];
        assert_eq!(engine(&compiled, second, &hits, 0), [[0, 1, 2, 4]]);
        assert_eq!(engine(&compiled, second, &hits[..4], 0), Vec::<Vec<usize>>::new());
    }
    let circle = "  type: temporal\n  rules: [y]\n  group-by: [User]\n  timespan: 1s\n";
    let compiled = compile(&[("x", circle), ("y", &circle.replace("[y]", "[x]"))]);
    let refused: Vec<&str> = compiled.refusals.iter().map(|refusal| refusal.rule.as_str()).collect();
    assert_eq!(refused, ["p/x", "p/y"]);
}

/// Through the observer: hits that are not kept as evidence count, grouped by a column that nothing else looks at, and the
/// cut of the file does not matter.
#[test]
fn every_hit_of_a_log_counts() {
    use detect::observe::{FileFacts, Habits, Merge, Observer, Tally, TimeRange, conclude};
    use formats::block::Block;
    use formats::delimited::{Header, read};
    use model::observation::Observations;

    const RULE: &str = "title: t\nname: a\nlogsource: {category: webserver}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
        detection:\n  s: {cs-uri-stem: /logon-page}\n  condition: s\n";
    let count = "title: t\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [cs-username]\n  timespan: 10m\n  condition: {gte: 100}\n";
    let file = |name: &str, text: &str| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    let files = vec![file("pack.toml", MANIFEST), file("rules/a.yml", RULE), file("rules/many.yml", count)];
    let compiled = Plan::compile(&[PackFiles { id: "p".into(), files }]);
    assert!(compiled.refusals.is_empty(), "{:?}", compiled.refusals);
    let header = "#Fields: date time s-computername cs-uri-stem cs-username s-port c-ip sc-status\n";
    let rows: Vec<String> = (0..300)
        .map(|at| {
            let user = if at % 2 == 0 { "Alice" } else { "-" };
            format!("2021-03-03 05:{:02}:{:02} EXC01 /logon-page {user} 443 192.0.2.{} 200\n", at / 60, at % 60, at % 7)
        })
        .collect();
    let observed = |cuts: &[&[String]]| {
        let on_server = r"c:\inetpub\logs\logfiles\w3svc1\u_ex210303.log".into();
        let facts = FileFacts { on_server, ..FileFacts::default() };
        let mut tallies = cuts.iter().map(|rows| {
            let log = format!("{header}{}", rows.concat());
            let mut observer = Observer::new(&compiled.plan, &facts, TimeRange::default(), Habits::default());
            read(&Block::whole(log.as_bytes()), &mut Header::default(), &mut observer);
            observer.finish().0
        });
        let mut file = tallies.next().unwrap();
        tallies.for_each(|next| file.merge(next));
        file.finish();
        let mut tally = Tally::default();
        tally.add("host", None, file);
        let (servers, noted) = tally.into_servers(None);
        let mut observations = Observations { servers, ..Observations::default() };
        assert!(conclude(&compiled.plan, noted, &mut observations).is_empty());
        let server = observations.servers.remove("EXC01").unwrap();
        server.sightings.into_iter().filter(|sighting| sighting.rule == 1).collect::<Vec<_>>()
    };
    let found = observed(&[&rows]);
    assert_eq!(found.iter().map(|sighting| sighting.count).collect::<Vec<_>>(), [150]);
    assert!((1..=100).contains(&found[0].evidence.len()));
    assert_eq!(found[0].last, Utc::parse(b"2021-03-03T05:04:58Z"));
    // Rows are numbered from the beginning of their block here, so only what does not name rows is the same.
    let cut = observed(&[&rows[200..], &rows[..77], &rows[77..200]]);
    assert_eq!((cut.len(), cut[0].count, cut[0].first, cut[0].last), (1, 150, found[0].first, found[0].last));
}
