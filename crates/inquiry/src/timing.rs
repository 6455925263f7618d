//! What is put together by time alone, because nothing else ties it: bounded, on one server, and said in words.
//!
//! Web logs write a request when it ends, so what it started may stand a little before it. Times are those of the
//! observations: clocks that records contradict are corrected there.

use std::collections::BTreeSet;

use model::campaign::{Proves, Stage};
use model::{Family, Utc};

use crate::findings::Seen;
use crate::incidents::{Union, is_serious};
use crate::{JOIN_RULE, processes};

/// A record without a client joins a chain that was seen at most so long before it.
pub(crate) const JOIN_WITHIN_SECS: i64 = 5 * 60;
/// A request is logged at most so long after what it started: it took that time.
pub(crate) const LOGGED_AFTER_SECS: i64 = 15;
/// What the system itself did so soon after a request of an attacker is told with it.
const FOLLOWS_WITHIN_SECS: i64 = 60;
/// Hits of one rule are grouped by the hour; a longer finding counts only at the times of its records.
const GROUPED_SECS: i64 = 3_600;

/// A finding and how long after it something happened; negative: it was logged so long after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub(crate) anchor: usize,
    pub(crate) secs: i64,
}

impl Near {
    /// Why the two stand together, in words.
    pub(crate) fn said(&self, seen: &[Seen]) -> String {
        let Some(anchor) = seen.get(self.anchor) else { return String::new() };
        let client = anchor.finding.client.as_deref().map(|client| format!(" of {}", crate::wording::name(client)));
        let (id, client) = (anchor.id(), client.unwrap_or_default());
        if self.secs >= 0 {
            format!("It happened {} s after {id}{client}; the two are put together by time alone.", self.secs)
        } else {
            let secs = -self.secs;
            format!("{id}{client} was logged {secs} s after it, at its end; the two are put together by time alone.")
        }
    }
}

/// When findings show their attacker at work: begin, end, index; by begin.
pub(crate) fn moments(seen: &[Seen], parts: &[usize]) -> Vec<(Utc, Utc, usize)> {
    let mut moments = Vec::new();
    for index in parts {
        let Some(finding) = seen.get(*index).map(|one| &one.finding) else { continue };
        let Some(first) = finding.time else { continue };
        let last = finding.last.unwrap_or(first).max(first);
        if last.secs_since(first) <= GROUPED_SECS {
            moments.push((first, last, *index));
            continue;
        }
        let times: BTreeSet<Utc> = finding.evidence.iter().filter_map(|one| one.time).chain([first, last]).collect();
        moments.extend(times.into_iter().map(|time| (time, time, *index)));
    }
    moments.sort_unstable();
    moments
}

/// The finding of another chain, no later a stage, that was seen last before this one and within five minutes, or was
/// logged right after it; one that proves something before one that was only tried.
pub(crate) fn nearest(
    orphan: &Seen,
    index: usize,
    moments: &[(Utc, Utc, usize)],
    seen: &[Seen],
    union: &mut Union,
) -> Option<Near> {
    let own_root = union.root(index);
    let mut best: Option<((bool, u64), Near)> = None;
    for time in times(orphan) {
        for (secs, other) in around(moments, time, JOIN_WITHIN_SECS) {
            let Some(anchor) = seen.get(other) else { continue };
            let follows = anchor.finding.stage <= orphan.finding.stage && is_serious(anchor);
            let near = follows && union.root(other) != own_root && (secs >= 0 || ends_late(anchor, orphan));
            let rank = (!anchor.is_proof(), secs.unsigned_abs());
            if near && best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, Near { anchor: other, secs }));
            }
        }
    }
    best.map(|(_, near)| near)
}

/// Background that the system itself did right after the request or command of one attacker, and of no other.
pub(crate) fn followers(seen: &[Seen], parts: &[usize], union: &mut Union) -> Vec<(usize, Near)> {
    let moments = moments(seen, parts);
    let mut found = Vec::new();
    for (index, one) in seen.iter().enumerate().filter(|(_, one)| is_background_of_the_system(one)) {
        let mut near: Vec<(u64, Near)> = Vec::new();
        for time in times(one) {
            for (secs, other) in around(&moments, time, FOLLOWS_WITHIN_SECS) {
                let Some(anchor) = seen.get(other) else { continue };
                let starts = anchor.is_proof() && anchor.finding.stage <= last_stage(one) && !anchor.indicator;
                if starts && (secs >= 0 || ends_late(anchor, one)) {
                    near.push((secs.unsigned_abs(), Near { anchor: other, secs }));
                }
            }
        }
        let roots: BTreeSet<usize> = near.iter().map(|(_, near)| union.root(near.anchor)).collect();
        let nearest = near.into_iter().min_by_key(|(secs, near)| (*secs, near.anchor));
        if let (Some((_, near)), 1) = (nearest, roots.len()) {
            found.push((index, near));
        }
    }
    found
}

