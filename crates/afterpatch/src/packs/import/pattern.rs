//! STIX patterns, as far as they are lists of values: `[a = 'x' OR b = 'y'] OR [c IN ('z')]`.
//!
//! Implements the part of STIX 2.1, section 9, that says "one of these values"; everything else is refused with its
//! name, because a pattern that is read wrongly finds wrong things.

/// Upper bound of the bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Upper bound of the values of a pattern.
const VALUES_MAX: usize = 2_000;
/// Upper bound of brackets inside each other.
const DEPTH_MAX: usize = 16;

/// A value that something has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// `file:hashes.MD5`, without quotes.
    pub path: String,
    /// The value.
    pub value: String,
    /// It has to hold together with others of its group.
    pub with_others: bool,
    /// Comparisons of one group belong to one observation.
    pub group: usize,
}

/// The values of a pattern; an error in words for anything that is more than a list of values.
pub fn read(pattern: &str) -> Result<Vec<Comparison>, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("its pattern is longer than {} KiB", PATTERN_BYTES_MAX >> 10));
    }
    let mut reader = Reader { tokens: tokens(pattern)?, at: 0, found: Vec::new(), group: 0 };
    reader.observations(0)?;
    match reader.next() {
        None if reader.found.is_empty() => Err("its pattern is empty".into()),
        None => Ok(reader.found),
        Some(token) => Err(token.unexpected()),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `[`, `]`, `(`, `)`, `,`, `=`, `!=`, …
    Sign(&'static str),
    /// A keyword, an object path, a number.
    Word(String),
    Text(String),
}

impl Token {
    fn unexpected(&self) -> String {
        match self {
            Self::Sign(sign) => format!("`{sign}` in its pattern cannot be expressed by indicators"),
            Self::Word(word) => format!("`{word:.60}` in its pattern cannot be expressed by indicators"),
            Self::Text(_) => "a text in its pattern stands where none belongs".into(),
        }
    }
}

const SIGNS: [&str; 12] = ["!=", "<>", "<=", ">=", "=", "<", ">", "[", "]", "(", ")", ","];

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), pattern);
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '\'' {
            let (text, behind) = quoted(rest)?;
            tokens.push(Token::Text(text));
            rest = behind;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else {
            let (word, behind) = word(rest)?;
            tokens.push(Token::Word(word));
            rest = behind;
        }
    }
}

/// A text in single quotes; a backslash takes the next character as it is.
fn quoted(rest: &str) -> Result<(String, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((text, rest.get(at + 1..).unwrap_or_default())),
            '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            c => text.push(c),
        }
    }
    Err("a quote in its pattern does not close".into())
}

