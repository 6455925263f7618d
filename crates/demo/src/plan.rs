//! What happens on one server and when: period, builds, steps of the story. The scenarios fill it.

use std::io;

use crate::scanners::Noise;
use crate::server::{Build, Server};
use crate::time::{DAY, HOUR, MINUTE, Time};
use crate::{Options, Scenario};

/// A step of a story, run at its time. It may run several times, so it changes nothing but the server.
pub(crate) type Act = Box<dyn Fn(&mut Server, Time) -> io::Result<()>>;

/// A file that is neither log nor ordinary page.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    /// Below `OUT/EXC01`.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

/// The course of one server.
pub(crate) struct Plan {
    pub(crate) from: Time,
    pub(crate) until: Time,
    pub(crate) builds: [Build; 2],
    pub(crate) down: (Time, Time),
    pub(crate) lost_iis_days: Vec<i64>,
    pub(crate) noise: Noise,
    pub(crate) steps: Vec<(Time, Act)>,
    pub(crate) story: Vec<(Time, String)>,
    pub(crate) planted: Vec<Planted>,
}

/// The days that a scenario cannot do without, and those that it has by default.
struct Calendar {
    first: Time,
    last: Time,
    until: Time,
}

impl Plan {
    /// A quiet server over the period of the scenario, updated in its course.
    pub(crate) fn new(options: &Options) -> Self {
        let (from, until) = period(options);
        let proxyshell = options.scenario == Scenario::ProxyShell;
        let (down, builds) = if proxyshell {
            let stop = Time::day(2021, 8, 21).at(1, 20, 0);
            ((stop, stop.plus(2 * HOUR + 5 * MINUTE)), [Build::new(2_176, 9, 1), Build::new(2_308, 14, 2)])
        } else {
            let stop = Time::day(2021, 3, 5).at(2, 1, 0);
            ((stop, stop.plus(10 * MINUTE)), [Build::new(2_106, 2, 1), Build::new(2_106, 13, 2)])
        };
        let noise = match options.scenario {
            Scenario::QuietCovered | Scenario::QuietUncovered => Noise::Everyday,
            Scenario::ProxyShell => Noise::ProxyShell,
            _ => Noise::ProxyLogon,
        };
        let mut plan = Self {
            from,
            until,
            builds,
            down,
            lost_iis_days: Vec::new(),
            noise,
            steps: Vec::new(),
            story: Vec::new(),
            planted: Vec::new(),
        };
        plan.tell(from, format!("the evidence begins, build {}", plan.builds[0].dotted));
        plan.tell(down.0, "services stop for the update".to_owned());
        plan.tell(down.1, format!("services start with build {}", plan.builds[1].dotted));
        plan.tell(until, "the evidence ends".to_owned());
        plan
    }

    pub(crate) fn tell(&mut self, at: Time, text: String) {
        self.story.push((at, text));
    }

    pub(crate) fn step(&mut self, at: Time, act: impl Fn(&mut Server, Time) -> io::Result<()> + 'static) {
        self.steps.push((at, Box::new(act)));
    }

    pub(crate) fn plant(&mut self, path: &str, content: Vec<u8>) {
        self.planted.push(Planted { path: path.to_owned(), content });
    }

    /// Steps and story in time order.
    pub(crate) fn sort(&mut self) {
        self.steps.sort_by_key(|(at, _)| *at);
        self.story.sort_by_key(|(at, _)| *at);
    }
}

/// Fewer days than the default first shorten the quiet time before the story, then the time after it.
fn period(options: &Options) -> (Time, Time) {
    let calendar = calendar(options.scenario);
    let days = i64::from(options.days) * DAY;
    let from = calendar.until.plus(-days);
    if options.scenario == Scenario::QuietUncovered {
        // Older logs are gone, however many days are asked for.
        return (calendar.first, calendar.first.midnight().plus(days).max(calendar.last).min(calendar.until));
    }
    if from <= calendar.first {
        return (from, calendar.until);
    }
    (calendar.first, calendar.first.plus(days).max(calendar.last).min(calendar.until))
}

fn calendar(scenario: Scenario) -> Calendar {
    let march = |first, last| Calendar {
        first: Time::day(2021, 3, first),
        last: Time::day(2021, 3, last),
        until: Time::day(2021, 3, 13),
    };
    match scenario {
        Scenario::CompromisedBeforePatch => march(2, 6),
        Scenario::ActiveAfterPatch => march(2, 11),
        Scenario::CleanedUp => march(2, 7),
        Scenario::MailTheft => Calendar { first: Time::day(2021, 2, 26), ..march(2, 6) },
        Scenario::QuietUncovered => Calendar { first: Time::day(2021, 3, 4).at(22, 0, 0), ..march(4, 6) },
        Scenario::QuietCovered | Scenario::TargetedOnly => {
            let until = Time::day(2021, 3, 8);
            Calendar { first: Time::day(2020, 12, 28), last: until, until }
        }
        Scenario::ProxyShell => {
            Calendar { first: Time::day(2021, 8, 12), last: Time::day(2021, 8, 22), until: Time::day(2021, 8, 26) }
        }
    }
}
