//! What counts only together with something else.
//!
//! Indicators never prove alone. An address, a name or a hash from a list counts only where an independent second
//! source says something about the same client or the same thing; otherwise it stays as background.

use std::collections::{BTreeMap, BTreeSet};

use model::campaign::Proves;
use model::{Family, Utc};

use crate::findings::Seen;

/// Lowers what uncorroborated indicators prove to context, and says so.
pub(crate) fn weigh(seen: &mut [Seen]) {
    let telling = telling(seen);
    let corroborated: Vec<bool> = seen.iter().map(|one| one.indicator && is_corroborated(one, &telling)).collect();
    for (one, corroborated) in seen.iter_mut().zip(corroborated) {
        if !one.indicator || (!corroborated && one.proves() == Proves::Context) {
            continue;
        }
        let note = if corroborated {
            "It is an indicator from a list; another log with another rule agrees."
        } else {
            one.finding.proves = Proves::Context;
            "It is an indicator from a list and nothing independent in this evidence agrees, so it counts as \
             background only."
        };
        let reason = one.finding.reason.trim_end();
        one.finding.reason = if reason.is_empty() { note.to_owned() } else { format!("{reason} {note}") };
    }
}

/// A setting was made by an exploit request that stands at most so long before it.
const SET_WITHIN_SECS: i64 = 120;

/// Forwarding and rights over mailboxes are set by users and administrators every day. Set within two minutes after an
/// exploit went through, they are what it was for.
pub(crate) fn settle_settings(seen: &mut [Seen]) {
    let went_through: Vec<Utc> = seen
        .iter()
        .filter(|one| one.proves() == Proves::Success && !one.indicator)
        .flat_map(|one| one.finding.evidence.iter().filter_map(|record| record.time))
        .collect();
    for one in seen.iter_mut().filter(|one| is_setting(one)) {
        let times = || one.finding.evidence.iter().filter_map(|record| record.time);
        let follows = |time: Utc| {
            let since = |exploit: &Utc| time.secs_since(*exploit);
            went_through.iter().any(|exploit| (0..=SET_WITHIN_SECS).contains(&since(exploit)))
        };
        if times().any(follows) {
            one.finding.proves = Proves::Persistence;
            let reason = one.finding.reason.trim_end();
            one.finding.reason = format!(
                "{reason} An exploit request went through within the two minutes before: this is what it was for."
            );
        }
    }
}

/// A log that is cleared so long after the last sign of somebody inside was cleared with him inside.
const CLEARED_WITHIN_SECS: i64 = 24 * 3_600;

/// Administrators clear event logs, too. Cleared while somebody was inside, or within a day after, it is clean-up.
pub(crate) fn settle_clearings(seen: &mut [Seen]) {
    let inside = || seen.iter().filter(|one| one.is_compromise() && !one.indicator && one.family != Family::File);
    let first = inside().filter_map(|one| one.finding.time).min();
    let last = inside().filter_map(|one| one.finding.last.or(one.finding.time)).max();
    let (Some(first), Some(last)) = (first, last) else { return };
    let technique = |known: &String| known == "T1070.001";
    let is_clearing = |one: &&mut Seen| {
        let meanwhile = |time: Utc| time.secs_since(first) >= 0 && time.secs_since(last) <= CLEARED_WITHIN_SECS;
        one.proves() == Proves::Context
            && !one.foreign
            && one.family == Family::Windows
            && one.finding.attack.iter().any(technique)
            && one.finding.time.is_some_and(meanwhile)
    };
    for one in seen.iter_mut().filter(is_clearing) {
        one.finding.proves = Proves::Cleanup;
        let reason = one.finding.reason.trim_end();
        one.finding.reason = format!("{reason} Somebody was inside at that time.");
    }
}

/// Mail that goes where a rule of the attacker sends it is taken, as message tracking shows.
pub(crate) fn settle_redirected(seen: &mut [Seen]) {
    let is_rule = |one: &&Seen| {
        one.proves() == Proves::Persistence && one.finding.attack.iter().any(|known| known.starts_with("T1114.003"))
    };
    let texts = |one: &Seen| {
        let records = one.finding.evidence.iter().map(|record| record.text.to_lowercase());
        records.chain(one.finding.subject.iter().map(|subject| subject.to_lowercase())).collect::<Vec<_>>()
    };
    let rules: Vec<String> = seen.iter().filter(is_rule).flat_map(texts).collect();
    for one in seen.iter_mut().filter(|one| is_tracked(one)) {
        let recipient = one.finding.subject.as_deref().unwrap_or_default().to_lowercase();
        if recipient.contains('@') && rules.iter().any(|rule| rule.contains(&recipient)) {
            one.finding.proves = Proves::Theft;
            let reason = one.finding.reason.trim_end();
            one.finding.reason =
                format!("{reason} A rule that an exploit set names this recipient: this mail was taken.");
        }
    }
}

/// Mail on its way that a rule or a setting sent on.
fn is_tracked(one: &Seen) -> bool {
    one.family == Family::MessageTracking
        && !one.foreign
        && one.proves() == Proves::Context
        && one.finding.attack.iter().any(|known| known.starts_with("T1114.003"))
}

/// A cmdlet that sends mail on or opens mailboxes, by its technique.
fn is_setting(one: &Seen) -> bool {
    let technique = |known: &str| matches!(known, "T1114.003" | "T1098.002" | "T1098.003");
    one.proves() == Proves::Context
        && !one.indicator
        && !one.foreign
        && matches!(one.family, Family::Windows | Family::RpsCmdlet | Family::Audit | Family::EcpServer)
        && one.finding.attack.iter().any(|known| technique(known))
}

