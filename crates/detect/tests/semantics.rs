//! What rules mean, by the Sigma specification 2.1: a table of tests, values and outcomes.
//!
//! The table was compared with `rsigma-eval` 0.23 over a grid of 19,500 combinations when it was written. Where the
//! two differ, the specification's text or pySigma decides: `*` and `?` stand for line breaks too, wildcards keep
//! their meaning under `windash` and `startswith`, and a number under `base64` is its text.

use std::borrow::Cow;

use detect::pack::PackFiles;
use detect::plan::{Compiled, Plan};
use model::WindowsEvent;

const MANIFEST: &str = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n";

fn compile(log_source: &str, detection: &str) -> Compiled {
    let rule = format!(
        "title: t\nlogsource: {{{log_source}}}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
         detection:\n{detection}\n"
    );
    let file = |name: &str, text: &str| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    let files = vec![file("pack.toml", MANIFEST), file("rules/r.yml", &rule)];
    Plan::compile(&[PackFiles { id: "p".into(), files }])
}

fn event<'a>(channel: &'a str, event_id: u32, fields: &[(&'a str, &'a str)]) -> WindowsEvent<'a> {
    WindowsEvent {
        record: 1,
        offset: 0,
        time: None,
        clock_shift_secs: None,
        channel: channel.into(),
        provider: "".into(),
        event_id,
        level: Some(4),
        computer: "EXC01".into(),
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        raw: model::Raw::Text(b""),
    }
}

fn fits(compiled: &Compiled, event: &WindowsEvent<'_>) -> bool {
    let mut hits = 0;
    compiled.plan.events(event, &mut |_| hits += 1);
    hits == 1
}

/// `f<modifiers>: value` on an event with that `f` and with `g: AB`.
fn check(item: &str, value: Option<&str>, expected: bool) {
    for (condition, expected) in [("s", expected), ("not s", !expected)] {
        let compiled = compile("product: windows", &format!("  s: {{{item}}}\n  condition: {condition}"));
        assert!(compiled.refusals.is_empty(), "{item}: {:?}", compiled.refusals);
        let fields: Vec<_> = [("g", "AB")].into_iter().chain(value.map(|value| ("F", value))).collect();
        assert_eq!(fits(&compiled, &event("", 1, &fields)), expected, "{condition}, {item} on {value:?}");
    }
}

#[test]
fn string_tests() {
    for (item, value, expected) in [
        ("f: abc", Some("ABC"), true),
        ("f: abc", Some("abcd"), false),
        ("f: abc", None, false),
        ("f: 'a*c'", Some("a\nc"), true),
        ("f: 'a?c'", Some("ac"), false),
        (r"f: 'a\*c'", Some("a*c"), true),
        (r"f: 'a\*c'", Some("abc"), false),
        (r"f: 'a\\*c'", Some(r"a\bc"), true),
        (r"f: 'a\\*c'", Some("a*c"), false),
        (r"f: 'a\\\*c'", Some(r"a\*c"), true),
        (r"f: 'C:\Windows\x'", Some(r"c:\windows\X"), true),
        (r"f: 'C:\\Windows\\x'", Some(r"c:\windows\X"), true),
        (r"f: '\\\\host'", Some(r"\\host"), true),
        ("f|contains: b", Some("ABC"), true),
        ("f|contains: 'a?c'", Some("xabcx"), true),
        ("f|startswith: ab", Some("ABC"), true),
        ("f|startswith: 'abc*'", Some("xabcx"), false),
        ("f|endswith: bc", Some("ABC"), true),
        ("f|endswith: bc", Some("ABCD"), false),
        ("f|cased: abc", Some("ABC"), false),
        ("f|contains|cased: BC", Some("ABC"), true),
        ("f: 'MÜLLER'", Some("müller"), true),
        ("f: [x, abc]", Some("abc"), true),
        ("f|contains|all: [a, c]", Some("abc"), true),
        ("f|contains|all: [a, x]", Some("abc"), false),
        ("f|neq: abc", Some("x"), true),
        ("f|neq: [abc, x]", Some("x"), false),
        ("f|neq: abc", None, false),
    ] {
        check(item, value, expected);
    }
}

