//! Looks.

pub mod http;
