//! Our evaluator beside `rsigma-eval` 0.23.0, over a grid of items and records and over generated rules.
//!
//! Each difference is listed in [`known_difference`] with who is right by the specification; any other fails the test,
//! and so does one of the list that no longer shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use detect::sigma::{Detection, FieldId, FieldNames, Fields, Literal, Writing};
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::{SigmaRule, parse_sigma_yaml};

/// A record: a few texts by field name.
struct Record<'a> {
    names: &'a FieldNames,
    fields: &'a [(&'a str, &'a str)],
}

impl Fields for Record<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        let name = self.names.name(field);
        self.fields.iter().find(|(of, _)| *of == name).map(|(_, value)| Cow::Borrowed(value.as_bytes()))
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().any(|(_, value)| test(value.as_bytes()))
    }
}

/// One rule, compiled by both; `None` where one of them refuses it.
struct Both {
    names: FieldNames,
    ours: Detection,
    theirs: Engine,
}

fn rule(detection: &str) -> Option<SigmaRule> {
    let yaml = format!("title: t\nlogsource: {{category: webserver}}\ndetection:\n{detection}");
    let mut collection = parse_sigma_yaml(&yaml).ok()?;
    if collection.errors.is_empty() { collection.rules.pop() } else { None }
}

fn both(detection: &str) -> Option<Both> {
    let rule = rule(detection)?;
    let mut names = FieldNames::default();
    let ours = Detection::compile(&rule, &mut names).ok()?;
    let mut theirs = Engine::new();
    theirs.add_rule(&rule).ok()?;
    Some(Both { names, ours, theirs })
}

impl Both {
    /// What ours and theirs say of a record. A required literal that a fitting record lacks fails the test.
    fn say(&self, detection: &str, fields: &[(&str, &str)]) -> (bool, bool) {
        let ours = self.ours.matches(&Record { names: &self.names, fields });
        if ours {
            // In the value of the field that it is required in, not anywhere.
            let holds = |literal: &Literal| {
                let named = |name: &str| literal.field.is_none_or(|field| self.names.find(name) == Some(field));
                let mut values = fields.iter().filter(|(name, _)| named(name)).map(|(_, value)| value);
                values.any(|value| {
                    memchr::memmem::find(&value.to_ascii_lowercase().into_bytes(), &literal.bytes).is_some()
                })
            };
            for writing in [Writing::Values, Writing::Lines] {
                let literals = self.ours.required_literals(writing, &|_| true);
                assert!(literals.iter().all(|set| set.iter().any(&holds)), "{detection} {fields:?} {literals:?}");
            }
        }
        let json: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let theirs = !self.theirs.evaluate(&JsonEvent::owned(json.into())).is_empty();
        (ours, theirs)
    }
}

/// Values of a record's fields; `None` is a field that is not there.
const TEXTS: [Option<&str>; 44] = [
    None,
    Some(""),
    Some("-"),
    Some("abc"),
    Some("ABC"),
    Some("abcd"),
    Some("xabc"),
    Some("xabcx"),
    Some("a*c"),
    Some("a?c"),
    Some("a\\c"),
    Some("a\\bc"),
    Some("a\\*c"),
    Some("ac"),
    Some("a\nc"),
    Some("b\nabc\nb"),
    Some("ps -enc x"),
    Some("ps /enc x"),
    Some("ps /ENC x"),
    Some("ps \u{2013}enc x"),
    Some("ps \u{2015}enc x"),
    Some("ps +enc x"),
    Some("a/b-c"),
    Some("a-b/c"),
    Some("10.1.2.3"),
    Some("11.1.2.3"),
    Some("10.1.2.3:443"),
    Some("::ffff:10.1.2.3"),
    Some("fe80::1"),
    Some("fe80::1%12"),
    Some("5"),
    Some("05"),
    Some("5.0"),
    Some("-7"),
    Some("1e1"),
    Some("true"),
    Some("True"),
    Some("M\u{dc}LLER"),
    Some("m\u{fc}ller"),
    Some("\u{212a}"),
    Some("2021-03-03T04:05:22Z"),
    Some("2021-03-03T04:05:22+05:00"),
    Some("2021-03-05"),
    Some("04:05:06"),
];

