//! What now, in which order? Preserve, isolate, update, remove, renew, collect, report. One step a line.

use std::collections::BTreeSet;

use model::assessment::{Answer, Confidence, IncidentOutcome, Verdict};

use crate::answers::entry::stolen_accounts;
use crate::answers::said;
use crate::case::Case;
use crate::configuration;
use crate::findings::Seen;
use crate::wording::list;

/// The most collecting steps.
const COLLECT_MAX: usize = 5;

/// The most machine keys that are named.
const KEYS_MAX: usize = 3;

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let inside = case.verdict <= Verdict::Compromised;
    let mut steps = vec![preserve(case)];
    if case.verdict == Verdict::Active {
        steps.push(
            "Take the server off the network now: the foothold was used after the fix. Keep it running until memory is \
             captured."
                .to_owned(),
        );
    } else if inside || case.verdict == Verdict::Exploited {
        steps.push("Cut the server off from the internet until the steps below are done.".to_owned());
    }
    steps.extend(close_accounts(case));
    steps.extend(update(case));
    steps.extend(configuration::void_mitigations(&case.seen));
    if inside {
        steps.extend(evict(case));
    }
    steps.extend(case.shared_keys.iter().take(KEYS_MAX).map(shared_key));
    if case.verdict == Verdict::Exploited {
        steps.push(
            "Search the server for what may have followed: new pages in the web folders, tasks, services, accounts, \
             mailbox export requests."
                .to_owned(),
        );
    }
    steps.extend(case.wishes().into_iter().take(COLLECT_MAX).map(|wish| format!("To settle what is open: {wish}.")));
    steps.extend(case.blind.iter().map(|blind| format!("Repeat the assessment: {blind}.")));
    steps.push(report(case));
    steps.push(
        "Assess again with the new evidence, and watch this server for the next weeks: many victims were hit more than \
         once."
            .to_owned(),
    );
    let numbered: Vec<String> =
        steps.iter().enumerate().map(|(index, step)| format!("{}. {step}", index + 1)).collect();
    let confidence = if case.last_build().is_some() { Confidence::High } else { Confidence::Medium };
    said(numbered.join("\n"), confidence, &case.having(Seen::is_compromise), Vec::new())
}

/// A key that was taken from one server opens the others.
fn shared_key((digest, others): &(String, Vec<String>)) -> String {
    format!(
        "The same machine key ({digest}…) stands in the configuration of {}: whoever takes it from one server has it for all, \
         so renew it on all of them.",
        list(others, 6)
    )
}

/// Passwords that the attacker knows come before any update: they open a fixed server as well.
fn close_accounts(case: &Case<'_>) -> Option<String> {
    let proven = case.chains.iter().filter(|chain| chain.incident.outcome >= IncidentOutcome::Exploited);
    let accounts: BTreeSet<String> = proven.flat_map(|chain| stolen_accounts(case, chain)).collect();
    let accounts: Vec<&String> = accounts.iter().collect();
    (!accounts.is_empty()).then(|| {
        format!(
            "Set new passwords for {} and end their sessions, devices and tokens: the attacker knew the old ones.",
            list(&accounts, 6)
        )
    })
}

fn preserve(case: &Case<'_>) -> String {
    match case.verdict {
        Verdict::NoEvidence | Verdict::Targeted => {
            "Keep this evidence and the result for at least six months; logs of HttpProxy and ECP are deleted after 30 \
             days or 1 GB a folder, whichever comes first."
                .to_owned()
        }
        _ => "Preserve before anything is changed: memory, disk image, IIS, HttpProxy, ECP and event logs, registry. Copy \
              what the next log rotation deletes (30 days or 1 GB a folder)."
            .to_owned(),
    }
}

/// The update that fits the build that ran last.
fn update(case: &Case<'_>) -> Vec<String> {
    let Some(span) = case.last_build() else {
        return vec![
            "Find out the build (ExSetup.exe, or the HttpProxy logs) and install the update that fits it.".to_owned(),
        ];
    };
    let steps = case.product.update_steps(span.build);
    if steps.is_empty() {
        return vec![format!(
            "No newer update than {} ({}) is known to this version; check for one.",
            span.build, span.update
        )];
    }
    steps.into_iter().map(|step| format!("{}.", step.trim_end_matches('.'))).collect()
}

fn evict(case: &Case<'_>) -> Vec<String> {
    let mut steps = Vec::new();
    let shells: Vec<&str> =
        case.web_shells.iter().filter(|shell| shell.present != Some(false)).map(|shell| shell.path.as_str()).collect();
    if !shells.is_empty() {
        steps.push(format!(
            "After copying them, remove the web shells ({}) and the Temporary ASP.NET Files, then restart IIS.",
            list(&shells, 6)
        ));
    }
    let stays = case.persistence.iter().filter(|one| !one.findings.iter().all(|id| case.history.gone.contains(id)));
    let names: Vec<String> = stays.map(|one| format!("{} {}", one.kind, one.name)).collect();
    if !names.is_empty() {
        steps.push(format!("Remove what else was left: {}.", list(&names, 6)));
    }
    steps.push(
        "Compare IIS modules, transport agents, tasks, services, inbox rules, mailbox permissions and role assignments \
         with what you know to be yours."
            .to_owned(),
    );
    steps.push(
        "Renew what the attacker could have read: passwords of administrators and of all who logged on to the server, \
         service accounts, machine keys, the OAuth certificate and certificates with private keys on it. Where the \
         domain is in doubt, krbtgt twice."
            .to_owned(),
    );
    steps.push(
        "Where credentials were taken or other machines reached, rebuild the server instead of repairing it, from a copy \
         older than the first exploitation."
            .to_owned(),
    );
    if !case.mailboxes.is_empty() {
        let names: Vec<&str> = case.mailboxes.iter().map(|one| one.mailbox.as_str()).collect();
        steps.push(format!("Treat the mail as read and tell those whom it concerns: {}.", list(&names, 6)));
    }
    steps
}

fn report(case: &Case<'_>) -> String {
    match case.verdict {
        Verdict::Active | Verdict::Compromised | Verdict::Exploited => {
            "Report: data protection (GDPR Article 33: 72 hours from becoming aware), NIS2 Article 23 (24 hours, 72 hours, \
             one month) or your national rules, your insurer and your CERT."
                .to_owned()
        }
        _ => "Record this result with its limits; whether something has to be reported is for your counsel to say.".to_owned(),
    }
}
