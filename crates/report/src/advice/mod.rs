//! An advice becomes a screen, a table, JSON, a CSAF document: one file per output.
//!
//! Names of servers and spellings of builds come from whoever asked, which may be a file of others: they become visible
//! only through [`crate::hostile`].

mod csaf;
mod csv;
mod screen;

#[cfg(test)]
mod samples;

use model::advice::Advice;

pub use csaf::{Publisher, csaf};
pub use csv::csv;
pub use screen::{Detail, screen};

/// The JSON Schema (2020-12) that every advice satisfies.
pub const SCHEMA: &str = include_str!("../../../../schema/advice.schema.json");

/// The advice as JSON: pretty, in the order of the contract, ends with a line feed, lossless.
#[must_use]
pub fn json(advice: &Advice) -> String {
    crate::json::pretty(advice)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{SCHEMA, json, samples};

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
        jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("the schema compiles")
    }

    #[test]
    fn every_sample_satisfies_the_schema() {
        for advice in [samples::one(), samples::many(), samples::hostile()] {
            let value: Value = serde_json::from_str(&json(&advice)).expect("JSON");
            let problems: Vec<String> =
                validator().iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
            assert_eq!(problems, Vec::<String>::new());
        }
    }

    /// Removing or spoiling any field must be noticed, or the schema is not complete.
    #[test]
    fn the_schema_misses_no_field() {
        let value: Value = serde_json::from_str(&json(&samples::many())).expect("JSON");
        let (mut paths, validator) = (Vec::new(), validator());
        crate::json::keys(&value, "", &mut paths);
        assert!(paths.len() > 60, "{}", paths.len());
        for path in paths {
            let (parent, key) = path.rsplit_once('/').expect("a pointer");
            let mut without = value.clone();
            without.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(key);
            assert!(!validator.is_valid(&without), "the schema does not require {path}");
            let mut wrong = value.clone();
            *wrong.pointer_mut(&path).expect("a value") = Value::Array(vec![Value::Bool(true)]);
            assert!(!validator.is_valid(&wrong), "the schema takes anything at {path}");
        }
    }

    #[test]
    fn a_terminal_that_shows_the_json_obeys_nobody() {
        let text = json(&samples::hostile());
        assert!(!text.chars().any(|c| crate::hostile::is_hidden(c) && c != '\n'), "{text:?}");
    }
}
