//! Tokens of C#, JScript and JScript.NET.

use std::rc::Rc;

use model::page::Language;

use crate::code::cursor::{is_format, name_of};
use crate::code::token::{Placed, Token, Woven, sign};

const SIGNS: &[&str] = &[
    ">>>=", "===", "!==", ">>>", "<<=", ">>=", "??=", "...", "=>", "==", "!=", "<=", ">=", "&&", "||", "++", "--",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", "??", "?.", "::", "->", "+", "-", "*", "/", "%", "&", "|",
    "^", "~", "!", "=", "<", ">", "?", ":", ";", ",", ".", "(", ")", "[", "]", "{", "}", "@", "#",
];

/// A longer regular expression is none.
const PATTERN_LETTERS_MAX: usize = 256;
/// Parts of an interpolated string.
const WOVEN_MAX: usize = 200;

/// Adds the tokens of `text` that begins on line `line`.
pub(super) fn read(text: &str, line: u32, language: Language, tokens: &mut Vec<Placed>) {
    Lexer { text, next: 0, line, is_script: language == Language::JScript, tokens }.run();
}

struct Lexer<'t> {
    text: &'t str,
    next: usize,
    line: u32,
    is_script: bool,
    tokens: &'t mut Vec<Placed>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) {
        while let Some(letter) = self.rest().chars().next() {
            let line = self.line;
            let Some(token) = self.token(letter) else { continue };
            self.tokens.push(Placed { token, line });
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.next..).unwrap_or_default()
    }

    /// Moves on over so many bytes.
    fn skip(&mut self, bytes: usize) -> &str {
        let until = (self.next + bytes).min(self.text.len());
        let skipped = self.text.get(self.next..until).unwrap_or_default();
        self.line += u32::try_from(memchr::memchr_iter(b'\n', skipped.as_bytes()).count()).unwrap_or(u32::MAX);
        self.next = until;
        skipped
    }

    fn skip_until(&mut self, end: &str) {
        let bytes = self.rest().find(end).map_or(self.text.len(), |at| at + end.len());
        self.skip(bytes);
    }

    fn token(&mut self, letter: char) -> Option<Token> {
        let rest = self.rest();
        if letter.is_whitespace() || letter == '\0' || is_format(letter) {
            let blank = |letter: char| letter.is_whitespace() || letter == '\0' || is_format(letter);
            let bytes = rest.find(|letter| !blank(letter)).unwrap_or(rest.len());
            self.skip(bytes);
            return None;
        }
        if rest.starts_with("//") || (letter == '#' && self.at_line_start()) {
            // A preprocessor line is passed over: all arms of an `#if` are read.
            let bytes = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
            self.skip(bytes);
            return None;
        }
        if rest.starts_with("/*") {
            self.skip(2);
            self.skip_until("*/");
            return None;
        }
        if rest.starts_with("<!--") && self.is_script {
            self.skip_until("\n");
            return None;
        }
        self.literal(letter).or_else(|| self.word(letter)).or_else(|| {
            let sign = sign(self.rest(), SIGNS);
            self.skip(sign.map_or(letter.len_utf8(), str::len));
            sign.map(Token::Sign)
        })
    }

    fn at_line_start(&self) -> bool {
        let before = self.text.get(..self.next).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|letter| matches!(letter, '\n' | '\r'))
    }

    fn literal(&mut self, letter: char) -> Option<Token> {
        let rest = self.rest();
        if !self.is_script {
            for (prefix, verbatim, woven) in
                [("$@\"", true, true), ("@$\"", true, true), ("@\"", true, false), ("$\"", false, true)]
            {
                if rest.starts_with(prefix) {
                    self.skip(prefix.len());
                    let raw = self.quoted('"', verbatim, woven);
                    return Some(if woven {
                        woven_text(&raw, verbatim)
                    } else {
                        Token::Text(raw.replace("\"\"", "\"").into())
                    });
                }
            }
            if rest.starts_with("\"\"\"") {
                self.skip(3);
                let end = self.rest().find("\"\"\"").unwrap_or(self.rest().len());
                let text = self.rest().get(..end).unwrap_or_default().to_owned();
                self.skip(end + 3);
                return Some(Token::Text(text.into()));
            }
        }
        match letter {
            '"' | '\'' | '`' if letter != '`' || self.is_script => {
                self.skip(1);
                let raw = self.quoted(letter, false, false);
                Some(Token::Text(unescape(&raw).into()))
            }
            '/' if self.is_script && self.value_can_begin() => self.regular_expression(),
            '0'..='9' => Some(self.number()),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Some(self.number()),
            _ => None,
        }
    }

    /// What stands up to the closing quote, which is taken.
    fn quoted(&mut self, quote: char, verbatim: bool, woven: bool) -> String {
        let rest = self.rest();
        let mut letters = rest.char_indices().peekable();
        let mut braces = 0_u32;
        let mut end = (rest.len(), rest.len());
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' if !verbatim => _ = letters.next(),
                '{' if woven => braces += 1,
                '}' if woven => braces = braces.saturating_sub(1),
                _ if letter == quote && (braces == 0 || !woven) => {
                    if verbatim && letters.peek().is_some_and(|(_, next)| *next == quote) {
                        letters.next();
                        continue;
                    }
                    end = (at, at + 1);
                    break;
                }
                // A text that does not end on its line is a mistake; the line is all it costs.
                '\n' if !verbatim && quote != '`' => {
                    end = (at, at);
                    break;
                }
                _ => {}
            }
        }
        let text = rest.get(..end.0).unwrap_or_default().to_owned();
        self.skip(end.1);
        text
    }

    /// A value, and no operator, may stand here.
    fn value_can_begin(&self) -> bool {
        match self.tokens.last().map(|placed| &placed.token) {
            None | Some(Token::Markup | Token::Shown | Token::LineEnd) => true,
            Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]" | "}" | "++" | "--"),
            Some(Token::Name(name)) => {
                matches!(&**name, "return" | "typeof" | "case" | "in" | "delete" | "void" | "else")
            }
            _ => false,
        }
    }

    fn regular_expression(&mut self) -> Option<Token> {
        let rest = self.rest();
        let mut in_class = false;
        let mut letters = rest.char_indices().take(PATTERN_LETTERS_MAX).skip(1);
        let end = loop {
            match letters.next()? {
                (_, '\\') => _ = letters.next(),
                (_, '[') => in_class = true,
                (_, ']') => in_class = false,
                (at, '/') if !in_class => break at,
                (_, '\n') => return None,
                _ => {}
            }
        };
        let pattern = rest.get(1..end).unwrap_or_default().to_owned();
        let flags = rest.get(end + 1..).unwrap_or_default();
        let flags = flags.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(flags.len());
        self.skip(end + 1 + flags);
        Some(Token::Text(pattern.into()))
    }

    fn number(&mut self) -> Token {
        let rest = self.rest();
        let lower = |at: usize| rest.as_bytes().get(at).map(u8::to_ascii_lowercase);
        let radix = match (lower(0), lower(1)) {
            (Some(b'0'), Some(b'x')) => 16,
            (Some(b'0'), Some(b'b')) => 2,
            _ => 10,
        };
        if radix != 10 {
            let digits = rest.get(2..).unwrap_or_default();
            let end = digits.find(|letter: char| !letter.is_digit(radix) && letter != '_').unwrap_or(digits.len());
            let value = i64::from_str_radix(&digits.get(..end).unwrap_or_default().replace('_', ""), radix);
            let suffix = digits.get(end..).unwrap_or_default();
            let suffix = suffix.find(|letter: char| !matches!(letter, 'u' | 'U' | 'l' | 'L')).unwrap_or(suffix.len());
            self.skip(2 + end + suffix);
            #[expect(clippy::cast_precision_loss, reason = "numbers of pages are small, and JScript has no others")]
            return Token::Number(value.map_or(0.0, |value| value as f64));
        }
        let mut end = 0;
        let mut letters = rest.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let signed = matches!(letter, '+' | '-') && rest.get(..at).is_some_and(|part| part.ends_with(['e', 'E']));
            let fraction = letter == '.' && letters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
            if !(letter.is_ascii_alphanumeric() || letter == '_' || signed || fraction) {
                break;
            }
            end = at + letter.len_utf8();
        }
        let digits: String = rest.get(..end).unwrap_or_default().chars().filter(|letter| *letter != '_').collect();
        self.skip(end.max(1));
        let digits = digits.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        Token::Number(digits.parse().unwrap_or(0.0))
    }

    /// A name; `\u0065val` is `eval`.
    fn word(&mut self, letter: char) -> Option<Token> {
        let rest = self.rest();
        let is_quoted = letter == '@';
        let begins = |letter: char| letter.is_alphabetic() || matches!(letter, '_' | '$' | '\\') || !letter.is_ascii();
        let word = if is_quoted { rest.get(1..).unwrap_or_default() } else { rest };
        if !word.starts_with(begins) {
            return None;
        }
        let goes_on = |letter: char| begins(letter) || letter.is_alphanumeric() || is_format(letter);
        let mut end = 0;
        let mut letters = word.char_indices();
        while let Some((at, letter)) = letters.next() {
            if !goes_on(letter) {
                break;
            }
            end = at + letter.len_utf8();
            if letter == '\\' && letters.clone().next().is_some_and(|(_, next)| next == '{') {
                break;
            }
        }
        let written = word.get(..end).unwrap_or_default();
        let name = if written.contains('\\') { name_of(&unescape(written)) } else { name_of(written) };
        self.skip(end + usize::from(is_quoted));
        Some(if is_quoted { Token::Quoted(name) } else { Token::Name(name) })
    }
}

