//! Whose mail was read: mailbox by mailbox and way by way, and where only the access is seen, that.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::{IncidentOutcome, Mailbox};
use model::campaign::Proves;
use model::observation::{MailUse, Server};
use model::{Family, Utc};

use crate::JOIN_RULE;
use crate::credentials::{self, person};
use crate::findings::Seen;
use crate::incidents::Chain;

/// What stands in place of a name that no log gives.
pub(crate) const NOT_NAMED: &str = "(not named in the log)";
/// Mail that the machine account read counts to an incident up to so long before and after it.
const AROUND_INCIDENT_SECS: i64 = 5 * 60;
/// How much of a record is searched for a mailbox, in bytes.
const NAME_BYTES_MAX: usize = 320;
/// Ways, by words in the rule's name; the more exact ones first.
const WAYS: [(&str, &str); 7] = [
    ("autodiscover", "autodiscover-ews"),
    ("export", "export-request"),
    ("ews", "ews-ssrf"),
    ("mapi", "mapi-ssrf"),
    ("forward", "forwarding"),
    ("search", "mailbox-search"),
    ("mail", "mail-access"),
];

#[derive(Default)]
struct Tally {
    requests: u64,
    bytes: u64,
    first: Option<Utc>,
    last: Option<Utc>,
    findings: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, requests: u64, bytes: u64, first: Option<Utc>, last: Option<Utc>) {
        self.requests = self.requests.saturating_add(requests);
        self.bytes = self.bytes.saturating_add(bytes);
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = [self.last, last].into_iter().flatten().max();
    }

    fn add_finding(&mut self, one: &Seen) {
        self.add(one.finding.count, one.finding.bytes, one.finding.time, one.finding.last);
        self.findings.insert(one.finding.id.clone());
    }
}

type Tallies = BTreeMap<(String, String), Tally>;

/// By mailbox and way.
pub(crate) fn list(server: &Server, seen: &[Seen], chains: &[Chain]) -> Vec<Mailbox> {
    let mut tallies = Tallies::new();
    let thefts: Vec<(&Seen, &str)> =
        seen.iter().filter(|one| is_theft_by_request(one)).filter_map(|one| Some((one, way(one)?))).collect();
    for one in seen.iter().filter(|one| sends_mail_on(one)) {
        let name = forwarded_mailbox(one).unwrap_or_else(|| NOT_NAMED.to_owned());
        tallies.entry((name, "forwarding".to_owned())).or_default().add_finding(one);
    }
    let rows: Vec<&Seen> = seen.iter().filter(|one| is_mailbox_row(one)).collect();
    let mut by_id: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        for id in &row.request_ids {
            by_id.entry(id).or_default().insert(index);
        }
    }
    let mut explained: BTreeSet<usize> = BTreeSet::new();
    for (theft, way) in &thefts {
        let own: BTreeSet<usize> =
            theft.request_ids.iter().filter_map(|id| by_id.get(id.as_str())).flatten().copied().collect();
        let named = mailbox_of(theft);
        if own.is_empty() || named.is_some() {
            let name = named.unwrap_or_else(|| NOT_NAMED.to_owned());
            tallies.entry((name, (*way).to_owned())).or_default().add_finding(theft);
        }
        for row in own.iter().filter_map(|index| rows.get(*index)) {
            add_row(&mut tallies, row, way).findings.insert(theft.finding.id.clone());
        }
        explained.extend(own);
    }
    for (_, row) in rows.iter().enumerate().filter(|(index, _)| !explained.contains(index)) {
        add_row(&mut tallies, row, "ews-ssrf");
    }
    add_machine_reads(&mut tallies, server, seen, chains);
    add_reads_by_attackers(&mut tallies, server, seen, chains);
    join_names(&mut tallies);
    let line = |((mailbox, how), tally): ((String, String), Tally)| Mailbox {
        mailbox,
        how,
        requests: tally.requests,
        bytes: tally.bytes,
        first: tally.first,
        last: tally.last,
        findings: sorted_ids(tally.findings),
    };
    tallies.into_iter().map(line).collect()
}

