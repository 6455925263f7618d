//! What is asked, wherever it stands: arguments, tables, assessments, evidence.

use exchange::{Knowledge, NotANumber, Number};
use model::advice::NotUnderstood;
use report::hostile::ForTerminal;

use super::{from, table};
use crate::cli::AdviseOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Rows of a table that a refusal names.
const BAD_ROWS_MAX: usize = 10;
/// Columns of a value that a refusal shows.
const VALUE_COLUMNS_MAX: usize = 50;

/// All that is asked.
#[derive(Default)]
pub struct Asked {
    pub rows: Vec<Row>,
    /// Left out because that was asked for, and servers of which the evidence names no build.
    pub not_understood: Vec<NotUnderstood>,
}

/// One server, or a build without a server.
pub struct Row {
    pub server: Option<String>,
    pub asked: String,
    pub source: String,
    pub number: Number,
}

/// Gathers everything, or refuses it with the reason.
pub fn collect(options: &AdviseOptions, console: &Console) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    for text in &options.builds {
        asked.rows.push(argument(None, text)?);
    }
    for text in &options.server {
        let Some((name, build)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            return Err(Failure::new(Exit::Usage, format!("`{text}` names no server and its build"))
                .hint("write --server EXC01=15.1.2106.2"));
        };
        asked.rows.push(argument(Some(name.trim().to_owned()), build)?);
    }
    for path in &options.from {
        from::servers(path, console, &mut asked)?;
    }
    for path in &options.csv {
        let read = table::rows(path)?;
        if !options.keep_going {
            refuse_bad_rows(&read.not_understood)?;
        }
        asked.rows.extend(read.rows);
        asked.not_understood.extend(read.not_understood);
    }
    if asked.rows.is_empty() && asked.not_understood.is_empty() {
        return Err(Failure::new(Exit::Usage, "no build to judge")
            .hint("name a build (afterpatch advise 15.1.2106.2), or give --server, --csv or --from"));
    }
    Ok(asked)
}

fn argument(server: Option<String>, text: &str) -> Result<Row, Failure> {
    let number = Knowledge::shipped().read_number(text).map_err(|error| {
        let shown = format!("{:.VALUE_COLUMNS_MAX$}", ForTerminal(text));
        let message = match error {
            NotANumber::TooOld { .. } => format!("`{shown}` cannot be judged: {error}"),
            _ => format!("`{shown}` names no build: {error}"),
        };
        Failure::new(Exit::Usage, message).hint(error.hint())
    })?;
    Ok(Row { server, asked: text.trim().to_owned(), source: "command line".to_owned(), number })
}

fn refuse_bad_rows(bad: &[NotUnderstood]) -> Result<(), Failure> {
    if bad.is_empty() {
        return Ok(());
    }
    let shown =
        |row: &NotUnderstood| format!("{} `{:.VALUE_COLUMNS_MAX$}` ({})", row.source, ForTerminal(&row.asked), row.why);
    let mut words: Vec<String> = bad.iter().take(BAD_ROWS_MAX).map(shown).collect();
    if bad.len() > BAD_ROWS_MAX {
        words.push(format!("and {} more", bad.len() - BAD_ROWS_MAX));
    }
    let rows = if bad.len() == 1 { "1 row cannot be judged" } else { &format!("{} rows cannot be judged", bad.len()) };
    Err(Failure::new(Exit::Usage, format!("{rows}: {}", words.join("; ")))
        .hint("nothing was judged; mend the rows, or leave them out with --keep-going"))
}
