//! `VBScript.Encode` and `JScript.Encode`, in which Windows Script hides code: every letter is exchanged by one of three
//! tables, in a fixed order. The tables are facts about `screnc.exe`, published many times since 2001.

use std::borrow::Cow;

/// What encoded code begins with: `#@~^`, eight letters of its length.
const BEGIN: &str = "#@~^";
/// And ends with, behind eight letters of its checksum.
const END: &str = "^#~@";
/// What becomes of a tab where a page is shown and copied.
const TAB_AS_SPACES: &str = "   ";
/// Letters of length or checksum.
const COUNT_LETTERS: usize = 8;
/// Pieces in one page.
const PIECES_MAX: usize = 256;

/// Which of the three tables stands for the letter at a place.
const ORDER: &[u8; 64] = b"0120121221210212021200122102122100212120200120210212001220012021";

/// What the letters from space to `DEL` stand for, in each table.
const TABLES: [&[u8; 96]; 3] = [
    b"\x2E\x47\x7A\x56\x42\x6A\x2F\x26\x49\x41\x34\x32\x5B\x76\x72\x43\x38\x39\x70\x45\x68\x71\x4F\x09\x62\x44\x23\x75\x3C\x7E\x3E\x5E\
      \x40\x77\x4A\x61\x5D\x22\x4B\x6F\x4E\x3B\x4C\x50\x67\x2A\x7D\x74\x54\x2B\x2D\x2C\x30\x6E\x6B\x66\x35\x25\x21\x64\x4D\x52\x63\x3F\
      \x7B\x78\x29\x28\x73\x59\x33\x7F\x6D\x55\x53\x7C\x3A\x5F\x65\x46\x58\x31\x69\x6C\x5A\x48\x27\x5C\x3D\x24\x79\x37\x60\x51\x20\x36",
    b"\x2D\x75\x52\x60\x71\x5E\x49\x5C\x62\x7D\x29\x36\x20\x7C\x7A\x7F\x6B\x63\x33\x2B\x68\x51\x66\x76\x31\x64\x54\x43\x3C\x3A\x3E\x7E\
      \x40\x45\x2C\x2A\x74\x27\x37\x44\x79\x59\x2F\x6F\x26\x72\x6A\x39\x7B\x3F\x38\x77\x67\x53\x47\x34\x78\x5D\x30\x23\x5A\x5B\x6C\x48\
      \x55\x70\x69\x2E\x4C\x21\x24\x4E\x50\x09\x56\x73\x35\x61\x4B\x58\x3B\x57\x22\x6D\x4D\x25\x28\x46\x4A\x32\x41\x3D\x5F\x4F\x42\x65",
    b"\x32\x30\x21\x29\x5B\x38\x33\x3D\x58\x3A\x35\x65\x39\x5C\x56\x73\x66\x4E\x45\x6B\x62\x59\x78\x5E\x7D\x4A\x6D\x71\x3C\x60\x3E\x53\
      \x40\x42\x27\x48\x72\x75\x31\x37\x4D\x52\x22\x54\x6A\x47\x64\x2D\x20\x7F\x2E\x4C\x5D\x7E\x6C\x6F\x79\x74\x43\x26\x76\x25\x24\x2B\
      \x28\x23\x41\x34\x09\x2A\x44\x3F\x77\x3B\x55\x69\x61\x63\x50\x67\x51\x49\x4F\x46\x68\x7C\x36\x70\x6E\x7A\x2F\x5F\x4B\x5A\x2C\x57",
];
/// What a tab stands for, in each table.
const TAB: [u8; 3] = [0x57, 0x6E, 0x7B];

