use std::collections::{BTreeMap, BTreeSet};

use model::Family;
use model::collecting::{Root, Take};
use model::file::Kind;

use super::{EvidenceSource, Folders, PartsAre, live_folders, place_of_source, places, source, sources};

/// A family that is added does not compile before it stands here, and does not pass before it has a row.
const FAMILIES: [Family; 22] = [
    Family::HttpProxy,
    Family::Iis,
    Family::HttpErr,
    Family::EcpServer,
    Family::EcpActivity,
    Family::OabGenerator,
    Family::RpsHttp,
    Family::RpsCmdlet,
    Family::Ews,
    Family::MapiHttp,
    Family::MessageTracking,
    Family::SmtpReceive,
    Family::SmtpSend,
    Family::Pop,
    Family::Imap,
    Family::Audit,
    Family::Setup,
    Family::Windows,
    Family::TestProxyLogon,
    Family::OtherExchange,
    Family::Registry,
    Family::File,
];

fn place_in_list(family: Family) -> usize {
    match family {
        Family::HttpProxy => 0,
        Family::Iis => 1,
        Family::HttpErr => 2,
        Family::EcpServer => 3,
        Family::EcpActivity => 4,
        Family::OabGenerator => 5,
        Family::RpsHttp => 6,
        Family::RpsCmdlet => 7,
        Family::Ews => 8,
        Family::MapiHttp => 9,
        Family::MessageTracking => 10,
        Family::SmtpReceive => 11,
        Family::SmtpSend => 12,
        Family::Pop => 13,
        Family::Imap => 14,
        Family::Audit => 15,
        Family::Setup => 16,
        Family::Windows => 17,
        Family::TestProxyLogon => 18,
        Family::OtherExchange => 19,
        Family::Registry => 20,
        Family::File => 21,
    }
}

/// Kinds of files that are read; `None` for those of which nothing is known but that they are there.
fn kind_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::DelimitedLog => Some("delimited-log"),
        Kind::IisNative => Some("iis-native"),
        Kind::ExchangeSetup => Some("exchange-setup"),
        Kind::WindowsEventsJson => Some("windows-events-json"),
        Kind::Evtx => Some("evtx"),
        Kind::TestProxyLogon => Some("test-proxylogon"),
        Kind::AntivirusLog => Some("antivirus-log"),
        Kind::RegistryHive => Some("registry-hive"),
        Kind::WebFile => Some("web-file"),
        Kind::CompiledPage => Some("compiled-page"),
        Kind::Configuration => Some("configuration"),
        Kind::ScheduledTask => Some("scheduled-task"),
        Kind::ErrorReport => Some("error-report"),
        Kind::DirectoryExport => Some("directory-export"),
        Kind::Executable => Some("executable"),
        Kind::FileTable => Some("file-table"),
        Kind::FileList => Some("file-list"),
        Kind::Other | Kind::Container => None,
    }
}

const KINDS: [Kind; 17] = [
    Kind::DelimitedLog,
    Kind::IisNative,
    Kind::ExchangeSetup,
    Kind::WindowsEventsJson,
    Kind::Evtx,
    Kind::TestProxyLogon,
    Kind::AntivirusLog,
    Kind::RegistryHive,
    Kind::WebFile,
    Kind::CompiledPage,
    Kind::Configuration,
    Kind::ScheduledTask,
    Kind::ErrorReport,
    Kind::DirectoryExport,
    Kind::Executable,
    Kind::FileTable,
    Kind::FileList,
];

const QUESTIONS: [&str; 11] =
    ["exposed", "hit", "since", "entry", "foothold", "control", "taken", "campaign", "cloud", "over", "next"];

#[test]
fn every_family_has_a_row_and_every_row_a_family() {
    for (at, family) in FAMILIES.iter().enumerate() {
        assert_eq!(place_in_list(*family), at);
        assert!(sources().iter().any(|row| row.family == family.name()), "{}", family.name());
    }
    for row in sources() {
        assert!(FAMILIES.iter().any(|family| family.name() == row.family), "{}", row.id);
    }
}

