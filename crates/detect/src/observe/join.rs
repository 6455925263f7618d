//! The second look: records of other logs that carry the request id of something found.
//!
//! HttpProxy's `RequestId` stands as `cafeReqId` in the IIS log and again in the EWS log. Only when something was found,
//! and only for those ids, the logs are searched once more, so that an SSRF request gets the mailbox it opened.

use aho_corasick::AhoCorasick;
use model::campaign::{Proves, RuleFacts, Stage};
use model::{Family, Origin, Reject, Row, Schema, Sink, WindowsEvent};

use super::columns::Columns;
use super::file::FileTally;
use super::observer::{FileFacts, Here};
use super::sightings::Hit;

/// The ids to look for, in one automaton.
pub struct Join {
    ids: AhoCorasick,
    rule: usize,
}

impl Join {
    /// `rule` is the number that hits get: behind those of the plan. `None` where there is nothing to look for, or
    /// more than can be searched at once.
    #[must_use]
    pub fn new(ids: &[String], rule: usize) -> Option<Self> {
        let built = AhoCorasick::builder().ascii_case_insensitive(true).build(ids).ok()?;
        (!ids.is_empty()).then_some(Self { ids: built, rule })
    }

    /// Does this stretch hold any of the ids?
    #[must_use]
    pub fn is_in(&self, block: &[u8]) -> bool {
        self.ids.is_match(block)
    }

    /// What a reader of the report learns of such a hit.
    #[must_use]
    pub fn facts() -> RuleFacts {
        RuleFacts {
            id: "join/request-id".into(),
            campaign: None,
            title: "Same request in another log".into(),
            description: "This record carries the request id of a request that another finding rests on: Exchange writes one id into the front-end proxy log, the IIS log and the back-end log.".into(),
            false_positives: Vec::new(),
            references: vec!["Exchange request correlation: RequestId, cafeReqId".into()],
            attack: Vec::new(),
            stage: Stage::Access,
            proves: Proves::Context,
            indicator: false,
            correlation: false,
        }
    }
}

/// Files the rows that carry one of the ids.
pub struct JoinObserver<'j> {
    join: &'j Join,
    facts: &'j FileFacts,
    tally: FileTally,
    columns: Option<(std::sync::Arc<Schema>, Columns)>,
    here: Here,
}

impl<'j> JoinObserver<'j> {
    /// Over one stretch of one file.
    #[must_use]
    pub fn new(join: &'j Join, facts: &'j FileFacts) -> Self {
        Self { join, facts, tally: FileTally::default(), columns: None, here: Here::default() }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> FileTally {
        self.tally
    }
}

impl Sink for JoinObserver<'_> {
    fn row(&mut self, row: &Row<'_>) {
        // HttpProxy is where the ids come from.
        if row.schema.family == Family::HttpProxy || !self.join.ids.is_match(row.line) {
            return;
        }
        let known = self.columns.take().filter(|(schema, _)| std::sync::Arc::ptr_eq(schema, row.schema));
        let (_, columns) = self.columns.insert(known.unwrap_or_else(|| (row.schema.clone(), Columns::of(row.schema))));
        self.here.locate(row, columns, &self.facts.on_server);
        let Some(source) = self.here.source() else { return };
        let subject = match columns.family {
            Family::Ews => columns.mailbox.iter().find_map(|at| columns.cell(row, Some(*at))),
            _ => columns.cell(row, columns.stem),
        };
        self.tally.server(self.here.server()).sightings.record(&Hit {
            rule: self.join.rule,
            source,
            time: row.time,
            client: columns.client(row),
            subject,
            account: columns.cell(row, columns.account),
            request_id: columns.request_id(row),
            status: columns.status(row),
            bytes: columns.number(row, columns.bytes).unwrap_or(0),
            origin: Origin { file: self.facts.file, record: row.number, offset: row.offset },
            raw: row.line,
        });
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {}

    fn reject(&mut self, _: Reject) {}
}
