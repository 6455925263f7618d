//! `manifest.jsonl`: the chain of custody, a line per input.
//!
//! Each line carries, as `previous`, the SHA-256 of the line before it (its bytes without the line feed; 64 zeros in
//! the first). A line that is altered, added, removed or moved breaks the chain behind it; the last line is held by the
//! [`Chain::head`], which the report prints and which belongs into somebody's notes.

use std::io;

use model::Utc;
pub use model::assessment::ManifestChain as Chain;
use model::file::{Claimed, Claims, FileRecord, Kind, Outcome, RejectCount};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::json;

/// `previous` of the first line.
pub const NO_LINE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why a manifest cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BrokenChain {
    /// Not a JSON object with `previous`.
    #[error("line {line} of the manifest is not a manifest line")]
    NotALine {
        /// From 1.
        line: u64,
    },
    /// The line before is not the one that was written.
    #[error("line {line} of the manifest expects {expected} before it and finds {found}")]
    Altered {
        /// From 1.
        line: u64,
        /// What the line says.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The last line does not end: something was cut off.
    #[error("the manifest does not end with a line feed after line {line}")]
    Cut {
        /// From 1.
        line: u64,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    size: u64,
    sha256: Option<&'a str>,
    kind: Kind,
    source: Option<&'a str>,
    server: Option<&'a str>,
    records: u64,
    rejected: u64,
    headers: u64,
    blanks: u64,
    lines: u64,
    first: Option<Utc>,
    last: Option<Utc>,
    outcome: &'a Outcome,
    clock_shift_secs: i64,
    reasons: &'a [RejectCount],
    #[serde(skip_serializing_if = "Option::is_none")]
    same_as: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<&'a Claimed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Claims>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    previous: &'a str,
}

/// What a line of a manifest says of its input, as far as the input can be compared with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// As in the evidence.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex; `None` where the file could not be read.
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    previous: String,
}

/// Writes the manifest and returns its chain.
///
/// # Errors
/// Whatever the writer says.
pub fn write(files: &[FileRecord], mut out: impl io::Write) -> io::Result<Chain> {
    let mut head = NO_LINE_BEFORE.to_owned();
    for file in files {
        let line = line(file, &head);
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        head = sha256_hex(line.as_bytes());
    }
    Ok(Chain { lines: files.len() as u64, head })
}

/// The chain of a manifest that is not written.
#[must_use]
pub fn chain(files: &[FileRecord]) -> Chain {
    write(files, io::sink()).expect("a sink takes everything")
}

/// Follows the chain of a manifest.
///
/// # Errors
/// The first place where the chain is broken.
pub fn verify(manifest: &[u8]) -> Result<Chain, BrokenChain> {
    let mut chain = Chain { lines: 0, head: NO_LINE_BEFORE.to_owned() };
    for line in manifest.split_inclusive(|byte| *byte == b'\n') {
        let number = chain.lines + 1;
        let line = line.strip_suffix(b"\n").ok_or(BrokenChain::Cut { line: number })?;
        let link: Link = serde_json::from_slice(line).map_err(|_| BrokenChain::NotALine { line: number })?;
        if link.previous != chain.head {
            return Err(BrokenChain::Altered { line: number, expected: link.previous, found: chain.head });
        }
        chain = Chain { lines: number, head: sha256_hex(line) };
    }
    Ok(chain)
}

/// The entries of a manifest, whether or not its chain holds; what is no line of a manifest is passed over, which
/// [`verify`] says.
#[must_use]
pub fn entries(manifest: &[u8]) -> Vec<Entry> {
    manifest.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn line(file: &FileRecord, previous: &str) -> String {
    json::line(&Line {
        path: &file.path,
        size: file.size,
        sha256: file.sha256.as_deref(),
        kind: file.kind,
        source: file.source.as_deref(),
        server: file.server.as_deref(),
        records: file.records,
        rejected: file.rejected,
        headers: file.headers,
        blanks: file.blanks,
        lines: file.lines,
        first: file.first,
        last: file.last,
        outcome: &file.outcome,
        clock_shift_secs: file.clock_shift_secs,
        reasons: &file.reasons,
        same_as: file.same_as.as_deref(),
        claimed: file.claimed.as_ref(),
        claims: file.claims,
        notes: &file.notes,
        previous,
    })
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{BrokenChain, NO_LINE_BEFORE, chain, verify, write};
    use crate::samples;

    fn manifest() -> Vec<u8> {
        let mut out = Vec::new();
        write(&samples::compromised().1, &mut out).expect("memory takes everything");
        out
    }

    #[test]
    fn a_written_manifest_verifies() {
        let (_, files) = samples::compromised();
        let verified = verify(&manifest()).expect("unbroken");
        assert_eq!(verified, chain(&files));
        assert_eq!(verified.lines, files.len() as u64);
    }

    #[test]
    fn the_first_line_has_nothing_before_it() {
        let text = String::from_utf8(manifest()).expect("UTF-8");
        let first = text.lines().next().expect("a line");
        assert!(first.ends_with(&format!("\"previous\":\"{NO_LINE_BEFORE}\"}}")), "{first}");
        assert_eq!(verify(b"").expect("empty").head, NO_LINE_BEFORE);
    }

    #[test]
    fn entries_are_those_of_the_files() {
        let (_, files) = samples::compromised();
        let expected = files.iter().map(|file| (file.path.as_str(), file.size, file.sha256.as_deref()));
        let entries = super::entries(&manifest());
        let read = entries.iter().map(|entry| (entry.path.as_str(), entry.size, entry.sha256.as_deref()));
        assert!(read.eq(expected));
        assert!(super::entries(b"{\"path\":1}\nnot json\n").is_empty());
    }

    #[test]
    fn what_a_collector_wrote_down_stands_in_the_line() {
        let text = String::from_utf8(manifest()).expect("UTF-8");
        let claimed = text.lines().filter(|line| line.contains("\"claimed\":{\"sha1\":")).count();
        assert!(claimed > 0 && claimed < text.lines().count());
    }

    #[test]
    fn hostile_names_stay_on_their_line() {
        let (_, files) = samples::hostile();
        let mut out = Vec::new();
        write(&files, &mut out).expect("memory takes everything");
        assert_eq!(verify(&out).expect("unbroken").lines, files.len() as u64);
    }

    #[test]
    fn every_altered_byte_before_the_last_line_is_noticed() {
        let good = manifest();
        let last_line = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("two lines");
        for place in (0..last_line).step_by(997) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert!(verify(&bad).is_err(), "byte {place}");
        }
    }

    #[test]
    fn an_altered_last_line_changes_the_head() {
        let good = manifest();
        let mut bad = good.clone();
        let place = bad.len() - 120;
        bad[place] = if bad[place] == b'1' { b'2' } else { b'1' };
        assert_ne!(verify(&bad).ok().map(|chain| chain.head), verify(&good).ok().map(|chain| chain.head));
    }

    #[test]
    fn removed_moved_and_cut_lines_are_noticed() {
        let good = manifest();
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        assert!(matches!(verify(&lines[1..].concat()), Err(BrokenChain::Altered { line: 1, .. })));
        let moved = [lines[1], lines[0]].concat();
        assert!(matches!(verify(&moved), Err(BrokenChain::Altered { line: 1, .. })));
        assert!(matches!(verify(&good[..good.len() - 1]), Err(BrokenChain::Cut { .. })));
        assert!(matches!(verify(b"not json\n"), Err(BrokenChain::NotALine { line: 1 })));
    }
}
