//! The stories of the demo, each written and assessed once and kept in memory for all tests that only look.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use demo::Scenario;

use crate::program::{Assessed, assess, text};
use crate::trees::Tree;

/// A story, its evidence and its assessment.
pub struct Told {
    pub name: &'static str,
    /// The evidence, which is no longer on disk.
    pub evidence: BTreeMap<String, Vec<u8>>,
    /// Where it stood.
    pub place: String,
    pub assessed: Assessed,
}

/// A story with its usual days and little traffic.
pub fn told(scenario: Scenario) -> &'static Told {
    static ALL: [OnceLock<Told>; Scenario::COUNT] = [const { OnceLock::new() }; Scenario::COUNT];
    let number = Scenario::all().iter().position(|known| *known == scenario).expect("one of all");
    ALL[number].get_or_init(|| {
        let tree = Tree::story(scenario);
        Told {
            name: scenario.name(),
            evidence: tree.files(),
            place: text(tree.path()).to_owned(),
            assessed: assess(tree.path()),
        }
    })
}

/// All stories.
pub fn all() -> impl Iterator<Item = &'static Told> {
    Scenario::all().into_iter().map(told)
}

impl Told {
    /// The text of all files whose path contains `part`.
    pub fn text(&self, part: &str) -> String {
        let wanted = self.evidence.iter().filter(|(path, _)| path.contains(part));
        let text: String = wanted.map(|(_, content)| String::from_utf8_lossy(content)).collect();
        assert!(!text.is_empty(), "no file under {part}");
        text
    }
}
