//! Build numbers as people write them down.
//!
//! Some spellings name a build, others only the CU: what OWA shows has three parts, and `Get-ExchangeServer` never
//! shows the update on the CU. Those stand for every known build of the CU. What names neither is refused; nothing is
//! guessed.

use model::Build;

use crate::Knowledge;
use crate::builds::{Kind, KnownBuild};

/// No spelling of a build is as long.
const CHARS_MAX: usize = 120;

/// What the attribute `serialNumber` of a server in Active Directory adds to the third number: the CU 15.1.2507.6 stands
/// there as `Version 15.1 (Build 32507.006)`. Source: Microsoft, Version error when you install Exchange Server in
/// RecoverServer mode (2024-01-24). No build of Exchange has as high a number.
const ADDED_IN_DIRECTORY: u16 = 30_000;

/// Which build a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// In order, never empty: one where the text names a build, all that it can be where it names a CU.
    pub builds: Vec<Build>,
    /// What was given, where it names less than a build.
    pub names: Names,
}

impl Number {
    /// `15.1.2106.2`, `15.1.2106.2 to 15.1.2106.13`, `15.0.913.22 or later`.
    ///
    /// # Panics
    /// Never for a number that was read: it names at least one build.
    #[must_use]
    pub fn id(&self) -> String {
        match self.ends() {
            (lowest, _) if self.names == Names::Build => lowest.to_string(),
            (lowest, highest) if lowest == highest => format!("{lowest} or later"),
            (lowest, highest) => format!("{lowest} to {highest}"),
        }
    }

    /// The lowest and the highest build it can be.
    pub(super) fn ends(&self) -> (Build, Build) {
        let lowest = self.builds.first().copied().expect("a number names at least one build");
        (lowest, self.builds.last().copied().unwrap_or(lowest))
    }
}

/// What a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// A build.
    Build,
    /// Three parts of it, as OWA shows them.
    ThreeParts,
    /// The CU, as `Get-ExchangeServer` shows it.
    DisplayVersion,
    /// The CU, with 30000 added to the build, as the attribute `serialNumber` of a server in Active Directory has it.
    SerialNumber,
    /// The CU by its name.
    Name,
}

/// A text that names no build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANumber {
    /// Nothing is there.
    #[error("nothing is there")]
    Empty,
    /// Too long for anything that names a build.
    #[error("too long for a build number")]
    TooLong,
    /// `2106.2`: the product is missing.
    #[error("a build number has four parts, or three as OWA shows it; this has {parts}")]
    Parts {
        /// How many it has.
        parts: usize,
        /// A build that ends like it.
        perhaps: Option<Build>,
    },
    /// A part is no number below 65,536.
    #[error("every part of a build number is a number below 65,536")]
    PartTooLarge,
    /// A product from before all that is known here.
    #[error("{product} is older than what is covered (Exchange Server 2010 and later)")]
    TooOld {
        /// Its name.
        product: &'static str,
    },
    /// A name of a product without such a release.
    #[error("no release of this name is in the list of {}", crate::STATE_DATE)]
    NoSuchRelease,
    /// No number and no name.
    #[error("not a build number")]
    Other,
}

impl NotANumber {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Parts { perhaps: Some(build), .. } => {
                format!("all four parts are needed, such as `{build}`; {WHERE}")
            }
            Self::TooOld { .. } => "it gets no updates and has to be replaced, whatever it is open to".to_owned(),
            _ => format!("write `15.1.2106.2`, `15.1.2106`, `Version 15.1 (Build 2106.2)` or `2016 CU18`; {WHERE}"),
        }
    }
}

const WHERE: &str = "on the server `Get-Command ExSetup.exe | % {$_.FileVersionInfo}` shows it";

