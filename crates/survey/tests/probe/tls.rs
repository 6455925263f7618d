//! Servers of every year, by what Windows of that year offers: whoever has a handshake in common with anybody has one with us.
//!
//! Source of the lists: Microsoft, "TLS cipher suites in Windows 8.1" and its neighbours.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::dh::Dh;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};

use model::survey::{Observation, Outcome};

use super::fleet::{exchange, look, plan, serve};

#[derive(Clone, Copy)]
pub struct Profile {
    pub versions: (SslVersion, SslVersion),
    pub ciphers: &'static str,
    pub key: Key,
    pub digest: fn() -> MessageDigest,
    pub wants_client_certificate: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Key {
    Rsa(u32),
    P256,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            versions: (SslVersion::TLS1_2, SslVersion::TLS1_3),
            ciphers: "DEFAULT",
            key: Key::P256,
            digest: MessageDigest::sha256,
            wants_client_certificate: false,
        }
    }
}

pub fn context(profile: Profile) -> SslContext {
    context_of(profile, "MAIL01", &["mail01.example.org", "MAIL01"])
}

/// With a certificate of these names.
pub fn context_of(profile: Profile, subject: &str, names: &[&str]) -> SslContext {
    #[cfg(feature = "vendored")]
    {
        use openssl::provider::Provider;
        static LOADED: std::sync::LazyLock<[Provider; 2]> =
            std::sync::LazyLock::new(|| ["default", "legacy"].map(|name| Provider::load(None, name).unwrap()));
        _ = &*LOADED;
    }
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    builder.set_security_level(0);
    builder.set_min_proto_version(Some(profile.versions.0)).unwrap();
    builder.set_max_proto_version(Some(profile.versions.1)).unwrap();
    builder.set_cipher_list(&format!("{}:@SECLEVEL=0", profile.ciphers)).unwrap();
    builder.set_tmp_dh(&Dh::get_1024_160().unwrap()).unwrap();
    let key = match profile.key {
        Key::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
        Key::P256 => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        }
    };
    builder.set_certificate(&certificate(&key, (profile.digest)(), subject, names)).unwrap();
    builder.set_private_key(&key).unwrap();
    if profile.wants_client_certificate {
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    builder.build()
}

/// As setup of Exchange makes them, long over.
fn certificate(key: &PKey<Private>, digest: MessageDigest, subject: &str, names: &[&str]) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, subject).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&BigNum::from_u32(7).unwrap()).unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::from_str("20150301120000Z").unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_str("20200301120000Z").unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut alternatives = SubjectAlternativeName::new();
    names.iter().for_each(|name| _ = alternatives.dns(name));
    let alternatives = alternatives.ip("192.0.2.1").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(alternatives).unwrap();
    builder.sign(key, digest).unwrap();
    builder.build()
}

fn check(versions: (SslVersion, SslVersion), ciphers: &'static str, key: Key, expected: (&str, &str)) -> Observation {
    let digest = if key == Key::Rsa(1_024) { MessageDigest::sha1 } else { MessageDigest::sha256 };
    let server =
        serve("127.0.0.2", Some(context(Profile { versions, ciphers, key, digest, ..Profile::default() })), exchange);
    let seen = look(&plan(&server.target(), ""));
    assert_eq!((seen.outcome, seen.responses.len()), (Outcome::Answered, 2), "{ciphers}: {:?}", seen.reason);
    let tls = seen.tls.as_ref().expect("a handshake");
    assert_eq!((tls.version.as_deref(), tls.cipher.as_deref()), (Some(expected.0), Some(expected.1)));
    seen
}

const V10: (SslVersion, SslVersion) = (SslVersion::TLS1, SslVersion::TLS1);
const V12: (SslVersion, SslVersion) = (SslVersion::TLS1_2, SslVersion::TLS1_2);
const RSA: Key = Key::Rsa(2_048);

