//! What goes in comes out; what is no store is said to be none.

use std::fs;

use model::survey::{Observation, Scanner, State};

use super::*;
use crate::count::tests::{target, with};

pub(crate) fn seen(judged: &Judged) -> Observation {
    Observation::new(judged.observed_at, Scanner::Probe, judged.target.clone(), judged.outcome)
}

/// Stores a finished run.
pub(crate) fn run_of(store: &mut Store, day: &str, judged: &[Judged]) -> Run {
    let mut run = Run { scope: "demo".to_owned(), ..Run::default() };
    run.id = store.begin(&run).expect("begun");
    for judged in judged {
        store.add(run.id, &json(&seen(judged)), judged).expect("added");
    }
    run.last = Utc::parse(day.as_bytes());
    run.first = run.last;
    run.finished = true;
    store.finish(&run).expect("finished");
    run
}

#[test]
fn what_goes_in_comes_out_by_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("survey.db");
    let judged: Vec<Judged> = (0..2_000_u32)
        .map(|n| {
            let address = format!("10.0.{}.{}", n / 256, n % 256);
            with(target(&format!("k{:04}", n % 700), &address), u16::try_from(n % 9).expect("small"), State::Vulnerable)
        })
        .collect();
    let run = run_of(&mut Store::open(&path).expect("a store"), "2026-11-20", &judged);
    let store = Store::open_existing(&path).expect("it is there");
    assert_eq!(store.runs(None).expect("runs"), *std::slice::from_ref(&run));
    let (mut servers, mut back) = (0, Vec::new());
    store
        .each_server(run.id, |targets| {
            servers += 1;
            back.extend_from_slice(targets);
        })
        .expect("read back");
    assert_eq!(servers, 700);
    let order = |judged: &Judged| (judged.identity.key.clone(), target_words(&judged.target));
    let mut judged = judged;
    judged.sort_by_key(order);
    assert_eq!(back, judged);
    assert_eq!(store.targets_of(run.id, "k0003").expect("a server").len(), 3);
    assert_eq!(store.targets_of(run.id, "k").expect("none"), []);
}

#[test]
fn a_run_is_judged_anew_as_a_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("survey.db")).expect("a store");
    let run = run_of(&mut store, "2026-11-20", &[with(target("a", "192.0.2.1"), 7, State::Patched)]);
    store.judge_again(&run, |_| with(target("b", "192.0.2.1"), 7, State::Vulnerable)).expect("judged");
    let mut found = Vec::new();
    store.each_server(run.id, |targets| found.extend_from_slice(targets)).expect("read");
    assert_eq!(found[0].identity.key, "b");
    assert_eq!(found[0].cves[0].state, State::Vulnerable);
}

#[test]
fn numbers_are_kept_until_a_run_is_judged_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("survey.db");
    let mut store = Store::open(&path).expect("a store");
    let judged =
        [with(target("a", "192.0.2.1"), 7, State::Vulnerable), with(target("b", "192.0.2.2"), 7, State::Patched)];
    let runs = [run_of(&mut store, "2026-11-13", &judged), run_of(&mut store, "2026-11-20", &judged[..1])];
    let open = |store: &Store, hole| {
        let points = crate::compare::trend(store, &runs, hole).expect("a trend");
        points.iter().map(|point| point.open.at_least).collect::<Vec<_>>()
    };
    store.connection.pragma_update(None, "query_only", true).expect("set");
    assert_eq!(open(&store, None), [1, 1], "a store that cannot be written");
    store.connection.pragma_update(None, "query_only", false).expect("set");
    assert_eq!((open(&store, None), open(&store, Some("CVE-2026-0001"))), (vec![1, 1], vec![1, 1]));
    assert_eq!(open(&store, Some("CVE-2026-0002")), [0, 0]);
    store.connection.pragma_update(None, "foreign_keys", false).expect("set");
    // Without any row left, only kept numbers can answer.
    store.connection.execute("UPDATE seen SET run = run + 100", []).expect("moved");
    assert_eq!((open(&store, None), open(&store, Some("CVE-2026-0002"))), (vec![1, 1], vec![0, 0]));
    store.connection.execute("UPDATE seen SET run = run - 100", []).expect("moved back");
    store
        .judge_again(&runs[0], |seen| {
            with(target("a", &seen.target.address.expect("one").to_string()), 7, State::Patched)
        })
        .expect("judged");
    assert_eq!(open(&store, None), [0, 1]);
}

#[test]
fn a_store_of_the_first_form_is_brought_to_the_latest() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("survey.db");
    let first = Connection::open(&path).expect("a database");
    first.execute_batch(MIGRATIONS[0]).expect("made");
    first.pragma_update(None, "application_id", APPLICATION).expect("set");
    first.pragma_update(None, "user_version", 1).expect("set");
    drop(first);
    let mut store = Store::open_existing(&path).expect("brought up");
    let run = run_of(&mut store, "2026-11-20", &[with(target("a", "192.0.2.1"), 7, State::Vulnerable)]);
    assert_eq!(crate::compare::trend(&store, &[run], None).expect("a trend")[0].open.at_least, 1);
}

#[test]
fn what_is_no_store_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text"), "not a database, but long enough to look like one. ".repeat(50)).expect("written");
    assert!(matches!(Store::open(&at("text")), Err(StoreError::Foreign(_))));
    assert!(matches!(Store::open_existing(&at("none")), Err(StoreError::Missing(_))));
    Connection::open(at("other")).expect("a database").execute_batch("CREATE TABLE x (y)").expect("made");
    assert!(matches!(Store::open(&at("other")), Err(StoreError::Foreign(_))));
    drop(Store::open(&at("new")).expect("a store"));
    let newer = Connection::open(at("new")).expect("a database");
    newer.pragma_update(None, "user_version", 99).expect("set");
    drop(newer);
    assert!(matches!(Store::open(&at("new")), Err(StoreError::Newer { found: 99, .. })));
}

#[expect(clippy::disallowed_methods, reason = "the test damages what it wrote")]
/// Bytes turned over and files cut anywhere: an error or what is left, never a panic.
#[test]
fn damage_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("survey.db");
    let judged: Vec<Judged> =
        (0..60_u32).map(|n| with(target(&format!("k{n}"), &format!("192.0.2.{n}")), 7, State::Vulnerable)).collect();
    drop(run_of(&mut Store::open(&path).expect("a store"), "2026-11-20", &judged));
    let whole = fs::read(&path).expect("the store");
    let damaged = folder.path().join("damaged.db");
    let mut errors = 0;
    for step in 0..200 {
        let mut bytes = whole.clone();
        let at = (step * 7_919 + step) % bytes.len();
        if step % 4 == 0 {
            bytes.truncate(at);
        } else {
            for byte in bytes.iter_mut().skip(at).take(40) {
                *byte ^= 0xa5;
            }
        }
        fs::write(&damaged, bytes).expect("written");
        let read = Store::open(&damaged).and_then(|store| {
            for run in store.runs(None)? {
                store.each_server(run.id, |_| {})?;
            }
            Ok(())
        });
        errors += usize::from(read.is_err());
        _ = fs::remove_file(folder.path().join("damaged.db-journal"));
    }
    assert!(errors > 20, "{errors}");
}
