//! Functions and methods over text, numbers and lists, of Basic, JScript and .NET.

use std::rc::Rc;

use super::coding::is_known;
use super::{element, joined_letters, letter_count, part};
use crate::flow::expressions::{TEXT_BYTES_MAX, letter, whole};
use crate::flow::value::{Known, Value};

/// Elements of one list.
const ELEMENTS_MAX: usize = 262_144;

/// Functions that are called by their names.
pub(super) fn call(class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
    if let Some(known) = list_call(class, method, arguments) {
        return Some(known);
    }
    let first = arguments.first().filter(|first| is_known(first))?;
    letter_call(class, method, first, arguments)
}

/// Functions that make lists, or text of them.
fn list_call(class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
    if matches!(method, "array" | "tuple") && matches!(class, "" | "this") {
        return Some(Value::list(arguments.to_vec()));
    }
    if method == "fromcharcode" {
        return arguments
            .iter()
            .map(Value::as_number)
            .collect::<Option<Vec<f64>>>()
            .map(|codes| Value::text(codes.into_iter().map(letter).collect::<Vec<_>>().concat()));
    }
    if (class, method) == ("string", "concat") {
        return joined_letters(&flat(arguments)).map(Value::text);
    }
    if (class, method) == ("array", "reverse") {
        if let Known::List(list) = &arguments.first()?.known {
            list.borrow_mut().reverse();
        }
        return arguments.first().cloned();
    }
    None
}

/// Functions of text.
fn letter_call(class: &str, method: &str, first: &Value, arguments: &[Value]) -> Option<Value> {
    let text = || first.as_text();
    let number = |at: usize| arguments.get(at).and_then(Value::as_number);
    let length = |at: usize| number(at).map(size);
    match method {
        // `char(65)` is how JScript.NET casts.
        "chr" | "chrw" | "chrb" | "tochar" | "char" => {
            let number = if method == "tochar" { None } else { first.as_number() };
            number.or_else(|| first.as_code()).map(|code| Value::text(letter(code)))
        }
        "asc" | "ascw" | "ascb" => text()?.chars().next().map(|letter| Value::number(f64::from(u32::from(letter)))),
        "mid" | "midb" => {
            let from = length(1)?.saturating_sub(1);
            Some(Value::text(part(&text()?, from, arguments.get(2).map(|_| length(2).unwrap_or(0)))))
        }
        "left" | "leftb" => Some(Value::text(part(&text()?, 0, Some(length(1)?)))),
        "right" | "rightb" => {
            let text = text()?;
            let count = letter_count(&text);
            Some(Value::text(part(&text, count.saturating_sub(length(1)?), None)))
        }
        "len" | "lenb" => match &first.known {
            Known::List(list) => Some(count(list.borrow().len())),
            _ => Some(count(letter_count(&text()?))),
        },
        "replace" => {
            Some(Value::text(replaced(&text()?, &arguments.get(1)?.as_text()?, &arguments.get(2)?.as_text()?)?))
        }
        "strreverse" => Some(Value::text(text()?.chars().rev().collect::<String>())),
        "split" => Some(split(&text()?, arguments.get(1).and_then(Value::as_text).as_deref().unwrap_or(" "))),
        "join" => joined(arguments, class == "string"),
        "ubound" => match &first.known {
            Known::List(list) => Some(Value::number(list.borrow().len() as f64 - 1.0)),
            Known::Bytes(bytes) => Some(Value::number(bytes.len() as f64 - 1.0)),
            _ => None,
        },
        "isnumeric" | "isfinite" => {
            Some(Value::bool(first.as_number().is_some() && text().is_none_or(|text| !text.trim().is_empty())))
        }
        "lbound" => Some(Value::number(0.0)),
        "ucase" => Some(Value::text(text()?.to_uppercase())),
        "lcase" => Some(Value::text(text()?.to_lowercase())),
        "trim" => Some(Value::text(text()?.trim())),
        "ltrim" => Some(Value::text(text()?.trim_start())),
        "rtrim" => Some(Value::text(text()?.trim_end())),
        "space" => Some(Value::text(" ".repeat(length(0)?.min(TEXT_BYTES_MAX)))),
        "string" if arguments.len() == 2 => {
            let one = arguments.get(1)?;
            let one = match &one.known {
                Known::Number(code) => letter(*code),
                _ => Rc::from(one.as_text()?.chars().next()?.to_string()),
            };
            Some(Value::text(one.repeat(length(0)?.min(TEXT_BYTES_MAX / 4))))
        }
        "string" | "cstr" | "tostring" if arguments.len() == 1 => {
            Some(Value::text(joined_letters(first).or_else(|| first.as_text().map(|text| text.to_string()))?))
        }
        "instr" => {
            let skip = usize::from(arguments.len() > 2 || matches!(first.known, Known::Number(_)));
            let (within, wanted) = (arguments.get(skip)?.as_text()?, arguments.get(skip + 1)?.as_text()?);
            Some(Value::number(found(&within, &wanted).map_or(0.0, |at| at + 1.0)))
        }
        "format" if class == "string" => Some(Value::text(formatted(&text()?, arguments.get(1..)?)?)),
        _ => number_call(method, first, arguments),
    }
}

