//! Names that are made to be overlooked: a genuine page's name with a letter changed, in another folder, behind an
//! invisible mark, in a stream beside another file.
//!
//! That a name is odd does not say what the file does. It says that somebody chose the name so that nobody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::{files, places};

/// Longer names are not compared.
const NAME_CHARACTERS_MAX: usize = 64;
/// Shorter names are like many others by chance.
const STEM_CHARACTERS_MIN: usize = 5;
/// One letter in so many may differ.
const LETTERS_PER_DIFFERENCE: usize = 6;
/// More different letters than this are another name.
const DIFFERENCES_MAX: usize = 3;
/// From this length on, the same letters in another order are the same name with its parts swapped.
const SWAPPED_CHARACTERS_MIN: usize = 8;

/// What is odd about the name or the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// A genuine page's name with a few letters changed.
    LookAlike,
    /// A genuine page's name with letters of another alphabet, or digits that look like letters.
    Homoglyphs,
    /// A genuine page's name with digits or a word added.
    Added,
    /// A genuine page's name with its parts in another order.
    Swapped,
    /// A genuine page's name in a folder where that page does not belong.
    Misplaced,
    /// An ending of a picture or document before that of a page.
    DoubleEnding,
    /// Dots or blanks at the end, which Windows drops when it opens the file by its plain name.
    TrailingDots,
    /// Marks that are not shown, or that turn the direction of writing.
    HiddenMarks,
    /// A page in a stream beside another file.
    Stream,
    /// A folder named like a device of DOS, which ordinary programs cannot open.
    DeviceFolder,
}

impl Oddity {
    /// As rules name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::LookAlike => "look-alike",
            Self::Homoglyphs => "homoglyphs",
            Self::Added => "added",
            Self::Swapped => "swapped",
            Self::Misplaced => "misplaced",
            Self::DoubleEnding => "double-ending",
            Self::TrailingDots => "trailing-dots",
            Self::HiddenMarks => "hidden-marks",
            Self::Stream => "stream",
            Self::DeviceFolder => "device-folder",
        }
    }
}

/// What is odd about a file, in order, and the genuine page whose name it has or resembles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    /// Each at most once.
    pub oddities: BTreeSet<Oddity>,
    /// `errorfe.aspx`.
    pub resembles: Option<&'static str>,
}

impl Odd {
    /// In words, a clause for each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let like = self.resembles.unwrap_or("a page of Exchange");
        let clause = |oddity: &Oddity| match oddity {
            Oddity::LookAlike => format!("its name is that of {like} with a few letters changed"),
            Oddity::Homoglyphs => format!("its name looks like {like} and is written with other letters"),
            Oddity::Added => format!("its name is that of {like} with something added"),
            Oddity::Swapped => format!("its name is that of {like} with its parts in another order"),
            Oddity::Misplaced => format!("{like} is a page of Exchange, and belongs in another folder"),
            Oddity::DoubleEnding => "an ending of a picture or document stands before that of a page".to_owned(),
            Oddity::TrailingDots => "its name ends in dots or blanks".to_owned(),
            Oddity::HiddenMarks => "its name holds marks that are not shown".to_owned(),
            Oddity::Stream => "it lies in a stream beside another file, which folder listings do not show".to_owned(),
            Oddity::DeviceFolder => {
                "it lies in a folder named like a device, which ordinary programs cannot open".to_owned()
            }
        };
        self.oddities.iter().map(clause).collect()
    }
}

