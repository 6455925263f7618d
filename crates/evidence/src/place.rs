//! Where a file stood on its server, and which files come from one host.
//!
//! Collections put a server's drives under any number of leading folders and spell drives in many ways. Facts: layouts
//! of Velociraptor, KAPE, dissect.acquire, CyLR and plain copies, as their public documentation describes them.

use std::collections::BTreeSet;

use model::server_name;
use serde::{Deserialize, Serialize};

/// The path of a file, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Leading folders of the evidence path that name the host and the collection: files of one host share it.
    pub host: String,
    /// Path on the server: lower case, backslashes, with the drive where it is known.
    pub on_server: String,
    /// The drive or a well-known folder was found in the path.
    pub anchored: bool,
}

/// Folders that stand at the top of a Windows drive or of an Exchange or IIS tree, and the table of files of a volume.
const ANCHORS: &[&str] = &[
    "inetpub",
    "program files",
    "program files (x86)",
    "programdata",
    "windows",
    "users",
    "exchangesetuplogs",
    "perflogs",
    "exchange server",
    "exchsrvr",
    "v14",
    "v15",
    "logging",
    "transportroles",
    "frontend",
    "clientaccess",
    "httpproxy",
    "cmdletinfra",
    "logfiles",
    "system32",
    "winevt",
    "$mft",
    "%24mft",
    "$mft.bin",
    "%24mft.bin",
];

/// Folders that collectors put between the host and the drive.
const COLLECTOR_FOLDERS: &[&str] =
    &["uploads", "auto", "ntfs", "mft", "lazy_ntfs", "ntfs_vss", "file", "fs", "fs0", "data", "data.zip"];

/// Folders of ExchangeLogCollector, each in a folder or archive of this name, and where their logs stood below the
/// folder of Exchange. Public source: ExchangeLogCollector of microsoft/CSS-Exchange.
const LOG_COLLECTOR_FOLDERS: &[(&str, &str)] = &[
    ("autod_proxy_logs", r"logging\httpproxy\autodiscover"),
    ("eas_proxy_logs", r"logging\httpproxy\eas"),
    ("ecp_proxy_logs", r"logging\httpproxy\ecp"),
    ("ews_proxy_logs", r"logging\httpproxy\ews"),
    ("mapi_proxy_logs", r"logging\httpproxy\mapi"),
    ("oab_proxy_logs", r"logging\httpproxy\oab"),
    ("owa_proxy_logs", r"logging\httpproxy\owa"),
    ("owa_proxy_calendar_logs", r"logging\httpproxy\owacalendar"),
    ("powershell_proxy_logs", r"logging\httpproxy\powershell"),
    ("rca_proxy_logs", r"logging\httpproxy\rpchttp"),
    ("autod_logs", r"logging\autodiscover"),
    ("ecp_logs", r"logging\ecp\server"),
    ("ews_be_logs", r"logging\ews"),
    ("owa_logs", r"logging\owa"),
    ("rca_logs", r"logging\rpc client access"),
    ("rpc_http_logs", r"logging\rpchttp"),
    ("mapi_logs", r"logging\mapihttp\mailbox"),
    ("mapi_addressbook_service_logs", r"logging\mapi addressbook service"),
    ("oab_generation_logs", r"logging\oabgeneratorlog"),
    ("oab_generation_simple_logs", r"logging\oabgeneratorsimplelog"),
    ("cmdletinfra_logs", r"logging\cmdletinfra"),
    ("mitigation_service_logs", r"logging\mitigationservice"),
    ("mailbox_assistants_logs", r"logging\mailboxassistantslog"),
    ("managedavailabilitymonitoringlogs", r"logging\monitoring"),
    ("ad_driver_logs", r"logging\addriver"),
    ("daily_performance_logs", r"logging\diagnostics\dailyperformancelogs"),
    ("message_tracking_logs", r"transportroles\logs\messagetracking"),
    ("hub_receive_protocol_logs", r"transportroles\logs\hub\protocollog\smtpreceive"),
    ("hub_send_protocol_logs", r"transportroles\logs\hub\protocollog\smtpsend"),
    ("fe_receive_protocol_logs", r"transportroles\logs\frontend\protocollog\smtpreceive"),
    ("fe_send_protocol_logs", r"transportroles\logs\frontend\protocollog\smtpsend"),
    ("mbx_receive_protocol_logs", r"transportroles\logs\mailbox\protocollog\smtpreceive"),
    ("mbx_send_protocol_logs", r"transportroles\logs\mailbox\protocollog\smtpsend"),
    ("hub_connectivity_logs", r"transportroles\logs\hub\connectivity"),
    ("fe_connectivity_logs", r"transportroles\logs\frontend\connectivity"),
    ("mbx_delivery_connectivity_logs", r"transportroles\logs\mailbox\connectivity\delivery"),
    ("mbx_submission_connectivity_logs", r"transportroles\logs\mailbox\connectivity\submission"),
    ("pop_logs", r"logging\pop3"),
    ("imap_logs", r"logging\imap4"),
    ("httperr_logs", r"windows\system32\logfiles\httperr"),
];

