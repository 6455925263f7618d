//! Event logs that are not whole, in words: what a reader must know before silence in them is taken for peace.

use model::assessment::FileGap;
use model::file::FileRecord;
use model::observation::{ClockBack, EventLog, MissingRecords, Observations, Server};

use crate::wording::{count, list, name, number, when};

/// The most sentences of one kind that are said of one log.
const SENTENCES_MAX: usize = 3;

/// What could not be seen, for the answers.
pub(crate) fn unknown(server: &Server) -> Vec<String> {
    server.event_logs.iter().flat_map(|(channel, log)| of_log(channel, log)).collect()
}

fn of_log(channel: &str, log: &EventLog) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(last) = log.cleared.last() {
        let times: Vec<String> = log.cleared.iter().map(|one| when(one.time)).collect();
        let who = last.account.as_deref().map(|account| format!(", last by {}", name(account)));
        sentences.push(format!(
            "what the log {} held before it was cleared ({}{}): look for archives beside it (Archive-…evtx), the log \
             platform, backups and volume shadow copies",
            name(channel),
            list(&times, SENTENCES_MAX),
            who.unwrap_or_default()
        ));
    }
    if let Some(first) = log.missing.first() {
        let all = log.missing.iter().map(|gap| gap.last - gap.first + 1).fold(0, u64::saturating_add);
        sentences.push(format!(
            "what stood in {} that {} missing inside the log {}, the first {}: deleted, or left out when it was \
             exported; collect the whole .evtx file and ask the log platform",
            count(all, "record"),
            if all == 1 { "is" } else { "are" },
            name(channel),
            between(first)
        ));
    }
    if let Some(first) = log.back.first() {
        sentences.push(format!("the true times in the log {}: {}", name(channel), backwards(first)));
    }
    if !log.filtered.is_empty() {
        sentences.push(format!(
            "what was left out of the log {}: the numbers of its records have gaps, as in an export with a filter; \
             collect the .evtx file itself",
            name(channel)
        ));
    }
    sentences
}

/// One line per file and gap, for the list of what is missing.
pub(crate) fn gaps(observations: &Observations) -> Vec<FileGap> {
    let mut gaps = Vec::new();
    for (server, seen) in &observations.servers {
        for (channel, log) in &seen.event_logs {
            let mut say = |file: u32, what: String| {
                let path = path(&observations.files, file);
                gaps.push(FileGap { path, server: Some(server.clone()), what: format!("{}: {what}", name(channel)) });
            };
            log.filtered.iter().for_each(|file| {
                say(*file, "the numbers of its records have gaps, as in an export with a filter".to_owned())
            });
            for gap in &log.missing {
                let records = count(gap.last - gap.first + 1, "record");
                say(gap.file, format!("{records} missing inside the log, {}", between(gap)));
            }
            log.back.iter().for_each(|back| say(back.file, backwards(back)));
        }
    }
    gaps
}

fn path(files: &[FileRecord], file: u32) -> String {
    files.get(file as usize).map(|file| file.path.clone()).unwrap_or_default()
}

/// `number 150 to 160, between … and …`.
fn between(gap: &MissingRecords) -> String {
    let numbers = if gap.first == gap.last {
        format!("number {}", number(gap.first))
    } else {
        format!("numbers {} to {}", number(gap.first), number(gap.last))
    };
    match (gap.after, gap.before) {
        (Some(after), Some(before)) if after <= before => {
            format!("{numbers}, between {} and {}", when(after), when(before))
        }
        _ => numbers,
    }
}

