//! Which campaign does it look like, and which not? Overlap for and against; an actor is never claimed from it.
//!
//! Three things are kept apart: campaigns that a server was open to or of which something was found, groups inside a
//! campaign (by indicators, which others share), and intrusions that are no matter of Exchange but are mistaken for one.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::{Answer, Confidence, IncidentOutcome};
use model::campaign::{Campaign, CampaignKind, Proves};

use crate::answers::{NAMES_MAX, said, sureness, wishes};
use crate::case::Case;
use crate::exposure::Window;
use crate::findings::Seen;
use crate::incidents::UNKNOWN;
use crate::verdict::is_alike;
use crate::wording::{count, day, list, name};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let attributed = case.having(|one| one.finding.campaign.is_some() && one.is_proof());
    let mut for_it: Vec<String> = Vec::new();
    let mut against: BTreeMap<bool, Vec<&Window<'_>>> = BTreeMap::new();
    for window in case.windows.iter().filter(|window| window.campaign.kind != CampaignKind::Separate) {
        match overlap(case, window) {
            Some(text) => for_it.push(text),
            None if case.seen.iter().any(|one| is_alike(one, window, &case.windows)) => for_it.push(format!(
                "{}: attempts were seen that look the same as those of another campaign as long as they fail; which of \
                 the two was meant cannot be told.",
                name(&window.campaign.name)
            )),
            None => against.entry(window.is_covered()).or_default().push(window),
        }
    }
    let mut sentences = for_it;
    sentences.extend(against.iter().map(|(covered, windows)| nothing_of(windows, *covered)));
    let unknown_chains: Vec<&str> = case
        .chains
        .iter()
        .filter(|chain| chain.incident.campaign == UNKNOWN)
        .map(|chain| chain.incident.id.as_str())
        .collect();
    sentences.extend(indicators_alone(case));
    if !unknown_chains.is_empty() {
        let fits = if unknown_chains.len() == 1 { "fits" } else { "fit" };
        sentences.push(format!("{} {fits} no campaign known to this version.", list(&unknown_chains, NAMES_MAX)));
    }
    let separate = case.campaigns.iter().filter(|campaign| campaign.kind == CampaignKind::Separate);
    let apart: Vec<String> = separate.map(|campaign| apart(case, campaign)).collect();
    if sentences.is_empty() && attributed.is_empty() {
        sentences.push("Nothing was found that could be compared with a campaign.".to_owned());
    }
    sentences.extend(apart);
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

/// What speaks for a campaign; `None` when nothing of it was found.
fn overlap(case: &Case<'_>, window: &Window<'_>) -> Option<String> {
    let id = window.campaign.id.as_str();
    let own: Vec<&Seen> = case.having(|one| is_of(one, id) && !one.indicator);
    let shared: Vec<&Seen> = case.having(|one| is_of(one, id) && one.indicator);
    if own.is_empty() && shared.is_empty() {
        return None;
    }
    let campaign = name(&window.campaign.name);
    let proofs = rules(own.iter().copied().filter(|one| one.is_proof()), id);
    let loaded = case.rules.iter().filter(|rule| rule.campaign.as_deref() == Some(id) && !rule.indicator).count();
    let mut text = if proofs.is_empty() {
        let traces = match own.len() {
            0 => "no rule of it matched".to_owned(),
            many => format!("{} without a proof", count(many as u64, "trace")),
        };
        let followed = case
            .chains
            .iter()
            .any(|chain| chain.incident.campaign == id && chain.incident.outcome > IncidentOutcome::Exploited);
        if followed {
            format!("For {campaign}: {traces}, and what followed in the same chain is proven.")
        } else {
            format!("{campaign}: {traces}; that is weak.")
        }
    } else {
        let tell = window.campaign.tell_apart.trim();
        let tell = if tell.is_empty() { String::new() } else { format!(" What tells it apart: {tell}") };
        format!(
            "For {campaign}: {} of the {} that ran for it ({}).{tell}",
            count(proofs.len() as u64, "proof"),
            count(loaded as u64, "rule"),
            list(&proofs, NAMES_MAX)
        )
    };
    if !shared.is_empty() {
        text.push_str(&format!(
            " {} of its published indicators match: they count little, because addresses, names and tools are used by \
             others too.",
            count(shared.len() as u64, "hit")
        ));
    }
    text.push_str(&groups(case, window.campaign, &shared));
    Some(text)
}

/// Indicators of campaigns that do not count for this server otherwise.
fn indicators_alone(case: &Case<'_>) -> Option<String> {
    let counts = |campaign: &Campaign| case.windows.iter().any(|window| window.campaign.id == campaign.id);
    let hit = |campaign: &&Campaign| case.seen.iter().any(|one| one.indicator && is_of(one, &campaign.id));
    let others: Vec<String> =
        case.campaigns.iter().filter(|one| !counts(one)).filter(hit).map(|one| name(&one.name)).collect();
    (!others.is_empty()).then(|| {
        format!(
            "Published indicators of {} match, and nothing else of it: look at these findings; alone they prove nothing.",
            list(&others, NAMES_MAX)
        )
    })
}

