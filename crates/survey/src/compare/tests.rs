//! What became of servers, as a table.

use model::survey::State;

use super::*;
use crate::count::tests::{target, with};
use crate::store::tests::run_of;

fn renamed(mut judged: Judged, key: &str) -> Judged {
    key.clone_into(&mut judged.identity.key);
    judged
}

fn ended(address: &str, outcome: Outcome) -> Judged {
    let mut judged = target(&format!("{address}:443"), address);
    judged.product = Product::Unknown;
    judged.outcome = outcome;
    judged
}

fn kinds(before: &[Judged], after: &[Judged]) -> Vec<(ChangeKind, u64)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("survey.db")).expect("a store");
    let from = run_of(&mut store, "2026-11-13", before);
    let to = run_of(&mut store, "2026-11-20", after);
    let diff = diff(&store, &from, &to, None).expect("compared");
    diff.counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn what_becomes_of_a_server() {
    let open = || with(target("a", "192.0.2.1"), 7, State::Vulnerable);
    let fixed = || with(target("a", "192.0.2.1"), 9, State::Patched);
    let cases: Vec<(&str, Vec<Judged>, Vec<Judged>, ChangeKind)> = vec![
        ("updated", vec![open()], vec![fixed()], ChangeKind::Patched),
        ("turned back", vec![fixed()], vec![open()], ChangeKind::NewlyOpen),
        ("as before", vec![open()], vec![open()], ChangeKind::StillOpen),
        ("as before, fixed", vec![fixed()], vec![fixed()], ChangeKind::Unchanged),
        (
            "another build, still open",
            vec![open()],
            vec![with(target("a", "192.0.2.1"), 8, State::Vulnerable)],
            ChangeKind::ChangedBuild,
        ),
        (
            "version hidden",
            vec![open()],
            vec![with(target("a", "192.0.2.1"), 7, State::Undetermined)],
            ChangeKind::PerhapsPatched,
        ),
        ("time limit", vec![open()], vec![ended("192.0.2.1", Outcome::TimedOut)], ChangeKind::NotSeen),
        ("handshake refused", vec![open()], vec![ended("192.0.2.1", Outcome::TlsRefused)], ChangeKind::NotSeen),
        ("port closed", vec![open()], vec![ended("192.0.2.1", Outcome::Refused)], ChangeKind::Gone),
        ("not tried", vec![open()], vec![ended("192.0.2.1", Outcome::NotTried)], ChangeKind::NotAsked),
        ("not in the scope", vec![open()], vec![], ChangeKind::NotAsked),
        ("new", vec![], vec![fixed()], ChangeKind::New),
        ("new and open", vec![], vec![open()], ChangeKind::NewAndOpen),
        ("new certificate, updated", vec![open()], vec![renamed(fixed(), "b")], ChangeKind::Patched),
        ("new certificate, key before", vec![renamed(open(), "z")], vec![fixed()], ChangeKind::Patched),
        ("back after a time limit", vec![ended("192.0.2.1", Outcome::TimedOut)], vec![open()], ChangeKind::NewAndOpen),
    ];
    for (name, before, after, kind) in cases {
        assert_eq!(kinds(&before, &after), [(kind, 1)], "{name}");
    }
}

#[test]
fn no_target_leaves_without_being_told() {
    let before: Vec<Judged> =
        (1..=50).map(|n| with(target(&format!("k{n}"), &format!("192.0.2.{n}")), 7, State::Vulnerable)).collect();
    let mut after: Vec<Judged> = before.iter().skip(7).cloned().collect();
    after.extend((1..=3).map(|n| ended(&format!("192.0.2.{n}"), Outcome::TimedOut)));
    assert_eq!(
        kinds(&before, &after),
        [(ChangeKind::StillOpen, 43), (ChangeKind::NotSeen, 3), (ChangeKind::NotAsked, 4)]
    );
}

#[test]
fn a_trend_has_a_point_per_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("survey.db")).expect("a store");
    for (day, state) in
        [("2026-11-06", State::Vulnerable), ("2026-11-13", State::Undetermined), ("2026-11-20", State::Patched)]
    {
        run_of(&mut store, day, &[with(target("a", "192.0.2.1"), 7, state)]);
    }
    let runs = store.runs(Some("demo")).expect("runs");
    let points = trend(&store, &runs, None).expect("a trend");
    let open: Vec<(u64, u64)> = points.iter().map(|point| (point.open.at_least, point.open.at_most)).collect();
    assert_eq!(open, [(1, 1), (0, 1), (0, 0)]);
    assert_eq!(trend(&store, &runs, Some("CVE-1999-0001")).expect("a trend")[0].open.at_most, 0);
}

#[test]
fn what_differs_is_said() {
    let one = Run { scope: "a".to_owned(), finished: true, ..Run::default() };
    let other = Run { scope: "b".to_owned(), finished: false, ..Run::default() };
    assert_eq!(caveats(&[&one, &one]), Vec::<String>::new());
    assert_eq!(caveats(&[&one, &other]).len(), 2);
}