/// Endings of archives: a folder may have been packed into one of its name.
const ARCHIVE_ENDINGS: &[&str] =
    &[".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".zip", ".7z", ".tar", ".tgz", ".txz", ".tzst", ".tbz2"];

/// What Velociraptor escapes in names. Other escapes are left alone: `%4A` of `…%4Admin.evtx` is no `J`.
const ESCAPED: &[(&str, &str)] = &[
    ("%20", " "),
    ("%21", "!"),
    ("%22", "\""),
    ("%24", "$"),
    ("%25", "%"),
    ("%26", "&"),
    ("%2a", "*"),
    ("%2e", "."),
    ("%3a", ":"),
    ("%3c", "<"),
    ("%3e", ">"),
    ("%3f", "?"),
    ("%7c", "|"),
];

/// Takes an evidence path (with `/` and, for containers, `!`) apart.
#[must_use]
pub fn place(path: &str) -> Place {
    let parts = parts(path);
    let folders = parts.len().saturating_sub(1);
    let join = |from: usize| joined(&parts, from);
    if let Some((at, letter)) = drive(&parts) {
        return Place { host: host(&parts, at), on_server: format!("{letter}:\\{}", join(at + 1)), anchored: true };
    }
    if let Some((first, last, place)) = log_collector(&parts) {
        let on_server = format!("{place}\\{}", join(last + 1));
        return Place { host: host(&parts, first), on_server, anchored: true };
    }
    if let Some(at) = (0..folders).find(|at| parts.get(*at).is_some_and(|part| is_anchor(part))) {
        return Place { host: host(&parts, at), on_server: join(at), anchored: true };
    }
    // What a collector wrote down beside the files belongs to the host of its archive.
    let collection = (0..folders).find(|at| parts.get(*at).is_some_and(|part| collected_from(part).is_some()));
    let end = collection.map_or(folders, |at| at + 1);
    Place { host: host(&parts, end), on_server: join(0), anchored: false }
}

/// The parts from one on, as a path on the server: escapes of Velociraptor are resolved where it collected.
fn joined(parts: &[&str], from: usize) -> String {
    let path = parts.get(from..).unwrap_or_default().join("\\").to_lowercase();
    let is_escaped = |part: &&str| {
        let lower = part.to_ascii_lowercase();
        lower == "uploads" || lower.ends_with("%3a") || lower.starts_with("%5c")
    };
    let of_velociraptor = parts.get(..from).unwrap_or_default().iter().any(is_escaped);
    if of_velociraptor && path.contains('%') { unescaped(&path) } else { path }
}

/// Each escape once, from the front: `%254admin` is `%4admin`, and stays that.
fn unescaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let known = ESCAPED.iter().find(|(escaped, _)| escape.starts_with(escaped));
        text.push_str(known.map_or("%", |(_, plain)| plain));
        rest = escape.get(known.map_or(1, |(escaped, _)| escaped.len())..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// The first and the last part that is a folder of ExchangeLogCollector, packed or not, and where its logs stood.
fn log_collector(parts: &[&str]) -> Option<(usize, usize, String)> {
    let folders = parts.get(..parts.len().saturating_sub(1))?;
    let found = |(at, part): (usize, &&str)| Some((at, log_collector_folder(part)?));
    let (first, _) = folders.iter().enumerate().find_map(found)?;
    let (last, place) = folders.iter().enumerate().rev().find_map(found)?;
    Some((first, last, place))
}

/// `ECP_Proxy_Logs`, `ECP_Proxy_Logs.zip`, `ECP_Proxy_Logs-0602.zip`, `IIS_W3SVC1_Logs-1.zip`.
fn log_collector_folder(part: &str) -> Option<String> {
    let lower = part.to_ascii_lowercase();
    let name = without_ending(&lower).unwrap_or(&lower);
    let is_number = |end: &str| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let mut folder = name;
    while let Some((before, end)) = folder.rsplit_once('-').filter(|(_, end)| is_number(end)) {
        _ = end;
        folder = before;
    }
    if let Some(site) = folder.strip_prefix("iis_w3svc").and_then(|rest| rest.strip_suffix("_logs")) {
        return is_number(site).then(|| format!(r"inetpub\logs\logfiles\w3svc{site}"));
    }
    LOG_COLLECTOR_FOLDERS.iter().find(|(known, _)| *known == folder).map(|(_, place)| (*place).to_owned())
}

/// The name of a packed folder without what says that it is packed.
fn without_ending(lower: &str) -> Option<&str> {
    ARCHIVE_ENDINGS.iter().find_map(|ending| lower.strip_suffix(ending)).filter(|name| !name.is_empty())
}

/// The computer in the name of an archive of a collector: `Collection-EXC01-2021-11-21T18_05_56-08_00.zip` of
/// Velociraptor, `2021-03-09T101112_EXC01.zip` of KAPE, `EXC01_20210303120000.tar` of dissect.acquire.
fn collected_from(part: &str) -> Option<&str> {
    let lower = part.to_ascii_lowercase();
    let stem = part.get(..without_ending(&lower)?.len())?;
    let is_digits = |text: &str, shape: &str| {
        text.len() >= shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte.eq_ignore_ascii_case(&wanted),
            })
    };
    if let Some(rest) = stem.get(..11).filter(|start| start.eq_ignore_ascii_case("collection-")).and(stem.get(11..)) {
        // The host may have hyphens of its own: the time ends it.
        let end = rest
            .match_indices('-')
            .map(|(at, _)| at)
            .find(|at| rest.get(at + 1..).is_some_and(|time| is_digits(time, "0000-00-00t00")));
        return rest.get(..end?).filter(|host| !host.is_empty());
    }
    if is_digits(stem, "0000-00-00") {
        return stem.rsplit_once('_').map(|(_, host)| host).filter(|host| !host.is_empty());
    }
    let (host, time) = stem.rsplit_once('_')?;
    (time.len() == 14 && is_digits(time, "00000000000000") && !host.is_empty()).then_some(host)
}

