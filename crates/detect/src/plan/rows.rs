//! Rules over the rows of delimited logs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Family, Row, Schema};

use super::filter::{Filter, RuleSet};
use super::{Rule, members};
use crate::sigma::{Detection, FieldId, FieldNames, Fields, LITERAL_BYTES_MIN, Literal, RuleIndex, Writing};

/// Other names of IIS columns, as rules write them.
const IIS_NAMES: [(&str, &str); 7] = [
    ("cs-user-agent", "cs(User-Agent)"),
    ("c-useragent", "cs(User-Agent)"),
    ("cs-useragent", "cs(User-Agent)"),
    ("cs-referer", "cs(Referer)"),
    ("cs-referrer", "cs(Referer)"),
    ("cs-host", "cs(Host)"),
    ("cs-cookie", "cs(Cookie)"),
];

/// Path and query of a request as one text, `/a.aspx?b=c`, which IIS logs as two columns; no column has this name.
pub(super) const PATH_AND_QUERY: &str = "cs-uri-stem?cs-uri-query";

/// Columns in which IIS writes a blank as a plus sign, and the names of their texts with blanks.
pub(super) const BLANKS: [(&str, &str); 3] = [
    ("cs(User-Agent)", "cs(User-Agent) with blanks"),
    ("cs(Referer)", "cs(Referer) with blanks"),
    ("cs(Cookie)", "cs(Cookie) with blanks"),
];

/// The rules of one log family.
#[derive(Clone, Debug)]
pub struct RowPlan {
    family: Family,
    names: Arc<FieldNames>,
    rules: Arc<[Rule]>,
    /// Fields that the rules of this family use.
    used: Vec<FieldId>,
    filter: Filter,
    /// The rules that require literals, with those of each.
    literals: Vec<(RuleIndex, Vec<Literal>)>,
    of: Vec<RuleIndex>,
}

/// Which rules a row can concern, by what its cells hold: a literal that a rule requires in a field stands in the
/// column of that field and nowhere else. Columns of which no rule requires anything are not looked at.
#[derive(Clone, Debug)]
pub struct CellSearch {
    columns: Vec<(usize, Filter)>,
    /// Literals of keywords, which may stand anywhere in the line.
    line: Option<Filter>,
}

/// A rule, and literals of which it requires one, where they are known.
type Required = (RuleIndex, Option<Vec<Literal>>);

/// Where the fields of a plan stand in rows of one schema.
#[derive(Clone, Debug)]
pub struct Binding {
    places: Vec<Place>,
    /// `-` stands for nothing.
    dash: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Absent,
    Column(usize),
    /// A key of the key=value cell in a column.
    Member(usize, Box<str>),
    /// Two columns, joined by a question mark where the second says something.
    Joined(usize, Option<usize>),
    /// A column with blanks for plus signs.
    Blanks(usize),
}

impl RowPlan {
    pub(super) fn new(family: Family, of: &[RuleIndex], rules: &Arc<[Rule]>, names: &Arc<FieldNames>) -> Self {
        let detection = |rule: &RuleIndex| rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
        let mut used: Vec<FieldId> = of.iter().filter_map(detection).flat_map(|detection| detection.fields()).collect();
        used.extend(of.iter().filter_map(|rule| rules.get(rule.at()).and_then(|rule| rule.subject_field)));
        used.extend(of.iter().filter_map(|rule| rules.get(rule.at())?.noted.as_ref()).flatten());
        used.sort_unstable();
        used.dedup();
        let literals = |rule: &RuleIndex| {
            let split = |field| bytes_apart(names.name(field));
            let of = |detection: &Detection| detection.literals_split_at(Writing::Lines, &|_| true, &split);
            (*rule, detection(rule).and_then(of))
        };
        let literals: Vec<_> = of.iter().map(literals).collect();
        let filter = Filter::new(literals.iter().cloned());
        let literals = literals.into_iter().filter_map(|(rule, literals)| Some((rule, literals?))).collect();
        Self { family, names: names.clone(), rules: rules.clone(), used, filter, literals, of: of.to_vec() }
    }

    /// The rules that look at this family.
    #[must_use]
    pub fn rules(&self) -> &[RuleIndex] {
        &self.of
    }

