//! YARA files of a pack (`yara/*.yar`), for the verbs that show and check packs. They are run by `detect`.

use super::open::Opened;
use super::place::Place;

/// The YARA files of a pack, by path.
pub fn files(pack: &Opened) -> Vec<(&str, &[u8])> {
    let all = pack.files.files.iter().filter(|(path, _)| detect::pack::is_yara(path));
    let mut files: Vec<(&str, &[u8])> = all.map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    files.sort_unstable();
    files
}

/// A YARA rule of a pack as it is written, and where.
pub fn rule<'p>(pack: &'p Opened, name: &str) -> Option<(Place, &'p str)> {
    files(pack).into_iter().find_map(|(path, bytes)| {
        let (line, text) = detect::yara::rule_in(std::str::from_utf8(bytes).ok()?, name)?;
        Some((Place::of(pack, path, Some(line)), text))
    })
}

/// Whether a file is called like a YARA file.
pub fn is_yara(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".yar") || lower.ends_with(".yara")
}
