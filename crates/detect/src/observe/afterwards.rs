//! What shows only when everything is read: chains of hits, and pages whose name is known from elsewhere.

use model::observation::{EvidenceRecord, Observations, PageUse, Server, Sighting};
use model::{Family, Source, Utc};

use crate::pack::{Indicator, IndicatorKind};
use crate::plan::{Plan, RuleIndex};
use crate::sigma::correlation::CorrelationHit;

/// Adds the sightings that follow from others: correlations, and indicators for pages.
pub fn conclude(plan: &Plan, observations: &mut Observations) {
    for (name, server) in &mut observations.servers {
        let mut added = correlations(plan, name, server);
        added.extend(server.pages.iter().flat_map(|page| page_indicators(plan, page)));
        server.sightings.extend(added);
    }
}

fn correlations(plan: &Plan, name: &str, server: &Server) -> Vec<Sighting> {
    let mut hits = Vec::new();
    let mut records: Vec<(&Sighting, &EvidenceRecord)> = Vec::new();
    for sighting in &server.sightings {
        let Ok(rule) = u32::try_from(sighting.rule) else { continue };
        for record in &sighting.evidence {
            let Some(time) = record.time else { continue };
            hits.push(CorrelationHit {
                rule: RuleIndex(rule),
                time,
                server: name.to_owned(),
                client: sighting.client.clone(),
                account: sighting.account.clone(),
                subject: sighting.subject.clone(),
                index: records.len(),
            });
            records.push((sighting, record));
        }
    }
    let chain = |(rule, members): (RuleIndex, Vec<usize>)| {
        let members: Vec<_> = members.iter().filter_map(|at| records.get(*at)).collect();
        let (first, _) = members.first()?;
        let times: Vec<Utc> = members.iter().filter_map(|(_, record)| record.time).collect();
        Some(Sighting {
            rule: rule.at(),
            source: first.source.clone(),
            first: times.iter().min().copied(),
            last: times.iter().max().copied(),
            count: members.len() as u64,
            client: first.client.clone(),
            subject: None,
            account: first.account.clone(),
            bytes: members.iter().map(|(sighting, _)| sighting.bytes).sum(),
            status: None,
            request_ids: members
                .iter()
                .flat_map(|(sighting, _)| sighting.request_ids.iter().cloned())
                .take(20)
                .collect(),
            evidence: members.iter().map(|(_, record)| (*record).clone()).collect(),
        })
    };
    plan.correlate(&hits).into_iter().filter_map(|group| chain((group.rule, group.hits))).collect()
}

/// A page that is not Exchange's own, was there, and bears a name that was seen in a campaign. Scanners ask for all such
/// names; that they are not there is no trace of the campaign.
fn page_indicators(plan: &Plan, page: &PageUse) -> Vec<Sighting> {
    if page.answered == 0 {
        return Vec::new();
    }
    let name = page.page.rsplit('/').next().unwrap_or(&page.page);
    let indicators = plan.indicators();
    let by_url = indicators.find(IndicatorKind::Url, &page.page).iter();
    let by_name = indicators.find(IndicatorKind::FileName, name).iter();
    let in_time = |indicator: &Indicator| {
        indicator.from.is_none_or(|from| from <= page.last) && indicator.until.is_none_or(|until| page.first <= until)
    };
    let mut rules: Vec<RuleIndex> =
        by_url.chain(by_name).filter(|(_, indicator)| in_time(indicator)).map(|(rule, _)| *rule).collect();
    rules.sort_unstable();
    rules.dedup();
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
