//! The exposure band: build history, windows, evidence and attacker activity on one axis of time.
//!
//! Drawn twice, wide and narrow, of which the style sheet shows one; and told a third time as a table, because a
//! drawing alone excludes whoever cannot see it. Everything is placed in whole-number time, so the same assessment gives
//! the same drawing.

use std::collections::BTreeSet;

use maud::{Markup, html};
use model::Utc;
use model::assessment::{Coverage, Finding, ServerAssessment};
use model::campaign::{Proves, Stage};

use super::Page;
use super::parts::{moment, table};
use crate::hostile::{ForHtml, ForTerminal};
use crate::wording::{self, STAGES};

/// Log sources drawn; the table has all.
const SOURCES_MAX: usize = 8;

/// Campaign windows drawn; the table has all.
const WINDOWS_MAX: usize = 8;

/// Builds drawn.
const BUILDS_MAX: usize = 60;

/// Gaps, stretches or rows of one kind drawn or listed.
const SPANS_MAX: usize = 300;

const MICROS: i64 = 1_000_000;
const DAY_SECS: i64 = 86_400;

/// One of the two drawings.
#[derive(Clone, Copy)]
struct Layout {
    class: &'static str,
    width: i64,
    /// Where the axis begins and ends.
    left: i64,
    right: i64,
    /// From lane to lane, and from the top of a lane to its bar.
    pitch: i64,
    bar_at: i64,
    /// Characters of a label.
    label_chars: usize,
    /// Ticks that fit.
    ticks_max: i64,
}

const WIDE: Layout =
    Layout { class: "wide", width: 1_000, left: 196, right: 990, pitch: 30, bar_at: 8, label_chars: 24, ticks_max: 8 };
const NARROW: Layout =
    Layout { class: "narrow", width: 340, left: 4, right: 336, pitch: 44, bar_at: 21, label_chars: 42, ticks_max: 4 };

const BAR_HEIGHT: i64 = 14;
const TOP: i64 = 22;
/// About the width of a character of a label.
const CHAR_WIDTH: i64 = 8;

/// The stretch of time that is drawn.
#[derive(Clone, Copy)]
struct Axis {
    from: Utc,
    until: Utc,
    layout: Layout,
}

impl Axis {
    /// Where a time is, at the edge when it lies outside.
    fn x(self, time: Utc) -> i64 {
        let length = self.until.0.saturating_sub(self.from.0).max(1);
        let into = time.0.saturating_sub(self.from.0).clamp(0, length);
        let width = i128::from(self.layout.right - self.layout.left);
        let place = i128::from(into) * width / i128::from(length);
        self.layout.left + i64::try_from(place).expect("within the width")
    }

    fn holds(self, time: Utc) -> bool {
        self.from <= time && time <= self.until
    }

    /// A bar from one time to another, at least two wide so that it can be seen.
    fn bar(self, from: Utc, until: Utc) -> (i64, i64) {
        let start = self.x(from).min(self.layout.right - 2);
        (start, (self.x(until) - start).max(2))
    }
}

struct Lane<'a> {
    label: String,
    kind: LaneKind<'a>,
}