/// Logs name one mailbox by its address and by its account: the address stands for both, in the same way of reaching it.
fn join_names(tallies: &mut Tallies) {
    let short: Vec<(String, String)> = tallies.keys().filter(|(name, _)| !name.contains('@')).cloned().collect();
    for key in short {
        let (name, how) = &key;
        let is_same =
            |other: &&(String, String)| other.1 == *how && other.0.contains('@') && person(&other.0) == person(name);
        let Some(full) = tallies.keys().find(is_same).cloned() else { continue };
        let Some(tally) = tallies.remove(&key) else { continue };
        let joined = tallies.entry(full).or_default();
        joined.add(tally.requests, tally.bytes, tally.first, tally.last);
        joined.findings.extend(tally.findings);
    }
}

/// A rule or setting that was made to send mail on.
pub(crate) fn sends_mail_on(one: &Seen) -> bool {
    one.proves() == Proves::Persistence && one.finding.attack.iter().any(|known| known.starts_with("T1114.003"))
}

/// The mailbox whose mail is sent on: named by the cmdlet, or the part of the address of the control panel that is one.
pub(crate) fn forwarded_mailbox(one: &Seen) -> Option<String> {
    let subject = one.finding.subject.as_deref().unwrap_or_default();
    let in_subject = subject.split(['/', '?', ' ', '"']).find(|part| is_address(part)).map(str::to_owned);
    let is_cmdlet = matches!(one.family, Family::Windows | Family::RpsCmdlet | Family::Audit);
    let by_word = one.finding.evidence.iter().find_map(|record| after_mailbox_word(&record.text));
    if is_cmdlet { by_word } else { in_subject.or(by_word) }
}

/// Message tracking names whom mail went to, not whose it was. Mail read with a stolen password is counted from the logs of mail themselves.
fn is_theft_by_request(one: &Seen) -> bool {
    let by_tracking = one.family == Family::MessageTracking;
    one.proves() == Proves::Theft && !by_tracking && !one.finding.rule.starts_with(credentials::RULES)
}

/// Counts a row to its mailbox, once.
fn add_row<'t>(tallies: &'t mut Tallies, row: &Seen, way: &str) -> &'t mut Tally {
    let name = row.finding.subject.clone().unwrap_or_default();
    let tally = tallies.entry((name, way.to_owned())).or_default();
    if !tally.findings.contains(row.id()) {
        tally.add_finding(row);
    }
    tally
}

/// Mail that the machine account read in somebody else's name while an attacker was inside.
fn add_machine_reads(tallies: &mut Tallies, server: &Server, seen: &[Seen], chains: &[Chain]) {
    for chain in chains.iter().filter(|chain| chain.incident.outcome >= IncidentOutcome::Exploited) {
        let Some((first, last)) = chain.incident.first.zip(chain.incident.last) else { continue };
        let (from, until) = (first.plus_secs(-AROUND_INCIDENT_SECS), last.plus_secs(AROUND_INCIDENT_SECS));
        let during = |one: &&MailUse| one.first <= until && one.last >= from;
        for one in server.mail.iter().filter(during).filter(|one| is_machine_in_anothers_name(one)) {
            let known = tallies.keys().any(|(name, _)| name.eq_ignore_ascii_case(&one.mailbox));
            if known {
                continue;
            }
            let way = format!("{}-as-machine", one.family.name());
            let tally = tallies.entry((one.mailbox.clone(), way)).or_default();
            tally.add(one.requests, one.bytes, Some(one.first), Some(one.last));
            let proofs = chain.members.iter().filter_map(|index| seen.get(*index)).filter(|one| one.is_proof());
            tally.findings.extend(crate::findings::top_ids(proofs, 3));
        }
    }
}

/// Mail that was read from an attacker's address, under whatever account, from the first step on.
fn add_reads_by_attackers(tallies: &mut Tallies, server: &Server, seen: &[Seen], chains: &[Chain]) {
    let told_by_back_end = |one: &MailUse| {
        let is_same = |other: &&MailUse| other.client == one.client && person(&other.account) == person(&one.account);
        let back_end = match one.protocol.as_deref() {
            Some("Ews") => Family::Ews,
            Some("Mapi") => Family::MapiHttp,
            _ => return false,
        };
        one.family == Family::HttpProxy && server.mail.iter().filter(is_same).any(|other| other.family == back_end)
    };
    for chain in chains.iter().filter(|chain| chain.incident.outcome >= IncidentOutcome::Exploited) {
        let Some(since) = chain.incident.first.map(|first| first.plus_secs(-AROUND_INCIDENT_SECS)) else { continue };
        let theirs = |one: &&MailUse| one.last >= since && chain.incident.clients.contains(&one.client);
        for one in server.mail.iter().filter(theirs).filter(|one| !told_by_back_end(one)) {
            let tally = tallies.entry((one.mailbox.clone(), way_of_use(one))).or_default();
            tally.add(one.requests, one.bytes, Some(one.first.max(since)), Some(one.last));
            let members = || chain.members.iter().filter_map(|index| seen.get(*index));
            let about = members().filter(|other| other.finding.subject.as_deref() == Some(one.mailbox.as_str()));
            let about = crate::findings::top_ids(about.filter(|other| other.is_proof()), 3);
            let proofs = || crate::findings::top_ids(members().filter(|other| other.is_proof()), 3);
            tally.findings.extend(if about.is_empty() { proofs() } else { about });
        }
    }
}

