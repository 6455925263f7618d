//! afterpatch: what happened on your Exchange server, from its own evidence.
//!
//! One file per verb. A verb turns arguments into a plan, runs it, and ends with the exit status of the contract.
//! Only this crate prints, and only through [`console`].

mod advise;
mod assess;
mod cli;
mod collect;
mod completions;
mod console;
mod demo;
mod exit;
mod explain;
mod hunt;
mod inspect;
mod manual;
mod packs;
mod page;
mod rule_folders;
mod side_by_side;
mod sigma;
mod survey;
mod verify;
mod yara;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Not for people, so not in the help: this program, started by itself to read evidence.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == assess::WORKER_VERB) {
        return assess::crew::serve();
    }
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::refused(&error),
    };
    let console = console::Console::new(&arguments.console);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match arguments.verb {
        cli::Verb::Assess(options) => assess::run(&options, &console),
        cli::Verb::Hunt(options) => hunt::run(&options, &console),
        cli::Verb::Inspect(options) => inspect::run(&options, &console),
        cli::Verb::Advise(options) => advise::run(&options, &console),
        cli::Verb::Collect(options) => collect::run(&options, &console),
        cli::Verb::Explain(options) => explain::run(&options, &console),
        cli::Verb::Verify(options) => verify::run(&options, &console),
        cli::Verb::Sign(options) => verify::sign(&options, &console),
        cli::Verb::Packs(options) => packs::run(&options, &console),
        cli::Verb::Survey(options) => survey::run(&options, &console),
        cli::Verb::Demo(options) => demo::run(&options, &console),
        cli::Verb::Completions(options) => completions::run(&options, &console),
        cli::Verb::Man(options) => manual::run(&options),
    }));
    match result {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            console.failure(&failure);
            failure.exit.into()
        }
        Err(_) => exit::Exit::Fault.into(),
    }
}
