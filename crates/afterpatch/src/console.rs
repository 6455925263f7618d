//! The terminal: results on standard output, talk on standard error, colour and progress only where a person looks.

use std::io::{self, BufWriter, IsTerminal, Write};

use report::hostile::ForTerminal;

use crate::cli::ConsoleOptions;
use crate::exit::Failure;

/// Where and how to talk.
pub struct Console {
    /// Colour on standard output.
    pub colour: bool,
    /// No talk.
    pub quiet: bool,
    /// A person watches standard error.
    pub live: bool,
}

impl Console {
    pub fn new(options: &ConsoleOptions) -> Self {
        let no_colour = options.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: !no_colour && io::stdout().is_terminal(),
            quiet: options.quiet,
            live: !options.quiet && io::stderr().is_terminal(),
        }
    }

    /// Columns of the terminal.
    pub fn width(&self) -> usize {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        columns.unwrap_or(100).clamp(40, 120)
    }

    /// A result.
    pub fn result(&self, text: &str) {
        let mut out = io::stdout().lock();
        // A closed pipe is the reader's wish.
        _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// For results that come bit by bit. An error is for the writer to judge: a closed pipe is the reader's wish.
    pub fn stream(&self) -> impl Write + Send + use<> {
        BufWriter::new(io::stdout())
    }

    /// Talk. Anything from the evidence in it must have gone through [`ForTerminal`].
    pub fn say(&self, text: &str) {
        if !self.quiet {
            _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Why the run ended badly.
    pub fn failure(&self, failure: &Failure) {
        let mut err = io::stderr().lock();
        _ = writeln!(err, "error: {}", ForTerminal(&failure.message));
        if let Some(hint) = &failure.hint {
            _ = writeln!(err, "hint: {}", ForTerminal(hint));
        }
    }
}
