//! Every build of the list against every hole of the list, compared with what a plain reading of the tables says; and
//! the way from every build.
//!
//! The judge in this file shares no code with the room: it cuts the tables by itself and compares numbers. Both were
//! written from `knowledge/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use exchange::{FixState, Knowledge};
use model::Build;
use model::advice::StepKind;

type Number = [u32; 4];
type Row = BTreeMap<String, String>;

/// The rows of a table by the names of their columns.
fn table(text: &str) -> Vec<Row> {
    let mut lines = text.lines().filter(|line| !line.is_empty()).map(cells);
    let names = lines.next().expect("a header");
    lines.map(|row| names.iter().cloned().zip(row).collect()).collect()
}

fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().expect("one cell").push(c),
        }
    }
    cells
}

fn number(text: &str) -> Number {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().expect("a number")).collect();
    parts.try_into().expect("four parts")
}

/// The tables and nothing else.
struct Tables {
    builds: Vec<Row>,
    /// Levels of a product, oldest first.
    levels: BTreeMap<String, Vec<String>>,
    holes: BTreeMap<String, Vec<Row>>,
    conditions: BTreeMap<String, Row>,
    exceptions: Vec<Row>,
    products: Vec<Row>,
}

impl Tables {
    fn read() -> Self {
        let mut holes: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in table(include_str!("../../../knowledge/cves.csv")) {
            holes.entry(row["cve"].clone()).or_default().push(row);
        }
        let builds = table(include_str!("../../../knowledge/builds.csv"));
        let mut levels: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &builds {
            let known = levels.entry(row["product"].clone()).or_default();
            if !known.contains(&row["level"]) {
                known.push(row["level"].clone());
            }
        }
        let conditions = table(include_str!("../../../knowledge/conditions.csv"));
        Self {
            builds,
            levels,
            holes,
            conditions: conditions.into_iter().map(|row| (row["condition"].clone(), row)).collect(),
            exceptions: table(include_str!("../../../knowledge/mar21-exceptions.csv")),
            products: table(include_str!("../../../knowledge/products.csv")),
        }
    }

    fn speaks_of(&self, row: &Row, product: &str, level: &str) -> bool {
        if row["product"] != product {
            return false;
        }
        let levels = &self.levels[product];
        let place = |name: &str| levels.iter().position(|level| level == name).expect("a level");
        row["levels"].split(' ').any(|part| match (part, part.strip_suffix('+'), part.split_once('-')) {
            ("any", ..) => true,
            (_, Some(first), _) => place(level) >= place(first),
            (_, _, Some((first, last))) => (place(first)..=place(last)).contains(&place(level)),
            _ => part == level,
        })
    }

    /// What the tables say of a build and a hole.
    fn judge(&self, build: &Row, cve: &str) -> FixState {
        let (product, level, on) = (build["product"].as_str(), build["level"].as_str(), number(&build["build"]));
        let excepted = self.exceptions.iter().any(|row| {
            row["product"] == product
                && row["level"] == level
                && on >= number(&row["build"])
                && row["cves"].split(' ').any(|listed| listed == cve)
        });
        if excepted || build["type"] == "preview" {
            return FixState::Undetermined;
        }
        match self.holes[cve].iter().find(|row| self.speaks_of(row, product, level)) {
            Some(row) => self.judge_by_row(build, on, row),
            None => self.judge_without_row(build, cve),
        }
    }

    fn judge_by_row(&self, build: &Row, on: Number, row: &Row) -> FixState {
        let first = (!row["first_fixed_build"].is_empty()).then(|| number(&row["first_fixed_build"]));
        match (row["fixed_by"].as_str(), first) {
            ("not-affected", _) => FixState::NotAffected,
            ("windows", _) => FixState::Undetermined,
            ("update" | "cumulative", Some(first)) if on >= first => self.fixed_unless(&row["condition"], build),
            // Sources differ on the number of the fixed build: the same release has two.
            ("update" | "cumulative", Some(first)) if self.is_other_number_of(build, first) => FixState::Undetermined,
            ("mitigation", Some(first)) if on >= first => FixState::Partly,
            _ => FixState::Open,
        }
    }

    fn is_other_number_of(&self, build: &Row, first: Number) -> bool {
        let row = self.builds.iter().find(|row| number(&row["build"]) == first).expect("in the list");
        ["product", "level", "update"].iter().all(|column| row[*column] == build[*column])
    }

