//! What stands behind the `|` of a field, and what it makes of values.
//!
//! Modifiers act in the order in which they are written (Sigma, appendix "modifiers"). Combinations without a meaning
//! are refused.

use rsigma_parser::{Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};

use super::detection::Compiling;
use super::encode;
use super::item::{Comparison, Part, Test, intern, parse_number};
use super::moment::TimePart;
use super::network::{self, Network};
use super::pattern::{Case, DASHES, PATTERN_BYTES_MAX, Pattern, Piece};
use super::reason::Reason;
use super::regular::{Expression, Flags};

/// Upper bound of the texts that one value can be encoded to: four dashes of five kinds.
const ENCODED_MAX: usize = 625;

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
pub(super) struct Modifiers {
    /// `|all`.
    pub(super) all: bool,
    /// `|neq`.
    pub(super) negated: bool,
    keyword: bool,
    kind: Kind,
    part: Part,
    case: Case,
    dashes: bool,
    expand: bool,
    time: Option<TimePart>,
    flags: Flags,
    encodings: Vec<Encoding>,
}

impl Modifiers {
    pub(super) fn read(modifiers: &[Modifier], keyword: bool) -> Result<Self, Reason> {
        let mut read = Self {
            all: false,
            negated: false,
            keyword,
            kind: Kind::Text,
            part: Part::Whole,
            case: Case::Disregarded,
            dashes: false,
            expand: false,
            time: None,
            flags: Flags::default(),
            encodings: Vec::new(),
        };
        for modifier in modifiers {
            read.add(*modifier)?;
        }
        if read.is_meaningful() { Ok(read) } else { Err(Reason::Modifier(format!("{modifiers:?}").to_lowercase())) }
    }

