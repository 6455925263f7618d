//! Paths of the file system as plain data: every name comes back as it was, text or not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// As text where it is text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let spelling = path.to_str().map_or_else(|| Spelling::Units(units(path)), |text| Spelling::Text(text.to_owned()));
    spelling.serialize(serializer)
}

#[cfg(unix)]
fn units(path: &Path) -> Vec<u16> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().iter().map(|byte| u16::from(*byte)).collect()
}

#[cfg(windows)]
fn units(path: &Path) -> Vec<u16> {
    use std::os::windows::ffi::OsStrExt;
    path.as_os_str().encode_wide().collect()
}

/// Text, or where it is none, the units of the system: bytes on Unix, 16 bits each on Windows.
#[derive(Serialize, Deserialize)]
enum Spelling {
    Text(String),
    Units(Vec<u16>),
}

/// The same back.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match Spelling::deserialize(deserializer)? {
        Spelling::Text(text) => PathBuf::from(text),
        Spelling::Units(units) => from_units(&units),
    })
}

#[cfg(unix)]
fn from_units(units: &[u16]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = units.iter().map(|unit| u8::try_from(*unit).unwrap_or(b'?')).collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(windows)]
fn from_units(units: &[u16]) -> PathBuf {
    use std::os::windows::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_wide(units))
}
