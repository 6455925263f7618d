//! Hand-checked states, and the tables against each other.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use model::Build;

use super::FixState::{self, Fixed, NotAffected, Open, Partly, Undetermined};
use crate::{Exactness, Knowledge, table};

const PROXYLOGON: [&str; 4] = ["CVE-2021-26855", "CVE-2021-26857", "CVE-2021-26858", "CVE-2021-27065"];
const PROXYSHELL: [&str; 3] = ["CVE-2021-34473", "CVE-2021-34523", "CVE-2021-31207"];

fn build(text: &str) -> Build {
    text.parse().expect(text)
}

fn check(cve: &str, states: &[(&str, FixState)]) {
    for (text, state) in states {
        let judged = Knowledge::shipped().state(cve, build(text));
        assert_eq!(judged.state, *state, "{cve} on {text}: {}", judged.reason);
    }
}

fn reason(cve: &str, text: &str, expected: Expect) {
    let judged = Knowledge::shipped().state(cve, build(text));
    let fix = judged.fixed_by.map(|fix| format!("{} {} {}", fix.update, fix.build, fix.kb.unwrap_or_default()));
    expected.assert_eq(&format!("{:?}: {} [{}]", judged.state, judged.reason, fix.unwrap_or_default()));
}

#[test]
fn proxylogon() {
    for cve in PROXYLOGON {
        check(
            cve,
            &[
                ("15.0.1497.2", Open),
                ("15.0.1497.12", Fixed),
                ("15.0.847.32", Open),
                ("15.0.847.64", Fixed),
                ("15.0.1367.9", Open),
                ("15.1.2106.2", Open),
                ("15.1.2106.10", Open),
                ("15.1.2106.13", Fixed),
                ("15.1.2106.99", Fixed),
                ("15.1.2176.2", Open),
                ("15.1.2176.9", Fixed),
                ("15.1.2242.4", Fixed),
                ("15.1.2375.7", Fixed),
                ("15.1.1591.10", Open),
                ("15.1.1591.18", Fixed),
                ("15.1.1261.39", Open),
                ("15.2.792.5", Open),
                ("15.2.792.10", Fixed),
                ("15.2.858.5", Fixed),
                ("15.2.2562.17", Fixed),
            ],
        );
    }
    check("CVE-2021-26855", &[("14.3.509.0", NotAffected)]);
    check("CVE-2021-26857", &[("14.3.509.0", Open), ("14.3.513.0", Fixed), ("14.2.390.3", Undetermined)]);
}

#[test]
fn proxyshell() {
    for cve in ["CVE-2021-34473", "CVE-2021-34523"] {
        check(
            cve,
            &[
                ("15.0.1497.12", Open),
                ("15.0.1497.15", Fixed),
                ("15.1.2106.13", Open),
                ("15.1.2176.9", Open),
                ("15.1.2176.12", Fixed),
                ("15.1.2242.4", Open),
                ("15.1.2242.8", Fixed),
                ("15.1.2308.8", Fixed),
                ("15.1.2375.7", Fixed),
                ("15.2.858.5", Open),
                ("15.2.858.10", Fixed),
            ],
        );
    }
    check(
        "cve-2021-31207",
        &[
            ("15.1.2242.8", Open),
            ("15.1.2242.10", Fixed),
            ("15.1.2375.7", Fixed),
            ("15.2.792.13", Open),
            ("15.2.792.15", Fixed),
        ],
    );
}

#[test]
fn the_march_2021_updates_for_old_cus_prove_only_their_four() {
    check("CVE-2020-0688", &[("15.1.1847.5", Open), ("15.1.1847.7", Fixed), ("15.1.1847.12", Undetermined)]);
    check("CVE-2020-16875", &[("15.1.2044.6", Fixed), ("15.1.2044.13", Undetermined), ("15.1.2044.20", Undetermined)]);
    check("CVE-2020-17132", &[("15.2.659.11", Fixed), ("15.2.659.12", Undetermined), ("15.2.721.13", Fixed)]);
    // Not among the listed holes, but known to be unproven.
    check("CVE-2018-8604", &[("15.1.1591.18", Undetermined)]);
    reason(
        "CVE-2018-8604",
        "15.1.1591.18",
        expect![[
            r#"Undetermined: the March 2021 update for this CU (15.1.1591.18) does not contain the earlier ones: KB4468741 is needed as well, and the build number does not show whether it was installed []"#
        ]],
    );
    check("CVE-2021-34473", &[("15.1.1591.18", Open)]);
}

