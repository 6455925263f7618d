//! What a cell means, remembered by its bytes.
//!
//! Logs say the same things again and again: a few dozen pages, some hundred programs and accounts, a few thousand
//! clients. What follows from such a cell is worked out when it is first met and looked up from then on. There are so
//! many places and no more; a cell that falls on the place of another pushes it out. So memory is bounded, a flood of
//! new cells costs time only, and nothing that comes out depends on what is remembered.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

/// Cells that are remembered of one column.
const PLACES: usize = 2_048;
/// Longer cells are worked out each time: they seldom come again.
const CELL_BYTES_MAX: usize = 512;
/// After so many cells it is looked whether remembering pays.
const TRIAL: u32 = 1_024;
/// A column of which fewer cells than one in so many were known is not looked up for the next `REST` cells.
const KNOWN_SHARE: u32 = 2;
const REST: u32 = 64 * TRIAL;

/// See the module.
pub(crate) struct Remembered<T> {
    /// Empty until the first cell is met.
    places: Vec<Place<T>>,
    /// What follows from an empty cell. It has no place: comparing nothing with nothing takes some processors longer than
    /// comparing a hundred bytes.
    empty: Option<T>,
    /// What follows from a cell that is not remembered.
    passing: T,
    hasher: RandomState,
    asked: u32,
    known: u32,
    resting: u32,
}

#[derive(Clone, Default)]
struct Place<T> {
    cell: Vec<u8>,
    meaning: T,
    taken: bool,
}

impl<T: Default + Clone> Default for Remembered<T> {
    fn default() -> Self {
        let (places, passing) = (Vec::new(), T::default());
        Self { places, empty: None, passing, hasher: RandomState::default(), asked: 0, known: 0, resting: 0 }
    }
}

impl<T: Default + Clone> Remembered<T> {
    /// What follows from a cell: as it was worked out before, or by `learn`, which may know nothing but the cell.
    #[inline]
    pub fn of(&mut self, cell: &[u8], learn: impl FnOnce(&[u8]) -> T) -> &T {
        if cell.is_empty() {
            return self.empty.get_or_insert_with(|| learn(cell));
        }
        if self.resting > 0 || cell.len() > CELL_BYTES_MAX {
            self.resting = self.resting.saturating_sub(1);
            self.passing = learn(cell);
            return &self.passing;
        }
        if self.asked == TRIAL {
            self.judge();
        }
        self.asked += 1;
        let at = self.hasher.hash_one(cell) as usize % PLACES;
        if self.places.get(at).is_some_and(|place| place.taken && place.cell == cell) {
            self.known += 1;
        } else {
            self.learn(at, cell, learn);
        }
        &self.places[at].meaning
    }

    #[cold]
    fn learn(&mut self, at: usize, cell: &[u8], learn: impl FnOnce(&[u8]) -> T) {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        let place = &mut self.places[at];
        place.cell.clear();
        place.cell.extend_from_slice(cell);
        place.meaning = learn(cell);
        place.taken = true;
    }

    fn judge(&mut self) {
        if self.known * KNOWN_SHARE < self.asked {
            self.resting = REST;
        }
        (self.asked, self.known) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{CELL_BYTES_MAX, PLACES, Remembered, TRIAL};

    /// Whatever is pushed out or rests, what is handed out is what follows from the cell.
    #[test]
    fn every_cell_gets_its_own_meaning() {
        let mut lengths: Remembered<(usize, Vec<u8>)> = Remembered::default();
        for round in 0..3 {
            for number in 0..3 * PLACES.max(TRIAL as usize) {
                let of = if round == 1 { number % 50 } else { number * (round + 1) };
                let mut cell = of.to_string().into_bytes();
                cell.resize(cell.len() + of % 700, b'x');
                let meaning = lengths.of(&cell, |cell| (cell.len(), cell[..1].to_vec()));
                assert_eq!(*meaning, (cell.len(), cell[..1].to_vec()));
            }
        }
        assert_eq!(lengths.of(b"", |_| (7, Vec::new())).0, 7);
        assert!(lengths.places.iter().all(|place| place.cell.len() <= CELL_BYTES_MAX));
    }

    #[test]
    fn what_comes_again_is_worked_out_once() {
        let mut met = Remembered::default();
        let mut learnt = 0;
        for number in 0..5_000 {
            let cell = format!("/owa/page{}.aspx", number % 10);
            met.of(cell.as_bytes(), |_| learnt += 1);
        }
        assert!(learnt <= 40, "{learnt}");
    }

    #[test]
    fn what_never_comes_again_is_not_looked_up() {
        let mut met: Remembered<u64> = Remembered::default();
        (0..u64::from(TRIAL) + 2).for_each(|number| _ = met.of(&number.to_le_bytes(), |_| number));
        assert!(met.resting > 0);
    }
}
