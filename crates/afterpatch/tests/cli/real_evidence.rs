//! Public evidence of others. It is not part of the project: `AFTERPATCH_EVIDENCE` names its folder, and without it
//! these tests say that they were skipped.
//!
//! Sets: OTRF Security-Datasets SDWIN-210314014019; Exchange logs published by Qazeer (artefacts.help); rows of
//! Test-ProxyLogon from Microsoft Q&A; ActiveSync logs of MWR; IIS logs of plaso and brianary; configuration files and
//! setup logs of Microsoft's CSS-Exchange; a collection from the test data of Velociraptor.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Assessed, assess, assess_with, list, number, word};
use crate::trees::Tree;

/// The folder of a set; `None`, and a message, where it is not here.
fn set(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AFTERPATCH_EVIDENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence"), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no folder `{}`; set AFTERPATCH_EVIDENCE to have it tested", folder.display());
    None
}

/// Findings as rule, what they prove and the lines they rest on.
fn records_of(finding: &Value) -> BTreeSet<u64> {
    list(&finding["evidence"]).iter().map(|record| number(&record["record"])).collect()
}

fn verdicts(assessed: &Assessed) -> Vec<(&str, &str)> {
    assessed.servers().iter().map(|server| (word(&server["server"]), word(&server["verdict"]))).collect()
}

fn nobody_is_hit(assessed: &Assessed) {
    let verdicts = verdicts(assessed);
    let hit = verdicts.iter().find(|(_, verdict)| matches!(*verdict, "active" | "compromised" | "exploited"));
    assert_eq!(hit, None, "{:#?}", assessed.findings_beyond(&["scan", "context", "attempt"]));
}

#[test]
fn the_capture_of_proxylogon_is_a_compromise() {
    let Some(folder) = set("otrf") else { return };
    let assessed = assess(&folder);
    assert_eq!((assessed.verdict(), assessed.outcome.status), ("compromised", 1));
    let server = assessed.server("MXS01");
    let shells = list(&server["web_shells"]);
    assert_eq!(shells.len(), 1, "{shells:#?}");
    assert!(
        word(&shells[0]["path"]).to_lowercase().ends_with(r"\frontend\httpproxy\owa\auth\ohyeah.aspx"),
        "{}",
        shells[0]["path"]
    );
    assert_eq!(word(&shells[0]["written"]), "2021-03-14T06:40:13.660Z");
    let sources: BTreeSet<(&str, &str)> =
        assessed.findings().iter().map(|finding| (word(&finding["source"]), word(&finding["proves"]))).collect();
    assert!(sources.contains(&("windows/MSExchange Management", "persistence")), "the cmdlet: {sources:?}");
    assert!(
        sources.contains(&("windows/Microsoft-Windows-Sysmon/Operational", "execution")),
        "the process: {sources:?}"
    );
    assert!(sources.contains(&("windows/Security", "execution")), "the process: {sources:?}");
    assert_eq!(assessed.json["totals"]["records"], 10_487);
}

#[test]
fn times_of_the_capture_are_utc() {
    let Some(folder) = set("otrf") else { return };
    // Its time stamps say `Z` and are five hours behind; one field of Sysmon is right.
    let assessed = assess(&folder);
    for finding in assessed.findings() {
        for record in list(&finding["evidence"]) {
            let time = word(&record["time"]);
            assert!(time.starts_with("2021-03-14T06:40:1"), "{} {time}", finding["rule"]);
        }
    }
    let manifest = assessed.manifest();
    let log = manifest.iter().find(|line| number(&line["records"]) > 0).expect("the capture");
    assert_eq!(log["clock_shift_secs"], 18_000, "the correction is told");
}

