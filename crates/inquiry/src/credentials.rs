//! Entry by stolen password: clients that try many accounts, the logons that follow, and the mail they read.
//!
//! A user who mistypes and a telephone with an old password fail on their own account. A client that fails on many
//! accounts, and hardly ever logs on with one of them, sprays passwords; a logon from there is the attacker's. Without
//! such a client a stolen password looks like its owner: then only what is odd is named, and proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;
use model::assessment::Evidence;
use model::campaign::{Proves, Stage};
use model::observation::{EvidenceRecord, Logon, MailUse, Refused, Server};

use crate::clients::InBetween;
use crate::findings::{Material, Said, Seen, evidence, own_finding};
use crate::wording::{list, name, number};

/// The rule ids of what is found here begin with this.
pub(crate) const RULES: &str = "observer/password-";
/// One client, many accounts.
pub(crate) const SPRAYING_RULE: &str = "observer/password-spraying";
const LOGON_RULE: &str = "observer/password-logon-after-spraying";
const MAIL_RULE: &str = "observer/password-mail-after-spraying";
/// A client that is worth asking the owner about.
pub(crate) const NEW_CLIENT_RULE: &str = "observer/password-new-client";

/// A client that fails on so many accounts without ever logging on with them sprays.
const SPRAYED_ACCOUNTS_MIN: usize = 10;
/// Of many clients that share the work, each fails on at least so many accounts.
const SHARED_ACCOUNTS_MIN: usize = 3;
/// So many clients, and so many accounts in all, are no chance.
const SHARED_CLIENTS_MIN: usize = 5;
const SHARED_ALL_ACCOUNTS_MIN: usize = 30;
/// More clients are not told one by one.
const SPRAYERS_MAX: usize = 100;
/// Of all accounts that it tries, at least so many of a hundred fail: the gateway of an office does better.
const FAILED_PERCENT_MIN: usize = 70;
/// An account needs so long a history before a client can be called new.
const HISTORY_SECS: i64 = 7 * 86_400;
/// So much read from a new client is worth a look, if it is also a multiple of what the account reads elsewhere.
const MUCH_BYTES: u64 = 50_000_000;
const MUCH_TIMES: u64 = 5;
/// More would bury the rest.
const NEW_CLIENTS_MAX: usize = 20;
/// A client that appears so soon after a password became known may be the attacker's own.
const NEWCOMER_SECS: i64 = 7 * 86_400;
/// So much is a mailbox and no day's mail.
const BULK_BYTES: u64 = 10_000_000;
/// What the client that read mail is, in words.
const SPRAYER: &str = "a client that tried many passwords";
const NEWCOMER: &str = "a client that appeared once the password was known";
/// Names in one sentence.
const NAMES_MAX: usize = 6;

/// The part of an account name that all logs have in common: `alice` of `CONTOSO\alice` and `alice@contoso.example`.
pub(crate) fn person(account: &str) -> String {
    let name = account.rsplit('\\').next().unwrap_or(account);
    name.split('@').next().unwrap_or(name).to_lowercase()
}

/// A client that sprays, and what came of it.
struct Spraying<'a> {
    refused: &'a Refused,
    failed: usize,
    logons: Vec<&'a Logon>,
    mail: Vec<&'a MailUse>,
    /// Mail read in bulk under a sprayed account by a client that appeared once the password was known.
    later: Vec<&'a MailUse>,
}

/// What was found, in no order.
pub(crate) fn findings(material: &Material<'_>) -> Vec<Seen> {
    let mut seen = Vec::new();
    let sprayers = sprayers(material.server);
    for one in &sprayers {
        seen.push(spraying(material, one));
        seen.extend(one.logons.iter().map(|logon| logged_on(material, one, logon)));
        seen.extend(mail_read(material, &one.mail, one.refused.first, SPRAYER));
        seen.extend(mail_read(material, &one.later, one.refused.first, NEWCOMER));
    }
    let named: BTreeSet<&str> = sprayers.iter().map(|one| one.refused.client.as_str()).collect();
    seen.extend(new_clients(material, &named));
    seen
}

/// The records that these findings show; their bytes have to be read again from the evidence.
pub(crate) fn wanted(server: &Server) -> Vec<&EvidenceRecord> {
    let mut records = Vec::new();
    for one in sprayers(server) {
        records.extend(&one.refused.evidence);
        records.extend(one.logons.iter().flat_map(|logon| &logon.evidence));
        records.extend(one.mail.iter().chain(&one.later).flat_map(|mail| &mail.evidence));
    }
    records.extend(candidates(server).into_iter().flat_map(|(logon, _)| &logon.evidence));
    records
}

