//! What a build number says, on a terminal: what it is, the way, what is open, what no number shows.
//!
//! Made for somebody who is afraid and in a hurry: what runs and what to do come first. Colour only repeats what a word
//! already says.

use std::collections::BTreeMap;

use model::advice::{Advice, BuildAdvice, Hole, HoleState, Server, Step, When};

use crate::hostile::ForTerminal;
use crate::screen::Screen;
use crate::wording::count;

/// Builds in the list of many.
const LISTED_MAX: usize = 40;

/// Builds that get their own part when there are many.
const BUILDS_MAX: usize = 5;

/// Names of servers that are shown for a build.
const NAMES_MAX: usize = 8;

/// Columns of one name.
const NAME_COLUMNS: usize = 24;

/// Rows of what was not understood.
const NOT_UNDERSTOOD_MAX: usize = 20;

/// No text of ours takes as many lines: nothing is cut.
const LINES_MAX: usize = 400;

/// So many ids stand in one sentence.
const INLINE_MAX: usize = 8;

const UNKNOWN: &str = "unknown";

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is not closed, and the rest as a number.
    NotClosed,
    /// Every hole with its reason, every build.
    All,
}

/// The screen, ending in a line feed.
#[must_use]
pub fn screen(advice: &Advice, detail: Detail, colour: bool, width: usize) -> String {
    // Whoever asks for a hole wants its reason.
    let detail = if advice.only.is_empty() { detail } else { Detail::All };
    let mut page = Page { screen: Screen::new(colour, width), advice, detail };
    match advice.builds.as_slice() {
        [only] => page.build(only),
        _ => page.many(),
    }
    page.not_understood();
    page.end();
    page.screen.text
}

struct Page<'a> {
    screen: Screen,
    advice: &'a Advice,
    detail: Detail,
}

