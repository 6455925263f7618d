//! Tokens, the same for all languages.

use std::rc::Rc;

/// Where something stands: a decoded layer of the page (0 is the page itself) and a line of it, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At {
    pub layer: u16,
    pub line: u32,
    /// Which token it is: a page may be a single line.
    pub place: u32,
}

impl At {
    /// Whether both are on one line.
    pub fn is_on_line_of(self, other: Self) -> bool {
        (self.layer, self.line) == (other.layer, other.line)
    }
}

/// The smallest piece of code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword, lower case: no language here needs the case to tell two things apart that matter.
    Name(Rc<str>),
    /// A name that cannot be a keyword: `@class`, `[class]`.
    Quoted(Rc<str>),
    Text(Rc<str>),
    /// `$"…{code}…"`: what stands between the braces is code.
    Woven(Rc<[Woven]>),
    Number(f64),
    /// Punctuation: `+`, `=>`, `<>`.
    Sign(&'static str),
    /// The end of a line, where lines matter.
    LineEnd,
    /// Markup between two pieces of code: a statement that shows something.
    Markup,
    /// `<%=`: what follows up to `ShownEnd` is shown.
    Shown,
    ShownEnd,
}

/// A part of an interpolated string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Woven {
    Text(Rc<str>),
    Code(Rc<str>),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub token: Token,
    pub line: u32,
}

/// Takes the longest of the signs with which `rest` begins.
pub(crate) fn sign(rest: &str, signs: &'static [&'static str]) -> Option<&'static str> {
    signs.iter().filter(|sign| rest.starts_with(**sign)).max_by_key(|sign| sign.len()).copied()
}
