//! The encoding modifiers: base64, base64offset, utf16 and wide.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for sextet in 0..4 {
            let value = (bits >> (18 - 6 * sextet)) & 63;
            text.push(if sextet <= group.len() { ALPHABET[value as usize] } else { b'=' });
        }
    }
    text
}

/// The part of the base64 text that does not depend on the neighbours, for each of the three positions that the
/// bytes can have inside a longer encoded text.
pub(super) fn base64_offsets(bytes: &[u8]) -> [Vec<u8>; 3] {
    [0usize, 1, 2].map(|offset| {
        let mut shifted = vec![b' '; offset];
        shifted.extend_from_slice(bytes);
        let text = base64(&shifted);
        // Sextets that share bits with the bytes before or after are not fixed.
        let start = [0, 2, 3][offset];
        let end = shifted.len() * 8 / 6;
        text.get(start..end).unwrap_or_default().to_vec()
    })
}

/// UTF-16, little endian.
pub(super) fn utf16_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16, big endian.
pub(super) fn utf16_be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// UTF-16, little endian, with a byte order mark.
pub(super) fn utf16_marked(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf16_le(text));
    bytes
}

#[cfg(test)]
mod tests {
    use super::{base64, base64_offsets};

    #[test]
    fn encodes_as_rfc_4648() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), encoded.as_bytes());
        }
    }

    #[test]
    fn offsets_occur_wherever_the_text_is_encoded() {
        let offsets = base64_offsets(b"/bin/bash");
        for before in ["", "a", "ab", "abc", "abcd"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = base64(format!("{before}/bin/bash{after}").as_bytes());
                let part = &offsets[before.len() % 3];
                assert!(text.windows(part.len()).any(|window| window == part), "{before} {after}");
            }
        }
        // The example of the specification's reference implementation.
        assert_eq!(
            offsets.map(|part| String::from_utf8(part).unwrap()),
            ["L2Jpbi9iYXNo", "9iaW4vYmFza", "vYmluL2Jhc2"]
        );
    }
}
