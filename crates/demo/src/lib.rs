//! Writes synthetic Exchange evidence with a known story: a sample for newcomers, for tests and for measurements.
//!
//! The same options give the same bytes on every platform. No code is shared with the readers or the rules, so a test
//! that reads what stands here does not test itself. Web shells are inert: they have the shape and no code.

use std::fs;
use std::io;
use std::path::Path;

mod admin;
mod campaigns;
mod cast;
mod columns;
mod configuration;
mod detour;
mod exchange_logs;
pub mod file_table;
mod files;
pub mod hive;
mod httpproxy;
mod iis;
mod log;
mod management_shell;
mod plan;
mod probes;
mod random;
mod ransom;
mod row;
mod run;
mod scanners;
mod server;
mod setting;
mod shell;
mod sign_in;
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
    /// ProxyLogon, then antivirus deletes the web shells; a service, a task and an account stay.
    LeftInRegistry,
    /// ProxyShell in August 2021 on a server that stopped at the update of March.
    ProxyShell,
    /// ProxyNotShell in September 2022 with a stolen password.
    ProxyNotShell,
    /// OWASSRF in December 2022 behind the mitigation for ProxyNotShell.
    Owassrf,
    /// ProxyToken in August 2021: inbox rules that forward mail.
    ProxyToken,
    /// CVE-2020-0688 in March 2020 with a stolen password.
    StaticViewStateKey,
    /// CVE-2021-42321 in November 2021 with a stolen password.
    GetAppDeserialization,
    /// Probes for the holes of April 2021, answered by nothing.
    CalendarProbe,
    /// ProxyLogon, then DearCry encrypts.
    Dearcry,
    /// ProxyLogon after the public exploit, then Black Kingdom encrypts.
    BlackKingdom,
    /// The logon page stores passwords in a file that is fetched from outside.
    OwaKeylogger,
    /// Pages that no file has, from a module in memory.
    Ghostcontainer,
    /// A module of the web server that steals logons.
    IisModule,
    /// A transport agent that reads mail.
    TransportAgent,
    /// SUNBURST on the monitoring host, mailboxes exported with an administrator's account.
    SunburstApart,
    /// Password spraying, then one account is emptied; no hole is used.
    StolenPassword,
}

impl Scenario {
    /// How many there are.
    pub const COUNT: usize = 23;

    /// All of them: ProxyLogon and ProxyShell, other ways in, what is done once inside, and what is mistaken for either.
    #[must_use]
    pub fn all() -> [Self; Self::COUNT] {
        [
            Self::CompromisedBeforePatch,
            Self::ActiveAfterPatch,
            Self::TargetedOnly,
            Self::QuietCovered,
            Self::QuietUncovered,
            Self::MailTheft,
            Self::CleanedUp,
            Self::LeftInRegistry,
            Self::ProxyShell,
            Self::ProxyNotShell,
            Self::Owassrf,
            Self::ProxyToken,
            Self::StaticViewStateKey,
            Self::GetAppDeserialization,
            Self::CalendarProbe,
            Self::Dearcry,
            Self::BlackKingdom,
            Self::OwaKeylogger,
            Self::Ghostcontainer,
            Self::IisModule,
            Self::TransportAgent,
            Self::SunburstApart,
            Self::StolenPassword,
        ]
    }

    /// `compromised-before-patch`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.story().name
    }

    /// The scenario of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|scenario| scenario.name() == name)
    }

    /// One sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.story().description
    }

    /// The verdict that the evidence supports, in the words of an assessment.
    #[must_use]
    pub fn expected_verdict(self) -> &'static str {
        self.story().verdict
    }

    /// Id of the pack whose campaign the worst incident belongs to; `None` where there is none or no pack has it.
    #[must_use]
    pub fn expected_campaign(self) -> Option<&'static str> {
        self.story().campaign
    }

    /// Id of the pack for what was done once inside, where it is named beside the campaign.
    #[must_use]
    pub fn expected_also(self) -> Option<&'static str> {
        self.story().also
    }

    /// `vulnerability`, `credentials` or `unknown`: how they came in, as far as the evidence shows.
    #[must_use]
    pub fn expected_entry(self) -> &'static str {
        self.story().entry
    }

    /// The servers that records of the default evidence name, in order.
    #[must_use]
    pub fn expected_servers(self) -> &'static [&'static str] {
        match self {
            Self::SunburstApart => &["EXC01", "ORION01"],
            _ => &["EXC01"],
        }
    }

    /// Days of evidence: as many as the story needs, or as reach back to before the first known use.
    #[must_use]
    pub fn default_days(self) -> u32 {
        self.story().days
    }

    /// Bytes of logs for so many days, when no size is asked for.
    #[must_use]
    pub fn default_bytes(self, days: u32) -> u64 {
        u64::from(days) * self.story().bytes_per_day
    }

    fn story(self) -> &'static campaigns::Story {
        campaigns::story(self)
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