enum LaneKind<'a> {
    Builds,
    Window(&'a model::assessment::Exposure),
    Source(&'a Coverage),
    Activity(Stage),
}

/// The band of one server, with legend and table.
pub(super) fn band(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    let findings: Vec<&Finding> = page
        .assessment
        .findings
        .iter()
        .filter(|finding| finding.server == server.server && finding.proves != Proves::Context)
        .collect();
    let Some((from, until)) = domain(server, &findings) else {
        return html! { div class="card" { p { "No build, window or log has a time that could be drawn." } } };
    };
    let lanes = lanes(server, &findings);
    html! {
        div class="card band" {
            figure {
                @for layout in [WIDE, NARROW] {
                    (drawing(Axis { from, until, layout }, place, server, &lanes, &findings))
                }
                (legend())
            }
            details class="more print-open" {
                summary { "The same as a table" }
                (as_table(server, &findings))
            }
        }
    }
}

/// From the first to the last time that matters. Logs may reach beyond the windows, but not so far that the windows
/// shrink to nothing: the past adds at most a tenth of what it frames (old setup runs), the future at most half.
fn domain(server: &ServerAssessment, findings: &[&Finding]) -> Option<(Utc, Utc)> {
    let mut core: Vec<Utc> = Vec::new();
    for exposure in &server.exposure {
        core.push(exposure.from);
        core.extend(exposure.until);
    }
    core.extend(server.incidents.iter().flat_map(|incident| [incident.first, incident.last]).flatten());
    core.extend([server.begin.earliest_certain, server.begin.earliest_possible].into_iter().flatten());
    let mut edges: Vec<Utc> = server.builds.iter().flat_map(|build| [build.first_seen, build.last_seen]).collect();
    edges.extend(server.coverage.iter().flat_map(|source| [source.from, source.until]).flatten());
    edges.extend(findings.iter().flat_map(|finding| [finding.time, finding.last]).flatten());
    if core.is_empty() {
        core.clone_from(&edges);
    }
    let (from, until) = (*core.iter().min()?, *core.iter().max()?);
    let reach = (until.0.saturating_sub(from.0) / 2).max(7 * DAY_SECS * MICROS);
    let before = (until.0.saturating_sub(from.0) / 10).max(7 * DAY_SECS * MICROS);
    let first = edges.iter().min().map_or(from, |edge| Utc(edge.0.clamp(from.0.saturating_sub(before), from.0)));
    let last = edges.iter().max().map_or(until, |edge| Utc(edge.0.clamp(until.0, until.0.saturating_add(reach))));
    Some((first, last))
}

fn lanes<'a>(server: &'a ServerAssessment, findings: &[&Finding]) -> Vec<Lane<'a>> {
    let mut lanes = vec![Lane { label: "Build".to_owned(), kind: LaneKind::Builds }];
    let windows = wording::worst_exposures_first(server).into_iter().filter(|exposure| wording::was_open(exposure));
    for exposure in windows.take(WINDOWS_MAX) {
        lanes.push(Lane { label: wording::window(exposure), kind: LaneKind::Window(exposure) });
    }
    for source in main_sources(server) {
        lanes.push(Lane { label: source.source.clone(), kind: LaneKind::Source(source) });
    }
    for stage in STAGES {
        if findings.iter().any(|finding| finding.stage == stage && finding.time.is_some()) {
            lanes.push(Lane {
                label: format!("Attacker: {}", wording::stage_word(stage)),
                kind: LaneKind::Activity(stage),
            });
        }
    }
    lanes
}

/// The sources on which the coverage of a window rests first, then those with most records; drawn by name.
fn main_sources(server: &ServerAssessment) -> Vec<&Coverage> {
    let needed: BTreeSet<&str> = server
        .exposure
        .iter()
        .flat_map(|exposure| &exposure.covered)
        .flat_map(|covered| covered.sources.iter().map(String::as_str))
        .collect();
    let mut sources: Vec<&Coverage> = server.coverage.iter().filter(|source| source.from.is_some()).collect();
    sources.sort_by_key(|source| (!needed.contains(source.source.as_str()), std::cmp::Reverse(source.records)));
    sources.truncate(SOURCES_MAX);
    sources.sort_by(|a, b| a.source.cmp(&b.source));
    sources
}

