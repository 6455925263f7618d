//! Required literals: strings of which every record that fits a rule contains one.
//!
//! They must be sound before anything else: a literal that a fitting record might lack would lose hits. So whatever
//! is not certain yields none, and the rule is then tested on every record of its log source.

use super::detection::{Detection, Node};
use super::fields::FieldId;
use super::item::{Item, Test};
use super::pattern::Pattern;

/// Shorter strings are no filter.
pub const LITERAL_BYTES_MIN: usize = 4;
/// Longer strings filter no better.
const LITERAL_BYTES_MAX: usize = 64;
/// A rule with more alternatives than this is tested on every record.
const LITERALS_MAX: usize = 4096;

/// The score of a literal that is part of a word of nearly every record: no filter at all.
const EVERYWHERE_SCORE: usize = 0;
/// The score of a literal that is part of a common word.
const COMMON_SCORE: usize = 1;

/// Words that stand in nearly every record; joined, so that one search tells whether a string is part of one.
const EVERYWHERE: &str =
    concat!("post\0", "true\0", "false\0", "success\0", "anonymous\0", "mozilla/5.0\0", "windows nt\0",);

/// Words that stand in so many records of a mail server that they filter badly.
const COMMON: &str = concat!(
    "http://\0",
    "https://\0",
    "/owa/\0",
    "/ecp/\0",
    "/ews/exchange.asmx\0",
    "/autodiscover/autodiscover.xml\0",
    "/microsoft-server-activesync\0",
    "/mapi/emsmdb\0",
    "/rpc/rpcproxy.dll\0",
    "microsoft exchange\0",
    "c:\\windows\\system32\\\0",
    "c:\\program files\\microsoft\\exchange server\\v15\\\0",
    ".exe\0",
    ".aspx\0",
    "powershell\0",
    "cmd.exe\0",
    "w3wp.exe\0",
);

/// How the bytes that are searched are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// The values themselves.
    Values,
    /// Lines of a delimited log, where quotes inside a value are doubled.
    Lines,
}

/// A required string, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    /// The field in whose value it has to stand; `None`: anywhere.
    pub field: Option<FieldId>,
    /// At least [`LITERAL_BYTES_MIN`] bytes.
    pub bytes: Vec<u8>,
}

impl Detection {
    /// Strings, in lower case, of which every fitting record contains one (ASCII case disregarded). `searched` says
    /// which fields' values are among the bytes that will be searched. `None`: no such strings are known.
    #[must_use]
    pub fn required_literals(&self, writing: Writing, searched: &dyn Fn(FieldId) -> bool) -> Option<Vec<Literal>> {
        self.literals_split_at(writing, searched, &|_| b"")
    }

    /// The same, where some texts are put together: `apart` says at which bytes the text of a field may stand apart
    /// among the bytes that will be searched.
    #[must_use]
    pub fn literals_split_at(
        &self,
        writing: Writing,
        searched: &dyn Fn(FieldId) -> bool,
        apart: &dyn Fn(FieldId) -> &'static [u8],
    ) -> Option<Vec<Literal>> {
        let search = Search { detection: self, writing, searched, apart };
        let set = search.of_node(&self.condition)?;
        // Testing every row is cheaper than finding a word in every row and then testing it.
        if writing == Writing::Lines && set.score == EVERYWHERE_SCORE {
            return None;
        }
        let mut literals = set.literals;
        literals.sort_unstable();
        literals.dedup();
        Some(literals)
    }
}

/// Alternatives, and how well the worst of them filters.
struct Set {
    literals: Vec<Literal>,
    score: usize,
}

impl Set {
    fn of_field(mut self, field: Option<FieldId>) -> Self {
        self.literals.iter_mut().for_each(|literal| literal.field = field);
        self
    }
}

struct Search<'a> {
    detection: &'a Detection,
    writing: Writing,
    searched: &'a dyn Fn(FieldId) -> bool,
    apart: &'a dyn Fn(FieldId) -> &'static [u8],
}

