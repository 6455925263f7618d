//! Functions that only compute: what disguises are made of.

mod coding;
mod text;

use super::Follower;
use super::expressions::letter;
use super::value::{Control, Known, Value, stronger};

pub(crate) use coding::{base64, hex, inflate};

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

/// A function that is called by its name. `None`: it is none that only computes, or its arguments are not known.
pub(super) fn call(follower: &mut Follower, class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
    let bytes: usize = arguments
        .iter()
        .filter_map(|argument| match &argument.known {
            Known::Text(text) => Some(text.len()),
            _ => None,
        })
        .sum();
    follower.spend(1 + u64::try_from(bytes / 1024).unwrap_or(u64::MAX));
    let known = coding::call(class, method, arguments).or_else(|| text::call(class, method, arguments))?;
    Some(with_trail(known, None, arguments))
}

impl Follower {
    /// A method of a text, list or number. `None`: it is none that only computes, or its arguments are not known.
    pub(super) fn data_method(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
        let arguments: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        let value = &self.settled(value);
        if let Known::Text(text) = &value.known {
            self.spend(1 + u64::try_from(text.len() / 1024).unwrap_or(u64::MAX));
        }
        let is_encoding = value.class().is_some_and(|class| class == "getencoding" || class.ends_with("encoding"));
        let known = if is_encoding {
            coding::call("encoding", name, &arguments)
        } else {
            text::method(value, name, &arguments)
        }?;
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
        Known::Text(text) if text.is_ascii() => text.get(at..=at).map(Value::text),
        Known::Text(text) => text.chars().nth(at).map(|letter| Value::text(letter.to_string())),
        _ => None,
    }
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
