//! Evidence of a table of files, of a collector list and of files that go away, judged from the first byte to the assessment.
#![allow(clippy::disallowed_methods, reason = "tests write their own evidence")]

use std::path::Path;

use demo::file_table::{Entry, FileTable};
use evidence::Inventory;
use model::assessment::{Assessment, Finding, WrittenBasis};
use model::observation::FileState;
use tempfile::TempDir;

use crate::assess::crew::Crew;
use crate::assess::progress::Progress;
use crate::assess::work::Reader;
use crate::assess::{Resume, judging, observe};
use crate::cli::{AssessOptions, ConsoleOptions};
use crate::console::Console;
use detect::observe::TimeRange;

/// 2021-03-03T05:00:00Z
const WRITTEN: i64 = 1_614_747_600_000;
/// 2020-09-20T10:00:00Z
const INSTALLED: i64 = 1_600_596_000_000;
const AUTH: &str = r"Program Files\Microsoft\Exchange Server\V15\FrontEnd\HttpProxy\owa\auth";
/// Code that does nothing, in the form that the rules about content know.
const SHELL: &[u8] =
    b"<%@ Page Language=\"C#\" Inherits=\"Inert.Nothing\" %><% var inert = Request.Form[0]; Process.Start(inert); %>";

/// Judges a folder of evidence, of which `meanwhile` may change something between listing and reading.
fn assess(root: &Path, threads: usize, meanwhile: &dyn Fn()) -> Assessment {
    let options = AssessOptions::reading(root);
    let console = Console::new(&ConsoleOptions { quiet: true, no_color: true });
    let rules = super::super::Rules::open(Some(&options.packs), super::super::RuleFolders::default()).unwrap();
    let compiled = rules.compile(Some(&options.packs), &console).unwrap();
    let inventory = Inventory::walk(&options.evidence).unwrap();
    meanwhile();
    let progress = Progress::default();
    let reader = Reader { inventory: &inventory, plan: &compiled.plan, range: TimeRange::default(), threads };
    let mut crew = Crew::here(reader, &progress);
    let (observations, ..) = observe(&inventory, &compiled.plan, None, &mut crew, Resume::default());
    inquiry::assess(&observations, &judging(&options, &compiled))
}

fn with_rule<'a>(assessment: &'a Assessment, rule: &str) -> Vec<&'a Finding> {
    assessment.findings.iter().filter(|one| one.rule == rule).collect()
}

fn put(folder: &TempDir, path: &str, content: &[u8]) {
    let path = folder.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A server on which a page was written, set back and deleted, and nothing else happened.
fn table() -> Vec<u8> {
    let mut table = FileTable::new();
    let auth = table.folder(AUTH, INSTALLED);
    for name in ["logon.aspx", "logoff.aspx", "errorFE.aspx", "signout.aspx"] {
        let content = vec![b'x'; 4_000];
        table.add(Entry { parent: auth, name: name.to_owned(), created: INSTALLED, content, ..Entry::default() });
    }
    let shell = Entry {
        parent: auth,
        name: "errorFF.aspx".to_owned(),
        created: INSTALLED,
        named: Some(WRITTEN),
        deleted: true,
        content: SHELL.to_vec(),
        ..Entry::default()
    };
    table.add(shell);
    let temp = table.folder(r"Windows\Temp", INSTALLED);
    table.add(Entry {
        parent: temp,
        name: "lsass.dmp".to_owned(),
        created: WRITTEN,
        deleted: true,
        ..Entry::default()
    });
    let elsewhere = table.folder(r"Program Files\Product", INSTALLED);
    table.add(Entry { parent: elsewhere, name: "x.aspx".to_owned(), created: WRITTEN, ..Entry::default() });
    // More than a block.
    (0..3_000).for_each(|number| {
        table.add(Entry { parent: elsewhere, name: format!("{number}.txt"), created: INSTALLED, ..Entry::default() });
    });
    table.bytes()
}

#[test]
fn a_deleted_page_is_found_in_the_table_of_files() {
    let folder = TempDir::new().unwrap();
    put(&folder, "EXC01/C/$MFT", &table());
    let assessment = assess(folder.path(), 1, &|| ());
    let deleted = with_rule(&assessment, "exchange-host/file-deleted-page");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].time.unwrap().to_string(), "2021-03-03T05:00:00Z");
    assert_eq!(deleted[0].evidence[0].path, "EXC01/C/$MFT");
    assert!(deleted[0].evidence[0].text.contains("errorFF.aspx") && deleted[0].evidence[0].text.contains("inert"));
    for rule in ["page-runs-input", "file-time-set-back", "file-look-alike", "lsass-dump-file"] {
        assert_eq!(with_rule(&assessment, &format!("exchange-host/{rule}")).len(), 1, "{rule}");
    }
    assert!(with_rule(&assessment, "exchange-host/file-foreign-page").is_empty());
    let shell = &assessment.servers[0].web_shells[0];
    assert!(shell.path.ends_with("errorff.aspx"));
    assert_eq!((shell.present, shell.file), (Some(false), Some(FileState::Deleted)));
    assert_eq!(shell.written_basis, Some(WrittenBasis::FileTable));
    assert!(shell.sha256.is_some(), "what lies in the record is the whole page");
    assert_eq!(assessment.servers[0].web_shells.len(), 1);
    assert_eq!(assessment.totals.rejected, 0);
    assert_eq!(assess(folder.path(), 3, &|| ()), assessment, "threads change nothing");
}

