//! Signatures of pack files, in the format of minisign, so that the ordinary tool can make and verify them.
//!
//! Source: <https://jedisct1.github.io/minisign/>. No password is ever asked for: a run without a person must not wait.

#![allow(clippy::disallowed_methods, reason = "keys and signatures are no evidence")]

use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use super::{archive, open};
use crate::cli::{KeygenOptions, PasswordOptions, SignOptions, VerifyOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Keys and signatures are a few lines.
const KEY_BYTES_MAX: u64 = 64 << 10;
/// The environment variable with the password of a secret key.
const PASSWORD: &str = "AFTERPATCH_KEY_PASSWORD";

/// A signature that was verified.
pub struct Verified {
    /// As minisign shows it.
    pub key_id: String,
    /// What the signer said, under the signature.
    pub comment: String,
}

/// `packs keygen`.
pub fn keygen(options: &KeygenOptions, console: &Console) -> Result<Exit, Failure> {
    let failed = |error: minisign::PError| Failure::new(Exit::Fault, format!("cannot make a key pair: {error}"));
    let pair = match password(&options.password)? {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password)).map_err(failed)?,
        None => KeyPair::generate_unencrypted_keypair().map_err(failed)?,
    };
    let (secret, public) = (with_ending(&options.output, ".key"), with_ending(&options.output, ".pub"));
    if let Some(taken) = [&secret, &public].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(exists(taken));
    }
    let (secret_text, public_text) = (pair.sk.to_box(None).map_err(failed)?, pair.pk.to_box().map_err(failed)?);
    write_new(&secret, secret_text.to_string().as_bytes(), Secrecy::Secret)?;
    write_new(&public, public_text.to_string().as_bytes(), Secrecy::Public)?;
    console.say(&format!("secret key: {}", shown(&secret)));
    console.say(&format!("public key: {}, id {}", shown(&public), key_id(pair.pk.keynum())));
    Ok(Exit::Done)
}

/// `packs sign`.
pub fn sign(options: &SignOptions, console: &Console) -> Result<Exit, Failure> {
    let bytes = open::read_whole(&options.file, archive::ARCHIVE_BYTES_MAX)?;
    let pack = archive::read(&bytes).map_err(|reason| {
        Failure::new(Exit::Integrity, format!("`{}` {reason}; it is not signed", options.file.display()))
            .hint("make a pack file with `afterpatch packs pack DIR -o FILE.afterpack`")
    })?;
    let place = with_ending(&options.file, ".minisig");
    if place.symlink_metadata().is_ok() {
        return Err(exists(&place));
    }
    let key = Key { file: &options.key, password: &options.password };
    let signed = sign_bytes(&bytes, &key, &format!("afterpatch pack {}", pack.id), "signature of an afterpatch pack")?;
    write_new(&place, signed.text.as_bytes(), Secrecy::Public)?;
    console.say(&format!("signature: {}, by key {}", shown(&place), signed.key_id));
    Ok(Exit::Done)
}

/// A secret key and its password.
pub struct Key<'a> {
    /// The file that minisign wrote.
    pub file: &'a Path,
    /// Where its password is.
    pub password: &'a PasswordOptions,
}

/// A signature that was made.
pub struct Signed {
    /// What stands in `FILE.minisig`.
    pub text: String,
    /// As minisign shows it.
    pub key_id: String,
}

/// Signs bytes. `comment` is signed with them, `remark` is not. Neither gets a time; the signature itself is
/// another one each time, because the library mixes a random number into it.
pub fn sign_bytes(bytes: &[u8], key: &Key<'_>, comment: &str, remark: &str) -> Result<Signed, Failure> {
    let secret = secret_key(key)?;
    let failed = |error: minisign::PError| Failure::new(Exit::Fault, format!("cannot sign: {error}"));
    let public = PublicKey::from_secret_key(&secret).map_err(failed)?;
    let signature = minisign::sign(Some(&public), &secret, Cursor::new(bytes), Some(comment), Some(remark));
    Ok(Signed { text: signature.map_err(failed)?.into_string(), key_id: key_id(public.keynum()) })
}

/// `packs verify`.
pub fn verify(options: &VerifyOptions, console: &Console) -> Result<Exit, Failure> {
    let key = public_key(&options.key)?;
    let bytes = open::read_whole(&options.file, archive::ARCHIVE_BYTES_MAX)?;
    let verified = verify_beside(&options.file, &bytes, &key)?;
    let comment = report::hostile::ForTerminal(&verified.comment);
    console.result(&format!("{}: signed by key {}: {comment:.200}\n", shown(&options.file), verified.key_id));
    Ok(Exit::Done)
}

/// A public key: a file that minisign wrote, or the line in it.
pub fn public_key(written: &str) -> Result<PublicKey, Failure> {
    let refuse = || {
        Failure::new(Exit::Usage, format!("`{written}` is no minisign public key"))
            .hint("give the file (NAME.pub) or the line in it that begins with RW")
    };
    let path = Path::new(written);
    if path.exists() {
        let text = String::from_utf8(open::read_whole(path, KEY_BYTES_MAX)?).map_err(|_| refuse())?;
        return PublicKeyBox::from_string(&text).and_then(PublicKeyBox::into_public_key).map_err(|_| refuse());
    }
    PublicKey::from_base64(written).map_err(|_| refuse())
}

