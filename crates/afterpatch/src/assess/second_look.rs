//! Searches the logs once more, only when something was found and only for its request ids.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use detect::observe::{FileFacts, FileTally, Join, JoinObserver, Tally};
use evidence::{Opened, kind, place};
use formats::block::Block;
use formats::text::encoding::{Encoding, decode_utf16};
use model::Utc;
use model::file::{FileRecord, Kind, Outcome};
use model::observation::Observations;

use super::blocks::Blocks;
use super::crew::Crew;
use super::interrupt::INTERRUPTED;
use super::parser::Parser;
use super::pool::Pool;
use super::reading::Accounted;
use super::work::{Job, Log, Note, Part, Reader};

/// Records of one request are no further apart than this in any two logs.
const APART_SECS_MAX: i64 = 3_600;

/// Adds to the observations every record of another log that shares a request id with what was found.
pub fn join(observations: &mut Observations, accounted: &[Accounted], crew: &mut Crew<'_>) {
    let ids = inquiry::follow_up(observations);
    let rule = observations.rules.len();
    if Join::new(&ids, rule).is_none() {
        return;
    }
    let times = times_of(observations, &ids);
    let logs: BTreeMap<u32, Log> = (0..)
        .zip(accounted)
        .filter(|(_, file)| file.record.kind == Kind::DelimitedLog && file.record.same_as.is_none())
        .filter(|(_, file)| file.record.source.as_deref().is_some_and(|source| !source.starts_with("httpproxy")))
        .filter(|(_, file)| times.iter().any(|time| may_hold(&file.record, *time)))
        .map(|(file, known)| (file, Log { kind: known.record.kind, path: known.record.path.clone() }))
        .collect();
    let files: Vec<u32> = logs.keys().copied().collect();
    let mut tally = Tally::default();
    // A log that is lost on the way was read whole before: what it shows is known, only its links are not.
    crew.perform(&Job::Join { ids, rule, logs }, &files, &mut |file, part| {
        let server = accounted.get(file as usize).and_then(|file| file.record.server.as_deref());
        if let (Part::Joined(found), Some(server)) = (part, server) {
            tally.add(server, Some(server), *found);
        }
    });
    observations.rules.push(Join::facts());
    let (joined, _) = tally.into_servers(None);
    for (name, server) in joined {
        if let Some(known) = observations.servers.get_mut(&name) {
            known.sightings.extend(server.sightings);
        }
    }
}

/// From when until when the requests with these ids were seen; `None` where the evidence does not tell.
fn times_of(observations: &Observations, ids: &[String]) -> BTreeSet<Option<(Utc, Utc)>> {
    let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    observations
        .servers
        .values()
        .flat_map(|server| &server.sightings)
        .filter(|sighting| sighting.request_ids.iter().any(|id| ids.contains(id.as_str())))
        .map(|sighting| sighting.first.zip(sighting.last))
        .collect()
}

/// One request stands in all logs at about the same time. A file that says nothing of its times may hold any.
fn may_hold(file: &FileRecord, time: Option<(Utc, Utc)>) -> bool {
    match (time, file.first.zip(file.last)) {
        (Some((from, until)), Some((first, last))) => {
            first <= until.plus_secs(APART_SECS_MAX) && from.plus_secs(-APART_SECS_MAX) <= last
        }
        _ => true,
    }
}

/// Searches logs, and tells of each.
pub fn search_all(
    reader: &Reader<'_>,
    join: &Join,
    files: &[u32],
    logs: &BTreeMap<u32, Log>,
    tell: &(dyn Fn(Note) + Sync),
) {
    let read = |parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, _: u64| {
        let mut observer = JoinObserver::new(join, facts);
        let lines = parser.read(block, &mut observer);
        tell(Note::GotOn(facts.file, 0));
        (observer.finish(), lines)
    };
    let pool = Pool::new(reader.threads, &read, &INTERRUPTED);
    let look = |index: usize, opened: Result<Opened<'_>, Outcome>| {
        let file = u32::try_from(index).unwrap_or(u32::MAX);
        let found = opened.ok().zip(logs.get(&file)).and_then(|(opened, log)| {
            tell(Note::Begun(file));
            search(&pool, join, (file, log), opened, tell)
        });
        tell(Note::Done(file, Part::Joined(Box::new(found.unwrap_or_default()))));
    };
    let units = reader.inventory.units_of(&files.iter().map(|file| *file as usize).collect());
    pool.run(reader.threads, units.len(), &|number| {
        let Some(unit) = units.get(number) else { return };
        reader.inventory.open_unit(unit, &mut |index, opened| {
            look(index, opened);
            !pool.is_interrupted()
        });
    });
}

fn search(
    pool: &Pool<'_, FileTally>,
    join: &Join,
    (file, log): (u32, &Log),
    opened: Opened<'_>,
    tell: &(dyn Fn(Note) + Sync),
) -> Option<FileTally> {
    let mut stream = opened.stream;
    let mut head = Vec::with_capacity(kind::HEAD_BYTES);
    (&mut stream).take(kind::HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    let encoding = Encoding::of(&head);
    let text = if encoding.is_utf16() { decode_utf16(&head, encoding == Encoding::Utf16Be) } else { head.clone() };
    let on_server = place::place(&log.path).on_server;
    let mut parser = Parser::of(log.kind, &on_server, &text)?;
    let shared = Pool::open(FileFacts { file, on_server, ..FileFacts::default() });
    let mut blocks = Blocks::new(&mut stream, &head, encoding);
    while let Ok(Some(block)) = blocks.next() {
        if pool.is_interrupted() {
            break;
        }
        tell(Note::GotOn(file, 0));
        let before = join.is_in(&block.bytes).then(|| parser.clone());
        parser.advance(&block.bytes);
        if let Some(before) = before {
            pool.submit(&shared, before, 0, block);
        }
    }
    Some(pool.close(&shared).0)
}
