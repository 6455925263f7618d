//! XML of `nmap`, and of `masscan`, which writes the same: host after host, none kept longer than it takes to read it.
//!
//! Entities that the file defines are not expanded, its DOCTYPE names nothing that is fetched. Headers stand only in the
//! text that a script printed.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;
use std::rc::Rc;

use model::Utc;
use model::survey::{Certificate, Claim, ClaimKind, Observation, Outcome, Response, Scanner, Target, Tls};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::head;
use super::parts::{add_title, address, base64, cut, name, observation, sha256};
use super::{Format, Held, Intake, RECORD_BYTES_MAX, masscan};

/// Ports of one host that are kept.
const PORTS_MAX: usize = 4_096;
/// Elements inside each other.
const DEPTH_MAX: usize = 64;
/// Of a text, so much is kept.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Ends the reading where one piece of XML is longer than any host is.
struct Bounded<'i> {
    input: &'i mut dyn BufRead,
    since: Rc<Cell<usize>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.since.set(self.since.get().saturating_add(read));
        Ok(read)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since.get() > RECORD_BYTES_MAX {
            return Err(io::Error::other(format!("an element is longer than {} MiB", RECORD_BYTES_MAX >> 20)));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.since.set(self.since.get().saturating_add(amount));
        self.input.consume(amount);
    }
}

#[derive(Default)]
struct Host {
    time: Option<Utc>,
    address: Option<IpAddr>,
    name: Option<String>,
    ports: Vec<Port>,
}

#[derive(Default)]
struct Port {
    number: u16,
    is_tcp: bool,
    state: String,
    service: Option<(String, String)>,
    is_tls: bool,
    response: Response,
    is_answered: bool,
    certificate: Option<Certificate>,
    claims: Vec<Claim>,
    script: String,
    /// Keys of tables and of the element at hand.
    keys: Vec<String>,
    common_name_of: (Option<String>, Option<String>),
}

pub(super) fn read(input: &mut dyn BufRead, intake: &mut Intake<'_, '_>) -> io::Result<()> {
    let since = Rc::new(Cell::new(0));
    let mut reader = Reader::from_reader(Bounded { input, since: Rc::clone(&since) });
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    let mut host: Option<Host> = None;
    let mut text = String::new();
    let mut depth = 0_usize;
    while !intake.is_stopped {
        buffer.clear();
        since.set(0);
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                intake.end_record(Err(format!("the XML ends in an error: {error}")));
                intake.account.cut = true;
                return Ok(());
            }
        };
        match event {
            Event::Eof => break,
            Event::Start(element) => {
                depth += 1;
                text.clear();
                if depth <= DEPTH_MAX {
                    start(&element, &mut host);
                }
            }
            Event::Empty(element) => {
                let closed = element.name().as_ref().to_owned();
                start(&element, &mut host);
                end(&closed, "", &mut host, intake);
            }
            Event::Text(piece) if text.len() < TEXT_BYTES_MAX => text.push_str(&piece),
            Event::GeneralRef(entity) if text.len() < TEXT_BYTES_MAX => text.push_str(&resolved(&entity)),
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                end(element.name().as_ref(), &text, &mut host, intake);
                text.clear();
            }
            _ => {}
        }
    }
    if host.is_some() {
        intake.account.cut = true;
        intake.end_record(Err("the file ends inside this host".to_owned()));
    }
    Ok(())
}

/// The five of XML and numbers; nothing that the file defines.
fn resolved(entity: &str) -> String {
    unescaped(&format!("&{entity};"))
}

