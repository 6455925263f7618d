//! What a hunt counts: hits by rule and host, records by source, whose the hosts are.
//!
//! Everything adds up regardless of order and stays small, whatever the evidence holds.

use detect::observe::{Bounded, FileTally, Merge, Tally, join_noted};
use detect::pack::Refusal;
use detect::plan::{Plan, RuleIndex};
use detect::sigma::correlation::CorrelationGroup;
use model::Utc;
use serde::{Deserialize, Serialize};

use super::costs::Costs;
use super::level::Level;

/// Pairs of rule and host that are told apart.
const ROWS_MAX: usize = 50_000;
/// Sources that are told apart.
const SOURCES_MAX: usize = 1_000;

/// How often, from when until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How often.
    pub hits: u64,
    /// First and last; `None` where no hit has a time.
    pub span: Option<(Utc, Utc)>,
}

impl Merge for Count {
    fn merge(&mut self, other: Self) {
        self.hits += other.hits;
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }
}

/// What a stretch of a file told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Counts, times, rejects.
    pub file: FileTally,
    pub hits: Hits,
    pub costs: Costs,
}

/// Hits, by rule and host and by level.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hits {
    rows: Bounded<Count>,
    levels: [u64; Level::ALL.len()],
    /// Hits that the format cannot hold.
    left_out: u64,
    /// Hits of rules that are there for correlations alone.
    only_joined: u64,
}

impl Default for Hits {
    fn default() -> Self {
        Self { rows: Bounded::new(ROWS_MAX), levels: Default::default(), left_out: 0, only_joined: 0 }
    }
}

/// Whose a hit is: what the record names, else the folder that files of one host share.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Named(&'a str),
    Folder(&'a str),
}

/// Rule, kind, name: so that rules stay together.
fn key(rule: RuleIndex, whose: Whose<'_>) -> Vec<u8> {
    let (kind, name) = match whose {
        Whose::Named(name) => (0, name),
        Whose::Folder(folder) => (1, folder),
    };
    let mut key = rule.0.to_be_bytes().to_vec();
    key.push(kind);
    key.extend_from_slice(name.as_bytes());
    key
}

fn parts(key: &[u8]) -> Option<(RuleIndex, Whose<'_>)> {
    let (rule, rest) = key.split_first_chunk::<4>()?;
    let (kind, name) = rest.split_first()?;
    let name = std::str::from_utf8(name).ok()?;
    let whose = if *kind == 0 { Whose::Named(name) } else { Whose::Folder(name) };
    Some((RuleIndex(u32::from_be_bytes(*rule)), whose))
}

impl Hits {
    /// Counts a hit; `server` is what the record names.
    pub fn count(&mut self, rule: RuleIndex, level: Level, server: Option<&str>, time: Option<Utc>) {
        let whose = server.map_or(Whose::Folder(""), Whose::Named);
        self.rows.slot(&key(rule, whose)).merge(Count { hits: 1, span: time.map(|time| (time, time)) });
        if let Some(hits) = self.levels.get_mut(level.at()) {
            *hits += 1;
        }
    }

    /// Counts a hit that only a correlation is told of.
    pub fn pass_to_correlation(&mut self) {
        self.only_joined += 1;
    }

    /// Counts a hit that the format cannot hold.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Puts the folder of their file in where records named nobody.
    fn of_folder(self, folder: &str) -> Self {
        self.renamed(&|rule, _| key(rule, Whose::Folder(folder)))
    }

    /// Puts the host of the folder in where records named nobody.
    fn of_owners(self, hosts: &Tally) -> Self {
        self.renamed(&|rule, folder| key(rule, Whose::Named(&hosts.owner(folder, None))))
    }

    /// Other keys for what belongs to a folder.
    fn renamed(self, other: &dyn Fn(RuleIndex, &str) -> Vec<u8>) -> Self {
        let mut rows: Bounded<Count> = Bounded::new(ROWS_MAX);
        let (entries, rest) = self.rows.into_parts();
        for (key, count) in entries {
            match parts(&key) {
                Some((rule, Whose::Folder(folder))) => rows.slot(&other(rule, folder)).merge(count),
                _ => rows.slot(&key).merge(count),
            }
        }
        rows.pass_over(rest);
        Self { rows, ..self }
    }
}

impl Merge for Hits {
    fn merge(&mut self, other: Self) {
        self.rows.merge(other.rows);
        self.levels.iter_mut().zip(other.levels).for_each(|(mine, theirs)| *mine += theirs);
        self.left_out += other.left_out;
        self.only_joined += other.only_joined;
    }
}

impl Merge for Told {
    fn merge(&mut self, other: Self) {
        self.file.merge(other.file);
        self.hits.merge(other.hits);
        self.costs.merge(other.costs);
    }
}

/// All files together.
#[derive(Debug)]
pub struct Totals {
    hosts: Tally,
    hits: Hits,
    costs: Costs,
    sources: Bounded<Count>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            hosts: Tally::default(),
            hits: Hits::default(),
            costs: Costs::default(),
            sources: Bounded::new(SOURCES_MAX),
        }
    }
}

/// One rule on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The rule.
    pub rule: RuleIndex,
    /// The server; where nothing names it, the word for that.
    pub host: String,
    /// The hits.
    pub count: Count,
}

