//! What the Sigma specification 2.1 says, as a table: items and conditions, records, and whether they fit.
//!
//! Written from the text of the specification. Where it is silent, docs/sigma.md says what was chosen, and the table
//! holds that too. Every hit is also a test of the literals that a rule is said to require.

use std::borrow::Cow;

use detect::pack::PackFiles;
use detect::plan::Plan;
use detect::sigma::{Detection, FieldId, FieldNames, Fields, Placeholders, Writing, filter};
use model::WindowsEvent;
use rsigma_parser::{FilterRule, SigmaRule, parse_sigma_yaml};

struct Record<'a> {
    names: &'a FieldNames,
    fields: &'a [(&'a str, &'a str)],
}

impl Fields for Record<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        let name = self.names.name(field);
        let found = self.fields.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map(|(_, value)| Cow::Borrowed(value.as_bytes()))
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().any(|(_, value)| test(value.as_bytes()))
    }
}

const PLACEHOLDERS: &str =
    "Servers = ['srv*', 'exc01']\nnet = '10.0.0.0/8'\nadmin = ['adm_a', 'adm_b']\nport = [80, 443]\n";

fn rule(detection: &str) -> Option<SigmaRule> {
    let yaml = format!(
        "title: t\nid: 929a690e-bef0-4204-a928-ef5e620d6fcc\nname: the_rule\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n{detection}"
    );
    let mut collection = parse_sigma_yaml(&yaml).ok()?;
    if collection.errors.is_empty() { collection.rules.pop() } else { None }
}

fn compile(detection: &str, filters: &[&FilterRule]) -> Result<(Detection, FieldNames), String> {
    let rule = rule(detection).ok_or("not readable")?;
    let mut names = FieldNames::default();
    let placeholders = Placeholders::read(PLACEHOLDERS)?;
    let detection = Detection::compile_with(&rule, filters, &placeholders, &mut names);
    detection.map(|detection| (detection, names)).map_err(|reason| reason.to_string())
}

fn fits((detection, names): &(Detection, FieldNames), fields: &[(&str, &str)]) -> bool {
    let fits = detection.matches(&Record { names, fields });
    if fits {
        let text: Vec<u8> = fields.iter().flat_map(|(_, value)| [value.as_bytes(), b","].concat()).collect();
        let text = text.to_ascii_lowercase();
        let holds = |literal: &detect::sigma::Literal| memchr::memmem::find(&text, &literal.bytes).is_some();
        for writing in [Writing::Values, Writing::Lines] {
            let literals = detection.required_literals(writing, &|_| true);
            assert!(literals.iter().all(|set| set.iter().any(holds)), "{fields:?} lacks all of {literals:?}");
        }
    }
    fits
}

/// `f<item>` on records whose `f` is one of the first values, and fits, or of the second, and does not. `-` stands for a
/// record without `f`; every record has `g: AB` and `h: long value`.
fn check(item: &str, fitting: &[&str], others: &[&str]) -> usize {
    let compiled = compile(&format!("  s: {{{item}}}\n  condition: s"), &[]);
    let compiled = compiled.unwrap_or_else(|reason| panic!("{item}: {reason}"));
    let negated =
        compile(&format!("  s: {{{item}}}\n  condition: not s"), &[]).expect("what compiles compiles negated");
    for (values, expected) in [(fitting, true), (others, false)] {
        for value in values {
            let mut fields = vec![("g", "AB"), ("h", "long value")];
            fields.extend((*value != "-").then_some(("f", *value)));
            assert_eq!(fits(&compiled, &fields), expected, "{item} on {value:?}");
            assert_eq!(fits(&negated, &fields), !expected, "not {item} on {value:?}");
        }
    }
    fitting.len() + others.len()
}

