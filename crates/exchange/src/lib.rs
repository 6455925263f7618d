//! What is known of the product: builds, fixes, updates, paths, known-good files.
//!
//! The data lies in `knowledge/` (its README names columns and sources), is embedded when this is compiled and read
//! once. Nothing here opens a file, reads a clock or decides whether a server was hit: it says what a build is, what
//! it was open to, which update fits it, and what belongs in the web folders.
//!
//! * [`Knowledge`]: [`release`](Knowledge::release), [`state`](Knowledge::state),
//!   [`open_cves`](Knowledge::open_cves), [`cu_released`](Knowledge::cu_released),
//!   [`update_that_fits`](Knowledge::update_that_fits), [`read_number`](Knowledge::read_number),
//!   [`advise`](Knowledge::advise)
//! * [`is_known_page`], [`place_of_url`], [`url_of_path`], [`file_belongs`], [`is_of_build`], [`odd_name`]: web folders
//! * [`is_telling_name`], [`is_watched_path`]: which files of a volume are worth a look
//! * [`standing`], [`disclosed_key`]: modules, handlers and agents that belong, and machine keys that are public
//! * [`sources`], [`place_of_source`], [`places`]: where evidence lies, how long it is kept, what it answers

mod advice;
mod builds;
mod configuration;
mod files;
mod fixes;
mod names;
mod pages;
mod places;
mod sources;
mod table;
mod updates;

use std::sync::OnceLock;

pub use advice::{Names, NotANumber, Number};
pub use builds::{Exactness, Release};
pub use configuration::{Setting, Standing, disclosed_key, standing};
pub use files::{builds_with_file, file_belongs, is_of_build, url_of_path};
pub use fixes::{Fix, FixState, Hole, Judged, Judgement};
pub use names::{Odd, Oddity, odd_name};
pub use pages::{Place, is_known_page, place_of_url};
pub use places::{is_page_name, is_telling_name, is_watched_path};
pub use sources::{
    EvidenceSource, Folders, PartsAre, Retention, live_folders, place_of_source, places, source, sources,
};
pub use updates::Step;

/// The day up to which the data of `knowledge/` is complete.
pub const STATE_DATE: &str = "2026-11-23";

/// Builds, fixes and updates.
pub struct Knowledge {
    catalogue: builds::Catalogue,
    holes: fixes::Holes,
}

impl Knowledge {
    /// What is shipped in `knowledge/`.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Knowledge> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let catalogue = builds::Catalogue::shipped();
            let holes = fixes::Holes::shipped(&catalogue);
            Self { catalogue, holes }
        })
    }
}
