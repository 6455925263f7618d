//! Whole answers for numbers that people ask about.

use expect_test::{Expect, expect};
use model::advice::{BuildAdvice, HoleState, Recognised};

use crate::Knowledge;

fn advice(text: &str) -> BuildAdvice {
    let known = Knowledge::shipped();
    known.advise(&known.read_number(text).expect(text), known.state_day().0, &[])
}

fn shows(text: &str, cve: &str, expected: Expect) {
    let advice = advice(text);
    let hole = advice.holes.iter().find(|hole| hole.id == cve).expect(cve);
    expected.assert_eq(&format!("{}: {}", hole.state.word(), hole.reason));
}

fn check(text: &str, expected: Expect) {
    let advice = advice(text);
    let mut shown = format!("{}: {} {} [{:?}]\n", advice.id, advice.product, advice.update, advice.recognised);
    shown.push_str(&format!("note: {}\n", advice.note.unwrap_or_default()));
    shown.push_str(&format!("support: {}\n{:?}\n", advice.support.words, advice.counts));
    for step in &advice.way {
        shown.push_str(&format!("- {}\n", step.text));
    }
    for step in &advice.beyond {
        shown.push_str(&format!("* {:?} {} {}\n", step.when, step.id, step.holes.len()));
    }
    expected.assert_eq(&shown);
}

