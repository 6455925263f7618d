//! From where, and what did they run? Clients, requests to web shells, child processes.

use std::collections::BTreeSet;

use model::Family;
use model::assessment::{Answer, Confidence};
use model::campaign::{Proves, Stage};

use crate::answers::{NAMES_MAX, has_source, said, sureness};
use crate::case::Case;
use crate::event_logs;
use crate::findings::Seen;
use crate::incidents::Chain;
use crate::wording::{count, list, name, when};

/// The most chains that are told one by one.
const CHAINS_MAX: usize = 5;
/// The most commands that are told.
const COMMANDS_MAX: usize = 5;

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let control =
        case.having(|one| one.is_proof() && (one.finding.stage == Stage::Control || one.proves() == Proves::Execution));
    let mut sentences: Vec<String> =
        case.chains.iter().filter_map(|chain| whence(case, chain)).take(CHAINS_MAX).collect();
    let ran = case.having(|one| one.proves() == Proves::Execution && names_command(one));
    let traces = case.having(|one| one.proves() == Proves::Execution && !names_command(one));
    if !ran.is_empty() {
        sentences.push(format!("What ran: {}.", commands(&ran)));
    } else if !control.is_empty() && traces.is_empty() {
        sentences.push("Which commands ran is not recorded: the content of POST requests is in no log.".to_owned());
    }
    if !traces.is_empty() {
        sentences.push(format!("That something ran shows in: {}.", commands(&traces)));
    }
    if control.is_empty() {
        sentences.insert(0, "No use of a foothold is seen in this evidence.".to_owned());
    }
    let confidence = if control.is_empty() { Confidence::None } else { sureness(&control) };
    said(sentences.join("\n"), confidence, &control, unknown(case, !ran.is_empty()))
}

/// Clients of a chain, what they did in numbers, and what ties them together.
fn whence(case: &Case<'_>, chain: &Chain) -> Option<String> {
    let members: Vec<&Seen> = chain.members.iter().filter_map(|index| case.seen.get(*index)).collect();
    if !members.iter().any(|one| one.is_proof()) {
        return None;
    }
    let control: Vec<&&Seen> =
        members.iter().filter(|one| one.finding.stage == Stage::Control && one.is_proof()).collect();
    let requests = control.iter().map(|one| one.finding.count).fold(0, u64::saturating_add);
    let pages: BTreeSet<&str> = control.iter().flat_map(|one| &one.pages).map(String::as_str).collect();
    let pages: Vec<&str> = pages.into_iter().collect();
    let from = if chain.incident.clients.is_empty() {
        "no client is named in the records".to_owned()
    } else {
        format!("from {}", list(&chain.incident.clients, NAMES_MAX))
    };
    let use_words = match (requests, pages.is_empty()) {
        (0, _) => String::new(),
        (_, true) => format!(", {} of control", count(requests, "record")),
        (_, false) => format!(", {} to {}", count(requests, "record"), list(&pages, NAMES_MAX)),
    };
    let times = match (chain.incident.first, chain.incident.last) {
        (Some(first), Some(last)) => format!(" ({})", crate::wording::stretch(first, last)),
        _ => String::new(),
    };
    let ties = if chain.ties.is_empty() {
        String::new()
    } else {
        format!(
            ". Its {} are taken as one chain because they share {}; they need not be one person",
            count(chain.incident.clients.len() as u64, "client"),
            list(&chain.ties, 3)
        )
    };
    Some(format!("{}: {from}{use_words}{times}{ties}.", name(&chain.incident.id)))
}

/// The finding is about a program or a command line, not about a file or a name that shows that something ran.
fn names_command(one: &Seen) -> bool {
    let subject = one.finding.subject.as_deref().unwrap_or_default().to_lowercase();
    let is_program = [".exe", "cmd", "powershell", ".ps1", ".bat"].iter().any(|word| subject.contains(word));
    one.family != Family::File && (subject.is_empty() || subject.contains(' ') || is_program)
}

/// Each command once, with its first time; several logs record the same process.
fn commands(ran: &[&Seen]) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut in_time: Vec<&Seen> = ran.to_vec();
    in_time.sort_by_key(|one| (one.finding.time.is_none(), one.finding.time));
    for one in in_time {
        let what = name(one.finding.subject.as_deref().unwrap_or(&one.finding.title));
        if !told.contains(&what) {
            let time = one.finding.time.map(|time| format!(" at {}", when(time))).unwrap_or_default();
            words.push(format!("{what}{time} ({})", one.id()));
            told.push(what);
        }
    }
    let hidden = words.len().saturating_sub(COMMANDS_MAX);
    words.truncate(COMMANDS_MAX);
    if hidden > 0 {
        words.push(format!("{} more in the findings", crate::wording::number(hidden as u64)));
    }
    words.join("; ")
}

fn unknown(case: &Case<'_>, some_commands: bool) -> Vec<String> {
    let mut unknown = Vec::new();
    if !has_source(case, "windows/Security") && !has_source(case, "windows/Microsoft-Windows-Sysmon") {
        unknown.push(format!(
            "what ran on the server: collect {} (event 4688) and, where installed, {}, and telemetry of endpoint protection",
            exchange::place_of_source("windows/Security").unwrap_or_default(),
            exchange::place_of_source("windows/Microsoft-Windows-Sysmon/Operational").unwrap_or_default()
        ));
    } else if !some_commands {
        unknown.push(
            "event 4688 names commands only where auditing of command lines was switched on; Prefetch, Amcache and \
             endpoint telemetry may have more"
                .to_owned(),
        );
    }
    unknown.extend(event_logs::unknown(case.server));
    unknown.push(
        "a load balancer or proxy in front of the server may hide the true address; its own logs have it".to_owned(),
    );
    unknown
}