    /// Finds the columns of all fields; once per schema.
    #[must_use]
    pub fn bind(&self, schema: &Schema) -> Binding {
        let mut places = vec![Place::Absent; self.names.iter().count()];
        for field in &self.used {
            if let Some(place) = places.get_mut(field.at()) {
                *place = self.place(self.names.name(*field), schema);
            }
        }
        Binding { places, dash: self.family == Family::Iis }
    }

    fn place(&self, name: &str, schema: &Schema) -> Place {
        if let Some(column) = schema.column(name) {
            return Place::Column(column);
        }
        match self.family {
            Family::Iis if name == PATH_AND_QUERY => {
                let query = schema.column("cs-uri-query");
                schema.column("cs-uri-stem").map_or(Place::Absent, |stem| Place::Joined(stem, query))
            }
            Family::Iis => {
                if let Some((column, _)) = BLANKS.iter().find(|(_, with_blanks)| name == *with_blanks) {
                    return schema.column(column).map_or(Place::Absent, Place::Blanks);
                }
                let other = IIS_NAMES.iter().find(|(written, _)| name.eq_ignore_ascii_case(written));
                other.and_then(|(_, column)| schema.column(column)).map_or(Place::Absent, Place::Column)
            }
            Family::EcpServer | Family::EcpActivity => {
                schema.column("EventData").map_or(Place::Absent, |column| Place::Member(column, name.into()))
            }
            _ => Place::Absent,
        }
    }

    /// Prepares the search of rows by their cells; once per schema.
    #[must_use]
    pub fn cell_search(&self, binding: &Binding) -> CellSearch {
        let mut by_column: BTreeMap<Option<usize>, Vec<Required>> = BTreeMap::new();
        for (rule, literal) in self.literals.iter().flat_map(|(rule, all)| all.iter().map(|one| (*rule, one))) {
            let mut add = |column| by_column.entry(column).or_default().push((rule, Some(vec![literal.clone()])));
            match literal.field.map(|field| binding.places.get(field.at()).unwrap_or(&Place::Absent)) {
                None => add(None),
                Some(Place::Absent) => {}
                Some(Place::Column(column) | Place::Member(column, _) | Place::Blanks(column)) => add(Some(*column)),
                Some(Place::Joined(first, second)) => {
                    add(Some(*first));
                    second.iter().for_each(|second| add(Some(*second)));
                }
            }
        }
        let line = by_column.remove(&None).map(Filter::new);
        let columns = by_column.into_iter().filter_map(|(column, all)| Some((column?, Filter::new(all)))).collect();
        CellSearch { columns, line }
    }

    /// Searches a block of whole lines for the literals that rules require. `hits` is replaced by the offset of the
    /// end of each literal and a rule that it concerns, by offset. A row whose line holds none of them fits no rule
    /// but those of [`RowPlan::unfiltered`].
    pub fn scan_block(&self, block: &[u8], hits: &mut Vec<(usize, RuleIndex)>) {
        hits.clear();
        self.filter.scan(block, &mut |end, rule| hits.push((end, rule)));
        hits.sort_unstable();
        hits.dedup();
    }

    /// Rules that have to be tested on every row.
    #[must_use]
    pub fn unfiltered(&self) -> &[RuleIndex] {
        self.filter.unfiltered()
    }

    /// Tests a row against each rule that can concern it, once, and reports those that fit in the order of their
    /// numbers. `hits` are those of [`RowPlan::scan_block`] whose offset lies in the row's line.
    pub fn test_row(
        &self,
        hits: &[(usize, RuleIndex)],
        binding: &Binding,
        row: &Row<'_>,
        fits: &mut impl FnMut(RuleIndex),
    ) {
        if hits.is_empty() && self.unfiltered().is_empty() {
            return;
        }
        let mut candidates: Vec<RuleIndex> = self.unfiltered().to_vec();
        let mut seen = RuleSet::with_room_for(self.rules.len());
        candidates.extend(hits.iter().map(|(_, rule)| *rule).filter(|rule| seen.insert(*rule)));
        candidates.sort_unstable();
        for rule in candidates {
            if self.matches(rule, binding, row) {
                fits(rule);
            }
        }
    }

