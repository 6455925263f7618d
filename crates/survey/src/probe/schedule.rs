//! When which target may be asked. Knows no sockets and no clock: it is told the time since the run began, so that a day of
//! probing is tested in a moment.
//!
//! Connections begin one by one at the rate for all and at the rate for each /24 or /48; an address has one connection at a
//! time; a prefix in trouble is asked more and more slowly, and then no more; a host that asked for a pause gets it.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Targets that are drawn and wait for their turn.
pub const WAITING_MAX: usize = 4_096;
/// Prefixes that are remembered though nothing of them waits.
const PREFIXES_MAX: usize = 65_536;
/// Troubles in a row from which on a prefix is asked more slowly.
const PATIENCE: u32 = 3;
/// However slowly.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Rates and what ends them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// New connections per second.
    pub rate: f64,
    /// The same, to one /24 (IPv4) or /48 (IPv6).
    pub rate_per_prefix: f64,
    /// Connections at one time.
    pub concurrency: usize,
    /// After so many troubles in a row a prefix is left alone. A closed port and a silent address are no trouble: most addresses of
    /// a network are so. A server that lets us in and then says nothing is, and so is one that says it has too much to do.
    pub troubles_max: u32,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// This one, now.
    Start(T),
    /// Leave this one alone, for this reason.
    Leave(T, &'static str),
    /// Nothing before this time.
    At(Duration),
    /// Nothing before a connection ends or a target is offered.
    Nothing,
}

/// How a connection ended, as far as the pace is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It answered, or it is not there.
    Well,
    /// It began to talk and stopped.
    Trouble,
    /// It asked for a pause.
    AskedForPause,
}

/// Something that has an address.
pub(super) trait Addressed {
    fn address(&self) -> IpAddr;
}

pub(super) struct Schedule<T> {
    pace: Pace,
    free_at: Duration,
    prefixes: HashMap<IpAddr, Prefix<T>>,
    /// Prefixes of which something waits, by the time at which it may go; the earliest on top.
    turns: BinaryHeap<std::cmp::Reverse<(Duration, u64, IpAddr)>>,
    turns_given: u64,
    /// Addresses with a connection, and what waits for its end.
    busy: HashMap<IpAddr, VecDeque<T>>,
    resting: HashSet<IpAddr>,
    waiting: usize,
}

struct Prefix<T> {
    queue: VecDeque<T>,
    free_at: Duration,
    troubles: u32,
    has_turn: bool,
}

impl<T: Addressed> Addressed for Box<T> {
    fn address(&self) -> IpAddr {
        T::address(self)
    }
}

