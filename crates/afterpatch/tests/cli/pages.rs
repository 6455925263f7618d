//! What pages do, by their code: `inspect`, and the same in an assessment. Every page here is inert: it names a class that is
//! nowhere, or stops at its first word.

use serde_json::Value;

use crate::program::{afterpatch, assess, text, word};
use crate::trees::Tree;

const RUNS: &str = "<%@ Page Language=\"C#\" Inherits=\"Inert.Nothing\" %>\n<% var told = Request.Form[\"note\"];\n\
    var tool = new System.Diagnostics.Process();\n tool.StartInfo.Arguments = told + \"<b>\";\n tool.Start(); %>";
const DISGUISED: &str = "<% Option Explicit : inert\n hidden = StrReverse(\")dlot(tseuqeR = etar\")\n Execute hidden\n\
    Execute rate %>";
const ORDINARY: &str = "<%@ Page Language=\"C#\" %><% Response.Write(Server.HtmlEncode(Request[\"n\"])); %>";

#[test]
fn inspect_tells_pages_apart_by_what_they_do() {
    let tree = Tree::empty();
    tree.put("web/runs.aspx", RUNS);
    tree.put("web/disguised.asp", DISGUISED);
    tree.put("web/ordinary.aspx", ORDINARY);
    tree.put("web/readme.txt", "no page");
    let outcome = afterpatch(&["inspect", text(&tree.path().join("web"))]);
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    for words in [
        "Web shell: runs.aspx",
        "form field `note` → process.start",
        "line 2: ",
        "code 1 in disguise, run by execute in line 3",
        "rate = Request(told)",
        "3 pages: 2 web shells, 0 to look at; 1 other files passed over.",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {}", outcome.stdout);
    }
    let lines = afterpatch(&["inspect", text(&tree.path().join("web")), "--all", "--format", "jsonl"]).stdout;
    let pages: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    let told: Vec<(&str, &str)> = pages.iter().map(|page| (word(&page["path"]), word(&page["judgement"]))).collect();
    assert_eq!(told, [("disguised.asp", "shell"), ("ordinary.aspx", "nothing"), ("runs.aspx", "shell")]);
    for threads in ["1", "7"] {
        let again = afterpatch(&[
            "inspect",
            text(&tree.path().join("web")),
            "--all",
            "--format",
            "jsonl",
            "--threads",
            threads,
        ]);
        assert_eq!(again.stdout, lines);
    }
}

#[test]
fn inspect_ends_as_it_found() {
    let tree = Tree::empty();
    tree.put("fine/ordinary.aspx", ORDINARY);
    tree.put("none/readme.txt", "no page");
    assert_eq!(afterpatch(&["inspect", text(&tree.path().join("fine"))]).status, 0);
    let none = afterpatch(&["inspect", text(&tree.path().join("none"))]);
    assert_eq!(none.status, 3);
    assert!(none.stderr.contains("no page was readable"), "{}", none.stderr);
}

#[test]
fn an_assessment_says_what_pages_do_and_shows_it() {
    let tree = Tree::empty();
    let shared = "EXC01/C/inetpub/wwwroot/aspnet_client";
    tree.put(&format!("{shared}/runs.aspx"), RUNS);
    tree.put(&format!("{shared}/disguised.asp"), DISGUISED);
    // A picture that a page could include, and a name that no web server runs by itself.
    tree.put(&format!("{shared}/logo.jpg"), format!("GIF89a{DISGUISED}"));
    tree.put("EXC01/C/inetpub/wwwroot/shop/ordinary.aspx", ORDINARY);
    let assessed = assess(tree.path());
    assert_eq!(word(&assessed.json["verdict"]), "compromised");
    let pages = assessed.json["servers"][0]["pages"].as_array().expect("pages");
    let told: Vec<&str> =
        pages.iter().map(|page| word(&page["path"]).rsplit('\\').next().unwrap_or_default()).collect();
    assert_eq!(told, ["disguised.asp", "logo.jpg", "runs.aspx"]);
    assert!(pages.iter().all(|page| page["judgement"] == "shell"));
    assert_eq!(word(&pages[0]["layers"][0]["text"]), "rate = Request(told)");
    let found = assessed.findings_of("exchange-host/page-runs-input");
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|one| word(&one["reason"]).contains("What its code says: It ")));
    let report = assessed.text("report.html");
    assert!(
        report.contains("What the code of pages says") && report.contains("told + \"&lt;b&gt;\"")
            || report.contains("&quot;&lt;b&gt;")
    );
    assert!(!report.contains("told + \"<b>\""), "code of a page is text");
}

#[test]
fn pages_made_to_hurt_are_read_and_said() {
    let tree = Tree::empty();
    let folder = "EXC01/C/inetpub/wwwroot/aspnet_client";
    let deep = format!("<%@ Page Language=\"C#\" %><% x = {}1{}; %>", "(".repeat(10_000), ")".repeat(10_000));
    tree.put(&format!("{folder}/deep.aspx"), &deep);
    tree.put(&format!("{folder}/padded.aspx"), format!("{}{RUNS}", " ".repeat(3 << 20)));
    tree.put(&format!("{folder}/open.aspx"), "<%".repeat(200_000));
    tree.put(&format!("{folder}/binary.aspx"), (0..=255).cycle().take(1 << 20).collect::<Vec<u8>>());
    let wide: Vec<u8> = RUNS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    tree.put(&format!("{folder}/wide.aspx"), &wide);
    let assessed = assess(tree.path());
    let pages = assessed.json["servers"][0]["pages"].as_array().expect("pages");
    let shells: Vec<&str> = pages
        .iter()
        .filter(|page| page["judgement"] == "shell")
        .map(|page| word(&page["path"]).rsplit('\\').next().unwrap_or_default())
        .collect();
    assert_eq!(shells, ["padded.aspx", "wide.aspx"], "neither padding nor encoding hides");
    let gaps = assessed.json["gaps"].as_array().expect("gaps");
    assert!(
        gaps.iter()
            .any(|gap| word(&gap["path"]).ends_with("deep.aspx") && word(&gap["what"]).contains("look at it by hand")),
        "{gaps:?}"
    );
}
