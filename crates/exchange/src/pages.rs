//! Which pages belong to Exchange, and which part of the web site a URL is in. Data: `knowledge/pages.csv` and the
//! paths of `knowledge/known-good/files.csv`.
//!
//! "Known" means that a request for it is nothing to look at. It does not mean that the file behind it is unchanged;
//! that is for [`crate::file_belongs`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use crate::{files, table};

/// Longer URL paths are never known pages: IIS refuses them unless somebody raised its limit.
const URL_BYTES_MAX: usize = 4_096;

/// The part of the web site a URL is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `/aspnet_client/…`: no page belongs there.
    AspNetClient,
    /// `/owa/auth/…`: a handful of pages belong there.
    OwaAuth,
    /// `/ecp/auth/…`: one page belongs there.
    EcpAuth,
    /// Any other folder of Exchange.
    ExchangeFolder,
    /// Directly below the root: `/x.aspx`.
    SiteRoot,
    /// Folders that are not of Exchange.
    Elsewhere,
}

/// Whether a URL path is one that Exchange or IIS answers by itself. Any case, with or without query.
#[must_use]
pub fn is_known_page(url_path: &str) -> bool {
    let pages = Pages::shipped();
    let path = without_query(url_path);
    if path.len() > URL_BYTES_MAX || !path.starts_with('/') {
        return false;
    }
    let path = lower(path);
    if pages.pages.contains(path.as_ref()) {
        return true;
    }
    let Some(mut segments) = segments(&path) else { return false };
    drop_logon_and_version(&mut segments);
    pages.knows(&segments)
}

/// The part of the web site a URL is in. Any case, with or without query.
#[must_use]
pub fn place_of_url(url: &str) -> Place {
    let path = lower(without_query(url));
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default();
    let second = parts.next();
    match (first, second) {
        ("aspnet_client", _) => Place::AspNetClient,
        ("owa", Some("auth")) => Place::OwaAuth,
        ("ecp", Some("auth")) => Place::EcpAuth,
        _ if is_exchange_folder(first) => Place::ExchangeFolder,
        (_, None) => Place::SiteRoot,
        _ => Place::Elsewhere,
    }
}

/// The applications of the two web sites, from `applicationHost.config` as set up by Exchange.
const APPLICATIONS: &[&str] = &[
    "adminapi",
    "api",
    "autodiscover",
    "e4e",
    "ecp",
    "ews",
    "exadmin",
    "exchange",
    "exchweb",
    "mapi",
    "microsoft-server-activesync",
    "o365suiteservice",
    "oab",
    "outlookservice",
    "owa",
    "powershell",
    "powershell-proxy",
    "psws",
    "public",
    "pushnotifications",
    "reportingwebservice",
    "rest",
    "rpc",
    "rpcwithcert",
    "shadow",
    "sync",
    "unifiedmessaging",
    "xrop",
];

fn is_exchange_folder(name: &str) -> bool {
    let name = name.strip_suffix("-liveid").or_else(|| name.strip_suffix("-datacenter")).unwrap_or(name);
    APPLICATIONS.binary_search(&name).is_ok()
}

/// What the web server would run, wherever it lies.
const EXECUTABLE: &[&str] = &[
    "asa", "asax", "ascx", "ashx", "asmx", "asp", "aspx", "cdx", "cer", "cfm", "cgi", "config", "cs", "cshtml", "dll",
    "exe", "htr", "jsp", "jspx", "master", "php", "pl", "py", "rem", "shtml", "soap", "stm", "svc", "vb", "vbhtml",
];

/// What the web server hands out as it is.
const STATIC: &[&str] = &[
    "appcache", "css", "cur", "eot", "gif", "htc", "ico", "jpeg", "jpg", "js", "json", "map", "mp3", "otf", "png",
    "svg", "ttf", "wav", "woff", "woff2", "xap",
];

/// Folders that hold nothing but static files.
const RESOURCE_FOLDERS: &[&str] =
    &["content", "current", "fonts", "images", "prem", "resources", "scripts", "styles", "themes"];

