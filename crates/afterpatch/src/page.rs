//! A page of text for people: headings, labelled lines, lists, quoted blocks. All text that is not ours is neutralised.

use report::hostile::ForTerminal;
use report::screen;

/// Lines that one paragraph may take.
const LINES_MAX: usize = 60;
/// Lines of a quoted block.
const QUOTED_LINES_MAX: usize = 400;
/// Columns of labels.
const LABEL_COLUMNS: usize = 14;

/// A page in the making.
pub struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// For a terminal of so many columns.
    pub fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// The page, ending in a line feed.
    pub fn into_text(self) -> String {
        self.text
    }

    /// A title at the left edge.
    pub fn title(&mut self, text: &str) {
        self.hang("", "", text);
    }

    /// A heading with an empty line before it.
    pub fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.hang("", "", text);
    }

    /// A paragraph. What holds nothing is left out.
    pub fn paragraph(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.hang("  ", "  ", text);
        }
    }

    /// A label and what belongs to it. What holds nothing is left out.
    pub fn field(&mut self, label: &'static str, text: &str) {
        if !text.is_empty() {
            let first = format!("  {label:<LABEL_COLUMNS$}");
            self.hang(&first, &" ".repeat(first.len()), text);
        }
    }

    /// One of a list.
    pub fn item(&mut self, text: &str) {
        self.hang("  - ", "    ", text);
    }

    /// A heading with a list below it. A list of nothing is left out.
    pub fn list<T: AsRef<str>>(&mut self, heading: &str, items: &[T]) {
        if !items.is_empty() {
            self.heading(heading);
            items.iter().for_each(|item| self.item(item.as_ref()));
        }
    }

    /// Text as it stands, line by line, indented.
    pub fn quote(&mut self, text: &str) {
        for line in text.lines().take(QUOTED_LINES_MAX) {
            let line = format!("    {}", ForTerminal(line));
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
        if text.lines().nth(QUOTED_LINES_MAX).is_some() {
            self.text.push_str("    …\n");
        }
    }

    /// Text below an item, or a raw record: wrapped.
    pub fn indented(&mut self, text: &str) {
        self.hang("    ", "    ", text);
    }

    fn hang(&mut self, first: &str, rest: &str, text: &str) {
        let room = self.width.saturating_sub(rest.len());
        for (place, line) in screen::lines(text, room, LINES_MAX).iter().enumerate() {
            let indent = if place == 0 { first } else { rest };
            self.text.push_str(&format!("{indent}{line}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn everything_is_neutralised_and_wrapped() {
        let mut page = Page::new(40);
        page.title("a\u{1b}[2J");
        page.heading("b\u{202e}");
        page.paragraph(&"word ".repeat(20));
        page.field("label", "c\u{9b}");
        page.list("list", &["d\r\n"]);
        page.quote("e\u{7}\nf\n");
        page.indented(&"x".repeat(200));
        let text = page.into_text();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.lines().all(|line| line.chars().count() <= 48), "{text}");
        assert!(text.contains("\n  label         c"), "{text}");
    }
}
