//! Threads that read files side by side, and the blocks of large files too.
//!
//! A thread takes the next file and drives it: reads, hashes, cuts. Blocks that it cannot keep up with go to a short
//! queue that any thread without a file empties. What comes out does not depend on who did what when.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use detect::observe::{FileFacts, Merge};
use formats::block::{Block, Lines};

use super::blocks::OwnedBlock;
use super::parser::Parser;

/// Reads what stands in a block into what is told of it. The last number is the one with which it was submitted.
pub type ReadBlock<'a, T> = dyn Fn(&mut Parser, &Block<'_>, &FileFacts, u64) -> (T, Lines) + Sync + 'a;

/// The blocks in flight, and what the threads wait for.
pub struct Pool<'a, T> {
    read: &'a ReadBlock<'a, T>,
    state: Mutex<State<T>>,
    changed: Condvar,
    queue_max: usize,
    /// Set by the first Ctrl-C.
    pub interrupted: &'a AtomicBool,
}

struct State<T> {
    next_file: usize,
    driving: usize,
    /// Files whose drive ended in a fault.
    lost: Vec<usize>,
    blocks: VecDeque<Task<T>>,
}

struct Task<T> {
    block: OwnedBlock,
    parser: Parser,
    number: u64,
    shared: Arc<Shared<T>>,
}

/// What the threads know together of one file.
pub struct Shared<T> {
    facts: FileFacts,
    told: Mutex<Told<T>>,
    finished: Condvar,
}

#[derive(Default)]
struct Told<T> {
    tally: T,
    lines: Lines,
    outstanding: usize,
    faults: u64,
}

impl<'a, T: Merge + Default + Send> Pool<'a, T> {
    pub fn new(threads: usize, read: &'a ReadBlock<'a, T>, interrupted: &'a AtomicBool) -> Self {
        let state = State { next_file: 0, driving: 0, lost: Vec::new(), blocks: VecDeque::new() };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Self { read, state, changed, queue_max: threads * 2, interrupted }
    }

    /// Drives `files` files with `threads` threads; `drive` is called once per file, in order of their numbers. Returns
    /// the files, in order, whose drive panicked: whatever it had to say of them is missing.
    pub fn run(&self, threads: usize, files: usize, drive: &(dyn Fn(usize) + Sync)) -> Vec<usize> {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                // Pages made to nest need more than threads usually have; what is not used costs nothing.
                let thread = std::thread::Builder::new().stack_size(pages::STACK_BYTES);
                thread.spawn_scoped(scope, || self.work(files, drive)).expect("the system starts a thread");
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
    pub fn open(facts: FileFacts) -> Arc<Shared<T>> {
        Arc::new(Shared { facts, told: Mutex::default(), finished: Condvar::new() })
    }

    /// Hands a block over; when the others are busy, the oldest in the queue is read here: so no block waits for more
    /// than the queue holds, and who puts what was read back in order waits for little.
    pub fn submit(&self, shared: &Arc<Shared<T>>, parser: Parser, number: u64, block: OwnedBlock) {
        lock(&shared.told).outstanding += 1;
        let mut state = lock(&self.state);
        state.blocks.push_back(Task { block, parser, number, shared: Arc::clone(shared) });
        let surplus = if state.blocks.len() > self.queue_max { state.blocks.pop_front() } else { None };
        drop(state);
        match surplus {
            Some(oldest) => self.process(oldest),
            None => self.changed.notify_one(),
        }
    }

    /// Reads blocks of others until it is time. `is_time` is asked again whenever a block or a file is done, and must
    /// take no lock under which blocks are read.
    pub fn help_until(&self, is_time: &dyn Fn() -> bool) {
        if is_time() {
            return;
        }
        let mut state = lock(&self.state);
        while !is_time() {
            if let Some(task) = state.blocks.pop_front() {
                drop(state);
                self.process(task);
                state = lock(&self.state);
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Waits until every block of a file is read, helping meanwhile. The last number counts blocks lost to a fault of
    /// a reader.
    pub fn close(&self, shared: &Arc<Shared<T>>) -> (T, Lines, u64) {
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

    fn process(&self, mut task: Task<T>) {
        let block = Block { bytes: &task.block.bytes, offset: task.block.offset, first_line: task.block.first_line };
        // A reader that fails on hostile bytes costs its block; the file says so and the run goes on.
        let outcome =
            catch_unwind(AssertUnwindSafe(|| (self.read)(&mut task.parser, &block, &task.shared.facts, task.number)));
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
        // Who waits for a time to come asks under this lock: taken once, nobody can have asked before and wait after.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

/// A thread that died while holding a lock has left whole values: they are only ever merged.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use detect::observe::Merge;
    use formats::block::{Block, Lines};
    use model::file::Kind;

    use super::{FileFacts, OwnedBlock, Parser, Pool};

    static GOES_ON: AtomicBool = AtomicBool::new(false);

    #[derive(Default)]
    struct Sum(u64);

    impl Merge for Sum {
        fn merge(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    fn read(_: &mut Parser, _: &Block<'_>, _: &FileFacts, number: u64) -> (Sum, Lines) {
        (Sum(number), Lines::default())
    }

    #[test]
    fn a_fault_while_driving_costs_that_file_only() {
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
        }
    }

    fn drive(pool: &Pool<'_, Sum>, blocks: u64) -> u64 {
        let parser = Parser::of(Kind::IisNative, "", b"").unwrap();
        let shared = Pool::open(FileFacts::default());
        for number in 1..=blocks {
            let block = OwnedBlock { bytes: Vec::new(), offset: 0, first_line: 1 };
            pool.submit(&shared, parser.clone(), number, block);
        }
        pool.close(&shared).0.0
    }

    #[test]
    fn every_block_is_read_once() {
        for threads in [1, 2, 4] {
            let pool = Pool::new(threads, &read, &GOES_ON);
            let sum = AtomicU64::new(0);
            pool.run(threads, 5, &|_| _ = sum.fetch_add(drive(&pool, 100), Ordering::Relaxed));
            assert_eq!(sum.into_inner(), 5 * 5_050, "{threads} threads");
        }
    }

    #[test]
    fn the_oldest_block_is_read_first() {
        let order = Mutex::new(Vec::new());
        let note = |_: &mut Parser, _: &Block<'_>, _: &FileFacts, number: u64| {
            order.lock().unwrap().push(number);
            (Sum::default(), Lines::default())
        };
        let pool = Pool::new(1, &note, &GOES_ON);
        pool.run(1, 1, &|_| _ = drive(&pool, 50));
        assert!(order.into_inner().unwrap().into_iter().eq(1..=50));
    }

    #[test]
    fn who_waits_for_a_file_reads_the_blocks_of_others() {
        for threads in [2, 4] {
            let pool = Pool::new(threads, &read, &GOES_ON);
            let (done, last) = (AtomicU64::new(0), 6);
            pool.run(threads, last, &|file| {
                // Each waits until all before it are done.
                pool.help_until(&|| done.load(Ordering::SeqCst) >= file as u64);
                assert_eq!(drive(&pool, 40), 820);
                done.fetch_add(1, Ordering::SeqCst);
            });
            assert_eq!(done.into_inner(), last as u64);
        }
    }
}
