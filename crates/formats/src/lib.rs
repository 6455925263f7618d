//! Bytes to events: one folder per format, never a path, never a file.

pub mod antivirus;
pub mod block;
pub mod collected;
pub mod config;
pub mod delimited;
pub mod errorreport;
pub mod evtx;
pub mod jsonl;
pub mod mft;
pub mod registry;
pub mod setup;
pub mod test_proxylogon;
pub mod text;
mod windows;

#[cfg(test)]
mod testing;
