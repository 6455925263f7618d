//! What a template says, compiled once: where each system field comes from, and the event data by name.
//!
//! A plan gives what [`jsonl`](crate::jsonl) would read from the JSON of the record, without making that JSON. It covers
//! the shapes that Windows writes; for whatever else `None` sends the record the long way, over tree and JSON.

use super::tree::{Attribute, Element, Node};

/// More data fields in one template go the long way.
const FIELDS_MAX: usize = 1_024;

/// What the root of a template is.
#[derive(Debug)]
pub enum Plan {
    Event(Box<Event>),
    /// Event data.
    Data(Data),
    /// An element inside `UserData`.
    UserElement(Data),
    /// No shape that a plan covers.
    Other,
}

/// Where a text comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Nothing,
    Constant(Box<str>),
    /// A value of the record.
    Slot(u16),
}

#[derive(Debug)]
pub struct Event {
    pub system: System,
    /// What stands beside `System`, in order.
    pub parts: Vec<Part>,
}

#[derive(Debug, Default)]
pub struct System {
    /// Name, name of the event source, text: the first that says something.
    pub provider: [Source; 3],
    pub event_id: Source,
    pub level: Source,
    /// Attribute, text.
    pub time: [Source; 2],
    pub channel: Source,
    pub computer: Source,
    /// In the order of [`EXTRAS`](crate::windows::SYSTEM_EXTRAS).
    pub extras: [Source; 5],
    pub user: Source,
}

#[derive(Debug)]
pub enum Part {
    Data(Data),
    /// The text of forwarded events.
    Message(Source),
    /// Event data with a template of their own.
    Slot(u16),
    /// `UserData` around an element with a template of its own.
    UserSlot(u16),
}

/// Event data.
#[derive(Debug)]
pub struct Data {
    pub fields: Vec<Field>,
    /// One of them has the name of a system field.
    pub has_system_name: bool,
}

#[derive(Debug)]
pub enum Field {
    Named { name: Box<str>, value: Source, unless: Unless },
    Unnamed { values: Vec<Source>, unless: Unless },
}

/// When a field is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    Never,
    /// Its value is not there.
    Null,
    /// Its value is empty.
    Empty,
}

impl Plan {
    pub fn of(root: &Element) -> Self {
        let plan = match root.name.as_str() {
            "Event" => event(root).map(Box::new).map(Self::Event),
            "EventData" | "UserData" => data(root).map(Self::Data),
            _ => user_element(root).map(Self::UserElement),
        };
        plan.unwrap_or(Self::Other)
    }
}

fn event(root: &Element) -> Option<Event> {
    let mut plan = Event { system: System::default(), parts: Vec::new() };
    let mut seen = Vec::new();
    for node in &root.children {
        let element = match node {
            Node::Slot { index, .. } => {
                plan.parts.push(Part::Slot(*index));
                continue;
            }
            Node::Element(element) if element.dependency.is_none() || is_user_slot(element).is_some() => element,
            _ => return None,
        };
        if seen.contains(&element.name.as_str()) {
            return None;
        }
        seen.push(element.name.as_str());
        match element.name.as_str() {
            "System" => plan.system = system(element)?,
            "UserData" if let Some(index) = is_user_slot(element) => plan.parts.push(Part::UserSlot(index)),
            "EventData" | "UserData" => plan.parts.push(Part::Data(data(element)?)),
            "RenderingInfo" => plan.parts.extend(message(element)?),
            // `Message` here is no shape of Windows; the rest is never read.
            "Message" => return None,
            _ => {}
        }
    }
    seen.contains(&"System").then_some(plan)
}

/// `<UserData>%19</UserData>`, there only if the value is.
fn is_user_slot(element: &Element) -> Option<u16> {
    match element.children.as_slice() {
        [Node::Slot { index, .. }] if element.name == "UserData" => {
            Some(*index).filter(|index| element.dependency.is_none_or(|dependency| dependency == *index))
        }
        _ => None,
    }
}

fn message(info: &Element) -> Option<Option<Part>> {
    let mut found = None;
    for node in &info.children {
        match node {
            Node::Element(element) if element.name == "Message" && found.is_none() && element.attributes.is_empty() => {
                found = Some(Part::Message(content(element)?));
            }
            Node::Element(element) if element.name != "Message" => {}
            _ => return None,
        }
    }
    Some(found)
}

fn system(element: &Element) -> Option<System> {
    let mut system = System::default();
    let mut seen = Vec::new();
    for node in &element.children {
        let Node::Element(child) = node else { return None };
        let name = child.name.as_str();
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match name {
            "Provider" => {
                system.provider = [attribute(child, "Name")?, attribute(child, "EventSourceName")?, content(child)?];
            }
            "EventID" => system.event_id = content(child)?,
            "Level" => system.level = content(child)?,
            "TimeCreated" => system.time = [attribute(child, "SystemTime")?, content(child)?],
            "Channel" => system.channel = content(child)?,
            "Computer" => system.computer = content(child)?,
            "Security" => system.user = attribute(child, "UserID")?,
            _ => {
                if let Some(at) = crate::windows::SYSTEM_EXTRAS.iter().position(|extra| *extra == name) {
                    *system.extras.get_mut(at)? = content(child)?;
                }
            }
        }
    }
    Some(system)
}

