//! Puts hits back in order: by file, in the order of the manifest, and by block in it, whichever thread read what when.
//!
//! What comes before its turn is kept until then. While more than [`KEPT_BYTES_MAX`] is kept, files whose turn it is not
//! yet wait before they read more. The file whose turn it is (the head) waits only while so much of its own is kept:
//! then one of its blocks is in the queue or being read, and all that is kept waits for that one. Nobody waits while
//! reading a block, and who waits reads blocks of the queue: so there is always somebody who goes on, and memory is
//! bounded by twice that number and the hits of the few blocks in flight.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Beyond this, files wait.
pub const KEPT_BYTES_MAX: usize = 32 << 20;

/// See the module.
pub struct Outlet<'o> {
    queue: Mutex<Queue<'o>>,
    /// The file whose turn it is. As `kept`, written under the lock and read without.
    head: AtomicU32,
    /// Bytes that wait for their turn.
    kept: AtomicUsize,
    /// Those of the head. Written before it.
    kept_of_head: AtomicUsize,
    kept_max: usize,
}

/// Takes what is found, in order.
pub type Take<'o> = dyn FnMut(Turn) + Send + 'o;

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next block of the next file, and what it yields.
    Block { file: u32, number: u64, bytes: Vec<u8> },
    /// All of a file has been handed over.
    Ended(u32),
}

struct Queue<'o> {
    take: Box<Take<'o>>,
    files: BTreeMap<u32, Waiting>,
}

/// What is known of a file that is not written whole.
#[derive(Default)]
struct Waiting {
    /// Blocks that were given a number.
    numbered: u64,
    /// The next to be written.
    next: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Their bytes.
    kept: usize,
    /// No more blocks will come.
    ended: bool,
}

/// The hits of one block. They are handed over when it is dropped: none of them, if that happens in a fault of the
/// reader, so that what is written is what is counted.
pub struct Piece<'a, 'o> {
    outlet: &'a Outlet<'o>,
    file: u32,
    number: u64,
    /// As they will be written.
    pub bytes: Vec<u8>,
}

impl Drop for Piece<'_, '_> {
    fn drop(&mut self) {
        let bytes = if std::thread::panicking() { Vec::new() } else { std::mem::take(&mut self.bytes) };
        self.outlet.deliver(self.file, self.number, bytes);
    }
}

impl<'o> Outlet<'o> {
    /// An outlet to `take`.
    pub fn new(take: Box<Take<'o>>, kept_max: usize) -> Self {
        let queue = Queue { take, files: BTreeMap::new() };
        let (kept, kept_of_head) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { queue: Mutex::new(queue), head: AtomicU32::new(0), kept, kept_of_head, kept_max }
    }

    /// Whether more of a file may be read now. Takes no lock.
    pub fn has_room(&self, file: u32) -> bool {
        if file <= self.head.load(Ordering::SeqCst) {
            self.kept_of_head.load(Ordering::SeqCst) <= self.kept_max
        } else {
            self.kept.load(Ordering::SeqCst) < self.kept_max
        }
    }

    /// Announces the next block of a file. Its piece has to come, or the outlet waits for ever.
    pub fn number_block(&self, file: u32) -> u64 {
        let mut queue = self.lock();
        let waiting = queue.files.entry(file).or_default();
        let number = waiting.numbered;
        waiting.numbered += 1;
        number
    }

    /// What an announced block yields.
    pub fn piece(&self, file: u32, number: u64) -> Piece<'_, 'o> {
        Piece { outlet: self, file, number, bytes: Vec::new() }
    }

    /// Says that no more blocks of a file will be announced.
    pub fn end(&self, file: u32) {
        let mut queue = self.lock();
        queue.files.entry(file).or_default().ended = true;
        self.write_on(&mut queue);
    }

    fn deliver(&self, file: u32, number: u64, bytes: Vec<u8>) {
        let mut queue = self.lock();
        self.kept.fetch_add(bytes.len(), Ordering::SeqCst);
        let waiting = queue.files.entry(file).or_default();
        waiting.kept += bytes.len();
        waiting.pieces.insert(number, bytes);
        self.write_on(&mut queue);
    }

