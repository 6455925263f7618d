//! YARA files of a pack (`yara/*.yar`): kept, and run by whatever engine the program has.
//!
//! This program has none yet. An engine implements [`Engine`] and is named in [`engine`]; nothing else has to change
//! for its refusals to be told by `packs check`.

use super::open::Opened;

/// Something that can compile YARA rules.
pub trait Engine {
    /// What of the files does not compile: path in the pack, line where known, reason.
    fn refusals(&self, files: &[(&str, &[u8])]) -> Vec<(String, Option<u64>, String)>;
}

/// The engine of this program.
pub fn engine() -> Option<&'static dyn Engine> {
    None
}

/// The YARA files of a pack, by path.
pub fn files(pack: &Opened) -> Vec<(&str, &[u8])> {
    let all = pack.files.files.iter().filter(|(path, _)| path.starts_with("yara/") && is_yara(path));
    let mut files: Vec<(&str, &[u8])> = all.map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    files.sort_unstable();
    files
}

/// Whether a file is called like a YARA file.
pub fn is_yara(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".yar") || lower.ends_with(".yara")
}
