//! Stolen password or vulnerability, and which? From the chain, and from who was logged on before it.

use std::collections::{BTreeMap, BTreeSet};

use model::Family;
use model::assessment::{Answer, Confidence, Entry, IncidentOutcome};
use model::campaign::{Proves, Stage};
use model::observation::Logon;

use crate::answers::{NAMES_MAX, said, sureness, wishes, worst_chain};
use crate::case::Case;
use crate::credentials;
use crate::findings::Seen;
use crate::incidents::Chain;
use crate::wording::{list, name, when};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let Some(chain) = worst_chain(case) else {
        let text = format!("Nobody is seen to have come in.{}", odd_clients(case));
        return said(text, Confidence::None, &[], wishes(case));
    };
    let access: Vec<&Seen> = chain
        .members
        .iter()
        .filter_map(|index| case.seen.get(*index))
        .filter(|one| one.finding.stage == Stage::Access && one.proves() != Proves::Context)
        .collect();
    let mut text = match chain.incident.entry {
        Entry::Vulnerability => through_the_hole(case, chain, &access),
        Entry::Credentials => with_a_password(case, chain),
        Entry::Unknown => format!(
            "How the attacker of {} came in is not shown: no exploit request of this client is in the evidence, and no \
             logon that clearly stands before it.",
            name(&chain.incident.id)
        ),
    };
    let others = case.chains.len().saturating_sub(1);
    if others > 0 {
        text.push_str(&format!(
            " {} of other clients on this server: see the incidents.",
            crate::wording::count(others as u64, "further chain")
        ));
    }
    text.push_str(&odd_clients(case));
    let confidence = match chain.incident.entry {
        Entry::Unknown => Confidence::None,
        _ if access.iter().any(|one| one.is_proof()) => sureness(&access),
        _ => Confidence::Low,
    };
    said(text, confidence, &access, unknown(case, chain))
}

fn through_the_hole(case: &Case<'_>, chain: &Chain, access: &[&Seen]) -> String {
    let cves: BTreeSet<&str> = case
        .windows
        .iter()
        .filter(|window| window.campaign.id == chain.incident.campaign)
        .flat_map(|window| window.campaign.entry_cves.iter().map(String::as_str))
        .collect();
    let cves: Vec<&str> = cves.into_iter().collect();
    let hole = if cves.is_empty() { "a hole".to_owned() } else { list(&cves, NAMES_MAX) };
    let proven = access.iter().any(|one| one.is_proof());
    let times = access.iter().filter_map(|one| one.finding.time).min().map(when).unwrap_or_default();
    let of_attacker =
        |one: &&&Seen| one.finding.client.as_ref().is_none_or(|client| chain.incident.clients.contains(client));
    let first = access.iter().filter(of_attacker).min_by_key(|one| (one.finding.time.is_none(), one.finding.time));
    let clients = match first.and_then(|one| one.finding.client.as_deref()) {
        Some(client) => name(client),
        None => list(&chain.incident.clients, NAMES_MAX),
    };
    let inside = chain.incident.outcome > IncidentOutcome::Exploited;
    let opening = match (proven, inside) {
        (true, _) => format!("Through a vulnerability: {hole}."),
        (false, true) => {
            format!("Most likely through a vulnerability ({hole}): tried, and followed by what is seen later.")
        }
        (false, false) => format!("Nobody is seen to have come in; a vulnerability was tried ({hole})."),
    };
    let before = logons_before(case, chain);
    let signed_in = stolen_accounts(case, chain);
    let accounts = if !signed_in.is_empty() {
        format!(
            "This way in needs a signed-in user: it was used as {}, whose password was stolen or misused.",
            list(&signed_in, NAMES_MAX)
        )
    } else if needs_account(case, chain) {
        "This way in needs a signed-in user, so somebody's password was known; no record names whose.".to_owned()
    } else if before.is_empty() {
        "No logon from there stands before it.".to_owned()
    } else {
        format!("Logons from there stand before it ({}), so a password may have been used as well.", list(&before, 3))
    };
    let from = if clients.is_empty() { String::new() } else { format!(" from {clients}") };
    format!("{opening} First request {times}{from}. {accounts}")
}

fn needs_account(case: &Case<'_>, chain: &Chain) -> bool {
    case.windows.iter().any(|window| window.campaign.id == chain.incident.campaign && window.campaign.authenticated)
}

