//! Which rules a row fits: a search of its cells for the literals that rules require, then the exact tests of the few
//! rules that remain. What is done with a hit is not known here.
//!
//! Only columns in which a rule requires something are searched, and what a cell holds is remembered
//! ([`super::remembered`]): mostly it is the query alone that has to be gone through. Remembered is which rules the cell
//! leaves possible, whatever the other cells say: of the pages and programs of every day none does.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Row, Schema};

use super::cells::Cells;
use super::columns::Columns;
use super::remembered::Remembered;
use crate::plan::{Binding, CellSearch, Meter, Plan, RowPlan, RuleIndex};
use crate::sigma::FieldId;

/// Schemas that are kept in mind; of more the oldest is forgotten. A server writes some twenty kinds of logs.
const SCHEMAS_MAX: usize = 32;

/// Finds the rules that rows fit.
pub(crate) struct Matcher<'p> {
    plan: &'p Plan,
    /// Those that the row gone on to can concern, ascending.
    rules: Vec<RuleIndex>,
}

/// The columns in force and what they mean.
pub(crate) struct Bound<'p> {
    schema: Arc<Schema>,
    pub columns: Columns,
    rules: Option<BoundRules<'p>>,
}

struct BoundRules<'p> {
    plan: &'p RowPlan,
    binding: Binding,
    search: CellSearch,
    /// The rules that a cell can concern, by the columns that are searched.
    candidates: Vec<(usize, Remembered<Box<[RuleIndex]>>)>,
}

/// Columns, and what their cells meant before.
pub(crate) struct Habit<'p> {
    pub bound: Bound<'p>,
    pub cells: Cells,
}

/// The columns that were in force before, the latest last. Nothing that comes out depends on them.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "they are taken out and put back for every row")]
pub struct Habits<'p>(Vec<Box<Habit<'p>>>);

impl<'p> Matcher<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        Self { plan, rules: Vec::new() }
    }

    /// Goes on to a row: the rules whose literals stand in it, and those that have none.
    pub fn move_to(&mut self, row: &Row<'_>, bound: &mut Bound<'_>) {
        self.rules.clear();
        let Some(BoundRules { plan, binding, search, candidates }) = &mut bound.rules else { return };
        for (number, (column, remembered)) in candidates.iter_mut().enumerate() {
            let learn = |cell: &[u8]| {
                let mut found = Vec::new();
                search.search_cell(number, cell, &mut |rule| found.push(rule));
                found.retain(|rule| plan.may_match(*rule, binding, row, *column));
                found.into()
            };
            if row.is_doubled(*column) {
                // The same bytes mean something else without quotes around them.
                let found: Box<[RuleIndex]> = learn(row.raw(*column));
                self.rules.extend(found);
            } else {
                self.rules.extend_from_slice(remembered.of(row.raw(*column), learn));
            }
        }
        search.search_line(row.line, &mut |rule| self.rules.push(rule));
        self.rules.extend_from_slice(plan.unfiltered());
        if self.rules.len() > 1 {
            self.rules.sort_unstable();
            self.rules.dedup();
        }
    }

    /// Reports the rules that fit the row gone on to, each once, in the order of their numbers.
    pub fn fitting(&self, bound: &Bound<'_>, row: &Row<'_>, meter: &mut impl Meter, fits: &mut dyn FnMut(RuleIndex)) {
        let Some(BoundRules { plan, binding, .. }) = &bound.rules else { return };
        for rule in &self.rules {
            let is_hit = meter.measure(*rule, || plan.matches(*rule, binding, row));
            if is_hit && self.plan.rule(*rule).holds_at(row.time) {
                fits(*rule);
            }
        }
    }
}

impl<'p> Bound<'p> {
    fn new(plan: &'p Plan, schema: &Arc<Schema>) -> Self {
        let columns = Columns::of(schema);
        let rules = plan.rows(&schema.family).map(|rows| {
            let binding = rows.bind(schema);
            let search = rows.cell_search(&binding);
            let candidates = search.columns().map(|column| (column, Remembered::default())).collect();
            BoundRules { plan: rows, binding, search, candidates }
        });
        Self { schema: Arc::clone(schema), columns, rules }
    }

    /// The value of a field, as rules see it.
    pub fn value<'r>(&self, field: FieldId, row: &Row<'r>) -> Option<Cow<'r, [u8]>> {
        let BoundRules { plan, binding, .. } = self.rules.as_ref()?;
        plan.value(field, binding, row)
    }
}

impl<'p> Habits<'p> {
    /// Takes out what is known of the columns in force; says whether other ones were in force at the last row.
    pub(crate) fn take(&mut self, plan: &'p Plan, schema: &Arc<Schema>) -> (Box<Habit<'p>>, bool) {
        match self.0.pop() {
            Some(last) if Arc::ptr_eq(&last.bound.schema, schema) => (last, false),
            last => {
                self.0.extend(last);
                (self.find(plan, schema), true)
            }
        }
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, habit: Box<Habit<'p>>) {
        self.0.push(habit);
    }

    #[cold]
    fn find(&mut self, plan: &'p Plan, schema: &Arc<Schema>) -> Box<Habit<'p>> {
        if let Some(known) = self.0.iter().position(|habit| *habit.bound.schema == **schema) {
            let mut habit = self.0.remove(known);
            habit.bound.schema = Arc::clone(schema);
            return habit;
        }
        if self.0.len() >= SCHEMAS_MAX {
            self.0.remove(0);
        }
        Box::new(Habit { bound: Bound::new(plan, schema), cells: Cells::default() })
    }
}