impl<T: Addressed> Schedule<T> {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            free_at: Duration::ZERO,
            prefixes: HashMap::new(),
            turns: BinaryHeap::new(),
            turns_given: 0,
            busy: HashMap::new(),
            resting: HashSet::new(),
            waiting: 0,
        }
    }

    /// Whether another target may be offered.
    pub(super) fn has_room(&self) -> bool {
        self.waiting < WAITING_MAX
    }

    /// Targets that wait for their turn, or for the end of a connection to their address.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes a target that is to be asked.
    pub(super) fn offer(&mut self, target: T) {
        self.waiting += 1;
        if self.prefixes.len() >= PREFIXES_MAX {
            let (now, max) = (self.free_at, self.pace.troubles_max);
            self.prefixes.retain(|_, prefix| prefix.has_turn || prefix.free_at > now || prefix.troubles >= max);
        }
        let key = prefix_of(target.address());
        let prefix = self.prefixes.entry(key).or_default();
        prefix.queue.push_back(target);
        self.give_turn(key);
    }

    /// What to do at this time.
    pub(super) fn next(&mut self, now: Duration) -> Next<T> {
        loop {
            let Some(std::cmp::Reverse((at, _, key))) = self.turns.peek().copied() else { return Next::Nothing };
            let prefix = self.prefixes.get_mut(&key).expect("a prefix with a turn is known");
            let Some(first) = prefix.queue.front() else {
                self.take_turn(key);
                continue;
            };
            let address = first.address();
            let reason = match () {
                () if prefix.troubles >= self.pace.troubles_max => Some("its network was in trouble, again and again"),
                () if self.resting.contains(&address) => Some("it asked for a pause"),
                () => None,
            };
            if let Some(reason) = reason {
                let target = prefix.queue.pop_front().expect("it was just there");
                self.waiting -= 1;
                return Next::Leave(target, reason);
            }
            if let Some(behind) = self.busy.get_mut(&address) {
                behind.extend(prefix.queue.pop_front());
                continue;
            }
            if self.busy.len() >= self.pace.concurrency {
                return Next::Nothing;
            }
            let at = at.max(self.free_at);
            if at > now {
                return Next::At(at);
            }
            return Next::Start(self.start(key, address, now));
        }
    }

    fn start(&mut self, key: IpAddr, address: IpAddr, now: Duration) -> T {
        self.take_turn(key);
        let prefix = self.prefixes.get_mut(&key).expect("a prefix with a turn is known");
        let target = prefix.queue.pop_front().expect("a prefix has a turn while something waits");
        let slower = 1u32 << prefix.troubles.saturating_sub(PATIENCE).min(16);
        let between =
            (spacing(self.pace.rate_per_prefix) * slower).min(PAUSE_MAX.max(spacing(self.pace.rate_per_prefix)));
        prefix.free_at = now + between;
        self.give_turn(key);
        self.free_at = now + spacing(self.pace.rate);
        self.busy.insert(address, VecDeque::new());
        self.waiting -= 1;
        target
    }

    /// A connection ended.
    pub(super) fn ended(&mut self, address: IpAddr, ending: Ending) {
        let key = prefix_of(address);
        let prefix = self.prefixes.entry(key).or_default();
        prefix.troubles = if ending == Ending::Well { 0 } else { prefix.troubles + 1 };
        if ending == Ending::AskedForPause {
            self.resting.insert(address);
        }
        let behind = self.busy.remove(&address).unwrap_or_default();
        // In front of all others: what is begun is brought to its end.
        for target in behind.into_iter().rev() {
            prefix.queue.push_front(target);
        }
        self.give_turn(key);
    }

    fn give_turn(&mut self, key: IpAddr) {
        let Some(prefix) = self.prefixes.get_mut(&key) else { return };
        if !prefix.has_turn && !prefix.queue.is_empty() {
            prefix.has_turn = true;
            self.turns_given += 1;
            self.turns.push(std::cmp::Reverse((prefix.free_at, self.turns_given, key)));
        }
    }

    fn take_turn(&mut self, key: IpAddr) {
        self.turns.pop();
        if let Some(prefix) = self.prefixes.get_mut(&key) {
            prefix.has_turn = false;
        }
    }
}

impl<T> Default for Prefix<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), free_at: Duration::ZERO, troubles: 0, has_turn: false }
    }
}

/// Time between two connections.
pub(super) fn spacing(rate: f64) -> Duration {
    if rate > 0.0 { Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::ZERO) } else { PAUSE_MAX }
}

/// The /24 or /48 of an address.
fn prefix_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80)),
    }
}

#[cfg(test)]
mod tests {
    //! A run in made-up time.

    use super::{Addressed, Ending, Next, Pace, Schedule};
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::time::Duration;

    impl Addressed for IpAddr {
        fn address(&self) -> IpAddr {
            *self
        }
    }

