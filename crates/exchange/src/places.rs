//! Which files of a whole volume are worth a look: by name, then by folder. Data: `knowledge/places.csv`.
//!
//! A volume has a million files; of a list of them only what can be a page, an archive, a dump or a tool in the folders
//! where intruders put such things is kept. What lies elsewhere is not said to be harmless: it is not looked at.

use std::sync::OnceLock;

use crate::table;

/// Endings of names that are looked at anywhere in the folders.
const ENDINGS: &[&str] = &[
    "7z", "ascx", "asa", "asax", "ashx", "asmx", "asp", "aspx", "bat", "cab", "cer", "cmd", "compiled", "cshtml",
    "dll", "dmp", "exe", "gz", "jsp", "jspx", "master", "php", "ps1", "rar", "soap", "svc", "tar", "tgz", "vbhtml",
    "vbs", "zip",
];

/// Endings of what ASP.NET, ASP or another engine runs as a page.
const PAGES: &[&str] = &[
    "ascx", "asa", "asax", "ashx", "asmx", "asp", "aspx", "cer", "cshtml", "jsp", "jspx", "master", "php", "soap",
    "svc", "vbhtml",
];

/// The ending of a name as Windows opens it: without dots and blanks behind it.
fn ending(name: &str) -> Option<&str> {
    name.trim_end_matches(['.', ' ']).rsplit_once('.').map(|(_, ending)| ending)
}

fn is_one_of(name: &str, endings: &[&str]) -> bool {
    ending(name).is_some_and(|ending| endings.iter().any(|one| one.eq_ignore_ascii_case(ending)))
}

/// The name is that of a page that a web server runs. Any case.
#[must_use]
pub fn is_page_name(name: &str) -> bool {
    is_one_of(name, PAGES)
}

/// The name is worth a look if the file lies in a folder that is: a page, a trace of one, an archive, a dump, a program.
/// Of libraries only those that ASP.NET compiles from pages, of which a volume has not ten thousands. Any case.
#[must_use]
pub fn is_telling_name(name: &str) -> bool {
    let is_library = ending(name).is_some_and(|ending| ending.eq_ignore_ascii_case("dll"));
    let is_compiled = || name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("app_web_"));
    is_one_of(name, ENDINGS) && (!is_library || is_compiled())
}

/// The folder is one of those that are looked at. `path` is on the server, lower case, with backslashes; a page counts at
/// any depth, other files as deep as the table says.
#[must_use]
pub fn is_watched_path(path: &str) -> bool {
    let is_page = is_page_name(path);
    watched().iter().any(|place| {
        let bare = place.folder.trim_start_matches('\\');
        let at = path.find(&place.folder).map(|at| at + place.folder.len());
        let below = at.and_then(|at| path.get(at..)).or_else(|| path.strip_prefix(bare));
        below.is_some_and(|below| is_page || place.depth.is_none_or(|depth| below.matches('\\').count() < depth))
    })
}

struct Watched {
    folder: String,
    /// Folders below it that are looked at; `None`: all.
    depth: Option<usize>,
}

fn watched() -> &'static [Watched] {
    static SHIPPED: OnceLock<Vec<Watched>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let depth =
            |cell: &str| (cell != "any").then(|| cell.parse().expect("depths in places.csv are numbers or `any`"));
        table::rows(include_str!("../../../knowledge/places.csv"))
            .map(|row| Watched { folder: row[0].to_owned(), depth: depth(&row[1]) })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{is_page_name, is_telling_name, is_watched_path};

    #[test]
    fn names_that_tell() {
        for name in ["x.aspx", "X.ASPX", "x.aspx.", "lsass.dmp", "a.zip", "App_Web_x1y2.dll", "x.aspx.1a2b.compiled"] {
            assert!(is_telling_name(name), "{name}");
        }
        for name in ["x.png", "kernel32.dll", "aspx", "", "x.aspx.txt"] {
            assert!(!is_telling_name(name), "{name}");
        }
        assert!(is_page_name("x.ashx ") && !is_page_name("x.compiled"));
    }

    #[test]
    fn folders_that_tell() {
        for path in [
            r"c:\inetpub\wwwroot\aspnet_client\x.aspx",
            r"inetpub\wwwroot\x.aspx",
            r"d:\exchange\frontend\httpproxy\owa\auth\x.aspx",
            r"c:\windows\microsoft.net\framework64\v4.0.30319\temporary asp.net files\root\1\2\app_web_x.dll",
            r"c:\programdata\it.zip",
            r"c:\programdata\com1\deep\deeper\x.aspx",
            r"c:\windows\temp\lsass.dmp",
        ] {
            assert!(is_watched_path(path), "{path}");
        }
        for path in [
            r"c:\program files\product\x.zip",
            r"c:\programdata\package cache\v1\payload\setup.exe",
            r"c:\windows\winsxs\temp1\x.exe",
            "",
        ] {
            assert!(!is_watched_path(path), "{path}");
        }
    }
}
