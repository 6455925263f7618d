//! A survey becomes a page, rows, a screen, and what owners are sent: one file per output.

pub mod csv;
pub mod html;
pub mod notice;
pub mod screen;

mod charts;

use model::survey::{Interval, Survey};

use crate::wording::number;

/// `survey.json`.
#[must_use]
pub fn json(survey: &Survey) -> String {
    let mut text = serde_json::to_string_pretty(survey).expect("a survey is JSON");
    text.push('\n');
    text
}

/// The sentence on top: `At least 412 of 1,980 Exchange servers are open …, at most 790.`
#[must_use]
pub fn sentence(survey: &Survey) -> String {
    let (open, servers) = (survey.totals.open, survey.totals.servers);
    let to = survey.hole.as_deref().map_or_else(|| "known attacks".to_owned(), str::to_owned);
    let of = match servers.at_most {
        0 => return "No Exchange server was seen".to_owned(),
        all => format!("{} Exchange {}", number(all), if all == 1 { "server" } else { "servers" }),
    };
    let are = if open.at_least == 1 { "is" } else { "are" };
    if open.at_least == open.at_most {
        format!("{} of {of} {are} open to {to}", number(open.at_least))
    } else {
        format!("At least {} of {of} are open to {to}, at most {}", number(open.at_least), number(open.at_most))
    }
}

/// `412 to 790`, or the one number.
#[must_use]
pub fn interval(interval: Interval) -> String {
    if interval.at_least == interval.at_most {
        number(interval.at_least)
    } else {
        format!("{} to {}", number(interval.at_least), number(interval.at_most))
    }
}

/// `2026-11-20`.
pub(crate) fn day(time: Option<model::Utc>) -> String {
    time.map_or_else(|| "day not known".to_owned(), |time| time.to_string().chars().take(10).collect())
}

#[cfg(test)]
pub(crate) mod tests;
