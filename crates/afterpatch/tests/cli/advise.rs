//! `advise`: every way to ask, every way to be refused, every output.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use demo::Scenario;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Outcome, afterpatch, assess_with, list, number, text, word};
use crate::trees::Tree;

fn advise(arguments: &[&str]) -> Outcome {
    let all: Vec<&str> = ["advise"].iter().chain(arguments).copied().collect();
    afterpatch(&all)
}

/// Answered; as JSON, which satisfies the schema.
fn answered(arguments: &[&str]) -> Value {
    let outcome = advise(&[arguments, &["--format", "json"]].concat());
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{arguments:?}");
    let value: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let schema: Value = serde_json::from_str(include_str!("../../../../schema/advice.schema.json")).expect("a schema");
    let validator =
        jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("it compiles");
    let problems: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert_eq!(problems, Vec::<String>::new(), "{arguments:?}");
    value
}

/// Refused: status 2, nothing on standard output, the message and the hint.
fn refused(arguments: &[&str]) -> String {
    let outcome = advise(arguments);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{arguments:?}: {}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains('\x1b'), "{:?}", outcome.stderr);
    outcome.stderr
}

fn table(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    path
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

/// The words of a hole of the first build.
fn state<'v>(advice: &'v Value, id: &str) -> &'v str {
    let mut holes = list(&advice["builds"][0]["holes"]).iter();
    word(&holes.find(|hole| hole["id"] == id).unwrap_or_else(|| panic!("{id}"))["state"])
}

