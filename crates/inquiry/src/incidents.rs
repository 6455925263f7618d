//! Findings stitched to incidents: one attacker's chain each.
//!
//! Two findings belong together when they share a client address, a request id or a web shell. Findings that name no
//! client (processes, cmdlets, files) join the process that they descend from, else the chain that was last seen within
//! five minutes before them, and say so. Everything else stays apart: two clients without anything in common are two incidents.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;
use model::assessment::{Entry, Incident, IncidentOutcome, Stages};
use model::campaign::{CampaignKind, Proves, RuleFacts, Stage};
use model::observation::Logon;

use crate::JOIN_RULE;
use crate::clients::InBetween;
use crate::credentials;
use crate::exposure::Window;
use crate::findings::Seen;
use crate::product::Product;
use crate::timing::{self, JOIN_WITHIN_SECS, LOGGED_AFTER_SECS, Near};

/// A page that was written at most so long after an exploit request was written by it.
const WRITTEN_WITHIN_SECS: i64 = 2 * 60;
/// The campaign of an incident that fits none.
pub(crate) const UNKNOWN: &str = "unknown";

/// What incidents are stitched from.
pub(crate) struct Stitching<'a> {
    pub(crate) name: &'a str,
    pub(crate) product: &'a dyn Product,
    pub(crate) between: &'a InBetween,
    pub(crate) rules: &'a [RuleFacts],
    pub(crate) windows: &'a [Window<'a>],
    pub(crate) logons: &'a [Logon],
}

/// One chain: the incident and the indexes of its findings.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) incident: Incident,
    pub(crate) members: Vec<usize>,
    /// What ties several clients together, in words.
    pub(crate) ties: Vec<String>,
}

