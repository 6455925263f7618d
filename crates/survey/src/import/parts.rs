//! What the readers share: text that is borrowed where it can be, addresses, headers, certificates.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use model::Utc;
use model::survey::{Observation, Outcome, Response, Scanner, Target};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sha2::{Digest, Sha256};

/// Headers of one answer that are kept.
const HEADERS_MAX: usize = 128;
/// Of a value, so much is kept.
const VALUE_BYTES_MAX: usize = 1_024;

/// A text, a number as text, or nothing: scanners differ, and so do their versions.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(pub Option<Cow<'a, str>>);

impl Text<'_> {
    /// Nothing where it is empty.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    pub(super) fn owned(&self) -> Option<String> {
        self.get().map(cut)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
                let first = seq.next_element::<Text<'de>>()?.unwrap_or_default();
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A list of texts, one text, or nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts<'a>(pub Vec<Text<'a>>);

impl<'a> Texts<'a> {
    pub(super) fn first(&self) -> Option<String> {
        self.0.first().and_then(Text::owned)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Text::get)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Texts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Some(Cow::Borrowed(text)))]))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Some(Cow::Owned(text.to_owned())))]))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Some(Cow::Owned(number.to_string())))]))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Some(Cow::Owned(number.to_string())))]))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Texts<'de>, E> {
                Ok(Texts(Vec::new()))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Texts<'de>, E> {
                Ok(Texts(Vec::new()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Texts<'de>, E> {
                Ok(Texts(Vec::new()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    if all.len() < HEADERS_MAX {
                        all.push(text);
                    }
                }
                Ok(Texts(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Texts(Vec::new()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// An observation of which only this much is known yet.
pub(super) fn observation(observed_at: Utc, scanner: Scanner, target: Target) -> Observation {
    Observation::new(observed_at, scanner, target, Outcome::Answered)
}

pub(super) fn address(text: Option<&str>) -> Option<IpAddr> {
    text.and_then(|text| text.trim_matches(['[', ']']).parse().ok())
}

/// A name in lower case, cut; nothing where it is an address.
pub(super) fn name(text: Option<&str>) -> Option<String> {
    let text = text?.trim().trim_end_matches('.');
    let is_name = !text.is_empty() && text.len() <= 255 && address(Some(text)).is_none();
    is_name.then(|| text.to_lowercase())
}

/// One more header, as long as there is room.
pub(super) fn push_header(headers: &mut Vec<(String, String)>, name: String, value: String) {
    if headers.len() < HEADERS_MAX && name.len() <= 128 {
        headers.push((name, value));
    }
}

/// A value, cut.
pub(super) fn header_value(value: &str) -> String {
    cut(value)
}

/// At a whole character.
pub(super) fn cut(text: &str) -> String {
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// The path and query of an address, `/` where it has none.
pub(super) fn path_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path =
        if address.starts_with('/') { address } else { rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/") };
    cut(path.split('#').next().unwrap_or(path))
}

/// The host of an address in lower case, without its port.
pub(super) fn host_of(address: &str) -> Option<String> {
    let rest = address.split_once("://").map(|(_, rest)| rest)?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(without_port(host))
}

pub(super) fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((bare, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!bare.contains(':') || bare.ends_with(']')) =>
        {
            bare
        }
        _ => host,
    };
    bare.trim_matches(['[', ']']).to_lowercase()
}

/// The title that a scanner cut out, as a piece of the body.
pub(super) fn add_title(response: &mut Response, title: Option<&str>) {
    let has_one = response.excerpts.iter().any(|excerpt| excerpt.starts_with("<title>"));
    if let Some(title) = title.filter(|title| !has_one && !title.trim().is_empty()) {
        let title: String = title.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect();
        response.excerpts.push(format!("<title>{title}"));
    }
}

/// What Base64 stands for; line breaks and missing padding do not matter.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let bare: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(&bare).or_else(|_| STANDARD.decode(&bare)).ok()
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 64 hex digits, in lower case.
pub(super) fn hash(text: Option<&str>) -> Option<String> {
    let bare: String = text?.chars().filter(|c| *c != ':').collect();
    (bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| bare.to_ascii_lowercase())
}

/// `tls12`, `TLS 1.2`, `TLSv1.2` → `TLSv1.2`.
pub(super) fn tls_version(text: Option<&str>) -> Option<String> {
    let digits: String = text?.chars().filter(char::is_ascii_digit).collect();
    match digits.as_str() {
        "1" | "10" => Some("TLSv1".to_owned()),
        "11" => Some("TLSv1.1".to_owned()),
        "12" => Some("TLSv1.2".to_owned()),
        "13" => Some("TLSv1.3".to_owned()),
        _ => None,
    }
}

/// `AS64500`, `64500`.
pub(super) fn asn(text: Option<&str>) -> Option<u32> {
    let text = text?.trim();
    text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text).parse().ok()
}

/// Two letters, in upper case.
pub(super) fn country(text: Option<&str>) -> Option<String> {
    text.map(str::trim)
        .filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .map(str::to_uppercase)
}
