//! Variables, and what becomes of them where it is not known which way the program goes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use super::value::{Known, Value};
use crate::code::tree::Name;

/// Variables of one page at once. More are not followed.
const VARIABLES_MAX: usize = 4_000;

/// Hashes names quickly. Names made to collide cost little, since there are few of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x517C_C1B7_2722_0A95;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

/// A map by names.
pub(crate) type Names<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// The variables of the page, and those of the functions that run.
#[derive(Debug, Default)]
pub(crate) struct State {
    globals: Names<Name, Value>,
    locals: Vec<Names<Name, Value>>,
    /// What was overwritten since each of the uncertain branches began.
    journals: Vec<Names<(usize, Name), Option<Value>>>,
}

/// What a branch made of the variables it touched.
pub(crate) type Outcome = Names<(usize, Name), Value>;

impl State {
    pub fn enter_function(&mut self) {
        self.locals.push(Names::default());
    }

    pub fn leave_function(&mut self) {
        let depth = self.locals.len();
        self.locals.pop();
        for journal in &mut self.journals {
            journal.retain(|(level, _), _| *level != depth);
        }
    }

    pub fn depth(&self) -> usize {
        self.locals.len()
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.locals.last().and_then(|locals| locals.get(name)).or_else(|| self.globals.get(name))
    }

    pub fn global(&self, name: &str) -> Option<&Value> {
        self.globals.get(name)
    }

    /// Sets a variable where it is declared, else in the function that runs.
    pub fn set(&mut self, name: &Name, value: Value) {
        let is_local =
            self.locals.last().is_some_and(|locals| locals.contains_key(name) || !self.globals.contains_key(name));
        let level = if is_local { self.locals.len() } else { 0 };
        self.set_at(level, name, Some(value));
    }

    pub fn declare(&mut self, name: &Name, value: Value) {
        self.set_at(self.locals.len(), name, Some(value));
    }

    pub fn set_global(&mut self, name: &Name, value: Value) {
        self.set_at(0, name, Some(value));
    }

    fn set_at(&mut self, level: usize, name: &Name, value: Option<Value>) {
        let variables = if level == 0 { Some(&mut self.globals) } else { self.locals.get_mut(level - 1) };
        let Some(variables) = variables else { return };
        if variables.len() >= VARIABLES_MAX && !variables.contains_key(name) {
            return;
        }
        let before = match value {
            Some(value) => variables.insert(name.clone(), value),
            None => variables.remove(name),
        };
        if let Some(journal) = self.journals.last_mut() {
            journal.entry((level, name.clone())).or_insert(before);
        }
    }

    /// What is set from here on may not happen.
    pub fn begin_branch(&mut self) {
        self.journals.push(Names::default());
    }

    /// Takes back what the branch set, and hands it out.
    pub fn end_branch(&mut self) -> Outcome {
        let journal = self.journals.pop().unwrap_or_default();
        let mut outcome = Outcome::default();
        let mut restore: Vec<((usize, Name), Option<Value>)> = journal.into_iter().collect();
        for ((level, name), before) in restore.drain(..) {
            let variables = if level == 0 { Some(&self.globals) } else { self.locals.get(level - 1) };
            if let Some(now) = variables.and_then(|variables| variables.get(&name)) {
                outcome.insert((level, name.clone()), now.clone());
            }
            self.set_at(level, &name, before);
        }
        outcome
    }

    /// One of these branches was taken; `may_skip`: or none.
    pub fn join(&mut self, branches: Vec<Outcome>, may_skip: bool) {
        let count = branches.len();
        let mut joined: Names<(usize, Name), (Value, usize)> = Names::default();
        for branch in branches {
            for (place, value) in branch {
                match joined.get_mut(&place) {
                    Some((before, times)) => {
                        *before = before.or(&value);
                        *times += 1;
                    }
                    None => _ = joined.insert(place, (value, 1)),
                }
            }
        }
        for ((level, name), (value, times)) in joined {
            let variables = if level == 0 { Some(&self.globals) } else { self.locals.get(level - 1) };
            let before = variables.and_then(|variables| variables.get(&name));
            let value = match before {
                Some(before) if may_skip || times < count => before.or(&value),
                _ => value,
            };
            self.set_at(level, &name, Some(value));
        }
    }

    /// Whether something that was sent is kept for later requests.
    pub fn keeps_sent(&self) -> bool {
        self.globals.iter().any(|(name, value)| name.contains(':') && value.deep_trail().is_some())
    }

    /// Names of variables of the page that were sent, for telling whether a round brought something new.
    pub fn sent_globals(&self) -> usize {
        self.globals.values().filter(|value| value.deep_trail().is_some()).count()
    }

    /// The request that a name stands for where the page does not declare it.
    pub fn path(name: &Name) -> Value {
        Value::known(Known::Path(Rc::clone(name)))
    }
}
