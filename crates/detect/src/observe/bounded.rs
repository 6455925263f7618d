//! A map that stays small whatever is put in, and does not depend on the order in which it is put in.
//!
//! It keeps the entries with the smallest keys and adds all others up in one. Since a key once passed over can never
//! come back among the smallest, the pieces of a file can be tallied apart and merged in any order.

use std::collections::BTreeMap;

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
    /// Where the value of a key stands in `values`. Each stands there once.
    places: BTreeMap<Box<[u8]>, usize>,
    values: Vec<V>,
    /// What the keys that were passed over add up to.
    rest: Option<V>,
}

impl<V: Merge + Default> Bounded<V> {
    /// Keeps so many entries.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, places: BTreeMap::new(), values: Vec::new(), rest: None }
    }

    /// The place to count a key in: its own, or the common one.
    pub fn slot(&mut self, key: &[u8]) -> &mut V {
        // Nearly every key is known: one look-up, and nothing is copied.
        let place = match self.places.get(key) {
            Some(place) => *place,
            None if self.has_room_for(key) => self.insert(key.into(), V::default()),
            None => return self.rest.get_or_insert_default(),
        };
        &mut self.values[place]
    }

    fn has_room_for(&self, key: &[u8]) -> bool {
        self.places.len() < self.limit || self.places.last_key_value().is_some_and(|(largest, _)| key < &**largest)
    }

    /// Takes in a new key for which there is room, if need be in place of the largest.
    fn insert(&mut self, key: Box<[u8]>, value: V) -> usize {
        let largest = if self.places.len() < self.limit { None } else { self.places.pop_last() };
        let place = match largest {
            None => {
                self.values.push(value);
                self.values.len() - 1
            }
            Some((_, place)) => {
                let passed_over = std::mem::replace(&mut self.values[place], value);
                self.add_to_rest(passed_over);
                place
            }
        };
        self.places.insert(key, place);
        place
    }

    /// Adds what another map passed over.
    pub fn pass_over(&mut self, rest: Option<V>) {
        rest.into_iter().for_each(|rest| self.add_to_rest(rest));
    }

    fn add_to_rest(&mut self, value: V) {
        match &mut self.rest {
            Some(rest) => rest.merge(value),
            none => *none = Some(value),
        }
    }

    /// The entries by key, and what was passed over.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<Box<[u8]>, V>, Option<V>) {
        let mut values = self.values;
        let entries = self.places.into_iter().map(|(key, place)| (key, std::mem::take(&mut values[place]))).collect();
        (entries, self.rest)
    }

    /// All values, that of what was passed over too.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut().chain(self.rest.as_mut())
    }
}

impl<V: Merge + Default> Merge for Bounded<V> {
    fn merge(&mut self, other: Self) {
        let (entries, rest) = other.into_parts();
        for (key, value) in entries {
            if let Some(place) = self.places.get(&key) {
                self.values[*place].merge(value);
            } else if self.has_room_for(&key) {
                self.insert(key, value);
            } else {
                self.add_to_rest(value);
            }
        }
        self.pass_over(rest);
    }
}

/// As it travels between processes: the entries by key, so that no number of a place has to be believed.
type Parts<V> = (usize, BTreeMap<Box<[u8]>, V>, Option<V>);

impl<V: Serialize> Serialize for Bounded<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries: BTreeMap<&[u8], &V> =
            self.places.iter().map(|(key, place)| (&**key, &self.values[*place])).collect();
        (self.limit, entries, &self.rest).serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Bounded<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (limit, entries, rest) = Parts::deserialize(deserializer)?;
        let (keys, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        Ok(Self { limit, places: keys.into_iter().zip(0..).collect(), values, rest })
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
