//! All numbers below a count, each once, in an order that only its seed knows: a Feistel network walked until it falls
//! below the count. It needs no memory, so four thousand million addresses cost as much as four.

/// A permutation of `0..count`.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    count: u64,
    seed: u64,
    half_bits: u32,
}

/// Enough for an order that nobody takes for a sequence; it keeps no secret.
const ROUNDS: u64 = 4;

impl Order {
    /// Of so many numbers.
    #[must_use]
    pub fn new(count: u64, seed: u64) -> Self {
        let bits = (u64::BITS - count.saturating_sub(1).leading_zeros()).max(2);
        Self { count, seed, half_bits: bits.div_ceil(2) }
    }

    /// The number at a place; both are below the count.
    #[must_use]
    pub fn at(&self, place: u64) -> u64 {
        let mut number = self.shuffle(place);
        // The network is at most four times as large as the count and a permutation itself: the walk ends, soon.
        while number >= self.count {
            number = self.shuffle(number);
        }
        number
    }

    fn shuffle(&self, number: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits & mask, number & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(right ^ self.seed.wrapping_add(round << 56)) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
