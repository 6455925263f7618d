//! Lines as setup writes them, cuts, and the facts in them.

use expect_test::expect;
use model::{Build, RejectReason};

use super::{SetupFact, TEXT, fact, is_record, read};
use crate::testing::{Seen, check_golden, each_cut_reads_the_same, evidence, fixture, flips_are_survived};

#[test]
fn golden() {
    check_golden("src/setup/fixtures", read);
}

#[test]
fn cut_anywhere_and_damaged_anywhere() {
    let file = fixture("src/setup/fixtures/upgrade.in");
    each_cut_reads_the_same(&file, read);
    flips_are_survived(&file, read);
}

#[test]
fn impossible_times_are_rejects_and_odd_stamps_are_continuations() {
    let (seen, count) = Seen::of(b"[13/40/2021 01:19:06.0304] [0] a\n[3/9/2021 01:19:06] [0] b\n\0\0\0\n", read);
    assert_eq!((count.events, count.rejected), (1, 2));
    assert_eq!(seen.rejects[0].reason, RejectReason::Time);
    assert_eq!(seen.rejects[1].reason, RejectReason::Binary);
    assert!(!is_record(b"[13/40/2021 01:19:06.0304] [0] a"));
}

#[test]
fn facts() {
    assert_eq!(fact(b"Setup version: 15.1.2106.2."), Some(SetupFact::SetupVersion(Build::new(15, 1, 2106, 2))));
    assert_eq!(fact(b"Setup version: soon."), None);
    assert_eq!(fact(b"CurrentResult launcherbase.maincore:90: 1"), None);
    assert_eq!(fact(b"CurrentResult setupbase.maincore:396: 1"), Some(SetupFact::Result(1)));
    assert_eq!(fact(b"The backup copy of the install path is 'C:\\Program Files'."), None);
}

#[test]
fn real_logs_tell_their_builds() {
    let Some(folder) = evidence("exchangesetup") else { return };
    let mut told = Vec::new();
    for entry in folder {
        if !entry.0.ends_with(".log") {
            continue;
        }
        let (seen, count) = Seen::of(&entry.1, read);
        assert_eq!((count.rejected, count.total()), (0, entry.1.split(|byte| *byte == b'\n').count() as u64 - 1));
        let facts: Vec<_> = seen.cells.iter().filter_map(|cells| fact(cells[TEXT].as_bytes())).collect();
        let words = facts.iter().map(|fact| match fact {
            SetupFact::Started(product) => product.rsplit(' ').next().unwrap_or_default().to_owned(),
            SetupFact::SetupVersion(build) => format!("setup {build}"),
            SetupFact::InstalledVersion(build) => format!("installed {build}"),
            SetupFact::PreviousVersion(build) => format!("previous {build}"),
            SetupFact::Result(result) => format!("result {result}"),
            SetupFact::Ended => "end".to_owned(),
        });
        told.push(format!("{}: {} lines; {}", entry.0, count.total(), words.collect::<Vec<_>>().join(", ")));
    }
    expect![[r#"
        ExchangeSetup_DC_Site_2.log: 573 lines; 2013, setup 15.0.1497.2, installed 15.0.1210.3, result 0, end
        ExchangeSetup_FIPS_AccessDenied.log: 164 lines; 2016, setup 15.1.2106.2, previous 15.1.1713.5, installed 15.1.2106.2, result 1, end
        ExchangeSetup_Firewall_Endpoint.log: 124 lines; 2013, setup 15.0.1497.2, previous 15.0.1130.7, installed 15.0.1497.2
        ExchangeSetup_MSI_5.log: 110 lines; 2016, setup 15.1.2308.8, installed 15.1.2242.4, result 0, end
        ExchangeSetup_Multi_EAS_Vdirs.log: 142 lines; 2019, setup 15.2.986.5, installed 15.2.922.7, result 1, end
        ExchangeSetup_NoSuitableDC.log: 580 lines; 2019, setup 15.2.1544.4, result 0, end
        ExchangeSetup_Search_Foundation_Failure_Install.log: 346 lines; 2019, setup 15.2.922.7, installed 15.2.922.7, result 0, end
        ExchangeSetup_ServiceControl_Reverse.log: 101 lines; 2016, setup 15.1.2507.6, installed 15.1.2507.6, result 0, end
    "#]].assert_eq(&(told.join("\n") + "\n"));
}
