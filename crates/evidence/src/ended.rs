//! How reading ended, on its way through the readers of the standard library.

use std::error::Error;
use std::fmt;
use std::io;

use model::file::Outcome;

/// An outcome as an error.
#[derive(Debug)]
struct Ended(Outcome);

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Outcome::Unreadable(why) | Outcome::Encrypted(why) | Outcome::LimitReached(why) => out.write_str(why),
            _ => out.write_str("not read"),
        }
    }
}

impl Error for Ended {}

/// The error that says so.
pub(crate) fn ended(outcome: Outcome) -> io::Error {
    io::Error::other(Ended(outcome))
}

/// The error for bytes that are not what they should be.
pub(crate) fn damaged(why: impl Into<String>) -> io::Error {
    ended(Outcome::Unreadable(why.into()))
}

/// How the reading of a file ended that failed with this: a budget, a checksum, a password, or what the system says.
#[must_use]
pub fn outcome_of(error: &io::Error) -> Outcome {
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(one) = inner {
        if let Some(Ended(outcome)) = one.downcast_ref() {
            return outcome.clone();
        }
        inner = match one.downcast_ref::<io::Error>() {
            Some(wrapped) => wrapped.get_ref().map(|inner| inner as _),
            None => one.source(),
        };
    }
    // The number of the system's error differs between systems.
    Outcome::Unreadable(match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "damaged data".to_owned(),
        io::ErrorKind::UnexpectedEof => "it breaks off".to_owned(),
        kind => kind.to_string(),
    })
}
