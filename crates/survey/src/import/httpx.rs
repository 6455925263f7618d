//! JSON lines of `httpx` (projectdiscovery/httpx, `runner/types.go`). Headers come as an object with names in lower case and
//! values joined with `, `, in old versions as one text; the raw head, where it was asked for, is better.

use model::survey::{Certificate, Favicon, Network, Outcome, Response, Scanner, Target, Tls};
use serde::Deserialize;
use serde_json::Value;

use super::head;
use super::parts::{
    Text, Texts, add_title, address, asn, country, cut, hash, header_value, host_of, name, observation, path_of,
    push_header, tls_version,
};
use super::{Held, Intake};
use crate::classify::excerpts;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    final_url: Text<'a>,
    #[serde(borrow, default)]
    input: Text<'a>,
    #[serde(borrow, default)]
    host: Text<'a>,
    #[serde(borrow, default)]
    host_ip: Text<'a>,
    #[serde(borrow, default)]
    a: Texts<'a>,
    #[serde(borrow, default)]
    port: Text<'a>,
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(default, alias = "status-code")]
    status_code: u16,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    location: Text<'a>,
    #[serde(borrow, default)]
    webserver: Text<'a>,
    #[serde(borrow, default)]
    favicon: Text<'a>,
    #[serde(borrow, default)]
    favicon_md5: Text<'a>,
    #[serde(default, alias = "response-header")]
    header: Value,
    #[serde(borrow, default)]
    raw_header: Text<'a>,
    #[serde(borrow, default, alias = "response-body", alias = "response")]
    body: Text<'a>,
    #[serde(default)]
    failed: bool,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    asn: Option<Asn<'a>>,
    #[serde(borrow, default)]
    tls: Option<TlsData<'a>>,
}

#[derive(Deserialize)]
struct Asn<'a> {
    #[serde(borrow, default)]
    as_number: Text<'a>,
    #[serde(borrow, default)]
    as_name: Text<'a>,
    #[serde(borrow, default)]
    as_country: Text<'a>,
}

#[derive(Deserialize)]
struct TlsData<'a> {
    #[serde(borrow, default)]
    tls_version: Text<'a>,
    #[serde(borrow, default)]
    cipher: Text<'a>,
    #[serde(borrow, default)]
    subject_cn: Text<'a>,
    #[serde(borrow, default)]
    subject_an: Texts<'a>,
    #[serde(borrow, default)]
    issuer_cn: Text<'a>,
    #[serde(default)]
    self_signed: bool,
    #[serde(borrow, default)]
    fingerprint_hash: Option<Fingerprint<'a>>,
}

#[derive(Deserialize)]
struct Fingerprint<'a> {
    #[serde(borrow, default)]
    sha256: Text<'a>,
}

pub(super) fn line(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    let read: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let observed_at = intake.time(read.timestamp.get())?;
    let url = read.url.get().unwrap_or_default();
    let input = read
        .input
        .get()
        .map(|input| host_of(input).unwrap_or_else(|| input.split([':', '/']).next().unwrap_or(input).to_owned()));
    // The column `host` was the address in old versions.
    let addresses = [read.host_ip.get(), read.host.get(), read.a.all().next(), input.as_deref()];
    let names = [input.as_deref(), read.host.get()];
    let is_tls = url.starts_with("https:");
    let target = Target {
        name: names.into_iter().find_map(name),
        address: addresses.into_iter().find_map(address),
        port: read.port.get().and_then(|port| port.parse().ok()).unwrap_or(if is_tls { 443 } else { 80 }),
    };
    if target.name.is_none() && target.address.is_none() {
        return Err("it names no target".to_owned());
    }
    let mut seen = observation(observed_at, Scanner::Httpx, target);
    seen.outcome = if read.failed { Outcome::Other } else { Outcome::Answered };
    seen.reason = read.error.owned();
    seen.tls = read.tls.as_ref().map(tls);
    if let Some(asn_of) = &read.asn {
        seen.network = Network {
            country: country(asn_of.as_country.get()),
            asn: asn(asn_of.as_number.get()),
            as_name: asn_of.as_name.owned(),
            source: Some("httpx".to_owned()),
        };
    }
    if !read.failed {
        seen.responses.push(response(&read, url));
    }
    intake.give(seen);
    Ok(Held::Record)
}

fn response(read: &Line<'_>, url: &str) -> Response {
    let asked =
        read.final_url.get().map(path_of).or_else(|| read.path.get().map(path_of)).unwrap_or_else(|| path_of(url));
    let mut headers = read.raw_header.get().map(|raw| head::read(raw).1).unwrap_or_default();
    match &read.header {
        Value::String(text) if headers.is_empty() => headers = head::read(text).1,
        Value::Object(all) => {
            for (name, value) in all {
                let name = name.replace('_', "-");
                let is_known = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name));
                if let Some(value) = value.as_str().filter(|_| !is_known) {
                    push_header(&mut headers, name, header_value(value));
                }
            }
        }
        _ => {}
    }
    for (name, value) in [("server", &read.webserver), ("location", &read.location)] {
        let is_known = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some(value) = value.get().filter(|_| !is_known) {
            push_header(&mut headers, name.to_owned(), header_value(value));
        }
    }
    let favicon = Favicon {
        md5: read.favicon_md5.owned().map(|md5| md5.to_ascii_lowercase()),
        mmh3: read.favicon.get().and_then(|hash| hash.parse().ok()),
    };
    let has_icon = favicon.md5.is_some() || favicon.mmh3.is_some();
    let mut response = Response {
        path: asked,
        status: read.status_code,
        headers,
        excerpts: read.body.get().map(|body| excerpts(body.as_bytes())).unwrap_or_default(),
        favicon: has_icon.then_some(favicon),
        cut: false,
    };
    add_title(&mut response, read.title.get());
    response
}

fn tls(read: &TlsData<'_>) -> Tls {
    let mut names: Vec<String> = read.subject_an.all().map(cut).collect();
    names.sort();
    let sha256 = read.fingerprint_hash.as_ref().and_then(|print| hash(print.sha256.get())).unwrap_or_default();
    let subject = read.subject_cn.owned();
    let certificate = (subject.is_some() || !names.is_empty() || !sha256.is_empty()).then(|| Certificate {
        sha256,
        subject,
        issuer: read.issuer_cn.owned(),
        names,
        self_signed: read.self_signed,
        ..Certificate::default()
    });
    Tls { version: tls_version(read.tls_version.get()), cipher: read.cipher.owned(), certificate }
}
