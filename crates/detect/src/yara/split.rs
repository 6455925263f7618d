//! The parts of a YARA file: imports, includes and rules, each with its line.
//!
//! Rules of others are compiled part by part, so that one that does not compile costs itself and not the file. Nothing is
//! judged here: what cannot be told apart is a part too, and the compiler says what is wrong with it. It cannot fail.

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    Import,
    /// With the path as it is written.
    Include(&'t str),
    Rule {
        name: &'t str,
        is_global: bool,
    },
    /// Up to where the next part seems to begin.
    Unreadable,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) kind: Kind<'t>,
    /// From 1.
    pub(super) line: u64,
    pub(super) text: &'t str,
}

/// Cuts a file into its parts; blanks and comments between them are left out.
pub(super) fn split(text: &str) -> Vec<Part<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cursor = Cursor { text, at: 0 };
    let mut parts = Vec::new();
    let (mut line, mut counted) = (1, 0);
    while cursor.skip_blank() {
        let start = cursor.at;
        line += text.get(counted..start).map_or(0, |before| before.matches('\n').count() as u64);
        counted = start;
        let kind = cursor.part().unwrap_or_else(|| {
            cursor.at = cursor.next_beginning(start);
            Kind::Unreadable
        });
        parts.push(Part { kind, line, text: text.get(start..cursor.at).unwrap_or_default() });
    }
    parts
}

