//! YARA rules of others, straight from a folder: `--yara DIR`.
//!
//! [`open()`] reads the files, `detect` compiles them beside those of the packs, [`account()`] says what became of every rule:
//! on the screen in a few lines, in `yara-rules.csv` one by one. Nothing of a folder is passed over in silence.

mod account;
mod open;

pub use account::{account, csv};
pub use open::{YaraSets, open};

/// Name of the table of all rules, in the folder of the results.
pub const RULES: &str = "yara-rules.csv";
