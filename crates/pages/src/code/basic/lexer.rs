//! Tokens of VBScript and VB.NET.

use std::rc::Rc;

use crate::code::cursor::{is_format, name_of};
use crate::code::token::{Placed, Token, Woven, sign};

const SIGNS: &[&str] = &[
    "<>", "<=", ">=", "=<", "=>", "><", ":=", "&=", "+=", "-=", "*=", "/=", "\\=", "^=", "<<", ">>", "?.", "+", "-",
    "*", "/", "\\", "^", "&", "=", "<", ">", "(", ")", "{", "}", ",", ".", ":", "!", "?", "@", ";", "[", "]", "%",
];

/// A line that ends in one of these goes on in the next.
const OPEN_SIGNS: &[&str] =
    &[",", "(", "{", "&", "+", "-", "*", "/", "\\", "^", "<>", "<=", ">=", "=", "&=", "+=", ".", "?."];

/// Adds the tokens of `text` that begins on line `line`.
pub(super) fn read(text: &str, line: u32, tokens: &mut Vec<Placed>) {
    Lexer { text, next: 0, line, tokens }.run();
}

struct Lexer<'t> {
    text: &'t str,
    next: usize,
    line: u32,
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

    fn skip(&mut self, bytes: usize) {
        self.next = (self.next + bytes).min(self.text.len());
    }

    fn token(&mut self, letter: char) -> Option<Token> {
        let rest = self.rest();
        // Script engines pass over the marks of a comment of HTML, up to the end of the line.
        // `//` divides nothing by nothing: who writes it means a comment.
        if rest.starts_with("<!--") || rest.starts_with("-->") || rest.starts_with("//") {
            return self.comment();
        }
        match letter {
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => self.line_end(letter),
            '\'' | '\u{2018}' | '\u{2019}' => self.comment(),
            '"' | '\u{201C}' | '\u{201D}' => Some(self.text_literal()),
            '$' if rest.starts_with("$\"") => {
                self.skip(1);
                Some(woven(self.text_literal()))
            }
            '#' => self.date_or_directive(),
            '&' if rest.len() > 2 && rest.as_bytes().get(1).is_some_and(|radix| b"hHoObB".contains(radix)) => {
                self.radix_number()
            }
            '&' if rest.as_bytes().get(1) == Some(&b'0') && self.value_can_begin() => self.octal_number(),
            '0'..='9' => Some(self.number()),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Some(self.number()),
            '[' => self.bracketed(),
            '_' if self.goes_on() => None,
            _ if letter.is_whitespace() || letter == '\0' || is_format(letter) => {
                self.skip(letter.len_utf8());
                None
            }
            _ if letter.is_alphabetic() || letter == '_' || !letter.is_ascii() => self.word(),
            _ => {
                let sign = sign(rest, SIGNS);
                self.skip(sign.map_or(letter.len_utf8(), str::len));
                sign.map(Token::Sign)
            }
        }
    }

    fn line_end(&mut self, letter: char) -> Option<Token> {
        let is_pair = self.rest().starts_with("\r\n");
        self.skip(if is_pair { 2 } else { letter.len_utf8() });
        self.line = self.line.saturating_add(1);
        let goes_on =
            matches!(self.tokens.last(), Some(Placed { token: Token::Sign(sign), .. }) if OPEN_SIGNS.contains(sign));
        let is_repeated = matches!(self.tokens.last(), Some(Placed { token: Token::LineEnd | Token::Markup, .. }));
        (!goes_on && !is_repeated).then_some(Token::LineEnd)
    }

    fn comment(&mut self) -> Option<Token> {
        let rest = self.rest();
        let bytes = rest.find(['\n', '\r']).unwrap_or(rest.len());
        self.skip(bytes);
        None
    }

    /// `_` at the end of a line joins it with the next.
    fn goes_on(&mut self) -> bool {
        let rest = self.rest();
        let after = rest.get(1..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let line_end = ["\r\n", "\n", "\r"].iter().find(|end| after.starts_with(**end));
        let Some(line_end) = line_end else { return false };
        let bytes = rest.len() - after.len() + line_end.len();
        self.skip(bytes);
        self.line = self.line.saturating_add(1);
        true
    }

    fn text_literal(&mut self) -> Token {
        let rest = self.rest();
        let is_quote = |letter: char| matches!(letter, '"' | '\u{201C}' | '\u{201D}');
        let mut text = String::new();
        let mut letters = rest.char_indices().skip(1).peekable();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            if is_quote(letter) {
                if letters.peek().is_some_and(|(_, next)| is_quote(*next)) {
                    letters.next();
                } else {
                    end = at + letter.len_utf8();
                    break;
                }
            } else if matches!(letter, '\n' | '\r') {
                end = at;
                break;
            }
            text.push(letter);
        }
        self.skip(end);
        // `"a"c` is a character.
        let rest = self.rest();
        let is_character = rest.starts_with(['c', 'C']) && !rest.chars().nth(1).is_some_and(char::is_alphanumeric);
        if is_character {
            self.skip(1);
        }
        Token::Text(text.into())
    }

    /// `#1/1/2021#`, or `#If`.
    fn date_or_directive(&mut self) -> Option<Token> {
        let rest = self.rest();
        /// More letters than any date has.
        const DATE_BYTES_MAX: usize = 40;
        let end = rest.bytes().take(DATE_BYTES_MAX).skip(1).position(|letter| matches!(letter, b'#' | b'\n' | b'\r'));
        let end = end.filter(|end| rest.as_bytes().get(end + 1) == Some(&b'#'));
        match end {
            Some(end) if rest.as_bytes().get(1).is_some_and(|first| first.is_ascii_digit() || *first == b' ') => {
                self.skip(end + 2);
                Some(Token::Number(0.0))
            }
            _ => self.comment(),
        }
    }

    fn radix_number(&mut self) -> Option<Token> {
        let rest = self.rest();
        let radix = match rest.as_bytes().get(1)? {
            b'h' | b'H' => 16,
            b'o' | b'O' => 8,
            _ => 2,
        };
        let digits = rest.get(2..).unwrap_or_default();
        let end = digits.find(|letter: char| !letter.is_digit(radix)).unwrap_or(digits.len());
        if end == 0 {
            self.skip(1);
            return Some(Token::Sign("&"));
        }
        let value = i64::from_str_radix(digits.get(..end).unwrap_or_default(), radix).unwrap_or(0);
        let suffix = usize::from(digits.get(end..).is_some_and(|rest| rest.starts_with('&')));
        self.skip(2 + end + suffix);
        #[expect(clippy::cast_precision_loss, reason = "numbers of pages are small")]
        Some(Token::Number(value as f64))
    }

    /// `&0141`
    fn octal_number(&mut self) -> Option<Token> {
        let digits = self.rest().get(1..).unwrap_or_default();
        let end = digits.find(|letter: char| !letter.is_digit(8)).unwrap_or(digits.len());
        let value = u32::from_str_radix(digits.get(..end).unwrap_or_default(), 8).unwrap_or(0);
        self.skip(1 + end);
        Some(Token::Number(f64::from(value)))
    }

    /// A value, and no operator, may stand here.
    fn value_can_begin(&self) -> bool {
        matches!(self.tokens.last(), None | Some(Placed { token: Token::Sign("(" | "," | "=" | "&" | "+"), .. }))
    }

    fn number(&mut self) -> Token {
        let rest = self.rest();
        let mut end = 0;
        let mut letters = rest.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let exponent = matches!(letter, 'e' | 'E')
                && letters.peek().is_some_and(|(_, next)| next.is_ascii_digit() || *next == '-' || *next == '+');
            let signed = matches!(letter, '+' | '-') && rest.get(..at).is_some_and(|part| part.ends_with(['e', 'E']));
            let fraction = letter == '.' && letters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
            if !(letter.is_ascii_digit() || exponent || signed || fraction) {
                break;
            }
            end = at + 1;
        }
        let value = rest.get(..end).unwrap_or_default().parse().unwrap_or(0.0);
        // `10L`, `1.5D`, `5%`: what is written against the number is its type.
        let suffix = rest.get(end..).is_some_and(|rest| {
            rest.starts_with(['l', 'L', 'd', 'D', 'f', 'F', 's', 'S', 'i', 'I', 'r', 'R', 'u', 'U', '%'])
                && !rest.chars().nth(1).is_some_and(char::is_alphanumeric)
        });
        self.skip(end.max(1) + usize::from(suffix));
        Token::Number(value)
    }

    /// `[name]`; what is no name is a sign.
    fn bracketed(&mut self) -> Option<Token> {
        let rest = self.rest();
        /// A longer name is none.
        const NAME_LETTERS_MAX: usize = 256;
        let end = rest.char_indices().take(NAME_LETTERS_MAX).find(|(_, letter)| *letter == ']').map(|(end, _)| end);
        let name =
            end.and_then(|end| rest.get(1..end)).filter(|name| !name.is_empty() && !name.contains(['\n', '\r', '"']));
        let Some(name) = name else {
            self.skip(1);
            return Some(Token::Sign("["));
        };
        let token = Token::Quoted(name_of(name));
        let bytes = name.len() + 2;
        self.skip(bytes);
        Some(token)
    }

    fn word(&mut self) -> Option<Token> {
        let rest = self.rest();
        let goes_on = |letter: char| {
            letter.is_alphanumeric()
                || letter == '_'
                || is_format(letter)
                || (!letter.is_ascii() && !letter.is_whitespace())
        };
        let end = rest.find(|letter| !goes_on(letter)).unwrap_or(rest.len());
        let name = name_of(&half_width(rest.get(..end).unwrap_or_default()));
        self.skip(end.max(1));
        if &*name == "rem" && !matches!(self.tokens.last(), Some(Placed { token: Token::Sign("."), .. })) {
            return self.comment();
        }
        // `name$` says the type.
        if self.rest().starts_with('$') {
            self.skip(1);
        }
        Some(Token::Name(name))
    }
}

/// VB.NET takes letters of full width for the ordinary ones.
fn half_width(text: &str) -> String {
    let narrow = |letter: char| match u32::from(letter) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(letter),
        _ => letter,
    };
    text.chars().map(narrow).collect()
}

/// The parts of `$"text {code} text"`.
fn woven(token: Token) -> Token {
    let Token::Text(text) = token else { return token };
    let mut parts = Vec::new();
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((code, behind)) = after.split_once('}') else { break };
        parts.push(Woven::Text(Rc::from(before)));
        parts.push(Woven::Code(Rc::from(code)));
        rest = behind;
    }
    parts.push(Woven::Text(Rc::from(rest)));
    Token::Woven(parts.into())
}
