//! What came of reading a file, as it travels to whoever judges: encoded once, by the thread that read it.
//!
//! Where another process read it, the bytes are kept beside it, and the journal takes them as they are.

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

use super::work::Observed;

/// A file that was read.
#[derive(Debug)]
pub struct Arrived {
    pub observed: Box<Observed>,
    /// As it came; `None` where this process read it.
    bytes: Option<Vec<u8>>,
}

impl Arrived {
    /// Of a file that this process read.
    pub fn here(observed: Observed) -> Self {
        Self { observed: Box::new(observed), bytes: None }
    }

    /// Appends its bytes.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn encode(&self, mut to: Vec<u8>) -> Result<Vec<u8>, postcard::Error> {
        match &self.bytes {
            Some(bytes) => {
                to.extend_from_slice(bytes);
                Ok(to)
            }
            None => postcard::to_extend(&self.observed, to),
        }
    }
}

impl Serialize for Arrived {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.encode(Vec::new()).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Arrived {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Decoding)
    }
}

struct Decoding;

impl Visitor<'_> for Decoding {
    type Value = Arrived;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file that was read")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Arrived, E> {
        let observed = postcard::from_bytes(bytes).map_err(E::custom)?;
        Ok(Arrived { observed: Box::new(observed), bytes: Some(bytes.to_vec()) })
    }
}
