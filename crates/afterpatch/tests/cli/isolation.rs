//! What a file breaks costs that file: the process that reads may crash, hang, swell or be killed, and the run may be
//! killed whole and go on.
//!
//! The faults are asked for by name, which only a program built for tests listens to. `AFTERPATCH_KILLS` sets how often
//! is killed; TESTING.md has the figures of a long run.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use demo::Scenario;
use tempfile::TempDir;

use crate::program::{Assessed, OUTPUTS, afterpatch_with, assess_with, text};
use crate::trees::{Tree, files};

fn same(what: &str, first: &Assessed, second: &Assessed) {
    for name in OUTPUTS {
        assert!(first.file(name) == second.file(name), "{what}: {name} differs");
    }
}

#[test]
fn a_process_of_its_own_reads_like_this_one() {
    for scenario in [Scenario::ActiveAfterPatch, Scenario::QuietUncovered] {
        let tree = Tree::short_story(scenario);
        let here = assess_with(&[tree.path()], &["--isolation", "none"]);
        same(scenario.name(), &here, &assess_with(&[tree.path()], &[]));
    }
}

/// Assesses with a file that does something to the process that reads it.
#[cfg(target_os = "linux")]
fn with_fault(tree: &Tree, fault: &str, options: &[&str]) -> Assessed {
    let output = TempDir::new().expect("a folder for the results");
    let mut arguments = vec!["assess", text(tree.path()), "-o", text(output.path())];
    arguments.extend(options);
    let outcome = afterpatch_with(&arguments, &[("AFTERPATCH_FAULT", fault)]);
    assert!(matches!(outcome.status, 0 | 1 | 4), "{fault}: status {}: {}", outcome.status, outcome.stderr);
    let files = files(output.path());
    let json = serde_json::from_slice(&files["assessment.json"]).expect("assessment.json is JSON");
    Assessed { outcome, json, files }
}

/// The whole evidence is judged but for the file that is at fault, and the manifest says what it did.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_crashes_hangs_or_swells_its_reader_costs_that_file() {
    const BAD: &str = "C/inetpub/logs/LogFiles/W3SVC1/u_ex010101.log";
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let without = assess_with(&[tree.path()], &[]);
    tree.put(&format!("EXC01/{BAD}"), "#Fields: date time c-ip\n2001-01-01 00:00:00 192.0.2.1\n");
    for (how, options, said) in [
        ("abort", &[][..], "signal 6"),
        ("hang", &["--stall", "1"][..], "did not get on for 1 seconds"),
        ("spin", &["--stall", "1"][..], "did not get on for 1 seconds"),
        ("swell", &["--memory", "1G"][..], "more than 953 MiB of memory"),
    ] {
        let fault = format!("{how}@u_ex010101.log");
        let with = with_fault(&tree, &fault, options);
        let line =
            with.manifest().into_iter().find(|line| line["path"].as_str().is_some_and(|path| path.ends_with(BAD)));
        let outcome = line.expect("a line in the manifest")["outcome"].clone();
        let reason = outcome["unreadable"].as_str().unwrap_or_else(|| panic!("{how}: {outcome}"));
        assert!(reason.contains(said), "{how}: {reason}");
        assert_eq!(with.verdict(), without.verdict(), "{how}");
        assert_eq!(with.json["totals"]["records"], without.json["totals"]["records"], "{how}");
        assert!(with.text("report.html").contains(said), "{how}: the report says it too");
        assert_eq!(with.manifest().len(), without.manifest().len() + 1, "{how}");
    }
}

/// An archive that ends whoever looks into it is hashed like a file, and what it did is said; the rest is judged.
#[cfg(target_os = "linux")]
#[test]
fn an_archive_that_ends_the_process_that_is_looked_into_costs_that_archive() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let without = assess_with(&[tree.path()], &[]);
    // An empty zip archive.
    let archive: Vec<u8> = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    tree.put("EXC01/odd.zip", &archive);
    for (how, options) in [("look-abort", &[][..]), ("look-swell", &["--memory", "1G"][..])] {
        let with = with_fault(&tree, &format!("{how}@odd.zip"), options);
        let lines = with.manifest();
        let line = lines.iter().find(|line| line["path"] == "EXC01/odd.zip").expect("a line in the manifest");
        assert!(line["notes"].to_string().contains("not looked into: looking into it"), "{how}: {line}");
        assert!(line["sha256"].is_string(), "{how}: it is hashed all the same");
        assert_eq!(with.verdict(), without.verdict(), "{how}");
        assert_eq!(with.json["totals"]["records"], without.json["totals"]["records"], "{how}");
        assert!(with.text("report.html").contains("not looked into"), "{how}: the report says it too");
    }
}

