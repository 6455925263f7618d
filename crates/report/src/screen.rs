//! The one terminal screen after a run: what, why, how much of it was seen, what now, where the rest is.
//!
//! About forty lines for one server; many servers are condensed, worst first. Everything that comes from evidence goes
//! through [`ForTerminal`]. Colour only repeats what a word already says.

use std::fmt::Write as _;

use model::assessment::{Assessment, Exposure, ServerAssessment, Verdict};

use crate::hostile::{ForTerminal, columns};
use crate::wording::{self, Share, count, headline, steps, was_open, worst_exposures_first};

/// Servers that are named when there are many.
const SERVERS_MAX: usize = 10;

/// Reasons shown for one server.
const REASONS_MAX: usize = 4;

/// Campaigns whose coverage is shown for one server.
const CAMPAIGNS_MAX: usize = 4;

/// Next steps shown.
const STEPS_MAX: usize = 3;

/// Lines that one text may take.
const LINES_OF_TEXT_MAX: usize = 3;

/// Narrower than this nothing can be read.
const WIDTH_MIN: usize = 48;

/// Wider than this nobody likes to read.
const WIDTH_MAX: usize = 110;

/// The screen, ending in a line feed.
#[must_use]
pub fn screen(assessment: &Assessment, report_path: &str, colour: bool, width: usize) -> String {
    let mut screen = Screen::new(colour, width);
    let order = wording::worst_first(assessment);
    match order.as_slice() {
        [] => screen.wrapped("", "No Exchange server was recognised in the evidence.", LINES_OF_TEXT_MAX),
        [only] => screen.one_server(&assessment.servers[*only]),
        order => screen.many_servers(assessment, order),
    }
    screen.evidence(assessment);
    screen.line("");
    screen.line(&format!("Report  {}", ForTerminal(report_path)));
    screen.text
}

/// Evidence text for a page on a terminal: neutralised, in lines of at most `room` columns, of which there are at most
/// `lines_max`; what is cut ends in `…`.
#[must_use]
pub fn lines(text: &str, room: usize, lines_max: usize) -> Vec<String> {
    let room = room.max(8);
    wrap(&format!("{:.1$}", ForTerminal(text), room * (lines_max + 1)), room, lines_max)
}

/// Text of at most so many columns, in which nothing of others stands as it came.
pub(crate) struct Screen {
    pub(crate) text: String,
    pub(crate) colour: bool,
    pub(crate) width: usize,
}

impl Screen {
    pub(crate) fn new(colour: bool, width: usize) -> Self {
        Self { text: String::new(), colour, width: width.clamp(WIDTH_MIN, WIDTH_MAX) }
    }

    fn one_server(&mut self, server: &ServerAssessment) {
        self.line("");
        self.verdict_line(server);
        self.wrapped("  ", &server.summary, LINES_OF_TEXT_MAX + 1);
        self.heading("Why");
        for reason in server.reasons.because.iter().take(REASONS_MAX) {
            self.item("-", reason);
        }
        if !server.reasons.not_worse.is_empty() {
            self.item("-", &format!("Not worse: {}", server.reasons.not_worse));
        }
        self.heading("Evidence for the time at risk");
        if server.exposure.is_empty() {
            self.item("-", "No campaign applies to a build that was seen.");
        }
        for exposure in worst_exposures_first(server).into_iter().take(CAMPAIGNS_MAX) {
            self.exposure(exposure);
        }
        if server.exposure.len() > CAMPAIGNS_MAX {
            self.item("-", &format!("and {} more campaigns", server.exposure.len() - CAMPAIGNS_MAX));
        }
        self.next(server);
    }