    /// Writes as far as the order allows.
    fn write_on(&self, queue: &mut Queue<'o>) {
        let mut head = self.head.load(Ordering::SeqCst);
        while let Some(waiting) = queue.files.get_mut(&head) {
            while let Some(bytes) = waiting.pieces.remove(&waiting.next) {
                waiting.next += 1;
                waiting.kept -= bytes.len();
                self.kept.fetch_sub(bytes.len(), Ordering::SeqCst);
                if !bytes.is_empty() {
                    (queue.take)(Turn::Block { file: head, number: waiting.next - 1, bytes });
                }
            }
            if !waiting.ended || waiting.next < waiting.numbered {
                break;
            }
            queue.files.remove(&head);
            (queue.take)(Turn::Ended(head));
            head = head.saturating_add(1);
        }
        let kept_of_head = queue.files.get(&head).map_or(0, |waiting| waiting.kept);
        self.kept_of_head.store(kept_of_head, Ordering::SeqCst);
        self.head.store(head, Ordering::SeqCst);
    }

    /// A thread that died while holding the lock left whole values.
    fn lock(&self) -> MutexGuard<'_, Queue<'o>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{KEPT_BYTES_MAX, Outlet, Take, Turn};

    /// Keeps the bytes to be looked at.
    fn kept_in(written: &Mutex<Vec<u8>>) -> Box<Take<'_>> {
        Box::new(move |turn| {
            if let Turn::Block { bytes, .. } = turn {
                written.lock().unwrap().extend_from_slice(&bytes);
            }
        })
    }

    fn put(outlet: &Outlet<'_>, file: u32, number: u64, text: &str) {
        outlet.piece(file, number).bytes.extend_from_slice(text.as_bytes());
    }

    /// Every order in which so many pieces can come.
    fn orders(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for order in orders(count - 1) {
            for at in 0..count {
                let mut longer = order.clone();
                longer.insert(at, count - 1);
                all.push(longer);
            }
        }
        all
    }

    #[test]
    fn every_order_gives_the_same_text() {
        const PIECES: [(u32, u64, &str); 5] = [(0, 0, "a"), (0, 1, ""), (0, 2, "b"), (2, 0, "c"), (2, 1, "d")];
        // What comes: a piece, or the end of one of the three files. The second has no blocks.
        for order in orders(PIECES.len() + 3) {
            let written = Mutex::new(Vec::new());
            let outlet = Outlet::new(kept_in(&written), KEPT_BYTES_MAX);
            for (file, number, _) in PIECES {
                assert_eq!(outlet.number_block(file), number);
            }
            for what in order {
                match PIECES.get(what) {
                    Some((file, number, text)) => put(&outlet, *file, *number, text),
                    None => outlet.end(u32::try_from(what - PIECES.len()).unwrap()),
                }
            }
            assert_eq!(outlet.kept.load(Ordering::SeqCst), 0);
            drop(outlet);
            assert_eq!(written.into_inner().unwrap(), b"abcd");
        }
    }

    #[test]
    fn only_who_is_not_at_the_head_waits_for_room() {
        let outlet = Outlet::new(Box::new(drop), 3);
        let number = outlet.number_block(1);
        put(&outlet, 1, number, "ab");
        assert!(outlet.has_room(0) && outlet.has_room(1) && outlet.has_room(2));
        let number = outlet.number_block(2);
        put(&outlet, 2, number, "c");
        assert!(outlet.has_room(0) && !outlet.has_room(1) && !outlet.has_room(2));
        outlet.end(0);
        // The first piece of the new head is written, and it is its turn.
        assert!(outlet.has_room(1) && outlet.has_room(2));
    }

    #[test]
    fn the_head_waits_for_its_own_blocks_only() {
        let outlet = Outlet::new(Box::new(drop), 3);
        let (first, second) = (outlet.number_block(0), outlet.number_block(0));
        let other = outlet.number_block(1);
        put(&outlet, 1, other, "much of another file");
        assert!(outlet.has_room(0), "what others have is nothing to it");
        put(&outlet, 0, second, "abcd");
        assert!(!outlet.has_room(0), "its first block is on its way");
        put(&outlet, 0, first, "");
        assert!(outlet.has_room(0) && !outlet.has_room(1));
        outlet.end(0);
        assert!(outlet.has_room(1));
    }

    #[test]
    fn a_fault_leaves_no_hole() {
        let written = Mutex::new(Vec::new());
        let outlet = Outlet::new(kept_in(&written), KEPT_BYTES_MAX);
        let (first, second) = (outlet.number_block(0), outlet.number_block(0));
        let fault = catch_unwind(AssertUnwindSafe(|| {
            outlet.piece(0, first).bytes.extend_from_slice(b"of a block that is lost");
            let mut piece = outlet.piece(0, second);
            piece.bytes.extend_from_slice(b"half");
            panic!("a fault on purpose");
        }));
        assert!(fault.is_err());
        outlet.end(0);
        let third = outlet.number_block(1);
        put(&outlet, 1, third, ", and the next file");
        drop(outlet);
        assert_eq!(written.into_inner().unwrap(), b"of a block that is lost, and the next file");
    }

    #[test]
    fn turns_are_told_with_their_numbers_and_ends() {
        let turns = Mutex::new(Vec::new());
        let outlet = Outlet::new(Box::new(|turn| turns.lock().unwrap().push(turn)), KEPT_BYTES_MAX);
        let (first, second) = (outlet.number_block(1), outlet.number_block(1));
        put(&outlet, 1, second, "b");
        put(&outlet, 1, first, "");
        outlet.end(1);
        assert!(turns.lock().unwrap().is_empty(), "it is not its turn");
        outlet.end(0);
        drop(outlet);
        let block = Turn::Block { file: 1, number: 1, bytes: b"b".to_vec() };
        assert_eq!(turns.into_inner().unwrap(), [Turn::Ended(0), block, Turn::Ended(1)]);
    }

    /// The pool and the outlet together, as a hunt uses them.
    mod with_the_pool {
        use std::io::Write as _;
        use std::sync::atomic::AtomicBool;

        use formats::block::{Block, Lines};
        use model::file::Kind;

        use super::*;
        use crate::assess::blocks::OwnedBlock;
        use crate::assess::parser::Parser;
        use crate::assess::pool::Pool;
        use detect::observe::{FileFacts, FileTally};

        static GOES_ON: AtomicBool = AtomicBool::new(false);

        /// Files of so many blocks, whose hits are their names; the most that was kept comes back beside the text.
        fn hunt(threads: usize, budget: usize, blocks: &[u64]) -> (String, usize) {
            let (written, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
            let outlet = Outlet::new(kept_in(&written), budget);
            let read = |_: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64| {
                let mut piece = outlet.piece(facts.file, number);
                writeln!(piece.bytes, "{}/{number}", facts.file).unwrap();
                drop(piece);
                most.fetch_max(outlet.kept.load(Ordering::SeqCst), Ordering::SeqCst);
                assert!(block.bytes.is_empty(), "a fault on purpose");
                (FileTally::default(), Lines::default())
            };
            let pool = Pool::new(threads, &read, &GOES_ON);
            pool.run(threads, blocks.len(), &|index| {
                let file = u32::try_from(index).unwrap();
                let shared = Pool::open(FileFacts { file, ..FileFacts::default() });
                for _ in 0..blocks[index] {
                    pool.help_until(&|| outlet.has_room(file));
                    let block = OwnedBlock { bytes: Vec::new(), offset: 0, first_line: 1 };
                    let parser = Parser::of(Kind::IisNative, "", b"").unwrap();
                    pool.submit(&shared, parser, outlet.number_block(file), block);
                }
                pool.close(&shared);
                outlet.end(file);
            });
            drop(outlet);
            (String::from_utf8(written.into_inner().unwrap()).unwrap(), most.into_inner())
        }

        #[test]
        fn nobody_waits_for_ever_and_the_order_is_kept() {
            // A long file first, so that all others run into the limit; empty ones between; a long one last.
            let blocks = [400, 0, 3, 200, 1, 0, 0, 90, 2, 300];
            let mut expected = String::new();
            for (file, blocks) in blocks.into_iter().enumerate() {
                (0..blocks).for_each(|number| expected += &format!("{file}/{number}\n"));
            }
            for threads in 1..=4 {
                for budget in [0, 1, 50, KEPT_BYTES_MAX] {
                    for _ in 0..5 {
                        let (text, most) = hunt(threads, budget, &blocks);
                        assert_eq!(text, expected, "{threads} threads, {budget} bytes");
                        // The head and the others, and what the queue and the threads have in hand.
                        let in_flight = (threads * 2 + threads + 1) * "0/000\n".len() * 2;
                        assert!(most <= budget.saturating_mul(2) + in_flight, "{most} of {budget}, {threads} threads");
                    }
                }
            }
        }
    }
}
