//! Bars and lines of a survey, drawn twice (wide and narrow) like the band of an assessment, and told as tables beside.
//!
//! What is shown is solid, what may be added to it is light with an edge: that reads without colour, in print and in the
//! dark. Every mark has its number beside it, so there is no scale to read off.

use maud::{Markup, html};
use model::survey::{Point, Worded};

use super::{day, interval};
use crate::hostile::{ForHtml, ForTerminal};
use crate::wording::number;

/// Bars of one drawing; the table has all.
pub(super) const BARS_MAX: usize = 12;

/// What a bar stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bars {
    /// Open servers, at least and at most, before all.
    Open,
    /// Those of the row, at least and at most.
    Own,
}

#[derive(Clone, Copy)]
struct Layout {
    class: &'static str,
    width: u64,
    left: u64,
    pitch: u64,
    bar_at: u64,
    label_columns: usize,
}

const WIDE: Layout = Layout { class: "chart wide", width: 1_000, left: 250, pitch: 28, bar_at: 6, label_columns: 30 };
const NARROW: Layout = Layout { class: "chart narrow", width: 340, left: 2, pitch: 44, bar_at: 20, label_columns: 38 };

const BAR_HEIGHT: u64 = 15;
/// A digit in bold takes no more.
const LETTER_WIDTH: u64 = 8;
/// The longest bar has at least this much, however long its numbers are.
const ROOM_MIN: u64 = 40;

/// Horizontal bars, each with its name and numbers.
pub(super) fn bars(rows: &[Worded], bars: Bars) -> Markup {
    let rows = &rows[..rows.len().min(BARS_MAX)];
    let longest = rows.iter().map(|row| if bars == Bars::Open { row.all } else { row.counted.at_most }).max();
    let longest = longest.unwrap_or(0).max(1);
    html! { @for layout in [WIDE, NARROW] { (bar_drawing(rows, bars, layout, longest)) } }
}

fn bar_drawing(rows: &[Worded], bars: Bars, layout: Layout, longest: u64) -> Markup {
    let height = rows.len() as u64 * layout.pitch + 4;
    let letters = rows.iter().map(|row| numbers(row, bars).concat().len() as u64).max().unwrap_or(0);
    // Numbers follow the bar, the longest too.
    let room = (layout.width - layout.left).saturating_sub(letters * LETTER_WIDTH + 16).max(ROOM_MIN);
    let length = |value: u64| {
        let room = u128::from(room);
        let long = u64::try_from(u128::from(value) * room / u128::from(longest)).expect("within the room");
        if value == 0 { 0 } else { long.max(2) }
    };
    html! {
        svg class=(layout.class) viewBox={ "0 0 " (layout.width) " " (height) } aria-hidden="true" focusable="false" {
            @for (place, row) in rows.iter().enumerate() {
                @let y = place as u64 * layout.pitch + layout.bar_at;
                @let (sure, most) = (length(row.counted.at_least), length(row.counted.at_most));
                @let all = if bars == Bars::Open { length(row.all) } else { most };
                @let label = format!("{:.1$}", ForTerminal(&row.label), layout.label_columns);
                @if layout.bar_at < 10 {
                    text class="e" x=(layout.left - 10) y=(y + 12) { (ForHtml(&label)) }
                } @else {
                    text x=(layout.left) y=(y - 5) { (ForHtml(&label)) }
                }
                @if bars == Bars::Open { rect class="b-all" x=(layout.left) y=(y) width=(all) height=(BAR_HEIGHT) {} }
                @if most > sure {
                    rect class="b-perhaps" x=(layout.left) y=(y) width=(most) height=(BAR_HEIGHT) {}
                }
                rect class="b-sure" x=(layout.left) y=(y) width=(sure) height=(BAR_HEIGHT) {}
                @let [value, of] = numbers(row, bars);
                text x=(layout.left + all + 8) y=(y + 12) {
                    tspan class="v" { (value) }
                    tspan class="dim" { (of) }
                }
            }
        }
    }
}

/// What stands behind a bar: `12 to 17`, ` of 20`.
fn numbers(row: &Worded, bars: Bars) -> [String; 2] {
    let of = if bars == Bars::Open { format!(" of {}", number(row.all)) } else { String::new() };
    [interval(row.counted).to_string(), of]
}

/// The lines of a trend: all servers, at most open, at least open, with the room between the last two.
pub(super) fn lines(points: &[Point]) -> Markup {
    html! {
        (line_drawing(points, "chart wide", 1_000, 320, 8))
        (line_drawing(points, "chart narrow", 340, 260, 3))
    }
}

