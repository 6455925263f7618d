//! Sigma rules of others, straight from a folder: `--sigma DIR`.
//!
//! [`open()`] reads the files, `detect` compiles them beside the packs, [`account()`] says what became of every one of them:
//! on the screen in a few lines, in `rules.csv` one by one. Nothing of a folder is passed over in silence.

mod account;
mod open;

pub use account::{account, csv};
pub use open::{RuleSets, open};

/// Name of the table of all rules, in the folder of the results.
pub const RULES: &str = "rules.csv";