/// The code with its encoded pieces decoded. Borrowed: there are none.
pub(crate) fn decode(code: &str) -> Cow<'_, str> {
    if !code.contains(BEGIN) {
        return Cow::Borrowed(code);
    }
    let mut plain = String::with_capacity(code.len());
    let mut rest = code;
    for _ in 0..PIECES_MAX {
        let Some((before, after)) = rest.split_once(BEGIN) else { break };
        plain.push_str(before);
        let body = after.get(COUNT_LETTERS..).unwrap_or_default();
        let end = body.find(END).unwrap_or(body.len());
        let coded = body.get(..end).unwrap_or_default();
        // The checksum stands before the end mark.
        let coded =
            coded.char_indices().rev().nth(COUNT_LETTERS - 1).map_or("", |(at, _)| coded.get(..at).unwrap_or_default());
        let begun = plain.len();
        piece(coded, &mut plain);
        // Boards turn tabs into spaces, and the length that is told shows it.
        let told = after.get(..6).and_then(crate::flow::base64).and_then(|bytes| bytes.first_chunk().copied());
        let is_longer = |told: [u8; 4]| count(plain.get(begun..).unwrap_or_default()) > u32::from_le_bytes(told);
        if coded.contains(TAB_AS_SPACES) && told.is_some_and(is_longer) {
            plain.truncate(begun);
            piece(&coded.replace(TAB_AS_SPACES, "\t"), &mut plain);
        }
        rest = body.get(end + END.len()..).unwrap_or_default();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The length of a text as it is told: letters of code pages count two.
fn count(text: &str) -> u32 {
    let length = |letter: char| if u32::from(letter) >= 0xF_0000 { 2 } else { 1 };
    text.chars().map(length).fold(0, u32::saturating_add)
}

fn piece(coded: &str, plain: &mut String) {
    let mut letters = coded.chars().peekable();
    let mut count = 0_usize;
    while let Some(letter) = letters.next() {
        let escaped = if letter == '@' { letters.peek().copied().and_then(escape) } else { None };
        if let Some(escaped) = escaped {
            letters.next();
            plain.push(escaped);
            count += 1;
            continue;
        }
        let table = usize::from(ORDER.get(count % ORDER.len()).map_or(0, |digit| digit - b'0'));
        count += usize::from(letter.is_ascii());
        let decoded = match letter {
            '\t' => TAB.get(table).copied(),
            ' '..='\u{7F}' => u32::from(letter)
                .checked_sub(32)
                .and_then(|at| TABLES.get(table)?.get(usize::try_from(at).ok()?))
                .copied(),
            _ => None,
        };
        plain.push(decoded.map_or(letter, char::from));
    }
}

fn escape(letter: char) -> Option<char> {
    match letter {
        '&' => Some('\n'),
        '#' => Some('\r'),
        '*' => Some('>'),
        '!' => Some('<'),
        '$' => Some('@'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_the_example_of_its_descriptions() {
        // Made for this test from the words `' Hello` by the tables above, read backwards.
        let coded = super::tests::encode("Response.Write \"<a>\" & x\r\n' ende");
        assert_eq!(decode(&format!("x {coded} y")), "x Response.Write \"<a>\" & x\r\n' ende y");
        assert_eq!(decode("nothing here"), "nothing here");
        assert_eq!(decode("#@~^"), "");
    }

    /// The reverse of [`super::piece`].
    pub(super) fn encode(plain: &str) -> String {
        let mut coded = String::from("#@~^AAAAAA==");
        for (count, letter) in plain.chars().enumerate() {
            let special = match letter {
                '\n' => Some("@&"),
                '\r' => Some("@#"),
                '>' => Some("@*"),
                '<' => Some("@!"),
                '@' => Some("@$"),
                _ => None,
            };
            if let Some(special) = special {
                coded.push_str(special);
                continue;
            }
            let table = super::TABLES[usize::from(super::ORDER[count % 64] - b'0')];
            let at = table.iter().position(|byte| char::from(*byte) == letter).unwrap();
            coded.push(char::from(u8::try_from(at).unwrap() + 32));
        }
        coded + "AAAAAA==^#~@"
    }
}
