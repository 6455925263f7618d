//! Who started what: process records tied to each other by the numbers that Windows gives them.
//!
//! A command line that administrators use every day tells nothing by itself. Started by a process that a web worker
//! started, it is the attacker's. Sysmon numbers processes uniquely; Security 4688 and Sysmon alike carry the number of
//! the operating system, which is given out anew after a while and therefore counts within minutes only. Nothing here
//! reads names of programs or messages.

use std::collections::BTreeMap;

use model::campaign::Proves;
use model::{Family, Utc};

use crate::findings::Seen;
use crate::wording::when;

/// A process is named by the system's own number for so long after its start.
const NUMBER_HOLDS_SECS: i64 = 10 * 60;
/// Generations of processes that are followed.
const GENERATIONS_MAX: usize = 16;
/// Processes that are remembered per run of this pass; more are not followed.
const PROCESSES_MAX: usize = 50_000;

/// A process as a record names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Process {
    /// `ProcessGuid` of Sysmon.
    Unique(String),
    /// The number of the operating system.
    Numbered(u64),
}

/// What one record says about processes.
struct Record {
    time: Utc,
    finding: usize,
    /// The process that it shows to start.
    born: Vec<Process>,
    /// The process that did it.
    by: Vec<Process>,
}

/// Ties background and attempts to the command of the attacker that they descend from, and counts them as run by it.
pub(crate) fn settle_descendants(seen: &mut [Seen]) {
    let records = records(seen);
    let mut known: BTreeMap<Process, Vec<(Utc, usize)>> = BTreeMap::new();
    let mut parents: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
    for record in records.iter().filter(|record| is_root(seen, record.finding)) {
        remember(&mut known, record);
    }
    for _ in 0..GENERATIONS_MAX {
        let mut grew = false;
        for record in records.iter().filter(|record| can_follow(seen, record.finding)) {
            if parents.contains_key(&record.finding) {
                continue;
            }
            if let Some((parent, unique)) = parent(&known, record) {
                parents.insert(record.finding, (parent, unique));
                let own = records.iter().filter(|other| other.finding == record.finding);
                own.for_each(|other| remember(&mut known, other));
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    // A rule of others says nothing about whose a command is; one of ours that hits it too does.
    parents.retain(|index, _| seen.get(*index).is_some_and(|one| !one.foreign));
    for (index, (parent, unique)) in parents {
        let of = seen.get(parent).map(|one| (one.id().to_owned(), one.finding.time));
        if let (Some(one), Some((id, time))) = (seen.get_mut(index), of) {
            descend(one, parent, (&id, time), unique);
        }
    }
}

fn descend(one: &mut Seen, parent: usize, (id, time): (&str, Option<Utc>), unique: bool) {
    let at = time.map(|time| format!(" of {}", when(time))).unwrap_or_default();
    let how = if unique {
        "the unique number of the process says so"
    } else {
        "the process numbers agree within ten minutes"
    };
    let reason = one.finding.reason.trim_end();
    one.finding.reason =
        format!("{reason} It was done by a process that {id}{at} started ({how}): the attacker ran it.");
    if matches!(one.proves(), Proves::Context | Proves::Attempt) {
        one.finding.proves = Proves::Execution;
    }
    one.follows = Some(parent);
}

/// The start of a process that is the attacker's by itself.
fn is_root(seen: &[Seen], finding: usize) -> bool {
    seen.get(finding).is_some_and(|one| one.proves() == Proves::Execution && !one.indicator)
}

fn can_follow(seen: &[Seen], finding: usize) -> bool {
    seen.get(finding).is_some_and(|one| !one.indicator && one.finding.client.is_none()) && !is_root(seen, finding)
}

fn remember(known: &mut BTreeMap<Process, Vec<(Utc, usize)>>, record: &Record) {
    if known.len() < PROCESSES_MAX {
        for process in &record.born {
            known.entry(process.clone()).or_default().push((record.time, record.finding));
        }
    }
}

/// The finding that shows the process which did this to start, and whether its number is unique.
fn parent(known: &BTreeMap<Process, Vec<(Utc, usize)>>, record: &Record) -> Option<(usize, bool)> {
    let named = record.by.iter().filter_map(|process| Some((process, known.get(process)?)));
    let before = |process: &Process, starts: &Vec<(Utc, usize)>| {
        let unique = matches!(process, Process::Unique(_));
        let fits = |(start, finding): &&(Utc, usize)| {
            let since = record.time.secs_since(*start);
            *finding != record.finding && since >= 0 && (unique || since <= NUMBER_HOLDS_SECS)
        };
        starts.iter().filter(fits).max().map(|(_, finding)| (*finding, unique))
    };
    named.filter_map(|(process, starts)| before(process, starts)).max_by_key(|(_, unique)| *unique)
}

/// The record names the process that did it.
pub(crate) fn names_one(text: &str) -> bool {
    !processes(text).1.is_empty()
}

/// What kept records of event logs say about processes.
fn records(seen: &[Seen]) -> Vec<Record> {
    let of_events = seen.iter().enumerate().filter(|(_, one)| one.family == Family::Windows);
    let mut records: Vec<Record> = of_events
        .flat_map(|(finding, one)| {
            one.finding.evidence.iter().filter_map(move |record| {
                let (born, by) = processes(&record.text);
                (!born.is_empty() || !by.is_empty()).then_some(Record { time: record.time?, finding, born, by })
            })
        })
        .collect();
    records.sort_by_key(|record| (record.time, record.finding));
    records
}

/// The process that a record shows to start, and the one that did it.
fn processes(text: &str) -> (Vec<Process>, Vec<Process>) {
    let unique = |key: &str| value(text, key).filter(|value| value.len() >= 32).map(str::to_ascii_lowercase);
    let unique = |key: &str| unique(key).map(Process::Unique);
    let numbered = |key: &str| value(text, key).and_then(number).map(Process::Numbered);
    let both = |first: Option<Process>, second: Option<Process>| first.into_iter().chain(second).collect();
    if text.contains("\"NewProcessId\"") {
        return (both(numbered("NewProcessId"), None), both(numbered("ProcessId"), None));
    }
    if text.contains("\"ParentProcessGuid\"") || text.contains("\"ParentImage\"") {
        let born = both(unique("ProcessGuid"), numbered("ProcessId"));
        return (born, both(unique("ParentProcessGuid"), numbered("ParentProcessId")));
    }
    // Memory read; files, keys and connections; tasks and services.
    let by = [unique("SourceProcessGUID"), unique("ProcessGuid"), numbered("ClientProcessId")];
    (Vec::new(), by.into_iter().flatten().take(1).collect())
}

/// The value of a field in a JSON record of any shape: `"Key":"value"`, `"Key":7` or `"Name":"Key","#text":"value"`.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let at = text.find(&format!("\"{key}\""))?;
    let rest = text.get(at + key.len() + 2..)?.trim_start_matches([':', ' ', ',', '"', '#', '@']);
    let rest = rest.strip_prefix("text\"").map_or(rest, |rest| rest.trim_start_matches([':', ' ', '"']));
    let rest = rest.trim_start_matches('{');
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    rest.get(..end).filter(|value| !value.is_empty())
}

/// `6700`, `0x1a2c`. The idle process and the system itself are nobody's parents.
fn number(text: &str) -> Option<u64> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.ok().filter(|number| *number > 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, sighting};
    use model::assessment::{Finding, Verdict};
    use model::campaign::Stage;

    #[test]
    fn numbers_are_read_from_every_shape_of_record() {
        for text in [
            r#"{"NewProcessId":"0x1a2c","ProcessId":"0xb10"}"#,
            r##"{"Data":[{"Name":"NewProcessId","#text":"0x1a2c"},{"Name":"ProcessId","#text":"0xb10"}]}"##,
            r#"{"NewProcessId": 6700, "ProcessId": 2832, "ProcessID": 9}"#,
        ] {
            assert_eq!(processes(text), (vec![Process::Numbered(6_700)], vec![Process::Numbered(2_832)]), "{text}");
        }
        let guid = "5BD4B0F3-0001-603F-0000-0010A1B2C3D4";
        let (born, by) = processes(&format!(
            r#"{{"ProcessGuid":"{{{guid}}}","ProcessId":6700,"ParentProcessGuid":"{{{}}}","ParentProcessId":7}}"#,
            guid.replace('F', "E")
        ));
        assert_eq!(born, [Process::Unique(guid.to_lowercase()), Process::Numbered(6_700)]);
        assert_eq!(by.len(), 2);
        assert_eq!(processes(r#"{"NewProcessId":"0x4","ProcessId":"x"}"#), (vec![], vec![]));
    }

    /// A shell of the worker at 04:00:00 with number 1000, and then a command: its record, its time.
    fn after_a_shell(record: &str, time: &str) -> (Verdict, Finding) {
        let mut builder = Builder::new().covered();
        let shell = builder.rule("exchange-host/worker-started-shell", Stage::Control, Proves::Execution);
        let mut started = sighting(shell, "windows/Security", "2021-03-03T04:00:00Z");
        started.evidence[0].raw = (*br#"{"NewProcessId":"0x3e8","ProcessId":"0x64"}"#).into();
        builder.see(started);
        let command = builder.rule("exchange-host/recon-command", Stage::Control, Proves::Context);
        let mut ran = sighting(command, "windows/Security", time);
        ran.evidence[0].raw = record.as_bytes().into();
        builder.see(ran);
        let assessment = builder.assess();
        let found = assessment.findings.iter().find(|one| one.rule == "exchange-host/recon-command");
        (assessment.verdict, found.cloned().expect("it was seen"))
    }

    #[test]
    fn what_a_shell_of_the_worker_starts_is_the_attackers() {
        let (_, child) = after_a_shell(r#"{"NewProcessId":"0x3e9","ProcessId":"0x3e8"}"#, "2021-03-03T04:00:02Z");
        assert_eq!(child.proves, Proves::Execution);
        assert!(child.reason.contains("It was done by a process that f1"), "{}", child.reason);
    }

    #[test]
    fn other_parents_earlier_times_and_numbers_used_again_stay_outside() {
        for (record, time) in [
            (r#"{"NewProcessId":"0x3e9","ProcessId":"0x3e7"}"#, "2021-03-03T04:00:02Z"),
            (r#"{"NewProcessId":"0x3e9","ProcessId":"0x3e8"}"#, "2021-03-03T03:59:58Z"),
            (r#"{"NewProcessId":"0x3e9","ProcessId":"0x3e8"}"#, "2021-03-03T04:10:01Z"),
            (r#"{"NewProcessId":"0x3e8","ProcessId":"0x200"}"#, "2021-03-03T04:00:02Z"),
            ("no record of a process", "2021-03-03T04:00:02Z"),
        ] {
            assert_eq!(after_a_shell(record, time).1.proves, Proves::Context, "{record} {time}");
        }
    }

    #[test]
    fn children_of_children_are_followed_by_their_unique_numbers() {
        let guid = |last: u8| format!("{{5bd4b0f3-0001-603f-0000-0010a1b2c3{last:02}}}");
        let mut builder = Builder::new().covered();
        let shell = builder.rule("exchange-host/worker-started-shell", Stage::Control, Proves::Execution);
        let command = builder.rule("exchange-host/recon-command", Stage::Control, Proves::Context);
        let file = builder.rule("exchange-host/configuration-written", Stage::Foothold, Proves::Context);
        let record = |own: u8, parent: u8| {
            format!(r#"{{"ProcessGuid":"{}","ParentProcessGuid":"{}"}}"#, guid(own), guid(parent))
        };
        for (rule, time, raw) in [
            (shell, "2021-03-03T04:00:00Z", record(1, 0)),
            (command, "2021-03-03T05:00:00Z", record(2, 1)),
            (command, "2021-03-03T06:30:00Z", record(3, 2)),
            (file, "2021-03-03T07:00:00Z", format!(r#"{{"ProcessGuid":"{}"}}"#, guid(3))),
            (command, "2021-03-03T08:30:00Z", record(4, 9)),
        ] {
            let mut one = sighting(rule, "windows/Microsoft-Windows-Sysmon/Operational", time);
            one.evidence[0].raw = raw.into_bytes().into();
            builder.see(one);
        }
        let proves: Vec<Proves> = builder.assess().findings.iter().map(|one| one.proves).collect();
        let [ran, background] = [Proves::Execution, Proves::Context];
        assert_eq!(proves, [ran, ran, ran, ran, background]);
        let incidents = &builder.assess().servers[0].incidents;
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].stages.control.len() + incidents[0].stages.foothold.len(), 4);
    }
}
