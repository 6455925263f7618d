//! Runs the real program on whole evidence trees and looks at nothing but what it writes: exit status, screen, files.
//!
//! One executable, a module per promise. Nothing here knows how the program works inside; where a test needs a number
//! (lines of a log, bytes, hashes) it counts by itself.

#![allow(
    clippy::disallowed_methods,
    reason = "starts the program under test, and reads back what it and the test wrote: none of it is evidence"
)]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod advise;
mod archives;
mod broken_logs;
mod collect;
mod collected;
mod command_line;
mod contract;
mod custody;
mod exit_status;
mod explain;
mod hostile_text;
mod hunt;
mod isolation;
mod logs;
mod missing_artefacts;
mod packs;
mod pages;
mod program;
mod real_evidence;
mod same_bytes;
mod sigma;
mod stories;
mod survey;
mod survey_probe;
mod told;
mod trees;
mod yara;
