//! Starts the process that reads, watches it, and finds out which file ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evidence::{Inventory, Unit};

use super::jail::Jail;
use super::wire::{self, Reply, Request};
use super::{Limits, Lost, Setup, Sight};
use crate::assess::interrupt;
use crate::assess::work::{Job, Note};

/// How often it is looked whether everything gets on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The slowest decoder on a slow machine is faster.
const SKIPPED_BYTES_PER_SEC: u64 = 5 << 20;
/// To look into an archive may take so many times as long as a file may stand still: of one that only has a front, all is
/// decompressed to see what it holds.
const LISTING_TIMES: u64 = 30;
/// A process that ends before it has begun a file, so often, will never read one.
const FRUITLESS_MAX: u32 = 5;
/// The same where it was killed from outside each time.
const FRUITLESS_KILLED_MAX: u32 = 1_000;
/// A file that is alone when the process is killed from outside is read again so often: it need not be the reason.
const KILLED_MAX: u32 = 5;
/// Of what a process says on standard error this much of the end is looked at.
const LAST_WORDS_MAX: usize = 4 << 10;

/// What a pipe holds at most; more is never there to be read at once.
const PIPE_BYTES: usize = 64 << 10;

/// The process that reads, and what to start another one with.
pub struct Supervisor {
    setup: Setup,
    /// How many its plan has to have, where that matters.
    rules: Option<u64>,
    limits: Limits,
    /// How long it may take to get to a file in an archive that only has a front.
    way_to: BTreeMap<u32, Duration>,
    worker: Option<Worker>,
    /// Of the first process.
    jail: Option<Jail>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Death {
    /// A file did not get on; it was ended from here.
    Stalled,
    /// It could not get more memory.
    Memory,
    /// It used up its processor time.
    ProcessorTime,
    /// By a signal that a fault raises.
    Fault(String),
    /// Somebody else ended it.
    Killed,
}

/// What came of a list of files.
struct Ran {
    done: BTreeSet<u32>,
    in_flight: BTreeSet<u32>,
    death: Option<Death>,
}

impl Supervisor {
    pub(crate) fn new(setup: Setup) -> Self {
        let limits = setup.limits;
        Self { setup, rules: None, limits, way_to: BTreeMap::new(), worker: None, jail: None }
    }

    /// What there is to read. An archive that ends the process which looks into it is said to have done so, and not
    /// looked into.
    ///
    /// # Errors
    /// When no process lives long enough.
    pub fn inventory(&mut self) -> Result<Arc<Inventory>, String> {
        for _ in 0..FRUITLESS_KILLED_MAX {
            if interrupt::came() {
                return Err(INTERRUPTED.to_owned());
            }
            let (roots, mut against) = match &self.setup.sight {
                Sight::Listed(_, inventory) => return Ok(Arc::clone(inventory)),
                Sight::Roots(roots, against) => (roots.clone(), against.clone()),
            };
            match self.list() {
                Ok(inventory) => {
                    self.way_to = way_to(&inventory);
                    self.setup.sight = Sight::Listed(roots, inventory);
                }
                // Whoever kills it from outside has nothing against an archive.
                Err((_, Death::Killed)) => {}
                Err((Some(path), death)) => {
                    let why = death.words(&self.limits, 0).replace("reading it", "looking into it");
                    against.insert(path, format!("not looked into: {why}"));
                    self.setup.sight = Sight::Roots(roots, against);
                }
                Err((None, death)) => return Err(death.words(&self.limits, 0)),
            }
        }
        Err("it was killed again and again".to_owned())
    }

