//! `packs`: what is said of packs, and that nothing that is broken, changed or unsigned gets in.

use std::fs;
use std::path::{Path, PathBuf};

use demo::Scenario;
use serde_json::Value;

use crate::program::{Outcome, afterpatch, afterpatch_with, assess_with, list, text, word};
use crate::trees::{Tree, files};

const MANIFEST: &str = "id = \"ours\"\nname = \"Ours\"\nversion = \"3\"\ngeneral = true\n";
const RULE: &str = "title: A page of ours was asked for\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
    logsource:\n  category: webserver\ndetection:\n  page:\n    cs-uri-stem: /only-here.aspx\n  condition: page\n";
const CASES: &str = "# Pages\n\n```log iis/W3SVC1\n#Fields: date time cs-method cs-uri-stem c-ip sc-status\n\
    2021-03-03 05:00:00 GET /only-here.aspx 203.0.113.7 200\n```\n```hits\nours/page 1\n```\n\n```log iis/W3SVC1\n\
    #Fields: date time cs-method cs-uri-stem c-ip sc-status\n2021-03-03 05:00:00 GET /owa/ 203.0.113.7 200\n```\n```hits\n```\n";

/// A folder with a good pack `ours`.
fn ours() -> Tree {
    let tree = Tree::empty();
    tree.put("ours/pack.toml", MANIFEST);
    tree.put("ours/README.md", "A pack of this test.");
    tree.put("ours/rules/page.yml", RULE);
    tree.put("ours/cases/pages.md", CASES);
    tree.put("ours/indicators.csv", "type,value,confidence,from,until,note,source\nip,203.0.113.7,low,,,n,s\n");
    tree
}

