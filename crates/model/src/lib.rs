//! The words everyone shares.
//!
//! Every other room speaks in these types: when ([`Utc`]), where from ([`Origin`], [`Source`]), what was read
//! ([`Row`], [`WindowsEvent`]), what could not be read ([`Reject`]), which files a list names ([`listing`]), what was seen ([`observation`]), and what is
//! said about it in the end ([`assessment`]), or from a build number alone ([`advice`]), what to collect
//! ([`collecting`]), and which servers are open seen from outside ([`survey`]).
//!
//! This room does no I/O, reads no clock and knows no other room.

pub mod advice;
pub mod assessment;
mod build;
pub mod campaign;
pub mod collecting;
pub mod file;
pub mod listing;
pub mod observation;
pub mod page;
mod record;
mod server;
mod source;
pub mod survey;
mod time;

pub use build::{Build, NotABuild};
pub use record::{
    Cell, Element, EventHead, Origin, Raw, Reject, RejectReason, Render, Row, Schema, Sink, WindowsEvent,
};
pub use server::server_name;
pub use source::{Family, Source};
pub use time::Utc;