/// Cmdlets are run by the requests that open the door, whatever account they use; the rest by commands as well.
fn last_stage(one: &Seen) -> Stage {
    let is_cmdlet = one.family == Family::RpsCmdlet || one.finding.source == "windows/MSExchange Management";
    if is_cmdlet { Stage::Foothold } else { Stage::Control }
}

fn times(one: &Seen) -> BTreeSet<Utc> {
    one.finding.evidence.iter().filter_map(|one| one.time).chain(one.finding.time).collect()
}

/// What was seen within so many seconds before a time, or right after it, with the seconds between.
fn around(moments: &[(Utc, Utc, usize)], time: Utc, within_secs: i64) -> impl Iterator<Item = (i64, usize)> + '_ {
    let from = moments.partition_point(|one| one.0 < time.plus_secs(-GROUPED_SECS - within_secs));
    let until = moments.partition_point(|one| one.0 <= time.plus_secs(LOGGED_AFTER_SECS));
    moments.get(from..until).unwrap_or_default().iter().filter_map(move |(begin, end, other)| {
        let secs = if *begin > time { time.secs_since(*begin).min(-1) } else { time.secs_since(*end).max(0) };
        (secs <= within_secs).then_some((secs, *other))
    })
}

/// The anchor is a request, which is logged at its end, and what stands before it is no request.
fn ends_late(anchor: &Seen, before: &Seen) -> bool {
    let is_web = |one: &Seen| matches!(one.family, Family::Iis | Family::HttpProxy);
    is_web(anchor) && anchor.is_proof() && before.family == Family::Windows
}

/// Background of an event or cmdlet log that no person did: in the name of the machine or of a pool, or of nobody; and
/// that no number of a process ties to anything.
fn is_background_of_the_system(one: &Seen) -> bool {
    one.proves() == Proves::Context
        && !one.indicator
        && !one.foreign
        && one.finding.rule != JOIN_RULE
        && one.finding.stage != Stage::Access
        && matches!(one.family, Family::Windows | Family::RpsCmdlet | Family::Registry)
        && one.finding.client.is_none()
        && one.finding.account.as_deref().is_none_or(is_no_person)
        && !one.finding.evidence.iter().any(|record| processes::names_one(&record.text))
}

