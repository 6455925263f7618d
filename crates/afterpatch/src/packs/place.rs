//! Where in a pack something is wrong: file, and line where that can be known.

use std::fmt;

use detect::pack::Refusal;

use super::open::Opened;

/// A file of a pack, and a line in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// As the analyst finds it: `packs/proxylogon/rules/anchor-backend.yml`.
    pub file: String,
    /// From 1.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl Place {
    /// A file of a pack.
    pub fn of(pack: &Opened, file: &str, line: Option<u64>) -> Self {
        Self { file: format!("{}/{file}", pack.place), line }
    }

    /// The file of a rule, by the rule's id.
    pub fn of_rule(opened: &[Opened], rule: &str) -> Self {
        match pack_of(opened, rule) {
            Some((pack, name)) => Self::of(pack, &file_of_rule(pack, name), None),
            None => Self { file: rule.to_owned(), line: None },
        }
    }

    /// What a refusal speaks of.
    pub fn of_refusal(opened: &[Opened], refusal: &Refusal) -> Self {
        let Some((pack, name)) = pack_of(opened, &refusal.rule) else {
            return Self { file: refusal.rule.clone(), line: None };
        };
        // Of lists and of YARA files the line is part of the name.
        if let Some((file, line)) = name.rsplit_once(':').filter(|(file, _)| pack.file(file).is_some()) {
            return Self::of(pack, file, line.parse().ok());
        }
        let file = if pack.file(name).is_some() { name.to_owned() } else { file_of_rule(pack, name) };
        let line = pack.text(&file).and_then(|text| line_of(text, &refusal.reason));
        Self::of(pack, &file, line)
    }
}

/// The pack of a rule's id, and the rest of the id.
fn pack_of<'a, 'b>(opened: &'a [Opened], rule: &'b str) -> Option<(&'a Opened, &'b str)> {
    let (id, name) = rule.split_once('/')?;
    Some((opened.iter().find(|pack| pack.files.id == id)?, name))
}

fn file_of_rule(pack: &Opened, name: &str) -> String {
    let file = format!("rules/{name}.yml");
    if pack.file(&file).is_some() { file } else { "pack.toml".to_owned() }
}

/// The line that a reason speaks of: the one that it names, or the first that holds a word which it quotes.
fn line_of(text: &str, reason: &str) -> Option<u64> {
    if let Some(at) = reason.find("line ") {
        let digits = reason.get(at + 5..).unwrap_or_default();
        let digits = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if let Ok(line) = digits.parse() {
            return Some(line);
        }
    }
    let between = |quote: char| reason.split(quote).skip(1).step_by(2).filter(|word| !word.is_empty());
    let quoted = between('`').chain(between('\''));
    let line_with = |word: &str| (1u64..).zip(text.lines()).find(|(_, line)| line.contains(word)).map(|(line, _)| line);
    quoted.filter_map(line_with).next()
}

/// Errors of parsers quote whole lines below their first.
pub fn first_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use detect::pack::{PackFiles, Refusal};

    use super::Place;
    use crate::packs::open::{Opened, Origin};

    fn place(rule: &str, reason: &str) -> String {
        let file = |path: &str, text: &'static str| (path.to_owned(), Cow::Borrowed(text.as_bytes()));
        let files = vec![
            file("pack.toml", "id = \"p\"\nshoe = 44\n"),
            file("rules/one.yml", "title: t\ndetection:\n  s:\n    a|odd: b\n"),
            file("rules/two.yaml", "title: t\n"),
            file("indicators.csv", "type\n"),
        ];
        let pack = Opened { files: PackFiles { id: "p".into(), files }, place: "x/p".into(), origin: Origin::Folder };
        Place::of_refusal(&[pack], &Refusal { rule: rule.into(), reason: reason.into() }).to_string()
    }

    #[test]
    fn names_file_and_line() {
        assert_eq!(place("p/pack.toml", "TOML parse error at line 2, column 1\n  |\n"), "x/p/pack.toml:2");
        assert_eq!(place("p/one", "modifier `odd` cannot be compiled exactly here"), "x/p/rules/one.yml:4");
        assert_eq!(place("p/one", "a tag `afterpatch.stage.…` is missing"), "x/p/rules/one.yml");
        assert_eq!(place("p/rules/two.yaml", "a rule file is called …"), "x/p/rules/two.yaml");
        assert_eq!(place("p/indicators.csv:17", "type `shoe` is not looked for"), "x/p/indicators.csv:17");
        assert_eq!(place("q/one", "x"), "q/one");
    }
}
