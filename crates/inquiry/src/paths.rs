//! Web pages under their different names: `/aspnet_client/x.aspx`, `C:\inetpub\wwwroot\aspnet_client\x.aspx`,
//! `\\127.0.0.1\C$\inetpub\wwwroot\aspnet_client\x.aspx` are one page.

use crate::product::Product;

/// The longest path that is looked at, in bytes.
const PATH_BYTES_MAX: usize = 1_024;
/// The most paths that one record is searched for.
const PATHS_PER_RECORD_MAX: usize = 4;
/// How much of a record is searched, in bytes.
const SEARCHED_BYTES_MAX: usize = 64 * 1_024;
/// Endings of files that the web server runs.
const SCRIPT_ENDINGS: [&str; 13] = [
    ".aspx", ".ashx", ".asmx", ".asp", ".asax", ".cshtml", ".vbhtml", ".svc", ".soap", ".cer", ".php", ".jsp", ".jspx",
];

/// The file or page is one that a web server runs.
pub(crate) fn is_script(path: &str) -> bool {
    SCRIPT_ENDINGS.iter().any(|ending| ends_with_ignoring_case(path, ending))
}

/// The one name of a page: its URL path where it has one, otherwise its path on disk; lower case. `None` when the text
/// is not the name of a page that a web server runs.
pub(crate) fn page_key(product: &dyn Product, text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['\'', '"']);
    if text.len() > PATH_BYTES_MAX {
        return None;
    }
    let text = text.to_lowercase();
    if let Some(url) = url_path(&text) {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        return is_script(path).then(|| path.to_owned());
    }
    let path = disk_path(&text)?;
    is_script(&path).then(|| product.url_of_path(&path).map_or(path, |url| url.to_lowercase()))
}

/// The page lies where ASP.NET compiles: it is the trace of another.
pub(crate) fn is_trace(page: &str) -> bool {
    page.contains(r"\temporary asp.net files\")
}

/// The last part of a URL path or a path on disk.
pub(crate) fn base_name(page: &str) -> &str {
    page.rsplit(['/', '\\']).next().unwrap_or(page)
}

/// The page that a `.compiled` file was compiled from: `virtualPath="/owa/auth/x.aspx"`.
pub(crate) fn virtual_path(text: &str) -> Option<&str> {
    text.split_once("virtualPath=\"")?.1.split_once('"').map(|(path, _)| path)
}

/// The path of `https://host/path` and of `/path`.
fn url_path(text: &str) -> Option<&str> {
    match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)),
        None => text.starts_with('/').then_some(text),
    }
}

/// `c:\…` out of the ways in which Windows and its logs spell a path; `None` when it is none.
pub(crate) fn disk_path(text: &str) -> Option<String> {
    let mut path = text.trim().to_lowercase().replace('/', "\\");
    while path.contains("\\\\\\") {
        path = path.replace("\\\\\\", "\\\\");
    }
    let share = path.starts_with("\\\\");
    path = path.trim_start_matches('\\').replace("\\\\", "\\");
    if share {
        path = match path.strip_prefix("?\\").or_else(|| path.strip_prefix(".\\")) {
            Some(rest) => rest.to_owned(),
            None => local_part_of_share(&path)?,
        };
    }
    let drive = matches!(path.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    drive.then_some(path)
}

/// `host\c$\folder` to `c:\folder`.
fn local_part_of_share(path: &str) -> Option<String> {
    let (_host, rest) = path.split_once('\\')?;
    let (drive, folder) = rest.split_once("$\\")?;
    (drive.len() == 1).then(|| format!("{drive}:\\{folder}"))
}

/// The script files that a record names, as written.
pub(crate) fn scripts_in(text: &str) -> Vec<String> {
    let end = (0..=SEARCHED_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let text = text.get(..end).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for piece in text.split(['\'', '"', '<', '>', '|', '*', '?', ',', ';', '\t', '\n', '\r', '=']) {
        let Some(path) = script_path(piece) else { continue };
        if !found.contains(&path) {
            found.push(path);
        }
        if found.len() == PATHS_PER_RECORD_MAX {
            break;
        }
    }
    found
}

/// The path on disk in a piece of text, from its drive or share to the ending of a script.
fn script_path(piece: &str) -> Option<String> {
    if piece.len() > PATH_BYTES_MAX {
        return None;
    }
    let lower = piece.to_ascii_lowercase();
    let ends = SCRIPT_ENDINGS.iter().filter_map(|ending| lower.find(ending).map(|at| at + ending.len()));
    let end = ends.max()?;
    let drive = lower.find(":\\").or_else(|| lower.find(":/")).and_then(|at| at.checked_sub(1));
    let start = lower.find("\\\\").filter(|share| drive.is_none_or(|drive| *share < drive)).or(drive)?;
    let path = piece.get(start..end)?;
    disk_path(path).map(|_| path.to_owned())
}

fn ends_with_ignoring_case(text: &str, ending: &str) -> bool {
    text.len()
        .checked_sub(ending.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;

    #[test]
    fn one_page_has_one_name() {
        for text in [
            "/aspnet_client/x.aspx",
            "https://mail.example.org/aspnet_client/X.aspx?cmd=1",
            r"C:\inetpub\wwwroot\aspnet_client\x.aspx",
            r"\\127.0.0.1\C$\inetpub\wwwroot\aspnet_client\x.aspx",
            r"\\?\C:\inetpub\wwwroot\aspnet_client\x.aspx",
            r"C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx",
            r"'C:/inetpub/wwwroot/aspnet_client/x.aspx'",
        ] {
            assert_eq!(page_key(&Fake, text).as_deref(), Some("/aspnet_client/x.aspx"), "{text}");
        }
    }

    #[test]
    fn what_is_no_page_has_no_name() {
        for text in ["", "Set-OabVirtualDirectory", "/ecp/y.js", r"C:\root\lsass.dmp", "ServerInfo~exc01/ews", "x.aspx"]
        {
            assert_eq!(page_key(&Fake, text), None, "{text}");
        }
        assert_eq!(page_key(&Fake, r"D:\web\x.aspx").as_deref(), Some(r"d:\web\x.aspx"));
    }

    #[test]
    fn records_name_scripts() {
        let text = r"S:CMD=Reset.FilePathName='\\127.0.0.1\c$\inetpub\wwwroot\aspnet_client\x.aspx'.Identity='a'";
        assert_eq!(scripts_in(text), [r"\\127.0.0.1\c$\inetpub\wwwroot\aspnet_client\x.aspx"]);
        let json = r#"{"TargetFilename":"C:\\inetpub\\wwwroot\\x y.aspx","Image":"c:\\w3wp.exe"}"#;
        assert_eq!(scripts_in(json), [r"C:\\inetpub\\wwwroot\\x y.aspx"]);
        assert_eq!(scripts_in("no path here.aspx"), Vec::<String>::new());
    }
}