#[test]
fn the_known_lines_of_the_capture_are_evidence() {
    let Some(folder) = set("otrf") else { return };
    let assessed = assess(&folder);
    let shown: BTreeSet<u64> = assessed.findings().iter().flat_map(records_of).collect();
    let known = [9909, 10485, 3733, 4919, 4920, 10486, 4966, 4050, 4967, 4062, 10487];
    let missing: Vec<u64> = known.into_iter().filter(|line| !shown.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let truth = std::fs::read_to_string(folder.join("truth.csv")).expect("the known lines");
    let attack: BTreeSet<u64> = truth.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    let others: Vec<&u64> = shown.difference(&attack).collect();
    assert!(others.is_empty(), "ordinary records are taken for the attack: {others:?}");
}

#[test]
fn a_compressed_log_is_read_and_not_called_unread() {
    let Some(folder) = set("otrf") else { return };
    let assessed = assess(&folder.join("proxylogon-mxs01.jsonl.gz"));
    assert_eq!(assessed.verdict(), "compromised");
    let paths: Vec<String> = assessed.manifest().iter().map(|line| word(&line["path"]).to_owned()).collect();
    assert!(paths.iter().any(|path| path == "proxylogon-mxs01.jsonl.gz!proxylogon-mxs01.jsonl"), "{paths:?}");
    assert_eq!(list(&assessed.json["gaps"]), &[] as &[Value]);
}

#[test]
fn the_capture_gives_the_same_bytes_with_any_threads() {
    let Some(folder) = set("otrf") else { return };
    let [one, five] = ["1", "5"].map(|threads| assess_with(&[&folder], &["--threads", threads]));
    assert!(one.file("assessment.json") == five.file("assessment.json"));
}

#[test]
fn published_logs_of_a_healthy_server() {
    let Some(folder) = set("logs/qazeer") else { return };
    let assessed = assess(&folder);
    nobody_is_hit(&assessed);
    assert_eq!(assessed.json["totals"]["rejected"], 0, "{}", assessed.json["gaps"]);
    assert_eq!(assessed.json["totals"]["records"], 37);
    assert_eq!(assessed.json["totals"]["unrecognised_files"], 0);
    let builds: BTreeSet<&str> =
        assessed.servers().iter().flat_map(|server| list(&server["builds"])).map(|span| word(&span["build"])).collect();
    assert_eq!(builds, BTreeSet::from(["15.1.2375.7"]));
}

#[test]
fn rows_of_microsofts_script_tell_probes_from_attempts() {
    let Some(folder) = set("logs/msqna") else { return };
    let assessed = assess(&folder.join("exc01-anchor-2021-03.csv"));
    assert!(matches!(assessed.verdict(), "cannot-tell" | "targeted"), "{}", assessed.verdict());
    let mut judged = 0;
    for finding in assessed.findings() {
        for record in list(&finding["evidence"]) {
            let text = word(&record["text"]);
            let is_attempt = text.contains("/mapi/") || text.contains("customerdomain.de/ecp/");
            let expected = if is_attempt { "attempt" } else { "scan" };
            assert_eq!(word(&finding["proves"]), expected, "{text}");
            judged += 1;
        }
    }
    assert_eq!(judged, 12, "every row is judged once");
}

#[test]
fn quotes_from_forums_show_no_compromise() {
    let Some(folder) = set("logs/msqna") else { return };
    let assessed = assess(&folder);
    nobody_is_hit(&assessed);
    assert!(matches!(assessed.verdict(), "cannot-tell" | "targeted"), "{}", assessed.verdict());
}

#[test]
fn activesync_of_2016_is_no_compromise() {
    let Some(folder) = set("logs/eas-mwr") else { return };
    let assessed = assess(&folder);
    nobody_is_hit(&assessed);
    assert_eq!(assessed.json["totals"]["records"], 4, "{}", assessed.text("manifest.jsonl"));
}

#[test]
fn iis_logs_of_others_show_nothing() {
    let Some(folder) = set("iis") else { return };
    let assessed = assess(&folder);
    assert_eq!(assessed.findings_beyond(&["context"]), Vec::<String>::new());
    nobody_is_hit(&assessed);
    let firewall = assessed.manifest().into_iter().find(|line| line["path"] == "brianary/pf040903.log");
    assert_eq!(firewall.expect("the firewall log")["kind"], "other", "a firewall log is no IIS log");
}

#[test]
fn configuration_of_healthy_servers_shows_nothing() {
    let Some(folder) = set("iis-config") else { return };
    let assessed = assess(&folder);
    assert_eq!(assessed.findings_beyond(&["context"]), Vec::<String>::new());
    assert_eq!((assessed.verdict(), assessed.outcome.status), ("cannot-tell", 4));
}

#[test]
fn setup_logs_tell_the_history_of_builds() {
    let Some(folder) = set("exchangesetup") else { return };
    let assessed = assess(&folder);
    assert_eq!(assessed.findings_beyond(&["context"]), Vec::<String>::new());
    let builds: BTreeSet<&str> = assessed
        .servers()
        .iter()
        .flat_map(|server| list(&server["builds"]))
        .inspect(|span| assert_eq!(span["source"], "setup"))
        .map(|span| word(&span["build"]))
        .collect();
    for build in ["15.0.1497.2", "15.1.2106.2", "15.1.2242.4", "15.2.922.7", "15.1.2507.6", "15.2.1544.4"] {
        assert!(builds.contains(build), "{build}: {builds:?}");
    }
    assert_eq!(assessed.json["totals"]["rejected"], 0, "{}", assessed.json["gaps"]);
}

/// The first event log with records of an archive.
fn event_log(archive: &Path) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).expect("an archive")).expect("an archive");
    (0..archive.len())
        .map(|at| {
            let mut log = Vec::new();
            std::io::Read::read_to_end(&mut archive.by_index(at).expect("a member"), &mut log).expect("its bytes");
            log
        })
        .find(|log| log.starts_with(b"ElfFile\0") && log.len() > 4_096 + 65_536)
        .expect("an event log")
}

