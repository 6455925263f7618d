//! One JSON value of a line, borrowed from it.
//!
//! Not `serde_json`, for three reasons that decide whether an attacker can make a line unreadable: a lone surrogate or a
//! control byte or invalid UTF-8 inside a string must not cost the record (event data is attacker-written text); numbers
//! must keep their spelling; and repeated names must all stay visible, the first one in front. What `serde_json` reads,
//! this reads alike (tested against it). Grammar: RFC 8259.

use std::borrow::Cow;

/// Deeper nesting is no event.
pub const DEPTH_MAX: u32 = 32;
/// More values in one line are no event.
pub const VALUES_MAX: u32 = 16_384;

/// A JSON value. Numbers keep their spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the line, repeated names included.
    Object(Vec<Member<'a>>),
}

/// A member of an object.
pub type Member<'a> = (Cow<'a, str>, Json<'a>);

/// Why a line is no JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not JSON.
    Syntax,
    /// The line ends inside the value.
    Cut,
    /// Deeper than [`DEPTH_MAX`].
    Depth,
    /// More than [`VALUES_MAX`] values.
    Count,
}

impl<'a> Json<'a> {
    /// Reads the one value that the bytes hold.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let mut parser = Parser { bytes, at: 0, values: 0 };
        let value = parser.value(0)?;
        match parser.peek_past_blanks() {
            None => Ok(value),
            Some(_) => Err(Flaw::Syntax),
        }
    }

    /// The first member of that name, compared as written.
    pub fn get(&self, name: &str) -> Option<&Self> {
        member(self.members(), name)
    }

    /// The members of an object; nothing for any other value.
    pub fn members(&self) -> &[Member<'a>] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// A text, number or truth value as text; what a writer hid in `#text` or `Value` of an object.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(Cow::Borrowed(*number)),
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Null | Self::List(_) => None,
            Self::Object(members) => {
                let inner = TEXT_NAMES.iter().find_map(|name| member(members, name))?;
                matches!(inner, Self::Text(_) | Self::Number(_) | Self::Bool(_)).then(|| inner.text())?
            }
        }
    }
}

/// Where converters from XML and PowerShell put the text of an element that also has attributes.
const TEXT_NAMES: [&str; 4] = ["#text", "Value", "value", "#value"];

