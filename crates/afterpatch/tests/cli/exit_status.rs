//! How a run ends, and that it leaves nothing behind when it refuses.

use std::path::Path;

use demo::Scenario;
use tempfile::TempDir;

use crate::program::{afterpatch, assess, assess_with, text};
use crate::trees::Tree;

/// The result folder of a run that should not get that far.
struct Untouched {
    above: TempDir,
}

impl Untouched {
    fn new() -> Self {
        Self { above: TempDir::new().expect("a folder") }
    }

    fn path(&self) -> String {
        text(&self.above.path().join("results")).to_owned()
    }

    fn is_absent(&self) -> bool {
        !Path::new(&self.path()).exists()
    }
}

/// Runs `assess` where it must end without results.
fn refused(evidence: &Path, options: &[&str]) -> (i32, String) {
    let results = Untouched::new();
    let mut arguments = vec!["assess", text(evidence), "-o"];
    let folder = results.path();
    arguments.push(&folder);
    arguments.extend(options);
    let outcome = afterpatch(&arguments);
    assert_eq!(outcome.stdout, "", "standard output is data");
    assert!(results.is_absent(), "results were written: {}", outcome.stderr);
    (outcome.status, outcome.stderr)
}

#[test]
fn two_for_arguments_that_do_not_fit() {
    for arguments in [
        &[][..],
        &["assess"],
        &["nonsense"],
        &["assess", "x", "--nonsense"],
        &["assess", "x", "--threads", "0"],
        &["assess", "x", "--threads", "many"],
        &["assess", "x", "--from", "yesterday"],
        &["assess", "x", "--to", "2021-02-30"],
        &["assess", "x", "--fail-on", "no-evidence"],
        &["assess", "x", "--format", "xml"],
        &["demo", "--scenario", "nonsense"],
        &["demo", "--days", "0"],
        &["demo", "--size", "much"],
        &["completions", "nonsense"],
        &["man"],
    ] {
        let outcome = afterpatch(arguments);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!outcome.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn two_for_results_inside_the_evidence() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let before = tree.files();
    for inside in ["", "report", "EXC01/C/report", "EXC01/../EXC01/deeper/down"] {
        let output = tree.path().join(inside);
        let outcome = afterpatch(&["assess", text(tree.path()), "-o", text(&output)]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{inside}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("hint:"), "{inside}: {}", outcome.stderr);
    }
    assert!(tree.files() == before, "something was written into the evidence");
    assert!(!tree.path().join("report").exists() && !tree.path().join("EXC01/deeper").exists());
}

#[cfg(unix)]
#[test]
fn two_for_results_inside_the_evidence_through_a_link() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let before = tree.files();
    let elsewhere = TempDir::new().expect("a folder");
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(tree.path(), &link).expect("a link");
    let outcome = afterpatch(&["assess", text(tree.path()), "-o", text(&link.join("report"))]);
    assert_eq!(outcome.status, 2, "{}", outcome.stderr);
    assert!(tree.files() == before, "something was written into the evidence");
}

#[test]
fn reading_changes_nothing_in_the_evidence() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let before = tree.files();
    assess(tree.path());
    assert!(tree.files() == before);
}

#[test]
fn three_for_a_missing_path() {
    let folder = TempDir::new().expect("a folder");
    let (status, said) = refused(&folder.path().join("nowhere"), &[]);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("nowhere") && said.contains("hint:"), "{said}");
}

#[test]
fn three_for_one_missing_path_among_others() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let results = Untouched::new();
    let missing = tree.path().join("nowhere");
    let outcome = afterpatch(&["assess", text(tree.path()), text(&missing), "-o", &results.path()]);
    assert_eq!(outcome.status, 3, "{}", outcome.stderr);
    assert!(results.is_absent());
}

#[test]
fn three_for_an_empty_folder() {
    let (status, said) = refused(Tree::empty().path(), &[]);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("0 files") && said.contains("hint: looked for"), "{said}");
}

