//! A record by its plan: the texts of its values in one buffer, the event as borrows of that and of the plan.

use std::borrow::Cow;

use model::{EventHead, Sink, Utc};

use super::budget::Budget;
use super::cursor::Result;
use super::definitions::Definitions;
use super::plan::{Data, Event, Field, Part, Plan, Source, System, Unless};
use super::tree::read_instance;
use super::value::{self, BINXML, FILETIME, LIST, NULL, STRING_LIST, Slot};
use crate::windows::{self, Draft, SYSTEM_EXTRAS};
use std::sync::Arc;

/// A text: a constant of the plan, or a stretch of the buffer.
#[derive(Clone, Copy, Debug)]
pub enum Value<'p> {
    Constant(&'p str),
    Written { start: usize, end: usize },
}

impl<'p> Value<'p> {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Constant(text) => text.is_empty(),
            Self::Written { start, end } => start == end,
        }
    }

    fn of<'t>(self, text: &'t str) -> &'t str
    where
        'p: 't,
    {
        match self {
            Self::Constant(text) => text,
            Self::Written { start, end } => text.get(start..end).unwrap_or_default(),
        }
    }
}

/// A field that was read.
#[derive(Debug)]
pub enum Entry<'p> {
    Named(&'p str, Value<'p>),
    Unnamed(Vec<Value<'p>>),
}

/// The values of a record, being written as texts. Nothing it does fails: `None` sends the record the long way.
pub struct Filling<'c, 's> {
    pub chunk: &'c [u8],
    pub slots: &'s [Slot],
    pub text: &'s mut Vec<u8>,
}

impl Filling<'_, '_> {
    fn value<'p>(&mut self, source: &'p Source) -> Option<Value<'p>> {
        let slot = match source {
            Source::Nothing => return Some(Value::Constant("")),
            Source::Constant(text) => return Some(Value::Constant(text)),
            Source::Slot(index) => self.slot(*index),
        };
        match slot {
            None => Some(Value::Constant("")),
            Some(slot) if slot.kind & LIST != 0 || slot.kind == BINXML && slot.start < slot.end => None,
            Some(slot) => Some(self.write(slot.kind, slot.bytes(self.chunk))),
        }
    }

    fn slot(&self, index: u16) -> Option<Slot> {
        self.slots.get(usize::from(index)).copied()
    }

    fn write<'p>(&mut self, kind: u8, bytes: &[u8]) -> Value<'p> {
        let start = self.text.len();
        value::write(kind, bytes, self.text);
        Value::Written { start, end: self.text.len() }
    }

    /// The first that says something.
    fn first<'p>(&mut self, sources: &'p [Source]) -> Option<Value<'p>> {
        let mut found = Value::Constant("");
        for source in sources {
            found = self.value(source)?;
            if !found.is_empty() {
                break;
            }
        }
        Some(found)
    }

    fn is_null(&self, source: &Source) -> bool {
        matches!(source, Source::Slot(index) if self.slot(*index).is_some_and(|slot| slot.kind == NULL))
    }

    fn data<'p>(&mut self, data: &'p Data, body: &mut Body<'p>) -> Option<()> {
        let entries = &mut body.entries;
        entries.reserve(data.fields.len());
        body.has_system_name |= data.has_system_name;
        for field in &data.fields {
            match field {
                Field::Named { value, unless: Unless::Null, .. } if self.is_null(value) => {}
                Field::Unnamed { values, unless: Unless::Null } if values.iter().all(|value| self.is_null(value)) => {}
                Field::Named { name, value, unless } => {
                    let value = self.value(value)?;
                    if *unless != Unless::Empty || !value.is_empty() {
                        entries.push(Entry::Named(name, value));
                    }
                }
                Field::Unnamed { values, .. } => entries.push(Entry::Unnamed(self.unnamed(values)?)),
            }
        }
        Some(())
    }

    /// Unnamed data: one value each, or a list for the only one.
    fn unnamed<'p>(&mut self, sources: &'p [Source]) -> Option<Vec<Value<'p>>> {
        if let [Source::Slot(index)] = sources
            && let Some(slot) = self.slot(*index).filter(|slot| slot.kind == STRING_LIST)
        {
            let items = value::items(slot.kind, slot.bytes(self.chunk));
            let values: Vec<_> = items.map(|item| self.write(slot.kind & !LIST, item)).collect();
            return Some(if values.is_empty() { vec![Value::Constant("")] } else { values });
        }
        sources.iter().map(|source| self.value(source)).collect()
    }

    fn written(&self, value: Value<'_>) -> &[u8] {
        match value {
            Value::Constant(_) => b"",
            Value::Written { start, end } => self.text.get(start..end).unwrap_or_default(),
        }
    }
}