const WORDS: &[&str] = &[
    "abc",
    "'ABC'",
    "'a*c'",
    "'a?c'",
    r"'a\*c'",
    r"'a\?c'",
    r"'a\\*c'",
    r"'a\\\*c'",
    r"'a\c'",
    r"'a\\c'",
    "'*'",
    "'?'",
    "'??*'",
    "'*b*'",
    "''",
    "'m\u{fc}ller'",
    "'M\u{dc}L*'",
    "k",
    "[abc, '5']",
    "[x, y]",
];
const PLAIN: &[&str] = &["5", "5.0", "-7", "true", "null", "10", "['', null]", "[5, abc]"];
const DASHED: &[&str] = &["'-enc'", "' -enc '", "' /enc '", "'a-b'", "'a/b-c'", "enc", "'*-enc*'", "['-enc', '/x']"];
const REGEXES: &[&str] = &[
    "'abc'",
    "'^abc$'",
    "'^ABC$'",
    "'a.c'",
    "'^a.c$'",
    "'b+'",
    "'[a-b]{2}'",
    "'(abc|5)'",
    "'^c$'",
    "'a\\\\c'",
    "'.'",
    "'\\d+'",
    "''",
    "[a, c]",
    "['^a', 'c$']",
];
const NETWORKS: &[&str] = &["10.0.0.0/8", "'fe80::/10'", "10.1.2.3", "[10.0.0.0/8, 11.0.0.0/8]", "0.0.0.0/0"];
const SECRETS: &[&str] = &["abc", "'a'", "'ab'", "'M\u{fc}'", "'abcdef'"];
const NUMBERS: &[&str] = &["5", "5.5", "'5'", "-7", "[4, 6]", "2021", "3", "9"];

/// Modifiers, and the values that are tried with each of them.
const ITEMS_BY_KIND: &[(&[&str], &[&str])] = &[
    (&["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|startswith|cased"], WORDS),
    (&["|neq", "|contains|neq", "|endswith|cased|neq"], WORDS),
    (&[""], PLAIN),
    (&["|contains|all", "|all"], &["[a, c]", "[abc, ABC]", "[x, a]", "['a*', '*c']"]),
    (&["|windash", "|windash|contains", "|contains|windash", "|windash|startswith", "|windash|contains|cased"], DASHED),
    (&["|re", "|re|i", "|re|m", "|re|s", "|re|i|m|s", "|re|neq", "|re|all"], REGEXES),
    (&["|cidr", "|cidr|neq"], NETWORKS),
    (&["|fieldref", "|fieldref|contains", "|fieldref|startswith"], &["g", "h", "[g, h]"]),
    (&["|fieldref|endswith|cased", "|fieldref|cased", "|fieldref|neq"], &["g", "h", "[g, h]"]),
    (&["|base64", "|base64|contains", "|base64offset|contains", "|wide|base64", "|utf16be|base64"], SECRETS),
    (&["|utf16|base64offset|contains", "|utf16le|base64offset|contains", "|base64offset"], SECRETS),
    (&["|lt", "|lte", "|gt", "|gte", "|minute", "|hour", "|day", "|week", "|month", "|year", "|hour|neq"], NUMBERS),
    (&["|exists"], &["true", "false"]),
];

/// Every modifier with every value of its kind.
fn items() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_kind = |(modifiers, values): &(&'static [&'static str], &'static [&'static str])| {
        let values = *values;
        modifiers.iter().flat_map(move |modifiers| values.iter().map(move |value| (*modifiers, *value)))
    };
    ITEMS_BY_KIND.iter().flat_map(of_kind)
}

/// Encodings of texts that hold `abc` and others, so that some items hit.
const ENCODED: [&str; 8] =
    ["YWJj", "eGFiY3g=", "eHhhYmN4", "YQBiAGMA", "//5hAGIAYwA=", "AGEAYgBj", "YQ==", "eWFiY2RlZg=="];

