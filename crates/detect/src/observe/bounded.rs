//! A map that stays small whatever is put in, and does not depend on the order in which it is put in.
//!
//! It keeps the entries with the smallest keys and adds all others up in one. Since a key once passed over can never
//! come back among the smallest, the pieces of a file can be tallied apart and merged in any order.

use std::collections::BTreeMap;

/// Something that adds up regardless of order.
pub trait Merge {
    /// Takes in what another tally found.
    fn merge(&mut self, other: Self);
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Bounded<V> {
    limit: usize,
    entries: BTreeMap<Box<[u8]>, V>,
    /// What the keys that were passed over add up to.
    rest: Option<V>,
}

impl<V: Merge + Default> Bounded<V> {
    pub fn new(limit: usize) -> Self {
        Self { limit, entries: BTreeMap::new(), rest: None }
    }

    /// The place to count a key in: its own, or the common one.
    pub fn slot(&mut self, key: &[u8]) -> &mut V {
        if !self.entries.contains_key(key) {
            let room =
                self.entries.len() < self.limit || self.entries.last_key_value().is_some_and(|(last, _)| key < &**last);
            if !room {
                return self.rest.get_or_insert_default();
            }
            self.entries.insert(key.into(), V::default());
            self.trim();
            // A limit of zero trims the new entry away again.
            if !self.entries.contains_key(key) {
                return self.rest.get_or_insert_default();
            }
        }
        self.entries.entry(key.into()).or_default()
    }

    fn trim(&mut self) {
        while self.entries.len() > self.limit {
            if let Some((_, value)) = self.entries.pop_last() {
                self.add_to_rest(value);
            }
        }
    }

    fn add_to_rest(&mut self, value: V) {
        match &mut self.rest {
            Some(rest) => rest.merge(value),
            none => *none = Some(value),
        }
    }

    pub fn into_parts(self) -> (BTreeMap<Box<[u8]>, V>, Option<V>) {
        (self.entries, self.rest)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().chain(self.rest.as_mut())
    }
}

impl<V: Merge + Default> Merge for Bounded<V> {
    fn merge(&mut self, other: Self) {
        for (key, value) in other.entries {
            match self.entries.get_mut(&key) {
                Some(mine) => mine.merge(value),
                None => _ = self.entries.insert(key, value),
            }
        }
        if let Some(rest) = other.rest {
            self.add_to_rest(rest);
        }
        self.trim();
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
