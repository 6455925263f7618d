//! Values of keys, and their data as text in the spelling of Sysmon, so that public rules over registry events fit.

use super::hive::{u32_at, u64_at};

/// Longer data are cut: a path or a command line is a few hundred bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;

const EXPAND_TEXT: u32 = 2;
const TEXT: u32 = 1;
const NUMBER: u32 = 4;
const TEXTS: u32 = 7;
const LONG_NUMBER: u32 = 11;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Empty for the one that a key has without a name.
    pub name: String,
    /// The type that the hive names.
    pub kind: u32,
    /// Its data.
    pub bytes: Vec<u8>,
}

impl Value {
    /// The data as text: text as it is, several texts joined by `; `, numbers as `DWORD (0x00000001)`, anything else as
    /// `Binary Data`.
    pub fn details(&self) -> String {
        match self.kind {
            TEXT | EXPAND_TEXT => cut(until_nul(&utf16(&self.bytes))),
            TEXTS => {
                let text = utf16(&self.bytes);
                cut(&text.split('\0').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "))
            }
            NUMBER => u32_at(&self.bytes, 0)
                .map_or_else(|| "Binary Data".to_owned(), |number| format!("DWORD (0x{number:08x})")),
            LONG_NUMBER => u64_at(&self.bytes, 0).map_or_else(
                || "Binary Data".to_owned(),
                |number| format!("QWORD (0x{:08x}-0x{:08x})", number >> 32, number & 0xFFFF_FFFF),
            ),
            _ => "Binary Data".to_owned(),
        }
    }

    /// The data as a text, where it is one.
    pub fn text(&self) -> Option<String> {
        matches!(self.kind, TEXT | EXPAND_TEXT).then(|| self.details()).filter(|text| !text.is_empty())
    }

    /// The data as a number, where it is one.
    pub fn number(&self) -> Option<u32> {
        u32_at(&self.bytes, 0).filter(|_| self.kind == NUMBER)
    }
}

/// Little-endian UTF-16; what is no character becomes U+FFFD.
pub fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

fn cut(text: &str) -> String {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
