//! What can be read independently of all else: one input, or the members of an archive that only has a front.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::sync::Arc;

use model::file::Outcome;

use super::{Archive, Bytes, Format, HELD_BYTES_MAX, Member, Spring, seven_zip};
use crate::read::{Failing, Opened};
use crate::walk::{Input, Inventory, Location};

/// A piece of the work of reading everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// An input that is opened by itself, by its index.
    One(usize),
    /// Inputs that are read one behind the other, in the order of their indexes, which has no gaps.
    Sequence(Vec<usize>),
}

/// Takes the inputs of a sequence as they come; `false` ends it, and those that are left come as interrupted.
pub type Each<'e> = dyn FnMut(usize, Result<Opened<'_>, Outcome>) -> bool + 'e;

impl Inventory {
    /// All inputs, in their order.
    #[must_use]
    pub fn units(&self) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        let mut current = None;
        for (index, input) in self.inputs.iter().enumerate() {
            let sequence = input.in_sequence.as_ref().map(|within| within.container);
            match (sequence, units.last_mut()) {
                (Some(_), Some(Unit::Sequence(members))) if sequence == current => members.push(index),
                (Some(_), _) => units.push(Unit::Sequence(vec![index])),
                (None, _) => units.push(Unit::One(index)),
            }
            current = sequence;
        }
        units
    }

    /// The same for some inputs: what an archive only has from its front is still gone through once.
    #[must_use]
    pub fn units_of(&self, wanted: &BTreeSet<usize>) -> Vec<Unit> {
        let of_wanted = |unit: Unit| match unit {
            Unit::One(index) => wanted.contains(&index).then_some(Unit::One(index)),
            Unit::Sequence(mut indexes) => {
                indexes.retain(|index| wanted.contains(index));
                (!indexes.is_empty()).then_some(Unit::Sequence(indexes))
            }
        };
        self.units().into_iter().filter_map(of_wanted).collect()
    }

    /// Opens the inputs of a unit, one behind the other.
    pub fn open_unit(&self, unit: &Unit, each: &mut Each<'_>) {
        match unit {
            Unit::One(index) => {
                if let Some(input) = self.inputs.get(*index) {
                    each(*index, self.open(input));
                }
            }
            Unit::Sequence(indexes) => self.open_sequence(indexes, each),
        }
    }

    /// Reads the inputs of one [`Unit::Sequence`], or some of them in ascending order, with one pass over their
    /// archive. Each comes exactly once, in this order, and whatever is left of its stream is skipped.
    pub fn open_sequence(&self, indexes: &[usize], each: &mut Each<'_>) {
        let root = indexes.first().and_then(|index| self.inputs.get(*index)?.in_sequence.as_ref());
        let mut by_container: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for index in self.with_archives(indexes) {
            if let Some(Location::Member { container, .. }) = self.inputs.get(index).map(|input| &input.location) {
                by_container.entry(*container).or_default().push(index);
            }
        }
        let mut driver =
            Driver { inventory: self, by_container, left: indexes.iter().copied().collect(), each, stop: false };
        if let Some(number) = root.map(|within| within.container)
            && let Some(archive) = self.archive(number)
        {
            driver.drive(number, &Arc::new(archive));
        }
        let outcome = match driver.stop {
            true => Outcome::Interrupted,
            false => Outcome::Unreadable("its archive could not be read up to it".into()),
        };
        driver.pass_over(usize::MAX, &outcome);
    }

    /// Inputs of one sequence, and the archives of the same sequence that lead to them.
    fn with_archives(&self, indexes: &[usize]) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = indexes.iter().copied().collect();
        let (Some(first), Some(last)) = (indexes.first(), indexes.last()) else { return all };
        let sequence = |index: usize| self.inputs.get(index)?.in_sequence.as_ref().map(|within| within.container);
        let own = sequence(*first);
        let start = (0..*first).rev().take_while(|index| sequence(*index) == own).last().unwrap_or(*first);
        let mut archives: BTreeMap<u32, usize> = BTreeMap::new();
        let numbered = (start..=*last).filter_map(|index| Some((self.inputs.get(index)?.container?, index)));
        archives.extend(numbered);
        for index in indexes {
            let mut at = *index;
            while let Some(Location::Member { container, .. }) = self.inputs.get(at).map(|input| &input.location)
                && let Some(outer) = archives.get(container)
                && all.insert(*outer)
            {
                at = *outer;
            }
        }
        all
    }
}

/// One pass over an archive and those inside it.
struct Driver<'d, 'e> {
    inventory: &'d Inventory,
    by_container: BTreeMap<u32, Vec<usize>>,
    /// Not handed over yet.
    left: VecDeque<usize>,
    each: &'d mut Each<'e>,
    stop: bool,
}