#[test]
fn a_genuine_server_tells_nothing() {
    let folder = TempDir::new().unwrap();
    let mut table = FileTable::new();
    let auth = table.folder(AUTH, INSTALLED);
    for name in ["logon.aspx", "logoff.aspx", "errorFE.aspx", "signout.aspx"] {
        let entry = Entry { parent: auth, name: name.to_owned(), created: INSTALLED, ..Entry::default() };
        table.add(Entry { deleted: true, ..entry.clone() });
        // The update put a newer one in its place, with the time of its package.
        table.add(Entry { named: Some(WRITTEN), ..entry });
    }
    put(&folder, "EXC01/C/$MFT", &table.bytes());
    assert_eq!(assess(folder.path(), 1, &|| ()).findings, []);
}

#[test]
fn what_a_collector_noted_dates_a_page_as_possible() {
    let folder = TempDir::new().unwrap();
    put(&folder, "EXC01/C/inetpub/wwwroot/aspnet_client/x.aspx", b"<%-- inert --%>");
    let list = "CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,ModifiedOnUtc,LastAccessedOnUtc,CopyDuration\r\n\
        2021-03-10 08:00:00,C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx,E:\\x,15,00,False,2021-03-03 05:00:00,2021-03-03 05:00:00,,\r\n";
    put(&folder, "EXC01/2021-03-10T08_00_00_0000000_Exchange_copylog.csv", list.as_bytes());
    let assessment = assess(folder.path(), 1, &|| ());
    let page = with_rule(&assessment, "exchange-host/file-foreign-page");
    assert_eq!((page.len(), page[0].count, page[0].time), (1, 2, None), "the file and the list tell of one page");
    let shell = &assessment.servers[0].web_shells[0];
    assert_eq!(shell.written.unwrap().to_string(), "2021-03-03T05:00:00Z");
    assert_eq!((shell.written_basis, shell.file), (Some(WrittenBasis::CollectorList), Some(FileState::Read)));
}

#[test]
fn a_page_that_goes_away_between_listing_and_reading_is_told() {
    let folder = TempDir::new().unwrap();
    let page = "EXC01/C/inetpub/wwwroot/aspnet_client/x.aspx";
    put(&folder, page, b"<%-- inert --%>");
    put(&folder, "EXC01/C/inetpub/wwwroot/aspnet_client/system_web/y.js", b"// inert");
    let assessment = assess(folder.path(), 1, &|| std::fs::remove_file(folder.path().join(page)).unwrap());
    let vanished = with_rule(&assessment, "observer/page-vanished");
    assert_eq!(vanished.len(), 1);
    assert_eq!(vanished[0].server, "EXC01");
    let gap = assessment.gaps.iter().find(|gap| gap.path == page).unwrap();
    assert!(gap.what.contains("antivirus"), "{}", gap.what);
}

#[test]
fn a_damaged_table_is_read_around_its_damage() {
    let folder = TempDir::new().unwrap();
    let mut bytes = table();
    let last = bytes.len() - 1_024;
    bytes[last..last + 4].copy_from_slice(b"BAAD");
    bytes.truncate(bytes.len() - 10);
    bytes.extend_from_slice(&[0xFF; 5_000]);
    put(&folder, "EXC01/C/$MFT", &bytes);
    let assessment = assess(folder.path(), 2, &|| ());
    assert_eq!(with_rule(&assessment, "exchange-host/file-deleted-page").len(), 1);
    assert!(assessment.totals.rejected > 4, "{}", assessment.totals.rejected);
}
