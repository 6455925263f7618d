//! Sigma 2.1: a rule becomes a test over the fields of one record, a correlation a test over hits.
//!
//! Implements <https://github.com/SigmaHQ/sigma-specification> version 2.1.0. The syntax tree comes from
//! `rsigma-parser`; what a rule means is decided here. Whatever cannot be tested exactly is refused with its reason,
//! never approximated.

use serde::{Deserialize, Serialize};

pub mod correlation;
mod detection;
mod encode;
mod fields;
pub mod filter;
mod item;
mod literals;
mod many;
mod modifiers;
mod moment;
mod network;
mod non_ascii;
mod pattern;
mod placeholders;
mod reason;
mod regular;

pub use detection::Detection;
pub use fields::{FieldId, FieldNames, Fields};
pub use literals::{LITERAL_BYTES_MIN, Literal, Writing};
pub use placeholders::Placeholders;
pub use reason::Reason;

/// A rule of the plan, as a number: the position of its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleIndex(pub u32);

impl RuleIndex {
    /// The position in tables that have one entry per rule.
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}
