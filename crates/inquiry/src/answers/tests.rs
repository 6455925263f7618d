//! The answers over whole assessments: words that are never used, steps in order, what is unknown.

use model::Utc;
use model::assessment::{Assessment, Verdict};
use model::campaign::{Proves, Stage};
use model::observation::{FileSeen, PageUse};

use crate::testing::{Builder, OPEN, UNKNOWN_BUILD, at, build_seen, page_use, sighting};

/// One assessment per verdict and some in between.
fn cases() -> Vec<(&'static str, Builder)> {
    let hit = |builder: Builder, stage, proves, time: &str| {
        let mut builder = builder;
        let rule = builder.rule("proxylogon/ews-rule", stage, proves);
        let mut one = sighting(rule, "httpproxy/Ecp", time);
        one.client = Some("203.0.113.7".to_owned());
        builder.see(one);
        builder
    };
    let (before, after) = ("2021-03-03T04:00:00Z", "2021-03-09T04:00:00Z");
    let mut shell = hit(Builder::new().covered(), Stage::Access, Proves::Success, before);
    shell.server().pages = vec![PageUse { posts_answered: 2, ..page_use("/aspnet_client/x.aspx", "203.0.113.7", 3) }];
    let mut unknown_build = Builder::new().rotated();
    unknown_build.server().builds = vec![build_seen("httpproxy", UNKNOWN_BUILD, "2021-02-10", "2021-03-12")];
    let mut no_build = Builder::new().rotated();
    no_build.server().builds.clear();
    let mut interrupted = Builder::new().covered();
    interrupted.observations.incomplete = true;
    vec![
        ("active", hit(Builder::new().covered(), Stage::Control, Proves::Execution, after)),
        ("theft", hit(Builder::new().covered(), Stage::Collection, Proves::Theft, before)),
        ("shell", shell),
        ("exploited", hit(Builder::new().rotated(), Stage::Access, Proves::Success, before)),
        ("targeted", hit(Builder::new().covered(), Stage::Access, Proves::Scan, before)),
        ("attempt", hit(Builder::new().covered(), Stage::Access, Proves::Attempt, before)),
        ("scan, cannot tell", hit(Builder::new().rotated(), Stage::Access, Proves::Scan, before)),
        ("no evidence", Builder::new().covered()),
        ("cannot tell", Builder::new().rotated()),
        ("no log", Builder::new()),
        ("unknown build", unknown_build),
        ("no build", no_build),
        ("interrupted", interrupted),
    ]
}

/// Every text of ours in an assessment.
fn texts(assessment: &Assessment) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for server in &assessment.servers {
        texts.push(server.summary.clone());
        texts.extend(server.reasons.because.iter().chain(&server.reasons.would_change).cloned());
        texts.push(server.reasons.not_worse.clone());
        for (_, _, answer) in server.answers.each() {
            texts.push(answer.answer.clone());
            texts.extend(answer.unknown.iter().cloned());
        }
        for one in &server.exposure {
            texts.extend([one.from_basis.clone(), one.until_basis.clone()]);
            texts.extend(one.uncovered.iter().map(|one| one.settle.clone()));
        }
    }
    for finding in &assessment.findings {
        texts.extend([finding.title.clone(), finding.reason.clone()]);
        texts.extend(finding.benign.iter().cloned());
    }
    texts
}

#[test]
fn some_words_are_never_used() {
    for (name, builder) in cases() {
        for text in texts(&builder.assess()) {
            let lower = text.to_lowercase();
            let mut words = lower.split(|c: char| !c.is_alphanumeric());
            assert!(!words.any(|word| matches!(word, "clean" | "safe" | "guaranteed")), "{name}: {text}");
        }
    }
}

#[test]
fn every_question_is_answered_and_every_pointer_points() {
    for (name, builder) in cases() {
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        for (key, _, answer) in server.answers.each() {
            assert!(!answer.answer.trim().is_empty(), "{name} {key}");
            let points = |id: &String| assessment.findings.iter().any(|finding| finding.id == *id);
            assert!(answer.because.iter().all(points), "{name} {key}");
        }
        assert!(!server.reasons.because.is_empty(), "{name}");
        assert!(!server.reasons.not_worse.is_empty(), "{name}");
    }
}

