//! What the page and the rows of a survey must never do.

use model::Utc;
use model::survey::*;

use super::*;
use crate::hostile::is_hidden;

/// A survey whose outside texts are hostile where `text` is.
pub(crate) fn sample(text: &str) -> Survey {
    let day = Utc::parse(b"2026-11-20").expect("a day");
    let between = Interval { at_least: 40, at_most: 70 };
    let network = Network { country: Some(text.into()), asn: Some(64_500), as_name: Some(text.into()), source: None };
    let row = |all| Worded { label: text.to_owned(), note: Some(text.to_owned()), all, counted: between };
    let bys = ["cve", "product", "update", "age", "country", "asn", "support", "tls", "kind"];
    let run =
        Run { id: 2, scope: text.to_owned(), last: Some(day), first: Some(day), finished: true, ..Run::default() };
    let change = |kind| Change {
        kind,
        server: text.to_owned(),
        before: Some(text.into()),
        after: None,
        network: network.clone(),
    };
    let point = |run| Point {
        run,
        day: Utc(day.0 + run * 604_800_000_000),
        servers: between,
        open: between,
        targets: 100,
        answered: 90,
        data_date: None,
    };
    Survey {
        schema: SCHEMA.to_owned(),
        afterpatch: "0.1.0".to_owned(),
        hole: None,
        totals: Totals {
            targets: 100,
            answered: 90,
            servers: Interval { at_least: 90, at_most: 95 },
            open: between,
            ..Totals::default()
        },
        tables: bys.map(|by| Table { by: by.to_owned(), rows: vec![row(95), row(80)], omitted: (0, 0) }).to_vec(),
        outcomes: vec![row(100)],
        notes: vec![text.to_owned()],
        trend: (1..=3).map(point).collect(),
        diff: Some(Diff {
            from: run.clone(),
            to: run.clone(),
            counts: ChangeKind::ALL.map(|kind| (kind, 1)).to_vec(),
            changes: ChangeKind::ALL.map(change).to_vec(),
            caveats: Vec::new(),
        }),
        servers: vec![Server {
            name: text.to_owned(),
            addresses: vec![text.to_owned()],
            addresses_omitted: 1,
            product: text.to_owned(),
            update: text.to_owned(),
            mixed: true,
            exposure: Exposure::Open,
            holes: (3, 2),
            network,
        }],
        servers_omitted: 7,
        run,
    }
}

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=a()>\u{202e}\x1b[2J\r\n=cmd|' /C calc'!A0`";

#[test]
fn outside_text_adds_no_tag_and_nothing_invisible() {
    let (plain, hostile) = (html::page(&sample("plain")), html::page(&sample(HOSTILE)));
    assert_eq!(plain.matches('<').count(), hostile.matches('<').count());
    assert_eq!(plain.matches('"').count(), hostile.matches('"').count());
    assert!(!hostile.chars().any(|c| is_hidden(c) && c != '\n'));
    assert!(hostile.contains("⟦U+202E⟧"));
    let screen = screen::survey(&sample(HOSTILE));
    assert!(!screen.chars().any(|c| is_hidden(c) && c != '\n'), "{screen:?}");
}

#[test]
fn links_arrive_and_ids_are_used_once() {
    let page = html::page(&sample("plain"));
    let parts = |mark: &str| page.split(mark).skip(1).filter_map(|part| part.split('"').next()).collect::<Vec<_>>();
    let mut ids = parts(" id=\"");
    for target in parts(" href=\"") {
        assert!(target == "survey.csv" || ids.contains(&target.trim_start_matches('#')), "{target}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
}

#[test]
fn the_sentence_is_an_interval() {
    let mut survey = sample("plain");
    assert_eq!(sentence(&survey), "At least 40 of 95 Exchange servers are open to known attacks, at most 70");
    survey.totals.open = Interval { at_least: 1, at_most: 1 };
    survey.hole = Some("CVE-2021-26855".to_owned());
    assert_eq!(sentence(&survey), "1 of 95 Exchange servers is open to CVE-2021-26855");
    survey.totals.servers = Interval::default();
    assert_eq!(sentence(&survey), "No Exchange server was seen");
}

#[test]
fn never_promises() {
    let survey = sample("plain");
    let page = html::page(&survey) + &screen::survey(&survey);
    let style = html::style();
    for word in page.replace(&style, "").to_lowercase().split(|c: char| !c.is_alphabetic()) {
        assert!(!["clean", "safe", "guaranteed"].contains(&word), "{word}");
    }
}

#[test]
fn extremes_are_drawn() {
    let mut survey = sample("plain");
    let huge = Interval { at_least: u64::MAX, at_most: u64::MAX };
    survey.trend[0].day = Utc(i64::MIN);
    survey.trend[1].day = Utc(i64::MAX);
    survey.trend[2].open = huge;
    survey.tables[0].rows[0].counted = huge;
    survey.tables[1].rows[0].all = 0;
    assert!(html::page(&survey).ends_with("</html>"));
    survey.trend.truncate(1);
    survey.tables.clear();
    assert!(html::page(&survey).ends_with("</html>"));
}
