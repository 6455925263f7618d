//! Rules and packs compiled into one plan, and the observers that need every event.
//!
//! [`pack`] reads what analysts wrote, [`sigma`] makes an exact test of each rule, [`plan`] decides which records a
//! test has to see. [`observe`] gathers what an assessment is judged from, [`hunt`] hands hits on as they come. Nothing
//! here opens a file, and a rule that cannot be compiled exactly is refused by name.

pub mod hunt;
pub mod observe;
pub mod pack;
pub mod plan;
pub mod sigma;
pub mod yara;
