//! The compromised server: two builds, gaps, one incident through all stages, web shells, mailboxes.

use model::assessment::{
    Answers, Begin, Confidence, Covered, Entry, Evidence, Exposure, FileGap, Finding, Incident, IncidentOutcome,
    Mailbox, PageReading, Persistence, Reasons, ServerAssessment, Stages, Uncovered, Verdict, WebShell, WrittenBasis,
};
use model::campaign::{Proves, Stage};
use model::observation::FileState;
use model::page::{Ability, Flow, Judgement, Language, Layer, Reading, Step};

use super::parts::{answer, at, build, coverage, finding, record, some, texts};

const SERVER: &str = "EXC01";
const FIXED: &str = "2021-03-10T02:11:00Z";

pub fn server() -> ServerAssessment {
    ServerAssessment {
        server: SERVER.to_owned(),
        verdict: Verdict::Compromised,
        summary: "An attacker came in through ProxyLogon on 3 March 2021, left a web shell, ran commands and read the mail of two people. The update of 10 March closed the hole; it does not remove what was left.".to_owned(),
        reasons: Reasons {
            because: texts(&[
                "A page that is not part of Exchange was written through the offline address book and answered 14 requests",
                "The web server process started a command shell 6 times",
                "1.2 GB left the server in answer to requests for an archive",
            ]),
            not_worse: "No use of the web shell is seen after 2021-03-10, when the fixed build was running. The evidence ends two days later.".to_owned(),
            would_change: texts(&[
                "IIS logs after 2021-03-12 would show whether the foothold is used again",
                "IIS logs from 2021-01-03 to 2021-02-20 may move the begin to an earlier day",
            ]),
        },
        builds: vec![
            build([15, 1, 2044, 4], "CU17", "2020-12-28T00:00:00Z", "2021-01-30T21:00:00Z"),
            build([15, 1, 2106, 2], "CU18", "2021-01-31T02:00:00Z", "2021-03-10T01:20:00Z"),
            build([15, 1, 2106, 13], "CU18 Mar21SU", FIXED, "2021-03-12T23:00:00Z"),
        ],
        exposure: vec![proxylogon(), proxyshell()],
        begin: Begin { earliest_certain: some("2021-03-03T04:23:22.370Z"), earliest_possible: some("2021-01-03T00:00:00Z") },
        incidents: vec![incident(), attempt()],
        web_shells: web_shells(),
        pages: vec![page()],
        mailboxes: mailboxes(),
        persistence: vec![Persistence { kind: "scheduled-task".to_owned(), name: "\\Microsoft\\Windows\\WinNet".to_owned(), findings: texts(&["f6"]) }],
        coverage: vec![
            coverage("ecpserver", "2021-02-20T00:00:00Z", "2021-03-12T23:00:00Z", [20, 18_210, 4], &[("2021-03-04T00:00:00Z", "2021-03-05T06:00:00Z")]),
            coverage("httpproxy/Autodiscover", "2021-02-20T00:00:00Z", "2021-03-12T23:00:00Z", [22, 1_806_771, 0], &[]),
            coverage("httpproxy/Ecp", "2021-02-20T00:00:00Z", "2021-03-12T23:00:00Z", [21, 92_114, 42], &[]),
            coverage("httpproxy/Ews", "2021-02-20T00:00:00Z", "2021-03-12T23:00:00Z", [22, 4_806_771, 0], &[]),
            coverage("iis/W3SVC1", "2021-01-14T00:00:00Z", "2021-03-12T23:59:59Z", [56, 31_220_402, 211], &[("2021-02-06T00:00:00Z", "2021-02-08T00:00:00Z"), ("2021-02-27T11:00:00Z", "2021-02-28T02:00:00Z")]),
            coverage("iis/W3SVC2", "2021-01-14T00:00:00Z", "2021-03-12T23:59:59Z", [56, 29_220_402, 0], &[]),
            coverage("oabgenerator", "2021-02-26T00:00:00Z", "2021-03-12T20:00:00Z", [2, 311, 0], &[]),
            coverage("windows/MSExchange Management", "2020-12-30T00:00:00Z", "2021-03-12T23:00:00Z", [1, 64_911, 0], &[]),
            coverage("windows/Security", "2021-03-01T00:00:00Z", "2021-03-12T23:00:00Z", [1, 2_064_911, 60], &[]),
        ],
        answers: answers(),
    }
}