    fn fixed_unless(&self, condition: &str, build: &Row) -> FixState {
        match self.conditions.get(condition) {
            Some(row) if row["kind"] == "required" => match row["met_since"].as_str() {
                since if !since.is_empty() && build["date"].as_str() >= since => FixState::Fixed,
                _ => FixState::Partly,
            },
            _ => FixState::Fixed,
        }
    }

    /// Nothing is said of the level: a CU that came out after the last fix contains it, and Subscription Edition is
    /// the next CU of 2019.
    fn judge_without_row(&self, build: &Row, cve: &str) -> FixState {
        let (product, level) = (build["product"].as_str(), build["level"].as_str());
        let of = |product: &str| self.holes[cve].iter().filter(|row| row["product"] == product).collect::<Vec<_>>();
        let line = match product {
            "Exchange Server SE" if of(product).is_empty() => of("Exchange Server 2019"),
            _ => of(product),
        };
        if line.is_empty() {
            return self.judge_unlisted_product(product, cve);
        }
        let line_product = line[0]["product"].as_str();
        let levels = &self.levels[line_product];
        let highest = |row: &&Row| levels.iter().rposition(|level| self.speaks_of(row, line_product, level));
        let newest = line.iter().map(highest).max().flatten();
        let is_later = line_product != product || newest < levels.iter().position(|listed| *listed == level);
        let fixes = line.iter().filter(|row| row["fixed_by"] == "update");
        match fixes.map(|row| self.date(&row["first_fixed_build"])).max() {
            Some(day) if is_later && self.cu_date(product, level) >= day => {
                let closes = |row: &&&Row| matches!(row["fixed_by"].as_str(), "update" | "cumulative");
                let closing = line.iter().filter(closes).max_by_key(|row| highest(row));
                self.fixed_unless(closing.map_or("", |row| &row["condition"]), build)
            }
            _ => FixState::Undetermined,
        }
    }

    fn judge_unlisted_product(&self, product: &str, cve: &str) -> FixState {
        let fixes = self.holes[cve].iter().filter(|row| matches!(row["fixed_by"].as_str(), "update" | "cumulative"));
        let Some(first) = fixes.map(|row| self.date(&row["first_fixed_build"])).min() else {
            return FixState::Undetermined;
        };
        let row = self.products.iter().find(|row| row["product"] == product).expect("a product");
        let end = row["assessed_until"].as_str();
        if !end.is_empty() && first > end { FixState::Undetermined } else { FixState::NotAffected }
    }

    fn date(&self, build: &str) -> &str {
        let row = self.builds.iter().find(|row| row["build"] == build);
        row.map_or("", |row| row["date"].as_str())
    }

    /// When the plain CU came out.
    fn cu_date(&self, product: &str, level: &str) -> &str {
        let of_level = |row: &&Row| row["product"] == product && row["level"] == level && row["update"].is_empty();
        let dates = self.builds.iter().filter(of_level).map(|row| row["date"].as_str());
        dates.filter(|date| !date.is_empty()).min().unwrap_or("")
    }

    /// Holes that are known to be exploited.
    fn exploited(&self) -> BTreeSet<&str> {
        let listed = self.holes.iter().filter(|(_, rows)| rows.iter().any(|row| row["kev"] == "yes"));
        listed.map(|(cve, _)| cve.as_str()).collect()
    }
}

fn build(row: &Row) -> Build {
    row["build"].parse().expect("a build")
}

