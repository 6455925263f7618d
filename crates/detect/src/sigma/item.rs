//! One line of a detection: a field, its modifiers and its values, as a test.
//!
//! Modifiers act in the order in which they are written (Sigma, appendix "modifiers").

use rsigma_parser::{DetectionItem, Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};

use super::encode;
use super::fields::{FieldId, FieldNames, Fields};
use super::network::{self, Network};
use super::pattern::{Case, PATTERN_BYTES_MAX, Pattern, Piece};
use super::reason::Reason;
use super::regular::{Expression, Flags};

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
}

/// A test of one value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Text(Pattern),
    /// The texts that one encoded value can become.
    AnyOf(Vec<Test>),
    Regular(Box<Expression>),
    Network(Network),
    /// Equal as whole numbers.
    Integer(i64),
    /// Equal as numbers.
    Number(f64),
    Compare(Comparison, f64),
    Exists(bool),
    /// Absent or empty.
    Null,
    Reference(FieldId, Part, Case),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
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
    pub(super) fn compile(item: &DetectionItem, names: &mut FieldNames) -> Result<Self, Reason> {
        let name = item.field.name.as_deref().map(rsigma_parser::fieldpath::unescape_brackets);
        let mut item_of = Self { field: None, all: false, negated: false, tests: Vec::new() };
        if let Some(name) = &name {
            item_of.field = Some(intern(names, name)?);
        }
        let modifiers = Modifiers::read(&item.field.modifiers)?;
        item_of.all = modifiers.all;
        item_of.negated = modifiers.negated;
        if item.values.is_empty() {
            return Err(Reason::Construct("an empty list of values".into()));
        }
        for value in &item.values {
            let refuse = |why: String| Reason::Value {
                field: name.as_deref().unwrap_or_default().to_owned(),
                value: value.to_string(),
                why,
            };
            modifiers.compile(value, item_of.field.is_none(), names, &mut item_of.tests).map_err(refuse)?;
        }
        Ok(item_of)
    }

    /// Keywords without a field: plain values, any of which may occur anywhere.
    pub(super) fn keywords(values: &[SigmaValue], names: &mut FieldNames) -> Result<Self, Reason> {
        let field = rsigma_parser::FieldSpec::new(None, Vec::new());
        Self::compile(&DetectionItem { field, values: values.to_vec() }, names)
    }

    pub(super) fn matches<F: Fields + ?Sized>(&self, fields: &F) -> bool {
        let holds = match self.field {
            Some(field) => {
                let value = fields.get(field);
                let value = value.as_deref();
                // A field that is not there is not different from anything.
                if self.negated && value.is_none() {
                    return false;
                }
                self.combine(|test| test.holds(value, fields))
            }
            None => self.combine(|test| fields.any(&mut |text| test.holds_for(text))),
        };
        holds != self.negated
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
        if self.all { self.tests.iter().all(holds) } else { self.tests.iter().any(&mut holds) }
    }
}

impl Test {
    fn holds<F: Fields + ?Sized>(&self, value: Option<&[u8]>, fields: &F) -> bool {
        match self {
            Self::Exists(expected) => value.is_some() == *expected,
            Self::Null => value.is_none_or(|value| fields.is_nothing(value)),
            Self::Text(pattern) if pattern.is_empty() => value.is_some_and(|value| fields.is_nothing(value)),
            Self::Reference(other, part, case) => {
                let other = fields.get(*other);
                value.zip(other.as_deref()).is_some_and(|(value, other)| part.fits(value, other, *case))
            }
            _ => value.is_some_and(|value| self.holds_for(value)),
        }
    }

    fn cost(&self) -> u64 {
        match self {
            Self::Exists(_) | Self::Null => 1,
            Self::Text(pattern) => pattern.cost(),
            Self::AnyOf(tests) => tests.iter().map(Self::cost).sum(),
            Self::Integer(_) | Self::Number(_) | Self::Compare(..) | Self::Network(_) => 5,
            Self::Reference(..) => 20,
            Self::Regular(_) => 50,
        }
    }

