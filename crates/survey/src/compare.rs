//! What changed from one run to the next, server by server, and how the numbers moved over all runs.
//!
//! Both runs are read in the order of their keys, side by side. A server that is only in one of them is looked up by
//! what was asked: a renewed certificate is no new server, and a time limit is no server that is gone.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use model::survey::{Change, ChangeKind, Diff, Exposure, Judged, Outcome, Point, Product, Run};

use crate::count::{Counter, Met};
use crate::store::{Store, StoreError};

/// Changes of one kind that are named.
const CHANGES_MAX: usize = 200;

/// Runs of a trend.
pub const TREND_RUNS_MAX: usize = 120;

/// The numbers of each finished run, oldest first. A run is counted once for each hole that is asked for; after that its
/// numbers stand in the store.
pub fn trend(store: &Store, runs: &[Run], hole: Option<&str>) -> Result<Vec<Point>, StoreError> {
    let finished: Vec<&Run> = runs.iter().filter(|run| run.finished && run.last.is_some()).collect();
    let latest = &finished[finished.len().saturating_sub(TREND_RUNS_MAX)..];
    latest.iter().map(|run| point(store, run, hole)).collect()
}

fn point(store: &Store, run: &Run, hole: Option<&str>) -> Result<Point, StoreError> {
    let day = run.last.expect("a finished run with observations has a day");
    let totals = match store.counts(run.id, hole)? {
        Some(known) => known,
        None => {
            let mut counter = Counter::new(hole, day);
            store.each_server(run.id, |targets| counter.take(targets))?;
            let totals = counter.finish().totals;
            store.keep_counts(run.id, hole, &totals)?;
            totals
        }
    };
    Ok(Point {
        run: run.id,
        day,
        servers: totals.servers,
        open: totals.open,
        targets: totals.targets,
        answered: totals.answered,
        data_date: run.data_date,
    })
}