#[test]
fn every_build_against_every_hole() {
    let (tables, known) = (Tables::read(), Knowledge::shipped());
    let (mut pairs, mut states, mut wrong) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for row in &tables.builds {
        for cve in tables.holes.keys() {
            let (expected, found) = (tables.judge(row, cve), known.state(cve, build(row)));
            pairs += 1;
            *states.entry(format!("{expected:?}")).or_default() += 1;
            if found.state != expected {
                let (on, found, reason) = (&row["build"], found.state, found.reason);
                wrong.push(format!("{on} {cve}: {found:?}, the tables say {expected:?} ({reason})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {pairs}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(pairs, tables.builds.len() * tables.holes.len());
    // A comparison in which a state hardly occurs would not test it.
    for state in ["Open", "Partly", "Undetermined", "Fixed", "NotAffected"] {
        assert!(states.get(state).is_some_and(|count| *count > 100), "{states:?}");
    }
}

#[test]
fn every_exception_of_march_2021() {
    let (tables, known) = (Tables::read(), Knowledge::shipped());
    let mut pairs = 0;
    for row in &tables.exceptions {
        let number = known.read_number(&row["build"]).expect("a number");
        let advice = known.advise(&number, known.state_day().0, &[]);
        for cve in row["cves"].split(' ') {
            pairs += 1;
            assert_eq!(known.state(cve, build(row)).state, FixState::Undetermined, "{row:?}");
            assert!(advice.holes.iter().any(|hole| hole.id == cve), "{cve} is not told for {}", row["build"]);
        }
    }
    assert!(pairs > 80, "{pairs}");
}

/// Wherever the list calls an update not cumulative, no earlier fix of its CU may count as contained.
#[test]
fn no_update_that_is_not_cumulative_counts_for_earlier_fixes() {
    let (tables, known) = (Tables::read(), Knowledge::shipped());
    let mut seen = 0;
    for row in tables.builds.iter().filter(|row| row["note"].contains("not cumulative")) {
        for (cve, rules) in &tables.holes {
            let earlier = rules.iter().any(|rule| {
                rule["fixed_by"] == "update"
                    && rule["update"] != "Mar21SU"
                    && tables.speaks_of(rule, &row["product"], &row["level"])
            });
            if earlier {
                seen += 1;
                assert_ne!(known.state(cve, build(row)).state, FixState::Fixed, "{cve} {}", row["build"]);
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_way_of_every_build_ends_where_no_exploited_hole_is_left_that_an_update_closes() {
    let (tables, known) = (Tables::read(), Knowledge::shipped());
    let exploited = tables.exploited();
    assert!(exploited.len() > 15);
    for row in &tables.builds {
        let on = build(row);
        let way = known.update_that_fits(on);
        let end = way.iter().rev().find_map(|step| step.build).unwrap_or(on);
        for cve in &exploited {
            let state = known.state(cve, end).state;
            assert!(!matches!(state, FixState::Open | FixState::Undetermined), "{on} to {end}: {cve} {state:?}");
        }
        assert!(known.update_that_fits(end).is_empty(), "the way from {on} goes on after {end}");
    }
}

#[test]
fn the_way_only_goes_up_over_real_releases() {
    let (tables, known) = (Tables::read(), Knowledge::shipped());
    for row in &tables.builds {
        let mut before = build(row);
        let way = known.update_that_fits(before);
        assert!(way.len() <= 3, "{before}");
        for step in &way {
            let after = step.build.expect("every build of the list has a product");
            let listed = tables.builds.iter().find(|row| build(row) == after).expect("in the list");
            assert!(after > before, "{before} to {after}");
            assert!(!matches!(listed["type"].as_str(), "preview" | "misprint"), "{after}");
            assert!(!listed["note"].contains("not cumulative"), "{after}");
            assert_eq!(step.kb.as_deref().unwrap_or(""), listed["kb"], "{after}");
            if step.kind != StepKind::Move {
                let is_plain = matches!(listed["type"].as_str(), "rtm" | "sp" | "cu");
                assert_eq!(step.kind == StepKind::CumulativeUpdate, is_plain, "{after} {:?}", step.kind);
                assert_eq!(listed["product"], row["product"]);
                the_programme_is_named(&tables, listed, before, step);
            }
            before = after;
        }
    }
}

/// An update after the end of support, where there is a programme, is never told without it; and what is told instead
/// is newer than what runs and from before the end.
fn the_programme_is_named(tables: &Tables, listed: &Row, before: Build, step: &exchange::Step) {
    let product = tables.products.iter().find(|row| row["product"] == listed["product"]).expect("a product");
    let is_late = !listed["update"].is_empty() && listed["date"] > product["support_end"];
    let needs_it = is_late && !product["extended_programme"].is_empty();
    assert_eq!(needs_it, step.without_programme.is_some(), "{}", step.text);
    assert_eq!(needs_it, step.text.contains("programme"), "{}", step.text);
    let Some(without) = &step.without_programme else { return };
    let mut stays = before;
    if let Some(last) = &without.last {
        assert!(last.build > before, "{}", step.text);
        assert!(tables.date(&last.build.to_string()) <= product["support_end"].as_str(), "{}", step.text);
        stays = last.build;
    }
    let stays = tables.builds.iter().find(|row| build(row) == stays).expect("in the list");
    let is_open = |row: &Row, cve: &str| tables.judge(row, cve) == FixState::Open;
    let left = tables.exploited().into_iter().filter(|cve| is_open(stays, cve) && !is_open(listed, cve));
    let told = without.leaves_exploited.iter().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(left.collect::<BTreeSet<_>>(), told, "{}", step.text);
}