    /// The tests that look at one text only.
    fn holds_for(&self, text: &[u8]) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(text),
            Self::AnyOf(tests) => tests.iter().any(|test| test.holds_for(text)),
            Self::Regular(expression) => expression.matches(text),
            Self::Network(network) => network.contains(text),
            Self::Integer(expected) => parse_integer(text) == Some(*expected),
            Self::Number(expected) => parse_number(text) == Some(*expected),
            Self::Compare(comparison, bound) => {
                parse_number(text).is_some_and(|number| comparison.holds(number, *bound))
            }
            Self::Exists(_) | Self::Null | Self::Reference(..) => false,
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
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
        Pattern::new(pieces, case).matches(text)
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

fn parse_number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn intern(names: &mut FieldNames, name: &str) -> Result<FieldId, Reason> {
    names.intern(name).ok_or_else(|| Reason::Construct("a plan with more than 65,535 field names".into()))
}

/// A transformation of the text of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16Marked,
}

/// What the test is, beside plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Regular,
    Network,
    Exists,
    Reference,
    Compare(Comparison),
}

/// The modifiers of one item, checked.
struct Modifiers {
    kind: Kind,
    part: Part,
    case: Case,
    all: bool,
    negated: bool,
    dashes: bool,
    flags: Flags,
    encodings: Vec<Encoding>,
}

impl Modifiers {
    fn read(modifiers: &[Modifier]) -> Result<Self, Reason> {
        let mut read = Self {
            kind: Kind::Text,
            part: Part::Whole,
            case: Case::Disregarded,
            all: false,
            negated: false,
            dashes: false,
            flags: Flags::default(),
            encodings: Vec::new(),
        };
        for modifier in modifiers {
            read.add(*modifier)?;
        }
        read.check(modifiers)?;
        Ok(read)
    }