impl Page<'_> {
    fn many(&mut self) {
        let mut builds: Vec<&BuildAdvice> = self.advice.builds.iter().collect();
        builds.sort_by_key(|build| std::cmp::Reverse(badness(build)));
        let servers = count(self.advice.servers.len() as u64, "server", "servers");
        let different = count(builds.len() as u64, "build", "builds");
        self.title(&format!("{servers}, {different}, worst first"));
        let listed = if self.detail == Detail::All { builds.len() } else { LISTED_MAX };
        for build in builds.iter().take(listed) {
            self.text("  ", &format!("{} ({})", name(build), build.id));
            let asked = if self.advice.only.is_empty() { "" } else { "of the holes asked for: " };
            self.text("    ", &format!("{asked}{}; on {}", holes_in_short(build), self.servers_of(build)));
        }
        if builds.len() > listed {
            let rest = count((builds.len() - listed) as u64, "more build", "more builds");
            self.text("  ", &format!("and {rest}, none worse"));
        }
        let shown = if self.detail == Detail::All { builds.len() } else { BUILDS_MAX };
        for build in builds.iter().take(shown) {
            self.build(build);
        }
        if builds.len() > shown {
            let rest = count((builds.len() - shown) as u64, "other build", "other builds");
            self.screen.line("");
            self.text("", &format!("{rest} in full with --all, or as JSON or CSV"));
        }
    }

    fn build(&mut self, build: &BuildAdvice) {
        let released = build.released.map(|day| format!(", released {day}")).unwrap_or_default();
        let released = if build.is_interval() { String::new() } else { released };
        self.title(&format!("{}: {}{released}", build.id, name(build)));
        if self.advice.servers.iter().any(|server| server.server.is_some()) {
            self.text("  ", &format!("On {}", self.servers_of(build)));
        }
        if let Some(note) = &build.note {
            self.text("  ", &sentence(note));
        }
        self.text("  ", &sentence(&build.support.words));
        let words = if self.advice.only.is_empty() { holes_in_words(build) } else { asked_in_words(build) };
        self.text("  ", &format!("{words}."));
        self.way(build);
        match self.detail {
            Detail::All => self.all_holes(build),
            Detail::NotClosed => self.not_closed(build),
        }
        self.beyond(build);
    }

    fn way(&mut self, build: &BuildAdvice) {
        self.title("The way");
        if build.way.is_empty() {
            self.screen.item("-", "Nothing to install: no newer update is known.");
        }
        for (place, step) in build.way.iter().enumerate() {
            let first = format!("  {}. ", place + 1);
            self.screen.hanging(&first, "     ", &sentence(&step_words(step)), LINES_MAX);
        }
    }

    fn not_closed(&mut self, build: &BuildAdvice) {
        let open =
            |exploited: bool| build.in_state(HoleState::Open).filter(move |hole| hole.exploited.is_some() == exploited);
        if open(true).next().is_some() {
            self.title("Open and known to be exploited: name, day listed by CISA, first update that closes it");
            for hole in open(true) {
                self.exploited(hole);
            }
        }
        if open(false).next().is_some() {
            self.title(&format!("Open as well: {}", open(false).count()));
            self.by_year("  ", open(false));
        }
        let partly: Vec<&Hole> = build.in_state(HoleState::Partly).collect();
        if !partly.is_empty() {
            self.title(&format!("Closed only if more was done (see below): {}", partly.len()));
            self.by_year("  ", partly.into_iter());
        }
        self.undetermined(build);
    }

    fn exploited(&mut self, hole: &Hole) {
        let day = hole.exploited.map(|day| day.to_string()).unwrap_or_default();
        let name = hole.nickname.as_deref().unwrap_or_default();
        let by = hole.fixed_by.as_ref().map_or_else(
            || "none for this product".to_owned(),
            |fix| format!("{}{}", fix.update, with_kb(fix.kb.as_deref())),
        );
        let texts = [name, &day, &by].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
        self.hole(hole, &texts.join("; "));
    }

    /// Ids by year, so that a hundred of them fit.
    fn by_year<'h>(&mut self, indent: &str, holes: impl Iterator<Item = &'h Hole>) {
        let mut years: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for hole in holes {
            let (year, number) = hole.id.rsplit_once('-').unwrap_or(("", &hole.id));
            years.entry(year).or_default().push(number);
        }
        for (year, numbers) in years {
            let first = if year.is_empty() { indent.to_owned() } else { format!("{indent}{year}-  ") };
            let rest = " ".repeat(first.len());
            self.screen.hanging(&first, &rest, &numbers.join(", "), LINES_MAX);
        }
    }

    /// What the number does not tell, once for all holes of which it is the same.
    fn undetermined(&mut self, build: &BuildAdvice) {
        if build.product == UNKNOWN {
            return;
        }
        let mut reasons: Vec<(&str, Vec<&Hole>)> = Vec::new();
        for hole in build.in_state(HoleState::Undetermined) {
            match reasons.iter_mut().find(|(reason, _)| *reason == hole.reason) {
                Some((_, holes)) => holes.push(hole),
                None => reasons.push((&hole.reason, vec![hole])),
            }
        }
        if reasons.is_empty() {
            return;
        }
        self.title(&format!("Not told by the number: {}", build.counts.undetermined));
        for (reason, holes) in reasons {
            let ids = |holes: &[&Hole]| holes.iter().map(|hole| hole.id.as_str()).collect::<Vec<_>>().join(", ");
            if holes.len() <= INLINE_MAX {
                self.screen.hanging("  - ", "    ", &format!("{}: {reason}", ids(&holes)), LINES_MAX);
                continue;
            }
            let (exploited, others): (Vec<&Hole>, Vec<&Hole>) =
                holes.into_iter().partition(|hole| hole.exploited.is_some());
            self.screen.hanging("  - ", "    ", &sentence(reason), LINES_MAX);
            if !exploited.is_empty() {
                self.text("    ", &format!("Known to be exploited: {}", ids(&exploited)));
            }
            self.by_year("    ", others.into_iter());
        }
    }

    fn all_holes(&mut self, build: &BuildAdvice) {
        self.title(if self.advice.only.is_empty() { "Every hole" } else { "The holes asked for" });
        for hole in &build.holes {
            let mut words = hole.state.word().to_owned();
            if let Some(name) = &hole.nickname {
                words = format!("{name}: {words}");
            }
            if let Some(day) = hole.exploited {
                words.push_str(&format!("; known to be exploited (listed {day})"));
            }
            words.push_str(&format!("; {}", hole.reason));
            if let (Some(fix), false) = (&hole.fixed_by, hole.state == HoleState::Fixed) {
                words.push_str(&format!("; closed by {}{}", fix.update, with_kb(fix.kb.as_deref())));
            }
            self.hole(hole, &words);
        }
        if !build.not_affected.is_empty() {
            self.title(&format!("Never in {}: {}", build.product, build.not_affected.len()));
            self.text("  ", &build.not_affected.join(", "));
        }
    }

    fn beyond(&mut self, build: &BuildAdvice) {
        if build.beyond.is_empty() {
            return;
        }
        self.title("What no build number shows");
        for step in &build.beyond {
            let when = match step.when {
                When::WithTheWay => "(after the updates) ",
                When::Now | When::AfterBreakIn => "",
            };
            let holes = match step.holes.as_slice() {
                _ if step.when == When::AfterBreakIn => String::new(),
                holes if self.detail == Detail::All || holes.len() <= 2 => format!(" ({})", holes.join(", ")),
                [first, rest @ ..] => format!(" ({first} and {} others)", rest.len()),
                [] => String::new(),
            };
            self.screen.hanging("  - ", "    ", &format!("{when}{}{holes}.", step.text), LINES_MAX);
            if self.detail == Detail::All {
                for detail in &step.details {
                    self.screen.hanging("      ", "      ", &sentence(detail), LINES_MAX);
                }
            }
        }
    }

    fn not_understood(&mut self) {
        let rows = &self.advice.not_understood;
        if rows.is_empty() {
            return;
        }
        self.title(&format!("Not understood, and not judged: {}", rows.len()));
        for row in rows.iter().take(NOT_UNDERSTOOD_MAX) {
            let server = row.server.as_deref().map(|server| format!("{server}, ")).unwrap_or_default();
            let words = format!("{}: {server}`{:.60}`: {}", row.source, ForTerminal(&row.asked), row.why);
            self.screen.hanging("  ! ", "    ", &words, 3);
        }
        if rows.len() > NOT_UNDERSTOOD_MAX {
            self.screen.item("!", &format!("and {} more", rows.len() - NOT_UNDERSTOOD_MAX));
        }
    }

    fn end(&mut self) {
        let (state, as_of) = (self.advice.state_date, self.advice.as_of);
        let support = if state == as_of { String::new() } else { format!(", support as of {as_of}") };
        self.screen.line("");
        self.text(
            "",
            &format!(
                "State of the data: {state}{support}. A build number does not say whether anybody came in: \
                 `afterpatch assess` looks for that."
            ),
        );
    }

    fn servers_of(&self, build: &BuildAdvice) -> String {
        let servers: Vec<&Server> = self.advice.servers.iter().filter(|server| server.build == build.id).collect();
        let mut names: Vec<String> = (servers.iter().take(NAMES_MAX))
            .map(|server| format!("{:.NAME_COLUMNS$}", ForTerminal(server.server.as_deref().unwrap_or(&server.asked))))
            .collect();
        if servers.len() > NAMES_MAX {
            names.push(count((servers.len() - NAMES_MAX) as u64, "other", "others"));
        }
        names.join(", ")
    }

    /// An id and what is said of it.
    fn hole(&mut self, hole: &Hole, words: &str) {
        let first = format!("  {:<15} ", ForTerminal(&hole.id).to_string());
        let rest = " ".repeat(first.chars().count());
        self.screen.hanging(&first, &rest, words, LINES_MAX);
    }

    /// A heading that may be longer than a line.
    fn title(&mut self, text: &str) {
        self.screen.line("");
        let start = self.screen.text.len();
        self.text("", text);
        if self.screen.colour {
            self.screen.text.insert_str(start, "\x1b[1m");
            self.screen.text.insert_str(self.screen.text.trim_end().len(), "\x1b[0m");
        }
    }

    /// Everything that may hold text of others is neutralised on the way.
    fn text(&mut self, indent: &str, text: &str) {
        self.screen.hanging(indent, indent, text, LINES_MAX);
    }
}

