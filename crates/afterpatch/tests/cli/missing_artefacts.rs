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

/// Groups that a small tree may lack.
const MAY_LACK: [&str; 2] = ["files dropped elsewhere", "mail flow"];

/// A story with as little traffic as has every log.
fn tree(scenario: Scenario, days: u32) -> Tree {
    Tree::demo(&demo::Options { size: Some(1_000_000), days, ..demo::Options::new(scenario) })
}

/// Whether this reads as if nothing had happened.
fn is_all_clear(verdict: &str, status: i32) -> bool {
    status == 0 || !matches!(verdict, "active" | "compromised" | "exploited" | "cannot-tell")
}

/// Mail that is read through the hole leaves nothing in the others.
fn matters(scenario: Scenario, group: &str) -> bool {
    let traces = ["proxy logs", "IIS", "web services", "Windows", "all logs"];
    scenario != Scenario::MailTheft || traces.iter().any(|part| group.contains(part))
}

/// Takes each group away in turn; what is wrong, in words.
fn without_each_group(scenario: Scenario, days: u32) -> Vec<String> {
    let tree = tree(scenario, days);
    let mut wrong = Vec::new();
    for (group, parts) in GROUPS.into_iter().filter(|(group, _)| matters(scenario, group)) {
        let mut aside = Aside::new();
        parts.iter().for_each(|part| aside.take(&place(&tree, part)));
        assert!(!aside.moved.is_empty() || MAY_LACK.contains(&group), "the demo writes no {group}");
        if !aside.moved.is_empty() {
            let assessed = assess(tree.path());
            let (verdict, status) = (assessed.verdict(), assessed.outcome.status);
            // Every other group shows the hit as well.
            let is_lost = verdict == "cannot-tell" && !may_hide(scenario, group);
            if is_all_clear(verdict, status) || is_lost {
                wrong.push(format!("without {group}: {verdict}, status {status}"));
            }
        }
        aside.put_back();
    }
    wrong
}

/// Leaves only one group; what is wrong, in words.
fn with_one_group_alone(scenario: Scenario) -> Vec<String> {
    let tree = tree(scenario, 1);
    let mut wrong = Vec::new();
    for (group, parts) in GROUPS.into_iter().filter(|(group, _)| *group != "files dropped elsewhere") {
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
        if !moved.is_empty() {
            let assessed = assess(alone.path());
            let (verdict, status) = (assessed.verdict(), assessed.outcome.status);
            if is_all_clear(verdict, status) {
                wrong.push(format!("nothing but {group}: {verdict}, status {status}"));
            }
        }
        for (from, to) in moved {
            fs::rename(from, to).expect("moved back");
        }
    }
    wrong
}

#[track_caller]
fn nothing_is_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn whatever_is_missing_of_compromised_before_patch() {
    nothing_is_wrong(&without_each_group(Scenario::CompromisedBeforePatch, 1));
}

#[test]
fn whatever_is_missing_of_active_after_patch() {
    nothing_is_wrong(&without_each_group(Scenario::ActiveAfterPatch, 1));
}

#[test]
fn whatever_is_missing_of_cleaned_up() {
    nothing_is_wrong(&without_each_group(Scenario::CleanedUp, 1));
}

#[test]
fn whatever_is_missing_of_proxyshell() {
    nothing_is_wrong(&without_each_group(Scenario::ProxyShell, 1));
}

/// Its logs reach back to before the first known use: only the missing group can keep the verdict open.
#[test]
fn whatever_is_missing_of_mail_theft() {
    nothing_is_wrong(&without_each_group(Scenario::MailTheft, 71));
}

#[test]
fn whatever_alone_is_left_of_a_hit() {
    for scenario in [Scenario::CompromisedBeforePatch, Scenario::MailTheft, Scenario::CleanedUp, Scenario::ProxyShell] {
        let wrong = with_one_group_alone(scenario);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", scenario.name());
    }
}

#[test]
fn a_quiet_server_without_a_needed_log_cannot_be_told() {
    let tree = Tree::short_story(Scenario::QuietCovered);
    let mut wrong = Vec::new();
    // HttpProxy shows what a request reached, IIS the requests that the front end drops. The log of Outlook on the web is
    // missed only when IIS shows that somebody tried there: `whatever_is_missing_of_mail_theft`.
    for part in
        ["V15/Logging/HttpProxy", "V15/Logging/HttpProxy/Ecp", "C/inetpub/logs", "C/inetpub/logs/LogFiles/W3SVC1"]
    {
        let mut aside = Aside::new();
        aside.take(&place(&tree, part));
        let assessed = assess(tree.path());
        let found = (assessed.verdict(), assessed.outcome.status);
        if found != ("cannot-tell", 4) {
            wrong.push(format!("without {part}: {found:?}"));
        }
        aside.put_back();
    }
    nothing_is_wrong(&wrong);
    assert_eq!(assess(tree.path()).verdict(), "no-evidence");
}
