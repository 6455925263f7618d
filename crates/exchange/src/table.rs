//! Reads the embedded tables. They are ours and checked by the tests of this room, so a broken one is a fault of the
//! build and not of the input: reading it may panic, and the tests see that first.

use csv::{ReaderBuilder, StringRecord};
use model::{Build, Utc};

/// The rows below the header row.
pub(crate) fn rows(text: &'static str) -> impl Iterator<Item = StringRecord> {
    ReaderBuilder::new()
        .from_reader(text.as_bytes())
        .into_records()
        .map(|row| row.expect("the tables of knowledge/ have as many cells as columns"))
}

/// A cell that names a build, or nothing when it is empty.
pub(crate) fn build(cell: &str) -> Option<Build> {
    let read = |cell: &str| cell.parse().expect("builds in knowledge/ have four numbers");
    (!cell.is_empty()).then(|| read(cell))
}

/// A cell that names a day, or nothing when it is empty.
pub(crate) fn day(cell: &str) -> Option<Utc> {
    let read = |cell: &str| Utc::parse(cell.as_bytes()).expect("days in knowledge/ are YYYY-MM-DD");
    (!cell.is_empty()).then(|| read(cell))
}

/// A cell that names a number, or nothing when it is empty.
pub(crate) fn number(cell: &str) -> Option<u64> {
    let read = |cell: &str| cell.parse().expect("numbers in knowledge/ are decimal");
    (!cell.is_empty()).then(|| read(cell))
}

/// `2021-03-02`.
pub(crate) fn day_words(day: Utc) -> String {
    let (year, month, date) = day.date();
    format!("{year:04}-{month:02}-{date:02}")
}
