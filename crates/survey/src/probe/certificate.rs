//! What a handshake showed, also one that failed half-way.

use model::Utc;
use model::survey::{Certificate, Tls};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use openssl::ssl::SslRef;
use openssl::x509::{X509NameRef, X509Ref};

/// Alternative names of one certificate that are kept.
const NAMES_MAX: usize = 256;
/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 256;

/// `None` where nothing was shown yet.
pub(super) fn shown(ssl: &SslRef) -> Option<Tls> {
    let certificate = ssl.peer_certificate().map(|certificate| read(&certificate));
    let cipher = ssl.current_cipher().map(|cipher| cipher.name().to_owned());
    // Before the server chose, this is what we would have liked.
    let has_chosen = cipher.is_some() || certificate.is_some();
    let version = has_chosen.then(|| ssl.version_str().to_owned());
    has_chosen.then_some(Tls { version, cipher, certificate })
}

fn read(certificate: &X509Ref) -> Certificate {
    let (subject, issuer) = (certificate.subject_name(), certificate.issuer_name());
    Certificate {
        sha256: certificate.digest(MessageDigest::sha256()).map(|digest| hex(&digest)).unwrap_or_default(),
        subject: common_name(subject),
        issuer: common_name(issuer),
        names: names(certificate),
        not_before: utc(certificate.not_before()),
        not_after: utc(certificate.not_after()),
        key: certificate.public_key().ok().map(|key| key_of(&key)),
        signature: signature(certificate),
        self_signed: subject.to_der().ok().is_some_and(|subject| issuer.to_der().ok() == Some(subject)),
    }
}

fn names(certificate: &X509Ref) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in certificate.subject_alt_names().iter().flatten().take(NAMES_MAX) {
        let address = name.ipaddress().and_then(|bytes| match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            _ => None,
        });
        names.extend(name.dnsname().map(short).or(address));
    }
    names.sort();
    names.dedup();
    names
}

fn common_name(name: &X509NameRef) -> Option<String> {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next()?;
    let text = entry.data().to_string().map(|text| short(&text));
    Some(text.unwrap_or_else(|_| short(&String::from_utf8_lossy(entry.data().as_slice()))))
}

fn short(text: &str) -> String {
    text.chars().take(NAME_CHARS_MAX).collect()
}

fn key_of(key: &PKeyRef<Public>) -> String {
    let kind = match key.id() {
        Id::RSA => "RSA",
        Id::EC => "EC",
        Id::DSA => "DSA",
        Id::ED25519 => "Ed25519",
        Id::ED448 => "Ed448",
        _ => "other",
    };
    format!("{kind} {}", key.bits())
}

fn signature(certificate: &X509Ref) -> Option<String> {
    let object = certificate.signature_algorithm().object();
    Some(object.nid().long_name().map_or_else(|_| object.to_string(), str::to_owned))
}

/// Seconds since 1970, whatever of the two forms of ASN.1 it was.
fn utc(time: &Asn1TimeRef) -> Option<Utc> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(Utc(0).plus_secs(i64::from(since.days) * 86_400 + i64::from(since.secs)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
