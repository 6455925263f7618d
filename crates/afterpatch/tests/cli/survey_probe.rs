//! `survey probe`: no run without an order that is whole and in force; what it would do is said before anything is sent.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::program::afterpatch;

const SCOPE: &str = r#"
operator = "Test"
contact = "mailto:test@example.org"
probing_uri = "https://example.org/.well-known/probing.txt"
ticket = "T-1"
valid_until = "9999-12-31"
targets = ["127.0.0.0/28:9"]
exclusions = ["127.0.0.8/29"]
"#;

fn written(folder: &TempDir, scope: &str) -> String {
    let path = folder.path().join("scope.toml");
    fs::write(&path, scope).expect("the scope is written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn no_order_no_run() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out").to_str().expect("UTF-8").to_owned();
    let run = |scope: &str| afterpatch(&["survey", "probe", "--scope", scope, "-o", &out]);
    let absent = run("nowhere/scope.toml");
    assert_eq!(absent.status, 2);
    let whole = [
        ("9999-12-31", "2020-01-01", "valid until 2020-01-01T23:59:59Z"),
        ("contact", "# contact", "`contact` is missing"),
    ];
    for (from, to, said) in whole {
        let refused = run(&written(&folder, &SCOPE.replacen(from, to, 1)));
        assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains(said) && refused.stderr.contains("\nhint: "), "{}", refused.stderr);
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_dry_run_says_what_it_would_ask_and_writes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let scope = written(&folder, SCOPE);
    let out = folder.path().join("out").to_str().expect("UTF-8").to_owned();
    let dry = afterpatch(&["survey", "probe", "--scope", &scope, "-o", &out, "--dry-run"]);
    assert_eq!((dry.status, dry.stdout.as_str()), (0, ""));
    for said in
        ["  8 targets", "GET /autodiscover/autodiscover.xml, /owa/auth/logon.aspx, /EWS/Exchange.asmx", "50/s, 5/s"]
    {
        assert!(dry.stderr.contains(said), "{}", dry.stderr);
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn closed_ports_are_rows_and_the_summary_counts_them() {
    let folder = TempDir::new().expect("a folder");
    let scope = written(&folder, SCOPE);
    let out = folder.path().join("out").to_str().expect("UTF-8").to_owned();
    let fast = ["--rate", "1000", "--rate-per-prefix", "1000"];
    let ran = afterpatch(&[&["survey", "probe", "--scope", &scope, "-o", &out], &fast[..]].concat());
    assert!(
        ran.stderr.contains("8 observations over 8 connections") && ran.stderr.contains("8 have the port closed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_probing_file_is_printed() {
    let folder = TempDir::new().expect("a folder");
    let printed = afterpatch(&["survey", "probing-txt", "--scope", &written(&folder, SCOPE)]);
    assert_eq!(printed.status, 0);
    assert!(
        printed.stdout.contains("\nContact: mailto:test@example.org\nExpires: 9999-12-31T23:59:59Z\n"),
        "{}",
        printed.stdout
    );
}