/// The folder that stands for a drive, where this path shows it: `EXC01/C`.
pub(crate) fn drive_folder(path: &str) -> Option<String> {
    let parts = parts(path);
    let (at, _) = drive(&parts)?;
    Some(parts.get(..=at)?.join("/"))
}

/// The place of a file that shows no drive itself, below a folder of which other files show that it is one: directly
/// in it, or in a folder that is known nowhere.
pub(crate) fn place_on_drive(path: &str, drives: &BTreeSet<String>) -> Option<Place> {
    let parts = parts(path);
    let at = (0..parts.len().saturating_sub(1)).find(|at| drives.contains(&parts[..=*at].join("/")))?;
    let letter = drive_letter(parts.get(at)?)?;
    let below = joined(&parts, at + 1);
    Some(Place { host: host(&parts, at), on_server: format!("{letter}:\\{below}"), anchored: true })
}

fn parts(path: &str) -> Vec<&str> {
    path.split(['/', '!']).filter(|part| !part.is_empty()).collect()
}

/// Which part is the drive, and its letter.
fn drive(parts: &[&str]) -> Option<(usize, char)> {
    let folders = parts.len().saturating_sub(1);
    let drive = (0..folders).find_map(|at| {
        let letter = drive_letter(parts.get(at)?)?;
        let next_is_anchor = parts.get(at + 1).is_some_and(|next| is_anchor(next));
        (next_is_anchor || spelt_as_drive(parts.get(at)?)).then_some((at, letter))
    });
    drive.or_else(|| {
        // A lone letter without a known folder behind it: an install path such as `D/Exchange/Logging`.
        let anchor = (0..folders).find(|at| parts.get(*at).is_some_and(|part| is_anchor(part)));
        (0..anchor?).rev().find_map(|at| Some((at, drive_letter(parts.get(at)?)?)))
    })
}

/// The name of a server that a host folder or a file name suggests, upper case, without domain.
#[must_use]
pub fn suggested_server(host: &str, file_name: &str) -> Option<String> {
    // Test-ProxyLogon names its output `<SERVER>-Cve-2021-26855.csv`, `<SERVER>-LogAgeDays.csv`, `<SERVER>-other.csv`.
    let lower = file_name.to_ascii_lowercase();
    for mark in ["-cve-2021-", "-logagedays", "-other.csv"] {
        if let Some(at) = lower.find(mark).filter(|at| *at > 0) {
            return server_name(file_name.get(..at)?);
        }
    }
    let mut folders = host.rsplit(['/', '!']);
    let folder = folders.next().unwrap_or(host);
    if let Some(name) = collected_from(folder) {
        return server_name(name);
    }
    // An archive is called as its server is, or as it pleases: a number shows which of it and its folder names one.
    let lower = folder.to_ascii_lowercase();
    let Some(stem) = without_ending(&lower).and_then(|stem| folder.get(..stem.len())) else {
        return server_name(folder);
    };
    let has_digit = |name: &str| name.bytes().any(|byte| byte.is_ascii_digit());
    let outer = folders.next().filter(|outer| has_digit(outer) && !has_digit(stem));
    let outer = outer.filter(|outer| without_ending(&outer.to_ascii_lowercase()).is_none());
    server_name(outer.unwrap_or(stem))
}