    const PACE: Pace = Pace { rate: 50.0, rate_per_prefix: 5.0, concurrency: 100, troubles_max: 20 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Asks all of them, each for so long; when which was asked, and which were left.
    fn run(pace: Pace, targets: Vec<IpAddr>, takes: Duration, ending: Ending) -> (Vec<(Duration, IpAddr)>, usize) {
        let mut schedule = Schedule::new(pace);
        let (mut now, mut asked, mut left) = (Duration::ZERO, Vec::new(), 0);
        let mut open: BTreeMap<(Duration, IpAddr), ()> = BTreeMap::new();
        let mut targets = targets.into_iter().peekable();
        loop {
            while schedule.has_room() && targets.peek().is_some() {
                schedule.offer(targets.next().unwrap());
            }
            while let Some((&(end, address), ())) = open.first_key_value().filter(|((end, _), ())| *end <= now) {
                open.remove(&(end, address));
                schedule.ended(address, ending);
            }
            let next_end = open.keys().next().map(|(end, _)| *end);
            match schedule.next(now) {
                Next::Start(address) => {
                    asked.push((now, address));
                    assert!(open.keys().all(|(_, other)| *other != address), "two connections to {address}");
                    open.insert((now + takes, address), ());
                    assert!(open.len() <= pace.concurrency);
                }
                Next::Leave(..) => left += 1,
                Next::At(at) => now = next_end.map_or(at, |end| end.min(at)),
                Next::Nothing => match next_end {
                    Some(end) => now = end,
                    None => return (asked, left),
                },
            }
        }
    }

    /// No window of a second has more than the rate, for all and for each prefix.
    fn check_rates(asked: &[(Duration, IpAddr)], pace: Pace) {
        let mut by_prefix: BTreeMap<IpAddr, Vec<Duration>> = BTreeMap::new();
        let all: Vec<Duration> = asked.iter().map(|(at, _)| *at).collect();
        for (at, address) in asked {
            by_prefix.entry(super::prefix_of(*address)).or_default().push(*at);
        }
        let close = |times: &[Duration], rate: f64| {
            times.windows(2).filter(|pair| pair[1] - pair[0] + Duration::from_nanos(1) < super::spacing(rate)).count()
        };
        assert_eq!(close(&all, pace.rate), 0);
        assert!(by_prefix.values().all(|times| close(times, pace.rate_per_prefix) == 0));
    }

    #[test]
    fn rates_hold_for_all_and_for_each_prefix() {
        let targets: Vec<IpAddr> = (0..2_000u32).map(|n| ip(&format!("9.9.{}.{}", n % 7, n / 7 % 256))).collect();
        let mut six: Vec<IpAddr> = (0..200u32).map(|n| ip(&format!("2a00:0:{}::{n}", n % 3))).collect();
        six.extend(&targets);
        let (asked, left) = run(PACE, six, Duration::from_millis(700), Ending::Well);
        assert_eq!((asked.len(), left), (2_200, 0));
        check_rates(&asked, PACE);
        // Seven networks of 286 addresses at five a second: as fast as it may be.
        assert!(asked.last().unwrap().0 < Duration::from_secs(62), "{:?}", asked.last());
    }

    #[test]
    fn one_connection_per_address_and_only_so_many() {
        let pace = Pace { rate: 1e6, rate_per_prefix: 1e6, concurrency: 3, troubles_max: 20 };
        let targets = (0..60u32).map(|n| ip(&format!("9.9.9.{}", n % 4))).collect();
        let (asked, _) = run(pace, targets, Duration::from_secs(1), Ending::Well);
        assert_eq!(asked.len(), 60);
        assert!(asked.last().unwrap().0 >= Duration::from_secs(14));
    }

    #[test]
    fn a_network_in_trouble_is_asked_more_slowly_and_then_left_alone() {
        let targets: Vec<IpAddr> = (0..100).map(|n| ip(&format!("9.9.9.{n}"))).chain([ip("9.9.8.1")]).collect();
        let pace = Pace { troubles_max: 8, ..PACE };
        let (asked, left) = run(pace, targets, Duration::from_millis(10), Ending::Trouble);
        assert_eq!((asked.len(), left), (9, 92));
        check_rates(&asked, pace);
        let times: Vec<Duration> = asked.iter().filter(|(_, a)| *a != ip("9.9.8.1")).map(|(at, _)| *at).collect();
        let gaps: Vec<u128> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert_eq!(gaps, [200, 200, 200, 200, 400, 800, 1_600]);
    }

    #[test]
    fn who_asks_for_a_pause_is_not_asked_again() {
        let targets = vec![ip("9.9.9.9"), ip("9.9.9.9"), ip("9.9.9.8")];
        let (asked, left) = run(PACE, targets, Duration::from_millis(10), Ending::AskedForPause);
        assert_eq!((asked.len(), left), (2, 1));
    }

    #[test]
    fn ten_thousand_dead_hosts_of_one_network_are_all_asked() {
        let targets = (0..10_000u32).map(|n| ip(&format!("9.{}.{}.1", n / 256, n % 256))).collect();
        let (asked, left) = run(PACE, targets, Duration::from_secs(3), Ending::Well);
        assert_eq!((asked.len(), left), (10_000, 0));
        // At 50 a second, with 100 at once that take three seconds each: 33 a second.
        assert!(asked.last().unwrap().0 < Duration::from_secs(310));
    }
}
