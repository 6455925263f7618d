//! The options of `survey notify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Write one list and one letter per owner or constituency of open servers
#[derive(Debug, Args)]
pub struct SurveyNotifyOptions {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,
    /// Number of the run [default: the last one]
    #[arg(long, value_name = "ID")]
    pub run: Option<i64>,
    /// Folder for the lists
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-notify")]
    pub output: PathBuf,
    /// What makes a constituency
    #[arg(long, value_enum, default_value_t = NotifyBy::Asn)]
    pub by: NotifyBy,
    /// CSV list: prefix, AS number, country or domain, then a mail address
    #[arg(long, value_name = "FILE")]
    pub contacts: Option<PathBuf>,
    /// Folder with files of RFC 9116, each named by its host, such as mail.example.org.txt
    #[arg(long, value_name = "DIR")]
    pub security_txt_dir: Option<PathBuf>,
    /// Folder with answers of RDAP in JSON, whose abuse contacts are used where nothing nearer is known
    #[arg(long, value_name = "DIR")]
    pub rdap: Option<PathBuf>,
    /// CSV list: prefix, then the name of a constituency; for `--by list`
    #[arg(long, value_name = "FILE")]
    pub constituencies: Option<PathBuf>,
}

/// What makes a constituency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NotifyBy {
    Asn,
    Country,
    Contact,
    List,
}
