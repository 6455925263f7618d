//! The process that reads: takes jobs from standard input, tells of them on standard output.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use detect::observe::TimeRange;
use detect::plan::Plan;
use evidence::{Inventory, Opening};

use super::wire::{self, Reply, Request};
use super::{Setup, Sight, jail};
use crate::assess::interrupt;
use crate::assess::work::{Job, Note, Reader};
use crate::exit::Exit;

/// Notes wait so long to be sent together.
const TOGETHER: Duration = Duration::from_millis(50);

/// Serves until nobody asks any more.
pub fn serve() -> ExitCode {
    // Whoever asked is gone when this fails, so there is nobody to tell.
    match serve_jobs() {
        Ok(()) => Exit::Done.into(),
        Err(_) => Exit::Fault.into(),
    }
}

fn serve_jobs() -> io::Result<()> {
    let Some(mut setup) = wire::receive::<Setup>(&mut io::stdin().lock())? else { return Ok(()) };
    // Before the first thread begins, so that all of them are in it; and before a rule of others is compiled.
    let jail = jail::enter(&setup.sight.roots(), &setup.limits);
    let out = Outlet::new();
    let inventory = inventory(&mut setup, &out)?;
    let rules = &setup.rules;
    let plan = Plan::compile_with_yara(&rules.packs, &rules.sigma, &rules.yara).plan;
    out.send(&Reply::Ready { rules: plan.rules().len() as u64, jail }, true);
    let (from, until) = setup.range;
    let range = TimeRange { from, until };
    let reader = Reader { inventory: &inventory, plan: &plan, range, threads: setup.threads };
    for (job, files) in requests() {
        limit_a_lone_file(&setup, &inventory, &job, &files);
        let tell = |note: Note| {
            go_wrong(&setup, &inventory, &note);
            let at_once = matches!(note, Note::Begun(_));
            out.send(&Reply::Note(note), at_once);
        };
        reader.perform(&job, &files, &tell);
        out.send(&Reply::Performed, true);
    }
    Ok(())
}

/// What there is to read, listed here where nobody has listed it yet: archives are looked into for that.
fn inventory(setup: &mut Setup, out: &Outlet) -> io::Result<Arc<Inventory>> {
    let opening = Opening { passwords: setup.passwords.clone(), ..setup.opening.clone() };
    let (roots, against) = match &mut setup.sight {
        Sight::Listed(_, listed) => {
            Arc::make_mut(listed).opening = opening;
            return Ok(Arc::clone(listed));
        }
        Sight::Roots(roots, against) => (roots.clone(), against.clone()),
    };
    let setup = &*setup;
    let roots: Vec<PathBuf> = roots.iter().map(|root| root.0.clone()).collect();
    let mut ask = |path: &str| {
        let why = against.get(path).cloned();
        if why.is_none() {
            out.send(&Reply::Looking(path.to_owned()), true);
            go_wrong_looking(setup, path);
        }
        why
    };
    let inventory = Arc::new(Inventory::walk_watched(&roots, &opening, &mut ask).map_err(io::Error::other)?);
    out.send(&Reply::Listed(Arc::clone(&inventory)), true);
    Ok(inventory)
}

/// The jobs, as they come. A request to stop reaches the one that runs; when nobody can ask any more, the process ends.
fn requests() -> Receiver<(Job, Vec<u32>)> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            match wire::receive::<Request>(&mut input) {
                Ok(Some(Request::Perform(job, files))) => _ = send.send((job, files)),
                Ok(Some(Request::Stop)) => interrupt::ask(),
                Ok(None) | Err(_) => std::process::exit(0),
            }
        }
    });
    receive
}

/// A file that is read alone, because it is under suspicion, gets so much processor time and no more. Others have no such
/// limit: nobody knows how long all of them take.
fn limit_a_lone_file(setup: &Setup, inventory: &Inventory, job: &Job, files: &[u32]) {
    let secs = match (job, files) {
        (job, [file]) if job.is_first() => {
            let size = inventory.inputs.get(*file as usize).map_or(0, |input| input.size);
            Some(setup.limits.cpu_secs.saturating_add(size >> 20))
        }
        _ => None,
    };
    jail::limit_processor_time(secs);
}

struct Outlet(Mutex<(BufWriter<Stdout>, Instant)>);

impl Outlet {
    fn new() -> Self {
        Self(Mutex::new((BufWriter::with_capacity(64 << 10, io::stdout()), Instant::now())))
    }

    fn send(&self, reply: &Reply, at_once: bool) {
        // Before the others are kept waiting.
        let frame = wire::frame(reply);
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (out, flushed) = &mut *guard;
        let mut sent = frame.and_then(|frame| out.write_all(&frame));
        if sent.is_ok() && (at_once || flushed.elapsed() > TOGETHER) {
            sent = out.flush();
            *flushed = Instant::now();
        }
        if sent.is_err() {
            // Whoever asked is gone.
            std::process::exit(0);
        }
    }
}

/// Does what a test asks for when a file begins: this process has to be able to end in every way.
fn go_wrong(setup: &Setup, inventory: &Inventory, note: &Note) {
    let (Some(fault), Note::GotOn(file, _)) = (&setup.fault, note) else { return };
    let path = inventory.inputs.get(*file as usize).map_or("", |input| input.path.as_str());
    go_wrong_at(fault, path);
}

/// The same for an archive that is looked into: `look-abort@x.zip`.
fn go_wrong_looking(setup: &Setup, path: &str) {
    if let Some(fault) = setup.fault.as_deref().and_then(|fault| fault.strip_prefix("look-")) {
        go_wrong_at(fault, path);
    }
}

#[cfg(not(debug_assertions))]
fn go_wrong_at(_: &str, _: &str) {}

#[cfg(debug_assertions)]
fn go_wrong_at(fault: &str, path: &str) {
    let Some((how, name)) = fault.split_once('@') else { return };
    if !path.ends_with(name) {
        return;
    }
    match how {
        "abort" => std::process::abort(),
        "hang" => loop {
            std::thread::park();
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "swell" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 64 << 20]);
            }
        }
        _ => {}
    }
}