impl Stitching<'_> {
    /// The chains in time order. Findings without a campaign take that of their chain.
    pub(crate) fn stitch(&self, seen: &mut [Seen]) -> Vec<Chain> {
        let (groups, by_time) = self.groups(seen);
        for (index, near) in by_time {
            let said = near.said(seen);
            if let Some(one) = seen.get_mut(index) {
                one.finding.reason = format!("{} {said}", one.finding.reason.trim_end());
            }
        }
        let mut chains: Vec<Chain> = groups.into_iter().map(|members| self.chain(seen, members)).collect();
        chains.sort_by_key(|chain| {
            (chain.incident.first.is_none(), chain.incident.first, chain.members.first().copied())
        });
        for (index, chain) in chains.iter_mut().enumerate() {
            chain.incident.id = format!("{}-{}", self.name, index + 1);
            for member in chain.members.iter().filter(|_| chain.incident.campaign != UNKNOWN) {
                if let Some(one) = seen.get_mut(*member) {
                    one.finding.campaign.get_or_insert_with(|| chain.incident.campaign.clone());
                }
            }
        }
        chains
    }

    /// The indexes of findings that belong together, and what of them is put together by time alone.
    fn groups(&self, seen: &[Seen]) -> (Vec<Vec<usize>>, Vec<(usize, Near)>) {
        let mut parts = self.parts(seen);
        let mut union = Union::new(seen.len());
        let mut first_with: BTreeMap<String, usize> = BTreeMap::new();
        for index in &parts {
            let keys = seen.get(*index).map(|one| self.keys(one)).unwrap_or_default();
            for key in keys {
                match first_with.get(&key) {
                    Some(other) => union.join(*index, *other),
                    None => {
                        first_with.insert(key, *index);
                    }
                }
            }
            if let Some(other) = seen.get(*index).and_then(|one| one.follows) {
                union.join(*index, other);
            }
        }
        self.join_writers(seen, &parts, &mut union);
        let mut by_time = self.join_by_time(seen, &parts, &mut union);
        self.join_the_rest(seen, &parts, &mut union);
        for (index, near) in timing::followers(seen, &parts, &mut union) {
            union.join(near.anchor, index);
            parts.push(index);
            by_time.push((index, near));
        }
        parts.sort_unstable();
        (union.groups(&parts), by_time)
    }

    /// Findings that take part: all that tell at least of an attempt; scans of a client that goes on; and records
    /// that share a request id with one of these.
    fn parts(&self, seen: &[Seen]) -> Vec<usize> {
        let serious = || seen.iter().filter(|one| is_serious(one));
        let clients: BTreeSet<&str> = serious().filter_map(|one| self.joining_client(one)).collect();
        let ids: BTreeSet<&String> = serious().flat_map(|one| &one.request_ids).collect();
        let takes_part = |one: &Seen| match one.proves() {
            Proves::Context => one.finding.rule == JOIN_RULE && one.request_ids.iter().any(|id| ids.contains(id)),
            Proves::Scan => self.joining_client(one).is_some_and(|client| clients.contains(client)),
            _ => true,
        };
        seen.iter().enumerate().filter(|(_, one)| takes_part(one)).map(|(index, _)| index).collect()
    }

    fn joining_client<'s>(&self, one: &'s Seen) -> Option<&'s str> {
        one.finding.client.as_deref().filter(|client| self.between.joins(client))
    }

    fn keys(&self, one: &Seen) -> Vec<String> {
        let client = self.joining_client(one).map(|client| format!("client {}", client.to_lowercase()));
        let ids = one.request_ids.iter().map(|id| format!("request {id}"));
        let pages =
            one.pages.iter().filter(|page| !self.product.is_known_page(page)).map(|page| format!("page {page}"));
        // Whoever uses a password that was guessed belongs to the one who guessed it.
        let stolen = one.finding.account.as_deref().filter(|_| by_password(one) && one.is_proof());
        let account = stolen.map(|account| format!("account {}", credentials::person(account)));
        client.into_iter().chain(ids).chain(pages).chain(account).collect()
    }

    /// A page that is written right after the exploit request of one attacker, and of no other, is that attacker's page,
    /// whoever uses it later.
    fn join_writers(&self, seen: &[Seen], parts: &[usize], union: &mut Union) {
        let get = |index: &usize| seen.get(*index);
        let is_exploit = |one: &&Seen| {
            let before_use = matches!(one.finding.stage, Stage::Access | Stage::Foothold);
            before_use && one.is_proof() && self.joining_client(one).is_some()
        };
        for index in parts {
            let Some(one) = get(index).filter(|one| one.proves() == Proves::Persistence && !one.pages.is_empty())
            else {
                continue;
            };
            let Some(written) = one.finding.time.filter(|_| self.joining_client(one).is_none()) else { continue };
            let right_before = |other: &&Seen| {
                let last = other
                    .finding
                    .evidence
                    .iter()
                    .filter_map(|record| record.time)
                    .filter(|time| *time <= written)
                    .max();
                last.is_some_and(|last| written.secs_since(last) <= WRITTEN_WITHIN_SECS)
            };
            let writers: BTreeSet<usize> = parts
                .iter()
                .filter(|other| get(other).filter(is_exploit).filter(right_before).is_some())
                .map(|other| union.root(*other))
                .collect();
            if let (Some(writer), 1) = (writers.first(), writers.len()) {
                union.join(*writer, *index);
            }
        }
    }

    /// Groups that name no client join the nearest chain within five minutes before, in time order, so that a process
    /// can join the process that joined a request.
    fn join_by_time(&self, seen: &[Seen], parts: &[usize], union: &mut Union) -> Vec<(usize, Near)> {
        let moments = timing::moments(seen, parts);
        let mut joined = Vec::new();
        let mut orphans: Vec<(Utc, usize)> = self
            .without_client(seen, parts, union)
            .into_iter()
            .filter_map(|index| Some((seen.get(index)?.finding.time?, index)))
            .collect();
        orphans.sort_unstable();
        for (_, index) in orphans {
            if let Some(near) = seen.get(index).and_then(|one| timing::nearest(one, index, &moments, seen, union)) {
                union.join(near.anchor, index);
                joined.push((index, near));
            }
        }
        joined
    }

    /// What still names no client goes to the one attacker that is known to have come further than the door, if there
    /// is only one and it came before; otherwise it is kept together by campaign.
    fn join_the_rest(&self, seen: &[Seen], parts: &[usize], union: &mut Union) {
        let rest = self.without_client(seen, parts, union);
        let rest_roots: BTreeSet<usize> = rest.iter().map(|index| union.root(*index)).collect();
        let inside: BTreeMap<usize, Option<Utc>> = parts
            .iter()
            .filter(|index| seen.get(**index).is_some_and(Seen::is_compromise))
            .map(|index| (union.root(*index), seen.get(*index).and_then(|one| one.finding.time)))
            .filter(|(root, _)| !rest_roots.contains(root))
            .fold(BTreeMap::new(), |mut first, (root, time)| {
                let earliest = first.entry(root).or_insert(time);
                *earliest = match (*earliest, time) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                first
            });
        let only = inside.iter().next().filter(|_| inside.len() == 1).map(|(root, time)| (*root, *time));
        let mut by_campaign: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for index in rest {
            let Some(one) = seen.get(index) else { continue };
            let follows = |since: Option<Utc>| {
                let both = since.zip(one.finding.time);
                both.is_none_or(|(since, time)| since <= time.plus_secs(LOGGED_AFTER_SECS))
            };
            let counts = one.is_proof() || one.proves() == Proves::Cleanup;
            match only.filter(|(_, since)| counts && follows(*since)) {
                Some((root, _)) => union.join(root, index),
                None => {
                    let first = *by_campaign.entry(one.finding.campaign.as_deref()).or_insert(index);
                    union.join(first, index);
                }
            }
        }
    }

    /// Members of groups in which nobody names a client.
    fn without_client(&self, seen: &[Seen], parts: &[usize], union: &mut Union) -> Vec<usize> {
        let named: BTreeSet<usize> = parts
            .iter()
            .filter(|index| seen.get(**index).is_some_and(|one| self.joining_client(one).is_some()))
            .map(|index| union.root(*index))
            .collect();
        parts.iter().copied().filter(|index| !named.contains(&union.root(*index))).collect()
    }

    fn chain(&self, seen: &[Seen], members: Vec<usize>) -> Chain {
        let own: Vec<&Seen> = members.iter().filter_map(|index| seen.get(*index)).collect();
        let clients: BTreeSet<&str> = own.iter().filter_map(|one| self.joining_client(one)).collect();
        let (campaign, also) = self.campaigns(&own);
        let incident = Incident {
            id: String::new(),
            campaign,
            also,
            clients: clients.iter().map(|client| (*client).to_owned()).collect(),
            first: own.iter().filter_map(|one| one.finding.time).min(),
            last: own.iter().filter_map(|one| one.finding.last.or(one.finding.time)).max(),
            outcome: own.iter().map(|one| reached(one)).max().unwrap_or(IncidentOutcome::Attempted),
            entry: self.entry(&own),
            stages: stages(&own),
        };
        let ties = if clients.len() > 1 { self.ties(&own) } else { Vec::new() };
        Chain { incident, members, ties }
    }

    /// The campaign by which it came in, and the others of which it holds a proof. A way in goes before what is done
    /// once inside, a proof before an attempt; without any, the one campaign whose window and whose kind of traces fit.
    fn campaigns(&self, own: &[&Seen]) -> (String, Vec<String>) {
        let mut weights: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for one in own.iter().filter(|one| one.proves() != Proves::Context) {
            if let Some(campaign) = one.finding.campaign.as_deref() {
                let weight = weights.entry(campaign).or_default();
                weight.0 += usize::from(one.is_proof());
                weight.1 += 1;
            }
        }
        let rank = |campaign: &str, (proofs, _): (usize, usize)| match (self.is_way_in(campaign), proofs > 0) {
            (true, true) => 3,
            (false, true) => 2,
            (true, false) => 1,
            (false, false) => 0,
        };
        let heaviest = weights
            .iter()
            .max_by(|a, b| (rank(a.0, *a.1), a.1).cmp(&(rank(b.0, *b.1), b.1)).then(b.0.cmp(a.0)))
            .map(|(campaign, _)| *campaign);
        let others = weights.iter().filter(|(campaign, weight)| weight.0 > 0 && Some(**campaign) != heaviest);
        let also = others.map(|(campaign, _)| (*campaign).to_owned()).collect();
        match heaviest {
            Some(campaign) => (campaign.to_owned(), also),
            None => (self.campaign_by_window(own).unwrap_or(UNKNOWN).to_owned(), also),
        }
    }

    fn is_way_in(&self, campaign: &str) -> bool {
        let of_window = self.windows.iter().find(|window| window.campaign.id == campaign);
        of_window.is_none_or(|window| window.campaign.kind == CampaignKind::Vulnerability)
    }

    fn campaign_by_window(&self, own: &[&Seen]) -> Option<&str> {
        let first = own.iter().filter_map(|one| one.finding.time).min()?;
        let stages: BTreeSet<Stage> = own.iter().filter(|one| one.is_proof()).map(|one| one.finding.stage).collect();
        let fits = |window: &&Window<'_>| {
            let own_rule = |rule: &&RuleFacts| rule.campaign.as_deref() == Some(window.campaign.id.as_str());
            let known: BTreeSet<Stage> = self.rules.iter().filter(own_rule).map(|rule| rule.stage).collect();
            let is_way_in = window.campaign.kind == CampaignKind::Vulnerability;
            is_way_in && window.contains(first) && stages.iter().any(|stage| known.contains(stage))
        };
        let mut fitting = self.windows.iter().filter(fits);
        let only = fitting.next()?;
        fitting.next().is_none().then_some(only.campaign.id.as_str())
    }

    /// Through the hole when an exploit trace of a client stands before any logon from there; with a password when
    /// the logon stands first and there is no exploit trace.
    fn entry(&self, own: &[&Seen]) -> Entry {
        // Mail read through the hole is a trace of the exploit, too.
        if own.iter().any(|one| by_password(one) && one.is_proof()) && !own.iter().any(|one| through_a_hole(one)) {
            return Entry::Credentials;
        }
        let exploit = own.iter().filter(|one| !by_password(one)).filter(|one| {
            let through = one.finding.stage == Stage::Access
                || (one.finding.campaign.is_some()
                    && self.joining_client(one).is_some()
                    && one.finding.stage == Stage::Collection);
            through && !matches!(one.proves(), Proves::Context | Proves::Scan)
        });
        let first_exploit = exploit.clone().min_by_key(|one| (one.finding.time.is_none(), one.finding.time));
        let clients: BTreeSet<&str> = own.iter().filter_map(|one| self.joining_client(one)).collect();
        let logons = self.logons.iter().filter(|logon| clients.contains(logon.client.as_str()));
        let first_logon = logons.map(|logon| logon.first).min();
        // An attempt that is followed at once by commands or a foothold was one that worked.
        let tries: Vec<Utc> =
            exploit.clone().flat_map(|one| one.finding.evidence.iter().filter_map(|record| record.time)).collect();
        let at_once = |time: Utc| tries.iter().any(|tried| (0..=JOIN_WITHIN_SECS).contains(&time.secs_since(*tried)));
        let worked = own.iter().filter(|one| one.is_compromise()).filter_map(|one| one.finding.time).any(at_once);
        let proof = worked || exploit.clone().any(|one| one.is_proof());
        match (first_exploit, first_logon) {
            (Some(exploit), Some(logon)) => {
                let before = exploit.finding.time.is_some_and(|time| logon < time);
                if before && !proof { Entry::Unknown } else { Entry::Vulnerability }
            }
            (Some(_), None) => Entry::Vulnerability,
            (None, Some(logon)) => {
                let first = own.iter().filter_map(|one| one.finding.time).min();
                if first.is_some_and(|first| logon < first) { Entry::Credentials } else { Entry::Unknown }
            }
            (None, None) => Entry::Unknown,
        }
    }

    /// The pages and requests that several clients have in common.
    fn ties(&self, own: &[&Seen]) -> Vec<String> {
        let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for one in own {
            let Some(client) = self.joining_client(one) else { continue };
            for key in self.keys(one).into_iter().filter(|key| !key.starts_with("client ")) {
                users.entry(key).or_default().insert(client);
            }
        }
        let shared = users.iter().filter(|(_, clients)| clients.len() > 1).map(|(key, _)| key.clone());
        let pages = own.iter().flat_map(|one| &one.pages).map(|page| format!("page {page}"));
        let mut ties: BTreeSet<String> = shared.collect();
        if ties.is_empty() {
            ties.extend(pages);
        }
        ties.into_iter().collect()
    }
}

