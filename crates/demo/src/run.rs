//! One server from the first minute to the last. The volume of ordinary traffic is found by two counting runs: bytes
//! grow in proportion to the number of actions.

use std::io;
use std::path::Path;

use crate::cast::Cast;
use crate::plan::Plan;
use crate::probes::{self, Paces};
use crate::random::Random;
use crate::scanners;
use crate::server::{DOMAIN, DOMAIN_SID, Identity, Logs, Protocol, Server};
use crate::time::{DAY, MINUTE};
use crate::traffic::Traffic;
use crate::{Options, admin, files};

/// Actions a day of the second counting run, in thousandths. Small, so that it costs little; large enough that every
/// log of the hour exists already and only records are counted.
const TRIAL: u64 = 150_000;
const TRIAL_HOURLY: u64 = 3_000_000;
/// From this volume a day on, files are cut by the hour as on a real server. Below it the headers of 74 columns,
/// twice in a file, would outweigh the records.
const HOURLY_FROM: u64 = 8_000_000;
const PEOPLE_MIN: u64 = 24;
const PEOPLE_MAX: u64 = 4_000;
/// Internet visitors a day, whatever the size.
const VISITS_PER_DAY: u64 = 5;

/// What was written for a server.
pub(crate) struct Written {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) story: Vec<String>,
}

/// `EXC01`.
pub(crate) fn server_name(index: u32) -> String {
    format!("EXC{:02}", index + 1)
}

/// Writes `OUT/EXC01`.
pub(crate) fn write_server(options: &Options, index: u32, out: &Path) -> io::Result<Written> {
    let plan = plan(options, index);
    let days = ((plan.until.0 - plan.from.0) / DAY).max(1) as u64;
    let default = options.scenario.default_bytes(days as u32);
    let target = options.size.map_or(default, |size| size / u64::from(options.servers));
    let run = Run { plan: &plan, seed: options.seed, index, per_day: target / days, out };
    let (_, idle) = run.go(0, true)?;
    let trial = if run.per_day < HOURLY_FROM { TRIAL } else { TRIAL_HOURLY };
    let (_, busy) = run.go(trial, true)?;
    let wanted = u128::from(target.saturating_sub(idle)) * u128::from(trial);
    let actions = (wanted / u128::from(busy.saturating_sub(idle).max(1))) as u64;
    let (mut files, mut bytes) = run.go(actions, false)?;
    for file in files::all(&plan) {
        files::write(&out.join(server_name(index)), &file)?;
        files += 1;
        bytes += file.content.len() as u64;
    }
    let story = plan.story.iter().map(|(at, text)| format!("{} {text}", at.readable())).collect();
    Ok(Written { files, bytes, story })
}

/// The story happens on the first server.
fn plan(options: &Options, index: u32) -> Plan {
    let mut plan = Plan::new(options);
    admin::visits(&mut plan);
    if index == 0 {
        (options.scenario.story().tell)(&mut plan);
    } else {
        plan.noise = scanners::Noise::Everyday;
    }
    plan.sort();
    plan
}

/// What is due at some moment of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Step(usize),
    Probe(usize),
    Visit,
    Action,
}

struct Run<'a> {
    plan: &'a Plan,
    seed: u64,
    index: u32,
    /// Bytes a day that are aimed at.
    per_day: u64,
    out: &'a Path,
}

impl Run<'_> {
    /// Every minute of the period; files and bytes of the logs.
    fn go(&self, actions: u64, measure: bool) -> io::Result<(u64, u64)> {
        let plan = self.plan;
        let people = (actions / 60_000).clamp(PEOPLE_MIN, PEOPLE_MAX);
        let cast = Cast::new(self.seed, people as usize, plan.from.year());
        let name = server_name(self.index);
        let hours = if self.per_day < HOURLY_FROM { 24 } else { 1 };
        let mut server = Server {
            identity: self.identity(&name),
            logs: Logs::new(&self.out.join(&name), hours, measure),
            random: Random::new(self.seed, &name),
        };
        let mut traffic = Traffic::new(&cast, Random::new(self.seed, &format!("traffic {name}")), actions);
        let mut chance = Random::new(self.seed, &format!("moments {name}"));
        let paces = Paces::for_day(self.per_day);
        let mut agenda = Vec::new();
        let mut next = 0;
        let mut minute = plan.from;
        while minute < plan.until {
            agenda.clear();
            while let Some((at, _)) = plan.steps.get(next).filter(|(at, _)| *at < minute.plus(MINUTE)) {
                agenda.push((*at, Task::Step(next)));
                next += 1;
            }
            if !server.identity.is_down(minute) {
                let mut moment = |task| (minute.plus(chance.below(60_000) as i64), task);
                agenda.extend(probes::due(minute, paces).map(|number| moment(Task::Probe(number))));
                agenda.extend((0..traffic.due(minute)).map(|_| moment(Task::Action)));
                if chance.below(24 * 60) < VISITS_PER_DAY {
                    agenda.push((minute.plus(chance.below(60_000) as i64), Task::Visit));
                }
            }
            if minute == plan.down.1 {
                // Health checks run as soon as the services are back.
                agenda.extend((0..Protocol::ALL.len()).map(|number| (minute.plus(400), Task::Probe(number))));
            }
            agenda.sort_unstable();
            for (at, task) in &agenda {
                match *task {
                    Task::Step(number) => plan.steps[number].1(&mut server, *at)?,
                    Task::Probe(number) => probes::run(&mut server, *at, number)?,
                    Task::Visit => scanners::visit(&mut server, *at, plan.noise, &cast, &mut chance)?,
                    Task::Action => traffic.act(&mut server, *at)?,
                }
            }
            minute = minute.plus(MINUTE);
        }
        server.logs.finish()
    }

    fn identity(&self, name: &str) -> Identity {
        let mut random = Random::new(self.seed, "identity");
        let health = format!("HealthMailbox{}", &random.guid().text().replace('-', "")[..7]);
        Identity {
            name: name.to_owned(),
            host: format!("{name}.{DOMAIN}"),
            address: format!("10.20.0.{}", 11 + self.index),
            account: format!("CONTOSO\\{name}$"),
            health_mail: format!("{health}@{DOMAIN}"),
            health: format!("CONTOSO\\{health}"),
            health_anchor: format!("Sid~{DOMAIN_SID}-1131"),
            database: random.guid().text(),
            builds: self.plan.builds.clone(),
            down: self.plan.down,
            lost_iis_days: self.plan.lost_iis_days.clone(),
        }
    }
}
