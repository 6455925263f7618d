//! STIX 2.1 bundles: indicator objects whose patterns are lists of values.
//!
//! Source: STIX 2.1 (OASIS). Observables and sightings are counted; they say what was seen, not what to look for.

use detect::pack::IndicatorKind;
use model::Utc;
use serde::Deserialize;

use super::gathered::{Confidence, Found, Gathered, refang};
use super::lenient::{Number, Text, Truth};
use super::pattern::{self, Comparison};
use super::sigma;

/// A bundle, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bundle {
    objects: Vec<Object>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    #[serde(rename = "type")]
    kind: Text,
    id: Text,
    name: Text,
    description: Text,
    pattern: Text,
    pattern_type: Text,
    valid_from: Text,
    valid_until: Text,
    confidence: Number,
    revoked: Truth,
}

/// Takes what a bundle has.
pub fn gather(file: &str, bundle: Bundle, gathered: &mut Gathered) {
    for (number, object) in (1u64..).zip(bundle.objects) {
        if object.kind.0 != "indicator" {
            gathered.ignore(if object.kind.0.is_empty() { "object without a type" } else { &object.kind.0 });
            continue;
        }
        let id = if object.id.0.is_empty() { format!("object {number}") } else { object.id.0.clone() };
        indicator(file, &id, &object, gathered);
    }
}

fn indicator(file: &str, id: &str, object: &Object, gathered: &mut Gathered) {
    let what = format!("{file}: {id}");
    if object.revoked.0 {
        return gathered.leave_out(&what, "it is revoked".into());
    }
    match object.pattern_type.0.as_str() {
        "" | "stix" => {}
        "sigma" => return sigma::gather_text(&what, id, &object.pattern.0, gathered),
        "yara" => return gathered.add_yara(id, object.pattern.0.clone().into_bytes()),
        other => return gathered.leave_out(&what, format!("patterns of type `{other}` are not read")),
    }
    let comparisons = match pattern::read(&object.pattern.0) {
        Ok(comparisons) => comparisons,
        Err(why) => return gathered.leave_out(&what, why),
    };
    let time = |text: &Text| Utc::parse(text.0.as_bytes());
    let note = if object.name.0.is_empty() { &object.description.0 } else { &object.name.0 };
    let found = Found {
        kind: IndicatorKind::Ip,
        value: String::new(),
        confidence: object.confidence.0.map_or(Confidence::Low, Confidence::of_hundred),
        from: time(&object.valid_from),
        until: time(&object.valid_until),
        note: note.clone(),
        source: what.clone(),
    };
    for comparison in joined(comparisons) {
        match kind(&comparison) {
            Ok((kind, value)) => {
                // One half of "this and that" says less than both; a hash says it all alone.
                let is_hash = matches!(kind, IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256);
                let is_less = comparison.with_others && !is_hash;
                let confidence = if is_less { Confidence::Low } else { found.confidence };
                gathered.add(&what, Found { kind, value, confidence, ..found.clone() });
            }
            Err(why) => gathered.leave_out(&what, why),
        }
    }
}

/// A name and its folder in one observation are one path.
fn joined(comparisons: Vec<Comparison>) -> Vec<Comparison> {
    let folder_of = |name: &Comparison| {
        let is_folder =
            |other: &&Comparison| other.path == "file:parent_directory_ref.path" && other.group == name.group;
        comparisons.iter().find(is_folder).filter(|_| name.path == "file:name" && name.with_others)
    };
    let join = |one: &Comparison| match folder_of(one) {
        Some(folder) => Comparison {
            path: "file:path".into(),
            value: format!("{}\\{}", folder.value.trim_end_matches(['\\', '/']), one.value),
            ..one.clone()
        },
        None => one.clone(),
    };
    let is_joined = |one: &&Comparison| {
        one.path == "file:parent_directory_ref.path"
            && comparisons.iter().any(|name| folder_of(name).is_some_and(|folder| folder == *one))
    };
    comparisons.iter().filter(|one| !is_joined(one)).map(join).collect()
}

/// What kind of indicator a comparison is; an error in words where it is none.
fn kind(comparison: &Comparison) -> Result<(IndicatorKind, String), String> {
    let value = comparison.value.clone();
    let plain = |kind| Ok((kind, value.clone()));
    match comparison.path.as_str() {
        "ipv4-addr:value" | "ipv6-addr:value" | "network-traffic:src_ref.value" | "network-traffic:dst_ref.value" => {
            plain(IndicatorKind::Ip)
        }
        "domain-name:value" => plain(IndicatorKind::Domain),
        "url:value" => url(&value),
        "file:name" if value.contains(['\\', '/']) => plain(IndicatorKind::Path),
        "file:name" => plain(IndicatorKind::FileName),
        "file:path" | "directory:path" | "file:parent_directory_ref.path" => plain(IndicatorKind::Path),
        "network-traffic:extensions.http-request-ext.request_value" => url(&value),
        path => match path.rsplit_once('.') {
            Some(("file:hashes", name)) => hash(name).map(|kind| (kind, value.clone())),
            Some(("network-traffic:extensions.http-request-ext.request_header", name))
                if name.eq_ignore_ascii_case("user-agent") =>
            {
                plain(IndicatorKind::UserAgent)
            }
            _ => Err(format!("`{path:.80}` is nothing that indicators are about")),
        },
    }
}

fn hash(name: &str) -> Result<IndicatorKind, String> {
    match name.to_ascii_uppercase().replace('-', "").as_str() {
        "MD5" => Ok(IndicatorKind::Md5),
        "SHA1" => Ok(IndicatorKind::Sha1),
        "SHA256" => Ok(IndicatorKind::Sha256),
        _ => Err(format!("hashes of kind `{name:.20}` are not looked for")),
    }
}