struct Pages {
    /// Whole paths, lower case, without trailing slash.
    pages: HashSet<String>,
    /// Paths below which everything that is not executable belongs.
    trees: HashSet<String>,
    /// Folder and extension: the handler owns the extension, so no file decides what is answered.
    below: Vec<(String, String)>,
    /// Folder and file name: the handler owns the name in every folder below.
    names: Vec<(String, String)>,
}

impl Pages {
    fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Pages> = OnceLock::new();
        SHIPPED.get_or_init(Self::read)
    }

    fn read() -> Self {
        let mut read = Self { pages: HashSet::new(), trees: HashSet::new(), below: Vec::new(), names: Vec::new() };
        for row in table::rows(include_str!("../../../knowledge/pages.csv")) {
            let path = row[1].to_owned();
            match &row[0] {
                "tree" => {
                    read.trees.insert(path);
                }
                "below" => {
                    let (folder, extension) = path.split_once(" *.").expect("pages.csv writes `FOLDER *.EXTENSION`");
                    read.below.push((format!("{folder}/"), extension.to_owned()));
                }
                "name" => {
                    let (folder, name) = path.split_once(' ').expect("pages.csv writes `FOLDER NAME`");
                    read.names.push((format!("{folder}/"), name.to_owned()));
                }
                _ => {
                    read.pages.insert(path);
                }
            }
        }
        let servable = |url: &String| matches!(extension(url), Some("aspx" | "ashx" | "asmx" | "svc" | "htm"));
        read.pages.extend(files::known_paths().filter_map(files::url_of_path).filter(servable));
        read
    }

    fn knows(&self, segments: &[&str]) -> bool {
        let path = format!("/{}", segments.join("/"));
        let executables = segments.iter().filter(|segment| is_executable(segment)).count();
        if self.pages.contains(&path) {
            return true;
        }
        if executables == 0 && (self.is_below(&path) || self.is_resource(segments)) {
            return true;
        }
        if executables == 1 && self.has_owned_name(&path, segments) {
            return true;
        }
        // What follows a page is its path information: `/ews/exchange.asmx/s/GetUserPhoto`.
        let mut prefix = String::new();
        let mut rest = executables;
        for segment in segments {
            prefix.push('/');
            prefix.push_str(segment);
            rest -= usize::from(is_executable(segment));
            let is_page = || extension(&prefix).is_some() && self.pages.contains(&prefix);
            if rest == 0 && (self.trees.contains(&prefix) && executables == 0 || is_page()) {
                return true;
            }
        }
        false
    }

    fn is_below(&self, path: &str) -> bool {
        let Some(extension) = extension(path) else { return false };
        self.below.iter().any(|(folder, owned)| owned == extension && path.starts_with(folder.as_str()))
    }

    /// A name that a handler answers in whatever folder it is asked for: `/owa/integrated/service.svc`,
    /// `/owa/calendar/ROOM@DOMAIN/NAME/service.svc`. In the folder `auth` the front end runs files, also where another
    /// application has the same folder (`/owa/calendar/auth`).
    fn has_owned_name(&self, path: &str, segments: &[&str]) -> bool {
        let is_owned =
            |(folder, name): &(String, String)| path.starts_with(folder.as_str()) && segments.contains(&name.as_str());
        !segments.contains(&"auth") && self.names.iter().any(is_owned)
    }

    /// A static file in a folder of such: `/owa/auth/15.1.2106/themes/resources/logo.png`.
    fn is_resource(&self, segments: &[&str]) -> bool {
        let [application, folders @ .., file] = segments else { return false };
        matches!(*application, "owa" | "ecp")
            && is_one_of(file, STATIC)
            && folders.iter().any(|folder| RESOURCE_FOLDERS.contains(folder) || is_version(folder))
    }
}

/// Leaves out what `/owa/USER@DOMAIN/…` and `/owa/15.1.2106.2/…` have before the page. Below `/owa/auth` a version
/// folder is a real one in which no page belongs, so there it stays.
fn drop_logon_and_version(segments: &mut Vec<&str>) {
    if !matches!(segments.first(), Some(&"owa" | &"ecp")) {
        return;
    }
    if segments.get(1).is_some_and(|segment| segment.contains('@') || segment.contains("%40")) {
        segments.remove(1);
    }
    let page_follows = segments.len() > 2 && !is_one_of(segments.last().unwrap_or(&""), STATIC);
    if page_follows && is_version(segments[1]) {
        segments.remove(1);
    }
}