fn page() -> PageReading {
    let step = |layer, line, text: &str| Step { layer, line, text: text.to_owned() };
    PageReading {
        path: "C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx".to_owned(),
        url: Some("/aspnet_client/discover.aspx".to_owned()),
        sha256: None,
        file: FileState::Read,
        findings: texts(&["f4"]),
        reading: Reading {
            languages: vec![Language::JScript],
            judgement: Judgement::Shell,
            because: "It runs code that it is sent: form field `code` reaches eval.".to_owned(),
            flows: vec![Flow {
                ability: Ability::Evaluate,
                source: "form field `code`".to_owned(),
                sink: "eval".to_owned(),
                steps: vec![step(0, 3, "var sent = Request.Form[\"code\"];"), step(1, 1, "run(sent)")],
            }],
            layers: vec![Layer { number: 1, layer: 0, line: 4, by: "eval".to_owned(), text: "run(sent)".to_owned() }],
            cut_off: Vec::new(),
        },
    }
}

fn proxylogon() -> Exposure {
    Exposure {
        campaign: "proxylogon".to_owned(),
        campaign_name: "ProxyLogon".to_owned(),
        grounds: model::assessment::Grounds::OpenBuild,
        cves: texts(&["CVE-2021-26855", "CVE-2021-26857", "CVE-2021-26858", "CVE-2021-27065"]),
        verdict: Verdict::Compromised,
        from: at("2021-01-03T00:00:00Z"),
        from_basis: "first known exploitation".to_owned(),
        until: some(FIXED),
        until_basis: "first record of build 15.1.2106.13".to_owned(),
        covered: vec![
            Covered {
                from: at("2021-02-20T00:00:00Z"),
                until: at("2021-03-04T00:00:00Z"),
                sources: texts(&["httpproxy/Ecp", "iis/W3SVC1", "ecpserver"]),
            },
            Covered {
                from: at("2021-03-05T06:00:00Z"),
                until: at(FIXED),
                sources: texts(&["httpproxy/Ecp", "iis/W3SVC1", "ecpserver"]),
            },
        ],
        uncovered: vec![
            Uncovered {
                from: at("2021-01-03T00:00:00Z"),
                until: at("2021-02-20T00:00:00Z"),
                why: "rotated".to_owned(),
                settle: "HttpProxy\\Ecp logs from backup for 2021-01-03 to 2021-02-20".to_owned(),
                sources: Vec::new(),
            },
            Uncovered {
                from: at("2021-03-04T00:00:00Z"),
                until: at("2021-03-05T06:00:00Z"),
                why: "gap".to_owned(),
                settle: "ECP server logs of 2021-03-04 from another copy".to_owned(),
                sources: Vec::new(),
            },
        ],
    }
}

fn proxyshell() -> Exposure {
    Exposure {
        campaign: "proxyshell".to_owned(),
        campaign_name: "ProxyShell".to_owned(),
        grounds: model::assessment::Grounds::OpenBuild,
        cves: texts(&["CVE-2021-34473", "CVE-2021-34523", "CVE-2021-31207"]),
        verdict: Verdict::NoEvidence,
        from: at("2021-03-08T00:00:00Z"),
        from_basis: "first known exploitation".to_owned(),
        until: None,
        until_basis: "still open at the end of the evidence".to_owned(),
        covered: vec![Covered {
            from: at("2021-03-08T00:00:00Z"),
            until: at("2021-03-12T23:00:00Z"),
            sources: texts(&["httpproxy/Autodiscover"]),
        }],
        uncovered: Vec::new(),
    }
}