/// The other verbs that read evidence: what they say with a file that is at fault, and what without it.
#[cfg(target_os = "linux")]
#[test]
fn hunts_go_on_behind_a_file_that_ends_the_process_that_reads() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let hunt = |options: &[&str], fault: &str| {
        let mut arguments = vec!["hunt", text(tree.path()), "--format", "jsonl"];
        arguments.extend(options);
        afterpatch_with(&arguments, &[("AFTERPATCH_FAULT", fault)])
    };
    let whole = hunt(&[], "");
    assert!(whole.stdout.lines().count() > 20, "{}", whole.stdout);
    assert_eq!(hunt(&["--isolation", "none"], "").stdout, whole.stdout, "this process reads like the other");
    // A log in the middle of the evidence, with hits before it, in it and behind it.
    let files: Vec<String> = whole.stdout.lines().map(|line| json(line)["file"].to_string()).collect();
    let bad = files[files.len() / 2].trim_matches('"').to_owned();
    for (how, options) in [("abort", &[][..]), ("hang", &["--stall", "1"][..])] {
        let with = hunt(options, &format!("{how}@{bad}"));
        assert_eq!(with.status, 0, "{how}: {}", with.stderr);
        let without: String = whole
            .stdout
            .lines()
            .filter(|line| !json(line)["file"].is_string() || json(line)["file"] != bad.as_str())
            .filter(|line| json(line)["source"] != "correlation")
            .map(|line| format!("{line}\n"))
            .collect();
        let kept: String = with
            .stdout
            .lines()
            .filter(|line| json(line)["file"] != bad.as_str() && json(line)["source"] != "correlation")
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(kept, without, "{how}");
        assert!(with.stderr.contains(bad.rsplit('/').next().expect("a name")), "{how}: {}", with.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn inspecting_and_verifying_go_on_behind_such_a_file() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    tree.put("EXC01/C/inetpub/wwwroot/odd.aspx", "<%@ Page Language=\"C#\" Inherits=\"Inert.Nothing\" %>");
    let inspect = |fault: &str| {
        let arguments = ["inspect", text(tree.path()), "--all", "--format", "jsonl"];
        afterpatch_with(&arguments, &[("AFTERPATCH_FAULT", fault)])
    };
    let (whole, without) = (inspect(""), inspect("abort@odd.aspx"));
    let others: Vec<&str> = whole.stdout.lines().filter(|line| !line.contains("odd.aspx")).collect();
    assert_eq!(without.stdout.lines().collect::<Vec<_>>(), others);
    assert!(others.len() < whole.stdout.lines().count() && without.stderr.contains("odd.aspx"), "{}", without.stderr);

    let report = TempDir::new().expect("a folder for the results");
    afterpatch_with(&["assess", text(tree.path()), "-o", text(report.path()), "--quiet"], &[]);
    let verify = |fault: &str| {
        let arguments = ["verify", text(report.path()), text(tree.path()), "--format", "json"];
        afterpatch_with(&arguments, &[("AFTERPATCH_FAULT", fault)])
    };
    let (whole, without) = (json(&verify("").stdout), json(&verify("abort@odd.aspx").stdout));
    assert_eq!(whole["fits"], true, "{whole}");
    assert_eq!(without["fits"], false);
    let path = without["evidence"]["unreadable"][0]["path"].to_string();
    assert!(path.contains("odd.aspx"), "{without}");
    let same = |of: &serde_json::Value| of["evidence"]["same"].as_u64();
    assert_eq!(same(&without), same(&whole).map(|count| count - 1));
}

#[cfg(target_os = "linux")]
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The first number, then numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn kills(usual: usize) -> usize {
    std::env::var("AFTERPATCH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn start(evidence: &Path, output: &Path, options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_afterpatch"))
        .args(["assess", text(evidence), "-o", text(output), "--quiet"])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn written(output: &Path) -> Vec<Vec<u8>> {
    let mut files = files(output);
    OUTPUTS.iter().map(|name| files.remove(*name).unwrap_or_else(|| panic!("no {name}"))).collect()
}

#[cfg(target_os = "linux")]
fn kill(process: u32) {
    // It may have ended by itself.
    _ = Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status();
}

/// The processes that a process has started.
#[cfg(target_os = "linux")]
fn children(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let text = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks.flat_map(|task| text(task).split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Whatever the reader was at when it was killed, the assessment is that of a run in peace.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_is_killed_again_and_again_changes_nothing() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let peaceful = TempDir::new().expect("a folder");
    assert!(start(tree.path(), peaceful.path(), &[]).wait().expect("it ends").code().is_some());
    let (mut chance, mut killed, wanted) = (Chance(7), 0, kills(6));
    while killed < wanted {
        let output = TempDir::new().expect("a folder");
        let mut run = start(tree.path(), output.path(), &[]);
        while run.try_wait().expect("it can be asked").is_none() {
            std::thread::sleep(Duration::from_millis(chance.up_to(1_500)));
            for reader in children(run.id()).into_iter().take(wanted - killed) {
                kill(reader);
                killed += 1;
            }
        }
        assert!(written(output.path()) == written(peaceful.path()), "after {killed} kills");
    }
}

/// A run that is killed goes on behind what it had read, and ends in the same bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_is_killed_goes_on_and_ends_in_the_same_bytes() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let peaceful = TempDir::new().expect("a folder");
    start(tree.path(), peaceful.path(), &[]).wait().expect("it ends");
    let (mut chance, mut killed, mut went_on, wanted) = (Chance(11), 0, false, kills(4));
    while killed < wanted {
        let output = TempDir::new().expect("a folder");
        loop {
            let journal = || output.path().join("resume.partial").metadata().map_or(0, |there| there.len());
            let mut run = start(tree.path(), output.path(), &["--resume"]);
            let enough = journal() + chance.up_to(300_000);
            let mut has_ended = || run.try_wait().expect("it can be asked").is_some();
            while killed < wanted && journal() <= enough && !has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if killed == wanted || has_ended() {
                assert!(run.wait().expect("it ends").code().is_some());
                break;
            }
            kill(run.id());
            killed += 1;
            run.wait().expect("it ends");
            went_on |= journal() > 0;
        }
        assert!(written(output.path()) == written(peaceful.path()), "after {killed} kills");
        assert!(!output.path().join("resume.partial").exists(), "a run that ended leaves nothing to go on with");
    }
    assert!(went_on, "no kill came while there was something to go on with");
}

/// What is left of other evidence, or by somebody else, is never taken for what was read.
#[test]
fn what_does_not_belong_to_this_run_is_read_anew() {
    let (first, second) = (Tree::short_story(Scenario::QuietUncovered), Tree::short_story(Scenario::ActiveAfterPatch));
    let alone = assess_with(&[second.path()], &[]);
    let output = TempDir::new().expect("a folder");
    std::fs::write(output.path().join("resume.partial"), "not ours").expect("written");
    let mut run = start(first.path(), output.path(), &["--resume"]);
    run.wait().expect("it ends");
    assert!(!output.path().join("resume.partial").exists());
    let mut run = start(second.path(), output.path(), &["--resume"]);
    run.wait().expect("it ends");
    assert!(written(output.path()) == OUTPUTS.map(|name| alone.file(name).to_vec()));
}

/// A link in place of the journal is replaced, and what it leads to stays as it is.
#[cfg(unix)]
#[test]
fn a_journal_is_never_written_through_a_link() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let output = TempDir::new().expect("a folder");
    let target = TempDir::new().expect("a folder");
    let victim = target.path().join("evidence.log");
    std::fs::write(&victim, "untouched").expect("written");
    for options in [&[][..], &["--resume"][..]] {
        let link = output.path().join("resume.partial");
        std::os::unix::fs::symlink(&victim, &link).expect("a link");
        start(tree.path(), output.path(), options).wait().expect("it ends");
        assert_eq!(std::fs::read_to_string(&victim).expect("still there"), "untouched");
        assert!(link.symlink_metadata().is_err(), "the link is gone with the journal");
    }
}

