//! Finds and opens evidence in place: the only room that opens evidence.
//!
//! Read-only, in place: nothing is written, nothing is extracted, archives are read where they are at any depth, links and devices are never followed. What a file
//! *is* is told by its content first and its path second ([`kind`]); whose it is and where it stood on its server, by
//! its path ([`place`]). This room knows no format beyond telling them apart, and judges nothing.

// The house forbids opening files anywhere else; this is the place where it happens.
#![allow(clippy::disallowed_methods)]

mod budgets;
mod containers;
mod ended;
pub mod kind;
mod older_hashes;
pub mod os_path;
pub mod place;
mod read;
mod walk;

pub use budgets::{Budgets, Opening};
pub use containers::units::{Each, Unit};
pub use ended::outcome_of;
pub use older_hashes::OlderHashes;
pub use read::{Hashes, Opened, Rereading, Stream};
pub use walk::{Ask, Input, Inventory, WalkError};
