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

/// A value of a record.
enum Held {
    Text(&'static str),
    Number(u32),
    /// With the code of its type: those of two bytes and of eight.
    Other(u8, Vec<u8>),
    Map(Vec<(&'static str, Held)>),
}

/// Type and length, then the bytes, as the data section of a MaxMind database has them.
fn encode(held: &Held, out: &mut Vec<u8>) {
    let short = |length: usize| u8::try_from(length).ok().filter(|length| *length < 29).expect("a short value");
    match held {
        Held::Text(text) if text.len() >= 29 => {
            out.extend_from_slice(&[2 << 5 | 29, u8::try_from(text.len() - 29).expect("a short text")]);
            out.extend_from_slice(text.as_bytes());
        }
        Held::Text(text) => {
            out.push(2 << 5 | short(text.len()));
            out.extend_from_slice(text.as_bytes());
        }
        Held::Number(number) => {
            out.push(6 << 5 | 4);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Held::Other(code @ 0..=7, bytes) => {
            out.push(code << 5 | short(bytes.len()));
            out.extend_from_slice(bytes);
        }
        Held::Other(extended, bytes) => {
            out.extend_from_slice(&[short(bytes.len()), extended - 7]);
            out.extend_from_slice(bytes);
        }
        Held::Map(pairs) => {
            out.push(7 << 5 | short(pairs.len()));
            for (key, value) in pairs {
                encode(&Held::Text(key), out);
                encode(value, out);
            }
        }
    }
}

/// A MaxMind database of its own: a tree of bits with records of 24 bits, 16 zeros, the data, the metadata. IPv4 lies under
/// `::/96`.
fn database(kind: &'static str, networks: &[(&str, Held)]) -> Vec<u8> {
    const NONE: usize = usize::MAX;
    const DATA: usize = usize::MAX / 2;
    let (mut nodes, mut data) = (vec![[NONE; 2]], Vec::new());
    for (prefix, held) in networks {
        let (address, length) = prefix.split_once('/').expect("a prefix");
        let (bits, length) = match (address.parse().expect("an address"), length.parse::<usize>().expect("a length")) {
            (IpAddr::V4(address), length) => (u128::from(u32::from(address)), length + 96),
            (IpAddr::V6(address), length) => (u128::from(address), length),
        };
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[node][side] = DATA + data.len();
            } else {
                if nodes[node][side] == NONE {
                    nodes[node][side] = nodes.len();
                    nodes.push([NONE; 2]);
                }
                node = nodes[node][side];
            }
        }
        encode(held, &mut data);
    }
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match *record {
            NONE => nodes.len(),
            data if data >= DATA => nodes.len() + 16 + (data - DATA),
            node => node,
        };
        out.extend_from_slice(&u32::try_from(number).expect("a small tree").to_be_bytes()[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let short = |number: u16| Held::Other(5, number.to_be_bytes().to_vec());
    let metadata = Held::Map(vec![
        ("node_count", Held::Number(u32::try_from(nodes.len()).expect("a small tree"))),
        ("record_size", short(24)),
        ("ip_version", short(6)),
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        ("build_epoch", Held::Other(9, 1_795_132_800_u64.to_be_bytes().to_vec())),
        ("database_type", Held::Text(kind)),
        ("description", Held::Map(Vec::new())),
        ("languages", Held::Other(11, Vec::new())),
    ]);
    encode(&metadata, &mut out);
    out
}

#[test]
fn databases_name_country_and_network_of_both_kinds_of_addresses() {
    let country = |code| Held::Map(vec![("country", Held::Map(vec![("iso_code", Held::Text(code))]))]);
    let network = |number, name| {
        Held::Map(vec![
            ("autonomous_system_number", Held::Number(number)),
            ("autonomous_system_organization", Held::Text(name)),
        ])
    };
    let countries = [("192.0.2.0/24", country("DE")), ("2001:db8::/32", country("fr"))];
    let asns = [("192.0.2.0/25", network(64_500, "Example Net")), ("2001:db8:17::/48", network(64_501, "Sixth Net"))];
    let mut networks = Networks::default();
    networks.add_mmdb("a.mmdb", database("Test-Country", &countries)).expect("a database");
    networks.add_mmdb("b.mmdb", database("Test-ASN", &asns)).expect("a database");
    let names: Vec<String> = networks.tables().into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["Test-Country", "Test-ASN"]);
    assert_eq!(networks.tables()[0].date.expect("a day").to_string().get(..10), Some("2026-11-20"));
    for (address, country, asn, name, source) in [
        ("192.0.2.7", Some("DE"), Some(64_500), Some("Example Net"), Some("Test-Country, Test-ASN")),
        ("192.0.2.200", Some("DE"), None, None, Some("Test-Country")),
        ("192.0.3.7", None, None, None, None),
        ("2001:db8:17::7", Some("FR"), Some(64_501), Some("Sixth Net"), Some("Test-Country, Test-ASN")),
        ("2001:db8:18::7", Some("FR"), None, None, Some("Test-Country")),
        ("2001:db9::1", None, None, None, None),
    ] {
        let found = networks.of(address.parse().ok(), &Network::default());
        let told = (found.country.as_deref(), found.asn, found.as_name.as_deref(), found.source.as_deref());
        assert_eq!(told, (country, asn, name, source), "{address}");
    }
}

#[test]
fn databases_in_the_spelling_of_other_makers_are_read() {
    let record = Held::Map(vec![
        ("country", Held::Text("AT")),
        ("asn", Held::Text("AS64502")),
        ("as_name", Held::Text("Third Net")),
    ]);
    let mut networks = Networks::default();
    networks.add_mmdb("c.mmdb", database("", &[("198.51.100.0/24", record)])).expect("a database");
    let found = networks.of("198.51.100.9".parse().ok(), &Network::default());
    assert_eq!(
        (found.country.as_deref(), found.asn, found.as_name.as_deref()),
        (Some("AT"), Some(64_502), Some("Third Net"))
    );
    assert_eq!(found.source.as_deref(), Some("c.mmdb"), "a database without a name has that of its file");
}