impl Search<'_> {
    fn of_node(&self, node: &Node) -> Option<Set> {
        match node {
            Node::All(parts) => best(parts.iter().filter_map(|part| self.of_node(part))),
            // Of at least n parts any one will do.
            Node::Any(parts) | Node::AtLeast(_, parts) => union(parts.iter().map(|part| self.of_node(part))),
            Node::Not(_) => None,
            Node::Item(item) => self.of_item(item),
            Node::Named(at) => self.of_node(self.detection.named.get(*at)?),
        }
    }

    fn of_item(&self, item: &Item) -> Option<Set> {
        if item.negated || item.field.is_some_and(|field| !(self.searched)(field)) {
            return None;
        }
        let apart = item.field.map_or(&b""[..], self.apart);
        if item.all {
            best(item.tests.iter().filter_map(|test| self.of_test(test, apart)))
        } else {
            union(item.tests.iter().map(|test| self.of_test(test, apart)))
        }
        .map(|set| set.of_field(item.field))
    }

    fn of_test(&self, test: &Test, apart: &'static [u8]) -> Option<Set> {
        match test {
            Test::Text(pattern) => self.of_pattern(pattern, apart),
            Test::AnyOf(tests) => union(tests.iter().map(|test| self.of_test(test, apart))),
            Test::Regular(expression) => {
                let alternatives =
                    |set: &Vec<Vec<u8>>| union(set.iter().map(|literal| best(self.runs(literal, apart))));
                best(expression.literals().iter().filter_map(alternatives))
            }
            Test::Integer(number) => best(self.runs(number.unsigned_abs().to_string().as_bytes(), apart)),
            Test::Network(_)
            | Test::Number(_)
            | Test::Compare(..)
            | Test::Time(..)
            | Test::Exists(_)
            | Test::Null
            | Test::Reference(..) => None,
        }
    }

    fn of_pattern(&self, pattern: &Pattern, apart: &'static [u8]) -> Option<Set> {
        best(pattern.runs().into_iter().flat_map(|run| self.runs(run, apart)))
    }

    /// The runs of a literal that are written the same wherever they are searched.
    fn runs<'b>(&self, literal: &'b [u8], apart: &'static [u8]) -> impl Iterator<Item = Set> + use<'b> {
        let writing = self.writing;
        let kept = move |byte: &u8| {
            byte.is_ascii()
                && !apart.contains(byte)
                && (writing == Writing::Values || !matches!(byte, b'"' | b'\'' | b'\n' | b'\r'))
        };
        literal.split(move |byte| !kept(byte)).filter(|run| run.len() >= LITERAL_BYTES_MIN).map(|run| {
            let run = run.get(..LITERAL_BYTES_MAX).unwrap_or(run).to_ascii_lowercase();
            Set { score: score(&run), literals: vec![Literal { field: None, bytes: run }] }
        })
    }
}

fn best(sets: impl Iterator<Item = Set>) -> Option<Set> {
    // Of equals the first, so that the choice does not depend on anything but the rule.
    sets.reduce(|best, set| {
        let better = (set.score, best.literals.len()) > (best.score, set.literals.len());
        if better { set } else { best }
    })
}

fn union(sets: impl Iterator<Item = Option<Set>>) -> Option<Set> {
    let mut all = Set { literals: Vec::new(), score: usize::MAX };
    for set in sets {
        let set = set?;
        all.score = all.score.min(set.score);
        all.literals.extend(set.literals);
    }
    (!all.literals.is_empty() && all.literals.len() <= LITERALS_MAX).then_some(all)
}

/// How rarely a string is to be expected: its length, unless it is part of a common word.
fn score(literal: &[u8]) -> usize {
    let is_part_of = |words: &str| memchr::memmem::find(words.as_bytes(), literal).is_some();
    if is_part_of(EVERYWHERE) {
        EVERYWHERE_SCORE
    } else if is_part_of(COMMON) {
        COMMON_SCORE
    } else {
        literal.len().min(12)
    }
}

#[cfg(test)]
mod tests {
    use rsigma_parser::parse_sigma_yaml;

    use super::{Detection, Writing};
    use crate::sigma::FieldNames;

    fn literals(detection: &str, writing: Writing) -> Option<Vec<String>> {
        let yaml = format!("title: t\nlogsource: {{category: webserver}}\ndetection:\n{detection}");
        let collection = parse_sigma_yaml(&yaml).unwrap();
        let mut names = FieldNames::default();
        let detection = Detection::compile(&collection.rules[0], &mut names).unwrap();
        let literals = detection.required_literals(writing, &|_| true);
        literals.map(|set| set.into_iter().map(|literal| String::from_utf8(literal.bytes).unwrap()).collect())
    }

    fn check(detection: &str, expected: Option<&[&str]>) {
        let found = literals(detection, Writing::Lines);
        let found: Option<Vec<&str>> = found.as_ref().map(|set| set.iter().map(String::as_str).collect());
        assert_eq!(found, expected.map(<[&str]>::to_vec), "{detection}");
    }

    #[test]
    fn takes_the_rarest_conjunct() {
        check(
            "  s: {cs-method: POST, cs-uri-stem|contains: /Powershell-Proxy}\n  condition: s",
            Some(&["/powershell-proxy"]),
        );
        check(
            "  s: {cs-method: POST, cs-uri-stem|contains: [/ecp/, /owa/auth/]}\n  condition: s",
            Some(&["/ecp/", "/owa/auth/"]),
        );
        check("  s: {a|contains|all: [short, muchlonger]}\n  condition: s", Some(&["muchlonger"]));
    }

    #[test]
    fn unites_alternatives_and_gives_up_on_open_ones() {
        check("  s: {a|contains: [first, second]}\n  condition: s", Some(&["first", "second"]));
        check("  s: {a|contains: [first, se]}\n  condition: s", None);
        check("  s: {a: first}\n  t: {b: second}\n  condition: s or t", Some(&["first", "second"]));
        check("  s: {a: first}\n  t: {b|exists: true}\n  condition: s or t", None);
        check("  s: {a: first}\n  t: {b: second}\n  condition: s and not t", Some(&["first"]));
        check("  s: {a: first}\n  condition: not s", None);
        check("  s: {a|neq: first}\n  condition: s", None);
        check("  s: {cs-method: POST}\n  condition: s", None);
    }

    #[test]
    fn leaves_out_what_a_line_writes_differently() {
        check("  s: {a|contains: 'ab\"longer\"c'}\n  condition: s", Some(&["longer"]));
        check("  s: {a|contains: M\u{fc}ller}\n  condition: s", Some(&["ller"]));
        check("  s: {a: 'one*wildcard?end'}\n  condition: s", Some(&["wildcard"]));
    }
}