    fn add(&mut self, modifier: Modifier) -> Result<(), Reason> {
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.negated = true,
            Modifier::Cased => self.case = Case::Kept,
            Modifier::WindAsh => self.dashes = true,
            Modifier::IgnoreCase => self.flags.ignore_case = true,
            Modifier::Multiline => self.flags.multi_line = true,
            Modifier::DotAll => self.flags.dot_all = true,
            Modifier::Contains => self.become_part(Part::Anywhere)?,
            Modifier::StartsWith => self.become_part(Part::Start)?,
            Modifier::EndsWith => self.become_part(Part::End)?,
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
            Modifier::Expand if self.encodings.is_empty() => self.expand = true,
            Modifier::Expand => return Err(Reason::Modifier("expand behind an encoding".into())),
            Modifier::Minute => self.take(TimePart::Minute)?,
            Modifier::Hour => self.take(TimePart::Hour)?,
            Modifier::Day => self.take(TimePart::Day)?,
            Modifier::Week => self.take(TimePart::Week)?,
            Modifier::Month => self.take(TimePart::Month)?,
            Modifier::Year => self.take(TimePart::Year)?,
        }
        Ok(())
    }

    fn become_part(&mut self, part: Part) -> Result<(), Reason> {
        if self.part != Part::Whole {
            return Err(Reason::Modifier(format!("{:?} beside {part:?}", self.part).to_lowercase()));
        }
        self.part = part;
        Ok(())
    }

    fn become_kind(&mut self, kind: Kind) -> Result<(), Reason> {
        // The wildcards that a part puts around a value would become part of the expression, or of a field's name.
        let is_behind_part = self.part != Part::Whole && matches!(kind, Kind::Regular | Kind::Reference);
        if self.kind != Kind::Text || is_behind_part {
            return Err(Reason::Modifier(format!("{kind:?} behind {:?} {:?}", self.kind, self.part).to_lowercase()));
        }
        self.kind = kind;
        Ok(())
    }

    fn take(&mut self, part: TimePart) -> Result<(), Reason> {
        match self.time.replace(part) {
            None => Ok(()),
            Some(other) => Err(Reason::Modifier(format!("{other:?} beside {part:?}").to_lowercase())),
        }
    }

    /// Only the orders that have a meaning: text to UTF-16 to base64, each at most once and before the part.
    fn encode(&mut self, encoding: Encoding) -> Result<(), Reason> {
        let base = |encoding: &Encoding| matches!(encoding, Encoding::Base64 | Encoding::Base64Offset);
        let fits = match self.encodings.as_slice() {
            [] => true,
            [first] => !base(first) && base(&encoding),
            _ => false,
        };
        if !fits || self.part != Part::Whole {
            return Err(Reason::Modifier(format!("{encoding:?} in this place").to_lowercase()));
        }
        self.encodings.push(encoding);
        Ok(())
    }

    fn is_meaningful(&self) -> bool {
        let is_text = self.kind == Kind::Text && self.time.is_none();
        let part_fits = self.part == Part::Whole || is_text || matches!(self.kind, Kind::Reference | Kind::Regular);
        let case_fits = self.case == Case::Disregarded
            || is_text
            || (matches!(self.kind, Kind::Reference | Kind::Regular) && !self.flags.ignore_case);
        let flags_fit = self.kind == Kind::Regular || self.flags == Flags::default();
        let text_fits = is_text || (!self.dashes && self.encodings.is_empty());
        let time_fits = self.time.is_none() || matches!(self.kind, Kind::Text | Kind::Compare(_));
        // "Different from" stands beside no other comparison, and whether a field is there is no value.
        let neq_fits = !self.negated || !(self.keyword || matches!(self.kind, Kind::Compare(_) | Kind::Exists));
        let expand_fits = !self.expand || self.kind != Kind::Exists;
        // A message has no agreed beginning and end.
        let keyword_fits = !self.keyword
            || ((is_text || self.kind == Kind::Regular) && matches!(self.part, Part::Whole | Part::Anywhere));
        part_fits && case_fits && flags_fit && text_fits && time_fits && neq_fits && expand_fits && keyword_fits
    }

    /// The test that a value stands for.
    pub(super) fn compile(&self, value: &SigmaValue, compiling: &mut Compiling<'_>) -> Result<Test, String> {
        // The parser prints nested lists and maps into the value; no event holds that text.
        if let SigmaValue::String(text) = value
            && (text.original.starts_with("Sequence [") || text.original.starts_with("Mapping {"))
        {
            return Err("a list or map where one value belongs".into());
        }
        let SigmaValue::String(text) = value else {
            return self.compile_one(value, compiling);
        };
        if !self.expand {
            return self.compile_one(value, compiling);
        }
        let read = |text: &String| match self.kind {
            Kind::Regular => SigmaValue::String(SigmaString::from_raw(text)),
            _ => SigmaValue::String(SigmaString::new(text)),
        };
        let texts = compiling.placeholders.expand(&text.original)?;
        let tests = texts.iter().map(|text| self.compile_one(&read(text), compiling)).collect::<Result<_, _>>()?;
        Ok(any_of(tests))
    }

    fn compile_one(&self, value: &SigmaValue, compiling: &mut Compiling<'_>) -> Result<Test, String> {
        if let Some(part) = self.time {
            let comparison = if let Kind::Compare(comparison) = self.kind { comparison } else { Comparison::Equal };
            let number = number_of(value).ok_or("a part of a date is a number")?;
            return Ok(Test::Time(part, comparison, number));
        }
        match self.kind {
            Kind::Text => self.compile_text(value),
            Kind::Regular => {
                let text = text_of(value).ok_or("a regular expression is a text")?;
                let text = match self.part {
                    Part::Whole | Part::Anywhere => text,
                    Part::Start => format!("\\A(?:{text})"),
                    Part::End => format!("(?:{text})\\z"),
                };
                Ok(Test::Regular(Expression::shared(text, self.flags)?))
            }
            Kind::Network => {
                let text = text_of(value).ok_or("a network is a text")?;
                let network = Network::parse(&text).filter(|_| !network::is_mapped(&text));
                Ok(Test::Network(network.ok_or("not a network in CIDR notation")?))
            }
            Kind::Exists => match value {
                SigmaValue::Bool(expected) => Ok(Test::Exists(*expected)),
                _ => Err("`exists` takes true or false".into()),
            },
            Kind::Reference => {
                let other = plain_text(value).ok_or("a field reference is a plain field name")?;
                let other = intern(compiling.names, &other).map_err(|reason| reason.to_string())?;
                Ok(Test::Reference(other, self.part, self.case))
            }
            Kind::Compare(comparison) => {
                let bound = number_of(value).ok_or("not a number")?;
                Ok(Test::Compare(comparison, bound))
            }
        }
    }

    fn compile_text(&self, value: &SigmaValue) -> Result<Test, String> {
        let bare = self.part == Part::Whole && self.encodings.is_empty() && !self.keyword;
        let string = match value {
            SigmaValue::Null if bare => return Ok(Test::Null),
            SigmaValue::Integer(number) if bare => return Ok(Test::Integer(*number)),
            SigmaValue::Float(number) if bare => return Ok(Test::Number(*number)),
            SigmaValue::Null => return Err("null stands for a field that is not there, and takes no modifier".into()),
            SigmaValue::Integer(_) | SigmaValue::Float(_) | SigmaValue::Bool(_) => {
                SigmaString::from_raw(&value.to_string())
            }
            SigmaValue::String(string) => string.clone(),
        };
        let mut texts = Vec::new();
        for pieces in self.encoded(&string)? {
            let pieces = wrap(pieces, if self.keyword { Part::Anywhere } else { self.part });
            let bytes: usize =
                pieces.iter().map(|piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 1 }).sum();
            if bytes > PATTERN_BYTES_MAX {
                return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
            }
            if self.keyword && !pieces.iter().any(|piece| matches!(piece, Piece::Bytes(bytes) if !bytes.is_empty())) {
                return Err("an empty keyword would hit every record".into());
            }
            texts.push(Test::Text(Pattern::new(pieces, self.case)));
        }
        Ok(any_of(texts))
    }

    /// The texts that a value stands for after its encodings.
    fn encoded(&self, string: &SigmaString) -> Result<Vec<Vec<Piece>>, String> {
        if self.encodings.is_empty() {
            return Ok(vec![pieces_of(string, self.dashes)]);
        }
        let plain = string.as_plain().ok_or("a wildcard cannot be encoded")?;
        let mut texts: Vec<Vec<u8>> = if self.dashes { permutations(&plain)? } else { vec![plain.into_bytes()] };
        for encoding in &self.encodings {
            texts = texts.iter().flat_map(|text| encode_text(*encoding, text)).collect();
        }
        if texts.iter().any(Vec::is_empty) {
            return Err("too short to be found encoded".into());
        }
        Ok(texts.into_iter().map(|text| vec![Piece::Bytes(text)]).collect())
    }
}

