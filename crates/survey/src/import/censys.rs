//! JSON lines of Censys: hosts with services. The shapes of the old search, of its snapshots and of the Platform differ, and
//! changed often, so that no shape is expected: whatever has headers or a body is an answer, of the port and the address
//! that stand around it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Utc;
use model::survey::{Certificate, Claim, ClaimKind, Network, Observation, Response, Scanner, Target, Tls};
use serde_json::{Map, Value};

use super::parts::{
    add_title, address, asn, country, cut, hash, header_value, name, observation, path_of, push_header, tls_version,
};
use super::{Held, Intake};
use crate::classify::excerpts;

/// So deep things stand inside each other at most; the reader of JSON allows little more.
const DEPTH_MAX: usize = 64;
/// Services of one host.
const SERVICES_MAX: usize = 1_024;

/// What stands around an answer.
#[derive(Clone, Default)]
struct Around {
    address: Option<IpAddr>,
    name: Option<String>,
    port: Option<u16>,
    time: Option<Utc>,
}

type Services = BTreeMap<(Option<IpAddr>, u16), Observation>;

pub(super) fn line(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Value::Object(whole) = &value else { return Err("it is no object".to_owned()) };
    let mut around = Around { time: intake.observed_at, ..Around::default() };
    around.look_at(whole);
    let mut services = Services::new();
    walk(&value, &around, &mut services, 0);
    if services.is_empty() && around.address.is_none() && around.name.is_none() {
        return Err("it names no host".to_owned());
    }
    if services.values().any(|seen| seen.observed_at == NO_TIME) {
        return Err("it names no time".to_owned());
    }
    let network = network(&value);
    for mut seen in services.into_values() {
        seen.network = network.clone();
        intake.give(seen);
    }
    Ok(Held::Record)
}

/// Stands where nothing says when a host was seen.
const NO_TIME: Utc = Utc(i64::MIN);

impl Around {
    fn look_at(&mut self, object: &Map<String, Value>) {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        self.address = address(text("ip")).or(self.address);
        if let Some(host) = name(text("name").filter(|name| name.contains('.'))) {
            self.name = Some(host);
        }
        self.port = object.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).or(self.port);
        let times = ["observed_at", "scan_time", "last_updated_at", "timestamp"];
        self.time = times.into_iter().find_map(|key| Utc::parse(text(key)?.as_bytes())).or(self.time);
    }
}

fn walk(value: &Value, around: &Around, services: &mut Services, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Array(all) => all.iter().for_each(|one| walk(one, around, services, depth + 1)),
        Value::Object(object) => {
            let mut around = around.clone();
            around.look_at(object);
            if let Some(response) = answer(object)
                && let Some(seen) = service(&around, services)
            {
                seen.responses.push(response);
            }
            if let Some(tls) = tls(object)
                && let Some(seen) = service(&around, services)
            {
                seen.tls = Some(tls);
            }
            if let Some(claim) = software(object)
                && let Some(seen) = service(&around, services)
            {
                seen.claims.extend(claim);
            }
            object.values().for_each(|one| walk(one, &around, services, depth + 1));
        }
        _ => {}
    }
}

fn service<'s>(around: &Around, services: &'s mut Services) -> Option<&'s mut Observation> {
    let key = (around.address, around.port?);
    if services.len() >= SERVICES_MAX && !services.contains_key(&key) {
        return None;
    }
    Some(services.entry(key).or_insert_with(|| {
        let target = Target { name: around.name.clone(), address: around.address, port: key.1 };
        observation(around.time.unwrap_or(NO_TIME), Scanner::Censys, target)
    }))
}

fn answer(object: &Map<String, Value>) -> Option<Response> {
    let is_answer =
        object.contains_key("status_code") || object.contains_key("status_line") || object.contains_key("html_title");
    let headers = object.get("headers").and_then(Value::as_object);
    let body = object.get("body").and_then(Value::as_str);
    let tells_by_itself = headers.is_some() && body.is_some();
    if !tells_by_itself && (!is_answer || headers.is_none() && body.is_none()) {
        return None;
    }
    let status = object.get("status_code").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let path = object.get("path").or_else(|| object.get("uri")).and_then(Value::as_str);
    let mut response = Response {
        path: path.map_or_else(|| "/".to_owned(), path_of),
        status: status.unwrap_or(0),
        excerpts: body.map(|body| excerpts(body.as_bytes())).unwrap_or_default(),
        ..Response::default()
    };
    for (name, value) in headers.into_iter().flatten().filter(|(name, _)| !name.starts_with("_encoding")) {
        for value in values(value) {
            push_header(&mut response.headers, name.replace('_', "-"), header_value(value));
        }
    }
    add_title(&mut response, object.get("html_title").and_then(Value::as_str));
    Some(response)
}

/// A value, a list of them, or an object around such a list.
fn values(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::Object(object) => object.get("headers").map(values).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn tls(object: &Map<String, Value>) -> Option<Tls> {
    let version = tls_version(object.get("version_selected").and_then(Value::as_str));
    let certificates = object.get("certificates").and_then(Value::as_object);
    let print = certificates
        .and_then(|all| all.get("leaf_fp_sha_256"))
        .or_else(|| object.get("fingerprint_sha256"))
        .and_then(Value::as_str);
    let sha256 = hash(print)?;
    let leaf = certificates.and_then(|all| all.get("leaf_data"));
    let common = |who: &str| {
        let value = leaf?.get(who)?.get("common_name")?;
        values(value).first().map(|text| cut(text))
    };
    let mut names: Vec<String> =
        leaf.and_then(|leaf| leaf.get("names")).map(values).unwrap_or_default().into_iter().map(cut).collect();
    names.sort();
    let (subject, issuer) = (common("subject"), common("issuer"));
    let self_signed = subject.is_some() && subject == issuer;
    let certificate = Certificate { sha256, subject, issuer, names, self_signed, ..Certificate::default() };
    let cipher = object.get("cipher_selected").and_then(Value::as_str).map(cut);
    Some(Tls { version, cipher, certificate: Some(certificate) })
}

fn software(object: &Map<String, Value>) -> Option<Vec<Claim>> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let product =
        text("product").filter(|product| product.to_ascii_lowercase().replace('_', " ").contains("exchange server"))?;
    text("vendor").filter(|vendor| vendor.eq_ignore_ascii_case("microsoft"))?;
    let mut claims = vec![Claim { kind: ClaimKind::Product, text: cut(&product.replace('_', " ")) }];
    claims.extend(text("version").map(|version| Claim { kind: ClaimKind::Version, text: cut(version) }));
    Some(claims)
}

fn network(value: &Value) -> Network {
    let of = |value: &Value| Some((value.get("location").cloned(), value.get("autonomous_system").cloned()));
    let host = value.get("host").unwrap_or(value);
    let (location, system) = of(host).unwrap_or_default();
    let system = system.unwrap_or_default();
    let number = system.get("asn").and_then(Value::as_u64).map(|asn| asn.to_string());
    let network = Network {
        country: country(location.as_ref().and_then(|location| location.get("country_code")?.as_str())),
        asn: asn(number.as_deref()),
        as_name: system.get("name").and_then(Value::as_str).map(cut),
        source: None,
    };
    let is_known = network.country.is_some() || network.asn.is_some();
    Network { source: is_known.then(|| "Censys".to_owned()), ..network }
}