    fn add(&mut self, modifier: Modifier) -> Result<(), Reason> {
        let refuse = || Err(Reason::Modifier(format!("{modifier:?}").to_lowercase()));
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.negated = true,
            Modifier::Cased => self.case = Case::Kept,
            Modifier::WindAsh => self.dashes = true,
            Modifier::IgnoreCase => self.flags.ignore_case = true,
            Modifier::Multiline => self.flags.multi_line = true,
            Modifier::DotAll => self.flags.dot_all = true,
            Modifier::Contains | Modifier::StartsWith | Modifier::EndsWith => {
                if self.part != Part::Whole {
                    return refuse();
                }
                self.part = match modifier {
                    Modifier::Contains => Part::Anywhere,
                    Modifier::StartsWith => Part::Start,
                    _ => Part::End,
                };
            }
            Modifier::Base64 => self.encode(Encoding::Base64)?,
            Modifier::Base64Offset => self.encode(Encoding::Base64Offset)?,
            Modifier::Wide => self.encode(Encoding::Utf16Le)?,
            Modifier::Utf16be => self.encode(Encoding::Utf16Be)?,
            Modifier::Utf16 => self.encode(Encoding::Utf16Marked)?,
            Modifier::Re => self.become_kind(Kind::Regular)?,
            Modifier::Cidr => self.become_kind(Kind::Network)?,
            Modifier::Exists => self.become_kind(Kind::Exists)?,
            Modifier::FieldRef => self.become_kind(Kind::Reference)?,
            Modifier::Lt => self.become_kind(Kind::Compare(Comparison::Less))?,
            Modifier::Lte => self.become_kind(Kind::Compare(Comparison::LessOrEqual))?,
            Modifier::Gt => self.become_kind(Kind::Compare(Comparison::Greater))?,
            Modifier::Gte => self.become_kind(Kind::Compare(Comparison::GreaterOrEqual))?,
            Modifier::Expand
            | Modifier::Minute
            | Modifier::Hour
            | Modifier::Day
            | Modifier::Week
            | Modifier::Month
            | Modifier::Year => return refuse(),
        }
        Ok(())
    }

    fn become_kind(&mut self, kind: Kind) -> Result<(), Reason> {
        if self.kind != Kind::Text {
            return Err(Reason::Modifier(format!("{:?} beside {kind:?}", self.kind).to_lowercase()));
        }
        self.kind = kind;
        Ok(())
    }

    /// Only the orders that have a meaning: text to UTF-16 to base64, each at most once and before the part.
    fn encode(&mut self, encoding: Encoding) -> Result<(), Reason> {
        let base = |encoding: &Encoding| matches!(encoding, Encoding::Base64 | Encoding::Base64Offset);
        let fits = match self.encodings.as_slice() {
            [] => true,
            [first] => !base(first) && base(&encoding),
            _ => false,
        };
        if !fits || self.part != Part::Whole || self.dashes {
            return Err(Reason::Modifier(format!("{encoding:?} in this place").to_lowercase()));
        }
        self.encodings.push(encoding);
        Ok(())
    }

    fn check(&self, modifiers: &[Modifier]) -> Result<(), Reason> {
        let text_only = self.dashes || !self.encodings.is_empty();
        let parts_fit = match self.kind {
            Kind::Text | Kind::Reference => true,
            _ => self.part == Part::Whole,
        };
        let case_fits =
            matches!(self.kind, Kind::Text | Kind::Reference | Kind::Regular) || self.case == Case::Disregarded;
        let flags_fit = self.kind == Kind::Regular || self.flags == Flags::default();
        let encodings_fit = self.encodings.is_empty() || !self.dashes;
        let text_fits = self.kind == Kind::Text || !text_only;
        let flag_and_case_fit = self.case == Case::Disregarded || !self.flags.ignore_case;
        let fits = parts_fit && case_fits && flags_fit && encodings_fit && text_fits && flag_and_case_fit;
        if fits { Ok(()) } else { Err(Reason::Modifier(format!("{modifiers:?}").to_lowercase())) }
    }

    fn compile(
        &self,
        value: &SigmaValue,
        keyword: bool,
        names: &mut FieldNames,
        tests: &mut Vec<Test>,
    ) -> Result<(), String> {
        if keyword && !matches!(self.kind, Kind::Text | Kind::Regular) {
            return Err("keywords are texts or regular expressions".into());
        }
        match self.kind {
            Kind::Text => return self.compile_text(value, keyword, tests),
            Kind::Regular => {
                let text = text_of(value).ok_or("a regular expression is a text")?;
                tests.push(Test::Regular(Box::new(Expression::new(&text, self.flags)?)));
            }
            Kind::Network => {
                let text = text_of(value).ok_or("a network is a text")?;
                let network = Network::parse(&text).filter(|_| !network::is_mapped(&text));
                tests.push(Test::Network(network.ok_or("not a network in CIDR notation")?));
            }
            Kind::Exists => match value {
                SigmaValue::Bool(expected) => tests.push(Test::Exists(*expected)),
                _ => return Err("`exists` takes true or false".into()),
            },
            Kind::Reference => {
                let other = plain_text(value).ok_or("a field reference is a plain field name")?;
                let other = intern(names, &other).map_err(|reason| reason.to_string())?;
                tests.push(Test::Reference(other, self.part, self.case));
            }
            Kind::Compare(comparison) => {
                let bound = number_of(value).ok_or("not a number")?;
                tests.push(Test::Compare(comparison, bound));
            }
        }
        Ok(())
    }

    fn compile_text(&self, value: &SigmaValue, keyword: bool, tests: &mut Vec<Test>) -> Result<(), String> {
        let bare = self.part == Part::Whole && self.encodings.is_empty() && !keyword;
        let string = match value {
            SigmaValue::Null if bare => return push(tests, Test::Null),
            SigmaValue::Integer(number) if bare => return push(tests, Test::Integer(*number)),
            SigmaValue::Float(number) if bare => return push(tests, Test::Number(*number)),
            SigmaValue::Null => return Err("null stands for a field that is not there, and takes no modifier".into()),
            SigmaValue::Integer(_) | SigmaValue::Float(_) | SigmaValue::Bool(_) => {
                SigmaString::from_raw(&value.to_string())
            }
            SigmaValue::String(string) => string.clone(),
        };
        // The parser prints nested lists and maps into the value; no event holds that text.
        if string.original.starts_with("Sequence [") || string.original.starts_with("Mapping {") {
            return Err("a list or map where one value belongs".into());
        }
        let mut texts = Vec::new();
        for pieces in self.encoded(&string)? {
            let pieces = wrap(pieces, if keyword { Part::Anywhere } else { self.part });
            let bytes: usize =
                pieces.iter().map(|piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 1 }).sum();
            if bytes > PATTERN_BYTES_MAX {
                return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
            }
            if keyword && !pieces.iter().any(|piece| matches!(piece, Piece::Bytes(bytes) if !bytes.is_empty())) {
                return Err("an empty keyword would hit every record".into());
            }
            texts.push(Test::Text(Pattern::new(pieces, self.case)));
        }
        match texts.len() {
            1 => tests.append(&mut texts),
            _ => tests.push(Test::AnyOf(texts)),
        }
        Ok(())
    }

    /// The texts that a value stands for after its encodings.
    fn encoded(&self, string: &SigmaString) -> Result<Vec<Vec<Piece>>, String> {
        if self.encodings.is_empty() {
            return Ok(vec![pieces_of(string, self.dashes)]);
        }
        let plain = string.as_plain().ok_or("a wildcard cannot be encoded")?;
        let mut texts = vec![plain.into_bytes()];
        for encoding in &self.encodings {
            texts = texts.iter().flat_map(|text| encode_text(*encoding, text)).collect();
        }
        if texts.iter().any(Vec::is_empty) {
            return Err("too short to be found encoded".into());
        }
        Ok(texts.into_iter().map(|text| vec![Piece::Bytes(text)]).collect())
    }
}

