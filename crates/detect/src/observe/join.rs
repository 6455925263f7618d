//! The second look: records of other logs that carry the request id of something found.
//!
//! HttpProxy's `RequestId` stands as `cafeReqId` in the IIS log and again in the EWS log. Only when something was found,
//! and only for those ids, the logs are searched once more, so that an SSRF request gets the mailbox it opened.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use model::campaign::{Proves, RuleFacts, Stage};
use model::{Family, Origin, Raw, Reject, Row, Schema, Sink, WindowsEvent};

use super::columns::Columns;
use super::file::FileTally;
use super::observer::{FileFacts, Here};
use super::sightings::Hit;
use crate::plan::scanner::Scanner;

/// The fastest automaton takes 5 KiB an id. With more ids than this the size of the slower one is chosen for it.
const FASTEST_IDS_MAX: usize = 4_000;

/// With ids of at least so many bytes the search looks at every fourth position only ([`Scanner`]).
const LONG_ID_BYTES: usize = 8;

/// The ids to look for, at once.
pub struct Join {
    ids: Ids,
    rule: usize,
}

enum Ids {
    /// As Exchange writes them, and not too many.
    Long(Box<Scanner>),
    Any(AhoCorasick),
}

impl Ids {
    fn new(ids: &[&String]) -> Option<Self> {
        if ids.len() <= FASTEST_IDS_MAX && ids.iter().all(|id| id.len() >= LONG_ID_BYTES) {
            let ids = ids.iter().map(|id| id.as_bytes().into()).collect();
            return Some(Self::Long(Box::new(Scanner::new(ids))));
        }
        let built = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            // It would look for single rare bytes first, and ids are of hex digits, which stand everywhere.
            .prefilter(false)
            .kind((ids.len() <= FASTEST_IDS_MAX).then_some(AhoCorasickKind::DFA))
            .build(ids)
            .ok()?;
        Some(Self::Any(built))
    }

    /// Where ids end in these bytes, ascending.
    fn ends_in(&self, bytes: &[u8], ends: &mut Vec<usize>) {
        ends.clear();
        match self {
            Self::Long(scanner) => scanner.scan(bytes, &mut |end, _| ends.push(end)),
            Self::Any(ids) => ends.extend(ids.find_iter(bytes).map(|id| id.end())),
        }
        ends.sort_unstable();
    }
}

impl Join {
    /// `rule` is the number that hits get: behind those of the plan. `None` where there is nothing to look for, or
    /// more than can be searched at once.
    #[must_use]
    pub fn new(ids: &[String], rule: usize) -> Option<Self> {
        // What no line can hold matches no row; and so whatever is found in a block lies within one line.
        let ids: Vec<&String> = ids.iter().filter(|id| !id.bytes().any(|byte| byte.is_ascii_control())).collect();
        if ids.is_empty() {
            return None;
        }
        Some(Self { ids: Ids::new(&ids)?, rule })
    }

    /// Does this stretch hold any of the ids?
    #[must_use]
    pub fn is_in(&self, block: &[u8]) -> bool {
        match &self.ids {
            Ids::Any(ids) => ids.is_match(block),
            Ids::Long(scanner) => {
                let mut is_in = false;
                scanner.scan(block, &mut |_, _| is_in = true);
                is_in
            }
        }
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
            group: None,
            correlation: false,
            level: None,
            uuid: None,
            status: None,
            tags: Vec::new(),
            set: None,
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
    /// Where ids end in the block, ascending.
    found: Vec<usize>,
    next: usize,
}

impl<'j> JoinObserver<'j> {
    /// Over one stretch of one file.
    #[must_use]
    pub fn new(join: &'j Join, facts: &'j FileFacts) -> Self {
        let (found, next) = (Vec::new(), 0);
        Self { join, facts, tally: FileTally::default(), columns: None, here: Here::default(), found, next }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> FileTally {
        self.tally
    }

    /// Rows come in the order of the block.
    fn holds_id(&mut self, row: &Row<'_>) -> bool {
        while self.found.get(self.next).is_some_and(|end| *end <= row.in_block) {
            self.next += 1;
        }
        self.found.get(self.next).is_some_and(|end| *end <= row.in_block + row.line.len())
    }
}

impl Sink for JoinObserver<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.join.ids.ends_in(bytes, &mut self.found);
        self.next = 0;
    }

    fn row(&mut self, row: &Row<'_>) {
        // HttpProxy is where the ids come from.
        if row.schema.family == Family::HttpProxy || !self.holds_id(row) {
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
            raw: Raw::Text(row.line),
        });
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {}

    fn reject(&mut self, _: Reject) {}
}

#[cfg(test)]
mod tests {
    use formats::block::Block;
    use formats::delimited::{Header, read};

    use super::{FileFacts, Join, JoinObserver};

    const ID: &str = "3d4b0a7e-93f5-4c43-9d2e-0a1b2c3d4e5f";

    fn joined(log: &str, ids: &[&str]) -> Vec<(Option<String>, u64)> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let Some(join) = Join::new(&ids, 7) else { return Vec::new() };
        let facts = FileFacts::default();
        let mut observer = JoinObserver::new(&join, &facts);
        read(&Block::whole(log.as_bytes()), &mut Header::default(), &mut observer);
        let servers = observer.finish().servers.into_values();
        let sightings = servers.flat_map(|server| server.sightings.into_sightings());
        sightings.map(|sighting| (sighting.subject, sighting.count)).collect()
    }

    #[test]
    fn takes_the_rows_that_hold_an_id_and_no_others() {
        let row = |stem: &str, query: &str| format!("2021-03-03 00:00:02 {stem} {query} 443 192.0.2.1\r\n");
        let log = [
            "#Fields: date time cs-uri-stem cs-uri-query s-port c-ip\r\n".to_owned(),
            format!("#Remark: {ID}\r\n"),
            row("/none", "-"),
            row("/one", &format!("&cafeReqId={}&cafeReqId={ID}", ID.to_uppercase())),
            format!("no record {ID}\r\n"),
            format!("\0\0{}", row("/two", ID)),
            row("/part", &ID[1..]),
            row("/three", &format!("x{ID}")),
        ]
        .concat();
        let stems = |stems: &[&str]| stems.iter().map(|stem| (Some((*stem).to_owned()), 1)).collect::<Vec<_>>();
        assert_eq!(joined(&log, &[ID]), stems(&["/one", "/three", "/two"]));
        // Ids that overlap hide no row from each other.
        assert_eq!(joined(&log, &[ID, &ID[4..], &ID[2..30]]), stems(&["/one", "/part", "/three", "/two"]));
        assert_eq!(joined(&log, &["443 192.0.2.1\r\n2021"]), []);
        assert_eq!(joined(&log, &[]), []);
    }
}