    fn many_servers(&mut self, assessment: &Assessment, order: &[usize]) {
        self.heading(&format!("{} servers, worst first", order.len()));
        for &place in order.iter().take(SERVERS_MAX) {
            let server = &assessment.servers[place];
            self.verdict_line(server);
            let reason = server.reasons.because.first().map_or(server.summary.as_str(), String::as_str);
            self.wrapped("    ", reason, 1);
        }
        let rest = order.get(SERVERS_MAX..).unwrap_or_default();
        if !rest.is_empty() {
            let worst = rest.first().map(|&place| assessment.servers[place].verdict.word()).unwrap_or_default();
            self.line(&format!("  and {} more, none worse than {worst}", rest.len()));
        }
        let partly = assessment.servers.iter().filter(|server| !is_covered(server)).count();
        self.heading("Evidence for the time at risk");
        self.item("-", &format!("not fully covered on {partly} of {}", count(order.len() as u64, "server", "servers")));
        if let Some(&worst) = order.first() {
            self.next(&assessment.servers[worst]);
        }
    }

    fn verdict_line(&mut self, server: &ServerAssessment) {
        // Room for the longest headline beside it.
        let name = format!("{:.1$}", ForTerminal(&server.server), (self.width - 33).min(24));
        let words = self.painted(server.verdict, headline(server.verdict));
        writeln!(self.text, "  {name:<10}  {words}").expect("a string takes everything");
    }

    fn exposure(&mut self, exposure: &Exposure) {
        if !was_open(exposure) {
            let verdict = exposure.verdict.word();
            self.item(
                "-",
                &format!("{:.40}: {verdict}, listed because of what was found", ForTerminal(&exposure.campaign_name)),
            );
            return;
        }
        let from = date(&exposure.from.to_string());
        let open = match exposure.until {
            Some(until) => format!("open {from} to {}", date(&until.to_string())),
            None => format!("open since {from} and still open"),
        };
        let covered = Share::of(exposure).words();
        self.item("-", &format!("{:.24}: {open}, covered {covered}", ForTerminal(&exposure.campaign_name)));
        if let Some(missing) = exposure.uncovered.iter().max_by_key(|span| span.until.secs_since(span.from)) {
            let (from, until) = (date(&missing.from.to_string()), date(&missing.until.to_string()));
            let text = format!("missing {from} to {until} ({}): {}", missing.why, missing.settle);
            self.hanging("    ", "    ", &text, 2);
        }
    }

    fn next(&mut self, server: &ServerAssessment) {
        let next: Vec<&str> = steps(&server.answers.next.answer).collect();
        if next.is_empty() {
            return;
        }
        self.heading(&format!("Next, on {:.24}", ForTerminal(&server.server)));
        for (place, step) in next.iter().take(STEPS_MAX).enumerate() {
            self.item(&format!("{}.", place + 1), step);
        }
        if next.len() > STEPS_MAX {
            self.line(&format!("     ({} more in the report)", next.len() - STEPS_MAX));
        }
    }

    fn evidence(&mut self, assessment: &Assessment) {
        let totals = &assessment.totals;
        self.heading("Read");
        let read = format!(
            "{}, {}, {}; {} rejected, {} not recognised",
            count(totals.files, "file", "files"),
            wording::bytes(totals.bytes),
            count(totals.records, "record", "records"),
            count(totals.rejected, "line", "lines"),
            count(totals.unrecognised_files, "file", "files"),
        );
        self.wrapped("  ", &read, LINES_OF_TEXT_MAX);
        if totals.files_met_twice > 0 {
            let twice = count(totals.files_met_twice, "file", "files");
            self.wrapped("  ", &format!("{twice} met twice, counted once"), LINES_OF_TEXT_MAX);
        }
        let rules = &assessment.afterpatch.rules;
        if rules.loaded == 0 {
            self.warning("NO RULE RAN. Nothing can be concluded from this.");
        }
        if !rules.refused.is_empty() {
            self.warning(&format!(
                "{} did not run; the report names them.",
                count(rules.refused.len() as u64, "rule", "rules")
            ));
        }
        let collected = &assessment.custody.collected;
        if collected.fit < collected.compared {
            self.warning(&format!(
                "{} of {} not what the collector wrote down; the report names them.",
                wording::number(collected.compared - collected.fit),
                count(collected.compared, "file is", "files are")
            ));
        }
        if assessment.incomplete {
            self.warning("INCOMPLETE: the run was interrupted. What is missing here may say more.");
        }
    }

