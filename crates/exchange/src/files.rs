//! Which files belong in the web folders of Exchange, and which URL a file answers to. Data: `knowledge/known-good/`.
//!
//! The lists hold 108 builds and end in March 2021, so an unknown hash at a known path says little; a path that no
//! build has says much.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use model::Build;
use model::observation::Belongs;

use crate::{pages, table};

/// Whether a file of the web folders is one of Exchange's own. `None`: it is not in `…\FrontEnd\HttpProxy\` or
/// `…\ClientAccess\`, of which alone there are lists. The install path may be any. `sha256` in hex, any case.
#[must_use]
pub fn file_belongs(path_on_server: &str, sha256: Option<&str>) -> Option<Belongs> {
    let path = normal(path_on_server);
    let listed = listed_path(&path)?;
    let Some(known) = KnownFiles::shipped().by_path.get(listed.as_ref()) else {
        let url = url_of_path(&path);
        let resource =
            url.is_some_and(|url| !url.ends_with(".htm") && pages::is_known_page(&url) && is_static(&listed));
        return Some(if resource { Belongs::PathOnly } else { Belongs::Unknown });
    };
    let hash = sha256.and_then(digest);
    let same = hash.is_some_and(|hash| known.iter().any(|file| file.sha256 == hash));
    Some(if same { Belongs::Known } else { Belongs::PathOnly })
}

/// The builds that ship this very file at this very path, in order. Builds of file lists are those of the setup
/// packages; a few of them are not the ones under which the release is known.
#[must_use]
pub fn builds_with_file(path_on_server: &str, sha256: &str) -> Vec<Build> {
    let path = normal(path_on_server);
    let known = KnownFiles::shipped();
    let file = listed_path(&path)
        .zip(digest(sha256))
        .and_then(|(listed, hash)| known.by_path.get(listed.as_ref())?.iter().find(|file| file.sha256 == hash));
    let ranges = file.map(|file| file.builds.as_str()).unwrap_or_default();
    ranges.split_ascii_whitespace().flat_map(|range| known.builds_of(range)).copied().collect()
}

/// Whether a file is the one that a build has at this path. `None`: the build is in no list, or its list has no such
/// path, so nothing can be said.
#[must_use]
pub fn is_of_build(path_on_server: &str, sha256: &str, build: Build) -> Option<bool> {
    let path = normal(path_on_server);
    let known = KnownFiles::shipped();
    let hash = digest(sha256)?;
    let at = known.builds.binary_search(&build).ok()?;
    let has_build = |file: &&KnownFile| file.builds.split_ascii_whitespace().any(|range| known.is_in(at, range));
    let mut of_build = known.by_path.get(listed_path(&path)?.as_ref())?.iter().filter(has_build).peekable();
    of_build.peek()?;
    Some(of_build.any(|file| file.sha256 == hash))
}

/// The URL path that a file answers to, where it lies in a web folder: `…\FrontEnd\HttpProxy\owa\auth\x.aspx` is
/// `/owa/auth/x.aspx`. Drive, UNC prefix and install path may be any.
#[must_use]
pub fn url_of_path(path_on_server: &str) -> Option<String> {
    let path = normal(path_on_server);
    let below = match web_folder(&path) {
        Some((FRONT_END, below)) => {
            let (application, file) = below.split_once('\\')?;
            format!("{}\\{file}", application_name(application))
        }
        Some((_, below)) => match below.strip_prefix("exchweb\\ews\\").or_else(|| below.strip_prefix("exchweb\\ews")) {
            Some(file) => format!("ews\\{file}"),
            // The root of the back-end site is the folder itself.
            None => match below.split_once('\\') {
                Some((application, file)) => format!("{}\\{file}", application_name(application)),
                None => below.to_owned(),
            },
        },
        None => after(&path, SITE_ROOT)?.1.to_owned(),
    };
    Some(format!("/{}", below.replace('\\', "/")))
}

const FRONT_END: &str = "\\frontend\\httpproxy\\";
const BACK_END: &str = "\\clientaccess\\";
const SITE_ROOT: &str = "\\wwwroot\\";

/// Folders whose application has another name, from `applicationHost.config`.
fn application_name(folder: &str) -> &str {
    match folder {
        "sync" => "microsoft-server-activesync",
        "rest" => "api",
        "powershell-proxy" => "powershell",
        other => other,
    }
}

/// All listed paths.
pub(crate) fn known_paths() -> impl Iterator<Item = &'static str> {
    KnownFiles::shipped().by_path.keys().map(String::as_str)
}

struct KnownFile {
    sha256: [u8; 32],
    /// `0-38 41`: places in the list of builds.
    builds: String,
}

