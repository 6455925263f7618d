//! Build numbers of Exchange in all their spellings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `15.1.2106.2`: major, minor, build, revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build {
    /// 14 for 2010, 15 since 2013.
    pub major: u16,
    /// 0 for 2013, 1 for 2016, 2 for 2019 and Subscription Edition.
    pub minor: u16,
    /// The cumulative update.
    pub build: u16,
    /// The security or hotfix update on it.
    pub revision: u16,
}

impl Build {
    /// From its four parts.
    #[must_use]
    pub const fn new(major: u16, minor: u16, build: u16, revision: u16) -> Self {
        Self { major, minor, build, revision }
    }
}

/// Short form without leading zeros: `15.1.2106.2`.
impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

/// Not a build number of four parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotABuild;

impl fmt::Display for NotABuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a build number: expected four numbers such as `15.1.2106.2` or `15.01.2106.002`")
    }
}

impl std::error::Error for NotABuild {}

/// Reads `15.1.2106.2`, `15.01.2106.002`, `Version 15.1 (Build 2106.2)` and `15,1,2106,2`.
impl FromStr for Build {
    type Err = NotABuild;

    fn from_str(text: &str) -> Result<Self, NotABuild> {
        let text = text.trim();
        let (text, spelt_out) = match text.strip_prefix("Version ") {
            Some(rest) => (rest.replace(" (Build ", "."), true),
            None => (text.to_owned(), false),
        };
        let text = if spelt_out { text.trim_end_matches(')') } else { &text };
        let mut parts = text.split(['.', ',']).map(|part| {
            let digits = !part.is_empty() && part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse::<u16>().map_err(|_| NotABuild) } else { Err(NotABuild) }
        });
        let mut next = || parts.next().ok_or(NotABuild)?;
        let build = Self::new(next()?, next()?, next()?, next()?);
        if next().is_ok() { Err(NotABuild) } else { Ok(build) }
    }
}

impl Serialize for Build {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Build {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Build;

    #[test]
    fn reads_every_spelling() {
        for text in ["15.1.2106.2", "15.01.2106.002", "15,1,2106,2", "Version 15.1 (Build 2106.2)", " 15.1.2106.2 "] {
            assert_eq!(text.parse(), Ok(Build::new(15, 1, 2106, 2)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_build() {
        for text in ["", "15.1.2106", "15.1.2106.2.1", "15.1.x.2", "15.1..2", "15.1.2106.-2", "15.1.999999.2"] {
            assert!(text.parse::<Build>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_by_number() {
        assert!(Build::new(15, 1, 2106, 13) > Build::new(15, 1, 2106, 2));
    }
}
