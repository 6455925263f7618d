//! Judges files named on standard input, one line each: for measuring.
use std::io::BufRead as _;
fn main() {
    let run = || {
        for line in std::io::stdin().lock().lines() {
            let Ok(path) = line else { continue };
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let began = std::time::Instant::now();
            let reading = std::panic::catch_unwind(|| pages::read(&bytes, &path));
            let Ok(reading) = reading else {
                println!("PANIC\t{path}\t{}ms\t\t\t", began.elapsed().as_millis());
                continue;
            };
            println!(
                "{}\t{}\t{}ms\t{:?}\t{}\t{}",
                reading.judgement.word(),
                path,
                began.elapsed().as_millis(),
                reading.languages,
                reading.because,
                reading.cut_off.join("; ")
            );
            if std::env::var("VERBOSE").is_ok() {
                println!("{reading:#?}");
            }
        }
    };
    std::thread::Builder::new().stack_size(pages::STACK_BYTES).spawn(run).unwrap().join().unwrap();
}
