//! The beginning of a JSON string, as bytes: a body has many escapes, of most of it nothing is kept, and reading it like any
//! other string would write it twice.

use std::borrow::Cow;

/// What a JSON string stands for, up to a number of bytes; nothing where it is no string. Halves of surrogates and what is no
/// escape become the sign for what cannot be read.
pub(super) fn unescaped(json: &str, bytes_max: usize) -> Cow<'_, [u8]> {
    let json = json.trim_ascii();
    let Some(inside) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return Cow::default() };
    let mut rest = inside.as_bytes();
    let Some(first) = memchr::memchr(b'\\', rest.get(..bytes_max).unwrap_or(rest)) else {
        return Cow::Borrowed(rest.get(..bytes_max).unwrap_or(rest));
    };
    let mut out = Vec::with_capacity(rest.len().min(bytes_max) + 4);
    let mut plain = first;
    loop {
        out.extend_from_slice(rest.get(..plain).unwrap_or_default());
        rest = rest.get(plain..).unwrap_or_default();
        if rest.is_empty() || out.len() >= bytes_max {
            break;
        }
        let used = escape(rest, &mut out);
        rest = rest.get(used..).unwrap_or_default();
        plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
    }
    out.truncate(bytes_max);
    Cow::Owned(out)
}

/// Writes what the escape stands for with which a text begins; how long it is.
fn escape(text: &[u8], out: &mut Vec<u8>) -> usize {
    let plain = match text.get(1) {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'u') => return letter(text, out),
        Some(other) => *other,
        None => return 1,
    };
    out.push(plain);
    2
}

/// `\u003c`, `\ud83d\ude00`.
fn letter(text: &[u8], out: &mut Vec<u8>) -> usize {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0_u32, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
    };
    let Some(first) = unit(0) else {
        return 2;
    };
    if let Ok(ascii @ 0..=127) = u8::try_from(first) {
        out.push(ascii);
        return 6;
    }
    let (code, used) = match (first, unit(6)) {
        (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        _ => (first, 6),
    };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    used
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn it_reads_what_the_library_reads() {
        for text in [
            "",
            "plain",
            "<title>\"quoted\" \\ / \u{8}\u{c}\n\r\t</title>",
            "Grüße \u{1f600} \u{2028}",
            "\u{0}\u{7f}\u{80}\u{ffff}",
        ] {
            let json = serde_json::to_string(text).expect("a string is JSON");
            assert_eq!(unescaped(&json, 1_000), text.as_bytes(), "{json}");
        }
        for json in [r#""\u003ctitle\u003E\/owa\/""#, r#""\ud83d\ude00 \u00e9""#] {
            let text: String = serde_json::from_str(json).expect("JSON");
            assert_eq!(unescaped(json, 1_000), text.as_bytes(), "{json}");
        }
    }

    #[test]
    fn it_ends_where_it_is_told_and_takes_anything() {
        assert_eq!(unescaped(r#""abcdef""#, 3), b"abc".as_slice());
        assert_eq!(unescaped(r#""a\nbcdef""#, 3), b"a\nb".as_slice());
        assert_eq!(unescaped(r#""\ud83d\ud83d x""#, 100), "\u{fffd}\u{fffd} x".as_bytes());
        assert_eq!(unescaped(r#""\ud83d""#, 100), "\u{fffd}".as_bytes());
        for none in ["", "\"", "null", "17", "{}", "[\"a\"]", " "] {
            assert_eq!(unescaped(none, 100), b"".as_slice(), "{none}");
        }
        for broken in [r#""\""#, r#""\u""#, r#""\u00""#, r#""\uzzzz""#, r#""a\"#] {
            assert!(unescaped(broken, 100).len() < 10, "{broken}");
        }
    }
}