fn incident() -> Incident {
    Incident {
        id: "EXC01-1".to_owned(),
        campaign: "proxylogon".to_owned(),
        also: Vec::new(),
        clients: texts(&["203.0.113.7", "203.0.113.9", "2001:db8::7"]),
        first: some("2021-03-03T04:23:22.370Z"),
        last: some("2021-03-09T19:40:02Z"),
        outcome: IncidentOutcome::Exfiltration,
        entry: Entry::Vulnerability,
        stages: Stages {
            access: texts(&["f2", "f3"]),
            foothold: texts(&["f4", "f6"]),
            control: texts(&["f5", "f7"]),
            collection: texts(&["f8"]),
            exfiltration: texts(&["f9"]),
            cleanup: texts(&["f10"]),
        },
    }
}

fn attempt() -> Incident {
    Incident {
        id: "EXC01-2".to_owned(),
        campaign: "proxylogon".to_owned(),
        also: Vec::new(),
        clients: texts(&["198.51.100.23"]),
        first: some("2021-02-27T13:05:11Z"),
        last: some("2021-02-27T13:05:11Z"),
        outcome: IncidentOutcome::Attempted,
        entry: Entry::Unknown,
        stages: Stages { access: texts(&["f1"]), ..Stages::default() },
    }
}

fn web_shells() -> Vec<WebShell> {
    vec![
        WebShell {
            path: "C:\\inetpub\\wwwroot\\aspnet_client\\system_web\\u4b9d1fe.aspx".to_owned(),
            url: Some("/aspnet_client/system_web/u4b9d1fe.aspx".to_owned()),
            sha256: Some("5e".repeat(32)),
            written: some("2021-03-03T04:24:58Z"),
            written_basis: Some(WrittenBasis::FileRecord),
            compiled: some("2021-03-03T04:25:31Z"),
            uses: 14,
            first_use: some("2021-03-03T04:25:31Z"),
            last_use: some("2021-03-09T19:31:15Z"),
            present: Some(true),
            file: Some(FileState::Read),
            clients: texts(&["203.0.113.7", "203.0.113.9"]),
            findings: texts(&["f4", "f5"]),
        },
        WebShell {
            path: "/owa/auth/errorEE.aspx".to_owned(),
            url: Some("/owa/auth/errorEE.aspx".to_owned()),
            sha256: None,
            written: None,
            written_basis: None,
            compiled: None,
            uses: 2,
            first_use: some("2021-03-06T08:12:00Z"),
            last_use: some("2021-03-06T08:12:44Z"),
            present: Some(false),
            file: None,
            clients: texts(&["2001:db8::7"]),
            findings: texts(&["f7"]),
        },
    ]
}

fn mailboxes() -> Vec<Mailbox> {
    let mailbox = |name: &str, how: &str, requests, bytes| Mailbox {
        mailbox: name.to_owned(),
        how: how.to_owned(),
        requests,
        bytes,
        first: some("2021-03-05T22:01:10Z"),
        last: some("2021-03-07T03:15:42Z"),
        findings: texts(&["f8"]),
    };
    vec![
        mailbox("finance.director@example.test", "ews-ssrf", 214, 88_214_003),
        mailbox("works.council@example.test", "ews-ssrf", 61, 9_103_554),
    ]
}

const NEXT: &str = "1. Take EXC01 off the internet; keep its disk and memory as they are.\n2. Image the disk before anything is removed.\n3. Remove C:\\inetpub\\wwwroot\\aspnet_client\\system_web\\u4b9d1fe.aspx and the task \\Microsoft\\Windows\\WinNet after imaging.\n4. Reset the passwords of the accounts that were logged on, then krbtgt twice.\n5. Install the newest cumulative and security update; ProxyShell is still open.\n6. Tell the data protection officer: mail of two people was read.";

