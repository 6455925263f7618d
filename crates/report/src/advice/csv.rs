//! One row per server, for a spreadsheet. Every cell of text is quoted, on one line, and never a formula.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::advice::{Advice, BuildAdvice, HoleState, NotUnderstood, Server};

use crate::hostile::ForCsv;

/// The columns, in order.
const COLUMNS: [&str; 19] = [
    "server",
    "asked",
    "build",
    "product",
    "level",
    "update",
    "support",
    "support_end",
    "open_exploited",
    "open",
    "partly",
    "undetermined_exploited",
    "undetermined",
    "fixed",
    "open_exploited_ids",
    "open_ids",
    "next_step_kbs",
    "note",
    "source",
];

/// The table: a header, a row per server in the order asked, then what was not understood.
#[must_use]
pub fn csv(advice: &Advice) -> String {
    let mut text = COLUMNS.join(",");
    text.push_str("\r\n");
    let builds: BTreeMap<&str, &BuildAdvice> = advice.builds.iter().map(|build| (build.id.as_str(), build)).collect();
    for server in &advice.servers {
        if let Some(build) = builds.get(server.build.as_str()) {
            row(&mut text, &cells(server, build));
        }
    }
    for other in &advice.not_understood {
        row(&mut text, &not_understood(other));
    }
    text
}

fn row(text: &mut String, cells: &[String; 19]) {
    for (place, cell) in cells.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(text, "{comma}{}", ForCsv(cell)).expect("a string takes everything");
    }
    text.push_str("\r\n");
}

fn cells(server: &Server, build: &BuildAdvice) -> [String; 19] {
    let counts = build.counts;
    let open = |exploited: bool| {
        let holes = build.in_state(HoleState::Open).filter(|hole| !exploited || hole.exploited.is_some());
        holes.map(|hole| hole.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    let kbs = build.way.iter().filter_map(|step| step.update.as_ref()?.kb.as_deref()).collect::<Vec<_>>();
    [
        server.server.clone().unwrap_or_default(),
        server.asked.clone(),
        build.id.clone(),
        build.product.clone(),
        build.level.clone(),
        build.update.clone(),
        build.support.state.word().to_owned(),
        build.support.end.map(|day| day.to_string()).unwrap_or_default(),
        counts.open_exploited.to_string(),
        counts.open.to_string(),
        counts.partly.to_string(),
        counts.undetermined_exploited.to_string(),
        counts.undetermined.to_string(),
        counts.fixed.to_string(),
        open(true),
        open(false),
        kbs.join(" "),
        build.note.clone().unwrap_or_default(),
        server.source.clone(),
    ]
}

fn not_understood(other: &NotUnderstood) -> [String; 19] {
    let mut cells: [String; 19] = Default::default();
    let [server, asked, build, ..] = &mut cells;
    *server = other.server.clone().unwrap_or_default();
    other.asked.clone_into(asked);
    "not understood".clone_into(build);
    let [.., note, source] = &mut cells;
    other.why.clone_into(note);
    other.source.clone_into(source);
    cells
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, csv};
    use crate::advice::samples;

    #[test]
    fn a_row_per_server_and_what_was_not_understood() {
        let text = csv(&samples::many());
        let rows: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), 1 + 3 + 1);
        assert_eq!(rows[0], COLUMNS.join(","));
        for row in &rows[1..] {
            assert_eq!(row.matches("\",\"").count() + 1, COLUMNS.len(), "{row}");
        }
        assert!(
            rows[1].starts_with("\"EXC01\",\"15.1.2106.2\",\"15.1.2106.2\",\"Exchange Server 2016\""),
            "{}",
            rows[1]
        );
        assert!(rows[4].contains("\"not understood\""), "{}", rows[4]);
    }

    #[test]
    fn no_cell_is_a_formula_or_breaks_the_line() {
        let text = csv(&samples::hostile());
        assert!(text.contains("\"'=cmd|'"), "{text}");
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text}");
        assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
        assert_eq!(text.lines().count(), 1 + 3 + 1);
    }
}