    fn warning(&mut self, text: &str) {
        let start = self.text.len();
        self.item("!", text);
        if self.colour {
            self.text.insert_str(start, "\x1b[1;33m");
            self.text.insert_str(self.text.trim_end().len(), "\x1b[0m");
        }
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.line("");
        let text = if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
        self.line(&text);
    }

    pub(crate) fn item(&mut self, bullet: &str, text: &str) {
        let first = format!("  {bullet} ");
        let rest = " ".repeat(first.len());
        self.hanging(&first, &rest, text, LINES_OF_TEXT_MAX);
    }

    fn wrapped(&mut self, indent: &str, text: &str, lines_max: usize) {
        self.hanging(indent, indent, text, lines_max);
    }

    /// Evidence text, neutralised, wrapped at blanks, cut with `…` after `lines_max` lines.
    pub(crate) fn hanging(&mut self, first: &str, rest: &str, text: &str, lines_max: usize) {
        let room = self.width.saturating_sub(rest.len()).max(8);
        let shown = format!("{:.1$}", ForTerminal(text), room * (lines_max + 1));
        for (place, line) in wrap(&shown, room, lines_max).iter().enumerate() {
            let indent = if place == 0 { first } else { rest };
            writeln!(self.text, "{indent}{line}").expect("a string takes everything");
        }
    }

    /// A line of ours, in which evidence was neutralised before.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn painted(&self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Active | Verdict::Compromised => "1;31",
            Verdict::Exploited | Verdict::Targeted => "1;33",
            Verdict::CannotTell => "1;35",
            Verdict::NoEvidence => "1;34",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether every window of a server is covered to its end.
fn is_covered(server: &ServerAssessment) -> bool {
    server.exposure.iter().all(|exposure| exposure.uncovered.is_empty())
}

fn date(time: &str) -> String {
    time.split('T').next().unwrap_or_default().to_owned()
}

/// Cuts a neutralised text into lines of at most `room` columns.
fn wrap(text: &str, room: usize, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        for part in parts(word, room) {
            let wanted = columns(part) + usize::from(used > 0);
            let last = lines.last_mut().expect("there is always a line");
            if used > 0 && used + wanted > room {
                lines.push(part.to_owned());
                used = columns(part);
            } else {
                if used > 0 && part.as_ptr() == word.as_ptr() {
                    last.push(' ');
                }
                last.push_str(part);
                used = columns(last);
            }
        }
    }
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        if let Some(last) = lines.last_mut() {
            match room.saturating_sub(columns(last)) {
                0 => *last = format!("{:.1$}", ForTerminal(last), room - 1),
                1 => last.push('…'),
                _ => last.push_str(" …"),
            }
        }
    }
    lines
}