fn data(element: &Element) -> Option<Data> {
    let mut fields = Vec::new();
    if element.name == "UserData" {
        user_fields(element, &mut fields)?;
    } else {
        event_fields(element, &mut fields)?;
    }
    let is_system_name = |name: &str| {
        name.eq_ignore_ascii_case("UserID")
            || crate::windows::SYSTEM_EXTRAS.iter().any(|extra| extra.eq_ignore_ascii_case(name))
    };
    let has_system_name = fields.iter().any(|field| matches!(field, Field::Named { name, .. } if is_system_name(name)));
    (fields.len() <= FIELDS_MAX).then_some(Data { fields, has_system_name })
}

/// An element that stands in `UserData` by way of a value.
fn user_element(element: &Element) -> Option<Data> {
    let outer =
        Element { name: "UserData".to_owned(), children: vec![Node::Element(element.clone())], ..Element::default() };
    data(&outer)
}

/// The children of `EventData`: `Data` with or without names, and what stands beside them, such as `Binary`.
fn event_fields(element: &Element, fields: &mut Vec<Field>) -> Option<()> {
    let mut unnamed: Option<usize> = None;
    for node in &element.children {
        let Node::Element(child) = node else { return None };
        let value = content(child)?;
        if child.name != "Data" {
            if !child.attributes.is_empty() {
                return None;
            }
            add_named(fields, &child.name, value, unless_null(child)?)?;
            continue;
        }
        match attribute(child, "Name")? {
            Source::Constant(name) => {
                add_named(fields, &name, value, unless_null(child)?)?;
            }
            Source::Nothing => match (unnamed.and_then(|at| fields.get_mut(at)), unless_null(child)?) {
                (Some(Field::Unnamed { values, unless: Unless::Never }), Unless::Never) => values.push(value),
                (None, unless) => {
                    unnamed = Some(fields.len());
                    fields.push(Field::Unnamed { values: vec![value], unless });
                }
                _ => return None,
            },
            Source::Slot(_) => return None,
        }
    }
    Some(())
}

/// The elements inside `UserData`, however deep, by their own names.
fn user_fields(element: &Element, fields: &mut Vec<Field>) -> Option<()> {
    let mut seen = Vec::new();
    let holds_data = matches!(element.name.as_str(), "EventData" | "UserData");
    for node in &element.children {
        let Node::Element(child) = node else { return None };
        let name = child.name.as_str();
        // Names that JSON of other tools uses for texts.
        if seen.contains(&name) || matches!(name, "Value" | "value") || (holds_data && name == "Data") {
            return None;
        }
        seen.push(name);
        if child.children.iter().any(|node| matches!(node, Node::Element(_))) {
            let depends = |node: &Node| matches!(node, Node::Element(inner) if inner.dependency.is_some());
            if child.dependency.is_some() || child.children.iter().all(depends) {
                return None;
            }
            user_fields(child, fields)?;
        } else {
            let unless = match child.attributes.as_slice() {
                [] => unless_null(child)?,
                [only] if child.dependency.is_none() && matches!(constant(&only.value)?, Source::Constant(_)) => {
                    Unless::Empty
                }
                _ => return None,
            };
            add_named(fields, name, content(child)?, unless)?;
        }
    }
    Some(())
}

/// Adds a field by a name that JSON would neither number nor read otherwise.
fn add_named(fields: &mut Vec<Field>, wanted: &str, value: Source, unless: Unless) -> Option<()> {
    let is_taken = fields.iter().any(|field| matches!(field, Field::Named { name, .. } if **name == *wanted));
    let is_special = matches!(wanted, "" | "Data" | "xmlns" | "@xmlns" | "#attributes" | "#text" | "#value");
    if is_taken || is_special || fields.len() > FIELDS_MAX {
        return None;
    }
    fields.push(Field::Named { name: wanted.into(), value, unless });
    Some(())
}

/// An element can depend on its own value; on another's, it goes the long way.
fn unless_null(element: &Element) -> Option<Unless> {
    match (element.dependency, content(element)?) {
        (None, _) => Some(Unless::Never),
        (Some(slot), Source::Slot(own)) if slot == own => Some(Unless::Null),
        _ => None,
    }
}

/// The text in an element.
fn content(element: &Element) -> Option<Source> {
    match (element.dependency, source(&element.children)?) {
        (Some(dependency), Source::Slot(own)) if dependency != own => None,
        (Some(_), Source::Constant(_)) => None,
        (_, source) => Some(source),
    }
}

fn attribute(element: &Element, name: &str) -> Option<Source> {
    let mut found = element.attributes.iter().filter(|attribute| attribute.name == name);
    match (found.next(), found.next()) {
        (None, _) => Some(Source::Nothing),
        (Some(Attribute { value, .. }), None) => source(value),
        _ => None,
    }
}

fn constant(nodes: &[Node]) -> Option<Source> {
    source(nodes).filter(|source| !matches!(source, Source::Slot(_)))
}

/// One constant or one value of the record; a mixture goes the long way.
fn source(nodes: &[Node]) -> Option<Source> {
    match nodes {
        [] => Some(Source::Nothing),
        [Node::Slot { index, .. }] => Some(Source::Slot(*index)),
        texts => {
            let texts: Option<String> = texts
                .iter()
                .map(|node| match node {
                    Node::Text(text) => Some(text.text.as_str()),
                    _ => None,
                })
                .collect();
            texts.map(|text| if text.is_empty() { Source::Nothing } else { Source::Constant(text.into()) })
        }
    }
}
