//! Registry hives: what of them tells what starts by itself, who may log on, and what antivirus was told to overlook.
//!
//! Of a hive only what is asked for is read (`asked`); each value becomes a record with `TargetObject` and `Details`, in
//! the spelling that Sysmon and public rules use, and with the time at which its key was last written. Which hive it is,
//! its keys say, not its name. A hive is attacker-writable: offsets are checked, loops end by a budget, and what cannot
//! be read is a reject. Transaction logs are not applied; a hive that needs them says so.
//!
//! Of the crates that read hives two are under the GPL, one does not build with the versions it allows, one reinterprets
//! memory by unsafe code, and the best is in its second version and brings thirty packages.

mod accounts;
mod asked;
mod hive;
mod tasks;
mod value;

use model::{Element, Reject, RejectReason, Utc};

use asked::Asked;
use hive::{Hive, Key};

/// Records of one hive. A genuine SYSTEM hive gives about 5,000 per control set.
const ELEMENTS_MAX: usize = 20_000;
/// Bytes of all records of one hive.
const ELEMENT_BYTES_MAX: usize = 64 << 20;
/// Control sets that are read.
const CONTROL_SETS_MAX: usize = 8;
const SOFTWARE_PATH: &str = r"HKLM\SOFTWARE";

/// What a hive tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The values that were asked for, in the order of the questions and of the hive.
    pub elements: Vec<Element>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// The name of the machine, where the hive says it.
    pub computer: Option<String>,
}

/// Reads a hive. `user` is the name under which the values of a user's hive are told.
#[must_use]
pub fn read(bytes: &[u8], user: &str) -> Contents {
    let hive = match Hive::open(bytes) {
        Ok(hive) => hive,
        Err(reason) => {
            let rejects = vec![Reject { record: 0, offset: 0, reason }];
            return Contents { rejects, ..Contents::default() };
        }
    };
    let mut gathered = Gathered::default();
    if let Some(root) = hive.root() {
        read_all(&hive, &root, user, &mut gathered);
    }
    if hive.is_dirty() {
        let reason = "dirty hive: its last changes stand in its .LOG files, which are not applied";
        hive.reject(0, RejectReason::Damaged(reason));
    }
    if gathered.is_full {
        hive.reject(bytes.len(), RejectReason::TooLong);
    }
    Contents { elements: gathered.elements, rejects: hive.into_rejects(), computer: gathered.computer }
}

fn read_all<'a>(hive: &Hive<'a>, root: &Key<'a>, user: &str, gathered: &mut Gathered) {
    let parts = hive.subkeys(root);
    let part = |name: &str| parts.iter().find(|key| key.name.eq_ignore_ascii_case(name));
    let is_control_set = |key: &&Key<'_>| key.name.to_ascii_lowercase().starts_with("controlset");
    if parts.iter().any(|key| is_control_set(&key)) {
        let current = part("Select").and_then(|key| hive.value_of(key, "Current")).and_then(|value| value.number());
        for set in parts.iter().filter(is_control_set).take(CONTROL_SETS_MAX) {
            let is_current =
                current.is_some_and(|number| set.name.eq_ignore_ascii_case(&format!("ControlSet{number:03}")));
            let name = if is_current { "CurrentControlSet" } else { &set.name };
            read_asked(hive, set, &format!(r"HKLM\System\{name}"), &asked::CONTROL_SET, gathered);
        }
    } else if let Some(sam) = part("SAM") {
        accounts::read(hive, sam, gathered);
    } else if part("Software").is_some() {
        read_asked(hive, root, &format!(r"HKU\{user}"), &asked::USER, gathered);
    } else if part("Microsoft").is_some() {
        read_asked(hive, root, SOFTWARE_PATH, &asked::SOFTWARE, gathered);
        tasks::read(hive, root, gathered);
    }
}

fn read_asked<'a>(hive: &Hive<'a>, top: &Key<'a>, shown: &str, all: &[Asked], gathered: &mut Gathered) {
    for asked in all {
        let parts: Vec<&str> = asked.path.split('\\').collect();
        walk(hive, top, &Place { shown: shown.to_owned(), name: None }, &parts, asked.values, gathered);
    }
}

/// Where a walk has come to.
struct Place {
    shown: String,
    /// The key that stands for `*`.
    name: Option<String>,
}

/// Goes down along the parts of a path; it is no deeper than what is asked for.
fn walk<'a>(hive: &Hive<'a>, key: &Key<'a>, place: &Place, parts: &[&str], wanted: &[&str], gathered: &mut Gathered) {
    let Some((first, rest)) = parts.split_first() else {
        return add_values(hive, key, place, wanted, gathered);
    };
    let is_any = *first == "*";
    for below in hive.subkeys(key) {
        if is_any || below.name.eq_ignore_ascii_case(first) {
            let shown = format!(r"{}\{}", place.shown, if is_any { &below.name } else { *first });
            let name = if is_any { Some(below.name.clone()) } else { place.name.clone() };
            walk(hive, &below, &Place { shown, name }, rest, wanted, gathered);
        }
    }
}

fn add_values<'a>(hive: &Hive<'a>, key: &Key<'a>, place: &Place, wanted: &[&str], gathered: &mut Gathered) {
    for value in hive.values(key) {
        if !wanted.is_empty() && !wanted.iter().any(|name| value.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        if value.name.eq_ignore_ascii_case("ComputerName") {
            gathered.computer = gathered.computer.take().or_else(|| value.text());
        }
        let name = if value.name.is_empty() { "(Default)" } else { &value.name };
        let fields = place.name.iter().map(|name| ("Name".to_owned(), name.clone())).collect();
        gathered.add((format!(r"{}\{name}", place.shown), value.details()), (key.offset, key.written), fields);
    }
}

/// The records of a hive while they are gathered.
#[derive(Default)]
struct Gathered {
    elements: Vec<Element>,
    bytes: usize,
    is_full: bool,
    computer: Option<String>,
}

impl Gathered {
    /// Adds a record: its `TargetObject` and `Details`, where its key stands and when it was written, and what else it says.
    fn add(&mut self, said: (String, String), at: (u64, Option<Utc>), more: Vec<(String, String)>) {
        let ((target, details), (offset, time)) = (said, at);
        let mut fields = vec![
            ("TargetObject".to_owned(), target),
            ("Details".to_owned(), details),
            ("EventType".to_owned(), "SetValue".to_owned()),
        ];
        fields.extend(more);
        let raw = raw(&fields, time);
        self.bytes = self.bytes.saturating_add(raw.len().saturating_mul(2));
        if self.elements.len() >= ELEMENTS_MAX || self.bytes > ELEMENT_BYTES_MAX {
            self.is_full = true;
            return;
        }
        let line = self.elements.len() as u64 + 1;
        self.elements.push(Element { line, offset, time, fields, raw });
    }
}

/// A value as a person is shown it: JSON, in the order of its fields.
fn raw(fields: &[(String, String)], time: Option<Utc>) -> Vec<u8> {
    let shown = fields.iter().filter(|(name, _)| name != "EventType");
    let mut texts: Vec<String> = shown.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    texts.extend(time.map(|time| format!("\"LastWritten\":\"{time}\"")));
    format!("{{{}}}", texts.join(",")).into_bytes()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