fn line_drawing(points: &[Point], class: &str, width: u64, height: u64, ticks: usize) -> Markup {
    let (left, right, top, bottom) = (4, width - if width > 500 { 190 } else { 148 }, 22, height - 28);
    let highest = points.iter().map(|point| point.servers.at_most.max(point.open.at_most)).max().unwrap_or(0).max(1);
    let (first, last) = (points.first().map_or(0, |p| p.day.0), points.last().map_or(0, |p| p.day.0));
    let span = i128::from(last) - i128::from(first);
    let x = |point: &Point| match span {
        0 => left,
        span => {
            let into = (i128::from(point.day.0) - i128::from(first)).clamp(0, span);
            left + u64::try_from(into * i128::from(right - left) / span).expect("within the room")
        }
    };
    let y = |value: u64| {
        let up = u128::from(value) * u128::from(bottom - top) / u128::from(highest);
        bottom - u64::try_from(up).expect("within the room")
    };
    let path = |value: &dyn Fn(&Point) -> u64| {
        let steps = points
            .iter()
            .enumerate()
            .map(|(place, point)| format!("{}{} {}", if place == 0 { "M" } else { "L" }, x(point), y(value(point))));
        steps.collect::<String>()
    };
    let back = points.iter().rev().map(|point| format!("L{} {}", x(point), y(point.open.at_least)));
    let between = path(&|point| point.open.at_most) + &back.collect::<String>() + "Z";
    let ends = points.last().map(|point| ends(point, &y));
    let step = points.len().saturating_sub(1).div_ceil(ticks).max(1);
    html! {
        svg class=(class) viewBox={ "0 0 " (width) " " (height) } aria-hidden="true" focusable="false" {
            line class="base" x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
            path class="l-between" d=(between) {}
            path class="l-all" d=(path(&|point| point.servers.at_most)) {}
            path class="l-most" d=(path(&|point| point.open.at_most)) {}
            path class="l-sure" d=(path(&|point| point.open.at_least)) {}
            @for (place, point) in points.iter().enumerate() {
                circle class="l-dot" cx=(x(point)) cy=(y(point.open.at_least)) r="4" {}
                @if place % step == 0 {
                    text class={ @if place == 0 { "dim" } @else { "dim m" } } x=(x(point)) y=(bottom + 19) { (day(Some(point.day))[5..]) }
                }
            }
            @for (label, value, class, at) in ends.iter().flatten() {
                text class=(class) x=(right + 12) y=(at) { tspan class="v" { (number(*value)) } " " (label) }
            }
        }
    }
}

/// The labels at the end of the lines, pushed apart where they would touch.
fn ends(point: &Point, y: &dyn Fn(u64) -> u64) -> Vec<(&'static str, u64, &'static str, u64)> {
    let mut ends = vec![("servers", point.servers.at_most, "dim", 0)];
    if point.open.at_most > point.open.at_least {
        ends.push(("open at most", point.open.at_most, "", 0));
        ends.push(("open at least", point.open.at_least, "r", 0));
    } else {
        ends.push(("open", point.open.at_least, "r", 0));
    }
    let mut above = 0;
    for end in &mut ends {
        end.3 = (y(end.1) + 4).max(above + 17);
        above = end.3;
    }
    ends
}

#[cfg(test)]
mod tests {
    use model::survey::{Interval, Worded};

    use super::{Bars, LETTER_WIDTH, NARROW, WIDE, bars};

    #[test]
    fn numbers_stay_within_the_drawing() {
        for all in [7, 21_988, 1_234_567] {
            let counted = Interval { at_least: all / 2, at_most: all };
            let rows = [Worded { label: "all".into(), note: None, all, counted }];
            let drawn = bars(&rows, Bars::Open).into_string();
            for (layout, drawing) in [WIDE, NARROW].iter().zip(drawn.split("<svg").skip(1)) {
                let (_, last) = drawing.rsplit_once("<text x=\"").expect("numbers");
                let (x, rest) = last.split_once('"').expect("a place");
                let letters =
                    rest.split('>').skip(1).filter_map(|part| part.split('<').next()).map(str::len).sum::<usize>();
                let end = x.parse::<u64>().expect("a number") + letters as u64 * LETTER_WIDTH;
                assert!(end <= layout.width && letters > 8, "{all}: {end} of {}: {drawing}", layout.width);
            }
        }
    }
}
