//! Parts from which the samples are put together.

use model::Utc;
use model::assessment::{
    Answer, Answers, Assessment, Begin, BuildSpan, Collected, Confidence, Coverage, Covered, Custody, Differing,
    Evidence, Exposure, Finding, ManifestChain, PackIdentity, Program, Reasons, RuleCount, ServerAssessment, Span,
    Totals, Uncovered, Verdict,
};
use model::campaign::{Proves, Stage};
use model::file::{Claimed, FileRecord, Kind, Outcome, RejectCount};

pub fn at(text: &str) -> Utc {
    Utc::parse(text.as_bytes()).expect("a time in a sample")
}

pub fn some(text: &str) -> Option<Utc> {
    Some(at(text))
}

pub fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

pub fn assessment(servers: Vec<ServerAssessment>, findings: Vec<Finding>) -> Assessment {
    let pack =
        |id: &str, digit: &str| PackIdentity { id: id.to_owned(), version: "1".to_owned(), sha256: digit.repeat(64) };
    Assessment {
        schema: "afterpatch.assessment/1",
        afterpatch: Program {
            version: "0.1.0".to_owned(),
            packs: vec![pack("proxylogon", "a"), pack("proxyshell", "7")],
            rules: RuleCount { loaded: 143, refused: Vec::new() },
        },
        verdict: servers.iter().map(|server| server.verdict).min().unwrap_or(Verdict::CannotTell),
        incomplete: false,
        totals: Totals {
            files: 2_418,
            bytes: 41_906_331_205,
            records: 128_440_912,
            rejected: 317,
            unrecognised_files: 12,
            files_met_twice: 0,
        },
        servers,
        findings,
        gaps: Vec::new(),
        custody: custody(),
    }
}

fn custody() -> Custody {
    let one = |path: &str, found: &str| Differing {
        path: path.to_owned(),
        by: "exc01.zip!2021-03-10_copylog.csv".to_owned(),
        record: 17,
        algorithm: "SHA-1",
        claimed: "b".repeat(40),
        found: found.repeat(40),
        claimed_size: Some(4_096),
        size: 120,
        what: "it is shorter than the collector wrote down".to_owned(),
    };
    Custody {
        manifest: ManifestChain { lines: 260, head: "c".repeat(64) },
        collected: Collected {
            lists: 1,
            compared: 314,
            fit: 312,
            absent: 3,
            open: 1,
            differ: vec![one("exc01.zip!C/a.log", "d"), one("exc01.zip!C/b.log", "e")],
        },
    }
}

fn claimed(number: u64) -> Claimed {
    let fits = number != 44;
    let claimed = format!("{number:040x}");
    let found = if fits { claimed.clone() } else { "d".repeat(40) };
    let by = "exc01.zip!2021-03-10_copylog.csv".to_owned();
    Claimed { sha1: Some(claimed), size: Some(70_000), by, record: number, found, fits, ..Claimed::default() }
}

pub fn answer(text: &str, confidence: Confidence, because: &[&str], unknown: &[&str]) -> Answer {
    Answer { answer: text.to_owned(), confidence, because: texts(because), unknown: texts(unknown) }
}

pub fn coverage(source: &str, from: &str, until: &str, counts: [u64; 3], gaps: &[(&str, &str)]) -> Coverage {
    let [files, records, rejected] = counts;
    let gaps = gaps.iter().map(|(from, until)| Span { from: at(from), until: at(until) }).collect();
    Coverage { source: source.to_owned(), from: some(from), until: some(until), files, records, rejected, gaps }
}

pub fn build(build: [u16; 4], update: &str, first: &str, last: &str) -> BuildSpan {
    let [major, minor, number, revision] = build;
    BuildSpan {
        build: model::Build::new(major, minor, number, revision),
        product: "Exchange Server 2016".to_owned(),
        update: update.to_owned(),
        first_seen: at(first),
        last_seen: at(last),
        source: "httpproxy".to_owned(),
    }
}

pub fn record(line: u64, time: &str, text: &str) -> Evidence {
    Evidence {
        path: "exc01.zip!uploads/auto/C%3A/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/HttpProxy_2021030304-1.LOG"
            .to_owned(),
        record: line,
        offset: line * 611,
        time: some(time),
        text: text.to_owned(),
        encoding: None,
    }
}

