//! Razor: code that an `@` begins.

use model::page::Language;

use super::{PieceKind, Reader};

/// Words behind the `@` that begin statements with a block.
const BLOCK_WORDS: &[&str] = &[
    "if",
    "for",
    "foreach",
    "while",
    "do",
    "switch",
    "using",
    "lock",
    "try",
    "functions",
    "code",
    "section",
    "helper",
];
/// A longer expression is none.
const EXPRESSION_BYTES_MAX: usize = 4_096;

/// Takes a page of Razor apart.
pub(super) fn read(reader: &mut Reader<'_>) {
    reader.language = Some(Language::CSharp);
    while let Some(at) = memchr::memchr(b'@', reader.rest().as_bytes()) {
        reader.next += at + 1;
        if reader.found.pieces.len() >= super::PIECES_MAX {
            reader.found.cut_off = true;
            return;
        }
        let before = reader.text.get(..reader.next - 1).and_then(|before| before.chars().next_back());
        // `name@host` is an address, `@@` an `@`.
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '@') {
            continue;
        }
        let rest = reader.rest();
        if rest.starts_with('*') {
            reader.next += rest.find("*@").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with('{') {
            take(reader, PieceKind::Code, balanced(rest));
        } else if rest.starts_with('(') {
            take(reader, PieceKind::Shown, balanced(rest));
        } else {
            let word_end = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len());
            let word = rest.get(..word_end).unwrap_or_default();
            if BLOCK_WORDS.contains(&word) {
                let brace = rest.find('{').unwrap_or(rest.len());
                let end = brace + balanced(rest.get(brace..).unwrap_or_default());
                if matches!(word, "functions" | "code") {
                    reader.next += brace + 1;
                    take(reader, PieceKind::Code, (end - brace).saturating_sub(2));
                } else {
                    take(reader, PieceKind::Code, end);
                }
            } else if word_end > 0 {
                take(reader, PieceKind::Shown, chain(rest, word_end));
            }
        }
    }
}

fn take(reader: &mut Reader<'_>, kind: PieceKind, bytes: usize) {
    let code = reader.rest().get(..bytes).unwrap_or_default();
    reader.push(kind, code);
    reader.next += bytes;
}

/// Bytes up to the bracket that closes the first.
fn balanced(text: &str) -> usize {
    let mut open = 0_usize;
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) if letter == '"' || !before.is_alphanumeric() => quote = Some(letter),
            (letter, Some(open)) if letter == open && before != '\\' => quote = None,
            ('\n', Some(_)) => quote = None,
            ('(' | '[' | '{', None) => open += 1,
            (')' | ']' | '}', None) => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        before = letter;
    }
    text.len()
}

/// `name.name(…)[…]`
fn chain(text: &str, from: usize) -> usize {
    let mut end = from;
    while end < EXPRESSION_BYTES_MAX {
        let rest = text.get(end..).unwrap_or_default();
        let after_dot = rest
            .strip_prefix('.')
            .filter(|after| after.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'));
        if let Some(after) = after_dot {
            end += 1 + after.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(after.len());
        } else if rest.starts_with(['(', '[']) {
            end += balanced(rest).max(1);
        } else {
            break;
        }
    }
    end
}
