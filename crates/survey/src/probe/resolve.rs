//! Names to addresses, by whoever knows.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// Addresses of one name that are asked.
pub const ADDRESSES_MAX: usize = 8;

/// The addresses of a name, some time.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names.
pub trait Resolver {
    /// All addresses of a name.
    fn resolve(&self, name: &str) -> Resolving;
}

/// As the system does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Resolving {
        // With a dot at its end: a name that is not found is not looked for below the domain of this machine.
        let name = format!("{name}.");
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip().to_canonical()).collect())
        })
    }
}