#[test]
fn what_a_build_number_does_not_show_stays_said() {
    // Extended Protection.
    check("CVE-2022-24477", &[("15.1.2507.9", Open), ("15.1.2507.12", Partly), ("15.2.1544.4", Partly)]);
    check("CVE-2024-21410", &[("15.1.2507.9", Open), ("15.1.2507.75", Partly), ("15.1.2308.27", Open)]);
    check(
        "CVE-2024-21410",
        &[("15.2.1258.39", Partly), ("15.2.986.26", Open), ("15.2.1544.4", Partly), ("15.2.2562.17", Partly)],
    );
    // What has to be done by hand does not come with Subscription Edition either.
    check("CVE-2022-24477", &[("15.2.1748.53", Partly), ("15.2.2562.53", Partly)]);
    check("CVE-2021-1730", &[("15.2.1748.53", Partly), ("15.2.2562.53", Partly)]);
    // Signing is on by default from Nov23SU on.
    check(
        "CVE-2023-36439",
        &[("15.1.2507.34", Open), ("15.1.2507.35", Fixed), ("15.2.1544.4", Fixed), ("15.2.2562.17", Fixed)],
    );
    // A schema that has to be updated.
    check("CVE-2021-34470", &[("15.1.2308.8", Partly)]);
    // Only an override could reopen it.
    check("CVE-2024-49040", &[("15.1.2507.43", Open), ("15.1.2507.44", Fixed)]);
    // Windows, not Exchange.
    check("CVE-2023-36434", &[("15.1.2507.75", Undetermined), ("15.2.2562.17", Undetermined)]);
    // Hybrid organisations.
    check("CVE-2025-53786", &[("15.2.2562.17", Partly), ("15.1.2507.44", Open)]);
}

#[test]
fn products_that_are_not_listed() {
    check("CVE-2021-42321", &[("15.0.1497.26", NotAffected), ("15.1.2375.12", Open), ("15.1.2375.17", Fixed)]);
    check("CVE-2023-36745", &[("15.0.1497.48", Undetermined), ("15.2.2562.17", Fixed)]);
    check("CVE-2020-17144", &[("14.3.496.0", Open), ("14.3.509.0", Fixed), ("15.1.2106.2", NotAffected)]);
    check("CVE-2026-55007", &[("15.1.2507.75", NotAffected), ("15.1.2375.7", NotAffected)]);
    check("ADV24199947", &[("15.2.1748.10", Fixed), ("15.2.1118.40", Undetermined), ("15.1.2507.37", Fixed)]);
    check("CVE-2024-21410", &[("15.0.1497.48", Undetermined)]);
    check("CVE-2099-1", &[("15.1.2106.2", Undetermined)]);
}

#[test]
fn builds_that_are_not_listed() {
    check(
        "CVE-2021-26855",
        &[
            ("15.1.2375.0", Fixed),        // the CU contains it, whatever the revision
            ("15.1.2106.0", Undetermined), // the revision was not filled in
            ("15.1.2200.1", Undetermined), // no such CU is known
            ("15.1.2700.1", Fixed),        // later than a CU that contains it
            ("15.2.2000.1", Fixed),
            ("15.2.3000.1", Fixed),
            ("15.1.225.16", Undetermined),
            ("8.3.83.6", Undetermined),
            ("15.1.1415.8", Undetermined), // sources disagree on the revision
            ("15.1.1415.7", Open),
            ("15.2.858.2", Undetermined),
        ],
    );
    check("CVE-2026-42897", &[("15.2.2562.99", Fixed), ("15.2.3000.1", Undetermined), ("15.1.2700.1", Undetermined)]);
}

#[test]
fn gives_reasons() {
    reason(
        "CVE-2021-26855",
        "15.1.2106.2",
        expect!["Open: CU18 is open before CU18 Mar21SU (15.1.2106.13) [CU18 Mar21SU 15.1.2106.13 KB5000871]"],
    );
    reason(
        "CVE-2021-34473",
        "15.1.2106.13",
        expect![
            "Open: there is no update for CU18; the next one that closes it is CU19 Apr21SU (15.1.2176.12) [CU19 Apr21SU 15.1.2176.12 KB5001779]"
        ],
    );
    reason(
        "CVE-2021-26855",
        "15.1.2375.7",
        expect!["Fixed: contained since CU20 (15.1.2242.4) [CU20 15.1.2242.4 KB4602569]"],
    );
    reason(
        "CVE-2021-26855",
        "15.1.1415.8",
        expect![
            "Undetermined: sources disagree whether the first fixed build of CU8 Mar21SU is 15.1.1415.8 or 15.1.1415.10 [CU8 Mar21SU 15.1.1415.10 KB5000871]"
        ],
    );
    reason(
        "CVE-2021-26857",
        "14.3.496.0",
        expect![
            "Open: SP3 is open before SP3 RU32 (14.3.513.0); concerns servers with the Unified Messaging role only [SP3 RU32 14.3.513.0 KB5000978]"
        ],
    );
    reason(
        "CVE-2021-26855",
        "15.2.2562.17",
        expect!["Fixed: Exchange Server SE continues Exchange Server 2019, which was fixed by 2021-03-11 []"],
    );
}