/// The system fields of a record.
pub struct Head<'p> {
    provider: Value<'p>,
    event_id: u32,
    level: Option<u8>,
    time: Option<Utc>,
    channel: Value<'p>,
    computer: Value<'p>,
    extras: [Value<'p>; 5],
    user: Value<'p>,
}

impl<'p> Head<'p> {
    /// `None` also where the record is no event.
    pub fn read(system: &'p System, filling: &mut Filling<'_, '_>) -> Option<Self> {
        let provider = filling.first(&system.provider)?;
        let event_id = filling.value(&system.event_id)?;
        let level = filling.value(&system.level)?;
        let channel = filling.value(&system.channel)?;
        let time = time(&system.time, filling)?;
        let computer = filling.value(&system.computer)?;
        let mut extras = [Value::Constant(""); 5];
        for (value, source) in extras.iter_mut().zip(&system.extras) {
            *value = filling.value(source)?;
        }
        let user = filling.value(&system.user)?;
        let text = std::str::from_utf8(filling.text).ok()?;
        let event_id = windows::event_id(event_id.of(text))?;
        let level = level.of(text);
        let level = level.parse().ok().or_else(|| windows::level(level));
        if channel.is_empty() && provider.is_empty() {
            return None;
        }
        Some(Self { provider, event_id, level, time, channel, computer, extras, user })
    }

    pub fn is_wanted(&self, text: &[u8], sink: &mut dyn Sink) -> bool {
        let text = std::str::from_utf8(text).unwrap_or_default();
        sink.wants_data(&EventHead {
            channel: self.channel.of(text),
            provider: self.provider.of(text),
            event_id: self.event_id,
            computer: self.computer.of(text),
        })
    }
}

fn time(sources: &[Source; 2], filling: &mut Filling<'_, '_>) -> Option<Option<Utc>> {
    if let [Source::Slot(index), _] = sources
        && let Some(slot) = filling.slot(*index).filter(|slot| slot.kind == FILETIME)
        && let Some(ticks) = slot.bytes(filling.chunk).first_chunk()
        && let Some(micros) = value::micros(u64::from_le_bytes(*ticks))
    {
        return Some(Some(Utc(micros)));
    }
    let value = filling.first(sources)?;
    let text = match value {
        Value::Constant(text) => text,
        Value::Written { .. } => std::str::from_utf8(filling.written(value)).ok()?,
    };
    Some(windows::time(text))
}

/// The data of a record.
#[derive(Default)]
pub struct Body<'p> {
    entries: Vec<Entry<'p>>,
    /// One of them has the name of a system field.
    has_system_name: bool,
}

/// The lists of an event, empty, kept so that not every record has to ask for memory.
#[derive(Debug, Default)]
pub struct Lists {
    entries: Vec<Entry<'static>>,
    fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Lists {
    /// Takes the fields of an event that was handed on.
    pub fn take_back(&mut self, fields: Vec<(Cow<'_, str>, Cow<'_, str>)>) {
        self.fields = emptied(fields);
    }
}

/// The same memory for things of another lifetime.
fn emptied<T, U>(mut list: Vec<T>) -> Vec<U> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

impl<'p> Body<'p> {
    /// `inner` is what [`Inner::read`] found.
    pub fn read(
        event: &'p Event,
        inner: Option<&'p Inner>,
        filling: &mut Filling<'_, '_>,
        lists: &mut Lists,
    ) -> Option<Self> {
        let mut body = Self { entries: emptied(std::mem::take(&mut lists.entries)), has_system_name: false };
        for part in &event.parts {
            match part {
                Part::Data(data) => filling.data(data, &mut body)?,
                Part::Message(source) => {
                    let value = filling.value(source)?;
                    if !value.is_empty() {
                        body.entries.push(Entry::Named("Message", value));
                    }
                }
                Part::Slot(index) | Part::UserSlot(index) => {
                    let Some(inner) = inner.filter(|inner| inner.index == *index) else { continue };
                    let data = inner.data(part)?;
                    let (_, slots) = filling.slots.split_at_checked(inner.first_slot)?;
                    let mut filling = Filling { chunk: filling.chunk, slots, text: &mut *filling.text };
                    filling.data(data, &mut body)?;
                }
            }
        }
        Some(body)
    }