/// Up to a blank or sign; parts of an object path may be quoted, and lists are indexed: `x:a.'b-c'[0].d`.
fn word(rest: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut left = rest;
    while let Some(c) = left.chars().next() {
        if c == '\'' && word.ends_with('.') {
            let (part, behind) = quoted(left)?;
            word.push_str(&part);
            left = behind;
        } else if c.is_whitespace() || matches!(c, '=' | '!' | '<' | '>' | '(' | ')' | ',' | ']' | '[' | '\'') {
            break;
        } else {
            word.push(c);
            left = left.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    if word.is_empty() { Err("its pattern cannot be read".into()) } else { Ok((word, left)) }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    found: Vec<Comparison>,
    group: usize,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let is_it = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.take(&Token::Sign(sign)) {
            return Ok(());
        }
        Err(self.next().map_or_else(|| "its pattern breaks off".into(), |token| token.unexpected()))
    }

    /// `[…] OR […]`. What has to be seen together or in order is more than a list.
    fn observations(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("its pattern has more than {DEPTH_MAX} brackets inside each other"));
        }
        loop {
            if self.take(&Token::Sign("(")) {
                self.observations(depth + 1)?;
                self.expect(")")?;
            } else {
                self.expect("[")?;
                self.group += 1;
                self.any_of(depth)?;
                self.expect("]")?;
            }
            if !self.take_word("OR") {
                return Ok(());
            }
        }
    }

    /// `a OR b`.
    fn any_of(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("its pattern has more than {DEPTH_MAX} brackets inside each other"));
        }
        loop {
            self.all_of(depth)?;
            if !self.take_word("OR") {
                return Ok(());
            }
            self.group += 1;
        }
    }

    /// `a AND b`.
    fn all_of(&mut self, depth: usize) -> Result<(), String> {
        let (start, group) = (self.found.len(), self.group);
        let mut parts = 0;
        loop {
            if self.take(&Token::Sign("(")) {
                self.any_of(depth + 1)?;
                self.expect(")")?;
            } else {
                self.comparison()?;
            }
            parts += 1;
            if !self.take_word("AND") {
                break;
            }
        }
        if parts > 1 {
            for found in self.found.iter_mut().skip(start) {
                (found.with_others, found.group) = (true, group);
            }
        }
        Ok(())
    }

    fn comparison(&mut self) -> Result<(), String> {
        let breaks_off = || "its pattern breaks off".to_owned();
        let path = match self.next().ok_or_else(breaks_off)? {
            Token::Word(path) if path.contains(':') => path,
            token => return Err(token.unexpected()),
        };
        match self.next().ok_or_else(breaks_off)? {
            Token::Sign("=") => {
                let value = self.value()?;
                self.add(path, value)
            }
            Token::Word(word) if word == "IN" => {
                self.expect("(")?;
                loop {
                    let value = self.value()?;
                    self.add(path.clone(), value)?;
                    if !self.take(&Token::Sign(",")) {
                        return self.expect(")");
                    }
                }
            }
            token => Err(token.unexpected()),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            // Numbers and truth values: of ports and flags, which are listed as what they are.
            Some(Token::Word(word)) => Ok(word),
            Some(token) => Err(token.unexpected()),
            None => Err("its pattern breaks off".into()),
        }
    }

    fn add(&mut self, path: String, value: String) -> Result<(), String> {
        if self.found.len() >= VALUES_MAX {
            return Err(format!("its pattern has more than {VALUES_MAX} values"));
        }
        self.found.push(Comparison { path, value, with_others: false, group: self.group });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn values(pattern: &str) -> Vec<String> {
        let found = read(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
        let spell = |c: super::Comparison| format!("{}={}{}", c.path, c.value, if c.with_others { "&" } else { "" });
        found.into_iter().map(spell).collect()
    }

    #[test]
    fn reads_lists_of_values() {
        assert_eq!(values("[ipv4-addr:value = '203.0.113.7']"), ["ipv4-addr:value=203.0.113.7"]);
        assert_eq!(values("[a:b='1' OR a:b='2'] OR [c:d IN ('3', '4')]"), ["a:b=1", "a:b=2", "c:d=3", "c:d=4"]);
        assert_eq!(values("[a:b='1' AND c:d='2']"), ["a:b=1&", "c:d=2&"]);
        assert_eq!(values("([a:b='1'])"), ["a:b=1"]);
        assert_eq!(values("[(a:b='1' OR a:b='2') AND c:d=443]"), ["a:b=1&", "a:b=2&", "c:d=443&"]);
        assert_eq!(values(r"[file:hashes.'SHA-256' = 'ab']"), ["file:hashes.SHA-256=ab"]);
        assert_eq!(
            values(r"[x:extensions.'http-request-ext'.request_header.'User-Agent'='a\'b\\c']"),
            [r"x:extensions.http-request-ext.request_header.User-Agent=a'b\c"]
        );
    }

    #[test]
    fn alternatives_are_groups_of_their_own() {
        let groups: Vec<usize> =
            read("[a:b='1' AND c:d='2' OR e:f='3'] OR [g:h='4']").unwrap().iter().map(|found| found.group).collect();
        assert_eq!(groups, [1, 1, 2, 3]);
    }

    #[test]
    fn refuses_what_is_more_than_a_list() {
        for (pattern, why) in [
            ("", "breaks off"),
            ("[]", "`]`"),
            ("[a:b = '1'", "breaks off"),
            ("[a:b = '1] x", "does not close"),
            ("[a:b LIKE '%x']", "`LIKE`"),
            ("[a:b MATCHES 'x']", "`MATCHES`"),
            ("[a:b != '1']", "`!=`"),
            ("[a:b NOT = '1']", "`NOT`"),
            ("[a:b = '1'] FOLLOWEDBY [c:d = '2']", "`FOLLOWEDBY`"),
            ("[a:b = '1'] AND [c:d = '2']", "`AND`"),
            ("[a:b = '1'] WITHIN 5 SECONDS", "`WITHIN`"),
            ("[a:b = '1'] REPEATS 2 TIMES", "`REPEATS`"),
            ("[a:b[*].c = '1']", "`[`"),
            ("[ab = '1']", "`ab`"),
            ("ipv4", "`ipv4`"),
        ] {
            let found = read(pattern).unwrap_err();
            assert!(found.contains(why), "{pattern}: {found}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        assert!(read(&"(".repeat(100_000)).unwrap_err().contains("brackets"));
        assert!(read(&format!("[{}", "(".repeat(100_000))).unwrap_err().contains("brackets"));
        assert!(read(&" ".repeat(300 << 10)).unwrap_err().contains("longer"));
        let many = format!("[a:b IN ({})]", vec!["'1'"; 3_000].join(","));
        assert!(read(&many).unwrap_err().contains("values"));
    }
}