/// The words and signs of a rule, in their order. Strings and regular expressions are one sign each; names of strings keep their
/// mark.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut cursor = Cursor { text, at: 0 };
    let mut tokens = Vec::new();
    let mut before_regex = false;
    while cursor.skip_blank() {
        let (start, byte) = (cursor.at, cursor.peek(0).unwrap_or_default());
        let token = match byte {
            b'"' => {
                cursor.skip_quoted(b'"');
                "\""
            }
            b'/' if before_regex => {
                cursor.skip_quoted(b'/');
                "/"
            }
            _ => {
                if matches!(byte, b'$' | b'#' | b'@' | b'!') {
                    cursor.at += 1;
                }
                if cursor.word().is_empty() && cursor.at == start {
                    cursor.step();
                }
                text.get(start..cursor.at).unwrap_or_default()
            }
        };
        before_regex = matches!(token, "=" | "(" | "," | "matches");
        tokens.push(token);
    }
    tokens
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Passes blanks and comments; `false` at the end.
    fn skip_blank(&mut self) -> bool {
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, _) => self.at += 1,
                (b'/', Some(b'/' | b'*')) => self.skip_comment(),
                _ => return true,
            }
        }
        false
    }

    fn skip_comment(&mut self) {
        let (end, length) = if self.peek(1) == Some(b'*') { ("*/", 2) } else { ("\n", 1) };
        let rest = self.text.get(self.at + 2..).unwrap_or_default();
        self.at = rest.find(end).map_or(self.text.len(), |found| self.at + 2 + found + length);
    }

    fn word(&mut self) -> &'t str {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// One part; `None` where it is not written like one.
    fn part(&mut self) -> Option<Kind<'t>> {
        let mut is_global = false;
        loop {
            match self.word() {
                "import" => return self.quoted().map(|_| Kind::Import),
                "include" => return self.quoted().map(Kind::Include),
                "private" => {}
                "global" => is_global = true,
                "rule" => return self.rule(is_global),
                _ => return None,
            }
            self.skip_blank();
        }
    }

    fn quoted(&mut self) -> Option<&'t str> {
        self.skip_blank();
        let start = self.at + 1;
        if self.peek(0) != Some(b'"') {
            return None;
        }
        self.skip_quoted(b'"');
        self.text.get(start..self.at.checked_sub(1)?)
    }

    fn rule(&mut self, is_global: bool) -> Option<Kind<'t>> {
        self.skip_blank();
        let name = self.word();
        // Tags stand between the name and the body.
        while self.skip_blank() && self.peek(0) != Some(b'{') {
            let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
            self.peek(0).filter(|byte| is_tag(*byte))?;
            self.at += 1;
        }
        self.body().then_some(Kind::Rule { name, is_global })
    }

    /// Passes a body in braces; `false` where it does not end.
    fn body(&mut self) -> bool {
        let mut depth = 0_usize;
        // What a slash means depends on what stands before it: a regular expression or a division.
        let mut before_regex = false;
        while self.skip_blank() {
            let byte = self.peek(0).unwrap_or_default();
            match byte {
                b'"' => self.skip_quoted(b'"'),
                b'/' if before_regex => self.skip_quoted(b'/'),
                _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    before_regex = self.word() == "matches";
                    continue;
                }
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if byte != b'"' && !(byte == b'/' && before_regex) {
                self.step();
            }
            before_regex = matches!(byte, b'=' | b'(' | b',');
            if depth == 0 {
                return true;
            }
        }
        false
    }

    /// Past a string or regular expression, which does not go over the end of its line.
    fn skip_quoted(&mut self, end: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.step(),
                b'\n' => return,
                _ if byte == end => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.step();
        }
    }

    /// One character further.
    fn step(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.chars().next().map_or(1, char::len_utf8);
        self.at = self.at.min(self.text.len());
    }

    /// Where a later line begins like a part.
    fn next_beginning(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(end) = self.text.get(at..).and_then(|rest| rest.find('\n')) {
            at += end + 1;
            let line = self.text.get(at..).unwrap_or_default();
            if ["rule ", "private ", "global ", "import ", "include "].iter().any(|word| line.starts_with(word)) {
                return at;
            }
        }
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, split};

    fn told(text: &str) -> Vec<String> {
        let told = |part: super::Part<'_>| match part.kind {
            Kind::Import => format!("{} import", part.line),
            Kind::Include(path) => format!("{} include {path}", part.line),
            Kind::Rule { name, is_global } => format!("{} rule {name} {is_global}", part.line),
            Kind::Unreadable => format!("{} unreadable", part.line),
        };
        split(text).into_iter().map(told).collect()
    }

    #[test]
    fn parts_have_their_lines() {
        let text = "\u{feff}/* rule no { */\nimport \"pe\" // rule no {\ninclude \"a/b.yar\"\n\nprivate global rule\n G : t1 t2\n{ condition: true }rule B{condition:true}";
        assert_eq!(told(text), ["2 import", "3 include a/b.yar", "5 rule G true", "7 rule B false"]);
        assert_eq!(split(text)[2].text, "private global rule\n G : t1 t2\n{ condition: true }");
    }

    #[test]
    fn braces_in_texts_close_nothing() {
        let rule = r#"rule A { strings: $a = "}\"}" $b = { 7D [2-4] /* } */ 7B } $c = /\/}[\/]*\}/ $d = /a\/\/}/i // }
            condition: filename matches /\.}x"/ and filesize / 2 > 1 / 1 and pe.imports(/}/i, /{"/) and #a / 2 == 1 } rule B { condition: A }"#;
        assert_eq!(told(rule), ["1 rule A false", "2 rule B false"]);
    }

    #[test]
    fn what_cannot_be_read_ends_where_the_next_part_begins() {
        assert_eq!(told("rule A { condition: (\nrule B { condition: true }\n"), ["1 unreadable", "2 rule B false"]);
        assert_eq!(told("x y z\n\nprivate rule C { condition: true }"), ["1 unreadable", "3 rule C false"]);
        assert_eq!(told("rule A ; { }"), ["1 unreadable"]);
        assert_eq!(told("/* never closed rule A {"), Vec::<String>::new());
    }

    #[test]
    fn it_ends_on_anything() {
        let text = "private global rule é : ü { strings: $a = \"\\é\" $b = /\\ü/ condition: matches / import \"x\" include }{}\"";
        for (at, _) in text.char_indices() {
            for part in split(&text[at..]).into_iter().chain(split(&text[..at])) {
                assert!(!part.text.is_empty());
            }
        }
    }
}
