//! `afterpatch completions SHELL`.

use clap::CommandFactory;

use crate::cli::{Arguments, CompletionsOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Prints the script.
pub fn run(options: &CompletionsOptions, console: &Console) -> Result<Exit, Failure> {
    console.result(&script(options.shell));
    Ok(Exit::Done)
}

/// The generator panics when it cannot write, and standard output may be closed: it writes to memory.
fn script(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "afterpatch", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    #[test]
    fn every_shell_gets_a_script() {
        for shell in clap_complete::Shell::value_variants() {
            let script = super::script(*shell);
            assert!(script.contains("assess") && script.ends_with('\n'), "{shell}");
        }
    }
}
