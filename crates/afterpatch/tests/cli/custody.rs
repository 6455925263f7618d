//! How the evidence was handled: it is as it was before, and any later change of it or of the report is named.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use demo::Scenario;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{OUTPUTS, Outcome, afterpatch, list, text, word, words};
use crate::trees::{Tree, files, put};

/// A report of a small story whose evidence has a gzip file, and the evidence.
struct Case {
    evidence: Tree,
    results: TempDir,
}

/// The member of the gzip file.
const MEMBER: &str = "EXC01/C/inetpub/logs/LogFiles/W3SVC1/u_ex200101.log.gz";

impl Case {
    fn new() -> Self {
        let evidence = Tree::short_story(Scenario::CompromisedBeforePatch);
        evidence.put(MEMBER, gzip(b"#Software: x\r\n#Fields: date time\r\n2020-01-01 00:00:00\r\n"));
        let case = Self { evidence, results: TempDir::new().expect("a folder") };
        case.assess();
        case
    }

    fn assess(&self) {
        let outcome = afterpatch(&["assess", text(self.evidence.path()), "-o", &self.report()]);
        assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    }

    fn report(&self) -> String {
        text(self.results.path()).to_owned()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.results.path().join(name)
    }

    /// Verifies the report alone.
    fn verify(&self) -> Outcome {
        afterpatch(&["verify", &self.report()])
    }

    /// Verifies the report with its evidence.
    fn verify_all(&self) -> (i32, Value) {
        let outcome = afterpatch(&["verify", &self.report(), text(self.evidence.path()), "--format", "json"]);
        (outcome.status, serde_json::from_str(&outcome.stdout).expect("JSON"))
    }

