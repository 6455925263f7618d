//! What is said where: standard output is data, standard error is talk; help, completions and manual pages are whole.

use std::fs;

use demo::Scenario;
use tempfile::TempDir;

use crate::program::{afterpatch, afterpatch_with, assess_with, text};
use crate::trees::{Tree, files};

/// Every verb with every option and argument it takes.
const VERBS: [(&str, &[&str]); 30] = [
    (
        "inspect",
        &[
            "PAGE",
            "--all",
            "--format",
            "--threads",
            "--password",
            "--budget",
            "--isolation",
            "--memory",
            "--stall",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    (
        "assess",
        &[
            "EVIDENCE",
            "--live",
            "--output",
            "-o",
            "--format",
            "--from",
            "--to",
            "--threads",
            "--fail-on",
            "--resume",
            "--isolation",
            "--memory",
            "--stall",
            "--password",
            "--budget",
            "--packs",
            "--add-packs",
            "--require-signature",
            "--sigma",
            "--yara",
            "--server",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    (
        "hunt",
        &[
            "EVIDENCE",
            "--sigma",
            "--packs",
            "--add-packs",
            "--require-signature",
            "--no-packs",
            "--format",
            "--output",
            "-o",
            "--level",
            "--from",
            "--to",
            "--threads",
            "--password",
            "--budget",
            "--isolation",
            "--memory",
            "--stall",
            "--rule-cost",
            "--fail-on",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    (
        "advise",
        &[
            "BUILD",
            "--server",
            "--from",
            "--csv",
            "--keep-going",
            "--as-of",
            "--cve",
            "--all",
            "--format",
            "--output",
            "-o",
            "--fail-on",
            "--publisher-name",
            "--publisher-namespace",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    (
        "collect",
        &[
            "--as",
            "--days",
            "--from",
            "--for",
            "--server",
            "--exchange-path",
            "--iis-logs",
            "--output",
            "-o",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    ("demo", &["--out", "-o", "--scenario", "--days", "--size", "--seed", "--list", "--quiet", "--no-color"]),
    ("explain", &["NAME", "--in", "--packs", "--add-packs", "--require-signature", "--quiet", "--no-color"]),
    (
        "verify",
        &[
            "DIR",
            "EVIDENCE",
            "--key",
            "--noted",
            "--format",
            "--threads",
            "--password",
            "--budget",
            "--isolation",
            "--memory",
            "--stall",
            "--quiet",
            "--no-color",
        ],
    ),
    ("sign", &["DIR", "--key", "--password-file", "--without-password", "-W", "--quiet", "--no-color"]),
    ("packs", &["--quiet", "--no-color"]),
    ("packs list", &["--packs", "--add-packs", "--require-signature", "--format", "--quiet", "--no-color"]),
    ("packs show", &["ID", "--packs", "--add-packs", "--require-signature", "--format", "--quiet", "--no-color"]),
    ("packs check", &["PATH", "--strict", "--format", "--quiet", "--no-color"]),
    ("packs test", &["PATH", "--quiet", "--no-color"]),
    (
        "packs import",
        &["FILE", "--id", "--output", "-o", "--campaign", "--cve", "--first-use", "--public", "--quiet", "--no-color"],
    ),
    ("packs pack", &["DIR", "--output", "-o", "--quiet", "--no-color"]),
    ("packs sign", &["FILE", "--key", "--password-file", "--without-password", "-W", "--quiet", "--no-color"]),
    ("packs verify", &["FILE", "--key", "--quiet", "--no-color"]),
    ("packs keygen", &["--output", "-o", "--password-file", "--without-password", "-W", "--quiet", "--no-color"]),
    ("survey", &["--quiet", "-q", "--no-color"]),
    (
        "survey probe",
        &[
            "--scope",
            "--rate",
            "--rate-per-prefix",
            "--concurrency",
            "--timeout",
            "--ports",
            "--limit",
            "--exporttool",
            "--smtp",
            "--seed",
            "--dry-run",
            "--output",
            "-o",
            "--store",
            "--label",
            "--cve",
            "--mmdb",
            "--networks",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    ("survey probing-txt", &["--scope", "--quiet", "-q", "--no-color"]),
    (
        "survey import",
        &[
            "FILE",
            "--as",
            "--seen-on",
            "--output",
            "-o",
            "--store",
            "--label",
            "--cve",
            "--mmdb",
            "--networks",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    ("survey report", &["--store", "--run", "--output", "-o", "--cve", "--quiet", "-q", "--no-color"]),
    ("survey trend", &["--store", "--label", "--cve", "--quiet", "-q", "--no-color"]),
    ("survey diff", &["RUN", "--store", "--cve", "--quiet", "-q", "--no-color"]),
    (
        "survey notify",
        &[
            "--store",
            "--run",
            "--output",
            "-o",
            "--by",
            "--contacts",
            "--security-txt-dir",
            "--rdap",
            "--constituencies",
            "--quiet",
            "-q",
            "--no-color",
        ],
    ),
    ("survey estimate", &["--store", "--label", "--assessments", "--cve", "--format", "--quiet", "-q", "--no-color"]),
    ("completions", &["SHELL", "--quiet", "--no-color"]),
    ("man", &["DIR", "--quiet", "--no-color"]),
];

#[test]
fn help_of_each_verb_mentions_each_option() {
    for (verb, options) in VERBS {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let outcome = afterpatch(&words);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{verb}");
        for option in options {
            assert!(outcome.stdout.contains(option), "{verb}: {option}");
        }
    }
}

#[test]
fn the_table_of_options_is_whole() {
    // The completion script knows every option of every verb.
    let script = afterpatch(&["completions", "bash"]).stdout;
    for (verb, options) in VERBS {
        let start = script
            .find(&format!("afterpatch__subcmd__{})\n", verb.replace([' ', '-'], "__subcmd__")))
            .or_else(|| script.find(&format!("afterpatch__{})\n", verb.replace(' ', "__"))));
        let part = &script[start.unwrap_or_else(|| panic!("no {verb} in the script"))..];
        let opts = part.split("opts=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a list of options");
        for option in opts.split(' ').filter(|word| word.starts_with("--") && *word != "--help") {
            assert!(options.contains(&option), "{verb}: {option} is not in the table of this test");
        }
    }
}

#[test]
fn help_lists_the_verbs_and_version_is_told() {
    let help = afterpatch(&["--help"]);
    for (verb, _) in VERBS.iter().filter(|(verb, _)| !verb.contains(' ')) {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb}");
    }
    assert_eq!(afterpatch(&["--version"]).stdout, format!("afterpatch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_of_assess_tells_every_exit_status() {
    let help = afterpatch(&["assess", "--help"]).stdout;
    for status in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "70 ", "130 "] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(status)), "{status}");
    }
}

#[test]
fn help_of_survey_tells_every_exit_status() {
    let help = afterpatch(&["survey", "--help"]).stdout;
    for status in ["0 ", "2 ", "3 ", "4 ", "70 ", "130 "] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(status)), "{status}");
    }
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let outcome = afterpatch(&["completions", shell]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{shell}");
        for word in ["assess", "demo", "fail-on", "scenario"] {
            assert!(outcome.stdout.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn manual_pages_for_every_verb() {
    let folder = TempDir::new().expect("a folder");
    let place = folder.path().join("man/man1");
    let outcome = afterpatch(&["man", text(&place)]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, ""), "{}", outcome.stderr);
    let pages = files(&place);
    assert!(pages.contains_key("afterpatch.1"), "{:?}", pages.keys());
    for (verb, options) in VERBS {
        let page =
            String::from_utf8_lossy(&pages[&format!("afterpatch-{}.1", verb.replace(' ', "-"))]).replace('\\', "");
        for option in options {
            assert!(page.contains(option), "{verb}: {option}");
        }
    }
}

#[test]
fn json_prints_exactly_the_file() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    for quiet in [&[][..], &["-q"]] {
        let options: Vec<&str> = ["--format", "json"].iter().chain(quiet).copied().collect();
        let assessed = assess_with(&[tree.path()], &options);
        assert!(assessed.outcome.stdout == assessed.text("assessment.json"), "{options:?}");
    }
}

#[test]
fn quiet_says_nothing_but_its_status() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let assessed = assess_with(&[tree.path()], &["-q"]);
    assert_eq!(assessed.outcome.status, 1);
    assert_eq!((assessed.outcome.stdout.as_str(), assessed.outcome.stderr.as_str()), ("", ""));
}

#[test]
fn quiet_still_says_why_a_run_failed() {
    let outcome = afterpatch(&["-q", "assess", text(&Tree::empty().path().join("nowhere"))]);
    assert_eq!(outcome.status, 3);
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
}

#[test]
fn the_screen_names_server_verdict_and_report() {
    let tree = Tree::short_story(Scenario::ActiveAfterPatch);
    let screen = assess_with(&[tree.path()], &[]).outcome.stdout;
    for word in ["EXC01", "compromised, and still in use", "2021-03-10 11:17:44", "report.html"] {
        assert!(screen.to_lowercase().contains(&word.to_lowercase()), "{word}: {screen}");
    }
    let wide = screen.lines().find(|line| line.chars().count() > 100);
    // The path of the report cannot be broken.
    assert!(wide.is_none_or(|line| line.contains("report.html")), "{wide:?}");
}

#[test]
fn there_is_no_colour_where_nobody_looks() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let results = TempDir::new().expect("a folder");
    let arguments = ["assess", text(tree.path()), "-o", text(results.path())];
    let plain = afterpatch(&arguments);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
    let no_colour = afterpatch_with(&arguments, &[("NO_COLOR", "1")]);
    assert_eq!(no_colour.stdout, plain.stdout);
    let flag = afterpatch(&["--no-color", arguments[0], arguments[1], arguments[2], arguments[3]]);
    assert_eq!(flag.stdout, plain.stdout);
}

#[test]
fn the_demo_writes_what_assess_reads() {
    let above = TempDir::new().expect("a folder");
    let tree = above.path().join("evidence");
    let outcome = afterpatch(&["demo", "--scenario", "proxyshell", "--size", "400k", "--days", "1", "-o", text(&tree)]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("tkevsn.aspx"), "the story is told: {}", outcome.stderr);
    assert_eq!(assess_with(&[&tree], &[]).verdict(), "compromised");
}

#[test]
fn the_demo_lists_its_stories() {
    let outcome = afterpatch(&["demo", "--list"]);
    assert_eq!(outcome.status, 0);
    let names: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, Scenario::all().map(|scenario| scenario.name()));
}

#[test]
fn the_demo_writes_the_same_bytes_again() {
    let above = TempDir::new().expect("a folder");
    let trees = ["1", "2"].map(|name| {
        let tree = above.path().join(name);
        let outcome = afterpatch(&["demo", "-q", "--size", "400k", "--days", "1", "--seed", "7", "-o", text(&tree)]);
        assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""));
        files(&tree)
    });
    assert!(trees[0] == trees[1]);
}

#[test]
fn the_demo_refuses_a_folder_that_holds_anything() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("notes.txt"), "mine").expect("a file");
    let outcome = afterpatch(&["demo", "-o", text(folder.path())]);
    assert_eq!(outcome.status, 2);
    assert!(outcome.stderr.contains("hint:"), "{}", outcome.stderr);
    assert_eq!(files(folder.path()).len(), 1);
}