fn is_no_person(account: &str) -> bool {
    let bare = account.rsplit('\\').next().unwrap_or_default();
    account.ends_with('$')
        || account.eq_ignore_ascii_case("S-1-5-18")
        || bare.eq_ignore_ascii_case("SYSTEM")
        || bare.to_ascii_lowercase().ends_with("apppool")
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, sighting};
    use model::assessment::{Assessment, Incident};
    use model::campaign::{Proves, Stage};
    use model::observation::Sighting;

    fn from(rule: usize, source: &str, time: &str, client: Option<&str>) -> Sighting {
        Sighting { client: client.map(str::to_owned), ..sighting(rule, source, time) }
    }

    /// A web shell of one client used at 04:00:00, and what else is seen.
    fn with_a_shell(see: impl FnOnce(&mut Builder)) -> (Assessment, Vec<Incident>) {
        let mut builder = Builder::new().covered();
        let shell = builder.rule("proxylogon/shell-post", Stage::Control, Proves::Persistence);
        builder.see(from(shell, "iis/W3SVC1", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
        see(&mut builder);
        let assessment = builder.assess();
        let incidents = assessment.servers[0].incidents.clone();
        (assessment, incidents)
    }

    fn process(builder: &mut Builder, time: &str) {
        let process = builder.rule("exchange-host/worker-started-shell", Stage::Control, Proves::Execution);
        builder.see(from(process, "windows/Security", time, None));
    }

    #[test]
    fn a_process_joins_the_request_before_it_and_says_why() {
        let (assessment, incidents) = with_a_shell(|builder| process(builder, "2021-03-03T04:00:02Z"));
        assert_eq!((incidents.len(), incidents[0].stages.control.len()), (1, 2));
        let reason = &assessment.findings[1].reason;
        assert!(reason.ends_with("It happened 2 s after f1 of 203.0.113.7; the two are put together by time alone."));
    }

    #[test]
    fn a_request_is_logged_at_its_end() {
        let (assessment, incidents) = with_a_shell(|builder| process(builder, "2021-03-03T03:59:57Z"));
        assert_eq!(incidents.len(), 1);
        assert!(assessment.findings[0].reason.contains("was logged 3 s after it"), "{}", assessment.findings[0].reason);
        let (_, incidents) = with_a_shell(|builder| process(builder, "2021-03-03T03:59:40Z"));
        assert_eq!(incidents.len(), 2, "20 seconds are another request");
    }

    /// Background of the event logs: rule, account, record, time.
    fn background(builder: &mut Builder, account: Option<&str>, record: &str, time: &str) {
        let rule = builder.rule("exchange-host/task-made", Stage::Foothold, Proves::Context);
        let mut made = from(rule, "windows/Security", time, None);
        made.account = account.map(str::to_owned);
        made.evidence[0].raw = record.as_bytes().into();
        builder.see(made);
    }

    #[test]
    fn what_the_system_does_right_after_is_told_with_it_and_proves_nothing_more() {
        for account in [Some("EXC01$"), Some(r"NT AUTHORITY\SYSTEM"), None] {
            let (assessment, incidents) =
                with_a_shell(|builder| background(builder, account, "a task", "2021-03-03T04:00:30Z"));
            assert_eq!(incidents[0].stages.foothold, ["f2"], "{account:?}");
            assert_eq!(assessment.findings[1].proves, Proves::Context);
            assert!(assessment.findings[1].reason.contains("30 s after f1"));
        }
    }

    #[test]
    fn the_work_of_administrators_at_the_same_time_stays_outside() {
        let parent = r#"{"NewProcessId":"0x3e9","ProcessId":"0x3e7"}"#;
        for (account, record, time) in [
            (Some(r"CONTOSO\adm1"), "a task", "2021-03-03T04:00:30Z"),
            (Some("EXC01$"), parent, "2021-03-03T04:00:30Z"),
            (Some("EXC01$"), "a task", "2021-03-03T04:01:01Z"),
            (Some("EXC01$"), "a task", "2021-03-03T03:59:30Z"),
        ] {
            let (assessment, incidents) = with_a_shell(|builder| background(builder, account, record, time));
            assert_eq!(incidents[0].stages.foothold.len(), 0, "{account:?} {record} {time}");
            assert!(assessment.findings.iter().all(|one| !one.reason.contains("by time alone")));
        }
    }

    #[test]
    fn cmdlets_follow_the_requests_that_open_the_door_and_no_shell() {
        for (stage, proves, joined) in [(Stage::Access, Proves::Success, 2), (Stage::Control, Proves::Persistence, 1)] {
            let mut builder = Builder::new().covered();
            let request = builder.rule("proxylogon/request", stage, proves);
            builder.see(from(request, "httpproxy/Ecp", "2021-03-03T04:00:00Z", Some("203.0.113.7")));
            let cmdlet = builder.rule("exchange-host/role-group-joined-event", Stage::Foothold, Proves::Context);
            builder.see(from(cmdlet, "windows/MSExchange Management", "2021-03-03T04:00:05Z", None));
            let stages = builder.assess().servers[0].incidents[0].stages.clone();
            let all = stages.access.len() + stages.foothold.len() + stages.control.len();
            assert_eq!(all, joined, "{stage:?}");
        }
    }

    #[test]
    fn two_attackers_at_work_leave_it_open_whose_it_is() {
        let (_, incidents) = with_a_shell(|builder| {
            let shell = builder.rule("proxylogon/shell-post", Stage::Control, Proves::Persistence);
            builder.see(from(shell, "iis/W3SVC1", "2021-03-03T04:00:20Z", Some("198.51.100.9")));
            background(builder, Some("EXC01$"), "a task", "2021-03-03T04:00:30Z");
        });
        assert_eq!(incidents.len(), 2);
        assert!(incidents.iter().all(|one| one.stages.foothold.is_empty()));
    }

    #[test]
    fn a_log_cleared_while_somebody_is_inside_is_clean_up() {
        for (time, cleanup) in [("2021-03-03T09:00:00Z", 1), ("2021-03-02T09:00:00Z", 0), ("2021-03-05T09:00:00Z", 0)] {
            let (assessment, incidents) = with_a_shell(|builder| {
                let rule = builder.rule("exchange-host/log-cleared", Stage::Cleanup, Proves::Context);
                builder.observations.rules[rule].attack = vec!["T1070.001".to_owned()];
                builder.see(from(rule, "windows/System", time, None));
            });
            assert_eq!((incidents.len(), incidents[0].stages.cleanup.len()), (1, cleanup), "{time}");
            let cleared = assessment.findings.iter().find(|one| one.rule == "exchange-host/log-cleared").unwrap();
            assert_eq!(cleared.proves == Proves::Cleanup, cleanup == 1, "{time}");
        }
    }
}
