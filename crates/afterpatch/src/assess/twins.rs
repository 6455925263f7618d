//! The same log met twice: in a shadow copy, in two collections. It counts once, and that is said.
//!
//! Which files can be twins shows before anything is read: those of one name and one size. Of those with the same content the
//! first in the order of the evidence counts, whichever was done first; so one waits only until those before it are done,
//! and few wait at a time. A log of a server is like no other log. Pages are alike on all servers, so they are twins only
//! where folders name the same server and they stood in the same place on it.

use std::collections::BTreeMap;

use evidence::Inventory;
use model::file::Kind;

use super::work::Observed;

/// Files that may be twins, and those of them that wait.
#[derive(Debug, Default)]
pub struct Twins {
    /// The group of a file.
    group_of: BTreeMap<u32, usize>,
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// Those that are not decided, with their places on the server.
    open: BTreeMap<u32, String>,
    waiting: BTreeMap<u32, Observed>,
    /// Paths of those that count, by what twins have in common.
    first: BTreeMap<Likeness, String>,
}

/// The content and, unless it is a log's, server and place.
type Likeness = (String, Option<(String, String)>);

/// A file with its number and, where it does not count, the path of the one that does.
pub type Taken = (u32, Observed, Option<String>);

impl Twins {
    /// Finds those that may be.
    pub fn among(inventory: &Inventory) -> Self {
        let mut alike: BTreeMap<(String, u64), Vec<u32>> = BTreeMap::new();
        for (file, input) in (0..).zip(&inventory.inputs) {
            let name = input.path.rsplit(['/', '!']).next().unwrap_or(&input.path);
            if input.size > 0 && input.passed_over.is_none() {
                alike.entry((name.to_ascii_lowercase(), input.size)).or_default().push(file);
            }
        }
        let mut twins = Self::default();
        for files in alike.into_values().filter(|files| files.len() > 1) {
            twins.group_of.extend(files.iter().map(|file| (*file, twins.groups.len())));
            let place = |file: u32| Some((file, inventory.inputs.get(file as usize)?.place.on_server.clone()));
            twins.groups.push(Group { open: files.into_iter().filter_map(place).collect(), ..Group::default() });
        }
        twins
    }

    /// Takes a file, and hands on those that need not wait any longer.
    pub fn take(&mut self, file: u32, observed: Observed) -> Vec<Taken> {
        let group = self.group_of.get(&file).and_then(|group| self.groups.get_mut(*group));
        let Some(group) = group else { return vec![(file, observed, None)] };
        group.waiting.insert(file, observed);
        group.decide(false)
    }

    /// Hands on whatever still waits for a file that never came.
    pub fn rest(&mut self) -> Vec<Taken> {
        self.groups.iter_mut().flat_map(|group| group.decide(true)).collect()
    }
}

impl Group {
    /// Decides those before which none is open; `all`: those before the others come no more.
    fn decide(&mut self, all: bool) -> Vec<Taken> {
        let mut taken = Vec::new();
        while let Some((file, place)) = self.open.pop_first() {
            let Some(observed) = self.waiting.remove(&file) else {
                if all {
                    continue;
                }
                self.open.insert(file, place);
                break;
            };
            let same_as = likeness(&place, &observed).and_then(|likeness| {
                let known = self.first.get(&likeness).cloned();
                self.first.entry(likeness).or_insert_with(|| observed.accounted.record.path.clone());
                known
            });
            taken.push((file, observed, same_as));
        }
        taken
    }
}

fn likeness(place: &str, observed: &Observed) -> Option<Likeness> {
    let record = &observed.accounted.record;
    let hash = record.sha256.clone()?;
    let is_log = matches!(
        record.kind,
        Kind::DelimitedLog
            | Kind::IisNative
            | Kind::ExchangeSetup
            | Kind::WindowsEventsJson
            | Kind::Evtx
            | Kind::TestProxyLogon
            | Kind::AntivirusLog
    );
    if is_log && record.records > 0 {
        return Some((hash, None));
    }
    Some((hash, Some((observed.suggested.clone()?, place.to_owned()))))
}
