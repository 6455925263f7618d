//! Binary XML as a small tree of elements: the way for whatever a [`Plan`](super::plan::Plan) does not cover, and what
//! plans are made of.
//!
//! Tokens: MS-EVEN6, section 2.2.12. A stream of a record may hold template instances and values that are streams
//! themselves; a template definition holds substitutions instead. Nesting is bounded by [`DEPTH_MAX`] over all of them,
//! cost by the [`Budget`], so that what refers to itself ends.

use super::budget::Budget;
use super::cursor::{Cursor, Flaw, Result};
use super::value::{self, BINXML, LIST, NULL, STRING, Slot};

/// Deeper elements are no event; JSON of events is not read deeper either.
pub const DEPTH_MAX: usize = 32;
/// Bytes of a template definition before its tokens: link, GUID, size.
pub const DEFINITION_HEADER_BYTES: usize = 24;
/// Bytes of a name before its hash: the link to the next one.
pub const NAME_LINK_BYTES: usize = 4;

/// An element.
#[derive(Clone, Debug, Default)]
pub struct Element {
    pub name: String,
    /// The value without which the element is left out.
    pub dependency: Option<u16>,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Node>,
}

#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: String,
    pub value: Vec<Node>,
}

#[derive(Clone, Debug)]
pub enum Node {
    Element(Element),
    Text(Text),
    /// Where a value of the record goes; an optional one leaves nothing behind when it is empty.
    Slot {
        index: u16,
        optional: bool,
    },
    /// Several values: their element is repeated for each.
    List(Vec<Text>),
}

#[derive(Clone, Debug, Default)]
pub struct Text {
    pub text: String,
    /// A number, or true or false.
    pub is_number: bool,
}

impl Text {
    fn of(kind: u8, bytes: &[u8]) -> Self {
        let mut text = Vec::new();
        value::write(kind, bytes, &mut text);
        let text = String::from_utf8(text).expect("values are written as UTF-8");
        Self { text, is_number: value::is_number(kind) }
    }
}

impl Element {
    /// Nodes and bytes of text.
    fn weight(&self) -> (usize, usize) {
        let values = self.attributes.iter().flat_map(|attribute| &attribute.value);
        self.children.iter().chain(values).fold((1, self.name.len()), |(nodes, bytes), node| {
            let (more_nodes, more_bytes) = match node {
                Node::Element(element) => element.weight(),
                Node::Text(text) => (1, text.text.len()),
                Node::Slot { .. } => (1, 0),
                Node::List(texts) => (texts.len(), texts.iter().map(|text| text.text.len()).sum()),
            };
            (nodes + more_nodes, bytes + more_bytes)
        })
    }

    fn first_list(&mut self) -> Option<&mut Node> {
        let values = self.attributes.iter_mut().flat_map(|attribute| &mut attribute.value);
        self.children.iter_mut().chain(values).find(|node| matches!(node, Node::List(_)))
    }
}

/// What tokens mean differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Record,
    Definition,
}

/// Where a definition refers to a name.
#[derive(Clone, Copy, Debug)]
pub struct NameSite {
    /// Where in the chunk the reference stands.
    pub at: usize,
    /// Where in the chunk the name stands.
    pub name: usize,
}

/// Builds trees from the bytes of a chunk.
pub struct Builder<'c, 'b> {
    chunk: &'c [u8],
    budget: &'b mut Budget,
    /// The names that definitions referred to.
    pub names: Vec<NameSite>,
    /// A definition held a stream of its own, so its names are not all.
    pub has_inner_stream: bool,
}

impl<'c, 'b> Builder<'c, 'b> {
    pub fn new(chunk: &'c [u8], budget: &'b mut Budget) -> Self {
        Self { chunk, budget, names: Vec::new(), has_inner_stream: false }
    }

    /// The root element of a record.
    pub fn record(&mut self, start: usize, end: usize) -> Result<Element> {
        self.stream(start, end, Stream::Record, 0)?.into_iter().next().ok_or(Flaw::Damaged)
    }

