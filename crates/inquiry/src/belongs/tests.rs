use model::assessment::WrittenBasis;
use model::campaign::{Proves, Stage};
use model::file::Outcome;
use model::listing::{FileTimes, TimeBasis};
use model::observation::{Belongs, FileSeen, FileState, Trace};

use crate::testing::{Builder, FIXED, at, file, sighting};

const AUTH: &str = r"c:\inetpub\wwwroot\owa\auth";

/// A page of the logon folder, told by the file table: when its name was made.
fn page(name: &str, belongs: Belongs, named: &str) -> FileSeen {
    let times = FileTimes { created: Some(at(named)), named: Some(at(named)), ..FileTimes::default() };
    FileSeen {
        path: format!(r"{AUTH}\{name}"),
        url: Some(format!("/owa/auth/{name}")),
        belongs,
        state: FileState::Listed,
        times: Some(times),
        ..FileSeen::default()
    }
}

fn server(files: Vec<FileSeen>) -> Builder {
    let mut builder = Builder::new().covered();
    builder.server().web_folders_present = true;
    let neighbours =
        ["a", "b", "c", "d"].map(|name| page(&format!("{name}.aspx"), Belongs::PathOnly, "2020-09-20T10:00:00Z"));
    builder.server().files.extend(neighbours);
    builder.server().files.extend(files);
    builder
}

/// Rules of our own findings, and what they say.
fn told(builder: &Builder) -> Vec<(String, String)> {
    let findings = builder.assess().findings.into_iter();
    findings.filter(|one| one.rule.starts_with("observer/")).map(|one| (one.rule, one.reason)).collect()
}

#[track_caller]
fn check(files: Vec<FileSeen>, rule: &str, words: &[&str]) {
    let told = told(&server(files));
    assert_eq!(told.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), [format!("observer/{rule}")]);
    for word in words {
        assert!(told[0].1.contains(word), "{word}: {}", told[0].1);
    }
}

#[test]
fn pages_that_belong_are_not_spoken_of() {
    assert_eq!(told(&server(Vec::new())), []);
    let mut known = page("logon.aspx", Belongs::Known, "2021-03-03");
    known.state = FileState::Read;
    assert_eq!(told(&server(vec![known])), []);
}

#[test]
fn a_strange_page_is_told_with_name_and_times() {
    let mut strange = page("l0gon.aspx", Belongs::Unknown, "2021-03-03T05:00:00Z");
    strange.times.as_mut().unwrap().created = Some(at("2019-01-01"));
    let words =
        ["Its name looks like logon.aspx.", "Its creation was set back", "2019-01-01", "It came 163 days after"];
    check(vec![strange], "unknown-page-file", &words);
    let with_the_update = page("new.aspx", Belongs::Unknown, "2020-09-20T10:20:00Z");
    check(vec![with_the_update], "unknown-page-file", &["an update may have brought it"]);
}

#[test]
fn what_others_tell_is_completed_by_name_and_times() {
    let strange = page("x.aspx", Belongs::Unknown, "2021-03-03T05:00:00Z");
    let mut builder = server(vec![strange]);
    let rule = builder.rule("exchange-host/file-foreign-page", Stage::Foothold, Proves::Persistence);
    let mut hit = sighting(rule, "file", "2021-03-03");
    (hit.first, hit.last, hit.subject) = (None, None, Some(format!(r"{AUTH}\x.aspx")));
    builder.see(hit);
    let assessment = builder.assess();
    let signs = assessment.findings.iter().find(|one| one.rule == "observer/page-file-signs").unwrap();
    assert!(signs.reason.contains("163 days after"));
    let shell = &assessment.servers[0].web_shells[0];
    assert_eq!(shell.written, Some(at("2021-03-03T05:00:00Z")));
    assert_eq!(shell.written_basis, Some(WrittenBasis::FileTable));
    assert!(assessment.findings.iter().all(|one| one.time == Some(at("2021-03-03T05:00:00Z"))));
}

#[test]
fn a_deleted_page_is_no_longer_there() {
    let mut deleted = page("x.aspx", Belongs::Unknown, "2021-03-03T05:00:00Z");
    deleted.state = FileState::Deleted;
    check(vec![deleted.clone()], "unknown-page-file", &["lay in a folder", "it was deleted"]);
    let assessment = server(vec![deleted]).assess();
    let shell = &assessment.servers[0].web_shells[0];
    assert_eq!((shell.present, shell.file), (Some(false), Some(FileState::Deleted)));
    assert!(assessment.servers[0].answers.foothold.answer.contains("it was deleted"));
}