#[test]
fn an_old_cu() {
    check(
        "15.1.2106.2",
        expect![[r#"
        15.1.2106.2: Exchange Server 2016 CU18 [Exact]
        note: 
        support: support ended on 2025-10-14, the paid extension on 2026-10-31
        Counts { open_exploited: 16, undetermined_exploited: 0, open: 127, partly: 0, undetermined: 2, fixed: 4, not_affected: 2 }
        - Install CU23 for Exchange Server 2016 of 2022-04-20
        - Install CU23 Sep26SUv2 for Exchange Server 2016 of 2026-10-02; it is only for customers of the extended update programme, which ended on 2026-10-31: without it the last one is CU23 Oct25SU (15.1.2507.61), which leaves CVE-2026-42897 open, known to be exploited, and 30 others
        - Move to Exchange Server SE: support of Exchange Server 2016 ended on 2025-10-14 (set up Subscription Edition beside it and move mailboxes)
        * Now emergency-mitigation 1
        * Now token-cache 1
        * WithTheWay extended-protection 6
        * WithTheWay hybrid-app 1
        * WithTheWay schema 1
        * WithTheWay prepare-domains 1
        * WithTheWay download-domains 1
        * WithTheWay setting-overrides 8
        * AfterBreakIn machine-keys 16
    "#]],
    );
}

#[test]
fn the_newest_of_all() {
    check(
        "15.2.2562.53",
        expect![[r#"
        15.2.2562.53: Exchange Server SE RTM Sep26SUv2 [Exact]
        note: 
        support: in support until 2035-12-31 at the earliest, no end is set
        Counts { open_exploited: 0, undetermined_exploited: 0, open: 0, partly: 11, undetermined: 1, fixed: 122, not_affected: 1 }
        * Now extended-protection 6
        * Now hybrid-app 1
        * Now schema 1
        * Now prepare-domains 1
        * Now download-domains 1
        * Now token-cache 2
        * Now setting-overrides 8
    "#]],
    );
}

#[test]
fn newer_than_all() {
    check(
        "15.2.9999.1",
        expect![[r#"
        15.2.9999.1: Exchange Server SE newer than any known [NewerThanKnown]
        note: it is newer than what is known on 2026-11-23
        support: in support until 2035-12-31 at the earliest, no end is set
        Counts { open_exploited: 0, undetermined_exploited: 1, open: 0, partly: 11, undetermined: 41, fixed: 82, not_affected: 1 }
        * Now extended-protection 6
        * Now hybrid-app 1
        * Now schema 1
        * Now prepare-domains 1
        * Now download-domains 1
        * Now token-cache 1
        * Now setting-overrides 1
    "#]],
    );
}

#[test]
fn three_parts() {
    check(
        "15.1.2106",
        expect![[r#"
            15.1.2106.2 to 15.1.2106.13: Exchange Server 2016 CU18, update not told [CuOnly]
            note: the number names the CU and not the update on it, as three parts and AdminDisplayVersion do: here it can be any of 15.1.2106.2 to 15.1.2106.13; `Get-Command ExSetup.exe | % {$_.FileVersionInfo}` on the server tells
            support: support ended on 2025-10-14, the paid extension on 2026-10-31
            Counts { open_exploited: 12, undetermined_exploited: 4, open: 109, partly: 0, undetermined: 20, fixed: 4, not_affected: 2 }
            - Install CU23 for Exchange Server 2016 of 2022-04-20
            - Install CU23 Sep26SUv2 for Exchange Server 2016 of 2026-10-02; it is only for customers of the extended update programme, which ended on 2026-10-31: without it the last one is CU23 Oct25SU (15.1.2507.61), which leaves CVE-2026-42897 open, known to be exploited, and 30 others
            - Move to Exchange Server SE: support of Exchange Server 2016 ended on 2025-10-14 (set up Subscription Edition beside it and move mailboxes)
            * Now emergency-mitigation 1
            * Now token-cache 1
            * WithTheWay extended-protection 6
            * WithTheWay hybrid-app 1
            * WithTheWay schema 1
            * WithTheWay prepare-domains 1
            * WithTheWay download-domains 1
            * WithTheWay setting-overrides 8
            * AfterBreakIn machine-keys 16
        "#]],
    );
    shows(
        "15.1.2106",
        "CVE-2021-26855",
        expect![
            "undetermined: open up to 15.1.2106.8, fixed from 15.1.2106.13 (CU18 Mar21SU) on; the number does not tell which of them runs"
        ],
    );
    shows(
        "15.1.2106",
        "CVE-2021-34473",
        expect!["open: there is no update for CU18; the next one that closes it is CU19 Apr21SU (15.1.2176.12)"],
    );
    shows(
        "15.1.1847",
        "CVE-2020-0688",
        expect![
            "undetermined: open up to 15.1.1847.5, fixed from 15.1.1847.7 to 15.1.1847.10, undetermined from 15.1.1847.12 (CU14 Mar21SU) on; the number does not tell which of them runs"
        ],
    );
}

#[test]
fn a_march_2021_update_for_an_old_cu() {
    check(
        "15.1.1713.10",
        expect![[r#"
        15.1.1713.10: Exchange Server 2016 CU12 Mar21SU [Exact]
        note: 
        support: support ended on 2025-10-14, the paid extension on 2026-10-31
        Counts { open_exploited: 13, undetermined_exploited: 0, open: 127, partly: 0, undetermined: 7, fixed: 4, not_affected: 2 }
        - Install CU23 for Exchange Server 2016 of 2022-04-20
        - Install CU23 Sep26SUv2 for Exchange Server 2016 of 2026-10-02; it is only for customers of the extended update programme, which ended on 2026-10-31: without it the last one is CU23 Oct25SU (15.1.2507.61), which leaves CVE-2026-42897 open, known to be exploited, and 30 others
        - Move to Exchange Server SE: support of Exchange Server 2016 ended on 2025-10-14 (set up Subscription Edition beside it and move mailboxes)
        * Now emergency-mitigation 1
        * Now token-cache 1
        * WithTheWay extended-protection 6
        * WithTheWay hybrid-app 1
        * WithTheWay schema 1
        * WithTheWay prepare-domains 1
        * WithTheWay download-domains 1
        * WithTheWay setting-overrides 8
        * AfterBreakIn machine-keys 13
    "#]],
    );
    shows("15.1.1713.10", "CVE-2021-26855", expect!["fixed: closed by CU12 Mar21SU (15.1.1713.10)"]);
    shows(
        "15.1.1713.10",
        "CVE-2019-1233",
        expect![
            "undetermined: the March 2021 update for this CU (15.1.1713.10) does not contain the earlier ones: KB4515832 is needed as well, and the build number does not show whether it was installed"
        ],
    );
}

#[test]
fn next_lower() {
    let advice = advice("15.1.2106.10");
    assert_eq!(advice.recognised, Recognised::NextLower);
    expect!["it is not in the list of 2026-11-23 and judged as the next lower one, 15.1.2106.8 (CU18 Feb21SU)"]
        .assert_eq(&advice.note.unwrap_or_default());
}

#[test]
fn open_holes_come_first_and_exploited_ones_before_others() {
    for text in ["15.1.2106.2", "15.1.2106", "15.0.1497.48", "15.2.2562.17"] {
        let advice = advice(text);
        let order: Vec<_> = (advice.holes.iter())
            .map(|hole| (hole.state == HoleState::Fixed, hole.exploited.is_none(), hole.state))
            .collect();
        assert!(order.is_sorted(), "{text}");
        let sum = advice.counts.open + advice.counts.partly + advice.counts.undetermined + advice.counts.fixed;
        assert_eq!(sum, advice.holes.len() as u64);
        assert_eq!(advice.counts.not_affected, advice.not_affected.len() as u64);
    }
}

#[test]
fn an_interval_is_judged_as_all_of_its_builds() {
    let known = Knowledge::shipped();
    for text in ["15.1.2106", "15.1.2507", "15.1.1847", "15.2.2562", "Version 14.3 (Build 123.4)"] {
        let number = known.read_number(text).expect(text);
        for hole in advice(text).holes {
            let states: Vec<_> = number.builds.iter().map(|build| known.state(&hole.id, *build).state).collect();
            let same = states.iter().all(|state| *state == states[0]);
            assert!(same || hole.state == HoleState::Undetermined, "{text} {} {states:?}", hole.id);
            assert!(!same || super::hole_state(states[0]) == Some(hole.state), "{text} {} {states:?}", hole.id);
        }
    }
}

#[test]
fn only_what_was_asked() {
    let known = Knowledge::shipped();
    let number = known.read_number("15.1.2106.2").expect("a number");
    let only = ["cve-2021-26855".to_owned(), "CVE-2099-1".to_owned()];
    let advice = known.advise(&number, known.state_day().0, &only);
    let ids: Vec<_> = advice.holes.iter().map(|hole| (hole.id.as_str(), hole.state)).collect();
    assert_eq!(ids, [("CVE-2021-26855", HoleState::Open), ("CVE-2099-1", HoleState::Undetermined)]);
}
