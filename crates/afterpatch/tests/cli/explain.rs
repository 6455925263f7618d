//! `explain`: rules and findings, in full and harmless.

use demo::Scenario;

use crate::program::{afterpatch, assess, text, word};
use crate::told::told;
use crate::trees::Tree;

#[test]
fn a_rule_is_told_in_full() {
    let outcome = afterpatch(&["explain", "proxylogon/anchor-backend"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    for part in [
        "Forged route to a back-end page",
        "attempt: somebody tried",
        "CVE-2021-26855",
        "product: exchange, service: httpproxy",
        "packs/proxylogon/rules/anchor-backend.yml",
        "AnchorMailbox: 'ServerInfo~*/*'",
        "A record that it hits (httpproxy/",
        "A record that it leaves alone (httpproxy/",
        "packs/proxylogon/cases/",
        "T1190",
        "References",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
    assert_eq!(afterpatch(&["explain", "anchor-backend"]).stdout, outcome.stdout, "the last part of the name does");
}

#[test]
fn two_for_an_unknown_rule_with_the_nearest() {
    let outcome = afterpatch(&["explain", "proxylogon/anchor-backnd"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.contains("hint: the nearest: proxylogon/anchor-backend"), "{}", outcome.stderr);
    let finding = afterpatch(&["explain", "f1"]);
    assert!(finding.status == 2 && finding.stderr.contains("--in"), "{}", finding.stderr);
}

#[test]
fn a_finding_is_told_with_its_records_and_what_rests_on_it() {
    let assessed = &told(Scenario::CompromisedBeforePatch).assessed;
    let folder = Tree::empty();
    folder.put("assessment.json", assessed.file("assessment.json"));
    let first = assessed.findings().iter().find(|finding| finding["proves"] == "persistence");
    let finding = first.expect("something was left behind");
    let id = word(&finding["id"]);
    let outcome = afterpatch(&["explain", id, "--in", text(folder.path())]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    let joined = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        &format!("{id}: {}", word(&finding["title"])),
        word(&finding["evidence"][0]["path"]),
        &format!("record {}, byte {}", finding["evidence"][0]["record"], finding["evidence"][0]["offset"]),
        word(&finding["rule"]),
        "incident EXC01-",
        "answer `foothold`",
    ] {
        assert!(joined.contains(part), "{part}: {}", outcome.stdout);
    }
    let file = folder.path().join("assessment.json");
    assert_eq!(afterpatch(&["explain", id, "--in", text(&file)]).stdout, outcome.stdout);
    // With an assessment at hand a rule is still a rule.
    assert_eq!(afterpatch(&["explain", "proxyshell/iis-token", "--in", text(&file)]).status, 0);
    let unknown = afterpatch(&["explain", "f99999", "--in", text(&file)]);
    assert!(unknown.status == 2 && unknown.stderr.contains("hint:"), "{}", unknown.stderr);
}

#[test]
fn a_finding_of_the_program_itself_explains_itself() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let assessed = assess(tree.path());
    let own = assessed.findings().iter().find(|finding| word(&finding["rule"]).starts_with("observer/"));
    let own = own.expect("pages are judged by the program");
    let folder = Tree::empty();
    folder.put("assessment.json", assessed.file("assessment.json"));
    let outcome = afterpatch(&["explain", word(&own["id"]), "--in", text(folder.path())]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("Why it matters") && outcome.stdout.contains("of no pack"), "{}", outcome.stdout);
}

#[test]
fn text_of_an_assessment_does_nothing_to_a_terminal() {
    let hostile = "\\u001b[2J\\u202e\\u009b31m\\r\\n";
    let finding = format!(
        r#"{{"id":"f1","server":"{hostile}","count":1,"rule":"{hostile}","title":"{hostile}","reason":"{hostile}","client":"{hostile}",
        "benign":["{hostile}"],"evidence":[{{"path":"{hostile}","record":1,"offset":0,"text":"{hostile}"}}]}}"#
    );
    let server = format!(
        r#"{{"server":"{hostile}","incidents":[{{"id":"{hostile}","stages":{{"{hostile}":["f1"]}}}}],
        "web_shells":[{{"path":"{hostile}","findings":["f1"]}}],"answers":{{"hit":{{"answer":"{hostile}","because":["f1"]}}}}}}"#
    );
    let folder = Tree::empty();
    let json = format!(r#"{{"schema":"afterpatch.assessment/1","servers":[{server}],"findings":[{finding}]}}"#);
    folder.put("assessment.json", json);
    let outcome = afterpatch(&["explain", "f1", "--in", text(folder.path())]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!outcome.stdout.contains(bad) && outcome.stdout.contains("\\x1b[2J"), "{:?}", outcome.stdout);
}

#[test]
fn two_for_what_is_no_assessment() {
    let folder = Tree::empty();
    folder.put("list.json", "[".repeat(500_000));
    folder.put("other.json", r#"{"schema":"other/1"}"#);
    folder.put("nonsense.json", b"\xff\x00nonsense".as_slice());
    folder.put("wrong.json", r#"{"schema":"afterpatch.assessment/1","findings":"none"}"#);
    for name in ["list.json", "other.json", "nonsense.json", "wrong.json", "absent.json", ""] {
        let outcome = afterpatch(&["explain", "f1", "--in", text(&folder.path().join(name))]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{name}");
        assert!(outcome.stderr.contains("hint: --in takes"), "{name}: {}", outcome.stderr);
    }
}
