//! What a run found, in a few lines that a person would read aloud.

use std::fmt::Write;

use model::survey::{ChangeKind, Diff, Estimate, Point, Survey};

use super::{day, interval, sentence};
use crate::hostile::ForTerminal;
use crate::wording::{count, number};

/// Rows of a table on the screen.
const ROWS_MAX: usize = 5;

/// The lines of a run.
#[must_use]
pub fn survey(survey: &Survey) -> String {
    let totals = &survey.totals;
    let mut out = format!("{}.\n", ForTerminal(&sentence(survey)));
    if totals.open.at_least != totals.open.at_most {
        out.push_str("The difference: servers whose version does not say which update they have.\n");
    }
    line(
        &mut out,
        format_args!(
            "Asked {}, {} answered. {} of the servers run a version without support.",
            count(totals.targets, "target", "targets"),
            number(totals.answered),
            interval(totals.unsupported)
        ),
    );
    let holes = survey.tables.iter().find(|table| table.by == "cve");
    for row in holes.iter().flat_map(|table| &table.rows).filter(|row| row.counted.at_most > 0).take(ROWS_MAX) {
        line(&mut out, format_args!("  {:16.16} {}", ForTerminal(&row.label).to_string(), interval(row.counted)));
    }
    let unanswered: Vec<String> = survey
        .outcomes
        .iter()
        .filter(|row| row.label != "answered")
        .map(|row| format!("{} {}", number(row.all), ForTerminal(&row.label)))
        .collect();
    if !unanswered.is_empty() {
        line(&mut out, format_args!("Not seen: {}.", unanswered.join(", ")));
    }
    if let Some(diff) = &survey.diff {
        out.push_str(&self::diff(diff));
    }
    for note in &survey.notes {
        line(&mut out, format_args!("{}", ForTerminal(note)));
    }
    out
}

/// The lines of a comparison.
#[must_use]
pub fn diff(diff: &Diff) -> String {
    let mut out = format!("Since {} (run {}):\n", day(diff.from.last), diff.from.id);
    for (kind, times) in diff.counts.iter().filter(|(kind, times)| *times > 0 && *kind != ChangeKind::Unchanged) {
        line(&mut out, format_args!("  {:>9}  {}", number(*times), kind.words()));
    }
    for caveat in &diff.caveats {
        line(&mut out, format_args!("  note: {caveat}"));
    }
    out
}

/// The lines of a trend.
#[must_use]
pub fn trend(points: &[Point]) -> String {
    let mut out = String::from("run  day         servers           open\n");
    for point in points {
        line(
            &mut out,
            format_args!(
                "{:<4} {:<11} {:<17} {}",
                point.run,
                day(Some(point.day)),
                interval(point.servers),
                interval(point.open)
            ),
        );
    }
    out
}

/// The lines of an estimate.
#[must_use]
pub fn estimate(estimate: &Estimate) -> String {
    let mut out = format!("{}\n\nIt stands on:\n", ForTerminal(&estimate.says));
    for basis in &estimate.basis {
        line(&mut out, format_args!("- {basis}"));
    }
    out.push_str("\nIt takes for true:\n");
    for assumed in &estimate.assumptions {
        line(&mut out, format_args!("- {} {}", assumed.what, assumed.otherwise));
    }
    out
}

fn line(out: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(out, "{words}").expect("a string takes everything");
}
