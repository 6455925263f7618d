//! From what came of each file to the observations of a run.

use std::collections::BTreeSet;

use detect::observe::{Noted, Tally};
use detect::plan::Plan;
use evidence::Inventory;
use model::file::{FileRecord, Kind, Outcome};
use model::observation::{Observations, Server};

use super::crew::{self, Crew, Lost};
use super::interrupt;
use super::journal::Journal;
use super::reading::{self, Accounted, Read};
use super::resume::Resume;
use super::twins::{Taken, Twins};
use super::work::{Job, Observed, Part};

/// What is gathered of all files, whoever read them.
struct Gathering<'a> {
    inventory: &'a Inventory,
    tally: Tally,
    /// By the number of the input.
    records: Vec<Option<Read>>,
    twins: Twins,
}

impl<'a> Gathering<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        let records = std::iter::repeat_with(|| None).take(inventory.inputs.len()).collect();
        Self { inventory, tally: Tally::default(), records, twins: Twins::among(inventory) }
    }

    /// Takes a file that is done.
    fn take(&mut self, file: u32, observed: Observed) {
        let taken = self.twins.take(file, observed);
        self.count(taken);
    }

    fn count(&mut self, taken: Vec<Taken>) {
        for (file, mut observed, same_as) in taken {
            observed.accounted.record.same_as = same_as;
            if let Some(told) = observed.told.filter(|_| observed.accounted.record.same_as.is_none()) {
                self.tally.add(&observed.accounted.host, observed.suggested.as_deref(), told);
            }
            self.put(file, (observed.accounted, observed.container));
        }
    }

    /// Accounts for a file that was lost on the way.
    fn lose(&mut self, lost: Lost) {
        let Some(input) = self.inventory.inputs.get(lost.file as usize) else { return };
        let outcome = match lost.reason.as_str() {
            crew::INTERRUPTED => Outcome::Interrupted,
            _ => Outcome::Unreadable(lost.reason),
        };
        let accounted = reading::unread(input, outcome);
        self.take(lost.file, Observed { accounted, container: None, suggested: None, told: None });
    }

    fn put(&mut self, file: u32, read: Read) {
        if let Some(slot) = self.records.get_mut(file as usize) {
            *slot = Some(read);
        }
    }
}

/// The pass over every byte. What an earlier run has read is not read again.
pub fn observe(
    inventory: &Inventory,
    plan: &Plan,
    fallback: Option<&str>,
    crew: &mut Crew<'_>,
    resume: Resume,
) -> (Observations, Noted, Vec<Accounted>, Option<Journal>) {
    let mut gathering = Gathering::new(inventory);
    let Resume { done, mut journal } = resume;
    let known: BTreeSet<u32> = done.iter().map(|(file, _)| *file).collect();
    done.into_iter().for_each(|(file, observed)| gathering.take(file, observed));
    let files: Vec<u32> = (0..).take(inventory.inputs.len()).filter(|file| !known.contains(file)).collect();
    let lost = crew.perform(&Job::Observe, &files, &mut |file, part| {
        let Part::Observed(arrived) = part else { return };
        if journal.as_mut().is_some_and(|journal| journal.add(file, &arrived).is_err()) {
            // A full disk ends the journal, not the run: the results may still fit.
            journal = None;
        }
        gathering.take(file, *arrived.observed);
    });
    lost.into_iter().for_each(|lost| gathering.lose(lost));
    let rest = gathering.twins.rest();
    gathering.count(rest);
    let Gathering { tally, records, .. } = gathering;
    let (observations, noted, accounted) = gather(tally, records.into_iter().flatten().collect(), plan, fallback);
    (observations, noted, accounted, journal)
}

/// Puts the pieces together: one manifest line per input, the containers behind them, servers by name.
fn gather(
    tally: Tally,
    records: Vec<Read>,
    plan: &Plan,
    fallback: Option<&str>,
) -> (Observations, Noted, Vec<Accounted>) {
    let (mut accounted, containers): (Vec<Accounted>, Vec<Option<FileRecord>>) = records.into_iter().unzip();
    for file in &mut accounted {
        let is_telling = !matches!(file.record.kind, Kind::Other | Kind::Container);
        if is_telling && file.record.server.is_none() {
            file.record.server = Some(tally.owner(&file.host, fallback));
        }
    }
    let files = accounted.iter().map(|file| file.record.clone()).chain(containers.into_iter().flatten()).collect();
    let (mut servers, noted) = tally.into_servers(fallback);
    let named: BTreeSet<&str> = accounted.iter().filter_map(|file| file.record.server.as_deref()).collect();
    servers.retain(|name, server| named.contains(name.as_str()) || !is_bare(server));
    let observations = Observations {
        files,
        rules: plan.rules().to_vec(),
        campaigns: plan.campaigns().to_vec(),
        servers,
        incomplete: interrupt::came(),
    };
    (observations, noted, accounted)
}

/// Nothing is known of it: a folder or an archive with a readme in it is no server.
fn is_bare(server: &Server) -> bool {
    let Server {
        builds,
        coverage,
        sightings,
        pages,
        mail,
        logons,
        refused,
        files,
        event_logs,
        own_addresses,
        web_folders_present,
    } = server;
    let is_empty = builds.is_empty() && coverage.is_empty() && sightings.is_empty() && files.is_empty();
    let has_no_records = pages.is_empty() && mail.is_empty() && logons.is_empty() && refused.is_empty();
    is_empty && has_no_records && event_logs.is_empty() && own_addresses.is_empty() && !web_folders_present
}
