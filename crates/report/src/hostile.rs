//! The one place where evidence text becomes visible.
//!
//! Exchange logs are almost wholly written by whoever sends requests, so every string of an assessment may try to move
//! the cursor, reverse a path, close a tag or start a formula. One type renders for terminals, one for HTML, one for
//! CSV; no other code may show evidence. The three share one notion of what is invisible.
//!
//! Sources: CVE-2023-28487 (terminal escapes from logs), CVE-2021-42574 (bidirectional controls), CWE-1236 (formulas in
//! CSV files), Unicode 16 `Default_Ignorable_Code_Point`.

use std::fmt::{self, Write};

use maud::Render;

/// Columns that [`ForTerminal`] shows at most when no precision is given.
pub const TERMINAL_COLUMNS_MAX: usize = 2_000;

/// Characters of one text that [`ForHtml`] shows at most.
pub const HTML_CHARS_MAX: usize = 4_000;

/// Combining marks on one letter that are still shown as marks.
const COMBINING_RUN_MAX: usize = 2;

/// Evidence text for a terminal: one line, no control sequence, no reordering, limited in length.
///
/// The precision is the number of columns: `{:.40}` shows 40 at most, the last of them `…` where something was cut.
#[derive(Clone, Copy, Debug)]
pub struct ForTerminal<'a>(pub &'a str);

/// Evidence text for HTML, as content or inside a quoted attribute: never markup, never a link, limited in length.
#[derive(Clone, Copy, Debug)]
pub struct ForHtml<'a>(pub &'a str);

/// Evidence text as one cell of a CSV file: quoted, on one line, never a formula.
///
/// A cell that a spreadsheet would read as a formula gets a `'` before it, also after a semicolon, because that is
/// where spreadsheets of half the world cut.
#[derive(Clone, Copy, Debug)]
pub struct ForCsv<'a>(pub &'a str);

impl fmt::Display for ForTerminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns_max = f.precision().unwrap_or(TERMINAL_COLUMNS_MAX);
        let (mut shown, mut columns) = (String::new(), 0);
        // The longest prefix that leaves a column for the mark.
        let mut cut = 0;
        for piece in pieces(self.0) {
            columns += piece.columns();
            if columns > columns_max {
                f.write_str(&shown[..cut])?;
                return f.write_str(if columns_max == 0 { "" } else { "…" });
            }
            write!(shown, "{piece}")?;
            if columns < columns_max {
                cut = shown.len();
            }
        }
        f.write_str(&shown)
    }
}

impl Render for ForHtml<'_> {
    fn render_to(&self, out: &mut String) {
        let mut rest = self.0.chars();
        for piece in pieces_of(rest.by_ref().take(HTML_CHARS_MAX)) {
            match piece {
                Piece::Plain('&') => out.push_str("&amp;"),
                Piece::Plain('<') => out.push_str("&lt;"),
                Piece::Plain('>') => out.push_str("&gt;"),
                Piece::Plain('"') => out.push_str("&quot;"),
                Piece::Plain('\'') => out.push_str("&#39;"),
                Piece::Plain('`') => out.push_str("&#96;"),
                piece => write!(out, "{piece}").expect("a string takes everything"),
            }
        }
        let omitted = rest.count();
        if omitted > 0 {
            write!(out, " … [{omitted} more characters, see assessment.json]").expect("a string takes everything");
        }
    }
}

impl fmt::Display for ForCsv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        if is_plain(self.0) {
            f.write_str(self.0)?;
            return f.write_char('"');
        }
        let mut at_start = true;
        for piece in pieces(self.0) {
            if at_start && piece.starts_formula() {
                f.write_char('\'')?;
            }
            at_start = match piece {
                Piece::Plain(';') => true,
                Piece::Plain(' ' | '\u{a0}' | '"') => at_start,
                _ => false,
            };
            match piece {
                Piece::Plain('"') => f.write_str("\"\"")?,
                piece => write!(f, "{piece}")?,
            }
        }
        f.write_char('"')
    }
}

/// Whether a text is shown as it is: most are, and looking at each of their characters is most of what a row costs.
fn is_plain(text: &str) -> bool {
    let mut before = b';';
    text.bytes().all(|byte| {
        let is_start = std::mem::replace(&mut before, byte) == b';';
        byte.is_ascii_alphanumeric()
            || !is_start && matches!(byte, b' ' | b'.' | b',' | b':' | b';' | b'/' | b'_' | b'-' | b'(' | b')')
    })
}

/// Whether a character is shown by its number, because it cannot be seen or makes others look different.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Soft hyphen, joiners, fillers, bidirectional controls, separators, tags, variation selectors.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        // Private use shows whatever the font likes; noncharacters show nothing.
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{10ffff}' => true,
        c => u32::from(c) & 0xfffe == 0xfffe,
    }
}

/// One character of evidence as it is shown.
#[derive(Clone, Copy)]
enum Piece {
    Plain(char),
    /// `\n`, `\r`, `\t`.
    Named(char),
    /// `\x1b`.
    Byte(u32),
    /// `⟦U+202E⟧`.
    Point(u32),
}

impl Piece {
    fn columns(self) -> usize {
        match self {
            Self::Plain(c) if is_combining(c) => 0,
            Self::Plain(c) if is_wide(c) => 2,
            Self::Plain(_) => 1,
            Self::Named(_) => 2,
            Self::Byte(_) => 4,
            Self::Point(point) if point > 0xf_ffff => 10,
            Self::Point(point) if point > 0xffff => 9,
            Self::Point(_) => 8,
        }
    }

