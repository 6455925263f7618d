//! Rule sets of others: what is read of a folder, what becomes of each document, and what the rules mean on our records.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use std::borrow::Cow;

use detect::pack::{PackFiles, RULE_FILE_BYTES_MAX, RuleSet};
use detect::plan::{Compiled, Outcome, Plan};
use formats::block::Block;
use formats::delimited::{Header, read};
use model::campaign::{Level, Proves, Stage};
use model::{Family, Reject, Row, Sink, WindowsEvent};

const FIELDS: &str = "#Software: Microsoft Internet Information Services 10.0\n\
    #Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) cs(Referer) sc-status\n";

fn set(files: &[(&str, &str)]) -> RuleSet {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), Cow::Owned(text.as_bytes().to_vec()))).collect();
    RuleSet { name: "s".into(), files }
}

fn compile(files: &[(&str, &str)]) -> Compiled {
    Plan::compile_all(&[], &[set(files)])
}

fn rule(log_source: &str, detection: &str) -> String {
    format!("title: t\nlogsource: {{{log_source}}}\ndetection:\n{detection}\n")
}

/// `file: outcome` of every document.
fn outcomes(compiled: &Compiled) -> Vec<String> {
    let spell = |outcome: &Outcome| match outcome {
        Outcome::Loaded(_) => "loaded".to_owned(),
        Outcome::Filter(rules) => format!("filter of {rules}"),
        Outcome::OtherProduct(product) => format!("for {product}"),
        Outcome::Unread(source) => format!("unread {source}"),
        Outcome::Refused(_) => "refused".to_owned(),
        Outcome::Duplicate(first) => format!("as {first}"),
        Outcome::NoRule => "no rule".to_owned(),
    };
    compiled.accounts.iter().map(|account| format!("{}: {}", account.file, spell(&account.outcome))).collect()
}

/// Searches the block and tests every row, as a run does; and tests every rule on every row, which must find the same.
struct Run<'a> {
    plan: &'a Plan,
    block: Vec<u8>,
    fits: usize,
}

impl Sink for Run<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.block = bytes.to_vec();
    }

    fn row(&mut self, row: &Row<'_>) {
        let rows = self.plan.rows(&Family::Iis).expect("the rule is for web servers");
        let binding = rows.bind(row.schema);
        let mut hits = Vec::new();
        rows.scan_block(&self.block, &mut hits);
        hits.retain(|(end, _)| (row.in_block..=row.in_block + row.line.len()).contains(end));
        let (mut found, mut without_search) = (Vec::new(), Vec::new());
        rows.test_row(&hits, &binding, row, &mut |rule| found.push(rule));
        without_search.extend(rows.rules().iter().copied().filter(|rule| rows.matches(*rule, &binding, row)));
        assert_eq!(found, without_search, "the search lost a hit: {}", String::from_utf8_lossy(row.line));
        self.fits += found.len();
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {}

    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }
}

fn hits(plan: &Plan, lines: &str) -> usize {
    let log = format!("{FIELDS}{lines}\n");
    let mut run = Run { plan, block: Vec::new(), fits: 0 };
    read(&Block::whole(log.as_bytes()), &mut Header::for_file("", log.as_bytes()), &mut run);
    run.fits
}

/// How a detection fares as a rule of somebody else and as one of ours.
fn check(detection: &str, line: &str, theirs: bool, ours: bool) {
    let text = rule("category: webserver", &format!("  s: {detection}\n  condition: s"));
    let foreign = compile(&[("r.yml", &text)]);
    assert_eq!(outcomes(&foreign), ["r.yml: loaded"], "{detection}: {:?}", foreign.accounts);
    assert_eq!(hits(&foreign.plan, line), usize::from(theirs), "theirs: {detection} on {line}");
    let negated = rule("category: webserver", &format!("  s: {detection}\n  condition: not s"));
    assert_eq!(hits(&compile(&[("r.yml", &negated)]).plan, line), usize::from(!theirs), "not {detection} on {line}");
    for (imported, expected) in [(false, ours), (true, theirs)] {
        let plan = pack(&text, imported);
        assert_eq!(hits(&plan, line), usize::from(expected), "pack, imported {imported}: {detection} on {line}");
    }
}