fn is_anchor(part: &str) -> bool {
    ANCHORS.iter().any(|anchor| part.eq_ignore_ascii_case(anchor))
}

/// `C`, `C:`, `C%3A`, `C_`, `c$`, `%5C%5C.%5CC%3A`.
fn drive_letter(part: &str) -> Option<char> {
    let lower = part.to_ascii_lowercase();
    let name = lower.strip_prefix("%5c%5c.%5c").or_else(|| lower.strip_prefix("\\\\.\\")).unwrap_or(&lower);
    // A shadow copy of whichever volume: of Exchange servers it is that of the system in most cases.
    let is_shadow_copy = name.contains("harddiskvolumeshadowcopy");
    if is_shadow_copy || matches!(name, "sysvol" | "$rootfs$" | "[root]") {
        return Some('c');
    }
    let mut characters = name.chars();
    let letter = characters.next().filter(char::is_ascii_lowercase)?;
    matches!(characters.as_str(), "" | ":" | "%3a" | "_" | "$").then_some(letter)
}

/// Spelt in a way that only drives are (`C:` and not the folder `C`).
fn spelt_as_drive(part: &str) -> bool {
    part.len() > 1 && drive_letter(part).is_some()
}

fn host(parts: &[&str], end: usize) -> String {
    let mut end = end;
    while end > 0 && parts.get(end - 1).is_some_and(|part| is_collector_folder(part)) {
        end -= 1;
    }
    parts.get(..end).unwrap_or_default().join("/")
}

