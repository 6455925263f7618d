//! An event as JSON, in the shape that `evtx_dump` made known: what a person is shown of a record.
//!
//! `{"Event":{"#attributes":{…},"System":{…},"EventData":{"Image":"…"}}}`: attributes under `#attributes`, text beside
//! them under `#text`, a second element of the same name as `Name_1`. In `EventData` and `UserData` named `Data` are
//! members by their name, several of one name in a row a list, and unnamed ones together are `"Data":{"#text":[…]}`.
//! That also holds for unnamed `Data` beside named ones, which `evtx_dump` leaves out.

use std::collections::HashMap;

use super::budget::Budget;
use super::cursor::Result;
use super::tree::{Attribute, Element, Node, Text};

/// The JSON of an event.
pub fn write(root: &Element, budget: &mut Budget) -> Result<Vec<u8>> {
    let mut writer = Writer { json: Vec::with_capacity(2_048), budget };
    writer.object(|writer| {
        writer.key(&root.name, 0)?;
        writer.element(root)
    })?;
    Ok(writer.json)
}

/// How often each name was used in an object.
type Names<'n> = HashMap<&'n str, u32>;

struct Writer<'b> {
    json: Vec<u8>,
    budget: &'b mut Budget,
}

impl Writer<'_> {
    fn object(&mut self, members: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.json.push(b'{');
        members(self)?;
        self.json.push(b'}');
        Ok(())
    }

    /// The comma before all but the first member or item.
    fn comma(&mut self) {
        if !matches!(self.json.last(), Some(b'{' | b'[')) {
            self.json.push(b',');
        }
    }

    fn key(&mut self, name: &str, repeated: u32) -> Result<()> {
        self.comma();
        if repeated == 0 {
            self.string(name)?;
        } else {
            self.string(&format!("{name}_{repeated}"))?;
        }
        self.json.push(b':');
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.budget.spend(1, text.len())?;
        serde_json::to_writer(&mut self.json, text).expect("writing a text to memory does not fail");
        Ok(())
    }

    /// The value of an element: nothing, a text or number, or an object.
    fn element(&mut self, element: &Element) -> Result<()> {
        let attributes: Vec<_> = element.attributes.iter().filter(|attribute| has_text(&attribute.value)).collect();
        let has_elements = elements(element).next().is_some();
        if !has_elements && attributes.is_empty() {
            return match has_text(&element.children) {
                true => self.texts(&element.children),
                false => {
                    self.json.extend_from_slice(b"null");
                    Ok(())
                }
            };
        }
        self.object(|writer| {
            if !attributes.is_empty() {
                writer.key("#attributes", 0)?;
                writer.object(|writer| writer.attributes(&attributes))?;
            }
            if has_text(&element.children) {
                writer.key("#text", 0)?;
                writer.texts(&element.children)?;
            }
            writer.members(element)
        })
    }

    fn attributes(&mut self, attributes: &[&Attribute]) -> Result<()> {
        attributes.iter().try_for_each(|attribute| {
            self.key(&attribute.name, 0)?;
            self.texts(&attribute.value)
        })
    }

    /// The texts among nodes as one value: a number if there is nothing but a number.
    fn texts(&mut self, nodes: &[Node]) -> Result<()> {
        let mut texts = texts(nodes);
        match (texts.next(), texts.next()) {
            (Some(only), None) if only.is_number => {
                self.budget.spend(1, only.text.len())?;
                self.json.extend_from_slice(only.text.as_bytes());
                Ok(())
            }
            (Some(only), None) => self.string(&only.text),
            _ => self.string(&joined(nodes)),
        }
    }

    /// The child elements as members, in order.
    fn members(&mut self, element: &Element) -> Result<()> {
        let holds_data = matches!(element.name.as_str(), "EventData" | "UserData");
        let members: Vec<_> = elements(element).map(|child| Member::of(child, holds_data)).collect();
        let (mut names, mut data_names) = (Names::new(), Names::new());
        let mut unnamed = members.iter().filter(|member| member.is_data && member.name.is_none()).peekable();
        for run in members.chunk_by(Member::is_same_data) {
            match run {
                [Member { element, is_data: false, .. }] => {
                    self.key(&element.name, count(&mut names, &element.name))?;
                    self.element(element)?;
                }
                [Member { name: Some(name), .. }, ..] => {
                    self.key(name, count(&mut data_names, name))?;
                    self.data(run.iter(), run.len())?;
                }
                // All of them stand where the first one stood.
                _ if unnamed.peek().is_some() => {
                    self.key("Data", 0)?;
                    let total = unnamed.clone().count();
                    self.object(|writer| {
                        writer.key("#text", 0)?;
                        writer.data(unnamed.by_ref(), total)
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The value of one `Data`, or the list of those of several.
    fn data<'m, 'e: 'm>(&mut self, members: impl Iterator<Item = &'m Member<'e>>, total: usize) -> Result<()> {
        if total > 1 {
            self.json.push(b'[');
        }
        for member in members {
            if total > 1 {
                self.comma();
            }
            self.data_value(member.element)?;
        }
        if total > 1 {
            self.json.push(b']');
        }
        Ok(())
    }
    /// The value of a `Data`, whose attributes are no part of it.
    fn data_value(&mut self, element: &Element) -> Result<()> {
        if elements(element).next().is_none() {
            return self.texts(&element.children);
        }
        self.object(|writer| {
            if has_text(&element.children) {
                writer.key("#text", 0)?;
                writer.texts(&element.children)?;
            }
            writer.members(element)
        })
    }
}

/// A child of an element.
struct Member<'e> {
    element: &'e Element,
    /// It is `Data` of `EventData` or `UserData`.
    is_data: bool,
    /// The name that such `Data` carries.
    name: Option<String>,
}

impl<'e> Member<'e> {
    fn of(element: &'e Element, holds_data: bool) -> Self {
        let is_data = holds_data && element.name == "Data";
        Self { element, is_data, name: is_data.then(|| data_name(element)).flatten() }
    }

    fn is_same_data(left: &Self, right: &Self) -> bool {
        left.name.is_some() && left.name == right.name
    }
}

fn elements(element: &Element) -> impl Iterator<Item = &Element> {
    element.children.iter().filter_map(|node| match node {
        Node::Element(element) => Some(element),
        _ => None,
    })
}

/// The texts that say something.
fn texts(nodes: &[Node]) -> impl Iterator<Item = &Text> {
    nodes.iter().filter_map(|node| match node {
        Node::Text(text) if !text.text.is_empty() => Some(text),
        _ => None,
    })
}

fn has_text(nodes: &[Node]) -> bool {
    texts(nodes).next().is_some()
}

fn joined(nodes: &[Node]) -> String {
    texts(nodes).map(|text| text.text.as_str()).collect()
}

/// The name that a `Data` carries, unless it is empty.
fn data_name(element: &Element) -> Option<String> {
    let attribute = element.attributes.iter().find(|attribute| attribute.name == "Name")?;
    Some(joined(&attribute.value)).filter(|name| !name.is_empty())
}

/// How often the name was used before.
fn count<'n>(names: &mut Names<'n>, name: &'n str) -> u32 {
    let used = names.entry(name).or_default();
    *used += 1;
    *used - 1
}