    /// The root element of a template definition.
    pub fn definition(&mut self, offset: usize, depth: usize) -> Result<Element> {
        let mut cursor = Cursor::new(self.chunk, offset, self.chunk.len());
        cursor.take(DEFINITION_HEADER_BYTES - 4)?;
        let size = cursor.size()?;
        let start = cursor.at();
        cursor.take(size)?;
        match <[Element; 1]>::try_from(self.stream(start, cursor.at(), Stream::Definition, depth)?) {
            Ok([root]) => Ok(root),
            Err(_) => Err(Flaw::Damaged),
        }
    }

    /// The elements of a stream.
    fn stream(&mut self, start: usize, end: usize, stream: Stream, depth: usize) -> Result<Vec<Element>> {
        let mut cursor = Cursor::new(self.chunk, start, end);
        let mut open = Open { depth, ..Open::default() };
        while !cursor.is_at_end() {
            self.budget.spend(1, 0)?;
            let token = cursor.u8()?;
            match token {
                0x00 => break,
                0x0F => drop(cursor.take(3)?),
                0x0C if stream == Stream::Record => {
                    let element = self.instance(&mut cursor, open.level()?)?;
                    open.attach(element)?;
                }
                0x0D | 0x0E if stream == Stream::Definition => {
                    let index = cursor.u16()?;
                    cursor.u8()?;
                    open.push(Node::Slot { index, optional: token == 0x0E })?;
                }
                0x05 | 0x45 => self.value(&mut cursor, &mut open)?,
                _ => self.markup(token, &mut cursor, stream, &mut open)?,
            }
        }
        open.finish()
    }

    /// A token of plain XML.
    fn markup(&mut self, token: u8, cursor: &mut Cursor<'_>, stream: Stream, open: &mut Open) -> Result<()> {
        match token {
            0x01 | 0x41 => {
                let dependency = if stream == Stream::Definition { cursor.u16()? } else { u16::MAX };
                cursor.u32()?;
                let name = self.name(cursor, stream)?;
                if token & 0x40 != 0 {
                    cursor.u32()?;
                }
                let dependency = Some(dependency).filter(|dependency| *dependency != u16::MAX);
                open.begin(Element { name, dependency, ..Element::default() })
            }
            0x02 => open.opened(),
            0x03 => {
                open.opened()?;
                open.close()
            }
            0x04 => open.close(),
            0x06 | 0x46 => {
                let name = self.name(cursor, stream)?;
                open.attribute(name)
            }
            0x07 | 0x47 => {
                let text = self.text(cursor)?;
                open.push(Node::Text(text))
            }
            0x08 | 0x48 => {
                let unit = cursor.u16()?;
                let text = char::from_u32(u32::from(unit)).map_or_else(|| format!("&#{unit};"), String::from);
                open.push(Node::Text(Text { text, is_number: false }))
            }
            0x09 | 0x49 => {
                let name = self.name(cursor, stream)?;
                open.push(Node::Text(Text { text: entity(&name), is_number: false }))
            }
            // Processing instructions say nothing about an event.
            0x0A => self.name(cursor, stream).map(drop),
            0x0B => self.text(cursor).map(drop),
            _ => Err(Flaw::Damaged),
        }
    }

    /// A value that stands in the stream itself.
    fn value(&mut self, cursor: &mut Cursor<'_>, open: &mut Open) -> Result<()> {
        let kind = cursor.u8()?;
        match kind {
            STRING => {
                let text = self.text(cursor)?;
                open.push(Node::Text(text))
            }
            BINXML => {
                let length = usize::from(cursor.u16()?);
                let start = cursor.at();
                cursor.take(length)?;
                self.has_inner_stream = true;
                let elements = self.stream(start, cursor.at(), Stream::Record, open.level()?)?;
                elements.into_iter().try_for_each(|element| open.attach(element))
            }
            _ => {
                let size = value::fixed_size(kind).filter(|_| kind & LIST == 0).ok_or(Flaw::Damaged)?;
                open.push(Node::Text(Text::of(kind, cursor.take(size)?)))
            }
        }
    }

    /// A text behind its length.
    fn text(&mut self, cursor: &mut Cursor<'_>) -> Result<Text> {
        let units = usize::from(cursor.u16()?);
        let bytes = cursor.take(units * 2)?;
        self.budget.spend(0, bytes.len())?;
        Ok(Text::of(STRING, bytes))
    }

