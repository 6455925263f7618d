//! A CSAF 2.0 document of the profile `csaf_vex`: which builds of an organisation have which holes.
//!
//! Specification: <https://docs.oasis-open.org/csaf/csaf/v2.0/os/csaf-v2.0-os.html>, profile 4.5. One product per
//! build; names of servers are not in it, because such documents are passed on. Nothing in it depends on a clock: the
//! day of the advice is the day of the document, and its id comes from its content.
//!
//! What the code closes and a person has to complete is `under_investigation`, with the remaining step as remediation:
//! a build number can neither affirm nor deny it. `known_not_affected` carries an impact statement and no
//! justification label, because the vendor's list of affected products gives none.

use std::collections::BTreeMap;

use model::advice::{Advice, BuildAdvice, Hole, HoleState};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Who publishes the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Its name.
    pub name: String,
    /// A URI that is under its control.
    pub namespace: String,
}

impl Default for Publisher {
    fn default() -> Self {
        Self { name: "unnamed user of afterpatch".to_owned(), namespace: "urn:afterpatch:unnamed".to_owned() }
    }
}

/// Hex digits of the content that tell documents of one day apart.
const ID_DIGITS: usize = 12;

/// The document, ending in a line feed.
#[must_use]
pub fn csaf(advice: &Advice, publisher: &Publisher) -> String {
    let document = json!({
        "document": head(advice, publisher),
        "product_tree": { "branches": [{
            "category": "vendor",
            "name": "Microsoft",
            "branches": products(advice),
        }] },
        "vulnerabilities": vulnerabilities(advice),
    });
    crate::json::pretty(&sorted(document))
}

/// Names in alphabetical order, as the specification recommends (6.2.13).
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn head(advice: &Advice, publisher: &Publisher) -> Value {
    let date = format!("{}T00:00:00Z", advice.as_of);
    let version = &advice.afterpatch.version;
    json!({
        "category": "csaf_vex",
        "csaf_version": "2.0",
        "lang": "en",
        // It says what somebody is open to.
        "distribution": { "tlp": { "label": "AMBER" } },
        "title": title(advice),
        "publisher": { "category": "user", "name": publisher.name, "namespace": publisher.namespace },
        "notes": [{
            "category": "legal_disclaimer",
            "title": "What this rests on",
            "text": format!(
                "Judged from build numbers alone, with data complete up to {}. A build number shows neither whether a \
                 mitigation is in place nor whether anybody came in.",
                advice.state_date
            ),
        }],
        "tracking": {
            "id": id(advice),
            "status": "final",
            "version": "1",
            "initial_release_date": date,
            "current_release_date": date,
            "revision_history": [{ "number": "1", "date": date, "summary": "Judged from build numbers" }],
            "generator": { "engine": { "name": "afterpatch", "version": version } },
        },
    })
}

fn title(advice: &Advice) -> String {
    match advice.builds.as_slice() {
        [only] => format!("Exchange Server {}: known holes", only.id),
        builds => format!("{} builds of Exchange Server: known holes", builds.len()),
    }
}

fn id(advice: &Advice) -> String {
    // Without the servers: whoever guesses a name must not find it confirmed.
    let content = (&advice.builds, advice.state_date, &advice.only);
    let hash = Sha256::digest(crate::json::line(&content).as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("afterpatch-advice-{}-{:.ID_DIGITS$}", advice.as_of, hex)
}

/// A branch per product, in it one per build.
fn products(advice: &Advice) -> Vec<Value> {
    let mut by_name: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for build in &advice.builds {
        let name = if build.product == "unknown" { "Exchange Server, version unknown" } else { build.product.as_str() };
        by_name.entry(name).or_default().push(product(name, build));
    }
    let branch = |(name, branches): (&str, Vec<Value>)| json!({ "category": "product_name", "name": name, "branches": branches });
    by_name.into_iter().map(branch).collect()
}

fn product(name: &str, build: &BuildAdvice) -> Value {
    let (category, version, kind) = if build.id == build.lowest.to_string() {
        ("product_version", build.id.clone(), "exchange-build")
    } else {
        let upto = if build.is_interval() { format!("|<={}", build.highest) } else { String::new() };
        ("product_version_range", format!("vers:generic/>={}{upto}", build.lowest), "exchange-builds")
    };
    // A CPE names the CU and not the update on it, so none would be exact.
    let namespace = format!("urn:afterpatch:{kind}");
    let uri = format!("{namespace}:{}", build.id.replace(' ', "-"));
    json!({
        "category": category,
        "name": version,
        "product": {
            "name": format!("Microsoft {name} {} ({})", build.update, build.id),
            "product_id": product_id(build),
            "product_identification_helper": { "x_generic_uris": [{ "namespace": namespace, "uri": uri }] },
        },
    })
}

/// `exchange-15.1.2106.2`, `exchange-15.1.2106.2-to-15.1.2106.13`.
fn product_id(build: &BuildAdvice) -> String {
    format!("exchange-{}", build.id.replace(' ', "-"))
}

/// What is said of one hole over all builds.
#[derive(Default)]
struct Said<'a> {
    holes: Vec<(&'a BuildAdvice, &'a Hole)>,
    not_affected: Vec<&'a BuildAdvice>,
}

