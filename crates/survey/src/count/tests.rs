//! Counts against a count that takes all servers at once and does it the slow way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::survey::{CveState, Identity, Scanner, Target};
use model::{Build, Utc};

use super::*;

/// An answering target of Exchange 2016 without builds and holes.
pub(crate) fn target(key: &str, address: &str) -> Judged {
    let identity = Identity { server_names: vec![key.to_owned()], certificate: None, key: key.to_owned() };
    Judged {
        observed_at: day(),
        scanner: Scanner::Probe,
        target: Target { name: None, address: address.parse().ok(), port: 443 },
        outcome: Outcome::Answered,
        reason: None,
        product: Product::Exchange,
        builds: Vec::new(),
        mixed: false,
        evidence: Vec::new(),
        contradictions: Vec::new(),
        behind: Vec::new(),
        cves: Arc::from([]),
        identity,
        tls_version: Some("TLSv1.2".to_owned()),
        tags: Vec::new(),
        network: Network::default(),
    }
}

pub(crate) fn day() -> Utc {
    Utc::parse(b"2026-11-20").expect("a day")
}

/// With a build of this revision, and this state of `CVE-2026-0001`.
pub(crate) fn with(mut judged: Judged, revision: u16, state: State) -> Judged {
    let build = Build::new(15, 1, 2507, revision);
    judged.builds = vec![BuildSeen {
        text: build.to_string(),
        place: "X-OWA-Version".to_owned(),
        precision: Precision::Exact,
        lowest: build,
        highest: build,
        product: "Exchange Server 2016".to_owned(),
        level: "CU23".to_owned(),
        update: format!("CU23 SU{revision}"),
        released: Some(day().plus_secs(-86_400 * 100)),
        latest: Some(day().plus_secs(-86_400 * 100)),
        support_end: Utc::parse(b"2025-10-14"),
    }];
    judged.cves = Arc::from([CveState { cve: "CVE-2026-0001".to_owned(), state, why: None }]);
    judged
}

fn count(targets: &[Judged]) -> Counted {
    let mut sorted = targets.to_vec();
    sorted.sort_by(|a, b| a.identity.key.cmp(&b.identity.key));
    let mut counter = Counter::new(None, day());
    for server in sorted.chunk_by(|a, b| a.identity.key == b.identity.key) {
        counter.take(server);
    }
    counter.finish()
}

const STATES: [State; 4] = [State::Vulnerable, State::Undetermined, State::Patched, State::NotApplicable];
const PRODUCTS: [Product; 4] = [Product::Exchange, Product::PerhapsExchange, Product::Other, Product::SuspectLookalike];

/// Many mixes of keys, states and products, without randomness.
fn fleet(seed: usize) -> Vec<Judged> {
    let targets = (0..40).map(|n| {
        let mix = (n * 7 + seed * 13 + n * n * seed) % 97;
        let judged = target(&format!("k{}", mix % 11), &format!("192.0.2.{}", mix % 23));
        let mut judged = with(judged, u16::try_from(mix % 5).expect("small"), STATES[(mix / 3) % 4]);
        judged.product = PRODUCTS[(mix / 5) % 4];
        judged.network.asn = Some(64_500 + u32::try_from(mix % 3).expect("small"));
        judged
    });
    targets.collect()
}

#[test]
fn totals_are_those_of_the_slow_count() {
    for seed in 0..60 {
        let targets = fleet(seed);
        let totals = count(&targets).totals;
        let mut servers: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
        for target in &targets {
            servers.entry(&target.identity.key).or_default().push(target);
        }
        let is = |targets: &[&Judged], wanted: Product| targets.iter().any(|target| target.product == wanted);
        let any = |targets: &[&Judged], wanted: State| {
            targets.iter().any(|target| target.cves.iter().any(|hole| hole.state == wanted))
        };
        let (mut slow, mut addresses) = (Totals::default(), Interval::default());
        for targets in servers.values() {
            let (sure, perhaps) = (is(targets, Product::Exchange), is(targets, Product::PerhapsExchange));
            let behind: BTreeSet<_> = targets.iter().map(|target| target.target.address).collect();
            if sure || perhaps {
                slow.servers.at_least += u64::from(sure);
                slow.servers.at_most += 1;
                addresses.at_least += if sure { behind.len() as u64 } else { 0 };
                addresses.at_most += behind.len() as u64;
                let open = any(targets, State::Vulnerable);
                slow.open.at_least += u64::from(sure && open);
                slow.open.at_most += u64::from(open || any(targets, State::Undetermined));
            }
        }
        assert_eq!((totals.servers, totals.open), (slow.servers, slow.open), "{seed}");
        assert_eq!(totals.addresses, addresses, "{seed}");
        assert_eq!(totals.targets, 40);
    }
}

