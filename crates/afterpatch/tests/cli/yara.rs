//! YARA rules: those of a folder of somebody else, which decide nothing, and our own, which must not find themselves.

use std::fs;
use std::path::Path;

use demo::Scenario;
use detect::pack::PackFiles;
use detect::plan::Plan;
use detect::yara::YaraFile;

use crate::program::{afterpatch, assess, assess_with, text, word};
use crate::trees::{Tree, files};

const RULES: &str = "import \"pe\"\nimport \"cuckoo\"\nprivate rule Small { condition: filesize < 1KB }\n\
    rule Marker { meta: description = \"a marker\" author = \"somebody\" afterpatch_proves = \"persistence\" score = 90\n\
    strings: $a = \"INERT-MARKER\" condition: $a and Small and filename == \"Note.txt\" and extension == \".txt\" }\n\
    rule Foreign { condition: cuckoo.sync.mutex(/x/) }\n";

/// Evidence with a server, and rules beside it.
fn tree() -> Tree {
    let tree = Tree::empty();
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/Note.txt", "an INERT-MARKER stands here");
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/other.txt", "an INERT-MARKER stands here too");
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/page.aspx", "<html>a page of nobody</html>");
    tree.put("rules/a/marker.yar", RULES);
    tree.put("rules/b.yara", "include \"../evidence/x.yar\"\nrule Other { condition: false }\n");
    tree.put("rules/README.md", "no rule");
    tree
}

fn at(tree: &Tree, path: &str) -> String {
    text(&tree.path().join(path)).to_owned()
}

#[test]
fn a_folder_of_rules_is_used_and_accounted_for() {
    let tree = tree();
    let assessed = assess_with(&[&tree.path().join("evidence")], &["--yara", &at(&tree, "rules")]);
    let said = &assessed.outcome.stderr;
    for words in [
        "yara: 2 rules loaded from 2 files",
        "1 rule that only others use",
        "3 parts of 2 files refused:",
        "rules:a/marker.yar:2: ",
        "rules:a/marker.yar:6 Foreign: ",
        "rules:b.yara:1: include of `../evidence/x.yar`, which lies outside the folder",
        "yara-rules.csv",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let found = assessed.findings_of("rules:a/marker.yar#Marker");
    assert_eq!(found.len(), 1, "{}", assessed.json["findings"]);
    assert_eq!(word(&found[0]["proves"]), "context");
    assert!(word(&found[0]["subject"]).ends_with("note.txt"));
    let evidence = &found[0]["evidence"][0];
    assert_eq!((word(&evidence["text"]), evidence["offset"].as_u64()), ("$a at 3: INERT-MARKER", Some(3)));
    let table = assessed.text("yara-rules.csv");
    assert!(table.contains("\"rules\",\"a/marker.yar\",\"4\",\"Marker\",\"loaded\",\"\""), "{table}");
    assert_eq!(table.lines().count(), 7, "{table}");
    let packs = assessed.json["afterpatch"]["packs"].as_array().expect("packs");
    assert!(packs.iter().any(|pack| pack["id"] == "rules" && pack["version"] == "YARA rule set"), "{packs:?}");
}

#[test]
fn rules_that_were_asked_for_and_do_not_run_end_the_run() {
    let tree = tree();
    tree.put("broken/a.yar", "rule A { condition: nothing_known }");
    for (rules, status, told) in [
        ("broken", 5, "no rule of --yara runs: broken:a.yar:1 A: "),
        ("evidence", 5, "no .yar file"),
        ("nowhere", 2, "nowhere"),
    ] {
        let results = Tree::empty();
        let output = at(&results, "results");
        let outcome = afterpatch(&["assess", &at(&tree, "evidence"), "-o", &output, "--yara", &at(&tree, rules)]);
        assert_eq!(outcome.status, status, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
        assert!(!Path::new(&output).exists());
    }
}

#[test]
fn rules_of_others_never_move_a_verdict() {
    let tree = Tree::empty();
    tree.put("all.yar", "rule All { meta: score = 100 afterpatch_proves = \"theft\" condition: true }");
    let evidence = Tree::short_story(Scenario::QuietUncovered);
    let without = assess(evidence.path());
    let with = assess_with(&[evidence.path()], &["--yara", &at(&tree, "all.yar")]);
    assert_eq!((with.verdict(), with.outcome.status), (without.verdict(), without.outcome.status));
    let hits = with.findings_of("all:all.yar#All");
    assert!(!hits.is_empty() && hits.iter().all(|hit| hit["proves"] == "context"));
}

#[test]
fn a_file_that_is_longer_than_rules_look_is_named() {
    let tree = tree();
    let mut long = vec![b'.'; (16 << 20) + 100];
    long.extend(b"INERT-MARKER");
    tree.put("evidence/EXC01/C/inetpub/wwwroot/long.bin", long);
    let rules = at(&tree, "rules");
    for (options, is_said) in [(&["--yara", rules.as_str()][..], true), (&[], false)] {
        let assessed = assess_with(&[&tree.path().join("evidence")], options);
        assert_eq!(assessed.text("manifest.jsonl").contains("longer than YARA rules look"), is_said);
    }
}

/// Overlap of pieces of a large file; no string of ours spans more.
const OVERLAP: usize = 4 << 10;
const PIECE: usize = 4 << 20;

/// Rule files in a checkout, the program and its reports lie on servers too; a scanner that finds itself is no help.
#[test]
fn our_own_rules_do_not_find_us() {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let of = |folder: &Path| {
        let files = files(folder).into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
        PackFiles { id: folder.file_name().expect("a name").to_string_lossy().into_owned(), files }
    };
    let folders = fs::read_dir(&packs).expect("packs").map(|entry| entry.expect("an entry").path());
    let compiled = Plan::compile(&folders.map(|folder| of(&folder)).collect::<Vec<_>>());
    let mut all = files(&packs);
    all.insert("program".into(), fs::read(env!("CARGO_BIN_EXE_afterpatch")).expect("the program"));
    let assessed = assess(Tree::short_story(Scenario::CompromisedBeforePatch).path());
    all.extend(assessed.files);
    let mut rules = 0;
    for (path, bytes) in &all {
        // Rule files must stay silent even as a page. Cases, which the program holds too, and records in reports are
        // look-alikes of what Sigma rules find: under their own names they are none.
        let own = path.rsplit('/').next().unwrap_or(path);
        let names = if path.contains("/yara/") { ["x.aspx", "x.dll", own] } else { ["x.exe", "x.dll", own] };
        for start in (0..bytes.len().max(1)).step_by(PIECE) {
            let piece = &bytes[start..bytes.len().min(start + PIECE + OVERLAP)];
            for name in names {
                let on_server = format!(r"c:\inetpub\wwwroot\aspnet_client\{name}");
                let file = YaraFile { on_server: &on_server, in_evidence: "", bytes: piece };
                assert!(compiled.plan.yara(&file, &mut |hit| {
                    panic!("{} fits {path} as {name}, {}", compiled.plan.rules()[hit.rule.at()].id, hit.matched)
                }));
                rules += 1;
            }
        }
    }
    assert!(rules > 100 && compiled.plan.yara_bytes_max() > 0);
}
