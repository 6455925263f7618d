//! The rules that one event id of one log can concern, and the search that leaves few of them.

use std::collections::BTreeMap;

use super::view::{Kinds, View};
use crate::plan::scanner::Scanner;
use crate::sigma::{Detection, FieldId, RuleIndex, Writing};

/// A rule, and how it names the fields of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) rule: RuleIndex,
    /// The fields are those of Security 4688 under the names of Sysmon 1.
    pub(super) renamed: bool,
}

/// What a literal stands for: a rule that requires it in the value of this field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    entry: Entry,
    field: Option<FieldId>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Tried on every event of the group.
    always: Vec<Entry>,
    /// Tried on events with letters beyond ASCII in this field.
    non_ascii: Vec<Wanted>,
    scanner: Scanner,
    /// By literal.
    wanted: Vec<Vec<Wanted>>,
    /// By field number: whether something is looked for in its values.
    searched: Vec<bool>,
    /// Something is looked for in every text.
    everywhere: bool,
}

impl Group {
    pub(super) fn new<'r>(
        entries: impl IntoIterator<Item = (Entry, &'r Detection)>,
        kinds: &Kinds,
        field_count: usize,
    ) -> Self {
        let mut group = Self { searched: vec![false; field_count], ..Self::default() };
        let mut by_literal: BTreeMap<Vec<u8>, Vec<Wanted>> = BTreeMap::new();
        for (entry, detection) in entries {
            match detection.required_literals(Writing::Values, &|field| kinds.is_text(field)) {
                Some(literals) => {
                    for literal in literals {
                        group.search(literal.field, entry, kinds);
                        by_literal.entry(literal.bytes).or_default().push(Wanted { entry, field: literal.field });
                    }
                }
                None => match detection.needs_non_ascii() {
                    Some(fields) => {
                        fields.iter().for_each(|field| group.search(*field, entry, kinds));
                        group.non_ascii.extend(fields.into_iter().map(|field| Wanted { entry, field }));
                    }
                    None => group.always.push(entry),
                },
            }
        }
        let (literals, wanted): (Vec<Box<[u8]>>, _) =
            by_literal.into_iter().map(|(literal, wanted)| (literal.into_boxed_slice(), wanted)).unzip();
        group.scanner = Scanner::new(literals);
        group.wanted = wanted;
        group
    }

    fn search(&mut self, field: Option<FieldId>, entry: Entry, kinds: &Kinds) {
        let Some(field) = field else {
            self.everywhere = true;
            return;
        };
        let other = kinds.other(field).filter(|_| entry.renamed);
        for field in [Some(field), other].into_iter().flatten() {
            if let Some(searched) = self.searched.get_mut(field.at()) {
                *searched = true;
            }
        }
    }

    /// Whether no rule can fit, whatever the event says.
    pub(super) fn is_empty(&self) -> bool {
        self.always.is_empty() && self.non_ascii.is_empty() && self.wanted.is_empty()
    }

    /// Adds the rules that the event can fit, some of them several times.
    pub(super) fn candidates(&self, view: &View<'_>, kinds: &Kinds, found: &mut Vec<Entry>) {
        found.extend_from_slice(&self.always);
        for (field, text) in view.texts() {
            let is_searched = field.is_some_and(|field| self.searched.get(field.at()) == Some(&true));
            if !is_searched && !self.everywhere {
                continue;
            }
            let ours = field.and_then(|field| kinds.ours(field));
            let fits = |wanted: &&Wanted| {
                wanted.field.is_none() || wanted.field == field || (wanted.entry.renamed && wanted.field == ours)
            };
            if !self.non_ascii.is_empty() && !text.is_ascii() {
                found.extend(self.non_ascii.iter().filter(fits).map(|wanted| wanted.entry));
            }
            self.scanner.scan(text, &mut |_, literal| {
                found.extend(self.wanted.get(literal).into_iter().flatten().filter(fits).map(|wanted| wanted.entry));
            });
        }
    }
}