fn at(tree: &Tree, path: &str) -> String {
    text(&tree.path().join(path)).to_owned()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

/// Status and standard error; standard output is empty.
fn refused(arguments: &[&str]) -> (i32, String) {
    let outcome = afterpatch(arguments);
    assert_eq!(outcome.stdout, "", "{arguments:?}");
    assert!(outcome.stderr.contains("hint: "), "{arguments:?}: {}", outcome.stderr);
    (outcome.status, outcome.stderr)
}

#[test]
fn the_built_in_packs_are_listed_and_shown() {
    let outcome = afterpatch(&["packs", "list"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    let line = outcome.stdout.lines().find(|line| line.starts_with("proxylogon ")).expect("proxylogon is listed");
    assert!(line.contains("2021-01-03") && line.contains("built in"), "{line}");
    let listed = json(&afterpatch(&["packs", "list", "--format", "json"]));
    for pack in list(&listed["packs"]) {
        let id = word(&pack["id"]);
        let page = afterpatch(&["packs", "show", id]);
        assert_eq!((page.status, page.stderr.as_str()), (0, ""), "{id}");
        assert!(page.stdout.contains("Rules (") && page.stdout.contains("README.md"), "{id}");
        let whole = json(&afterpatch(&["packs", "show", id, "--format", "json"]));
        assert_eq!(list(&whole["rules"]).len() as u64, pack["rules"].as_u64().expect("a number"), "{id}");
    }
    let page = afterpatch(&["packs", "show", "proxylogon"]).stdout;
    for part in
        ["CVE-2021-26855", "What has to cover the window", "httpproxy/Ecp", "What stays invisible", "ip ", "sha256 "]
    {
        assert!(page.contains(part), "{part}");
    }
    let (status, said) = refused(&["packs", "show", "nothing"]);
    assert!(status == 2 && said.contains("there are: april-2021") && said.contains("proxylogon"), "{said}");
}

#[test]
fn the_built_in_packs_pass_their_own_checks() {
    let check = afterpatch(&["packs", "check"]);
    assert_eq!(check.status, 0, "{}", check.stdout);
    let test = afterpatch(&["packs", "test"]);
    assert_eq!(test.status, 0, "{}", test.stdout);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    assert_eq!(afterpatch(&["packs", "test", text(&folder)]).stdout, test.stdout, "from the folder as built in");
}

#[test]
fn a_good_pack_passes_in_every_form() {
    let tree = ours();
    let file = at(&tree, "ours.afterpack");
    assert_eq!(afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &file]).status, 0);
    for path in [at(&tree, "ours"), at(&tree, ""), file] {
        let check = afterpatch(&["packs", "check", "--strict", &path]);
        assert_eq!(check.status, 0, "{path}: {}", check.stdout);
        assert_eq!(check.stdout, "packs 1, rules 1, indicators 1, cases 2: errors 0, warnings 0\n");
        let test = afterpatch(&["packs", "test", &path]);
        assert_eq!((test.status, test.stdout.as_str()), (0, "ours: 2 cases as written, 1 of them benign, 1 rules\n"));
    }
}

#[test]
fn faults_are_told_with_file_line_and_hint() {
    for (file, content, told) in [
        ("rules/page.yml", RULE.replace("condition: page", "condition: paeg"), "rules/page.yml"),
        ("rules/page.yml", RULE.replace("cs-uri-stem:", "cs-uri-stem|sounds:"), "rules/page.yml:7: not readable"),
        ("rules/page.yml", "a: [".to_owned(), "rules/page.yml:"),
        ("pack.toml", MANIFEST.replace("\"3\"", "3"), "pack.toml:3: "),
        ("indicators.csv", "type,value\nip,1\n".to_owned(), "indicators.csv:1: "),
        ("cases/pages.md", CASES.replace("```hits\nours/page 1\n```\n", ""), "cases/pages.md:3: "),
        ("README.md", " ".to_owned(), "README.md: "),
    ] {
        let tree = ours();
        tree.put(&format!("ours/{file}"), content);
        let outcome = afterpatch(&["packs", "check", &at(&tree, "ours")]);
        assert_eq!(outcome.status, 5, "{file}: {}", outcome.stdout);
        assert!(outcome.stdout.contains(&format!("error: {}", at(&tree, "ours"))), "{file}: {}", outcome.stdout);
        assert!(outcome.stdout.contains(told) && outcome.stdout.contains("  hint: "), "{told}: {}", outcome.stdout);
        let found = json(&afterpatch(&["packs", "check", "--format", "json", &at(&tree, "ours")]));
        assert!(found["errors"].as_u64() > Some(0) && !list(&found["problems"]).is_empty());
    }
}

#[test]
fn slow_rules_are_warnings_unless_strict() {
    let tree = ours();
    tree.put("ours/rules/page.yml", RULE.replace("/only-here.aspx", "/o"));
    tree.put("ours/cases/pages.md", CASES.replace("/only-here.aspx", "/o"));
    let path = at(&tree, "ours");
    let warned = afterpatch(&["packs", "check", &path]);
    assert!(warned.status == 0 && warned.stdout.contains("warning: ") && warned.stdout.contains("every record"));
    assert_eq!(afterpatch(&["packs", "check", "--strict", &path]).status, 5);
}

#[test]
fn a_case_that_differs_is_told_with_its_place() {
    let tree = ours();
    tree.put("ours/cases/pages.md", CASES.replace("ours/page 1", "ours/page 2"));
    let outcome = afterpatch(&["packs", "test", &at(&tree, "ours")]);
    assert_eq!(outcome.status, 5);
    let told = format!("{}:3: iis/W3SVC1: expected ours/page 2, found ours/page 1", at(&tree, "ours/cases/pages.md"));
    assert!(outcome.stdout.contains(&told), "{}", outcome.stdout);
}

/// Assesses with options where it must end without results.
fn kept_out(options: &[&str]) -> (i32, String) {
    let evidence = Tree::short_story(Scenario::QuietUncovered);
    let results = Tree::empty();
    let output = at(&results, "results");
    let arguments: Vec<&str> =
        ["assess", text(evidence.path()), "-o", &output].iter().chain(options).copied().collect();
    let outcome = refused(&arguments);
    assert!(!Path::new(&output).exists(), "results were written: {}", outcome.1);
    outcome
}

#[test]
fn added_packs_are_used_in_every_form() {
    let tree = ours();
    let evidence = Tree::short_story(Scenario::CompromisedBeforePatch);
    let without = assess_with(&[evidence.path()], &[]);
    tree.put("ours/indicators.csv", "type,value,confidence,from,until,note,source\nip,203.0.113.77,low,,,n,s\n");
    let file = at(&tree, "ours.afterpack");
    assert_eq!(afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &file]).status, 0);
    let one = assess_with(&[evidence.path()], &["--add-packs", &at(&tree, "ours")]);
    let packs: Vec<&str> = list(&one.json["afterpatch"]["packs"]).iter().map(|pack| word(&pack["id"])).collect();
    assert!(packs.contains(&"ours") && packs.contains(&"proxylogon"), "{packs:?}");
    assert!(!one.findings_of("ours/indicator-ip").is_empty());
    assert_eq!(one.verdict(), without.verdict(), "an indicator proves nothing");
    for path in [at(&tree, ""), file] {
        assert!(assess_with(&[evidence.path()], &["--add-packs", &path]).json == one.json, "{path}");
    }
}

