//! What a file of the evidence is, and the line of the manifest that accounts for it.

use serde::{Deserialize, Serialize};

use crate::Utc;

/// What a file is, by its content first and its path second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// What is odd about it and did not keep it from being read: a name that stands twice in its archive, and the like.
    pub notes: Vec<String>,
}

/// One reason for rejects in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