fn drawing(axis: Axis, place: usize, server: &ServerAssessment, lanes: &[Lane<'_>], findings: &[&Finding]) -> Markup {
    let layout = axis.layout;
    let id = format!("band-{place}-{}", layout.class);
    let bottom = TOP + i64::try_from(lanes.len()).expect("few lanes") * layout.pitch;
    html! {
        svg class={ "chart " (layout.class) } viewBox={ "0 0 " (layout.width) " " (bottom + 40) } role="img"
            aria-labelledby={ (id) "-title " (id) "-desc" } {
            title id={ (id) "-title" } { "Exposure band of " (ForHtml(&server.server)) }
            desc id={ (id) "-desc" } { (description(server, findings)) }
            defs {
                (hatch(&id, "hatch"))
                (hatch(&id, "hatch-gap"))
            }
            (ticks(axis, bottom))
            @for (number, lane) in (0i64..).zip(lanes) {
                (lane_drawing(axis, &id, TOP + number * layout.pitch, lane, server, findings))
            }
            (fixes(axis, server, bottom))
        }
    }
}

fn hatch(id: &str, class: &str) -> Markup {
    html! {
        pattern id={ (id) "-" (class) } width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
            line class=(class) x1="0" y1="0" x2="0" y2="6" {}
        }
    }
}

fn description(server: &ServerAssessment, findings: &[&Finding]) -> String {
    let windows: Vec<String> = server
        .exposure
        .iter()
        .filter(|exposure| wording::was_open(exposure))
        .take(WINDOWS_MAX)
        .map(|exposure| {
            let until = exposure.until.map_or_else(|| "now, as far as the evidence goes".to_owned(), wording::time);
            let campaign = format!("{:.60}", ForTerminal(&wording::window(exposure)));
            let share = wording::Share::of(exposure).words();
            format!("{campaign} from {} until {until}, covered: {share}.", wording::time(exposure.from))
        })
        .collect();
    let activity = findings.iter().filter(|finding| finding.time.is_some()).count();
    format!(
        "{} {}, {} of attacker activity. The table below has the same facts.",
        windows.join(" "),
        wording::count(server.builds.len() as u64, "build", "builds"),
        wording::count(activity as u64, "finding", "findings"),
    )
}

fn lane_drawing(
    axis: Axis,
    id: &str,
    top: i64,
    lane: &Lane<'_>,
    server: &ServerAssessment,
    findings: &[&Finding],
) -> Markup {
    let y = top + axis.layout.bar_at;
    let label = format!("{:.*}", axis.layout.label_chars, ForTerminal(&lane.label));
    let label_y = if axis.layout.left > 50 { y + 11 } else { y - 6 };
    html! {
        text x=(if axis.layout.left > 50 { 0 } else { axis.layout.left }) y=(label_y) { (ForHtml(&label)) }
        @match &lane.kind {
            LaneKind::Builds => (builds(axis, y, server)),
            LaneKind::Window(exposure) => (window(axis, id, y, exposure)),
            LaneKind::Source(source) => (source_bar(axis, id, y, source)),
            LaneKind::Activity(stage) => (activity(axis, y, *stage, findings)),
        }
    }
}

fn builds(axis: Axis, y: i64, server: &ServerAssessment) -> Markup {
    html! {
        @for span in server.builds.iter().take(BUILDS_MAX) {
            @let (x, width) = axis.bar(span.first_seen, span.last_seen);
            @let full = format!("{} · {}", span.update, span.build);
            @let label = [full, span.update.clone(), span.build.to_string()].into_iter()
                .map(|label| format!("{:.60}", ForTerminal(&label)))
                .find(|label| label_width(label) + 8 <= width);
            rect class="s-build" x=(x) y=(y - 2) width=(width) height=(BAR_HEIGHT + 4) rx="2" {}
            @if let Some(label) = label { text x=(x + 5) y=(y + 11) { (ForHtml(&label)) } }
        }
    }
}

fn label_width(label: &str) -> i64 {
    i64::try_from(label.chars().count()).unwrap_or(i64::MAX / CHAR_WIDTH) * CHAR_WIDTH
}