/// An item, the values of `f` that fit it, and some that do not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const TEXTS: &[Row] = &[
    ("f: abc", &["abc", "ABC", "aBc"], &["abcd", "xabc", "ab", "", "-", "abc "]),
    ("f: ABC", &["abc", "ABC"], &["abd"]),
    ("F: abc", &["abc"], &["x"]),
    ("f: 'm\u{fc}ller \u{df} \u{3b1}'", &["M\u{dc}LLER \u{1e9e} \u{391}", "m\u{fc}ller \u{df} \u{3b1}"], &["muller"]),
    ("f: \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}", &["\u{41f}\u{420}\u{418}\u{412}\u{415}\u{422}"], &["\u{41f}"]),
    ("f: [abc, xyz]", &["abc", "XYZ"], &["ab", "abcxyz", "-"]),
    ("f: [5, abc]", &["5", "abc"], &["6"]),
    // The example of the section on wildcards.
    ("f: 'prog?.exe'", &["progA.exe", "progb.EXE", "prog\u{e9}.exe"], &["prog.exe", "progAB.exe"]),
    ("f: 'antivirus_V*.exe'", &["antivirus_V1.exe", "antivirus_V21.2.1.exe", "antivirus_V.exe"], &["antivirus_V1.ex"]),
    ("f: '*'", &["", "x", "a\nb"], &["-"]),
    ("f: '?'", &["x", "\u{20ac}"], &["", "xy", "-"]),
    ("f: '?*'", &["x", "xy"], &["", "-"]),
    ("f: 'a*b*c'", &["abc", "a1b2c", "abbc", "a\nb\nc"], &["acb", "ab", "abcd"]),
    ("f: '*abc'", &["abc", "xabc"], &["abcx"]),
    ("f: 'abc*'", &["abc", "abcx"], &["xabc"]),
    ("f: '*abc*'", &["abc", "xabcx"], &["ab"]),
    ("f: 'a**c'", &["ac", "abc"], &["ab"]),
    // The section on the escape character, line by line.
    (r"f: 'a\b'", &[r"a\b"], &["ab", r"a\\b"]),
    (r"f: 'a\\b'", &[r"a\b"], &["ab", r"a\\b"]),
    (r"f: 'a\*b'", &["a*b"], &["axb", r"a\*b", r"a\b"]),
    (r"f: 'a\?b'", &["a?b"], &["axb", r"a\?b"]),
    (r"f: 'a\\*b'", &[r"a\b", r"a\xxb"], &["a*b", "ab"]),
    (r"f: 'a\\?b'", &[r"a\xb"], &["a?b", r"a\b"]),
    (r"f: 'a\\\*b'", &[r"a\*b"], &[r"a\xb", r"a\b", "a*b"]),
    (r"f: 'a\\\b'", &[r"a\\b"], &[r"a\b", r"a\\\b"]),
    (r"f: 'a\\\\b'", &[r"a\\b"], &[r"a\b", r"a\\\\b"]),
    (r"f: '\\\\host\share'", &[r"\\host\share"], &[r"\host\share"]),
    (r"f: 'C:\Windows\'", &[r"c:\windows\"], &[r"c:\windows"]),
    ("f|contains: b", &["b", "abc", "B"], &["ac", "", "-"]),
    ("f|contains: [b, d]", &["abc", "ade"], &["ac"]),
    ("f|contains: 'a?c'", &["xabcx"], &["xacx"]),
    ("f|contains: ''", &["", "x"], &["-"]),
    ("f|contains: 5", &["a5", "50"], &["4"]),
    ("f|startswith: ab", &["ab", "ABC"], &["xab", "a", "-"]),
    ("f|startswith: 'a*c'", &["ac", "abcd"], &["xac", "ab"]),
    ("f|endswith: bc", &["bc", "aBC"], &["bcd", "-"]),
    (r"f|endswith: '\\cmd.exe'", &[r"C:\x\CMD.exe"], &["cmd.exe"]),
    ("f|endswith: '?c'", &["abc", "bc"], &["c"]),
    ("f|contains|all: [a, c]", &["abc", "ca"], &["a", "c", "-"]),
    ("f|contains|all: [a, a]", &["a"], &["c"]),
    ("f|contains|all: [abc]", &["xabcx"], &["x"]),
    ("f|all: ['a*', '*c']", &["abc", "ac"], &["ab", "bc"]),
    ("f|startswith|all: [a, ab]", &["abc"], &["ac"]),
    ("f|cased: aBc", &["aBc"], &["abc", "ABC"]),
    ("f|contains|cased: B", &["aBc"], &["abc"]),
    ("f|cased|contains: B", &["aBc"], &["abc"]),
    ("f|startswith|cased: 'aB?'", &["aBc"], &["abc", "aB"]),
    ("f|endswith|cased|all: [Bc, c]", &["aBc"], &["abc"]),
    ("f|cased: 'm\u{fc}'", &["m\u{fc}"], &["M\u{fc}", "m\u{dc}"]),
    ("f|neq: abc", &["x", "", "abcd"], &["abc", "ABC", "-"]),
    ("f|neq: [abc, x]", &["y"], &["abc", "x", "-"]),
    ("f|neq: 5", &["6", "x"], &["5", "05"]),
    ("f|neq: null", &["x"], &["", "-"]),
    ("f|neq: ''", &["x"], &["", "-"]),
    ("f|contains|neq: b", &["ac"], &["abc", "-"]),
    ("f|cased|neq: abc", &["ABC"], &["abc", "-"]),
    ("f|neq|contains|all: [a, b]", &["a", "b"], &["ab", "-"]),
];

const KINDS: &[Row] = &[
    ("f: ''", &[""], &["x", "-"]),
    ("f: null", &["-", ""], &["x", "null"]),
    ("f: ['', abc]", &["", "abc"], &["x", "-"]),
    ("f: [null, abc]", &["-", "abc"], &["x"]),
    ("f: 'null'", &["null", "NULL"], &["-", ""]),
    ("f: 5", &["5", "05", "5.0", " 5 "], &["55", "5.5", "five", "0x5", "-"]),
    ("f: -5", &["-5"], &["5"]),
    ("f: '5'", &["5"], &["05", "5.0"]),
    ("f: 5.5", &["5.5", "5.50"], &["5", "5,5"]),
    ("f: 0x17", &["23"], &["0x17"]),
    ("f: '0x17'", &["0x17", "0X17"], &["23"]),
    ("f: true", &["true", "TRUE"], &["1", "yes", "-"]),
    ("f: false", &["False"], &["0", "-"]),
    ("f: 2021-03-03", &["2021-03-03"], &["2021-03-04"]),
    ("f|exists: true", &["x", ""], &["-"]),
    ("f|exists: false", &["-"], &["x", ""]),
    ("f|lt: 5", &["4", "-1", "4.9", "1e0"], &["5", "6", "x", "", "-"]),
    ("f|lte: 5", &["5", "5.0", "4"], &["5.1", "-"]),
    ("f|gt: 5", &["6", "5.1", "10"], &["5", "4", "x", "-"]),
    ("f|gte: 5.5", &["5.5", "6"], &["5", "-"]),
    ("f|gt: '5'", &["6"], &["5"]),
    ("f|gt: [5, 10]", &["6"], &["5"]),
    ("f|gt|all: [5, 10]", &["11"], &["6"]),
    ("f|minute: 4", &["2021-03-05T06:04:02Z", "06:04", "2021-03-05 06:04:59.9"], &["2021-03-05", "4", "x", "-"]),
    ("f|hour: 6", &["2021-03-05T06:04:02Z", "2021-03-05T06:04:02+09:00", "06:04:02"], &["2021-03-05T18:04:02Z", "-"]),
    ("f|day: 5", &["2021-03-05", "2021-03-05T23:59:59Z"], &["2021-03-06", "05.03.2021"]),
    ("f|day: [5, 6]", &["2021-03-05", "2021-03-06"], &["2021-03-07"]),
    ("f|week: 9", &["2021-03-03"], &["2021-03-08"]),
    ("f|week: 53", &["2021-01-01"], &["2021-01-04"]),
    ("f|month: 3", &["2021-03-05"], &["2021-04-05", "2021-3-5"]),
    ("f|year: 2021", &["2021-03-05T06:04:02Z"], &["2020-03-05", "2021"]),
    ("f|hour|gte: 22", &["2021-03-05T22:00:00Z", "23:59"], &["21:59:59", "x", "-"]),
    ("f|hour|lt: 6", &["05:59:59"], &["06:00:00"]),
    ("f|year|lte: 2020", &["2020-12-31"], &["2021-01-01"]),
    ("f|hour|neq: 6", &["07:00"], &["06:00", "-"]),
    (
        "f|cidr: 10.0.0.0/8",
        &["10.0.0.1", "10.255.255.255", "::ffff:10.1.2.3"],
        &["11.0.0.1", "10.0.0.1:80", "x", "", "-"],
    ),
    ("f|cidr: 10.1.2.3", &["10.1.2.3"], &["10.1.2.4"]),
    ("f|cidr: [10.0.0.0/8, '192.168.0.0/16']", &["192.168.1.1", "10.0.0.1"], &["172.16.0.1"]),
    ("f|cidr: 'fe80::/10'", &["fe80::1", "FE80::1", "fe80::1%3"], &["2001:db8::1", "10.0.0.1"]),
    ("f|cidr: '2001:db8::/32'", &["2001:db8::1", "2001:0db8:0000::0001"], &["2001:db9::1"]),
    ("f|cidr|neq: 10.0.0.0/8", &["11.0.0.1"], &["10.0.0.1", "-"]),
    ("f|fieldref: g", &["ab", "AB"], &["a", "abc", "-"]),
    ("f|fieldref|cased: g", &["AB"], &["ab"]),
    ("f|fieldref|startswith: g", &["abc"], &["xab"]),
    ("f|fieldref|endswith: g", &["xab"], &["abc"]),
    ("f|fieldref|contains: g", &["xabx"], &["xax"]),
    ("f|fieldref|contains|cased: g", &["xABx"], &["xabx"]),
    ("f|fieldref: [g, h]", &["ab", "long value"], &["x"]),
    ("f|fieldref: none", &[], &["", "AB", "-"]),
    ("f|fieldref|neq: g", &["x", ""], &["ab", "-"]),
    ("f|fieldref|neq: none", &[], &["x", "-"]),
];

const PATTERNS: &[Row] = &[
    ("f|re: 'b'", &["abc"], &["ABC", "ac", "-"]),
    ("f|re: '^a.c$'", &["abc"], &["xabc", "abcd", "a\nc", "Abc"]),
    ("f|re: 'a+'", &["caat"], &["x"]),
    ("f|re: '^(ab|cd)?$'", &["ab", "cd", ""], &["abcd", "-"]),
    ("f|re: '^[a-c]{2,3}$'", &["ab", "abc"], &["a", "abcd"]),
    ("f|re: '[^a-z]'", &["aB"], &["ab"]),
    (r"f|re: 'a\\b'", &[r"a\b"], &["ab"]),
    (r"f|re: 'a\*b'", &["a*b"], &["aab"]),
    ("f|re: ['^a', 'z$']", &["ax", "xz"], &["x"]),
    ("f|re|all: ['^a', 'z$']", &["az"], &["ax", "xz"]),
    ("f|re|i: 'ABC'", &["xabcx"], &["ab"]),
    ("f|re|m: '^b$'", &["a\nb\nc"], &["a\nbc"]),
    ("f|re|s: 'a.b'", &["a\nb"], &["ab"]),
    ("f|re|i|m|s: '^B.C$'", &["a\nb\nc"], &["a\nbxxc"]),
    ("f|re|s|i: 'A.B'", &["a\nb"], &["ab"]),
    ("f|re|neq: '^a'", &["x"], &["a", "-"]),
    ("f|re|startswith: 'b+'", &["bbc"], &["abb"]),
    ("f|re|startswith: 'a|b'", &["ax", "bx"], &["xb"]),
    ("f|re|endswith: 'b+'", &["abb"], &["bba"]),
    ("f|re|contains: 'b+'", &["abba"], &["aa"]),
    ("f|windash: '-enc'", &["-enc", "/ENC", "\u{2013}enc", "\u{2014}enc", "\u{2015}enc"], &["enc", "+enc", "--enc"]),
    ("f|windash: '/enc'", &["-enc", "/enc", "\u{2015}enc"], &["\\enc"]),
    ("f|windash: '\u{2013}enc'", &["-enc", "/enc"], &["enc"]),
    ("f|windash|contains: ' -f -x'", &["a /f -x", "a -f \u{2014}x"], &["a f -x"]),
    ("f|contains|windash: ' -f '", &["a /f b"], &["a f b"]),
    ("f|windash|contains: 'a-b'", &["xa/bx"], &["xabx"]),
    ("f|windash|contains|all: ['-a', '-b']", &["/b /a"], &["/a"]),
    ("f|windash|endswith: '-a*b'", &["x /acb"], &["x /ac"]),
    ("f|windash|contains|cased: '-A'", &["/A"], &["/a"]),
    ("f|base64: foobar", &["Zm9vYmFy", "zm9vymfy"], &["Zm9vYmF", "foobar"]),
    ("f|base64|cased: foobar", &["Zm9vYmFy"], &["zm9vymfy"]),
    ("f|base64: fo", &["Zm8="], &["Zm8"]),
    ("f|base64|contains: foo", &["xZm9vx"], &["foo"]),
    ("f|base64offset|contains: '/bin/bash'", &["L2Jpbi9iYXNo", "IC9iaW4vYmFzaA==", "ICAvYmluL2Jhc2g="], &["/bin/bash"]),
    ("f|base64offset|contains: foo", &["Zm9v", "eGZvb3g=", "eHhmb294"], &["Zm8="]),
    ("f|wide|base64: cmd", &["YwBtAGQA"], &["Y21k"]),
    ("f|utf16le|base64: cmd", &["YwBtAGQA"], &["AGMAbQBk"]),
    ("f|utf16be|base64: cmd", &["AGMAbQBk"], &["YwBtAGQA"]),
    ("f|utf16|base64: cmd", &["//5jAG0AZAA="], &["YwBtAGQA"]),
    ("f|utf16le|base64offset|contains: ping", &["cABpAG4AZwA", "xwAGkAbgBnAx", "AHAAaQBuAGcA"], &["cGluZw=="]),
    ("f|windash|base64: '-e'", &["LWU=", "L2U="], &["ZQ=="]),
    ("f|utf16le: ab", &["a\0b\0"], &["ab"]),
    ("f|expand: '%servers%'", &["srv1", "SRV", "exc01"], &["xsrv", "%servers%"]),
    ("f|expand: '%Servers%.local'", &["srv1.local", "exc01.local"], &["exc01"]),
    (r"f|expand: '\%servers%admin%'", &["%serversadm_a"], &["srv"]),
    ("f: '%servers%'", &["%servers%"], &["srv1"]),
    ("f|expand|contains: '%admin%'", &["x adm_b x"], &["adm_"]),
    ("f|contains|expand|all: ['%admin%', '%servers%']", &["adm_a exc01"], &["adm_a"]),
    ("f|cidr|expand: '%net%'", &["10.1.1.1"], &["11.1.1.1"]),
    ("f|expand: '%port%'", &["443", "80"], &["8080"]),
    ("f|expand|neq: '%admin%'", &["x"], &["adm_a", "-"]),
    ("f|re|expand: '^%admin%$'", &["adm_a"], &["xadm_a"]),
    ("f|base64|contains: '5'", &["NQ=="], &["5"]),
    ("f|expand|base64: '%admin%'", &["YWRtX2E=", "YWRtX2I="], &["adm_a"]),
];

#[test]
fn items_mean_what_the_specification_says() {
    let checked: usize = [TEXTS, KINDS, PATTERNS].concat().iter().map(|(item, yes, no)| check(item, yes, no)).sum();
    assert!(checked > 400, "{checked}");
}

#[test]
fn maps_lists_and_keywords() {
    let record: &[(&str, &str)] = &[("f", "abc"), ("g", "AB"), ("h", "the evil service")];
    for (search, expected) in [
        ("{f: abc, g: ab}", true),
        ("{f: abc, g: x}", false),
        ("[{f: x}, {g: ab}]", true),
        ("[{f: x}, {g: x}]", false),
        ("[{f: abc, g: x}, {g: ab, h|contains: evil}]", true),
        ("[{f: abc, g: x}]", false),
        ("[[{f: abc}], {g: x}]", true),
        ("[evil]", true),
        ("evil", true),
        ("[none, 'SERVICE']", true),
        ("['e?il ser*']", true),
        ("[none, nothing]", false),
        ("[evil, {f: x}]", true),
        ("{'|all': [evil, abc]}", true),
        ("{'|all': [evil, none]}", false),
        ("{'|contains': evil}", true),
        ("{'|contains|all': [evil, ab]}", true),
        ("{'|cased': Evil}", false),
        ("{'|re': '^the .* service$'}", true),
        ("{'|re|i': 'EVIL'}", true),
        ("{'|re': 'EVIL'}", false),
        ("{'|windash': 'evil'}", true),
        ("{'|expand': '%admin%'}", false),
        ("{'|all': [evil], f: abc}", true),
        ("{'|all': [evil], f: x}", false),
        ("[12, evil]", true),
    ] {
        let compiled = compile(&format!("  s: {search}\n  condition: s"), &[]);
        let compiled = compiled.unwrap_or_else(|reason| panic!("{search}: {reason}"));
        assert_eq!(fits(&compiled, record), expected, "{search}");
    }
}

#[test]
fn conditions() {
    // True are `sel_a`, `sel_b` and `other`.
    const PARTS: &str = "  sel_a: {f: a}\n  sel_b: {f|contains: a}\n  sel_c: {f: c}\n  other: {g: ab}\n  _sel_d: {f: a}\n  _no: {f: n}\n";
    for (condition, expected) in [
        ("sel_a", true),
        ("sel_c", false),
        ("not sel_a", false),
        ("not sel_c", true),
        ("not not sel_a", true),
        ("sel_a and sel_b", true),
        ("sel_a and sel_c", false),
        ("sel_c or sel_a", true),
        // Least to most binding: or, and, not.
        ("sel_a or sel_c and sel_c", true),
        ("sel_c and sel_c or sel_a", true),
        ("(sel_a or sel_c) and sel_c", false),
        ("not sel_c and sel_a", true),
        ("not sel_a or sel_b", true),
        ("not (sel_a or sel_b)", false),
        ("not sel_c or sel_c and sel_c", true),
        ("not (sel_c and (sel_a or sel_b))", true),
        ("((sel_a))", true),
        ("SEL_A", false),
        ("1 of sel_*", true),
        ("any of sel_*", true),
        ("all of sel_*", false),
        ("2 of sel_*", true),
        ("3 of sel_*", false),
        ("not 1 of sel_c*", true),
        ("1 of *", true),
        ("all of *_a", true),
        ("1 of *el*c", false),
        ("all of other", true),
        ("1 of them", true),
        ("all of them", false),
        ("3 of them", true),
        ("4 of them", false),
        // Names with an underscore are left out, unless they are asked for.
        ("2 of *_*", true),
        ("all of _sel*", true),
        ("1 of _no*", false),
        ("_sel_d", true),
        ("1 of sel_* and not 1 of _n*", true),
        ("all of sel_* or other and not sel_c", true),
        ("[sel_c, sel_a]", true),
        ("[sel_c, not sel_a]", false),
    ] {
        let compiled = compile(&format!("{PARTS}  condition: {condition}\n"), &[]);
        match compiled {
            Ok(compiled) => assert_eq!(fits(&compiled, &[("f", "a"), ("g", "AB")]), expected, "{condition}"),
            // Names of detections are what they are.
            Err(reason) => assert!(condition == "SEL_A", "{condition}: {reason}"),
        }
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for search in [
        "{f|unknown: a}",
        "{f|contains|startswith: a}",
        "{f|contains|re: a}",
        "{f|contains|fieldref: g}",
        "{f|re: '('}",
        "{f|re: '(?=a)'}",
        "{f|re: '(a)\\1'}",
        "{f|i: a}",
        "{f|re|cidr: a}",
        "{f|cidr: x}",
        "{f|cidr: 10.0.0.0/33}",
        "{f|cidr|contains: 10.0.0.0/8}",
        "{f|cidr|cased: 10.0.0.0/8}",
        "{f|exists: 5}",
        "{f|exists|all: true}x",
        "{f|gt: x}",
        "{f|gt|lt: 5}",
        "{f|gt|contains: 5}",
        "{f|gt|neq: 5}",
        "{f|exists|neq: true}",
        "{f|minute: x}",
        "{f|minute|hour: 1}",
        "{f|minute|contains: 1}",
        "{f|minute|re: 1}",
        "{f|minute: null}",
        "{f|fieldref: 5}",
        "{f|fieldref: 'a*'}",
        "{f|fieldref|windash: g}",
        "{f|base64: 'a*'}",
        "{f|base64|base64offset: a}",
        "{f|contains|base64: a}",
        "{f|base64|wide: a}",
        "{f|wide|utf16be: a}",
        "{f|base64offset: ''}",
        "{f|base64|re: a}",
        "{f|expand: '%unknown%'}",
        "{f|base64|expand: '%admin%'}",
        "{f|exists|expand: '%admin%'}",
        "{f|contains: null}",
        "{f: {g: a}}",
        "{f: [[a]]}",
        "{f: []}",
        "{}",
        "[]",
        "['']",
        "[null]",
        "['*']",
        "{'|startswith': a}",
        "{'|endswith': a}",
        "{'|neq': a}",
        "{'|cidr': 10.0.0.0/8}",
        "{'|exists': true}",
        "{'|fieldref': g}",
        "{'|gt': 5}",
        "{'|hour': 5}",
        "{f|windash|base64: '-a-b-c-d-e'}",
    ] {
        assert!(compile(&format!("  s: {search}\n  condition: s"), &[]).is_err(), "{search}");
    }
    for condition in ["t", "s and", "1 of t*", "2 of s", "0 of s", "s | count() > 5", "s AND s", "''", "[]", "s near t"]
    {
        assert!(compile(&format!("  s: {{f: a}}\n  condition: {condition}"), &[]).is_err(), "{condition}");
    }
    assert!(compile("  s: {f: a}\n  timeframe: 5m\n  condition: s", &[]).is_err());
}

fn filters(text: &str) -> Vec<FilterRule> {
    filter::read(format!("title: f\n{text}").as_bytes()).unwrap_or_else(|reason| panic!("{text}: {reason}"))
}

#[test]
fn filters_suppress() {
    const RULE: &str = "  selection: {f: abc}\n  condition: selection\n";
    // The filter's own `selection` is not the rule's.
    for (filter, admin, other) in [
        ("  selection: {u|startswith: adm_}\n  condition: selection", false, true),
        ("  selection: {u|startswith: adm_}\n  condition: not selection", false, true),
        ("  a: {u|startswith: adm_}\n  b: {u: x}\n  condition: a or b", false, true),
        ("  a: {u|startswith: adm_}\n  b: {u: x}\n  condition: not a and not b", false, true),
        ("  a: {u|startswith: adm_}\n  b: {u: x}\n  condition: not 1 of them", false, true),
        ("  a: {u|startswith: adm_}\n  b: {u|endswith: x}\n  condition: a and not b", false, true),
        ("  a: {u|startswith: adm_}\n  b: {u|endswith: 1}\n  condition: a and not b", true, true),
        ("  selection: {u|expand: '%admin%'}\n  condition: selection", true, true),
    ] {
        let filters = filters(&format!("logsource: {{product: windows}}\nfilter:\n  rules: [the_rule]\n{filter}\n"));
        let rule = rule(RULE).unwrap();
        assert!(filter::applies(&filters[0], &rule, &[]), "{filter}");
        let compiled = compile(RULE, &[&filters[0]]).unwrap();
        assert_eq!(fits(&compiled, &[("f", "abc"), ("u", "adm_1")]), admin, "{filter}");
        assert_eq!(fits(&compiled, &[("f", "abc"), ("u", "bob")]), other, "{filter}");
        assert!(fits(&compiled, &[("f", "abc")]), "{filter}");
        assert!(!fits(&compiled, &[("f", "x"), ("u", "bob")]), "{filter}");
        // Twice is as once, and the literals of the rule stay what they were.
        let twice = compile(RULE, &[&filters[0], &filters[0]]).unwrap();
        assert_eq!(fits(&twice, &[("f", "abc"), ("u", "adm_1")]), admin, "{filter}");
    }
    for (head, expected) in [
        ("filter:\n  rules: [THE_RULE]", true),
        ("filter:\n  rules: [929A690E-bef0-4204-a928-ef5e620d6fcc]", true),
        ("filter:\n  rules: [other]", false),
        ("filter:\n  rules: any", true),
        ("filter:\n  rules: [pack/file]", true),
        ("logsource: {category: process_creation}\nfilter:\n  rules: any", true),
        ("logsource: {product: linux}\nfilter:\n  rules: [the_rule]", false),
        ("logsource: {product: windows, service: security}\nfilter:\n  rules: [the_rule]", false),
    ] {
        let filters = filters(&format!("{head}\n  selection: {{u: x}}\n  condition: selection\n"));
        assert_eq!(filter::applies(&filters[0], &rule(RULE).unwrap(), &["pack/file"]), expected, "{head}");
    }
    for text in ["title: t", "filter: {}", "title: t\nlogsource: {}\ndetection:\n  s: {a: b}\n  condition: s", "\u{0}"]
    {
        assert!(filter::read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn packs_have_filters_and_placeholders() {
    const RULE: &str = "title: t\nname: one\nlogsource: {product: windows}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
        detection:\n  s: {f|expand: '%servers%'}\n  condition: s\n";
    const FILTER: &str =
        "title: f\nfilter:\n  rules: [one]\n  selection: {u|startswith: adm_}\n  condition: selection\n";
    let compile = |placeholders: &str, filter: &str| {
        let file = |path: &str, text: &str| (path.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
        let files = vec![
            file("pack.toml", "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n"),
            file("rules/one.yml", RULE),
            file("placeholders.toml", placeholders),
            file("filters/f.yml", filter),
        ];
        Plan::compile(&[PackFiles { id: "p".into(), files }])
    };
    let hits = |placeholders: &str, filter: &str, user: &str| {
        let compiled = compile(placeholders, filter);
        let fields = [("f".into(), "srv1".into()), ("u".into(), user.into())].into_iter().collect();
        let event = WindowsEvent {
            record: 1,
            offset: 0,
            time: None,
            clock_shift_secs: None,
            channel: "".into(),
            provider: "".into(),
            event_id: 1,
            level: None,
            computer: "EXC01".into(),
            fields,
            raw: model::Raw::Text(b""),
        };
        let mut hits = 0;
        compiled.plan.events(&event, &mut |_| hits += 1);
        let refused = compiled.refusals.into_iter().map(|refusal| refusal.rule).collect::<Vec<_>>();
        (hits, refused.join(" "))
    };
    let servers = "servers = 'srv*'";
    assert_eq!(hits(servers, FILTER, "bob"), (1, String::new()));
    assert_eq!(hits(servers, FILTER, "adm_1"), (0, String::new()));
    // Without values the rule is refused.
    assert_eq!(hits("", FILTER, "bob"), (0, "p/one".into()));
    // A filter that cannot be used does not hide its rules.
    assert_eq!(hits(servers, &FILTER.replace("startswith", "unknown"), "adm_1"), (1, "p/filters/f.yml".into()));
    assert_eq!(hits(servers, &FILTER.replace("one", "two"), "adm_1"), (1, "p/filters/f.yml".into()));
    assert_eq!(hits("servers = 1.5", FILTER, "bob").1, "p/one p/placeholders.toml");
}
