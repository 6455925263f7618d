//! Which hours the evidence covers, source by source, and which stretches of a window it does not.
//!
//! A silence is a gap when it is longer than the source's own habit allows. The habit is its density: the share of
//! hours with records between its first and last one. The tolerance is `8 / density` hours, at least 4 and at most
//! 168: a busy proxy log that is silent for a working day has lost something, a log that is written now and then may
//! rest for days. A source that is silent more often than not may also rest as long as it regularly does (nights and
//! weekends): a third more than its fourth longest silence.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::{Coverage, Covered, Span, Uncovered};
use model::campaign::Need;
use model::file::FileRecord;
use model::observation::{Server, SourceCoverage};
use model::{Family, Source, Utc};

use crate::wording::day;

/// A silence shorter than this is never a gap.
const TOLERANCE_HOURS_MIN: i64 = 4;
/// A silence longer than this is always one.
const TOLERANCE_HOURS_MAX: i64 = 168;
/// At the edges of a window a source may start late or end early by its tolerance, but not by more than this.
const EDGE_SECS_MAX: i64 = 24 * 3_600;
/// Which of the longest silences shows a rhythm.
const RHYTHM_RANK: usize = 3;
/// The most stretches that one source is cut into; what follows counts as not covered.
const STRETCHES_MAX: usize = 10_000;
const HOUR_SECS: i64 = 3_600;
/// A shorter stretch is told together with its neighbour.
const SLIVER_SECS_MAX: i64 = 6 * HOUR_SECS;

/// Where one source speaks.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    /// `httpproxy/Ecp`.
    pub(crate) name: String,
    /// The same, in parts.
    pub(crate) source: Source,
    /// Stretches without a gap, in time order, never empty.
    pub(crate) stretches: Vec<Span>,
    /// Stretches of files of which too many lines could not be read: cut out of `stretches`.
    lost: Vec<Span>,
    /// What was cleared away: cut out of `stretches`, too.
    cleared: Vec<Span>,
    /// How late it may start and how early it may end at the edges of a window.
    edge_secs: i64,
}

/// Up to so many unreadable lines of a file are the tail of a crash.
const LOST_LINES_FREE: u64 = 3;
/// Of so many lines of a file one may be unreadable before its time counts as not covered.
const LOST_ONE_IN: u64 = 100;

/// Too many lines of this file could not be read for it to show that nothing happened.
pub(crate) fn is_lossy(file: &FileRecord) -> bool {
    file.rejected > LOST_LINES_FREE
        && file.rejected.saturating_mul(LOST_ONE_IN) > file.records.saturating_add(file.rejected)
}

/// The time of lossy files of one source, in whole hours.
fn lost(name: &str, server: &str, files: &[FileRecord]) -> Vec<Span> {
    let of_source = |file: &&FileRecord| file.source.as_deref() == Some(name) && file.server.as_deref() == Some(server);
    let mut spans: Vec<Span> = files
        .iter()
        .filter(of_source)
        .filter(|file| is_lossy(file))
        .filter_map(|file| file.first.zip(file.last))
        .map(|(first, last)| Span { from: Utc::from_hour(first.hour()), until: Utc::from_hour(last.hour() + 1) })
        .collect();
    spans.sort_by_key(|span| (span.from, span.until));
    spans
}

/// A log may be silent so long before it was cleared.
const CLEARED_SLACK_SECS: i64 = 2 * HOUR_SECS;

/// The time before each clearing of an event log, back to the last record that another file has kept.
fn cleared(source: &Source, server: &Server, seen: &SourceCoverage) -> Vec<Span> {
    let channel = source.part.as_deref().filter(|_| source.family == Family::Windows);
    let log = channel.and_then(|channel| server.event_logs.get(channel));
    let before = |time: Utc| {
        let kept = seen.hours.range(..time.hour()).next_back();
        let from = kept.map_or(Utc(i64::MIN), |(hour, _)| Utc::from_hour(hour.saturating_add(1)));
        Span { from, until: time }
    };
    let spans = log.into_iter().flat_map(|log| &log.cleared).map(|one| before(one.time));
    spans.filter(|span| span.from < span.until.plus_secs(-CLEARED_SLACK_SECS)).collect()
}