/// Functions of numbers.
fn number_call(method: &str, first: &Value, arguments: &[Value]) -> Option<Value> {
    let number = |at: usize| arguments.get(at).and_then(Value::as_number);
    match method {
        "hex" => Some(Value::text(format!("{:X}", whole(first.as_number()?)))),
        "oct" => Some(Value::text(format!("{:o}", whole(first.as_number()?)))),
        "cint" | "clng" | "cdbl" | "cbyte" | "csng" | "val" | "int" | "fix" | "parse" | "number" | "parsefloat" => {
            let number = first.as_number()?;
            Some(Value::number(if matches!(method, "int" | "fix" | "cint" | "clng" | "cbyte") {
                number.floor()
            } else {
                number
            }))
        }
        "parseint" | "toint32" | "toint16" | "toint64" | "tobyte" | "touint32" => {
            whole_number(first, arguments.get(1)).map(Value::number)
        }
        "abs" => Some(Value::number(first.as_number()?.abs())),
        "sqr" | "sqrt" => Some(Value::number(first.as_number()?.sqrt())),
        "sgn" => Some(Value::number(first.as_number()?.signum())),
        "floor" | "truncate" => Some(Value::number(first.as_number()?.floor())),
        "ceil" | "ceiling" => Some(Value::number(first.as_number()?.ceil())),
        "round" => Some(Value::number(first.as_number()?.round())),
        "pow" => Some(Value::number(first.as_number()?.powf(number(1)?))),
        _ => None,
    }
}

/// Methods of text, lists and numbers.
pub(super) fn method(value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
    match &value.known {
        Known::Text(text) => text_method(text, name, arguments),
        Known::List(_) => list_method(value, name, arguments),
        Known::Bytes(bytes) => match name {
            "length" | "count" | "getlength" => Some(count(bytes.len())),
            "reverse" => Some(Value::bytes(bytes.iter().rev().copied().collect::<Vec<u8>>())),
            "toarray" | "tolist" | "clone" => Some(value.clone()),
            _ => None,
        },
        Known::Number(number) if name == "tostring" => match arguments.first().and_then(Value::as_number) {
            Some(radix) => Some(Value::text(in_radix(*number, radix))),
            None => value.as_text().map(Value::text),
        },
        Known::Number(_) | Known::Bool(_) if matches!(name, "valueof") => Some(value.clone()),
        _ => None,
    }
}