#[test]
fn items_mean_the_same() {
    let mut differences: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut compared, mut unexplained) = (0u64, Vec::new());
    let mut texts: Vec<Option<&str>> = TEXTS.to_vec();
    texts.extend(ENCODED.iter().map(|text| Some(*text)));
    for (modifiers, value) in items() {
        let detection = format!("  s: {{f{modifiers}: {value}}}\n  condition: s\n");
        let Some(both) = both(&detection) else { continue };
        let others = [Some("ABC"), Some("c"), None];
        for (text, other) in texts.iter().flat_map(|text| others.map(|other| (*text, other))) {
            let named = [("f", text), ("g", other)];
            let fields: Vec<(&str, &str)> = named.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
            let (ours, theirs) = both.say(&detection, &fields);
            compared += 1;
            match known_difference(modifiers, value, text, other) {
                _ if ours == theirs => {}
                Some(reason) => *differences.entry(reason).or_default() += 1,
                None => unexplained.push(format!("f{modifiers}: {value} on {text:?} {other:?}: {ours} {theirs}")),
            }
        }
    }
    assert!(unexplained.is_empty(), "{} unexplained\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(compared > 30_000, "{compared} {differences:?}");
    let seen: Vec<&str> = differences.keys().copied().collect();
    let mut listed = DIFFERENCES.to_vec();
    listed.sort_unstable();
    assert_eq!(seen, listed, "each difference of the list shows");
}

const BREAKS: &str = "ours: `*` and `?` stand for any character, line breaks too";
const PARTS: &str = "ours: `startswith` and `endswith` wrap the value, whose own wildcards keep their meaning";
const DASHES_ALL: &str =
    "ours: `windash` takes every dash of the value in every writing, and wildcards keep their meaning";
const KELVIN: &str = "silent: the Kelvin sign is no `k` here, so that the search for literals hides nothing";
const NOTHING: &str = "silent: `null` fits an empty value here, since text logs cannot tell the two apart";
const NULL_LIST: &str = "silent: `null` in a list is called invalid; here it is an alternative";
const EXPONENT: &str = "silent: `1e1` is no whole number here";
const NO_FIELD: &str = "silent: nothing differs from a field that is not there";
const OFFSETS: &str = "ours: the encoded text is cut where it depends on its neighbours, else hits are lost";
const OFFSET_PART: &str = "ours: `base64offset` alone encodes, and does not make `contains` of it";
const MAPPED: &str = "silent: `::ffff:10.1.2.3` is 10.1.2.3, and a zone is no part of an address";
const ZONES: &str = "ours: no time zone is converted";
const BARE: &str = "silent: a date or a time alone has its parts";

const DIFFERENCES: [&str; 13] = [
    BREAKS,
    PARTS,
    DASHES_ALL,
    KELVIN,
    NOTHING,
    NULL_LIST,
    EXPONENT,
    NO_FIELD,
    OFFSETS,
    OFFSET_PART,
    MAPPED,
    ZONES,
    BARE,
];

/// Why the two differ on an item, and who is right by the specification: "ours", or nobody where it is silent.
fn known_difference(modifiers: &str, value: &str, text: Option<&str>, other: Option<&str>) -> Option<&'static str> {
    let has = |modifier: &str| modifiers.split('|').any(|part| part == modifier);
    let is_wild = value.contains(['*', '?']);
    let text_or_nothing = text.unwrap_or_default();
    let is_time = ["minute", "hour", "day", "week", "month", "year"].iter().any(|part| has(part));
    if has("fieldref") {
        return (has("neq") && (other.is_none() || value.contains('h'))).then_some(NO_FIELD);
    }
    if has("base64offset") {
        return Some(if has("contains") { OFFSETS } else { OFFSET_PART });
    }
    if has("cidr") {
        return (text_or_nothing.contains("ffff") || text_or_nothing.contains('%')).then_some(MAPPED);
    }
    if is_time {
        return Some(if text_or_nothing.contains('+') { ZONES } else { BARE });
    }
    match text {
        None if value.contains("null") => Some(NULL_LIST),
        Some("") if value.contains("null") => Some(NOTHING),
        Some("1e1") if value == "10" => Some(EXPONENT),
        Some("\u{212a}") => Some(KELVIN),
        Some(text) if has("windash") && text.to_lowercase().contains("enc") || has("windash") && value == "'a/b-c'" => {
            (is_wild || value.contains('/')).then_some(DASHES_ALL)
        }
        Some(text) if is_wild && text.contains('\n') => Some(BREAKS),
        Some(_) if is_wild && (has("startswith") || has("endswith")) => Some(PARTS),
        _ => None,
    }
}

