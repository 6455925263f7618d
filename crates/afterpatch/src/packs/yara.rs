//! YARA files of a pack (`yara/*.yar`), for the verbs that show and check packs. They are run by `detect`.

use super::open::Opened;

/// The YARA files of a pack, by path.
pub fn files(pack: &Opened) -> Vec<(&str, &[u8])> {
    let all = pack.files.files.iter().filter(|(path, _)| detect::pack::is_yara(path));
    let mut files: Vec<(&str, &[u8])> = all.map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    files.sort_unstable();
    files
}

/// Whether a file is called like a YARA file.
pub fn is_yara(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".yar") || lower.ends_with(".yara")
}