fn sprayers(server: &Server) -> Vec<Spraying<'_>> {
    let between = InBetween::of(server);
    let mut logons: BTreeMap<&str, Vec<&Logon>> = BTreeMap::new();
    for logon in &server.logons {
        logons.entry(&logon.client).or_default().push(logon);
    }
    let mut tries: Vec<(&Refused, BTreeSet<String>)> = Vec::new();
    for refused in server.refused.iter().filter(|refused| between.joins(&refused.client)) {
        let own = logons.get(refused.client.as_str()).map(Vec::as_slice).unwrap_or_default();
        let inside: BTreeSet<String> = own.iter().map(|logon| person(&logon.account)).collect();
        let tried: BTreeSet<String> = refused.accounts.iter().map(|account| person(account)).collect();
        let failed: BTreeSet<String> = tried.difference(&inside).cloned().collect();
        let all = tried.union(&inside).count();
        if failed.len() >= SHARED_ACCOUNTS_MIN && failed.len() * 100 >= all * FAILED_PERCENT_MIN {
            tries.push((refused, failed));
        }
    }
    let shared: BTreeSet<&String> = tries.iter().flat_map(|(_, failed)| failed).collect();
    let is_shared = tries.len() >= SHARED_CLIENTS_MIN && shared.len() >= SHARED_ALL_ACCOUNTS_MIN;
    let mut sprayers = Vec::new();
    for (refused, failed) in tries {
        if failed.len() < SPRAYED_ACCOUNTS_MIN && !is_shared {
            continue;
        }
        let own = logons.get(refused.client.as_str()).map(Vec::as_slice).unwrap_or_default();
        let inside: BTreeSet<String> = own.iter().map(|logon| person(&logon.account)).collect();
        let after = |time: Utc| time >= refused.first;
        let logons: Vec<&Logon> = own.iter().copied().filter(|logon| after(logon.last)).collect();
        let same_client = server.mail.iter().filter(|mail| mail.client == refused.client);
        let mail = same_client.filter(|mail| after(mail.last) && inside.contains(&person(&mail.account))).collect();
        let later = later(server, &between, &logons, &refused.client);
        sprayers.push(Spraying { refused, failed: failed.len(), logons, mail, later });
    }
    // Those that got in are told before those that did not.
    sprayers.sort_by_key(|one| (one.logons.is_empty(), std::cmp::Reverse(one.failed), &one.refused.client));
    sprayers.truncate(SPRAYERS_MAX);
    sprayers
}

/// Mail read in bulk by clients that these accounts never used before the password was known. A telephone changes its
/// address every day, but does not fetch a whole mailbox from each.
fn later<'s>(server: &'s Server, between: &InBetween, stolen: &[&Logon], sprayer: &str) -> Vec<&'s MailUse> {
    let mut since: BTreeMap<String, Utc> = BTreeMap::new();
    for logon in stolen {
        let known = since.entry(person(&logon.account)).or_insert(logon.first);
        *known = logon.first.min(*known);
    }
    let appeared = |account: &str, client: &str| {
        let own = server.logons.iter().filter(|logon| logon.client == client && person(&logon.account) == account);
        own.map(|logon| logon.first).min()
    };
    let is_bulk = |mail: &&MailUse| {
        let account = person(&mail.account);
        let others =
            server.mail.iter().filter(|other| other.client != mail.client && person(&other.account) == account);
        let elsewhere = others.map(|other| other.bytes).max().unwrap_or(0);
        mail.bytes >= BULK_BYTES && mail.bytes >= elsewhere.saturating_mul(MUCH_TIMES)
    };
    let is_newcomer = |mail: &&MailUse| {
        let account = person(&mail.account);
        let Some(known) = since.get(&account) else { return false };
        let appeared = appeared(&account, &mail.client).unwrap_or(mail.first);
        let soon = (0..=NEWCOMER_SECS).contains(&appeared.secs_since(*known));
        soon && mail.client != sprayer && between.joins(&mail.client) && crate::clients::is_public(&mail.client)
    };
    server.mail.iter().filter(is_newcomer).filter(is_bulk).collect()
}