#[test]
fn every_kind_that_is_read_has_a_row_and_every_row_kinds() {
    let named: BTreeSet<&str> = sources().iter().flat_map(|row| &row.kinds).copied().collect();
    let read: BTreeSet<&str> = KINDS.iter().filter_map(|kind| kind_name(*kind)).collect();
    assert_eq!(named, read);
    assert!(sources().iter().all(|row| !row.kinds.is_empty()));
}

#[test]
fn rows_are_well_formed() {
    let ids: BTreeSet<&str> = sources().iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), sources().len(), "an id stands twice");
    for row in sources() {
        let id = row.id;
        assert!(!row.title.is_empty() && !row.why.is_empty(), "{id}");
        assert!(row.answers.iter().all(|key| QUESTIONS.contains(key)), "{id}");
        assert_eq!(row.answers.is_empty(), row.take == Take::NotAsked, "{id}");
        assert!(!row.folder.starts_with('\\') && !row.folder.ends_with('\\') && !row.folder.contains('*'), "{id}");
        assert_eq!(row.root == Root::None, row.take == Take::ByHand, "{id}: what has a place is not fetched by hand");
        assert!(row.root == Root::None || !row.masks.is_empty(), "{id}");
        // Recipes put these into quotes of four languages.
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || br" _-.%$*\".contains(&byte));
        assert!(row.masks.iter().all(|mask| is_plain(mask)) && is_plain(row.folder), "{id}");
        let is_words = |text: &str| text.chars().all(|c| c.is_ascii() && !c.is_control() && !"'\"`{}<>|&^".contains(c));
        let words = [row.title, row.why, row.sensitive, row.retention.note, row.retention.per];
        assert!(words.into_iter().all(is_words), "{id}");
        assert_eq!(row.parts_are == PartsAre::Nothing, row.parts.is_empty() || row.kinds == ["antivirus-log"], "{id}");
    }
}

#[test]
fn an_event_log_has_its_file() {
    for row in sources().iter().filter(|row| row.parts_are == PartsAre::Files) {
        for channel in row.parts.iter().flatten() {
            let file = format!("{}.evtx", channel.replace('/', "%4"));
            assert!(row.masks.iter().any(|mask| **mask == file), "{}: {file}", row.id);
            let narrow = row.rows_of(&[channel], model::collecting::Since::Ever, None);
            assert!(narrow[0].masks.contains(&file.as_str()), "{file}");
        }
    }
}

#[test]
fn telling_folders_of_a_file_table_are_in_the_table() {
    let all: Vec<&EvidenceSource> = sources().iter().filter(|row| row.is_asked()).collect();
    for path in [
        r"c:\inetpub\wwwroot\x.aspx",
        r"c:\program files\microsoft\exchange server\v15\frontend\httpproxy\x.aspx",
        r"c:\program files\microsoft\exchange server\v15\clientaccess\x.aspx",
        r"c:\windows\microsoft.net\framework64\v4.0.30319\temporary asp.net files\root\1\2\x.aspx.1.compiled",
        r"c:\programdata\it.zip",
        r"c:\windows\temp\lsass.dmp",
        r"c:\windows\help\x\y.exe",
        r"c:\perflogs\x.exe",
        r"c:\users\public\x.exe",
        r"c:\root\lsass.dmp",
    ] {
        assert!(crate::is_watched_path(path), "{path}");
        assert!(all.iter().any(|row| row.has_file(path, &Folders::default())), "{path}");
    }
}

#[test]
fn knows_the_defaults() {
    let proxy = &source("httpproxy").expect("listed").retention;
    assert_eq!((proxy.age_days_max, proxy.folder_bytes_max), (Some(30), Some(1 << 30)));
    assert_eq!(source("oabgenerator").expect("listed").retention.folder_bytes_max, Some(100 << 20));
    assert_eq!(source("iis").expect("listed").retention.age_days_max, None);
    assert!(proxy.words().starts_with("30 days or 1024 MB per protocol folder; "), "{}", proxy.words());
    assert_eq!(source("no such row"), None);
}