/// Keywords are searched "across an entire event": numbers too, every one of `all` by itself, and anywhere in a text.
#[test]
fn keywords_differ() {
    let record = [("f", "the 4625 service"), ("g", "evil")];
    for (keywords, ours, theirs) in [
        ("[4625]", true, false),
        ("{'|all': [service, evil]}", true, false),
        ("{'|contains|all': [service, evil]}", true, false),
        ("{'|all': [service, the]}", true, false),
        ("{'|contains|all': [service, the]}", true, true),
        ("{'|contains': evil}", true, true),
        ("{'|re': '^evil$'}", true, true),
        ("[none, 'SER*ce']", true, true),
        ("[none]", false, false),
    ] {
        let detection = format!("  s: {keywords}\n  condition: s\n");
        let both = both(&detection).unwrap_or_else(|| panic!("refused: {keywords}"));
        assert_eq!(both.say(&detection, &record), (ours, theirs), "{keywords}");
    }
}

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<'a>(&mut self, faces: &[&'a str]) -> &'a str {
        faces[self.below(faces.len())]
    }
}

const FIELDS: [&str; 3] = ["f", "g", "h"];
const ITEMS: [&str; 16] = [
    ": abc",
    ": 'a*'",
    "|contains: b",
    "|startswith: [a, x]",
    "|endswith: c",
    "|cased: ABC",
    "|contains|all: [a, b]",
    "|neq: abc",
    "|re: '^.b'",
    "|exists: true",
    "|exists: false",
    ": 5",
    "|gte: 5",
    ": ''",
    "|cidr: 10.0.0.0/8",
    ": [abc, 5]",
];
const VALUES: [&str; 9] = ["abc", "ABC", "b", "xbc", "5", "7", "", "10.1.2.3", "none of them"];
const NAMES: [&str; 5] = ["sel_a", "sel_b", "other", "_sel_hidden", "words"];

fn detection(dice: &mut Dice) -> String {
    let map = |dice: &mut Dice| {
        let mut items = Vec::new();
        for field in FIELDS {
            if dice.below(3) > 0 {
                items.push(format!("{field}{}", dice.of(&ITEMS)));
            }
        }
        if items.is_empty() { format!("{{f{}}}", dice.of(&ITEMS)) } else { format!("{{{}}}", items.join(", ")) }
    };
    let mut text = String::new();
    for name in &NAMES[..4] {
        let body = match dice.below(3) {
            0 => format!("[{}, {}]", map(dice), map(dice)),
            _ => map(dice),
        };
        text.push_str(&format!("  {name}: {body}\n"));
    }
    text.push_str(&format!("  words: {}\n", dice.of(&["[abc, none]", "['x?c', none]", "[b, none]", "{'|re': '^x'}"])));
    text.push_str(&format!("  condition: {}\n", condition(dice, 3)));
    text
}

fn condition(dice: &mut Dice, depth: usize) -> String {
    let leaf = |dice: &mut Dice| match dice.below(6) {
        0 => dice.of(&["1 of sel_*", "all of sel_*", "2 of sel_*", "1 of them", "all of them", "3 of them"]).to_owned(),
        _ => dice.of(&NAMES).to_owned(),
    };
    if depth == 0 {
        return leaf(dice);
    }
    let part = |dice: &mut Dice| condition(dice, depth - 1);
    match dice.below(6) {
        0 => format!("{} and {}", part(dice), part(dice)),
        1 => format!("{} or {}", part(dice), part(dice)),
        2 => format!("not {}", leaf(dice)),
        3 => format!("({} or {}) and not ({})", part(dice), leaf(dice), part(dice)),
        4 => format!("not ({})", part(dice)),
        _ => leaf(dice),
    }
}

#[test]
fn rules_mean_the_same() {
    let mut dice = Dice(20_210_303);
    let (mut hits, mut compared) = (0, 0);
    for _ in 0..1_500 {
        let detection = detection(&mut dice);
        let Some(both) = both(&detection) else { panic!("refused: {detection}") };
        for _ in 0..12 {
            let mut fields: Vec<(&str, &str)> = Vec::new();
            for field in FIELDS {
                if dice.below(4) > 0 {
                    fields.push((field, dice.of(&VALUES)));
                }
            }
            let (ours, theirs) = both.say(&detection, &fields);
            assert_eq!(ours, theirs, "{detection} {fields:?}");
            compared += 1;
            hits += usize::from(ours);
        }
    }
    assert!(hits * 10 > compared && hits * 10 < compared * 9, "{hits} of {compared}");
}
