//! The process that reads: takes jobs from standard input, tells of them on standard output.

use std::io::{self, BufWriter, Stdout, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use detect::observe::TimeRange;
use detect::plan::Plan;

use super::wire::{self, Reply, Request};
use super::{Setup, jail};
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
    setup.inventory.opening.passwords = std::mem::take(&mut setup.passwords);
    // Before the first thread begins, so that all of them are in it; and before a rule of others is compiled.
    let jail = jail::enter(&setup.roots, &setup.limits);
    let rules = &setup.rules;
    let plan = Plan::compile_with_yara(&rules.packs, &rules.sigma, &rules.yara).plan;
    let out = Outlet::new();
    out.send(&Reply::Ready { rules: plan.rules().len() as u64, jail }, true);
    let (from, until) = setup.range;
    let range = TimeRange { from, until };
    let reader = Reader { inventory: &setup.inventory, plan: &plan, range, threads: setup.threads };
    for (job, files) in requests() {
        limit_a_lone_file(&setup, &job, &files);
        let tell = |note: Note| {
            go_wrong(&setup, &note);
            let at_once = matches!(note, Note::Begun(_));
            out.send(&Reply::Note(note), at_once);
        };
        reader.perform(&job, &files, &tell);
        out.send(&Reply::Performed, true);
    }
    Ok(())
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

/// A file that is read alone, because it is under suspicion, gets so much processor time and no more.
fn limit_a_lone_file(setup: &Setup, job: &Job, files: &[u32]) {
    if let (Job::Observe, [file]) = (job, files) {
        let size = setup.inventory.inputs.get(*file as usize).map_or(0, |input| input.size);
        jail::limit_processor_time(setup.limits.cpu_secs.saturating_add(size >> 20));
    }
}

struct Outlet(Mutex<(BufWriter<Stdout>, Instant)>);

impl Outlet {
    fn new() -> Self {
        Self(Mutex::new((BufWriter::with_capacity(64 << 10, io::stdout()), Instant::now())))
    }

    fn send(&self, reply: &Reply, at_once: bool) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (out, flushed) = &mut *guard;
        let mut sent = wire::send(out, reply);
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
#[cfg(debug_assertions)]
fn go_wrong(setup: &Setup, note: &Note) {
    let (Some(fault), Note::GotOn(file, _)) = (&setup.fault, note) else { return };
    let Some((how, name)) = fault.split_once('@') else { return };
    let path = setup.inventory.inputs.get(*file as usize).map_or("", |input| input.path.as_str());
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

#[cfg(not(debug_assertions))]
fn go_wrong(_: &Setup, _: &Note) {}
