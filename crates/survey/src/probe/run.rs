//! The run: draws targets, resolves names, starts visits when the schedule says so, hands out what was seen.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use model::Utc;
use model::survey::{Observation, Outcome, Target};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::Plan;
use super::pages::Pages;
use super::resolve::{ADDRESSES_MAX, Resolver};
use super::schedule::{Ending, Next, Schedule};
use super::tls::Tls;
use super::visit::{Manners, Visit, untouched};
use crate::scope::{Candidate, Ground, ScopeError};

/// Names that are resolved at one time.
const RESOLVING_MAX: usize = 16;
/// How often it is asked whether to stop.
const STOP_EVERY: Duration = Duration::from_millis(100);

/// What a run needs from outside.
pub struct Surroundings<'a> {
    /// For the records.
    pub clock: &'a dyn Fn() -> Utc,
    /// For names.
    pub resolver: &'a dyn Resolver,
    /// Whether to end now, asked ten times a second.
    pub stop: &'a dyn Fn() -> bool,
    /// Takes what was seen, target by target; `Break` ends the run.
    pub sink: &'a mut dyn FnMut(Observation) -> ControlFlow<()>,
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Observations that were handed out.
    pub observed: u64,
    /// Connections that were begun.
    pub connections: u64,
    /// Targets that were not asked because the run was ended; there is no observation of them.
    pub left: u64,
    /// It was ended before its end.
    pub interrupted: bool,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The scope is no longer in force.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// The TLS library does not do what it must.
    #[error("the TLS library: {0}")]
    Tls(#[from] openssl::error::ErrorStack),
    /// No sockets, no timers.
    #[error("the system: {0}")]
    System(#[from] io::Error),
}

/// Asks all that the plan permits and ends; sockets wait side by side in this one thread.
///
/// # Errors
/// Before anything is sent: [`ProbeError`]. Whatever happens to targets afterwards is an observation.
pub fn run<'a>(plan: &'a Plan, around: Surroundings<'a>) -> Result<Summary, ProbeError> {
    plan.scope.in_force((around.clock)())?;
    let user_agent = plan.scope.user_agent(&plan.version);
    let manners = Rc::new(Manners { tls: Tls::new()?, user_agent, timeouts: plan.timeouts });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVING_MAX)
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    let (stop, stopped) = watch::channel(false);
    let run = Run {
        plan,
        around,
        manners,
        schedule: Schedule::new(plan.pace),
        visits: JoinSet::new(),
        addresses: HashMap::new(),
        resolving: JoinSet::new(),
        stop,
        stopped,
        summary: Summary::default(),
        begun: None,
    };
    let summary = LocalSet::new().block_on(&runtime, run.go_through());
    // A resolver that hangs does not hold the run back.
    runtime.shutdown_background();
    Ok(summary)
}

struct Run<'a> {
    plan: &'a Plan,
    around: Surroundings<'a>,
    manners: Rc<Manners>,
    schedule: Schedule<Box<Visit>>,
    visits: JoinSet<(Box<Visit>, Ending)>,
    /// Of visits under way.
    addresses: HashMap<Id, Target>,
    resolving: JoinSet<(String, u16, io::Result<Vec<IpAddr>>)>,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    summary: Summary,
    begun: Option<Instant>,
}

/// What woke the run.
enum Event {
    Visited(Result<(Id, (Box<Visit>, Ending)), JoinError>),
    Resolved(Result<(String, u16, io::Result<Vec<IpAddr>>), JoinError>),
    Time,
}