fn window(axis: Axis, id: &str, y: i64, exposure: &model::assessment::Exposure) -> Markup {
    let (x, width) = axis.bar(exposure.from, exposure.until.unwrap_or(axis.until));
    html! {
        @for span in exposure.covered.iter().take(SPANS_MAX) {
            @let (x, width) = axis.bar(span.from, span.until);
            rect class="s-window" x=(x) y=(y) width=(width) height=(BAR_HEIGHT) {}
        }
        @for span in exposure.uncovered.iter().take(SPANS_MAX) {
            @let (x, width) = axis.bar(span.from, span.until);
            rect class="s-unseen" x=(x) y=(y) width=(width) height=(BAR_HEIGHT) {}
            rect x=(x) y=(y) width=(width) height=(BAR_HEIGHT) fill={ "url(#" (id) "-hatch)" } {}
        }
        @if exposure.until.is_some() {
            rect class="s-edge" x=(x) y=(y) width=(width) height=(BAR_HEIGHT) {}
        } @else {
            // An open end: no right edge, but a point.
            path class="s-edge" d={ "M" (x + width - 6) " " (y) "H" (x) "v" (BAR_HEIGHT) "H" (x + width - 6) "l6 -" (BAR_HEIGHT / 2) "z" } {}
        }
    }
}

fn source_bar(axis: Axis, id: &str, y: i64, source: &Coverage) -> Markup {
    html! {
        @if let (Some(from), Some(until)) = (source.from, source.until) {
            @let (x, width) = axis.bar(from, until);
            rect class="s-source" x=(x) y=(y + 2) width=(width) height=(BAR_HEIGHT - 4) rx="1.5" {}
            @for gap in source.gaps.iter().take(SPANS_MAX).filter(|gap| axis.holds(gap.from) || axis.holds(gap.until)) {
                @let (x, width) = axis.bar(gap.from, gap.until);
                rect class="s-gap" x=(x) y=(y) width=(width) height=(BAR_HEIGHT) {}
                rect x=(x) y=(y) width=(width) height=(BAR_HEIGHT) fill={ "url(#" (id) "-hatch-gap)" } {}
            }
        }
    }
}

/// Marks by what they prove, weakest first so that proof lies on top; marks at one place are one mark.
fn activity(axis: Axis, y: i64, stage: Stage, findings: &[&Finding]) -> Markup {
    let mut marks: BTreeSet<(u8, i64)> = BTreeSet::new();
    for finding in findings.iter().filter(|finding| finding.stage == stage) {
        let times = finding.evidence.iter().filter_map(|evidence| evidence.time);
        for time in times.chain(finding.time).chain(finding.last) {
            marks.insert((strength(finding.proves), axis.x(time)));
        }
    }
    let middle = y + BAR_HEIGHT / 2;
    html! {
        line class="axis" x1=(axis.layout.left) x2=(axis.layout.right) y1=(middle) y2=(middle) {}
        @for (strength, x) in &marks { (mark(*strength, *x, middle)) }
    }
}

/// The mark of what a finding proves, for use beside words.
pub(super) fn proof_mark(proves: Proves) -> Markup {
    html! { svg viewBox="0 0 16 16" aria-hidden="true" focusable="false" { (mark(strength(proves), 8, 8)) } }
}

/// 0 a look, 1 an attempt, 2 a proven step.
pub(super) fn strength(proves: Proves) -> u8 {
    match proves {
        Proves::Context | Proves::Scan => 0,
        Proves::Attempt => 1,
        Proves::Success | Proves::Cleanup | Proves::Persistence | Proves::Execution | Proves::Theft => 2,
    }
}

fn mark(strength: u8, x: i64, y: i64) -> Markup {
    html! {
        @match strength {
            0 => { line class="m-scan" x1=(x) x2=(x) y1=(y - 6) y2=(y + 6) {} }
            1 => { circle class="m-try" cx=(x) cy=(y) r="4" {} }
            _ => { path class="m-sure" d={ "M" (x) " " (y - 7) "l7 7l-7 7l-7 -7z" } {} }
        }
    }
}