fn push(tests: &mut Vec<Test>, test: Test) -> Result<(), String> {
    tests.push(test);
    Ok(())
}

fn encode_text(encoding: Encoding, bytes: &[u8]) -> Vec<Vec<u8>> {
    // UTF-16 is only ever the first step, so the bytes are still the rule's UTF-8.
    let text = String::from_utf8_lossy(bytes);
    match encoding {
        Encoding::Base64 => vec![encode::base64(bytes)],
        Encoding::Base64Offset => encode::base64_offsets(bytes).to_vec(),
        Encoding::Utf16Le => vec![encode::utf16_le(&text)],
        Encoding::Utf16Be => vec![encode::utf16_be(&text)],
        Encoding::Utf16Marked => vec![encode::utf16_marked(&text)],
    }
}

fn wrap(mut pieces: Vec<Piece>, part: Part) -> Vec<Piece> {
    if matches!(part, Part::End | Part::Anywhere) {
        pieces.insert(0, Piece::Many);
    }
    if matches!(part, Part::Start | Part::Anywhere) {
        pieces.push(Piece::Many);
    }
    pieces
}

fn pieces_of(string: &SigmaString, dashes: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in &string.parts {
        match part {
            StringPart::Special(SpecialChar::WildcardMulti) => pieces.push(Piece::Many),
            StringPart::Special(SpecialChar::WildcardSingle) => pieces.push(Piece::One),
            StringPart::Plain(text) if dashes => pieces_with_dashes(text, &mut pieces),
            StringPart::Plain(text) => pieces.push(Piece::Bytes(text.clone().into_bytes())),
        }
    }
    pieces
}

/// Splits at the dashes that begin a flag: before a word, not inside one (pySigma: `\B[-/]\b`).
fn pieces_with_dashes(text: &str, pieces: &mut Vec<Piece>) {
    let word =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    let mut before = None;
    let mut characters = text.chars().peekable();
    let mut run = String::new();
    while let Some(character) = characters.next() {
        let dash = matches!(character, '-' | '/' | '\u{2013}' | '\u{2014}' | '\u{2015}');
        if dash && !word(before) && word(characters.peek().copied()) {
            pieces.push(Piece::Bytes(std::mem::take(&mut run).into_bytes()));
            pieces.push(Piece::Dash);
        } else {
            run.push(character);
        }
        before = Some(character);
    }
    pieces.push(Piece::Bytes(run.into_bytes()));
}

fn text_of(value: &SigmaValue) -> Option<String> {
    match value {
        SigmaValue::String(string) => Some(string.original.clone()),
        SigmaValue::Integer(_) | SigmaValue::Float(_) => Some(value.to_string()),
        SigmaValue::Bool(_) | SigmaValue::Null => None,
    }
}

fn plain_text(value: &SigmaValue) -> Option<String> {
    match value {
        SigmaValue::String(string) => string.as_plain().filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn number_of(value: &SigmaValue) -> Option<f64> {
    match value {
        SigmaValue::Integer(number) => Some(*number as f64),
        SigmaValue::Float(number) => Some(*number),
        SigmaValue::String(string) => parse_number(string.original.as_bytes()),
        SigmaValue::Bool(_) | SigmaValue::Null => None,
    }
}
