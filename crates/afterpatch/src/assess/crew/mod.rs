//! Who reads the evidence: a process of its own, so that a file which crashes, hangs or swells a reader costs that file
//! alone.
//!
//! The process is this same binary with all threads in it, in a jail ([`jail`]): it opens evidence and nothing else, and
//! tells through a pipe what came of each file ([`wire`]). What it has told is kept, whatever becomes of it. If it ends
//! before its time, the files it was reading are read again one by one, each alone in a process; the one that ends it
//! again is named in the manifest and passed over ([`supervisor`]).

pub mod jail;
mod serve;
mod supervisor;
pub mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use detect::pack::{PackFiles, RuleSet};
use detect::yara::YaraSet;
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use super::work::{Job, Note, Part, Reader};
use crate::console::Console;
pub use serve::serve;
pub use supervisor::{INTERRUPTED, Supervisor};

/// Notes that wait to be taken; whoever reads waits then.
const NOTES_MAX: usize = 64;

/// Everything that plans are compiled from: the same files make the same plan in every process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleFiles {
    pub packs: Vec<PackFiles>,
    pub sigma: Vec<RuleSet>,
    pub yara: Vec<YaraSet>,
}

/// What one process that reads may use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of address space.
    pub address_space: u64,
    /// Seconds in which a file has to get on.
    pub stall_secs: u64,
    /// Seconds of processor time for a file that is read alone, beside a second for each megabyte.
    pub cpu_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // A run of several threads stays below 300 MB; hives and rules of others may take a few hundred more.
        Self { address_space: 6 << 30, stall_secs: 120, cpu_secs: 600 }
    }
}

/// Whoever reads.
pub struct Crew<'a> {
    how: How<'a>,
    progress: &'a Progress,
}

enum How<'a> {
    Here(Reader<'a>),
    Away(Box<Supervisor>),
}

/// A file that could not be read because of what its reading did to the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub file: u32,
    /// What happened.
    pub reason: String,
}

impl<'a> Crew<'a> {
    /// Reads in this process.
    pub fn here(reader: Reader<'a>, progress: &'a Progress) -> Self {
        Self { how: How::Here(reader), progress }
    }

    /// Reads in processes of its own.
    pub fn away(supervisor: Supervisor, progress: &'a Progress) -> Self {
        Self { how: How::Away(Box::new(supervisor)), progress }
    }

    /// Does a job on files, by their numbers, and hands on what came of each, in whatever order they get done. Returns
    /// the files that were lost on the way.
    pub fn perform(&mut self, job: &Job, files: &[u32], take: &mut dyn FnMut(u32, Part)) -> Vec<Lost> {
        self.follow(job, files, &mut |note| {
            if let Note::Done(file, part) = note {
                take(file, part);
            }
        })
    }

    /// The same, and hands on all that is told on the way. What is found comes in the order of the files, if the job is
    /// of such a kind.
    pub fn follow(&mut self, job: &Job, files: &[u32], take: &mut dyn FnMut(Note)) -> Vec<Lost> {
        let progress = self.progress;
        let mut note = |note: Note| {
            match &note {
                Note::GotOn(_, bytes) if job.is_first() => progress.got_on(*bytes),
                Note::Done(..) if job.is_first() => progress.file_done(),
                _ => {}
            }
            take(note);
        };
        match &mut self.how {
            How::Away(supervisor) => supervisor.perform(job, files, &mut note),
            How::Here(reader) => {
                let (send, receive) = mpsc::sync_channel(NOTES_MAX);
                std::thread::scope(|scope| {
                    // Nobody takes notes any more only when this thread has panicked.
                    scope.spawn(move || reader.perform(job, files, &move |note| _ = send.send(note)));
                    receive.into_iter().for_each(&mut note);
                });
                Vec::new()
            }
        }
    }
}

impl Crew<'_> {
    /// Says which walls could not be built around the process that reads.
    pub fn say_what_is_missing(&self, console: &Console) {
        let How::Away(supervisor) = &self.how else { return };
        let missing = supervisor.jail().map(jail::Jail::missing).unwrap_or_default();
        if !missing.is_empty() {
            console.say(&format!("the process that reads ran without {}", missing.join(", without ")));
        }
    }
}

/// What there is to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Sight {
    /// All below these, which the process lists itself. Archives that ended another one are not looked into, for the
    /// reason given.
    Roots(Vec<Root>, BTreeMap<String, String>),
    /// What was listed before, below these.
    Listed(Vec<Root>, Arc<evidence::Inventory>),
}

impl Sight {
    /// All that may be opened.
    fn roots(&self) -> Vec<PathBuf> {
        let (Self::Roots(roots, _) | Self::Listed(roots, _)) = self;
        roots.iter().map(|root| root.0.clone()).collect()
    }
}

/// A path of this system, whatever bytes it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Root(#[serde(with = "evidence::os_path")] pub PathBuf);

/// What a process that reads has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub rules: RuleFiles,
    pub sight: Sight,
    pub opening: evidence::Opening,
    /// Of archives; no opening travels with them.
    pub passwords: Vec<String>,
    /// From and until.
    pub range: (Option<model::Utc>, Option<model::Utc>),
    pub threads: usize,
    pub limits: Limits,
    /// What is to go wrong with which file, in tests of this program.
    pub fault: Option<String>,
}