/// `ews`, `activesync`, `owa`, `mapi`; with `-as-another` where the account is not the mailbox's own.
fn way_of_use(one: &MailUse) -> String {
    let way = match (one.family, one.protocol.as_deref()) {
        (Family::Ews, _) | (_, Some("Ews")) => "ews",
        (Family::MapiHttp, _) | (_, Some("Mapi")) => "mapi",
        (_, Some("Eas")) => "activesync",
        (_, Some("Owa")) => "owa",
        _ => "mail-access",
    };
    let own = person(&one.mailbox) == person(&one.account);
    if own { way.to_owned() } else { format!("{way}-as-another") }
}

/// A machine account, or SYSTEM, and a mailbox that is not its own nor a health probe's.
fn is_machine_in_anothers_name(one: &MailUse) -> bool {
    let account = one.account.to_ascii_lowercase();
    let machine =
        account.ends_with('$') || account.ends_with("\\system") || account == "system" || account == "s-1-5-18";
    let mailbox = one.mailbox.to_ascii_lowercase();
    let probe = mailbox.starts_with("healthmailbox") || mailbox.starts_with("extest_") || mailbox.is_empty();
    machine && !probe && mailbox != account
}

/// An EWS row that a second search by request id found.
fn is_mailbox_row(one: &Seen) -> bool {
    one.finding.rule == JOIN_RULE
        && matches!(one.family, Family::Ews | Family::MapiHttp)
        && one.finding.subject.as_deref().is_some_and(|subject| !subject.is_empty() && subject != "-")
}

/// The way in which mail was reached; `None` when the finding is about other data.
fn way(one: &Seen) -> Option<&'static str> {
    let rule = one.finding.rule.rsplit('/').next().unwrap_or_default();
    let by_word = WAYS.iter().find(|(word, _)| rule.contains(word)).map(|(_, way)| *way);
    let from_mail_log = matches!(one.family, Family::Ews | Family::MapiHttp);
    by_word.or(from_mail_log.then_some("mail-access")).or(mailbox_of(one).map(|_| "mail-access"))
}

/// The mailbox that a finding names in its subject or, for exports, in the record.
fn mailbox_of(one: &Seen) -> Option<String> {
    let subject = one.finding.subject.as_deref().filter(|subject| is_address(subject)).map(str::to_owned);
    subject.or_else(|| one.finding.evidence.iter().find_map(|record| after_mailbox_word(&record.text)))
}

/// `name@host`, without what a path or an anchor would have.
fn is_address(text: &str) -> bool {
    let text = text.trim().trim_start_matches("SMTP:").trim_start_matches("smtp:").trim_start_matches("SMTP~");
    let parts = text.split_once('@');
    let plain = !text.contains(['/', '\\', '~', '?', ' ', '<', '=']);
    plain && parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
}

/// The value behind `-Mailbox` of a cmdlet or `Mailbox=` of its parameters.
fn after_mailbox_word(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find("-mailbox ").or_else(|| lower.find("-mailbox:")).or_else(|| lower.find(".mailbox="));
    let value = text.get(at? + "-mailbox ".len()..)?.trim_start_matches([' ', ':', '=']);
    let value = match value.chars().next()? {
        // In a raw CSV record the quotes are doubled.
        quote @ ('"' | '\'') => value.trim_start_matches(quote).split(quote).next()?,
        '\\' => value.get(1..)?.trim_start_matches('"').split(['\\', '"']).next()?,
        _ => value.split([' ', ';', ',', '\\', '"', '\r', '\n']).next()?,
    };
    (!value.is_empty() && value.len() <= NAME_BYTES_MAX).then(|| value.to_owned())
}

