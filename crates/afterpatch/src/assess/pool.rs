//! Threads that read files side by side, and the blocks of large files too.
//!
//! A thread takes the next file and drives it: reads, hashes, cuts. Blocks that it cannot keep up with go to a short
//! queue that any thread without a file empties. What comes out does not depend on who did what when.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// Files whose drive ended in a fault.
    lost: Vec<usize>,
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

    /// Drives `files` files with `threads` threads; `drive` is called once per file, in order of their numbers. Returns
    /// the files, in order, whose drive panicked: whatever it had to say of them is missing.
    pub fn run(&self, threads: usize, files: usize, drive: &(dyn Fn(usize) + Sync)) -> Vec<usize> {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(files, drive));
            }
        });
        let mut lost = std::mem::take(&mut lock(&self.state).lost);
        lost.sort_unstable();
        lost
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
                // A fault costs its file; the other threads wait for this one to say that it is done.
                let is_lost = catch_unwind(AssertUnwindSafe(|| drive(file))).is_err();
                self.files_done.fetch_add(1, Ordering::Relaxed);
                let mut state = lock(&self.state);
                state.driving -= 1;
                state.lost.extend(is_lost.then_some(file));
                drop(state);
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
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.read)(&mut task.parser, &block, &task.shared.facts)));
        let mut told = lock(&task.shared.told);
        let merged = outcome.and_then(|(tally, lines)| {
            // Whatever happens, the block is no longer outstanding.
            catch_unwind(AssertUnwindSafe(|| told.tally.merge(tally))).map(|()| lines)
        });
        match merged {
            Ok(lines) => told.lines += lines,
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use formats::block::{Block, Lines};

    use super::{FileFacts, FileTally, Parser, Pool};

    static GOES_ON: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_fault_while_driving_costs_that_file_only() {
        let read = |_: &mut Parser, _: &Block<'_>, _: &FileFacts| (FileTally::default(), Lines::default());
        for threads in [1, 3] {
            let pool = Pool::new(threads, &read, &GOES_ON);
            let done = Mutex::new(Vec::new());
            let lost = pool.run(threads, 7, &|file| {
                assert!(file != 5 && file != 2, "a fault on purpose");
                done.lock().unwrap().push(file);
            });
            assert_eq!(lost, [2, 5], "{threads} threads");
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, [0, 1, 3, 4, 6], "{threads} threads");
            assert_eq!(pool.files_done.load(Ordering::Relaxed), 7);
        }
    }
}