/// What is odd about the name and place of a page. `path` is on the server; any case. Names are compared with those of
/// genuine pages only in the folders of Exchange and in `aspnet_client`: elsewhere other applications have names of
/// their own. Nothing is odd about a file whose path is Exchange's.
#[must_use]
pub fn odd_name(path: &str) -> Odd {
    let path = path.to_lowercase().replace('/', "\\");
    let (folder, name) = path.rsplit_once('\\').unwrap_or(("", &path));
    let mut odd = Odd::default();
    if !places::is_page_name(&visible(name)) || files::file_belongs(&path, None).is_some_and(is_own) {
        return odd;
    }
    odd.oddities.extend(oddities_of_form(folder, name));
    let in_exchange = files::file_belongs(&path, None).is_some() || path.contains(r"\aspnet_client\");
    if in_exchange && let Some((oddity, like)) = resembles(name) {
        odd.oddities.insert(oddity);
        odd.resembles = Some(like);
    }
    odd
}

fn is_own(belongs: model::observation::Belongs) -> bool {
    belongs != model::observation::Belongs::Unknown
}

fn oddities_of_form(folder: &str, name: &str) -> Vec<Oddity> {
    const HARMLESS: [&str; 14] =
        ["jpg", "jpeg", "png", "gif", "bmp", "ico", "txt", "log", "css", "js", "htm", "html", "pdf", "xml"];
    let visible = visible(name);
    let trimmed = visible.trim_end_matches(['.', ' ']);
    let mut endings = trimmed.rsplit('.');
    let before = endings.nth(1).filter(|_| endings.next().is_some());
    let tests = [
        (Oddity::DoubleEnding, before.is_some_and(|ending| HARMLESS.contains(&ending))),
        (Oddity::TrailingDots, trimmed.len() != visible.len()),
        (Oddity::HiddenMarks, visible.len() != name.len()),
        (Oddity::Stream, name.contains(':')),
        (Oddity::DeviceFolder, folder.split('\\').any(is_device)),
    ];
    tests.into_iter().filter(|(_, is_odd)| *is_odd).map(|(oddity, _)| oddity).collect()
}

/// The name without marks that are not shown.
fn visible(name: &str) -> String {
    let is_hidden = |character: &char| {
        character.is_control()
            || matches!(character, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    name.chars().filter(|character| !is_hidden(character)).collect()
}

fn is_device(folder: &str) -> bool {
    let name = folder.trim_end_matches(['.', ' ']).split('.').next().unwrap_or_default();
    let numbered = |device: &str| {
        name.strip_prefix(device).is_some_and(|rest| matches!(rest.as_bytes(), [digit] if digit.is_ascii_digit()))
    };
    matches!(name, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// Names of genuine pages, the ending apart.
fn genuine() -> &'static BTreeMap<&'static str, &'static str> {
    static SHIPPED: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let names = files::known_paths().filter_map(|path| path.rsplit('\\').next());
        names
            .filter(|name| places::is_page_name(name))
            .filter_map(|name| Some((name.rsplit_once('.')?.0, name)))
            .collect()
    })
}

/// The genuine page whose name this one has or resembles. Names that every application has are none.
fn resembles(name: &str) -> Option<(Oddity, &'static str)> {
    const ANYBODYS: [&str; 3] = ["default", "global", "error"];
    let name = visible(name.rsplit(':').next().unwrap_or(name));
    let stem = name.trim_end_matches(['.', ' ']).rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let length = stem.chars().count();
    if length > NAME_CHARACTERS_MAX || ANYBODYS.contains(&stem) {
        return None;
    }
    if let Some(name) = genuine().get(stem) {
        return Some((Oddity::Misplaced, name));
    }
    let folded: String = stem.chars().map(folded).collect();
    if let Some((_, name)) = genuine().iter().find(|(own, _)| own.chars().map(self::folded).eq(folded.chars())) {
        return Some((Oddity::Homoglyphs, name));
    }
    if let Some(name) = with_something_added(stem) {
        return Some((Oddity::Added, name));
    }
    if length < STEM_CHARACTERS_MIN {
        return None;
    }
    let letters = sorted(stem);
    let swapped = genuine().iter().find(|(own, _)| length >= SWAPPED_CHARACTERS_MIN && sorted(own) == letters);
    if let Some((_, name)) = swapped {
        return Some((Oddity::Swapped, name));
    }
    let allowed = (length / LETTERS_PER_DIFFERENCE).clamp(1, DIFFERENCES_MAX);
    let near = genuine().iter().filter(|(own, _)| !ANYBODYS.contains(own) && own.len() >= STEM_CHARACTERS_MIN);
    let distances = near.map(|(own, name)| (differences(stem, own), *name));
    let (_, name) = distances.filter(|(distance, _)| *distance <= allowed).min()?;
    Some((Oddity::LookAlike, name))
}

/// `logon1`, `logon_old`, `new-errorfe`.
fn with_something_added(stem: &str) -> Option<&'static str> {
    let without_digits = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let parts = stem.split(['_', '-', ' ', '(', '.']).chain([without_digits]);
    let mut whole = parts.filter(|part| part.len() >= STEM_CHARACTERS_MIN && *part != stem);
    whole.find_map(|part| genuine().get(part).copied().filter(|_| !matches!(part, "error" | "default")))
}

/// A character as it looks: letters of other alphabets and digits that look like Latin letters.
fn folded(character: char) -> char {
    match character {
        '0' | 'о' | 'ο' | 'օ' => 'o',
        '1' | 'і' | 'ι' | 'ӏ' | 'ı' | 'l' | '|' => 'i',
        '3' | 'е' | 'ε' | 'ё' => 'e',
        '5' | 'ѕ' => 's',
        'а' | 'α' => 'a',
        'с' => 'c',
        'р' | 'ρ' => 'p',
        'у' => 'y',
        'х' | 'χ' => 'x',
        'ԁ' => 'd',
        'ɡ' => 'g',
        'һ' => 'h',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'п' => 'n',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' => 'w',
        other => other,
    }
}

fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    letters.sort_unstable();
    letters
}

