//! Writes `report.html` of a sample: `cargo run -p report --example sample -- compromised /tmp/report.html`.
//!
//! Samples: `compromised`, `cannot-tell`, `hostile`, `many`. The names and addresses in them are invented.

mod samples;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, path) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let Some((_, assessment, files)) = samples::all().into_iter().find(|sample| sample.0 == name) else {
        return ExitCode::from(2);
    };
    match std::fs::write(path, report::html::report(&assessment, &files)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