/// `15.1.2106`, `15.1.2106.2`, `14.3.123.3`.
pub(crate) fn is_version(segment: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = segment.split('.').count();
    (3..=4).contains(&parts) && matches!(segment.split('.').next(), Some("14" | "15")) && segment.split('.').all(digits)
}

/// The parts of a path. `None` when it climbs (`..`), which no link of Exchange does.
fn segments(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (!parts.iter().any(|part| matches!(*part, "." | ".."))).then_some(parts)
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// Mail addresses of Poland and Paraguay end like programs.
fn is_executable(segment: &str) -> bool {
    let is_address = || segment.contains('@') && matches!(extension(segment), Some("pl" | "py"));
    is_one_of(segment, EXECUTABLE) && !is_address()
}

fn is_one_of(name: &str, extensions: &[&str]) -> bool {
    extension(name).is_some_and(|found| extensions.binary_search(&found).is_ok())
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{APPLICATIONS, EXECUTABLE, Place, STATIC, is_known_page, place_of_url};

    #[test]
    fn lists_are_sorted_for_searching() {
        for list in [APPLICATIONS, EXECUTABLE, STATIC] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn knows_what_exchange_answers() {
        for url in [
            "/",
            "/owa",
            "/owa/",
            "/OWA/auth/logon.aspx?replaceCurrent=1&url=x",
            "/owa/auth/errorFE.aspx",
            "/owa/auth.owa",
            "/owa/ev.owa2",
            "/owa/plt1.ashx",
            "/owa/service.svc/s/GetFileAttachment",
            "/owa/manifests/appCacheManifestHandler.ashx",
            "/owa/user@example.org/",
            "/owa/user@example.org/default.aspx",
            "/owa/15.1.2106.2/default.aspx",
            "/owa/auth/15.1.2106/themes/resources/logo.png",
            "/owa/auth/15.1.2106/scripts/premium/flogon.js",
            "/owa/prem/15.1.2106.2/scripts/boot.js",
            "/owa/calendar/0123@example.org/abc/calendar.html",
            "/owa/calendar/0123@example.org/abc/S-1-8-12/reachcalendar.html",
            "/owa/calendar/0123@example.org/abc/reachcalendar.ics",
            "/owa/calendar/room1@example.org/Calendar/service.svc",
            "/owa/calendar/room1%40example.org/Calendar/service.svc",
            "/owa/calendar/room1@firma.pl/Calendar/service.svc?action=FindItem",
            "/owa/calendar/service.svc",
            "/owa/integrated/service.svc",
            "/owa/integrated/service.svc/s/GetPersonaPhoto",
            "/owa/anonymous/service.svc",
            "/owa/pushnotifications/service.svc",
            "/owa/suiteservice.svc",
            "/owa/example.org/service.svc",
            "/owa/user@example.org/service.svc",
            "/owa/user%40example.org/default.aspx",
            "/owa/user@example.org/sessiondata.ashx",
            "/owa/example.org/userbootsettings.ashx",
            "/owa/15.1.2106.2/plt1.ashx",
            "/owa/14.3.123.3/themes/resources/owafont.css",
            "/owa/ev.owa",
            "/owa/ping.owa",
            "/ecp/",
            "/ecp/default.aspx",
            "/ecp/user@example.org/RulesEditor/InboxRules.svc/GetList",
            "/ecp/15.1.2106.2/scripts/js.js",
            "/ecp/auth/TimeoutLogout.aspx",
            "/ecp/proxyLogon.ecp",
            "/ecp/DDI/DDIService.svc/SetObject",
            "/ecp/RulesEditor/InboxRules.svc/GetList",
            "/ecp/VDirMgmt/ResetVirtualDirectory.aspx",
            "/ecp/UsersGroups/x.slab",
            "/EWS/Exchange.asmx",
            "/ews/exchange.asmx/s/GetUserPhoto",
            "/ews/Services.wsdl",
            "/Autodiscover/Autodiscover.xml",
            "/autodiscover/autodiscover.json/v1.0/user@example.org",
            "/rpc/rpcproxy.dll",
            "/Microsoft-Server-ActiveSync/default.eas",
            "/microsoft-server-activesync",
            "/powershell",
            "/PowerShell/",
            "/mapi/emsmdb/",
            "/mapi/nspi",
            "/api/v2.0/me",
            "/autodiscover/autodiscover.json/v1.0/user@firma.pl",
            "/oab/0a1b2c3d/oab.xml",
            "/owa/healthcheck.htm",
            "/aspnet_client/system_web/4_0_30319/WebUIValidation.js",
        ] {
            assert!(is_known_page(url), "{url}");
        }
    }

    #[test]
    fn does_not_know_what_others_left() {
        for url in [
            "",
            "owa/auth/logon.aspx",
            "/shell.aspx",
            "/aspnet_client/discover.aspx",
            "/aspnet_client/system_web/error.aspx",
            "/owa/auth/help.aspx",
            "/owa/auth/logon.aspx/../help.aspx",
            "/owa/auth/current/themes/help.aspx",
            "/owa/auth/15.1.2106/logon.aspx",
            "/owa/auth/archive.zip",
            "/owa/auth/x.js",
            "/owa/help.aspx/themes/x.js",
            "/owa/help.aspx/x.owa",
            "/owa/service.svc/help.aspx",
            "/owa/auth/service.svc",
            "/owa/auth/15.1.2106/service.svc",
            "/owa/auth/Current/plt1.ashx",
            "/owa/user@example.org/auth/service.svc",
            "/owa/calendar/auth/service.svc",
            "/owa/integrated/auth/userbootsettings.ashx",
            "/owa/help.aspx/service.svc",
            "/owa/calendar/a@b.aspx/Calendar/service.svc",
            "/owa/calendar/room1@example.org/Calendar/help.aspx",
            "/owa/calendar/room1@example.org/Calendar/service.aspx",
            "/owa/calendar/help.svc",
            "/owa/integrated/help.svc",
            "/owa/xservice.svc",
            "/owa/example.org/default.aspx",
            "/owa/example.org/sessiondata.ashx",
            "/ecp/service.svc",
            "/ecp/integrated/service.svc",
            "/aspnet_client/service.svc",
            "/service.svc",
            "/ecp/y.js",
            "/ecp/auth/TimeoutLogoff.aspx",
            "/ecp/auth/errorFE.aspx",
            "/ecp/web.config",
            "/oab/help.aspx",
            "/oab/global.asax",
            "/rpc/help.aspx",
            "/mapi/emsmdb/help.aspx",
            "/api/help.ashx",
            "/ews/help.asmx",
            "/autodiscover/help.aspx",
            "/other/exchange.asmx",
        ] {
            assert!(!is_known_page(url), "{url}");
        }
        assert!(!is_known_page(&format!("/owa/{}", "a/".repeat(100_000))));
    }

    #[test]
    fn says_where_a_url_is() {
        let places = [
            ("/aspnet_client/system_web/x.aspx", Place::AspNetClient),
            ("/OWA/Auth/x.aspx?y", Place::OwaAuth),
            ("/owa/auth", Place::OwaAuth),
            ("/ecp/auth/x.aspx", Place::EcpAuth),
            ("/owa/x.aspx", Place::ExchangeFolder),
            ("/oab", Place::ExchangeFolder),
            ("/rpc/x.aspx", Place::ExchangeFolder),
            ("/Microsoft-Server-ActiveSync/default.eas", Place::ExchangeFolder),
            ("/ecp-liveid/x.aspx", Place::ExchangeFolder),
            ("/x.aspx", Place::SiteRoot),
            ("/", Place::SiteRoot),
            ("/other/x.aspx", Place::Elsewhere),
            ("/owauth/x.aspx", Place::Elsewhere),
        ];
        for (url, place) in places {
            assert_eq!(place_of_url(url), place, "{url}");
        }
    }
}
