//! Who reads for a verb and what: the process that reads is started, lists the evidence and is kept for the jobs to come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use detect::observe::TimeRange;
use detect::plan::Plan;
use evidence::Inventory;
use model::Utc;

use super::crew::{Crew, Root, RuleFiles, Setup, Sight, Supervisor};
use super::progress::Progress;
use super::work::Reader;
use super::{interrupt, refused};
use crate::cli::{ArchiveOptions, IsolationOptions};
use crate::exit::{Exit, Failure};

/// What a verb wants read, and how.
pub struct Asked<'o> {
    pub evidence: &'o [PathBuf],
    pub archives: &'o ArchiveOptions,
    pub isolation: IsolationOptions,
    /// From and until.
    pub range: (Option<Utc>, Option<Utc>),
    pub threads: Option<u16>,
}

/// The process that reads, on its way; `None` where this one does.
pub type Away = Option<Supervisor>;

impl Asked<'_> {
    /// Starts the process that reads, so that it lists the evidence and compiles its rules while this one does.
    pub fn away(&self, live: Option<&Arc<Inventory>>, rules: RuleFiles) -> Result<Away, Failure> {
        if !self.isolation.reads_elsewhere() {
            return Ok(None);
        }
        let roots: Vec<Root> = self.evidence.iter().cloned().map(Root).collect();
        let setup = Setup {
            rules,
            sight: match live {
                Some(inventory) => Sight::Listed(roots, Arc::clone(inventory)),
                None => Sight::Roots(roots, BTreeMap::new()),
            },
            opening: self.archives.opening(),
            passwords: self.archives.passwords.clone(),
            range: self.range,
            threads: self.threads(),
            limits: self.isolation.limits(),
            fault: fault(),
        };
        let mut supervisor = Supervisor::new(setup);
        supervisor.start().map_err(|error| not_started(&error.kind().to_string()))?;
        Ok(Some(supervisor))
    }

    /// What there is to read: of the server that this runs on, or listed by whoever reads.
    pub fn inventory(&self, live: Option<Arc<Inventory>>, away: &mut Away) -> Result<Arc<Inventory>, Failure> {
        match (live, away) {
            (Some(live), _) => Ok(live),
            (None, None) => {
                Inventory::walk_with(self.evidence, &self.archives.opening()).map(Arc::new).map_err(refused)
            }
            (None, Some(supervisor)) => supervisor.inventory().map_err(|why| match interrupt::came() {
                true => Failure::new(Exit::Interrupted, "interrupted before all evidence was listed"),
                false => not_started(&why),
            }),
        }
    }

    /// Whoever reads, ready for jobs. Every process has to come to the same rules, where this one has any.
    pub fn crew<'a>(&self, away: Away, inventory: &'a Inventory, plan: &'a Plan, progress: &'a Progress) -> Crew<'a> {
        let (from, until) = self.range;
        let range = TimeRange { from, until };
        match away {
            Some(supervisor) if plan.rules().is_empty() => Crew::away(supervisor, progress),
            Some(supervisor) => Crew::away(supervisor.expecting(plan.rules().len()), progress),
            None => Crew::here(Reader { inventory, plan, range, threads: self.threads() }, progress),
        }
    }

    fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

fn not_started(why: &str) -> Failure {
    Failure::new(Exit::Fault, format!("no process could be kept to read the evidence: {why}"))
        .hint("--isolation none reads in this process")
}

/// What tests of this program ask to go wrong.
fn fault() -> Option<String> {
    if cfg!(debug_assertions) { std::env::var("AFTERPATCH_FAULT").ok() } else { None }
}