#[test]
fn an_added_pack_is_whole_or_nothing_runs() {
    let tree = ours();
    tree.put("ours/rules/broken.yml", RULE.replace("webserver", "toaster"));
    let path = at(&tree, "ours");
    let (status, said) = kept_out(&["--add-packs", &path]);
    assert!(status == 5 && said.contains("rules/broken.yml:4: log source"), "{said}");
    assert_eq!(refused(&["packs", "pack", &path, "-o", &at(&tree, "x.afterpack")]).0, 5, "nor is it bundled");
    // Two packs of one name, and a rule that is there already.
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/proxyshell");
    let (status, said) = kept_out(&["--add-packs", text(&built_in)]);
    assert!(status == 5 && said.contains("two packs `proxyshell`"), "{said}");
    assert_eq!(kept_out(&["--add-packs", &at(&tree, "nowhere")]).0, 2);
    assert_eq!(kept_out(&["--add-packs", text(Tree::empty().path())]).0, 2);
}

/// A pack file with keys: `right` signed it, `wrong` did not.
struct Signed {
    tree: Tree,
    file: String,
}

impl Signed {
    fn new() -> Self {
        let tree = ours();
        let file = at(&tree, "ours.afterpack");
        assert_eq!(afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &file]).status, 0);
        for key in ["right", "wrong"] {
            assert_eq!(afterpatch(&["packs", "keygen", "-W", "-o", &at(&tree, key)]).status, 0);
        }
        let signed = afterpatch(&["packs", "sign", &file, "--key", &at(&tree, "right.key"), "-W"]);
        assert_eq!(signed.status, 0, "{}", signed.stderr);
        Self { tree, file }
    }

    fn key(&self, name: &str) -> String {
        at(&self.tree, name)
    }
}

#[test]
fn a_signature_lets_a_pack_in() {
    let signed = Signed::new();
    let verify = afterpatch(&["packs", "verify", &signed.file, "--key", &signed.key("right.pub")]);
    assert!(verify.status == 0 && verify.stdout.contains("afterpatch pack ours"), "{}", verify.stderr);
    // The key itself instead of its file.
    let public = fs::read_to_string(signed.key("right.pub")).expect("a public key");
    let line = public.lines().nth(1).expect("two lines");
    assert_eq!(afterpatch(&["packs", "verify", &signed.file, "--key", line]).status, 0);
    let options = ["--add-packs", &signed.file, "--require-signature", &signed.key("right.pub")];
    let evidence = Tree::short_story(Scenario::QuietUncovered);
    assert_eq!(assess_with(&[evidence.path()], &options).verdict(), "cannot-tell");
    let shown = afterpatch(&["packs", "list", "--add-packs", &signed.file]).stdout;
    assert!(shown.contains("not verified"), "{shown}");
    let shown = afterpatch(&[&["packs", "list"], &options[..]].concat()).stdout;
    assert!(shown.contains("yes, by "), "{shown}");
}

