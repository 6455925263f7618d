//! Archives honest and hostile, each made here. Numbers of classes are those of the ways in which evidence attacks its
//! readers, as `docs/containers.md` lists them.

mod build;
mod hostile;
mod layouts;
mod same_bytes;

use std::collections::BTreeMap;
use std::io::Read;

use model::file::Outcome;

use crate::budgets::Opening;
use crate::read::Opened;
use crate::walk::Inventory;
use crate::walk::tests::Folder;
use crate::{Unit, outcome_of};

/// What came of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Came {
    pub(super) bytes: Vec<u8>,
    pub(super) outcome: Outcome,
    pub(super) notes: Vec<String>,
}

/// A folder with one file, and what is in it.
pub(super) fn inside(test: &str, name: &str, bytes: &[u8], opening: &Opening) -> BTreeMap<String, Came> {
    let folder = Folder::new(test);
    folder.put(name, bytes);
    let inventory = Inventory::walk_with(&[folder.path("")], opening).unwrap();
    let came = by_units(&inventory);
    for (path, one) in by_opening(&inventory) {
        let same = (&one.bytes, &one.outcome) == (&came[&path].bytes, &came[&path].outcome);
        assert!(same, "{path} opens by itself as in its sequence: {:?} {:?}", one.outcome, came[&path].outcome);
    }
    came
}

/// Reads everything as an assessment does.
pub(super) fn by_units(inventory: &Inventory) -> BTreeMap<String, Came> {
    let mut all = BTreeMap::new();
    let mut next = 0;
    let mut take = |index: usize, opened: Result<Opened<'_>, Outcome>| {
        assert_eq!(index, next, "each input comes once, in order");
        next += 1;
        let input = &inventory.inputs[index];
        assert!(all.insert(input.path.clone(), came(opened, &input.notes)).is_none(), "{} stands once", input.path);
        true
    };
    for unit in inventory.units() {
        match unit {
            Unit::One(index) => _ = take(index, inventory.open(&inventory.inputs[index])),
            Unit::Sequence(indexes) => inventory.open_sequence(&indexes, &mut take),
        }
    }
    assert_eq!(next, inventory.inputs.len());
    all
}

/// Opens each input by itself, out of an inventory that went through another process.
fn by_opening(inventory: &Inventory) -> BTreeMap<String, Came> {
    let sent = serde_json::to_string(inventory).unwrap();
    let mut received: Inventory = serde_json::from_str(&sent).unwrap();
    received.opening.passwords.clone_from(&inventory.opening.passwords);
    let one = |input: &crate::Input| (input.path.clone(), came(received.open(input), &input.notes));
    received.inputs.iter().rev().map(one).collect()
}

fn came(opened: Result<Opened<'_>, Outcome>, notes: &[String]) -> Came {
    let mut bytes = Vec::new();
    let outcome = match opened {
        Ok(mut opened) => match opened.stream.read_to_end(&mut bytes) {
            Ok(_) => Outcome::Complete,
            Err(error) => outcome_of(&error),
        },
        Err(outcome) => outcome,
    };
    Came { bytes, outcome, notes: notes.to_vec() }
}

pub(super) fn with_password(password: &str) -> Opening {
    Opening { passwords: vec!["not this".to_owned(), password.to_owned()], ..Opening::default() }
}