fn spraying(material: &Material<'_>, one: &Spraying<'_>) -> Seen {
    let refused = one.refused;
    let accounts: Vec<&str> = refused.accounts.iter().map(String::as_str).collect();
    let said = Said {
        rule: SPRAYING_RULE,
        title: "One client tried the passwords of many accounts".to_owned(),
        reason: format!(
            "{} logons were refused and {} logon forms were sent, for {} accounts ({}); with {} of them it never logged \
             on. A user, a telephone or an office with an old password fails on few accounts.",
            number(refused.refused),
            number(refused.forms),
            accounts.len(),
            list(&accounts, NAMES_MAX),
            one.failed
        ),
        benign: &["a gateway behind which many people share one address", "a test of password quality"],
        attack: &["T1110.003"],
        stage: Stage::Access,
        proves: Proves::Attempt,
    };
    let mut finding = own_finding(material.name, said);
    (finding.time, finding.last) = (Some(refused.first), Some(refused.last));
    finding.count = refused.refused.saturating_add(refused.forms);
    finding.client = Some(refused.client.clone());
    seen(material, finding, &refused.evidence)
}

fn logged_on(material: &Material<'_>, one: &Spraying<'_>, logon: &Logon) -> Seen {
    let said = Said {
        rule: LOGON_RULE,
        title: "Logged on from a client that tried many passwords".to_owned(),
        reason: format!(
            "{} logged on from {}, which before had been refused for {} other accounts: the password is known to the \
             attacker.",
            name(&logon.account),
            name(&logon.client),
            one.failed
        ),
        benign: &["the owner of the account works behind the same address"],
        attack: &["T1078"],
        stage: Stage::Access,
        proves: Proves::Success,
    };
    let mut finding = own_finding(material.name, said);
    (finding.time, finding.last) = (Some(logon.first.max(one.refused.first)), Some(logon.last));
    finding.count = logon.requests;
    finding.client = Some(logon.client.clone());
    finding.account = Some(logon.account.clone());
    seen(material, finding, &logon.evidence)
}

/// One finding per client and mailbox.
fn mail_read(material: &Material<'_>, mail: &[&MailUse], since: Utc, who: &str) -> Vec<Seen> {
    let mut by_mailbox: BTreeMap<(String, &str), Vec<&MailUse>> = BTreeMap::new();
    for mail in mail {
        by_mailbox.entry((person(&mail.mailbox), &mail.client)).or_default().push(mail);
    }
    let found = |uses: Vec<&MailUse>| {
        let first = uses.first()?;
        // Front end and back end log the same requests: the larger sum is the whole.
        let bytes = uses.iter().map(|mail| mail.bytes).max().unwrap_or(0);
        let said = Said {
            rule: MAIL_RULE,
            title: format!("A mailbox read from {who}"),
            reason: format!(
                "{} was opened as {} from {}, {} bytes were sent.",
                name(&first.mailbox),
                name(&first.account),
                name(&first.client),
                number(bytes)
            ),
            benign: &["the owner of the mailbox works behind the same address"],
            attack: &["T1114.002", "T1078"],
            stage: Stage::Collection,
            proves: Proves::Theft,
        };
        let mut finding = own_finding(material.name, said);
        finding.time = uses.iter().map(|mail| mail.first.max(since)).min();
        finding.last = uses.iter().map(|mail| mail.last).max();
        finding.count = uses.iter().map(|mail| mail.requests).max().unwrap_or(1);
        finding.client = Some(first.client.clone());
        finding.account = Some(first.account.clone());
        finding.subject = Some(first.mailbox.clone());
        let records: Vec<EvidenceRecord> = uses.iter().flat_map(|mail| mail.evidence.clone()).collect();
        Some(seen(material, finding, &records))
    };
    by_mailbox.into_values().filter_map(found).collect()
}

/// Much mail read from a client that the account never used before: what a thief does, and what a new telephone does.
fn new_clients(material: &Material<'_>, named: &BTreeSet<&str>) -> Vec<Seen> {
    let unnamed = candidates(material.server).into_iter().filter(|(logon, _)| !named.contains(logon.client.as_str()));
    let found = |(logon, bytes): (&Logon, u64)| {
        let said = Said {
            rule: NEW_CLIENT_RULE,
            title: "Much mail read from a client that this account never used before".to_owned(),
            reason: format!(
                "{} came from {} for the first time and was sent {} bytes, a multiple of what it reads elsewhere. A \
                 stolen password looks so, and a new telephone or computer as well: ask the owner.",
                name(&logon.account),
                name(&logon.client),
                number(bytes)
            ),
            benign: &["a new device that fetches the whole mailbox", "another provider, a journey"],
            attack: &["T1078", "T1114.002"],
            stage: Stage::Access,
            proves: Proves::Context,
        };
        let mut finding = own_finding(material.name, said);
        (finding.time, finding.last) = (Some(logon.first), Some(logon.last));
        finding.count = logon.requests;
        finding.bytes = bytes;
        finding.client = Some(logon.client.clone());
        finding.account = Some(logon.account.clone());
        seen(material, finding, &logon.evidence)
    };
    unnamed.map(found).collect()
}