fn name(build: &BuildAdvice) -> String {
    match (build.product.as_str(), build.update.as_str()) {
        (UNKNOWN, _) => "no known build of Exchange Server".to_owned(),
        (product, UNKNOWN) => format!("{product}, CU not known"),
        (product, update) => format!("{product} {update}"),
    }
}

fn badness(build: &BuildAdvice) -> (u64, u64, u64, u64) {
    let counts = build.counts;
    (counts.open_exploited, counts.undetermined_exploited, counts.open, counts.undetermined)
}

fn holes_in_words(build: &BuildAdvice) -> String {
    let counts = build.counts;
    if build.product == UNKNOWN {
        return "Nothing can be said of its holes".to_owned();
    }
    let others = counts.open - counts.open_exploited;
    let mut words = match (counts.open_exploited, others) {
        (0, 0) => "No hole is known to be open".to_owned(),
        (0, others) => format!("Open to {}, none of them known to be exploited", holes(others)),
        (exploited, 0) => format!("Open to {} known to be exploited", holes(exploited)),
        (exploited, others) => {
            format!("Open to {} known to be exploited, and to {}", holes(exploited), count(others, "other", "others"))
        }
    };
    if counts.partly > 0 {
        words.push_str(&format!("; {} closed only if more was done", counts.partly));
    }
    if counts.undetermined > 0 {
        let exploited = match counts.undetermined_exploited {
            0 => String::new(),
            exploited => format!(" ({exploited} of them exploited)"),
        };
        words.push_str(&format!("; {} not told by the number{exploited}", counts.undetermined));
    }
    words.push_str(&format!("; {} closed", counts.fixed));
    words
}

