//! Whom to tell: which constituency a server belongs to, and how it is reached.
//!
//! Addresses of people come from files that the user brings: `security.txt` by host name (RFC 9116), a list of contacts,
//! exports of RDAP (RFC 9083), in this order. Nothing is asked of any network. What such a file says is hostile: only
//! what has the form of a mail address is taken, and names of files are made of our own words.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::survey::Judged;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::geo::{Ranges, prefix};

/// Bytes of one file of contacts.
pub const CONTACTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of one `security.txt` or RDAP answer.
pub const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Depth to which entities of an RDAP answer are followed.
const RDAP_DEPTH_MAX: usize = 4;

/// By what servers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Autonomous system.
    Asn,
    /// Country.
    Country,
    /// Who is told.
    Contact,
    /// A list of prefixes with names.
    List,
}

/// Where the address of a contact is from. In this order one is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactSource {
    /// `security.txt` of the host.
    SecurityTxt,
    /// The list of contacts.
    List,
    /// The abuse contact of an RDAP export.
    Rdap,
}

impl ContactSource {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SecurityTxt => "security.txt",
            Self::List => "list of contacts",
            Self::Rdap => "RDAP abuse contact",
        }
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    /// Of the form `local@domain`, of letters that are harmless everywhere.
    pub mail: String,
    /// Where it is from.
    pub source: ContactSource,
}

/// All known contacts.
#[derive(Default)]
pub struct Contacts {
    hosts: BTreeMap<String, String>,
    listed: Listed,
    rdap: Vec<(u128, u128, String)>,
    rdap_ranges: Option<Ranges<String>>,
    rdap_asns: BTreeMap<u32, String>,
    constituencies: Option<Ranges<String>>,
    /// Entries that were no contact.
    pub refused: u64,
}

#[derive(Default)]
struct Listed {
    domains: BTreeMap<String, String>,
    asns: BTreeMap<u32, String>,
    countries: BTreeMap<String, String>,
    prefixes: Option<Ranges<String>>,
}

impl Contacts {
    /// Takes the `security.txt` of a host.
    pub fn add_security_txt(&mut self, host: &str, text: &str) {
        let contact = text.lines().take(1_000).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            let mail = value.strip_prefix("mailto:").or_else(|| value.strip_prefix("MAILTO:"))?;
            name.trim().eq_ignore_ascii_case("contact").then(|| mail_address(mail)).flatten()
        });
        match contact {
            Some(mail) => _ = self.hosts.insert(host.to_lowercase(), mail),
            None => self.refused += 1,
        }
    }

    /// Takes a list: rows of `prefix | AS number | country | domain` and `mail`.
    pub fn add_list(&mut self, bytes: &[u8]) {
        let mut prefixes = Vec::new();
        for (what, mail) in rows(bytes) {
            let Some(mail) = mail_address(&mail) else {
                self.refused += 1;
                continue;
            };
            let upper = what.to_ascii_uppercase();
            if let Some((first, last)) = prefix(&what) {
                prefixes.push((first, last, mail));
            } else if let Some(asn) = upper.strip_prefix("AS").and_then(|digits| digits.parse().ok()) {
                self.listed.asns.insert(asn, mail);
            } else if upper.len() == 2 && upper.bytes().all(|letter| letter.is_ascii_alphabetic()) {
                self.listed.countries.insert(upper, mail);
            } else if what.contains('.') {
                self.listed.domains.insert(what.trim_start_matches("*.").to_lowercase(), mail);
            } else {
                self.refused += 1;
            }
        }
        self.listed.prefixes = Some(Ranges::of(prefixes));
    }

    /// Takes a list of constituencies: rows of `prefix` and name.
    pub fn add_constituencies(&mut self, bytes: &[u8]) {
        let mut named = Vec::new();
        for (what, name) in rows(bytes) {
            match prefix(&what) {
                Some((first, last)) => named.push((first, last, name.chars().take(120).collect())),
                None => self.refused += 1,
            }
        }
        self.constituencies = Some(Ranges::of(named));
    }

    /// Takes an answer of RDAP: a network or an autonomous system with an entity of the role `abuse`.
    pub fn add_rdap(&mut self, answer: &Value) {
        let Some(mail) = abuse_mail(answer, 0) else {
            self.refused += 1;
            return;
        };
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let number = |name: &str| answer.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        if let (Some(first), Some(last)) = (text("startAddress"), text("endAddress")) {
            let whole = |text: &str| prefix(text.split('/').next().unwrap_or(text));
            if let (Some((first, _)), Some((last, _))) = (whole(first), whole(last)) {
                self.rdap.push((first, last, mail));
                self.rdap_ranges = None;
                return;
            }
        } else if let (Some(first), Some(last)) = (number("startAutnum"), number("endAutnum")) {
            for asn in (first..=last).take(1_024) {
                self.rdap_asns.insert(asn, mail.clone());
            }
            return;
        }
        self.refused += 1;
    }

    /// Ends taking.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.rdap_ranges = Some(Ranges::of(std::mem::take(&mut self.rdap)));
        self
    }

    /// Who is told of a target.
    #[must_use]
    pub fn of(&self, judged: &Judged) -> Option<Contact> {
        let name = judged.target.name.as_deref();
        let from = |mail: &String, source| Contact { mail: mail.clone(), source };
        if let Some(mail) = name.and_then(|name| self.hosts.get(name)) {
            return Some(from(mail, ContactSource::SecurityTxt));
        }
        let listed = name
            .and_then(|name| parents(name).find_map(|domain| self.listed.domains.get(domain)))
            .or_else(|| in_ranges(self.listed.prefixes.as_ref(), judged.target.address))
            .or_else(|| judged.network.asn.and_then(|asn| self.listed.asns.get(&asn)))
            .or_else(|| judged.network.country.as_ref().and_then(|country| self.listed.countries.get(country)));
        if let Some(mail) = listed {
            return Some(from(mail, ContactSource::List));
        }
        in_ranges(self.rdap_ranges.as_ref(), judged.target.address)
            .or_else(|| judged.network.asn.and_then(|asn| self.rdap_asns.get(&asn)))
            .map(|mail| from(mail, ContactSource::Rdap))
    }

    /// Which constituency a target belongs to: the start of its file's name, of our words only, and words for people.
    #[must_use]
    pub fn constituency(&self, by: By, judged: &Judged) -> (String, String) {
        match by {
            By::Asn => match judged.network.asn {
                Some(asn) => (format!("as{asn}"), format!("AS{asn}")),
                None => unknown("network"),
            },
            By::Country => match judged.network.country.as_deref().filter(|country| is_country(country)) {
                Some(country) => (format!("country_{}", country.to_ascii_lowercase()), country.to_owned()),
                None => unknown("country"),
            },
            By::Contact => match self.of(judged) {
                Some(contact) => (format!("contact_{}", short_hash(&contact.mail)), contact.mail),
                None => unknown("contact"),
            },
            By::List => match in_ranges(self.constituencies.as_ref(), judged.target.address) {
                Some(name) => (format!("list_{}", short_hash(name)), name.clone()),
                None => unknown("constituency"),
            },
        }
    }
}

