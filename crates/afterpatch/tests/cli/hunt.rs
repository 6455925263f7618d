//! Hits without a verdict: the same as in an assessment, in the order of the evidence, whatever the threads and the
//! format.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use demo::Scenario;
use serde_json::Value;
use tempfile::TempDir;

use crate::logs::{IIS_LOG, IisRow, PROXY_COLUMNS, PROXY_LOG, PROXY_RULE, ProxyRow, iis_header, proxy_header};
use crate::program::{Outcome, afterpatch, assess, list, number, text, word};
use crate::trees::Tree;

/// Hunts in one folder.
fn hunt(evidence: &Path, options: &[&str]) -> Outcome {
    let mut arguments = vec!["hunt", text(evidence)];
    arguments.extend(options);
    afterpatch(&arguments)
}

/// The hits, as JSON lines tell them.
fn hits(evidence: &Path, options: &[&str]) -> Vec<Value> {
    let mut all = vec!["--format", "jsonl"];
    all.extend(options);
    let outcome = hunt(evidence, &all);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    outcome.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Rule, file, record and offset.
fn places(hits: &[Value]) -> BTreeSet<(String, String, u64, u64)> {
    let place = |hit: &Value| {
        let number = |name: &str| hit[name].as_u64().unwrap_or(0);
        (word(&hit["rule"]["id"]).to_owned(), word(&hit["file"]).to_owned(), number("record"), number("offset"))
    };
    hits.iter().map(place).collect()
}

/// A rule of a pack that is tested on records by itself.
fn is_detection(rule: &str) -> bool {
    let Some((pack, name)) = rule.split_once('/') else { return false };
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let rule = fs::read_to_string(packs.join(pack).join("rules").join(format!("{name}.yml")));
    rule.is_ok_and(|rule| !rule.contains("\ncorrelation:"))
}

/// A log of several blocks, the attack at every so many lines.
fn long_log(every: u32) -> Tree {
    let mut log = proxy_header(PROXY_COLUMNS);
    for number in 0..30_000 {
        let second = number / 10;
        let row = if number % every == 0 { ProxyRow::attack(second) } else { ProxyRow::probe(second) };
        log.push_str(&row.line());
        log.push_str("\r\n");
    }
    assert!(log.len() > 6 << 20);
    let tree = Tree::empty();
    tree.put(PROXY_LOG, log);
    tree.put(IIS_LOG, format!("{}{}\r\n", iis_header(), IisRow::attack(1).line()));
    tree
}

#[test]
fn what_an_assessment_rests_on_is_hit() {
    for scenario in [Scenario::ActiveAfterPatch, Scenario::TransportAgent] {
        let tree = Tree::short_story(scenario);
        let found = places(&hits(tree.path(), &[]));
        let mut compared = 0;
        for finding in assess(tree.path()).findings().iter().filter(|finding| is_detection(word(&finding["rule"]))) {
            for record in list(&finding["evidence"]) {
                let (file, at) = (word(&record["path"]), (number(&record["record"]), number(&record["offset"])));
                let place = (word(&finding["rule"]).to_owned(), file.to_owned(), at.0, at.1);
                assert!(found.contains(&place), "{place:?}");
                compared += 1;
            }
        }
        assert!(compared > 5, "{compared}");
    }
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let tree = Tree::demo(&demo::Options {
        size: Some(1_500_000),
        days: 1,
        servers: 2,
        ..demo::Options::new(Scenario::ActiveAfterPatch)
    });
    let formats = ["table", "jsonl", "csv", "timesketch"];
    for (tree, formats, least) in [(&tree, &formats[..], 20), (&long_log(7), &formats[1..2], 4_000)] {
        for format in formats {
            let run = |threads| hunt(tree.path(), &["--format", format, "--threads", threads]);
            let one = run("1");
            assert!(*format == "table" || one.stdout.lines().count() > least, "{format}: {}", one.stderr);
            for threads in ["2", "5"] {
                let many = run(threads);
                assert!(many.stdout == one.stdout, "{format}, {threads} threads");
                assert_eq!(many.stderr, one.stderr, "{format}, {threads} threads");
            }
        }
    }
}

#[test]
fn hits_come_in_the_order_of_the_evidence() {
    let tree = long_log(100);
    let all = hits(tree.path(), &["--threads", "4"]);
    let order: Vec<(&str, u64)> = all.iter().map(|hit| (word(&hit["file"]), number(&hit["offset"]))).collect();
    assert!(order.is_sorted(), "by file and place in it");
    let of_rule = all.iter().filter(|hit| hit["rule"]["id"] == PROXY_RULE);
    assert_eq!(of_rule.count(), 300);
}

#[test]
fn a_hit_tells_its_rule_its_place_and_all_fields() {
    let tree = Tree::empty();
    tree.put(PROXY_LOG, format!("{}{}\r\n", proxy_header(PROXY_COLUMNS), ProxyRow::attack(75).line()));
    let all = hits(tree.path(), &[]);
    let hit = all.iter().find(|hit| hit["rule"]["id"] == PROXY_RULE).expect("the attack is hit");
    assert_eq!(hit["timestamp"], "2021-03-03T04:01:15Z");
    assert_eq!((word(&hit["computer"]), word(&hit["source"])), ("EXC01", "httpproxy/Ecp"));
    assert_eq!((word(&hit["file"]), number(&hit["record"])), (PROXY_LOG, 7));
    assert_eq!(word(&hit["client"]), "203.0.113.7");
    assert_eq!(word(&hit["rule"]["campaign"]), "proxylogon");
    assert_eq!(list(&hit["rule"]["attack"])[0], "T1190");
    let fields = &hit["fields"];
    assert_eq!(word(&fields["AnchorMailbox"]), ProxyRow::attack(75).anchor);
    assert_eq!(word(&fields["UserAgent"]), "python-requests/2.25.1");
    // What is empty in the log is no field.
    assert!(fields.get("AuthenticatedUser").is_none());
    let log = &tree.files()[PROXY_LOG];
    let at = usize::try_from(number(&hit["offset"])).expect("a place in the file");
    assert!(log[at..].starts_with(ProxyRow::attack(75).line().as_bytes()), "the offset leads to the record");
}

#[test]
fn every_format_holds_every_hit() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let all = hits(tree.path(), &[]);
    let csv = hunt(tree.path(), &["--format", "csv"]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().expect("a header").clone();
    let column = |name: &str| columns.iter().position(|column| column == name).expect("the column");
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!(rows.len(), all.len());
    for (row, hit) in rows.iter().zip(&all) {
        assert_eq!(&row[column("rule")], word(&hit["rule"]["id"]));
        assert_eq!(&row[column("timestamp")], hit["timestamp"].as_str().unwrap_or_default());
        let record = hit["record"].as_u64().map(|number| number.to_string()).unwrap_or_default();
        assert_eq!(row[column("record")], record);
    }
    let sketch = hunt(tree.path(), &["--format", "timesketch"]);
    let events: Vec<Value> =
        sketch.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let timed = all.iter().filter(|hit| hit["timestamp"].is_string()).count();
    assert_eq!(events.len(), timed);
    for event in &events {
        let time = model::Utc::parse(word(&event["datetime"]).as_bytes()).expect("a time");
        assert_eq!(event["timestamp"].as_i64(), Some(time.0));
        assert!(!word(&event["message"]).is_empty() && !word(&event["timestamp_desc"]).is_empty());
        assert!(list(&event["tag"]).contains(&event["level"]));
    }
    assert!(timed < all.len(), "files have no time, and that is said");
    assert!(sketch.stderr.contains("without a time"), "{}", sketch.stderr);
}

#[test]
fn the_table_counts_what_the_lines_tell() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let all = hits(tree.path(), &[]);
    let table = hunt(tree.path(), &[]).stdout;
    let rules: BTreeSet<&str> = all.iter().map(|hit| word(&hit["rule"]["id"])).collect();
    for rule in &rules {
        assert!(table.contains(rule), "{rule}: {table}");
    }
    let counted: usize = table
        .lines()
        .filter_map(|line| line.split_once(" hit").filter(|_| line.starts_with("   ")))
        .filter_map(|(before, _)| before.split_whitespace().last()?.replace(',', "").parse::<usize>().ok())
        .sum();
    assert_eq!(counted, all.len(), "{table}");
    assert!(table.contains("EXC01") && table.contains("\nRead ") && table.contains("\nRules "), "{table}");
    assert!(table.contains(" correlations ran"), "{table}");
}