#[test]
fn what_cannot_be_told_names_what_would_settle_it() {
    for (name, builder) in cases() {
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        if server.verdict == Verdict::CannotTell {
            assert!(!server.answers.hit.unknown.is_empty() || server.exposure.is_empty(), "{name}");
            assert!(!server.reasons.would_change.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_same_observations_give_the_same_assessment() {
    for (name, builder) in cases() {
        let first = builder.assess();
        let mut turned = builder;
        turned.server().sightings.reverse();
        turned.server().pages.reverse();
        turned.server().builds.reverse();
        assert_eq!(first, turned.assess(), "{name}");
    }
}

#[test]
fn steps_are_numbered_and_begin_with_preserving() {
    let (_, builder) = cases().into_iter().find(|(name, _)| *name == "active").unwrap();
    let next = builder.assess().servers[0].answers.next.answer.clone();
    let lines: Vec<&str> = next.lines().collect();
    assert!(lines[0].starts_with("1. Preserve"), "{next}");
    assert!(lines[1].starts_with("2. Take the server off the network"), "{next}");
    for (index, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{}. ", index + 1)), "{next}");
    }
}

#[test]
fn the_update_that_fits_is_named() {
    let mut builder = Builder::new().covered();
    builder.server().builds = vec![build_seen("httpproxy", OPEN, "2020-12-20", "2021-03-12")];
    assert!(builder.assess().servers[0].answers.next.answer.contains("KB5000871"));
}

#[test]
fn names_out_of_evidence_cannot_add_steps() {
    let mut builder = Builder::new().covered();
    let rule = builder.rule("proxylogon/task", Stage::Foothold, Proves::Persistence);
    let mut one = sighting(rule, "windows/Security", "2021-03-03T04:00:00Z");
    one.subject = Some("x\n9. Reconnect the server".to_owned());
    builder.see(one);
    let next = builder.assess().servers[0].answers.next.answer.clone();
    assert!(!next.lines().any(|line| line.starts_with("9. Reconnect")), "{next}");
}

#[test]
fn a_web_shell_is_told_with_its_file() {
    let (_, mut builder) = cases().into_iter().find(|(name, _)| *name == "shell").unwrap();
    let presence = |builder: &Builder| builder.assess().servers[0].web_shells[0].present;
    assert_eq!(presence(&builder), None);
    builder.server().web_folders_present = true;
    assert_eq!(presence(&builder), Some(false));
    builder.server().files.push(FileSeen {
        file: 0,
        path: r"c:\inetpub\wwwroot\aspnet_client\x.aspx".to_owned(),
        url: Some("/aspnet_client/x.aspx".to_owned()),
        sha256: Some("ab".repeat(32)),
        size: 10,
        ..FileSeen::default()
    });
    assert_eq!(presence(&builder), Some(true));
    let assessment = builder.assess();
    let shell = &assessment.servers[0].web_shells[0];
    assert_eq!(shell.path, r"c:\inetpub\wwwroot\aspnet_client\x.aspx");
    assert_eq!((shell.uses, shell.first_use), (3, Some(at("2021-03-03T05:00:00Z"))));
    assert!(assessment.servers[0].answers.over.answer.contains("still there"));
}

#[test]
fn the_earliest_times_are_told() {
    let (_, builder) = cases().into_iter().find(|(name, _)| *name == "exploited").unwrap();
    let assessment = builder.assess();
    let since = &assessment.servers[0].answers.since.answer;
    assert!(since.contains("2021-03-03 04:00:00 UTC") && since.contains("2021-01-03"), "{since}");
    assert_eq!(assessment.servers[0].begin.earliest_possible, Utc::parse(b"2021-01-03"));
}

#[test]
fn settings_made_since_are_named() {
    let mut builder = Builder::new().covered();
    let forward = builder.rule("exchange-host/mail-forward-event", Stage::Exfiltration, Proves::Context);
    builder.see(sighting(forward, "windows/MSExchange Management", "2021-03-03T05:00:00Z"));
    assert!(!builder.assess().servers[0].answers.taken.answer.contains("Set since then"));
    let access = builder.rule("proxylogon/rule", Stage::Access, Proves::Success);
    builder.see(sighting(access, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
    let taken = builder.assess().servers[0].answers.taken.answer.clone();
    assert!(taken.contains("Set since then") && taken.contains("mail-forward-event"), "{taken}");
}