#[test]
fn other_tests() {
    for (item, value, expected) in [
        ("f: 200", Some("200"), true),
        ("f: 200", Some("0200"), true),
        ("f: 200", Some("2000"), false),
        ("f: '200'", Some("0200"), false),
        ("f: true", Some("True"), true),
        ("f: null", None, true),
        ("f: null", Some(""), true),
        ("f: null", Some("-"), false),
        ("f: ''", Some(""), true),
        ("f: ''", None, false),
        ("f: ''", Some("x"), false),
        ("f|exists: true", Some(""), true),
        ("f|exists: true", None, false),
        ("f|exists: false", None, true),
        ("f|gt: 5", Some("6"), true),
        ("f|gt: 5", Some("x"), false),
        ("f|lte: 5", Some("5.0"), true),
        ("f|lt: 5", None, false),
        ("f|re: '^a.c$'", Some("abc"), true),
        ("f|re: '^a.c$'", Some("ABC"), false),
        ("f|re|i: '^a.c$'", Some("ABC"), true),
        ("f|re: '^a.c$'", Some("a\nc"), false),
        ("f|re|s: '^a.c$'", Some("a\nc"), true),
        ("f|re|m: '^c$'", Some("a\nc"), true),
        ("f|cidr: 10.0.0.0/8", Some("10.1.2.3"), true),
        ("f|cidr: 'fe80::/10'", Some("fe80::1%12"), true),
        ("f|cidr: [10.0.0.0/8, 192.168.0.0/16]", Some("172.16.0.1"), false),
        ("f|fieldref: g", Some("ab"), true),
        ("f|fieldref: g", Some("abc"), false),
        ("f|fieldref|startswith: g", Some("abc"), true),
        ("f|fieldref: h", Some("abc"), false),
        ("f|windash|contains: ' -enc '", Some("ps /ENC x"), true),
        ("f|windash|contains: ' -enc '", Some("ps \u{2015}enc x"), true),
        ("f|windash|contains: ' -enc '", Some("ps +enc x"), false),
        ("f|windash|contains: 'a-b'", Some("a/b"), true),
        ("f|base64: abc", Some("YWJj"), true),
        ("f|base64offset|contains: abc", Some("eGFiY3h4eA=="), true),
        ("f|wide|base64offset|contains: 'cmd'", Some("YwBtAGQA"), true),
        ("f|utf16|base64: abc", Some("//5hAGIAYwA="), true),
        ("EventID: 1", None, true),
        ("EventID: [2, 3]", None, false),
        ("Computer: exc01", None, true),
        ("Level: 4", None, true),
    ] {
        check(item, value, expected);
    }
}

#[test]
fn conditions() {
    const PARTS: &str =
        "  sel_a: {f: a}\n  sel_b: {f|contains: a}\n  sel_c: {f: c}\n  _hidden: {f: h}\n  other: [{g: AB}, {g: x}]\n";
    for (condition, expected) in [
        ("sel_a", true),
        ("not sel_a", false),
        ("sel_a and sel_c", false),
        ("sel_a or sel_c", true),
        ("sel_c and sel_a or sel_a", true),
        ("sel_a and not (sel_b and sel_c)", true),
        ("1 of sel_*", true),
        ("all of sel_*", false),
        ("2 of sel_*", true),
        ("3 of sel_*", false),
        ("1 of *_c", false),
        ("1 of s*_a", true),
        ("1 of them", true),
        ("all of them", false),
        ("3 of them", true),
        ("4 of them", false),
        ("other", true),
        ("[sel_c, sel_a]", true),
    ] {
        let compiled = compile("product: windows", &format!("{PARTS}  condition: {condition}"));
        assert!(compiled.refusals.is_empty(), "{condition}: {:?}", compiled.refusals);
        assert_eq!(fits(&compiled, &event("", 1, &[("f", "a"), ("g", "AB")])), expected, "{condition}");
    }
}

