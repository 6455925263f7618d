//! How a run ends: the exit status, and what a person is told when it ends badly.

use std::process::ExitCode;

/// Exit status of every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `assess` and `hunt`: nothing at or above `--fail-on`.
    Done,
    /// `assess`: the verdict is at or above `--fail-on`; `hunt`: a hit is.
    Found,
    /// The arguments do not fit.
    Usage,
    /// Nothing readable or nothing recognised.
    Nothing,
    /// `assess`: the evidence does not cover the exposure.
    CannotTell,
    /// A hash, manifest or signature does not fit, or a shipped rule did not load.
    Integrity,
    /// A fault of the program.
    Fault,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Found => 1,
            Exit::Usage => 2,
            Exit::Nothing => 3,
            Exit::CannotTell => 4,
            Exit::Integrity => 5,
            Exit::Fault => 70,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a run ended without its result.
#[derive(Debug)]
pub struct Failure {
    /// Lower case, paths in backquotes.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// The status to end with.
    pub exit: Exit,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