fn is_collector_folder(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let shadow_copy = lower.strip_prefix("vss").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    COLLECTOR_FOLDERS.contains(&lower.as_str()) || shadow_copy
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{drive_folder, place, place_on_drive, suggested_server};

    #[test]
    fn finds_host_and_path_in_any_layout() {
        for (path, host, on_server) in [
            ("EXC01/C/inetpub/logs/LogFiles/W3SVC1/u_ex1.log", "EXC01", r"c:\inetpub\logs\logfiles\w3svc1\u_ex1.log"),
            ("C/inetpub/a.log", "", r"c:\inetpub\a.log"),
            ("x/EXC02/D/Exchange/Logging/Ews/a.LOG", "x/EXC02", r"d:\exchange\logging\ews\a.log"),
            ("EXC03/uploads/auto/C%3A/inetpub/a.aspx", "EXC03", r"c:\inetpub\a.aspx"),
            ("EXC03/uploads/ntfs/%5C%5C.%5CC%3A/Windows/x.evtx", "EXC03", r"c:\windows\x.evtx"),
            ("case/EXC04/Logging/HttpProxy/Ecp/a.LOG", "case/EXC04", r"logging\httpproxy\ecp\a.log"),
            ("a/b/strange.txt", "a/b", r"a\b\strange.txt"),
            ("single.log", "", "single.log"),
            ("A/EXC05/C/Windows/a", "A/EXC05", r"c:\windows\a"),
            ("EXC01/C/$MFT", "EXC01", r"c:\$mft"),
            ("EXC01/uploads/ntfs/%5C%5C.%5CC%3A/%24MFT", "EXC01", r"c:\$mft"),
            ("EXC01/$MFT", "EXC01", "exc01\\$mft"),
        ] {
            let found = place(path);
            assert_eq!((found.host.as_str(), found.on_server.as_str()), (host, on_server), "{path}");
        }
    }

    /// Class 29, and the layouts of collectors.
    #[test]
    fn finds_host_and_path_in_archives() {
        let velociraptor = "Collection-EXC-01.contoso.example-2021-11-21T18_05_56-08_00.zip";
        let (uploads, results) = (format!("{velociraptor}!uploads"), format!("{velociraptor}!results/x%2Fy.json"));
        for (path, host, server, on_server) in [
            (format!("{uploads}/auto/C%3A/inetpub/%2Ex/a.aspx"), velociraptor, "EXC-01", r"c:\inetpub\.x\a.aspx"),
            (
                format!("{uploads}/ntfs/%5C%5C.%5CD%3A/$Extend/$UsnJrnl%3A$J"),
                velociraptor,
                "EXC-01",
                r"d:\$extend\$usnjrnl:$j",
            ),
            (
                format!("{uploads}/auto/C%3A/Windows/x%254Admin.evtx"),
                velociraptor,
                "EXC-01",
                r"c:\windows\x%4admin.evtx",
            ),
            (format!("{uploads}/auto/C%3A/Windows/x%4Admin.evtx"), velociraptor, "EXC-01", r"c:\windows\x%4admin.evtx"),
            (
                format!("{uploads}/ntfs_vss/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy3/Windows/a"),
                velociraptor,
                "EXC-01",
                r"c:\windows\a",
            ),
            (results, velociraptor, "EXC-01", ""),
            (format!("locked.zip!data.zip!{uploads}/auto/C%3A/a"), "", "EXC-01", r"c:\a"),
            ("share/EXC01/x.zip!C/inetpub/a.log".into(), "share/EXC01/x.zip", "EXC01", r"c:\inetpub\a.log"),
            ("share/EXC01.zip!C/inetpub/a.log".into(), "share/EXC01.zip", "EXC01", r"c:\inetpub\a.log"),
            ("k/2021-03-09T101112_EXC01.zip!C/Windows/a".into(), "", "EXC01", ""),
            ("k/EXC01.zip!VSS2/C/Windows/a".into(), "k/EXC01.zip", "EXC01", r"c:\windows\a"),
            ("EXC02_20210309120000.tar!fs/c:/Windows/a".into(), "EXC02_20210309120000.tar", "EXC02", r"c:\windows\a"),
            (
                "EXC02_20210309120000.tar.gz!sysvol/Windows/a".into(),
                "EXC02_20210309120000.tar.gz",
                "EXC02",
                r"c:\windows\a",
            ),
            (
                "x/EXC01/ECP_Proxy_Logs-0309.zip!HttpProxy_1.LOG".into(),
                "x/EXC01",
                "EXC01",
                r"logging\httpproxy\ecp\httpproxy_1.log",
            ),
            (
                "x.zip!EXC01/OAB_Proxy_Logs-0309-2.zip!OAB_Proxy_Logs/a.LOG".into(),
                "x.zip!EXC01",
                "EXC01",
                r"logging\httpproxy\oab\a.log",
            ),
            ("EXC01/IIS_W3SVC2_Logs.zip!u_ex1.log".into(), "EXC01", "EXC01", r"inetpub\logs\logfiles\w3svc2\u_ex1.log"),
            (
                "EXC01/Message_Tracking_Logs/a.LOG".into(),
                "EXC01",
                "EXC01",
                r"transportroles\logs\messagetracking\a.log",
            ),
        ] {
            let found = place(&path);
            let host = host.replace('!', "/");
            assert!(host.is_empty() || found.host == host, "{path}: {}", found.host);
            assert_eq!(suggested_server(&found.host, "x").as_deref(), Some(server), "{path}: {}", found.host);
            assert!(on_server.is_empty() || found.on_server == on_server, "{path}: {}", found.on_server);
        }
    }

    #[test]
    fn what_lies_beside_known_folders_of_a_drive_lies_on_it() {
        let drives: BTreeSet<String> =
            ["EXC01/C/inetpub/a.log", "x/A/EXC02/D/Windows/b"].into_iter().filter_map(drive_folder).collect();
        assert_eq!(drives.iter().map(String::as_str).collect::<Vec<_>>(), ["EXC01/C", "x/A/EXC02/D"]);
        let note = place_on_drive("EXC01/C/readme.txt", &drives).unwrap();
        assert_eq!((note.host.as_str(), note.on_server.as_str()), ("EXC01", r"c:\readme.txt"));
        let tools = place_on_drive("EXC01/C/Install/x.exe", &drives).unwrap();
        assert_eq!((tools.host.as_str(), tools.on_server.as_str()), ("EXC01", r"c:\install\x.exe"));
        assert_eq!(place_on_drive("EXC03/C/readme.txt", &drives), None);
        assert_eq!(place_on_drive("x/A/note.txt", &drives), None);
    }

    #[test]
    fn suggests_a_server() {
        assert_eq!(suggested_server("case/exc01.contoso.example", "x").as_deref(), Some("EXC01"));
        assert_eq!(suggested_server("", "EXC07-Cve-2021-26855.csv").as_deref(), Some("EXC07"));
        assert_eq!(suggested_server("", "u_ex.log"), None);
    }
}