fn vulnerabilities(advice: &Advice) -> Vec<Value> {
    let mut said: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    for build in &advice.builds {
        for hole in &build.holes {
            said.entry(&hole.id).or_default().holes.push((build, hole));
        }
        for id in &build.not_affected {
            said.entry(id).or_default().not_affected.push(build);
        }
    }
    said.iter().map(|(id, said)| vulnerability(id, said)).collect()
}

fn vulnerability(id: &str, said: &Said<'_>) -> Value {
    let mut fields = Map::new();
    let nickname = said.holes.iter().find_map(|(_, hole)| hole.nickname.as_deref());
    if id.starts_with("CVE-") {
        fields.insert("cve".to_owned(), json!(id));
    } else {
        fields.insert("ids".to_owned(), json!([{ "system_name": "Microsoft Security Advisory", "text": id }]));
    }
    if let Some(nickname) = nickname {
        fields.insert("title".to_owned(), json!(nickname));
    }
    let text = match nickname {
        Some(nickname) => format!("{id}, known as {nickname}, in Microsoft Exchange Server"),
        None => format!("{id} in Microsoft Exchange Server"),
    };
    fields.insert("notes".to_owned(), json!([{ "category": "description", "text": text }]));
    fields.insert("product_status".to_owned(), status(said));
    let remediations = remediations(said);
    if !remediations.is_empty() {
        fields.insert("remediations".to_owned(), Value::Array(remediations));
    }
    let threats = threats(said);
    if !threats.is_empty() {
        fields.insert("threats".to_owned(), Value::Array(threats));
    }
    Value::Object(fields)
}

fn status(said: &Said<'_>) -> Value {
    let mut status: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (build, hole) in &said.holes {
        let list = match hole.state {
            HoleState::Open => "known_affected",
            HoleState::Partly | HoleState::Undetermined => "under_investigation",
            HoleState::Fixed => "fixed",
        };
        status.entry(list).or_default().push(product_id(build));
    }
    for build in &said.not_affected {
        status.entry("known_not_affected").or_default().push(product_id(build));
    }
    json!(status)
}

/// One per text, with all builds of which it is true.
fn remediations(said: &Said<'_>) -> Vec<Value> {
    let mut grouped: BTreeMap<(&str, String, Option<String>), Vec<String>> = BTreeMap::new();
    for (build, hole) in &said.holes {
        if let Some(key) = remediation(build, hole) {
            grouped.entry(key).or_default().push(product_id(build));
        }
    }
    let value = |((category, details, url), products): ((&str, String, Option<String>), Vec<String>)| {
        let mut fields = Map::new();
        fields.insert("category".to_owned(), json!(category));
        fields.insert("details".to_owned(), json!(details));
        fields.insert("product_ids".to_owned(), json!(products));
        if let Some(url) = url {
            fields.insert("url".to_owned(), json!(url));
        }
        Value::Object(fields)
    };
    grouped.into_iter().map(value).collect()
}

