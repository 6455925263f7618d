//! Which rules a row fits: a search of the whole block for the literals that rules require, then the exact tests of the
//! few rules that remain. What is done with a hit is not known here.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Family, Row, Schema};

use super::columns::Columns;
use crate::plan::{Binding, Meter, Plan, RowPlan, RuleIndex};
use crate::sigma::FieldId;

/// Finds the rules that rows fit, in the order of the rows.
pub(crate) struct Matcher<'p> {
    plan: &'p Plan,
    /// What the block was searched for.
    scanned: Option<Family>,
    /// Rules that the literals of the block point to, with the offset at which each literal ends; ascending.
    candidates: Vec<(usize, RuleIndex)>,
    next_candidate: usize,
    /// Those of the row.
    rules: Vec<RuleIndex>,
}

/// The columns in force and what they mean.
pub(crate) struct Bound<'p> {
    schema: Arc<Schema>,
    pub columns: Columns,
    rules: Option<(&'p RowPlan, Binding)>,
}

impl<'p> Matcher<'p> {
    /// `family` is what the block to come holds, as far as its header tells.
    pub fn new(plan: &'p Plan, family: Option<Family>) -> Self {
        Self { plan, scanned: family, candidates: Vec::new(), next_candidate: 0, rules: Vec::new() }
    }

    /// Searches a block.
    pub fn block(&mut self, bytes: &[u8]) {
        self.candidates.clear();
        self.next_candidate = 0;
        if let Some(rows) = self.scanned.and_then(|family| self.plan.rows(&family)) {
            rows.scan_block(bytes, &mut self.candidates);
        }
    }

    /// Goes on to a row: the rules whose literals stand in it, and those that have none. No row may be left out.
    pub fn move_to(&mut self, row: &Row<'_>, bound: &Bound<'_>) {
        self.rules.clear();
        let Some((rows, _)) = &bound.rules else { return };
        self.rules.extend_from_slice(rows.unfiltered());
        if self.scanned == Some(row.schema.family) {
            let end = row.in_block + row.line.len();
            while let Some((at, rule)) = self.candidates.get(self.next_candidate).filter(|(at, _)| *at <= end) {
                if *at > row.in_block {
                    self.rules.push(*rule);
                }
                self.next_candidate += 1;
            }
        } else {
            // The family changed inside the block: search this row by itself.
            let mut found = Vec::new();
            rows.scan_block(row.line, &mut found);
            self.rules.extend(found.into_iter().map(|(_, rule)| rule));
        }
        self.rules.sort_unstable();
        self.rules.dedup();
    }

    /// Reports the rules that fit the row gone on to, each once, in the order of their numbers.
    pub fn fitting(&self, bound: &Bound<'_>, row: &Row<'_>, meter: &mut impl Meter, fits: &mut dyn FnMut(RuleIndex)) {
        let Some((rows, binding)) = &bound.rules else { return };
        for rule in &self.rules {
            let is_hit = meter.measure(*rule, || rows.matches(*rule, binding, row));
            if is_hit && self.plan.rule(*rule).holds_at(row.time) {
                fits(*rule);
            }
        }
    }
}

impl<'p> Bound<'p> {
    /// Finds the columns again where other ones are in force; says whether they were.
    pub fn renew(bound: &mut Option<Box<Self>>, plan: &'p Plan, schema: &Arc<Schema>) -> bool {
        if bound.as_ref().is_some_and(|bound| Arc::ptr_eq(&bound.schema, schema)) {
            return false;
        }
        let rules = plan.rows(&schema.family).map(|rows| (rows, rows.bind(schema)));
        *bound = Some(Box::new(Self { schema: Arc::clone(schema), columns: Columns::of(schema), rules }));
        true
    }

    /// The value of a field, as rules see it.
    pub fn value<'r>(&self, field: FieldId, row: &Row<'r>) -> Option<Cow<'r, [u8]>> {
        let (rows, binding) = self.rules.as_ref()?;
        rows.value(field, binding, row)
    }
}