fn answers() -> Answers {
    use Confidence::{High, Low, Medium, None};
    Answers {
        exposed: answer(
            "Yes. Open to ProxyLogon from 2021-01-03 (first known exploitation) until 2021-03-10 02:11 UTC, when build 15.1.2106.13 was first seen. Still open to ProxyShell at the end of the evidence.",
            High,
            &[],
            &[],
        ),
        hit: answer(
            "Yes: compromised. A web shell was written and used, and commands ran.",
            High,
            &["f2", "f4", "f5", "f7"],
            &[],
        ),
        since: answer(
            "Certainly since 2021-03-03 04:23 UTC. An earlier begin, back to 2021-01-03, is not ruled out: no HttpProxy logs before 2021-02-20.",
            High,
            &["f2"],
            &["What happened from 2021-01-03 to 2021-02-20: HttpProxy\\Ecp logs from backup would settle it"],
        ),
        entry: answer(
            "Through CVE-2021-26855, then CVE-2021-27065. No successful logon precedes it from these addresses.",
            High,
            &["f2", "f3"],
            &[],
        ),
        foothold: answer(
            "Two web shells and one scheduled task. No module, agent or account was added in the material examined.",
            High,
            &["f4", "f6"],
            &["Modules: applicationHost.config is not in the evidence"],
        ),
        control: answer(
            "From three addresses. Six commands are known: who is logged on, the domain's administrators, a listing of mail databases and an archive of them.",
            Medium,
            &["f5", "f7"],
            &[
                "Bodies of requests are not logged; commands are known only where process creation was audited (from 2021-03-01)",
            ],
        ),
        taken: answer(
            "Mail of two people (97 MB by EWS) and an archive of 1.2 GB whose content is not known.",
            Medium,
            &["f8", "f9"],
            &["What the archive held"],
        ),
        campaign: answer(
            "Looks like the mass exploitation of ProxyLogon from 27 February 2021 on. Overlap with named groups is not enough to name one.",
            Low,
            &["f3", "f4"],
            &[],
        ),
        cloud: answer(
            "Not shown. The configuration is hybrid, and no audit export of the tenant is in the evidence.",
            None,
            &[],
            &["An export of the unified audit log from 2021-03-01 on"],
        ),
        over: answer(
            "Not proven. Nothing is seen after the update, but the web shell and the task are still there.",
            Medium,
            &["f4", "f6"],
            &["Traffic after 2021-03-12"],
        ),
        next: answer(NEXT, High, &[], &[]),
    }
}

/// What the findings after the first are: stage, what they prove, rule, title, reason, records.
const FACTS: [(Stage, Proves, &str, &str, &str, u64); 10] = [
    (
        Stage::Access,
        Proves::Success,
        "proxylogon/anchor-mailbox-backend",
        "A request reached the back end without a logon",
        "The cookie sent the request to a back end of the sender's choice, and the back end answered 241, which only an open server does.",
        3,
    ),
    (
        Stage::Access,
        Proves::Success,
        "proxylogon/ecp-set-oab",
        "The offline address book's address was rewritten without a logon",
        "DDIService was asked to set the external address of a virtual directory to a script. This is the step that writes the page.",
        2,
    ),
    (
        Stage::Foothold,
        Proves::Persistence,
        "shells/oab-page-written",
        "A page with script in the address of a virtual directory was written to a web folder",
        "Exchange writes such a file only when somebody resets the virtual directory into a web folder; the text in it is not part of any update.",
        1,
    ),
    (
        Stage::Control,
        Proves::Execution,
        "shells/page-answers-post",
        "A page that is not part of Exchange answered POST requests",
        "The page is unknown to every build of this product, and only two addresses ever asked for it.",
        14,
    ),
    (
        Stage::Foothold,
        Proves::Persistence,
        "windows/task-created-by-worker",
        "The web server's process created a scheduled task",
        "Worker processes of IIS have no reason to create tasks.",
        1,
    ),
    (
        Stage::Control,
        Proves::Execution,
        "windows/worker-starts-shell",
        "The web server's process started a command shell",
        "MSExchangeECPAppPool is named in the parent's command line.",
        6,
    ),
    (
        Stage::Collection,
        Proves::Theft,
        "proxylogon/ews-through-backend",
        "Mail was read through the back end without a logon",
        "EWS answered requests that came in through the hole, for mailboxes that are not the sender's.",
        275,
    ),
    (
        Stage::Exfiltration,
        Proves::Theft,
        "windows/archive-downloaded",
        "A large archive was downloaded from a web folder",
        "A .7z file under a web folder was answered with 1.2 GB to the address that used the web shell.",
        1,
    ),
    (
        Stage::Cleanup,
        Proves::Cleanup,
        "windows/files-deleted-by-worker",
        "The web server's process deleted files",
        "The deleted names are those of the archive and of a tool.",
        2,
    ),
    (
        Stage::Access,
        Proves::Context,
        "exchange/rare-page",
        "A page was asked for that nobody else asked for",
        "Rare pages are worth a look and prove nothing.",
        1,
    ),
];