#[test]
fn a_frightened_reader_sees_the_build_then_the_way_then_what_is_open() {
    let outcome = advise(&["15.1.2106.2"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    let shown = &outcome.stdout;
    let order = [
        "15.1.2106.2: Exchange Server 2016 CU18, released 2020-09-15",
        "Support ended on 2025-10-14",
        "Open to 16 holes known to be exploited, and to 111 others",
        "\nThe way\n  1. Install CU23 for Exchange Server 2016 of 2022-04-20 (15.1.2507.6, KB5011155).",
        "KB5129958",
        "3. Move to Exchange Server SE (15.2.2562.53, KB5129955)",
        "CVE-2021-26855  ProxyLogon (SSRF); 2021-11-03; CU18 Mar21SU (KB5000871)",
        "Open as well: 111",
        "What no build number shows",
        "State of the data: 2026-11-23.",
    ];
    let places: Vec<usize> =
        order.iter().map(|text| shown.find(text).unwrap_or_else(|| panic!("{text}:\n{shown}"))).collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(shown.lines().count() < 85, "{}", shown.lines().count());
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn every_spelling_names_the_same_build() {
    for text in ["15.1.2106.2", "15.01.2106.002", " 15.1.2106.2 "] {
        let advice = answered(&[text]);
        assert_eq!(advice["builds"][0]["id"], "15.1.2106.2", "{text}");
        assert_eq!(state(&advice, "CVE-2021-26855"), "open", "{text}");
    }
    for text in ["15.1.2106", "Version 15.1 (Build 2106.2)", "15.1 (Build 2106.2)", "2016 CU18"] {
        let advice = answered(&[text]);
        let build = &advice["builds"][0];
        assert_eq!((word(&build["id"]), word(&build["recognised"])), ("15.1.2106.2 to 15.1.2106.13", "cu-only"));
        assert!(word(&build["note"]).contains("ExSetup.exe"), "{build}");
        assert_eq!(state(&advice, "CVE-2021-26855"), "undetermined", "{text}");
        assert_eq!(state(&advice, "CVE-2021-34473"), "open", "{text}");
    }
}

#[test]
fn what_is_no_build_is_refused_with_a_hint() {
    let message = refused(&["2106.2"]);
    assert!(message.contains("`2106.2` names no build") && message.contains("such as `15.1.2106.2`"), "{message}");
    for text in ["x", "", "15.1.2106.2.1", "15.1.99999.1", "2019 CU14 Mar25SU", "\x1b[2J"] {
        assert!(refused(&[text]).contains("\nhint: "), "{text}");
    }
    for text in ["15.1.2106.2", "=15.1.2106.2", "EXC01="] {
        assert!(refused(&["--server", text]).contains("hint: "), "{text}");
    }
    assert!(refused(&[]).contains("no build to judge"));
    assert_eq!(advise(&["15.1.2106.2", "--cve", "26855"]).status, 2);
    assert_eq!(advise(&["15.1.2106.2", "--as-of", "yesterday"]).status, 2);
    assert_eq!(advise(&["15.1.2106.2", "--publisher-namespace", "contoso"]).status, 2);
}

#[test]
fn servers_share_what_is_said_of_their_build() {
    let advice = answered(&["--server", "EXC01=15.1.2106.2", "--server", "EXC02=15.01.2106.002", "15.2.2562.53"]);
    assert_eq!(list(&advice["servers"]).len(), 3);
    assert_eq!(list(&advice["builds"]).len(), 2);
    for server in list(&advice["servers"]) {
        assert!(list(&advice["builds"]).iter().any(|build| build["id"] == server["build"]), "{server}");
    }
}

#[test]
fn tables_of_every_kind() {
    let folder = folder();
    let utf16 = |text: &str| -> Vec<u8> {
        [vec![0xFF, 0xFE], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
    };
    let exported = "#TYPE Selected.Microsoft.Exchange.Data.Directory.Management.ExchangeServer\r\n\
        \"Name\",\"AdminDisplayVersion\"\r\n\"EXC01\",\"Version 15.1 (Build 2106.2)\"\r\n";
    let tables: [(&str, Vec<u8>); 5] = [
        ("comma.csv", b"Server,Build\nEXC01,15.1.2106.2\n".to_vec()),
        ("semicolon.csv", b"\xef\xbb\xbfHost;Site;Exchange Build\r\nEXC01;A,B;15.01.2106.002\r\n".to_vec()),
        ("tab.tsv", b"FQDN\tExSetup\nEXC01\t15.1.2106.2".to_vec()),
        ("utf16.csv", utf16("name,fileversion\r\nEXC01,15.1.2106.2\r\n")),
        ("exported.csv", utf16(exported)),
    ];
    for (name, content) in tables {
        let path = table(&folder, name, content);
        let advice = answered(&["--csv", text(&path)]);
        assert_eq!(advice["servers"][0]["server"], "EXC01", "{name}");
        assert_eq!(advice["builds"][0]["lowest"], "15.1.2106.2", "{name}");
        assert!(word(&advice["servers"][0]["source"]).starts_with(&format!("{name}:")), "{name}");
    }
}

#[test]
fn a_table_without_the_right_columns_is_refused() {
    let folder = folder();
    let path = table(&folder, "wrong.csv", "Computer,Operating System\nEXC01,Windows\n");
    let message = refused(&["--csv", text(&path)]);
    for part in ["`wrong.csv`, line 1", "`build`", "seen: `Computer`, `Operating System`", "hint: "] {
        assert!(message.contains(part), "{part}: {message}");
    }
    for content in ["", "\n\n", "\0\0\0", "15.1.2106.2\n"] {
        assert!(refused(&["--csv", text(&table(&folder, "x.csv", content))]).contains("no column names a build"));
    }
    assert!(refused(&["--csv", text(&folder.path().join("absent.csv"))]).contains("absent.csv"));
    assert!(refused(&["--csv", text(folder.path())]).contains("it is a folder"));
}

#[test]
fn bad_rows_refuse_the_table_unless_they_may_be_left_out() {
    let folder = folder();
    let rows: String = (2..16).map(|row| format!("EXC{row:02},n/a {row}\n")).collect();
    let path = table(&folder, "some.csv", format!("server,build\n{rows}EXC99,15.1.2106.2\n"));
    let message = refused(&["--csv", text(&path)]);
    assert!(message.contains("14 rows cannot be judged: some.csv:2 `n/a 2`"), "{message}");
    assert!(message.contains("some.csv:11") && !message.contains("some.csv:12"), "{message}");
    assert!(message.contains("and 4 more") && message.contains("--keep-going"), "{message}");

    let advice = answered(&["--csv", text(&path), "--keep-going"]);
    assert_eq!((list(&advice["servers"]).len(), list(&advice["not_understood"]).len()), (1, 14));
    assert_eq!(advice["not_understood"][0]["source"], "some.csv:2");
    let shown = advise(&["--csv", text(&path), "--keep-going"]).stdout;
    assert!(shown.contains("Not understood, and not judged: 14") && shown.contains("some.csv:15"), "{shown}");
    // What was not understood is no all-clear.
    let newest = table(&folder, "newest.csv", "server,build\nA,x\nB,15.2.2562.53\n");
    let arguments = ["--csv", text(&newest), "--keep-going", "--fail-on", "exploited", "--format", "csv"];
    assert_eq!(advise(&arguments).status, 1);
}

#[test]
fn standard_input_is_a_table_too() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_afterpatch"))
        .args(["advise", "--csv", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    program.stdin.take().expect("a pipe").write_all(b"server,build\nEXC01,15.1.2106.2\n").expect("it reads");
    let output = program.wait_with_output().expect("it ends");
    let advice: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(advice["servers"][0]["source"], "standard input:2");
}

#[test]
fn hostile_names_harm_no_terminal_and_no_spreadsheet() {
    let folder = folder();
    let path = table(
        &folder,
        "hostile.csv",
        "server,build\n=cmd|' /C calc'!A0,15.1.2106.2\n\"\x1b[2J\x1b]0;x\x07\",15.1.2106.2\n\"a\u{202e}b\r\nc\",15.1.2106.2\n@SUM(1),-1+1\n",
    );
    for format in ["human", "csv", "json", "csaf-vex"] {
        let outcome = advise(&["--csv", text(&path), "--keep-going", "--format", format]);
        assert_eq!(outcome.status, 0, "{format}: {}", outcome.stderr);
        let odd = |c: char| (c.is_control() && !"\r\n".contains(c)) || c == '\u{202e}';
        assert!(!outcome.stdout.contains(odd), "{format}: {:?}", outcome.stdout);
        if format == "csv" {
            for cell in outcome.stdout.lines().flat_map(|line| line.split("\",\"")) {
                let first = cell.trim_start_matches('"').chars().next();
                assert!(!matches!(first, Some('=' | '+' | '-' | '@')), "{cell}");
            }
            assert_eq!(outcome.stdout.lines().count(), 5, "{}", outcome.stdout);
        }
    }
    let message = refused(&["--csv", text(&path)]);
    assert!(message.contains("hostile.csv:6 `-1+1`"), "{message}");
}

#[test]
fn the_table_has_a_row_per_server() {
    let outcome = advise(&["--server", "EXC01=15.1.2106.2", "--server", "EXC02=15.2.2562.53", "--format", "csv"]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("server,asked,build,product,level,update,support,support_end,open_exploited,open,"));
    assert!(lines[1].contains("\"KB5011155 KB5129958 KB5129955\""), "{}", lines[1]);
    assert!(lines[1].contains("\"EXC01\",\"15.1.2106.2\",\"15.1.2106.2\",\"Exchange Server 2016\",\"CU18\""));
    assert!(lines[2].contains("\"supported\""), "{}", lines[2]);
}

#[test]
fn support_depends_on_the_day_asked_for() {
    let of = |arguments: &[&str]| answered(arguments)["builds"][0]["support"]["state"].clone();
    assert_eq!(of(&["15.1.2507.6"]), "ended");
    assert_eq!(of(&["15.1.2507.6", "--as-of", "2026-10-31"]), "paid-extension");
    assert_eq!(of(&["15.1.2507.6", "--as-of", "2025-10-14"]), "supported");
    let shown = advise(&["15.1.2507.6", "--as-of", "2025-10-14"]).stdout;
    assert!(shown.contains("State of the data: 2026-11-23, support as of 2025-10-14."), "{shown}");
}

#[test]
fn only_the_holes_asked_for() {
    let advice = answered(&["15.1.2106.2", "--cve", "cve-2021-26855", "--cve", "CVE-2024-21410"]);
    assert_eq!(list(&advice["builds"][0]["holes"]).len(), 2);
    assert_eq!(state(&advice, "CVE-2021-26855"), "open");
    let shown = advise(&["15.1.2106.13", "--cve", "CVE-2021-26855"]).stdout;
    assert!(shown.contains("The hole asked for is closed."), "{shown}");
    assert!(shown.contains("The holes asked for\n  CVE-2021-26855  ProxyLogon (SSRF): fixed;"), "{shown}");
}

#[test]
fn holes_asked_for_are_counted_by_what_they_are() {
    let shown = |holes: &[&str]| {
        let asked = holes.iter().flat_map(|hole| ["--cve", *hole]);
        advise(&["15.1.2106.2"].into_iter().chain(asked).collect::<Vec<_>>()).stdout
    };
    let one = shown(&["CVE-2021-26855"]);
    assert!(one.contains("The hole asked for is open, and known to be exploited."), "{one}");
    let two = shown(&["CVE-2021-26855", "CVE-2020-0688"]);
    assert!(two.contains("Of the 2 holes asked for: 1 open and known to be exploited, 1 closed."), "{two}");
}

#[test]
fn a_hole_that_is_in_no_list_is_refused() {
    let message = refused(&["15.1.2106.2", "--cve", "CVE-2021-26855", "--cve", "cve-2099-12345"]);
    assert!(message.contains("`CVE-2099-12345` is not a hole in the list of 2026-11-23"), "{message}");
}

#[test]
fn products_from_before_2010_are_named_and_refused() {
    let message = refused(&["Version 8.3 (Build 83.6)"]);
    assert!(message.contains("Exchange Server 2007 is older than what is covered"), "{message}");
    let folder = folder();
    let path = table(&folder, "old.csv", "server,build\nA,6.5.7638.1\nB,15.1.2507.6\n");
    let message = refused(&["--csv", &path.display().to_string()]);
    assert!(
        message.contains("1 row cannot be judged: old.csv:2 `6.5.7638.1` (Exchange Server 2003 is older"),
        "{message}"
    );
}

#[test]
fn the_number_of_the_directory_is_read_and_said() {
    let shown = advise(&["Version 15.1 (Build 32507.6)"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        shown.contains("with 30000 added, as serialNumber of a server in Active Directory is, so this is 15.1.2507.6"),
        "{shown}"
    );
    assert!(shown.contains("Exchange Server 2016 CU23"), "{shown}");
}

#[test]
fn the_exit_status_follows_the_bar() {
    let status = |arguments: &[&str]| advise(arguments).status;
    assert_eq!(status(&["15.1.2106.2"]), 0);
    assert_eq!(status(&["15.1.2106.2", "--fail-on", "exploited"]), 1);
    assert_eq!(status(&["15.1.2106.2", "--fail-on", "open"]), 1);
    assert_eq!(status(&["15.2.2562.53", "--fail-on", "exploited"]), 0);
    assert_eq!(status(&["15.2.2562.53", "--fail-on", "open"]), 0);
    assert_eq!(status(&["15.2.2562.43", "--fail-on", "exploited"]), 0, "open holes, none of them exploited");
    assert_eq!(status(&["15.2.2562.43", "--fail-on", "open"]), 1);
    assert_eq!(status(&["15.2.2562", "--fail-on", "exploited"]), 1, "the number does not tell");
    assert_eq!(status(&["15.1.2106.2", "--fail-on", "exploited", "--cve", "CVE-2020-0688"]), 0);
}

#[test]
fn builds_from_an_assessment_and_from_evidence_are_the_same() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let assessed = assess_with(&[tree.path()], &[]);
    let report = folder();
    fs::write(report.path().join("assessment.json"), assessed.file("assessment.json")).expect("a file");
    let servers = |path: &Path| -> Vec<(String, String)> {
        let advice = answered(&["--from", text(path), "--quiet"]);
        let pair = |server: &Value| (word(&server["server"]).to_owned(), word(&server["build"]).to_owned());
        list(&advice["servers"]).iter().map(pair).collect()
    };
    let expected: Vec<(String, String)> = (assessed.servers().iter())
        .map(|server| {
            let last = list(&server["builds"]).iter().max_by_key(|span| word(&span["last_seen"]).to_owned());
            (word(&server["server"]).to_owned(), word(&last.expect("a build")["build"]).to_owned())
        })
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(servers(report.path()), expected);
    assert_eq!(servers(&report.path().join("assessment.json")), expected);
    assert_eq!(servers(tree.path()), expected);
}

#[test]
fn from_what_is_neither_is_refused() {
    let folder = folder();
    let path = table(&folder, "assessment.json", "{\"schema\": \"other\", \"servers\": []}");
    assert!(refused(&["--from", text(&path)]).contains("is no assessment"));
    assert!(refused(&["--from", text(&table(&folder, "assessment.json", "{"))]).contains("is no assessment"));
    assert_eq!(advise(&["--from", text(&folder.path().join("absent"))]).status, 3);
    let nothing = Tree::empty();
    nothing.put("readme.txt", "nothing of Exchange");
    assert_eq!(advise(&["--from", text(nothing.path()), "-q"]).status, 3);
}

#[test]
fn a_file_gets_the_same_bytes_and_never_replaces_what_was_read() {
    let folder = folder();
    let path = table(&folder, "servers.csv", "server,build\nEXC01,15.1.2106.2\n");
    let out = folder.path().join("advice.json");
    let outcome = advise(&["--csv", text(&path), "--format", "json", "-o", text(&out)]);
    assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""));
    assert_eq!(fs::read_to_string(&out).expect("written"), advise(&["--csv", text(&path), "--format", "json"]).stdout);
    assert!(refused(&["--csv", text(&path), "-o", text(&path)]).contains("hint: "));
    assert!(fs::read_to_string(&path).expect("still there").starts_with("server,build"));
    assert!(refused(&["15.1.2106.2", "-o", text(folder.path())]).contains("cannot write"));
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let inside = tree.path().join("advice.json");
    refused(&["--from", text(tree.path()), "-o", text(&inside)]);
    assert!(!inside.exists());
}

#[test]
fn the_same_question_gives_the_same_bytes() {
    for format in ["human", "json", "csv", "csaf-vex"] {
        let ask = || advise(&["15.1.2106", "15.2.2562.17", "--format", format]).stdout;
        assert_eq!(ask(), ask(), "{format}");
    }
}

#[test]
fn a_csaf_document_says_who_publishes_it() {
    let shown = advise(&[
        "15.1.2106.2",
        "--format",
        "csaf-vex",
        "--publisher-name",
        "Contoso",
        "--publisher-namespace",
        "https://contoso.example",
    ]);
    let document: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(document["document"]["publisher"]["name"], "Contoso");
    assert_eq!(document["document"]["publisher"]["namespace"], "https://contoso.example");
    let affected = list(&document["vulnerabilities"]).iter();
    let affected = affected.filter(|hole| hole["product_status"].get("known_affected").is_some()).count() as u64;
    assert_eq!(affected, number(&answered(&["15.1.2106.2"])["builds"][0]["counts"]["open"]));
}
