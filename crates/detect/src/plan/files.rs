//! Rules over files, their path, hash and, for pages and configuration, their content; and over elements of
//! configuration files.

use std::borrow::Cow;
use std::sync::Arc;

use super::Rule;
use super::filter::{Filter, RuleSet};
use crate::sigma::{FieldId, FieldNames, Fields, RuleIndex, Writing};

/// A file as rules see it, `path`, `name`, `content` and so on, or an element of a configuration file.
#[derive(Clone, Debug, Default)]
pub struct FileFields<'a> {
    /// Names and values. A field that does not apply is left out.
    pub fields: Vec<(&'a str, Cow<'a, [u8]>)>,
}

impl FileFields<'_> {
    /// A field, by name without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct FilePlan {
    rules: Arc<[Rule]>,
    names: Arc<FieldNames>,
    filter: Filter,
}

impl FilePlan {
    pub(super) fn new(of: &[RuleIndex], rules: &Arc<[Rule]>, names: &Arc<FieldNames>) -> Self {
        let literals = |rule: &RuleIndex| {
            let detection = rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
            (*rule, detection.and_then(|detection| detection.required_literals(Writing::Values, &|_| true)))
        };
        Self { rules: rules.clone(), names: names.clone(), filter: Filter::new(of.iter().map(literals)) }
    }

    pub(super) fn is_unfiltered(&self, rule: RuleIndex) -> bool {
        self.filter.unfiltered().contains(&rule)
    }

    /// Reports the rules that a file fits, in the order of their numbers.
    pub(super) fn test(&self, file: &FileFields<'_>, fits: &mut impl FnMut(RuleIndex)) {
        let mut seen = RuleSet::with_room_for(self.rules.len());
        let mut candidates: Vec<RuleIndex> = self.filter.unfiltered().to_vec();
        for (_, value) in &file.fields {
            self.filter.scan(value, &mut |_, rule| {
                if seen.insert(rule) {
                    candidates.push(rule);
                }
            });
        }
        candidates.sort_unstable();
        let fields = NamedFields { names: &self.names, file };
        for rule in candidates {
            let detection = self.rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
            if detection.is_some_and(|detection| detection.matches(&fields)) {
                fits(rule);
            }
        }
    }
}

struct NamedFields<'a> {
    names: &'a FieldNames,
    file: &'a FileFields<'a>,
}

impl Fields for NamedFields<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        self.file.field(self.names.name(field)).map(Cow::Borrowed)
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.file.fields.iter().any(|(_, value)| test(value))
    }
}