/// What findings are about, with the log family and the rule that say so.
type Telling = BTreeMap<String, BTreeSet<(Family, String)>>;

/// Findings that are no indicators and tell more than a scan, by what they are about.
fn telling(seen: &[Seen]) -> Telling {
    let mut telling = Telling::new();
    let counts = |one: &&Seen| !one.indicator && !matches!(one.proves(), Proves::Context | Proves::Scan);
    for one in seen.iter().filter(counts) {
        for key in keys(one) {
            telling.entry(key).or_default().insert((one.family, one.finding.rule.clone()));
        }
    }
    telling
}

/// Another log family, with another rule, speaks of the same client or the same thing.
fn is_corroborated(indicator: &Seen, telling: &Telling) -> bool {
    let independent =
        |(family, rule): &(Family, String)| *family != indicator.family && *rule != indicator.finding.rule;
    keys(indicator).iter().filter_map(|key| telling.get(key)).flatten().any(independent)
}

fn keys(one: &Seen) -> Vec<String> {
    let client = one.finding.client.as_ref().map(|client| format!("client {}", client.to_lowercase()));
    let subject = one.finding.subject.as_ref().map(|subject| format!("subject {}", subject.to_lowercase()));
    client.into_iter().chain(subject).chain(one.pages.iter().map(|page| format!("page {page}"))).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, sighting};
    use model::assessment::Verdict;
    use model::campaign::{Proves, Stage};

    fn indicator_only() -> Builder {
        let mut builder = Builder::new().covered();
        let indicator = builder.indicator("proxylogon/address", Stage::Control, Proves::Persistence);
        let mut hit = sighting(indicator, "iis/W3SVC1", "2021-03-03T04:00:00Z");
        hit.client = Some("203.0.113.7".to_owned());
        builder.see(hit);
        builder
    }

    #[test]
    fn an_indicator_alone_is_background() {
        let assessment = indicator_only().assess();
        assert_eq!(assessment.verdict, Verdict::NoEvidence);
        assert_eq!(assessment.findings[0].proves, Proves::Context);
        assert!(assessment.findings[0].reason.contains("background only"));
        assert!(assessment.servers[0].incidents.is_empty());
    }

    #[test]
    fn forwarding_right_after_an_exploit_is_what_it_was_for() {
        for (time, expected) in [
            ("2021-03-03T04:01:00Z", Verdict::Compromised),
            ("2021-03-03T03:59:59Z", Verdict::Exploited),
            ("2021-03-03T04:02:01Z", Verdict::Exploited),
        ] {
            let mut builder = Builder::new().covered();
            let exploit = builder.rule("proxylogon/written", Stage::Collection, Proves::Success);
            builder.see(sighting(exploit, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
            let forward = builder.rule("exchange-host/mail-forward-event", Stage::Exfiltration, Proves::Context);
            builder.observations.rules[forward].attack = vec!["T1114.003".to_owned()];
            builder.see(sighting(forward, "windows/MSExchange Management", time));
            assert_eq!(builder.assess().verdict, expected, "{time}");
        }
    }

    #[test]
    fn mail_to_where_such_a_rule_sends_it_is_taken() {
        for (recipient, expected) in [("Drop@zz.example", Proves::Theft), ("friend@fabrikam.example", Proves::Context)]
        {
            let mut builder = Builder::new().covered();
            let exploit = builder.rule("proxylogon/written", Stage::Access, Proves::Success);
            builder.see(sighting(exploit, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
            for (name, source, subject, time) in [
                ("forward", "windows/MSExchange Management", "-RedirectTo \"drop@zz.example\"", "2021-03-03T04:01:00Z"),
                ("tracked", "messagetracking", recipient, "2021-03-04T08:00:00Z"),
            ] {
                let rule = builder.rule(&format!("exchange-host/{name}"), Stage::Exfiltration, Proves::Context);
                builder.observations.rules[rule].attack = vec!["T1114.003".to_owned()];
                let mut one = sighting(rule, source, time);
                one.subject = Some(subject.to_owned());
                builder.see(one);
            }
            let assessment = builder.assess();
            let tracked = assessment.findings.iter().find(|one| one.rule == "exchange-host/tracked").unwrap();
            assert_eq!(tracked.proves, expected, "{recipient}");
        }
    }

    #[test]
    fn an_independent_source_makes_it_count() {
        let mut builder = indicator_only();
        let other = builder.rule("proxylogon/anchor", Stage::Access, Proves::Attempt);
        let mut hit = sighting(other, "httpproxy/Ecp", "2021-03-03T03:59:00Z");
        hit.client = Some("203.0.113.7".to_owned());
        builder.see(hit);
        assert_eq!(builder.assess().verdict, Verdict::Compromised);
    }

    #[test]
    fn the_same_log_family_or_a_scan_is_no_second_source() {
        for (source, proves) in [("iis/W3SVC2", Proves::Attempt), ("httpproxy/Ecp", Proves::Scan)] {
            let mut builder = indicator_only();
            let other = builder.rule("proxylogon/anchor", Stage::Access, proves);
            let mut hit = sighting(other, source, "2021-03-03T03:59:00Z");
            hit.client = Some("203.0.113.7".to_owned());
            builder.see(hit);
            assert_eq!(builder.assess().verdict, Verdict::Targeted, "{source}");
        }
    }
}