#[test]
fn names_the_place_of_a_source() {
    for (source, place) in [
        ("httpproxy/Ecp", r"%ExchangeInstallPath%Logging\HttpProxy\Ecp"),
        ("httpproxy", r"%ExchangeInstallPath%Logging\HttpProxy"),
        ("iis/front-end", r"C:\inetpub\logs\LogFiles\W3SVC1"),
        ("iis/back-end", r"C:\inetpub\logs\LogFiles\W3SVC2"),
        ("iis/W3SVC7", r"C:\inetpub\logs\LogFiles\W3SVC7"),
        ("ecpserver", r"%ExchangeInstallPath%Logging\ECP\Server"),
        ("ews", r"%ExchangeInstallPath%Logging\Ews"),
        ("setup", r"C:\ExchangeSetupLogs"),
        ("windows/Security", r"%SystemRoot%\System32\winevt\Logs\Security.evtx"),
        (
            "windows/Microsoft-Windows-Sysmon/Operational",
            r"%SystemRoot%\System32\winevt\Logs\Microsoft-Windows-Sysmon%4Operational.evtx",
        ),
        ("windows/Some Log/Admin", r"%SystemRoot%\System32\winevt\Logs\Some Log%4Admin.evtx"),
    ] {
        assert_eq!(place_of_source(source).as_deref(), Some(place), "{source}");
    }
    assert_eq!(place_of_source("windows"), None);
    assert_eq!(place_of_source("telegraph"), None);
}

#[test]
fn names_several_places_in_one_phrase() {
    assert_eq!(
        places(&["event-security", "event-system", "tasks", "hives"]),
        r"%SystemRoot%\System32\winevt\Logs (Security and System), %SystemRoot%\System32\Tasks and %SystemRoot%\System32\config (SYSTEM, SOFTWARE and SAM)"
    );
    assert_eq!(places(&["web-root"]), r"C:\inetpub\wwwroot");
}

#[test]
fn masks_and_depths_choose_files() {
    let has = |id: &str, path: &str| source(id).unwrap().has_file(path, &Folders::default());
    assert!(has("iis", r"c:\inetpub\logs\logfiles\w3svc1\u_ex210303.log"));
    assert!(!has("iis", r"c:\inetpub\logs\logfiles2\w3svc1\u_ex210303.log"));
    assert!(has("user-hives", r"C:\Users\x\NTUSER.DAT") && !has("user-hives", r"C:\Users\x\y\NTUSER.DAT"));
    assert!(has("file-table", r"c:\$mft") && !has("file-table", r"c:\x\$mft"));
    assert!(has("mitigation-tool", r"c:\eomtsummary.txt") && !has("mitigation-tool", r"c:\eomtsummary.txt.bak"));
    assert!(has("event-security", r"c:\windows\system32\winevt\logs\Archive-Security-2021-03-03.evtx"));
    let may = |id: &str, path: &str| source(id).unwrap().may_have_file(path);
    assert!(
        may("httpproxy", r"d:\exchange\logging\httpproxy\ecp\x.log") && may("httpproxy", r"logging\httpproxy\x.log")
    );
    assert!(!may("httpproxy", r"d:\exchange\logging\ews\x.log"));
}

#[test]
fn folders_of_a_running_server_come_from_its_environment() {
    let variables: BTreeMap<String, String> = [
        ("EXCHANGEINSTALLPATH", r"D:\Exchange\"),
        ("SystemDrive", "C:"),
        ("SystemRoot", r"C:\WINNT"),
        ("ProgramData", r"..\relative"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let live: BTreeMap<&str, String> =
        live_folders(&Folders::of_environment(&variables)).into_iter().map(|(row, at)| (row.id, at)).collect();
    assert_eq!(live["httpproxy"], r"D:\Exchange\Logging\HttpProxy");
    assert_eq!(live["event-security"], r"C:\WINNT\System32\winevt\Logs");
    assert_eq!(live["defender"], r"C:\ProgramData\Microsoft\Windows Defender\Support");
    assert_eq!(live["mitigation-tool"], r"C:\");
    assert_eq!(live["iis"], r"C:\inetpub\logs\LogFiles");
    for held in ["file-table", "hives", "staging-temp", "test-proxylogon", "other-exchange"] {
        assert!(!live.contains_key(held), "{held}");
    }
    assert_eq!(Folders::of_environment(&BTreeMap::new()), Folders::default());
}
