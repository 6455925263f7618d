//! Writes synthetic Exchange evidence with a known story: a sample for newcomers, for tests and for measurements.
//!
//! The same options give the same bytes on every platform. No code is shared with the readers or the rules, so a test
//! that reads what stands here does not test itself. Web shells are inert: they have the shape and no code.

use std::fs;
use std::io;
use std::path::Path;

mod admin;
mod cast;
mod columns;
mod exchange_logs;
mod files;
mod httpproxy;
mod iis;
mod log;
mod plan;
mod probes;
mod proxylogon;
mod proxyshell;
mod random;
mod row;
mod run;
mod scanners;
mod server;
mod shell;
mod time;
mod traffic;
mod transport;
mod windows;

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The story.
    pub scenario: Scenario,
    /// Days of evidence. Never fewer than the story and its verdict need.
    pub days: u32,
    /// Approximate bytes of all logs; `None` for [`Scenario::default_bytes`]. More bytes mean more ordinary traffic;
    /// the story stays as it is. Probes and the story need a few hundred kilobytes a week at least.
    pub size: Option<u64>,
    /// Another seed gives other names, addresses and moments.
    pub seed: u64,
    /// Servers, from `EXC01` on, at least 1. The story happens on the first; the others are its quiet neighbours.
    pub servers: u32,
}

impl Options {
    /// The defaults of a scenario.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, days: scenario.default_days(), size: None, seed: 1, servers: 1 }
    }
}

/// The stories that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// ProxyLogon two days before the update, web shell and commands, nothing after the update.
    CompromisedBeforePatch,
    /// The same, and the web shell is used on after the update.
    ActiveAfterPatch,
    /// Scans and failed chains, logs back to before the first known use.
    TargetedOnly,
    /// Nothing, logs back to before the first known use.
    QuietCovered,
    /// Nothing, but the logs begin hours before the update.
    QuietUncovered,
    /// Mail is read through the hole, no file is left.
    MailTheft,
    /// ProxyLogon, then the intruder removes the shell, a day of IIS logs and the stored script.
    CleanedUp,
    /// ProxyShell in August 2021 on a server that stopped at the update of March.
    ProxyShell,
}

impl Scenario {
    /// All of them.
    #[must_use]
    pub fn all() -> [Self; 8] {
        [
            Self::CompromisedBeforePatch,
            Self::ActiveAfterPatch,
            Self::TargetedOnly,
            Self::QuietCovered,
            Self::QuietUncovered,
            Self::MailTheft,
            Self::CleanedUp,
            Self::ProxyShell,
        ]
    }

    /// `compromised-before-patch`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CompromisedBeforePatch => "compromised-before-patch",
            Self::ActiveAfterPatch => "active-after-patch",
            Self::TargetedOnly => "targeted-only",
            Self::QuietCovered => "quiet-covered",
            Self::QuietUncovered => "quiet-uncovered",
            Self::MailTheft => "mail-theft",
            Self::CleanedUp => "cleaned-up",
            Self::ProxyShell => "proxyshell",
        }
    }

    /// The scenario of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|scenario| scenario.name() == name)
    }

    /// One sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::CompromisedBeforePatch => {
                "ProxyLogon on 3 March 2021, web shells and commands, update on 5 March, nothing after it"
            }
            Self::ActiveAfterPatch => {
                "ProxyLogon on 3 March 2021, and the web shells are used for days after the update of 5 March"
            }
            Self::TargetedOnly => "scans and failed ProxyLogon chains; logs reach back to before the first known use",
            Self::QuietCovered => "no attack; logs reach back to before the first known use of ProxyLogon",
            Self::QuietUncovered => "no attack in the logs, which begin four hours before the update",
            Self::MailTheft => "three mailboxes are read through ProxyLogon in late February 2021; no file is left",
            Self::CleanedUp => {
                "ProxyLogon, then the web shell, a day of IIS logs and the stored script are removed by the intruder"
            }
            Self::ProxyShell => "ProxyShell on 13 August 2021, a web shell by mailbox export, updated on 21 August",
        }
    }

    /// The verdict that the evidence supports, in the words of an assessment.
    #[must_use]
    pub fn expected_verdict(self) -> &'static str {
        match self {
            Self::ActiveAfterPatch => "active",
            Self::CompromisedBeforePatch | Self::MailTheft | Self::CleanedUp | Self::ProxyShell => "compromised",
            Self::TargetedOnly => "targeted",
            Self::QuietCovered => "no-evidence",
            Self::QuietUncovered => "cannot-tell",
        }
    }

    /// Days of evidence: three weeks, or as many as reach back to before the first known use.
    #[must_use]
    pub fn default_days(self) -> u32 {
        match self {
            Self::TargetedOnly | Self::QuietCovered => 70,
            Self::QuietUncovered => 9,
            _ => 21,
        }
    }

    /// Bytes of logs for so many days, when no size is asked for.
    #[must_use]
    pub fn default_bytes(self, days: u32) -> u64 {
        let per_day = match self {
            Self::TargetedOnly | Self::QuietCovered => 175_000,
            _ => 430_000,
        };
        u64::from(days) * per_day
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// The server of the story.
    pub server: String,
    /// What happened, one line a step, in time order.
    pub story: Vec<String>,
    /// [`Scenario::expected_verdict`].
    pub expected_verdict: &'static str,
}

/// Writes the evidence into `out`, which is created, or is an empty directory.
///
/// # Errors
/// `AlreadyExists` when `out` holds anything; `InvalidInput` for no servers; whatever the file system reports.
pub fn write(options: &Options, out: &Path) -> io::Result<Summary> {
    if options.servers == 0 || options.days == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "at least one server and one day are needed"));
    }
    prepare(out)?;
    let mut summary = Summary {
        files: 0,
        bytes: 0,
        server: run::server_name(0),
        story: Vec::new(),
        expected_verdict: options.scenario.expected_verdict(),
    };
    for index in 0..options.servers {
        let written = run::write_server(options, index, out)?;
        summary.files += written.files;
        summary.bytes += written.bytes;
        if index == 0 {
            summary.story = written.story;
        }
    }
    Ok(summary)
}

/// Refuses a directory that holds anything: evidence is never mixed with other evidence.
fn prepare(out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    // The only way to learn whether a directory is empty; nothing in it is opened.
    #[expect(clippy::disallowed_methods, reason = "looks whether our own output directory is empty, reads no evidence")]
    let mut entries = fs::read_dir(out)?;
    if entries.next().is_some() {
        let message =
            format!("`{}` is not empty: samples are written into a new or empty directory only", out.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
