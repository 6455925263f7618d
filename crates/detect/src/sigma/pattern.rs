//! String tests with wildcards, over borrowed bytes.
//!
//! Case is disregarded unless the rule says `cased`: ASCII letters equal ASCII letters, other letters are compared by
//! their simple lower-case mapping. ASCII letters never equal others (the Kelvin sign is no `k`), so that the search
//! for required literals sees whatever the test would accept.

use std::borrow::Cow;
use std::cell::OnceCell;

use memchr::{memchr, memchr2, memmem};

/// Upper bound of the bytes of one pattern, after encoding.
pub(super) const PATTERN_BYTES_MAX: usize = 64 * 1024;

/// Characters that the `windash` modifier takes for one another.
pub(super) const DASHES: [&[u8]; 5] = [b"-", b"/", "\u{2013}".as_bytes(), "\u{2014}".as_bytes(), "\u{2015}".as_bytes()];

/// Whether letters of different case are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// The default.
    Disregarded,
    /// `|cased`.
    Kept,
}

/// A piece of a value as the rule writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Plain bytes.
    Bytes(Vec<u8>),
    /// `?`: one character.
    One,
    /// `*`: any characters, also none.
    Many,
    /// Any of the dashes of `windash`.
    Dash,
}

/// A text that many patterns are put to: folded once, and only if one of them asks.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) written: &'a [u8],
    /// `None` inside: all of it is ASCII.
    folded: OnceCell<Option<Cow<'a, [u8]>>>,
}

impl<'a> Text<'a> {
    pub(super) fn new(written: &'a [u8]) -> Self {
        Self { written, folded: OnceCell::new() }
    }

    /// The text in lower case.
    pub(super) fn lower(&self) -> Cow<'_, [u8]> {
        self.folded().map_or_else(|| Cow::Owned(self.written.to_ascii_lowercase()), Cow::Borrowed)
    }

    /// The text in lower case; `None` where all of it is ASCII.
    fn folded(&self) -> Option<&[u8]> {
        let folded = || (!self.written.is_ascii()).then(|| fold(self.written));
        self.folded.get_or_init(folded).as_deref()
    }
}

/// A compiled string test.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    case: Case,
    /// Some letter is not ASCII, so the text has to be folded before it is compared.
    folds: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<[u8]>, Needle),
    Glob(Glob),
}

/// Runs of pieces between the stars.
#[derive(Clone, Debug)]
struct Glob {
    head: Box<[Piece]>,
    middle: Vec<Box<[Piece]>>,
    /// `None`: there is no star, the head is all.
    tail: Option<Box<[Piece]>>,
}

/// The byte of a needle that is looked for first: its rarest.
#[derive(Clone, Copy, Debug)]
struct Needle {
    at: usize,
    lower: u8,
    upper: u8,
}

impl Pattern {
    /// Compiles pieces; neighbouring bytes and stars are joined.
    pub(super) fn new(pieces: Vec<Piece>, case: Case) -> Self {
        let pieces = join(pieces, case);
        let folds = case == Case::Disregarded
            && pieces.iter().any(|piece| matches!(piece, Piece::Bytes(bytes) if !bytes.is_ascii()));
        let shape = match pieces.as_slice() {
            [] => Shape::Exact(Box::default()),
            [Piece::Bytes(bytes)] => Shape::Exact(bytes.as_slice().into()),
            [Piece::Bytes(bytes), Piece::Many] => Shape::Prefix(bytes.as_slice().into()),
            [Piece::Many, Piece::Bytes(bytes)] => Shape::Suffix(bytes.as_slice().into()),
            [Piece::Many, Piece::Bytes(bytes), Piece::Many] => {
                Shape::Contains(bytes.as_slice().into(), Needle::of(bytes))
            }
            _ => Shape::Glob(Glob::new(&pieces)),
        };
        Self { case, folds, shape }
    }