#[test]
fn five_for_whatever_is_not_signed_as_demanded() {
    let signed = Signed::new();
    let (right, wrong) = (signed.key("right.pub"), signed.key("wrong.pub"));
    let demanded = |key: &str| kept_out(&["--add-packs", &signed.file, "--require-signature", key]);
    let (status, said) = demanded(&wrong);
    assert!(status == 5 && said.contains("is signed by key "), "{said}");
    assert_eq!(refused(&["packs", "verify", &signed.file, "--key", &wrong]).0, 5);
    for folder in ["--add-packs", "--packs"] {
        let (status, said) = kept_out(&[folder, &at(&signed.tree, "ours"), "--require-signature", &right]);
        assert!(status == 5 && said.contains("a folder cannot be signed"), "{said}");
    }
    // One byte of the content, which the format itself does not show.
    let mut bytes = fs::read(&signed.file).expect("a pack file");
    let place = bytes.windows(9).position(|window| window == b"only-here").expect("the rule is in it");
    bytes[place] = b'O';
    fs::write(&signed.file, &bytes).expect("a changed file");
    let (status, said) = demanded(&right);
    assert!(status == 5 && said.contains("was changed"), "{said}");
    let minisig = format!("{}.minisig", signed.file);
    for content in ["", "untrusted comment: x\nRU", "nonsense"] {
        fs::write(&minisig, content).expect("a broken signature");
        let (status, said) = demanded(&right);
        assert!(status == 5 && said.contains("cannot be read"), "{said}");
    }
    fs::remove_file(&minisig).expect("no signature");
    let (status, said) = demanded(&right);
    assert!(status == 5 && said.contains("is not signed"), "{said}");
    assert_eq!(kept_out(&["--add-packs", &signed.file, "--require-signature", "no key"]).0, 2);
}

#[test]
fn keys_have_passwords_that_are_never_asked_for() {
    let tree = ours();
    let file = at(&tree, "ours.afterpack");
    afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &file]);
    tree.put("password", "a password\n");
    let key = at(&tree, "k");
    assert_eq!(afterpatch(&["packs", "keygen", "-o", &key, "--password-file", &at(&tree, "password")]).status, 0);
    let key = at(&tree, "k.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&key).expect("a key").permissions().mode() & 0o077, 0, "others could read the key");
    }
    let sign = ["packs", "sign", &file, "--key", &key];
    for wrong in [refused(&sign), refused(&[&sign[..], &["-W"]].concat())] {
        assert_eq!(wrong.0, 2, "{}", wrong.1);
    }
    assert_eq!(afterpatch_with(&sign, &[("AFTERPATCH_KEY_PASSWORD", "another")]).status, 2);
    assert_eq!(afterpatch_with(&sign, &[("AFTERPATCH_KEY_PASSWORD", "a password")]).status, 0);
    assert_eq!(afterpatch(&["packs", "verify", &file, "--key", &at(&tree, "k.pub")]).status, 0);
    // Nothing that is there is written over.
    assert_eq!(afterpatch_with(&sign, &[("AFTERPATCH_KEY_PASSWORD", "a password")]).status, 2);
    assert_eq!(refused(&["packs", "keygen", "-W", "-o", &at(&tree, "k")]).0, 2);
    assert_eq!(refused(&["packs", "pack", &at(&tree, "ours"), "-o", &file]).0, 2);
}

#[test]
fn pack_files_are_the_same_bytes_again() {
    let pack = || {
        let tree = ours();
        afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &at(&tree, "x.afterpack")]);
        fs::read(at(&tree, "x.afterpack")).expect("a pack file")
    };
    assert!(pack() == pack());
}