/// What the end screen shows.
#[derive(Debug, Default)]
pub struct Counted {
    /// By rule, then host.
    pub rows: Vec<Row>,
    /// Hits of rules and hosts beyond what is told apart.
    pub other_hits: u64,
    /// Hits by level, from the lowest.
    pub levels: [u64; Level::ALL.len()],
    /// Hits that the format cannot hold.
    pub left_out: u64,
    /// Hits of rules that are there for correlations alone; they are none of the hits above.
    pub only_joined: u64,
    /// Records by source, most first.
    pub sources: Vec<(String, u64)>,
    /// What rules spent.
    pub costs: Costs,
    /// Rules whose correlations could not look at all of their hits.
    pub cut_short: Vec<Refusal>,
}

impl Totals {
    /// Adds what a file told.
    pub fn add(&mut self, folder: &str, suggested: Option<&str>, told: Told) {
        for (source, records) in told.file.sources() {
            self.sources.slot(source.as_bytes()).hits += records;
        }
        self.hosts.add(folder, suggested, told.file);
        self.hits.merge(told.hits.of_folder(folder));
        self.costs.merge(told.costs);
    }

    /// Ends the count: hits in records that name nobody go to the host of their folder, and correlations join hits; `each`
    /// sees what they found and counts it.
    pub fn end(self, plan: &Plan, each: &mut dyn FnMut(&CorrelationGroup, &mut Hits)) -> Counted {
        let mut hits = self.hits.of_owners(&self.hosts);
        let (_, noted) = self.hosts.into_servers(None);
        let (groups, cut_short) = join_noted(plan, noted);
        groups.iter().for_each(|group| each(group, &mut hits));
        let (entries, rest) = hits.rows.into_parts();
        let row = |key: &[u8], count: Count| match parts(key)? {
            (rule, Whose::Named(name)) => Some(Row { rule, host: name.to_owned(), count }),
            (_, Whose::Folder(_)) => None,
        };
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        let (sources, _) = self.sources.into_parts();
        let mut sources: Vec<(String, u64)> = sources.iter().map(|(key, count)| (text(key), count.hits)).collect();
        sources.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Counted {
            rows: entries.iter().filter_map(|(key, count)| row(key, *count)).collect(),
            other_hits: rest.map_or(0, |count| count.hits),
            levels: hits.levels,
            left_out: hits.left_out,
            only_joined: hits.only_joined,
            sources,
            costs: self.costs,
            cut_short,
        }
    }
}

impl Counted {
    /// All hits.
    pub fn hits(&self) -> u64 {
        self.levels.iter().sum()
    }

    /// Is there a hit of this level or above?
    pub fn reach(&self, level: Level) -> bool {
        self.levels.iter().skip(level.at()).any(|hits| *hits > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Counted, Level, Merge, Plan, RuleIndex, Told, Totals, Utc};

    fn told(hits: &[(u32, Option<&str>, i64)]) -> Told {
        let mut told = Told::default();
        for (rule, server, time) in hits {
            told.hits.count(RuleIndex(*rule), Level::High, *server, Some(Utc(*time)));
            told.file.server(*server).named_by_exchange += u64::from(server.is_some());
        }
        told
    }

    fn rows(counted: &Counted) -> Vec<(u32, &str, u64)> {
        counted.rows.iter().map(|row| (row.rule.0, row.host.as_str(), row.count.hits)).collect()
    }

    #[test]
    fn who_is_named_by_another_log_of_the_folder_owns_the_nameless() {
        let mut totals = Totals::default();
        totals.add("a", None, told(&[(1, None, 5), (0, None, 7)]));
        totals.add("a", None, told(&[(1, Some("EXC01"), 3)]));
        totals.add("b", None, told(&[(1, None, 9)]));
        let counted = totals.end(&Plan::default(), &mut |_, _| {});
        assert_eq!(rows(&counted), [(0, "EXC01", 1), (1, "EXC01", 2), (1, "UNKNOWN", 1)]);
        let both = Count { hits: 2, span: Some((Utc(3), Utc(5))) };
        assert_eq!(counted.rows[1].count, both);
        assert_eq!((counted.hits(), counted.reach(Level::High), counted.reach(Level::Critical)), (4, true, false));
    }

    #[test]
    fn order_does_not_matter() {
        let files = [told(&[(1, Some("A"), 5)]), told(&[(1, Some("B"), 7), (1, Some("A"), 1)]), told(&[(0, None, 2)])];
        let mut forward = Told::default();
        for at in [0, 1, 2] {
            forward.merge(told_again(&files, at));
        }
        let mut backward = Told::default();
        for at in [2, 1, 0] {
            backward.merge(told_again(&files, at));
        }
        let ended = [forward, backward].map(|told| {
            let mut totals = Totals::default();
            totals.add("x", None, told);
            totals.end(&Plan::default(), &mut |_, _| {}).rows
        });
        assert_eq!(ended[0], ended[1]);
    }

    fn told_again(files: &[Told], at: usize) -> Told {
        let mut copy = Told::default();
        let (entries, _) = files[at].hits.rows.clone().into_parts();
        for (key, count) in entries {
            copy.hits.rows.slot(&key).merge(count);
        }
        copy
    }
}