/// Category, words, page.
fn remediation(build: &BuildAdvice, hole: &Hole) -> Option<(&'static str, String, Option<String>)> {
    match hole.state {
        HoleState::Fixed => None,
        HoleState::Partly => Some(("mitigation", sentence(&hole.reason), None)),
        HoleState::Open | HoleState::Undetermined => match &hole.fixed_by {
            Some(fix) => {
                let kb = fix.kb.as_deref().map(|kb| format!(", {kb}")).unwrap_or_default();
                let way: Vec<&str> = build.way.iter().map(|step| step.text.as_str()).collect();
                let details = format!(
                    "{} First closed by {} ({}{kb}). To be up to date: {}",
                    sentence(&hole.reason),
                    fix.update,
                    fix.build,
                    sentence(&way.join("; then: "))
                );
                Some(("vendor_fix", details, fix.kb.as_deref().and_then(page)))
            }
            // The move to a product that is supported closes what no update does.
            None => match build.way.last() {
                Some(last) => {
                    let kb = last.update.as_ref().and_then(|update| update.kb.as_deref());
                    let details = format!("{} {}", sentence(&hole.reason), sentence(&last.text));
                    Some(("vendor_fix", details, kb.and_then(page)))
                }
                None => {
                    let details = format!("{} Look at what the vendor says of this hole.", sentence(&hole.reason));
                    Some(("mitigation", details, None))
                }
            },
        },
    }
}

/// The vendor's page of an article.
fn page(kb: &str) -> Option<String> {
    let number = kb.strip_prefix("KB").filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("https://support.microsoft.com/help/{number}"))
}

fn threats(said: &Said<'_>) -> Vec<Value> {
    let mut threats = Vec::new();
    if let Some(day) = said.holes.iter().find_map(|(_, hole)| hole.exploited) {
        let details = format!("Known to be exploited: in CISA's list since {day}.");
        threats.push(json!({ "category": "exploit_status", "details": details }));
    }
    for build in &said.not_affected {
        let details = format!("{} is not among the products that have it.", build.product);
        threats.push(json!({ "category": "impact", "details": details, "product_ids": [product_id(build)] }));
    }
    threats
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Publisher, csaf};
    use crate::advice::samples;

    fn document(advice: &model::advice::Advice) -> Value {
        serde_json::from_str(&csaf(advice, &Publisher::default())).expect("JSON")
    }

    /// Every product stands in exactly one status of every hole, and what is affected has a remediation.
    #[test]
    fn every_product_has_one_status_and_what_is_affected_a_remediation() {
        for advice in [samples::one(), samples::many(), samples::hostile()] {
            let document = document(&advice);
            let list = document["vulnerabilities"].as_array().expect("a list");
            assert_eq!(list.len(), 6);
            for hole in list {
                let status = hole["product_status"].as_object().expect("an object");
                let mut products: Vec<&Value> = status.values().flat_map(|ids| ids.as_array().expect("ids")).collect();
                products.sort_by_key(|id| id.to_string());
                let count = products.len();
                products.dedup();
                assert_eq!((count, products.len()), (advice.builds.len(), advice.builds.len()), "{hole}");
                if let Some(affected) = status.get("known_affected") {
                    let remedies = hole["remediations"].as_array().expect("remediations");
                    for id in affected.as_array().expect("ids") {
                        let has = |remedy: &&Value| remedy["product_ids"].as_array().expect("ids").contains(id);
                        assert!(remedies.iter().any(|remedy| has(&remedy)), "{hole}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_pages_days_and_exploitation() {
        let document = document(&samples::one());
        let holes = document["vulnerabilities"].as_array().expect("a list");
        let logon = holes.iter().find(|hole| hole["cve"] == "CVE-2021-26855").expect("listed");
        assert_eq!(logon["remediations"][0]["url"], "https://support.microsoft.com/help/5000871");
        assert!(logon["threats"][0]["details"].as_str().expect("text").contains("2021-11-03"));
        assert!(holes.iter().any(|hole| hole["ids"][0]["text"] == "ADV24199947" && hole.get("cve").is_none()));
        let tracking = &document["document"]["tracking"];
        assert_eq!(tracking["current_release_date"], "2026-11-23T00:00:00Z");
    }

    #[test]
    fn no_name_of_a_server_is_in_it_and_the_id_follows_the_content() {
        let text = csaf(&samples::many(), &Publisher::default());
        assert!(!text.contains("EXC0"));
        let id = |advice: &model::advice::Advice| document(advice)["document"]["tracking"]["id"].clone();
        assert_eq!(id(&samples::one()), id(&samples::one()));
        assert_ne!(id(&samples::one()), id(&samples::many()));
    }
}