/// A URL with a host is about that host; only a path can be one of the server's own.
pub fn url(value: &str) -> Result<(IndicatorKind, String), String> {
    let value = refang(value.trim());
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        return Ok((if is_address { IndicatorKind::Ip } else { IndicatorKind::Domain }, host.to_owned()));
    }
    let path = value.split(['?', '#']).next().unwrap_or_default();
    if path.starts_with('/') && path.len() > 1 {
        return Ok((IndicatorKind::Url, path.to_owned()));
    }
    Err(format!("`{value:.80}` is no URL with a host and no path"))
}

#[cfg(test)]
mod tests {
    use super::{Bundle, gather, url};
    use crate::packs::import::gathered::Gathered;

    fn gathered(objects: &str) -> Gathered {
        let bundle: Bundle = serde_json::from_str(&format!("{{\"objects\":[{objects}]}}")).unwrap();
        let mut gathered = Gathered::default();
        gather("b.json", bundle, &mut gathered);
        gathered
    }

    fn lines(gathered: &Gathered) -> Vec<String> {
        let line = |found: &super::Found| format!("{} {} {}", found.kind.word(), found.value, found.confidence.word());
        gathered.indicators.values().map(line).collect()
    }

    fn indicator(pattern: &str) -> String {
        format!(
            r#"{{"type":"indicator","id":"indicator--1","name":"n","confidence":85,"valid_from":"2021-03-01T00:00:00Z","pattern":{}}}"#,
            serde_json::to_string(pattern).unwrap()
        )
    }

    #[test]
    fn every_simple_kind_is_taken() {
        let pattern = format!(
            "[ipv4-addr:value='203.0.113.7' OR ipv6-addr:value='2001:db8::1' OR domain-name:value='a.example' OR url:value='https://b.example:8/x' \
             OR url:value='/owa/auth/x.aspx?y' OR file:hashes.MD5='{}' OR file:hashes.'SHA-1'='{}' OR file:hashes.\u{27}SHA-256\u{27}='{}' OR file:name='x.aspx' \
             OR file:name='c:\\\\x\\\\y.aspx' OR directory:path='C:\\\\inetpub' \
             OR network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'='antSword/v2.1']",
            "a".repeat(32),
            "b".repeat(40),
            "c".repeat(64)
        );
        let gathered = gathered(&indicator(&pattern));
        assert_eq!(gathered.left_out, []);
        let lines = lines(&gathered);
        assert_eq!(lines.len(), 12, "{lines:?}");
        for line in [
            "ip 203.0.113.7 high",
            "domain b.example high",
            "url /owa/auth/x.aspx high",
            "path c:\\x\\y.aspx high",
            "user-agent antSword/v2.1 high",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line} {lines:?}");
        }
    }

    #[test]
    fn one_half_of_a_condition_is_worth_less() {
        let hash = "d".repeat(64);
        let both = gathered(&indicator(&format!("[file:name='cmd.exe' AND file:hashes.'SHA-256'='{hash}']")));
        assert_eq!(lines(&both), [format!("sha256 {hash} high"), "name cmd.exe low".into()]);
        let path = gathered(&indicator("[file:name='x.aspx' AND file:parent_directory_ref.path='C:\\\\inetpub\\\\']"));
        assert_eq!(lines(&path), ["path C:\\inetpub\\x.aspx low"]);
        let port = gathered(&indicator("[ipv4-addr:value='203.0.113.7' AND network-traffic:dst_port=443]"));
        assert_eq!((lines(&port), port.left_out.len()), (vec!["ip 203.0.113.7 low".into()], 1));
    }

    #[test]
    fn what_cannot_be_expressed_is_named() {
        for (object, why) in [
            (indicator("[a:b MATCHES 'x']"), "`MATCHES`"),
            (indicator("[mutex:name='x']"), "mutex:name"),
            (indicator("[file:hashes.SSDEEP='x']"), "SSDEEP"),
            (indicator("[ipv4-addr:value='203.0.113.0/24']"), "is no ip"),
            (indicator("[ipv4-addr:value='203.0.113.7']").replace("\"name\"", "\"revoked\":true,\"name\""), "revoked"),
            (indicator("x").replace("\"name\"", "\"pattern_type\":\"snort\",\"name\""), "`snort`"),
        ] {
            let gathered = gathered(&object);
            assert!(gathered.indicators.is_empty() && gathered.left_out.len() == 1, "{object}");
            assert!(
                gathered.left_out[0].why.contains(why) && gathered.left_out[0].what == "b.json: indicator--1",
                "{:?}",
                gathered.left_out
            );
        }
    }

    #[test]
    fn other_objects_are_counted_whatever_they_hold() {
        let gathered = gathered(
            r#"{"type":"sighting","name":7},{"type":"ipv4-addr","value":"203.0.113.7"},{"type":"ipv4-addr"},{"x":[]}"#,
        );
        assert_eq!(
            gathered.ignored.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>(),
            ["ipv4-addr 2", "object without a type 1", "sighting 1"]
        );
    }

    #[test]
    fn urls_are_hosts_or_paths() {
        let read = |text| url(text).map(|(kind, value)| format!("{} {value}", kind.word()));
        assert_eq!(read("hxxps://u:p@evil[.]example:443/a").unwrap(), "domain evil.example");
        assert_eq!(read("http://[2001:db8::1]/a").unwrap(), "ip 2001:db8::1");
        assert!(read("nothing").is_err() && read("/").is_err());
    }
}