/// What changed from one run to another.
pub fn diff(store: &Store, from: &Run, to: &Run, hole: Option<&str>) -> Result<Diff, StoreError> {
    let mut changes = Changes::default();
    let (mut before, mut after) = (store.servers(from.id)?, store.servers(to.id)?);
    let (mut old, mut new) = (before.next()?, after.next()?);
    loop {
        let order = match (&old, &new) {
            (Some(old), Some(new)) => old[0].identity.key.cmp(&new[0].identity.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        match (order, &old, &new) {
            (Ordering::Equal, Some(old), Some(new)) => {
                let (was, is) = (Met::of(old, hole), Met::of(new, hole));
                match (was.is_server(), is.is_server()) {
                    (true, true) => changes.add(became(&was, &is), &is, Some(&was), Some(&is)),
                    (true, false) => changes.add(lost(new), &was, Some(&was), None),
                    (false, true) => changes.add(new_kind(&is), &is, None, Some(&is)),
                    (false, false) => {}
                }
            }
            (Ordering::Less, Some(old), _) => missing(store, to.id, &Met::of(old, hole), hole, &mut changes)?,
            (Ordering::Greater, _, Some(new)) => appeared(store, from.id, &Met::of(new, hole), &mut changes)?,
            _ => {}
        }
        if order != Ordering::Greater {
            old = before.next()?;
        }
        if order != Ordering::Less {
            new = after.next()?;
        }
    }
    Ok(changes.finish(from, to))
}

fn became(was: &Met<'_>, is: &Met<'_>) -> ChangeKind {
    let same_build = was.update() == is.update();
    match (was.exposure, is.exposure) {
        (Exposure::Open, Exposure::Closed) => ChangeKind::Patched,
        (Exposure::Open, Exposure::Undetermined) => ChangeKind::PerhapsPatched,
        (Exposure::Undetermined | Exposure::Closed, Exposure::Open) => ChangeKind::NewlyOpen,
        (Exposure::Open, Exposure::Open) if same_build => ChangeKind::StillOpen,
        _ if same_build => ChangeKind::Unchanged,
        _ => ChangeKind::ChangedBuild,
    }
}

fn new_kind(is: &Met<'_>) -> ChangeKind {
    if is.exposure == Exposure::Open { ChangeKind::NewAndOpen } else { ChangeKind::New }
}

/// A server that is no longer one: why, by how asking for it ended.
fn lost(targets: &[Judged]) -> ChangeKind {
    targets.iter().map(|target| loss(target.outcome, target.product)).min().unwrap_or(ChangeKind::NotAsked)
}

fn loss(outcome: Outcome, product: Product) -> ChangeKind {
    match (outcome, product) {
        // An answer that tells nothing may come from whatever stands before the server.
        (Outcome::Answered, Product::Unknown) => ChangeKind::NotSeen,
        (Outcome::Answered | Outcome::Refused | Outcome::NotResolved, _) => ChangeKind::Gone,
        (Outcome::OutOfScope | Outcome::NotTried, _) => ChangeKind::NotAsked,
        _ => ChangeKind::NotSeen,
    }
}

/// A server whose key the later run does not have.
fn missing(store: &Store, to: i64, was: &Met<'_>, hole: Option<&str>, changes: &mut Changes) -> Result<(), StoreError> {
    if !was.is_server() {
        return Ok(());
    }
    let mut kind = None;
    for target in was.targets {
        let Some((key, outcome, product)) = store.at_target(to, &target.target)? else { continue };
        if matches!(product, Product::Exchange | Product::PerhapsExchange) {
            // The same place answers as a server with another certificate or name.
            let targets = store.targets_of(to, &key)?;
            let is = Met::of(&targets, hole);
            changes.add(became(was, &is), &is, Some(was), Some(&is));
            return Ok(());
        }
        // Whoever did not answer outweighs who is gone.
        kind = kind.max(Some(loss(outcome, product)));
    }
    changes.add(kind.unwrap_or(ChangeKind::NotAsked), was, Some(was), None);
    Ok(())
}

/// A server whose key the earlier run does not have.
fn appeared(store: &Store, from: i64, is: &Met<'_>, changes: &mut Changes) -> Result<(), StoreError> {
    if !is.is_server() {
        return Ok(());
    }
    for target in is.targets {
        let known = store.at_target(from, &target.target)?;
        if known.is_some_and(|(_, _, product)| matches!(product, Product::Exchange | Product::PerhapsExchange)) {
            // Told by the earlier run's side.
            return Ok(());
        }
    }
    changes.add(new_kind(is), is, None, Some(is));
    Ok(())
}

#[derive(Default)]
struct Changes {
    counts: BTreeMap<ChangeKind, u64>,
    named: BTreeMap<ChangeKind, Vec<Change>>,
}

impl Changes {
    fn add(&mut self, kind: ChangeKind, shown: &Met<'_>, before: Option<&Met<'_>>, after: Option<&Met<'_>>) {
        *self.counts.entry(kind).or_default() += 1;
        let named = self.named.entry(kind).or_default();
        if matches!(kind, ChangeKind::Unchanged) || named.len() >= CHANGES_MAX {
            return;
        }
        named.push(Change {
            kind,
            server: shown.name(),
            before: before.map(Met::update),
            after: after.map(Met::update),
            network: shown.network(),
        });
    }

    fn finish(self, from: &Run, to: &Run) -> Diff {
        let counts = ChangeKind::ALL.map(|kind| (kind, self.counts.get(&kind).copied().unwrap_or(0)));
        Diff {
            from: from.clone(),
            to: to.clone(),
            counts: counts.to_vec(),
            changes: self.named.into_values().flatten().collect(),
            caveats: caveats(&[from, to]),
        }
    }
}

/// Why runs may not be comparable, one sentence each.
#[must_use]
pub fn caveats(runs: &[&Run]) -> Vec<String> {
    let differ = |trait_of: &dyn Fn(&Run) -> String| {
        runs.iter().map(|run| trait_of(run)).collect::<BTreeSet<String>>().len() > 1
    };
    let mut caveats = Vec::new();
    if differ(&|run| run.scope.clone()) {
        caveats
            .push("The runs have different scopes, so a server may be missing because nobody asked for it.".to_owned());
    }
    if differ(&|run| format!("{:?}", run.networks)) {
        caveats.push(
            "Countries and networks are from different tables: a server may have moved only on paper.".to_owned(),
        );
    }
    if differ(&|run| format!("{:?}", run.scanners)) {
        caveats.push("Different scanners looked: they see different things of the same server.".to_owned());
    }
    if differ(&|run| format!("{:?}", run.data_date)) {
        caveats.push(
            "The runs were judged with builds and holes known until different days: a server may be open now only because \
             a hole became known. `survey report --run` judges a run anew."
                .to_owned(),
        );
    }
    if differ(&|run| run.configuration.clone()) {
        caveats.push("The runs were made with different options.".to_owned());
    }
    if runs.iter().any(|run| !run.finished) {
        caveats.push("A run was broken off, so what it did not reach is missing.".to_owned());
    }
    caveats
}

#[cfg(test)]
mod tests;
