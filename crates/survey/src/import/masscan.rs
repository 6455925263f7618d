//! `masscan`: the list, and JSON in all its forms. An array of which each line is a record, with commas on lines of their own, at
//! the end or at the beginning of lines, often without its end; or a record per line without an array.

use model::Utc;
use model::survey::{Banner, BannerProtocol, Observation, Outcome, Response, Scanner, Target};
use serde::Deserialize;

use super::head;
use super::parts::{Text, add_title, address, cut, observation};
use super::{Held, Intake};
use crate::classify::excerpts;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    ip: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    ports: Vec<Port<'a>>,
    #[serde(default)]
    finished: Option<u64>,
}

#[derive(Deserialize)]
struct Port<'a> {
    port: u16,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    service: Option<Service<'a>>,
}

#[derive(Deserialize)]
struct Service<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    banner: Text<'a>,
}

pub(super) fn line(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    if line.starts_with(b"#") {
        return Ok(Held::Nothing);
    }
    if line.starts_with(b"open ") || line.starts_with(b"banner ") || line.starts_with(b"closed ") {
        return of_list(line, intake);
    }
    let bare = line.trim_ascii_start();
    let mut bare = bare.strip_prefix(b"[").unwrap_or(bare).trim_ascii();
    for _ in 0..2 {
        bare = bare.strip_prefix(b",").unwrap_or(bare).trim_ascii();
        bare = bare
            .strip_suffix(b"]")
            .filter(|rest| rest.is_empty() || rest.ends_with(b"}") || rest.ends_with(b","))
            .unwrap_or(bare);
        bare = bare.strip_suffix(b",").unwrap_or(bare).trim_ascii();
    }
    if bare.is_empty() || bare.starts_with(b"{finished:") || bare.starts_with(b"{ finished:") {
        return Ok(Held::Nothing);
    }
    let read: Line<'_> = serde_json::from_slice(bare).map_err(|error| error.to_string())?;
    if read.finished.is_some() {
        return Ok(Held::Nothing);
    }
    let address = read.ip.get().ok_or("it names no address")?;
    let time = read.timestamp.get();
    let mut found = Vec::new();
    for port in &read.ports {
        let banner = port
            .service
            .as_ref()
            .and_then(|service| Some((service.name.get()?, service.banner.get().unwrap_or_default())));
        let status = port.status.get().unwrap_or("open");
        found.push(of_port(address, port.port, (time, status), banner, intake)?);
    }
    for observation in found {
        intake.give(observation);
    }
    Ok(Held::Record)
}

/// `open tcp 443 192.0.2.7 1405625641`, `banner tcp 443 192.0.2.7 1405625642 title Outlook`.
fn of_list(line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.splitn(7, ' ');
    let mut next = || words.next().unwrap_or_default();
    let (status, _, port, address, time) = (next(), next(), next(), next(), next());
    let (service, banner) = (next(), next());
    let port = port.parse().map_err(|_| "its port is no number".to_owned())?;
    let banner = (status == "banner").then_some((service, banner));
    let found = of_port(address, port, (Some(time), status), banner, intake)?;
    intake.give(found);
    Ok(Held::Record)
}

fn of_port(
    ip: &str,
    port: u16,
    (time, status): (Option<&str>, &str),
    banner: Option<(&str, &str)>,
    intake: &Intake<'_, '_>,
) -> Result<Observation, String> {
    let address = address(Some(ip)).ok_or("its address is none")?;
    let observed_at = match time.and_then(|time| time.parse::<i64>().ok()) {
        Some(seconds) => Utc(0).plus_secs(seconds),
        None => intake.time(time)?,
    };
    let target = Target { name: None, address: Some(address), port };
    let mut seen = observation(observed_at, Scanner::Masscan, target);
    seen.outcome = if status == "closed" { Outcome::Refused } else { Outcome::Other };
    match banner {
        Some((service, text)) => of_banner(&mut seen, service, text),
        None => seen.reason = Some(format!("the port is {status}; nothing was asked")),
    }
    Ok(seen)
}

/// What a service said; used for XML too.
pub(super) fn of_banner(seen: &mut Observation, service: &str, text: &str) {
    let port = seen.target.port;
    let mail = match service {
        "smtp" => Some(BannerProtocol::Smtp),
        "imap" => Some(BannerProtocol::Imap),
        "pop" | "pop3" => Some(BannerProtocol::Pop3),
        _ => None,
    };
    let unescaped = text.replace("\\x0d", "\r").replace("\\x0a", "\n");
    match (service, mail) {
        (_, Some(protocol)) => seen.banners.push(Banner { protocol, port, text: cut(&unescaped) }),
        ("title", _) => {
            let mut response = Response { path: "/".to_owned(), cut: true, ..Response::default() };
            add_title(&mut response, Some(text));
            seen.responses.push(response);
        }
        ("http" | "http.server" | "html", _) => {
            let (status, headers) = head::read(&unescaped);
            let excerpts = excerpts(unescaped.as_bytes());
            seen.responses.push(Response {
                path: "/".to_owned(),
                status: status.unwrap_or(0),
                headers,
                excerpts,
                cut: true,
                ..Response::default()
            });
        }
        _ => {
            seen.reason = Some(format!("{} was seen", cut(service)));
            return;
        }
    }
    seen.outcome = Outcome::Answered;
}
