//! Searches the logs once more, only when something was found and only for its request ids.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use detect::observe::{FileFacts, FileTally, Join, JoinObserver, Tally};
use evidence::{Inventory, Opened, Unit, kind, place};
use formats::text::encoding::{Encoding, decode_utf16};
use model::Utc;
use model::file::{FileRecord, Kind, Outcome};
use model::observation::Observations;

use super::blocks::Blocks;
use super::interrupt::INTERRUPTED;
use super::parser::Parser;
use super::pool::Pool;
use super::reading::Accounted;

/// Records of one request are no further apart than this in any two logs.
const APART_SECS_MAX: i64 = 3_600;

/// Adds to the observations every record of another log that shares a request id with what was found.
pub fn join(observations: &mut Observations, inventory: &Inventory, accounted: &[Accounted], threads: usize) {
    let ids = inquiry::follow_up(observations);
    let rule = observations.rules.len();
    let Some(join) = Join::new(&ids, rule) else { return };
    let times = times_of(observations, &ids);
    let wanted: BTreeSet<usize> = accounted
        .iter()
        .enumerate()
        .filter(|(_, file)| file.record.kind == Kind::DelimitedLog)
        .filter(|(_, file)| file.record.source.as_deref().is_some_and(|source| !source.starts_with("httpproxy")))
        .filter(|(_, file)| times.iter().any(|time| may_hold(&file.record, *time)))
        .map(|(index, _)| index)
        .collect();
    let read = |parser: &mut Parser, block: &formats::block::Block<'_>, facts: &FileFacts, _: u64| {
        let mut observer = JoinObserver::new(&join, facts);
        let lines = parser.read(block, &mut observer);
        (observer.finish(), lines)
    };
    let pool = Pool::new(threads, &read, &INTERRUPTED);
    let tally = Mutex::new(Tally::default());
    let look = |index: usize, opened: Result<Opened<'_>, Outcome>| {
        let Some(file) = accounted.get(index) else { return };
        let found = opened.ok().and_then(|opened| search(&pool, &join, index, file, opened));
        if let (Some(found), Some(server)) = (found, file.record.server.as_deref()) {
            tally.lock().unwrap_or_else(PoisonError::into_inner).add(server, Some(server), found);
        }
    };
    let units = units_of(inventory, &wanted);
    pool.run(threads, units.len(), &|number| match units.get(number) {
        Some(Unit::One(index)) => {
            inventory.inputs.get(*index).into_iter().for_each(|input| look(*index, inventory.open(input)));
        }
        Some(Unit::Sequence(indexes)) => inventory.open_sequence(indexes, &mut |index, opened| {
            look(index, opened);
            !pool.is_interrupted()
        }),
        None => {}
    });
    observations.rules.push(Join::facts());
    let (joined, _) = tally.into_inner().unwrap_or_else(PoisonError::into_inner).into_servers(None);
    for (name, server) in joined {
        if let Some(known) = observations.servers.get_mut(&name) {
            known.sightings.extend(server.sightings);
        }
    }
}

/// The units of these inputs: what an archive only has from its front is gone through once.
fn units_of(inventory: &Inventory, wanted: &BTreeSet<usize>) -> Vec<Unit> {
    let of_wanted = |unit: Unit| match unit {
        Unit::One(index) => wanted.contains(&index).then_some(Unit::One(index)),
        Unit::Sequence(mut indexes) => {
            indexes.retain(|index| wanted.contains(index));
            (!indexes.is_empty()).then_some(Unit::Sequence(indexes))
        }
    };
    inventory.units().into_iter().filter_map(of_wanted).collect()
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

fn search(
    pool: &Pool<'_, FileTally>,
    join: &Join,
    index: usize,
    file: &Accounted,
    opened: Opened<'_>,
) -> Option<FileTally> {
    let mut stream = opened.stream;
    let mut head = Vec::new();
    (&mut stream).take(kind::HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    let encoding = Encoding::of(&head);
    let text = if encoding.is_utf16() { decode_utf16(&head, encoding == Encoding::Utf16Be) } else { head.clone() };
    let on_server = place::place(&file.record.path).on_server;
    let mut parser = Parser::of(file.record.kind, &on_server, &text)?;
    let file = u32::try_from(index).unwrap_or(u32::MAX);
    let shared = Pool::open(FileFacts { file, on_server, ..FileFacts::default() });
    let mut blocks = Blocks::new(&mut stream, &head, encoding);
    while let Ok(Some(block)) = blocks.next() {
        if pool.is_interrupted() {
            break;
        }
        let before = join.is_in(&block.bytes).then(|| parser.clone());
        parser.advance(&block.bytes);
        if let Some(before) = before {
            pool.submit(&shared, before, 0, block);
        }
    }
    Some(pool.close(&shared).0)
}
