//! Did the update evict them? An update shuts the door and evicts nobody: activity and persistence after the fix, and
//! what of the eviction list is open. The list follows CISA ED 21-02 with its supplements, and Microsoft's guidance for
//! responders of March 2021.

use model::assessment::{Answer, Confidence, IncidentOutcome, Persistence, Verdict};
use model::campaign::Proves;

use crate::answers::{NAMES_MAX, said, sureness};
use crate::case::Case;
use crate::findings::Seen;
use crate::wording::{count, list, when};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let fixed = case.fixed_since();
    let inside = case.seen.iter().any(Seen::is_compromise);
    let after = case.having(|one| one.foothold_used().zip(fixed).is_some_and(|(used, fixed)| used > fixed));
    let items = open_items(case);
    let mut sentences = vec![match (case.verdict, inside, fixed) {
        (Verdict::Active, _, Some(fixed)) => format!(
            "No. The fixed build ran from {}, and the foothold is used after that ({}).",
            when(fixed),
            count(after.len() as u64, "finding")
        ),
        (_, true, Some(fixed)) => format!(
            "Not shown. The fixed build ran from {}; no use of the foothold is seen after it, but an update removes \
             nothing that was left before.",
            when(fixed)
        ),
        (_, true, None) => "No fixed build is seen in this evidence, so nothing is shown to be over.".to_owned(),
        (Verdict::Exploited, _, _) => {
            "An exploit succeeded and nothing later is proven. The update shuts the door; it does not show that nobody \
             had come through."
                .to_owned()
        }
        (_, false, Some(fixed)) => {
            format!("No intrusion is proven that could be over. The fixed build ran from {}.", when(fixed))
        }
        (_, false, None) => "No intrusion is proven that could be over, and no time of a fix is known.".to_owned(),
    }];
    let runs: Vec<&str> = case.having(is_run_of_scanner).iter().map(|one| one.id()).collect();
    if !runs.is_empty() {
        sentences.push(format!("A scanner or the mitigation tool of Microsoft was run ({}).", list(&runs, NAMES_MAX)));
    }
    if !items.is_empty() {
        sentences.push(format!("Open: {}.", items.join("; ")));
    }
    let confidence = match case.verdict {
        Verdict::Active => sureness(&after),
        _ if inside => Confidence::Low,
        _ => Confidence::None,
    };
    let because = if after.is_empty() { case.having(Seen::is_compromise) } else { after };
    said(sentences.join(" "), confidence, &because, unknown(case, inside))
}

/// Items of the eviction list that the evidence shows to be open, or cannot show to be done.
pub(crate) fn open_items(case: &Case<'_>) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let paths = |present: Option<bool>| -> Vec<&str> {
        let with = case.web_shells.iter().filter(|shell| shell.present == present);
        with.map(|shell| shell.path.as_str()).collect()
    };
    let (lying, unseen) = (paths(Some(true)), paths(None));
    if !lying.is_empty() {
        items.push(format!("still there: {}", list(&lying, NAMES_MAX)));
    }
    if !unseen.is_empty() {
        items.push(format!("not shown to be removed: {}", list(&unseen, NAMES_MAX)));
    }
    let stays = |one: &&Persistence| !one.findings.iter().all(|id| case.history.gone.contains(id));
    let names: Vec<String> =
        case.persistence.iter().filter(stays).map(|one| format!("{} {}", one.kind, one.name)).collect();
    if !names.is_empty() {
        items.push(format!("not shown to be removed: {}", list(&names, NAMES_MAX)));
    }
    let furthest = case.chains.iter().map(|chain| chain.incident.outcome).max();
    let ran = case.seen.iter().any(|one| one.proves() == Proves::Execution);
    if ran || furthest >= Some(IncidentOutcome::Foothold) {
        items.push(
            "machine keys, certificates and passwords that lay on the server are not shown to be renewed".to_owned(),
        );
    }
    if furthest >= Some(IncidentOutcome::Control) {
        items.push("other machines reached from here are not in this evidence".to_owned());
    }
    items
}

/// Somebody cleaned up: what of it, the finding says.
fn is_run_of_scanner(one: &Seen) -> bool {
    one.finding.rule.ends_with("/antivirus-run") || one.finding.rule.ends_with("/registry-mitigation-ran")
}

fn unknown(case: &Case<'_>, inside: bool) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Some(evidence) = &case.evidence {
        unknown.push(format!(
            "what happened after {}, where this evidence ends: collect the logs since and assess again",
            when(evidence.until)
        ));
    }
    if inside {
        unknown.push(
            "whether passwords and keys were renewed: pwdLastSet of administrators, service accounts, the computer \
             account and krbtgt; validationKey and decryptionKey in web.config against a copy from before"
                .to_owned(),
        );
    }
    if inside && !case.seen.iter().any(is_run_of_scanner) {
        unknown.push(
            r"whether a scan was run and what it removed: %SystemRoot%\Debug\msert.log and the Defender operational log"
                .to_owned(),
        );
    }
    unknown
}
