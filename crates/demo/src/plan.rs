//! What happens on one server and when: period, builds, steps of the story. The campaigns fill it.

use std::io;

use crate::Options;
use crate::configuration::{Module, TransportAgent};
use crate::scanners::Noise;
use crate::server::{Build, Server};
use crate::setting::{Installation, Setting};
use crate::time::{DAY, Time};

/// A step of a story, run at its time. It may run several times, so it changes nothing but the server.
pub(crate) type Act = Box<dyn Fn(&mut Server, Time) -> io::Result<()>>;

/// A file that is no log.
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
    pub(crate) setup: Vec<Installation>,
    pub(crate) steps: Vec<(Time, Act)>,
    pub(crate) story: Vec<(Time, String)>,
    pub(crate) planted: Vec<Planted>,
    /// Modules of the web server beside those of Windows and Exchange.
    pub(crate) modules: Vec<Module>,
    /// Transport agents beside those of Exchange.
    pub(crate) agents: Vec<TransportAgent>,
}

impl Plan {
    /// A quiet server over the period of the scenario, updated in its course.
    pub(crate) fn new(options: &Options) -> Self {
        let setting = (options.scenario.story().setting)();
        let (from, until) = period(&setting, options.days);
        let mut plan = Self {
            from,
            until,
            builds: setting.builds,
            down: setting.down,
            lost_iis_days: Vec::new(),
            noise: setting.noise,
            setup: setting.setup,
            steps: Vec::new(),
            story: Vec::new(),
            planted: Vec::new(),
            modules: Vec::new(),
            agents: Vec::new(),
        };
        plan.tell(from, format!("the evidence begins, build {}", plan.builds[0].dotted));
        plan.tell(plan.down.0, "services stop for the update".to_owned());
        plan.tell(plan.down.1, format!("services start with build {}", plan.builds[1].dotted));
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
fn period(setting: &Setting, days: u32) -> (Time, Time) {
    let days = i64::from(days) * DAY;
    if setting.older_are_gone {
        return (setting.first, setting.first.midnight().plus(days).max(setting.last).min(setting.until));
    }
    let from = setting.until.plus(-days);
    if from <= setting.first {
        return (from, setting.until);
    }
    (setting.first, setting.first.plus(days).max(setting.last).min(setting.until))
}
