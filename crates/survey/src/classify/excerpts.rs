//! Cuts the telling pieces out of a body: all that is kept of it. Mail hosts answer with names of people; those stay out.
//!
//! One pass over the body; what is looked at around each hit is bounded, so a hostile body costs no more than a plain one.
//! A link with a host in it keeps the host: a page that takes its pictures from another organisation's server is no page of
//! that server.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::marks::{Place, marks};

/// So many pieces of one body are kept.
pub const EXCERPTS_MAX: usize = 24;
/// No piece is longer.
pub const EXCERPT_BYTES_MAX: usize = 160;
/// Of a body, this much is looked at. The telling pieces of Exchange's pages stand in their heads.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// The same needle is looked at so often: a body of needles only stays cheap.
const HITS_MAX: usize = 4_096;
/// Spaces between a name and its value that are still believed.
const GAP_BYTES_MAX: usize = 96;

/// What a needle announces.
#[derive(Clone, Copy, PartialEq)]
enum Needle {
    /// A link into OWA or ECP.
    Link,
    Title,
    /// `<!-- `, which may hold the build of `logon.asp`.
    Comment,
    OwaPage,
    /// `owaVersion>8.3.83.4`.
    OwaVersion,
    /// The name of the export tool in its manifest.
    ExportTool,
    /// The version in a SOAP header.
    ServerVersionInfo,
    /// The page of MAPI over HTTP.
    Mapi,
    /// A text that tells by itself, and whatever follows up to a quote is not kept.
    Plain,
}

/// Exact spellings: the pages are generated, and a search without regard to case would cost four times as much.
const NEEDLES: [(&str, Needle); 26] = [
    ("/owa/", Needle::Link),
    ("/OWA/", Needle::Link),
    ("/ecp/", Needle::Link),
    ("<title", Needle::Title),
    ("<TITLE", Needle::Title),
    ("<Title", Needle::Title),
    ("<!-- ", Needle::Comment),
    ("OwaPage = ASP.", Needle::OwaPage),
    ("owaVersion>", Needle::OwaVersion),
    ("owaVersion\">", Needle::OwaVersion),
    ("X-OWA-Version: ", Needle::OwaVersion),
    ("name=\"microsoft.exchange.ediscovery.exporttool", Needle::ExportTool),
    ("ServerVersionInfo", Needle::ServerVersionInfo),
    ("Exchange MAPI/HTTP Connectivity Endpoint", Needle::Mapi),
    ("{57A118C6-2DA9-419d-BE9A-F92B0F9A418B}", Needle::Plain),
    ("{698798E9-889B-4145-ACFC-474C378C7B4F}", Needle::Plain),
    ("for Microsoft (R) Exchange Server 2007", Needle::Plain),
    ("for Microsoft (R) Exchange Server 2003", Needle::Plain),
    ("Microsoft (R) Exchange Server", Needle::Plain),
    ("Microsoft Outlook Web Access", Needle::Plain),
    ("MailboxGuid", Needle::Plain),
    ("AutoDiscoverV1", Needle::Plain),
    ("exchange.ediscovery", Needle::Plain),
    ("errorFE.aspx", Needle::Plain),
    ("signInErrorDiv", Needle::Plain),
    ("flogon.js", Needle::Plain),
];

struct Search {
    automaton: AhoCorasick,
    meanings: Vec<Needle>,
}

fn search() -> &'static Search {
    static SEARCH: OnceLock<Search> = OnceLock::new();
    SEARCH.get_or_init(|| {
        let mut texts: Vec<String> = NEEDLES.iter().map(|(text, _)| (*text).to_owned()).collect();
        let mut meanings: Vec<Needle> = NEEDLES.iter().map(|(_, meaning)| *meaning).collect();
        // Titles are kept anyhow.
        let others = marks().iter().filter(|mark| mark.place == Place::Page && !mark.pattern.starts_with('<'));
        for mark in others {
            for spelling in spellings(&mark.pattern) {
                texts.push(spelling);
                meanings.push(Needle::Plain);
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&texts);
        Search { automaton: automaton.expect("a few dozen short texts fit"), meanings }
    })
}

/// `smartermail`, `Smartermail`: as far as a marker's case is worth guessing; titles show the rest.
fn spellings(pattern: &str) -> Vec<String> {
    let mut capital = pattern.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    BTreeSet::from([pattern.to_owned(), capital]).into_iter().collect()
}

/// The pieces of a body that tell what it is, in order, each short, none twice.
#[must_use]
pub fn excerpts(body: &[u8]) -> Vec<String> {
    let body = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    let search = search();
    let mut found: Vec<String> = Vec::new();
    for hit in search.automaton.find_iter(body).take(HITS_MAX) {
        let meaning = search.meanings.get(hit.pattern().as_usize()).copied().unwrap_or(Needle::Plain);
        let Some(piece) = piece(body, meaning, hit.start(), hit.end()) else { continue };
        if !found.contains(&piece) {
            found.push(piece);
        }
        if found.len() == EXCERPTS_MAX {
            break;
        }
    }
    found
}

