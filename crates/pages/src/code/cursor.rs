//! Walking over tokens, with limits.

use std::rc::Rc;

use super::token::{At, Placed, Token};
use super::tree::{Name, Program};

/// Parentheses, blocks and operators inside each other. Genuine code stays below thirty.
const DEPTH_MAX: u32 = 120;

/// What parsing came to.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub program: Program,
    /// Places that were not understood and skipped.
    pub skipped: usize,
    /// Nested deeper than is followed.
    pub too_deep: bool,
}

/// Tokens and where reading stands.
pub(crate) struct Cursor {
    tokens: Vec<Placed>,
    next: usize,
    depth: u32,
    pub layer: u16,
    pub parsed: Parsed,
    /// Names of the classes that enclose what is read.
    pub classes: Vec<Name>,
}

impl Cursor {
    pub fn new(tokens: Vec<Placed>, layer: u16) -> Self {
        Self { tokens, next: 0, depth: 0, layer, parsed: Parsed::default(), classes: Vec::new() }
    }

    /// Tokens of code that stands inside other code, so many levels deep.
    pub fn within(tokens: Vec<Placed>, layer: u16, depth: u32) -> Self {
        Self { depth, ..Self::new(tokens, layer) }
    }

    /// Levels for code in a text of code: a text in a text in a text is read again each time.
    pub fn depth_in_text(&self) -> Option<u32> {
        const TEXT_LEVELS: u32 = 16;
        let depth = self.depth.saturating_add(DEPTH_MAX / TEXT_LEVELS);
        (depth < DEPTH_MAX).then_some(depth)
    }

    pub fn peek(&self) -> Option<&Token> {
        self.ahead(0)
    }

    pub fn ahead(&self, count: usize) -> Option<&Token> {
        self.tokens.get(self.next + count).map(|placed| &placed.token)
    }

    pub fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).map(|placed| placed.token.clone());
        self.next += usize::from(token.is_some());
        token
    }

    pub fn skip(&mut self, count: usize) {
        self.next = (self.next + count).min(self.tokens.len());
    }

    pub fn place(&self) -> usize {
        self.next
    }

    pub fn go_to(&mut self, place: usize) {
        self.next = place.min(self.tokens.len());
    }

    pub fn at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    pub fn at(&self) -> At {
        let token = self.tokens.get(self.next).or(self.tokens.last());
        let place = u32::try_from(self.next).unwrap_or(u32::MAX);
        At { layer: self.layer, line: token.map_or(1, |token| token.line), place }
    }

    pub fn is_sign(&self, sign: &str) -> bool {
        self.is_sign_ahead(0, sign)
    }

    pub fn is_sign_ahead(&self, count: usize, sign: &str) -> bool {
        matches!(self.ahead(count), Some(Token::Sign(found)) if *found == sign)
    }

    pub fn is_name(&self, name: &str) -> bool {
        self.is_name_ahead(0, name)
    }

    pub fn is_name_ahead(&self, count: usize, name: &str) -> bool {
        matches!(self.ahead(count), Some(Token::Name(found)) if &**found == name)
    }

    pub fn is_any_name(&self, names: &[&str]) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if names.contains(&&**found))
    }

    /// Any name, keyword or not.
    pub fn name_ahead(&self, count: usize) -> Option<&Name> {
        match self.ahead(count) {
            Some(Token::Name(name) | Token::Quoted(name)) => Some(name),
            _ => None,
        }
    }

    pub fn take_sign(&mut self, sign: &str) -> bool {
        let is_it = self.is_sign(sign);
        self.next += usize::from(is_it);
        is_it
    }

    pub fn take_name(&mut self, name: &str) -> bool {
        let is_it = self.is_name(name);
        self.next += usize::from(is_it);
        is_it
    }

    pub fn any_name(&mut self) -> Option<Name> {
        let name = self.name_ahead(0).cloned()?;
        self.next += 1;
        Some(name)
    }

    /// Something was not understood.
    pub fn stumble(&mut self) {
        self.parsed.skipped += 1;
    }

    /// Goes a level deeper, unless it is deep enough. Whoever got `true` calls [`Self::leave`].
    pub fn enter(&mut self) -> bool {
        let fits = self.depth < DEPTH_MAX;
        self.depth += u32::from(fits);
        self.parsed.too_deep |= !fits;
        fits
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Skips what is in parentheses of any kind, the cursor standing on the opening one; without nesting calls.
    pub fn skip_enclosed(&mut self) {
        self.skip_enclosed_within(usize::MAX);
    }

    /// The same over so many tokens at most.
    pub fn skip_enclosed_within(&mut self, tokens_max: usize) {
        let mut open = 0_usize;
        for _ in 0..tokens_max {
            let Some(placed) = self.tokens.get(self.next) else { return };
            self.next += 1;
            match placed.token {
                Token::Sign("(" | "[" | "{") => open += 1,
                Token::Sign(")" | "]" | "}") => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }
}

/// A name of code, lower case, without the invisible characters that compilers drop.
pub(crate) fn name_of(text: &str) -> Name {
    Rc::from(text.chars().filter(|letter| !is_format(*letter)).flat_map(char::to_lowercase).collect::<String>())
}

/// Characters of Unicode's class `Cf`, which may stand anywhere in a name and mean nothing.
pub(crate) fn is_format(letter: char) -> bool {
    matches!(letter, '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}
