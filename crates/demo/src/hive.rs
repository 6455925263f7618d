//! Writes registry hives: keys, values and times, as small as the format allows. One bin, no security cells, no logs.
//!
//! Format: msuhanov/regf, "Windows registry file format specification". Shares nothing with the reader. Public, so that
//! tests of readers have hives of which they know every byte.

/// A key and what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// When it was last written, in milliseconds since 1970, UTC.
    pub written: i64,
    /// Its values, by name; an empty name for the one without.
    pub values: Vec<(String, Data)>,
    /// Keys directly below.
    pub keys: Vec<Key>,
}

/// What a value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// `REG_SZ`.
    Text(String),
    /// `REG_EXPAND_SZ`.
    Path(String),
    /// `REG_MULTI_SZ`.
    Texts(Vec<String>),
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_BINARY`.
    Bytes(Vec<u8>),
    /// No data, of a type that is no type: so SAM keeps the number of an account.
    Typed(u32),
}

impl Key {
    /// A key without anything.
    #[must_use]
    pub fn new(name: &str, written: i64) -> Self {
        Self { name: name.to_owned(), written, ..Self::default() }
    }

    /// The key at a path below this one, made where it is not there yet; what is made was written at that time.
    pub fn at(&mut self, path: &str, written: i64) -> &mut Self {
        path.split('\\').fold(self, |key, name| {
            let found = key.keys.iter().position(|below| below.name.eq_ignore_ascii_case(name));
            let index = found.unwrap_or_else(|| {
                key.keys.push(Self::new(name, written));
                key.keys.len() - 1
            });
            &mut key.keys[index]
        })
    }

    /// Sets a value.
    pub fn set(&mut self, name: &str, data: Data) -> &mut Self {
        self.values.push((name.to_owned(), data));
        self
    }

    /// Sets a text.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.set(name, Data::Text(text.to_owned()))
    }

    /// Sets a number.
    pub fn number(&mut self, name: &str, number: u32) -> &mut Self {
        self.set(name, Data::Number(number))
    }
}

const NONE: u32 = u32::MAX;
const BIN_HEADER_BYTES: usize = 32;
const PAGE_BYTES: usize = 4_096;

/// The bytes of a hive with this root, which names itself as Windows would: `SYSTEM`.
#[must_use]
pub fn write(root: &Key, name: &str) -> Vec<u8> {
    let mut bins = Bins { bytes: vec![0; BIN_HEADER_BYTES] };
    let at = bins.key(root, NONE, true);
    let room = bins.bytes.len().next_multiple_of(PAGE_BYTES);
    let rest = room - bins.bytes.len();
    if rest >= 8 {
        bins.bytes.extend_from_slice(&(rest as i32).to_le_bytes());
    }
    bins.bytes.resize(room, 0);
    bins.bytes[..4].copy_from_slice(b"hbin");
    put(&mut bins.bytes, 8, room as u32);
    let mut hive = base_block(name, at, room as u32);
    hive.extend(bins.bytes);
    hive
}

fn base_block(name: &str, root: u32, bins: u32) -> Vec<u8> {
    let mut block = vec![0; PAGE_BYTES];
    block[..4].copy_from_slice(b"regf");
    // Both counters alike: nothing waits in a log.
    for (at, number) in [(4, 7), (8, 7), (20, 1), (24, 5), (32, 1), (36, root), (40, bins), (44, 1)] {
        put(&mut block, at, number);
    }
    for (at, unit) in (48..110).step_by(2).zip(name.encode_utf16()) {
        block[at..at + 2].copy_from_slice(&unit.to_le_bytes());
    }
    let words = block[..508].chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let sum = words.fold(0, |sum, word| sum ^ word);
    put(&mut block, 508, sum);
    block
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

struct Bins {
    bytes: Vec<u8>,
}

impl Bins {
    /// Appends a cell in use and returns its offset.
    fn cell(&mut self, content: &[u8]) -> u32 {
        let at = self.bytes.len();
        let length = (content.len() + 4).next_multiple_of(8);
        self.bytes.extend_from_slice(&(-(length as i32)).to_le_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(at + length, 0);
        at as u32
    }

    fn key(&mut self, key: &Key, parent: u32, is_root: bool) -> u32 {
        let mut node = vec![0; 76];
        node[..2].copy_from_slice(b"nk");
        node[2] = 0x20 | if is_root { 0x0C } else { 0 };
        let steps = (key.written as u64 + 11_644_473_600_000) * 10_000;
        node[4..12].copy_from_slice(&steps.to_le_bytes());
        for (at, number) in [(16, parent), (20, key.keys.len() as u32), (36, key.values.len() as u32)] {
            put(&mut node, at, number);
        }
        for at in [28, 32, 40, 44, 48] {
            put(&mut node, at, NONE);
        }
        node[72..74].copy_from_slice(&(key.name.len() as u16).to_le_bytes());
        node.extend_from_slice(key.name.as_bytes());
        let at = self.cell(&node);
        let mut below: Vec<&Key> = key.keys.iter().collect();
        below.sort_by_key(|key| key.name.to_uppercase());
        let below: Vec<(u32, u32)> = below.into_iter().map(|key| (self.key(key, at, false), hash(&key.name))).collect();
        if !below.is_empty() {
            let list = self.list(&below);
            self.point(at, 28, list);
        }
        if !key.values.is_empty() {
            let values: Vec<u8> =
                key.values.iter().flat_map(|(name, data)| self.value(name, data).to_le_bytes()).collect();
            let list = self.cell(&values);
            self.point(at, 40, list);
        }
        at
    }

    fn list(&mut self, keys: &[(u32, u32)]) -> u32 {
        let mut list = b"lh".to_vec();
        list.extend_from_slice(&(keys.len() as u16).to_le_bytes());
        for (at, hash) in keys {
            list.extend_from_slice(&at.to_le_bytes());
            list.extend_from_slice(&hash.to_le_bytes());
        }
        self.cell(&list)
    }

    fn value(&mut self, name: &str, data: &Data) -> u32 {
        let (kind, bytes) = data.bytes();
        let mut value = vec![0; 20];
        value[..2].copy_from_slice(b"vk");
        value[2..4].copy_from_slice(&(name.len() as u16).to_le_bytes());
        put(&mut value, 12, kind);
        value[16] = 1;
        if bytes.len() <= 4 {
            put(&mut value, 4, bytes.len() as u32 | 0x8000_0000);
            value[8..8 + bytes.len()].copy_from_slice(&bytes);
        } else {
            put(&mut value, 4, bytes.len() as u32);
            let at = self.cell(&bytes);
            put(&mut value, 8, at);
        }
        value.extend_from_slice(name.as_bytes());
        self.cell(&value)
    }

    /// Writes an offset into a cell.
    fn point(&mut self, cell: u32, at: usize, offset: u32) {
        put(&mut self.bytes, cell as usize + 4 + at, offset);
    }
}

impl Data {
    fn bytes(&self) -> (u32, Vec<u8>) {
        let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        match self {
            Self::Text(text) => (1, wide(text)),
            Self::Path(text) => (2, wide(text)),
            Self::Bytes(bytes) => (3, bytes.clone()),
            Self::Number(number) => (4, number.to_le_bytes().to_vec()),
            Self::Texts(texts) => (7, texts.iter().flat_map(|text| wide(text)).chain([0, 0]).collect()),
            Self::Typed(kind) => (*kind, Vec::new()),
        }
    }
}

fn hash(name: &str) -> u32 {
    name.to_uppercase().encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(u32::from(unit)))
}