#[test]
fn keywords_look_at_every_value() {
    for (keywords, expected) in [
        ("[nothing, 'Evil*vice']", true),
        ("[nothing, other]", false),
        ("{'|all': [evil, exc01]}", true),
        ("{'|all': [evil, absent]}", false),
        ("{'|re': 'ev.l s'}", true),
    ] {
        let compiled = compile("product: windows", &format!("  keywords: {keywords}\n  condition: keywords"));
        assert!(compiled.refusals.is_empty(), "{keywords}: {:?}", compiled.refusals);
        assert_eq!(fits(&compiled, &event("", 1, &[("f", "the evil service")])), expected, "{keywords}");
    }
}

#[test]
fn what_is_not_exact_is_refused_by_name() {
    for detection in [
        "  s: {f|expand: '%x%'}\n  condition: s",
        "  s: {f|minute: five}\n  condition: s",
        "  s: {f|minute|hour: 5}\n  condition: s",
        "  s: {f|gt|neq: 5}\n  condition: s",
        "  s: {f|exists|neq: true}\n  condition: s",
        "  s: {'|startswith': a}\n  condition: s",
        "  s: {'|neq': a}\n  condition: s",
        "  s: {f|base64|expand: '%x%'}\n  condition: s",
        "  s: {f|re: '(?=a)'}\n  condition: s",
        "  s: {f|contains|re: a}\n  condition: s",
        "  s: {f|cidr: 10.0.0/8}\n  condition: s",
        "  s: {f|base64: 'a*'}\n  condition: s",
        "  s: {f|contains|base64: a}\n  condition: s",
        "  s: {f|contains: null}\n  condition: s",
        "  s: {f|lt: many}\n  condition: s",
        "  s: {f|exists: maybe}\n  condition: s",
        "  s: {f|unknown: a}\n  condition: s",
        "  s: {f: {g: a}}\n  condition: s",
        "  s: {f: []}\n  condition: s",
        "  s: {}\n  condition: s",
        "  s: ['']\n  condition: s",
        "  s: {f: a}\n  condition: t",
        "  s: {f: a}\n  condition: 1 of t*",
        "  s: {f: a}\n  condition: 2 of s*",
        "  s: {f: a}\n  condition: s | count() > 5",
        "  s: {f: a}\n  timeframe: 5m\n  condition: s",
    ] {
        let compiled = compile("product: windows", detection);
        let rules: Vec<&str> = compiled.refusals.iter().map(|refusal| refusal.rule.as_str()).collect();
        assert_eq!(rules, ["p/r"], "{detection}");
        assert!(compiled.plan.rules().is_empty(), "{detection}");
    }
    assert_eq!(compile("product: linux", "  s: {f: a}\n  condition: s").refusals.len(), 1);
}

#[test]
fn process_creation_is_one_thing_in_two_logs() {
    let compiled = compile(
        "product: windows, category: process_creation",
        "  s: {Image|endswith: '\\cmd.exe', ParentImage|endswith: '\\w3wp.exe', CommandLine|contains: whoami, User|contains: sys}\n  condition: s",
    );
    let sysmon = "Microsoft-Windows-Sysmon/Operational";
    let ours =
        [("Image", r"C:\x\cmd.exe"), ("ParentImage", r"C:\y\w3wp.exe"), ("CommandLine", "whoami"), ("User", "SYSTEM")];
    let theirs = [
        ("NewProcessName", r"C:\x\cmd.exe"),
        ("ParentProcessName", r"C:\y\w3wp.exe"),
        ("CommandLine", "whoami"),
        ("SubjectUserName", "SYSTEM"),
    ];
    assert!(fits(&compiled, &event(sysmon, 1, &ours)));
    assert!(fits(&compiled, &event("Security", 4688, &theirs)));
    assert!(!fits(&compiled, &event(sysmon, 5, &ours)));
    assert!(!fits(&compiled, &event("Security", 4689, &theirs)));
    assert!(!fits(&compiled, &event("Application", 1, &ours)));
    assert!(!fits(&compiled, &event(sysmon, 1, &theirs)));
}