#[test]
fn lists_what_is_not_known_to_be_closed() {
    let open = |text: &str, cves: &[&str]| -> Vec<String> {
        let judged = Knowledge::shipped().open_cves(build(text), cves);
        judged.into_iter().map(|judged| judged.cve).collect()
    };
    assert_eq!(open("15.1.2242.4", &PROXYLOGON), Vec::<String>::new());
    assert_eq!(open("15.1.2242.4", &PROXYSHELL), PROXYSHELL);
    assert_eq!(open("15.1.2242.8", &PROXYSHELL), ["CVE-2021-31207"]);
    assert_eq!(open("15.1.2044.13", &["cve-2020-16875"]), ["CVE-2020-16875"]);
}

#[test]
fn every_fixed_build_is_in_the_list_and_carries_the_name_and_kb_given() {
    for row in table::rows(include_str!("../../../../knowledge/cves.csv")) {
        let Some(fixed) = table::build(&row[7]) else {
            assert!(matches!(&row[6], "none" | "windows" | "not-affected"), "{row:?}");
            continue;
        };
        let release = Knowledge::shipped().release(fixed);
        assert_eq!(release.exactness, Exactness::Exact, "{row:?}");
        assert_eq!(release.product, &row[4], "{row:?}");
        assert_eq!(release.kb.unwrap_or_default(), &row[9], "{row:?}");
        assert!(release.update.ends_with(&row[8]), "{row:?} {}", release.update);
        assert!(row[5].starts_with(release.level), "{row:?}");
    }
}

#[test]
fn no_level_has_two_rules() {
    for hole in Knowledge::shipped().holes() {
        let mut seen = BTreeSet::new();
        for rule in &hole.rules {
            for level in &rule.levels {
                assert!(seen.insert((rule.product, *level)), "{} {level}", hole.id);
            }
        }
    }
}

#[test]
fn every_exception_names_a_known_update_of_march_2021_and_no_hole_it_closes() {
    let mut by_build: BTreeMap<Build, BTreeSet<String>> = BTreeMap::new();
    for row in table::rows(include_str!("../../../../knowledge/mar21-exceptions.csv")) {
        let on = table::build(&row[2]).expect("a build");
        let release = Knowledge::shipped().release(on);
        assert_eq!((release.exactness, release.product, release.level), (Exactness::Exact, &row[0], &row[1]));
        assert!(release.update.ends_with("Mar21SU"), "{row:?}");
        by_build.entry(on).or_default().extend(row[4].split(' ').map(str::to_owned));
    }
    assert_eq!(by_build.len(), 19);
    for (on, cves) in by_build {
        assert!(PROXYLOGON.iter().all(|cve| !cves.contains(*cve)), "{on}");
        for cve in cves {
            assert_eq!(Knowledge::shipped().state(&cve, on).state, Undetermined, "{cve} {on}");
        }
    }
}

#[test]
fn counts_and_dates() {
    let known = Knowledge::shipped();
    assert_eq!(known.holes().count(), 135);
    assert_eq!(known.holes().filter(|hole| hole.exploited_listed.is_some()).count(), 18);
    let logon = known.hole("cve-2021-26855").expect("listed");
    assert_eq!(logon.nickname.as_deref(), Some("ProxyLogon (SSRF)"));
    assert_eq!(logon.exploited_listed.map(table::day_words).as_deref(), Some("2021-11-03"));
}

#[test]
fn every_hole_says_something_about_every_build() {
    let known = Knowledge::shipped();
    let ids: Vec<&str> = known.holes().map(|hole| hole.id.as_str()).collect();
    for row in table::rows(include_str!("../../../../knowledge/builds.csv")) {
        let on = table::build(&row[4]).expect("a build");
        for id in &ids {
            let judged = known.state(id, on);
            assert!(!judged.reason.is_empty() && !judged.reason.contains("unknown"), "{id} {on}: {}", judged.reason);
            if let (Open, Some(fix)) = (judged.state, &judged.fixed_by) {
                assert!(fix.build > on, "{id} {on}");
            }
        }
    }
}
