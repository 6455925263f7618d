//! `survey probe`: no run without an order that is whole and in force; what it would do is said before anything is sent.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod};
use openssl::x509::X509;
use serde_json::{Value, json};
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

/// Serves each connection to an address of its own, at a port that is free.
fn serve(ip: &str, attend: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).expect("a port that is free");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || listener.incoming().flatten().for_each(attend));
    address
}

fn tls() -> SslContext {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut certificate = X509::builder().expect("a certificate");
    certificate.set_not_before(&Asn1Time::from_unix(0).expect("a time")).expect("a time");
    certificate.set_not_after(&Asn1Time::from_unix(1).expect("a time")).expect("a time");
    certificate.set_pubkey(&key).expect("a key");
    certificate.sign(&key, MessageDigest::sha256()).expect("a signature");
    let mut context = SslContext::builder(SslMethod::tls_server()).expect("a context");
    context.set_certificate(&certificate.build()).expect("a certificate");
    context.set_private_key(&key).expect("a key");
    context.build()
}

/// Exchange as it answers strangers, an answer for each connection.
fn exchange(tls: &SslContext, stream: TcpStream) {
    let Ok(mut stream) = Ssl::new(tls).expect("a session").accept(stream) else { return };
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let answer: &[u8] = if request.starts_with(b"GET /autodiscover/") {
        b"HTTP/1.1 401 Unauthorized\r\nX-OWA-Version: 15.2.1544.11\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    } else {
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 34\r\n\r\n<!-- OwaPage = ASP.auth_logon_aspx"
    };
    _ = stream.write_all(answer);
    _ = stream.shutdown();
}

#[test]
fn what_servers_answer_is_written_a_line_each() {
    let folder = TempDir::new().expect("a folder");
    let tls = tls();
    let servers = [
        serve("127.0.0.61", move |stream| exchange(&tls, stream)),
        serve("127.0.0.62", |mut stream| {
            _ = stream.read(&mut [0; 1_024]);
            _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }),
        serve("127.0.0.63", drop),
    ];
    let targets: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    let scope = SCOPE.replacen("\"127.0.0.0/28:9\"", &targets.join(","), 1);
    let out = folder.path().join("out").to_str().expect("UTF-8").to_owned();
    let fast = ["--rate", "1000", "--rate-per-prefix", "1000", "--timeout", "60"];
    let probe = ["survey", "probe", "--scope", &written(&folder, &scope), "-o", &out];
    let ran = afterpatch(&[&probe, &fast[..]].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines = fs::read_to_string(Path::new(&out).join("observations.jsonl")).expect("observations");
    let mut seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    seen.sort_by_key(|seen| seen["target"]["address"].to_string());
    let outcomes: Vec<_> = seen.iter().map(|seen| (&seen["target"]["address"], &seen["outcome"])).collect();
    assert_eq!(
        json!(outcomes),
        json!([["127.0.0.61", "answered"], ["127.0.0.62", "not-tls"], ["127.0.0.63", "closed"]])
    );
    let responses = seen[0]["responses"].as_array().expect("responses");
    let told: Vec<_> = responses.iter().map(|one| (&one["path"], &one["status"], &one["excerpts"])).collect();
    assert_eq!(
        json!(told),
        json!([
            ["/autodiscover/autodiscover.xml", 401, null],
            ["/owa/auth/logon.aspx", 200, ["OwaPage = ASP.auth_logon_aspx"]]
        ])
    );
    assert_eq!(responses[0]["headers"][0], json!(["X-OWA-Version", "15.2.1544.11"]));
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