impl Knowledge {
    /// Reads `15.1.2106.2`, `15.01.2106.002`, `15.1.2106`, `Version 15.1 (Build 2106.2)`, `2016 CU18 Mar21SU`.
    ///
    /// # Errors
    /// When the text names neither a build nor a CU.
    pub fn read_number(&self, text: &str) -> Result<Number, NotANumber> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        if text.is_empty() {
            return Err(NotANumber::Empty);
        }
        if text.chars().count() > CHARS_MAX {
            return Err(NotANumber::TooLong);
        }
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("version").map_or(lower.as_str(), str::trim_start);
        if let Some(product) = older_than_covered(bare) {
            return Err(NotANumber::TooOld { product });
        }
        if let Some((product, cu)) = display_version(bare) {
            let mut parts = parts(&format!("{product}.{cu}"))?;
            let in_directory = parts.get_mut(2).filter(|build| **build >= ADDED_IN_DIRECTORY);
            let Some(build) = in_directory else { return self.cu_of(&parts, Names::DisplayVersion) };
            *build -= ADDED_IN_DIRECTORY;
            return self.cu_of(&parts, Names::SerialNumber);
        }
        if bare.starts_with(|c: char| c.is_ascii_digit()) && !bare.contains(|c: char| c.is_whitespace()) {
            return self.numeric(bare);
        }
        self.named(bare)
    }

    /// Like [`read_number`](Self::read_number), for a column that only ever names the CU.
    ///
    /// # Errors
    /// When the text names neither a build nor a CU.
    pub fn read_display_version(&self, text: &str) -> Result<Number, NotANumber> {
        let number = self.read_number(text)?;
        match (number.names, number.builds.as_slice()) {
            (Names::Build, [build]) => self.cu_of(&four(*build), Names::DisplayVersion),
            _ => Ok(number),
        }
    }

    fn numeric(&self, text: &str) -> Result<Number, NotANumber> {
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',') {
            return Err(NotANumber::Other);
        }
        let parts = parts(text)?;
        match parts.as_slice() {
            [major, minor, build, revision] => {
                let build = Build::new(*major, *minor, *build, *revision);
                Ok(Number { builds: vec![build], names: Names::Build })
            }
            [_, _, _] => self.cu_of(&parts, Names::ThreeParts),
            [build, revision] => {
                let ends = |known: &&KnownBuild| (known.build.build, known.build.revision) == (*build, *revision);
                let perhaps = self.catalogue.builds.iter().find(ends).map(|known| known.build);
                Err(NotANumber::Parts { parts: 2, perhaps })
            }
            others => Err(NotANumber::Parts { parts: others.len(), perhaps: None }),
        }
    }

    /// Every known build of the CU from the given one on. A CU that is in no list stands for itself.
    fn cu_of(&self, parts: &[u16], names: Names) -> Result<Number, NotANumber> {
        let (major, minor, cu, revision) = match *parts {
            [major, minor, cu] => (major, minor, cu, 0),
            [major, minor, cu, revision] => (major, minor, cu, revision),
            _ => return Err(NotANumber::Parts { parts: parts.len(), perhaps: None }),
        };
        let given = Build::new(major, minor, cu, revision);
        let floor = self.catalogue.at_or_below(given);
        if floor.is_some_and(|known| known.kind == Kind::Preview) && parts.len() == 4 {
            return Ok(Number { builds: vec![given], names: Names::Build });
        }
        let from = floor.map_or(given, |known| known.build);
        // In 2010 the third number belongs to the update, so three parts say more than the service pack.
        let fits = |known: &&KnownBuild| match names {
            Names::ThreeParts => known.build.build == cu,
            _ => known.build >= from,
        };
        let of_cu = self.catalogue.on_cu(given).iter().filter(|known| known.kind != Kind::Preview);
        let builds: Vec<Build> = of_cu.filter(fits).map(|known| known.build).collect();
        Ok(Number { builds: if builds.is_empty() { vec![given] } else { builds }, names })
    }

    /// `exchange server 2016 cu18 mar21su`, `2019 cu14`, `se`.
    fn named(&self, text: &str) -> Result<Number, NotANumber> {
        let text = text.replace("cumulative update ", "cu").replace("subscription edition", "se");
        let mut words =
            text.split_whitespace().filter(|word| !matches!(*word, "microsoft" | "exchange" | "server")).peekable();
        let of_word = |word: &str| {
            self.catalogue
                .products
                .iter()
                .position(|product| product.name.rsplit(' ').next().is_some_and(|last| last.eq_ignore_ascii_case(word)))
        };
        let product = words.next().and_then(of_word).ok_or(NotANumber::Other)?;
        let levels = &self.catalogue.products[product].levels;
        let is_level = |word: &str| levels.iter().any(|level| level.eq_ignore_ascii_case(word));
        let level = match words.peek() {
            Some(word) if is_level(word) => words.next().unwrap_or_default(),
            // It has one level, which nobody names.
            _ if levels.len() == 1 => levels.first().map_or("", String::as_str),
            _ => return Err(NotANumber::NoSuchRelease),
        };
        let update = words.next();
        if words.next().is_some() {
            return Err(NotANumber::NoSuchRelease);
        }
        let wanted = update.map(|update| format!("{level} {update}"));
        let builds: Vec<Build> = (self.catalogue.builds.iter())
            .filter(|known| known.product == product && self.catalogue.level_name(known).eq_ignore_ascii_case(level))
            .filter(|known| wanted.as_ref().is_none_or(|wanted| known.display.eq_ignore_ascii_case(wanted)))
            .map(|known| known.build)
            .collect();
        match builds.as_slice() {
            [] => Err(NotANumber::NoSuchRelease),
            [_] if update.is_some() => Ok(Number { builds, names: Names::Build }),
            _ => Ok(Number { builds, names: Names::Name }),
        }
    }
}

