//! MISP events: attributes, also those of objects, that are meant for detection (`to_ids`).
//!
//! Source: MISP core format (misp-rfc). Numbers and truth values come as texts.

use detect::pack::IndicatorKind;
use model::Utc;
use serde::Deserialize;

use super::gathered::{Confidence, Found, Gathered};
use super::lenient::{Text, Truth};
use super::sigma;
use super::stix::url;

/// An event, a search result with many, or an event in its envelope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Envelope {
    #[serde(rename = "Event")]
    event: Option<Event>,
    response: Vec<Envelope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    info: Text,
    uuid: Text,
    #[serde(rename = "Attribute")]
    attributes: Vec<Attribute>,
    #[serde(rename = "Object")]
    objects: Vec<Object>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    name: Text,
    comment: Text,
    deleted: Truth,
    #[serde(rename = "Attribute")]
    attributes: Vec<Attribute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attribute {
    uuid: Text,
    #[serde(rename = "type")]
    kind: Text,
    value: Text,
    comment: Text,
    to_ids: Truth,
    deleted: Truth,
    first_seen: Text,
    last_seen: Text,
}

/// Takes what an envelope has; its depth is bounded by the reader of JSON.
pub fn gather(file: &str, envelope: Envelope, gathered: &mut Gathered) {
    if let Some(event) = envelope.event {
        let of = |note: &Text| if note.0.is_empty() { event.info.0.clone() } else { note.0.clone() };
        for attribute in &event.attributes {
            take(file, &event, attribute, of(&attribute.comment), gathered);
        }
        for object in event.objects.iter().filter(|object| !object.deleted.0) {
            for attribute in &object.attributes {
                let note = if attribute.comment.0.is_empty() { &object.comment } else { &attribute.comment };
                let note =
                    if note.0.is_empty() { format!("{} {}", object.name.0, event.info.0) } else { note.0.clone() };
                take(file, &event, attribute, note, gathered);
            }
        }
    }
    for inner in envelope.response {
        gather(file, inner, gathered);
    }
}

fn take(file: &str, event: &Event, attribute: &Attribute, note: String, gathered: &mut Gathered) {
    if attribute.deleted.0 {
        return gathered.ignore("deleted attribute");
    }
    if !attribute.to_ids.0 {
        return gathered.ignore("attribute not meant for detection");
    }
    let what = format!("{file}: event {}, attribute {}", event.uuid.0, attribute.uuid.0);
    let time = |text: &Text| Utc::parse(text.0.as_bytes());
    let found = Found {
        kind: IndicatorKind::Ip,
        value: String::new(),
        // Meant for detection, and nothing more is said.
        confidence: Confidence::Medium,
        from: time(&attribute.first_seen),
        until: time(&attribute.last_seen),
        note,
        source: format!("{file}: {}", attribute.uuid.0),
    };
    let (kind, value) = (attribute.kind.0.as_str(), attribute.value.0.as_str());
    match kind {
        "sigma" => return sigma::gather_text(&what, &attribute.uuid.0, value, gathered),
        "yara" => return gathered.add_yara(&attribute.uuid.0, value.as_bytes().to_vec()),
        _ => {}
    }
    // A sample is named by name and hash; the sample itself is never touched.
    let kind = if kind == "malware-sample" { "filename|md5" } else { kind };
    let kinds: Vec<&str> = kind.split('|').collect();
    let values: Vec<&str> = if kinds.len() > 1 { value.splitn(kinds.len(), '|').collect() } else { vec![value] };
    if kinds.len() != values.len() {
        return gathered.leave_out(&what, format!("`{value:.80}` is no {kind}"));
    }
    for (part, value) in kinds.iter().zip(values) {
        match read(part, value) {
            Some(Ok((kind, value))) => {
                let is_less = kinds.len() > 1 && kind == IndicatorKind::FileName;
                let confidence = if is_less { Confidence::Low } else { found.confidence };
                gathered.add(&what, Found { kind, value, confidence, ..found.clone() });
            }
            Some(Err(why)) => gathered.leave_out(&what, why),
            None if *part == "port" => {}
            None => gathered.leave_out(&what, format!("attributes of type `{part:.40}` are not looked for")),
        }
    }
}

