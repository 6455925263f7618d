//! What a page of a web folder does, as its own code says it.

use serde::{Deserialize, Serialize};

/// The language of the server's side of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// C#.
    CSharp,
    /// Visual Basic .NET.
    VisualBasic,
    /// JScript.NET, and the JScript of classic ASP.
    JScript,
    /// VBScript of classic ASP.
    VbScript,
}

impl Language {
    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CSharp => "C#",
            Self::VisualBasic => "Visual Basic",
            Self::JScript => "JScript",
            Self::VbScript => "VBScript",
        }
    }
}

/// What a page can do for whoever asks for it, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Runs code that it is sent.
    Evaluate,
    /// Starts programs.
    Process,
    /// Loads libraries or objects that it is sent.
    Load,
    /// Writes files wherever it is told.
    Write,
    /// Deletes or moves files wherever it is told.
    Delete,
    /// Hands out any file.
    Read,
    /// Lists any folder.
    List,
    /// Opens any database and runs what it is told.
    Database,
    /// Connects to wherever it is told.
    Network,
    /// Keeps or passes on passwords of those who log on.
    Password,
    /// Reads or changes accounts, the registry or settings of the server.
    System,
    /// Runs code or a program that it carries itself.
    Carried,
}

impl Ability {
    /// The word of rules.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Process => "process",
            Self::Load => "load",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::List => "list",
            Self::Database => "database",
            Self::Network => "network",
            Self::Password => "password",
            Self::System => "system",
            Self::Carried => "carried",
        }
    }

    /// A sentence's predicate: `runs code that it is sent`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Evaluate => "runs code that it is sent",
            Self::Process => "starts programs on request",
            Self::Load => "loads libraries or objects that it is sent",
            Self::Write => "writes files wherever it is told",
            Self::Delete => "deletes or moves files wherever it is told",
            Self::Read => "hands out any file",
            Self::List => "lists any folder",
            Self::Database => "opens any database and runs what it is told",
            Self::Network => "connects to wherever it is told",
            Self::Password => "keeps or passes on passwords",
            Self::System => "reads or changes the registry, accounts or settings of the server",
            Self::Carried => "runs code that it carries in disguise",
        }
    }
}

/// What is to be thought of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Nothing in it speaks against it.
    #[default]
    Nothing,
    /// Somebody should look at it.
    Look,
    /// A web shell.
    Shell,
}

impl Judgement {
    /// The word of reports and rules.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Look => "look",
            Self::Shell => "shell",
        }
    }
}

/// What the code of a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Languages of its server's side, in the order in which they come.
    pub languages: Vec<Language>,
    /// What is to be thought of it.
    pub judgement: Judgement,
    /// Why, in one sentence; empty for [`Judgement::Nothing`].
    pub because: String,
    /// Ways from what is sent to what is done, the worst first.
    pub flows: Vec<Flow>,
    /// Code that stood in disguise, as it reads without.
    pub layers: Vec<Layer>,
    /// What was not looked at, in words.
    pub cut_off: Vec<String>,
}

/// A way from what is sent to what is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// What is done.
    pub ability: Ability,
    /// What is sent: ``form field `cmd` ``.
    pub source: String,
    /// By what it is done: `Process.Start`.
    pub sink: String,
    /// The lines on the way, from the source to the sink.
    pub steps: Vec<Step>,
}

/// A line of code on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Of which layer; 0 is the page as it lies on the disk.
    pub layer: u16,
    /// Line in this layer, from 1.
    pub line: u32,
    /// The line, shortened.
    pub text: String,
}

/// Code that stood in disguise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its number, from 1.
    pub number: u16,
    /// The layer and line in which it is undone.
    pub layer: u16,
    /// Line there.
    pub line: u32,
    /// What runs it, or what it was hidden in: `Execute`, `VBScript.Encode`.
    pub by: String,
    /// As it reads, shortened.
    pub text: String,
}
