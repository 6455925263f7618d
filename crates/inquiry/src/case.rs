//! One server from observation to assessment: the order of judging, and what the answers are given from.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::{
    Begin, BuildSpan, Coverage, Exposure, Finding, Mailbox, PageReading, Persistence, ServerAssessment, Span, Verdict,
    WebShell,
};
use model::campaign::{Campaign, CampaignKind, Proves, RuleFacts};
use model::observation::{Observations, Server};
use model::{Family, Utc};

use crate::coverage::{Bounds, Spoken};
use crate::exposure::{Ground, Window};
use crate::findings::{Material, Seen};
use crate::incidents::{Chain, Stitching};
use crate::product::Product;
use crate::{
    Options, answers, begin, builds, clients, configuration, corroboration, coverage, findings, mailboxes, persistence,
    processes, readings, reasons, verdict, web_shells,
};

/// Everything that is known of one server when it comes to answering.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) server: &'a Server,
    pub(crate) product: &'a dyn Product,
    pub(crate) rules: &'a [RuleFacts],
    pub(crate) campaigns: &'a [Campaign],
    /// Other servers of the evidence on which something of a campaign was found, by campaign.
    pub(crate) elsewhere: BTreeMap<String, BTreeSet<String>>,
    pub(crate) evidence: Option<Span>,
    pub(crate) spoken: Vec<Spoken>,
    pub(crate) builds: Vec<BuildSpan>,
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) windows: Vec<Window<'a>>,
    pub(crate) exposure: Vec<Exposure>,
    /// Why nothing can be ruled out, beside missing coverage.
    pub(crate) blind: Vec<String>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) web_shells: Vec<WebShell>,
    pub(crate) pages: Vec<PageReading>,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) persistence: Vec<Persistence>,
    /// What old copies of the configuration tell.
    pub(crate) history: configuration::History,
    /// Machine keys that other servers have too, and which.
    pub(crate) shared_keys: Vec<(String, Vec<String>)>,
    pub(crate) begin: Begin,
    pub(crate) verdict: Verdict,
}

/// Judges one server. Findings are numbered from `before + 1` on.
pub(crate) fn assess(
    observations: &Observations,
    options: &Options,
    product: &dyn Product,
    (name, server): (&str, &Server),
    before: usize,
) -> (ServerAssessment, Vec<Finding>) {
    let case = judge(observations, options, product, (name, server), before);
    let assessed = ServerAssessment {
        server: name.to_owned(),
        verdict: case.verdict,
        summary: reasons::summary(&case),
        reasons: reasons::reasons(&case),
        builds: case.builds.clone(),
        exposure: case.exposure.clone(),
        begin: case.begin.clone(),
        incidents: case.chains.iter().map(|chain| chain.incident.clone()).collect(),
        web_shells: case.web_shells.clone(),
        pages: case.pages.clone(),
        mailboxes: case.mailboxes.clone(),
        persistence: case.persistence.clone(),
        coverage: case.coverage.clone(),
        answers: answers::all(&case),
    };
    (assessed, case.seen.into_iter().map(|one| one.finding).collect())
}

