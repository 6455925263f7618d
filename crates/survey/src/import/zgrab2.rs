//! JSON lines of `zgrab2` (zmap/zgrab2, `lib/http` and `modules`): one line per target, one entry of `data` per module, whatever
//! the module was called in `multiple` mode. Names of headers come in lower case with `_`, those that the program does not
//! know under `unknown`.

use std::fmt;

use model::Utc;
use model::survey::{Banner, BannerProtocol, Certificate, Observation, Outcome, Response, Scanner, Target, Tls};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::escapes::unescaped;
use super::head;
use super::parts::{
    Text, Texts, address, base64, cut, hash, header_value, name, observation, push_header, sha256, tls_version,
    without_port,
};
use super::{Held, Intake};
use crate::classify::{BODY_BYTES_MAX, excerpts};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    ip: Text<'a>,
    #[serde(borrow, default)]
    domain: Text<'a>,
    #[serde(borrow, default)]
    port: Text<'a>,
    #[serde(borrow, default)]
    data: Modules<'a>,
}

/// Modules of a line that are looked at.
const MODULES_MAX: usize = 64;

#[derive(Default)]
struct Modules<'a>(Vec<Module<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Modules<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Modules<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("modules")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Modules<'de>, A::Error> {
                let mut modules = Vec::new();
                while map.next_key::<IgnoredAny>()?.is_some() {
                    let module = map.next_value()?;
                    if modules.len() < MODULES_MAX {
                        modules.push(module);
                    }
                }
                Ok(Modules(modules))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[derive(Default)]
struct Module<'a> {
    status: Text<'a>,
    protocol: Text<'a>,
    port: Text<'a>,
    timestamp: Text<'a>,
    error: Text<'a>,
    result: Found<'a>,
}

/// What a module found.
#[derive(Default)]
enum Found<'a> {
    #[default]
    Nothing,
    Http(Box<Http<'a>>),
    /// Of another module, or of one that names its protocol only afterwards.
    Raw(&'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for Module<'a> {
    /// By hand, since `protocol` stands before `result`: so a result, which is nearly all of a line, is read once.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Module<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a module")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Module<'de>, A::Error> {
                let mut module = Module::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match key.get().unwrap_or_default() {
                        "status" => module.status = map.next_value()?,
                        "protocol" => module.protocol = map.next_value()?,
                        "port" => module.port = map.next_value()?,
                        "timestamp" => module.timestamp = map.next_value()?,
                        "error" => module.error = map.next_value()?,
                        "result" if module.protocol.get() == Some("http") => {
                            let http: Option<Http<'de>> = map.next_value()?;
                            module.result = http.map_or(Found::Nothing, |http| Found::Http(Box::new(http)));
                        }
                        "result" => {
                            let raw: Option<&'de RawValue> = map.next_value()?;
                            module.result = raw.map_or(Found::Nothing, Found::Raw);
                        }
                        _ => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(module)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[derive(Default, Deserialize)]
struct Http<'a> {
    #[serde(borrow, default)]
    response: Option<Answer<'a>>,
    #[serde(borrow, default)]
    redirect_response_chain: Option<Vec<Answer<'a>>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    status_code: u16,
    #[serde(borrow, default)]
    headers: Headers<'a>,
    #[serde(borrow, default)]
    headers_raw: Text<'a>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    url: Option<Url<'a>>,
    #[serde(borrow, default)]
    tls_log: Option<TlsLog<'a>>,
}

#[derive(Deserialize)]
struct Url<'a> {
    #[serde(borrow, default)]
    scheme: Text<'a>,
    #[serde(borrow, default)]
    host: Text<'a>,
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(borrow, default)]
    raw_query: Text<'a>,
}

#[derive(Default, Deserialize)]
struct TlsLog<'a> {
    #[serde(borrow, default)]
    handshake_log: Option<Handshake<'a>>,
}

#[derive(Deserialize)]
struct Handshake<'a> {
    #[serde(borrow, default)]
    server_hello: Option<Hello<'a>>,
    #[serde(borrow, default)]
    server_certificates: Option<Certificates<'a>>,
}

#[derive(Deserialize)]
struct Hello<'a> {
    #[serde(borrow, default)]
    version: Option<Named<'a>>,
    #[serde(borrow, default)]
    cipher_suite: Option<Named<'a>>,
}

#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Certificates<'a> {
    #[serde(borrow, default)]
    certificate: Option<Shown<'a>>,
}