/// Logons from a new, public client with much mail, the largest first.
fn candidates(server: &Server) -> Vec<(&Logon, u64)> {
    let between = InBetween::of(server);
    let mut begins: BTreeMap<String, Utc> = BTreeMap::new();
    for logon in &server.logons {
        let begin = begins.entry(person(&logon.account)).or_insert(logon.first);
        *begin = logon.first.min(*begin);
    }
    let is_new = |logon: &&Logon| {
        let begin = begins.get(&person(&logon.account));
        let has_history = begin.is_some_and(|begin| logon.first.secs_since(*begin) >= HISTORY_SECS);
        has_history && crate::clients::is_public(&logon.client) && between.joins(&logon.client)
    };
    let mut found: Vec<(&Logon, u64)> = Vec::new();
    let mut read: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for mail in &server.mail {
        let bytes = read.entry(person(&mail.account)).or_default().entry(&mail.client).or_default();
        *bytes = mail.bytes.max(*bytes);
    }
    for logon in server.logons.iter().filter(is_new) {
        let Some(clients) = read.get(&person(&logon.account)) else { continue };
        let here = clients.get(logon.client.as_str()).copied().unwrap_or(0);
        let elsewhere = clients.iter().filter(|(client, _)| **client != logon.client).map(|(_, bytes)| *bytes).max();
        if here >= MUCH_BYTES && here >= elsewhere.unwrap_or(0).saturating_mul(MUCH_TIMES) {
            found.push((logon, here));
        }
    }
    found.sort_by(|a, b| (b.1, &a.0.account, &a.0.client).cmp(&(a.1, &b.0.account, &b.0.client)));
    found.dedup_by(|a, b| a.0.client == b.0.client && person(&a.0.account) == person(&b.0.account));
    found.truncate(NEW_CLIENTS_MAX);
    found
}

fn seen(material: &Material<'_>, mut finding: model::assessment::Finding, records: &[EvidenceRecord]) -> Seen {
    let file = records.first().and_then(|record| material.files.get(record.origin.file as usize));
    if let Some(source) = file.and_then(|file| file.source.clone()) {
        finding.source = source;
    }
    finding.evidence = evidence(material.files, records);
    finding.evidence.iter_mut().for_each(say_where);
    let family = records.first().map_or(model::Family::Iis, |_| family(&finding.source));
    Seen {
        finding,
        family,
        indicator: false,
        foreign: false,
        request_ids: Vec::new(),
        pages: Vec::new(),
        last_driven: None,
        follows: None,
    }
}

/// Records of binary event logs are not read again.
fn say_where(record: &mut Evidence) {
    if record.text.is_empty() {
        record.text = format!("(record {} of this file)", record.record);
    }
}