    /// Changes a file of the report, looks, and puts it back.
    fn altered(&self, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Outcome {
        let good = fs::read(self.at(name)).expect("a file of the report");
        fs::write(self.at(name), change(good.clone())).expect("changed");
        let outcome = self.verify();
        fs::write(self.at(name), good).expect("put back");
        outcome
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// What can be seen of a file or folder.
#[derive(PartialEq)]
struct Seen {
    size: u64,
    modified: SystemTime,
    created: Option<SystemTime>,
    readonly: bool,
    content: Vec<u8>,
}

/// Everything below a folder and itself.
fn seen(folder: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        let content = if metadata.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
        if metadata.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
        let facts = Seen {
            size: metadata.len(),
            modified: metadata.modified().expect("a time"),
            created: metadata.created().ok(),
            readonly: metadata.permissions().readonly(),
            content,
        };
        seen.insert(path, facts);
    }
    seen
}

#[test]
fn evidence_is_as_it_was_after_everything() {
    let case = Case::new();
    let before = seen(case.evidence.path());
    assert!(before.len() > 20);
    let rules = case.results.path().join("rules");
    put(
        &rules,
        "x.yml",
        b"title: x\nlogsource:\n  product: windows\ndetection:\n  a:\n    EventID: 1\n  condition: a\n",
    );
    let evidence = text(case.evidence.path());
    let (report, rules) = (text(&case.at("second")).to_owned(), text(&rules).to_owned());
    let outcome = afterpatch(&["assess", evidence, "-o", &report, "--sigma", &rules, "--format", "json"]);
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    assert_eq!(afterpatch(&["verify", &report, evidence]).status, 0);
    afterpatch(&["hunt", evidence, "-o", text(&case.at("hits.csv")), "--format", "csv"]);
    assert!(seen(case.evidence.path()) == before);
}

#[test]
fn a_report_and_its_evidence_verify() {
    let case = Case::new();
    let outcome = case.verify();
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("5 of 5 files as written"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("not given, not looked at"), "{}", outcome.stdout);
    let (status, found) = case.verify_all();
    assert_eq!((status, &found["fits"], &found["problems"]), (0, &Value::Bool(true), &serde_json::json!([])));
    let manifest = fs::read_to_string(case.at("manifest.jsonl")).expect("the manifest");
    assert_eq!(found["evidence"]["same"], manifest.lines().count());
    assert_eq!(found["schema"], "afterpatch.verify/1");
    let quiet = afterpatch(&["verify", "-q", &case.report(), text(case.evidence.path())]);
    assert_eq!((quiet.status, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
}

#[test]
fn tables_of_rules_are_part_of_it() {
    let case = Case::new();
    let rules = Tree::empty();
    rules.put("x.yml", "title: x\nlogsource:\n  product: windows\ndetection:\n  a:\n    EventID: 1\n  condition: a\n");
    let sigma = ["--sigma", text(rules.path())];
    let outcome = afterpatch(&[&["assess", text(case.evidence.path()), "-o", &case.report()], &sigma[..]].concat());
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    assert!(case.verify().stdout.contains("6 of 6 files as written"));
    let outcome = case.altered("rules.csv", |text| text.to_ascii_uppercase());
    assert_eq!(outcome.status, 5);
    // Without rules of others the table stays behind and is no part of the new report.
    case.assess();
    let outcome = case.verify();
    assert_eq!(outcome.status, 0);
    assert!(outcome.stdout.contains("not part of the report, and not looked at: rules.csv"), "{}", outcome.stdout);
}

#[test]
fn a_changed_byte_of_any_output_is_named() {
    let case = Case::new();
    for name in OUTPUTS {
        for place in [0, 100, usize::MAX] {
            let outcome = case.altered(name, |mut bytes| {
                let place = place.min(bytes.len() - 2);
                bytes[place] ^= 1;
                bytes
            });
            assert_eq!(outcome.status, 5, "{name} at {place}: {}", outcome.stdout);
            assert!(outcome.stdout.contains(&format!("PROBLEM    {name} ")), "{name}: {}", outcome.stdout);
        }
        let outcome = case.altered(name, |bytes| [bytes, b"\n".to_vec()].concat());
        assert_eq!(outcome.status, if name == "custody.json" { 0 } else { 5 }, "{name}: a line feed more");
        let aside = case.at("aside");
        fs::rename(case.at(name), &aside).expect("set aside");
        let outcome = case.verify();
        assert_eq!(outcome.status, 5, "{name} is gone");
        assert!(outcome.stdout.contains(&format!("{name} is missing")), "{name}: {}", outcome.stdout);
        fs::rename(&aside, case.at(name)).expect("put back");
    }
    assert_eq!(case.verify().status, 0);
}

#[test]
fn lines_of_the_manifest_cannot_be_removed_moved_or_added() {
    let case = Case::new();
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    type Change = fn(&mut Vec<Vec<u8>>);
    let changes: [(&str, Change); 5] = [
        ("removed", |lines| _ = lines.remove(2)),
        ("the last removed", |lines| _ = lines.pop()),
        ("moved", |lines| lines.swap(1, 3)),
        ("added", |lines| lines.insert(2, lines[1].clone())),
        ("nothing left", Vec::clear),
    ];
    for (what, change) in changes {
        let outcome = case.altered("manifest.jsonl", |bytes| {
            let mut lines = lines(&bytes);
            change(&mut lines);
            lines.concat()
        });
        assert_eq!(outcome.status, 5, "{what}");
        assert!(outcome.stdout.contains("manifest.jsonl was altered"), "{what}: {}", outcome.stdout);
        let says = ["chain of the manifest is broken", "speaks of a manifest of"];
        assert!(says.iter().any(|says| outcome.stdout.contains(says)), "{what}: {}", outcome.stdout);
    }
}

/// Who alters a file and makes `custody.json` fit is found by what else holds the head, by the noted hash, or by the
/// signature.
#[test]
fn custody_that_was_made_to_fit_is_found() {
    let case = Case::new();
    let noted = sha256(&fs::read(case.at("custody.json")).expect("custody"));
    let head = {
        let custody: Value =
            serde_json::from_slice(&fs::read(case.at("custody.json")).expect("custody")).expect("JSON");
        word(&custody["manifest"]["head"]).to_owned()
    };
    for known in [&noted, &head, &noted.to_uppercase()] {
        assert_eq!(afterpatch(&["verify", &case.report(), "--noted", known]).status, 0);
    }
    forge(&case, "timeline.csv", |text| text.replace("EXC01", "EXC02"));
    assert_eq!(case.verify().status, 0, "nothing in the folder can know");
    let outcome = afterpatch(&["verify", &case.report(), "--noted", &noted]);
    assert_eq!(outcome.status, 5);
    assert!(outcome.stdout.contains(&format!("the noted SHA-256 {noted}")), "{}", outcome.stdout);
    forge(&case, "report.html", |text| text.replace(&head, &"0".repeat(64)));
    let outcome = case.verify();
    assert_eq!(outcome.status, 5);
    assert!(outcome.stdout.contains("report.html does not show the head"), "{}", outcome.stdout);
    assert_eq!(afterpatch(&["verify", &case.report(), "--noted", "beef"]).status, 2);
}

/// Alters a file and what `custody.json` says of it.
fn forge(case: &Case, name: &str, change: impl Fn(String) -> String) {
    let read = |name: &str| fs::read_to_string(case.at(name)).expect("text");
    let (old, custody) = (read(name), read("custody.json"));
    let new = change(old.clone());
    assert_ne!(old, new, "{name}");
    let sizes = (format!("\"size\": {},", old.len()), format!("\"size\": {},", new.len()));
    let custody = custody.replace(&sha256(old.as_bytes()), &sha256(new.as_bytes())).replace(&sizes.0, &sizes.1);
    fs::write(case.at(name), new).expect("forged");
    fs::write(case.at("custody.json"), custody).expect("forged");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn custody_leads_nowhere_else() {
    let case = Case::new();
    for (from, to) in [
        ("timeline.csv", "../timeline.csv"),
        ("timeline.csv", "/etc/passwd"),
        ("timeline.csv", "report.html"),
        ("afterpatch.custody/1", "afterpatch.custody/2"),
        ("\"files\"", "\"others\""),
    ] {
        let outcome = case
            .altered("custody.json", |bytes| String::from_utf8(bytes).expect("text").replace(from, to).into_bytes());
        assert_eq!(outcome.status, 5, "{to}");
        assert!(outcome.stdout.contains("PROBLEM    custody.json was altered"), "{to}: {}", outcome.stdout);
    }
    let outcome = case.altered("custody.json", |_| b"[".repeat(100_000));
    assert_eq!(outcome.status, 5);
    #[cfg(unix)]
    {
        let elsewhere = TempDir::new().expect("a folder");
        let target = elsewhere.path().join("timeline.csv");
        fs::rename(case.at("timeline.csv"), &target).expect("moved");
        std::os::unix::fs::symlink(&target, case.at("timeline.csv")).expect("a link");
        let outcome = case.verify();
        assert_eq!(outcome.status, 5, "a link can lead to something else tomorrow");
        assert!(outcome.stdout.contains("timeline.csv cannot be read"), "{}", outcome.stdout);
    }
}

#[test]
fn changed_evidence_is_named() {
    let case = Case::new();
    let all: Vec<String> = case.evidence.files().into_keys().filter(|path| path != MEMBER).collect();
    let [altered, removed, moved] = [&all[0], &all[1], &all[2]];
    let root = case.evidence.path();
    let mut bytes = fs::read(root.join(altered)).expect("a file");
    bytes[0] ^= 1;
    fs::write(root.join(altered), bytes).expect("altered");
    fs::remove_file(root.join(removed)).expect("removed");
    fs::rename(root.join(moved), root.join("moved here.log")).expect("moved");
    let (status, found) = case.verify_all();
    let evidence = &found["evidence"];
    assert_eq!((status, &found["fits"]), (5, &Value::Bool(false)));
    let paths: Vec<&str> = list(&evidence["altered"]).iter().map(|one| word(&one["path"])).collect();
    assert_eq!(paths, [altered]);
    assert_eq!(words(&evidence["missing"]), [removed, moved]);
    assert_eq!(words(&evidence["new"]), ["moved here.log"]);
    assert_eq!(found["problems"].as_array().map(Vec::len), Some(3), "{}", found["problems"]);
    let screen = afterpatch(&["verify", &case.report(), text(root)]);
    assert_eq!(screen.status, 5);
    for path in [altered, removed, moved, "moved here.log"] {
        assert!(screen.stdout.contains(path), "{path}: {}", screen.stdout);
    }
    // The report itself is as it was.
    assert_eq!(case.verify().status, 0);
}

#[test]
fn members_of_gzip_files_are_evidence() {
    let case = Case::new();
    let place = case.evidence.path().join(MEMBER);
    // The same content, packed anew: the archive is another, its member is not.
    let content = b"#Software: x\r\n#Fields: date time\r\n2020-01-01 00:00:00\r\n";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(content).expect("memory");
    fs::write(&place, encoder.finish().expect("memory")).expect("written");
    let paths = |found: &Value| -> Vec<String> {
        list(&found["evidence"]["altered"]).iter().map(|one| word(&one["path"]).to_owned()).collect()
    };
    assert_eq!(paths(&case.verify_all().1), [MEMBER]);
    fs::write(&place, gzip(b"other")).expect("written");
    assert_eq!(paths(&case.verify_all().1), [format!("{MEMBER}!u_ex200101.log"), MEMBER.to_owned()]);
}

#[test]
fn other_folders_than_those_assessed_are_said() {
    let case = Case::new();
    let root = case.evidence.path().join("EXC01");
    let outcome = afterpatch(&["verify", &case.report(), text(&root)]);
    assert_eq!(outcome.status, 5);
    assert!(outcome.stdout.contains("give the same folders"), "{}", outcome.stdout);
    assert_eq!(afterpatch(&["verify", &case.report(), text(&root.join("nowhere"))]).status, 3);
}

#[test]
fn where_there_is_no_report_there_is_nothing_to_verify() {
    let empty = Tree::empty();
    for folder in [empty.path().to_owned(), empty.path().join("nowhere")] {
        assert_eq!(afterpatch(&["verify", text(&folder)]).status, 3);
        assert_eq!(afterpatch(&["sign", text(&folder), "--key", "k", "-W"]).status, 3);
    }
}

#[test]
fn a_hostile_name_in_a_manifest_does_not_reach_the_terminal() {
    let case = Case::new();
    let nasty = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}<script>.log";
    let line = serde_json::json!({"path": nasty, "size": 1, "sha256": nasty, "previous": nasty}).to_string();
    let outcome_of = |options: &[&str]| {
        let good = fs::read(case.at("manifest.jsonl")).expect("the manifest");
        fs::write(case.at("manifest.jsonl"), [line.as_bytes(), b"\n"].concat()).expect("forged");
        let report = case.report();
        let outcome = afterpatch(&[&["verify", &report, text(case.evidence.path())], options].concat());
        fs::write(case.at("manifest.jsonl"), good).expect("put back");
        outcome
    };
    for options in [&[][..], &["--format", "json"]] {
        let outcome = outcome_of(options);
        assert_eq!(outcome.status, 5);
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains("owned"), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{options:?}: {said:?}");
    }
    let custody = case.altered("custody.json", |bytes| {
        String::from_utf8(bytes).expect("text").replace("timeline.csv", "\\u001b[2Jx").into_bytes()
    });
    assert!(custody.status == 5 && !custody.stdout.contains('\u{1b}'), "{:?}", custody.stdout);
}

/// A key pair without a password.
fn keys(folder: &Tree, name: &str) -> (String, String) {
    let place = text(&folder.path().join(name)).to_owned();
    assert_eq!(afterpatch(&["packs", "keygen", "-W", "-o", &place]).status, 0);
    (format!("{place}.key"), format!("{place}.pub"))
}

#[test]
fn a_signed_report_verifies_with_its_key_alone() {
    let (case, folder) = (Case::new(), Tree::empty());
    let ((secret, public), (_, other)) = (keys(&folder, "a"), keys(&folder, "b"));
    let verify = |options: &[&str]| afterpatch(&[&["verify", &case.report()], options].concat());
    let unsigned = verify(&["--key", &public]);
    assert_eq!(unsigned.status, 5);
    assert!(unsigned.stdout.contains("the report is not signed"), "{}", unsigned.stdout);
    assert!(verify(&[]).stdout.contains("the report is not signed"));

    let sign = ["sign", &case.report(), "--key", &secret, "-W"];
    assert_eq!(afterpatch(&sign).status, 0);
    assert_eq!(afterpatch(&sign).status, 2, "a signature is not written over");
    let good = verify(&["--key", &public]);
    assert_eq!(good.status, 0, "{}", good.stdout);
    assert!(good.stdout.contains("signature  fits, by key"), "{}", good.stdout);
    assert_eq!(verify(&["--key", &other]).status, 5);
    let unchecked = verify(&[]);
    assert_eq!(unchecked.status, 0);
    assert!(unchecked.stdout.contains("no --key was given"), "{}", unchecked.stdout);

    forge(&case, "timeline.csv", |text| text.replace("EXC01", "EXC02"));
    let forged = verify(&["--key", &public]);
    assert_eq!(forged.status, 5);
    assert!(forged.stdout.contains("is not what key"), "{}", forged.stdout);
}

#[test]
fn the_ordinary_minisign_checks_a_signature_that_holds_no_time() {
    let (case, folder) = (Case::new(), Tree::empty());
    let (secret, public) = keys(&folder, "a");
    let outcome = afterpatch(&["sign", &case.report(), "--key", &secret, "-W"]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let signature = fs::read_to_string(case.at("custody.json.minisig")).expect("the signature");
    let head =
        report::manifest::verify(&fs::read(case.at("manifest.jsonl")).expect("the manifest")).expect("whole").head;
    let comment = format!("trusted comment: afterpatch custody, manifest {head}");
    assert_eq!(signature.lines().nth(2), Some(comment.as_str()));
    let custody = case.at("custody.json");
    match Command::new("minisign").args(["-Vm", text(&custody), "-p", &public]).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("skipped: minisign is not installed"),
    }
    // A new report is not what was signed, even where it is the same.
    case.assess();
    assert!(!case.at("custody.json.minisig").exists());
}

#[test]
fn what_does_not_fit_is_not_signed() {
    let (case, folder) = (Case::new(), Tree::empty());
    let (secret, _) = keys(&folder, "a");
    fs::write(case.at("report.html"), "another").expect("altered");
    let outcome = afterpatch(&["sign", &case.report(), "--key", &secret, "-W"]);
    assert_eq!(outcome.status, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("report.html was altered"), "{}", outcome.stderr);
    assert!(!files(case.results.path()).contains_key("custody.json.minisig"));
    assert_eq!(afterpatch(&["sign", &case.report(), "--key", "nowhere", "-W"]).status, 5);
}