#[test]
fn broken_pack_files_are_refused() {
    let tree = ours();
    let whole = at(&tree, "ours.afterpack");
    afterpatch(&["packs", "pack", &at(&tree, "ours"), "-o", &whole]);
    let bytes = fs::read(&whole).expect("a pack file");
    tree.put("nonsense", b"\x00\xffnonsense".as_slice());
    tree.put("empty", "");
    tree.put("cut", &bytes[..bytes.len() / 2]);
    tree.put("cut-at-a-member", &bytes[..1024]);
    tree.put("longer", [bytes.as_slice(), b"x"].concat());
    tree.put("traversal", String::from_utf8_lossy(&bytes).replace("ours/pack.toml", "../../pack.tom"));
    for name in ["nonsense", "empty", "cut", "cut-at-a-member", "longer", "traversal"] {
        for verb in ["check", "test"] {
            assert_eq!(refused(&["packs", verb, &at(&tree, name)]).0, 5, "{name}");
        }
    }
    // A sparse file of a gigabyte is refused by its size, unread.
    let huge = fs::File::create(at(&tree, "huge")).expect("a file");
    huge.set_len(1 << 30).expect("a sparse file");
    for arguments in [
        &["packs", "check", &at(&tree, "huge")][..],
        &["packs", "import", &at(&tree, "huge"), "--id", "x", "-o", &at(&tree, "x")],
    ] {
        let (status, said) = refused(arguments);
        assert!(status == 2 && said.contains("is larger than"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_pack_are_not_followed() {
    let tree = ours();
    std::os::unix::fs::symlink("/etc/hostname", tree.path().join("ours/rules/link.yml")).expect("a link");
    let (status, said) = refused_check(&tree);
    assert!(status == 5 && said.contains("is a link"), "{said}");
}

#[cfg(unix)]
fn refused_check(tree: &Tree) -> (i32, String) {
    let outcome = afterpatch(&["packs", "check", &at(tree, "ours")]);
    (outcome.status, outcome.stderr)
}

/// Files of every kind that can be imported.
fn foreign() -> (Tree, Vec<PathBuf>) {
    let tree = Tree::empty();
    let indicator = |id: u32, pattern: &str| {
        serde_json::json!({"type": "indicator", "id": format!("indicator--{id}"), "name": "n", "pattern": pattern,
            "pattern_type": "stix", "confidence": 80, "valid_from": "2021-03-01T00:00:00Z"})
    };
    let objects = [
        indicator(1, "[ipv4-addr:value = '203.0.113.7'] OR [file:hashes.MD5 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']"),
        indicator(2, "[process:name LIKE '%\u{1b}[2J']"),
        serde_json::json!({"type": "sighting", "id": "sighting--1"}),
    ];
    tree.put("bundle.json", serde_json::json!({"type": "bundle", "id": "bundle--1", "objects": objects}).to_string());
    let attribute = serde_json::json!({"uuid": "a1", "type": "filename|sha256", "to_ids": true,
        "value": format!("shell.aspx|{}", "c".repeat(64))});
    tree.put(
        "misp.json",
        serde_json::json!({"Event": {"uuid": "e1", "info": "i", "Attribute": [attribute]}}).to_string(),
    );
    tree.put("table.csv", "indicator,indicator_type\nevil[.]example,domain\nx,shoe\n");
    tree.put("sigma/web.yml", RULE.replace("afterpatch.stage.access, afterpatch.proves.scan", "attack.persistence"));
    tree.put("sigma/deep/cloud.yaml", RULE.replace("  category: webserver", "  product: aws"));
    tree.put("shells.yar", "rule shell { condition: false }");
    let names = ["bundle.json", "misp.json", "table.csv", "sigma", "shells.yar"];
    let paths = names.iter().map(|name| tree.path().join(name)).collect();
    (tree, paths)
}

fn import(paths: &[PathBuf], output: &Path, options: &[&str]) -> Outcome {
    let mut arguments = vec!["packs", "import"];
    arguments.extend(paths.iter().map(|path| text(path)));
    arguments.extend(["-o", text(output)]);
    arguments.extend(options);
    afterpatch(&arguments)
}

#[test]
fn files_of_others_become_a_pack() {
    let (tree, paths) = foreign();
    let output = tree.path().join("vendor");
    let outcome = import(&paths, &output, &["--id", "vendor"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains(|c: char| c.is_control() && c != '\n'), "{:?}", outcome.stdout);
    for told in [
        "5 indicators, 1 rule, 1 YARA file",
        "1 × sighting",
        "bundle.json: indicator--2: `LIKE`",
        "table.csv:3: type `shoe`",
        "cloud.yaml: log source",
    ] {
        assert!(outcome.stdout.contains(told), "{told}: {}", outcome.stdout);
    }
    let written = files(&output);
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(names, ["README.md", "indicators.csv", "pack.toml", "rules/web.yml", "yara/shells.yar"]);
    assert_eq!(written["yara/shells.yar"], b"rule shell { condition: false }");
    let rule = String::from_utf8_lossy(&written["rules/web.yml"]);
    assert!(rule.contains("afterpatch.stage.foothold, afterpatch.proves.context, attack.persistence"), "{rule}");
    let check = afterpatch(&["packs", "check", text(&output)]);
    assert_eq!(check.status, 0, "{}", check.stdout);
    assert!(check.stdout.contains("warning: ") && check.stdout.contains("errors 0"), "{}", check.stdout);
    assert_eq!(afterpatch(&["packs", "test", text(&output)]).status, 0);
    let evidence = Tree::short_story(Scenario::QuietUncovered);
    let assessed = assess_with(&[evidence.path()], &["--add-packs", text(&output)]);
    assert_eq!(assessed.verdict(), "cannot-tell");
    // The same files give the same pack; a folder of another name gets one inside.
    let again = tree.path().join("packs");
    assert_eq!(import(&paths, &again, &["--id", "vendor"]).status, 0);
    assert!(files(&again.join("vendor")) == written);
}

#[test]
fn an_import_can_describe_a_campaign() {
    let (tree, paths) = foreign();
    let output = tree.path().join("vendor");
    let told = [
        "--id",
        "vendor",
        "--campaign",
        "A \"new\" one",
        "--cve",
        "CVE-2021-26855",
        "--first-use",
        "2021-01-03",
        "--public",
        "2021-03-02",
    ];
    let outcome = import(&paths, &output, &told);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let check = afterpatch(&["packs", "check", text(&output)]);
    assert_eq!(check.status, 0, "{}", check.stdout);
    let shown = json(&afterpatch(&["packs", "show", "vendor", "--add-packs", text(&output), "--format", "json"]));
    assert_eq!((word(&shown["name"]), word(&shown["campaign"]["entry_cves"][0])), ("A \"new\" one", "CVE-2021-26855"));
    assert!(!list(&shown["campaign"]["needs"]).is_empty(), "silence must not be an all-clear");
    assert_eq!(import(&paths, &tree.path().join("y"), &["--id", "y", "--campaign", "half"]).status, 2);
}

#[test]
fn nothing_is_written_by_half() {
    let (tree, paths) = foreign();
    for (name, content) in [
        ("broken.json", "{\"type\":\"bundle\",\"objects\":[{]}".to_owned()),
        ("deep.json", "{\"response\":[".repeat(100_000)),
        ("deeper.json", "[".repeat(1_000_000)),
        ("other.json", "{\"hello\":1}".to_owned()),
        ("other.csv", "a,b\n1,2\n".to_owned()),
        ("binary.csv", "\u{0}\u{1}\u{2}".to_owned()),
    ] {
        tree.put(name, content);
        let output = tree.path().join("vendor");
        let outcome = import(&[paths.clone(), vec![tree.path().join(name)]].concat(), &output, &["--id", "vendor"]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (5, ""), "{name}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(name) && outcome.stderr.contains("nothing was written"), "{}", outcome.stderr);
        assert!(!output.exists() && !tree.path().join(".vendor.part").exists(), "{name}");
    }
    tree.put("nothing.csv", "type,value\n");
    let outcome = import(&[tree.path().join("nothing.csv")], &tree.path().join("vendor"), &["--id", "vendor"]);
    assert_eq!(outcome.status, 3, "{}", outcome.stderr);
    tree.put("full/file", "mine");
    assert_eq!(import(&paths, &tree.path().join("full"), &["--id", "vendor"]).status, 2);
    for id in ["", "..", "a/b", "A", "a b"] {
        assert_eq!(import(&paths, &tree.path().join("z"), &["--id", id]).status, 2, "{id}");
    }
    assert_eq!(import(&[tree.path().join("absent")], &tree.path().join("z"), &["--id", "z"]).status, 2);
    assert!(!tree.path().join("z").exists());
}

#[test]
fn what_cannot_be_imported_is_called_by_its_name() {
    let tree = Tree::empty();
    for (name, content, told) in [
        ("broken.json", "{\"type\":\"bundle\",\n\"objects\":[{]}", "the JSON is broken, line 2"),
        ("cut.json", "\"type\":\"bundle\",\n\"objects\":[]}", "the JSON is broken, line 1"),
        ("empty.json", "", "the file is empty"),
        ("empty.csv", " \r\n", "the file is empty"),
        ("other.csv", "a,b\n1,2\n", "line 1: needs a column `type`"),
    ] {
        tree.put(name, content);
        let outcome = import(&[tree.path().join(name)], &tree.path().join("vendor"), &["--id", "vendor"]);
        assert_eq!(outcome.status, 5, "{name}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(told), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn built_in_packs_are_checked_and_tested_by_their_ids() {
    let tested = afterpatch(&["packs", "test", "cve-2020-0688"]);
    assert_eq!(tested.status, 0, "{}", tested.stderr);
    assert!(tested.stdout.starts_with("cve-2020-0688: ") && tested.stdout.lines().count() == 1, "{}", tested.stdout);
    let checked = afterpatch(&["packs", "check", "cve-2020-0688"]);
    assert!(checked.status == 0 && checked.stdout.contains("packs 1, "), "{}", checked.stdout);
    for verb in ["check", "test"] {
        let (status, message) = refused(&["packs", verb, "cve-2020-068"]);
        assert_eq!(status, 2);
        assert!(message.contains("no built-in pack") && message.contains("cve-2020-0688"), "{message}");
    }
}

#[test]
fn a_hundred_thousand_objects_are_read() {
    let tree = Tree::empty();
    let object = |number: u32| {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        format!(r#"{{"type":"indicator","id":"indicator--{number}","pattern":"[ipv4-addr:value='{ip}']"}}"#)
    };
    let objects: Vec<String> = (0..100_000).map(object).collect();
    tree.put("many.json", format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", objects.join(",")));
    let outcome = import(&[tree.path().join("many.json")], &tree.path().join("many"), &["--id", "many"]);
    assert!(outcome.status == 0 && outcome.stdout.contains("100,000 indicators"), "{}", outcome.stderr);
}

#[test]
fn imported_yara_rules_run_and_prove_nothing_alone() {
    let tree = Tree::empty();
    let rule = "rule Marker { meta: description = \"inert\" strings: $a = \"INERT-MARKER\" condition: $a }\n";
    tree.put("in/a.yar", rule.as_bytes());
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/note.txt", b"an INERT-MARKER stands here");
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/other.txt", b"nothing stands here");
    tree.put("evidence/EXC01/C/inetpub/wwwroot/aspnet_client/page.aspx", b"<html>a page of nobody</html>");
    let folder = |name: &str| text(&tree.path().join(name)).to_owned();
    let made = afterpatch(&["packs", "import", &folder("in/a.yar"), "--id", "theirs", "-o", &folder("theirs")]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let options = ["--add-packs", &folder("theirs")];
    let assessed = assess_with(&[&tree.path().join("evidence")], &options);
    let found: Vec<&Value> = assessed.findings().iter().filter(|one| one["rule"] == "theirs/yara-Marker").collect();
    assert_eq!(found.len(), 1, "{}", assessed.json["findings"]);
    assert_eq!((word(&found[0]["proves"]), found[0]["title"].as_str()), ("context", Some("YARA rule Marker")));
    assert!(word(&found[0]["subject"]).ends_with("note.txt"));
}
