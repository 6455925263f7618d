//! Judges files named on standard input, one line each: for measuring. Runs nothing of what it reads.
#![expect(clippy::disallowed_methods, reason = "it measures files that a person names")]

use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let run = || -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for line in std::io::stdin().lock().lines() {
            let path = line?;
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let began = std::time::Instant::now();
            let reading = std::panic::catch_unwind(|| pages::read(&bytes, &path));
            let millis = began.elapsed().as_millis();
            let Ok(reading) = reading else {
                writeln!(out, "PANIC\t{path}\t{millis}ms\t\t\t")?;
                continue;
            };
            let (word, cut_off) = (reading.judgement.word(), reading.cut_off.join("; "));
            writeln!(out, "{word}\t{path}\t{millis}ms\t{:?}\t{}\t{cut_off}", reading.languages, reading.because)?;
            if std::env::var_os("VERBOSE").is_some() {
                writeln!(out, "{reading:#?}")?;
            }
        }
        Ok(())
    };
    let thread = std::thread::Builder::new().stack_size(pages::STACK_BYTES).spawn(run)?;
    thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a page stopped the reader")))
}
