//! Samples of real servers and scanners from the labelled evidence (`AFTERPATCH_EVIDENCE`); skipped where there is none.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use std::path::PathBuf;

use model::Utc;
use model::survey::{Judged, Network, Observation, Outcome, Product, Response, Scanner, State, Target, Why};
use survey::classify::{Classifier, excerpts};
use survey::import::{Format, ImportOptions, import};

fn evidence(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("AFTERPATCH_EVIDENCE") else {
        eprintln!("skipped: AFTERPATCH_EVIDENCE is not set");
        return None;
    };
    Some(PathBuf::from(root).join(folder))
}

/// A captured answer: a head and a body, or a body alone.
fn answer(path: &str, text: &str) -> Response {
    let is_head = |text: &str| text.starts_with("HTTP/") || text.lines().next().is_some_and(|line| line.contains(": "));
    let text = text.lines().filter(|line| !line.starts_with("# ")).collect::<Vec<_>>().join("\n");
    let (head, body) = match text.split_once("\n\n") {
        _ if !is_head(&text) => ("", text.as_str()),
        Some((head, body)) => (head, body),
        None => (text.as_str(), ""),
    };
    let mut response = Response { path: path.to_owned(), status: 200, ..Response::default() };
    for line in head.lines() {
        if let Some(rest) = line.strip_prefix("HTTP/") {
            response.status = rest.split_whitespace().nth(1).unwrap().parse().unwrap();
        } else if let Some((name, value)) = line.split_once(':') {
            response.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    response.excerpts = excerpts(body.as_bytes());
    response
}

fn observation(responses: Vec<Response>) -> Observation {
    Observation {
        observed_at: Utc::parse(b"2026-11-23").unwrap(),
        scanner: Scanner::Probe,
        target: Target { name: None, address: Some("10.10.10.10".parse().unwrap()), port: 443 },
        outcome: Outcome::Answered,
        reason: None,
        tls: None,
        responses,
        banners: Vec::new(),
        claims: Vec::new(),
        network: Network::default(),
    }
}

fn state(judged: &Judged, cve: &str) -> (State, Option<Why>) {
    let found = judged.cves.iter().find(|state| state.cve == cve).unwrap_or_else(|| panic!("{cve}"));
    (found.state, found.why)
}

fn builds(judged: &Judged) -> String {
    judged.builds.iter().map(|build| format!("{} {}", build.product, build.update)).collect::<Vec<_>>().join("; ")
}

#[test]
fn answers_of_servers_and_look_alikes() {
    let Some(folder) = evidence("owa-responses") else { return };
    use Product::{Exchange, ExchangeOnline, Other, PerhapsExchange, SuspectLookalike};
    for (file, path, product, expected) in [
        ("2007-sp3-error.html", "/owa/", PerhapsExchange, "Exchange Server 2007 older than what is covered"),
        ("2010-sp3-logon-head.html", "/owa/auth/logon.aspx", PerhapsExchange, "Exchange Server 2010 SP3"),
        (
            "2013-cu21-logon-head.html",
            "/owa/auth/logon.aspx",
            PerhapsExchange,
            "Exchange Server 2013 CU21, update not told",
        ),
        (
            "2016-cu11-logon-head.html",
            "/owa/auth/logon.aspx",
            PerhapsExchange,
            "Exchange Server 2016 CU10, update not told",
        ),
        ("2016-cu19-mapi-nspi.txt", "/mapi/nspi/", Exchange, "Exchange Server 2016 CU19 Mar21SU"),
        ("2016-cu20-exporttool.xml", "/ecp/Current/exporttool/", PerhapsExchange, "Exchange Server 2016 CU20 or later"),
        (
            "2019-cu11-exporttool-top.xml",
            "/ecp/Current/exporttool/",
            PerhapsExchange,
            "Exchange Server 2019 CU11 or later",
        ),
        (
            "2019-cu11-autodiscover-401.http",
            "/autodiscover/autodiscover.xml",
            Exchange,
            "Exchange Server 2019 CU11 Nov21SU",
        ),
        (
            "2019-cu14-activesync-401.http",
            "/Microsoft-Server-ActiveSync",
            Exchange,
            "Exchange Server 2019 CU14 Apr24HU",
        ),
        ("2019-cu9-logon.http", "/owa/auth/logon.aspx", Exchange, "Exchange Server 2019 CU9, update not told"),
        ("2019-cu9-root-redirect.http", "/", Exchange, ""),
        ("owa-errorfe-302.http", "/owa/", PerhapsExchange, ""),
        ("se-ews-401.http", "/EWS/Exchange.asmx", Exchange, "Exchange Server SE RTM Jul26SU"),
        ("rewritten-header.txt", "/EWS/Exchange.asmx", PerhapsExchange, "Exchange Server SE RTM Feb26SU"),
        ("exchange-online-autodiscover-400.http", "/autodiscover/autodiscover.json", ExchangeOnline, ""),
        ("exchange-online-owa-service-401.http", "/owa/service.svc", ExchangeOnline, ""),
        ("exchange-online-soap-serverversion.xml", "/autodiscover/autodiscover.svc", ExchangeOnline, ""),
        ("lookalike-c2-profile.txt", "/owa/", SuspectLookalike, "Exchange Server 2016 unknown"),
        ("lookalike-nginx-fake-o365.txt", "/", SuspectLookalike, ""),
        ("lookalike-zimbra.html", "/", Other, ""),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let judged = Classifier::new().judge(&observation(vec![answer(path, &text)]));
        assert_eq!(
            (judged.product, builds(&judged).as_str()),
            (product, expected),
            "{file}: {:#?} {:#?}",
            judged.evidence,
            judged.contradictions
        );
    }
}

#[test]
fn the_honeypot_contradicts_itself() {
    let Some(folder) = evidence("owa-responses") else { return };
    let text = std::fs::read_to_string(folder.join("lookalike-owa-honeypot-live.txt")).unwrap();
    let answers = text.split("=== GET ").skip(1).map(|piece| {
        let (path, rest) = piece.split_once('\n').unwrap();
        let (head, body) = rest.split_once("--- body").unwrap_or((rest, ""));
        answer(path, &format!("{}\n\n{body}", head.trim_end()))
    });
    let judged = Classifier::new().judge(&observation(answers.collect()));
    assert_eq!(judged.product, Product::SuspectLookalike);
    let all = judged.contradictions.join("; ");
    for tell in ["Werkzeug", "several headers", "Login Required", "without the address"] {
        assert!(all.contains(tell), "{tell}: {all}");
    }
    assert!(judged.cves.iter().all(|state| state.state == State::NotApplicable));
}

#[test]
fn holes_of_real_answers() {
    let Some(folder) = evidence("owa-responses") else { return };
    let judge = |file: &str, path: &str| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        Classifier::new().judge(&observation(vec![answer(path, &text)]))
    };
    let cu9 = judge("2019-cu9-logon.http", "/owa/auth/logon.aspx");
    assert_eq!(state(&cu9, "CVE-2021-31207"), (State::Undetermined, Some(Why::CuOnly)));
    assert_eq!(state(&cu9, "CVE-2022-41040"), (State::Vulnerable, Some(Why::MitigationPossible)));
    assert_eq!(state(&cu9, "CVE-2024-21410").0, State::Vulnerable);
    let se = judge("se-ews-401.http", "/EWS/Exchange.asmx");
    assert_eq!(state(&se, "CVE-2021-26855").0, State::Patched);
    assert_eq!(state(&se, "CVE-2024-21410"), (State::Undetermined, Some(Why::SettingNotVisible)));
    assert_eq!(state(&se, "CVE-2026-42897").0, State::Patched);
}

fn imported(file: &str) -> Option<(Vec<Judged>, survey::import::Account)> {
    let bytes = std::fs::read(evidence("scanner-samples")?.join(file)).unwrap();
    let (mut classifier, mut all) = (Classifier::new(), Vec::new());
    let account = import(&mut bytes.as_slice(), &ImportOptions::default(), &mut |seen| {
        all.push(classifier.judge(&seen));
        true
    });
    let account = account.unwrap();
    assert_eq!(account.records, account.read + account.rejected + account.blank, "{file}");
    assert_eq!(account.rejected, 0, "{file}: {account:?}");
    assert_eq!(account.observations as usize, all.len());
    Some((all, account))
}

#[test]
fn what_other_scanners_saw() {
    const CU15: &str = "Exchange Server 2019 CU15 Aug25SU";
    for (file, format, place, product, expected) in [
        ("zgrab2-http.jsonl", Format::Zgrab2, 0, Product::Exchange, CU15),
        ("httpx.jsonl", Format::Httpx, 0, Product::Exchange, CU15),
        ("nmap-http-sample.xml", Format::Nmap, 0, Product::Exchange, CU15),
        ("nmap-ms-exchange-version.xml", Format::Nmap, 0, Product::Unknown, ""),
        ("shodan.jsonl", Format::Shodan, 0, Product::Exchange, CU15),
        ("masscan.json", Format::Masscan, 0, Product::Unknown, ""),
        ("masscan.list", Format::Masscan, 1, Product::Unknown, ""),
        (
            "shadowserver-scan_exchange-2021.csv",
            Format::Shadowserver,
            0,
            Product::PerhapsExchange,
            "Exchange Server 2019 CU7, update not told",
        ),
        ("shadowserver-scan_exchange-2021.csv", Format::Shadowserver, 2, Product::PerhapsExchange, ""),
        (
            "shadowserver-scan_exchange-2026-synthetic.csv",
            Format::Shadowserver,
            0,
            Product::PerhapsExchange,
            "Exchange Server 2016 CU23 Aug22SU",
        ),
    ] {
        let Some((all, account)) = imported(file) else { return };
        let judged = &all[place];
        assert_eq!(
            (account.format, judged.product, builds(judged).as_str()),
            (format, product, expected),
            "{file}: {:#?} {:#?}",
            judged.evidence,
            judged.contradictions
        );
    }
}

#[test]
fn what_other_scanners_tested_and_found() {
    let Some((all, _)) = imported("shadowserver-scan_exchange-2021.csv") else { return };
    assert_eq!(state(&all[0], "CVE-2021-26855"), (State::Vulnerable, Some(Why::TestedByScanner)));
    assert_eq!(state(&all[0], "CVE-2020-0688"), (State::Undetermined, Some(Why::ProductUnsure)));
    assert_eq!(all[1].tags, ["webshell"]);
    assert_eq!(all[0].identity.server_names, ["EXCH2019"]);
    assert_eq!(all[0].identity.key, "192.0.2.2:443");
    let (all, _) = imported("shodan.jsonl").unwrap();
    assert_eq!(state(&all[0], "CVE-2021-26855"), (State::Undetermined, Some(Why::TestedByScanner)));
}

#[test]
fn a_refused_handshake_stays_a_row() {
    let Some((all, _)) = imported("zgrab2-http.jsonl") else { return };
    assert_eq!((all[1].outcome, all[1].product), (Outcome::TlsRefused, Product::Unknown));
    assert_eq!(all[1].reason.as_deref(), Some("remote error: handshake failure"));
    assert_eq!(all[1].target.address, Some("192.0.2.8".parse().unwrap()));
}
