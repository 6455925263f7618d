//! Whose mail, what data? EWS, export requests, archives, dumps, bytes out.

use model::Family;
use model::assessment::{Answer, Confidence, Mailbox};
use model::campaign::{Proves, Stage};

use crate::answers::{NAMES_MAX, has_source, said, sureness};
use crate::case::Case;
use crate::findings::{Seen, top};
use crate::mailboxes::NOT_NAMED;
use crate::wording::{count, list, name, number};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let taken = case.having(|one| {
        let stage = matches!(one.finding.stage, Stage::Collection | Stage::Exfiltration);
        one.proves() == Proves::Theft || (stage && one.is_proof())
    });
    let mut sentences: Vec<String> = Vec::new();
    if !case.mailboxes.is_empty() {
        let bytes = case.mailboxes.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
        let rows: Vec<String> = case.mailboxes.iter().map(mailbox).collect();
        sentences.push(format!(
            "Mail: {}. In all {} bytes sent, as far as the logs count them. Treat the content of these mailboxes as \
             read.",
            list(&rows, NAMES_MAX),
            number(bytes)
        ));
    }
    let named: Vec<&String> = case.mailboxes.iter().flat_map(|one| &one.findings).collect();
    let other: Vec<&Seen> = taken.iter().copied().filter(|one| !named.contains(&&one.finding.id)).collect();
    if !other.is_empty() {
        let rows: Vec<String> = top(other, NAMES_MAX).into_iter().map(thing).collect();
        sentences.push(format!("Other data: {}.", list(&rows, NAMES_MAX)));
    }
    if sentences.is_empty() {
        sentences.push("No access to mail and no gathering of other data is seen in this evidence.".to_owned());
    }
    if case.persistence.iter().any(|one| one.kind == "logon-page") {
        sentences.push(
            "Passwords: the logon page was changed so that it gives them away; treat every password that was typed into \
             it since as known to the attacker."
                .to_owned(),
        );
    }
    sentences.extend(settings(case));
    let confidence = match (taken.is_empty(), case.mailboxes.is_empty()) {
        (false, _) => sureness(&taken),
        (true, false) => Confidence::Low,
        (true, true) => Confidence::None,
    };
    said(sentences.join(" "), confidence, &taken, unknown(case, &taken))
}

/// Exports, forwarding and rights set since somebody was in: administrators do it too, so it is named and not counted.
fn settings(case: &Case<'_>) -> Option<String> {
    let since = case.begin.earliest_certain?;
    let is_setting = |one: &Seen| {
        let by_cmdlet = matches!(
            one.family,
            Family::Windows | Family::RpsCmdlet | Family::Audit | Family::EcpServer | Family::MessageTracking
        );
        by_cmdlet
            && !one.foreign
            && one.proves() == Proves::Context
            && matches!(one.finding.stage, Stage::Collection | Stage::Exfiltration)
            && one.finding.last.or(one.finding.time) >= Some(since)
    };
    let rows: Vec<String> = case.having(is_setting).into_iter().map(thing).collect();
    (!rows.is_empty()).then(|| format!("Set since then, by whomever; ask who did it: {}.", list(&rows, NAMES_MAX)))
}

fn mailbox(one: &Mailbox) -> String {
    let times = match (one.first, one.last) {
        (Some(first), Some(last)) => format!(", {}", crate::wording::stretch(first, last)),
        _ => String::new(),
    };
    format!(
        "{} by {} ({}, {} bytes{times})",
        name(&one.mailbox),
        one.how,
        count(one.requests, "request"),
        number(one.bytes)
    )
}

fn thing(one: &Seen) -> String {
    if one.family == Family::MessageTracking {
        let to = name(one.finding.subject.as_deref().unwrap_or_default());
        let (messages, bytes) = (count(one.finding.count, "message"), number(one.finding.bytes));
        return format!("{messages} sent on to {to}, {bytes} bytes ({})", one.id());
    }
    let subject = one.finding.subject.as_deref().map(|subject| format!(": {}", name(subject))).unwrap_or_default();
    format!("{}{subject} ({})", name(&one.finding.title), one.id())
}

fn unknown(case: &Case<'_>, taken: &[&Seen]) -> Vec<String> {
    let mut unknown = Vec::new();
    if case.mailboxes.iter().any(|one| one.mailbox == NOT_NAMED) || !has_source(case, "ews") {
        unknown.push(format!(
            "which mailboxes, and how much: collect {} of the same hours; mailbox audit logs name items where auditing was on",
            exchange::places(&["ews"])
        ));
    }
    if !taken.is_empty() {
        unknown.push(
            "whether what was gathered left the network: firewall, proxy and flow records, and the IIS column sc-bytes \
             where it was switched on"
                .to_owned(),
        );
    } else {
        unknown.push(
            "what cannot be seen here: reading of mail before the evidence begins, and what commands behind a POST \
             copied"
                .to_owned(),
        );
    }
    unknown
}