fn pack(text: &str, imported: bool) -> Plan {
    let manifest = format!("id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\nimported = {imported}\n");
    let text = format!("{text}tags: [afterpatch.stage.access, afterpatch.proves.context]\n");
    let file = |name: &str, text: String| (name.to_owned(), Cow::Owned(text.into_bytes()));
    let files = vec![file("pack.toml", manifest), file("rules/r.yml", text)];
    let compiled = Plan::compile(&[PackFiles { id: "p".into(), files }]);
    assert!(compiled.refusals.is_empty(), "{:?}", compiled.refusals);
    compiled.plan
}

fn line(method: &str, stem: &str, query: &str, agent: &str, status: u16) -> String {
    format!("2021-03-03 05:09:38 {method} {stem} {query} - 203.0.113.7 {agent} - {status}")
}

#[test]
fn a_path_is_found_where_iis_writes_it() {
    let bare = line("GET", "/ecp/default.aspx", "-", "x/1.0", 200);
    let full = line("GET", "/ecp/default.aspx", "__VIEWSTATEGENERATOR=B97&__VIEWSTATE=abc", "x/1.0", 200);
    for (detection, line, theirs, ours) in [
        ("{cs-uri-query|contains: /ecp/}", &bare, true, false),
        ("{c-uri-query|contains: /ecp/}", &bare, true, false),
        ("{cs-uri-query|endswith: /default.aspx}", &bare, true, false),
        ("{cs-uri-query: /ecp/default.aspx}", &bare, true, false),
        ("{cs-uri-query|contains|all: [/ecp/default.aspx, '__VIEWSTATE=']}", &full, true, false),
        ("{cs-uri-query|contains: '/default.aspx\\?__VIEWSTATEG'}", &full, true, false),
        ("{cs-uri-query: '*/default.aspx?__view*=abc'}", &full, true, false),
        ("{cs-uri-query|re: 'ecp/[a-z]+\\.aspx\\?__V'}", &full, true, false),
        ("{cs-uri-query|startswith: __VIEWSTATEGENERATOR}", &full, true, true),
        ("{cs-uri-query|contains: /owa/}", &full, false, false),
        ("{cs-uri-query: null}", &bare, true, true),
        ("{cs-uri-query: null}", &full, false, false),
        ("{cs-uri-stem|contains: __VIEWSTATE}", &full, false, false),
        ("{c-uri|contains: 'aspx\\?__VIEW'}", &full, true, false),
        ("{cs-uri|endswith: /default.aspx}", &bare, true, false),
        ("['default.aspx\\?__VIEWSTATEG*']", &full, true, false),
        ("{'|all': ['/ecp/default.aspx\\?__V', 'x/1.0']}", &full, true, false),
        ("['/ecp/default']", &bare, true, true),
        ("[{cs-uri-query|contains: nothing}, {cs-uri-query|contains: /ecp/}]", &bare, true, false),
    ] {
        check(detection, line, theirs, ours);
    }
}

#[test]
fn what_differs_from_a_value_differs_in_both_ways_to_write_it() {
    let text = |condition: &str| {
        rule("category: webserver", &format!("  s: {{cs-uri-query|neq: /ecp/a.aspx}}\n  condition: {condition}"))
    };
    let plan = compile(&[("r.yml", &text("s"))]).plan;
    assert_eq!(hits(&plan, &line("GET", "/ecp/a.aspx", "-", "x", 200)), 0);
    assert_eq!(hits(&plan, &line("GET", "/ecp/b.aspx", "-", "x", 200)), 1);
}