fn judge<'a>(
    observations: &'a Observations,
    options: &Options,
    product: &'a dyn Product,
    (name, server): (&'a str, &'a Server),
    before: usize,
) -> Case<'a> {
    let bounds = Bounds { from: options.from, until: options.until };
    let material = Material { files: &observations.files, rules: &observations.rules, product, name, server };
    let mut seen = findings::all(&material, before);
    findings::settle_traces(&mut seen);
    corroboration::weigh(&mut seen);
    processes::settle_descendants(&mut seen);
    corroboration::settle_settings(&mut seen);
    corroboration::settle_redirected(&mut seen);
    corroboration::settle_clearings(&mut seen);
    let builds = builds::history(&server.builds, product);
    let spoken = coverage::spoken(server, name, &observations.files);
    let evidence = extent(server);
    let found: BTreeSet<String> = seen
        .iter()
        .filter(|one| one.proves() != Proves::Context)
        .filter_map(|one| one.finding.campaign.clone())
        .collect();
    let ground = Ground {
        product,
        builds: &builds,
        evidence: evidence.clone(),
        spoken: &spoken,
        bounds,
        is_exchange: is_exchange(&spoken, server),
        found: &found,
    };
    let windows = ground.windows(&observations.campaigns);
    let stitching = Stitching {
        name,
        product,
        between: &clients::InBetween::of(server),
        rules: &observations.rules,
        windows: &windows,
        logons: &server.logons,
    };
    let chains = stitching.stitch(&mut seen);
    let (exposure, verdict, blind) =
        verdicts(observations, options, &windows, (name, &seen), product, speaks_of_exchange(&spoken));
    Case {
        name,
        server,
        product,
        rules: &observations.rules,
        campaigns: &observations.campaigns,
        elsewhere: elsewhere(observations, name),
        evidence,
        builds,
        coverage: coverage::list(server, name, &observations.files),
        exposure,
        blind,
        web_shells: web_shells::list(&material, &seen),
        pages: readings::list(&material, &seen),
        mailboxes: mailboxes::list(server, &seen, &chains),
        persistence: persistence::list(&seen),
        history: configuration::history(&observations.files, &seen),
        shared_keys: configuration::shared_keys(observations, name),
        begin: begin::of(&seen, &windows, &chains),
        verdict,
        spoken,
        windows,
        seen,
        chains,
    }
}

/// Event logs of Windows alone are those of any host; logs of Exchange among them, of requests or of setup, and web
/// folders are not. Without any log nothing speaks against it.
fn is_exchange(spoken: &[coverage::Spoken], server: &Server) -> bool {
    let of_any_host = |one: &coverage::Spoken| {
        let channel = one.source.part.as_deref().unwrap_or_default();
        one.source.family == Family::Windows && !channel.starts_with("MSExchange")
    };
    spoken.is_empty() || server.web_folders_present || !spoken.iter().all(of_any_host)
}

/// Windows events and setup logs alone, without any log of requests, cannot show that nothing was asked.
fn speaks_of_exchange(spoken: &[coverage::Spoken]) -> bool {
    spoken.iter().any(|one| !matches!(one.source.family, model::Family::Windows | model::Family::Setup))
}

