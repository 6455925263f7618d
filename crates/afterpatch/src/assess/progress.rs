//! The progress line: bytes, files, rate and time left, on standard error, only where a person looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pool::Pool;
use crate::console::Console;

/// Shows how far the pool is until `done` is set.
pub fn watch<T>(console: &Console, pool: &Pool<'_, T>, total_bytes: u64, total_files: usize, done: &AtomicBool) {
    if !console.live {
        return;
    }
    let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
    let template = "reading {bytes}/{total_bytes} {wide_bar:.dim} {binary_bytes_per_sec}, {eta} left, {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    while !done.load(Ordering::Acquire) {
        bar.set_position(pool.bytes_read.load(Ordering::Relaxed).min(total_bytes));
        bar.set_message(format!("{}/{} files", pool.files_done.load(Ordering::Relaxed), total_files));
        std::thread::park_timeout(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}
