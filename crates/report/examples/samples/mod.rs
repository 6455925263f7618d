//! Invented assessments to look at and to test with: a compromised server, one that cannot be judged, one whose
//! evidence is hostile everywhere, and many at once. Nothing here happened, and no request here works.

mod compromised;
mod parts;

use model::assessment::{Assessment, ServerAssessment, Verdict};
use model::file::FileRecord;

use self::parts::{assessment, cannot_tell_server, files, finding, quiet_server, record};

/// Every sample by name.
pub fn all() -> Vec<(&'static str, Assessment, Vec<FileRecord>)> {
    let with_name = |name, (assessment, files)| (name, assessment, files);
    vec![
        with_name("compromised", compromised()),
        with_name("cannot-tell", cannot_tell()),
        with_name("hostile", hostile()),
        with_name("many", many()),
    ]
}

/// One compromised server with two builds, gaps, an incident, web shells and mailboxes.
pub fn compromised() -> (Assessment, Vec<FileRecord>) {
    let mut made = assessment(vec![compromised::server()], compromised::findings());
    made.gaps = compromised::gaps();
    (made, files("EXC01"))
}

/// One server of which only the last days are left.
pub fn cannot_tell() -> (Assessment, Vec<FileRecord>) {
    let scan = finding("f1", "EXC02", "2021-03-06T10:36:34.479Z");
    (assessment(vec![cannot_tell_server("EXC02")], vec![scan]), files("EXC02"))
}

/// Text that attacks the reader, in every field that evidence can fill.
pub fn hostile() -> (Assessment, Vec<FileRecord>) {
    const NASTY: &str = "\u{202e}<img src=x onerror=alert(1)>\x1b]8;;http://192.0.2.1\x07\r\n#Fields: =1+1;=cmd\u{200b}'\"`</style></script></title><svg/onload=alert(2)>&lt;\u{9b}31m[a](javascript:alert(3))";
    let (mut made, mut files) = compromised();
    made.incomplete = true;
    made.afterpatch.rules.refused = vec![format!("proxylogon/{NASTY}: not supported")];
    for server in &mut made.servers {
        make_hostile(server, NASTY);
    }
    for (place, finding) in made.findings.iter_mut().enumerate() {
        for text in
            [&mut finding.server, &mut finding.title, &mut finding.reason, &mut finding.rule, &mut finding.source]
        {
            *text = format!("{text}{NASTY}");
        }
        for text in [&mut finding.client, &mut finding.account, &mut finding.subject, &mut finding.campaign] {
            *text = Some(NASTY.repeat(place + 1));
        }
        finding.benign = vec![NASTY.to_owned()];
        finding.references = vec!["javascript:alert(1)".to_owned(), "https://example.test/\"><b>".to_owned()];
        for evidence in &mut finding.evidence {
            evidence.path = format!("{NASTY}/{}", evidence.path);
            evidence.text = NASTY.repeat(60);
        }
    }
    for gap in &mut made.gaps {
        gap.path = format!("{NASTY}{}", gap.path);
        gap.what = NASTY.to_owned();
    }
    for differing in &mut made.custody.collected.differ {
        differing.path = format!("{NASTY}{}", differing.path);
        differing.by = NASTY.to_owned();
        differing.what = NASTY.to_owned();
    }
    for file in &mut files {
        file.path = format!("{NASTY}/{}", file.path);
        file.source = Some(NASTY.to_owned());
    }
    (made, files)
}

fn make_hostile(server: &mut ServerAssessment, nasty: &str) {
    server.server = format!("EXC01{nasty}");
    server.summary = format!("{}{nasty}", server.summary);
    server.reasons.because.push(nasty.to_owned());
    server.reasons.not_worse = nasty.to_owned();
    for build in &mut server.builds {
        build.update = nasty.to_owned();
        build.product = nasty.to_owned();
    }
    for exposure in &mut server.exposure {
        exposure.campaign = nasty.to_owned();
        exposure.from_basis = nasty.to_owned();
    }
    for incident in &mut server.incidents {
        incident.id = nasty.to_owned();
        incident.clients = vec![nasty.to_owned(); 40];
    }
    for shell in &mut server.web_shells {
        shell.path = format!("{nasty}{}", "a".repeat(900));
    }
    for mailbox in &mut server.mailboxes {
        mailbox.mailbox = nasty.to_owned();
    }
    for coverage in &mut server.coverage {
        coverage.source = nasty.to_owned();
    }
    server.answers.next.answer = format!("1. {nasty}\n2. second");
}

/// Thirteen servers of all verdicts.
pub fn many() -> (Assessment, Vec<FileRecord>) {
    let (compromised, mut files) = compromised();
    let mut servers = compromised.servers;
    let mut findings = compromised.findings;
    for number in 2..=13 {
        let name = format!("EXC{number:02}");
        let mut server = if number % 3 == 0 { cannot_tell_server(&name) } else { quiet_server(&name) };
        if number == 7 {
            server.verdict = Verdict::Targeted;
            let id = format!("f{}", findings.len() + 1);
            findings.push(finding(&id, &name, "2021-03-06T05:28:57.010Z"));
        }
        if number == 9 {
            server.verdict = Verdict::Active;
            let id = format!("f{}", findings.len() + 1);
            let mut late = finding(&id, &name, "2021-03-11T05:28:57Z");
            late.evidence.push(record(91, "2021-03-12T05:28:57Z", "late use of the page"));
            findings.push(late);
        }
        servers.push(server);
        files.extend(self::files(&name));
    }
    (assessment(servers, findings), files)
}
