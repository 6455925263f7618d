//! Names of members. They are text and never become paths: what would lead out of its archive, or into another, is
//! spelt so that it does not.

use std::collections::BTreeMap;

/// The names of one archive so far: folded, with the spellings and who has them.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, Vec<(String, usize)>>);

/// What a name became.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) notes: Vec<String>,
    /// Inputs that have the same name, or the same but for case.
    pub(crate) others: Vec<usize>,
}

pub(crate) const SAME_NAME: &str =
    "its archive has another member of this name: both are read, and which one was meant is open";
pub(crate) const SAME_BUT_CASE: &str = "its archive has another member whose name differs by case only: both are read";

/// `a\..\b` as `a/%2E%2E/b`: backslashes separate, parts that would lead elsewhere are spelt out, and so is the mark
/// between an archive and its members. Bytes that are no text stand as `%FF`.
pub(crate) fn spelt(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
    }
    let part = |part: &str| match part {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        part => part.replace('!', "%21"),
    };
    text.split(['/', '\\']).map(part).collect::<Vec<_>>().join("/")
}

impl Names {
    /// Gives a member its name, which no other has.
    pub(crate) fn give(&mut self, name: &[u8], bytes_max: usize, input: usize) -> Named {
        let mut notes = Vec::new();
        let cut = name.get(..bytes_max).unwrap_or(name);
        if cut.len() < name.len() {
            notes.push(format!("its name of {} bytes is cut to {bytes_max}", name.len()));
        }
        let spelt = spelt(cut);
        let same = self.0.entry(spelt.to_lowercase()).or_default();
        let others: Vec<usize> = same.iter().map(|(_, input)| *input).collect();
        let is_same = same.iter().any(|(other, _)| *other == spelt);
        if !others.is_empty() {
            notes.push(if is_same { SAME_NAME } else { SAME_BUT_CASE }.to_owned());
        }
        let before = same.iter().filter(|(other, _)| *other == spelt).count();
        same.push((spelt.clone(), input));
        let name = if is_same { self.numbered(&spelt, before + 1, input) } else { spelt };
        Named { name, notes, others }
    }

    /// `name#2`, or the first number that is free.
    fn numbered(&mut self, name: &str, from: usize, input: usize) -> String {
        let free = |number: &usize| {
            let numbered = format!("{name}#{number}");
            !self.0.get(&numbered.to_lowercase()).is_some_and(|same| same.iter().any(|(other, _)| *other == numbered))
        };
        let number = (from..).find(free).expect("numbers do not end");
        let numbered = format!("{name}#{number}");
        self.0.entry(numbered.to_lowercase()).or_default().push((numbered.clone(), input));
        numbered
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, spelt};

    /// Class 9: no name leads anywhere.
    #[test]
    fn names_are_text() {
        for (name, expected) in [
            (&b"a/b.log"[..], "a/b.log"),
            (b"../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
            (b"..\\..\\Windows\\x", "%2E%2E/%2E%2E/Windows/x"),
            (b"a/./b", "a/%2E/b"),
            (b"/etc/passwd", "/etc/passwd"),
            (b"C:\\Windows\\x", "C:/Windows/x"),
            (b"\\\\server\\share\\x", "//server/share/x"),
            (b"%2e%2e/x", "%2e%2e/x"),
            (b"inner.zip!x", "inner.zip%21x"),
            (b"a\0b", "a\0b"),
            (b"CON", "CON"),
            (b"x. ", "x. "),
            ("a\u{202e}gol.b".as_bytes(), "a\u{202e}gol.b"),
            (b"a\xFFb", "a%FFb"),
        ] {
            assert_eq!(spelt(name), expected);
        }
    }

    /// Class 12: each has a name of its own, and all know of each other.
    #[test]
    fn equal_names_are_told_apart() {
        let mut names = Names::default();
        let mut give = |name: &str, input| {
            let named = names.give(name.as_bytes(), 100, input);
            (named.name, named.notes.len(), named.others)
        };
        assert_eq!(give("a#2", 0), ("a#2".to_owned(), 0, vec![]));
        assert_eq!(give("a", 1), ("a".to_owned(), 0, vec![]));
        assert_eq!(give("a", 2), ("a#3".to_owned(), 1, vec![1]));
        assert_eq!(give("a", 3), ("a#4".to_owned(), 1, vec![1, 2]));
        assert_eq!(give("A", 4), ("A".to_owned(), 1, vec![1, 2, 3]));
        assert_eq!(give("a#3", 5), ("a#3#2".to_owned(), 1, vec![2]));
    }

    #[test]
    fn long_names_are_cut() {
        let mut names = Names::default();
        let long = vec![b'x'; 32_000];
        let (one, two) = (names.give(&long, 4_096, 0), names.give(&long, 4_096, 1));
        assert_eq!((one.name.len(), two.name.len()), (4_096, 4_098));
        assert_eq!(one.notes, ["its name of 32000 bytes is cut to 4096"]);
    }
}
