//! Ctrl-C, a request to end or a closed terminal: the first ends reading and a report marked incomplete is written; the
//! second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When a terminal closes, shell and system both say so: signals so close to the first are one with it.
const TOGETHER: Duration = Duration::from_millis(500);

/// The first signal came.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Listens from now on: for SIGINT, SIGTERM and SIGHUP, or what a Windows console sends.
pub fn listen() {
    // A run under nohup goes on when its terminal closes, and the handler cannot tell signals apart.
    if hangups_are_ignored() {
        return;
    }
    // Where no handler can be set, signals end the program as they always did.
    let mut first: Option<Instant> = None;
    _ = ctrlc::set_handler(move || {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if first.get_or_insert_with(Instant::now).elapsed() > TOGETHER {
            std::process::exit(130);
        }
    });
}

/// Asks for an end as the first signal does.
pub fn ask() {
    INTERRUPTED.store(true, Ordering::SeqCst);
}

pub fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Told where the system tells it without a call into it: on Linux.
fn hangups_are_ignored() -> bool {
    // No evidence: what the system says about this process.
    #[allow(clippy::disallowed_methods)]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hangups(&status)
}

/// Source: proc_pid_status(5), `SigIgn`: a mask in hexadecimal, the lowest bit is signal 1, SIGHUP.
fn ignores_hangups(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangups;

    #[test]
    fn nohup_is_told_by_the_mask() {
        assert!(ignores_hangups("Name:\tafterpatch\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangups("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangups("SigIgn:\tnothing\n") && !ignores_hangups(""));
    }
}
