//! Who may look at what, until when, by whose order. Nothing is asked that the scope does not name; exclusions win over
//! targets, before a name is resolved and after.
//!
//! What a scope permits is decided twice: [`Ground`] says which addresses there are to go through, and [`Scope::permits`] is
//! asked once more for the very address that a connection would go to. Neither uses the other.

mod entry;
mod file;
mod ground;
mod order;
mod sets;
mod special;

use std::net::IpAddr;

use model::Utc;

pub use entry::{Entry, Host};
pub use ground::{Candidate, Ground};
pub use order::Order;
pub use sets::{NameSet, NetworkSet};

/// Ports that are asked where neither the scope nor its user says otherwise.
pub const PORTS: &[u16] = &[443];

/// What may be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Who looks.
    pub operator: String,
    /// Where to complain: `mailto:` or `https:`.
    pub contact: String,
    /// Where the description of the probes lies, RFC 9511.
    pub probing_uri: String,
    /// Whose order it is.
    pub ticket: String,
    /// The last moment of the last day.
    pub valid_until: Utc,
    /// What is done and why, in one line.
    pub description: String,
    /// Ports of targets that name none.
    pub ports: Vec<u16>,
    /// What may be looked at.
    pub targets: Vec<Entry>,
    /// The networks among them.
    pub networks: NetworkSet,
    /// The names among them.
    pub names: NameSet,
    /// Networks that may not.
    pub excluded_networks: NetworkSet,
    /// Names that may not.
    pub excluded_names: NameSet,
    /// A listed name may be at any public address; else its addresses must lie in a listed network.
    pub names_anywhere: bool,
}

/// Why a scope is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Not what a scope file looks like.
    #[error("{0}")]
    Toml(String),
    /// A key that must be there is missing or empty.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value that does not fit its key.
    #[error("`{key}`: {problem}: `{value}`")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: &'static str,
        /// As written.
        value: String,
    },
    /// Too many of something.
    #[error("`{key}` has more than {max} entries")]
    TooMany {
        /// The key.
        key: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// Names alone, and nothing says where they may be.
    #[error("names are listed, but no network that their addresses may lie in")]
    NamesNowhere,
    /// Its last day is over.
    #[error("the scope was valid until {0}")]
    Expired(Utc),
}

/// Why an address or a name is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// An exclusion covers it.
    #[error("excluded")]
    Excluded,
    /// Of a network for special purposes, and no target is a part of that network.
    #[error("special-purpose address ({0})")]
    Special(&'static str),
    /// No target covers it.
    #[error("outside the scope")]
    Outside,
}

impl Scope {
    /// Reads a scope file.
    ///
    /// # Errors
    /// Anything that is missing, unknown or does not fit: a scope is understood whole or not at all.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        file::parse(text)
    }

    /// Whether it is still in force.
    ///
    /// # Errors
    /// [`ScopeError::Expired`].
    pub fn in_force(&self, now: Utc) -> Result<(), ScopeError> {
        if now <= self.valid_until { Ok(()) } else { Err(ScopeError::Expired(self.valid_until)) }
    }

    /// Whether an address may be asked; `name` is the listed name that led to it.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, address: IpAddr, name: Option<&str>) -> Result<(), Denied> {
        let address = address.to_canonical();
        if self.excluded_networks.covering(address).next().is_some() {
            return Err(Denied::Excluded);
        }
        if let Some(name) = name {
            self.permits_name(name)?;
        }
        let mut covering = self.networks.covering(address);
        if let Some(special) = special::of(address) {
            let named = covering.any(|network| special.network.contains(&network));
            return if named { Ok(()) } else { Err(Denied::Special(special.what)) };
        }
        let by_name = name.is_some() && self.names_anywhere;
        if by_name || covering.next().is_some() { Ok(()) } else { Err(Denied::Outside) }
    }

    /// Whether a name may be resolved and asked.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_name(&self, name: &str) -> Result<(), Denied> {
        if self.excluded_names.covers(name) {
            return Err(Denied::Excluded);
        }
        if self.names.covers(name) { Ok(()) } else { Err(Denied::Outside) }
    }

    /// What every request says of us: whose program, where it is described, whom to tell.
    #[must_use]
    pub fn user_agent(&self, version: &str) -> String {
        format!("afterpatch-survey/{version} (+{}; contact={})", self.probing_uri, self.contact)
    }

    /// The file that belongs at [`Scope::probing_uri`], RFC 9511 section 3 in the form of RFC 9116.
    #[must_use]
    pub fn probing_txt(&self) -> String {
        format!(
            "# Probes of {operator}, order {ticket}\nCanonical: {uri}\nContact: {contact}\nExpires: {until}\n\
             Preferred-Languages: en\nDescription: {description}\n",
            operator = self.operator,
            ticket = self.ticket,
            uri = self.probing_uri,
            contact = self.contact,
            until = self.valid_until,
            description = self.description,
        )
    }
}

#[cfg(test)]
mod tests;