    fn starts_formula(self) -> bool {
        match self {
            Self::Plain(c) => matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'),
            Self::Named(_) => true,
            Self::Byte(_) | Self::Point(_) => false,
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(c) => f.write_char(*c),
            Self::Named(c) => write!(f, "\\{c}"),
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
            Self::Point(point) => write!(f, "⟦U+{point:04X}⟧"),
        }
    }
}

fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    pieces_of(text.chars())
}

fn pieces_of(chars: impl Iterator<Item = char>) -> impl Iterator<Item = Piece> {
    let mut combining = 0;
    chars.map(move |c| {
        combining = if is_combining(c) { combining + 1 } else { 0 };
        match c {
            '\n' => Piece::Named('n'),
            '\r' => Piece::Named('r'),
            '\t' => Piece::Named('t'),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Piece::Byte(u32::from(c)),
            c if combining > COMBINING_RUN_MAX || is_hidden(c) => Piece::Point(u32::from(c)),
            c => Piece::Plain(c),
        }
    })
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115e}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}')
}

/// Columns that a neutralised text takes in a terminal.
pub(crate) fn columns(text: &str) -> usize {
    pieces(text).map(Piece::columns).sum()
}

#[cfg(test)]
mod tests {
    use maud::Render;

    use super::{ForCsv, ForHtml, ForTerminal, HTML_CHARS_MAX, columns, is_hidden};

    /// Texts that have hurt other tools, and the pieces from which random ones are put together.
    const NASTY: &[&str] = &[
        "",
        "plain",
        "\x1b[2J\x1b[H",
        "\x1b]8;;http://192.0.2.1/\x07click\x1b]8;;\x07",
        "\x1b]52;c;aGVsbG8=\x07",
        "\u{9b}31m",
        "a\r\nFake: line",
        "name\u{202e}xpsa.exe",
        "\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
        "zero\u{200b}width\u{feff}",
        "\u{e0041}\u{fe0f}\u{2028}\u{2029}",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onfocus=alert(1) x='",
        "`${x}`",
        "&lt;&#60;&amp;",
        "[x](javascript:alert(1))",
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1+1",
        "\r=1",
        "\n=1",
        "a;=1+1",
        "a; \"=1+1",
        "  =1",
        "＝1",
        "\0\u{7f}\u{80}",
        "漢字と👩‍👩‍👧",
        ",",
        ";",
        "\"",
        "'",
    ];

    fn for_html(text: &str) -> String {
        let mut out = String::new();
        ForHtml(text).render_to(&mut out);
        out
    }

    /// Every pair and many triples of nasty texts, without randomness.
    fn combinations() -> impl Iterator<Item = String> {
        let triples = (0..NASTY.len() * 40).map(|n| {
            let pick = |step: usize| NASTY[(n * step + n / 7) % NASTY.len()];
            format!("{}{}{}", pick(1), pick(3), pick(11))
        });
        NASTY.iter().flat_map(|a| NASTY.iter().map(move |b| format!("{a}{b}"))).chain(triples)
    }

    #[test]
    fn a_terminal_gets_one_harmless_line() {
        for text in combinations() {
            let shown = ForTerminal(&text).to_string();
            assert!(!shown.chars().any(is_hidden), "{shown:?}");
        }
    }

    #[test]
    fn a_terminal_shows_what_was_there() {
        assert_eq!(ForTerminal("a\x1b[0m\n\u{202e}b").to_string(), r"a\x1b[0m\n⟦U+202E⟧b");
    }

    #[test]
    fn a_terminal_line_keeps_its_length() {
        for text in combinations() {
            for columns_max in [0, 1, 2, 7, 20] {
                let shown = format!("{:.columns_max$}", ForTerminal(&text));
                assert!(columns(&shown) <= columns_max, "{shown:?} in {columns_max}");
            }
        }
        assert_eq!(format!("{:.5}", ForTerminal("123456")), "1234…");
        assert_eq!(format!("{:.6}", ForTerminal("123456")), "123456");
    }

    #[test]
    fn html_gets_no_markup() {
        for text in combinations() {
            let shown = for_html(&text);
            assert!(!shown.contains(['<', '>', '"', '\'', '`']), "{shown:?}");
            assert!(!shown.chars().any(is_hidden), "{shown:?}");
        }
    }

    #[test]
    fn html_says_what_it_cut() {
        let shown = for_html(&"x".repeat(HTML_CHARS_MAX + 7));
        assert!(shown.ends_with("… [7 more characters, see assessment.json]"), "{}", &shown[HTML_CHARS_MAX..]);
        assert!(!for_html(&"x".repeat(HTML_CHARS_MAX)).contains('…'));
    }

    #[test]
    fn a_csv_cell_is_never_a_formula() {
        for text in combinations() {
            let cell = ForCsv(&text).to_string();
            let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).expect("quoted");
            for part in inner.split(';') {
                let first = part.trim_start_matches([' ', '"', '\u{a0}']).chars().next();
                assert!(!matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')), "{cell:?}");
            }
            assert!(!cell.contains(['\r', '\n', '\t', '\0']), "{cell:?}");
            assert_eq!(inner.matches('"').count() % 2, 0, "{cell:?}");
            assert!(!inner.replace("\"\"", "").contains('"'), "{cell:?}");
        }
    }

    #[test]
    fn a_csv_cell_reads_as_expected() {
        let cases = [
            ("plain", "\"plain\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=1", "\"'=1\""),
            ("a;-1", "\"a;'-1\""),
            ("a-1", "\"a-1\""),
            ("\t=1", "\"'\\t=1\""),
        ];
        for (text, cell) in cases {
            assert_eq!(ForCsv(text).to_string(), cell);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        assert_eq!(
            ForTerminal("e\u{301}\u{301}\u{301}").to_string(),
            "e\u{301}\u{301}⟦U+0301⟧",
            "a letter keeps two marks"
        );
    }
}
