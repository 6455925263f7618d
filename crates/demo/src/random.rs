//! Repeatable chance: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Integers only, so every platform agrees.

/// A sequence that depends on its seed alone.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// A GUID, as logs print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guid(u128);

impl Random {
    /// The sequence of one part of the work. Parts do not disturb each other: more mail does not move the attack.
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        let mixed = part.bytes().fold(seed, |state, byte| Self(state ^ u64::from(byte)).next());
        Self(mixed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From `low` to below `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low)
    }

    /// True `percent` times of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(choices.len() as u64) as usize;
        &choices[index]
    }

    pub(crate) fn guid(&mut self) -> Guid {
        let value = (u128::from(self.next()) << 64) | u128::from(self.next());
        // Version 4, variant 1, like those that Windows makes.
        Guid(value & !(0xF << 76) & !(0xC << 60) | (0x4 << 76) | (0x8 << 60))
    }
}

impl Guid {
    /// `5e58f5e5-1ddc-48d3-82c6-0199bc121640`.
    pub(crate) fn push(self, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for (index, byte) in self.0.to_be_bytes().into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }

    pub(crate) fn text(self) -> String {
        let mut out = Vec::with_capacity(36);
        self.push(&mut out);
        String::from_utf8(out).expect("only ASCII is pushed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_sequence() {
        let mut random = Random(0);
        assert_eq!(random.next(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(random.next(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn guids_are_of_version_4() {
        let text = Random::new(7, "guid").guid().text();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
    }

    #[test]
    fn stays_below_the_bound() {
        let mut random = Random::new(1, "bound");
        assert!((0..10_000).all(|_| random.below(7) < 7));
        assert_ne!(Random::new(1, "a").next(), Random::new(1, "b").next());
    }
}
