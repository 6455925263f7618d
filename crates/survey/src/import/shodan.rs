//! JSON lines of Shodan, as `shodan download` gives them: a service per line. `data` holds the head of the answer as it came.

use model::survey::{
    Banner, BannerProtocol, Certificate, Claim, ClaimKind, Favicon, Network, Observation, Response, Scanner, Target,
    Tls,
};
use serde::Deserialize;
use serde_json::Value;

use super::head;
use super::parts::{Text, Texts, add_title, address, asn, country, cut, hash, name, observation, path_of, tls_version};
use super::{Held, Intake};
use crate::classify::excerpts;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    ip_str: Text<'a>,
    port: u16,
    #[serde(borrow, default)]
    hostnames: Texts<'a>,
    #[serde(borrow, default)]
    org: Text<'a>,
    #[serde(borrow, default)]
    asn: Text<'a>,
    #[serde(borrow, default)]
    location: Option<Place<'a>>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    data: Text<'a>,
    #[serde(borrow, default)]
    http: Option<Http<'a>>,
    #[serde(borrow, default)]
    ssl: Option<Ssl<'a>>,
    #[serde(borrow, default)]
    product: Text<'a>,
    #[serde(default)]
    vulns: Value,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow, default)]
    country_code: Text<'a>,
}

#[derive(Deserialize)]
struct Http<'a> {
    #[serde(default)]
    status: Option<u16>,
    #[serde(borrow, default)]
    location: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    html: Text<'a>,
    #[serde(borrow, default)]
    favicon: Option<Icon<'a>>,
    #[serde(borrow, default)]
    redirects: Option<Vec<Redirect<'a>>>,
}

#[derive(Deserialize)]
struct Icon<'a> {
    #[serde(borrow, default)]
    hash: Text<'a>,
}

#[derive(Deserialize)]
struct Redirect<'a> {
    #[serde(borrow, default)]
    location: Text<'a>,
    #[serde(borrow, default)]
    data: Text<'a>,
}

#[derive(Deserialize)]
struct Ssl<'a> {
    #[serde(borrow, default)]
    cert: Option<Cert<'a>>,
    #[serde(borrow, default)]
    cipher: Option<Cipher<'a>>,
    #[serde(borrow, default)]
    versions: Texts<'a>,
}

#[derive(Deserialize)]
struct Cipher<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Cert<'a> {
    #[serde(borrow, default)]
    subject: Option<Subject<'a>>,
    #[serde(borrow, default)]
    issuer: Option<Subject<'a>>,
    #[serde(borrow, default)]
    fingerprint: Option<Fingerprint<'a>>,
    #[serde(borrow, default)]
    sig_alg: Text<'a>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(rename = "CN", borrow, default)]
    common_name: Text<'a>,
}

#[derive(Deserialize)]
struct Fingerprint<'a> {
    #[serde(borrow, default)]
    sha256: Text<'a>,
}

/// Answers before the last that are kept.
const REDIRECTS_MAX: usize = 10;

pub(super) fn line(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    let read: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let observed_at = intake.time(read.timestamp.get())?;
    let address = address(read.ip_str.get()).ok_or("it names no address")?;
    let target = Target {
        name: read.hostnames.all().next().and_then(|host| name(Some(host))),
        address: Some(address),
        port: read.port,
    };
    let mut seen = observation(observed_at, Scanner::Shodan, target);
    seen.network = Network {
        country: country(read.location.as_ref().and_then(|place| place.country_code.get())),
        asn: asn(read.asn.get()),
        as_name: read.org.owned(),
        source: Some("Shodan".to_owned()),
    };
    seen.tls = read.ssl.as_ref().map(tls);
    match &read.http {
        Some(http) => answers(http, read.data.get().unwrap_or_default(), &mut seen),
        None => seen.banners.extend(read.data.get().and_then(|text| banner(read.port, text))),
    }
    claims(&read, &mut seen);
    intake.give(seen);
    Ok(Held::Record)
}

fn answers(http: &Http<'_>, data: &str, seen: &mut Observation) {
    let mut path = "/".to_owned();
    for redirect in http.redirects.iter().flatten().take(REDIRECTS_MAX) {
        let (status, headers) = head::read(redirect.data.get().unwrap_or_default());
        let led_to =
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| path_of(value));
        let next = led_to.or_else(|| redirect.location.get().map(path_of)).unwrap_or_else(|| path.clone());
        if status.is_some() {
            let asked = std::mem::replace(&mut path, next);
            seen.responses.push(Response { path: asked, status: status.unwrap_or(0), headers, ..Response::default() });
        }
    }
    let (status, headers) = head::read(data);
    let mut last = Response {
        path: http.location.get().map(path_of).unwrap_or(path),
        status: http.status.or(status).unwrap_or(0),
        headers,
        excerpts: http.html.get().map(|body| excerpts(body.as_bytes())).unwrap_or_default(),
        favicon: http
            .favicon
            .as_ref()
            .and_then(|icon| icon.hash.get()?.parse().ok())
            .map(|hash| Favicon { md5: None, mmh3: Some(hash) }),
        cut: false,
    };
    add_title(&mut last, http.title.get());
    seen.responses.push(last);
}

fn banner(port: u16, text: &str) -> Option<Banner> {
    let protocol = match port {
        25 | 465 | 587 | 2525 => BannerProtocol::Smtp,
        143 | 993 => BannerProtocol::Imap,
        110 | 995 => BannerProtocol::Pop3,
        _ => return None,
    };
    Some(Banner { protocol, port, text: cut(text) })
}

fn tls(ssl: &Ssl<'_>) -> Tls {
    let best = ssl.versions.all().filter(|version| version.starts_with("TLS")).max();
    let certificate = ssl.cert.as_ref().map(|cert| {
        let common = |subject: &Option<Subject<'_>>| subject.as_ref().and_then(|subject| subject.common_name.owned());
        let (subject, issuer) = (common(&cert.subject), common(&cert.issuer));
        Certificate {
            sha256: cert.fingerprint.as_ref().and_then(|print| hash(print.sha256.get())).unwrap_or_default(),
            self_signed: subject.is_some() && subject == issuer,
            subject,
            issuer,
            signature: cert.sig_alg.owned(),
            ..Certificate::default()
        }
    });
    Tls {
        version: tls_version(ssl.cipher.as_ref().and_then(|cipher| cipher.version.get()).or(best)),
        cipher: ssl.cipher.as_ref().and_then(|cipher| cipher.name.owned()),
        certificate,
    }
}

/// Holes that were tested, not those that follow from a version; and the product, where it is ours.
fn claims(read: &Line<'_>, seen: &mut Observation) {
    const CLAIMS_MAX: usize = 64;
    let is_true = |value: &Value| value.get("verified").and_then(Value::as_bool) == Some(true);
    for (cve, _) in read.vulns.as_object().into_iter().flatten().filter(|(_, value)| is_true(value)).take(CLAIMS_MAX) {
        seen.claims.push(Claim { kind: ClaimKind::Cve, text: cut(cve) });
    }
    if let Some(product) =
        read.product.get().filter(|product| product.contains("Exchange") || product.contains("Outlook Web"))
    {
        seen.claims.push(Claim { kind: ClaimKind::Product, text: cut(product) });
    }
}
