//! Base64, hexadecimal, percent signs, encodings of text, compression.

use std::io::Read as _;

use crate::flow::value::{Known, Value};

/// Bytes that a compressed value may come to.
const INFLATED_BYTES_MAX: u64 = 8 << 20;

/// Functions that decode or encode. `class` and `method` in lower case.
pub(super) fn call(class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first()?;
    match (class, method) {
        ("convert", "frombase64string") | (_, "atob" | "base64decode" | "base64_decode") => {
            let bytes = base64(&first.as_text()?)?;
            Some(if method == "atob" {
                Value::text(bytes.iter().map(|byte| char::from(*byte)).collect::<String>())
            } else {
                Value::bytes(bytes)
            })
        }
        ("convert", "fromhexstring") => Some(Value::bytes(hex(&first.as_text()?)?)),
        ("convert", "frombase64chararray") => Some(Value::bytes(base64(&super::joined_letters(first)?)?)),
        (encoding, "getstring") if encoding_of(encoding).is_some() => {
            let bytes = first.as_bytes()?;
            Some(Value::text(decoded(encoding_of(encoding)?, &bytes)))
        }
        (encoding, "getbytes") if encoding_of(encoding).is_some() => {
            let text = super::joined_letters(first)?;
            Some(Value::bytes(encoded(encoding_of(encoding)?, &text)))
        }
        ("regex", "unescape") => Some(Value::text(crate::code::c::unescaped(&first.as_text()?))),
        (_, "unescape" | "urldecode" | "decodeuri" | "decodeuricomponent" | "unescapedatastring" | "unescapedata") => {
            let text = first.as_text()?;
            let text = if method == "urldecode" { text.replace('+', " ") } else { text.to_string() };
            Some(Value::text(percent_decoded(&text, method == "unescape")))
        }
        (_, "htmldecode") => {
            let text = first.as_text()?;
            Some(Value::text(
                text.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&quot;", "\"")
                    .replace("&#39;", "'")
                    .replace("&amp;", "&"),
            ))
        }
        ("encoding", "getencoding") => {
            let page = first.as_text()?;
            let class = match page.to_ascii_lowercase().as_str() {
                "65001" | "utf-8" | "utf8" => "utf8encoding",
                "1200" | "utf-16" | "unicode" => "unicodeencoding",
                "1201" => "bigendianunicode",
                _ => "latin1",
            };
            Some(Value { class: Some(class.into()), ..Value::default() })
        }
        ("convert", "tobase64string") => Some(Value::default()),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16,
    Utf16Big,
    Utf32,
    Latin,
}

fn encoding_of(class: &str) -> Option<Encoding> {
    Some(match class {
        "utf8" | "utf8encoding" | "encoding" | "utf7" => Encoding::Utf8,
        "unicode" | "unicodeencoding" => Encoding::Utf16,
        "bigendianunicode" => Encoding::Utf16Big,
        "utf32" | "utf32encoding" => Encoding::Utf32,
        "default" | "ascii" | "asciiencoding" | "latin1" => Encoding::Latin,
        _ => return None,
    })
}

fn decoded(encoding: Encoding, bytes: &[u8]) -> String {
    let double = |number: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| number(*pair));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        Encoding::Utf16 => double(u16::from_le_bytes),
        Encoding::Utf16Big => double(u16::from_be_bytes),
        Encoding::Utf32 => {
            bytes.as_chunks::<4>().0.iter().filter_map(|four| char::from_u32(u32::from_le_bytes(*four))).collect()
        }
        Encoding::Latin => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf16 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Big => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf32 => text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect(),
        Encoding::Latin => text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect(),
        Encoding::Utf8 => text.as_bytes().to_vec(),
    }
}

/// Base64 with or without padding, white space passed over.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\r' | b'\n' | b'\t' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).unwrap_or_default());
        }
    }
    Some(bytes)
}

/// Hexadecimal digits, white space and dashes passed over.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'-').collect();
    let digit = |letter: &u8| char::from(*letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

/// `%41`, and with `wide` `%u0041`.
fn percent_decoded(text: &str, wide: bool) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut push = |letter: char| {
        let mut buffer = [0; 4];
        bytes.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
    };
    let coded = |digits: Option<&str>| digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let mut single: Vec<u8> = Vec::new();
    while let Some(letter) = rest.chars().next() {
        if letter == '%' {
            if let Some(code) =
                coded(rest.get(2..6)).filter(|_| rest.get(1..2).is_some_and(|u| u.eq_ignore_ascii_case("u")))
            {
                single.clear();
                push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.get(6..).unwrap_or_default();
                continue;
            }
            if let Some(code) = coded(rest.get(1..3)) {
                let code = u8::try_from(code).unwrap_or_default();
                if wide || code.is_ascii() {
                    push(char::from(code));
                } else {
                    single.push(code);
                    if let Ok(text) = std::str::from_utf8(&single) {
                        text.chars().for_each(&mut push);
                        single.clear();
                    }
                }
                rest = rest.get(3..).unwrap_or_default();
                continue;
            }
        }
        push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What deflated bytes come to, up to a limit.
pub(crate) fn inflate(bytes: &[u8], gzip: bool) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = if gzip {
        flate2::read::GzDecoder::new(bytes).take(INFLATED_BYTES_MAX).read_to_end(&mut plain)
    } else {
        flate2::read::DeflateDecoder::new(bytes).take(INFLATED_BYTES_MAX).read_to_end(&mut plain)
    };
    (read.is_ok() || !plain.is_empty()).then_some(plain)
}

/// Whether anything is known of a value at all.
pub(super) fn is_known(value: &Value) -> bool {
    !matches!(value.known, Known::Nothing | Known::Path(_) | Known::Object(_) | Known::WebFolder | Known::OwnPage)
}