/// It tells of a password that was tried or used.
fn by_password(one: &Seen) -> bool {
    one.finding.rule.starts_with(credentials::RULES)
}

/// An exploit that went through.
fn through_a_hole(one: &Seen) -> bool {
    !by_password(one) && one.is_proof() && one.finding.stage == Stage::Access
}

/// How far a finding shows the attacker to have come.
fn reached(one: &Seen) -> IncidentOutcome {
    if !one.is_proof() {
        return IncidentOutcome::Attempted;
    }
    // That a request was accepted shows nothing that came after it, whatever it was meant for.
    if one.proves() == Proves::Success {
        return IncidentOutcome::Exploited;
    }
    let by_stage = match one.finding.stage {
        Stage::Access | Stage::Cleanup => IncidentOutcome::Exploited,
        Stage::Foothold => IncidentOutcome::Foothold,
        Stage::Control => IncidentOutcome::Control,
        Stage::Collection => IncidentOutcome::Collection,
        Stage::Exfiltration => IncidentOutcome::Exfiltration,
    };
    let by_proof = match one.proves() {
        Proves::Theft => IncidentOutcome::Collection,
        Proves::Execution => IncidentOutcome::Control,
        Proves::Persistence => IncidentOutcome::Foothold,
        _ => IncidentOutcome::Exploited,
    };
    by_stage.max(by_proof)
}