fn text_method(text: &Rc<str>, name: &str, arguments: &[Value]) -> Option<Value> {
    let number = |at: usize| arguments.get(at).and_then(Value::as_number);
    let word = |at: usize| {
        arguments
            .get(at)
            .and_then(|argument| joined_letters(argument).or_else(|| argument.as_text().map(|text| text.to_string())))
    };
    let letters = || letter_count(text);
    match name {
        "length" | "count" => Some(count(letters())),
        "charat" | "chars" => element(&Value::text(text.clone()), arguments.first()),
        "charcodeat" => Some(Value::number(f64::from(u32::from(
            part(text, size(number(0).unwrap_or(0.0)), Some(1)).chars().next()?,
        )))),
        "substring" if arguments.len() == 2 && number(1)? < number(0)? => {
            Some(Value::text(part(text, size(number(1)?), Some(size(number(0)? - number(1)?)))))
        }
        // .NET counts letters, JScript names the end; a text that is too short for the one is the other's.
        "substring" | "substr" => Some(Value::text(part(text, size(number(0)?), number(1).map(size)))),
        "slice" => {
            let end = number(1).unwrap_or(letters() as f64);
            let from_end = |at: f64| if at < 0.0 { (letters() as f64 + at).max(0.0) } else { at };
            let (from, end) = (from_end(number(0)?), from_end(end));
            Some(Value::text(part(text, size(from), Some(size((end - from).max(0.0))))))
        }
        "replace" => Some(Value::text(replaced(text, &word(0)?, &word(1)?)?)),
        "remove" => {
            let from = size(number(0)?);
            let end = number(1).map_or(letters(), |count| from + size(count));
            Some(Value::text(part(text, 0, Some(from)) + &part(text, end, None)))
        }
        "insert" => {
            let at = size(number(0)?);
            Some(Value::text(part(text, 0, Some(at)) + &word(1)? + &part(text, at, None)))
        }
        "split" => Some(split(text, &word(0).unwrap_or_default())),
        "trim" => Some(Value::text(text.trim())),
        "trimstart" => Some(Value::text(text.trim_start())),
        "trimend" => Some(Value::text(text.trim_end())),
        "tolower" | "tolowercase" | "tolowerinvariant" => Some(Value::text(text.to_lowercase())),
        "toupper" | "touppercase" | "toupperinvariant" => Some(Value::text(text.to_uppercase())),
        "tochararray" => Some(Value::list(
            text.chars().take(TEXT_BYTES_MAX / 16).map(|letter| Value::text(letter.to_string())).collect(),
        )),
        "reverse" => Some(Value::list(text.chars().rev().map(|letter| Value::text(letter.to_string())).collect())),
        "concat" => Some(Value::text(format!("{text}{}", joined_letters(&Value::list(arguments.to_vec()))?))),
        "indexof" => Some(Value::number(found(text, &word(0)?).unwrap_or(-1.0))),
        "lastindexof" => {
            let at = text.rfind(&word(0)?);
            Some(Value::number(at.and_then(|at| text.get(..at)).map_or(-1.0, |before| before.chars().count() as f64)))
        }
        "startswith" => Some(Value::bool(text.starts_with(&word(0)?))),
        "endswith" => Some(Value::bool(text.ends_with(&word(0)?))),
        "contains" => Some(Value::bool(text.contains(&word(0)?))),
        "tostring" | "valueof" | "clone" | "normalize" => Some(Value::text(text.clone())),
        "padleft" | "padright" => Some(Value::text(text.clone())),
        _ => None,
    }
}

fn list_method(value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
    let Known::List(list) = &value.known else { return None };
    match name {
        "length" | "count" | "getlength" => Some(count(list.borrow().len())),
        "getupperbound" => Some(Value::number(list.borrow().len() as f64 - 1.0)),
        "join" => {
            let separator = arguments.first().and_then(Value::as_text).unwrap_or_else(|| Rc::from(","));
            joined_by(&list.borrow(), &separator)
        }
        "reverse" => {
            list.borrow_mut().reverse();
            Some(value.clone())
        }
        "push" | "add" | "addrange" | "enqueue" => {
            for argument in arguments {
                // A list may be added to itself, so nothing is borrowed twice.
                let more = match &argument.known {
                    Known::List(more) if name == "addrange" => more.borrow().clone(),
                    Known::Bytes(more) if name == "addrange" => {
                        more.iter().map(|byte| Value::number(f64::from(*byte))).collect()
                    }
                    _ => vec![argument.clone()],
                };
                let mut list = list.borrow_mut();
                let room = ELEMENTS_MAX.saturating_sub(list.len());
                list.extend(more.into_iter().take(room));
            }
            Some(count(list.borrow().len()))
        }
        "pop" => list.borrow_mut().pop(),
        "shift" | "dequeue" => {
            let mut list = list.borrow_mut();
            (!list.is_empty()).then(|| list.remove(0))
        }
        "concat" => {
            let mut all = list.borrow().clone();
            all.extend(match &flat(arguments).known {
                Known::List(more) => more.borrow().clone(),
                _ => Vec::new(),
            });
            Some(Value::list(all))
        }
        "toarray" | "tolist" | "clone" | "cast" => Some(value.clone()),
        "item" | "get" | "getvalue" | "elementat" => element(value, arguments.first()),
        "tostring" if arguments.is_empty() => joined_by(&list.borrow(), ","),
        _ => None,
    }
}

