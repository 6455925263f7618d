//! What one file told: per server, and for the manifest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::file::RejectCount;
use model::{Reject, RejectReason, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::Merge;
use super::file_table::FileTable;
use super::server::ServerTally;

/// Servers told apart in one file; a collector's log names many, a forged one millions.
const SERVERS_MAX: usize = 2_000;
/// Fewer Sysmon records than this do not show a clock.
const SHIFT_VOTES_MIN: u64 = 3;

/// Everything seen in one file, or in a stretch of it. Between processes travels what the servers are told of: the rest
/// has become the line of the manifest by then.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileTally {
    /// By the name in the records; empty where they name no server.
    pub servers: BTreeMap<String, ServerTally>,
    /// Rejects by reason: how many, and the first.
    #[serde(skip)]
    pub rejects: BTreeMap<RejectReason, (u64, u64, u64)>,
    /// First and last event.
    #[serde(skip)]
    pub span: Option<(Utc, Utc)>,
    /// The files that it lists, where it is a list of files.
    #[serde(skip)]
    pub table: FileTable,
    /// By how many seconds records say that they are off, and how many say so.
    #[serde(skip)]
    pub clock_votes: BTreeMap<i64, u64>,
}

impl FileTally {
    /// The tally of a server named in a record.
    pub fn server(&mut self, name: Option<&str>) -> &mut ServerTally {
        let name = name.unwrap_or_default();
        let name = if self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(name) { "" } else { name };
        if !self.servers.contains_key(name) {
            self.servers.insert(name.to_owned(), ServerTally::default());
        }
        self.servers.get_mut(name).expect("it was there, or was put there")
    }

    /// Takes out the tally of a server named in a record, with the name to put it back by.
    pub fn take_server(&mut self, name: &str) -> (String, ServerTally) {
        let name = if self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(name) { "" } else { name };
        self.servers.remove_entry(name).unwrap_or_else(|| (name.to_owned(), ServerTally::default()))
    }

    /// Puts it back.
    pub fn put_server(&mut self, name: String, server: ServerTally) {
        match self.servers.entry(name) {
            Entry::Vacant(place) => _ = place.insert(server),
            Entry::Occupied(mut known) => known.get_mut().merge(server),
        }
    }

    /// Counts a line or record that could not be read.
    pub fn reject(&mut self, reject: Reject) {
        let (count, record, offset) =
            self.rejects.entry(generic(reject.reason)).or_insert((0, reject.record, reject.offset));
        *count += 1;
        if reject.offset < *offset {
            (*record, *offset) = (reject.record, reject.offset);
        }
    }

    /// Counts an event in.
    pub fn event(&mut self, time: Option<Utc>) {
        if let Some(time) = time {
            self.widen(Some((time, time)));
        }
    }

    /// Ends the file: corrects a clock that its own records contradict, and returns by how much.
    pub fn finish(&mut self) -> i64 {
        let total: u64 = self.clock_votes.values().sum();
        let shift = self
            .clock_votes
            .iter()
            .max_by_key(|(shift, votes)| (**votes, -shift.abs()))
            .filter(|(_, votes)| **votes >= SHIFT_VOTES_MIN && **votes * 10 >= total * 9)
            .map_or(0, |(shift, _)| *shift);
        for server in self.servers.values_mut() {
            if shift != 0 {
                server.shift(-shift);
            }
            server.coverage.count_file();
            server.event_logs.close(!self.rejects.is_empty());
        }
        self.span = self.span.map(|(first, last)| (first.plus_secs(-shift), last.plus_secs(-shift)));
        -shift
    }

    /// Rejects in words, most frequent first.
    pub fn reasons(&self) -> Vec<RejectCount> {
        let mut reasons: Vec<RejectCount> = self
            .rejects
            .iter()
            .map(|(reason, (count, first_record, first_offset))| RejectCount {
                reason: words(reason),
                count: *count,
                first_record: *first_record,
                first_offset: *first_offset,
            })
            .collect();
        reasons.sort_by(|a, b| (b.count, &a.reason).cmp(&(a.count, &b.reason)));
        reasons
    }

    /// Records by source.
    pub fn sources(&self) -> BTreeMap<String, u64> {
        let mut sources: BTreeMap<String, u64> = BTreeMap::new();
        for (source, records) in self.servers.values().flat_map(|server| server.coverage.records()) {
            *sources.entry(source.to_string()).or_default() += records;
        }
        sources
    }

    /// The source of most records.
    pub fn main_source(&self) -> Option<String> {
        let most = self.sources().into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(name.clone())));
        most.map(|(name, _)| name)
    }

    /// The server that most records name.
    pub fn main_server(&self) -> Option<String> {
        let most = self.servers.iter().filter(|(name, _)| !name.is_empty());
        most.max_by_key(|(name, tally)| (tally.named_by_exchange, std::cmp::Reverse((*name).clone())))
            .map(|(name, _)| name.clone())
    }

    fn widen(&mut self, span: Option<(Utc, Utc)>) {
        self.span = match (self.span, span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }
}

impl Merge for FileTally {
    fn merge(&mut self, other: Self) {
        for (name, server) in other.servers {
            let full = self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(&name);
            let name = if full { String::new() } else { name };
            self.servers.entry(name).or_default().merge(server);
        }
        for (reason, (count, record, offset)) in other.rejects {
            let mine = self.rejects.entry(reason).or_insert((0, record, offset));
            mine.0 += count;
            if offset < mine.2 {
                (mine.1, mine.2) = (record, offset);
            }
        }
        self.widen(other.span);
        self.table.merge(other.table);
        for (shift, votes) in other.clock_votes {
            *self.clock_votes.entry(shift).or_default() += votes;
        }
    }
}

/// Counts of cells vary from line to line; the number found is not part of the reason.
fn generic(reason: RejectReason) -> RejectReason {
    match reason {
        RejectReason::FieldCount { expected, .. } => RejectReason::FieldCount { expected, found: 0 },
        other => other,
    }
}

fn words(reason: &RejectReason) -> String {
    match reason {
        RejectReason::NoColumns => "no column names known".into(),
        RejectReason::FieldCount { expected, .. } => format!("another number of cells than the {expected} columns"),
        RejectReason::Quoting => "quotes that do not close".into(),
        RejectReason::Time => "no readable time".into(),
        RejectReason::NotAnEvent => "not an event".into(),
        RejectReason::TooLong => "longer than the limit".into(),
        RejectReason::Binary => "binary".into(),
        RejectReason::Damaged(what) => format!("damaged: {what}"),
        RejectReason::Unsearched(what) => (*what).into(),
        RejectReason::Truncated => "cut off at the end of the file".into(),
    }
}
