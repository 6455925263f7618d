//! An assessment becomes a page, a timeline, a manifest, a terminal screen: one file per output.
//!
//! Everything here is a pure function from an [`model::assessment::Assessment`] (and the file records) or an
//! [`model::advice::Advice`] or a [`model::collecting::Recipe`] to text: no file system, no clock, no network, no printing. Evidence text becomes visible
//! only through [`hostile`].

pub mod advice;
pub mod collect;
pub mod custody;
pub mod hostile;
pub mod html;
pub mod json;
pub mod manifest;
pub mod screen;
pub mod survey;
pub mod timeline;
mod wording;

pub use wording::{count, proves_word, stage_word};

#[cfg(test)]
#[path = "../examples/samples/mod.rs"]
mod samples;