fn unescaped(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

fn attribute(element: &BytesStart<'_>, wanted: &str) -> Option<String> {
    const ATTRIBUTES_MAX: usize = 64;
    let mut all = element.attributes();
    let all = all.with_checks(false).take(ATTRIBUTES_MAX).flatten();
    let found = all.into_iter().find(|attribute| attribute.key.as_ref() == wanted)?;
    let mut text = unescaped(&found.value);
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Some(text)
}

fn seconds(text: Option<String>) -> Option<Utc> {
    text?.parse::<i64>().ok().map(|seconds| Utc(0).plus_secs(seconds))
}

fn start(element: &BytesStart<'_>, host: &mut Option<Host>) {
    let tag = element.name().as_ref().to_owned();
    if tag == "host" {
        let time = seconds(attribute(element, "endtime")).or_else(|| seconds(attribute(element, "starttime")));
        *host = Some(Host { time, ..Host::default() });
        return;
    }
    let Some(host) = host else { return };
    match tag.as_str() {
        "address" if attribute(element, "addrtype").is_none_or(|kind| kind.starts_with("ip")) => {
            host.address = host.address.or(address(attribute(element, "addr").as_deref()));
        }
        "hostname" if host.name.is_none() => host.name = name(attribute(element, "name").as_deref()),
        "port" if host.ports.len() < PORTS_MAX => {
            let number = attribute(element, "portid").and_then(|port| port.parse().ok()).unwrap_or(0);
            let is_tcp = attribute(element, "protocol").is_none_or(|protocol| protocol == "tcp");
            host.ports.push(Port { number, is_tcp, ..Port::default() });
        }
        _ => {
            if let Some(port) = host.ports.last_mut() {
                start_in_port(&tag, element, port);
            }
        }
    }
}

fn start_in_port(tag: &str, element: &BytesStart<'_>, port: &mut Port) {
    match tag {
        "state" => port.state = attribute(element, "state").unwrap_or_default(),
        "service" => {
            port.is_tls |= attribute(element, "tunnel").is_some_and(|tunnel| tunnel == "ssl");
            let name = attribute(element, "name").unwrap_or_default();
            port.service = attribute(element, "banner").map(|banner| (name, banner));
        }
        "script" => {
            port.script = attribute(element, "id").unwrap_or_default();
            port.keys.clear();
            port.script_output(&attribute(element, "output").unwrap_or_default());
        }
        "table" | "elem" if port.keys.len() < DEPTH_MAX => {
            port.keys.push(attribute(element, "key").unwrap_or_default())
        }
        _ => {}
    }
}

fn end(tag: &str, text: &str, host: &mut Option<Host>, intake: &mut Intake<'_, '_>) {
    if tag == "host" {
        if let Some(host) = host.take() {
            let outcome = host.give(intake);
            intake.end_record(outcome);
        }
        return;
    }
    let Some(port) = host.as_mut().and_then(|host| host.ports.last_mut()) else { return };
    match tag {
        "elem" => {
            let key = port.keys.pop().unwrap_or_default();
            port.element(&key, text);
        }
        "table" => _ = port.keys.pop(),
        "script" => port.script.clear(),
        _ => {}
    }
}

impl Port {
    fn script_output(&mut self, output: &str) {
        match self.script.as_str() {
            "http-headers" => {
                let (status, headers) = head::read(output);
                self.response.status = status.unwrap_or(self.response.status);
                self.response.headers.extend(headers);
                self.is_answered = true;
            }
            "http-server-header" if self.response.headers.is_empty() => {
                let server = output.lines().map(str::trim).find(|line| !line.is_empty());
                self.response.headers.extend(server.map(|server| ("Server".to_owned(), cut(server))));
                self.is_answered = true;
            }
            "ssl-cert" => _ = self.certificate.get_or_insert_default(),
            "ms-exchange-version" | "http-vuln-exchange" => self.exchange_script(output),
            "http-vuln-cve2021-26855" if output.contains("VULNERABLE") && !output.contains("NOT VULNERABLE") => {
                self.claims.push(Claim { kind: ClaimKind::Cve, text: "CVE-2021-26855".to_owned() });
            }
            _ => {}
        }
    }

    /// The first build that stands in what the script says.
    fn exchange_script(&mut self, output: &str) {
        let is_build = |word: &&str| {
            let parts = word.split('.').count();
            (3..=4).contains(&parts)
                && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && !word.ends_with('.')
        };
        if let Some(build) = output.split(|c: char| !c.is_ascii_digit() && c != '.').find(is_build) {
            self.claims.push(Claim { kind: ClaimKind::Version, text: cut(build) });
        }
    }

    fn element(&mut self, key: &str, text: &str) {
        let table = self.keys.last().map(String::as_str).unwrap_or_default();
        match (self.script.as_str(), table, key) {
            ("http-title", _, "title") => {
                add_title(&mut self.response, Some(text));
                self.is_answered = true;
            }
            ("http-title", _, "redirect_url") => {
                self.response.headers.push(("Location".to_owned(), cut(text)));
                self.is_answered = true;
            }
            ("ssl-cert", "subject", "commonName") => self.common_name_of.0 = Some(cut(text)),
            ("ssl-cert", "issuer", "commonName") => self.common_name_of.1 = Some(cut(text)),
            ("ssl-cert", _, "value") if text.contains("DNS:") => {
                let names = text.split(',').filter_map(|name| name.trim().strip_prefix("DNS:"));
                let certificate = self.certificate.get_or_insert_default();
                certificate.names = names.take(200).map(cut).collect();
                certificate.names.sort();
            }
            ("ssl-cert", _, "notBefore") => {
                self.certificate.get_or_insert_default().not_before = Utc::parse(text.as_bytes())
            }
            ("ssl-cert", _, "notAfter") => {
                self.certificate.get_or_insert_default().not_after = Utc::parse(text.as_bytes())
            }
            ("ssl-cert", _, "sig_algo") => self.certificate.get_or_insert_default().signature = Some(cut(text)),
            ("ssl-cert", _, "pem") => {
                let lines = text.lines().filter(|line| !line.contains("CERTIFICATE"));
                if let Some(der) = base64(&lines.collect::<String>()) {
                    self.certificate.get_or_insert_default().sha256 = sha256(&der);
                }
            }
            ("ms-exchange-version", ..) if self.claims.is_empty() => self.exchange_script(text),
            _ => {}
        }
    }

    fn observation(self, host: &Host, scanner: Scanner, observed_at: Utc) -> Observation {
        let target = Target { name: host.name.clone(), address: host.address, port: self.number };
        let mut seen = observation(observed_at, scanner, target);
        seen.outcome = match self.state.as_str() {
            "closed" => Outcome::Refused,
            "filtered" => Outcome::TimedOut,
            _ if self.is_answered => Outcome::Answered,
            _ => Outcome::Other,
        };
        if self.is_answered {
            let mut response = self.response;
            response.path = "/".to_owned();
            seen.responses.push(response);
        } else if let Some((service, banner)) = &self.service {
            masscan::of_banner(&mut seen, service, banner);
        } else {
            seen.reason = Some(format!("the port is {}; no answer is in the file", cut(&self.state)));
        }
        seen.claims = self.claims;
        let certificate = self.certificate.map(|mut certificate| {
            (certificate.subject, certificate.issuer) = self.common_name_of;
            certificate.self_signed = certificate.subject.is_some() && certificate.subject == certificate.issuer;
            certificate
        });
        if certificate.is_some() {
            seen.tls = Some(Tls { version: None, cipher: None, certificate });
        }
        seen
    }
}

impl Host {
    fn give(mut self, intake: &mut Intake<'_, '_>) -> Result<Held, String> {
        if self.address.is_none() && self.name.is_none() {
            return Err("the host has no address".to_owned());
        }
        let observed_at = match self.time {
            Some(time) => time,
            None => intake.time(None)?,
        };
        let scanner = if intake.account.format == Format::Masscan { Scanner::Masscan } else { Scanner::Nmap };
        for port in std::mem::take(&mut self.ports).into_iter().filter(|port| port.is_tcp) {
            intake.give(port.observation(&self, scanner, observed_at));
        }
        Ok(Held::Record)
    }
}
