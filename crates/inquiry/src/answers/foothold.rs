//! What did they leave? Web shells, modules, tasks, agents, accounts.

use model::assessment::{Answer, Confidence, WebShell, WrittenBasis};
use model::campaign::{Proves, Stage};
use model::observation::{Belongs, FileState};
use model::page::Judgement;

use crate::answers::{NAMES_MAX, said, sureness};
use crate::case::Case;
use crate::findings::Seen;
use crate::wording::{count, list, name, when};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let left = case
        .having(|one| one.proves() == Proves::Persistence || (one.is_proof() && one.finding.stage == Stage::Foothold));
    let mut sentences: Vec<String> =
        case.web_shells.iter().take(NAMES_MAX).map(|shell| web_shell(case, shell)).collect();
    let hidden = case.web_shells.len().saturating_sub(NAMES_MAX);
    if hidden > 0 {
        sentences.push(format!("{} in the list of web shells.", count(hidden as u64, "more page")));
    }
    if !case.persistence.is_empty() {
        let names: Vec<String> =
            case.persistence.iter().map(|one| format!("{} {}", one.kind, name(&one.name))).collect();
        let opening = if case.web_shells.is_empty() { "Left behind" } else { "Beside web shells" };
        sentences.push(format!("{opening}: {}.", list(&names, NAMES_MAX)));
    }
    sentences.extend(case.history.sentences.iter().take(NAMES_MAX).cloned());
    if sentences.is_empty() {
        sentences.push(if left.is_empty() {
            "Nothing left behind is seen in this evidence.".to_owned()
        } else {
            "Something was left behind, but no record names where it lies.".to_owned()
        });
    }
    let confidence = if left.is_empty() { Confidence::None } else { sureness(&left) };
    said(sentences.join("\n"), confidence, &left, unknown(case))
}

fn web_shell(case: &Case<'_>, shell: &WebShell) -> String {
    let possibly = if shell.written_basis == Some(WrittenBasis::CollectorList) { "possibly " } else { "" };
    let written = shell.written.map(|time| format!(", {possibly}written {}", when(time))).unwrap_or_default();
    let compiled = shell.compiled.map(|time| format!(", compiled {}", when(time))).unwrap_or_default();
    let used = match (shell.uses, shell.first_use.zip(shell.last_use)) {
        (0, _) => ", no use is seen".to_owned(),
        (uses, Some((first, last))) => {
            format!(", {} answered 200, {}", count(uses, "request"), crate::wording::stretch(first, last))
        }
        (uses, None) => format!(", {} answered 200", count(uses, "request")),
    };
    let present = match shell.present {
        _ if shell.file == Some(FileState::Deleted) => "; the table of files says that it was deleted",
        Some(true) if shell.file == Some(FileState::Listed) => {
            "; a list of files names it, its content is not in the evidence"
        }
        Some(true) => "; the file is in the evidence",
        Some(false) => "; the file is no longer in the web folders",
        None => "; whether the file still lies there is not known, web folders are not in the evidence",
    };
    let clients = if shell.clients.is_empty() { String::new() } else { format!(", by {}", list(&shell.clients, 3)) };
    let is_recorded = matches!(shell.written_basis, Some(WrittenBasis::FileRecord | WrittenBasis::CommandRecord));
    let by_antivirus =
        |one: &Seen| one.is_by_antivirus() && one.is_compromise() && shell.findings.contains(&one.finding.id);
    let code = case.pages.iter().find(|page| page.path == shell.path).map(|page| &page.reading);
    let by_code = code.is_some_and(|code| code.judgement == Judgement::Shell);
    let is_known = shell.uses > 0 || is_recorded || by_code || case.seen.iter().any(by_antivirus);
    let kind = if is_known { "Web shell" } else { "Page to examine" };
    let said = code.map(|code| format!(" {}", code.because)).unwrap_or_default();
    format!(
        "{kind} {}{written}{compiled}{used}{clients}{present} ({}).{said}",
        name(&shell.path),
        list(&shell.findings, 3)
    )
}

fn unknown(case: &Case<'_>) -> Vec<String> {
    let mut unknown = Vec::new();
    if !case.server.web_folders_present {
        unknown.push(format!(
            "web shells that nobody used: collect {}",
            exchange::places(&["web-root", "web-front-end", "compiled-pages"])
        ));
    }
    let by_name = case
        .server
        .files
        .iter()
        .filter(|file| file.belongs == Belongs::PathOnly && file.state == FileState::Read)
        .count() as u64;
    if by_name > 0 {
        unknown.push(format!(
            "whether pages were changed under their own names: {} of the web folders {} judged by path and name only, \
             because the lists of Exchange's files end with the builds of March 2021; compare with a server of the same \
             build, or with the files of the update",
            count(by_name, "page"),
            if by_name == 1 { "was" } else { "were" }
        ));
    }
    let is_event_log = |name: &str| name.starts_with("windows/") && !name.starts_with("windows/Antivirus/");
    if !case.spoken.iter().any(|one| is_event_log(&one.name)) {
        unknown.push(format!(
            "services, tasks and accounts: collect {}",
            exchange::places(&["event-security", "event-system", "event-management", "tasks", "hives"])
        ));
    }
    unknown.push(
        "IIS modules, transport agents, inbox rules and roles: applicationHost.config, agents.config and exports of \
         Get-InboxRule, Get-TransportAgent and Get-ManagementRoleAssignment; what lives in memory only is in none of them"
            .to_owned(),
    );
    unknown
}