/// A scan that reached nothing.
pub fn finding(id: &str, server: &str, time: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        server: server.to_owned(),
        time: some(time),
        last: some(time),
        count: 1,
        campaign: Some("proxylogon".to_owned()),
        stage: Stage::Access,
        proves: Proves::Scan,
        rule: "proxylogon/checker-localhost".to_owned(),
        title: "A vulnerability checker asked for the logon page through the back end".to_owned(),
        reason: "The cookie names localhost as back end. Published checkers do this to see whether the hole is open; they change nothing.".to_owned(),
        benign: texts(&["A scan ordered by the organisation itself"]),
        attack: texts(&["T1595.002"]),
        references: texts(&["https://example.test/write-up"]),
        source: "httpproxy/Ecp".to_owned(),
        client: Some("198.51.100.23".to_owned()),
        account: None,
        subject: Some("ServerInfo~localhost/owa/auth/logon.aspx?".to_owned()),
        bytes: 0,
        evidence: vec![record(17, time, "2021-03-06T10:36:34.479Z,7c1d…,15,1,2106,2,,Ecp,exc02.example.test,/ecp/x.js,,FBA,false,,,ServerInfo~localhost/owa/auth/logon.aspx?,Mozilla/5.0 zgrab/0.x,198.51.100.23,EXC02,200,200,,GET")],
    }
}

pub fn files(server: &str) -> Vec<FileRecord> {
    (0..260).map(|number| file(server, number)).collect()
}

fn file(server: &str, number: u64) -> FileRecord {
    let (kind, source, folder) = match number % 5 {
        0 | 1 => (Kind::DelimitedLog, Some("httpproxy/Ecp"), "Logging/HttpProxy/Ecp/HttpProxy"),
        2 => (Kind::DelimitedLog, Some("iis/W3SVC1"), "inetpub/logs/LogFiles/W3SVC1/u_ex"),
        3 => (Kind::WindowsEventsJson, Some("windows/Security"), "events/Security"),
        _ => (Kind::WebFile, None, "inetpub/wwwroot/aspnet_client/file"),
    };
    let rejected = if number % 97 == 11 { 42 } else { 0 };
    let (records, headers) = if source.is_some() { (1_000 + number * 13, 5) } else { (0, 0) };
    FileRecord {
        path: format!("{}.zip!uploads/auto/C%3A/{folder}{number:06}.log", server.to_lowercase()),
        size: 70_000 + number * 911,
        sha256: Some(format!("{number:064x}")),
        kind,
        source: source.map(str::to_owned),
        server: Some(server.to_owned()),
        records,
        rejected,
        headers,
        blanks: 0,
        lines: records + rejected + headers,
        first: source.and(some("2021-02-20T00:00:00Z")),
        last: source.and(some("2021-03-10T23:00:00Z")),
        reasons: if rejected == 0 {
            Vec::new()
        } else {
            vec![RejectCount {
                reason: "53 columns expected, 11 found".to_owned(),
                count: rejected,
                first_record: 88,
                first_offset: 4_711,
            }]
        },
        clock_shift_secs: 0,
        same_as: None,
        outcome: if number == 103 { Outcome::Unreadable("permission denied".to_owned()) } else { Outcome::Complete },
        claimed: (number % 40 == 4).then(|| claimed(number)),
        claims: None,
        notes: Vec::new(),
    }
}

fn quiet_answers() -> Answers {
    let none = || answer("Nothing in the material examined.", Confidence::High, &[], &[]);
    Answers {
        exposed: answer("Yes, from 2021-01-03 until 2021-03-05.", Confidence::High, &[], &[]),
        hit: answer("No evidence of it in the material examined.", Confidence::High, &[], &[]),
        since: none(),
        entry: none(),
        foothold: none(),
        control: none(),
        taken: none(),
        campaign: none(),
        cloud: answer(
            "Not shown: no audit export of the tenant.",
            Confidence::None,
            &[],
            &["An export of the unified audit log"],
        ),
        over: none(),
        next: answer(
            "1. Install the newest security update for CU18.\n2. Keep these logs for a year.",
            Confidence::High,
            &[],
            &[],
        ),
    }
}