fn unknown(what: &str) -> (String, String) {
    (format!("no_{what}"), format!("no known {what}"))
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic())
}

fn in_ranges(ranges: Option<&Ranges<String>>, address: Option<IpAddr>) -> Option<&String> {
    ranges?.find(address?)
}

/// A name and its parents: `mail.example.org`, `example.org`.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    let inner = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
    std::iter::once(name).chain(inner).filter(|name| name.contains('.')).take(32)
}

fn rows(bytes: &[u8]) -> impl Iterator<Item = (String, String)> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(bytes);
    reader.into_records().filter_map(Result::ok).filter_map(|row| {
        let (what, value) = (row.get(0)?.trim().to_owned(), row.get(1)?.trim().to_owned());
        (!what.is_empty() && !value.is_empty()).then_some((what, value))
    })
}

/// What has the form of a mail address, of letters that mean nothing to spreadsheets, terminals and mail headers.
fn mail_address(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let fits = |part: &str, more: &[u8]| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let good = text.len() <= 254 && fits(local, b"._%+-") && fits(domain, b".-") && domain.contains('.');
    good.then(|| text.to_lowercase())
}

/// The mail address of the first entity with the role `abuse`, in the jCard of RFC 7095.
fn abuse_mail(value: &Value, depth: usize) -> Option<String> {
    if depth > RDAP_DEPTH_MAX {
        return None;
    }
    let entities = value.get("entities")?.as_array()?;
    let is_abuse = |entity: &Value| {
        let roles = entity.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|role| role.as_str() == Some("abuse")))
    };
    let own = entities.iter().take(100).filter(|entity| is_abuse(entity)).find_map(|entity| {
        let card = entity.get("vcardArray")?.get(1)?.as_array()?;
        card.iter().take(100).find_map(|item| {
            (item.get(0)?.as_str()? == "email").then(|| mail_address(item.get(3)?.as_str()?)).flatten()
        })
    });
    own.or_else(|| entities.iter().take(100).find_map(|entity| abuse_mail(entity, depth + 1)))
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::count::tests::target;

    #[test]
    fn the_nearest_contact_is_told() {
        let mut contacts = Contacts::default();
        contacts.add_rdap(&json!({
            "startAddress": "192.0.2.0", "endAddress": "192.0.2.255",
            "entities": [{"roles": ["registrant"], "entities": [
                {"roles": ["abuse"], "vcardArray": ["vcard", [["email", {}, "text", "Abuse@isp.example"]]]}]}]
        }));
        contacts.add_list(b"# list\n192.0.2.64/26,soc@example.org\nAS64500,noc@example.net\nDE,cert@example.de\n");
        contacts.add_security_txt(
            "mail.example.com",
            "# x\nContact: https://x.example/\nContact: mailto:security@example.com\n",
        );
        let contacts = contacts.ready();
        let told = |name: Option<&str>, address: &str| {
            let mut judged = target("a", address);
            judged.target.name = name.map(str::to_owned);
            contacts.of(&judged).map(|contact| (contact.mail, contact.source))
        };
        use ContactSource::{List, Rdap, SecurityTxt};
        assert_eq!(told(Some("mail.example.com"), "192.0.2.65"), Some(("security@example.com".into(), SecurityTxt)));
        assert_eq!(told(None, "192.0.2.65"), Some(("soc@example.org".into(), List)));
        assert_eq!(told(None, "192.0.2.7"), Some(("abuse@isp.example".into(), Rdap)));
        assert_eq!(told(None, "198.51.100.7"), None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["=cmd@x.org", "a@b", "a b@x.org", "a@x.org\nBcc: c@x.org", "\u{202e}a@x.org", "@x.org", "-a@x.org"]
        {
            assert_eq!(mail_address(bad), None, "{bad:?}");
        }
        let mut contacts = Contacts::default();
        contacts.add_list(b"AS64500,=cmd|x\nnothing,a@x.org\n");
        assert_eq!(contacts.refused, 2);
    }

    #[test]
    fn names_of_files_are_ours() {
        let contacts = Contacts::default().ready();
        let mut judged = target("a", "192.0.2.7");
        judged.network.country = Some("../".into());
        assert_eq!(contacts.constituency(By::Country, &judged).0, "no_country");
        judged.network.asn = Some(64_500);
        assert_eq!(contacts.constituency(By::Asn, &judged).0, "as64500");
    }
}