/// The product that a number or a name is of, where it came before 2010.
fn older_than_covered(text: &str) -> Option<&'static str> {
    let words = text.split(|c: char| c.is_whitespace() || c == '(');
    let first = words.into_iter().find(|word| !matches!(*word, "" | "microsoft" | "exchange" | "server"))?;
    let (named, numbers) = (!first.contains(['.', ',']), parts(first).unwrap_or_default());
    let is_whole = numbers.len() > 2 || text.contains('(') || text.contains("exchange");
    match (first, numbers.as_slice()) {
        ("2007", _) if named => Some("Exchange Server 2007"),
        ("2003", _) if named => Some("Exchange Server 2003"),
        ("2000", _) if named => Some("Exchange 2000 Server"),
        (_, [8, ..]) if is_whole => Some("Exchange Server 2007"),
        (_, [6, 5, ..]) if is_whole => Some("Exchange Server 2003"),
        (_, [6, 0, ..]) if is_whole => Some("Exchange 2000 Server"),
        (_, [5, 5, ..]) if is_whole => Some("Exchange Server 5.5"),
        _ => None,
    }
}

/// `15.1 (build 2106.2)` → `15.1` and `2106.2`.
fn display_version(text: &str) -> Option<(&str, &str)> {
    let (product, rest) = text.split_once('(')?;
    let cu = rest.strip_suffix(')')?.trim().strip_prefix("build")?;
    (product.matches('.').count() == 1 && cu.matches('.').count() == 1).then(|| (product.trim(), cu.trim()))
}

fn parts(text: &str) -> Result<Vec<u16>, NotANumber> {
    let read = |part: &str| match part.parse::<u16>() {
        Ok(number) if part.len() <= 5 => Ok(number),
        _ if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) => Err(NotANumber::Other),
        _ => Err(NotANumber::PartTooLarge),
    };
    text.split(['.', ',']).map(read).collect()
}

fn four(build: Build) -> [u16; 4] {
    [build.major, build.minor, build.build, build.revision]
}

#[cfg(test)]
mod tests {
    use super::{Names, NotANumber};
    use crate::Knowledge;