/// The exposures with their verdicts, the server's verdict, and what beside coverage keeps from ruling anything out.
fn verdicts(
    observations: &Observations,
    options: &Options,
    windows: &[Window<'_>],
    (name, seen): (&str, &[Seen]),
    product: &dyn Product,
    has_logs: bool,
) -> (Vec<Exposure>, Verdict, Vec<String>) {
    let mut all_blind: BTreeSet<String> = BTreeSet::new();
    let mut exposure: Vec<Exposure> = Vec::new();
    for window in windows {
        let blind = verdict::blind_spots(observations, options, window.campaign, (name, seen), product);
        exposure.push(exposed(window, verdict::of_window(window, windows, seen, &blind)));
        all_blind.extend(blind);
    }
    let worst = exposure.iter().map(|one| one.verdict).min();
    let mut result = worst.unwrap_or(if has_logs { Verdict::NoEvidence } else { Verdict::CannotTell });
    if result == Verdict::NoEvidence && !has_logs {
        result = Verdict::CannotTell;
    }
    if worst.is_none() && (observations.incomplete || observations.campaigns.is_empty()) {
        result = Verdict::CannotTell;
    }
    if let Some((verdict, first)) = verdict::unattributed(seen, windows, worst) {
        let whole = result != Verdict::CannotTell;
        if verdict < Verdict::CannotTell || whole {
            result = result.min(verdict);
        }
        if verdict < Verdict::CannotTell || worst.is_some() {
            exposure.push(verdict::unattributed_exposure(verdict, first));
        }
    }
    (exposure, result, all_blind.into_iter().collect())
}

fn exposed(window: &Window<'_>, verdict: Verdict) -> Exposure {
    Exposure {
        campaign: window.campaign.id.clone(),
        campaign_name: window.campaign.name.clone(),
        grounds: window.grounds,
        cves: window.cves.clone(),
        verdict,
        from: window.from,
        from_basis: window.from_basis.clone(),
        until: window.until,
        until_basis: window.until_basis.clone(),
        covered: window.covered.clone(),
        uncovered: window.uncovered.clone(),
    }
}

/// On which other servers rules of a campaign found more than background.
fn elsewhere(observations: &Observations, name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (other, server) in observations.servers.iter().filter(|(other, _)| *other != name) {
        let rules = server.sightings.iter().filter_map(|one| observations.rules.get(one.rule));
        let telling = rules.filter(|rule| rule.proves != Proves::Context && !rule.indicator);
        for campaign in telling.filter_map(|rule| rule.campaign.as_ref()) {
            found.entry(campaign.clone()).or_default().insert(other.clone());
        }
    }
    found
}

/// First and last record of a server.
fn extent(server: &Server) -> Option<Span> {
    let covered = server.coverage.iter().filter(|(source, _)| source.family != Family::File);
    let coverage = covered.flat_map(|(_, seen)| {
        let hours = [seen.hours.keys().next(), seen.hours.keys().next_back()];
        let hours = hours.into_iter().flatten().map(|hour| Utc::from_hour(*hour));
        [seen.first, seen.last].into_iter().flatten().chain(hours)
    });
    let builds = server.builds.iter().flat_map(|one| [one.first, one.last]);
    let sightings = server.sightings.iter().flat_map(|one| [one.first, one.last]).flatten();
    let pages = server.pages.iter().flat_map(|one| [one.first, one.last]);
    let times: Vec<Utc> = coverage.chain(builds).chain(sightings).chain(pages).collect();
    let (from, until) = times.iter().min().zip(times.iter().max())?;
    Some(Span { from: *from, until: *until })
}

impl Case<'_> {
    /// Findings that satisfy a test.
    pub(crate) fn having(&self, test: impl Fn(&Seen) -> bool) -> Vec<&Seen> {
        self.seen.iter().filter(|one| test(one)).collect()
    }

    /// Findings that prove anything.
    pub(crate) fn proofs(&self) -> Vec<&Seen> {
        self.having(Seen::is_proof)
    }

    /// The build that ran last.
    pub(crate) fn last_build(&self) -> Option<&BuildSpan> {
        self.builds.iter().max_by_key(|span| (span.last_seen, span.first_seen))
    }

    /// The first time from which a fixed build ran for every campaign that was found, else for every one that counts.
    pub(crate) fn fixed_since(&self) -> Option<Utc> {
        let found: BTreeSet<&str> = self.proofs().iter().filter_map(|one| one.finding.campaign.as_deref()).collect();
        let is_way_in = |window: &&Window<'_>| window.campaign.kind == CampaignKind::Vulnerability;
        let is_found = |window: &&Window<'_>| found.contains(window.campaign.id.as_str());
        let ways_found = self.windows.iter().filter(is_way_in).any(|window| is_found(&window));
        // What was found belongs to no way in: no update of any ends it.
        if !ways_found && self.windows.iter().any(|window| is_found(&window)) {
            return None;
        }
        let concerned = |window: &&Window<'_>| is_way_in(window) && (!ways_found || is_found(window));
        let times: Option<Vec<Utc>> = self.windows.iter().filter(concerned).map(|window| window.fixed_since).collect();
        times.and_then(|times| times.into_iter().max())
    }

    /// What would settle the uncovered stretches, without repetition.
    pub(crate) fn wishes(&self) -> Vec<String> {
        let mut wishes: Vec<String> = Vec::new();
        let uncovered = self.windows.iter().filter(|window| !window.is_covered()).flat_map(|window| &window.uncovered);
        for one in uncovered {
            if !wishes.contains(&one.settle) {
                wishes.push(one.settle.clone());
            }
        }
        wishes
    }
}
