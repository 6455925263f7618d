//! Lists in all their spellings, ranges against a search through all, and databases that are none.

use super::*;

fn asked(list: &str, address: &str) -> Network {
    let mut networks = Networks::default();
    networks.add_list("list", list.as_bytes(), None).expect("a list");
    networks.of(address.parse().ok(), &Network::default())
}

#[test]
fn lists_are_read_in_their_spellings() {
    for list in [
        "192.0.2.0,192.0.2.255,64500,Example Net,DE\n",
        "192.0.2.0/24,AS64500,Example Net,de\n",
        "# made today\nprefix,country,name,asn\n192.0.2.0/24,DE,Example Net,64500\n",
        "start,end,asn,country,name\n192.0.2.0,192.0.2.255,AS64500,DE,\"Example Net\"\n",
    ] {
        let network = asked(list, "192.0.2.7");
        assert_eq!((network.asn, network.country.as_deref()), (Some(64_500), Some("DE")), "{list}");
        assert_eq!(network.as_name.as_deref(), Some("Example Net"));
        assert_eq!(network.source.as_deref(), Some("list"));
        assert_eq!(asked(list, "192.0.3.0"), Network::default(), "{list}");
    }
    assert_eq!(asked("2001:db8::/32,64501,x,FR\n", "2001:db8::7").asn, Some(64_501));
    assert_eq!(asked("::/0,64501,x,FR\n", "192.0.2.7").asn, Some(64_501));
}

#[test]
fn the_scanner_keeps_its_word_where_no_table_answers() {
    let mut networks = Networks::default();
    networks.add_list("list", b"192.0.2.0/24,64500,x,\n", None).expect("a list");
    let said = Network { country: Some("AT".into()), asn: Some(1), as_name: None, source: Some("shodan".into()) };
    assert_eq!(networks.of("198.51.100.1".parse().ok(), &said), said);
    let both = networks.of("192.0.2.1".parse().ok(), &said);
    assert_eq!((both.asn, both.country.as_deref()), (Some(64_500), Some("AT")));
}

#[test]
fn ranges_are_those_of_the_slow_search() {
    let rows: Vec<(u128, u128, usize)> = (0..300_usize)
        .map(|n| {
            let first = (n * n * 31 + n * 7) % 5_000;
            (first as u128, (first + (n * 13) % 400) as u128, n)
        })
        .collect();
    let ranges = Ranges::of(rows.clone());
    for address in 0..5_600_u128 {
        let slow = rows.iter().filter(|row| row.0 <= address && address <= row.1).map(|row| row.1 - row.0).min();
        let found = ranges.find(IpAddr::V6(Ipv6Addr::from(address))).map(|n| rows[*n].1 - rows[*n].0);
        assert_eq!(found, slow, "{address}");
    }
}

#[test]
fn what_is_no_table_is_refused() {
    let mut networks = Networks::default();
    for bad in ["x,y,1\n", "192.0.2.9,192.0.2.1,1\n", "192.0.2.0/33,1\n", "\u{0}\n"] {
        assert!(matches!(networks.add_list("x", bad.as_bytes(), None), Err(TableError::Row { .. })), "{bad:?}");
    }
    let mut database = b"\0\x01\x02".repeat(300);
    for tail in [&b""[..], b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe9\x4bnode_count\xc4\xff\xff\xff\xff"]
    {
        database.extend_from_slice(tail);
        assert!(networks.add_mmdb("x", database.clone()).is_err());
    }
    assert_eq!(networks.tables(), []);
}
