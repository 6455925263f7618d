//! One event as rules see it: values by field number, found once per event.

use std::borrow::Cow;

use model::WindowsEvent;

use crate::sigma::{FieldId, FieldNames, Fields};

/// Security 4688 under the names of Sysmon 1 (SigmaHQ taxonomy, "process creation").
const RENAMED: [(&str, &str); 8] = [
    ("Image", "NewProcessName"),
    ("CommandLine", "ProcessCommandLine"),
    ("ParentImage", "ParentProcessName"),
    ("User", "SubjectUserName"),
    ("ProcessId", "NewProcessId"),
    ("ParentProcessId", "ProcessId"),
    ("LogonId", "SubjectLogonId"),
    // Rules name the SIDs of the one beside the words of the other: `IntegrityLevel: [High, S-1-16-12288]`.
    ("IntegrityLevel", "MandatoryLabel"),
];

/// The channel of the record itself. What rules call `Channel` is the data of that name where the event has such: the
/// event of a cleared log names that log (System 104).
pub(in crate::plan) const LOG_OF_RECORD: &str = "Event.System.Channel";

/// More fields than this are out of the reach of rules; no event that Windows writes has so many.
const FIELDS_MAX: usize = u16::MAX as usize - 1;

/// What a field name means in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    EventId,
    Level,
    Channel,
    LogOfRecord,
    Provider,
    Computer,
    /// Event data.
    Data,
    /// Event data that has another name in Security 4688. Some exports rename it already, so its own name counts too;
    /// not so `ProcessId`, which Security 4688 uses for another thing.
    Renamed {
        theirs: FieldId,
        or_own: bool,
    },
}

/// The names of all fields and what they mean in events.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    kinds: Vec<Kind>,
    /// Of a field of Security 4688, the field that rules call it.
    ours: Vec<Option<FieldId>>,
    /// Channel, provider, computer.
    system: [Option<FieldId>; 3],
    index: NameIndex,
}

impl Kinds {
    /// Names that events are asked for although no rule writes them.
    pub(super) fn intern(names: &mut FieldNames) {
        for (ours, theirs) in RENAMED {
            if names.find(ours).is_some() {
                names.intern(theirs);
            }
        }
    }

    pub(super) fn new(names: &FieldNames) -> Self {
        let kinds: Vec<Kind> = names.iter().map(|name| Kind::of(name, names)).collect();
        let mut ours = vec![None; kinds.len()];
        for (at, kind) in kinds.iter().enumerate() {
            if let Kind::Renamed { theirs, .. } = kind
                && let (Some(slot), Ok(at)) = (ours.get_mut(theirs.at()), u16::try_from(at))
            {
                *slot = Some(FieldId(at));
            }
        }
        let system = [Kind::Channel, Kind::Provider, Kind::Computer].map(|wanted| {
            let at = kinds.iter().position(|kind| *kind == wanted)?;
            u16::try_from(at).ok().map(FieldId)
        });
        Self { kinds, ours, system, index: NameIndex::new(names) }
    }

    /// Whether the values of a field are among the texts of an event under its own name; event id and level are numbers.
    pub(super) fn is_text(&self, field: FieldId) -> bool {
        !matches!(self.kinds.get(field.at()), Some(Kind::EventId | Kind::Level | Kind::LogOfRecord))
    }

    /// The field of the event data behind a field, where it has another name in Security 4688.
    pub(super) fn other(&self, field: FieldId) -> Option<FieldId> {
        match self.kinds.get(field.at())? {
            Kind::Renamed { theirs, .. } => Some(*theirs),
            _ => None,
        }
    }

    /// The field that rules call this field of Security 4688.
    pub(super) fn ours(&self, field: FieldId) -> Option<FieldId> {
        self.ours.get(field.at()).copied().flatten()
    }
}

impl Kind {
    fn of(name: &str, names: &FieldNames) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("EventID") => Self::EventId,
            () if is("Level") => Self::Level,
            () if is("Channel") => Self::Channel,
            () if is(LOG_OF_RECORD) => Self::LogOfRecord,
            () if is("Provider_Name") => Self::Provider,
            () if is("Computer") => Self::Computer,
            () => {
                let renamed = RENAMED.iter().find(|(ours, _)| is(ours));
                let theirs = renamed.and_then(|(_, theirs)| names.find(theirs));
                theirs.map_or(Self::Data, |theirs| Self::Renamed { theirs, or_own: !is("ProcessId") })
            }
        }
    }
}

/// An event, ready to be asked.
pub(super) struct View<'a> {
    kinds: &'a Kinds,
    event: &'a WindowsEvent<'a>,
    /// By position in the event's fields.
    names: Vec<Option<FieldId>>,
    /// By field number: one more than the position in the event's fields, 0 for none.
    places: Vec<u16>,
    event_id: Digits,
    level: Option<Digits>,
}

