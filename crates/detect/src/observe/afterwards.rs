//! What shows only when everything is read: chains of hits, and pages whose name is known from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use model::observation::{EvidenceRecord, Observations, PageUse, Server, Sighting};
use model::{Family, Origin, Source, Utc};

use crate::pack::{Indicator, IndicatorKind, Refusal};
use crate::plan::{Plan, RuleIndex};
use crate::sigma::correlation::{CorrelationGroup, CutShort, HITS_MAX, HitLog, Member};

/// Request ids that a chain carries on.
const REQUEST_IDS_MAX: usize = 20;
/// Records that a chain shows: as many from its beginning as from its end.
const EVIDENCE_MAX: usize = 100;

/// The hits that correlations ask for, by server.
#[derive(Debug, Default)]
pub struct Noted(pub(super) BTreeMap<String, HitLog>);

/// Adds the sightings that follow from others: correlations, and indicators for pages. Returns the rules that hit so
/// often that correlations could not look at all of it.
pub fn conclude(plan: &Plan, noted: Noted, observations: &mut Observations) -> Vec<Refusal> {
    let mut cut_short = Vec::new();
    let mut noted = noted.0;
    for (name, server) in &mut observations.servers {
        // An assessment judges each server by itself, so hits on two servers make no chain.
        let mut correlator = plan.correlations();
        correlator.take(name, noted.remove(name).unwrap_or_default());
        let (groups, cut) = correlator.finish();
        cut_short.extend(cut.iter().map(|cut| refusal(plan, cut)));
        let mut added = chains(&groups, server);
        added.extend(server.pages.iter().flat_map(|page| page_indicators(plan, page)));
        server.sightings.extend(added);
    }
    cut_short
}

/// The hits on all servers joined, and the rules that hit so often that correlations could not look at all of it.
#[must_use]
pub fn join_noted(plan: &Plan, noted: Noted) -> (Vec<CorrelationGroup>, Vec<Refusal>) {
    let mut correlator = plan.correlations();
    noted.0.into_iter().for_each(|(name, log)| correlator.take(&name, log));
    let (groups, cut) = correlator.finish();
    let cut_short = cut.iter().map(|cut| refusal(plan, cut)).collect();
    (groups, cut_short)
}

fn refusal(plan: &Plan, cut: &CutShort) -> Refusal {
    Refusal {
        rule: plan.rules().get(cut.rule.at()).map(|facts| facts.id.clone()).unwrap_or_default(),
        reason: format!(
            "on {} its correlations looked at the earliest {HITS_MAX} hits only, and not at {} more",
            cut.server, cut.missing
        ),
    }
}

/// A hit, and the sighting and record in which it was kept.
type Kept<'a> = BTreeMap<(usize, Origin), (&'a Sighting, &'a EvidenceRecord)>;

fn chains(groups: &[CorrelationGroup], server: &Server) -> Vec<Sighting> {
    if groups.is_empty() {
        return Vec::new();
    }
    let members: BTreeSet<usize> =
        groups.iter().flat_map(|group| &group.members).map(|member| member.rule.at()).collect();
    let mut kept = Kept::new();
    for sighting in server.sightings.iter().filter(|sighting| members.contains(&sighting.rule)) {
        kept.extend(sighting.evidence.iter().map(|record| ((sighting.rule, record.origin), (sighting, record))));
    }
    groups.iter().filter_map(|group| chain(group, &kept)).collect()
}

fn chain(group: &CorrelationGroup, kept: &Kept<'_>) -> Option<Sighting> {
    let (first, last) = (group.members.first()?, group.members.last()?);
    let found: Vec<_> = group.members.iter().filter_map(|hit| kept.get(&(hit.rule.at(), hit.origin))).collect();
    let half = EVIDENCE_MAX / 2;
    let shown = |at: &usize| found.len() <= EVIDENCE_MAX || *at < half || *at >= found.len() - half;
    let mut evidence: Vec<EvidenceRecord> =
        (0..found.len()).filter(shown).filter_map(|at| found.get(at)).map(|(_, record)| (*record).clone()).collect();
    if evidence.is_empty() {
        evidence.push(place(first));
    }
    let ids = found.iter().flat_map(|(sighting, _)| sighting.request_ids.iter().cloned());
    Some(Sighting {
        rule: group.rule.at(),
        source: first.source.clone(),
        first: Some(first.time),
        last: Some(last.time),
        count: group.members.len() as u64,
        client: first.client.as_deref().map(str::to_owned),
        subject: None,
        account: first.account.as_deref().map(str::to_owned),
        bytes: found.iter().map(|(sighting, _)| sighting.bytes).sum(),
        status: None,
        request_ids: ids.take(REQUEST_IDS_MAX).collect(),
        evidence,
    })
}

/// A record that was not kept: it is read again when it is shown.
fn place(hit: &Member) -> EvidenceRecord {
    EvidenceRecord { origin: hit.origin, time: Some(hit.time), raw: Box::default() }
}

/// A page that is not Exchange's own, was there, and bears a name that was seen in a campaign. Scanners ask for all such
/// names; that they are not there is no trace of the campaign.
fn page_indicators(plan: &Plan, page: &PageUse) -> Vec<Sighting> {
    if page.answered == 0 {
        return Vec::new();
    }
    let rules = indicators_of_page(plan, &page.page, (page.first, page.last));
    let sighting = |rule: RuleIndex| Sighting {
        rule: rule.at(),
        source: Source::whole(Family::Iis),
        first: page.first_answered.or(Some(page.first)),
        last: page.last_answered.or(Some(page.last)),
        count: page.answered,
        client: Some(page.client.clone()),
        subject: Some(page.page.clone()),
        account: page.account.clone(),
        bytes: 0,
        status: Some(200),
        request_ids: Vec::new(),
        evidence: page.evidence.clone(),
    };
    rules.into_iter().map(sighting).collect()
}

/// Indicators that name a page, or the file behind it, and hold at some time of its use.
pub(crate) fn indicators_of_page(plan: &Plan, page: &str, (first, last): (Utc, Utc)) -> Vec<RuleIndex> {
    let name = page.rsplit('/').next().unwrap_or(page);
    let indicators = plan.indicators();
    let by_url = indicators.find(IndicatorKind::Url, page).iter();
    let by_name = indicators.find(IndicatorKind::FileName, name).iter();
    let in_time = |indicator: &Indicator| {
        indicator.from.is_none_or(|from| from <= last) && indicator.until.is_none_or(|until| first <= until)
    };
    let mut rules: Vec<RuleIndex> =
        by_url.chain(by_name).filter(|(_, indicator)| in_time(indicator)).map(|(rule, _)| *rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