fn backwards(back: &ClockBack) -> String {
    format!(
        "at number {} the time runs back from {} to {}: the clock was set, or records were put in",
        number(back.record),
        when(back.from),
        when(back.until)
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, at, need, records};
    use model::assessment::Verdict;
    use model::observation::{Clearing, ClockBack, EventLog, MissingRecords};

    fn security(log: EventLog) -> Builder {
        let mut builder = Builder::new().covered();
        builder.server().event_logs.insert("Security".to_owned(), log);
        builder
    }

    #[test]
    fn what_is_missing_is_said_where_silence_would_mislead() {
        let gap = MissingRecords {
            file: 0,
            first: 150,
            last: 160,
            after: Some(at("2021-03-03T04:00:00Z")),
            before: Some(at("2021-03-03T04:30:00Z")),
        };
        let assessment = security(EventLog { missing: vec![gap], ..EventLog::default() }).assess();
        expect_test::expect![[
            "Security: 11 records missing inside the log, numbers 150 to 160, between 2021-03-03 04:00:00 UTC and \
             2021-03-03 04:30:00 UTC"
        ]]
        .assert_eq(&assessment.gaps[0].what);
        let answers = &assessment.servers[0].answers;
        for unknown in [&answers.hit.unknown, &answers.control.unknown] {
            assert!(unknown.iter().any(|one| one.contains("11 records that are missing inside the log Security")));
        }
        assert_eq!(assessment.verdict, Verdict::NoEvidence, "it is said, and judges nothing");
    }

    #[test]
    fn a_filter_is_said_once_and_a_clock_that_was_set_as_well() {
        let back =
            ClockBack { file: 0, record: 7, from: at("2021-03-03T04:00:00Z"), until: at("2021-03-02T04:00:00Z") };
        let assessment = security(EventLog { filtered: vec![0], back: vec![back], ..EventLog::default() }).assess();
        assert_eq!(assessment.gaps.len(), 2);
        let unknown = assessment.servers[0].answers.control.unknown.join("\n");
        assert!(unknown.contains("export with a filter") && unknown.contains("at number 7 the time runs back"));
    }

    /// The log of the Security channel is needed; what of the window is uncovered, and why.
    fn uncovered(records_from: &str, also_until: Option<&str>, cleared: &str) -> Vec<String> {
        let clearing = Clearing { time: at(cleared), account: Some("adm1".to_owned()) };
        let mut builder = security(EventLog { cleared: vec![clearing], ..EventLog::default() });
        builder.observations.campaigns[0].needs = vec![need(&["windows/Security"])];
        records(builder.server(), "windows/Security", records_from, "2021-03-12");
        if let Some(until) = also_until {
            let hours = at(until).hour()..at(cleared).hour();
            let own = builder.server().coverage.iter_mut().find(|(source, _)| source.to_string() == "windows/Security");
            own.expect("it was put in").1.hours.retain(|hour, _| !hours.contains(hour));
        }
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        assert!(server.answers.control.unknown.iter().any(|one| one.contains("cleared") && one.contains("adm1")));
        let uncovered = server.exposure[0].uncovered.iter();
        uncovered.map(|one| format!("{} {} {}", one.from, one.until, one.why)).collect()
    }

    #[test]
    fn before_a_clearing_nothing_is_covered() {
        let cleared = "2021-02-20T10:00:00Z";
        assert_eq!(uncovered(cleared, None, cleared), ["2021-01-03T00:00:00Z 2021-02-20T10:00:00Z cleared"]);
        // So close to the edge of the window a log that merely begins late would count as covering it.
        let cleared = "2021-01-03T03:00:00Z";
        assert_eq!(uncovered(cleared, None, cleared), ["2021-01-03T00:00:00Z 2021-01-03T03:00:00Z cleared"]);
        // A copy holds what was before, but for three hours.
        let lost = uncovered("2020-12-20", Some("2021-02-20T07:00:00Z"), "2021-02-20T10:00:00Z");
        assert_eq!(lost, ["2021-02-20T07:00:00Z 2021-02-20T10:00:00Z cleared"]);
        // A log platform holds all of it.
        assert!(uncovered("2020-12-20", None, "2021-02-20T10:00:00Z").is_empty());
    }
}
