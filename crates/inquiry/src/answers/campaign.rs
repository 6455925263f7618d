//! Which campaign does it look like, and which not? Overlap for and against; an actor is never claimed from it.

use model::assessment::{Answer, Confidence};

use crate::answers::{NAMES_MAX, said, sureness, wishes};
use crate::case::Case;
use crate::exposure::Window;
use crate::findings::Seen;
use crate::incidents::UNKNOWN;
use crate::wording::{count, list, name};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let attributed = case.having(|one| one.finding.campaign.is_some() && one.is_proof());
    let mut sentences: Vec<String> = case.windows.iter().map(|window| overlap(case, window)).collect();
    let unknown_chains: Vec<&str> = case
        .chains
        .iter()
        .filter(|chain| chain.incident.campaign == UNKNOWN)
        .map(|chain| chain.incident.id.as_str())
        .collect();
    if !unknown_chains.is_empty() {
        sentences.push(format!("{} fits no campaign known to this version.", list(&unknown_chains, NAMES_MAX)));
    }
    if sentences.is_empty() {
        sentences.push("Nothing was found that could be compared with a campaign.".to_owned());
    }
    sentences.push(
        "A campaign is a way of working, not a name: several groups used the same holes and tools, so who it was cannot \
         be said from this."
            .to_owned(),
    );
    let confidence = match sureness(&attributed) {
        Confidence::High => Confidence::Medium,
        Confidence::Medium => Confidence::Low,
        other => other,
    };
    let unknown = if attributed.is_empty() {
        wishes(case)
    } else {
        vec![
            "who it was: that needs the attacker's tools and infrastructure, beyond the logs of this server".to_owned(),
        ]
    };
    said(sentences.join(" "), confidence, &attributed, unknown)
}

fn overlap(case: &Case<'_>, window: &Window<'_>) -> String {
    let id = window.campaign.id.as_str();
    let own: Vec<&Seen> = case.having(|one| one.finding.campaign.as_deref() == Some(id));
    let by_own_rule = |one: &&Seen| one.finding.rule.starts_with(&format!("{id}/"));
    let mut proofs: Vec<&str> =
        own.iter().filter(|one| by_own_rule(one) && one.is_proof()).map(|one| one.finding.rule.as_str()).collect();
    proofs.sort_unstable();
    proofs.dedup();
    let campaign = name(&window.campaign.name);
    let loaded = case.rules.iter().filter(|rule| rule.campaign.as_deref() == Some(id)).count() as u64;
    if own.is_empty() {
        let reach = if window.is_covered() { "and its window is covered" } else { "but its window is not covered" };
        return format!("Against {campaign}: none of its rules matched ({} ran), {reach}.", count(loaded, "rule"));
    }
    if proofs.is_empty() {
        return format!("{campaign}: {} without a proof; that is weak.", count(own.len() as u64, "trace"));
    }
    let tell = window.campaign.tell_apart.trim();
    let tell = if tell.is_empty() { String::new() } else { format!(" What tells it apart: {tell}") };
    format!(
        "For {campaign}: {} of the {} that ran for it ({}).{tell}",
        count(proofs.len() as u64, "proof"),
        count(loaded, "rule"),
        list(&proofs, NAMES_MAX)
    )
}