#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow, default)]
    raw: Text<'a>,
    #[serde(borrow, default)]
    parsed: Option<Parsed<'a>>,
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(borrow, default)]
    fingerprint_sha256: Text<'a>,
    #[serde(borrow, default)]
    subject: Option<Subject<'a>>,
    #[serde(borrow, default)]
    issuer: Option<Subject<'a>>,
    #[serde(borrow, default)]
    names: Texts<'a>,
    #[serde(borrow, default)]
    validity: Option<Validity<'a>>,
    #[serde(borrow, default)]
    extensions: Option<Extensions<'a>>,
    #[serde(borrow, default)]
    signature_algorithm: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow, default)]
    common_name: Texts<'a>,
}

#[derive(Deserialize)]
struct Validity<'a> {
    #[serde(borrow, default)]
    start: Text<'a>,
    #[serde(borrow, default)]
    end: Text<'a>,
}

#[derive(Deserialize)]
struct Extensions<'a> {
    #[serde(borrow, default)]
    subject_alt_name: Option<AltNames<'a>>,
}

#[derive(Deserialize)]
struct AltNames<'a> {
    #[serde(borrow, default)]
    dns_names: Texts<'a>,
}

/// What mail modules and the TLS module say.
#[derive(Default, Deserialize)]
struct Greeting<'a> {
    #[serde(borrow, default)]
    banner: Text<'a>,
    #[serde(borrow, default)]
    tls: Option<TlsLog<'a>>,
    #[serde(borrow, default)]
    handshake_log: Option<Handshake<'a>>,
}

/// Names as they were, values each on its own.
#[derive(Default)]
struct Headers<'a>(Vec<(String, Text<'a>)>);

#[derive(Deserialize)]
struct Unknown<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    value: Texts<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Headers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Headers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }
            fn visit_unit<E>(self) -> Result<Headers<'de>, E> {
                Ok(Headers::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let key = key.get().unwrap_or_default().replace('_', "-");
                    if key == "unknown" {
                        let unknown = map.next_value::<Option<Vec<Unknown<'de>>>>()?.unwrap_or_default();
                        for header in unknown {
                            let key = header.key.get().unwrap_or_default().replace('_', "-");
                            all.extend(header.value.0.into_iter().map(|value| (key.clone(), value)));
                        }
                    } else {
                        let values = map.next_value::<Texts<'de>>()?;
                        all.extend(values.0.into_iter().map(|value| (key.clone(), value)));
                    }
                }
                Ok(Headers(all))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

pub(super) fn line(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    let read: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for module in &read.data.0 {
        let observed_at = intake.time(module.timestamp.get())?;
        found.push(of_module(&read, module, observed_at)?);
    }
    for observation in found {
        intake.give(observation);
    }
    Ok(Held::Record)
}

fn of_module(line: &Line<'_>, module: &Module<'_>, observed_at: Utc) -> Result<Observation, String> {
    let protocol = module.protocol.get().unwrap_or_default();
    let target = Target { name: name(line.domain.get()), address: address(line.ip.get()), port: 0 };
    let mut seen = observation(observed_at, Scanner::Zgrab2, target);
    let port = module.port.get().or(line.port.get()).and_then(|port| port.parse().ok());
    let mut scheme = None;
    let mut of_http = |http: &Http<'_>, seen: &mut Observation| {
        let first = http.redirect_response_chain.iter().flatten().chain(&http.response).next();
        scheme = first.and_then(|answer| answer.request.as_ref()?.url.as_ref()?.scheme.owned());
        answers(http, seen);
    };
    match &module.result {
        Found::Http(http) => of_http(http, &mut seen),
        Found::Raw(result) if protocol == "http" => {
            of_http(&serde_json::from_str(result.get()).map_err(|error| error.to_string())?, &mut seen);
        }
        Found::Raw(result) => greeting(protocol, result.get(), &mut seen),
        Found::Nothing => {}
    }
    seen.target.port = port.unwrap_or(match (protocol, scheme.as_deref()) {
        (_, Some("https")) | ("tls", _) => 443,
        ("smtp", _) => 25,
        ("imap", _) => 143,
        ("pop3", _) => 110,
        _ => 80,
    });
    for banner in &mut seen.banners {
        banner.port = seen.target.port;
    }
    seen.reason = module.error.owned();
    seen.outcome = outcome(module, &seen);
    Ok(seen)
}

/// The answers of the target itself; where it sent the scanner to another host, that host's are left out.
fn answers(http: &Http<'_>, seen: &mut Observation) {
    let mut own: Option<String> = None;
    for answer in http.redirect_response_chain.iter().flatten().chain(&http.response) {
        let url = answer.request.as_ref().and_then(|request| request.url.as_ref());
        let host = url.and_then(|url| url.host.get()).map(without_port);
        let first = own.get_or_insert_with(|| host.clone().unwrap_or_default());
        let is_own = host.as_ref().is_none_or(|host| {
            host == first
                || seen.target.name.as_ref() == Some(host)
                || seen.target.address.is_some_and(|address| address.to_string() == *host)
        });
        if is_own {
            if let Some(handshake) =
                answer.request.as_ref().and_then(|request| request.tls_log.as_ref()?.handshake_log.as_ref())
            {
                seen.tls = Some(tls(handshake));
            }
            seen.responses.push(response(answer, url));
        }
    }
}