/// Finding ids by number.
fn sorted_ids(ids: BTreeSet<String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort_by_key(|id| (id.len(), id.clone()));
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, at, sighting};
    use model::campaign::Stage;

    fn lines(builder: &Builder) -> Vec<String> {
        let assessment = builder.assess();
        let line = |one: &Mailbox| {
            format!("{} {} {} {} {}", one.mailbox, one.how, one.requests, one.bytes, one.findings.join(" "))
        };
        assessment.servers[0].mailboxes.iter().map(line).collect()
    }

    fn theft(builder: &mut Builder) -> usize {
        builder.rule("proxylogon/anchor-ews", Stage::Collection, Proves::Theft)
    }

    #[test]
    fn only_the_access_is_seen() {
        let mut builder = Builder::new().covered();
        let rule = theft(&mut builder);
        let mut hit = sighting(rule, "httpproxy/Ecp", "2021-03-03T04:00:00Z");
        hit.subject = Some("ServerInfo~exc01:444/ews/exchange.asmx?a=~1@x.y".to_owned());
        builder.see(hit);
        assert_eq!(lines(&builder), ["(not named in the log) ews-ssrf 1 0 f1"]);
    }

    #[test]
    fn rows_of_the_same_request_name_the_mailbox() {
        let mut builder = Builder::new().covered();
        let rule = theft(&mut builder);
        let mut hit = sighting(rule, "httpproxy/Ecp", "2021-03-03T04:00:00Z");
        hit.request_ids = vec!["AAAAAAAA-1".to_owned()];
        builder.see(hit);
        let join = builder.rule(JOIN_RULE, Stage::Collection, Proves::Context);
        let mut row = sighting(join, "ews", "2021-03-03T04:00:01Z");
        row.subject = Some("board@example.org".to_owned());
        row.request_ids = vec!["aaaaaaaa-1".to_owned()];
        (row.count, row.bytes) = (4, 123_456);
        builder.see(row);
        assert_eq!(lines(&builder), ["board@example.org ews-ssrf 4 123456 f1 f2"]);
    }

    #[test]
    fn exports_name_the_mailbox_in_the_record() {
        for (text, name) in [
            (r#"-Mailbox "alice" -FilePath "x""#, "alice"),
            (r#"a,"-Mailbox ""alice"" -FilePath ""x""",b"#, "alice"),
            ("-Mailbox alice@example.org -FilePath x", "alice@example.org"),
            ("New-MailboxExportRequest.Mailbox='alice'.FilePath='x'", "alice"),
            (r#"{"Data":"-Mailbox \"alice\" -FilePath"}"#, "alice"),
        ] {
            assert_eq!(after_mailbox_word(text).as_deref(), Some(name), "{text}");
        }
        assert_eq!(after_mailbox_word("Get-Mailbox"), None);
    }

    #[test]
    fn the_machine_account_reads_others_mail_during_an_incident() {
        let row = |mailbox: &str, account: &str, time: &str| MailUse {
            mailbox: mailbox.to_owned(),
            account: account.to_owned(),
            client: "127.0.0.1".to_owned(),
            family: Family::Ews,
            protocol: None,
            evidence: Vec::new(),
            requests: 2,
            bytes: 10,
            first: at(time),
            last: at(time),
        };
        let mut builder = Builder::new().covered();
        let rule = builder.rule("proxylogon/anchor", Stage::Access, Proves::Success);
        builder.see(sighting(rule, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
        builder.server().mail = vec![
            row("board@example.org", r"EXAMPLE\EXC01$", "2021-03-03T04:01:00Z"),
            row("cfo@example.org", r"EXAMPLE\EXC01$", "2021-02-03T04:01:00Z"),
            row("bob@example.org", r"EXAMPLE\bob", "2021-03-03T04:01:00Z"),
            row("HealthMailbox1@example.org", r"EXAMPLE\EXC01$", "2021-03-03T04:01:00Z"),
        ];
        assert_eq!(lines(&builder), ["board@example.org ews-as-machine 2 10 f1"]);
    }

    #[test]
    fn other_data_is_no_mailbox() {
        let mut builder = Builder::new().covered();
        let rule = builder.rule("proxylogon/lsass-dump", Stage::Collection, Proves::Theft);
        builder.see(sighting(rule, "windows/Security", "2021-03-03T04:00:00Z"));
        assert!(lines(&builder).is_empty());
    }
}
