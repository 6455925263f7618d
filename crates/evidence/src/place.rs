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
    &["uploads", "auto", "ntfs", "mft", "lazy_ntfs", "ntfs_vss", "file", "fs", "fs0", "data"];

/// Takes an evidence path (with `/` and, for containers, `!`) apart.
#[must_use]
pub fn place(path: &str) -> Place {
    let parts = parts(path);
    let folders = parts.len().saturating_sub(1);
    let join = |from: usize| parts.get(from..).unwrap_or_default().join("\\").to_lowercase();
    if let Some((at, letter)) = drive(&parts) {
        return Place { host: host(&parts, at), on_server: format!("{letter}:\\{}", join(at + 1)), anchored: true };
    }
    if let Some(at) = (0..folders).find(|at| parts.get(*at).is_some_and(|part| is_anchor(part))) {
        return Place { host: host(&parts, at), on_server: join(at), anchored: true };
    }
    Place { host: host(&parts, folders), on_server: join(0), anchored: false }
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
    let below = parts.get(at + 1..)?.join("\\").to_lowercase();
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
    let folder = host.rsplit(['/', '!']).next().unwrap_or(host);
    server_name(folder)
}

fn is_anchor(part: &str) -> bool {
    ANCHORS.iter().any(|anchor| part.eq_ignore_ascii_case(anchor))
}

/// `C`, `C:`, `C%3A`, `C_`, `c$`, `%5C%5C.%5CC%3A`.
fn drive_letter(part: &str) -> Option<char> {
    let lower = part.to_ascii_lowercase();
    let name = lower.strip_prefix("%5c%5c.%5c").or_else(|| lower.strip_prefix("\\\\.\\")).unwrap_or(&lower);
    if matches!(name, "sysvol" | "$rootfs$" | "[root]") {
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
            ("EXC01/uploads/ntfs/%5C%5C.%5CC%3A/%24MFT", "EXC01", r"c:\%24mft"),
            ("EXC01/$MFT", "EXC01", "exc01\\$mft"),
        ] {
            let found = place(path);
            assert_eq!((found.host.as_str(), found.on_server.as_str()), (host, on_server), "{path}");
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