#[test]
fn blanks_are_plus_signs() {
    let agent = "Mozilla/5.0+(compatible;+Recon-ng/v+a+b)";
    let with = line("GET", "/a+b/x", "cmd=cmd+/c+dir", agent, 200);
    for (detection, theirs, ours) in [
        ("{cs-user-agent|contains: '(compatible; Recon'}", true, false),
        ("{c-useragent: 'Mozilla/5.0 (compatible; Recon-ng/v a+b)'}", true, false),
        ("{'cs(User-Agent)|contains': 'Mozilla/5.0+(compatible'}", true, true),
        ("{cs-user-agent|re: '0 \\(compatible;\\sRecon'}", true, false),
        ("{cs-user-agent|contains: '(compatible;Recon'}", false, false),
        ("{cs-uri-query|contains: 'cmd /c dir'}", true, false),
        ("{cs-uri-stem: '/a b/x'}", true, false),
        ("['=cmd /c ']", true, false),
    ] {
        check(detection, &with, theirs, ours);
    }
}

#[test]
fn columns_go_by_their_public_names() {
    let some = line("POST", "/x", "-", "probe/1", 500);
    for (detection, theirs, ours) in [
        ("{src_ip: 203.0.113.7}", true, false),
        ("{src_ip|cidr: 203.0.113.0/24}", true, false),
        ("{cs-referer: null, cs-method: POST}", true, true),
        ("{sc-status: 500}", true, true),
        ("{cs-content-type: null}", true, true),
    ] {
        check(detection, &some, theirs, ours);
    }
}

