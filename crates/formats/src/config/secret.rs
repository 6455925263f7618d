//! Keys and passwords of a configuration: what is handed on in their place.
//!
//! Whoever has a machine key can forge page states, so a report must not carry it. Its digest tells whether it is a public
//! one, and whether two servers have the same. The digest is that of Microsoft's list of disclosed keys: SHA-256 of the
//! upper-case text.

use quick_xml::events::BytesStart;
use sha2::{Digest, Sha256};

/// Attributes that hold a key.
const KEYS: [&str; 2] = ["validationKey", "decryptionKey"];
/// Attributes that hold a password.
const PASSWORDS: [&str; 1] = ["password"];
/// Shown in place of a password.
const NOT_SHOWN: &str = "(not shown)";

/// What is told in place of the value of an attribute; `None` where the value is no secret.
pub(super) fn in_place_of(name: &str, value: &str) -> Option<String> {
    let is = |known: &[&str]| known.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(&KEYS) {
        let generated =
            value.is_empty() || value.get(..12).is_some_and(|word| word.eq_ignore_ascii_case("AutoGenerate"));
        // A key that every application makes its own of (`KEY,IsolateApps`) is that key.
        return (!generated).then(|| digest(value.split(',').next().unwrap_or_default()));
    }
    (is(&PASSWORDS) && !value.is_empty()).then(|| NOT_SHOWN.to_owned())
}

/// `sha256:` and the digest of a key.
pub(super) fn digest(key: &str) -> String {
    let sum = Sha256::digest(key.trim().to_ascii_uppercase());
    sum.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// A tag as it is written, but for the values of its secrets.
pub(super) fn without_secrets(start: &BytesStart<'_>, tag: &str) -> Vec<u8> {
    let mut shown = String::with_capacity(tag.len());
    let mut rest = tag;
    for attribute in start.attributes().with_checks(false).filter_map(Result::ok) {
        let (name, value) = (attribute.key.as_ref(), &*attribute.value);
        // Names and values stand in the tag in this order, so each is looked for behind the one before.
        let behind_name = rest.find(name).map(|at| at + name.len());
        let from = behind_name.and_then(|at| Some(at + rest.get(at..)?.find(value)?));
        let Some((before, behind)) = from.and_then(|from| Some((rest.get(..from)?, rest.get(from + value.len()..)?)))
        else {
            continue;
        };
        shown.push_str(before);
        shown.push_str(in_place_of(attribute.key.local_name().as_ref(), value).as_deref().unwrap_or(value));
        rest = behind;
    }
    (shown + rest).into_bytes()
}