#[test]
fn windows_2012_r2_as_it_comes() {
    let ciphers = "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:DHE-RSA-AES256-GCM-SHA384:\
                   DHE-RSA-AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA";
    let until_12 = (SslVersion::TLS1, SslVersion::TLS1_2);
    // OpenSSL's server follows the wishes of the client: the first of ours that it has.
    check(until_12, ciphers, RSA, ("TLSv1.2", "DHE-RSA-AES256-GCM-SHA384"));
    check(V12, "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256", RSA, ("TLSv1.2", "ECDHE-RSA-AES256-SHA384"));
}

#[test]
fn tls_1_0_and_1_1() {
    check(V10, "ECDHE-RSA-AES256-SHA", RSA, ("TLSv1", "ECDHE-RSA-AES256-SHA"));
    check(V10, "AES128-SHA", RSA, ("TLSv1", "AES128-SHA"));
    check((SslVersion::TLS1_1, SslVersion::TLS1_1), "AES256-SHA", RSA, ("TLSv1.1", "AES256-SHA"));
}

#[test]
fn tls_1_2_with_short_keys_and_without_forward_secrecy() {
    check(V12, "DHE-RSA-AES256-GCM-SHA384", RSA, ("TLSv1.2", "DHE-RSA-AES256-GCM-SHA384"));
    check(V12, "AES256-GCM-SHA384", RSA, ("TLSv1.2", "AES256-GCM-SHA384"));
    let seen = check(V12, "ECDHE-RSA-AES128-GCM-SHA256", Key::Rsa(1_024), ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"));
    let certificate = seen.tls.and_then(|tls| tls.certificate).expect("a certificate");
    assert_eq!(
        (certificate.key.as_deref(), certificate.signature.as_deref()),
        (Some("RSA 1024"), Some("sha1WithRSAEncryption"))
    );
    assert_eq!((certificate.subject.as_deref(), certificate.issuer.as_deref()), (Some("MAIL01"), Some("MAIL01")));
    assert_eq!(certificate.names, ["192.0.2.1", "MAIL01", "mail01.example.org"]);
    assert_eq!(certificate.not_before.unwrap().to_string(), "2015-03-01T12:00:00Z");
    assert_eq!(certificate.not_after.unwrap().to_string(), "2020-03-01T12:00:00Z");
    assert!(certificate.self_signed && certificate.sha256.len() == 64);
}

#[test]
fn tls_of_today() {
    check(V12, "ECDHE-RSA-AES256-GCM-SHA384", RSA, ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"));
    check(V12, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::P256, ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"));
    check((SslVersion::TLS1_3, SslVersion::TLS1_3), "DEFAULT", RSA, ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
}

#[test]
#[cfg(feature = "vendored")]
fn windows_2003() {
    check(V10, "RC4-SHA", Key::Rsa(1_024), ("TLSv1", "RC4-SHA"));
    check(V10, "DES-CBC3-SHA", RSA, ("TLSv1", "DES-CBC3-SHA"));
}

#[test]
fn a_refused_handshake_is_a_row_with_its_reason() {
    let anonymous = Profile { versions: V12, ciphers: "ADH-AES256-GCM-SHA384", ..Profile::default() };
    let server = serve("127.0.0.2", Some(context(anonymous)), exchange);
    let seen = look(&plan(&server.target(), ""));
    assert_eq!((seen.outcome, seen.tls), (Outcome::TlsRefused, None));
    assert!(seen.reason.as_deref().is_some_and(|reason| reason.contains("handshake failure")), "{:?}", seen.reason);
}

#[test]
fn a_certificate_stays_seen_when_the_handshake_fails_after_it() {
    let profile = Profile { versions: V12, wants_client_certificate: true, ..Profile::default() };
    let server = serve("127.0.0.2", Some(context(profile)), exchange);
    let seen = look(&plan(&server.target(), ""));
    assert_eq!((seen.outcome, seen.responses.len()), (Outcome::TlsRefused, 0), "{:?}", seen.reason);
    assert!(seen.tls.is_some_and(|tls| tls.certificate.is_some()));
    assert!(seen.reason.is_some());
}