/// What is left of stretches when others are cut out.
fn without(stretches: Vec<Span>, cut: &[Span]) -> Vec<Span> {
    cut.iter().fold(stretches, |stretches, hole| {
        let around = |span: Span| {
            let before = Span { from: span.from, until: span.until.min(hole.from) };
            let after = Span { from: span.from.max(hole.until), until: span.until };
            [before, after].into_iter().filter(|span| span.from < span.until)
        };
        stretches.into_iter().flat_map(around).take(STRETCHES_MAX).collect()
    })
}

/// The time that the analyst asked about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) from: Option<Utc>,
    pub(crate) until: Option<Utc>,
}

/// The coverage part of the assessment, by source.
pub(crate) fn list(server: &Server, name: &str, files: &[FileRecord]) -> Vec<Coverage> {
    let line = |(source, seen): (&Source, &SourceCoverage)| {
        let stretches = stretches(seen);
        let pairs = stretches.iter().zip(stretches.iter().skip(1));
        Coverage {
            source: source.to_string(),
            from: begin(seen),
            until: end(seen),
            files: seen.files,
            records: seen.records,
            rejected: rejected(&source.to_string(), name, files),
            gaps: pairs.map(|(before, after)| Span { from: before.until, until: after.from }).collect(),
        }
    };
    server.coverage.iter().map(line).collect()
}

/// Lines that could not be read, in the files of one source.
fn rejected(source: &str, server: &str, files: &[FileRecord]) -> u64 {
    let own = |file: &&FileRecord| file.source.as_deref() == Some(source) && file.server.as_deref() == Some(server);
    files.iter().filter(own).map(|file| file.rejected).fold(0, u64::saturating_add)
}

/// Where each log source speaks. Files are no log: that one is there says nothing about a time.
pub(crate) fn spoken(server: &Server, server_name: &str, files: &[FileRecord]) -> Vec<Spoken> {
    server
        .coverage
        .iter()
        .filter(|(source, _)| source.family != Family::File)
        .filter_map(|(source, seen)| {
            let name = source.to_string();
            let lost = lost(&name, server_name, files);
            let cleared = cleared(source, server, seen);
            let stretches = without(without(stretches(seen), &lost), &cleared);
            let edge_secs = (tolerance_hours(&seen.hours) * HOUR_SECS).min(EDGE_SECS_MAX);
            let speaks = !stretches.is_empty() || !lost.is_empty();
            speaks.then(|| Spoken { name, source: source.clone(), stretches, lost, cleared, edge_secs })
        })
        .collect()
}

/// The covered and the uncovered stretches of a window.
pub(crate) fn of_window(
    window: Span,
    needs: &[Need],
    spoken: &[Spoken],
    bounds: Bounds,
) -> (Vec<Covered>, Vec<Uncovered>) {
    let sources: Vec<Vec<Spoken>> = needs.iter().map(|need| fitted(need, spoken, &window, bounds)).collect();
    let mut covered: Vec<Covered> = Vec::new();
    let mut uncovered: Vec<Missing> = Vec::new();
    for piece in pieces(&window, &sources, bounds) {
        let speaking: Vec<Vec<&str>> = sources.iter().map(|sources| who_covers(sources, &piece)).collect();
        let unmet: Vec<usize> = (0..needs.len()).filter(|need| speaking.get(*need).is_none_or(Vec::is_empty)).collect();
        if unmet.is_empty() && !needs.is_empty() {
            let names: BTreeSet<&str> = speaking.into_iter().flatten().collect();
            push_covered(&mut covered, piece, names.into_iter().map(str::to_owned).collect());
        } else {
            let why = why(&piece, unmet.first().and_then(|need| sources.get(*need)), bounds);
            push_missing(&mut uncovered, Missing { span: piece, why, unmet });
        }
    }
    (covered, uncovered.into_iter().map(|missing| missing.explained(needs)).collect())
}