/// Chunks stand for themselves: one log, its chunks many times over, is read in several blocks.
#[test]
fn a_long_event_log_gives_the_same_whatever_the_threads() {
    let Some(folder) = set("evtx") else { return };
    let log = event_log(&folder.join("sbousseaden.zip"));
    let (header, chunks) = log.split_at(4_096);
    let tree = crate::trees::Tree::empty();
    tree.put(
        "EXC01/C/Windows/System32/winevt/Logs/x.evtx",
        [header, &chunks.repeat((6 << 20) / chunks.len())].concat(),
    );
    let [one, many] = ["1", "4"].map(|threads| assess_with(&[tree.path()], &["--threads", threads]));
    assert!(one.file("manifest.jsonl") == many.file("manifest.jsonl"));
    assert!(one.file("assessment.json") == many.file("assessment.json"));
    assert!(number(&one.manifest()[0]["records"]) > 1_000, "{}", one.text("manifest.jsonl"));
    let hunt = |threads: &str| {
        crate::program::afterpatch(&["hunt", crate::program::text(tree.path()), "--threads", threads]).stdout
    };
    assert_eq!(hunt("1"), hunt("4"));
}

/// The files of this collection were shortened by those who publish it; one was not.
#[test]
fn hashes_of_a_velociraptor_collection_are_compared() {
    let Some(folder) = set("velociraptor-layout") else { return };
    let archive = folder.join("Collection-WIN-E5K9RC5GU23-2021-11-21T18_05_56-08_00.zip");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).expect("an archive")).expect("an archive");
    let tree = Tree::empty();
    for number in 0..archive.len() {
        let mut member = archive.by_index(number).expect("a member");
        if member.is_file() {
            let name = member.name().expect("a name").into_owned();
            let mut content = Vec::new();
            std::io::copy(&mut member, &mut content).expect("a readable member");
            tree.put(&format!("WIN-E5K9RC5GU23/{name}"), content);
        }
    }
    let assessed = assess(tree.path());
    let collected = &assessed.json["custody"]["collected"];
    assert_eq!((number(&collected["compared"]), number(&collected["fit"])), (3, 1), "{collected}");
    let what: Vec<&str> = list(&collected["differ"]).iter().map(|one| word(&one["what"])).collect();
    assert!(what[0].contains("13,771,661,304 bytes shorter"), "{what:?}");
    assert!(what[1].starts_with("the collector left out its empty stretches"), "{what:?}");
}
