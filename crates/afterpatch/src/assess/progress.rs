//! The progress line: bytes, files, rate and time left, on standard error, only where a person looks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use evidence::Inventory;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;

/// How far reading is.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    files: AtomicU64,
}

impl Progress {
    /// So many more bytes are read.
    pub fn got_on(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// One more file is done.
    pub fn file_done(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows how far it is while something works.
    pub fn show_while<T>(&self, inventory: &Inventory, console: &Console, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| self.watch(inventory, console, &done));
            let worked = work();
            done.store(true, Ordering::Release);
            watcher.thread().unpark();
            worked
        })
    }

    fn watch(&self, inventory: &Inventory, console: &Console, done: &AtomicBool) {
        if !console.live {
            return;
        }
        let total: u64 = inventory.inputs.iter().map(|input| input.size).sum();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = "reading {bytes}/{total_bytes} {wide_bar:.dim} {binary_bytes_per_sec}, {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        while !done.load(Ordering::Acquire) {
            bar.set_position(self.bytes.load(Ordering::Relaxed).min(total));
            bar.set_message(format!("{}/{} files", self.files.load(Ordering::Relaxed), inventory.inputs.len()));
            std::thread::park_timeout(Duration::from_millis(100));
        }
        bar.finish_and_clear();
    }
}
