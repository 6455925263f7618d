//! A map that stays small whatever is put in, and does not depend on the order in which it is put in.
//!
//! It keeps the entries with the smallest keys and adds all others up in one. Since a key once passed over can never
//! come back among the smallest, the pieces of a file can be tallied apart and merged in any order.

use std::collections::{BTreeMap, BinaryHeap};

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Something that adds up regardless of order.
pub trait Merge {
    /// Takes in what another tally found.
    fn merge(&mut self, other: Self);
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Bounded<V> {
    limit: usize,
    entries: Entries<V>,
    /// The keys, largest first, from when there is no room for more: until then nobody asks which is the largest.
    largest_first: BinaryHeap<Box<[u8]>>,
    /// What the keys that were passed over add up to.
    rest: Option<V>,
}

/// Found by hash, walked in the order in which they were put in.
type Entries<V> = IndexMap<Box<[u8]>, V, RandomState>;

impl<V: Merge + Default> Bounded<V> {
    /// Keeps so many entries.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, entries: Entries::default(), largest_first: BinaryHeap::new(), rest: None }
    }

    /// The place to count a key in: its own, or the common one.
    pub fn slot(&mut self, key: &[u8]) -> &mut V {
        // Nearly every key is known: one look-up, and nothing is copied.
        let place = match self.entries.get_index_of(key) {
            Some(place) => place,
            None if self.has_room_for(key) => self.insert(key.into(), V::default()),
            None => return self.rest.get_or_insert_default(),
        };
        &mut self.entries[place]
    }

    fn has_room_for(&mut self, key: &[u8]) -> bool {
        if self.entries.len() < self.limit {
            return true;
        }
        if self.largest_first.is_empty() {
            self.largest_first = self.entries.keys().cloned().collect();
        }
        self.largest_first.peek().is_some_and(|largest| key < &**largest)
    }

    /// Takes in a new key for which there is room, if need be in place of the largest.
    fn insert(&mut self, key: Box<[u8]>, value: V) -> usize {
        if self.entries.len() >= self.limit {
            let largest = self.largest_first.pop();
            let passed_over = largest.and_then(|largest| self.entries.swap_remove(&largest));
            self.pass_over(passed_over);
            self.largest_first.push(key.clone());
        }
        self.entries.insert_full(key, value).0
    }

    /// Adds what another map passed over.
    pub fn pass_over(&mut self, rest: Option<V>) {
        match (&mut self.rest, rest) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (None, rest) => self.rest = rest,
            (Some(_), None) => {}
        }
    }

    /// The entries by key, and what was passed over.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<Box<[u8]>, V>, Option<V>) {
        (self.entries.into_iter().collect(), self.rest)
    }

    /// All values, that of what was passed over too.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().chain(self.rest.as_mut())
    }
}

impl<V: Merge + Default> Merge for Bounded<V> {
    fn merge(&mut self, other: Self) {
        if self.entries.is_empty() && self.rest.is_none() && self.limit == other.limit {
            *self = other;
            return;
        }
        for (key, value) in other.entries {
            if let Some(mine) = self.entries.get_mut(&key) {
                mine.merge(value);
            } else if self.has_room_for(&key) {
                self.insert(key, value);
            } else {
                self.pass_over(Some(value));
            }
        }
        self.pass_over(other.rest);
    }
}

/// As it travels between processes.
type Parts<V> = (usize, Vec<(Box<[u8]>, V)>, Option<V>);

impl<V: Serialize> Serialize for Bounded<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.limit, AsPairs(&self.entries), &self.rest).serialize(serializer)
    }
}

/// Entries as a list of pairs.
struct AsPairs<'a, V>(&'a Entries<V>);

impl<V: Serialize> Serialize for AsPairs<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Bounded<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (limit, entries, rest) = Parts::deserialize(deserializer)?;
        // A key that comes twice counts once.
        let mut known = Entries::with_capacity_and_hasher(entries.len(), RandomState::default());
        for (key, value) in entries {
            if let Entry::Vacant(place) = known.entry(key) {
                place.insert(value);
            }
        }
        Ok(Self { limit, entries: known, largest_first: BinaryHeap::new(), rest })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounded, Merge};

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Count(u64);

    impl Merge for Count {
        fn merge(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    fn tally(keys: &[u8]) -> Bounded<Count> {
        let mut map: Bounded<Count> = Bounded::new(3);
        for key in keys {
            map.slot(&[*key]).0 += 1;
        }
        map
    }

    #[test]
    fn without_room_all_is_counted_together() {
        let mut map: Bounded<Count> = Bounded::new(0);
        map.slot(b"a").0 += 1;
        map.slot(b"b").0 += 1;
        assert_eq!(map.into_parts(), (std::collections::BTreeMap::new(), Some(Count(2))));
    }

    /// Any cut and any order of the pieces gives the same map.
    #[test]
    fn order_does_not_matter() {
        let keys: Vec<u8> = (0..200u32).map(|n| u8::try_from(n * 37 % 11).unwrap()).collect();
        let whole = tally(&keys).into_parts();
        assert_eq!(whole.0.len(), 3);
        assert_eq!(whole.0.values().map(|count| count.0).sum::<u64>() + whole.1.clone().unwrap_or_default().0, 200);
        for cut in 0..keys.len() {
            let (front, back) = keys.split_at(cut);
            for (first, second) in [(front, back), (back, front)] {
                let mut merged = tally(first);
                merged.merge(tally(second));
                assert_eq!(merged.into_parts(), whole, "cut at {cut}");
            }
        }
    }
}
