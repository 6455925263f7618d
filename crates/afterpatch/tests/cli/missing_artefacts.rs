//! Evidence is never complete. Whatever is missing, a server that was hit must not read as one that was not.

use std::fs;
use std::path::{Path, PathBuf};

use demo::Scenario;
use tempfile::TempDir;

use crate::program::assess;
use crate::trees::{EXCHANGE, Tree};

/// What an administrator may have lost or forgotten, by name, and its paths below `EXC01`.
const GROUPS: [(&str, &[&str]); 19] = [
    ("all front-end proxy logs", &["V15/Logging/HttpProxy"]),
    ("proxy logs of the control panel", &["V15/Logging/HttpProxy/Ecp"]),
    ("proxy logs of Outlook on the web", &["V15/Logging/HttpProxy/Owa"]),
    ("proxy logs of autodiscover", &["V15/Logging/HttpProxy/Autodiscover"]),
    ("all IIS logs", &["C/inetpub/logs"]),
    ("IIS logs of the front end", &["C/inetpub/logs/LogFiles/W3SVC1"]),
    ("IIS logs of the back end", &["C/inetpub/logs/LogFiles/W3SVC2"]),
    ("the control panel's own logs", &["V15/Logging/ECP"]),
    ("Windows events", &["events.jsonl"]),
    ("web folders", &["C/inetpub/wwwroot", "V15/FrontEnd"]),
    ("the web folder of IIS", &["C/inetpub/wwwroot"]),
    ("logs of the web services", &["V15/Logging/Ews"]),
    ("cmdlet logs", &["V15/Logging/CmdletInfra"]),
    ("logs of the address book generator", &["V15/Logging/OABGeneratorLog"]),
    ("mail flow", &["V15/TransportRoles"]),
    ("setup history", &["C/ExchangeSetupLogs"]),
    ("errors of HTTP.sys", &["C/Windows/System32"]),
    ("files dropped elsewhere", &["C/ProgramData", "C/Windows/Temp"]),
    ("all logs of Exchange", &["V15/Logging", "V15/TransportRoles"]),
];

const HIT: [Scenario; 5] = [
    Scenario::CompromisedBeforePatch,
    Scenario::ActiveAfterPatch,
    Scenario::MailTheft,
    Scenario::CleanedUp,
    Scenario::ProxyShell,
];

/// Parts of a tree that are set aside for a while.
struct Aside {
    folder: TempDir,
    moved: Vec<(PathBuf, PathBuf)>,
}

impl Aside {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), moved: Vec::new() }
    }

    fn take(&mut self, path: &Path) {
        if path.exists() {
            let target = self.folder.path().join(self.moved.len().to_string());
            fs::rename(path, &target).expect("set aside");
            self.moved.push((target, path.to_owned()));
        }
    }

    fn put_back(self) {
        for (from, to) in self.moved.iter().rev() {
            fs::rename(from, to).expect("put back");
        }
    }
}

/// A part of a group below a tree.
fn place(tree: &Tree, part: &str) -> PathBuf {
    tree.path().join("EXC01").join(part.replacen("V15", EXCHANGE, 1))
}

/// Mail that is read through the hole leaves its traces in few logs.
fn may_hide(scenario: Scenario, group: &str) -> bool {
    let elsewhere = ["all front-end proxy logs", "proxy logs of Outlook on the web", "all logs of Exchange"];
    scenario == Scenario::MailTheft && elsewhere.contains(&group)
}

/// Takes each group away in turn; what is wrong, in words.
fn without_each_group(scenario: Scenario) -> Vec<String> {
    let tree = Tree::demo(&demo::Options { size: Some(1_500_000), days: 1, ..demo::Options::new(scenario) });
    let mut wrong = Vec::new();
    for (group, parts) in GROUPS {
        let mut aside = Aside::new();
        parts.iter().for_each(|part| aside.take(&place(&tree, part)));
        let is_there = !aside.moved.is_empty();
        if is_there {
            let assessed = assess(tree.path());
            let (verdict, status) = (assessed.verdict().to_owned(), assessed.outcome.status);
            let is_all_clear = !matches!(verdict.as_str(), "active" | "compromised" | "exploited" | "cannot-tell");
            let is_lost = verdict == "cannot-tell" && !may_hide(scenario, group);
            if is_all_clear || is_lost || status == 0 {
                wrong.push(format!("{} without {group}: {verdict}, status {status}", scenario.name()));
            }
        }
        aside.put_back();
        let may_lack = group == "files dropped elsewhere";
        assert!(is_there || may_lack, "{}: the demo writes no {group}", scenario.name());
    }
    wrong
}

/// Leaves only one group; what is wrong, in words.
fn with_one_group_alone(scenario: Scenario) -> Vec<String> {
    let tree = Tree::demo(&demo::Options { size: Some(1_500_000), days: 1, ..demo::Options::new(scenario) });
    let mut wrong = Vec::new();
    for (group, parts) in GROUPS {
        let alone = Tree::empty();
        let mut moved = Vec::new();
        for part in parts {
            let (from, to) = (place(&tree, part), place(&alone, part));
            if from.exists() {
                fs::create_dir_all(to.parent().expect("a folder above")).expect("folders");
                fs::rename(&from, &to).expect("moved");
                moved.push((to, from));
            }
        }
        if !moved.is_empty() && group != "files dropped elsewhere" {
            let assessed = assess(alone.path());
            let (verdict, status) = (assessed.verdict(), assessed.outcome.status);
            let is_all_clear = !matches!(verdict, "active" | "compromised" | "exploited" | "cannot-tell");
            if is_all_clear || status == 0 {
                wrong.push(format!("{} with nothing but {group}: {verdict}, status {status}", scenario.name()));
            }
        }
        for (from, to) in moved {
            fs::rename(from, to).expect("moved back");
        }
    }
    wrong
}

#[test]
fn no_missing_group_turns_a_hit_into_an_all_clear() {
    let wrong: Vec<String> = HIT.into_iter().flat_map(without_each_group).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_group_alone_turns_a_hit_into_an_all_clear() {
    let wrong: Vec<String> = HIT.into_iter().flat_map(with_one_group_alone).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_quiet_server_without_a_needed_log_cannot_be_told() {
    let tree = Tree::short_story(Scenario::QuietCovered);
    for part in ["V15/Logging/HttpProxy/Ecp", "V15/Logging/HttpProxy"] {
        let mut aside = Aside::new();
        aside.take(&place(&tree, part));
        let assessed = assess(tree.path());
        assert_eq!((assessed.verdict(), assessed.outcome.status), ("cannot-tell", 4), "without {part}");
        aside.put_back();
    }
    assert_eq!(assess(tree.path()).verdict(), "no-evidence");
}
