//! Hits without a verdict: every record that fits a rule is handed on as it is read, with all that stands in it.
//!
//! The same rules see the same records as in an assessment ([`crate::observe`]); nothing is grouped, kept or judged.
//! Hits that correlations ask for are noted in what [`Hunter::finish`] returns; [`crate::observe::join_noted`] joins them when
//! everything is read.

use std::borrow::Cow;

use model::{EventHead, Family, Origin, Reject, Row, Sink, Source, Utc, WindowsEvent, server_name};

use crate::observe::{
    self, FileContent, FileFacts, FileTally, Habit, Habits, Here, Matcher, Place, ServerTally, TimeRange,
    indicators_of_page, match_file, tally_yara, who,
};
use crate::pack::IndicatorKind;
use crate::plan::{FileFields, Meter, Plan, RuleIndex};
use crate::sigma::FieldId;
use crate::sigma::correlation::NotedHit;

/// A record, or a file, that fits a rule.
#[derive(Clone, Copy)]
pub struct Hit<'a> {
    /// The rule.
    pub rule: RuleIndex,
    /// When, as the record says.
    pub time: Option<Utc>,
    /// The server that the record names, upper case, without domain.
    pub server: Option<&'a str>,
    /// The log.
    pub source: &'a Source,
    /// Where it stands.
    pub origin: Origin,
    /// The client that it names.
    pub client: Option<&'a [u8]>,
    /// The account that it names.
    pub account: Option<&'a [u8]>,
    /// What it is about, as the rule says: page, mailbox, cmdlet, path.
    pub subject: Option<&'a [u8]>,
    /// All of it.
    pub record: Record<'a>,
}

/// What fits a rule.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    /// A record of a text log.
    Row(&'a Row<'a>),
    /// A Windows event.
    Event(&'a WindowsEvent<'a>),
    /// A file, or an element of a configuration file, as rules see it.
    File(&'a FileFields<'a>),
}

/// Takes the events of one stretch of one file and hands on its hits, in the order of the records and, for one record,
/// of the rules.
pub struct Hunter<'p, F, M> {
    plan: &'p Plan,
    facts: &'p FileFacts,
    range: TimeRange,
    /// Counts, times and rejects; no sightings.
    tally: FileTally,
    habits: Habits<'p>,
    matcher: Matcher<'p>,
    here: Here,
    /// Pages are looked up among the indicators.
    looks_pages_up: bool,
    channel: Option<(Source, Box<str>)>,
    found: F,
    meter: M,
}

impl<'p, F: FnMut(&Hit<'_>), M: Meter> Hunter<'p, F, M> {
    /// Hits go to `found`, tests to `meter`.
    pub fn new(plan: &'p Plan, facts: &'p FileFacts, range: TimeRange, found: F, meter: M) -> Self {
        let indicators = plan.indicators();
        let looks_pages_up = indicators.has(IndicatorKind::Url) || indicators.has(IndicatorKind::FileName);
        Self {
            plan,
            facts,
            range,
            tally: FileTally::default(),
            habits: Habits::default(),
            matcher: Matcher::new(plan),
            here: Here::default(),
            looks_pages_up,
            channel: None,
            found,
            meter,
        }
    }

    /// What was read, and the meter.
    pub fn finish(self) -> (FileTally, M) {
        (self.tally, self.meter)
    }

    fn hunt(&mut self, row: &Row<'_>, Habit { bound, cells }: &mut Habit<'_>) {
        let columns = &bound.columns;
        self.here.locate(row, columns, &self.facts.on_server);
        let said = cells.read(row, columns, self.plan);
        let Some(source) = self.here.source() else { return };
        let server = self.tally.server(self.here.server());
        server.named_by_exchange += u64::from(self.here.server().is_some());
        server.coverage.record(source, row.time);
        let origin = Origin { file: self.facts.file, record: row.number, offset: row.offset };
        let hit = Hit {
            rule: RuleIndex(0),
            time: row.time,
            server: self.here.server(),
            source,
            origin,
            client: said.client(),
            account: columns.cell(row, columns.account),
            subject: None,
            record: Record::Row(row),
        };
        let found = &mut self.found;
        self.matcher.fitting(bound, row, &mut self.meter, &mut |rule| {
            let field = self.plan.rule(rule).subject_field;
            let subject = field.and_then(|field| bound.value(field, row)).filter(|cell| !observe::is_empty(cell));
            let hit = Hit { rule, subject: subject.as_deref(), ..hit };
            hit.note(self.plan, server, &|field| bound.value(field, row));
            found(&hit);
        });
        said.known_client(row.time, &mut |rule| found(&Hit { rule, ..hit }));
        // A name of a campaign that is not there is asked for by every scanner.
        if self.looks_pages_up
            && let (Some(200), Some(time)) = (columns.status(row), row.time)
            && let Some((_, page)) = said.strange_page(self.here.teller(), row, columns)
        {
            let known = indicators_of_page(self.plan, &String::from_utf8_lossy(page), (time, time));
            known.into_iter().for_each(|rule| found(&Hit { rule, subject: Some(page), ..hit }));
        }
    }
}