/// Letters to change, add or leave out, neighbours swapped counting once. Both are short.
fn differences(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > DIFFERENCES_MAX {
        return usize::MAX;
    }
    let mut before = vec![0; other.len() + 1];
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, with) in other.iter().enumerate() {
            let changed = above[column] + usize::from(letter != with);
            let mut least = changed.min(above[column + 1] + 1).min(current[column] + 1);
            let is_swapped = row > 0 && column > 0 && one[row - 1] == *with && other[column - 1] == *letter;
            if is_swapped && letter != with {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::{Oddity, odd_name};

    const AUTH: &str = r"c:\program files\microsoft\exchange server\v15\frontend\httpproxy\owa\auth";

    fn check(path: &str, expected: &[Oddity], like: Option<&str>) {
        let odd = odd_name(path);
        assert_eq!(
            (odd.oddities.iter().copied().collect::<Vec<_>>().as_slice(), odd.resembles),
            (expected, like),
            "{path}"
        );
    }

    #[test]
    fn names_like_those_of_genuine_pages() {
        for (name, oddity, like) in [
            ("RedirSuiteServerProxy.aspx", Oddity::LookAlike, "redirsuiteserviceproxy.aspx"),
            ("errorFF.aspx", Oddity::LookAlike, "errorfe.aspx"),
            ("logon1.aspx", Oddity::Added, "logon.aspx"),
            ("logon_old.aspx", Oddity::Added, "logon.aspx"),
            ("l0gon.aspx", Oddity::Homoglyphs, "logon.aspx"),
            ("lоgon.aspx", Oddity::Homoglyphs, "logon.aspx"),
            ("ProxyRedirSuiteService.aspx", Oddity::Swapped, "redirsuiteserviceproxy.aspx"),
            ("TimeoutLogout.aspx", Oddity::Misplaced, "timeoutlogout.aspx"),
        ] {
            check(&format!(r"{AUTH}\{name}"), &[oddity], Some(like));
        }
        let ecp = AUTH.replace("owa", "ecp");
        check(&format!(r"{ecp}\TimeoutLogoff.aspx"), &[Oddity::LookAlike], Some("timeoutlogout.aspx"));
        check(r"c:\inetpub\wwwroot\aspnet_client\logon.aspx", &[Oddity::Misplaced], Some("logon.aspx"));
    }

    #[test]
    fn names_and_folders_made_to_be_overlooked() {
        let root = r"c:\inetpub\wwwroot";
        check(&format!(r"{root}\photo.jpg.aspx"), &[Oddity::DoubleEnding], None);
        check(&format!(r"{root}\x.aspx."), &[Oddity::TrailingDots], None);
        check(&format!("{root}\\x\u{202e}gpj.aspx"), &[Oddity::HiddenMarks], None);
        check(&format!(r"{root}\page.txt:x.aspx"), &[Oddity::Stream], None);
        check(r"c:\programdata\com1\x.aspx", &[Oddity::DeviceFolder], None);
        check(r"c:\programdata\aux.net\x.aspx", &[Oddity::DeviceFolder], None);
    }

    #[test]
    fn ordinary_names_are_not_odd() {
        for path in [
            &format!(r"{AUTH}\logon.aspx"),
            &format!(r"{AUTH}\errorFE.aspx"),
            &format!(r"{AUTH}\help.aspx"),
            &format!(r"{AUTH}\x.aspx"),
            &format!(r"{AUTH}\15.1.2106\themes\logo.png"),
            r"c:\inetpub\wwwroot\shop\logon.aspx",
            r"c:\inetpub\wwwroot\aspnet_client\default.aspx",
            r"c:\inetpub\wwwroot\v1.2\report.aspx",
            r"c:\programdata\company\x.aspx",
            r"c:\programdata\com10\x.aspx",
            "",
        ] {
            check(path, &[], None);
        }
        check(&format!(r"{AUTH}\{}.aspx", "a".repeat(70_000)), &[], None);
    }
}
