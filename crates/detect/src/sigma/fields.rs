//! Field names as small numbers, and how a test asks a record for a field.

use std::borrow::Cow;
use std::collections::HashMap;

/// A field name of the plan, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

impl FieldId {
    /// The position in tables that have one entry per field of the plan.
    #[must_use]
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// All field names that the rules of a plan use; names differ by more than case.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, FieldId>,
    /// As rules spell them, so that a known spelling need not be folded.
    by_spelling: HashMap<Box<str>, FieldId>,
}

impl FieldNames {
    /// The number of a name, a new one if need be; `None` when numbers ran out.
    pub fn intern(&mut self, name: &str) -> Option<FieldId> {
        if let Some(field) = self.by_spelling.get(name) {
            return Some(*field);
        }
        let folded: Box<str> = name.to_ascii_lowercase().into();
        let field = match self.by_name.get(&folded) {
            Some(field) => *field,
            None => {
                let field = FieldId(u16::try_from(self.names.len()).ok()?);
                self.names.push(name.into());
                self.by_name.insert(folded, field);
                field
            }
        };
        self.by_spelling.insert(name.into(), field);
        Some(field)
    }

    /// The number of a name that some rule uses.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name.to_ascii_lowercase().as_str()).copied()
    }

    /// The name as the first rule wrote it.
    #[must_use]
    pub fn name(&self, field: FieldId) -> &str {
        self.names.get(field.at()).map_or("", |name| name)
    }

    /// Names in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }
}

/// What a rule may ask of a record.
pub trait Fields {
    /// The value of a field; `None` when the record does not have it.
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>>;

    /// Whether the test holds for any text of the record (Sigma's keywords).
    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool;

    /// Whether a value is how this kind of record writes "nothing".
    fn is_nothing(&self, value: &[u8]) -> bool {
        value.is_empty()
    }
}
