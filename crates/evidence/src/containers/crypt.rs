//! Encrypted members of zip archives: WinZip's AES (AE-1 and AE-2, <https://www.winzip.com/en/support/aes-encryption/>)
//! and the old ZipCrypto of PKWARE's APPNOTE 6.1.

use std::io::{self, Read};

use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128LE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::Bytes;
use crate::ended::damaged;

/// WinZip derives keys with so many rounds.
const ROUNDS: u32 = 1_000;
/// Bytes behind the data that prove it whole.
const PROOF_BYTES: u64 = 10;
/// Bytes in front of what ZipCrypto encrypted.
pub(crate) const OLD_HEADER_BYTES: u64 = 12;

type Key = Box<dyn StreamCipher>;

/// Bytes of salt and check in front of, and of proof behind the data, by the strength.
pub(crate) fn aes_extra_bytes(strength: u8) -> u64 {
    salt_bytes(strength) as u64 + 2 + PROOF_BYTES
}

fn salt_bytes(strength: u8) -> usize {
    match strength {
        1 => 8,
        2 => 12,
        _ => 16,
    }
}

/// Decrypts what AES encrypted with one of the passwords; `None` where none of them fits.
pub(crate) fn aes<'a>(
    mut bytes: Bytes<'a>,
    strength: u8,
    compressed: u64,
    passwords: &[String],
) -> io::Result<Option<Bytes<'a>>> {
    let data = compressed
        .checked_sub(aes_extra_bytes(strength))
        .ok_or_else(|| damaged("it is too short for what is encrypted with AES"))?;
    let mut salt = vec![0; salt_bytes(strength)];
    bytes.read_exact(&mut salt)?;
    let mut check = [0; 2];
    bytes.read_exact(&mut check)?;
    for password in passwords {
        if let Some((key, proof)) = aes_key(password, &salt, strength, check) {
            return Ok(Some(Box::new(Proven { inner: bytes, key, proof: Some(proof), left: data })));
        }
    }
    Ok(None)
}

fn aes_key(password: &str, salt: &[u8], strength: u8, check: [u8; 2]) -> Option<(Key, Hmac<Sha1>)> {
    let bytes = salt.len() * 2;
    let mut derived = vec![0; bytes * 2 + 2];
    pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, ROUNDS, &mut derived);
    let (key, rest) = derived.split_at(bytes);
    let (proof, expected) = rest.split_at(bytes);
    if expected != check {
        return None;
    }
    // The counter begins at 1, and counts upwards from its lowest byte.
    let mut counter = [0; 16];
    counter[0] = 1;
    let key: Key = match strength {
        1 => Box::new(Ctr128LE::<Aes128>::new_from_slices(key, &counter).ok()?),
        2 => Box::new(Ctr128LE::<Aes192>::new_from_slices(key, &counter).ok()?),
        _ => Box::new(Ctr128LE::<Aes256>::new_from_slices(key, &counter).ok()?),
    };
    Some((key, <Hmac<Sha1> as KeyInit>::new_from_slice(proof).ok()?))
}

/// Data whose proof is checked at its end.
struct Proven<'a> {
    inner: Bytes<'a>,
    key: Key,
    proof: Option<Hmac<Sha1>>,
    left: u64,
}

impl Read for Proven<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            if let Some(proof) = self.proof.take() {
                let mut stored = [0; PROOF_BYTES as usize];
                self.inner.read_exact(&mut stored)?;
                let is_whole = proof.finalize().into_bytes().starts_with(&stored);
                return if is_whole { Ok(0) } else { Err(damaged("its authentication code is not that of its bytes")) };
            }
            return Ok(0);
        }
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        let count = self.inner.read(part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let part = part.get_mut(..count).unwrap_or_default();
        self.proof.iter_mut().for_each(|proof| proof.update(part));
        self.key.apply_keystream(part);
        self.left -= count as u64;
        Ok(count)
    }
}

/// Decrypts what ZipCrypto encrypted; `check` is the byte with which its header ends. `None` where no password fits.
pub(crate) fn old<'a>(mut bytes: Bytes<'a>, check: u8, passwords: &[String]) -> io::Result<Option<Bytes<'a>>> {
    let mut header = [0; OLD_HEADER_BYTES as usize];
    bytes.read_exact(&mut header)?;
    for password in passwords {
        let mut keys = Keys::of(password);
        let last = header.iter().map(|byte| keys.decrypt(*byte)).last();
        if last == Some(check) {
            return Ok(Some(Box::new(Old { inner: bytes, keys })));
        }
    }
    Ok(None)
}

struct Keys([u32; 3]);

impl Keys {
    fn of(password: &str) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.bytes().for_each(|byte| keys.update(byte));
        keys
    }

    fn update(&mut self, byte: u8) {
        let [one, two, three] = &mut self.0;
        *one = crc(*one, byte);
        *two = two.wrapping_add(*one & 0xFF).wrapping_mul(0x0808_8405).wrapping_add(1);
        *three = crc(*three, (*two >> 24) as u8);
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let word = (self.0[2] | 2) & 0xFFFF;
        let plain = byte ^ (word.wrapping_mul(word ^ 1) >> 8) as u8;
        self.update(plain);
        plain
    }
}

/// One step of CRC-32 without its inversions.
fn crc(value: u32, byte: u8) -> u32 {
    (0..8)
        .fold(value ^ u32::from(byte), |value, _| if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 })
}

struct Old<'a> {
    inner: Bytes<'a>,
    keys: Keys,
}

impl Read for Old<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.iter_mut().take(count) {
            *byte = self.keys.decrypt(*byte);
        }
        Ok(count)
    }
}