fn response(answer: &Answer<'_>, url: Option<&Url<'_>>) -> Response {
    let path = url.and_then(|url| url.path.get()).unwrap_or("/");
    let path = match url.and_then(|url| url.raw_query.get()) {
        Some(query) => cut(&format!("{path}?{query}")),
        None => cut(path),
    };
    let raw = answer.headers_raw.get().and_then(base64);
    let headers = match raw {
        Some(raw) => head::read(&String::from_utf8_lossy(&raw)).1,
        None => {
            let mut headers = Vec::with_capacity(answer.headers.0.len());
            for (name, value) in &answer.headers.0 {
                push_header(&mut headers, name.clone(), header_value(value.get().unwrap_or_default()));
            }
            headers
        }
    };
    let excerpts = answer.body.map(|body| excerpts(&unescaped(body.get(), BODY_BYTES_MAX))).unwrap_or_default();
    Response { path, status: answer.status_code, headers, excerpts, favicon: None, cut: false }
}

fn greeting(protocol: &str, result: &str, seen: &mut Observation) {
    // Of modules that nobody here knows nothing is expected.
    let Ok(greeting) = serde_json::from_str::<Greeting<'_>>(result) else { return };
    let kind = match protocol {
        "smtp" => BannerProtocol::Smtp,
        "imap" => BannerProtocol::Imap,
        "pop3" => BannerProtocol::Pop3,
        _ => BannerProtocol::Other,
    };
    if let Some(text) = greeting.banner.owned() {
        seen.banners.push(Banner { protocol: kind, port: 0, text });
    }
    let handshake = greeting.handshake_log.as_ref().or_else(|| greeting.tls.as_ref()?.handshake_log.as_ref());
    seen.tls = handshake.map(tls);
}

fn tls(handshake: &Handshake<'_>) -> Tls {
    let hello = handshake.server_hello.as_ref();
    let shown = handshake.server_certificates.as_ref().and_then(|certificates| certificates.certificate.as_ref());
    Tls {
        version: tls_version(hello.and_then(|hello| hello.version.as_ref()?.name.get())),
        cipher: hello.and_then(|hello| hello.cipher_suite.as_ref()?.name.owned()),
        certificate: shown.and_then(certificate),
    }
}

fn certificate(shown: &Shown<'_>) -> Option<Certificate> {
    let parsed = shown.parsed.as_ref();
    let stated = parsed.and_then(|parsed| hash(parsed.fingerprint_sha256.get()));
    let sha256 = stated.or_else(|| Some(sha256(&base64(shown.raw.get()?)?)))?;
    let Some(parsed) = parsed else { return Some(Certificate { sha256, ..Certificate::default() }) };
    let common = |subject: &Option<Subject<'_>>| subject.as_ref().and_then(|subject| subject.common_name.first());
    let alt_names = parsed.extensions.as_ref().and_then(|extensions| extensions.subject_alt_name.as_ref());
    let mut names: Vec<String> =
        parsed.names.all().chain(alt_names.iter().flat_map(|names| names.dns_names.all())).map(cut).collect();
    names.sort();
    names.dedup();
    let (subject, issuer) = (common(&parsed.subject), common(&parsed.issuer));
    let day = |text: &Text<'_>| text.get().and_then(|text| Utc::parse(text.as_bytes()));
    Some(Certificate {
        sha256,
        self_signed: subject.is_some() && subject == issuer,
        subject,
        issuer,
        names,
        not_before: parsed.validity.as_ref().and_then(|validity| day(&validity.start)),
        not_after: parsed.validity.as_ref().and_then(|validity| day(&validity.end)),
        key: None,
        signature: parsed.signature_algorithm.as_ref().and_then(|algorithm| algorithm.name.owned()),
    })
}

fn outcome(module: &Module<'_>, seen: &Observation) -> Outcome {
    let error = module.error.get().unwrap_or_default();
    match module.status.get().unwrap_or_default() {
        "success" => Outcome::Answered,
        "connection-refused" => Outcome::Refused,
        "connection-timeout" | "io-timeout" => Outcome::TimedOut,
        "connection-closed" => Outcome::Closed,
        "handshake-error" | "post-tls-application-error" => Outcome::TlsRefused,
        _ if error.contains("handshake") || error.contains("tls:") => Outcome::TlsRefused,
        _ if !seen.responses.is_empty() => Outcome::Answered,
        "protocol-error" | "application-error" => Outcome::NotHttp,
        "blocklisted-target" => Outcome::OutOfScope,
        _ => Outcome::Other,
    }
}