/// A stretch in which a need is not met.
struct Missing {
    span: Span,
    why: &'static str,
    unmet: Vec<usize>,
}

impl Missing {
    fn explained(self, needs: &[Need]) -> Uncovered {
        let unmet: Vec<&Need> = self.unmet.iter().filter_map(|need| needs.get(*need)).collect();
        let settle = settle(&self.span, self.why, &unmet);
        let sources = sources(unmet.iter().copied());
        Uncovered { from: self.span.from, until: self.span.until, why: self.why.to_owned(), settle, sources }
    }
}

/// The sources that would meet these needs, each once.
pub(crate) fn sources<'n>(needs: impl Iterator<Item = &'n Need>) -> Vec<String> {
    needs.flat_map(|need| need.any_of.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What to collect for a stretch: which logs, of which days, and where such logs still lie.
fn settle(span: &Span, why: &str, unmet: &[&Need]) -> String {
    if unmet.is_empty() {
        return "no log family is known in which this campaign always shows; examine the server itself".to_owned();
    }
    let wish = |need: &&Need| {
        let words = need.settle.trim().trim_end_matches('.');
        let words = if words.is_empty() { format!("the logs {}", need.any_of.join(" or ")) } else { words.to_owned() };
        let places: Vec<String> = need.any_of.iter().filter_map(|source| exchange::place_of_source(source)).collect();
        // A pack that names the place itself needs no second one.
        if places.is_empty() || words.contains('\\') { words } else { format!("{words} ({})", places.join(" or ")) }
    };
    let wishes: Vec<String> = unmet.iter().map(wish).collect();
    let where_else = match why {
        "not read" => "left out by the time bounds of this run",
        "unreadable" => "as a whole copy: many lines of the one at hand could not be read",
        "cleared" => {
            "cleared by somebody: look for archives beside the log, backups, volume shadow copies and the log platform"
        }
        "gap" => "perhaps deleted: look in backups, volume shadow copies and the log platform",
        "ends" => "from the server",
        _ => "from a backup, a volume shadow copy or the log platform",
    };
    format!("{} of {} to {}, {where_else}", wishes.join(" and "), day(span.from), day(span.until))
}

/// The sources that can meet a need, with their stretches stretched to the window's edges where they come close and
/// cut to the bounds.
fn fitted(need: &Need, spoken: &[Spoken], window: &Span, bounds: Bounds) -> Vec<Spoken> {
    let fits = |one: &&Spoken| need.any_of.iter().any(|wanted| meets(wanted, &one.source, &one.name));
    spoken.iter().filter(fits).map(|one| fit(one.clone(), window, bounds)).collect()
}

fn fit(mut one: Spoken, window: &Span, bounds: Bounds) -> Spoken {
    let edge_secs = one.edge_secs;
    if let Some(first) = one.stretches.first_mut()
        && first.from > window.from
        && first.from.secs_since(window.from) <= edge_secs
    {
        first.from = window.from;
    }
    if let Some(last) = one.stretches.last_mut()
        && last.until < window.until
        && window.until.secs_since(last.until) <= edge_secs
    {
        last.until = window.until;
    }
    one.stretches = without(one.stretches, &one.cleared);
    for stretch in &mut one.stretches {
        stretch.from = bounds.from.map_or(stretch.from, |bound| stretch.from.max(bound));
        stretch.until = bounds.until.map_or(stretch.until, |bound| stretch.until.min(bound));
    }
    one.stretches.retain(|stretch| stretch.from < stretch.until);
    one
}

/// A source of the evidence is what a need asks for. IIS sites are known by folder (`W3SVC1`) or by port
/// (`front-end`); a family without a part asks for any part.
fn meets(wanted: &str, source: &Source, name: &str) -> bool {
    if wanted.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some((family, part)) = wanted.split_once('/') else {
        return wanted.eq_ignore_ascii_case(source.family.name());
    };
    family.eq_ignore_ascii_case("iis")
        && source.family == Family::Iis
        && source.part.as_deref().is_some_and(|own| site(own) == site(part))
}

/// One name for the two spellings of a site.
fn site(part: &str) -> String {
    match part.to_ascii_lowercase().as_str() {
        "w3svc1" => "front-end".to_owned(),
        "w3svc2" => "back-end".to_owned(),
        other => other.to_owned(),
    }
}

/// The window cut wherever a source begins or ends to speak.
fn pieces(window: &Span, sources: &[Vec<Spoken>], bounds: Bounds) -> Vec<Span> {
    let edges = sources.iter().flatten().flat_map(|one| &one.stretches).flat_map(|one| [one.from, one.until]);
    let mut cuts: BTreeSet<Utc> = edges.chain(bounds.from).chain(bounds.until).collect();
    cuts.retain(|cut| *cut > window.from && *cut < window.until);
    cuts.extend([window.from, window.until]);
    let cuts: Vec<Utc> = cuts.into_iter().collect();
    cuts.iter().zip(cuts.iter().skip(1)).map(|(from, until)| Span { from: *from, until: *until }).collect()
}

fn who_covers<'a>(sources: &'a [Spoken], piece: &Span) -> Vec<&'a str> {
    sources.iter().filter(|one| covers(&one.stretches, piece)).map(|one| one.name.as_str()).collect()
}