/// The shapes of the requests are those of public reports on Exchange; hosts, names and payloads are made up and inert.
#[test]
fn public_rules_find_attacks_on_exchange_only_when_mapped() {
    let rules = [
        "  s: {cs-uri-query|contains|all: [/ecp/default.aspx, '__VIEWSTATEGENERATOR=', '__VIEWSTATE=']}\n  condition: s",
        "  s: {cs-method: POST, cs-uri-query|contains: [/owa/auth/x.js, /ecp/default.flt, /ecp/main.css, /ecp/y.js]}\n  condition: s",
        "  s: {cs-uri-query|contains: /autodiscover.json, sc-status: [200, 301]}\n  t: {cs-uri-query|contains: [/powershell, /mapi/nspi, /EWS, X-Rps-CAT]}\n  condition: s and t",
        "  s: {cs-method: POST, cs-uri-query|contains: /aspnet_client/}\n  t: {cs-uri-query|endswith: .aspx}\n  condition: s and t",
        "  s: {cs-uri-query|contains: '=whoami'}\n  condition: s",
    ];
    let lines = [
        line("GET", "/ecp/default.aspx", "__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE=%2fwEy", "x", 500),
        line("POST", "/owa/auth/x.js", "-", "x", 200),
        line("POST", "/ecp/y.js", "-", "x", 241),
        line("POST", "/autodiscover/autodiscover.json", "@a.example/powershell/&X-Rps-CAT=VgEA", "x", 200),
        line("GET", "/autodiscover/autodiscover.json", "@a.example/mapi/nspi/", "x", 200),
        line("POST", "/aspnet_client/q7.aspx", "-", "x", 200),
        line("GET", "/owa/auth/q7.aspx", "c=whoami", "x", 200),
    ];
    let texts: Vec<(String, String)> = (0..)
        .zip(rules)
        .map(|(number, detection)| (format!("{number}.yml"), rule("category: webserver", detection)))
        .collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let foreign = compile(&files).plan;
    let mapped = lines.iter().filter(|line| hits(&foreign, line) > 0).count();
    let strict = |line: &&String| texts.iter().any(|(_, text)| hits(&pack(text, false), line) > 0);
    let as_logged = lines.iter().filter(strict).count();
    assert_eq!((mapped, as_logged), (7, 1));
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

fn fits(log_source: &str, detection: &str, event: &WindowsEvent<'_>) -> bool {
    let text = rule(log_source, detection);
    let compiled = compile(&[("r.yml", &text)]);
    assert_eq!(outcomes(&compiled), ["r.yml: loaded"], "{detection}: {:?}", compiled.accounts);
    let mut hits = 0;
    compiled.plan.events(event, &mut |_| hits += 1);
    hits == 1
}

#[test]
fn converted_rules_say_themselves_which_events_they_mean() {
    let started = event("Security", 4688, &[("NewProcessName", r"C:\x\cmd.exe"), ("CommandLine", "cmd /c dir")]);
    let detection = "  process_creation: {EventID: 4688, Channel: Security}\n  s: {NewProcessName|endswith: cmd.exe, CommandLine|contains: dir}\n  condition: process_creation and s";
    assert!(fits("product: windows, category: process_creation", detection, &started));
    let written = event("Security", 4657, &[("ObjectName", r"\REGISTRY\MACHINE\SOFTWARE\x"), ("NewValue", "evil.dll")]);
    let detection = "  registry_set: {EventID: 4657, Channel: Security}\n  s: {ObjectName|endswith: \\x, NewValue|contains: evil}\n  condition: registry_set and (s and not 1 of filter_*)\n  filter_main: {NewValue: benign}";
    assert!(fits("product: windows, category: registry_set", detection, &written));
    let elsewhere = event("Application", 4657, &[("ObjectName", r"\x"), ("NewValue", "evil.dll")]);
    assert!(!fits("product: windows, category: registry_set", detection, &elsewhere));
    let own = event("Made-Up/Operational", 7, &[("A", "b")]);
    let detection = "  e: {EventID: [7, 8], Channel: [Made-Up/Operational, Other]}\n  condition: e";
    assert!(fits("product: windows, service: sysmon", detection, &own));
    let detection =
        "  e: {EventID: 7, Channel: Made-Up/Operational}\n  s: {Message|contains: 'B'}\n  condition: e and s";
    assert!(fits("product: windows", detection, &own), "its `Message` is all of the event data");
    let threat = event("Microsoft-Windows-Windows Defender/Operational", 1116, &[("Threat Name", "HackTool:x")]);
    let detection = "  e: {EventID: 1116, Channel: Microsoft-Windows-Windows Defender/Operational}\n  s: {ThreatName|startswith: HackTool}\n  condition: e and s";
    assert!(fits("product: windows, category: antivirus, service: windefend", detection, &threat));
}

#[test]
fn a_cleared_log_is_named_by_the_data() {
    let cleared = event("System", 104, &[("Channel", "Application")]);
    let named = |names: &str| format!("  e: {{EventID: 104, Channel: {names}}}\n  condition: e");
    assert!(fits("product: windows, service: system", &named("[Application, Security]"), &cleared));
    assert!(!fits("product: windows, service: system", &named("[Security, System]"), &cleared));
    assert!(fits("product: windows, service: system", &named("System"), &cleared), "converted rules mean the log");
    assert!(fits("product: windows", &named("System"), &cleared));
    let of_data = "  e: {EventID: 104, Channel: System, LogFileClearedChannel: Application}\n  condition: e";
    assert!(fits("product: windows, service: system", of_data, &cleared));
}

#[test]
fn antivirus_is_windows_defender() {
    let log = "Microsoft-Windows-Windows Defender/Operational";
    let paths = r"file:_C:\inetpub\q7.aspx; file:_C:\Temp\x.txt";
    let found = event(log, 1116, &[("Threat Name", "Backdoor:ASP/Shell"), ("Path", paths)]);
    for (detection, expected) in [
        ("{Signature|contains: ASP}", true),
        ("{Filename|endswith: .aspx}", true),
        ("{Filename|endswith: .txt}", true),
        ("{Filename|endswith: q7}", false),
        ("{Filename|contains: ':\\Temp\\'}", true),
    ] {
        let detection = format!("  s: {detection}\n  condition: s");
        assert_eq!(fits("category: antivirus", &detection, &found), expected, "{detection}");
    }
    let other_id = event(log, 5007, &[("Threat Name", "Backdoor:ASP/Shell")]);
    assert!(!fits("category: antivirus", "  s: {Signature|contains: ASP}\n  condition: s", &other_id));
    for refused in ["{Filename|startswith: 'C:\\'}", "{Action: Quarantine}"] {
        let text = rule("category: antivirus", &format!("  s: {refused}\n  condition: s"));
        assert_eq!(outcomes(&compile(&[("r.yml", &text)])), ["r.yml: refused"], "{refused}");
    }
}

#[test]
fn a_category_without_a_product_is_read_on_windows() {
    let started = event("Microsoft-Windows-Sysmon/Operational", 1, &[("Image", r"C:\cmd.exe")]);
    assert!(fits("category: process_creation", "  s: {Image|endswith: cmd.exe}\n  condition: s", &started));
    let failed = event("Microsoft-Windows-Sysmon/Operational", 255, &[("Description", "Failed to open")]);
    let detection = "  s: {Description|contains: Failed}\n  condition: s";
    assert!(fits("product: windows, category: sysmon_error", detection, &failed));
}

#[test]
fn every_document_is_accounted_for() {
    let good = rule("category: webserver", "  s: {cs-uri-stem: /x}\n  condition: s");
    let with_id = |id: &str| format!("id: {id}\nlevel: high\nstatus: deprecated\n{good}");
    let other = "title: 'on linux'\nid: A-1\nlogsource:\n    product: linux # all of it\n    category: webserver\ndetection:\n    s: {a: [}\n    condition: s\nlevel: low\n";
    let flow = rule("product: MacOS, category: process_creation", "  s: {a: b}\n  condition: s");
    let files = [
        ("a/one.yml", with_id("AAAA")),
        ("a/two.yml", with_id("aaaa")),
        ("b/several.yaml", format!("{good}---\n{good}---\ntitle: no detection here\ndetection: 7\n")),
        ("b/global.yml", "action: global\ntitle: g\nlogsource: {category: webserver}\n---\ndetection:\n  s: {cs-uri-stem: /y}\n  condition: s\n---\ndetection:\n  s: {cs-uri-stem: /z}\n  condition: s\n".to_owned()),
        ("c/linux.yml", other.to_owned()),
        ("c/macos.yml", flow),
        ("c/proxy.yml", rule("category: proxy", "  s: {c-uri: x}\n  condition: s")),
        ("c/rename.yml", rule("product: windows, category: file_rename", "  s: {a: b}\n  condition: s")),
        ("c/apache.yml", rule("product: apache, category: webserver", "  s: {a: b}\n  condition: s")),
        ("d/actions.yml", format!("action: global\na: b\n{}", "---\nb: c\n".repeat(1_001))),
        ("d/broken.yml", "title: [\ndetection: x\n".to_owned()),
        ("d/deep.yml", format!("title: {}", "[{".repeat(100_000))),
        ("d/expand.yml", rule("product: windows", "  s: {a|expand: '%b%'}\n  condition: s")),
        ("d/workflow.yml", "on: push\njobs: {}\n".to_owned()),
        ("d/counts.yml", rule("product: windows", "  s: {a: b}\n  condition: s | count(x) by y > 5")),
        ("d/empty.yml", String::new()),
        ("d/large.yml", "#".repeat(RULE_FILE_BYTES_MAX + 1)),
    ];
    let mut set = set(&files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
    set.files.push(("e/latin.yml".into(), Cow::Owned(b"title: \xe4\n".to_vec())));
    let compiled = Plan::compile_all(&[], &[set]);
    assert_eq!(
        outcomes(&compiled),
        [
            "a/one.yml: loaded",
            "a/two.yml: as s:a/one.yml",
            "b/global.yml: loaded",
            "b/global.yml: loaded",
            "b/several.yaml: loaded",
            "b/several.yaml: loaded",
            "b/several.yaml: refused",
            "c/apache.yml: for apache",
            "c/linux.yml: for linux",
            "c/macos.yml: for macos",
            "c/proxy.yml: unread category: proxy",
            "c/rename.yml: unread product: windows, category: file_rename",
            "d/actions.yml: refused",
            "d/broken.yml: refused",
            "d/counts.yml: refused",
            "d/deep.yml: refused",
            "d/empty.yml: no rule",
            "d/expand.yml: refused",
            "d/large.yml: refused",
            "d/workflow.yml: no rule",
            "e/latin.yml: refused",
        ]
    );
    let linux = compiled.accounts.iter().find(|account| account.file == "c/linux.yml").unwrap();
    assert_eq!((linux.title.as_str(), linux.level, linux.uuid.as_deref()), ("on linux", Some(Level::Low), Some("a-1")));
    assert_eq!(compiled.accounts[0].status.as_deref(), Some("deprecated"));
    let counts = compiled.accounts.iter().find(|account| account.file == "d/counts.yml").unwrap();
    assert!(matches!(&counts.outcome, Outcome::Refused(why) if why.contains("correlations")), "{counts:?}");
    let ids: Vec<&str> = compiled.plan.rules().iter().map(|facts| facts.id.as_str()).collect();
    let several = ["s:b/global.yml#1", "s:b/global.yml#2", "s:b/several.yaml#1", "s:b/several.yaml#2"];
    assert_eq!(ids, [&["s:a/one.yml"][..], &several].concat());
}

#[test]
fn our_tags_make_no_claims_for_others() {
    let text = rule("category: webserver", "  s: {cs-uri-stem: /x}\n  condition: s");
    let tags = "tags: [afterpatch.proves.theft, afterpatch.stage.access, attack.exfiltration, attack.t1041]\n";
    let compiled = compile(&[("r.yml", &format!("{text}{tags}level: critical\n"))]);
    let facts = &compiled.plan.rules()[0];
    assert_eq!((facts.proves, facts.stage, facts.level), (Proves::Context, Stage::Exfiltration, Some(Level::Critical)));
    assert_eq!((facts.attack.as_slice(), facts.campaign.as_deref()), (&["T1041".to_owned()][..], None));
    assert_eq!(facts.set.as_ref().map(|source| source.file.as_str()), Some("r.yml"));
}

#[test]
fn a_rule_of_a_pack_comes_before_the_same_one_of_a_set() {
    let text = format!("id: X-1\n{}", rule("category: webserver", "  s: {cs-uri-stem: /x}\n  condition: s"));
    let manifest = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\nimported = true\n";
    let ours = format!("{text}tags: [afterpatch.stage.access, afterpatch.proves.context]\n");
    let file = |name: &str, text: &str| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    let pack = PackFiles { id: "p".into(), files: vec![file("pack.toml", manifest), file("rules/r.yml", &ours)] };
    let second = RuleSet { name: "t".into(), ..set(&[("z.yml", &text.replace("X-1", "X-2")), ("a.yml", &text)]) };
    let compiled =
        Plan::compile_all(&[pack], &[set(&[("r.yml", &text), ("q.yml", &text.replace("X-1", "X-2"))]), second]);
    assert_eq!(outcomes(&compiled), ["q.yml: loaded", "r.yml: as p/r", "a.yml: as p/r", "z.yml: as s:q.yml"]);
}

#[test]
fn correlations_and_filters_name_rules_of_other_files() {
    let named = |name: &str, stem: &str| {
        let text = rule("category: webserver", &format!("  s: {{cs-uri-stem|contains: {stem}}}\n  condition: s"));
        format!("name: {name}\nid: {name}-ID\n{text}")
    };
    let correlation =
        "title: c\ncorrelation:\n  type: temporal\n  rules: [one, TWO-id]\n  group-by: [client]\n  timespan: 1h\n";
    let lost = correlation.replace("one", "absent");
    let filter = "title: f\nlogsource: {category: webserver}\nfilter:\n  rules: [one]\n  selection: {c-ip: 203.0.113.7}\n  condition: not selection\n";
    let open = "title: o\nlogsource: {category: webserver}\nfilter:\n  rules: any\n  selection: {cs-method: HEAD}\n  condition: not 1 of selection*\n";
    let compiled = compile(&[
        ("0.yml", correlation),
        ("1.yml", &lost),
        ("f.yml", filter),
        ("g.yml", open),
        ("m/1.yml", &named("one", "/one")),
        ("n/2.yml", &named("two", "/two")),
    ]);
    assert_eq!(
        outcomes(&compiled),
        [
            "0.yml: loaded",
            "1.yml: refused",
            "f.yml: filter of 1",
            "g.yml: filter of 2",
            "m/1.yml: loaded",
            "n/2.yml: loaded"
        ]
    );
    assert_eq!(hits(&compiled.plan, &line("GET", "/one", "-", "x", 200)), 0, "filtered by address");
    assert_eq!(hits(&compiled.plan, &line("GET", "/two", "-", "x", 200)), 1);
    assert_eq!(hits(&compiled.plan, &line("HEAD", "/two", "-", "x", 200)), 0, "filtered by method");
    let other = line("GET", "/one", "-", "x", 200).replace("203.0.113.7", "203.0.113.8");
    assert_eq!(hits(&compiled.plan, &other), 1);
    assert!(compiled.plan.rules().iter().any(|facts| facts.correlation && facts.id == "s:0.yml"));
}

#[test]
fn a_filter_is_no_part_of_what_a_rule_counts() {
    let text = rule("category: webserver", "  a: {cs-method: GET}\n  b: {cs-uri-stem: /x}\n  condition: all of them");
    let filter = "title: f\nlogsource: {category: webserver}\nfilter:\n  rules: any\n  a: {c-ip: 192.0.2.1}\n  condition: not a\n";
    let compiled = compile(&[("f.yml", filter), ("r.yml", &text)]);
    assert_eq!(hits(&compiled.plan, &line("GET", "/x", "-", "x", 200)), 1);
    let open = text.replace("all of them", "all of *");
    let compiled = compile(&[("f.yml", filter), ("r.yml", &open)]);
    assert_eq!(outcomes(&compiled), ["f.yml: filter of 1", "r.yml: loaded"]);
    assert_eq!(hits(&compiled.plan, &line("GET", "/x", "-", "x", 200)), 1);
}

#[test]
fn threads_and_order_change_nothing() {
    let files: Vec<(String, Cow<'static, [u8]>)> = (0..600)
        .map(|number| {
            let text = rule("category: webserver", &format!("  s: {{cs-uri-stem: /x{number}}}\n  condition: s"));
            (format!("{:03}.yml", (number * 7) % 600), Cow::Owned(text.into_bytes()))
        })
        .collect();
    let of = |files: Vec<_>| Plan::compile_all(&[], &[RuleSet { name: "s".into(), files }]).accounts;
    let reversed = files.iter().rev().cloned().collect();
    let accounts = of(files);
    assert_eq!(accounts, of(reversed));
    assert!(accounts.windows(2).all(|pair| pair[0].file < pair[1].file) && accounts.len() == 600);
}

/// Reads a checkout of <https://github.com/SigmaHQ/sigma> where one is named, and says what does not run of it.
#[test]
fn almost_all_of_sigmahq_is_read() {
    let Some(folder) = std::env::var_os("AFTERPATCH_SIGMAHQ") else {
        eprintln!("skipped: AFTERPATCH_SIGMAHQ names no checkout of SigmaHQ");
        return;
    };
    let mut files = Vec::new();
    for part in ["rules", "rules-emerging-threats", "rules-threat-hunting"] {
        collect(&std::path::Path::new(&folder).join(part), part, &mut files);
    }
    let compiled = Plan::compile_all(&[], &[RuleSet { name: "sigmahq".into(), files }]);
    let ours = |account: &&detect::plan::RuleAccount| match &account.outcome {
        Outcome::Loaded(_) | Outcome::Refused(_) | Outcome::Duplicate(_) => true,
        Outcome::Unread(source) => {
            ["windows", "webserver", "process_creation"].iter().any(|word| source.contains(word))
        }
        _ => false,
    };
    let ours: Vec<_> = compiled.accounts.iter().filter(ours).collect();
    let loaded = ours.iter().filter(|account| matches!(account.outcome, Outcome::Loaded(_))).count();
    for account in ours.iter().filter(|account| !matches!(account.outcome, Outcome::Loaded(_))) {
        eprintln!("{}: {:?}", account.file, account.outcome);
    }
    eprintln!("{loaded} of {} rules for Windows and web servers run", ours.len());
    assert!(ours.len() > 2_000 && loaded * 100 >= ours.len() * 99);
}

fn collect(folder: &std::path::Path, prefix: &str, files: &mut Vec<(String, Cow<'static, [u8]>)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &path, files);
        } else if path.ends_with(".yml") {
            files.push((path, Cow::Owned(std::fs::read(entry.path()).unwrap())));
        }
    }
}
