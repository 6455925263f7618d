//! `custody.json`: the size and SHA-256 of every file of a report, so that a change of any of them shows.
//!
//! It is written last and holds no time: the same evidence and packs give the same bytes. It cannot hold its own hash;
//! that belongs into a signature or somebody's notes. As it names the manifest, and the manifest all evidence, one hash
//! stands for everything.

use model::assessment::{Assessment, ManifestChain};
use serde::{Deserialize, Serialize};

use crate::json;

/// Name of the file.
pub const CUSTODY: &str = "custody.json";
/// What it calls itself.
pub const SCHEMA: &str = "afterpatch.custody/1";
/// The most files that are named. A report has a handful.
pub const FILES_MAX: usize = 1_000;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custody {
    /// [`SCHEMA`].
    pub schema: String,
    /// Who wrote the report.
    pub afterpatch: Writer,
    /// The run was interrupted.
    pub incomplete: bool,
    /// The chain of the manifest.
    pub manifest: ManifestChain,
    /// The other files of the report, by name.
    pub files: Vec<Written>,
}

/// The program and what it knew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Version of afterpatch.
    pub version: String,
    /// Packs that ran.
    pub packs: Vec<Pack>,
}

/// One pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// `proxylogon`.
    pub id: String,
    /// Version.
    pub version: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// One file of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its name in the folder of the report.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Why a file is no `custody.json`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCustody {
    /// Not the JSON that is written.
    #[error("is not what afterpatch writes: {0}")]
    NotJson(String),
    /// Of another kind or a later version.
    #[error("is of the kind `{0}`, which this version does not know")]
    Schema(String),
    /// A name that leads out of the folder, stands twice or is its own.
    #[error("names `{0}`, which is no file of a report")]
    Name(String),
    /// More than [`FILES_MAX`].
    #[error("names {0} files, more than any report has")]
    TooMany(usize),
}

/// The text of `custody.json` for the files that were written.
#[must_use]
pub fn text(assessment: &Assessment, mut files: Vec<Written>) -> String {
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let program = &assessment.afterpatch;
    let packs = program.packs.iter().map(|pack| Pack {
        id: pack.id.clone(),
        version: pack.version.clone(),
        sha256: pack.sha256.clone(),
    });
    json::pretty(&Custody {
        schema: SCHEMA.to_owned(),
        afterpatch: Writer { version: program.version.clone(), packs: packs.collect() },
        incomplete: assessment.incomplete,
        manifest: assessment.custody.manifest.clone(),
        files,
    })
}

/// Reads a `custody.json`, which may have been altered by anybody: every name in it is one of a file beside it.
///
/// # Errors
/// When it is none.
pub fn read(text: &[u8]) -> Result<Custody, NotCustody> {
    let custody: Custody = serde_json::from_slice(text).map_err(|error| NotCustody::NotJson(error.to_string()))?;
    if custody.schema != SCHEMA {
        return Err(NotCustody::Schema(custody.schema));
    }
    if custody.files.len() > FILES_MAX {
        return Err(NotCustody::TooMany(custody.files.len()));
    }
    let mut before = "";
    for file in &custody.files {
        // They are written in order, so a name that stands twice stands behind itself.
        if !is_name(&file.name) || file.name.as_str() <= before {
            return Err(NotCustody::Name(file.name.clone()));
        }
        before = &file.name;
    }
    Ok(custody)
}

/// A name that we give: small letters, digits, dashes and points, none of them first or twice in a row.
fn is_name(name: &str) -> bool {
    let is_ours = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !name.is_empty()
        && name.len() <= 64
        && name.chars().all(is_ours)
        && !name.starts_with(['-', '.'])
        && !name.contains("..")
        && name != CUSTODY
}

#[cfg(test)]
mod tests {
    use super::{NotCustody, Written, read, text};
    use crate::samples;

    fn written(names: &[&str]) -> String {
        let files = names.iter().map(|name| Written { name: (*name).to_owned(), size: 1, sha256: "a".repeat(64) });
        text(&samples::compromised().0, files.collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let text = written(&["report.html", "assessment.json"]);
        let custody = read(text.as_bytes()).expect("ours");
        let names: Vec<&str> = custody.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["assessment.json", "report.html"]);
        assert_eq!(custody.manifest.lines, 260);
        assert_eq!(custody.afterpatch.packs.len(), 2);
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn names_stay_in_the_folder() {
        for name in
            ["../x", "/etc/passwd", "a/b", r"a\b", "", ".", "..", "a..b", ".x", "C:x", "custody.json", "x\u{1b}"]
        {
            let read = read(written(&[name]).as_bytes());
            assert_eq!(read, Err(NotCustody::Name(name.to_owned())));
        }
        assert!(matches!(read(written(&["a", "a"]).as_bytes()), Err(NotCustody::Name(_))));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(matches!(read(b"{}"), Err(NotCustody::NotJson(_))));
        assert!(matches!(read(&[0xFF; 20]), Err(NotCustody::NotJson(_))));
        let other = written(&[]).replace("custody/1", "custody/9");
        assert_eq!(read(other.as_bytes()), Err(NotCustody::Schema("afterpatch.custody/9".to_owned())));
        let many: Vec<String> = (0..2_000).map(|number| format!("f{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(written(&many).as_bytes()), Err(NotCustody::TooMany(2_000)));
    }
}
