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
    let mut shown = tag.to_owned();
    for attribute in start.attributes().with_checks(false).filter_map(Result::ok).take(super::ATTRIBUTES_MAX) {
        let (name, value) = (attribute.key.local_name(), &attribute.value);
        if let Some(instead) = in_place_of(name.as_ref(), value) {
            shown = shown.replace(&**value, &instead);
        }
    }
    shown.into_bytes()
}