pub fn findings() -> Vec<Finding> {
    let mut findings = vec![
        finding("f1", SERVER, "2021-02-27T13:05:11Z"),
        finding("f2", SERVER, "2021-03-03T04:23:22.370Z"),
        finding("f3", SERVER, "2021-03-03T04:24:40Z"),
        finding("f4", SERVER, "2021-03-03T04:24:58Z"),
        finding("f5", SERVER, "2021-03-03T04:25:31Z"),
        finding("f6", SERVER, "2021-03-04T01:10:00Z"),
        finding("f7", SERVER, "2021-03-06T08:12:00Z"),
        finding("f8", SERVER, "2021-03-05T22:01:10Z"),
        finding("f9", SERVER, "2021-03-07T03:44:00Z"),
        finding("f10", SERVER, "2021-03-09T19:40:02Z"),
        finding("f11", SERVER, "2021-03-11T07:00:00Z"),
    ];
    for (found, (stage, proves, rule, title, reason, count)) in findings.iter_mut().skip(1).zip(FACTS) {
        (found.stage, found.proves, found.count) = (stage, proves, count);
        (found.rule, found.title, found.reason) = (rule.to_owned(), title.to_owned(), reason.to_owned());
        found.client = Some("203.0.113.7".to_owned());
        found.evidence = raw(found);
    }
    findings[9].campaign = None;
    findings[6].attack = texts(&["T1059.003", "T1505.003"]);
    findings[8].bytes = 1_204_881_003;
    findings[7].last = some("2021-03-07T03:15:42Z");
    findings[7].evidence[0].encoding = Some("latin-1");
    findings
}

fn raw(finding: &Finding) -> Vec<Evidence> {
    let time = finding.time.expect("sample findings have a time").to_string();
    let line = format!(
        "{time},8f6e2c1a-47f2-4c26-9d3c-0a1b2c3d4e5f,15,1,2106,2,,Ecp,mail.example.test,/ecp/y.js,,FBA,false,,,ServerInfo~a]@EXC01.LOCAL:444/autodiscover/autodiscover.xml?#,python-requests/2.25.1,203.0.113.7,EXC01,200,241,,POST,Proxy,exc01.local,15.01.2106.000,IntraForest,X-BEResource-Cookie,,,,0,366,,,,1,3,0,,0,,0,,0,0,,0,46,0,,,,46,46,,,,,BeginRequest=2021-03-03T04:23:22.324Z;CorrelationID=<empty>;ProxyState-Run=None;"
    );
    let mut records = vec![record(1_207, &time, &line)];
    if finding.count > 1 {
        records.push(record(1_209, &time, "{\"EventID\":4688,\"Channel\":\"Security\",\"Computer\":\"EXC01.example.test\",\"NewProcessName\":\"C:\\\\Windows\\\\System32\\\\cmd.exe\",\"ParentProcessName\":\"C:\\\\Windows\\\\System32\\\\inetsrv\\\\w3wp.exe\",\"CommandLine\":\"cmd /c whoami\"}"));
    }
    records
}

pub fn gaps() -> Vec<FileGap> {
    let gap = |path: &str, server: Option<&str>, what: &str| FileGap {
        path: path.to_owned(),
        server: server.map(str::to_owned),
        what: what.to_owned(),
    };
    vec![
        gap(
            "exc01.zip!uploads/auto/C%3A/inetpub/logs/LogFiles/W3SVC1/u_ex210306.log",
            Some(SERVER),
            "211 of 640,118 lines are no records: another number of columns than #Fields names; first at line 88, offset 4,711",
        ),
        gap(
            "exc01.zip!uploads/auto/C%3A/Windows/System32/winevt/Logs/Application.evtx",
            None,
            "could not be read: permission denied",
        ),
    ]
}