    fn check(text: &str, names: Names, first: &str, last: &str) {
        let number = Knowledge::shipped().read_number(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(number.names, names, "{text}");
        let ends = [number.builds.first(), number.builds.last()].map(|build| build.expect("never empty").to_string());
        assert_eq!(ends, [first, last], "{text}");
        assert!(number.builds.is_sorted(), "{text}");
    }

    #[test]
    fn four_parts_are_a_build() {
        for text in
            ["15.1.2106.2", "15.01.2106.002", " 15.1.2106.2 ", "\"15.1.2106.2\"", "15,1,2106,2", "Version 15.1.2106.2"]
        {
            check(text, Names::Build, "15.1.2106.2", "15.1.2106.2");
        }
        check("15.2.9999.1", Names::Build, "15.2.9999.1", "15.2.9999.1");
    }

    #[test]
    fn less_than_a_build_is_every_build_of_the_cu() {
        check("15.1.2106", Names::ThreeParts, "15.1.2106.2", "15.1.2106.13");
        check("15.01.2106", Names::ThreeParts, "15.1.2106.2", "15.1.2106.13");
        check("14.3.266", Names::ThreeParts, "14.3.266.1", "14.3.266.2");
        for text in ["Version 15.1 (Build 2106.2)", "15.1 (Build 2106.2)", "VERSION 15.1 (BUILD 2106.2)"] {
            check(text, Names::DisplayVersion, "15.1.2106.2", "15.1.2106.13");
        }
        check("Version 14.3 (Build 123.4)", Names::DisplayVersion, "14.3.123.4", "14.3.513.0");
        check("Version 15.1 (Build 2106.8)", Names::DisplayVersion, "15.1.2106.8", "15.1.2106.13");
        check("15.1.225", Names::ThreeParts, "15.1.225.42", "15.1.225.42");
    }

    #[test]
    fn the_directory_adds_thirty_thousand() {
        check("Version 15.1 (Build 32507.6)", Names::SerialNumber, "15.1.2507.6", "15.1.2507.75");
        check("Version 15.1 (Build 32507.006)", Names::SerialNumber, "15.1.2507.6", "15.1.2507.75");
        check("Version 15.0 (Build 31497.2)", Names::SerialNumber, "15.0.1497.2", "15.0.1497.48");
        check("Version 15.1 (Build 32507.17)", Names::SerialNumber, "15.1.2507.17", "15.1.2507.75");
        check("15.1.32507.6", Names::Build, "15.1.32507.6", "15.1.32507.6");
        let number = Knowledge::shipped().read_display_version("Version 15.1 (Build 32507.6)").expect("a number");
        assert_eq!(number.names, Names::SerialNumber);
    }

    #[test]
    fn what_came_before_2010_is_named() {
        let refused = |text: &str| Knowledge::shipped().read_number(text).expect_err(text).to_string();
        for (text, product) in [
            ("8.3.83.6", "Exchange Server 2007"),
            ("08.03.0083.006", "Exchange Server 2007"),
            ("Version 8.3 (Build 83.6)", "Exchange Server 2007"),
            ("Version 8.3 (Build 30083.6)", "Exchange Server 2007"),
            ("Exchange 2007 SP3", "Exchange Server 2007"),
            ("6.5.7638.1", "Exchange Server 2003"),
            ("2003", "Exchange Server 2003"),
            ("Version 6.5 (Build 7638.2: Service Pack 2)", "Exchange Server 2003"),
            ("6.0.6249.0", "Exchange 2000 Server"),
            ("Exchange 5.5", "Exchange Server 5.5"),
        ] {
            assert_eq!(
                refused(text),
                format!("{product} is older than what is covered (Exchange Server 2010 and later)")
            );
        }
        for text in ["8.3", "2106.2", "2009", "6.4.1.1"] {
            let read = Knowledge::shipped().read_number(text);
            assert!(!matches!(read, Err(NotANumber::TooOld { .. })), "{text}");
        }
    }

    #[test]
    fn a_cu_that_is_in_no_list_stands_for_itself() {
        check("15.1.2200", Names::ThreeParts, "15.1.2200.0", "15.1.2200.0");
        check("14.3.600", Names::ThreeParts, "14.3.600.0", "14.3.600.0");
        check("Version 15.1 (Build 2200.1)", Names::DisplayVersion, "15.1.2200.1", "15.1.2200.1");
    }

    #[test]
    fn names_of_releases() {
        for text in ["2016 CU18", "Exchange 2016 CU18", "Microsoft Exchange Server 2016 Cumulative Update 18"] {
            check(text, Names::Name, "15.1.2106.2", "15.1.2106.13");
        }
        check("exchange server 2016 cu18 mar21su", Names::Build, "15.1.2106.13", "15.1.2106.13");
        check("2016 CU8 Mar21SU", Names::Name, "15.1.1415.8", "15.1.1415.10");
        check("SE Oct25SU", Names::Build, "15.2.2562.29", "15.2.2562.29");
        check("Exchange Server Subscription Edition RTM", Names::Name, "15.2.2562.17", "15.2.2562.53");
        check("2010 SP3 RU32", Names::Build, "14.3.513.0", "14.3.513.0");
    }

    #[test]
    fn a_column_that_names_the_cu_names_the_cu() {
        let number = Knowledge::shipped().read_display_version("15.1.2106.2").expect("a number");
        assert_eq!((number.names, number.builds.len()), (Names::DisplayVersion, 6));
    }

    #[test]
    fn refuses_the_rest() {
        let refused = |text: &str| Knowledge::shipped().read_number(text).expect_err(text);
        assert_eq!(refused(" "), NotANumber::Empty);
        assert_eq!(refused(&"1".repeat(121)), NotANumber::TooLong);
        assert!(refused("2106.2").hint().contains("`15.1.2106.2`"));
        assert!(matches!(refused("15.1.2106.2.1"), NotANumber::Parts { parts: 5, .. }));
        assert!(matches!(refused("15"), NotANumber::Parts { parts: 1, .. }));
        assert_eq!(refused("15.1.99999.2"), NotANumber::PartTooLarge);
        assert_eq!(refused("2019 CU14 Mar25SU"), NotANumber::NoSuchRelease);
        assert_eq!(refused("2016"), NotANumber::Parts { parts: 1, perhaps: None });
        assert_eq!(refused("Exchange 2016"), NotANumber::NoSuchRelease);
        for text in ["15.1..2", "15.1.2106.-2", "x", "Version 15.1 (Build x.2)", "()", "Version", "=1+1", "\u{202e}"] {
            assert_eq!(refused(text), NotANumber::Other, "{text}");
        }
    }

    #[test]
    fn nothing_panics() {
        let pieces = ["15", ".", "1", "(", ")", " build ", "version ", "2016 ", "cu18", "\0", "é", "65536", "\"", ","];
        for number in 0..200_000_usize {
            let text: String = (0..6).map(|place| pieces[(number >> (place * 3)) % pieces.len()]).collect();
            _ = Knowledge::shipped().read_number(&text);
        }
    }
}