    /// A name, by where it stands in the chunk. It follows right here where it is used for the first time.
    fn name(&mut self, cursor: &mut Cursor<'_>, stream: Stream) -> Result<String> {
        let at = cursor.at();
        let offset = cursor.size()?;
        if stream == Stream::Definition {
            self.names.push(NameSite { at, name: offset });
        }
        let bytes = name_at(self.chunk, offset)?;
        self.budget.spend(0, bytes.len())?;
        if cursor.at() == offset {
            // Link, hash, length, text, NUL.
            cursor.take(NAME_LINK_BYTES + bytes.len() + 2)?;
        }
        Ok(Text::of(STRING, bytes.get(4..).unwrap_or_default()).text)
    }

    /// The element that a template instance makes.
    fn instance(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<Element> {
        let mut slots = Vec::new();
        let offset = read_instance(cursor, &mut slots)?;
        let definition = self.definition(offset, depth)?;
        self.fill(&definition, &slots, depth).map(|mut root| {
            // Nothing holds the root, so there is nothing to repeat it in.
            while let Some(node) = root.first_list() {
                let Node::List(texts) = std::mem::replace(node, Node::Text(Text::default())) else { break };
                let texts: Vec<_> = texts.into_iter().map(|text| text.text).collect();
                *node = Node::Text(Text { text: texts.join(","), is_number: false });
            }
            root
        })
    }

    /// A copy of an element of a definition with the values of a record.
    fn fill(&mut self, element: &Element, slots: &[Slot], depth: usize) -> Result<Element> {
        if depth >= DEPTH_MAX {
            return Err(Flaw::TooMuch);
        }
        self.budget.spend(1, element.name.len())?;
        let mut filled = Element { name: element.name.clone(), ..Element::default() };
        for attribute in &element.attributes {
            let mut value = Vec::new();
            for node in &attribute.value {
                // An element cannot stand in an attribute.
                self.fill_node(node, slots, depth, &mut value)?;
            }
            value.retain(|node| !matches!(node, Node::Element(_)));
            filled.attributes.push(Attribute { name: attribute.name.clone(), value });
        }
        for node in &element.children {
            self.fill_node(node, slots, depth, &mut filled.children)?;
        }
        Ok(filled)
    }

    fn fill_node(&mut self, node: &Node, slots: &[Slot], depth: usize, nodes: &mut Vec<Node>) -> Result<()> {
        self.budget.spend(1, 0)?;
        match node {
            Node::Slot { index, optional } => match slots.get(usize::from(*index)) {
                Some(slot) => self.fill_slot(slot, *optional, depth, nodes),
                None => Ok(()),
            },
            Node::Element(element) => {
                let dependency = element.dependency.and_then(|index| slots.get(usize::from(index)));
                if dependency.is_some_and(|slot| slot.kind == NULL) {
                    return Ok(());
                }
                let filled = self.fill(element, slots, depth + 1)?;
                self.repeat(filled, nodes)
            }
            Node::Text(text) => {
                self.budget.spend(0, text.text.len())?;
                nodes.push(Node::Text(text.clone()));
                Ok(())
            }
            Node::List(_) => Ok(()),
        }
    }

    fn fill_slot(&mut self, slot: &Slot, optional: bool, depth: usize, nodes: &mut Vec<Node>) -> Result<()> {
        let bytes = slot.bytes(self.chunk);
        if slot.kind == BINXML && !bytes.is_empty() {
            let elements = self.stream(slot.start, slot.end, Stream::Record, depth + 1)?;
            nodes.extend(elements.into_iter().map(Node::Element));
            return Ok(());
        }
        self.budget.spend(0, bytes.len())?;
        if slot.kind & LIST != 0 {
            let mut texts = Vec::new();
            for item in value::items(slot.kind, bytes) {
                self.budget.spend(1, item.len())?;
                texts.push(Text::of(slot.kind & !LIST, item));
            }
            if texts.len() > 1 {
                nodes.push(Node::List(texts));
                return Ok(());
            }
        }
        let text = Text::of(slot.kind, bytes);
        if !(optional && text.text.is_empty()) {
            nodes.push(Node::Text(text));
        }
        Ok(())
    }

    /// Adds an element, once for each item of the lists in it (MS-EVEN6, section 3.1.4.7.5).
    fn repeat(&mut self, mut element: Element, nodes: &mut Vec<Node>) -> Result<()> {
        let Some(Node::List(texts)) = element.first_list() else {
            nodes.push(Node::Element(element));
            return Ok(());
        };
        let texts = std::mem::take(texts);
        for text in texts {
            let (count, bytes) = element.weight();
            self.budget.spend(count, bytes)?;
            let mut copy = element.clone();
            if let Some(list) = copy.first_list() {
                *list = Node::Text(text);
            }
            self.repeat(copy, nodes)?;
        }
        Ok(())
    }
}

/// Hash, length and text of the name at `offset`.
pub fn name_at(chunk: &[u8], offset: usize) -> Result<&[u8]> {
    let mut cursor = Cursor::new(chunk, offset, chunk.len());
    cursor.take(NAME_LINK_BYTES)?;
    let start = cursor.at();
    cursor.u16()?;
    let units = usize::from(cursor.u16()?);
    cursor.take(units * 2)?;
    chunk.get(start..cursor.at()).ok_or(Flaw::Damaged)
}

/// Reads a template instance behind its token: where its definition stands. Its values are added to `slots`.
pub fn read_instance(cursor: &mut Cursor<'_>, slots: &mut Vec<Slot>) -> Result<usize> {
    cursor.u8()?;
    cursor.u32()?;
    let definition = cursor.size()?;
    if cursor.at() == definition {
        cursor.take(DEFINITION_HEADER_BYTES - 4)?;
        let size = cursor.size()?;
        cursor.take(size)?;
    }
    let count = cursor.size()?;
    let descriptors = cursor.take(count.checked_mul(4).ok_or(Flaw::Damaged)?)?;
    slots.reserve(count);
    for [low, high, kind, _] in descriptors.as_chunks::<4>().0 {
        if !value::is_known(*kind) {
            return Err(Flaw::Damaged);
        }
        let start = cursor.at();
        cursor.take(usize::from(u16::from_le_bytes([*low, *high])))?;
        slots.push(Slot { kind: *kind, start, end: cursor.at() });
    }
    Ok(definition)
}

/// What an entity stands for.
fn entity(name: &str) -> String {
    match name {
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        _ => format!("&{name};"),
    }
}

/// The elements that are open.
#[derive(Debug, Default)]
struct Open {
    /// The element whose start tag is being read.
    starting: Option<Element>,
    stack: Vec<Element>,
    roots: Vec<Element>,
    /// How deep the stream itself stands.
    depth: usize,
}

impl Open {
    /// How deep the next element stands.
    fn level(&self) -> Result<usize> {
        let level = self.depth + self.stack.len() + 1;
        if level > DEPTH_MAX { Err(Flaw::TooMuch) } else { Ok(level) }
    }

