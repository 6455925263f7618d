//! `assessment.json`: the assessment as it is, from which all other outputs derive.
//!
//! Pretty, in the order of the contract, ends with a line feed, lossless. Characters that a terminal would obey or that
//! nobody can see are written as `\uXXXX`: to a JSON reader that is the same text, and printing it hurts nobody.

use std::fmt::Write as _;
use std::io;

use model::assessment::Assessment;
use serde::Serialize;

use crate::hostile::is_hidden;

/// The JSON Schema (2020-12) that every `assessment.json` satisfies.
pub const SCHEMA: &str = include_str!("../../../schema/assessment.schema.json");

/// `assessment.json` as text.
#[must_use]
pub fn text(assessment: &Assessment) -> String {
    pretty(assessment)
}

/// Any value in the same way: pretty, nothing hidden, with a line feed at the end.
///
/// # Panics
/// When a map has keys that are no text.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("only text is a key");
    let mut text = escape_hidden(json);
    text.push('\n');
    text
}

/// Writes `assessment.json`.
///
/// # Errors
/// Whatever the writer says.
pub fn write(assessment: &Assessment, mut out: impl io::Write) -> io::Result<()> {
    out.write_all(text(assessment).as_bytes())
}

/// One value on one line, without the line feed.
///
/// # Panics
/// When a map has keys that are no text.
#[must_use]
pub fn line(value: &impl Serialize) -> String {
    escape_hidden(serde_json::to_string(value).expect("a line has only text as keys"))
}

/// Outside of strings JSON is ASCII, so whatever is hidden here stands inside a string, where `\uXXXX` means the same.
fn escape_hidden(json: String) -> String {
    if json.bytes().all(|byte| byte < 0x7f) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c >= '\u{7f}' && is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").expect("a string takes everything");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The paths of all fields.
#[cfg(test)]
pub(crate) fn keys(value: &serde_json::Value, at: &str, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let path = format!("{at}/{key}");
                keys(value, &path, paths);
                paths.push(path);
            }
        }
        // The first of a list stands for the others.
        serde_json::Value::Array(values) => {
            values.iter().take(1).for_each(|value| keys(value, &format!("{at}/0"), paths))
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{SCHEMA, escape_hidden, keys, text};
    use crate::samples;

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
        jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("the schema compiles")
    }

    fn problems(value: &Value) -> Vec<String> {
        validator().iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
    }

    #[test]
    fn every_sample_satisfies_the_schema() {
        for (name, assessment, _) in samples::all() {
            let value: Value = serde_json::from_str(&text(&assessment)).expect("valid JSON");
            assert_eq!(problems(&value), Vec::<String>::new(), "{name}");
        }
    }

    /// Removing any field of the full sample, anywhere, must be noticed, or the schema is not complete. The few that
    /// may be absent are named.
    #[test]
    fn the_schema_misses_no_field() {
        let optional = ["incomplete", "encoding"];
        let value: Value = serde_json::from_str(&text(&samples::compromised().0)).expect("valid JSON");
        let mut paths = Vec::new();
        keys(&value, "", &mut paths);
        let validator = validator();
        for path in paths {
            let (parent, key) = path.rsplit_once('/').expect("a pointer");
            if optional.contains(&key) {
                continue;
            }
            let mut without = value.clone();
            without.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(key);
            assert!(!validator.is_valid(&without), "the schema does not require {path}");
            let mut wrong = value.clone();
            *wrong.pointer_mut(&path).expect("a value") = Value::Array(vec![Value::Bool(true)]);
            assert!(!validator.is_valid(&wrong), "the schema takes anything at {path}");
        }
    }

    #[test]
    fn is_deterministic_and_ends_with_a_line_feed() {
        let (assessment, _) = samples::compromised();
        assert_eq!(text(&assessment), text(&assessment.clone()));
        assert!(text(&assessment).ends_with("}\n"));
    }

    #[test]
    fn hides_nothing_and_loses_nothing() {
        let original = "a\u{202e}b\u{9b}c\u{e0041}\u{10fffd}漢";
        let json = escape_hidden(serde_json::to_string(original).expect("text"));
        assert_eq!(json, "\"a\\u202eb\\u009bc\\udb40\\udc41\\udbff\\udffd漢\"");
        assert_eq!(serde_json::from_str::<String>(&json).expect("valid JSON"), original);
    }
}