/// A word in parts of at most `room` columns.
fn parts(word: &str, room: usize) -> Vec<&str> {
    let (mut parts, mut start, mut used) = (Vec::new(), 0, 0);
    for (place, c) in word.char_indices() {
        let wide = columns(c.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            parts.push(&word[start..place]);
            (start, used) = (place, 0);
        }
        used += wide;
    }
    parts.push(&word[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{columns, screen, wrap};
    use crate::hostile::is_hidden;
    use crate::samples;

    #[test]
    fn one_server_fits_a_screen() {
        for (name, assessment, _) in samples::all() {
            for width in [0, 60, 80, 200] {
                let shown = screen(&assessment, "out/report.html", false, width);
                let lines_max = if width >= 80 { 42 } else { 60 };
                assert!(shown.lines().count() <= lines_max, "{name}, width {width}:\n{shown}");
                let room = width.clamp(48, 110);
                for line in shown.lines() {
                    assert!(columns(line) <= room, "{name}, width {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn evidence_moves_no_cursor() {
        let (assessment, _) = samples::hostile();
        let shown = screen(&assessment, "out/\x1b[2J.html", false, 80);
        assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'), "{shown:?}");
    }

    #[test]
    fn colour_only_repeats_words() {
        let (assessment, _) = samples::many();
        let plain = screen(&assessment, "r.html", false, 80);
        let mut coloured = screen(&assessment, "r.html", true, 80);
        for code in ["1;31", "1;33", "1;34", "1;35", "1", "0"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, plain);
    }

    #[test]
    fn never_promises() {
        for (_, assessment, _) in samples::all() {
            let shown = screen(&assessment, "r.html", false, 80).to_lowercase();
            let mut words = shown.split(|c: char| !c.is_alphabetic());
            assert!(!words.any(|word| ["clean", "safe", "guaranteed"].contains(&word)), "{shown}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_judged() {
        let (assessment, _) = samples::cannot_tell();
        expect![[r#"

              EXC02       Cannot tell
              EXC02 was open to ProxyLogon for 61 days. Logs of only the last 9 days are
              left, so an earlier attack would not be seen.

            Why
              - HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03
              - One vulnerability checker was seen on 2021-03-06, after the update
              - Not worse: No request that succeeded was seen.

            Evidence for the time at risk
              - ProxyLogon: open 2021-01-03 to 2021-03-05, covered 14 % (9 of 61 days)
                missing 2021-01-03 to 2021-02-24 (rotated): IIS logs
                (inetpub\logs\LogFiles\W3SVC1) or HttpProxy\Ecp logs from backup for …

            Next, on EXC02
              1. Restore IIS logs from backup for 2021-01-03 to 2021-02-24 and run this
                 again.
              2. Export the event log MSExchange Management.
              3. Compare the web folders with the known files of this build.

            Read
              2,418 files, 41.9 GB, 128,440,912 records; 317 lines rejected, 12 files not
              recognised
              ! 2 of 314 files are not what the collector wrote down; the report names them.

            Report  out/report.html
        "#]]
        .assert_eq(&screen(&assessment, "out/report.html", false, 80));
    }

    #[test]
    fn many_servers_are_condensed() {
        let (assessment, _) = samples::many();
        expect![[r#"

            13 servers, worst first
              EXC09       Compromised, and still in use
                HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03
              EXC01       Compromised
                A page that is not part of Exchange was written through the offline address…
              EXC03       Cannot tell
                HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03
              EXC06       Cannot tell
                HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03
              EXC12       Cannot tell
                HttpProxy logs begin on 2021-02-24; the window begins on 2021-01-03
              EXC07       Targeted
                No rule hit in 61 days of HttpProxy and IIS logs
              EXC02       No evidence found
                No rule hit in 61 days of HttpProxy and IIS logs
              EXC04       No evidence found
                No rule hit in 61 days of HttpProxy and IIS logs
              EXC05       No evidence found
                No rule hit in 61 days of HttpProxy and IIS logs
              EXC08       No evidence found
                No rule hit in 61 days of HttpProxy and IIS logs
              and 3 more, none worse than no-evidence

            Evidence for the time at risk
              - not fully covered on 5 of 13 servers

            Next, on EXC09
              1. Restore IIS logs from backup for 2021-01-03 to 2021-02-24 and run this
                 again.
              2. Export the event log MSExchange Management.
              3. Compare the web folders with the known files of this build.

            Read
              2,418 files, 41.9 GB, 128,440,912 records; 317 lines rejected, 12 files not
              recognised
              ! 2 of 314 files are not what the collector wrote down; the report names them.

            Report  out/report.html
        "#]]
        .assert_eq(&screen(&assessment, "out/report.html", false, 80));
    }

    #[test]
    fn wraps_at_blanks_and_cuts_long_words() {
        assert_eq!(wrap("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4, 5), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("a b c d e f", 3, 2), ["a b", "c…"]);
        assert_eq!(wrap("a b c d e f", 5, 1), ["a b…"]);
        assert_eq!(wrap("one two three four", 9, 1), ["one two …"]);
    }
}