impl<F: FnMut(&Hit<'_>), M: Meter> Sink for Hunter<'_, F, M> {
    fn row(&mut self, row: &Row<'_>) {
        let (mut habit, is_other) = self.habits.take(self.plan, row.schema);
        if is_other {
            self.here = Here::default();
        }
        if self.range.contains(row.time) {
            self.tally.event(row.time);
            self.matcher.move_to(row, &mut habit.bound);
            self.hunt(row, &mut habit);
        }
        self.habits.put(habit);
    }

    fn wants_data(&mut self, head: &EventHead<'_>) -> bool {
        self.plan.looks_at(head.channel, head.provider, head.event_id)
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        if !self.range.contains(event.time) {
            return;
        }
        self.tally.event(event.time);
        if let Some(shift) = event.clock_shift_secs {
            *self.tally.clock_votes.entry(shift).or_default() += 1;
        }
        let known = self.channel.take().filter(|(_, channel)| **channel == *event.channel);
        let (source, _) = self
            .channel
            .insert(known.unwrap_or_else(|| (Source::part(Family::Windows, &event.channel), (*event.channel).into())));
        let name = server_name(&event.computer);
        let server = self.tally.server(name.as_deref());
        server.coverage.record(source, event.time);
        let hit = Hit {
            rule: RuleIndex(0),
            time: event.time,
            server: name.as_deref(),
            source,
            origin: Origin { file: self.facts.file, record: event.record, offset: event.offset },
            client: None,
            account: None,
            subject: None,
            record: Record::Event(event),
        };
        let (plan, found) = (self.plan, &mut self.found);
        plan.events_measured(event, &mut self.meter, &mut |rule| {
            if plan.rule(rule).holds_at(event.time) {
                let field = plan.rule(rule).subject_field;
                let subject = field.and_then(|field| plan.event_value(rule, field, event));
                let (client, account) = who(event);
                let (client, account) = (client.map(str::as_bytes), account.map(str::as_bytes));
                let hit = Hit { rule, subject: subject.as_deref(), client, account, ..hit };
                hit.note(plan, server, &|field| plan.event_value(rule, field, event));
                found(&hit);
            }
        });
    }

    fn reject(&mut self, reject: Reject) {
        self.tally.reject(reject);
    }
}

/// Hands on the hits on one file that is no log, and on its elements if it is a configuration.
pub fn hunt_file(plan: &Plan, facts: &FileFacts, file: &FileContent<'_>, found: &mut dyn FnMut(&Hit<'_>)) -> FileTally {
    let mut tally = FileTally::default();
    let computer = file.computer.and_then(server_name);
    let place = Place::of(&facts.on_server, file);
    let all_tried = match_file(plan, facts, file, &place, &mut |hit| {
        found(&Hit {
            rule: hit.rule,
            time: hit.time(),
            server: computer.as_deref(),
            source: &hit.source(file.kind),
            origin: hit.origin(facts, file),
            client: None,
            account: None,
            subject: Some(hit.subject),
            record: Record::File(hit.fields),
        });
    });
    tally_yara(plan, file, all_tried, &mut tally);
    tally
}

impl Hit<'_> {
    /// Keeps what correlations will ask for.
    fn note<'r>(&self, plan: &Plan, server: &mut ServerTally, field: &dyn Fn(FieldId) -> Option<Cow<'r, [u8]>>) {
        if let (Some(noted), Some(time)) = (plan.rule(self.rule).noted.as_deref(), self.time) {
            let Self { rule, source, origin, client, account, subject, .. } = *self;
            server.noted.note(&NotedHit { rule, time, source, origin, client, account, subject }, noted, field);
        }
    }
}

