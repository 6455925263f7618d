//! What to collect from a server: the rows of the table of sources, and a recipe made of some of them.
//!
//! Everything in a [`Recipe`] is ours or of a checked form: text of evidence cannot get into it, because a recipe becomes
//! commands.

use serde::{Serialize, Serializer};

use crate::Utc;

/// What a folder of the table hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// `%ExchangeInstallPath%`.
    Exchange,
    /// The folder in which IIS has a folder per site.
    IisLogs,
    /// `%SystemRoot%`.
    SystemRoot,
    /// `%ProgramData%`.
    ProgramData,
    /// `%SystemDrive%\`.
    SystemDrive,
    /// The root of each volume.
    Volumes,
    /// No fixed place.
    None,
}

impl Root {
    /// The folder on a server with default paths, with a backslash at its end.
    #[must_use]
    pub fn usual(self) -> &'static str {
        match self {
            Self::Exchange => r"C:\Program Files\Microsoft\Exchange Server\V15\",
            Self::IisLogs => r"C:\inetpub\logs\LogFiles\",
            Self::SystemRoot => r"C:\Windows\",
            Self::ProgramData => r"C:\ProgramData\",
            Self::SystemDrive | Self::Volumes => r"C:\",
            Self::None => "",
        }
    }

    /// As people write it, so that it also fits a server with other paths.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Exchange => "%ExchangeInstallPath%",
            Self::SystemRoot => r"%SystemRoot%\",
            other => other.usual(),
        }
    }
}

/// What of a row is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// The files.
    Content,
    /// Only a list of the files: their content is too much, or nobody's business.
    Names,
    /// Nothing that lies in a fixed place: somebody has to fetch it.
    ByHand,
    /// Read where it is at hand, and never asked for.
    NotAsked,
}

/// How a file can be copied from a running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copying {
    /// Like any file.
    Free,
    /// Windows writes on while it is copied.
    Open,
    /// Windows holds it: from the raw volume, or a shadow copy.
    Raw,
}

/// From when on files are taken, by the time of their last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// All of them.
    Ever,
    /// So many days back, counted when the recipe is run.
    Days(u32),
    /// From this time on.
    From(Utc),
}

/// A folder of Windows, of a form that no shell takes for anything else: a drive, and names of ASCII letters, digits,
/// blanks and `_ - . ( )`. Ends with a backslash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowsFolder(String);

/// Longer paths Windows does not take by default.
const FOLDER_CHARS_MAX: usize = 240;

impl WindowsFolder {
    /// `None` where the text is no such folder.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('\\');
        let (drive, below) = text.split_once(':')?;
        let is_drive = matches!(drive.as_bytes(), [letter] if letter.is_ascii_alphabetic());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _-.()".contains(&byte);
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(is_plain)
                && !name.starts_with([' ', '-'])
                && !name.ends_with(['.', ' '])
        };
        let names_fit = below.is_empty() || below.strip_prefix('\\').is_some_and(|rest| rest.split('\\').all(is_name));
        (is_drive && names_fit && text.len() <= FOLDER_CHARS_MAX)
            .then(|| Self(format!("{}:{below}\\", drive.to_ascii_uppercase())))
    }

    /// With a backslash at its end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Serialize for WindowsFolder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The name of a computer, of a form that no shell takes for anything else: ASCII letters, digits, `-`, `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputerName(String);

impl ComputerName {
    /// `None` where the text is no such name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (1..=63).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('-');
        fits.then(|| Self(text.to_ascii_uppercase()))
    }

    /// Upper case.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Serialize for ComputerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What to collect, the most perishable and most telling first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// [`Recipe::SCHEMA`].
    pub schema: &'static str,
    /// Who says it.
    pub afterpatch: Maker,
    /// Where Exchange stands, if it was said.
    pub exchange_path: Option<WindowsFolder>,
    /// Where IIS has its logs, if it was said.
    pub iis_logs: Option<WindowsFolder>,
    /// What an assessment asks for, server by server; empty where everything is asked for.
    pub servers: Vec<ServerRecipe>,
    /// What to collect, over all servers.
    pub rows: Vec<Row>,
}

impl Recipe {
    /// The schema of the JSON form.
    pub const SCHEMA: &'static str = "afterpatch.collect/1";

    /// The folder of a row as it stands on a server, with the paths that were said.
    #[must_use]
    pub fn folder(&self, row: &Row) -> String {
        let said = match row.root {
            Root::Exchange => self.exchange_path.as_ref(),
            Root::IisLogs => self.iis_logs.as_ref(),
            _ => None,
        };
        format!("{}{}", said.map_or(row.root.usual(), WindowsFolder::text), row.folder)
    }

    /// The rows of which something is copied or listed.
    pub fn taken(&self, take: Take) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.take == take)
    }
}

/// The program and its table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Maker {
    /// Version of afterpatch.
    pub version: String,
}

/// What one server is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerRecipe {
    /// Its name; `None` where the assessment has a name that no computer has.
    pub server: Option<ComputerName>,
    /// Its number in the assessment, from 1.
    pub number: usize,
    /// What to collect.
    pub rows: Vec<Row>,
}

/// One line of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Of the table.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What its folder hangs on.
    pub root: Root,
    /// Below the root, without a backslash at either end; may be empty.
    pub folder: String,
    /// Names of files, with `*`.
    pub masks: Vec<&'static str>,
    /// Folders below it that are looked into; `None`: all.
    pub depth: Option<u32>,
    /// What is taken.
    pub take: Take,
    /// How.
    pub copying: Copying,
    /// From when on.
    pub since: Since,
    /// Until when, where an assessment says so; what came later does no harm.
    pub until: Option<Utc>,
    /// How long the server keeps it, in words.
    pub kept: String,
    /// The questions it answers, by the keys of the assessment.
    pub answers: Vec<&'static str>,
    /// What it shows.
    pub why: &'static str,
    /// What in it is nobody else's business.
    pub sensitive: &'static str,
}

#[cfg(test)]
mod tests {
    use super::{ComputerName, WindowsFolder};

    #[test]
    fn only_plain_folders_are_folders() {
        let text = |text: &str| WindowsFolder::new(text).map(|folder| folder.text().to_owned());
        assert_eq!(text(r"d:\Exchange Server\V15").as_deref(), Some(r"D:\Exchange Server\V15\"));
        assert_eq!(text(r"E:\").as_deref(), Some(r"E:\"));
        for bad in [
            "",
            "C",
            r"\\server\share",
            r"C:\a\..\b",
            r"C:\a\\b",
            "C:relative",
            "C:/x",
            r"C:\%TEMP%",
            r"C:\$(x)",
            r"C:\a`b",
            "C:\\a\nb",
            r"C:\a'b",
            "C:\\a\"b",
            r"C:\a;b",
            r"C:\a&b",
            r"C:\a]]b",
            r"C:\ü",
            r"1:\x",
            r"C:\ x",
            r"C:\-x",
        ] {
            assert_eq!(text(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_plain_names_are_names() {
        assert_eq!(ComputerName::new("exc-01").unwrap().text(), "EXC-01");
        for bad in ["", "-x", "a b", "a.b", "\"; rm -rf", "$(x)", "a\nb", "]]", "ü", &"a".repeat(64)] {
            assert_eq!(ComputerName::new(bad), None, "{bad:?}");
        }
    }
}