/// What became of the holes that were asked for.
fn asked_in_words(build: &BuildAdvice) -> String {
    let counts = build.counts;
    if build.product == UNKNOWN {
        return "Nothing can be said of its holes".to_owned();
    }
    let words = [
        (counts.open_exploited, "open and known to be exploited", "open, and known to be exploited"),
        (counts.open - counts.open_exploited, "open", "open"),
        (counts.partly, "closed only if more was done", "closed only if more was done"),
        (counts.undetermined, "not told by the number", "not told by the number"),
        (counts.fixed, "closed", "closed"),
        (counts.not_affected, "never in this product", "one that this product never had"),
    ];
    let met: Vec<_> = words.into_iter().filter(|(number, _, _)| *number > 0).collect();
    match met.as_slice() {
        [(1, _, one)] => format!("The hole asked for is {one}"),
        _ => {
            let parts: Vec<String> = met.iter().map(|(number, many, _)| format!("{number} {many}")).collect();
            let all = met.iter().map(|(number, _, _)| number).sum();
            format!("Of the {} asked for: {}", holes(all), parts.join(", "))
        }
    }
}

fn holes_in_short(build: &BuildAdvice) -> String {
    let counts = build.counts;
    format!(
        "{} open, {} of them exploited; {} closed only if more was done, {} not told",
        counts.open, counts.open_exploited, counts.partly, counts.undetermined
    )
}

fn holes(number: u64) -> String {
    count(number, "hole", "holes")
}

/// The KB comes right behind the name of what is installed.
fn step_words(step: &Step) -> String {
    let Some(update) = &step.update else { return step.text.clone() };
    let kb = with_kb(update.kb.as_deref());
    match step.text.split_once([';', ':']) {
        Some((first, _)) if !step.text.starts_with("Unless") => {
            let rest = step.text.get(first.len()..).unwrap_or_default();
            format!("{first} ({}{}){rest}", update.build, kb.replace(" (", ", ").replace(')', ""))
        }
        _ => format!("{} ({}{})", step.text, update.build, kb.replace(" (", ", ").replace(')', "")),
    }
}

/// ` (KB5000871)`.
fn with_kb(kb: Option<&str>) -> String {
    kb.map(|kb| format!(" ({kb})")).unwrap_or_default()
}

/// Begins with a capital letter and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::{Detail, screen};
    use crate::advice::samples;
    use crate::hostile::{columns, is_hidden};

    #[test]
    fn begins_with_what_runs_and_then_the_way() {
        let shown = screen(&samples::one(), Detail::NotClosed, false, 100);
        let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}"));
        let order = [
            "15.1.2106.2: Exchange Server 2016 CU18, released 2020-09-15",
            "Open to 1 hole known to be exploited, and to 1 other",
            "The way",
            "1. Install CU23 (15.1.2507.75, KB1); it is only for customers of the programme.",
            "Open and known to be exploited",
            "CVE-2021-26855",
            "Open as well: 1",
            "Closed only if more was done",
            "Not told by the number: 1",
            "What no build number shows",
            "State of the data: 2026-11-23",
        ];
        assert!(order.iter().map(|text| place(text)).is_sorted(), "{shown}");
        assert!(!shown.contains("CVE-2020-0688"), "what is fixed is only counted: {shown}");
        assert!(screen(&samples::one(), Detail::All, false, 100).contains("CVE-2020-0688"));
    }

    #[test]
    fn fits_its_width() {
        for advice in [samples::one(), samples::many(), samples::hostile()] {
            for width in [0, 60, 80, 200] {
                for detail in [Detail::NotClosed, Detail::All] {
                    let shown = screen(&advice, detail, false, width);
                    for line in shown.lines() {
                        assert!(columns(line) <= width.clamp(48, 110), "{width}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_of_servers_move_no_cursor() {
        for detail in [Detail::NotClosed, Detail::All] {
            let shown = screen(&samples::hostile(), detail, false, 80);
            assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'), "{shown:?}");
        }
    }

    #[test]
    fn never_promises() {
        for advice in [samples::one(), samples::many()] {
            let shown = screen(&advice, Detail::All, false, 80).to_lowercase();
            let mut words = shown.split(|c: char| !c.is_alphabetic());
            assert!(!words.any(|word| ["clean", "safe", "guaranteed"].contains(&word)), "{shown}");
        }
    }

    #[test]
    fn colour_only_repeats_words() {
        let plain = screen(&samples::many(), Detail::NotClosed, false, 80);
        let coloured = screen(&samples::many(), Detail::NotClosed, true, 80);
        assert_eq!(coloured.replace("\x1b[1m", "").replace("\x1b[0m", ""), plain);
    }
}