    /// Whether a row fits a rule.
    #[must_use]
    pub fn matches(&self, rule: RuleIndex, binding: &Binding, row: &Row<'_>) -> bool {
        let detection = self.rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
        detection.is_some_and(|detection| detection.matches(&RowFields { binding, row }))
    }

    /// Whether any row with what stands in this column of this row may fit a rule: `false` holds for all rows with the
    /// same bytes there.
    #[must_use]
    pub fn may_match(&self, rule: RuleIndex, binding: &Binding, row: &Row<'_>, column: usize) -> bool {
        let known = |field: FieldId| binding.stands_in(field, column);
        let detection = self.rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
        detection.is_some_and(|detection| detection.may_match(&RowFields { binding, row }, &known))
    }

    /// The value of a field; `None` where rows of this schema do not have it.
    #[must_use]
    pub fn value<'a>(&self, field: FieldId, binding: &Binding, row: &Row<'a>) -> Option<Cow<'a, [u8]>> {
        binding.value(field, row)
    }
}

impl CellSearch {
    /// The columns that hold anything that rules require, ascending.
    #[must_use]
    pub fn columns(&self) -> impl ExactSizeIterator<Item = usize> {
        self.columns.iter().map(|(column, _)| *column)
    }

    /// Reports the rules of which a literal stands in a cell, some more than once. `number` counts
    /// [`CellSearch::columns`].
    pub fn search_cell(&self, number: usize, cell: &[u8], found: &mut impl FnMut(RuleIndex)) {
        if let Some((_, filter)) = self.columns.get(number).filter(|_| cell.len() >= LITERAL_BYTES_MIN) {
            filter.scan(cell, &mut |_, rule| found(rule));
        }
    }

    /// Reports the rules of which a keyword's literal stands in a line, some more than once.
    pub fn search_line(&self, line: &[u8], found: &mut impl FnMut(RuleIndex)) {
        self.line.iter().for_each(|filter| filter.scan(line, &mut |_, rule| found(rule)));
    }
}

impl Binding {
    /// Whether a column decides what the value of a field is. Of a field that is absent every column does.
    fn stands_in(&self, field: FieldId, column: usize) -> bool {
        match self.places.get(field.at()) {
            None | Some(Place::Absent) => true,
            Some(Place::Column(at) | Place::Member(at, _) | Place::Blanks(at)) => *at == column,
            Some(Place::Joined(..)) => false,
        }
    }

    fn value<'a>(&self, field: FieldId, row: &Row<'a>) -> Option<Cow<'a, [u8]>> {
        match self.places.get(field.at())? {
            Place::Absent => None,
            Place::Column(column) => Some(row.text(*column)),
            Place::Member(column, key) => match row.text(*column) {
                Cow::Borrowed(cell) => members::value(cell, key),
                Cow::Owned(cell) => members::value(&cell, key).map(|value| Cow::Owned(value.into_owned())),
            },
            Place::Joined(stem, query) => {
                let stem = row.text(*stem);
                let query = query.map(|query| row.text(query)).filter(|query| !matches!(&**query, b"" | b"-"));
                Some(query.map_or_else(|| stem.clone(), |query| Cow::Owned([&*stem, b"?", &*query].concat())))
            }
            Place::Blanks(column) => {
                let text = row.text(*column).iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
                Some(Cow::Owned(text))
            }
        }
    }
}

/// Bytes at which the text of a field is written apart in the line.
fn bytes_apart(name: &str) -> &'static [u8] {
    match name {
        PATH_AND_QUERY => b"?",
        _ if BLANKS.iter().any(|(_, with_blanks)| *with_blanks == name) => b" ",
        _ => b"",
    }
}

struct RowFields<'a> {
    binding: &'a Binding,
    row: &'a Row<'a>,
}

impl Fields for RowFields<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        self.binding.value(field, self.row)
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let doubled = |column: &usize| self.row.cells.get(*column).is_some_and(|cell| cell.doubled);
        test(self.row.line) || (0..self.row.cells.len()).filter(doubled).any(|column| test(&self.row.text(column)))
    }

    fn is_nothing(&self, value: &[u8]) -> bool {
        value.is_empty() || (self.binding.dash && value == b"-")
    }
}
