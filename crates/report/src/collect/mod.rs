//! A recipe becomes a KAPE target, a Velociraptor artifact, a script or a list: one file per output.
//!
//! What is written here is run on servers as administrator. So it is made of nothing but the table of sources, times in
//! our own spelling and the checked forms of [`model::collecting`]; every output still quotes by the rules of its target.
//! All of them only read the server.

mod kape;
mod list;
mod powershell;
mod robocopy;
mod tar;
mod velociraptor;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use model::Utc;
use model::collecting::{Recipe, Root, Row, Since, Take};

pub use kape::kape;
pub use list::list;
pub use powershell::powershell;
pub use robocopy::robocopy;
pub use tar::tar;
pub use velociraptor::velociraptor;

/// Files may be written a while before their time of change shows it, and clocks differ.
const MARGIN_SECS: i64 = 86_400;

/// The recipe as JSON: pretty, ends with a line feed.
#[must_use]
pub fn json(recipe: &Recipe) -> String {
    crate::json::pretty(recipe)
}

/// What every recipe says of itself, as lines for a comment.
fn about(recipe: &Recipe) -> Vec<String> {
    let mut lines = vec![
        format!("Made by afterpatch {}: what it reads, from the table that it reads by.", recipe.afterpatch.version),
        "Reads the server only. The most perishable and most telling comes first.".to_owned(),
    ];
    lines.extend(recipe.servers.iter().map(|server| {
        let name = server
            .server
            .as_ref()
            .map_or_else(|| format!("server {} of the assessment", server.number), |name| name.text().to_owned());
        let asked: Vec<String> = server.rows.iter().map(|row| format!("{}{}", row.id, window(row))).collect();
        format!("{name}: {}", asked.join(", "))
    }));
    lines
}

/// What nobody can copy by a recipe, as lines for a comment.
fn by_hand(recipe: &Recipe) -> Vec<String> {
    recipe.taken(Take::ByHand).map(|row| format!("By hand: {}: {}.", row.title, row.why)).collect()
}

/// ` from 2021-01-03 to 2021-03-05`; nothing where all of it is asked for.
fn window(row: &Row) -> String {
    let from = match row.since {
        Since::Ever => String::new(),
        Since::Days(days) => format!(" of the last {days} days"),
        Since::From(from) => format!(" from {}", day(from)),
    };
    row.until.map_or_else(|| from.clone(), |until| format!("{from} to {}", day(until)))
}

/// `2021-03-02`.
fn day(time: Utc) -> String {
    let (year, month, day) = time.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// The time from which on files are taken, with the margin.
fn early(from: Utc) -> Utc {
    from.plus_secs(-MARGIN_SECS)
}

/// A script can copy it from a running server, or Windows can save it; some of it may be held.
fn is_for_scripts(row: &Row) -> bool {
    row.take == Take::Content && row.root != Root::Volumes
}

/// A hive of the machine, which Windows saves by itself.
fn is_hive(row: &Row) -> bool {
    row.id == "hives"
}

/// A title that may stand behind `Name:`.
fn titled(row: &Row) -> String {
    format!("{}{}", row.title, if row.folder.is_empty() { String::new() } else { format!(" ({})", row.folder) })
}