#[test]
fn levels_bound_what_is_told_and_how_it_ends() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let (all, high) = (hits(tree.path(), &[]), hits(tree.path(), &["--level", "high"]));
    assert!(!high.is_empty() && high.len() < all.len());
    assert!(high.iter().all(|hit| matches!(word(&hit["rule"]["level"]), "high" | "critical")));
    for (options, status) in [
        (&["--fail-on", "critical"][..], 1),
        (&["--fail-on", "low", "--level", "low"], 1),
        (&["--fail-on", "low", "--level", "high"], 2),
    ] {
        let outcome = hunt(tree.path(), options);
        assert_eq!(outcome.status, status, "{options:?}: {}", outcome.stderr);
    }
    let quiet = Tree::short_story(Scenario::QuietUncovered);
    assert_eq!(hunt(quiet.path(), &["--fail-on", "medium"]).status, 0);
}

#[test]
fn from_and_to_bound_the_hits() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let (from, to) = ("2021-03-03T00:00:00Z", "2021-03-04T00:00:00Z");
    let all = hits(tree.path(), &["--from", from, "--to", to]);
    let times: Vec<&str> = all.iter().filter_map(|hit| hit["timestamp"].as_str()).collect();
    assert!(!times.is_empty() && times.iter().all(|time| (from..to).contains(time)), "{times:?}");
}