impl<'a> View<'a> {
    pub(super) fn new(kinds: &'a Kinds, event: &'a WindowsEvent<'a>) -> Self {
        let mut places = vec![0; kinds.kinds.len()];
        let mut names = Vec::with_capacity(event.fields.len());
        for (at, (name, _)) in event.fields.iter().enumerate().take(FIELDS_MAX) {
            let field = kinds.index.find(name);
            // Of several fields of one name the first counts.
            if let Some(place) = field.and_then(|field| places.get_mut(field.at())).filter(|place| **place == 0) {
                // Below `FIELDS_MAX`.
                *place = at as u16 + 1;
            }
            names.push(field);
        }
        let level = event.level.map(|level| Digits::of(u32::from(level)));
        Self { kinds, event, names, places, event_id: Digits::of(event.event_id), level }
    }

    /// The texts of the event, each with the field that it is the value of, as far as rules know it.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Option<FieldId>, &[u8])> {
        let system = [&self.event.channel, &self.event.provider, &self.event.computer];
        let system = self.kinds.system.iter().zip(system).map(|(field, text)| (*field, text.as_bytes()));
        let data = self.names.iter().zip(&self.event.fields).map(|(field, (_, value))| (*field, value.as_bytes()));
        system.chain(data)
    }

    /// The value of a field. `renamed`: the event is Security 4688 under the names of Sysmon 1.
    pub(super) fn value(&self, field: FieldId, renamed: bool) -> Option<Cow<'_, [u8]>> {
        match self.kinds.kinds.get(field.at())? {
            Kind::EventId => Some(Cow::Borrowed(self.event_id.text())),
            Kind::Level => self.level.as_ref().map(|level| Cow::Borrowed(level.text())),
            Kind::Channel => self.data(field).or(Some(Cow::Borrowed(self.event.channel.as_bytes()))),
            Kind::LogOfRecord => Some(Cow::Borrowed(self.event.channel.as_bytes())),
            Kind::Provider => Some(Cow::Borrowed(self.event.provider.as_bytes())),
            Kind::Computer => Some(Cow::Borrowed(self.event.computer.as_bytes())),
            Kind::Renamed { theirs, or_own } if renamed => {
                self.data(*theirs).or_else(|| if *or_own { self.data(field) } else { None })
            }
            Kind::Data | Kind::Renamed { .. } => self.data(field),
        }
    }

    fn data(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        let at = self.places.get(field.at())?.checked_sub(1)?;
        self.event.fields.get(usize::from(at)).map(|(_, value)| Cow::Borrowed(value.as_bytes()))
    }
}

/// An event under the names that a rule uses.
pub(super) struct Named<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) renamed: bool,
}

impl Fields for Named<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        self.view.value(field, self.renamed)
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.view.texts().any(|(_, text)| test(text))
    }
}

/// Field numbers by name without regard to case, without a text of its own for each question.
#[derive(Clone, Debug, Default)]
struct NameIndex {
    /// By hash: names and their numbers.
    buckets: Vec<Vec<(Box<str>, FieldId)>>,
}

impl NameIndex {
    const BUCKETS: usize = 1_024;

    fn new(names: &FieldNames) -> Self {
        let mut buckets = vec![Vec::new(); Self::BUCKETS];
        for (at, name) in names.iter().enumerate() {
            if let (Some(bucket), Ok(at)) = (buckets.get_mut(Self::hash(name)), u16::try_from(at)) {
                bucket.push((name.into(), FieldId(at)));
            }
        }
        Self { buckets }
    }

    fn find(&self, name: &str) -> Option<FieldId> {
        let bucket = self.buckets.get(Self::hash(name))?;
        bucket.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| *field)
    }

    /// Of the length and the letters at both ends: names differ there.
    fn hash(name: &str) -> usize {
        let bytes = name.as_bytes();
        let ends = bytes.iter().take(4).chain(bytes.iter().rev().take(4));
        let mixed = ends.fold(bytes.len(), |hash, byte| hash.wrapping_mul(31) ^ usize::from(byte | 0x20));
        (mixed ^ (mixed >> 10)) % Self::BUCKETS
    }
}

/// A number in decimal digits, without allocating.
struct Digits {
    bytes: [u8; 10],
    start: usize,
}

impl Digits {
    fn of(mut number: u32) -> Self {
        let mut digits = Self { bytes: [b'0'; 10], start: 10 };
        for (at, byte) in digits.bytes.iter_mut().enumerate().rev() {
            // The remainder of a division by ten fits any width.
            *byte = b'0' + (number % 10) as u8;
            number /= 10;
            digits.start = at;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
