//! What was seen of one address, before anybody says what it means.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Utc;

/// All that was seen of one target at one time, whoever looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was seen.
    pub observed_at: Utc,
    /// Who looked.
    pub scanner: Scanner,
    /// What was looked at.
    pub target: Target,
    /// How that ended.
    pub outcome: Outcome,
    /// In words of whoever looked: the TLS alert, the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the handshake showed, also where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// In the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<Response>,
    /// Greetings of mail services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banners: Vec<Banner>,
    /// What another scanner concluded itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// Whose network it is, where somebody said so.
    #[serde(default)]
    pub network: Network,
}

impl Observation {
    /// Of which no more is known yet.
    #[must_use]
    pub fn new(observed_at: Utc, scanner: Scanner, target: Target, outcome: Outcome) -> Self {
        Self {
            observed_at,
            scanner,
            target,
            outcome,
            reason: None,
            tls: None,
            responses: Vec::new(),
            banners: Vec::new(),
            claims: Vec::new(),
            network: Network::default(),
        }
    }
}

/// Who looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scanner {
    /// This program.
    Probe,
    /// `zgrab2`.
    Zgrab2,
    /// `httpx` of ProjectDiscovery.
    Httpx,
    /// `nmap`.
    Nmap,
    /// `masscan`.
    Masscan,
    /// Shodan.
    Shodan,
    /// Censys.
    Censys,
    /// A report of Shadowserver.
    Shadowserver,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The name that was asked for, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address that was reached or tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Of TCP.
    pub port: u16,
}

/// How looking at a target ended. Every target has one; a refused handshake is a row, not a missing host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// At least one answer was read.
    Answered,
    /// The port is closed.
    Refused,
    /// No way to it.
    Unreachable,
    /// Nothing came in time.
    TimedOut,
    /// The connection ended before an answer.
    Closed,
    /// No common ground in the handshake; [`Observation::reason`] names the alert.
    TlsRefused,
    /// It does not speak TLS.
    NotTls,
    /// It answers, but not in HTTP.
    NotHttp,
    /// The name has no address.
    NotResolved,
    /// Outside the scope after its name was resolved, or excluded; nothing was sent.
    OutOfScope,
    /// Not tried: the run ended, or its neighbours asked for a pause.
    NotTried,
    /// Another scanner's error that fits none of these.
    Other,
}

/// What a handshake showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// In OpenSSL's spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// The server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// A certificate, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Of its DER, in lower-case hex.
    pub sha256: String,
    /// Common name of the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Common name of the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Alternative names, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Start of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Utc>,
    /// End of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Utc>,
    /// `RSA 2048`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `sha1WithRSAEncryption`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Subject and issuer are the same.
    #[serde(default)]
    pub self_signed: bool,
}

/// One answer of HTTP. Bodies are not kept: only what the classifier cuts out of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Path and query that were asked for.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Names as they came (lower case where the scanner lost them), in order, repeated where they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Telling pieces of the body, in order, each short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excerpts: Vec<String>,
    /// The icon of the page, where the scanner fetched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub favicon: Option<Favicon>,
    /// The body or the headers were longer than was read.
    #[serde(default)]
    pub cut: bool,
}

/// Hashes of an icon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Favicon {
    /// Lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// MurmurHash3 of its base64, as Shodan counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mmh3: Option<i32>,
}

/// The greeting of a mail service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banner {
    /// Which.
    pub protocol: BannerProtocol,
    /// Where.
    pub port: u16,
    /// What it said, cut.
    pub text: String,
}

/// A mail service that greets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BannerProtocol {
    /// SMTP.
    Smtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// Unknown.
    Other,
}

/// What another scanner concluded, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Of what.
    pub kind: ClaimKind,
    /// The words.
    pub text: String,
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// The product.
    Product,
    /// Its version.
    Version,
    /// The name that the server gives itself.
    ServerName,
    /// That it is open to a hole, checked actively by whoever says so.
    Cve,
    /// Any other tag, such as `webshell`.
    Tag,
}

/// Whose network an address is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Two letters, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Number of the autonomous system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_name: Option<String>,
    /// Where this is from: `zgrab2`, `GeoLite2-ASN 2026-11-20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