#[test]
fn a_genuine_page_with_other_content_is_to_be_looked_at() {
    let logon = |hash: &str| {
        let sha256 = Some(hash.to_owned());
        vec![FileSeen {
            sha256,
            state: FileState::Read,
            times: None,
            ..page("logon.aspx", Belongs::PathOnly, "2021-03-03")
        }]
    };
    check(logon("another"), "changed-page-file", &["15.1.2106.13", "replaced or changed"]);
    assert_eq!(told(&server(logon("genuine"))), []);
    let mut later = server(logon("another"));
    later.server().builds.retain(|one| one.build != FIXED);
    assert_eq!(told(&later), [], "the build is in no list");
    let changed = server(logon("another")).assess();
    assert!(changed.servers[0].web_shells.is_empty(), "a customised logon page is no web shell");
}

#[test]
fn a_genuine_page_that_came_alone_is_late() {
    let late = page("logoff.aspx", Belongs::PathOnly, "2021-03-03T05:00:00Z");
    check(vec![late.clone()], "late-page-file", &["163 days after"]);
    let with_it = page("frowny.aspx", Belongs::PathOnly, "2021-03-03T05:10:00Z");
    assert_eq!(told(&server(vec![late, with_it])), [], "an update brought both");
}

#[test]
fn a_page_that_ran_and_is_gone() {
    let trace = |url: &str| FileSeen {
        path: r"c:\windows\microsoft.net\framework64\v4.0.30319\temporary asp.net files\owa\1\2\q.aspx.3.compiled"
            .to_owned(),
        trace: Some(Trace { page: Some(url.to_owned()), assembly: Some("app_web_q".to_owned()), compiled: None }),
        ..FileSeen::default()
    };
    let library = FileSeen {
        trace: Some(Trace {
            page: None,
            assembly: Some("app_web_q".to_owned()),
            compiled: Some(at("2021-03-03T05:01:00Z")),
        }),
        ..trace("")
    };
    check(vec![trace("/owa/auth/q.aspx")], "compiled-page-gone", &["do not hold it"]);
    let shells = server(vec![trace("/owa/auth/q.aspx"), library]).assess().servers.remove(0).web_shells;
    assert_eq!((shells[0].compiled, shells[0].present), (Some(at("2021-03-03T05:01:00Z")), Some(false)));
    assert_eq!(told(&server(vec![trace("/owa/auth/a.aspx")])), [], "it is there");
    assert_eq!(told(&server(vec![trace("/owa/auth/logon.aspx")])), [], "it is Exchange's own");
    assert_eq!(told(&server(vec![trace("/shop/q.aspx")])), [], "of another application");
    let mut only_logs = server(vec![trace("/owa/auth/q.aspx")]);
    only_logs.server().web_folders_present = false;
    assert_eq!(told(&only_logs), []);
}

#[test]
fn a_page_that_vanished_is_told() {
    let mut builder = server(Vec::new());
    let mut gone = file(r"c:\inetpub\wwwroot\aspnet_client\x.aspx");
    (gone.outcome, gone.server) = (Outcome::Vanished, Some("EXC01".to_owned()));
    builder.observations.files.push(gone.clone());
    assert_eq!(told(&builder).iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), ["observer/page-vanished"]);
    builder.observations.files[1].server = Some("EXC02".to_owned());
    assert_eq!(told(&builder), []);
    gone.path = r"c:\inetpub\wwwroot\aspnet_client\x.png".to_owned();
    builder.observations.files[1] = gone;
    assert_eq!(told(&builder), []);
}

#[test]
fn what_a_collector_noted_dates_no_finding() {
    let mut strange = page("x.aspx", Belongs::Unknown, "2021-03-03");
    let created = Some(at("2016-01-01"));
    strange.times = Some(FileTimes { created, named: None, basis: TimeBasis::Collector, ..FileTimes::default() });
    let assessment = server(vec![strange]).assess();
    assert_eq!(assessment.findings[0].time, None);
    let shell = &assessment.servers[0].web_shells[0];
    assert_eq!(shell.written, created);
    assert!(assessment.servers[0].answers.foothold.answer.contains("possibly written"));
}
