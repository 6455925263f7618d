//! Which Exchange servers are open, seen from outside.
//!
//! The only room that opens outward sockets, and only within the scope that its user may look at: it asks for three pages,
//! never logs in, never sends anything that a browser would not. What it sees and what other scanners saw become the same
//! observations ([`model::survey::Observation`]); one classifier judges them.
//!
//! Nothing here prints or decides where files lie.

pub mod classify;
pub mod columns;
pub mod compare;
pub mod count;
pub mod estimate;
#[cfg(any(test, feature = "fleet"))]
pub mod fleet;
pub mod geo;
pub mod import;
pub mod notify;
pub mod probe;
pub mod scope;
pub mod store;