    /// The test for nothing at all: `''`.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.shape, Shape::Exact(bytes) if bytes.is_empty())
    }

    /// What a test costs, in rough units.
    pub(super) fn cost(&self) -> u64 {
        match &self.shape {
            Shape::Exact(_) | Shape::Prefix(_) | Shape::Suffix(_) => 2,
            Shape::Contains(..) => 10,
            Shape::Glob(_) => 20,
        }
    }

    /// Whether every text that fits has a byte that is not ASCII.
    pub(super) fn needs_non_ascii(&self) -> bool {
        self.runs().iter().any(|run| !run.is_ascii())
    }

    /// The only text that fits in any case of its letters, in lower case; nothing at all is none.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        match &self.shape {
            Shape::Exact(bytes) if self.case == Case::Disregarded && !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }

    /// The ASCII text of which any fitting one needs to hold nothing but this somewhere, in any case of its letters.
    pub(super) fn part(&self) -> Option<&[u8]> {
        match &self.shape {
            Shape::Contains(bytes, _) if self.case == Case::Disregarded && bytes.is_ascii() => Some(bytes),
            _ => None,
        }
    }

    /// The only text that fits, if there is one.
    pub(super) fn exact(&self) -> Option<&[u8]> {
        match &self.shape {
            Shape::Exact(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether the whole text fits the pattern.
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        match self.folds {
            false => self.matches_folded(text.written),
            // Letters that are not ASCII equal none that are.
            true => text.folded().is_some_and(|folded| self.matches_folded(folded)),
        }
    }

    fn matches_folded(&self, text: &[u8]) -> bool {
        let case = self.case;
        match &self.shape {
            Shape::Exact(bytes) => text.len() == bytes.len() && equal(text, bytes, case),
            Shape::Prefix(bytes) => text.get(..bytes.len()).is_some_and(|head| equal(head, bytes, case)),
            Shape::Suffix(bytes) => ends_with(text, bytes, case),
            Shape::Contains(bytes, needle) => find_bytes(text, bytes, *needle, case).is_some(),
            Shape::Glob(glob) => glob.matches(text, case),
        }
    }

    /// Runs of bytes that any matching text contains; letters of unkept case are lower.
    pub(super) fn runs(&self) -> Vec<&[u8]> {
        match &self.shape {
            Shape::Exact(bytes) | Shape::Prefix(bytes) | Shape::Suffix(bytes) | Shape::Contains(bytes, _) => {
                vec![bytes]
            }
            Shape::Glob(glob) => glob
                .head
                .iter()
                .chain(glob.middle.iter().flat_map(|run| run.iter()))
                .chain(glob.tail.iter().flat_map(|run| run.iter()))
                .filter_map(|piece| match piece {
                    Piece::Bytes(bytes) => Some(bytes.as_slice()),
                    _ => None,
                })
                .collect(),
        }
    }
}

impl Glob {
    fn new(pieces: &[Piece]) -> Self {
        let mut runs: Vec<Box<[Piece]>> = pieces.split(|piece| *piece == Piece::Many).map(Into::into).collect();
        let tail = if runs.len() > 1 { runs.pop() } else { None };
        let head = if runs.is_empty() { Box::default() } else { runs.remove(0) };
        runs.retain(|run| !run.is_empty());
        Self { head, middle: runs, tail }
    }

    fn matches(&self, text: &[u8], case: Case) -> bool {
        let Some(mut at) = match_at(&self.head, text, 0, case) else {
            return false;
        };
        let Some(tail) = &self.tail else {
            return at == text.len();
        };
        for run in &self.middle {
            match find_run(run, text, at, case) {
                Some(end) => at = end,
                None => return false,
            }
        }
        ends_with_run(tail, text, at, case)
    }
}

/// The end of a run that starts at `from`, if it does. Every piece has at most one length there.
fn match_at(run: &[Piece], text: &[u8], from: usize, case: Case) -> Option<usize> {
    let mut at = from;
    for piece in run {
        let rest = text.get(at..)?;
        at += match piece {
            Piece::Bytes(bytes) => {
                rest.get(..bytes.len()).filter(|head| equal(head, bytes, case)).map(|_| bytes.len())?
            }
            Piece::One => character_length(rest)?,
            Piece::Dash => DASHES.iter().find(|dash| rest.starts_with(dash)).map(|dash| dash.len())?,
            Piece::Many => 0,
        };
    }
    Some(at)
}

/// The end of the first place where a run occurs.
fn find_run(run: &[Piece], text: &[u8], from: usize, case: Case) -> Option<usize> {
    if let [Piece::Bytes(bytes)] = run {
        let start = find_bytes(text.get(from..)?, bytes, Needle::of(bytes), case)?;
        return Some(from + start + bytes.len());
    }
    (from..=text.len()).filter(|at| starts_character(text, *at)).find_map(|at| match_at(run, text, at, case))
}

/// Whether the text from `from` on ends with the run.
fn ends_with_run(run: &[Piece], text: &[u8], from: usize, case: Case) -> bool {
    match run {
        [] => true,
        [Piece::Bytes(bytes)] => text.get(from..).is_some_and(|rest| ends_with(rest, bytes, case)),
        _ => (from..=text.len())
            .filter(|at| starts_character(text, *at))
            .any(|at| match_at(run, text, at, case) == Some(text.len())),
    }
}

fn starts_character(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

/// Bytes of the first character; a byte that is not UTF-8 counts as one.
fn character_length(text: &[u8]) -> Option<usize> {
    let length = match text.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let whole = text.get(..length).is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
    Some(if whole { length } else { 1 })
}

fn equal(text: &[u8], bytes: &[u8], case: Case) -> bool {
    match case {
        Case::Disregarded => text.eq_ignore_ascii_case(bytes),
        Case::Kept => text == bytes,
    }
}

fn ends_with(text: &[u8], bytes: &[u8], case: Case) -> bool {
    let start = text.len().checked_sub(bytes.len());
    start.and_then(|start| text.get(start..)).is_some_and(|tail| equal(tail, bytes, case))
}

impl Needle {
    fn of(bytes: &[u8]) -> Self {
        let at = (0..bytes.len()).min_by_key(|at| commonness(bytes[*at])).unwrap_or(0);
        let byte = bytes.get(at).copied().unwrap_or(0);
        Self { at, lower: byte.to_ascii_lowercase(), upper: byte.to_ascii_uppercase() }
    }
}

/// How often a byte stands in logs, roughly.
fn commonness(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b'e' | b'a' | b'o' | b'i' | b't' | b's' | b'n' | b'r' | b'c' => 9,
        b'0'..=b'9' | b'-' | b'.' | b'/' | b' ' | b'd' | b'l' | b'p' | b'm' => 7,
        b'u' | b'h' | b'w' | b'f' | b'b' | b'g' | b'x' | b',' | b'=' | b';' => 5,
        b'v' | b'y' | b'k' | b':' | b'&' | b'+' | b'%' | b'_' => 3,
        _ => 1,
    }
}

/// Where the bytes first occur.
fn find_bytes(text: &[u8], bytes: &[u8], needle: Needle, case: Case) -> Option<usize> {
    if case == Case::Kept {
        return memmem::find(text, bytes);
    }
    if bytes.is_empty() {
        return Some(0);
    }
    let last = text.len().checked_sub(bytes.len())?;
    let mut from = 0;
    while from <= last {
        let place = text.get(from + needle.at..=last + needle.at)?;
        let skipped = if needle.lower == needle.upper {
            memchr(needle.lower, place)?
        } else {
            memchr2(needle.lower, needle.upper, place)?
        };
        let start = from + skipped;
        if text.get(start..start + bytes.len()).is_some_and(|window| window.eq_ignore_ascii_case(bytes)) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

fn join(pieces: Vec<Piece>, case: Case) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Many), Piece::Many) => {}
            (Some(Piece::Bytes(last)), Piece::Bytes(bytes)) => last.extend_from_slice(&bytes),
            (_, Piece::Bytes(bytes)) if bytes.is_empty() => {}
            (_, piece) => joined.push(piece),
        }
    }
    if case == Case::Disregarded {
        for piece in &mut joined {
            if let Piece::Bytes(bytes) = piece {
                *bytes = fold(bytes).into_owned();
            }
        }
    }
    joined
}

