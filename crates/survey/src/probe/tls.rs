//! TLS as it is out there: from 1.0 on, with every cipher that authenticates the server at all, short keys and old signatures.
//! Nothing is verified, because nothing secret is said: the certificate is evidence, not trust.
//!
//! Source of what the servers offer: Microsoft, "TLS cipher suites in Windows 8.1" and its neighbours.

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion};

/// Anonymous and unencrypted suites stay out: a server that would take them would take others too.
const CIPHERS: &str = "ALL:COMPLEMENTOFALL:!aNULL:!eNULL:@SECLEVEL=0";
/// With OpenSSL's own list the first message is 1.6 kB long, two packets, at which old middleboxes stumble.
const GROUPS: &str = "X25519:P-256:P-384";
/// `SSL_OP_LEGACY_SERVER_CONNECT`: servers without RFC 5746, such as Windows before its update of 2010.
const LEGACY_SERVER_CONNECT: SslOptions = SslOptions::from_bits_retain(1 << 2);

/// What all handshakes have in common.
pub(super) struct Tls {
    context: SslContext,
}

impl Tls {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        #[cfg(feature = "vendored")]
        load_providers()?;
        let mut builder = SslContext::builder(SslMethod::tls_client())?;
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_security_level(0);
        builder.set_min_proto_version(Some(SslVersion::TLS1))?;
        builder.set_cipher_list(CIPHERS)?;
        builder.set_groups_list(GROUPS)?;
        builder.set_options(LEGACY_SERVER_CONNECT | SslOptions::NO_TICKET | SslOptions::NO_COMPRESSION);
        builder.set_mode(SslMode::RELEASE_BUFFERS);
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        Ok(Self { context: builder.build() })
    }

    /// One handshake to be; a name is told to the other side, an address is not.
    pub(super) fn session(&self, name: Option<&str>) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(name) = name {
            ssl.set_hostname(name)?;
        }
        ssl.set_connect_state();
        Ok(ssl)
    }
}

/// RC4 and the like are in a provider of their own. Once for the process: others may be in the midst of a handshake. The default
/// comes first, since the library leaves its own choice as soon as any provider is loaded.
#[cfg(feature = "vendored")]
fn load_providers() -> Result<(), ErrorStack> {
    use openssl::provider::Provider;
    use std::sync::{Mutex, PoisonError};

    static LOADED: Mutex<Vec<Provider>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if loaded.is_empty() {
        loaded.extend([Provider::load(None, "default")?, Provider::load(None, "legacy")?]);
    }
    Ok(())
}
