//! The scope as a file of TOML. A key that is not known is refused: it may be the exclusion that somebody meant.

use model::Utc;
use serde::Deserialize;

use super::entry::{self, Entry, Host, NamePattern};
use super::{NameSet, NetworkSet, PORTS, Scope, ScopeError};

/// Lines of `targets` and of `exclusions`.
const ENTRIES_MAX: usize = 1_000_000;
/// What is shown to whoever reads our requests fits one line.
const TEXT_BYTES_MAX: usize = 400;
const DESCRIPTION: &str = "Counts Exchange servers and reads the build that they show to everybody: at most three requests \
    (GET /autodiscover/autodiscover.xml, /owa/auth/logon.aspx, /EWS/Exchange.asmx) per address, without login.";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    operator: Option<String>,
    contact: Option<String>,
    probing_uri: Option<String>,
    ticket: Option<String>,
    valid_until: Option<Day>,
    description: Option<String>,
    ports: Option<Vec<u16>>,
    targets: Option<Vec<String>>,
    exclusions: Option<Vec<String>>,
    names_anywhere: Option<bool>,
}

/// A day, as text or as TOML's own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Day {
    Text(String),
    Toml(toml::value::Datetime),
}

pub(super) fn parse(text: &str) -> Result<Scope, ScopeError> {
    let file: File = toml::from_str(text).map_err(|error| ScopeError::Toml(error.to_string().trim_end().to_owned()))?;
    let (excluded_networks, excluded_names) = exclusions(&file.exclusions.unwrap_or_default())?;
    let targets = targets(&file.targets.unwrap_or_default())?;
    let (networks, names) = sets_of(&targets);
    let scope = Scope {
        operator: line("operator", file.operator)?,
        contact: contact(line("contact", file.contact)?)?,
        probing_uri: probing_uri(line("probing_uri", file.probing_uri)?)?,
        ticket: line("ticket", file.ticket)?,
        valid_until: end_of(&file.valid_until.ok_or(ScopeError::Missing("valid_until"))?)?,
        description: line("description", Some(file.description.unwrap_or_else(|| DESCRIPTION.to_owned())))?,
        ports: ports(file.ports)?,
        targets,
        networks,
        names,
        excluded_networks,
        excluded_names,
        names_anywhere: file.names_anywhere.unwrap_or(false),
    };
    let has_networks = scope.targets.iter().any(|entry| entry.network().is_some());
    let has_names = scope.targets.iter().any(|entry| matches!(entry.host, Host::Name(_)));
    if has_names && !has_networks && !scope.names_anywhere {
        return Err(ScopeError::NamesNowhere);
    }
    Ok(scope)
}

fn line(key: &'static str, value: Option<String>) -> Result<String, ScopeError> {
    let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let value = value.ok_or(ScopeError::Missing(key))?;
    let fits = value.len() <= TEXT_BYTES_MAX && !value.chars().any(char::is_control);
    if fits { Ok(value) } else { Err(ScopeError::Value { key, problem: "not one short line", value }) }
}

fn contact(value: String) -> Result<String, ScopeError> {
    let has_scheme = |scheme: &str| value.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
    let is_mail = has_scheme("mailto:") && value.contains('@');
    if (is_mail || has_scheme("https://")) && goes_into_a_header(&value) {
        return Ok(value);
    }
    Err(ScopeError::Value { key: "contact", problem: "neither a `mailto:` nor an `https://` URI", value })
}

fn probing_uri(value: String) -> Result<String, ScopeError> {
    let is_https = value.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    if is_https && goes_into_a_header(&value) {
        return Ok(value);
    }
    Err(ScopeError::Value { key: "probing_uri", problem: "not an `https://` URI", value })
}

/// As a part of a comment of the user agent.
fn goes_into_a_header(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'\\' | b';'))
}

/// The last microsecond of the day.
fn end_of(day: &Day) -> Result<Utc, ScopeError> {
    let text = match day {
        Day::Text(text) => text.clone(),
        Day::Toml(day) => day.to_string(),
    };
    let begins = if text.len() == 10 { Utc::parse(text.as_bytes()) } else { None };
    let problem = "not a day such as 2026-12-31";
    let begins = begins.ok_or(ScopeError::Value { key: "valid_until", problem, value: text })?;
    Ok(begins.plus_secs(86_399))
}

fn ports(ports: Option<Vec<u16>>) -> Result<Vec<u16>, ScopeError> {
    let mut ports = ports.unwrap_or_else(|| PORTS.to_vec());
    ports.sort_unstable();
    ports.dedup();
    match ports.first() {
        None => Err(ScopeError::Missing("ports")),
        Some(0) => Err(ScopeError::Value { key: "ports", problem: "not a port", value: "0".to_owned() }),
        Some(_) if ports.len() > 16 => Err(ScopeError::TooMany { key: "ports", max: 16 }),
        Some(_) => Ok(ports),
    }
}

fn targets(lines: &[String]) -> Result<Vec<Entry>, ScopeError> {
    let key = "targets";
    if lines.is_empty() {
        return Err(ScopeError::Missing(key));
    }
    if lines.len() > ENTRIES_MAX {
        return Err(ScopeError::TooMany { key, max: ENTRIES_MAX });
    }
    let read = |line: &String| {
        Entry::parse(line.trim()).map_err(|problem| ScopeError::Value { key, problem, value: line.clone() })
    };
    lines.iter().map(read).collect()
}

fn sets_of(targets: &[Entry]) -> (NetworkSet, NameSet) {
    let mut names = NameSet::default();
    for entry in targets {
        if let Host::Name(name) = &entry.host {
            names.add(NamePattern::Exactly(name.clone()));
        }
    }
    (targets.iter().filter_map(Entry::network).collect(), names)
}

fn exclusions(lines: &[String]) -> Result<(NetworkSet, NameSet), ScopeError> {
    let key = "exclusions";
    if lines.len() > ENTRIES_MAX {
        return Err(ScopeError::TooMany { key, max: ENTRIES_MAX });
    }
    let (mut networks, mut names) = (Vec::new(), NameSet::default());
    for line in lines {
        let problem = "neither a network, an address nor a name";
        match entry::network(line.trim()) {
            Some(network) => networks.push(network),
            None => names.add(NamePattern::parse(line.trim()).ok_or_else(|| ScopeError::Value {
                key,
                problem,
                value: line.clone(),
            })?),
        }
    }
    Ok((networks.into_iter().collect(), names))
}
