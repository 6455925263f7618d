//! Where evidence is read, and with how much: the same for every verb that reads any.

use clap::{Args, ValueEnum};

use crate::assess::crew::Limits;

/// Where evidence is read, and with how much.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct IsolationOptions {
    /// Where evidence is read
    #[arg(long, value_enum, default_value_t = Isolation::Process, value_name = "WHERE")]
    pub isolation: Isolation,
    /// Memory that reading may take: 2G; a file that needs more is passed over and named [default: 6G]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<u64>,
    /// Seconds in which reading a file has to get on, else it is passed over and named [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub stall: Option<u32>,
}

/// Where evidence is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Isolation {
    /// In a process of its own, without network and without a place to write: what a file breaks costs that file
    #[default]
    Process,
    /// In this process: what a file breaks can end the run
    None,
}

impl IsolationOptions {
    /// What the process that reads may use.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            address_space: self.memory.unwrap_or(usual.address_space),
            stall_secs: self.stall.map_or(usual.stall_secs, u64::from),
            ..usual
        }
    }

    /// A process of its own reads.
    pub fn reads_elsewhere(&self) -> bool {
        self.isolation == Isolation::Process
    }
}

fn memory(text: &str) -> Result<u64, String> {
    /// With less, rules and threads alone do not fit.
    const LEAST: u64 = 1_000_000_000;
    super::size(text).and_then(|bytes| if bytes < LEAST { Err("expected at least 1G".to_owned()) } else { Ok(bytes) })
}