/// The first member of that name.
pub fn member<'m, 'a>(members: &'m [Member<'a>], name: &str) -> Option<&'m Json<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    values: u32,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: u32) -> Result<Json<'a>, Flaw> {
        if depth > DEPTH_MAX {
            return Err(Flaw::Depth);
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(Flaw::Count);
        }
        match self.peek_past_blanks().ok_or(Flaw::Cut)? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => Ok(Json::Text(self.text()?)),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Json::Bool(true)),
            b'f' => self.word(b"false", Json::Bool(false)),
            b'n' => self.word(b"null", Json::Null),
            _ => Err(Flaw::Syntax),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, Flaw> {
        self.at += 1;
        let mut members = Vec::with_capacity(8);
        if self.take_past_blanks(b'}')? {
            return Ok(Json::Object(members));
        }
        loop {
            if self.peek_past_blanks().ok_or(Flaw::Cut)? != b'"' {
                return Err(Flaw::Syntax);
            }
            let name = self.text()?;
            if !self.take_past_blanks(b':')? {
                return Err(Flaw::Syntax);
            }
            members.push((name, self.value(depth + 1)?));
            if self.take_past_blanks(b'}')? {
                return Ok(Json::Object(members));
            }
            if !self.take_past_blanks(b',')? {
                return Err(Flaw::Syntax);
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<Json<'a>, Flaw> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take_past_blanks(b']')? {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take_past_blanks(b']')? {
                return Ok(Json::List(items));
            }
            if !self.take_past_blanks(b',')? {
                return Err(Flaw::Syntax);
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, Flaw> {
        let rest = self.rest();
        let length =
            rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let spelling = rest.get(..length).unwrap_or_default();
        self.at += length;
        let text = std::str::from_utf8(spelling).map_err(|_| Flaw::Syntax)?;
        if is_number(spelling) { Ok(Json::Number(text)) } else { Err(Flaw::Syntax) }
    }

    fn word(&mut self, word: &[u8], value: Json<'a>) -> Result<Json<'a>, Flaw> {
        let rest = self.rest();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(if word.starts_with(rest) { Flaw::Cut } else { Flaw::Syntax })
    }

    /// A text whose opening quote is next.
    fn text(&mut self) -> Result<Cow<'a, str>, Flaw> {
        self.at += 1;
        let rest = self.rest();
        let length = memchr::memchr2(b'"', b'\\', rest).ok_or(Flaw::Cut)?;
        let plain = rest.get(..length).unwrap_or_default();
        self.at += length;
        if rest.get(length) == Some(&b'"') {
            self.at += 1;
            return Ok(String::from_utf8_lossy(plain));
        }
        self.escaped_text(plain)
    }

    /// The rest of a text from its first backslash on.
    fn escaped_text(&mut self, begin: &[u8]) -> Result<Cow<'a, str>, Flaw> {
        let mut text = Vec::with_capacity(begin.len() * 2 + 32);
        text.extend_from_slice(begin);
        loop {
            let rest = self.rest();
            let length = memchr::memchr2(b'"', b'\\', rest).ok_or(Flaw::Cut)?;
            text.extend_from_slice(rest.get(..length).unwrap_or_default());
            self.at += length + 1;
            if rest.get(length) == Some(&b'"') {
                break;
            }
            self.escape(&mut text)?;
        }
        let text = String::from_utf8(text);
        Ok(Cow::Owned(text.unwrap_or_else(|flawed| String::from_utf8_lossy(flawed.as_bytes()).into_owned())))
    }

    /// What follows a backslash. An unknown escape stays as it is written.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Flaw> {
        let escaped = *self.rest().first().ok_or(Flaw::Cut)?;
        self.at += 1;
        match escaped {
            b'"' | b'\\' | b'/' => text.push(escaped),
            b'b' => text.push(0x08),
            b'f' => text.push(0x0C),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let unit = self.unicode_escape();
                text.extend_from_slice(unit.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.extend_from_slice(&[b'\\', other]),
        }
        Ok(())
    }

    /// The four digits behind `\u`, with the second half of a surrogate pair where there is one. Whatever is no
    /// character becomes U+FFFD.
    fn unicode_escape(&mut self) -> char {
        let Some(first) = hex_digits(self.rest()) else {
            return char::REPLACEMENT_CHARACTER;
        };
        self.at += 4;
        if (0xD800..0xDC00).contains(&first)
            && let Some(second) = self.rest().strip_prefix(b"\\u").and_then(hex_digits)
            && (0xDC00..0xE000).contains(&second)
        {
            self.at += 6;
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek_past_blanks(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.bytes.get(self.at).copied()
    }

    fn take_past_blanks(&mut self, wanted: u8) -> Result<bool, Flaw> {
        let found = self.peek_past_blanks().ok_or(Flaw::Cut)? == wanted;
        self.at += usize::from(found);
        Ok(found)
    }
}

fn hex_digits(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4)?;
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

/// `-1`, `0.5`, `1e+9`; no leading zeros, no bare point.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let mut rest = text.get(whole..).unwrap_or_default();
    if whole == 0 || (whole > 1 && text.starts_with(b"0")) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, Flaw, Json};

    fn as_serde(value: &Json<'_>) -> serde_json::Value {
        match value {
            Json::Null => serde_json::Value::Null,
            Json::Bool(truth) => (*truth).into(),
            Json::Number(number) => serde_json::from_str(number).unwrap(),
            Json::Text(text) => text.as_ref().into(),
            Json::List(items) => items.iter().map(as_serde).collect(),
            Json::Object(members) => members.iter().map(|(key, value)| (key.to_string(), as_serde(value))).collect(),
        }
    }

    #[test]
    fn reads_what_serde_json_reads_and_refuses_what_is_cut() {
        let line = r#" {"a":[1,-0.5,1e9,12E-3,0,true,false,null,"",{}],"b":{"c":"x\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","":[]} , "é":"ü"} "#;
        let ours = Json::parse(line.as_bytes()).unwrap();
        assert_eq!(as_serde(&ours), serde_json::from_str::<serde_json::Value>(line).unwrap());
        let inner = line.trim();
        for cut in 0..inner.len() {
            assert!(matches!(Json::parse(&inner.as_bytes()[..cut]), Err(Flaw::Cut | Flaw::Syntax)), "{cut}");
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        for line in
            ["{]", "{1:2}", "[1,]", "01", "1.", ".5", "1e", "-", "tru", "{}{}", "'a'", "[1 2]", "NaN", "{\"a\" 1}"]
        {
            assert!(Json::parse(line.as_bytes()).is_err(), "{line}");
            assert!(serde_json::from_str::<serde_json::Value>(line).is_err(), "{line}");
        }
    }

    #[test]
    fn odd_text_does_not_cost_the_line() {
        let cases: [(&[u8], &str); 6] = [
            (br#""a\ud800b""#, "a\u{FFFD}b"),
            (br#""\ud800\u0041""#, "\u{FFFD}A"),
            (br#""\u12""#, "\u{FFFD}12"),
            (b"\"caf\xe9\"", "caf\u{FFFD}"),
            (b"\"a\x00\x1b\"", "a\0\u{1b}"),
            (br#""C:\Windows\x""#, "C:\\Windows\\x"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Json::parse(bytes), Ok(Json::Text(text.into())));
        }
    }

    #[test]
    fn depth_and_count_are_limited() {
        let depth = DEPTH_MAX as usize;
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(depth).as_bytes()).is_ok());
        assert_eq!(Json::parse(nested(depth + 2).as_bytes()), Err(Flaw::Depth));
        assert_eq!(Json::parse(format!("[{}0]", "0,".repeat(20_000)).as_bytes()), Err(Flaw::Count));
    }
}