fn covers(stretches: &[Span], piece: &Span) -> bool {
    let after = stretches.partition_point(|stretch| stretch.from <= piece.from);
    after.checked_sub(1).and_then(|at| stretches.get(at)).is_some_and(|stretch| stretch.until >= piece.until)
}

fn why(piece: &Span, sources: Option<&Vec<Spoken>>, bounds: Bounds) -> &'static str {
    let before = bounds.from.is_some_and(|bound| piece.until <= bound);
    let after = bounds.until.is_some_and(|bound| piece.from >= bound);
    if before || after {
        return "not read";
    }
    let overlaps = |span: &Span| span.from < piece.until && piece.from < span.until;
    if sources.into_iter().flatten().flat_map(|one| &one.lost).any(overlaps) {
        return "unreadable";
    }
    if sources.into_iter().flatten().flat_map(|one| &one.cleared).any(overlaps) {
        return "cleared";
    }
    let stretches = || sources.into_iter().flatten().flat_map(|one| &one.stretches);
    let first = stretches().map(|stretch| stretch.from).min();
    let last = stretches().map(|stretch| stretch.until).max();
    match (first, last) {
        (Some(first), _) if piece.until <= first => "rotated",
        (_, Some(last)) if piece.from >= last => "ends",
        (Some(_), _) => "gap",
        (None, _) => "absent",
    }
}

fn push_covered(covered: &mut Vec<Covered>, piece: Span, sources: Vec<String>) {
    match covered.last_mut() {
        Some(last) if last.until == piece.from && last.sources == sources => last.until = piece.until,
        _ => covered.push(Covered { from: piece.from, until: piece.until, sources }),
    }
}

fn push_missing(uncovered: &mut Vec<Missing>, missing: Missing) {
    let is_sliver = |span: &Span| span.until.secs_since(span.from) < SLIVER_SECS_MAX;
    match uncovered.last_mut() {
        // Logs of one server begin minutes apart: that is one stretch, not two.
        Some(last) if last.span.until == missing.span.from && (is_sliver(&missing.span) || is_sliver(&last.span)) => {
            if is_sliver(&last.span) {
                last.why = missing.why;
            }
            last.span.until = missing.span.until;
            last.unmet =
                last.unmet.iter().chain(&missing.unmet).copied().collect::<BTreeSet<_>>().into_iter().collect();
        }
        Some(last)
            if last.span.until == missing.span.from && last.why == missing.why && last.unmet == missing.unmet =>
        {
            last.span.until = missing.span.until;
        }
        _ => uncovered.push(missing),
    }
}

fn begin(seen: &SourceCoverage) -> Option<Utc> {
    seen.first.or_else(|| seen.hours.keys().next().map(|hour| Utc::from_hour(*hour)))
}