/// What kind of indicator an attribute is; `None` where it is none.
fn read(kind: &str, value: &str) -> Option<Result<(IndicatorKind, String), String>> {
    let plain = |kind| Some(Ok((kind, value.to_owned())));
    match kind {
        "ip-src" | "ip-dst" | "ip" => plain(IndicatorKind::Ip),
        "domain" | "hostname" => plain(IndicatorKind::Domain),
        "url" | "uri" => Some(url(value)),
        "md5" => plain(IndicatorKind::Md5),
        "sha1" => plain(IndicatorKind::Sha1),
        "sha256" => plain(IndicatorKind::Sha256),
        "filename" if value.contains(['\\', '/']) => plain(IndicatorKind::Path),
        "filename" => plain(IndicatorKind::FileName),
        "user-agent" | "http-user-agent" => plain(IndicatorKind::UserAgent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, gather};
    use crate::packs::import::gathered::Gathered;

    fn gathered(json: &str) -> Gathered {
        let mut gathered = Gathered::default();
        gather("e.json", serde_json::from_str::<Envelope>(json).unwrap(), &mut gathered);
        gathered
    }

    fn lines(gathered: &Gathered) -> Vec<String> {
        let line = |found: &super::Found| format!("{} {} {}", found.kind.word(), found.value, found.confidence.word());
        gathered.indicators.values().map(line).collect()
    }

    fn attribute(kind: &str, value: &str) -> String {
        let value = serde_json::to_string(value).unwrap();
        format!(
            r#"{{"uuid":"u","type":"{kind}","value":{value},"to_ids":true,"first_seen":"2021-03-01T00:00:00.000000+00:00"}}"#
        )
    }

    fn event(attributes: &[String], objects: &[String]) -> String {
        format!(
            r#"{{"Event":{{"info":"i","uuid":"e","date":"2021-03-01","Attribute":[{}],"Object":[{{"name":"file","Attribute":[{}]}}]}}}}"#,
            attributes.join(","),
            objects.join(",")
        )
    }

    #[test]
    fn attributes_of_events_and_objects_are_taken() {
        let sha256 = "c".repeat(64);
        let first = [
            attribute("ip-dst", "203.0.113.7"),
            attribute("filename|sha256", &format!("x.aspx|{sha256}")),
            attribute("ip-src|port", "203.0.113.8|443"),
        ];
        let second = [attribute("md5", &"a".repeat(32)), attribute("user-agent", "antSword/v2.1")];
        let json = event(&first, &second);
        let whole = gathered(&json);
        assert_eq!(whole.left_out, []);
        let expected = [
            "ip 203.0.113.7 medium".to_owned(),
            "ip 203.0.113.8 medium".into(),
            format!("sha256 {sha256} medium"),
            format!("md5 {} medium", "a".repeat(32)),
            "name x.aspx low".into(),
            "user-agent antSword/v2.1 medium".into(),
        ];
        assert_eq!(lines(&whole), expected);
        assert_eq!(whole.indicators.values().next().unwrap().from.unwrap().to_string(), "2021-03-01T00:00:00Z");
        assert_eq!(lines(&gathered(&format!("{{\"response\":[{json},{json}]}}"))), expected);
    }

    #[test]
    fn only_what_is_meant_for_detection() {
        let off = attribute("ip-dst", "203.0.113.7").replace("true", "false");
        let deleted = attribute("ip-dst", "203.0.113.7").replace("\"to_ids\"", "\"deleted\":\"1\",\"to_ids\"");
        let gathered = gathered(&event(&[off, deleted], &[]));
        assert!(gathered.indicators.is_empty() && gathered.left_out.is_empty());
        assert_eq!(gathered.ignored.values().sum::<u64>(), 2);
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        for (kind, value) in [("mutex", "x"), ("filename|sha256", "x.aspx"), ("ip-src", "203.0.113.0/24"), ("url", "x")]
        {
            let gathered = gathered(&event(&[attribute(kind, value)], &[]));
            assert_eq!((gathered.indicators.len(), gathered.left_out.len()), (0, 1), "{kind}");
            assert!(gathered.left_out[0].what.contains("attribute u"));
        }
    }
}