impl Driver<'_, '_> {
    /// Hands over those before an input with the reason why nothing of them came.
    fn pass_over(&mut self, index: usize, outcome: &Outcome) {
        while let Some(first) = self.left.front().copied().filter(|first| *first < index) {
            self.left.pop_front();
            let own = self.inventory.inputs.get(first).and_then(|input| input.passed_over.clone());
            _ = (self.each)(first, Err(own.unwrap_or_else(|| outcome.clone())));
        }
    }

    fn hand_over(&mut self, index: usize, opened: Result<Opened<'_>, Outcome>) {
        self.pass_over(index, &Outcome::Unreadable("its archive could not be read up to it".into()));
        if self.left.front() == Some(&index) {
            self.left.pop_front();
            self.stop = !(self.each)(index, opened);
        }
    }

    fn drive(&mut self, number: u32, archive: &Arc<Archive>) {
        let members = self.by_container.remove(&number).unwrap_or_default();
        if members.is_empty() {
            return;
        }
        let mut reader = match archive.reader() {
            Ok(reader) => reader,
            // Those inside of it follow with what they are told at the end.
            Err(outcome) => return members.into_iter().for_each(|index| self.hand_over(index, Err(outcome.clone()))),
        };
        if archive.format == Format::SevenZip {
            let opened = match seven_zip::open(&mut reader, &archive.rules) {
                Ok(opened) => opened,
                Err(outcome) => {
                    return members.into_iter().for_each(|index| self.hand_over(index, Err(outcome.clone())));
                }
            };
            let indexes: BTreeMap<u32, usize> =
                members.iter().filter_map(|index| Some((self.file(*index)?, *index))).collect();
            let mut each = |file: u32, bytes: Result<Bytes<'_>, Outcome>| {
                if let Some(index) = indexes.get(&file) {
                    self.take(*index, archive, bytes);
                }
                !self.stop
            };
            return opened.read(&mut reader, &mut each, &|file| indexes.contains_key(&file));
        }
        for index in members {
            if self.stop {
                return;
            }
            let Some(Location::Member { member, .. }) = self.inventory.inputs.get(index).map(|input| &input.location)
            else {
                continue;
            };
            let bytes = match self.input(index).and_then(|input| input.passed_over.clone()) {
                Some(outcome) => Err(outcome),
                None => member.open(Box::new(&mut reader), &archive.rules),
            };
            self.take(index, archive, bytes);
        }
    }

    fn input(&self, index: usize) -> Option<&Input> {
        self.inventory.inputs.get(index)
    }

    /// The number of a member of a 7z archive.
    fn file(&self, index: usize) -> Option<u32> {
        match self.input(index)?.location {
            Location::Member { member: Member::SevenZip { file }, .. } => Some(file),
            _ => None,
        }
    }

    /// Hands a member over, and what is in it where it is an archive itself.
    fn take(&mut self, index: usize, outer: &Arc<Archive>, bytes: Result<Bytes<'_>, Outcome>) {
        let Some(input) = self.inventory.inputs.get(index) else { return };
        let bytes = match (bytes, &input.passed_over) {
            (Ok(bytes), None) => bytes,
            (_, Some(outcome)) => return self.hand_over(index, Err(outcome.clone())),
            (Err(outcome), None) => return self.hand_over(index, Err(outcome)),
        };
        let (Some(number), Location::Member { member, .. }) = (input.container, &input.location) else {
            let opened = Opened::of(bytes, input, &self.inventory.opening.budgets);
            return self.hand_over(index, opened);
        };
        let mut spring = Spring::Member(Arc::clone(outer), member.clone());
        if input.size <= HELD_BYTES_MAX {
            let mut held = Vec::new();
            let read = bytes.take(HELD_BYTES_MAX).read_to_end(&mut held);
            let held: Arc<[u8]> = held.into();
            spring = Spring::Held(Arc::clone(&held));
            let bytes: Bytes<'_> = match read {
                Ok(_) => Box::new(&held[..]),
                Err(error) => Box::new(held.chain(Failing(Some(error)))),
            };
            let opened = Opened::of(bytes, input, &self.inventory.opening.budgets);
            self.hand_over(index, opened);
        } else {
            let opened = Opened::of(bytes, input, &self.inventory.opening.budgets);
            self.hand_over(index, opened);
        }
        if let Some(container) = self.inventory.containers.get(number as usize).filter(|_| !self.stop) {
            let (codec, format, rules) = (container.codec, container.format, Arc::clone(&outer.rules));
            self.drive(number, &Arc::new(Archive { spring, codec, format, rules }));
        }
    }
}
