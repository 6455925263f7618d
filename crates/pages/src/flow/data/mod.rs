//! Functions that only compute: what disguises are made of.

mod coding;
mod text;

use std::rc::Rc;

use super::Follower;
use super::expressions::{cost_of_bytes, letter};
use super::value::{Control, Known, Value, stronger};

pub(crate) use coding::{base64, hex, inflate};

/// Shorter texts are gone through each time.
const SHORT_TEXT_BYTES: usize = 2_048;

/// What names mean that no page declares.
pub(super) fn constant(name: &str) -> Option<Value> {
    Some(Value::text(match name {
        "vbcrlf" | "vbnewline" => "\r\n",
        "vbcr" => "\r",
        "vblf" => "\n",
        "vbtab" => "\t",
        "vbnullstring" => "",
        "vbnullchar" => "\0",
        _ => return None,
    }))
}

/// Members of classes that are constants.
pub(super) fn static_member(class: &str, name: &str) -> Option<Value> {
    match (class, name) {
        ("string", "empty") => Some(Value::text("")),
        ("environment", "newline") => Some(Value::text("\r\n")),
        ("path", "directoryseparatorchar") => Some(Value::text("\\")),
        _ => None,
    }
}

/// Functions of which decoders call one for each letter, and which do nothing but compute.
pub(super) fn only_computes(method: &str) -> bool {
    matches!(
        method,
        "chr"
            | "chrw"
            | "chrb"
            | "asc"
            | "ascw"
            | "ascb"
            | "mid"
            | "midb"
            | "left"
            | "right"
            | "len"
            | "lenb"
            | "instr"
            | "cint"
            | "clng"
            | "ubound"
            | "split"
            | "replace"
            | "strreverse"
            | "isnumeric"
    )
}

/// A function that is called by its name. `None`: it is none that only computes, or its arguments are not known.
pub(super) fn call(follower: &mut Follower, class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
    let counted = if takes_letters(method) { 0 } else { arguments.len() };
    let bytes: usize = arguments
        .iter()
        .take(counted)
        .filter_map(|argument| match &argument.known {
            Known::Text(text) => Some(text.len()),
            _ => None,
        })
        .sum();
    follower.spend(cost_of_bytes(bytes));
    // A part of the name of the page's own file still stands for it.
    if let Some(Value { known: Known::OwnPage, .. }) = arguments.first()
        && matches!(method, "mid" | "right" | "lcase" | "ucase" | "trim" | "replace" | "cstr")
    {
        return arguments.first().cloned();
    }
    let known = coding::call(class, method, arguments).or_else(|| text::call(class, method, arguments));
    follower.spend(letters_taken_apart() / 64);
    let known = known?;
    Some(with_trail(known, None, arguments))
}

impl Follower {
    /// A method of a text, list or number. `None`: it is none that only computes, or its arguments are not known.
    pub(super) fn data_method(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
        let arguments: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        let value = &self.settled(value);
        if let Known::Text(text) = &value.known
            && !takes_letters(name)
        {
            self.spend(cost_of_bytes(text.len()));
        }
        let is_encoding = value.class().is_some_and(|class| class == "getencoding" || class.ends_with("encoding"));
        let known = if is_encoding {
            coding::call("encoding", name, &arguments)
        } else {
            text::method(value, name, &arguments)
        };
        self.spend(letters_taken_apart() / 64);
        let known = known?;
        Some(with_trail(known, Some(value), &arguments))
    }
}

/// What went in goes along with what comes out.
fn with_trail(known: Value, receiver: Option<&Value>, arguments: &[Value]) -> Value {
    if matches!(known.known, Known::Number(_) | Known::Bool(_)) {
        return known;
    }
    let own = receiver.and_then(|receiver| receiver.trail.clone());
    let trail = arguments.iter().fold(own, |found, argument| stronger(found, argument.deep_trail()));
    let trail = stronger(known.trail.clone(), trail);
    let control = receiver.or(arguments.first()).map_or(Control::None, |value| value.control);
    Value { trail, control, ..known }
}

/// An element of a list, text or bytes.
pub(super) fn element(value: &Value, at: Option<&Value>) -> Option<Value> {
    let at = at?.as_number()?;
    if !(0.0..1e9).contains(&at) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was tested")]
    let at = at as usize;
    match &value.known {
        Known::List(list) => list.borrow().get(at).cloned(),
        Known::Bytes(bytes) => bytes.get(at).map(|byte| Value::number(f64::from(*byte))),
        Known::Text(text) => {
            let letter = part(text, at, Some(1));
            (!letter.is_empty()).then(|| Value::text(letter))
        }
        _ => None,
    }
}

/// Functions that take a few letters of a text, and cost the same however long it is.
fn takes_letters(method: &str) -> bool {
    matches!(
        method,
        "mid" | "midb" | "len" | "lenb" | "charat" | "charcodeat" | "substring" | "substr" | "length" | "chars"
    )
}

/// Letters of a text from a place on. Decoders ask for letter after letter of a long text.
pub(super) fn part(text: &Rc<str>, from: usize, length: Option<usize>) -> String {
    let most = length.unwrap_or(usize::MAX);
    if text.len() < SHORT_TEXT_BYTES || most > SHORT_TEXT_BYTES {
        return text.chars().skip(from).take(most).collect();
    }
    with_letters(text, |letters| letters.iter().skip(from).take(most).collect())
}

/// Letters that a text has.
pub(super) fn letter_count(text: &Rc<str>) -> usize {
    if text.len() < SHORT_TEXT_BYTES { text.chars().count() } else { with_letters(text, <[char]>::len) }
}

thread_local! {
    /// Bytes of texts that were taken apart into letters and not paid for.
    static TAKEN_APART: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn letters_taken_apart() -> u64 {
    TAKEN_APART.take()
}

/// The letters of a long text, which are kept until another one is asked for.
fn with_letters<T>(text: &Rc<str>, with: impl FnOnce(&[char]) -> T) -> T {
    thread_local! {
        static LAST: std::cell::RefCell<Option<(Rc<str>, Vec<char>)>> = const { std::cell::RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        let is_last = last.as_ref().is_some_and(|(known, _)| Rc::ptr_eq(known, text));
        if !is_last {
            *last = Some((text.clone(), text.chars().collect()));
            TAKEN_APART.set(TAKEN_APART.get() + u64::try_from(text.len()).unwrap_or(u64::MAX));
        }
        with(last.as_ref().map_or(&[], |(_, letters)| letters))
    })
}

/// The text of a list of letters or codes.
pub(super) fn joined_letters(value: &Value) -> Option<String> {
    match &value.known {
        Known::List(list) => {
            let list = list.borrow();
            let text = |value: &Value| match &value.known {
                Known::Number(number) => Some(letter(*number)),
                _ => value.as_text(),
            };
            list.iter().map(text).collect::<Option<Vec<_>>>().map(|all| all.concat())
        }
        Known::Bytes(bytes) => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Known::Text(text) => Some(text.to_string()),
        _ => None,
    }
}
