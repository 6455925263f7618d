//! The observers: what needs every event, beside the rules that need few.
//!
//! An [`Observer`] takes the events of one stretch of one file; what it tallied is merged per file ([`FileTally`]) and
//! over all files ([`Tally`]). Nothing depends on how files were cut or in which order they came, and nothing grows
//! without bound.

mod access;
mod afterwards;
mod bounded;
mod builds;
mod cells;
mod columns;
mod coverage;
mod event_logs;
mod events;
mod file;
mod file_system;
mod file_table;
mod files;
mod join;
mod kept;
mod matching;
mod observer;
mod pages;
mod refused;
mod remembered;
mod server;
mod sightings;
mod tally;

pub use afterwards::{Noted, conclude, join_noted};
pub use bounded::{Bounded, Merge};
pub use file::FileTally;
pub use file_system::listed_kind;
pub use file_table::FileTable;
pub use files::{CONTENT_BYTES_MAX, FileContent, HEAD_BYTES, observe_file};
pub use join::{Join, JoinObserver};
pub use kept::RAW_BYTES_MAX;
pub use matching::Habits;
pub use observer::{FileFacts, Observer, TimeRange};
pub use tally::{Tally, UNNAMED};

pub(crate) use afterwards::indicators_of_page;
pub(crate) use columns::is_empty;
pub(crate) use events::who;
pub(crate) use files::{Place, match_file, tally_yara};
pub(crate) use matching::{Habit, Matcher};
pub(crate) use observer::Here;
pub(crate) use server::ServerTally;
