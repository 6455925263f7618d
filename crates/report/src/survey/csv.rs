//! `survey.csv`: one row per target, and the files that owners are sent. Every text goes through [`ForCsv`].

use model::Utc;
use model::survey::Judged;
use model::survey::row::{self, SHADOWSERVER_COLUMNS, Value};

use crate::hostile::ForCsv;

/// Heading of `survey.csv`.
#[must_use]
pub fn heading() -> String {
    let names: Vec<String> = row::columns().iter().map(|(name, _)| format!("\"{name}\"")).collect();
    names.join(",") + "\n"
}

/// One row of `survey.csv`.
#[must_use]
pub fn line(judged: &Judged) -> String {
    joined(&row::cells(judged))
}

/// Heading of what owners are sent: Shadowserver's columns in their order.
#[must_use]
pub fn notice_heading() -> String {
    SHADOWSERVER_COLUMNS.map(|name| format!("\"{name}\"")).join(",") + "\n"
}

/// One row of what owners are sent.
#[must_use]
pub fn notice_line(judged: &Judged) -> String {
    joined(&row::shadowserver(judged))
}

fn joined(cells: &[Value]) -> String {
    let cells: Vec<String> = cells.iter().map(cell).collect();
    cells.join(",") + "\n"
}

fn cell(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::Number(number) => number.to_string(),
        Value::Time(time) => ForCsv(&plain(*time)).to_string(),
        Value::Text(text) => ForCsv(text).to_string(),
    }
}

/// `2026-11-20 03:02:11`, as Shadowserver spells times.
fn plain(time: Utc) -> String {
    time.to_string().chars().take(19).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}