#[test]
fn three_for_a_folder_of_pictures() {
    let tree = Tree::empty();
    for number in 0..5 {
        let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        picture.extend((0..4_000u32).map(|at| (at * (number + 7) % 251) as u8));
        tree.put(&format!("holiday/beach-{number}.png"), picture);
    }
    let (status, said) = refused(tree.path(), &[]);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("5 files"), "{said}");
}

#[test]
fn four_where_nothing_can_be_told() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    for bar in ["active", "compromised", "exploited", "targeted", "never"] {
        let assessed = assess_with(&[tree.path()], &["--fail-on", bar]);
        assert_eq!((assessed.verdict(), assessed.outcome.status), ("cannot-tell", 4), "{bar}");
    }
}

#[test]
fn five_without_rules() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let (status, said) = refused(tree.path(), &["--packs", text(Tree::empty().path())]);
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("no rule loaded"), "{said}");
}

#[test]
fn five_for_packs_whose_rules_all_fail() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let packs = Tree::empty();
    packs.put("broken/pack.toml", "id = \"broken\"\n");
    packs.put("broken/rules/broken.yml", "title: broken\ndetection: [");
    let (status, said) = refused(tree.path(), &["--packs", text(packs.path())]);
    assert_eq!(status, 5, "{said}");
}

#[test]
fn the_packs_of_the_house_work_from_their_folder() {
    let tree = Tree::short_story(Scenario::ProxyShell);
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let (from_folder, built_in) = (assess_with(&[tree.path()], &["--packs", text(&packs)]), assess(tree.path()));
    assert!(from_folder.file("assessment.json") == built_in.file("assessment.json"));
}

#[test]
fn fail_on_moves_the_bar() {
    for (scenario, expected) in [
        (Scenario::ActiveAfterPatch, &[("active", 1), ("compromised", 1), ("targeted", 1), ("never", 0)][..]),
        (Scenario::CompromisedBeforePatch, &[("active", 0), ("compromised", 1), ("exploited", 1), ("never", 0)]),
        (Scenario::TargetedOnly, &[("exploited", 0), ("targeted", 1)]),
        (Scenario::QuietCovered, &[("targeted", 0)]),
    ] {
        let tree = Tree::short_story(scenario);
        for (bar, status) in expected {
            let assessed = assess_with(&[tree.path()], &["--fail-on", bar]);
            assert_eq!(assessed.outcome.status, *status, "{} --fail-on {bar}", scenario.name());
        }
    }
}

#[test]
fn from_and_to_bound_what_is_judged() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let before = assess_with(&[tree.path()], &["--to", "2021-03-02T12:00:00Z"]);
    assert_ne!(before.verdict(), "no-evidence", "the window is not covered");
    let timed = before.findings().iter().filter_map(|finding| finding["time"].as_str());
    let late: Vec<&str> = timed.filter(|time| *time >= "2021-03-02T12:00:00Z").collect();
    assert!(late.is_empty(), "{late:?}");
    let after = assess_with(&[tree.path()], &["--from", "2021-03-03T09:00:00Z"]);
    let timed = after.findings().iter().filter_map(|finding| finding["time"].as_str());
    let early: Vec<&str> = timed.filter(|time| *time < "2021-03-03T09:00:00Z").collect();
    assert!(early.is_empty(), "{early:?}");
    assert_eq!(after.verdict(), "compromised");
}

#[test]
fn server_names_what_the_evidence_does_not() {
    let tree = Tree::empty();
    let log = format!("{}{}\r\n", crate::logs::iis_header(), crate::logs::IisRow::attack(1).line());
    tree.put("u_ex210303.log", log);
    let assessed = assess_with(&[tree.path()], &["--server", "mail07.contoso.example"]);
    assert_eq!(assessed.servers().len(), 1);
    assert_eq!(assessed.server("MAIL07")["verdict"], assessed.json["verdict"]);
}
