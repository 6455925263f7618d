//! What a file of the evidence is, and the line of the manifest that accounts for it.

use serde::{Deserialize, Serialize};

use crate::Utc;

/// What a file is, by its content first and its path second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A log that describes itself by `#Fields` or by a header row: IIS W3C, HTTPERR and all Exchange logs.
    DelimitedLog,
    /// The comma-separated IIS format without any header.
    IisNative,
    /// ExchangeSetup.log.
    ExchangeSetup,
    /// Windows events, one JSON object a line.
    WindowsEventsJson,
    /// A Windows event log.
    Evtx,
    /// Output of Microsoft's Test-ProxyLogon script.
    TestProxyLogon,
    /// A text log of Microsoft's antivirus: of Defender, or of its tools that scan and remove.
    AntivirusLog,
    /// A registry hive; what is asked for is read.
    RegistryHive,
    /// A page, handler or script of a web folder.
    WebFile,
    /// A trace of compilation under `Temporary ASP.NET Files`.
    CompiledPage,
    /// applicationHost.config, web.config, agents.config.
    Configuration,
    /// A scheduled task, as Windows keeps or exports it.
    ScheduledTask,
    /// A Windows error report.
    ErrorReport,
    /// An export of directory objects or virtual directories.
    DirectoryExport,
    /// A Windows executable; only its version is read.
    Executable,
    /// The table of files of an NTFS volume: `$MFT`.
    FileTable,
    /// What a collector wrote down of the files it copied.
    FileList,
    /// Present and hashed, not read further: its name can still tell.
    Other,
    /// An archive, whose members are inputs of their own, or an image, which is not looked into.
    Container,
}

/// How reading of a file ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// To its end.
    Complete,
    /// Could not be opened or read; the reason is the operating system's.
    Unreadable(String),
    /// It was listed, and was gone or held back when it was to be read: an antivirus program does that.
    Vanished,
    /// A link, device, pipe or socket, never followed.
    NotRegular,
    /// It cannot be read without a password or key: which scheme, and what to do.
    Encrypted(String),
    /// A budget ended its reading, or kept it from being read at all: which.
    LimitReached(String),
    /// The run was interrupted before its end.
    Interrupted,
}

/// Everything the manifest says about one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// As in the evidence, joined through containers with `!`, relative to its root.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex; `None` when it could not be read.
    pub sha256: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// `httpproxy/Ecp`, where it is a log.
    pub source: Option<String>,
    /// Whose it is.
    pub server: Option<String>,
    /// Events read.
    pub records: u64,
    /// Lines or records that could not be read.
    pub rejected: u64,
    /// `#` lines and header rows.
    pub headers: u64,
    /// Empty lines.
    pub blanks: u64,
    /// Physical lines of a text file: the sum of the four above.
    pub lines: u64,
    /// First and last event.
    pub first: Option<Utc>,
    /// Last event.
    pub last: Option<Utc>,
    /// Rejects by reason, most frequent first, in words.
    pub reasons: Vec<RejectCount>,
    /// Seconds by which its time stamps were corrected, where the records showed that they are not UTC.
    pub clock_shift_secs: i64,
    /// How reading ended.
    pub outcome: Outcome,
    /// Another file with the same content, which counts instead of this one.
    pub same_as: Option<String>,
    /// What is odd about it and did not keep it from being read: a name that stands twice in its archive, and the like.
    pub notes: Vec<String>,
    /// What a collector wrote down of it, where a list in the evidence names it with a hash. Known when all is read, so it
    /// does not travel between processes.
    #[serde(skip)]
    pub claimed: Option<Claimed>,
    /// Where the file is such a list: what became of its claims.
    #[serde(skip)]
    pub claims: Option<Claims>,
}

/// The hash that a collector wrote down when it copied a file, against the one that the file has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Lower-case hex. Of these three the strongest that the collector wrote down, and only that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// Lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// Bytes, as the collector wrote them down.
    pub size: Option<u64>,
    /// Path of the list.
    pub by: String,
    /// Its line.
    pub record: u64,
    /// The hash of the same kind that the file has.
    pub found: String,
    /// They are the same.
    pub fits: bool,
}

/// What became of the hashes in a collector's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Lines with a hash.
    pub made: u64,
    /// Files that were compared.
    pub compared: u64,
    /// Lines about files that are not in the evidence, or not at their place.
    pub absent: u64,
    /// Lines that could not be compared: the file is there and has no hash, or several files stand for its path.
    pub open: u64,
}

impl Claimed {
    /// The kind of the hash and what the collector wrote down.
    #[must_use]
    pub fn hash(&self) -> (&'static str, &str) {
        let all = [("SHA-256", &self.sha256), ("SHA-1", &self.sha1), ("MD5", &self.md5)];
        all.into_iter().find_map(|(kind, hash)| Some((kind, hash.as_deref()?))).unwrap_or_default()
    }
}

/// One reason for rejects in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectCount {
    /// In words.
    pub reason: String,
    /// How many lines.
    pub count: u64,
    /// The first of them: line or record id.
    pub first_record: u64,
    /// Its byte offset.
    pub first_offset: u64,
}