/// Verifies bytes against the signature that lies beside their file.
pub fn verify_beside(path: &Path, bytes: &[u8], key: &PublicKey) -> Result<Verified, Failure> {
    let refuse = |reason: String, hint: &str| {
        let message = format!("`{}` {reason}", path.display());
        Err(Failure::new(Exit::Integrity, message).hint(hint))
    };
    let place = with_ending(path, ".minisig");
    if !place.exists() {
        return refuse("is not signed".into(), "the signature has to lie beside it, as FILE.minisig");
    }
    let Some(signature) = read_signature(&place) else {
        return refuse("has a signature that cannot be read".into(), "copy FILE.minisig again");
    };
    let (ours, theirs) = (key_id(key.keynum()), key_id(signature.keynum()));
    if ours != theirs {
        let reason = format!("is signed by key {theirs}, not by {ours}");
        return refuse(reason, "ask who made it, and trust a key only from its owner");
    }
    match minisign::verify(key, &signature, Cursor::new(bytes), true, false, false) {
        Ok(()) => Ok(Verified { key_id: ours, comment: signature.trusted_comment().unwrap_or_default() }),
        Err(_) => refuse(
            format!("is not what key {ours} signed: the file or its signature was changed"),
            "fetch the file and its signature again from where they come from",
        ),
    }
}

/// The id of the key of a signature that lies beside a file; nothing is verified.
pub fn key_id_beside(path: &Path) -> Option<String> {
    read_signature(&with_ending(path, ".minisig")).map(|signature| key_id(signature.keynum()))
}

fn read_signature(place: &Path) -> Option<SignatureBox> {
    let text = String::from_utf8(open::read_whole(place, KEY_BYTES_MAX).ok()?).ok()?;
    SignatureBox::from_string(&text).ok()
}

fn secret_key(key: &Key<'_>) -> Result<SecretKey, Failure> {
    let unreadable = |why: String| {
        Failure::new(Exit::Usage, format!("cannot use the secret key `{}`: {why}", key.file.display()))
            .hint("give its password with --password-file FILE or AFTERPATCH_KEY_PASSWORD, or -W for a key without one")
    };
    let bytes = open::read_whole(key.file, KEY_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is no text".into()))?;
    let boxed = SecretKeyBox::from_string(&text).map_err(|error| unreadable(error.to_string()))?;
    let key = match password(key.password)? {
        Some(password) => boxed.into_secret_key(Some(password)),
        None => boxed.into_unencrypted_secret_key(),
    };
    key.map_err(|error| unreadable(error.to_string()))
}

/// The password; `None`: the key has none.
fn password(options: &PasswordOptions) -> Result<Option<String>, Failure> {
    if options.without_password {
        return Ok(None);
    }
    let hint =
        "use --password-file FILE, the environment variable AFTERPATCH_KEY_PASSWORD, or -W for a key without one";
    let refuse = |why: &str| Err(Failure::new(Exit::Usage, why).hint(hint));
    let text = match &options.password_file {
        Some(path) => match String::from_utf8(open::read_whole(path, KEY_BYTES_MAX)?) {
            Ok(text) => text.lines().next().unwrap_or_default().to_owned(),
            Err(_) => return refuse("the password is no text"),
        },
        None => match std::env::var(PASSWORD) {
            Ok(text) => text,
            Err(_) => return refuse("the password of the secret key is not given"),
        },
    };
    if text.is_empty() { refuse("the password is empty") } else { Ok(Some(text)) }
}

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    Secret,
    Public,
}

/// Writes a file that was not there before; never through a link, and not at all if it cannot be whole.
pub fn write_new(path: &Path, bytes: &[u8], secrecy: Secrecy) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secrecy == Secrecy::Secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => unwritable(path, &error),
    })?;
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // Half a file helps nobody.
        _ = std::fs::remove_file(path);
        return Err(unwritable(path, &error));
    }
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot write `{}`: {error}", path.display()))
}

/// What is there is not written over.
pub fn exists(path: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("`{}` is there already", path.display())).hint("remove it or choose another name")
}

/// The path with an ending put behind its name.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// As minisign shows it: sixteen digits, the last byte first.
fn key_id(keynum: &[u8]) -> String {
    keynum.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    report::hostile::ForTerminal(&text).to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::{KeyPair, PublicKey, SecretKeyBox, SignatureBox};

    /// Keys and signatures come from others: whatever stands in them must not stop the program.
    #[test]
    fn no_text_of_a_key_or_signature_panics() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let signature = minisign::sign(None, &pair.sk, Cursor::new(b"x"), Some("c"), None).unwrap().into_string();
        let (public, secret) = (pair.pk.to_base64(), pair.sk.to_box(None).unwrap().to_string());
        for (text, read) in [
            (
                signature,
                (|text| SignatureBox::from_string(text).is_ok_and(|signature| signature.trusted_comment().is_ok()))
                    as fn(&str) -> bool,
            ),
            (public, |text| PublicKey::from_base64(text).is_ok()),
            (secret, |text| {
                SecretKeyBox::from_string(text).and_then(SecretKeyBox::into_unencrypted_secret_key).is_ok()
            }),
        ] {
            assert!(read(&text));
            for at in 0..text.len() {
                _ = read(&text[..at]);
                for other in ["A", "\n", "=", "~"] {
                    _ = read(&format!("{}{other}{}", &text[..at], &text[at + 1..]));
                }
            }
        }
    }
}
