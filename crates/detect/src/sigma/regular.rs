//! `re`: regular expressions, with limits, and the literals that they require.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

/// Upper bound of a compiled expression, in bytes.
const REGEX_BYTES_MAX: usize = 8 << 20;
/// Upper bound of the search cache of one expression, in bytes.
const REGEX_CACHE_BYTES_MAX: usize = 2 << 20;
/// An expression that is estimated not to become larger stays below the limit above, so it need not be compiled to
/// know that it can be.
const SURELY_SMALL_BYTES: usize = REGEX_BYTES_MAX / 2;
/// No state of a compiled expression takes more bytes, its transition included.
const STATE_BYTES_MAX: usize = 64;
/// More alternatives than this are not worth a search for literals.
const ALTERNATIVES_MAX: usize = 64;

/// Flags that the sub-modifiers set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
}

/// Expressions in use, by text and flags. Rules of a kind repeat them; each is read, and if need be compiled, once.
static IN_USE: LazyLock<Mutex<InUse>> = LazyLock::new(Mutex::default);
type InUse = HashMap<(String, Flags), Weak<Expression>>;

/// An expression. Most are never reached behind the search for literals, so they are compiled when they first are.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    flags: Flags,
    /// `None`: it could not be compiled, which [`Expression::new`] has made sure of.
    compiled: OnceLock<Option<Regex>>,
    /// Of each of these sets any match contains one string.
    literals: Vec<Vec<Vec<u8>>>,
}

impl Expression {
    /// The expression of this text and these flags.
    pub(super) fn shared(text: String, flags: Flags) -> Result<Arc<Self>, String> {
        let key = (text, flags);
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = in_use.get(&key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let new = Arc::new(Self::new(&key.0, flags)?);
        in_use.insert(key, Arc::downgrade(&new));
        Ok(new)
    }

    fn new(text: &str, flags: Flags) -> Result<Self, String> {
        let tree = parse(text, flags)?;
        let compiled = OnceLock::new();
        if states(&tree).saturating_mul(STATE_BYTES_MAX) > SURELY_SMALL_BYTES {
            _ = compiled.set(Some(compile(text, flags)?));
        }
        Ok(Self { text: text.to_owned(), flags, compiled, literals: conjuncts(&tree) })
    }

    /// Whether it matches anywhere. A byte that is not UTF-8 counts as one character, so that it cannot hide the
    /// rest of a line from `.`.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let compiled = self.compiled.get_or_init(|| compile(&self.text, self.flags).ok());
        let Some(regex) = compiled else { return false };
        match String::from_utf8_lossy(text) {
            Cow::Borrowed(_) => regex.is_match(text),
            Cow::Owned(replaced) => regex.is_match(replaced.as_bytes()),
        }
    }

    /// Sets of strings: any match contains one of each set (ASCII case disregarded).
    pub(super) fn literals(&self) -> &[Vec<Vec<u8>>] {
        &self.literals
    }
}

fn parse(text: &str, flags: Flags) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .utf8(false)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .build()
        .parse(text)
        .map_err(|error| error.to_string())
}

fn compile(text: &str, flags: Flags) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_CACHE_BYTES_MAX)
        .build()
        .map_err(|error| error.to_string())
}

/// No fewer than the states that it takes to look for this, forwards or backwards.
fn states(tree: &Hir) -> usize {
    let more = match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(class) => states_of_class(class),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            states(&repetition.sub).saturating_add(1).saturating_mul(copies as usize)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(1),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(parts.len(), |sum, part| sum.saturating_add(states(part)))
        }
    };
    more.saturating_add(1)
}

/// Characters beyond ASCII are sequences of up to four bytes, and none is shared here.
fn states_of_class(class: &Class) -> usize {
    match class {
        Class::Bytes(class) => class.ranges().len(),
        Class::Unicode(class) => {
            let states = |range: &ClassUnicodeRange| match range.end().is_ascii() {
                true => 1,
                false => Utf8Sequences::new(range.start(), range.end()).map(|sequence| sequence.len()).sum(),
            };
            class.ranges().iter().map(states).sum()
        }
    }
}

/// Everything that is known of the strings in a match.
fn conjuncts(tree: &Hir) -> Vec<Vec<Vec<u8>>> {
    match tree.kind() {
        HirKind::Capture(capture) => conjuncts(&capture.sub),
        HirKind::Concat(parts) => conjuncts_of_concat(parts),
        _ => required(tree).into_iter().collect(),
    }
}

/// Strings of which every match contains one (ASCII case disregarded).
fn required(tree: &Hir) -> Option<Vec<Vec<u8>>> {
    match tree.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => {
            let shortest = |set: &Vec<Vec<u8>>| set.iter().map(Vec::len).min();
            conjuncts_of_concat(parts).into_iter().max_by_key(shortest)
        }
        HirKind::Alternation(branches) if branches.len() <= ALTERNATIVES_MAX => {
            let sets: Option<Vec<_>> = branches.iter().map(required).collect();
            sets.map(|sets| sets.concat()).filter(|set| set.len() <= ALTERNATIVES_MAX)
        }
        HirKind::Class(class) => one_letter(class).map(|letter| vec![vec![letter]]),
        _ => None,
    }
}

