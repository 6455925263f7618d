//! Where and when a story happens: its days, the builds of the server, the update between them, and what the internet
//! was asking for.

use crate::scanners::Noise;
use crate::server::Build;
use crate::time::{HOUR, MINUTE, Time};

/// The frame of a story.
pub(crate) struct Setting {
    /// The first day that the story cannot do without.
    pub(crate) first: Time,
    /// The end of the last such day.
    pub(crate) last: Time,
    /// The end of the evidence, when there is room.
    pub(crate) until: Time,
    /// Before and after the update.
    pub(crate) builds: [Build; 2],
    /// When the services are stopped for the update.
    pub(crate) down: (Time, Time),
    pub(crate) noise: Noise,
    /// What the history of setup tells.
    pub(crate) setup: Vec<Installation>,
    /// Older logs are gone, however many days are asked for.
    pub(crate) older_are_gone: bool,
}

/// A cumulative update that setup installed.
pub(crate) struct Installation {
    pub(crate) at: Time,
    /// `CU19`.
    pub(crate) update: &'static str,
    /// `15.1.2176.2`.
    pub(crate) version: &'static str,
    /// What was there before; empty for a new server.
    pub(crate) before: &'static str,
}

impl Setting {
    /// The updated server of a story: logs from `first` to `until`, of which those up to `last` are needed.
    pub(crate) fn new(days: (Time, Time, Time), builds: [Build; 2], update: Update, noise: Noise) -> Self {
        let (first, last, until) = days;
        Self { first, last, until, builds, down: update.down(), noise, setup: Vec::new(), older_are_gone: false }
    }

    /// Adds a run of setup.
    pub(crate) fn installed(
        mut self,
        at: Time,
        update: &'static str,
        version: &'static str,
        before: &'static str,
    ) -> Self {
        self.setup.push(Installation { at, update, version, before });
        self
    }
}

/// How long an update keeps the services down.
#[derive(Clone, Copy)]
pub(crate) enum Update {
    /// A security update: minutes.
    Security(Time),
    /// A cumulative update: hours.
    Cumulative(Time),
}

impl Update {
    pub(crate) fn down(self) -> (Time, Time) {
        match self {
            Self::Security(stop) => (stop, stop.plus(10 * MINUTE)),
            Self::Cumulative(stop) => (stop, stop.plus(2 * HOUR + 5 * MINUTE)),
        }
    }
}
