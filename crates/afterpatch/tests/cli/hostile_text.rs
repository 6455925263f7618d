//! Whoever sends requests writes the logs. Nothing of what they write may act on who reads the results.

use crate::logs::{IIS_LOG, IisRow, PROXY_COLUMNS, PROXY_LOG, ProxyRow, iis_header, proxy_header};
use crate::program::{Assessed, OUTPUTS, afterpatch, assess, list, word};
use crate::told;
use crate::trees::Tree;

/// Texts that try something: markup, terminal sequences, reordering, formulas. None holds a comma or a blank, which
/// would end a cell.
const PAYLOADS: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img/src=x/onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</pre></details><iframe/src=//evil.example>",
    "<svg/onload=alert(1)>",
    "&lt;script&gt;",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31m",
    "\u{9b}2J\u{85}\u{8}\u{8}",
    "\u{202e}gpj.exe\u{2066}\u{200b}",
    "=cmd|'/C\u{a0}calc'!A0",
    "@SUM(1+1)*cmd|'/C'!A0",
    "+1+1;-2+3",
];

/// A rule of the page and of the screen: characters that are obeyed or that hide others.
fn is_active(c: char) -> bool {
    c != '\n'
        && (c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
}

/// A tree in which every field that a stranger fills holds every payload.
fn hostile_tree() -> Tree {
    let mut proxy = proxy_header(PROXY_COLUMNS);
    let mut iis = iis_header();
    for (number, payload) in (0..).zip(PAYLOADS) {
        let anchor = format!("{}{payload}", ProxyRow::attack(0).anchor);
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let row = ProxyRow {
            anchor: &quoted(&anchor),
            agent: &quoted(payload),
            url: &quoted(payload),
            ..ProxyRow::attack(number)
        };
        proxy.push_str(&format!("{}\r\n", row.line()));
        let row = ProxyRow { user: &quoted(payload), client: &quoted(payload), ..ProxyRow::attack(100 + number) };
        proxy.push_str(&format!("{}\r\n", row.line()));
        let row = ProxyRow { server: &quoted(payload), ..ProxyRow::attack(200 + number) };
        proxy.push_str(&format!("{}\r\n", row.line()));
        let row = IisRow { agent: payload, query: payload, user: payload, client: payload, ..IisRow::attack(number) };
        iis.push_str(&format!("{}\r\n", row.line()));
        let url = format!("/aspnet_client/{payload}.aspx");
        let row = IisRow { url: &url, query: payload, status: 200, ..IisRow::attack(100 + number) };
        iis.push_str(&format!("{}\r\n", row.line()));
    }
    let tree = Tree::empty();
    tree.put(PROXY_LOG, proxy);
    tree.put(IIS_LOG, iis);
    tree
}

fn assessed() -> Assessed {
    let assessed = assess(hostile_tree().path());
    // Otherwise nothing of it would be shown.
    assert!(!assessed.findings_of("proxylogon/anchor-reset").is_empty());
    assert!(!assessed.findings_of("proxylogon/iis-static-post-241").is_empty());
    assessed
}

/// Tags of a page: what stands between `<` and `>`, outside of style sheets.
fn tags(page: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let tag = rest[start + 1..].split('>').next().expect("a piece");
        tags.push(tag);
        rest = &rest[start + 1 + tag.len()..];
        if tag.starts_with("style") {
            rest = &rest[rest.find("</style").expect("the style sheet ends")..];
        }
    }
    tags
}

/// Names of the attributes of a tag, whose values are quoted.
fn attributes(tag: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, piece) in tag.split('"').enumerate() {
        if at % 2 == 0 {
            names.extend(piece.split([' ', '=', '/']).filter(|name| !name.is_empty()));
        }
    }
    names
}

fn check_page(page: &str) {
    let lower = page.to_lowercase();
    assert!(!lower.contains("<script"), "a script");
    let active: Vec<char> = page.chars().filter(|c| is_active(*c)).collect();
    assert!(active.is_empty(), "{active:?}");
    for tag in tags(page) {
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default().to_lowercase();
        let forbidden =
            ["script", "img", "iframe", "object", "embed", "form", "base", "link", "input", "video", "audio"];
        assert!(!forbidden.contains(&name.as_str()), "<{tag}>");
        for attribute in attributes(tag).iter().skip(1) {
            let runs = attribute.to_lowercase().starts_with("on");
            assert!(!runs && !matches!(*attribute, "src" | "srcset" | "style" | "formaction"), "<{tag}>");
        }
        assert!(!tag.to_lowercase().contains("javascript:"), "<{tag}>");
        let target = tag.split("href=\"").nth(1);
        assert!(target.is_none_or(|target| target.starts_with('#')), "a link leaves the page: <{tag}>");
    }
}

#[test]
fn the_page_holds_nothing_that_runs() {
    let assessed = assessed();
    let page = assessed.text("report.html");
    check_page(page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the payload is shown, as text");
    for payload in PAYLOADS.iter().filter(|payload| payload.contains(['<', '"', '\'']) && !payload.contains('\u{a0}')) {
        assert!(!page.contains(payload), "{payload} stands unescaped");
    }
    // An entity that was sent stays visible as what was sent.
    assert!(page.contains("&amp;lt;script&amp;gt;"));
}

#[test]
fn pages_of_stories_hold_nothing_that_runs() {
    for story in told::all() {
        check_page(story.assessed.text("report.html"));
    }
}

/// Cells of a CSV file by RFC 4180.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().expect("a row");
        let cell = row.last_mut().expect("a cell");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().expect("peeked")),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {
                chars.next();
                rows.push(vec![String::new()]);
            }
            c => cell.push(c),
        }
    }
    rows.pop();
    rows
}