/// Lower case: ASCII, and letters whose lower case is one character. Bytes that are not UTF-8 stay.
pub(super) fn fold(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() && !text.iter().any(u8::is_ascii_uppercase) {
        return Cow::Borrowed(text);
    }
    let mut folded = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let lower = lower_case(character);
            folded.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
        }
        folded.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(folded)
}

/// The simple mapping. A letter whose lower case would be ASCII or several characters stays what it is.
fn lower_case(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if one.is_ascii() == character.is_ascii() => one,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Pattern, Piece, Text};

    /// Reads `*` and `?` without escapes.
    fn pattern(text: &str, case: Case) -> Pattern {
        let pieces = text.chars().map(|character| match character {
            '*' => Piece::Many,
            '?' => Piece::One,
            '~' => Piece::Dash,
            other => Piece::Bytes(other.to_string().into_bytes()),
        });
        Pattern::new(pieces.collect(), case)
    }

    #[test]
    fn compares_whole_texts() {
        for (written, text, fits) in [
            ("cmd.exe", "CMD.EXE", true),
            ("cmd.exe", "cmd.exe ", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("*a", "bA", true),
            ("a*", "Ab", true),
            ("*a*", "xAx", true),
            ("*a*", "xbx", false),
            ("a*b*c", "aXbXXc", true),
            ("a*b*c", "aXXc", false),
            ("a*b", "ab", true),
            ("ab*ba", "aba", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "a\u{e9}c", true),
            ("?", "", false),
            ("*?", "", false),
            ("*?", "\u{2013}", true),
            ("*a?", "aab", true),
            ("*a?b*", "xaab", true),
            ("??*", "a", false),
            ("x*??", "x\u{e9}\u{e9}", true),
            ("*~enc*", "powershell \u{2013}enc", true),
            ("*~enc*", "powershell +enc", false),
            ("M\u{dc}LL*", "m\u{fc}ll.aspx", true),
            ("k", "\u{212a}", false),
        ] {
            assert_eq!(
                pattern(written, Case::Disregarded).matches(&Text::new(text.as_bytes())),
                fits,
                "{written} {text}"
            );
        }
    }

    #[test]
    fn keeps_case_when_told() {
        assert!(pattern("*Ab*", Case::Kept).matches(&Text::new(b"xAbx")));
        assert!(!pattern("*Ab*", Case::Kept).matches(&Text::new(b"xabx")));
        assert!(!pattern("Ab*", Case::Kept).matches(&Text::new(b"abx")));
    }

    #[test]
    fn takes_any_bytes() {
        assert!(pattern("*\u{e9}*", Case::Disregarded).matches(&Text::new(b"\xff\xc3\x89\xff")));
        assert!(pattern("a?b", Case::Disregarded).matches(&Text::new(b"a\xffb")));
        assert!(!pattern("a?b", Case::Disregarded).matches(&Text::new(b"a\xff\xffb")));
    }
}
