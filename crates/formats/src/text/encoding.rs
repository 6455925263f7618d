//! Unicode encodings of Windows text files. Code pages are not told apart: their bytes pass unchanged, and readers work
//! on bytes.
//!
//! Offsets in what was decoded are not offsets in the file; a caller that shows origins has to say so.

/// How text is encoded, as far as its first bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 or a code page.
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8Bom,
    /// UTF-16, little endian, as Windows PowerShell redirects and Windows error reports write it.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

/// So much of a file is looked at.
const HEAD_BYTES: usize = 1_024;
/// Fewer bytes show nothing.
const HEAD_BYTES_MIN: usize = 8;

impl Encoding {
    /// Tells the encoding by the byte order mark, else by where NUL bytes stand: text in Western scripts has them at
    /// every second place. NUL padding has them at both, and binary files anywhere.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => return Self::Utf8Bom,
            [0xFF, 0xFE, ..] => return Self::Utf16Le,
            [0xFE, 0xFF, ..] => return Self::Utf16Be,
            _ => {}
        }
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        if head.len() < HEAD_BYTES_MIN {
            return Self::Utf8;
        }
        let nul_at = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd, half) = (nul_at(0), nul_at(1), head.len() / 2);
        let (many, few) = (half * 2 / 5, half / 20);
        match () {
            () if odd > many && even <= few => Self::Utf16Le,
            () if even > many && odd <= few => Self::Utf16Be,
            () => Self::Utf8,
        }
    }

    /// Whether the text has to be decoded before a reader can take it.
    #[must_use]
    pub fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// Decodes UTF-16 that arrives in pieces. What is no character becomes U+FFFD; a byte order mark at the begin goes.
#[derive(Clone, Debug)]
pub struct Utf16 {
    big_endian: bool,
    at_begin: bool,
    /// The first byte of a unit that the next piece completes.
    half_unit: Option<u8>,
    /// The first half of a surrogate pair that the next unit completes.
    high: Option<u16>,
}

impl Utf16 {
    /// A decoder at the begin of a text.
    #[must_use]
    pub fn new(big_endian: bool) -> Self {
        Self { big_endian, at_begin: true, half_unit: None, high: None }
    }

    /// Decodes the next piece, however it is cut.
    pub fn push(&mut self, piece: &[u8], text: &mut Vec<u8>) {
        text.reserve(piece.len());
        for byte in piece {
            match self.half_unit.take() {
                None => self.half_unit = Some(*byte),
                Some(first) if self.big_endian => self.unit(u16::from_be_bytes([first, *byte]), text),
                Some(first) => self.unit(u16::from_le_bytes([first, *byte]), text),
            }
        }
    }

    /// Ends the text: what is left incomplete becomes U+FFFD.
    pub fn finish(mut self, text: &mut Vec<u8>) {
        let left = usize::from(self.high.take().is_some()) + usize::from(self.half_unit.take().is_some());
        (0..left).for_each(|_| put(char::REPLACEMENT_CHARACTER, text));
    }

    fn unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        let at_begin = std::mem::take(&mut self.at_begin);
        if at_begin && unit == 0xFEFF {
            return;
        }
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
                put(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), text);
            }
            (Some(_), _) => {
                put(char::REPLACEMENT_CHARACTER, text);
                self.unit(unit, text);
            }
            (None, 0xD800..=0xDBFF) => self.high = Some(unit),
            (None, _) => put(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), text),
        }
    }
}

fn put(character: char, text: &mut Vec<u8>) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Decodes a whole text of UTF-16.
#[must_use]
pub fn decode_utf16(bytes: &[u8], big_endian: bool) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = Utf16::new(big_endian);
    decoder.push(bytes, &mut text);
    decoder.finish(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Utf16, decode_utf16};

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let unit = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn tells_encodings_apart() {
        let text = "DateTime,AnchorMailbox äöü €";
        assert_eq!(Encoding::of(text.as_bytes()), Encoding::Utf8);
        assert_eq!(Encoding::of(b"\xEF\xBB\xBFa"), Encoding::Utf8Bom);
        for (big_endian, encoding) in [(false, Encoding::Utf16Le), (true, Encoding::Utf16Be)] {
            assert_eq!(Encoding::of(&utf16(text, big_endian)), encoding);
            assert_eq!(Encoding::of(&utf16("\u{FEFF}", big_endian)), encoding);
        }
        assert_eq!(Encoding::of(&[0; 600]), Encoding::Utf8);
        assert_eq!(Encoding::of(&[&[0; 500], text.as_bytes()].concat()), Encoding::Utf8);
        assert_eq!(Encoding::of(b""), Encoding::Utf8);
    }

    #[test]
    fn pieces_decode_like_the_whole() {
        let text = "\u{FEFF}a\u{1F600}é\r\n\u{FEFF}";
        for big_endian in [false, true] {
            let bytes = utf16(text, big_endian);
            assert_eq!(decode_utf16(&bytes, big_endian), "a\u{1F600}é\r\n\u{FEFF}".as_bytes());
            for cut in 0..=bytes.len() {
                let mut decoder = Utf16::new(big_endian);
                let mut out = Vec::new();
                decoder.push(&bytes[..cut], &mut out);
                decoder.push(&bytes[cut..], &mut out);
                decoder.finish(&mut out);
                assert_eq!(out, decode_utf16(&bytes, big_endian), "cut at {cut}");
            }
        }
    }

    #[test]
    fn halves_become_replacement_characters() {
        assert_eq!(decode_utf16(b"\x00\xD8a\x00", false), "\u{FFFD}a".as_bytes());
        assert_eq!(decode_utf16(b"\x00\xDCa\x00", false), "\u{FFFD}a".as_bytes());
        assert_eq!(decode_utf16(b"a\x00\x00\xD8\x00", false), "a\u{FFFD}\u{FFFD}".as_bytes());
        assert_eq!(decode_utf16(b"\x00\xD8\x00\xD8", false), "\u{FFFD}\u{FFFD}".as_bytes());
    }
}
