//! One line of a detection: a field and the tests of its values.

use std::sync::Arc;

use rsigma_parser::{DetectionItem, SigmaValue};

use super::detection::Compiling;
use super::fields::{FieldId, FieldNames, Fields};
use super::many::Many;
use super::modifiers::Modifiers;
use super::moment::TimePart;
use super::network::Network;
use super::pattern::{Case, Pattern, Piece, Text};
use super::reason::Reason;
use super::regular::Expression;

/// The tests of one item and how they are linked.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// `None`: keywords, which look at every text of the record.
    pub(super) field: Option<FieldId>,
    /// `|all`: every test has to hold.
    pub(super) all: bool,
    /// `|neq`: the field is there, and the outcome is turned round.
    pub(super) negated: bool,
    pub(super) tests: Vec<Test>,
    /// The same tests at once, where they are many alternatives.
    many: Option<Arc<Many>>,
}

/// A test of one value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Text(Pattern),
    /// What one encoded value, or one with placeholders, can become.
    AnyOf(Vec<Test>),
    Regular(Arc<Expression>),
    Network(Network),
    /// Equal as whole numbers.
    Integer(i64),
    /// Equal as numbers.
    Number(f64),
    Compare(Comparison, f64),
    /// A part of a date, compared as a number.
    Time(TimePart, Comparison, f64),
    Exists(bool),
    /// Absent or empty.
    Null,
    Reference(FieldId, Part, Case),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The part of a text that has to equal the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Start,
    End,
    Anywhere,
}

impl Item {
    pub(super) fn compile(item: &DetectionItem, compiling: &mut Compiling<'_>) -> Result<Self, Reason> {
        let name = item.field.name.as_deref().map(rsigma_parser::fieldpath::unescape_brackets);
        let field = match &name {
            Some(name) => Some(intern(compiling.names, name)?),
            None => None,
        };
        let modifiers = Modifiers::read(&item.field.modifiers, field.is_none())?;
        if item.values.is_empty() {
            return Err(Reason::Construct("an empty list of values".into()));
        }
        let mut tests = Vec::with_capacity(item.values.len());
        for value in &item.values {
            let refuse = |why: String| Reason::Value {
                field: name.as_deref().unwrap_or_default().to_owned(),
                value: value.to_string(),
                why,
            };
            tests.push(modifiers.compile(value, compiling).map_err(refuse)?);
        }
        let many = if modifiers.all { None } else { Many::of(&tests) };
        Ok(Self { field, all: modifiers.all, negated: modifiers.negated, tests, many })
    }

    /// Keywords without a field: plain values, any of which may occur anywhere.
    pub(super) fn keywords(values: &[SigmaValue], compiling: &mut Compiling<'_>) -> Result<Self, Reason> {
        let field = rsigma_parser::FieldSpec::new(None, Vec::new());
        Self::compile(&DetectionItem { field, values: values.to_vec() }, compiling)
    }

    pub(super) fn matches<F: Fields + ?Sized>(&self, fields: &F) -> bool {
        let holds = match self.field {
            Some(field) => {
                let value = fields.get(field);
                let value = value.as_deref();
                // A field that is not there is not different from anything, nor is any from one that is not there.
                if self.negated && (value.is_none() || self.tests.iter().any(|test| test.lacks_reference(fields))) {
                    return false;
                }
                let text = value.map(Text::new);
                let at_once = self.many.as_ref().zip(text.as_ref()).is_some_and(|(many, text)| many.holds_for(text));
                at_once || self.combine(|test| test.holds(text.as_ref(), fields))
            }
            None => {
                let holds_at_once = |many: &Arc<Many>| fields.any(&mut |text| many.holds_for(&Text::new(text)));
                self.many.as_ref().is_some_and(holds_at_once)
                    || self.combine(|test| fields.any(&mut |text| test.holds_for(&Text::new(text))))
            }
        };
        holds != self.negated
    }

    /// Whether nothing but fields of this kind decides it. Keywords look at everything.
    pub(super) fn looks_only_at(&self, known: &dyn Fn(FieldId) -> bool) -> bool {
        let mut fields = Vec::new();
        self.tests.iter().for_each(|test| test.references(&mut fields));
        self.field.is_some_and(known) && fields.into_iter().all(known)
    }