fn stages(own: &[&Seen]) -> Stages {
    let of =
        |stage: Stage| own.iter().filter(|one| one.finding.stage == stage).map(|one| one.finding.id.clone()).collect();
    Stages {
        access: of(Stage::Access),
        foothold: of(Stage::Foothold),
        control: of(Stage::Control),
        collection: of(Stage::Collection),
        exfiltration: of(Stage::Exfiltration),
        cleanup: of(Stage::Cleanup),
    }
}

/// More than background or a scan.
pub(crate) fn is_serious(one: &Seen) -> bool {
    !matches!(one.proves(), Proves::Context | Proves::Scan)
}

/// Disjoint sets over the indexes of findings; the smallest index stands for its set.
pub(crate) struct Union(Vec<usize>);

impl Union {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    pub(crate) fn root(&mut self, index: usize) -> usize {
        let mut root = index;
        while let Some(parent) = self.0.get(root).copied().filter(|parent| *parent != root) {
            let above = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(root) {
                *slot = above;
            }
            root = above;
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.0.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }

    fn groups(&mut self, parts: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in parts {
            groups.entry(self.root(*index)).or_default().push(*index);
        }
        groups.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, at, logon, page_use, sighting};
    use model::assessment::{Assessment, Entry};
    use model::campaign::{Proves, Stage};
    use model::observation::{PageUse, Sighting};