#[test]
fn every_server_is_in_every_table_once() {
    for seed in 0..60 {
        let counted = count(&fleet(seed));
        for table in &counted.tables {
            if ["product", "level", "update", "support", "country", "asn", "tls"].contains(&table.by.as_str()) {
                let all: u64 = table.rows.iter().map(|row| row.all).sum();
                assert_eq!(all, counted.totals.servers.at_most, "{seed} {}", table.by);
                let open: u64 = table.rows.iter().map(|row| row.counted.at_least).sum();
                assert_eq!(open, counted.totals.open.at_least, "{seed} {}", table.by);
            }
        }
        assert_eq!(counted.servers.len() as u64 + counted.servers_omitted, counted.totals.servers.at_most);
    }
}

#[test]
fn a_server_behind_four_addresses_counts_once() {
    let targets: Vec<Judged> =
        (1..=4).map(|n| with(target("farm", &format!("192.0.2.{n}")), 7, State::Vulnerable)).collect();
    let totals = count(&targets).totals;
    assert_eq!(totals.open, Interval { at_least: 1, at_most: 1 });
    assert_eq!(totals.open_addresses, Interval { at_least: 4, at_most: 4 });
}

#[test]
fn a_farm_is_as_open_as_its_worst_and_named_with_both_ends() {
    let targets =
        [with(target("farm", "192.0.2.1"), 9, State::Patched), with(target("farm", "192.0.2.2"), 7, State::Vulnerable)];
    let counted = count(&targets);
    assert_eq!(counted.totals.open.at_least, 1);
    assert_eq!(counted.servers[0].update, "CU23 SU7 to CU23 SU9");
    assert!(counted.servers[0].mixed);
}

#[test]
fn an_age_of_which_only_the_cu_is_seen_is_an_interval() {
    let mut judged = with(target("a", "192.0.2.1"), 0, State::Undetermined);
    judged.builds[0].released = Some(day().plus_secs(-86_400 * 900));
    judged.builds[0].latest = Some(day().plus_secs(-86_400 * 40));
    let counted = count(&[judged]);
    let ages = &counted.tables.iter().find(|table| table.by == "age").expect("ages").rows;
    let found: Vec<(u64, u64)> = ages.iter().map(|row| (row.counted.at_least, row.counted.at_most)).collect();
    assert_eq!(found, [(0, 0), (0, 1), (0, 1), (0, 1)]);
    let exact = count(&[with(target("a", "192.0.2.1"), 0, State::Patched)]);
    let ages = &exact.tables.iter().find(|table| table.by == "age").expect("ages").rows;
    let found: Vec<(u64, u64)> = ages.iter().map(|row| (row.counted.at_least, row.counted.at_most)).collect();
    assert_eq!(found, [(0, 0), (1, 1), (0, 0), (0, 0)]);
}

#[test]
fn a_refused_handshake_is_a_row_with_its_reason() {
    let mut refused = target("192.0.2.9:443", "192.0.2.9");
    refused.product = Product::Unknown;
    refused.outcome = Outcome::TlsRefused;
    refused.reason = Some("handshake failure".to_owned());
    let counted = count(&[refused]);
    assert_eq!(counted.outcomes[0].label, "TLS handshake refused");
    assert_eq!(counted.outcomes[0].note.as_deref(), Some("handshake failure (1)"));
    assert_eq!(counted.totals.servers.at_most, 0);
}
