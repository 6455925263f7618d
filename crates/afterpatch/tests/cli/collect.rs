//! What to collect, what is read and what was missing come from one table and cannot disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use demo::Scenario;
use exchange::Folders;
use model::collecting::Take;
use serde_json::{Value, json};

use crate::program::{Assessed, afterpatch, assess, text, word, words};
use crate::trees::Tree;

/// Every recipe.
const FORMATS: [&str; 7] = ["list", "json", "kape", "velociraptor", "powershell", "robocopy", "tar"];

/// Rows of which the demo writes something, in one story or another.
const ROWS_OF_THE_DEMO: [&str; 32] = [
    "agents",
    "antivirus-tools",
    "applicationhost",
    "applicationhost-history",
    "audit",
    "defender",
    "ecpactivity",
    "ecpserver",
    "ews",
    "file-table",
    "hives",
    "httperr",
    "httpproxy",
    "iis",
    "messagetracking",
    "mitigation-tool",
    "oabgenerator",
    "rps-cmdlet",
    "rps-http",
    "setup",
    "smtpreceive",
    "staging-program-data",
    "staging-public",
    "staging-temp",
    "tasks",
    "web-front-end",
    "web-root",
    "event-application",
    "event-management",
    "event-security",
    "event-system",
    "event-sysmon",
];

/// Where a file of the tree lay: `SERVER/C/...`.
fn on_server(path: &str) -> Option<String> {
    let (_, path) = path.split_once('/')?;
    let (drive, below) = path.split_once('/').filter(|(drive, _)| drive.len() == 1)?;
    Some(format!(r"{drive}:\{}", below.replace('/', "\\")).to_lowercase())
}

/// The kind and the path of each file on a drive that was recognised.
fn recognised(assessed: &Assessed) -> BTreeSet<(String, String)> {
    let of = |line: &Value| {
        let kind = line["kind"].as_str().filter(|kind| !matches!(*kind, "other" | "container"))?;
        Some((kind.to_owned(), on_server(word(&line["path"]))?))
    };
    assessed.manifest().iter().filter_map(of).collect()
}

