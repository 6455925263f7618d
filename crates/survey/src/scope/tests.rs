//! What a scope permits, and that whatever it leaves to be asked is permitted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::Utc;

use super::{Candidate, Denied, Ground, Order, Scope, ScopeError};

const HEAD: &str = r#"
operator = "Example CERT"
contact = "mailto:probing@example.org"
probing_uri = "https://example.org/.well-known/probing.txt"
ticket = "CERT-17"
valid_until = 2026-12-31
"#;

fn scope(rest: &str) -> Scope {
    Scope::parse(&format!("{HEAD}{rest}")).expect("a scope")
}

fn refused(rest: &str) -> String {
    Scope::parse(&format!("{HEAD}{rest}")).expect_err("no scope").to_string()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn all(scope: &Scope) -> Vec<String> {
    let ground = Ground::of(scope, &[]);
    let spelt = |candidate| match candidate {
        Candidate::Address(IpAddr::V4(v4), port) => format!("{v4}:{port}"),
        Candidate::Address(IpAddr::V6(v6), port) => format!("[{v6}]:{port}"),
        Candidate::Name(name, port) => format!("{name}:{port}"),
    };
    let mut all: Vec<String> = ground.shuffled(7).map(spelt).collect();
    assert_eq!(all.len() as u64, ground.count());
    all.sort();
    all
}

#[test]
fn no_contact_no_ticket_no_day_no_scope() {
    let whole = format!("{HEAD}targets = [\"9.9.9.9\"]");
    assert!(Scope::parse(&whole).is_ok());
    for key in ["operator", "contact", "probing_uri", "ticket", "valid_until"] {
        let without: String =
            whole.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        assert_eq!(Scope::parse(&without).expect_err("no scope").to_string(), format!("`{key}` is missing"));
    }
    assert_eq!(refused(""), "`targets` is missing");
    let odd = whole.replace("mailto:probing@example.org", "probing@example.org");
    assert!(Scope::parse(&odd).expect_err("no scope").to_string().contains("neither a `mailto:`"));
    let split = whole.replace("/probing.txt", "/probing.txt) Evil/1.0 (");
    assert!(Scope::parse(&split).expect_err("no scope").to_string().contains("not an `https://` URI"));
    assert!(refused("targets = [\"9.9.9.9\"]\nexclusion = [\"9.9.9.9\"]").contains("unknown field `exclusion`"));
}

#[test]
fn a_scope_ends_with_its_last_day() {
    let scope = scope("targets = [\"9.9.9.9\"]");
    assert_eq!(scope.in_force(Utc::parse(b"2026-12-31T23:59:59Z").unwrap()), Ok(()));
    let late = Utc::parse(b"2027-01-01T00:00:00Z").unwrap();
    assert!(matches!(scope.in_force(late), Err(ScopeError::Expired(_))));
}

#[test]
fn targets_are_networks_addresses_and_names_with_ports() {
    let scope = scope(
        r#"ports = [443, 8443]
targets = ["9.9.9.8/31:443", "9.9.9.9:444", "[2a00::/127]:80", "2a00::9", "Mail.Example.ORG.:25", "::ffff:9.9.9.1"]
names_anywhere = true"#,
    );
    let expected = [
        "9.9.9.1:443",
        "9.9.9.1:8443",
        "9.9.9.8:443",
        "9.9.9.9:443",
        "9.9.9.9:444",
        "[2a00::1]:80",
        "[2a00::9]:443",
        "[2a00::9]:8443",
        "[2a00::]:80",
        "mail.example.org:25",
    ];
    assert_eq!(all(&scope), expected);
    for odd in
        ["9.9.9.9/24", "300.1.1.1", "9.9.9.9:0", "9.9.9.9:", "a b", "http://x/", "-x.org", "[2a00::1", "*.org", ""]
    {
        assert!(refused(&format!("targets = [\"{odd}\"]")).starts_with("`targets`"), "{odd}");
    }
    assert_eq!(refused("targets = [\"mail.example.org\"]"), ScopeError::NamesNowhere.to_string());
}

#[test]
fn exclusions_win() {
    let scope = scope(
        r#"targets = ["9.9.9.0/29", "mail.example.org", "old.lab.example.org", "lab.example.org"]
exclusions = ["9.9.9.2/31", "9.9.9.7", "*.lab.example.org"]"#,
    );
    let left = ["9.9.9.0:443", "9.9.9.1:443", "9.9.9.4:443", "9.9.9.5:443", "9.9.9.6:443", "mail.example.org:443"];
    assert_eq!(all(&scope), left);
    assert_eq!(scope.permits(ip("9.9.9.3"), None), Err(Denied::Excluded));
    assert_eq!(scope.permits(ip("9.9.9.7"), Some("mail.example.org")), Err(Denied::Excluded));
    assert_eq!(scope.permits(ip("::ffff:9.9.9.7"), None), Err(Denied::Excluded));
    assert_eq!(scope.permits(ip("9.9.9.1"), Some("old.lab.example.org")), Err(Denied::Excluded));
    assert_eq!(scope.permits(ip("9.9.9.1"), Some("mail.example.org")), Ok(()));
    assert_eq!(scope.permits(ip("8.8.8.8"), Some("mail.example.org")), Err(Denied::Outside));
    assert_eq!(scope.permits(ip("9.9.9.1"), Some("else.example.org")), Err(Denied::Outside));
    assert_eq!(scope.permits(ip("9.9.9.8"), None), Err(Denied::Outside));
}

#[test]
fn special_networks_are_denied_unless_named() {
    let wide = scope("targets = [\"8.0.0.0/6\", \"mail.example.org\"]\nnames_anywhere = true");
    assert_eq!(wide.permits(ip("10.1.2.3"), None), Err(Denied::Special("private use")));
    assert_eq!(wide.permits(ip("127.0.0.1"), Some("mail.example.org")), Err(Denied::Special("loopback")));
    assert_eq!(wide.permits(ip("9.1.2.3"), None), Ok(()));
    assert_eq!(wide.permits(ip("99.1.2.3"), Some("mail.example.org")), Ok(()));
    // 8/8, 9/8 and 11/8 are left, and the name.
    assert_eq!(Ground::of(&wide, &[]).count(), 3 * (1 << 24) + 1);
    let company = scope("targets = [\"10.1.0.0/16\"]");
    assert_eq!(company.permits(ip("10.1.2.3"), None), Ok(()));
    assert_eq!(company.permits(ip("10.2.2.3"), None), Err(Denied::Special("private use")));
    assert_eq!(Ground::of(&company, &[443, 444]).count(), 2 << 16);
    let world = scope("targets = [\"0.0.0.0/0\"]");
    let special: u64 = super::special::all()
        .iter()
        .filter_map(|special| match special.network {
            ipnet::IpNet::V4(network) => Some(1 << (32 - network.prefix_len())),
            ipnet::IpNet::V6(_) => None,
        })
        .sum();
    assert_eq!(Ground::of(&world, &[]).count(), (1 << 32) - special);
}

#[test]
fn wide_networks_of_ipv6_only_say_where_names_may_be() {
    let scope = scope("targets = [\"2a00::/32\", \"mail.example.org\"]");
    let ground = Ground::of(&scope, &[]);
    assert_eq!((ground.count(), ground.too_wide.len()), (1, 1));
    assert_eq!(scope.permits(ip("2a00::1"), Some("mail.example.org")), Ok(()));
    assert_eq!(scope.permits(ip("2a01::1"), Some("mail.example.org")), Err(Denied::Outside));
}

#[test]
fn all_that_is_left_to_ask_is_permitted_and_nothing_else() {
    let scope = scope(
        r#"targets = ["127.0.0.0/24", "126.255.255.0/23", "9.9.8.0/22", "2a00::/120"]
exclusions = ["127.0.0.9", "9.9.9.0/25", "2a00::10/124", "126.255.255.250"]"#
            .replace("126.255.255.0/23", "126.255.254.0/23")
            .as_str(),
    );
    let asked: BTreeSet<IpAddr> = Ground::of(&scope, &[])
        .shuffled(1)
        .filter_map(|candidate| match candidate {
            Candidate::Address(address, _) => Some(address),
            Candidate::Name(..) => None,
        })
        .collect();
    let around = |from: &str, count: u32| {
        let IpAddr::V4(from) = ip(from) else { unreachable!() };
        (0..count).map(move |number| IpAddr::V4(std::net::Ipv4Addr::from_bits(from.to_bits() + number)))
    };
    for address in around("127.0.0.0", 600).chain(around("126.255.253.0", 1_024)).chain(around("9.9.7.0", 2_048)) {
        assert_eq!(asked.contains(&address), scope.permits(address, None).is_ok(), "{address}");
    }
    assert!(asked.contains(&ip("2a00::f")) && !asked.contains(&ip("2a00::1f")) && asked.contains(&ip("2a00::20")));
}

#[test]
fn an_order_has_every_number_once_and_depends_on_its_seed() {
    for count in [1, 2, 3, 5, 64, 255, 256, 257, 4_097] {
        let order = Order::new(count, 42);
        let seen: BTreeSet<u64> = (0..count).map(|place| order.at(place)).collect();
        assert_eq!((seen.len() as u64, seen.last().copied()), (count, Some(count - 1)));
    }
    let places = |seed| (0..1_000).map(|place| Order::new(1_000, seed).at(place)).collect::<Vec<u64>>();
    assert_ne!(places(1), places(2));
    assert_eq!(places(1), places(1));
    // Neighbours do not stay neighbours.
    assert!(places(1).windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count() < 20);
}

#[test]
fn the_probing_file_and_the_user_agent_say_who_we_are() {
    let scope = scope("targets = [\"9.9.9.9\"]");
    let agent =
        "afterpatch-survey/1.2 (+https://example.org/.well-known/probing.txt; contact=mailto:probing@example.org)";
    assert_eq!(scope.user_agent("1.2"), agent);
    let text = scope.probing_txt();
    let fields: Vec<&str> =
        text.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(fields, ["Canonical", "Contact", "Expires", "Preferred-Languages", "Description"]);
    assert!(text.contains("Expires: 2026-12-31T23:59:59Z\n"));
}