#[test]
fn a_file_gets_the_same_lines_and_the_table_is_shown() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("hits.jsonl");
    let outcome = hunt(tree.path(), &["--format", "jsonl", "-o", text(&file)]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let printed = hunt(tree.path(), &["--format", "jsonl"]);
    assert!(fs::read_to_string(&file).expect("the file") == printed.stdout);
    assert_eq!(outcome.stdout, hunt(tree.path(), &[]).stdout);
    assert!(printed.stderr.contains("Read ") && printed.stderr.contains("Hits "), "{}", printed.stderr);
    let quiet = hunt(tree.path(), &["--format", "jsonl", "-q", "-o", text(&file)]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn what_was_not_read_is_said() {
    let tree = Tree::empty();
    tree.put(IIS_LOG, format!("{}not a record\r\n{}\r\n", iis_header(), IisRow::probe(1).line()));
    tree.put("EXC01/notes.bin", b"\x00\x01nothing that is known");
    let table = hunt(tree.path(), &[]).stdout;
    for said in ["No rule fits", "1 file not recognised (EXC01/notes.bin)", "1 line or record in 1 file", "1 record "] {
        assert!(table.contains(said), "{said}: {table}");
    }
}

#[test]
fn a_file_that_nobody_recognises_can_be_hit() {
    let tree = Tree::empty();
    tree.put("EXC01/C/Windows/Temp/lsass.dmp", b"no dump: a few words");
    let all = hits(tree.path(), &[]);
    let hit = all.iter().find(|hit| hit["rule"]["id"] == "exchange-host/lsass-dump-file").expect("the name is hit");
    assert_eq!((word(&hit["fields"]["name"]), &hit["record"]), ("lsass.dmp", &Value::Null));
    let table = hunt(tree.path(), &[]).stdout;
    assert!(table.contains("1 file not recognised") && table.contains("no time"), "{table}");
}

#[test]
fn refusals_leave_nothing_behind() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let before = tree.files();
    let (folder, packs) = (TempDir::new().expect("a folder"), Tree::empty());
    let file = folder.path().join("hits");
    let inside = tree.path().join("hits.csv");
    for (options, status) in [
        (&["-o", text(&file)][..], 2),
        (&["--format", "csv", "-o", text(&inside)], 2),
        (&["--format", "csv", "-o", text(folder.path())], 2),
        (&["--no-packs"], 2),
        (&["--from", "2021-01-02", "--to", "2021-01-01"], 2),
        (&["--level", "dreadful"], 2),
        (&["--packs", text(packs.path()), "--format", "csv", "-o", text(&file)], 5),
    ] {
        let outcome = hunt(tree.path(), options);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (status, ""), "{options:?}: {}", outcome.stderr);
        assert!(!outcome.stderr.is_empty(), "{options:?}");
    }
    let nothing = hunt(packs.path(), &["--format", "csv", "-o", text(&file)]);
    assert_eq!(nothing.status, 3, "{}", nothing.stderr);
    assert!(tree.files() == before && crate::trees::files(folder.path()).is_empty());
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let tree = long_log(2);
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterpatch"))
        .args(["hunt", text(tree.path()), "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Nobody reads on before the signal is sent, so the program still has most of its hits to write.
#[cfg(unix)]
#[test]
fn interrupted_it_ends_with_what_is_there_and_says_so() {
    let tree = long_log(1);
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterpatch"))
        .args(["hunt", text(tree.path()), "--format", "jsonl", "--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut hits = BufReader::new(child.stdout.take().expect("its standard output"));
    let mut first = String::new();
    hits.read_line(&mut first).expect("a hit");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let rest: Vec<String> = hits.lines().collect::<Result<_, _>>().expect("text");
    let output = child.wait_with_output().expect("the program ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted") && said.contains("not read to"), "{said}");
    assert!(!rest.is_empty() && rest.len() < 30_000, "{}", rest.len());
    for line in [&first].into_iter().chain(&rest) {
        serde_json::from_str::<Value>(line).expect("whole lines");
    }
}

#[test]
fn the_cost_of_rules_is_asked_for() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let outcome = hunt(tree.path(), &["--rule-cost"]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let (_, costs) = outcome.stdout.split_once(" share ").unwrap_or_else(|| panic!("{}", outcome.stdout));
    assert!(costs.lines().count() > 3 && costs.contains(" %"), "{costs}");
}