fn is_of(one: &Seen, campaign: &str) -> bool {
    one.finding.campaign.as_deref() == Some(campaign)
}

fn rules<'s>(seen: impl Iterator<Item = &'s Seen>, campaign: &str) -> Vec<&'s str> {
    let prefix = format!("{campaign}/");
    let rules: BTreeSet<&str> =
        seen.map(|one| one.finding.rule.as_str()).filter(|rule| rule.starts_with(&prefix)).collect();
    rules.into_iter().collect()
}

/// Groups inside a campaign: which indicators of theirs match, and whether their dates fit.
fn groups(case: &Case<'_>, campaign: &Campaign, shared: &[&Seen]) -> String {
    let began =
        case.proofs().into_iter().filter(|one| is_of(one, &campaign.id)).filter_map(|one| one.finding.time).min();
    let mut texts: Vec<String> = Vec::new();
    let group_of = |one: &Seen| {
        let rule = case.rules.iter().find(|rule| rule.id == one.finding.rule)?;
        rule.group.as_deref()
    };
    for group in &campaign.groups {
        let ending = format!("-{}", group.id);
        let own: Vec<&&Seen> = shared.iter().filter(|one| group_of(one) == Some(group.id.as_str())).collect();
        if own.is_empty() {
            continue;
        }
        let kinds: BTreeSet<&str> =
            own.iter().filter_map(|one| kind_of_indicator(&one.finding.rule, &ending)).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let against = group.first_use.zip(began).filter(|(first, began)| began < first);
        let against = match against {
            Some((first, began)) => {
                format!("; against it: it is first reported on {}, this began on {}", day(first), day(began))
            }
            None => String::new(),
        };
        let hits = count(own.len() as u64, "indicator hit");
        texts.push(format!("{} ({hits}, by {}{against})", name(&group.name), list(&kinds, NAMES_MAX)));
    }
    if campaign.groups.is_empty() || shared.is_empty() {
        return String::new();
    }
    if texts.is_empty() {
        return format!(
            " None of them belongs to one of the {} groups that reports tell apart.",
            campaign.groups.len()
        );
    }
    format!(
        " Overlap with groups that reports tell apart: {}. Overlap is no attribution: groups share tools, and names are \
         copied.",
        list(&texts, NAMES_MAX)
    )
}

/// `ip` of `proxylogon/indicator-ip-tonto-team`.
fn kind_of_indicator<'r>(rule: &'r str, ending: &str) -> Option<&'r str> {
    let kind = rule.split_once("/indicator-")?.1.strip_suffix(ending)?;
    Some(match kind {
        "ip" => "address",
        "sha256" | "sha1" | "md5" => "file content",
        "name" => "file name",
        "path" => "path",
        "url" => "URL",
        "user-agent" => "user agent",
        other => other,
    })
}

/// Campaigns of which nothing was found, in one sentence for those that could be seen and one for the others.
fn nothing_of(windows: &[&Window<'_>], covered: bool) -> String {
    let names: Vec<String> = windows.iter().map(|window| name(&window.campaign.name)).collect();
    let names = list(&names, usize::MAX);
    if covered {
        return format!(
            "Against {names}: no rule matched, and the evidence covers the time in which the server was open."
        );
    }
    let untraceable = windows.iter().all(|window| window.campaign.kind == CampaignKind::Untraceable);
    if untraceable {
        return format!("{names}: its use leaves no trace in logs, so nothing speaks for or against it.");
    }
    format!("Neither for nor against {names}: no rule matched, but the evidence does not cover the time.")
}

/// An intrusion that is mistaken for one of Exchange: found, looked for and not found, or nothing to look in.
fn apart(case: &Case<'_>, campaign: &Campaign) -> String {
    let label = name(&campaign.name);
    let own = case.having(|one| is_of(one, &campaign.id) && one.proves() != Proves::Context);
    if !own.is_empty() {
        let rules = rules(own.into_iter(), &campaign.id);
        return format!(
            "{label} is another intrusion, and traces of its own were found ({}): it has to be answered by itself.",
            list(&rules, NAMES_MAX)
        );
    }
    if let Some(servers) = case.elsewhere.get(&campaign.id) {
        let servers: Vec<&String> = servers.iter().collect();
        return format!(
            "{label} is another intrusion: nothing of its own was found on this server, but on {}: answer it there, and \
             ask which accounts of that host were used here.",
            list(&servers, NAMES_MAX)
        );
    }
    let sources: BTreeSet<&str> = campaign
        .needs
        .iter()
        .flat_map(|need| &need.any_of)
        .filter(|source| case.spoken.iter().any(|one| one.name.eq_ignore_ascii_case(source)))
        .map(String::as_str)
        .collect();
    if sources.is_empty() {
        let settle: Vec<&str> = campaign.needs.iter().map(|need| need.settle.as_str()).collect();
        return format!(
            "{label} is another intrusion; this evidence holds nothing in which its own traces would show ({}).",
            settle.join("; ")
        );
    }
    let sources: Vec<&str> = sources.into_iter().collect();
    format!(
        "{label} is another intrusion: its own traces were looked for in {} and not found.",
        list(&sources, NAMES_MAX)
    )
}

#[cfg(test)]
mod tests;
