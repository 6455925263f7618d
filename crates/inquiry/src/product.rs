//! What this room asks of the knowledge about the product, and nothing else: one seam, so that judging can be tested
//! against a handful of builds.

use exchange::{Exactness, FixState, Knowledge};
use model::{Build, Utc};

/// How a build stands to a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Openness {
    /// The hole is there, or closed only in part.
    Open,
    /// Fixed, or never affected.
    Shut,
    /// The build number does not tell.
    Undetermined,
}

/// The kind of place in which a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// `/aspnet_client/…`: no page belongs there at all.
    AspNetClient,
    /// `/owa/auth/…`.
    OwaAuth,
    /// `/ecp/auth/…`.
    EcpAuth,
    /// Another folder of Exchange.
    ExchangeFolder,
    /// Directly under the site.
    SiteRoot,
    /// Some other application.
    Elsewhere,
}

/// What is known of the product.
pub(crate) trait Product {
    /// `Exchange Server 2016` and `CU18 Mar21SU`; `unknown` where the build is in no list.
    fn names(&self, build: Build) -> (String, String);
    /// Whether the build is open to the hole.
    fn openness(&self, cve: &str, build: Build) -> Openness;
    /// The cumulative update that the build stands on, without any later update, and when it was released.
    fn cumulative_update(&self, build: Build) -> Option<(Build, Option<Utc>)>;
    /// What to install, in order.
    fn update_steps(&self, build: Build) -> Vec<String>;
    /// The page is one of Exchange's own.
    fn is_known_page(&self, url: &str) -> bool;
    /// The URL path that a file answers to.
    fn url_of_path(&self, path: &str) -> Option<String>;
    /// Where a page lies.
    fn place(&self, url: &str) -> Place;
    /// Whether a file is the one that a build has at this path; `None` where no list says.
    fn is_of_build(&self, path: &str, sha256: &str, build: Build) -> Option<bool>;
    /// What is odd about the name and place of a page, a clause each.
    fn odd_name(&self, path: &str) -> Vec<String>;
}

/// No cumulative update without later updates has a higher last number.
const PLAIN_REVISION_MAX: u16 = 99;

/// The knowledge that is shipped with this version.
pub(crate) struct Shipped(&'static Knowledge);

impl Shipped {
    pub(crate) fn new() -> Self {
        Self(Knowledge::shipped())
    }
}

impl Product for Shipped {
    fn names(&self, build: Build) -> (String, String) {
        let release = self.0.release(build);
        (release.product.to_owned(), release.update_words())
    }

    fn openness(&self, cve: &str, build: Build) -> Openness {
        match self.0.state(cve, build).state {
            FixState::Open => Openness::Open,
            FixState::Partly | FixState::Undetermined => Openness::Undetermined,
            FixState::Fixed | FixState::NotAffected => Openness::Shut,
        }
    }

    fn cumulative_update(&self, build: Build) -> Option<(Build, Option<Utc>)> {
        let plain = (0..=build.revision.min(PLAIN_REVISION_MAX)).map(|revision| Build { revision, ..build }).find(
            |candidate| {
                let release = self.0.release(*candidate);
                release.exactness == Exactness::Exact && release.update == release.level
            },
        )?;
        Some((plain, self.0.cu_released(plain)))
    }

    fn update_steps(&self, build: Build) -> Vec<String> {
        let with_article = |step: exchange::Step| match step.kb {
            Some(kb) if !step.text.contains(&kb) => format!("{} ({kb})", step.text),
            _ => step.text,
        };
        self.0.update_that_fits(build).into_iter().map(with_article).collect()
    }

    fn is_known_page(&self, url: &str) -> bool {
        exchange::is_known_page(url)
    }

    fn url_of_path(&self, path: &str) -> Option<String> {
        exchange::url_of_path(path)
    }

    fn is_of_build(&self, path: &str, sha256: &str, build: Build) -> Option<bool> {
        exchange::is_of_build(path, sha256, build)
    }

    fn odd_name(&self, path: &str) -> Vec<String> {
        exchange::odd_name(path).words()
    }

    fn place(&self, url: &str) -> Place {
        match exchange::place_of_url(url) {
            exchange::Place::AspNetClient => Place::AspNetClient,
            exchange::Place::OwaAuth => Place::OwaAuth,
            exchange::Place::EcpAuth => Place::EcpAuth,
            exchange::Place::ExchangeFolder => Place::ExchangeFolder,
            exchange::Place::SiteRoot => Place::SiteRoot,
            exchange::Place::Elsewhere => Place::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_knowledge_answers_what_is_asked() {
        let (open, fixed) = (Build::new(15, 1, 2106, 2), Build::new(15, 1, 2106, 13));
        let product = Shipped::new();
        assert_eq!(product.openness("CVE-2021-26855", open), Openness::Open);
        assert_eq!(product.openness("CVE-2021-26855", fixed), Openness::Shut);
        assert_eq!(product.cumulative_update(fixed).map(|(base, _)| base), Some(open));
        assert_eq!(product.names(fixed), ("Exchange Server 2016".to_owned(), "CU18 Mar21SU".to_owned()));
        assert!(!product.update_steps(open).is_empty());
        assert!(product.is_known_page("/owa/auth/logon.aspx"));
        assert_eq!(product.place("/aspnet_client/x.aspx"), Place::AspNetClient);
    }
}
