//! Threads that read files side by side, and the blocks of large files too.
//!
//! A thread takes the next file and drives it: reads, hashes, cuts. Blocks that it cannot keep up with go to a short
//! queue that any thread without a file empties. What comes out does not depend on who did what when.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use detect::observe::{FileFacts, FileTally, Merge};
use formats::block::{Block, Lines};

use super::blocks::OwnedBlock;
use super::parser::Parser;

/// Reads what stands in a block into a tally.
pub type ReadBlock<'a> = dyn Fn(&mut Parser, &Block<'_>, &FileFacts) -> (FileTally, Lines) + Sync + 'a;

/// The blocks in flight, and what the threads wait for.
pub struct Pool<'a> {
    read: &'a ReadBlock<'a>,
    state: Mutex<State>,
    changed: Condvar,
    queue_max: usize,
    /// Set by the first Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Bytes read so far, for the progress line.
    pub bytes_read: AtomicU64,
    /// Files done so far.
    pub files_done: AtomicU64,
}

#[derive(Default)]
struct State {
    next_file: usize,
    driving: usize,
    blocks: VecDeque<Task>,
}

struct Task {
    block: OwnedBlock,
    parser: Parser,
    shared: Arc<Shared>,
}

/// What the threads know together of one file.
pub struct Shared {
    facts: FileFacts,
    told: Mutex<Told>,
    finished: Condvar,
}

#[derive(Default)]
struct Told {
    tally: FileTally,
    lines: Lines,
    outstanding: usize,
    faults: u64,
}

impl<'a> Pool<'a> {
    pub fn new(threads: usize, read: &'a ReadBlock<'a>, interrupted: &'a AtomicBool) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let (bytes_read, files_done) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { read, state, changed, queue_max: threads * 2, interrupted, bytes_read, files_done }
    }

    /// Drives `files` files with `threads` threads; `drive` is called once per file, in order of their numbers.
    pub fn run(&self, threads: usize, files: usize, drive: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(files, drive));
            }
        });
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// A file about to be read.
    pub fn open(facts: FileFacts) -> Arc<Shared> {
        Arc::new(Shared { facts, told: Mutex::default(), finished: Condvar::new() })
    }

    /// Hands a block over, or reads it here when the others are busy.
    pub fn submit(&self, shared: &Arc<Shared>, parser: Parser, block: OwnedBlock) {
        lock(&shared.told).outstanding += 1;
        let task = Task { block, parser, shared: Arc::clone(shared) };
        let mut state = lock(&self.state);
        if state.blocks.len() < self.queue_max {
            state.blocks.push_back(task);
            drop(state);
            self.changed.notify_one();
        } else {
            drop(state);
            self.process(task);
        }
    }

    /// Waits until every block of a file is read, helping meanwhile. The last number counts blocks lost to a fault of
    /// a reader.
    pub fn close(&self, shared: &Arc<Shared>) -> (FileTally, Lines, u64) {
        loop {
            let task = lock(&self.state).blocks.pop_front();
            if let Some(task) = task {
                self.process(task);
                continue;
            }
            let mut told = lock(&shared.told);
            if told.outstanding == 0 {
                return (std::mem::take(&mut told.tally), told.lines, told.faults);
            }
            // Another thread has the last blocks.
            drop(shared.finished.wait(told).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn work(&self, files: usize, drive: &(dyn Fn(usize) + Sync)) {
        let mut state = lock(&self.state);
        loop {
            if let Some(task) = state.blocks.pop_front() {
                drop(state);
                self.process(task);
            } else if state.next_file < files {
                let file = state.next_file;
                state.next_file += 1;
                state.driving += 1;
                drop(state);
                drive(file);
                self.files_done.fetch_add(1, Ordering::Relaxed);
                lock(&self.state).driving -= 1;
                self.changed.notify_all();
            } else if state.driving > 0 {
                drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
            } else {
                return;
            }
            state = lock(&self.state);
        }
    }

    fn process(&self, mut task: Task) {
        let block = Block { bytes: &task.block.bytes, offset: task.block.offset, first_line: task.block.first_line };
        // A reader that fails on hostile bytes costs its block; the file says so and the run goes on.
        let read = std::panic::AssertUnwindSafe(|| (self.read)(&mut task.parser, &block, &task.shared.facts));
        let outcome = std::panic::catch_unwind(read);
        let mut told = lock(&task.shared.told);
        match outcome {
            Ok((tally, lines)) => {
                told.tally.merge(tally);
                told.lines += lines;
            }
            Err(_) => told.faults += 1,
        }
        told.outstanding -= 1;
        drop(told);
        task.shared.finished.notify_all();
    }
}

/// A thread that died while holding a lock has left whole values: they are only ever merged.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
