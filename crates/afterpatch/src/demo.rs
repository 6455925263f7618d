//! `afterpatch demo`.

use report::hostile::ForTerminal;

use crate::cli::DemoOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Writes a synthetic evidence tree and tells its story.
pub fn run(options: &DemoOptions, console: &Console) -> Result<Exit, Failure> {
    if options.list {
        for scenario in demo::Scenario::all() {
            console.result(&format!("{:<26} {}\n", scenario.name(), scenario.description()));
        }
        return Ok(Exit::Done);
    }
    let mut wanted = demo::Options::new(options.scenario);
    if let Some(days) = options.days {
        wanted.days = days;
    }
    wanted.size = options.size;
    wanted.seed = options.seed;
    let summary = demo::write(&wanted, &options.out).map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot write the demo to `{}`: {error}", options.out.display()))
            .hint("choose an empty or absent folder with --out DIR")
    })?;
    let out = options.out.display().to_string();
    let out = ForTerminal(&out);
    console.say(&format!("demo: {} files, {} bytes in `{out}`", summary.files, summary.bytes));
    for line in &summary.story {
        console.say(&format!("  {line}"));
    }
    console.say(&format!("hint: afterpatch assess {out} -o report"));
    Ok(Exit::Done)
}