    /// Has everything listed. Otherwise: the archive that was looked into, and how the process ended.
    fn list(&mut self) -> Result<Arc<Inventory>, (Option<String>, Death)> {
        self.start().map_err(|error| (None, Death::Fault(error.kind().to_string())))?;
        let Some(worker) = &mut self.worker else { return Err((None, Death::Killed)) };
        let mut looking: Option<String> = None;
        // An archive that has only a front is gone through for this.
        let most = Duration::from_secs(self.limits.stall_secs.saturating_mul(LISTING_TIMES));
        let mut since = Instant::now();
        let stalled = loop {
            match worker.replies.recv_timeout(LOOK_EVERY) {
                Ok(Reply::Looking(path)) => (looking, since) = (Some(path), Instant::now()),
                Ok(Reply::Listed(inventory)) => return Ok(inventory),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) if interrupt::came() => {
                    self.worker = None;
                    return Err((None, Death::Killed));
                }
                Err(RecvTimeoutError::Timeout) if looking.is_some() && since.elapsed() > most => break true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        let death = self.worker.take().map_or(Death::Killed, |worker| worker.end(stalled));
        Err((looking, death))
    }

    /// How many rules its plan has to have, where this process has one as well.
    #[must_use]
    pub fn expecting(mut self, rules: usize) -> Self {
        self.rules = Some(rules as u64);
        self
    }

    /// Starts the process, so that it prepares itself meanwhile.
    ///
    /// # Errors
    /// When the system starts none.
    pub fn start(&mut self) -> io::Result<()> {
        if self.worker.is_none() {
            self.worker = Some(Worker::start(&wire::frame(&self.setup)?)?);
        }
        Ok(())
    }

    /// See [`super::Crew::perform`].
    pub fn perform(&mut self, job: &Job, files: &[u32], note: &mut dyn FnMut(Note)) -> Vec<Lost> {
        let mut todo = Todo { files: files.iter().copied().collect(), ..Todo::default() };
        let mut killed: BTreeMap<u32, u32> = BTreeMap::new();
        let mut lost = Vec::new();
        let mut fruitless = 0;
        while let Some(batch) = todo.next(job.is_in_order()) {
            let ran = self.run(job, &batch, note);
            todo.forget(&ran.done);
            let Some(death) = &ran.death else { continue };
            if interrupt::came() {
                lost.extend(todo.files.iter().map(|file| Lost { file: *file, reason: INTERRUPTED.to_owned() }));
                break;
            }
            // One that somebody kills at once says nothing of what it would have done.
            let most = if *death == Death::Killed { FRUITLESS_KILLED_MAX } else { FRUITLESS_MAX };
            fruitless = if ran.in_flight.is_empty() && ran.done.is_empty() { fruitless + 1 } else { 0 };
            if fruitless > most {
                let reason = format!("no process could be kept to read it: {}", death.words(&self.limits, 0));
                lost.extend(todo.files.iter().map(|file| Lost { file: *file, reason: reason.clone() }));
                break;
            }
            match batch.as_slice() {
                [file] if todo.suspects.contains(file) => {
                    let times = killed.entry(*file).or_default();
                    *times += u32::from(*death == Death::Killed);
                    if *death != Death::Killed || *times >= KILLED_MAX {
                        lost.push(Lost { file: *file, reason: death.words(&self.limits, *times) });
                        todo.forget(&BTreeSet::from([*file]));
                    }
                }
                _ => todo.suspects.extend(&ran.in_flight),
            }
        }
        lost
    }

    /// Has a list of files read, until all are or the process ends.
    fn run(&mut self, job: &Job, files: &[u32], note: &mut dyn FnMut(Note)) -> Ran {
        let mut ran = Ran { done: BTreeSet::new(), in_flight: BTreeSet::new(), death: None };
        if let Err(error) = self.start() {
            ran.death = Some(Death::Fault(error.kind().to_string()));
            return ran;
        }
        let Some(worker) = &mut self.worker else { return ran };
        // A process that is gone already shows by its silence.
        _ = worker.ask(&Request::Perform(job.clone(), files.to_vec()));
        let stall = Duration::from_secs(self.limits.stall_secs);
        let mut last: BTreeMap<u32, Instant> = BTreeMap::new();
        let (mut looked, mut asked_to_stop, mut stalled, mut differs) = (Instant::now(), false, false, false);
        let ended = loop {
            match worker.replies.recv_timeout(LOOK_EVERY) {
                Ok(Reply::Note(told)) => {
                    match &told {
                        Note::Begun(file) | Note::GotOn(file, _) => _ = last.insert(*file, Instant::now()),
                        Note::Found { .. } => {}
                        Note::Waits(file) => _ = last.remove(file),
                        Note::Done(file, _) => {
                            last.remove(file);
                            ran.done.insert(*file);
                        }
                    }
                    let taking = Instant::now();
                    note(told);
                    // While nobody takes what is found, as at the end of a pipe, nothing can get on.
                    if taking.elapsed() > LOOK_EVERY {
                        last.values_mut().for_each(|at| *at = Instant::now());
                    }
                }
                Ok(Reply::Ready { rules, .. }) if self.rules.is_some_and(|expected| rules != expected) => {
                    differs = true;
                    break false;
                }
                Ok(Reply::Ready { jail, .. }) => self.jail = Some(jail),
                Ok(Reply::Looking(_) | Reply::Listed(_)) => {}
                Ok(Reply::Performed) => break true,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break false,
            }
            if looked.elapsed() < LOOK_EVERY {
                continue;
            }
            looked = Instant::now();
            if interrupt::came() && !asked_to_stop {
                asked_to_stop = true;
                _ = worker.ask(&Request::Stop);
            }
            let most = |file: &u32| stall + self.way_to.get(file).copied().unwrap_or_default();
            if last.iter().any(|(file, at)| at.elapsed() > most(file)) {
                stalled = true;
                break false;
            }
        };
        if !ended {
            ran.in_flight = last.into_keys().collect();
            ran.death = match self.worker.take() {
                // It lives, and is of no use.
                Some(worker) if differs => {
                    drop(worker);
                    Some(Death::Fault("it came to other rules".to_owned()))
                }
                worker => worker.map(|worker| worker.end(stalled)),
            };
        }
        ran
    }

    /// What the first process is kept in, once it has said so.
    pub fn jail(&self) -> Option<&Jail> {
        self.jail.as_ref()
    }
}

/// Files that are still to be read.
#[derive(Default)]
struct Todo {
    files: BTreeSet<u32>,
    /// Those of them that were being read when a process ended: each is read alone.
    suspects: BTreeSet<u32>,
}

impl Todo {
    /// What to read next: suspects first, or, where what is found is told in the order of the files, whatever comes first.
    fn next(&self, in_order: bool) -> Option<Vec<u32>> {
        let first = self.files.first()?;
        match self.suspects.first() {
            Some(suspect) if !in_order || suspect == first => Some(vec![*suspect]),
            Some(suspect) => Some(self.files.range(..suspect).copied().collect()),
            None => Some(self.files.iter().copied().collect()),
        }
    }

