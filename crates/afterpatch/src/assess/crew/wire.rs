//! Messages between the process that judges and the one that reads: a length of four bytes, then the message.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::assess::work::{Job, Note};

/// A longer message is no message of ours.
const MESSAGE_BYTES_MAX: u32 = 1 << 30;

/// To the process that reads, behind its setup.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    Perform(Job, Vec<u32>),
    /// End soon: what was read so far counts.
    Stop,
}

/// From the process that reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// An archive is about to be looked into.
    Looking(String),
    /// Everything is listed.
    Listed(Arc<evidence::Inventory>),
    /// It is in its jail and has as many rules.
    Ready {
        rules: u64,
        jail: super::jail::Jail,
    },
    Note(Note),
    /// The job is done.
    Performed,
}

/// A message as it is sent, for one that is sent more than once.
pub fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    frame = postcard::to_extend(message, frame).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "message too long"))?;
    if let Some(place) = frame.first_chunk_mut() {
        *place = length.to_le_bytes();
    }
    Ok(frame)
}

/// Sends a message.
pub fn send(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    out.write_all(&frame(message)?)
}

/// The next message; `None` where the other side has ended.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message too long"));
    }
    // Not reserved from what the other side claims.
    let mut message = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut message)?;
    if message.len() < length as usize {
        return Ok(None);
    }
    postcard::from_bytes(&message).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::{Reply, Request, frame, receive};

    #[test]
    fn what_is_sent_is_received_and_a_torn_message_is_none() {
        let bytes = frame(&Request::Stop).unwrap();
        assert!(matches!(receive::<Request>(&mut &bytes[..]).unwrap(), Some(Request::Stop)));
        for cut in 0..bytes.len() {
            assert!(receive::<Request>(&mut &bytes[..cut]).unwrap().is_none(), "{cut}");
        }
        assert!(receive::<Reply>(&mut &b"\xFF\xFF\xFF\xFF"[..]).is_err(), "a length that nobody sends");
        assert!(receive::<Reply>(&mut &b"\x01\0\0\0\x77"[..]).is_err(), "no message of ours");
    }
}