struct KnownFiles {
    by_path: HashMap<String, Vec<KnownFile>>,
    builds: Vec<Build>,
}

impl KnownFiles {
    fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<KnownFiles> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let mut by_path: HashMap<String, Vec<KnownFile>> = HashMap::new();
            for row in table::rows(include_str!("../../../knowledge/known-good/files.csv")) {
                let sha256 = digest(&row[1]).expect("files.csv has SHA-256 in hex");
                by_path.entry(row[0].to_owned()).or_default().push(KnownFile { sha256, builds: row[2].to_owned() });
            }
            let builds = include_str!("../../../knowledge/known-good/builds.txt");
            Self { by_path, builds: builds.lines().filter_map(table::build).collect() }
        })
    }

    fn is_in(&self, at: usize, range: &str) -> bool {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let bounds = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        bounds.is_some_and(|(first, last)| (first..=last).contains(&at))
    }

    fn builds_of(&self, range: &str) -> &[Build] {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let bounds = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        bounds.and_then(|(first, last)| self.builds.get(first..=last)).unwrap_or_default()
    }
}

/// Lower case, backslashes.
fn normal(path: &str) -> Cow<'_, str> {
    if path.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'/') {
        Cow::Owned(path.to_ascii_lowercase().replace('/', "\\"))
    } else {
        Cow::Borrowed(path)
    }
}

/// Where `marker` begins in a path, and what follows it. A path may also begin with the marker's first folder.
fn after<'p>(path: &'p str, marker: &str) -> Option<(usize, &'p str)> {
    let bare = marker.trim_start_matches('\\');
    if let Some(below) = path.strip_prefix(bare) {
        return Some((0, below));
    }
    let at = path.find(marker)?;
    Some((at, &path[at + marker.len()..]))
}

/// The web folder a path lies in and what follows; the outermost where one is inside the other.
fn web_folder(path: &str) -> Option<(&'static str, &str)> {
    let found = |marker: &'static str| after(path, marker).map(|(at, below)| (at, marker, below));
    let outermost = [FRONT_END, BACK_END].into_iter().filter_map(found).min_by_key(|(at, ..)| *at)?;
    Some((outermost.1, outermost.2))
}

/// How the lists spell a path: from the web folder on, version folders of `owa\auth` named `version`.
fn listed_path(path: &str) -> Option<Cow<'_, str>> {
    let (folder, below) = web_folder(path)?;
    let versioned = below.strip_prefix("owa\\auth\\").and_then(|rest| rest.split_once('\\'));
    Some(match versioned {
        Some((version, rest)) if pages::is_version(version) => {
            Cow::Owned(format!("{folder}owa\\auth\\version\\{rest}"))
        }
        _ => Cow::Owned(format!("{folder}{below}")),
    })
}