fn any_of(mut tests: Vec<Test>) -> Test {
    if tests.len() == 1 { tests.remove(0) } else { Test::AnyOf(tests) }
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
            StringPart::Plain(text) if dashes => {
                for run in text.split_inclusive(is_dash) {
                    let plain = run.trim_end_matches(is_dash);
                    pieces.push(Piece::Bytes(plain.as_bytes().to_vec()));
                    if plain.len() < run.len() {
                        pieces.push(Piece::Dash);
                    }
                }
            }
            StringPart::Plain(text) => pieces.push(Piece::Bytes(text.clone().into_bytes())),
        }
    }
    pieces
}

/// The characters that `windash` takes for one another.
fn is_dash(character: char) -> bool {
    DASHES.iter().any(|dash| *dash == character.encode_utf8(&mut [0; 4]).as_bytes())
}

/// A text with every dash in every of its writings.
fn permutations(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut texts = vec![Vec::new()];
    for character in text.chars() {
        let writings: Vec<Vec<u8>> = if is_dash(character) {
            DASHES.iter().map(|dash| dash.to_vec()).collect()
        } else {
            vec![character.to_string().into_bytes()]
        };
        if texts.len() * writings.len() > ENCODED_MAX {
            return Err("more than four dashes cannot be encoded in all their writings".into());
        }
        texts = texts.iter().flat_map(|text| writings.iter().map(move |end| [text.as_slice(), end].concat())).collect();
    }
    Ok(texts)
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