fn end(seen: &SourceCoverage) -> Option<Utc> {
    seen.last.or_else(|| seen.hours.keys().next_back().map(|hour| Utc::from_hour(hour.saturating_add(1))))
}

/// The stretches without a gap, cut at the hours around each gap and exact at both ends.
fn stretches(seen: &SourceCoverage) -> Vec<Span> {
    let (Some(from), Some(until)) = (begin(seen), end(seen)) else { return Vec::new() };
    let tolerance = tolerance_hours(&seen.hours);
    let mut stretches: Vec<Span> = Vec::new();
    let mut start = from;
    let hours = seen.hours.keys().zip(seen.hours.keys().skip(1));
    for (hour, next) in hours.filter(|(hour, next)| silence(**hour, **next) > tolerance) {
        stretches.push(Span { from: start, until: Utc::from_hour(hour + 1).max(start) });
        start = Utc::from_hour(*next);
        if stretches.len() >= STRETCHES_MAX {
            return stretches;
        }
    }
    stretches.push(Span { from: start, until: until.max(start) });
    stretches
}

fn silence(hour: i64, next: i64) -> i64 {
    next.saturating_sub(hour).saturating_sub(1)
}

/// The longest silence, in hours, that is no gap in this source.
fn tolerance_hours(hours: &BTreeMap<i64, u64>) -> i64 {
    let (Some(first), Some(last)) = (hours.keys().next(), hours.keys().next_back()) else {
        return TOLERANCE_HOURS_MIN;
    };
    let with_records = i64::try_from(hours.len()).unwrap_or(i64::MAX);
    let all = last.saturating_sub(*first).saturating_add(1);
    let by_density = all.saturating_mul(8) / with_records.max(1);
    let by_rhythm = if with_records.saturating_mul(2) < all { rhythm_hours(hours) } else { 0 };
    by_density.max(by_rhythm).clamp(TOLERANCE_HOURS_MIN, TOLERANCE_HOURS_MAX)
}

