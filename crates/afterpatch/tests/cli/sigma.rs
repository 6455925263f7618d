//! Rules of others, straight from a folder: what runs of them, what is said of the rest, and that they decide nothing.

use std::fs;
use std::path::Path;

use demo::Scenario;
use serde_json::Value;

use crate::program::{Outcome, afterpatch, assess_with, text};
use crate::trees::Tree;

const WEB: &str = "title: Page of the logon folder\nid: 11111111-0000-4000-8000-000000000001\nstatus: deprecated\nlevel: high\n\
    tags: [attack.persistence, attack.t1505.003, afterpatch.proves.theft]\n\
    logsource: {category: webserver}\ndetection:\n  s: {cs-uri-query|contains: /owa/auth/}\n  condition: s\n";
const PROCESS: &str = "title: Shell\nlogsource: {category: process_creation}\ndetection:\n  s: {Image|endswith: cmd.exe}\n  condition: s\n";
const LINUX: &str =
    "title: elsewhere\nlogsource:\n  product: linux\n  service: auditd\ndetection:\n  s: {a: b}\n  condition: s\n";
const PROXY: &str = "title: proxy\nlogsource: {category: proxy}\ndetection:\n  s: {c-uri: b}\n  condition: s\n";

fn rules() -> Tree {
    let tree = Tree::empty();
    tree.put("rules/web/page.yml", WEB);
    tree.put("rules/windows/shell.yaml", PROCESS);
    tree.put("rules/linux/other.yml", LINUX);
    tree.put("rules/proxy.yml", PROXY);
    tree.put("rules/zz-again.yml", WEB);
    tree.put("rules/broken.yml", "title: [\u{1b}[31m\ndetection: x\n");
    tree.put("rules/README.md", "# not a rule");
    tree.put("rules/.github/workflow.yml", "on: push");
    tree
}

fn at(tree: &Tree, path: &str) -> String {
    text(&tree.path().join(path)).to_owned()
}

/// Assesses where it must end before anything is written.
fn kept_out(options: &[&str]) -> Outcome {
    let (evidence, results) = (Tree::short_story(Scenario::QuietUncovered), Tree::empty());
    let output = at(&results, "results");
    let arguments = ["assess", text(evidence.path()), "-o", &output];
    let outcome = afterpatch(&[&arguments, options].concat());
    assert!(!Path::new(&output).exists(), "results were written: {}", outcome.stderr);
    outcome
}

#[test]
fn a_folder_of_rules_is_used_and_accounted_for() {
    let (tree, evidence) = (rules(), Tree::short_story(Scenario::CompromisedBeforePatch));
    let assessed = assess_with(&[evidence.path()], &["--sigma", &at(&tree, "rules")]);
    let said = &assessed.outcome.stderr;
    for words in [
        "sigma: 2 rules loaded, 1 of them deprecated or unsupported",
        "1 rule for other products: linux 1",
        "1 rule for logs that are not read: category: proxy 1",
        "rules:zz-again.yml: rules:web/page.yml",
        "rules:broken.yml: not readable as Sigma",
        "1 link, device or hidden entry passed over",
        "rules.csv",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let found = assessed.findings_of("rules:web/page.yml");
    assert!(!found.is_empty() && found.iter().all(|finding| finding["proves"] == "context"));
    let table = assessed.text("rules.csv");
    assert_eq!(table.lines().count(), 7, "{table}");
    assert!(table.contains("\"rules\",\"web/page.yml\",\"\",\"Page of the logon folder\",\"11111111-0000-4000-8000-000000000001\",\"high\",\"deprecated\",\"loaded\",\"\""), "{table}");
    let packs = assessed.json["afterpatch"]["packs"].as_array().expect("packs");
    assert!(packs.iter().any(|pack| pack["id"] == "rules" && pack["version"] == "rule set"), "{packs:?}");
}

#[test]
fn rules_of_others_never_move_a_verdict() {
    let tree = rules();
    // A setting that counts together with an exploit, if a rule of ours names it.
    tree.put(
        "rules/cmdlet.yml",
        "title: any cmdlet\ntags: [attack.collection, attack.t1114.003, attack.t1098.002]\nlogsource: {product: windows}\n\
         detection:\n  s: {EventID|exists: true}\n  condition: s\n",
    );
    for scenario in [Scenario::CompromisedBeforePatch, Scenario::QuietUncovered] {
        let evidence = Tree::short_story(scenario);
        let without = assess_with(&[evidence.path()], &[]);
        let with = assess_with(&[evidence.path()], &["--sigma", &at(&tree, "rules")]);
        assert_eq!((with.verdict(), with.outcome.status), (without.verdict(), without.outcome.status));
        let proven = |findings: &[Value]| findings.iter().filter(|finding| finding["proves"] != "context").count();
        assert_eq!(proven(with.findings()), proven(without.findings()));
        assert!(
            with.findings()
                .iter()
                .all(|one| !one["rule"].as_str().unwrap().contains(':') || one["proves"] == "context")
        );
        for key in ["persistence", "mailboxes"] {
            assert_eq!(
                with.server("EXC01")[key].as_array().map(Vec::len),
                without.server("EXC01")[key].as_array().map(Vec::len)
            );
        }
    }
}

#[test]
fn rules_that_were_asked_for_and_do_not_run_end_the_run() {
    let tree = rules();
    let none = kept_out(&["--sigma", &at(&tree, "rules/linux")]);
    assert_eq!(none.status, 5);
    assert!(none.stderr.contains("no rule of --sigma runs") && none.stderr.contains("linux 1"), "{}", none.stderr);
    fs::create_dir(tree.path().join("empty")).expect("a folder");
    assert_eq!(kept_out(&["--sigma", &at(&tree, "empty")]).status, 5);
    assert_eq!(kept_out(&["--sigma", &at(&tree, "nowhere")]).status, 2);
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let unsigned = kept_out(&["--sigma", &at(&tree, "rules"), "--require-signature", key]);
    assert!(unsigned.status == 5 && unsigned.stderr.contains("signature"), "{}", unsigned.stderr);
}

#[test]
fn several_folders_and_single_files_are_taken_in_their_order() {
    let (tree, evidence) = (rules(), Tree::short_story(Scenario::CompromisedBeforePatch));
    let single = at(&tree, "rules/zz-again.yml");
    let assessed = assess_with(
        &[evidence.path()],
        &["--sigma", &single, "--sigma", &at(&tree, "rules"), "--sigma", &at(&tree, "rules")],
    );
    let said = &assessed.outcome.stderr;
    assert!(!assessed.findings_of("zz-again:zz-again.yml").is_empty(), "{said}");
    assert!(assessed.findings_of("rules:web/page.yml").is_empty());
    assert!(said.contains("rules:web/page.yml: zz-again:zz-again.yml"), "{said}");
    assert!(assessed.text("rules.csv").contains("\"rules-2\""), "{said}");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let tree = rules();
    let outside = Tree::empty();
    outside.put("secret.yml", PROCESS);
    std::os::unix::fs::symlink(outside.path(), tree.path().join("rules/there")).expect("a link");
    std::os::unix::fs::symlink(outside.path().join("secret.yml"), tree.path().join("rules/file.yml")).expect("a link");
    let evidence = Tree::short_story(Scenario::QuietUncovered);
    let assessed = assess_with(&[evidence.path()], &["--sigma", &at(&tree, "rules")]);
    assert!(
        assessed.outcome.stderr.contains("3 links, devices and hidden entries passed over"),
        "{}",
        assessed.outcome.stderr
    );
    assert!(!assessed.text("rules.csv").contains("secret") && !assessed.text("rules.csv").contains("file.yml"));
}