/// When a fixed build was first seen: a line through everything, named on top.
fn fixes(axis: Axis, server: &ServerAssessment, bottom: i64) -> Markup {
    let mut free_from = i64::MIN;
    let mut times: Vec<(Utc, &str)> = server
        .exposure
        .iter()
        .filter(|exposure| wording::was_open(exposure))
        .take(WINDOWS_MAX)
        .filter_map(|exposure| Some((exposure.until?, exposure.campaign_name.as_str())))
        .filter(|(time, _)| axis.holds(*time))
        .collect();
    times.sort_unstable();
    let update = |time: Utc| {
        let build = server.builds.iter().find(|build| build.first_seen == time)?;
        Some(format!(" by {:.20}", ForTerminal(&build.update)))
    };
    html! {
        @for (time, campaign) in times {
            @let x = axis.x(time);
            @let label = format!("{:.30} fixed{}", ForTerminal(campaign), update(time).unwrap_or_default());
            // The width of the text is an estimate, so a label near an edge is tied to that edge.
            @let half = label_width(&label) / 2;
            @let (anchor, at) = if x + half > axis.layout.width { ("end", axis.layout.width) }
                else if x < half { ("start", 0) } else { ("middle", x) };
            @let start = (x - half).clamp(0, (axis.layout.width - 2 * half).max(0));
            line class="s-fix" x1=(x) x2=(x) y1=(TOP - 6) y2=(bottom) {}
            @if start >= free_from { text x=(at) y="11" text-anchor=(anchor) { (ForHtml(&label)) } }
            @let () = free_from = free_from.max(start + label_width(&label) + 8);
        }
    }
}

fn ticks(axis: Axis, bottom: i64) -> Markup {
    let mut year = None;
    html! {
        line class="base" x1=(axis.layout.left) x2=(axis.layout.right) y1=(bottom) y2=(bottom) {}
        @for (time, label) in tick_times(axis) {
            @let x = axis.x(time);
            @let anchor = if x < axis.layout.left + 24 { "start" } else if x > axis.layout.right - 24 { "end" } else { "middle" };
            line class="axis" x1=(x) x2=(x) y1=(TOP) y2=(bottom) {}
            line class="base" x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4) {}
            text class="dim" x=(x) y=(bottom + 18) text-anchor=(anchor) { (label) }
            @if year != Some(time.date().0) { text class="dim" x=(x) y=(bottom + 33) text-anchor=(anchor) { (time.date().0) } }
            @let () = year = Some(time.date().0);
        }
    }
}

/// Ticks at round times, as many as fit: hours, days, certain days of the month, months, years.
fn tick_times(axis: Axis) -> Vec<(Utc, String)> {
    const STEPS_SECS: [i64; 5] = [3_600, 6 * 3_600, 12 * 3_600, DAY_SECS, 2 * DAY_SECS];
    const DAYS_OF_MONTH: [&[u32]; 2] = [&[1, 8, 15, 22], &[1, 15]];
    const STEPS_MONTHS: [i64; 8] = [1, 2, 3, 6, 12, 24, 60, 240];
    let length_secs = axis.until.secs_since(axis.from).max(1);
    let ticks_max = axis.layout.ticks_max;
    if let Some(step) = STEPS_SECS.into_iter().find(|step| length_secs / step < ticks_max) {
        let first = axis.from.0.div_euclid(step * MICROS) + 1;
        let times = (first..=first + ticks_max).map(|number| Utc(number.saturating_mul(step * MICROS)));
        return times.filter(|time| axis.holds(*time)).map(|time| (time, tick_label(time, step < DAY_SECS))).collect();
    }
    let months = length_secs / (30 * DAY_SECS);
    let every_month =
        |days: &&[u32]| length_secs * i64::try_from(days.len()).unwrap_or(1) / (30 * DAY_SECS) < ticks_max;
    let (days, step) = match DAYS_OF_MONTH.into_iter().find(every_month) {
        Some(days) => (days, 1),
        None => (&[1][..], STEPS_MONTHS.into_iter().find(|step| months / step < ticks_max).unwrap_or(1_200)),
    };
    let (year, month, _) = axis.from.date();
    let first = (year * 12 + i64::from(month) - 1).div_euclid(step);
    let starts = (first..=first + ticks_max + 1).map(|number| number * step);
    starts
        .flat_map(|month| days.iter().map(move |day| (month, *day)))
        .filter_map(|(month, day)| {
            let date = (month.div_euclid(12), u32::try_from(month.rem_euclid(12)).ok()? + 1, day);
            Utc::from_civil(date, (0, 0, 0), 0)
        })
        .filter(|time| axis.holds(*time))
        .map(|time| (time, tick_label(time, false)))
        .collect()
}

