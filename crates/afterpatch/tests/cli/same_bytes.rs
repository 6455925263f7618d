//! Same evidence, same packs: same bytes, whatever the threads, the order of folders and the place.

use demo::Scenario;

use crate::logs::{PROXY_COLUMNS, PROXY_LOG, ProxyRow, proxy_header};
use crate::program::{Assessed, OUTPUTS, assess, assess_with};
use crate::trees::Tree;

fn same(what: &str, first: &Assessed, second: &Assessed) {
    assert_eq!(first.outcome.status, second.outcome.status, "{what}");
    for name in OUTPUTS {
        assert!(first.file(name) == second.file(name), "{what}: {name} differs");
    }
}

/// Two servers, the story on the first.
fn two_servers() -> Tree {
    Tree::demo(&demo::Options {
        size: Some(1_500_000),
        days: 1,
        servers: 2,
        ..demo::Options::new(Scenario::ActiveAfterPatch)
    })
}

/// The same files, created in another order in another place.
fn copied_backwards(tree: &Tree) -> Tree {
    let copy = Tree::empty();
    for (path, content) in tree.files().iter().rev() {
        copy.put(path, content);
    }
    copy
}

#[test]
fn whatever_the_number_of_threads() {
    let tree = two_servers();
    let one = assess_with(&[tree.path()], &["--threads", "1"]);
    assert_eq!(one.verdict(), "active");
    for threads in ["2", "5"] {
        same(threads, &one, &assess_with(&[tree.path()], &["--threads", threads]));
    }
}

#[test]
fn whatever_the_number_of_threads_over_a_long_log() {
    // Several blocks: the attack stands near every cut.
    let mut log = proxy_header(PROXY_COLUMNS);
    for number in 0..30_000 {
        let second = number / 10;
        let row = if number % 1_500 == 0 { ProxyRow::attack(second) } else { ProxyRow::probe(second) };
        log.push_str(&row.line());
        log.push_str("\r\n");
    }
    assert!(log.len() > 6 << 20);
    let tree = Tree::empty();
    tree.put(PROXY_LOG, log);
    let one = assess_with(&[tree.path()], &["--threads", "1"]);
    assert_eq!(one.json["totals"]["records"], 30_000);
    same("5", &one, &assess_with(&[tree.path()], &["--threads", "5"]));
}

#[test]
fn whatever_the_order_of_folders_and_the_place() {
    let tree = two_servers();
    same("a copy", &assess(tree.path()), &assess(copied_backwards(&tree).path()));
}

#[test]
fn whatever_the_order_of_arguments() {
    let tree = two_servers();
    let (first, second) = (tree.path().join("EXC01"), tree.path().join("EXC02"));
    same("order", &assess_with(&[&first, &second], &[]), &assess_with(&[&second, &first], &[]));
}

#[test]
fn time_after_time() {
    let tree = Tree::short_story(Scenario::ProxyShell);
    same("again", &assess(tree.path()), &assess(tree.path()));
}