/// The runs of letters of a sequence, and what its other parts require.
fn conjuncts_of_concat(parts: &[Hir]) -> Vec<Vec<Vec<u8>>> {
    let mut sets: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => run.extend_from_slice(&literal.0),
            HirKind::Class(class) if one_letter(class).is_some() => run.extend(one_letter(class)),
            // Takes no room.
            HirKind::Look(_) => {}
            _ => {
                sets.push(vec![std::mem::take(&mut run)]);
                sets.extend(required(part));
            }
        }
    }
    sets.push(vec![run]);
    sets.retain(|set| set.iter().all(|literal| !literal.is_empty()));
    sets
}

/// The letter of a class such as `[Aa]`.
fn one_letter(class: &Class) -> Option<u8> {
    let (first, second, count) = match class {
        Class::Unicode(class) => {
            let mut members = class.iter().flat_map(|range| [range.start(), range.end()]);
            if class.iter().any(|range| range.start() != range.end()) {
                return None;
            }
            let first = u8::try_from(members.next()?).ok()?;
            (first, members.nth(1).and_then(|letter| u8::try_from(letter).ok())?, class.iter().count())
        }
        Class::Bytes(class) => {
            let mut members = class.iter().flat_map(|range| [range.start(), range.end()]);
            if class.iter().any(|range| range.start() != range.end()) {
                return None;
            }
            (members.next()?, members.nth(1)?, class.iter().count())
        }
    };
    (count == 2 && first.is_ascii() && first.eq_ignore_ascii_case(&second)).then(|| first.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use regex_automata::nfa::thompson::{NFA, WhichCaptures};

    use super::{Expression, Flags};

    fn literals(text: &str, ignore_case: bool) -> Vec<String> {
        let flags = Flags { ignore_case, ..Flags::default() };
        let expression = Expression::new(text, flags).unwrap();
        expression.literals().iter().map(|set| String::from_utf8(set.join(&b'|')).unwrap()).collect()
    }

    #[test]
    fn requires_only_what_every_match_has() {
        let check = |text: &str, expected: &[&str]| assert_eq!(literals(text, false), expected, "{text}");
        check("abc", &["abc"]);
        check("^/ecp/.{1,20}\\.aspx$", &["/ecp/", ".aspx"]);
        check("(whoami|ipconfig) /all", &["whoami|ipconfig", " /all"]);
        check("(whoami|.*)", &[]);
        check("(whoami)?", &[]);
        check("a(whoami)+b", &["a", "whoami", "b"]);
        check("[0-9]+", &[]);
        check("abc|", &[]);
        check("x(abc|)y", &["x", "y"]);
    }

    #[test]
    fn one_expression_serves_all_who_ask_for_it() {
        let (exact, folded) = (Flags::default(), Flags { ignore_case: true, ..Flags::default() });
        let shared = |flags| Expression::shared("who.+ami".into(), flags).unwrap();
        let (first, second, other) = (shared(exact), shared(exact), shared(folded));
        assert!(std::sync::Arc::ptr_eq(&first, &second));
        assert!(other.matches(b"WHO is AMI") && !first.matches(b"WHO is AMI"));
    }

    #[test]
    fn letters_with_other_foldings_break_a_run() {
        // `k` folds to the Kelvin sign too, so it is no byte that every match has.
        assert_eq!(literals("cookie", true), ["coo", "ie"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_hide_nothing() {
        let expression = Expression::new("cmd.*whoami", Flags::default()).unwrap();
        assert!(expression.matches(b"cmd \xff whoami"));
        assert!(!expression.matches(b"cmd \xff who"));
    }

    /// The promise on which compiling later rests: what is let through grows no larger than was estimated.
    #[test]
    fn no_expression_is_larger_than_estimated() {
        let parts = [
            "\\w",
            "\\w+",
            "(?i:\\p{L})*",
            "[^\\W\\d]",
            "(a|b)*",
            "\\S?\\s?",
            ".",
            "(?s:.)",
            "[^a]{3,9}",
            "a{0,50}",
            "^$",
        ];
        for (part, copies) in parts.iter().flat_map(|part| [1, 2, 7, 40].map(|copies| (part, copies))) {
            for ignore_case in [false, true] {
                let flags = Flags { ignore_case, ..Flags::default() };
                for text in [part.repeat(copies), format!("({part}){{{copies}}}"), format!("({part}|x){{1,{copies}}}")]
                {
                    let tree = super::parse(&text, flags).unwrap();
                    let bytes = super::states(&tree).saturating_mul(super::STATE_BYTES_MAX);
                    for is_reverse in [false, true] {
                        let captures = if is_reverse { WhichCaptures::None } else { WhichCaptures::All };
                        let configuration = NFA::config().utf8(false).reverse(is_reverse).which_captures(captures);
                        let configuration = configuration.nfa_size_limit(Some(bytes));
                        let built = NFA::compiler().configure(configuration).build_from_hir(&tree);
                        assert!(built.is_ok(), "{text}: estimated {bytes}: {}", built.unwrap_err());
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_what_would_cost_too_much() {
        assert!(Expression::new("(?:\\w{1000}){1000}", Flags::default()).is_err());
        assert!(Expression::new("(", Flags::default()).is_err());
        assert!(Expression::new("(?=look)ahead", Flags::default()).is_err());
    }
}