fn family(source: &str) -> model::Family {
    let word = source.split('/').next().unwrap_or(source);
    let known = [model::Family::Windows, model::Family::HttpProxy, model::Family::Ews, model::Family::MapiHttp];
    known.into_iter().find(|family| family.name() == word).unwrap_or(model::Family::Iis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, at, logon};
    use model::Family;
    use model::assessment::{Entry, Verdict};

    const SPRAYER: &str = "203.0.113.50";

    fn refused(client: &str, accounts: usize) -> Refused {
        Refused {
            client: client.to_owned(),
            refused: 40,
            forms: 0,
            accounts: (0..accounts).map(|number| format!("CONTOSO\\user{number:02}")).collect(),
            first: at("2021-02-20T01:00:00Z"),
            last: at("2021-02-20T02:00:00Z"),
            evidence: Vec::new(),
        }
    }

    fn mail(account: &str, client: &str, bytes: u64, time: &str) -> MailUse {
        MailUse {
            mailbox: format!("{account}@contoso.example"),
            account: format!("CONTOSO\\{account}"),
            client: client.to_owned(),
            family: Family::Ews,
            protocol: None,
            requests: 9,
            bytes,
            first: at(time),
            last: at(time),
            evidence: Vec::new(),
        }
    }

    fn rules(builder: &Builder) -> Vec<String> {
        builder.assess().findings.iter().map(|finding| finding.rule.clone()).collect()
    }

    #[test]
    fn spraying_alone_is_an_attempt() {
        let mut builder = Builder::new().covered();
        builder.server().refused = vec![refused(SPRAYER, 12)];
        assert_eq!(rules(&builder), [SPRAYING_RULE]);
        assert_eq!(builder.assess().verdict, Verdict::Targeted);
    }

    #[test]
    fn a_logon_and_mail_after_it_are_the_attackers() {
        let mut builder = Builder::new().covered();
        builder.server().refused = vec![refused(SPRAYER, 12)];
        builder.server().logons = vec![logon("CONTOSO\\user03", SPRAYER, at("2021-02-20T02:10:00Z"))];
        assert_eq!(rules(&builder), [SPRAYING_RULE, LOGON_RULE]);
        assert_eq!(builder.assess().verdict, Verdict::Exploited);
        builder.server().mail = vec![mail("user03", SPRAYER, 70_000_000, "2021-02-20T02:20:00Z")];
        assert_eq!(rules(&builder), [SPRAYING_RULE, LOGON_RULE, MAIL_RULE]);
        let assessment = builder.assess();
        assert_eq!(assessment.verdict, Verdict::Compromised);
        let server = &assessment.servers[0];
        assert_eq!(server.incidents[0].entry, Entry::Credentials);
        assert_eq!(server.mailboxes[0].mailbox, "user03@contoso.example");
        assert!(server.answers.entry.answer.contains("password"), "{}", server.answers.entry.answer);
    }

    #[test]
    fn the_thief_may_come_from_elsewhere() {
        let mut builder = Builder::new().covered();
        builder.server().refused = vec![refused(SPRAYER, 12)];
        builder.server().logons = vec![
            logon("CONTOSO\\user03", "192.0.2.10", at("2021-01-10")),
            logon("CONTOSO\\user03", SPRAYER, at("2021-02-20T02:10:00Z")),
            logon("user03", "198.51.100.77", at("2021-02-21")),
        ];
        builder.server().mail = vec![
            mail("user03", "192.0.2.10", 1_000_000, "2021-01-10"),
            mail("user03", "198.51.100.77", 60_000_000, "2021-02-21"),
        ];
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        assert_eq!(server.incidents[0].clients, ["198.51.100.77", SPRAYER]);
        let mailboxes: Vec<(&str, u64)> =
            server.mailboxes.iter().map(|one| (one.mailbox.as_str(), one.bytes)).collect();
        assert_eq!(mailboxes, [("user03@contoso.example", 60_000_000)]);
        // Days after, or little mail: the owner's telephone.
        builder.server().logons[2].first = at("2021-03-05");
        builder.server().mail[1].first = at("2021-03-05");
        assert!(builder.assess().servers[0].mailboxes.is_empty());
    }

    #[test]
    fn many_clients_that_share_the_work_spray_together() {
        let spread = |clients: usize| {
            let mut builder = Builder::new().covered();
            builder.server().refused = (0..clients)
                .map(|client| Refused {
                    accounts: (0..5).map(|number| format!("user{client:02}{number}")).collect(),
                    ..refused(&format!("203.0.113.{client}"), 0)
                })
                .collect();
            builder.server().logons = vec![logon("carla", "203.0.113.3", at("2021-02-20T03:00:00Z"))];
            builder.server().mail = vec![mail("carla", "203.0.113.3", 60_000_000, "2021-02-20T03:00:00Z")];
            builder.assess().verdict
        };
        assert_eq!(spread(40), Verdict::Compromised);
        assert_eq!(spread(4), Verdict::NoEvidence, "a few offices");
    }

    #[test]
    fn offices_telephones_and_proxies_do_not_spray() {
        let office: Vec<Logon> =
            (0..20).map(|n| logon(&format!("user{n:02}@contoso.example"), SPRAYER, at("2021-02-21"))).collect();
        let mut builder = Builder::new().covered();
        builder.server().refused = vec![refused(SPRAYER, 12)];
        builder.server().logons = office;
        assert!(rules(&builder).is_empty(), "everybody who failed there also logs on there");
        let mut builder = Builder::new().covered();
        builder.server().refused = vec![refused(SPRAYER, 3), refused("127.0.0.1", 40)];
        assert!(rules(&builder).is_empty());
    }

    #[test]
    fn a_new_client_with_much_mail_is_named_and_proves_nothing() {
        let mut builder = Builder::new().covered();
        builder.server().logons = vec![
            logon("CONTOSO\\alice", "192.0.2.10", at("2021-01-10")),
            logon("CONTOSO\\alice", "198.51.100.9", at("2021-02-20")),
            logon("CONTOSO\\bob", "198.51.100.10", at("2021-02-20")),
        ];
        builder.server().mail = vec![
            mail("alice", "192.0.2.10", 1_000_000, "2021-01-10"),
            mail("alice", "198.51.100.9", 60_000_000, "2021-02-20"),
            mail("bob", "198.51.100.10", 60_000_000, "2021-02-20"),
        ];
        assert_eq!(rules(&builder), [NEW_CLIENT_RULE]);
        assert_eq!(builder.assess().verdict, Verdict::NoEvidence);
    }
}
