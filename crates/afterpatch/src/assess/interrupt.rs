//! Ctrl-C: the first ends reading and a report marked incomplete is written; the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

/// The first Ctrl-C came.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
pub fn listen() {
    // Where no handler can be set, Ctrl-C ends the program as it always did.
    _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

pub fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}
