//! A judged target as a row: the columns of `survey.csv`, `survey.parquet` and of what owners are sent.
//!
//! The first columns are those of Shadowserver's `scan_exchange` report, under their names and in their order, so that
//! what reads those reads these. Source: The-Shadowserver-Foundation/report_schema, `scan_exchange`.

use super::{Judged, Product, State};
use crate::Utc;

/// Columns of Shadowserver's report, in its order.
pub const SHADOWSERVER_COLUMNS: [&str; 17] = [
    "timestamp",
    "severity",
    "ip",
    "protocol",
    "port",
    "hostname",
    "tag",
    "asn",
    "geo",
    "region",
    "city",
    "naics",
    "hostname_source",
    "sector",
    "version",
    "servername",
    "url",
];

/// Columns of our own, after the seventeen of Shadowserver.
pub const OWN_COLUMNS: [&str; 18] = [
    "scanner",
    "outcome",
    "reason",
    "kind",
    "product",
    "level",
    "update",
    "precision",
    "build_lowest",
    "build_highest",
    "mixed",
    "open",
    "vulnerable",
    "undetermined",
    "tls_version",
    "certificate_sha256",
    "server_key",
    "as_name",
];

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing is known.
    None,
    /// May be text from outside.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A time.
    Time(Utc),
}

/// What kind of cells a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    Text,
    /// Whole numbers.
    Number,
    /// Times.
    Time,
}

/// All columns, with the kind of their cells.
#[must_use]
pub fn columns() -> Vec<(&'static str, ValueKind)> {
    let names = SHADOWSERVER_COLUMNS.iter().chain(&OWN_COLUMNS).copied();
    let kind = |name| match name {
        "timestamp" => ValueKind::Time,
        "port" | "asn" => ValueKind::Number,
        _ => ValueKind::Text,
    };
    names.map(|name| (name, kind(name))).collect()
}

/// The cells of a target that Shadowserver's report has, in its order.
#[must_use]
pub fn shadowserver(judged: &Judged) -> Vec<Value> {
    let server = judged.identity.server_names.first().cloned();
    let url = judged.target.name.as_ref().map(|name| format!("https://{name}:{}/", judged.target.port));
    vec![
        Value::Time(judged.observed_at),
        Value::Text(severity(judged).to_owned()),
        text(judged.target.address.map(|address| address.to_string())),
        Value::Text("tcp".to_owned()),
        Value::Number(i64::from(judged.target.port)),
        text(judged.target.name.clone()),
        Value::Text(tag(judged)),
        judged.network.asn.map_or(Value::None, |asn| Value::Number(i64::from(asn))),
        text(judged.network.country.clone()),
        Value::None,
        Value::None,
        Value::None,
        text(judged.target.name.is_some().then(|| "scope".to_owned())),
        Value::None,
        text(judged.builds.first().map(|build| build.text.clone())),
        text(server),
        text(url),
    ]
}

/// All cells of a target, in the order of [`columns`].
#[must_use]
pub fn cells(judged: &Judged) -> Vec<Value> {
    let mut cells = shadowserver(judged);
    let worst = judged.builds.first();
    let holes = |wanted: State| {
        let mut names = String::new();
        for state in judged.cves.iter().filter(|state| state.state == wanted) {
            if !names.is_empty() {
                names.push(' ');
            }
            names.push_str(&state.cve);
        }
        text((!names.is_empty()).then_some(names))
    };
    cells.extend([
        word(&judged.scanner),
        word(&judged.outcome),
        text(judged.reason.clone()),
        word(&judged.product),
        text(worst.map(|build| build.product.clone())),
        text(worst.map(|build| build.level.clone())),
        text(worst.map(|build| build.update.clone())),
        worst.map_or(Value::None, |build| word(&build.precision)),
        text(worst.map(|build| build.lowest.to_string())),
        text(worst.map(|build| build.highest.to_string())),
        Value::Text(if judged.mixed { "yes" } else { "no" }.to_owned()),
        Value::Text(open(judged).to_owned()),
        holes(State::Vulnerable),
        holes(State::Undetermined),
        text(judged.tls_version.clone()),
        text(judged.identity.certificate.clone()),
        Value::Text(judged.identity.key.clone()),
        text(judged.network.as_name.clone()),
    ]);
    cells
}

/// `high` where the version suggests a hole, `critical` where somebody saw a web shell.
#[must_use]
pub fn severity(judged: &Judged) -> &'static str {
    match open(judged) {
        _ if judged.tags.iter().any(|tag| tag == "webshell") => "critical",
        "open" => "high",
        "undetermined" => "medium",
        _ => "info",
    }
}

/// `exchange;cve-2021-26855`: only holes that the version suggests, in the spelling that readers of Shadowserver know.
#[must_use]
pub fn tag(judged: &Judged) -> String {
    let mut tags = String::new();
    let mut add = |tag: &str| {
        if !tags.is_empty() {
            tags.push(';');
        }
        tags.extend(tag.chars().map(|letter| letter.to_ascii_lowercase()));
    };
    if matches!(judged.product, Product::Exchange | Product::PerhapsExchange) {
        add("exchange");
    }
    judged.tags.iter().filter(|tag| *tag == "webshell").for_each(|tag| add(tag));
    if judged.product == Product::Exchange {
        let open = judged.cves.iter().filter(|state| state.state == State::Vulnerable);
        open.for_each(|state| add(&state.cve));
    }
    tags
}

fn open(judged: &Judged) -> &'static str {
    match judged.product {
        Product::Exchange | Product::PerhapsExchange => {}
        _ => return "no",
    }
    match judged.cves.iter().map(|state| state.state).min() {
        Some(State::Vulnerable) if judged.product == Product::Exchange => "open",
        None | Some(State::Vulnerable | State::Undetermined) => "undetermined",
        Some(State::Patched | State::NotApplicable) => "no",
    }
}

fn text(text: Option<String>) -> Value {
    text.map_or(Value::None, Value::Text)
}

/// The word that stands for a value in JSON.
fn word<T: std::fmt::Debug>(value: &T) -> Value {
    let mut word = String::new();
    for letter in format!("{value:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    Value::Text(word)
}

#[cfg(test)]
mod tests {
    use super::word;
    use crate::survey::{Outcome, Precision, Product, Scanner};

    /// The words of rows are those of JSON.
    #[test]
    fn words_are_those_of_json() {
        assert_eq!(word(&Outcome::TlsRefused), super::Value::Text("tls-refused".to_owned()));
        assert_eq!(word(&Scanner::Zgrab2), super::Value::Text("zgrab2".to_owned()));
        assert_eq!(word(&Product::PerhapsExchange), super::Value::Text("perhaps-exchange".to_owned()));
        assert_eq!(word(&Precision::CuOnly), super::Value::Text("cu-only".to_owned()));
    }
}