    /// The item in one spelling, whatever the order of its values.
    pub(super) fn spell(&self) -> String {
        let mut tests: Vec<String> = self.tests.iter().map(|test| format!("{test:?}")).collect();
        tests.sort_unstable();
        tests.dedup();
        let all = self.all && tests.len() > 1;
        format!("{:?} all={all} neq={} {}", self.field, self.negated, tests.join("|"))
    }

    /// What the tests cost at most, in rough units.
    pub(super) fn cost(&self) -> u64 {
        let texts = if self.field.is_some() { 1 } else { 20 };
        self.tests.iter().map(|test| texts * test.cost()).sum()
    }

    fn combine(&self, mut holds: impl FnMut(&Test) -> bool) -> bool {
        match &self.many {
            Some(many) => many.others.iter().filter_map(|at| self.tests.get(*at)).any(holds),
            None if self.all => self.tests.iter().all(holds),
            None => self.tests.iter().any(&mut holds),
        }
    }
}

impl Test {
    fn holds<F: Fields + ?Sized>(&self, value: Option<&Text<'_>>, fields: &F) -> bool {
        match self {
            Self::Exists(expected) => value.is_some() == *expected,
            Self::Null => value.is_none_or(|value| fields.is_nothing(value.written)),
            Self::Text(pattern) if pattern.is_empty() => value.is_some_and(|value| fields.is_nothing(value.written)),
            Self::AnyOf(tests) => tests.iter().any(|test| test.holds(value, fields)),
            Self::Reference(other, part, case) => {
                let other = fields.get(*other);
                value.zip(other.as_deref()).is_some_and(|(value, other)| part.fits(value.written, other, *case))
            }
            _ => value.is_some_and(|value| self.holds_for(value)),
        }
    }

    /// Adds the fields that the value is compared with.
    pub(super) fn references(&self, fields: &mut Vec<FieldId>) {
        match self {
            Self::Reference(other, ..) => fields.push(*other),
            Self::AnyOf(tests) => tests.iter().for_each(|test| test.references(fields)),
            _ => {}
        }
    }

    fn lacks_reference<F: Fields + ?Sized>(&self, fields: &F) -> bool {
        match self {
            Self::Reference(other, ..) => fields.get(*other).is_none(),
            Self::AnyOf(tests) => tests.iter().any(|test| test.lacks_reference(fields)),
            _ => false,
        }
    }

    fn cost(&self) -> u64 {
        match self {
            Self::Exists(_) | Self::Null => 1,
            Self::Text(pattern) => pattern.cost(),
            Self::AnyOf(tests) => tests.iter().map(Self::cost).sum(),
            Self::Integer(_) | Self::Number(_) | Self::Compare(..) | Self::Time(..) | Self::Network(_) => 5,
            Self::Reference(..) => 20,
            Self::Regular(_) => 50,
        }
    }

    /// The tests that look at one text only.
    fn holds_for(&self, subject: &Text<'_>) -> bool {
        let text = subject.written;
        match self {
            Self::Text(pattern) => pattern.matches(subject),
            Self::AnyOf(tests) => tests.iter().any(|test| test.holds_for(subject)),
            Self::Regular(expression) => expression.matches(text),
            Self::Network(network) => network.contains(text),
            Self::Integer(expected) => parse_integer(text) == Some(*expected),
            Self::Number(expected) => parse_number(text) == Some(*expected),
            Self::Compare(comparison, bound) => {
                parse_number(text).is_some_and(|number| comparison.holds(number, *bound))
            }
            Self::Time(part, comparison, bound) => {
                part.of(text).is_some_and(|number| comparison.holds(number as f64, *bound))
            }
            Self::Exists(_) | Self::Null | Self::Reference(..) => false,
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

impl Part {
    fn fits(self, text: &[u8], other: &[u8], case: Case) -> bool {
        let bytes = Piece::Bytes(other.to_vec());
        let pieces = match self {
            Self::Whole => vec![bytes],
            Self::Start => vec![bytes, Piece::Many],
            Self::End => vec![Piece::Many, bytes],
            Self::Anywhere => vec![Piece::Many, bytes, Piece::Many],
        };
        Pattern::new(pieces, case).matches(&Text::new(text))
    }
}

/// A whole number in decimal digits, with or without leading zeros; a fraction of zeros is disregarded.
fn parse_integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

pub(super) fn parse_number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

pub(super) fn intern(names: &mut FieldNames, name: &str) -> Result<FieldId, Reason> {
    names.intern(name).ok_or_else(|| Reason::Construct("a plan with more than 65,535 field names".into()))
}