/// Two collections of one server, and a shadow copy: each record counts once.
#[test]
fn the_same_log_met_twice_counts_once() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let once = assess_with(&[tree.path()], &[]);
    let twice = Tree::empty();
    for (path, content) in tree.files() {
        twice.put(&format!("first/{path}"), &content);
        twice.put(&format!("second/{path}"), &content);
    }
    let both = assess_with(&[twice.path()], &[]);
    assert_eq!(both.verdict(), once.verdict());
    assert_eq!(both.json["totals"]["records"], once.json["totals"]["records"]);
    assert_eq!(both.json["totals"]["files_met_twice"], once.manifest().len());
    assert!(both.outcome.stdout.contains("met twice, counted once"), "{}", both.outcome.stdout);
    let counts = |assessed: &Assessed| {
        let findings =
            assessed.findings().iter().map(|finding| (finding["rule"].to_string(), finding["count"].to_string()));
        findings.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(counts(&both), counts(&once));
    let second = both.manifest();
    let twins: Vec<_> = second.iter().filter(|line| line["same_as"].is_string()).collect();
    assert_eq!(twins.len(), once.manifest().len());
    for twin in twins {
        let (path, other) = (twin["path"].as_str().unwrap(), twin["same_as"].as_str().unwrap());
        assert_eq!(path.strip_prefix("second/"), other.strip_prefix("first/"));
    }
}
