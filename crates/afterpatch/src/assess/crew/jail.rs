//! What a process that reads may not do: write, reach a network, start a program, open anything but evidence, take all
//! memory. On Linux; elsewhere it is a process of its own and no more.

#[cfg(not(target_os = "linux"))]
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(not(target_os = "linux"))]
use super::Limits;

/// Which walls stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jail {
    /// Address space, size of files written, core dumps.
    pub limits: bool,
    /// System calls other than a few are refused.
    pub system_calls: bool,
    /// Of the file system only evidence can be opened.
    pub files: bool,
}

impl Jail {
    /// What is missing, in words.
    pub fn missing(&self) -> Vec<&'static str> {
        let walls = [
            (self.limits, "limits on memory"),
            (self.system_calls, "a filter of system calls (no network, no write, no program)"),
            (self.files, "access to nothing but evidence (Landlock, from Linux 5.13)"),
        ];
        walls.into_iter().filter(|(stands, _)| !stands).map(|(_, name)| name).collect()
    }
}

#[cfg(target_os = "linux")]
pub use linux::{enter, limit_processor_time};

/// There are no walls to build here.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &[PathBuf], _: &Limits) -> Jail {
    Jail::default()
}

/// There is no such limit here.
#[cfg(not(target_os = "linux"))]
pub fn limit_processor_time(_: Option<u64>) {}

#[cfg(target_os = "linux")]
mod linux;
