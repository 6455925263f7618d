//! `expand`: placeholders such as `%Servers%`, whose values the analyst supplies.
//!
//! A placeholder without values is refused by name, as the specification demands.

use std::collections::BTreeMap;

/// Upper bound of the values that one value with placeholders can become.
const EXPANSIONS_MAX: usize = 10_000;
/// Longer texts are no values of a field.
const EXPANDED_BYTES_MAX: usize = 64 * 1024;

/// Values by placeholder. Names differ by more than case: the specification writes `%Servers%` and `%servers%` alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders(BTreeMap<String, Vec<String>>);

impl Placeholders {
    /// Reads `placeholders.toml`: `Servers = ["srv*", "exc01"]`. Values are Sigma values, with wildcards.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(toml: &str) -> Result<Self, String> {
        let table: BTreeMap<String, toml::Value> = toml::from_str(toml).map_err(|error| error.message().to_owned())?;
        let mut placeholders = Self::default();
        for (name, values) in table {
            let values = match values {
                toml::Value::Array(values) => values,
                value => vec![value],
            };
            let text = |value: toml::Value| match value {
                toml::Value::String(text) => Ok(text),
                toml::Value::Integer(number) => Ok(number.to_string()),
                _ => Err(format!("`{name}` holds texts and whole numbers")),
            };
            let values: Vec<String> = values.into_iter().map(text).collect::<Result<_, _>>()?;
            placeholders.set(&name, values)?;
        }
        Ok(placeholders)
    }

    /// Gives a placeholder its values.
    ///
    /// # Errors
    /// When no placeholder can be called that, when it has values already, and when there are no values.
    pub fn set(&mut self, name: &str, values: Vec<String>) -> Result<(), String> {
        if name.is_empty() || !name.chars().all(is_of_name) {
            return Err(format!("`{name}` is no name of a placeholder: letters, digits and underscores"));
        }
        if values.is_empty() {
            return Err(format!("the placeholder `{name}` has no values"));
        }
        match self.0.insert(name.to_lowercase(), values) {
            None => Ok(()),
            Some(_) => Err(format!("the placeholder `{name}` is there twice")),
        }
    }

    /// All texts that a value stands for, placeholders replaced and `\%` read as `%`.
    pub(super) fn expand(&self, text: &str) -> Result<Vec<String>, String> {
        let mut texts = vec![String::new()];
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let (before, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
            if let Some(before) = before.strip_suffix('\\') {
                append(&mut texts, &[format!("{before}%")])?;
                rest = after;
                continue;
            }
            append(&mut texts, &[before.to_owned()])?;
            let name = after.split_once('%').filter(|(name, _)| !name.is_empty() && name.chars().all(is_of_name));
            let Some((name, behind)) = name else {
                append(&mut texts, &["%".to_owned()])?;
                rest = after;
                continue;
            };
            let values = self.0.get(&name.to_lowercase());
            append(&mut texts, values.ok_or_else(|| format!("no values are given for the placeholder `%{name}%`"))?)?;
            rest = behind;
        }
        append(&mut texts, &[rest.to_owned()])?;
        Ok(texts)
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Every text with every ending.
fn append(texts: &mut Vec<String>, endings: &[String]) -> Result<(), String> {
    let bytes = |texts: &[String]| texts.iter().map(String::len).max().unwrap_or(0);
    if texts.len().saturating_mul(endings.len()) > EXPANSIONS_MAX || bytes(texts) + bytes(endings) > EXPANDED_BYTES_MAX
    {
        return Err(format!("its placeholders stand for more than {EXPANSIONS_MAX} values or for too long ones"));
    }
    *texts = texts.iter().flat_map(|text| endings.iter().map(move |ending| format!("{text}{ending}"))).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Placeholders;

    #[test]
    fn expands_to_every_combination() {
        let placeholders = Placeholders::read("Servers = ['srv*', 'exc01']\nport = 443").unwrap();
        let expand = |text: &str| placeholders.expand(text).unwrap();
        assert_eq!(expand(r"\\%servers%:%PORT%"), [r"\%servers%:443"]);
        assert_eq!(expand("a%servers%:%PORT%"), ["asrv*:443", "aexc01:443"]);
        assert_eq!(expand(r"\%plain%port%"), ["%plain443"]);
        assert_eq!(expand("100 % of it%"), ["100 % of it%"]);
        assert_eq!(expand(""), [""]);
        assert!(placeholders.expand("%unknown%").is_err());
    }

    #[test]
    fn refuses_what_has_no_values() {
        for toml in ["a = []", "a = [1.5]", "a = {b = 'c'}", "'a b' = 'c'", "a = 'b'\nA = 'c'", "a ="] {
            assert!(Placeholders::read(toml).is_err(), "{toml}");
        }
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let mut placeholders = Placeholders::default();
        placeholders.set("n", many).unwrap();
        assert!(placeholders.expand("%n%%n%%n%").is_err());
    }
}
