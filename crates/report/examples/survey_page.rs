//! Writes the page of a made-up survey to standard output, to look at it: `cargo run -p report --example survey_page`.

#![allow(clippy::print_stdout)]

use model::Utc;
use model::survey::*;

fn row(label: &str, all: u64, at_least: u64, at_most: u64) -> Worded {
    Worded { label: label.to_owned(), note: None, all, counted: Interval { at_least, at_most } }
}

fn table(by: &str, rows: &[(&str, u64, u64, u64)]) -> Table {
    let rows = rows.iter().map(|(label, all, least, most)| row(label, *all, *least, *most)).collect();
    Table { by: by.to_owned(), rows, omitted: (0, 0) }
}

fn main() {
    let day = |week: i64| Utc(1_790_000_000_000_000 + week * 604_800_000_000);
    let run = |id: i64| Run {
        id,
        scope: "example.org, 14 networks".to_owned(),
        ticket: Some("CERT-2026-118".to_owned()),
        first: Some(day(id)),
        last: Some(day(id)),
        scanners: vec![Scanner::Probe],
        data_date: Some(day(id)),
        networks: vec![TableOfNetworks { name: "GeoLite2-ASN".to_owned(), date: Some(day(0)) }],
        finished: true,
        ..Run::default()
    };
    let weeks = [
        (1_204, 1_310),
        (1_160, 1_290),
        (1_012, 1_240),
        (861, 1_130),
        (742, 1_010),
        (655, 930),
        (601, 842),
        (553, 790),
    ];
    let trend = weeks.iter().enumerate().map(|(week, (least, most))| {
        let id = i64::try_from(week).expect("few") + 1;
        let servers = Interval { at_least: 1_820 - week as u64 * 9, at_most: 1_905 - week as u64 * 9 };
        let open = Interval { at_least: *least, at_most: *most };
        Point { run: id, day: day(id), servers, open, targets: 2_000, answered: 1_912, data_date: Some(day(id)) }
    });
    let counts = [
        (ChangeKind::Patched, 61),
        (ChangeKind::PerhapsPatched, 14),
        (ChangeKind::NewlyOpen, 9),
        (ChangeKind::NewAndOpen, 6),
        (ChangeKind::New, 8),
        (ChangeKind::ChangedBuild, 102),
        (ChangeKind::StillOpen, 538),
        (ChangeKind::Unchanged, 1_090),
        (ChangeKind::Gone, 12),
        (ChangeKind::NotSeen, 23),
    ];
    let server = |n: u64| Server {
        name: format!("EXCH{n:02}"),
        addresses: vec![format!("mail{n}.example.org 192.0.2.{n}:443")],
        addresses_omitted: 0,
        product: "Exchange Server 2016".to_owned(),
        update: "CU23 Oct25SU".to_owned(),
        mixed: n % 5 == 0,
        exposure: if n < 9 { Exposure::Open } else { Exposure::Undetermined },
        holes: (if n < 9 { 30 - n } else { 0 }, n % 4),
        network: Network {
            country: Some("DE".into()),
            asn: Some(64_500),
            as_name: Some("Example Net".into()),
            source: None,
        },
    };
    let survey = Survey {
        schema: SCHEMA.to_owned(),
        afterpatch: "0.1.0".to_owned(),
        run: run(8),
        hole: None,
        totals: Totals {
            targets: 2_000,
            answered: 1_912,
            servers: Interval { at_least: 1_757, at_most: 1_842 },
            addresses: Interval { at_least: 2_010, at_most: 2_131 },
            open: Interval { at_least: 553, at_most: 790 },
            open_addresses: Interval { at_least: 611, at_most: 902 },
            unsupported: Interval { at_least: 702, at_most: 731 },
            no_version: 85,
        },
        tables: vec![
            table(
                "cve",
                &[
                    ("CVE-2026-42897", 1_800, 553, 790),
                    ("CVE-2024-21410", 1_800, 260, 498),
                    ("CVE-2021-26855", 1_800, 19, 41),
                    ("CVE-2021-34473", 1_800, 12, 30),
                    ("CVE-2020-0688", 1_800, 0, 8),
                ],
            ),
            table(
                "product",
                &[
                    ("Exchange Server 2016", 702, 310, 390),
                    ("Exchange Server 2019", 611, 160, 280),
                    ("Exchange Server SE", 380, 44, 71),
                    ("Exchange Server 2013", 64, 39, 49),
                ],
            ),
            table(
                "update",
                &[
                    ("Exchange Server 2016 CU23, update not told", 222, 0, 140),
                    ("Exchange Server 2016 CU23 Oct25SU", 210, 210, 210),
                    ("Exchange Server 2019 CU14 Apr24HU", 120, 120, 120),
                ],
            ),
            table(
                "age",
                &[
                    ("less than a month", 1_842, 401, 690),
                    ("1 to 6 months", 1_842, 350, 640),
                    ("6 to 12 months", 1_842, 190, 402),
                    ("more than 12 months", 1_842, 300, 595),
                ],
            ),
            table(
                "country",
                &[("DE", 820, 240, 350), ("AT", 410, 120, 160), ("CH", 388, 110, 170), ("not known", 224, 83, 110)],
            ),
            table("asn", &[("AS64500", 420, 130, 190), ("AS64501", 300, 82, 120), ("AS64511", 60, 60, 60)]),
            table(
                "support",
                &[("supported", 1_055, 110, 280), ("support has ended", 702, 443, 480), ("not told", 85, 0, 30)],
            ),
            table("tls", &[("TLSv1", 120, 90, 110), ("TLSv1.2", 1_500, 440, 640), ("TLSv1.3", 222, 23, 40)]),
            table(
                "kind",
                &[
                    ("Exchange Server", 1_757, 0, 0),
                    ("perhaps Exchange Server", 85, 0, 0),
                    ("Exchange Online", 12, 0, 0),
                    ("something else", 60, 0, 0),
                ],
            ),
        ],
        outcomes: vec![
            row("answered", 1_912, 0, 0),
            row("TLS handshake refused", 31, 0, 0),
            row("nothing came in time", 57, 0, 0),
        ],
        notes: Vec::new(),
        trend: trend.collect(),
        diff: Some(Diff {
            from: run(7),
            to: run(8),
            counts: counts.to_vec(),
            changes: Vec::new(),
            caveats: Vec::new(),
        }),
        servers: (1..16).map(server).collect(),
        servers_omitted: 1_827,
    };
    print!("{}", report::survey::html::page(&survey));
}