    fn forget(&mut self, done: &BTreeSet<u32>) {
        self.files.retain(|file| !done.contains(file));
        self.suspects.retain(|file| !done.contains(file));
    }
}

/// Files of an archive that only has a front are reached through all before them, when one of them is read again.
fn way_to(inventory: &Inventory) -> BTreeMap<u32, Duration> {
    let mut way_to = BTreeMap::new();
    for unit in inventory.units() {
        let Unit::Sequence(indexes) = unit else { continue };
        let mut before = 0_u64;
        for index in indexes {
            let file = u32::try_from(index).unwrap_or(u32::MAX);
            way_to.insert(file, Duration::from_secs(before / SKIPPED_BYTES_PER_SEC));
            before = before.saturating_add(inventory.inputs.get(index).map_or(0, |input| input.size));
        }
    }
    way_to
}

/// Said of files that an interruption left.
pub const INTERRUPTED: &str = "interrupted";

impl Death {
    fn words(&self, limits: &Limits, times: u32) -> String {
        match self {
            Self::Stalled => format!("reading it did not get on for {} seconds and was ended", limits.stall_secs),
            Self::Memory => {
                format!("reading it took more than {} MiB of memory and was ended", limits.address_space >> 20)
            }
            Self::ProcessorTime => "reading it took more processor time than a file may take and was ended".to_owned(),
            Self::Fault(how) => format!("reading it ended the process that reads ({how})"),
            Self::Killed => format!("the process that read it was killed from outside {times} times"),
        }
    }
}

/// A process that reads.
struct Worker {
    child: Child,
    requests: ChildStdin,
    replies: Receiver<Reply>,
    last_words: Arc<Mutex<Vec<u8>>>,
}

impl Worker {
    fn start(setup: &[u8]) -> io::Result<Self> {
        let mut command = this_program()?;
        command.arg(super::super::WORKER_VERB).env_clear();
        // The allocator reserves a gigabyte at a time, which would fill small limits with nothing.
        command.env("MIMALLOC_ARENA_RESERVE", "65536");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for the process that judges: it asks this one to end.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let missing = || io::Error::other("no pipe");
        let mut requests = child.stdin.take().ok_or_else(missing)?;
        let (out, mut err) = (child.stdout.take().ok_or_else(missing)?, child.stderr.take().ok_or_else(missing)?);
        let mut out = BufReader::with_capacity(PIPE_BYTES, out);
        let (send, replies) = mpsc::sync_channel(super::NOTES_MAX);
        std::thread::spawn(move || {
            // What is no message of ours ends it like the end of the process.
            while let Ok(Some(reply)) = wire::receive(&mut out) {
                if send.send(reply).is_err() {
                    break;
                }
            }
        });
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&last_words);
        std::thread::spawn(move || listen(&mut err, &heard));
        // One that dies while it is told what to do shows by its silence.
        _ = requests.write_all(setup).and_then(|()| requests.flush());
        Ok(Self { child, requests, replies, last_words })
    }

