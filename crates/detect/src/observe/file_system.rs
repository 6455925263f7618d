//! What is observed of a file beside its content: its name and place, its times where a list tells them, and what ASP.NET
//! left of a page when it compiled it.

use std::fmt::Write as _;

use model::Utc;
use model::file::Kind;
use model::listing::{ListedFile, TimeBasis};
use model::observation::{FileState, Trace};

use super::files::FileContent;

/// Compile times outside of these years are no times: some compilers put a hash in their place.
const COMPILED_YEARS: std::ops::Range<i64> = 2002..2100;
/// The longest value that is taken from a trace of compilation.
const VALUE_BYTES_MAX: usize = 1_024;
/// Content of a listed file that is shown as evidence.
const SHOWN_BYTES_MAX: usize = 2_048;

/// How a file is known.
pub(super) fn state(file: &FileContent<'_>) -> FileState {
    match file.listed {
        None => FileState::Read,
        Some(listed) if listed.deleted => FileState::Deleted,
        Some(_) => FileState::Listed,
    }
}

/// The state as rules see it.
pub(super) fn state_word(state: FileState) -> &'static str {
    match state {
        FileState::Read => "read",
        FileState::Listed => "listed",
        FileState::Deleted => "deleted",
    }
}

/// What a listed file is, by its name alone: its content is seldom in the list.
#[must_use]
pub fn listed_kind(path: &str, content: Option<&[u8]>) -> Kind {
    let ending = path.trim_end_matches(['.', ' ']).rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "compiled" => Kind::CompiledPage,
        _ if exchange::is_page_name(path) => Kind::WebFile,
        "dll" | "exe" => Kind::Executable,
        "zip" | "7z" | "rar" | "cab" | "gz" | "tgz" => Kind::Container,
        _ if content.is_some_and(|content| content.starts_with(b"MZ")) => Kind::Executable,
        _ => Kind::Other,
    }
}

/// A listed file as it is shown to a person: what the list says of it, then its content as far as the list holds it.
pub(super) fn shown(listed: &ListedFile) -> Vec<u8> {
    let time = |time: Option<Utc>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let times = &listed.times;
    let mut text = format!("{} ({} bytes", listed.path, listed.size);
    let _ = match times.basis {
        TimeBasis::FileTable => write!(
            text,
            ", {}): created {}, modified {}, record changed {}, name created {}",
            if listed.deleted { "deleted" } else { "in use" },
            time(times.created),
            time(times.modified),
            time(times.changed),
            time(times.named),
        ),
        TimeBasis::Collector => write!(text, "): created {}, modified {}", time(times.created), time(times.modified)),
    };
    let mut shown = text.into_bytes();
    if let Some(content) = listed.content.as_deref().filter(|content| !content.is_empty()) {
        shown.push(b'\n');
        shown.extend_from_slice(content.get(..SHOWN_BYTES_MAX).unwrap_or(content));
    }
    shown
}

/// What ASP.NET left of a page: a `.compiled` file names it, a library says when it was compiled.
pub(super) fn trace(path: &str, name: &str, file: &FileContent<'_>) -> Option<Trace> {
    if !path.contains(r"\temporary asp.net files\") {
        return None;
    }
    match file.kind {
        Kind::CompiledPage => Some(Trace {
            page: value(file.content, b"virtualPath").map(|page| page.to_lowercase()),
            assembly: value(file.content, b"assembly").map(|name| name.to_lowercase()),
            compiled: None,
        }),
        Kind::Executable if name.starts_with("app_web_") => Some(Trace {
            page: None,
            assembly: name.strip_suffix(".dll").map(str::to_owned),
            compiled: compile_time(file.content),
        }),
        _ => None,
    }
}

/// The value of an attribute of the element `preserve`.
fn value(content: &[u8], attribute: &[u8]) -> Option<String> {
    let mark = [b" ", attribute, b"=\""].concat();
    let at = memchr::memmem::find(content, &mark)? + mark.len();
    let rest = content.get(at..)?;
    let end = memchr::memchr(b'"', rest.get(..VALUE_BYTES_MAX).unwrap_or(rest))?;
    Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
}

/// When a Windows library was made, as its header says. ASP.NET's compiler puts the time there.
fn compile_time(content: &[u8]) -> Option<Utc> {
    let number = |at: usize| Some(u32::from_le_bytes(*content.get(at..)?.first_chunk()?));
    let header = usize::try_from(number(0x3C)?).ok()?;
    let is_library = content.starts_with(b"MZ") && content.get(header..)?.starts_with(b"PE\0\0");
    let seconds = number(header.checked_add(8)?).filter(|_| is_library)?;
    let time = Utc(0).plus_secs(i64::from(seconds));
    COMPILED_YEARS.contains(&time.date().0).then_some(time)
}

#[cfg(test)]
mod tests {
    use model::file::Kind;

    use super::{compile_time, listed_kind, value};

    #[test]
    fn reads_what_a_trace_names() {
        let trace = br#"<?xml version="1.0" encoding="utf-8"?>
<preserve resultType="3" virtualPath="/aspnet_client/x.aspx" hash="1a" filehash="2b" flags="110000" assembly="App_Web_q1w2e3" type="ASP.x_aspx">
    <filedeps><filedep name="/aspnet_client/x.aspx" /></filedeps>
</preserve>"#;
        assert_eq!(value(trace, b"virtualPath").as_deref(), Some("/aspnet_client/x.aspx"));
        assert_eq!(value(trace, b"assembly").as_deref(), Some("App_Web_q1w2e3"));
        assert_eq!(value(b"<preserve virtualPath=\"never ends", b"virtualPath"), None);
        assert_eq!(value(b"", b"assembly"), None);
    }

    #[test]
    fn reads_when_a_library_was_compiled() {
        let library = |seconds: u32| {
            let mut bytes = vec![0; 0x100];
            bytes[..2].copy_from_slice(b"MZ");
            bytes[0x3C] = 0x80;
            bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
            bytes[0x88..0x8C].copy_from_slice(&seconds.to_le_bytes());
            bytes
        };
        let told = compile_time(&library(1_614_747_600)).map(|time| time.to_string());
        assert_eq!(told.as_deref(), Some("2021-03-03T05:00:00Z"));
        assert_eq!(compile_time(&library(17)), None, "1970");
        assert_eq!(compile_time(&library(u32::MAX)), None, "a hash");
        let mut beyond = library(1_614_747_600);
        beyond[0x3C..0x40].fill(0xFF);
        assert_eq!(compile_time(&beyond), None);
        assert_eq!(compile_time(b"MZ"), None);
    }

    #[test]
    fn listed_files_are_told_by_name() {
        assert_eq!(listed_kind(r"c:\x.aspx.", None), Kind::WebFile);
        assert_eq!(listed_kind(r"c:\x.aspx.1.compiled", None), Kind::CompiledPage);
        assert_eq!(listed_kind(r"c:\lsass.dmp", None), Kind::Other);
        assert_eq!(listed_kind(r"c:\it.zip", None), Kind::Container);
        assert_eq!(listed_kind(r"c:\x.cmd", Some(b"MZ")), Kind::Executable);
    }
}