    fn begin(&mut self, element: Element) -> Result<()> {
        self.level()?;
        match self.starting.replace(element) {
            None => Ok(()),
            Some(_) => Err(Flaw::Damaged),
        }
    }

    fn opened(&mut self) -> Result<()> {
        self.stack.push(self.starting.take().ok_or(Flaw::Damaged)?);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let element = self.stack.pop().ok_or(Flaw::Damaged)?;
        self.attach(element)
    }

    fn attribute(&mut self, name: String) -> Result<()> {
        let element = self.starting.as_mut().ok_or(Flaw::Damaged)?;
        element.attributes.push(Attribute { name, value: Vec::new() });
        Ok(())
    }

    /// Adds a finished element where the stream stands.
    fn attach(&mut self, element: Element) -> Result<()> {
        match (&self.starting, self.stack.last_mut()) {
            (Some(_), _) => return Err(Flaw::Damaged),
            (None, Some(parent)) => parent.children.push(Node::Element(element)),
            (None, None) => self.roots.push(element),
        }
        Ok(())
    }

    /// Adds text, to the attribute that is being read or to the element that is open.
    fn push(&mut self, node: Node) -> Result<()> {
        match (&mut self.starting, self.stack.last_mut()) {
            (Some(element), _) => {
                if let Some(attribute) = element.attributes.last_mut() {
                    attribute.value.push(node);
                }
            }
            (None, Some(parent)) => parent.children.push(node),
            (None, None) => return Err(Flaw::Damaged),
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Element>> {
        if self.starting.is_some() || !self.stack.is_empty() {
            return Err(Flaw::Damaged);
        }
        Ok(self.roots)
    }
}