/// The parts of `$"text {code:format} text"`.
fn woven_text(raw: &str, verbatim: bool) -> Token {
    let plain = |text: &str| {
        let text = text.replace("{{", "{").replace("}}", "}");
        Rc::from(if verbatim { text.replace("\"\"", "\"") } else { unescape(&text) })
    };
    let mut parts = Vec::new();
    let mut rest = raw;
    while parts.len() < WOVEN_MAX {
        let opening = rest.char_indices().find(|(at, letter)| {
            let doubled = rest.get(at + 1..).is_some_and(|next| next.starts_with('{'))
                || rest.get(..*at).is_some_and(|before| before.ends_with('{'));
            *letter == '{' && !doubled
        });
        let Some((opening, _)) = opening else { break };
        let code = rest.get(opening + 1..).unwrap_or_default();
        let end = code.find('}').unwrap_or(code.len());
        parts.push(Woven::Text(plain(rest.get(..opening).unwrap_or_default())));
        parts.push(Woven::Code(Rc::from(code.get(..end).unwrap_or_default())));
        rest = code.get(end + 1..).unwrap_or_default();
    }
    parts.push(Woven::Text(plain(rest)));
    Token::Woven(parts.into())
}

/// `\n`, `\x41`, `\u0041`, `\U00000041`, `\101`.
pub(crate) fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let Some(letter) = after.chars().next() else { break };
        let (decoded, length) = escape(letter, after);
        plain.extend(decoded);
        rest = after.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// What an escape stands for, and how long it is without its backslash.
fn escape(letter: char, after: &str) -> (Option<char>, usize) {
    let coded = |from: usize, most: usize, radix: u32| {
        let digits = after.get(from..).unwrap_or_default();
        let end = digits.char_indices().take(most).take_while(|(_, digit)| digit.is_digit(radix)).count();
        let code = u32::from_str_radix(digits.get(..end).unwrap_or_default(), radix).ok();
        (code.and_then(char::from_u32), from + end)
    };
    match letter {
        'n' => (Some('\n'), 1),
        'r' => (Some('\r'), 1),
        't' => (Some('\t'), 1),
        'b' => (Some('\u{8}'), 1),
        'f' => (Some('\u{c}'), 1),
        'v' => (Some('\u{b}'), 1),
        'a' => (Some('\u{7}'), 1),
        '\n' => (None, 1),
        'u' => coded(1, 4, 16),
        'U' => coded(1, 8, 16),
        'x' => coded(1, 4, 16),
        '0'..='7' => coded(0, 3, 8),
        _ => (Some(letter), letter.len_utf8()),
    }
}