#[test]
fn the_recipe_takes_what_is_recognised_in_every_story() {
    let folders = Folders::default();
    let mut met: BTreeSet<&str> = BTreeSet::new();
    for scenario in Scenario::all() {
        let files = Tree::short_story(scenario).files();
        for (path, bytes) in files.iter().filter_map(|(path, bytes)| Some((on_server(path)?, bytes))) {
            let rows = || exchange::sources().iter().filter(|row| row.is_asked() && row.has_file(&path, &folders));
            met.extend(rows().map(|row| row.id));
            let kind = evidence::kind::kind(bytes.get(..evidence::kind::HEAD_BYTES).unwrap_or(bytes), &path);
            let kind = serde_json::to_value(kind).expect("a word");
            if matches!(word(&kind), "other" | "container") {
                continue;
            }
            let takes = |row: &exchange::EvidenceSource| {
                row.kinds.contains(&word(&kind)) && (row.take == Take::Content || kind == "executable")
            };
            assert!(rows().any(takes), "{}: no row takes {path} ({kind})", scenario.name());
        }
    }
    for scenario in [Scenario::LeftInRegistry, Scenario::Dearcry, Scenario::SunburstApart] {
        let assessed = assess(Tree::short_story(scenario).path());
        let coverage = |server: &Value| server["coverage"].as_array().expect("coverage").clone();
        for source in assessed.servers().iter().flat_map(coverage) {
            let source = word(&source["source"]);
            let rows = exchange::sources().iter().filter(|row| row.is_asked() && row.holds_source(source));
            let ids: Vec<&str> = rows.map(|row| row.id).collect();
            assert!(!ids.is_empty(), "{}: no row collects {source}", scenario.name());
            met.extend(ids.iter().filter(|id| id.starts_with("event-")));
        }
    }
    let missing: Vec<&str> = ROWS_OF_THE_DEMO.into_iter().filter(|id| !met.contains(id)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// The script for images is run on a tree of the demo; an assessment of what it took recognises the same files.
#[test]
fn an_assessment_of_what_the_recipe_took_reads_the_same() {
    let is_gnu = |program: &str| {
        let said = Command::new(program).arg("--version").output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("GNU"))
    };
    if !is_gnu("find") || !is_gnu("tar") {
        eprintln!("skipped: needs GNU find and GNU tar");
        return;
    }
    let tree = Tree::short_story(Scenario::LeftInRegistry);
    tree.put("EXC01/C/INETPUB/WWWROOT/Odd.ASPX", "<%@ Page %>");
    tree.put("EXC01/C/ProgramData/it.zip", "none");
    let copy = Tree::empty();
    copy.put("EXC01/collect.sh", afterpatch(&["collect", "--as", "tar"]).stdout);
    let (script, archive) = (copy.path().join("EXC01/collect.sh"), copy.path().join("EXC01/x.tar"));
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("sh", &[text(&script), text(&tree.path().join("EXC01/C")), text(&archive)]);
    run("tar", &["-xf", text(&archive), "-C", text(&copy.path().join("EXC01"))]);
    let names = fs::read_to_string(copy.path().join("EXC01/x.tar.names.jsonl")).expect("names");
    assert!(names.contains("{\"SourceFile\":\"C:/ProgramData/it.zip\",\"FileSize\":4,"), "{names}");
    for made in ["collect.sh", "x.tar", "x.tar.sha256"] {
        fs::remove_file(copy.path().join("EXC01").join(made)).expect("it was made");
    }
    let of_copy = assess(copy.path());
    let listed = |line: &Value| line["kind"] == "file-list" && line["records"] == 1 && line["rejected"] == 0;
    assert!(of_copy.manifest().iter().any(listed), "the names are read");
    let taken = recognised(&of_copy);
    let there = recognised(&assess(tree.path()));
    let missing: Vec<_> = there.difference(&taken).filter(|(kind, _)| kind != "executable").collect();
    assert_eq!(missing, Vec::<&(String, String)>::new());
    assert!(taken.iter().any(|(_, path)| path.ends_with("odd.aspx")), "without regard to case");
}

#[test]
fn every_recipe_has_every_place() {
    for format in FORMATS {
        let outcome = afterpatch(&["collect", "--as", format]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{format}");
        let plain = outcome.stdout.replace("%%", "%").replace('/', "\\").replace("\\\\", "\\");
        let unwrapped: String = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        for row in exchange::sources().iter().filter(|row| row.take == Take::Content) {
            let held = row.root == model::collecting::Root::Volumes && format == "robocopy";
            assert!(unwrapped.contains(row.folder), "{format}: {}", row.folder);
            assert!(row.masks.iter().all(|mask| held || unwrapped.contains(mask)), "{format}: {}", row.id);
        }
    }
}

#[test]
fn an_assessment_is_asked_only_for_what_would_settle_it() {
    let tree = Tree::story(Scenario::QuietUncovered);
    let assessed = assess(tree.path());
    let folder = Tree::empty();
    folder.put("assessment.json", assessed.file("assessment.json"));
    let outcome = afterpatch(&["collect", "--as", "json", "--for", text(folder.path())]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let recipe: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let rows: BTreeMap<&str, &Value> =
        recipe["rows"].as_array().expect("rows").iter().map(|row| (word(&row["id"]), row)).collect();
    let uncovered = &assessed.server("EXC01")["exposure"][0]["uncovered"][0];
    assert_eq!(
        words(&uncovered["sources"]),
        ["httpproxy/Ecp", "httpproxy/Owa", "iis/W3SVC1", "iis/front-end"]
            .into_iter()
            .filter(|source| words(&uncovered["sources"]).contains(source))
            .collect::<Vec<_>>()
    );
    assert!(
        word(&rows["httpproxy"]["folder"]).starts_with(r"Logging\HttpProxy\"),
        "only the protocols that are missing"
    );
    assert_eq!(rows["iis"]["folder"], "W3SVC1");
    assert!(rows["iis"]["since"]["from"].is_string() && rows["iis"]["until"].is_string());
    assert!(!rows.contains_key("messagetracking") && !rows.contains_key("web-root"), "{:?}", rows.keys());
    assert_eq!(recipe["servers"][0]["server"], "EXC01");
    let whole = afterpatch(&["collect", "--as", "json", "--for", text(folder.path()), "--server", "exc01"]);
    assert_eq!(whole.stdout, outcome.stdout);
    let other = afterpatch(&["collect", "--for", text(folder.path()), "--server", "EXC99"]);
    assert_eq!(other.status, 2);
}

/// Texts that a shell, a batch file, YAML, VQL or a person could take for something else.
const HOSTILE: [&str; 10] = [
    "\"; rm -rf ~/zzz; \"",
    "$(zzz)",
    "`zzz`",
    "zzz\nTargets:\n  - zzz",
    "zzz]] && zzz",
    "%zzz%",
    "' + zzz + '",
    "*/zzz/*",
    "zzz\u{1b}]0;zzz\u{7}",
    "..\\..\\zzz",
];

fn hostile_assessment(text: &str) -> Value {
    // Places of the table stand around, so that rows are chosen; the rest must go nowhere.
    let around = format!(r"{text} C:\inetpub\wwwroot {text} %ExchangeInstallPath%Logging\Ews {text}");
    json!({
        "schema": "afterpatch.assessment/1",
        "verdict": text,
        "servers": [{
            "server": text,
            "reasons": {"because": [text], "not_worse": text, "would_change": [around]},
            "exposure": [{"campaign": text, "from": "2021-01-03T00:00:00Z", "uncovered": [{
                "from": "2021-01-03T00:00:00Z", "until": "2021-02-24T00:00:00Z", "why": text, "settle": around,
                "sources": [text, format!("httpproxy/{text}"), format!("iis/{text}"), format!("windows/{text}")]
            }]}],
            "answers": {text: {"unknown": [text]}, "taken": {"unknown": [around]}}
        }],
        "findings": [{"id": text}],
        "gaps": [{"path": format!("C/Windows/System32/config/{text}"), "server": text, "what": text},
                 {"path": "C/Windows/System32/config/SAM", "server": text, "what": text}]
    })
}

#[test]
fn nothing_of_an_assessment_gets_into_a_recipe() {
    let folder = Tree::empty();
    for (number, hostile) in HOSTILE.iter().enumerate() {
        let file = format!("{number}.json");
        folder.put(&file, hostile_assessment(hostile).to_string());
        for format in FORMATS {
            let outcome = afterpatch(&["collect", "--as", format, "--for", text(&folder.path().join(&file))]);
            assert_eq!(outcome.status, 0, "{format} {hostile:?}: {}", outcome.stderr);
            assert!(!outcome.stdout.contains("zzz"), "{format} {hostile:?}");
            assert!(outcome.stdout.contains("Ews") && outcome.stdout.contains("SAM"), "rows are chosen");
        }
    }
}

#[test]
fn garbage_is_no_assessment() {
    let folder = Tree::empty();
    let mut deep = "[".repeat(1 << 20);
    deep.push_str("zzz");
    let mut long = b"{\"schema\": \"afterpatch.assessment/1\", \"servers\": [".to_vec();
    long.resize(10 << 20, b'\xFF');
    folder.put("deep.json", deep);
    folder.put("long.json", long);
    folder.put("empty.json", "");
    folder.put("other.json", r#"{"schema": "zzz/1", "servers": []}"#);
    folder.put(
        "time.json",
        r#"{"schema": "afterpatch.assessment/1", "servers": [{"server": "x", "exposure": [{"from": "zzz"}]}]}"#,
    );
    for name in ["deep.json", "long.json", "empty.json", "other.json", "time.json", "absent.json"] {
        let outcome = afterpatch(&["collect", "--as", "kape", "--for", text(&folder.path().join(name))]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{name}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("zzz") && outcome.stderr.len() < 1_000, "{name}: {}", outcome.stderr);
    }
    folder.put("nothing.json", r#"{"schema": "afterpatch.assessment/1", "servers": []}"#);
    assert_eq!(afterpatch(&["collect", "--for", text(&folder.path().join("nothing.json"))]).status, 3);
}

#[test]
fn folders_that_are_commands_are_refused() {
    for folder in [r"C:\$(x)", r"C:\a;b", r"C:\a'b", "C:\\a\"b", r"C:\%x%", r"\\server\x", "x", r"C:\a\..\b"] {
        for option in ["--exchange-path", "--iis-logs"] {
            let outcome = afterpatch(&["collect", "--as", "powershell", option, folder]);
            assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{option} {folder}");
        }
    }
    let said =
        afterpatch(&["collect", "--as", "robocopy", "--exchange-path", r"D:\Exchange", "--iis-logs", r"E:\Logs"]);
    assert!(said.stdout.contains("set \"EX=D:\\Exchange\"") && said.stdout.contains("set \"IIS=E:\\Logs\""));
}

#[test]
fn times_and_files_are_chosen() {
    let days = afterpatch(&["collect", "--as", "robocopy", "--days", "30"]);
    assert!(days.stdout.contains("/MAXAGE:30") && !days.stdout.contains("NTUSER.DAT\" /B /MAXAGE"));
    let from = afterpatch(&["collect", "--as", "tar", "--from", "2021-03-02"]);
    assert!(from.stdout.contains("-newermt '2021-03-01T00:00:00Z'"), "a day of margin");
    assert_eq!(afterpatch(&["collect", "--days", "1", "--from", "2021-01-01"]).status, 2);
    let folder = Tree::empty();
    let file = folder.path().join("x.tkape");
    let outcome = afterpatch(&["collect", "--as", "kape", "-o", text(&file)]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(&file).expect("written"), afterpatch(&["collect", "--as", "kape"]).stdout);
}

#[cfg(not(windows))]
#[test]
fn a_running_server_is_read_on_windows_only() {
    let folder = Tree::empty();
    let outcome = afterpatch(&["assess", "--live", "-o", text(&folder.path().join("out"))]);
    assert_eq!(outcome.status, 2);
    assert!(outcome.stderr.contains("afterpatch collect --as powershell"), "{}", outcome.stderr);
    assert!(!folder.path().join("out").exists());
    assert_eq!(afterpatch(&["assess", "--live", "x"]).status, 2);
}