fn tick_label(time: Utc, with_hour: bool) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, month, day) = time.date();
    let month = MONTHS.get(month as usize - 1).copied().unwrap_or("");
    if with_hour { format!("{day} {month} {:02}:00", time.hour().rem_euclid(24)) } else { format!("{day} {month}") }
}

fn legend() -> Markup {
    let sample =
        |body: Markup| html! { svg class="key" viewBox="0 0 30 16" aria-hidden="true" focusable="false" { (body) } };
    html! {
        ul class="legend" {
            li { (sample(html! { rect class="s-window" x="1" y="2" width="28" height="12" {} rect class="s-edge" x="1" y="2" width="28" height="12" {} })) "open, covered by evidence" }
            li {
                (sample(html! {
                    rect class="s-unseen" x="1" y="2" width="28" height="12" {}
                    path class="hatch" d="M4 14L14 2M12 14L22 2M20 14L28 4" fill="none" {}
                }))
                "open, not covered"
            }
            li { (sample(html! { rect class="s-source" x="1" y="3" width="28" height="10" {} })) "log present" }
            li {
                (sample(html! {
                    rect class="s-gap" x="1" y="2" width="28" height="12" {}
                    path class="hatch-gap" d="M4 14L14 2M12 14L22 2M20 14L28 4" fill="none" {}
                }))
                "silence inside a log"
            }
            li { (sample(mark(2, 15, 8))) "proven step" }
            li { (sample(mark(1, 15, 8))) "attempt" }
            li { (sample(mark(0, 15, 8))) "scan" }
        }
    }
}

fn as_table(server: &ServerAssessment, findings: &[&Finding]) -> Markup {
    let row = |what: &str, from: Option<Utc>, until: Option<Utc>, note: &str| {
        html! { tr { th scope="row" { (ForHtml(what)) } td { (moment(from)) } td { (moment(until)) } td { (ForHtml(note)) } } }
    };
    let stages = STAGES.into_iter().filter_map(|stage| {
        let times = || {
            let of_stage = findings.iter().filter(move |finding| finding.stage == stage);
            of_stage.flat_map(|finding| [finding.time, finding.last.or(finding.time)]).flatten()
        };
        let count = findings.iter().filter(|finding| finding.stage == stage && finding.time.is_some()).count() as u64;
        Some((stage, times().min()?, times().max()?, count))
    });
    table(
        "Exposure band as a table",
        None,
        &[("What", ""), ("From", ""), ("Until", ""), ("Note", "")],
        html! {
            @for build in server.builds.iter().take(SPANS_MAX) {
                (row(&format!("Build {} ({})", build.build, build.update), Some(build.first_seen), Some(build.last_seen), &build.product))
            }
            @for exposure in server.exposure.iter().filter(|exposure| wording::was_open(exposure)) {
                (row(&wording::window(exposure), Some(exposure.from), exposure.until, &exposure.until_basis))
                @for span in exposure.covered.iter().take(SPANS_MAX) {
                    (row(&format!("{}: covered", exposure.campaign_name), Some(span.from), Some(span.until), &span.sources.join(", ")))
                }
                @for span in exposure.uncovered.iter().take(SPANS_MAX) {
                    (row(&format!("{}: not covered", exposure.campaign_name), Some(span.from), Some(span.until), &span.why))
                }
            }
            @for source in &server.coverage {
                (row(&source.source, source.from, source.until, "log"))
                @for gap in source.gaps.iter().take(SPANS_MAX) {
                    (row(&source.source, Some(gap.from), Some(gap.until), "silence"))
                }
            }
            @for (stage, from, until, count) in stages {
                (row(&format!("Attacker: {}", wording::stage_word(stage)), Some(from), Some(until), &wording::count(count, "finding", "findings")))
            }
        },
    )
}
