//! Tags and their attributes, as loosely as ASP reads them.

/// A longer name of a tag is none.
const NAME_BYTES_MAX: usize = 200;
/// A longer tag is none.
const TAG_BYTES_MAX: usize = 64 * 1024;
/// Tags up to this length are read also where many are none.
const TAG_BYTES_MIN: usize = 512;
/// Attributes of one tag.
const ATTRIBUTES_MAX: usize = 64;

/// An opening tag.
#[derive(Debug)]
pub(super) struct Tag {
    /// Lower case.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// From `<` to `>`.
    pub bytes: usize,
}

impl Tag {
    /// Reads the tag with which `text` begins. `budget` is what may be looked at of tags that are none or hold code.
    pub fn read(text: &str, budget: &mut usize) -> Option<Self> {
        let longest = TAG_BYTES_MAX.min((*budget).max(TAG_BYTES_MIN));
        let name_end = text
            .get(1..)?
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, ':' | '.' | '_' | '-')))
            .filter(|end| *end < NAME_BYTES_MAX)?
            + 1;
        let name = text.get(1..name_end)?.to_ascii_lowercase();
        let may_tell =
            name.contains(':') || matches!(name.as_str(), "script" | "object" | "input" | "textarea" | "select");
        if *budget == 0 && !may_tell {
            return None;
        }
        let mut quote = None;
        let mut code = 0_usize;
        let mut end = None;
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate().take(longest).skip(name_end) {
            match (byte, quote) {
                (b'%', _) if bytes.get(at - 1) == Some(&b'<') => code += 1,
                (b'>', _) if bytes.get(at - 1) == Some(&b'%') && code > 0 => code -= 1,
                (b'"' | b'\'', None) => quote = Some(*byte),
                (byte, Some(open)) if *byte == open && code == 0 => quote = None,
                (b'>', None) if code == 0 => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            *budget = budget.saturating_sub(longest.min(text.len()));
            return None;
        };
        if bytes.get(..end).is_some_and(|tag| memchr::memchr(b'%', tag).is_some()) {
            *budget = budget.saturating_sub(end);
        }
        Some(Self { name, attributes: attributes(text.get(name_end..end)?), bytes: end + 1 })
    }

    /// An attribute, by its name in lower case.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// `name=value name="value" name='value'`; names in lower case.
pub(super) fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < ATTRIBUTES_MAX {
        let Some((before, after)) = rest.split_once('=') else { break };
        let name =
            before.trim_end().rsplit(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'')).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let (value, behind) = match quote {
            Some(quote) => {
                let inside = after.get(1..).unwrap_or_default();
                inside.split_once(quote).unwrap_or((inside, ""))
            }
            None => {
                let end = after.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        found.push((name, value.to_owned()));
        rest = behind;
    }
    found
}

/// The beginning of a page in lower case, where its directives stand.
pub(super) fn lower_head(text: &str) -> String {
    const HEAD_BYTES: usize = 64 * 1024;
    let mut end = HEAD_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_ascii_lowercase()
}

/// Where ASCII `wanted` (lower case) stands, without regard to case.
pub(super) fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let first = wanted.as_bytes().first()?;
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text.as_bytes()).find(|at| {
        text.as_bytes().get(*at..*at + wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}