pub fn quiet_server(name: &str) -> ServerAssessment {
    let (from, fixed) = ("2021-01-03T00:00:00Z", "2021-03-05T02:11:00Z");
    ServerAssessment {
        server: name.to_owned(),
        verdict: Verdict::NoEvidence,
        summary: format!(
            "{name} was open to ProxyLogon until 5 March 2021. The evidence covers all of that time, and nothing was found in it."
        ),
        reasons: Reasons {
            because: texts(&["No rule hit in 61 days of HttpProxy and IIS logs"]),
            not_worse: "Nothing was seen that uses the hole.".to_owned(),
            would_change: texts(&["Logs of another front-end server that passed requests to this one"]),
        },
        builds: vec![
            build([15, 1, 2106, 2], "CU18", "2020-12-20T00:00:00Z", "2021-03-05T01:40:00Z"),
            build([15, 1, 2106, 13], "CU18 Mar21SU", fixed, "2021-03-12T00:00:00Z"),
        ],
        exposure: vec![Exposure {
            campaign: "proxylogon".to_owned(),
            campaign_name: "ProxyLogon".to_owned(),
            grounds: model::assessment::Grounds::OpenBuild,
            cves: texts(&["CVE-2021-26855", "CVE-2021-27065"]),
            verdict: Verdict::NoEvidence,
            from: at(from),
            from_basis: "first known exploitation".to_owned(),
            until: some(fixed),
            until_basis: "first record of build 15.1.2106.13".to_owned(),
            covered: vec![Covered {
                from: at(from),
                until: at(fixed),
                sources: texts(&["httpproxy/Ecp", "iis/W3SVC1"]),
            }],
            uncovered: Vec::new(),
        }],
        begin: Begin::default(),
        incidents: Vec::new(),
        web_shells: Vec::new(),
        pages: Vec::new(),
        mailboxes: Vec::new(),
        persistence: Vec::new(),
        coverage: vec![
            coverage("httpproxy/Ecp", "2020-12-20T00:00:00Z", "2021-03-12T00:00:00Z", [81, 912_331, 0], &[]),
            coverage("iis/W3SVC1", "2020-12-20T00:00:00Z", "2021-03-12T00:00:00Z", [82, 7_912_331, 0], &[]),
        ],
        answers: quiet_answers(),
    }
}

pub fn cannot_tell_server(name: &str) -> ServerAssessment {
    let mut server = quiet_server(name);
    let (from, left, fixed) = ("2021-01-03T00:00:00Z", "2021-02-24T06:00:00Z", "2021-03-05T02:11:00Z");
    server.verdict = Verdict::CannotTell;
    server.summary = format!(
        "{name} was open to ProxyLogon for 61 days. Logs of only the last 9 days are left, so an earlier attack would not be seen."
    );
    server.reasons = Reasons {
        because: texts(&[
            "HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03",
            "One vulnerability checker was seen on 2021-03-06, after the update",
        ]),
        not_worse: "No request that succeeded was seen.".to_owned(),
        would_change: texts(&[
            "IIS logs before 2021-02-24 from backup",
            "The Windows event log MSExchange Management, which is kept longer",
        ]),
    };
    server.exposure[0].verdict = Verdict::CannotTell;
    server.exposure[0].covered = vec![Covered { from: at(left), until: at(fixed), sources: texts(&["httpproxy/Ecp"]) }];
    server.exposure[0].uncovered = vec![Uncovered {
        from: at(from),
        until: at(left),
        why: "rotated".to_owned(),
        settle:
            "IIS logs (inetpub\\logs\\LogFiles\\W3SVC1) or HttpProxy\\Ecp logs from backup for 2021-01-03 to 2021-02-24"
                .to_owned(),
        sources: Vec::new(),
    }];
    server.coverage = vec![
        coverage("httpproxy/Ecp", left, "2021-03-12T00:00:00Z", [14, 112_331, 0], &[]),
        coverage(
            "ecpserver",
            left,
            "2021-03-12T00:00:00Z",
            [14, 2_331, 3],
            &[("2021-02-27T00:00:00Z", "2021-03-01T00:00:00Z")],
        ),
    ];
    server.answers.hit = answer(
        "Cannot be said: 52 of 61 days are not covered.",
        Confidence::None,
        &[],
        &["Whether the hole was used before 2021-02-24"],
    );
    server.answers.next = answer(
        "1. Restore IIS logs from backup for 2021-01-03 to 2021-02-24 and run this again.\n2. Export the event log MSExchange Management.\n3. Compare the web folders with the known files of this build.",
        Confidence::High,
        &[],
        &[],
    );
    server
}