impl Run<'_> {
    async fn go_through(mut self) -> Summary {
        let ground = Ground::of(&self.plan.scope, &self.plan.ports);
        let count = ground.count().min(self.plan.limit.unwrap_or(u64::MAX));
        let mut drawn = 0;
        let mut candidates = ground.shuffled(self.plan.seed).take(usize::try_from(count).unwrap_or(usize::MAX));
        let begun = Instant::now();
        self.begun = Some(begun);
        loop {
            // A scope can end while a long run is under way.
            let is_over = || self.plan.scope.in_force((self.around.clock)()).is_err();
            if !self.summary.interrupted && ((self.around.stop)() || is_over()) {
                self.interrupt();
            }
            while !self.summary.interrupted && self.schedule.has_room() && self.resolving.len() < RESOLVING_MAX {
                let Some(candidate) = candidates.next() else { break };
                drawn += 1;
                self.draw(candidate);
            }
            let wake = self.start_what_may_start(begun);
            let has_work = !self.visits.is_empty() || !self.resolving.is_empty();
            if !has_work && (self.summary.interrupted || (wake.is_none() && drawn == count)) {
                break;
            }
            let soon = Instant::now() + STOP_EVERY;
            let wake = wake.map_or(soon, |wake| soon.min(begun + wake));
            match self.event(wake).await {
                Event::Visited(Ok((id, (visit, ending)))) => {
                    self.addresses.remove(&id);
                    self.visited(visit, ending);
                }
                Event::Visited(Err(error)) => self.lost(&error),
                Event::Resolved(Ok((name, port, found))) => self.resolved(name, port, found),
                Event::Resolved(Err(_)) => self.summary.left += 1,
                Event::Time => {}
            }
        }
        self.summary.left += count - drawn + self.schedule.waiting() as u64;
        self.summary
    }

    async fn event(&mut self, wake: Instant) -> Event {
        tokio::select! {
            Some(visited) = self.visits.join_next_with_id() => Event::Visited(visited),
            Some(resolved) = self.resolving.join_next() => Event::Resolved(resolved),
            () = sleep_until(wake) => Event::Time,
        }
    }

    fn interrupt(&mut self) {
        self.summary.interrupted = true;
        // Visits under way hand over what they have.
        self.stop.send_replace(true);
        self.resolving.abort_all();
    }

    fn draw(&mut self, candidate: Candidate) {
        match candidate {
            Candidate::Address(address, port) => self.offer(None, address, port),
            Candidate::Name(name, port) => {
                let resolving = self.around.resolver.resolve(&name);
                let patience = self.plan.timeouts.answer;
                self.resolving.spawn_local(async move {
                    let found = timeout(patience, resolving).await;
                    (name, port, found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
                });
            }
        }
    }

    fn resolved(&mut self, name: String, port: u16, found: io::Result<Vec<IpAddr>>) {
        let (mut found, reason) = match found {
            Ok(found) => (found, "the name has no address".to_owned()),
            Err(error) => (Vec::new(), error.to_string()),
        };
        found.iter_mut().for_each(|address| *address = address.to_canonical());
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            let target = Target { name: Some(name), address: None, port };
            return self.hand_out_untouched(target, Outcome::NotResolved, reason);
        }
        for address in found.into_iter().take(ADDRESSES_MAX) {
            self.offer(Some(name.clone()), address, port);
        }
    }

    /// The second look at the scope: at the very address that a connection would go to.
    fn offer(&mut self, name: Option<String>, address: IpAddr, port: u16) {
        let permitted = self.plan.scope.permits(address, name.as_deref());
        let target = Target { name, address: Some(address), port };
        match permitted {
            Ok(()) => {
                let visit = Visit::new(target, Pages::new(self.plan.export_tool), self.plan.smtp);
                self.schedule.offer(Box::new(visit));
            }
            Err(denied) => self.hand_out_untouched(target, Outcome::OutOfScope, denied.to_string()),
        }
    }

    /// Starts until nothing may start; when something may again.
    fn start_what_may_start(&mut self, begun: Instant) -> Option<Duration> {
        while !self.summary.interrupted {
            match self.schedule.next(begun.elapsed()) {
                Next::Start(visit) => self.start(visit),
                Next::Leave(visit, reason) => self.leave(*visit, reason),
                Next::At(at) => return Some(at),
                Next::Nothing => return None,
            }
        }
        None
    }

    fn start(&mut self, mut visit: Box<Visit>) {
        self.summary.connections += 1;
        let (manners, at) = (Rc::clone(&self.manners), (self.around.clock)());
        let mut stopped = self.stopped.clone();
        let target = visit.seen.target.clone();
        let task = self.visits.spawn_local(async move {
            let ending = tokio::select! {
                ending = visit.go(&manners, at) => ending,
                _ = stopped.wait_for(|stopped| *stopped) => {
                    visit.seen.reason.get_or_insert_with(|| "the run was ended".to_owned());
                    Ending::Well
                }
            };
            (visit, ending)
        });
        self.addresses.insert(task.id(), target);
    }

    fn visited(&mut self, mut visit: Box<Visit>, ending: Ending) {
        let address = visit.seen.target.address.expect("a visit goes to an address");
        self.schedule.ended(address, ending);
        if visit.goes_on(ending) && !self.summary.interrupted {
            self.schedule.offer(visit);
        } else {
            self.hand_out(visit.seen);
        }
    }

    /// A fault of ours in one visit costs that visit.
    fn lost(&mut self, error: &JoinError) {
        let Some(target) = self.addresses.remove(&error.id()) else { return };
        let address = target.address.expect("a visit goes to an address");
        self.schedule.ended(address, Ending::Well);
        self.hand_out_untouched(target, Outcome::Other, "a fault of this program".to_owned());
    }

    fn leave(&mut self, visit: Visit, reason: &str) {
        let mut seen = visit.seen;
        seen.reason.get_or_insert_with(|| reason.to_owned());
        self.hand_out(seen);
    }

    fn hand_out_untouched(&mut self, target: Target, outcome: Outcome, reason: String) {
        self.hand_out(Observation { outcome, reason: Some(reason), ..untouched(target) });
    }

    fn hand_out(&mut self, mut seen: Observation) {
        if seen.observed_at == Utc(0) {
            seen.observed_at = (self.around.clock)();
        }
        self.summary.observed += 1;
        if (self.around.sink)(seen).is_break() && !self.summary.interrupted {
            self.interrupt();
        }
    }
}