/// The lists hold what the server runs and no pictures, styles and fonts; those are judged by their place.
fn is_static(path: &str) -> bool {
    const RUN: [&str; 9] = [".aspx", ".ashx", ".asmx", ".svc", ".asax", ".ascx", ".master", ".config", ".dll"];
    !RUN.iter().any(|extension| path.ends_with(extension))
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let hex = hex.as_bytes();
    let mut digest = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use model::observation::Belongs;

    use super::{KnownFiles, builds_with_file, file_belongs, url_of_path};
    use crate::table;

    const EX: &str = "c:\\program files\\microsoft\\exchange server\\v15";
    const LOGOUT: &str = "\\frontend\\httpproxy\\ecp\\auth\\timeoutlogout.aspx";

    #[test]
    fn the_lists_are_complete_and_agree() {
        let known = KnownFiles::shipped();
        assert_eq!(known.builds.len(), 108);
        assert!(known.builds.is_sorted());
        for row in table::rows(include_str!("../../../knowledge/known-good/files.csv")) {
            assert!(row[0].starts_with("\\clientaccess\\") || row[0].starts_with("\\frontend\\httpproxy\\"), "{row:?}");
            for range in row[2].split(' ') {
                assert!(!known.builds_of(range).is_empty(), "{row:?}");
            }
        }
    }

    #[test]
    fn tells_own_files_from_others() {
        let hash = table::rows(include_str!("../../../knowledge/known-good/files.csv"))
            .find(|row| &row[0] == LOGOUT)
            .map(|row| row[1].to_owned())
            .expect("listed");
        let path = format!("{EX}{LOGOUT}");
        let other = "0".repeat(64);
        assert_eq!(file_belongs(&path, Some(&hash)), Some(Belongs::Known));
        assert_eq!(file_belongs(&path.to_uppercase(), Some(&hash.to_uppercase())), Some(Belongs::Known));
        assert_eq!(file_belongs(&format!("d:\\exchange{LOGOUT}"), Some(&hash)), Some(Belongs::Known));
        assert_eq!(file_belongs(&path, Some(&other)), Some(Belongs::PathOnly));
        assert_eq!(file_belongs(&path, None), Some(Belongs::PathOnly));
        assert_eq!(file_belongs(&path, Some("no hash")), Some(Belongs::PathOnly));
        assert_eq!(file_belongs(&path.replace("logout", "logoff"), Some(&hash)), Some(Belongs::Unknown));
        assert!(!builds_with_file(&path, &hash).is_empty());
        assert!(builds_with_file(&path, &other).is_empty());
    }

    #[test]
    fn says_whether_a_file_is_that_of_a_build() {
        let row = table::rows(include_str!("../../../knowledge/known-good/files.csv"))
            .find(|row| &row[0] == LOGOUT)
            .expect("listed");
        let (path, hash, other) = (format!("{EX}{LOGOUT}"), row[1].to_owned(), "0".repeat(64));
        let build = *builds_with_file(&path, &hash).first().expect("of some build");
        assert_eq!(super::is_of_build(&path, &hash, build), Some(true));
        assert_eq!(super::is_of_build(&path, &other, build), Some(false));
        assert_eq!(super::is_of_build(&path, &other, model::Build::new(15, 1, 2507, 6)), None, "newer than the lists");
        assert_eq!(super::is_of_build(&path.replace("logout", "logoff"), &other, build), None);
        assert_eq!(super::is_of_build(&path, "no hash", build), None);
    }

    #[test]
    fn judges_by_place_what_no_list_holds() {
        let belongs = |below: &str| file_belongs(&format!("{EX}{below}"), None);
        let auth = "\\frontend\\httpproxy\\owa\\auth";
        assert_eq!(belongs(&format!("{auth}\\15.1.2106\\scripts\\premium\\flogon.js")), Some(Belongs::PathOnly));
        assert_eq!(belongs(&format!("{auth}\\15.1.2106\\themes\\resources\\logo.png")), Some(Belongs::PathOnly));
        assert_eq!(belongs(&format!("{auth}\\15.1.2106\\themes\\help.aspx")), Some(Belongs::Unknown));
        assert_eq!(belongs(&format!("{auth}\\current\\logon.aspx")), Some(Belongs::Unknown));
        assert_eq!(belongs(&format!("{auth}\\dump.zip")), Some(Belongs::Unknown));
        assert_eq!(belongs("\\frontend\\httpproxy\\oab\\help.aspx"), Some(Belongs::Unknown));
        // The URL is known, because a handler answers it; a file of that name is not Exchange's.
        assert_eq!(belongs("\\clientaccess\\owa\\attachment.ashx"), Some(Belongs::Unknown));
        assert_eq!(file_belongs("c:\\inetpub\\wwwroot\\aspnet_client\\x.aspx", None), None);
        assert_eq!(file_belongs("", None), None);
    }

    #[test]
    fn maps_paths_to_urls() {
        let check = |path: &str, url: Option<&str>| assert_eq!(url_of_path(path).as_deref(), url, "{path}");
        check(&format!("{EX}\\frontend\\httpproxy\\owa\\auth\\x.aspx"), Some("/owa/auth/x.aspx"));
        check(&format!("{EX}\\clientaccess\\ecp\\x.aspx"), Some("/ecp/x.aspx"));
        check(&format!("{EX}\\clientaccess\\exchweb\\ews\\exchange.asmx"), Some("/ews/exchange.asmx"));
        check(&format!("{EX}\\clientaccess\\sync\\x.aspx"), Some("/microsoft-server-activesync/x.aspx"));
        check(&format!("{EX}\\clientaccess\\x.aspx"), Some("/x.aspx"));
        check(&format!("{EX}\\frontend\\httpproxy\\x.aspx"), None);
        check("frontend/httpproxy/owa/auth/X.aspx", Some("/owa/auth/x.aspx"));
        check("c:\\inetpub\\wwwroot\\aspnet_client\\x.aspx", Some("/aspnet_client/x.aspx"));
        check("c:\\inetpub\\wwwroot\\x.aspx", Some("/x.aspx"));
        check("\\\\127.0.0.1\\c$\\inetpub\\wwwroot\\aspnet_client\\x.aspx", Some("/aspnet_client/x.aspx"));
        check("\\\\127.0.0.1\\c$\\exchange\\frontend\\httpproxy\\owa\\auth\\x.aspx", Some("/owa/auth/x.aspx"));
        check("c:\\windows\\temp\\x.aspx", None);
        check("", None);
    }
}