/// Lists among arguments, opened.
fn flat(arguments: &[Value]) -> Value {
    let mut all = Vec::new();
    for argument in arguments {
        match &argument.known {
            Known::List(list) => all.extend(list.borrow().iter().cloned()),
            _ => all.push(argument.clone()),
        }
    }
    Value::list(all)
}

/// `Join(list, separator)` of Basic; `String.Join(separator, list)` of .NET.
fn joined(arguments: &[Value], separator_first: bool) -> Option<Value> {
    let (list, separator) =
        if separator_first { (arguments.get(1)?, arguments.first()) } else { (arguments.first()?, arguments.get(1)) };
    let separator = separator.and_then(Value::as_text).unwrap_or_else(|| Rc::from(" "));
    match &list.known {
        Known::List(list) => joined_by(&list.borrow(), &separator),
        _ => None,
    }
}

fn joined_by(list: &[Value], separator: &str) -> Option<Value> {
    let texts: Option<Vec<Rc<str>>> = list.iter().map(Value::as_text).collect();
    texts.map(|texts| Value::text(texts.join(separator)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative sizes are none")]
fn size(number: f64) -> usize {
    number.clamp(0.0, 1e12) as usize
}

#[expect(clippy::cast_precision_loss, reason = "lists are short")]
fn count(count: usize) -> Value {
    Value::number(count as f64)
}

fn replaced(text: &str, old: &str, new: &str) -> Option<String> {
    if old.is_empty() {
        return Some(text.to_owned());
    }
    let grows = text.len().saturating_add(text.len() / old.len() * new.len());
    (grows <= TEXT_BYTES_MAX).then(|| text.replace(old, new))
}

fn split(text: &str, separator: &str) -> Value {
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars().map(|letter| Value::text(letter.to_string())).collect()
    } else {
        text.split(separator).take(ELEMENTS_MAX).map(Value::text).collect()
    };
    Value::list(parts)
}

fn found(text: &str, wanted: &str) -> Option<f64> {
    let at = text.find(wanted)?;
    text.get(..at).map(|before| before.chars().count() as f64)
}

fn whole_number(value: &Value, radix: Option<&Value>) -> Option<f64> {
    let radix = radix.and_then(Value::as_number).map(size);
    match (&value.known, radix) {
        (Known::Text(text), Some(radix @ 2..=36)) => {
            let text = text.trim().trim_start_matches("0x");
            i64::from_str_radix(text, u32::try_from(radix).ok()?).ok().map(|number| number as f64)
        }
        _ => value.as_number().map(f64::trunc).or_else(|| value.as_code()),
    }
}

fn in_radix(number: f64, radix: f64) -> String {
    let (mut rest, radix) = (whole(number).unsigned_abs(), u32::try_from(size(radix)).unwrap_or(10).clamp(2, 36));
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit(rest % radix, radix));
        rest /= radix;
        if rest == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// `String.Format("{0}{1}", a, b)`
fn formatted(pattern: &str, arguments: &[Value]) -> Option<String> {
    let mut text = pattern.to_owned();
    for (at, argument) in arguments.iter().enumerate() {
        text = replaced(&text, &format!("{{{at}}}"), &argument.as_text()?)?;
    }
    Some(text)
}