    fn from(rule: usize, source: &str, time: &str, client: Option<&str>) -> Sighting {
        Sighting { client: client.map(str::to_owned), ..sighting(rule, source, time) }
    }

    /// Id, campaign, clients, outcome, findings.
    fn lines(assessment: &Assessment) -> Vec<String> {
        assessment.servers[0]
            .incidents
            .iter()
            .map(|one| {
                let stages = &one.stages;
                let all = [&stages.access, &stages.foothold, &stages.control, &stages.collection];
                let ids: Vec<&str> = all.into_iter().flatten().map(String::as_str).collect();
                let (clients, ids) = (one.clients.join(" "), ids.join(" "));
                format!("{} {} [{clients}] {:?} {ids}", one.id, one.campaign, one.outcome)
            })
            .collect()
    }

    #[test]
    fn two_clients_without_anything_in_common_are_two_incidents() {
        let mut builder = Builder::new().covered();
        let exploit = builder.rule("proxylogon/anchor", Stage::Access, Proves::Success);
        builder.see(from(exploit, "httpproxy/Ecp", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
        builder.see(from(exploit, "httpproxy/Ecp", "2021-03-03T05:00:00Z", Some("198.51.100.9")));
        builder.see(from(exploit, "httpproxy/Ecp", "2021-03-03T06:00:00Z", Some("203.0.113.7")));
        assert_eq!(
            lines(&builder.assess()),
            ["EXC01-1 proxylogon [203.0.113.7] Exploited f1 f3", "EXC01-2 proxylogon [198.51.100.9] Exploited f2"]
        );
    }

    #[test]
    fn a_shared_web_shell_joins_its_writer_and_its_user_and_it_is_said() {
        let mut builder = Builder::new().covered();
        let write = builder.rule("proxylogon/oab-reset", Stage::Foothold, Proves::Persistence);
        let mut written = from(write, "ecpserver", "2021-03-03T04:00:00Z", Some("203.0.113.7"));
        written.subject = Some(r"\\127.0.0.1\C$\inetpub\wwwroot\aspnet_client\x.aspx".to_owned());
        builder.see(written);
        builder.server().pages =
            vec![PageUse { posts_answered: 1, ..page_use("/aspnet_client/x.aspx", "198.51.100.9", 1) }];
        let assessment = builder.assess();
        assert_eq!(lines(&assessment), ["EXC01-1 proxylogon [198.51.100.9 203.0.113.7] Control f1 f2 f3"]);
        let answers = &assessment.servers[0].answers;
        assert!(answers.control.answer.contains("page /aspnet_client/x.aspx"), "{}", answers.control.answer);
        assert_eq!(assessment.servers[0].web_shells[0].written, Some(at("2021-03-03T04:00:00Z")));
    }

    #[test]
    fn the_servers_own_address_joins_nobody() {
        let mut builder = Builder::new().covered();
        let exploit = builder.rule("proxylogon/anchor", Stage::Access, Proves::Success);
        for (time, id) in [("2021-03-03T04:00:00Z", "aaaaaaaa-1"), ("2021-03-05T05:00:00Z", "aaaaaaaa-1")] {
            let mut one = from(exploit, "httpproxy/Ecp", time, Some("127.0.0.1"));
            one.request_ids = vec![id.to_owned()];
            builder.see(one);
        }
        builder.see(from(exploit, "httpproxy/Ecp", "2021-03-08T04:00:00Z", Some("203.0.113.7")));
        assert_eq!(lines(&builder.assess()).len(), 2);
    }

    #[test]
    fn processes_join_the_request_before_them() {
        let mut builder = Builder::new().covered();
        let shell = builder.rule("proxylogon/shell-post", Stage::Control, Proves::Persistence);
        let process = builder.rule("proxylogon/w3wp-child", Stage::Control, Proves::Execution);
        builder.see(from(shell, "iis/W3SVC1", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
        builder.see(from(shell, "iis/W3SVC1", "2021-03-03T04:10:00Z", Some("198.51.100.9")));
        builder.see(from(process, "windows/Security", "2021-03-03T04:03:00Z", None));
        builder.see(from(process, "windows/Security", "2021-03-03T04:11:00Z", None));
        builder.see(from(process, "windows/Security", "2021-03-03T09:00:00Z", None));
        assert_eq!(
            lines(&builder.assess()),
            [
                "EXC01-1 proxylogon [203.0.113.7] Control f1 f2",
                "EXC01-2 proxylogon [198.51.100.9] Control f3 f4",
                "EXC01-3 proxylogon [] Control f5"
            ]
        );
    }

    #[test]
    fn a_scan_is_no_incident_unless_its_client_goes_on() {
        let mut builder = Builder::new().covered();
        let scan = builder.rule("proxylogon/autodiscover", Stage::Access, Proves::Scan);
        let attempt = builder.rule("proxylogon/anchor", Stage::Access, Proves::Attempt);
        builder.see(from(scan, "httpproxy/Ecp", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
        assert!(lines(&builder.assess()).is_empty());
        builder.see(from(attempt, "httpproxy/Ecp", "2021-03-03T04:05:00Z", Some("203.0.113.7")));
        assert_eq!(lines(&builder.assess()), ["EXC01-1 proxylogon [203.0.113.7] Attempted f1 f2"]);
    }

    #[test]
    fn the_way_in_follows_the_order_of_logon_and_exploit() {
        let check = |exploit: bool, logon_at: Option<&str>, expected: Entry| {
            let mut builder = Builder::new().covered();
            let access = builder.rule("proxylogon/anchor", Stage::Access, Proves::Attempt);
            let shell = builder.rule("proxylogon/shell-post", Stage::Control, Proves::Persistence);
            if exploit {
                builder.see(from(access, "httpproxy/Ecp", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
            }
            builder.see(from(shell, "iis/W3SVC1", "2021-03-03T04:10:00Z", Some("203.0.113.7")));
            if let Some(time) = logon_at {
                builder.server().logons.push(logon("EXAMPLE\\alice", "203.0.113.7", at(time)));
            }
            assert_eq!(builder.assess().servers[0].incidents[0].entry, expected, "{exploit} {logon_at:?}");
        };
        check(true, None, Entry::Vulnerability);
        check(true, Some("2021-03-03T04:01:00Z"), Entry::Vulnerability);
        check(true, Some("2021-03-01"), Entry::Unknown);
        check(false, Some("2021-03-01"), Entry::Credentials);
        check(false, Some("2021-03-09"), Entry::Unknown);
        check(false, None, Entry::Unknown);
    }

    #[test]
    fn a_shell_that_fits_one_window_takes_its_campaign() {
        let mut builder = Builder::new().covered();
        builder.rule("proxylogon/oab-reset", Stage::Foothold, Proves::Persistence);
        builder.server().pages =
            vec![PageUse { posts_answered: 1, ..page_use("/aspnet_client/x.aspx", "198.51.100.9", 1) }];
        let assessment = builder.assess();
        assert_eq!(assessment.findings[0].campaign.as_deref(), Some("proxylogon"));
        assert_eq!(assessment.servers[0].exposure[0].verdict, assessment.verdict);
    }
}