impl Record<'_> {
    /// Every field with a value, by the name that the log has for it. What stands for nothing (`-`, an empty cell) is
    /// left out, and so is the content of a file, which is no field of it.
    pub fn fields(&self, each: &mut dyn FnMut(&str, &[u8])) {
        match self {
            Self::Row(row) => {
                for (column, name) in row.schema.names.iter().enumerate() {
                    let cell: Cow<'_, [u8]> = row.text(column);
                    if !observe::is_empty(&cell) {
                        each(name, &cell);
                    }
                }
            }
            Self::Event(event) => {
                let told = event.fields.iter().filter(|(_, value)| !value.is_empty());
                told.for_each(|(name, value)| each(name, value.as_bytes()));
            }
            Self::File(file) => {
                let told = file.fields.iter().filter(|(name, _)| !matches!(*name, "content" | "head"));
                told.for_each(|(name, value)| each(name, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Cell, Schema};

    use super::{Family, FileFacts, FileFields, Hit, Hunter, Record, Row, Sink, TimeRange, Utc};
    use crate::observe::{Habits, Observer};
    use crate::pack::PackFiles;
    use crate::plan::{Plan, Unmeasured};

    const RULE: &str = "title: Told apart\nid: 00000000-0000-4000-8000-000000000001\nstatus: test\n\
        description: x\nauthor: x\ndate: 2026-01-01\n\
        tags: [afterpatch.stage.access, afterpatch.proves.attempt]\n\
        logsource: {category: webserver, product: windows, service: iis}\n\
        detection: {hit: {cs-uri-stem|contains: needle}, condition: hit}\nlevel: low\nfalsepositives: [none]\n";

    fn plan() -> Plan {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec().into());
        let pack = "id = \"x\"\nname = \"X\"\nversion = \"1\"\ngeneral = true\n";
        let files = vec![
            file("pack.toml", pack),
            file("rules/a.yml", RULE),
            file(
                "indicators.csv",
                "type,value,confidence,from,until,note,source\nip,203.0.113.7,high,,,n,s\nname,shell.aspx,high,,,n,s\n",
            ),
        ];
        let compiled = Plan::compile(&[PackFiles { id: "x".into(), files }]);
        assert!(compiled.refusals.is_empty(), "{:?}", compiled.refusals);
        compiled.plan
    }

    /// Feeds lines `client stem status` as one block.
    fn feed(sink: &mut dyn Sink, text: &str, second: i64) {
        let names = ["c-ip", "cs-uri-stem", "sc-status"].map(Into::into).to_vec();
        let schema = Arc::new(Schema { family: Family::Iis, log_type: "".into(), version: None, names });
        sink.block(text.as_bytes());
        let mut at = 0;
        for (number, line) in (1..).zip(text.lines()) {
            let mut cells = Vec::new();
            let mut start = 0;
            for word in line.split(' ') {
                let end = start + word.len();
                cells.push(Cell { start: start as u32, end: end as u32, doubled: false });
                start = end + 1;
            }
            sink.row(&Row {
                schema: &schema,
                number,
                offset: at as u64,
                in_block: at,
                line: line.as_bytes(),
                time: Some(Utc(second * 1_000_000)),
                cells: &cells,
            });
            at += line.len() + 1;
        }
    }

    const LINES: &str = "192.0.2.1 /a/needle 200\n203.0.113.7 /b 404\n192.0.2.1 /c 200\n203.0.113.7 /aspnet_client/shell.aspx 200\n\
        192.0.2.1 /aspnet_client/shell.aspx 404\n203.0.113.7 /needle 200\n";

    fn hits(range: TimeRange) -> Vec<(u64, String)> {
        let (plan, facts) = (plan(), FileFacts::default());
        let mut found = Vec::new();
        let note = |hit: &Hit<'_>| found.push((hit.origin.record, plan.rules()[hit.rule.at()].id.clone()));
        let mut hunter = Hunter::new(&plan, &facts, range, note, Unmeasured);
        feed(&mut hunter, LINES, 1_000);
        drop(hunter.finish());
        found
    }

    #[test]
    fn hits_come_by_record_and_rule() {
        let expected = [
            (1, "x/a"),
            (2, "x/indicator-ip"),
            (4, "x/indicator-ip"),
            (4, "x/indicator-name"),
            (6, "x/a"),
            (6, "x/indicator-ip"),
        ];
        assert_eq!(hits(TimeRange::default()), expected.map(|(record, rule)| (record, rule.to_owned())));
        assert!(hits(TimeRange { from: Some(Utc(1_001_000_000)), until: None }).is_empty());
    }

    #[test]
    fn an_observer_sees_the_same_rules_on_the_same_rows() {
        let (plan, facts) = (plan(), FileFacts::default());
        let mut observer = Observer::new(&plan, &facts, TimeRange::default(), Habits::default());
        feed(&mut observer, LINES, 1_000);
        let mut tally = crate::observe::Tally::default();
        tally.add("h", None, observer.finish().0);
        let (servers, _) = tally.into_servers(None);
        let sightings = servers.values().flat_map(|server| &server.sightings);
        let mut seen: Vec<(u64, String)> = sightings
            .flat_map(|sighting| sighting.evidence.iter().map(|record| (record.origin.record, sighting.rule)))
            .map(|(record, rule)| (record, plan.rules()[rule].id.clone()))
            .collect();
        seen.sort();
        // The name of a page is looked up when all is read.
        let mut expected = hits(TimeRange::default());
        expected.retain(|(_, rule)| rule != "x/indicator-name");
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_stands_for_nothing_is_no_field_and_content_neither() {
        let fields = FileFields { fields: vec![("path", b"c:\\x".into()), ("content", b"<%".into())] };
        let mut told = Vec::new();
        Record::File(&fields).fields(&mut |name, value| told.push((name.to_owned(), value.to_vec())));
        assert_eq!(told, [("path".to_owned(), b"c:\\x".to_vec())]);
    }
}