/// Accounts whose passwords the attacker of this chain knew: those of sprayed logons, and those as which a way in was
/// used that needs one.
pub(crate) fn stolen_accounts(case: &Case<'_>, chain: &Chain) -> Vec<String> {
    let needs_account = needs_account(case, chain);
    let mut accounts: BTreeMap<String, String> = BTreeMap::new();
    for one in chain.members.iter().filter_map(|index| case.seen.get(*index)) {
        let sprayed = one.finding.rule.starts_with(credentials::RULES) && one.is_proof();
        let through = needs_account
            && one.finding.stage == Stage::Access
            && matches!(one.family, Family::Iis | Family::HttpProxy | Family::RpsHttp | Family::Ews)
            && !matches!(one.proves(), Proves::Context | Proves::Scan);
        let Some(account) = one.finding.account.as_deref().filter(|_| sprayed || through) else { continue };
        let person = credentials::person(account);
        if !person.is_empty() && !person.ends_with('$') && person != "system" && !person.starts_with("healthmailbox") {
            accounts.entry(person).or_insert_with(|| account.to_owned());
        }
    }
    accounts.into_values().collect()
}

/// Clients that look like a stolen password and like a new device alike.
fn odd_clients(case: &Case<'_>) -> String {
    let odd = case.having(|one| one.finding.rule == credentials::NEW_CLIENT_RULE);
    let named = |one: &&Seen| {
        let account = one.finding.account.as_deref().unwrap_or_default();
        format!("{} from {} ({})", name(account), name(one.finding.client.as_deref().unwrap_or_default()), one.id())
    };
    let names: Vec<String> = odd.iter().map(named).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        " Ask the owners about clients never seen before that read much mail, which may be a new device or a stolen \
         password: {}.",
        list(&names, NAMES_MAX)
    )
}

fn with_a_password(case: &Case<'_>, chain: &Chain) -> String {
    let sprayed = |one: &&Seen| one.finding.rule.starts_with(credentials::RULES) && one.is_proof();
    let members = || chain.members.iter().filter_map(|index| case.seen.get(*index));
    let mut accounts: BTreeMap<String, &str> = BTreeMap::new();
    for account in members().filter(sprayed).filter_map(|one| one.finding.account.as_deref()) {
        accounts.entry(credentials::person(account)).or_insert(account);
    }
    if !accounts.is_empty() {
        let accounts: Vec<&str> = accounts.into_values().collect();
        let guessed = members().filter(|one| one.finding.rule == credentials::SPRAYING_RULE);
        let sprayers: BTreeSet<&str> = guessed.filter_map(|one| one.finding.client.as_deref()).collect();
        let sprayers: Vec<&str> = sprayers.into_iter().collect();
        return format!(
            "With a stolen or guessed password: {} tried the passwords of many accounts, and {} was used afterwards from \
             {}. No exploit request of this chain is seen.",
            list(&sprayers, NAMES_MAX),
            list(&accounts, NAMES_MAX),
            list(&chain.incident.clients, NAMES_MAX)
        );
    }
    let accounts = logons_before(case, chain);
    format!(
        "With a password, as far as the evidence shows: {} logged on from {} before the first step, and no exploit \
         request of this client is seen.",
        list(&accounts, NAMES_MAX),
        list(&chain.incident.clients, NAMES_MAX)
    )
}

fn logons_before(case: &Case<'_>, chain: &Chain) -> Vec<String> {
    let clients = &chain.incident.clients;
    let before = |logon: &&Logon| {
        clients.contains(&logon.client) && chain.incident.first.is_some_and(|first| logon.first < first)
    };
    let accounts: BTreeSet<&String> = case.server.logons.iter().filter(before).map(|logon| &logon.account).collect();
    accounts.into_iter().cloned().collect()
}

fn unknown(case: &Case<'_>, chain: &Chain) -> Vec<String> {
    let mut unknown = wishes(case);
    if chain.incident.entry != Entry::Vulnerability {
        unknown.push(
            "logons (Security log, events 4624, 4625 and 4648) and the HttpProxy logs of the days before would show \
             whether a password was used"
                .to_owned(),
        );
    }
    unknown.push("requests that ended in an anonymous 401 are in no HttpProxy log; the IIS logs have them".to_owned());
    unknown
}