#[test]
fn the_timeline_holds_no_formula() {
    let assessed = assessed();
    let csv = assessed.text("timeline.csv");
    let rows = cells(csv);
    assert!(rows.len() > 30);
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
        for cell in row {
            // Some spreadsheets cut at semicolons, quotes or not.
            for part in cell.split(';') {
                let start = part.trim_start_matches([' ', '\u{a0}', '"']).chars().next();
                let is_formula = matches!(start, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '|' | '%'));
                assert!(!is_formula, "{cell}");
            }
            assert!(!cell.chars().any(|c| is_active(c) || c == '\n'), "{cell:?}");
        }
    }
    assert!(csv.contains("cmd|"), "the payload is shown, as text");
}

#[test]
fn json_outputs_hold_no_raw_control_character() {
    let assessed = assessed();
    for name in OUTPUTS.iter().filter(|name| name.ends_with("json") || name.ends_with("jsonl")) {
        let text = assessed.text(name);
        let active: Vec<char> = text.chars().filter(|c| is_active(*c)).collect();
        assert!(active.is_empty(), "{name}: {active:?}");
    }
}

#[test]
fn the_record_is_kept_as_it_was_sent() {
    let assessed = assessed();
    let shown: Vec<&str> = assessed
        .findings()
        .iter()
        .flat_map(|finding| list(&finding["evidence"]))
        .map(|record| word(&record["text"]))
        .collect();
    for payload in PAYLOADS {
        let quoted = payload.replace('"', "\"\"");
        assert!(shown.iter().any(|text| text.contains(payload) || text.contains(&quoted)), "{payload:?}");
    }
}

#[test]
fn the_screen_obeys_nobody() {
    let outcome = assessed().outcome;
    for text in [&outcome.stdout, &outcome.stderr] {
        let active: Vec<char> = text.chars().filter(|c| is_active(*c)).collect();
        assert!(active.is_empty(), "{active:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_of_files_obey_nobody() {
    let tree = Tree::empty();
    let log = format!("{}{}\r\n", iis_header(), IisRow::attack(1).line());
    for name in ["=1+1.log", "\u{1b}[31mred\n.log", "<script>alert(1)<b>.log", "\u{202e}gol.txt"] {
        tree.put(&format!("C/inetpub/logs/LogFiles/W3SVC1/{name}"), &log);
        tree.put(&format!("C/inetpub/wwwroot/aspnet_client/{name}.aspx"), "<%@ Page Language=\"JScript\" %>");
    }
    // A folder name that could be taken for the server's name.
    tree.put("=2+2\u{1b}[2J<b>/C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log", &log);
    let assessed = assess(tree.path());
    check_page(assessed.text("report.html"));
    let screen = format!("{}{}", assessed.outcome.stdout, assessed.outcome.stderr);
    assert!(!screen.chars().any(is_active), "{screen:?}");
    for row in cells(assessed.text("timeline.csv")) {
        let bad = row
            .iter()
            .find(|cell| cell.starts_with(['=', '+', '-', '@']) || cell.chars().any(|c| is_active(c) || c == '\n'));
        assert_eq!(bad, None);
    }
    assert_eq!(assessed.manifest().len(), tree.files().len());
}

#[cfg(unix)]
#[test]
fn arguments_obey_nobody() {
    let outcome = afterpatch(&["assess", "/nowhere/\u{1b}[31m\u{202e}x"]);
    assert_eq!(outcome.status, 3);
    assert!(!outcome.stderr.chars().any(is_active), "{:?}", outcome.stderr);
}

#[test]
fn hits_obey_nobody() {
    let tree = hostile_tree();
    let hunt = |format: &str| {
        let outcome = afterpatch(&["hunt", crate::program::text(tree.path()), "--format", format]);
        assert_eq!(outcome.status, 0, "{}", outcome.stderr);
        assert!(!outcome.stderr.chars().any(is_active), "{format}: {:?}", outcome.stderr);
        outcome.stdout
    };
    for format in ["table", "jsonl", "timesketch"] {
        let text = hunt(format);
        let active: Vec<char> = text.chars().filter(|c| is_active(*c)).collect();
        assert!(active.is_empty(), "{format}: {active:?}");
    }
    let jsonl = hunt("jsonl");
    let agents: Vec<String> = jsonl
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter_map(|hit| hit["fields"]["UserAgent"].as_str().map(str::to_owned))
        .collect();
    // Nothing of what was sent is lost.
    for payload in PAYLOADS {
        assert!(agents.iter().any(|agent| agent == payload), "{payload:?}");
    }
    let rows = cells(&hunt("csv"));
    assert!(rows.len() > 30);
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
        for part in row.iter().flat_map(|cell| cell.split(';')) {
            let first = part.trim_start_matches([' ', '"', '\u{a0}']).chars().next();
            assert!(!matches!(first, Some('=' | '+' | '-' | '@')), "{row:?}");
        }
        assert!(!row.iter().any(|cell| cell.chars().any(|c| is_active(c) || c == '\n')), "{row:?}");
    }
}
