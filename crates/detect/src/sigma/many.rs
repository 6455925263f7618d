//! Long lists of values, tested all at once: ten thousand names of a feed must not cost ten thousand comparisons for every
//! record. What the single tests say is what counts; this only says it sooner.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;

use super::item::Test;
use super::pattern::Text;

/// Shorter lists are tested one by one.
const TESTS_MIN: usize = 64;

/// The values of a list of alternatives, by how they are tested.
#[derive(Debug)]
pub(super) struct Many {
    /// Whole texts, in lower case.
    whole: HashSet<Box<[u8]>>,
    /// Parts of texts, ASCII in lower case.
    parts: Vec<Box<[u8]>>,
    /// Made when the first text comes.
    automaton: OnceLock<Option<AhoCorasick>>,
    /// Positions of the tests that are neither.
    pub(super) others: Vec<usize>,
}

impl Many {
    /// `None` where single tests do.
    pub(super) fn of(tests: &[Test]) -> Option<Arc<Self>> {
        let mut many =
            Self { whole: HashSet::new(), parts: Vec::new(), automaton: OnceLock::new(), others: Vec::new() };
        for (at, test) in tests.iter().enumerate() {
            match test {
                Test::Text(pattern) if pattern.whole().is_some() => many.whole.extend(pattern.whole().map(Into::into)),
                Test::Text(pattern) if pattern.part().is_some() => many.parts.extend(pattern.part().map(Into::into)),
                _ => many.others.push(at),
            }
        }
        (many.whole.len() + many.parts.len() >= TESTS_MIN).then(|| Arc::new(many))
    }

    /// Whether a text is one of the whole ones or has one of the parts.
    pub(super) fn holds_for(&self, text: &Text<'_>) -> bool {
        (!self.whole.is_empty() && self.whole.contains(&*text.lower())) || self.has_part(text.written)
    }

    fn has_part(&self, text: &[u8]) -> bool {
        if self.parts.is_empty() {
            return false;
        }
        let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(&self.parts).ok();
        match self.automaton.get_or_init(build) {
            Some(automaton) => automaton.is_match(text),
            // Too many for the automaton.
            None => {
                let text = text.to_ascii_lowercase();
                self.parts.iter().any(|part| memchr::memmem::find(&text, part).is_some())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rsigma_parser::parse_sigma_yaml;

    use crate::sigma::{Detection, FieldId, FieldNames, Fields};
    use std::borrow::Cow;

    struct One(&'static [u8]);

    impl Fields for One {
        fn get(&self, _: FieldId) -> Option<Cow<'_, [u8]>> {
            Some(Cow::Borrowed(self.0))
        }

        fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            test(self.0)
        }
    }

    fn check(field: &str, values: &str, text: &'static [u8], fits: bool) {
        let long: String = (0..100).map(|number| format!("      - made{number}up\n")).collect();
        let yaml = format!(
            "title: t\nlogsource: {{product: windows}}\ndetection:\n  s:\n    {field}:\n{long}{values}  condition: s\n"
        );
        let collection = parse_sigma_yaml(&yaml).unwrap();
        let detection = Detection::compile(&collection.rules[0], &mut FieldNames::default()).unwrap();
        assert_eq!(detection.matches(&One(text)), fits, "{field} {values} {text:?}");
    }

    #[test]
    fn a_long_list_says_what_its_values_say() {
        check("a", "", b"MADE7up", true);
        check("a", "", b"made7up ", false);
        check("a", "", b"", false);
        check("a", "      - ''\n", b"", true);
        check("a", "      - 'M\u{dc}LL'\n", "m\u{fc}ll".as_bytes(), true);
        check("a", "      - 'x*y'\n", b"x--Y", true);
        check("a", "      - 7\n", b"07", true);
        check("a|contains", "", b"-mAde99Up-", true);
        check("a|contains", "", b"-made100up-", false);
        check("a|contains", "      - '\u{dc}'\n", "x\u{fc}x".as_bytes(), true);
        check("a|endswith", "", b"x\\made3up", true);
        check("a|cased", "", b"MADE7UP", false);
        check("a|neq", "", b"made7up", false);
        check("a|neq", "", b"other", true);
    }
}
