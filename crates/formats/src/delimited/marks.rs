//! Where the bytes stand that a record is cut at: line feeds, and what sets cells apart.
//!
//! Looking for each by itself costs more than the few bytes between them. So 64 bytes are compared at once, which gives
//! a bit for each, and the bits are taken one by one.

use wide::u8x16;

/// Bytes that are compared at once.
const STEP_BYTES: usize = 64;

/// The places of up to three bytes in a text, ascending.
pub struct Marks<'a> {
    text: &'a [u8],
    wanted: [u8x16; 3],
    /// Where the step begins of which `bits` speak.
    step: usize,
    bits: u64,
}

impl<'a> Marks<'a> {
    /// Of the same byte twice each place is told once.
    pub fn new(text: &'a [u8], wanted: [u8; 3]) -> Self {
        let mut marks = Self { text, wanted: wanted.map(u8x16::splat), step: 0, bits: 0 };
        marks.bits = marks.compare();
        marks
    }

    /// The next place, if there is one more.
    #[inline]
    pub fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.step += STEP_BYTES;
            if self.step >= self.text.len() {
                return None;
            }
            self.bits = self.compare();
        }
        let at = self.step + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }

    /// A bit for each byte of the step that is wanted.
    #[inline]
    fn compare(&self) -> u64 {
        let rest = self.text.get(self.step..).unwrap_or_default();
        let Some(step) = rest.first_chunk::<STEP_BYTES>() else { return self.compare_last(rest) };
        let (quarters, _) = step.as_chunks::<16>();
        quarters.iter().rev().fold(0, |bits, quarter| bits << 16 | u64::from(self.compare_quarter(*quarter)))
    }

    fn compare_quarter(&self, quarter: [u8; 16]) -> u32 {
        let bytes = u8x16::from(quarter);
        let [first, second, third] = self.wanted;
        (bytes.simd_eq(first) | bytes.simd_eq(second) | bytes.simd_eq(third)).to_bitmask()
    }

    /// The last step is seldom whole.
    #[cold]
    fn compare_last(&self, rest: &[u8]) -> u64 {
        let is_wanted = |byte: &u8| self.wanted.iter().any(|wanted| wanted.to_array()[0] == *byte);
        rest.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(is_wanted(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn every_place_is_told_once() {
        let mut state = 7_u32;
        for length in (0..200).chain([1_000, 4_096]) {
            let text: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"ab ,\n\"\0\xff"[(state >> 24) as usize % 8]
            })
            .take(length)
            .collect();
            for wanted in [*b" \n\n", *b",\"\n", *b"\0\xff\n", *b"xyz"] {
                let mut marks = Marks::new(&text, wanted);
                let found: Vec<usize> = std::iter::from_fn(|| marks.next()).collect();
                let expected: Vec<usize> = (0..length).filter(|at| wanted.contains(&text[*at])).collect();
                assert_eq!(found, expected, "{length} {wanted:?}");
            }
        }
    }
}