    /// Nodes that it costs.
    pub fn cost(&self) -> usize {
        self.entries.iter().fold(0, |cost, entry| match entry {
            Entry::Named(..) => cost + 1,
            Entry::Unnamed(values) => cost + values.len() * 2,
        })
    }

    /// Joins head and data.
    pub fn draft<'t>(mut self, head: &Head<'p>, text: &'t str, lists: &mut Lists) -> Draft<'t>
    where
        'p: 't,
    {
        let cow = |value: Value<'p>| Cow::Borrowed(value.of(text));
        let mut draft = Draft {
            time: head.time,
            channel: cow(head.channel),
            provider: cow(head.provider),
            event_id: Some(head.event_id),
            level: head.level,
            computer: cow(head.computer),
            fields: emptied(std::mem::take(&mut lists.fields)),
        };
        // Six system fields; a cmdlet and its parameters.
        draft.fields.reserve(self.entries.len() + 8);
        for entry in self.entries.drain(..) {
            match entry {
                Entry::Named(name, value) => draft.add(name, cow(value)),
                Entry::Unnamed(values) => draft.add_unnamed(values.into_iter().map(cow).collect()),
            }
        }
        lists.entries = emptied(self.entries);
        let extras = SYSTEM_EXTRAS.into_iter().zip(head.extras).chain([("UserID", head.user)]);
        for (name, value) in extras.filter(|(_, value)| !value.is_empty()) {
            if self.has_system_name {
                draft.add_if_new(name, cow(value));
            } else {
                draft.add(name, cow(value));
            }
        }
        draft
    }
}

/// Event data that a record carries as a value, with a template of their own.
pub struct Inner {
    /// The value.
    index: u16,
    plan: Arc<Plan>,
    /// Its own values stand behind those of the record.
    first_slot: usize,
}

impl Inner {
    /// Its data, if it is what belongs there.
    fn data(&self, part: &Part) -> Option<&Data> {
        match (part, &*self.plan) {
            (Part::Slot(_), Plan::Data(data)) | (Part::UserSlot(_), Plan::UserElement(data)) => Some(data),
            _ => None,
        }
    }

    /// `None` where there is none; `Some(None)` where the record goes the long way.
    pub fn read(
        event: &Event,
        chunk: &[u8],
        slots: &mut Vec<Slot>,
        definitions: &mut Definitions,
        budget: &mut Budget,
    ) -> Result<Option<Option<Self>>> {
        let mut has_data = event.parts.iter().any(|part| matches!(part, Part::Data(_)));
        let mut found = None;
        let own = slots.len();
        for part in &event.parts {
            let (Part::Slot(index) | Part::UserSlot(index)) = part else { continue };
            let index = usize::from(*index);
            let Some(slot) = slots.get(index).filter(|_| index < own).copied() else { continue };
            if slot.kind == NULL || slot.start == slot.end {
                continue;
            }
            if slot.kind != BINXML || std::mem::replace(&mut has_data, true) {
                return Ok(Some(None));
            }
            let first_slot = slots.len();
            let Some(offset) = single_instance(chunk, slot.start, slot.end, slots)? else { return Ok(Some(None)) };
            let plan = definitions.plan(chunk, offset, budget)?;
            let inner = Self { index: u16::try_from(index).unwrap_or(u16::MAX), plan, first_slot };
            if inner.data(part).is_none() {
                return Ok(Some(None));
            }
            found = Some(inner);
        }
        Ok(found.map(Some))
    }
}

/// Reads a stream that is one template instance and nothing else: where its definition stands.
pub fn single_instance(chunk: &[u8], start: usize, end: usize, slots: &mut Vec<Slot>) -> Result<Option<usize>> {
    use super::cursor::Cursor;
    let at = match chunk.get(start..end) {
        Some([0x0F, _, _, _, 0x0C, ..]) => start + 5,
        Some([0x0C, ..]) => start + 1,
        _ => return Ok(None),
    };
    let mut cursor = Cursor::new(chunk, at, end);
    let definition = read_instance(&mut cursor, slots)?;
    let is_all = cursor.is_at_end() || cursor.u8()? == 0;
    Ok(is_all.then_some(definition))
}
