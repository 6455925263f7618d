//! Text as bytes: which encoding it is in, and how it becomes UTF-8.

pub mod encoding;
