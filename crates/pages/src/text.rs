//! The text of a page, whatever it is encoded in, also inside a file that is something else.

use std::borrow::Cow;

/// The text. Bytes that are no text in the encoding become one replacement character each.
pub(crate) fn of(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => of(rest),
        [0xFF, 0xFE, 0, 0, rest @ ..] => Cow::Owned(wide(rest, u32::from_le_bytes)),
        [0, 0, 0xFE, 0xFF, rest @ ..] => Cow::Owned(wide(rest, u32::from_be_bytes)),
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(double(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(double(rest, u16::from_be_bytes)),
        // `<` or `%` and zeros: an encoding without its mark.
        [first, 0, 0, 0, second, 0, 0, 0, ..] if *first != 0 && *second != 0 => {
            Cow::Owned(wide(bytes, u32::from_le_bytes))
        }
        [0, 0, 0, first, 0, 0, 0, second, ..] if *first != 0 && *second != 0 => {
            Cow::Owned(wide(bytes, u32::from_be_bytes))
        }
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Cow::Owned(double(bytes, u16::from_le_bytes)),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Cow::Owned(double(bytes, u16::from_be_bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => in_seven_bits(text),
            Err(_) => Cow::Owned(of_bytes(bytes)),
        },
    }
}

fn wide(bytes: &[u8], number: fn([u8; 4]) -> u32) -> String {
    let (units, _) = bytes.as_chunks::<4>();
    units.iter().map(|unit| char::from_u32(number(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn double(bytes: &[u8], number: fn([u8; 2]) -> u16) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|unit| number(*unit));
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Text in a code page of one or two bytes, of which only the ASCII part matters here. The second byte of a pair may
/// look like a letter or a backslash, and is none.
fn of_bytes(bytes: &[u8]) -> String {
    let has_pairs = has_pairs(bytes);
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (ascii, after) = rest.split_at(plain);
        text.extend(ascii.iter().map(|byte| char::from(*byte)));
        let is_pair = has_pairs && matches!(after, [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ..]);
        // Each has a letter of its own, so that names remain different.
        text.extend(match after {
            [first, second, ..] if is_pair => char::from_u32(0xF_0000 + (u32::from(*first) << 8) + u32::from(*second)),
            [first, ..] => char::from_u32(0xE000 + u32::from(*first)),
            [] => None,
        });
        rest = after.get(1 + usize::from(is_pair)..).unwrap_or_default();
    }
    text
}

/// In code pages of two bytes most second bytes are no ASCII; in those of one byte most neighbours of a letter are.
fn has_pairs(bytes: &[u8]) -> bool {
    let (mut double, mut single) = (0_usize, 0_usize);
    for run in bytes.split(u8::is_ascii).filter(|run| !run.is_empty()) {
        double += run.len() / 2;
        single += run.len() % 2;
    }
    double >= single || single < 4
}

/// Classic ASP takes `codepage=65000`, UTF-7: `+ADw-` is `<`.
fn in_seven_bits(text: &str) -> Cow<'_, str> {
    const HEAD_BYTES: usize = 512;
    let head = text.char_indices().nth(HEAD_BYTES).map_or(text, |(at, _)| text.get(..at).unwrap_or(text));
    if !head.contains("65000") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('+') {
        plain.push_str(before);
        let end = after
            .find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '+' | '/'))
            .unwrap_or(after.len());
        let (coded, behind) = after.split_at(end);
        let units = crate::flow::base64(coded).map(|bytes| double(&bytes, u16::from_be_bytes));
        match units {
            Some(units)
                if !units.contains(char::REPLACEMENT_CHARACTER)
                    && (!units.is_empty() || (behind.starts_with('-') && !coded.is_empty())) =>
            {
                plain.push_str(&units);
                rest = behind.strip_prefix('-').unwrap_or(behind);
            }
            _ => {
                plain.push('+');
                plain.push_str(coded);
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn every_encoding_reads_the_same() {
        let text = "<% response.write(1) %>";
        let double = |number: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(number).collect::<Vec<u8>>();
        let wide =
            |number: fn(u32) -> [u8; 4]| text.chars().flat_map(|letter| number(letter.into())).collect::<Vec<u8>>();
        let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xEF\xBB\xBF", text.as_bytes().to_vec()),
            double(u16::to_le_bytes),
            double(u16::to_be_bytes),
            marked(b"\xFF\xFE", double(u16::to_le_bytes)),
            marked(b"\xFE\xFF", double(u16::to_be_bytes)),
            wide(u32::to_le_bytes),
            wide(u32::to_be_bytes),
            marked(b"\xFF\xFE\0\0", wide(u32::to_le_bytes)),
        ] {
            assert_eq!(of(&bytes), text);
        }
    }

    #[test]
    fn second_bytes_of_code_pages_are_no_signs() {
        // The second byte of the pair is a backslash.
        assert_eq!(of(b"\"\xD5\\\" + x"), "\"\u{FD55C}\" + x");
    }

    #[test]
    fn utf_7_where_the_page_says_so() {
        assert_eq!(of(b"<%@ codepage=65000 %><%+AHg- = 1 + 2%>"), "<%@ codepage=65000 %><%x = 1 + 2%>");
        assert_eq!(of(b"<%+AHg- = 1%>"), "<%+AHg- = 1%>");
    }
}