    fn ask(&mut self, request: &Request) -> io::Result<()> {
        wire::send(&mut self.requests, request)?;
        self.requests.flush()
    }

    /// Makes sure that it has ended, and says how.
    fn end(mut self, stalled: bool) -> Death {
        if stalled {
            _ = self.child.kill();
        }
        // It may live on when its messages made no sense.
        let ended = wait(&mut self.child, Duration::from_secs(2));
        let status = ended.or_else(|| {
            _ = self.child.kill();
            self.child.wait().ok()
        });
        if stalled {
            return Death::Stalled;
        }
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        death(status, &String::from_utf8_lossy(&words))
    }
}

impl Drop for Worker {
    /// It is idle or of no use any more.
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn wait(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < most {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Keeps the end of what it says. Nobody is shown it: it may hold anything.
fn listen(from: &mut impl Read, heard: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let surplus = heard.len().saturating_sub(LAST_WORDS_MAX);
        heard.drain(..surplus);
    }
}

/// This program as a process that reads.
fn this_program() -> io::Result<Command> {
    // The file that runs, even if another one has been put in its place since.
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    // No external program: the only one that is ever started is this one.
    #[allow(clippy::disallowed_methods)]
    Ok(Command::new(program))
}

#[cfg(unix)]
fn death(status: Option<ExitStatus>, last_words: &str) -> Death {
    use std::os::unix::process::ExitStatusExt;

    // Numbers of POSIX and of Linux.
    const SIGKILL: i32 = 9;
    const SIGTERM: i32 = 15;
    const SIGXCPU: i32 = 24;
    let Some(status) = status else { return Death::Killed };
    match (status.signal(), status.code()) {
        _ if last_words.contains("memory allocation of") => Death::Memory,
        (Some(SIGKILL | SIGTERM), _) => Death::Killed,
        (Some(SIGXCPU), _) => Death::ProcessorTime,
        (Some(signal), _) => Death::Fault(format!("signal {signal}")),
        (None, code) => Death::Fault(format!("status {}", code.unwrap_or_default())),
    }
}

#[cfg(not(unix))]
fn death(status: Option<ExitStatus>, last_words: &str) -> Death {
    match status.and_then(|status| status.code()) {
        _ if last_words.contains("memory allocation of") => Death::Memory,
        // TerminateProcess by a task manager.
        None | Some(1) => Death::Killed,
        Some(code) => Death::Fault(format!("status {code:#x}")),
    }
}