fn piece(body: &[u8], meaning: Needle, start: usize, end: usize) -> Option<String> {
    let after = body.get(end..)?;
    let after = after.get(..EXCERPT_BYTES_MAX).unwrap_or(after);
    match meaning {
        Needle::Link => link(body, start),
        Needle::Title => title(after),
        Needle::Comment => comment(after),
        Needle::OwaPage => Some(format!("OwaPage = ASP.{}", word(after)?)),
        Needle::OwaVersion => Some(format!("owaVersion {}", numbers(after)?)),
        Needle::ExportTool => export_tool(after),
        Needle::ServerVersionInfo => server_version_info(body.get(end..)?),
        Needle::Mapi => {
            let at = memchr::memmem::find(after, b"Version: ")?;
            Some(format!("MAPI/HTTP Version: {}", numbers(after.get(at + 9..)?)?))
        }
        Needle::Plain => text(body.get(start..end)?),
    }
}

/// `/owa/auth/15.2.858/`, `/owa/14.3.123.3/`, with the host before it where the link has one. Links without a build say
/// little and are many: only where they lead is kept.
fn link(body: &[u8], start: usize) -> Option<String> {
    let from = body.get(start..)?;
    let from = from.get(..EXCERPT_BYTES_MAX).unwrap_or(from);
    let mut segments = from.split(|byte| *byte == b'/').skip(1);
    let (application, second) = (segments.next()?, segments.next()?);
    let mut path = vec![application];
    if second.eq_ignore_ascii_case(b"auth") {
        path.push(second);
        path.push(segments.next()?);
    } else {
        path.push(second);
    }
    let build = path.last()?;
    if !is_build(build) {
        return None;
    }
    let path = path.join(&b'/');
    Some(format!("{}/{}/", host_before(body, start), text(&path)?))
}

/// `//mail.example.test` where the link stands behind a host; nothing where it is of the same server.
fn host_before(body: &[u8], start: usize) -> String {
    const HOST_BYTES_MAX: usize = 100;
    let before = body.get(start.saturating_sub(HOST_BYTES_MAX)..start).unwrap_or_default();
    let is_of_host =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_' | b'[' | b']');
    let length = before.iter().rev().take_while(|byte| is_of_host(byte)).count();
    let (head, host) = before.split_at(before.len() - length);
    let is_host = !host.is_empty() && head.ends_with(b"//");
    if is_host { format!("//{}", String::from_utf8_lossy(host).to_ascii_lowercase()) } else { String::new() }
}

/// Two to four numbers with dots between them, the first of them that of a product.
fn is_build(segment: &[u8]) -> bool {
    (5..=20).contains(&segment.len())
        && segment.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && segment.iter().filter(|byte| **byte == b'.').count() >= 2
        && segment.first().is_some_and(u8::is_ascii_digit)
}

fn title(after: &[u8]) -> Option<String> {
    let open = after.iter().position(|byte| *byte == b'>')?;
    let rest = after.get(open + 1..)?;
    let end = rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len());
    let words = text(rest.get(..end)?)?;
    Some(format!("<title>{words}"))
}

/// `2653.23`: the build in a comment of `logon.asp`.
fn comment(after: &[u8]) -> Option<String> {
    let end = memchr::memmem::find(after.get(..GAP_BYTES_MAX).unwrap_or(after), b"-->")?;
    let inside = std::str::from_utf8(after.get(..end)?).ok()?.trim();
    let is_build = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        (2..=3).contains(&parts.len()) && parts.iter().all(|part| (1..=4).contains(&part.len()) && digits(part))
    };
    is_build(inside).then(|| format!("<!-- {inside} -->"))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `exporttool version="15.1.2242.5"`.
fn export_tool(after: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(after, b"version=\"")?;
    Some(format!("exporttool version=\"{}\"", numbers(after.get(at + 9..)?)?))
}

/// `ServerVersionInfo 15.20.6477`, put together from its elements.
fn server_version_info(after: &[u8]) -> Option<String> {
    const ELEMENTS: [&[u8]; 4] = [b"MajorVersion>", b"MinorVersion>", b"MajorBuildNumber>", b"MinorBuildNumber>"];
    const INFO_BYTES_MAX: usize = 800;
    let info = after.get(..INFO_BYTES_MAX).unwrap_or(after);
    let number = |element: &[u8]| numbers(info.get(memchr::memmem::find(info, element)? + element.len()..)?);
    let parts: Vec<String> = ELEMENTS.iter().map_while(|element| number(element)).collect();
    (parts.len() > 1).then(|| format!("ServerVersionInfo {}", parts.join(".")))
}

/// The number with dots with which a text begins.
fn numbers(text: &[u8]) -> Option<String> {
    const NUMBER_BYTES_MAX: usize = 24;
    let skipped = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count().min(GAP_BYTES_MAX);
    let text = text.get(skipped..)?;
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let found = text.get(..length.min(NUMBER_BYTES_MAX))?;
    (!found.is_empty()).then(|| String::from_utf8_lossy(found).into_owned())
}

fn word(text: &[u8]) -> Option<String> {
    const WORD_BYTES_MAX: usize = 48;
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let found = text.get(..length.min(WORD_BYTES_MAX))?;
    (!found.is_empty()).then(|| String::from_utf8_lossy(found).into_owned())
}

/// As text of one line, cut at a whole character.
fn text(bytes: &[u8]) -> Option<String> {
    let words: Vec<String> = String::from_utf8_lossy(bytes).split_whitespace().map(str::to_owned).collect();
    let mut text = words.join(" ");
    let mut end = text.len().min(EXCERPT_BYTES_MAX - 40);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
