//! Writes chunks: a record, its binary XML, and what is wrong with them.

use crate::evtx::CHUNK_BYTES;

const HEADER_BYTES: usize = 512;
/// 2021-03-03T04:43:22.370123Z.
pub const TICKS: u64 = 132_592_202_023_701_230;

/// A chunk that is being written.
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// Where records begin.
    pub records: Vec<usize>,
    ids: Vec<u64>,
}

impl Chunk {
    pub fn new() -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(b"ElfChnk\0");
        Self { bytes, records: Vec::new(), ids: Vec::new() }
    }

    /// Adds a record with the next id.
    pub fn record(&mut self, write: impl FnOnce(&mut Xml<'_>)) -> &mut Self {
        let id = self.ids.last().map_or(1, |id| id + 1);
        self.record_with_id(id, write)
    }

    pub fn record_with_id(&mut self, id: u64, write: impl FnOnce(&mut Xml<'_>)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(b"**\0\0\0\0\0\0");
        self.bytes.extend_from_slice(&id.to_le_bytes());
        self.bytes.extend_from_slice(&TICKS.to_le_bytes());
        let mut xml = Xml { bytes: &mut self.bytes, is_definition: false };
        xml.header();
        write(&mut xml);
        xml.raw(&[0]);
        let size = u32::try_from(self.bytes.len() - start + 4).unwrap();
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
        self.records.push(start);
        self.ids.push(id);
        self
    }

    /// The chunk with a header that knows all records.
    pub fn finish(self) -> Vec<u8> {
        let known = self.records.len();
        self.finish_knowing(known)
    }

    /// The chunk with a header that knows the first records only.
    pub fn finish_knowing(mut self, known: usize) -> Vec<u8> {
        let free = self.records.get(known).copied().unwrap_or(self.bytes.len());
        self.bytes.resize(CHUNK_BYTES, 0);
        let last = known.checked_sub(1).map_or(0, |at| self.ids[at]);
        for (at, value) in [(8, 1), (16, known as u64), (24, self.ids[0]), (32, last)] {
            self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let free = u32::try_from(free).unwrap();
        self.bytes[40..44].copy_from_slice(&128_u32.to_le_bytes());
        self.bytes[44..48].copy_from_slice(&free.to_le_bytes());
        self.bytes[48..52].copy_from_slice(&free.to_le_bytes());
        seal(&mut self.bytes);
        self.bytes
    }
}

/// Puts the right checksums into a chunk.
pub fn seal(chunk: &mut [u8]) {
    let free = u32::from_le_bytes(chunk[48..52].try_into().unwrap()) as usize;
    let sum = crc32fast::hash(&chunk[HEADER_BYTES..free]);
    chunk[52..56].copy_from_slice(&sum.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&chunk[..120]);
    hasher.update(&chunk[128..HEADER_BYTES]);
    chunk[124..128].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// Binary XML that is being written.
pub struct Xml<'b> {
    bytes: &'b mut Vec<u8>,
    is_definition: bool,
}

impl Xml<'_> {
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub fn at(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap()
    }

    pub fn header(&mut self) -> &mut Self {
        self.raw(&[0x0F, 1, 1, 0])
    }

    /// A name, right behind its reference.
    fn name(&mut self, name: &str) -> &mut Self {
        let here = self.at() + 4;
        self.raw(&here.to_le_bytes()).raw(&[0; 6]);
        self.units(name).raw(&[0, 0])
    }

    /// A text behind its length.
    fn units(&mut self, text: &str) -> &mut Self {
        let units: Vec<u8> = utf16(text);
        let length = u16::try_from(units.len() / 2).unwrap();
        self.raw(&length.to_le_bytes()).raw(&units)
    }

    fn open(&mut self, name: &str, has_attributes: bool, dependency: Option<u16>) -> &mut Self {
        self.raw(&[if has_attributes { 0x41 } else { 0x01 }]);
        if self.is_definition {
            self.raw(&dependency.unwrap_or(u16::MAX).to_le_bytes());
        }
        self.raw(&[0; 4]).name(name);
        if has_attributes {
            self.raw(&[0; 4]);
        }
        self
    }

    /// An element.
    pub fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.element_if(name, None, &[], inside)
    }

    /// An element with attributes, there only if the value it depends on is.
    pub fn element_if(
        &mut self,
        name: &str,
        dependency: Option<u16>,
        attributes: &[(&str, What<'_>)],
        inside: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.open(name, !attributes.is_empty(), dependency);
        for (name, value) in attributes {
            self.raw(&[0x06]).name(name).what(value);
        }
        self.raw(&[0x02]);
        inside(self);
        self.raw(&[0x04])
    }

    pub fn leaf(&mut self, name: &str, value: &What<'_>) -> &mut Self {
        self.element(name, |xml| {
            xml.what(value);
        })
    }

    pub fn what(&mut self, what: &What<'_>) -> &mut Self {
        match what {
            What::Text(text) => self.raw(&[0x05, 0x01]).units(text),
            What::Cdata(text) => self.raw(&[0x07]).units(text),
            What::Entity(name) => self.raw(&[0x09]).name(name),
            What::Character(unit) => self.raw(&[0x08]).raw(&unit.to_le_bytes()),
            What::Slot(index) => self.raw(&[0x0D]).raw(&index.to_le_bytes()).raw(&[0x01]),
            What::Optional(index) => self.raw(&[0x0E]).raw(&index.to_le_bytes()).raw(&[0x01]),
        }
    }

    /// `System` with what a record has at least; all of it texts.
    pub fn system(&mut self, provider: &str, channel: &str, event_id: &str) -> &mut Self {
        self.element("System", |xml| {
            xml.element_if("Provider", None, &[("Name", What::Text(provider))], |_| {});
            xml.leaf("EventID", &What::Text(event_id)).leaf("Level", &What::Text("4"));
            let time = What::Text("2021-03-03T04:43:22.370123Z");
            xml.element_if("TimeCreated", None, &[("SystemTime", time)], |_| {});
            xml.leaf("Channel", &What::Text(channel)).leaf("Computer", &What::Text("exc01.example"));
        })
    }

    /// An instance of a template that is defined right here. Hands back where the definition stands.
    pub fn instance(&mut self, guid: u8, define: impl FnOnce(&mut Xml<'_>), values: &[(u8, Vec<u8>)]) -> u32 {
        let definition = self.at() + 10;
        self.raw(&[0x0C, 1, 1, 0, 0, 0]).raw(&definition.to_le_bytes());
        self.raw(&[0; 4]).raw(&[guid; 16]);
        let size_at = self.bytes.len();
        self.raw(&[0; 4]);
        let mut inner = Xml { bytes: &mut *self.bytes, is_definition: true };
        inner.header();
        define(&mut inner);
        inner.raw(&[0]);
        let size = u32::try_from(self.bytes.len() - size_at - 4).unwrap();
        self.bytes[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        self.values(values);
        definition
    }

    /// An instance of a template that is defined elsewhere.
    pub fn instance_of(&mut self, definition: u32, values: &[(u8, Vec<u8>)]) -> &mut Self {
        self.raw(&[0x0C, 1, 1, 0, 0, 0]).raw(&definition.to_le_bytes()).values(values)
    }

    fn values(&mut self, values: &[(u8, Vec<u8>)]) -> &mut Self {
        self.raw(&u32::try_from(values.len()).unwrap().to_le_bytes());
        for (kind, bytes) in values {
            self.raw(&u16::try_from(bytes.len()).unwrap().to_le_bytes()).raw(&[*kind, 0]);
        }
        for (_, bytes) in values {
            self.raw(bytes);
        }
        self
    }

    /// A value that is a stream of its own.
    pub fn inner_stream(&mut self, write: impl FnOnce(&mut Xml<'_>)) -> &mut Self {
        self.raw(&[0x05, 0x21, 0, 0]);
        let start = self.bytes.len();
        write(Xml { bytes: &mut *self.bytes, is_definition: false }.header());
        let length = u16::try_from(self.bytes.len() - start).unwrap();
        self.bytes[start - 2..start].copy_from_slice(&length.to_le_bytes());
        self
    }
}

/// What stands in an element or attribute.
pub enum What<'a> {
    Text(&'a str),
    Cdata(&'a str),
    Entity(&'a str),
    Character(u16),
    Slot(u16),
    Optional(u16),
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A list of texts, as one value.
pub fn texts(texts: &[&str]) -> (u8, Vec<u8>) {
    (0x81, texts.iter().flat_map(|text| [utf16(text), vec![0, 0]].concat()).collect())
}