/// A third more than the fourth longest silence.
fn rhythm_hours(hours: &BTreeMap<i64, u64>) -> i64 {
    let mut silences: Vec<i64> =
        hours.keys().zip(hours.keys().skip(1)).map(|(hour, next)| silence(*hour, *next)).collect();
    silences.sort_unstable_by(|a, b| b.cmp(a));
    silences.get(RHYTHM_RANK).map_or(0, |usual| usual.saturating_add(usual / 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, need, records};

    fn server(sources: &[(&str, &str, &str)]) -> Server {
        let mut server = Server::default();
        for (source, from, until) in sources {
            records(&mut server, source, from, until);
        }
        server
    }

    fn window(from: &str, until: &str) -> Span {
        Span { from: at(from), until: at(until) }
    }

    fn summary(server: &Server, needs: &[Need], bounds: Bounds) -> String {
        let (covered, uncovered) =
            of_window(window("2021-03-01", "2021-03-05"), needs, &spoken(server, "EXC01", &[]), bounds);
        let covered = covered.iter().map(|one| format!("+ {} {} {}\n", one.from, one.until, one.sources.join(",")));
        let uncovered = uncovered.iter().map(|one| format!("- {} {} {}\n", one.from, one.until, one.why));
        covered.chain(uncovered).collect()
    }

    #[test]
    fn a_whole_window_is_covered() {
        let server = server(&[("httpproxy/Ecp", "2021-02-20", "2021-03-09")]);
        let text = summary(&server, &[need(&["httpproxy/Ecp"])], Bounds::default());
        assert_eq!(text, "+ 2021-03-01T00:00:00Z 2021-03-05T00:00:00Z httpproxy/Ecp\n");
    }

    #[test]
    fn every_need_must_be_met_by_one_of_its_sources() {
        let server =
            server(&[("httpproxy/Ecp", "2021-03-01", "2021-03-05"), ("iis/W3SVC1", "2021-03-03", "2021-03-05")]);
        let needs = [need(&["httpproxy/Ecp"]), need(&["ecpserver", "iis/front-end"])];
        expect_test::expect![[r#"
            + 2021-03-03T00:00:00Z 2021-03-05T00:00:00Z httpproxy/Ecp,iis/W3SVC1
            - 2021-03-01T00:00:00Z 2021-03-03T00:00:00Z rotated
        "#]]
        .assert_eq(&summary(&server, &needs, Bounds::default()));
    }

    #[test]
    fn a_silence_of_a_busy_source_is_a_gap() {
        let mut server = server(&[("httpproxy/Ecp", "2021-02-01", "2021-03-09")]);
        let seen = server.coverage.values_mut().next().unwrap();
        let (from, until) = (at("2021-03-02T06:00:00Z").hour(), at("2021-03-03T06:00:00Z").hour());
        seen.hours.retain(|hour, _| !(from..until).contains(hour));
        expect_test::expect![[r#"
            + 2021-03-01T00:00:00Z 2021-03-02T06:00:00Z httpproxy/Ecp
            + 2021-03-03T06:00:00Z 2021-03-05T00:00:00Z httpproxy/Ecp
            - 2021-03-02T06:00:00Z 2021-03-03T06:00:00Z gap
        "#]]
        .assert_eq(&summary(&server, &[need(&["httpproxy/Ecp"])], Bounds::default()));
        assert_eq!(list(&server, "EXC01", &[])[0].gaps.len(), 1);
    }

    #[test]
    fn a_second_source_fills_the_gap_of_the_first() {
        let server = server(&[
            ("httpproxy/Ecp", "2021-03-03", "2021-03-05"),
            ("iis/front-end", "2021-02-20", "2021-03-03T01:00:00Z"),
        ]);
        let text = summary(&server, &[need(&["httpproxy/Ecp", "iis/front-end"])], Bounds::default());
        assert!(!text.contains('-') || !text.lines().any(|line| line.starts_with('-')), "{text}");
    }

    #[test]
    fn absent_ended_and_unread_are_told_apart() {
        let need = [need(&["httpproxy/Ecp"])];
        let nothing = summary(&server(&[("iis/W3SVC1", "2021-02-20", "2021-03-09")]), &need, Bounds::default());
        assert_eq!(nothing, "- 2021-03-01T00:00:00Z 2021-03-05T00:00:00Z absent\n");
        let ended = summary(&server(&[("httpproxy/Ecp", "2021-02-20", "2021-03-02")]), &need, Bounds::default());
        assert!(ended.ends_with("2021-03-05T00:00:00Z ends\n"), "{ended}");
        let bounds = Bounds { from: Some(at("2021-03-02")), until: None };
        let unread = summary(&server(&[("httpproxy/Ecp", "2021-02-20", "2021-03-09")]), &need, bounds);
        assert!(unread.ends_with("- 2021-03-01T00:00:00Z 2021-03-02T00:00:00Z not read\n"), "{unread}");
    }

    #[test]
    fn office_hours_are_a_rhythm_and_a_lost_week_is_not() {
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for day in (0..42).filter(|day| day % 7 < 5) {
            hours.extend((8..18).map(|hour| (day * 24 + hour, 5)));
        }
        assert!(tolerance_hours(&hours) >= 62, "weekends are usual: {}", tolerance_hours(&hours));
        hours.retain(|hour, _| !(7 * 24..14 * 24).contains(hour));
        let seen = SourceCoverage { hours, ..SourceCoverage::default() };
        assert_eq!(stretches(&seen).len(), 2);
    }

    #[test]
    fn no_need_covers_nothing() {
        let text = summary(&server(&[("httpproxy/Ecp", "2021-02-20", "2021-03-09")]), &[], Bounds::default());
        assert!(text.starts_with("- "), "{text}");
    }

    #[test]
    fn what_to_collect_names_place_and_time() {
        let (_, uncovered) =
            of_window(window("2021-03-01", "2021-03-05"), &[need(&["httpproxy/Ecp"])], &[], Bounds::default());
        let settle = &uncovered[0].settle;
        assert!(settle.contains(r"Logging\HttpProxy\Ecp") && settle.contains("2021-03-01"), "{settle}");
    }
}
