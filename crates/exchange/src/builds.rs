//! Which release a build number is. Data: `knowledge/builds.csv`, `knowledge/products.csv`.
//!
//! A cumulative update (CU) is named by the first three numbers since Exchange Server 2013, and by the first two in
//! 2010, where it is a service pack. The last number is the security or hotfix update on it.

use model::{Build, Utc};

use crate::{Knowledge, table};

/// What a build is called and when it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release<'k> {
    /// `Exchange Server 2016`; `Exchange Server 2019 or SE` and `unknown` where the number does not say.
    pub product: &'k str,
    /// `CU18`, `RTM`, `SP3`, `unknown`.
    pub level: &'k str,
    /// `CU18`, `CU18 Mar21SU`, `unknown`.
    pub update: &'k str,
    /// Day of release, where it is known.
    pub date: Option<Utc>,
    /// `KB5000871`.
    pub kb: Option<&'k str>,
    /// How well the number was recognised.
    pub exactness: Exactness,
}

/// How well a build number was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// It is in the list.
    Exact,
    /// It is not in the list; the release named is the next lower one of its CU, this build.
    NextLower(Build),
    /// It is newer than all that is known of its CU or product, which still gets updates. A release named is the
    /// newest known one.
    NewerThanKnown,
    /// No known build of its CU is as low, or its CU is not known.
    Unknown,
}

impl Release<'_> {
    /// The update in words that do not hide what is uncertain: `CU18 Feb21SU or later`.
    #[must_use]
    pub fn update_words(&self) -> String {
        match self.exactness {
            Exactness::Exact => self.update.to_owned(),
            Exactness::NextLower(_) => format!("{} or later", self.update),
            Exactness::NewerThanKnown if self.update == UNKNOWN => "newer than any known".to_owned(),
            Exactness::NewerThanKnown => format!("newer than {}", self.update),
            Exactness::Unknown if self.level == UNKNOWN => UNKNOWN.to_owned(),
            Exactness::Unknown => format!("{}, update unknown", self.level),
        }
    }
}

impl Knowledge {
    /// Which release a build is.
    #[must_use]
    pub fn release(&self, build: Build) -> Release<'_> {
        self.catalogue.release(build)
    }

    /// When the plain CU came out on which this build stands: no server can have run the build before that day.
    #[must_use]
    pub fn cu_released(&self, build: Build) -> Option<Utc> {
        let on_cu = self.catalogue.on_cu(build);
        let preview = on_cu.iter().rfind(|known| known.build <= build).is_some_and(|known| known.kind == Kind::Preview);
        on_cu.iter().filter(|known| preview || known.kind != Kind::Preview).find_map(|known| known.date)
    }
}

const UNKNOWN: &str = "unknown";
const SE: &str = "Exchange Server SE";

/// What kind of release a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Preview,
    /// RTM, service pack or cumulative update: a full product.
    Plain,
    /// Rollup, security or hotfix update on it.
    Update,
}

pub(crate) struct KnownBuild {
    pub build: Build,
    /// Index into [`Catalogue::products`].
    pub product: usize,
    /// Index into [`Product::levels`].
    pub level: usize,
    pub kind: Kind,
    pub date: Option<Utc>,
    pub kb: Option<String>,
    /// `CU18 Mar21SU`.
    pub display: String,
}

pub(crate) struct Product {
    pub name: String,
    pub support_end: Option<Utc>,
    /// Where no end is set: support does not end before.
    pub support_not_before: Option<Utc>,
    /// Until when the vendor says of new holes whether this product has them.
    pub assessed_until: Option<Utc>,
    /// The paid extension in words; empty where there is none.
    pub extended_programme: String,
    /// How to get to a product that is still supported.
    pub way_out: String,
    /// Oldest first.
    pub levels: Vec<String>,
}

/// All builds in order, and the products.
pub(crate) struct Catalogue {
    pub builds: Vec<KnownBuild>,
    pub products: Vec<Product>,
}

impl Catalogue {
    pub(crate) fn shipped() -> Self {
        let mut products: Vec<Product> = table::rows(include_str!("../../../knowledge/products.csv"))
            .map(|row| Product {
                name: row[0].to_owned(),
                support_end: table::day(&row[1]),
                support_not_before: table::day(&row[5]),
                assessed_until: table::day(&row[2]),
                extended_programme: row[3].to_owned(),
                way_out: row[4].to_owned(),
                levels: Vec::new(),
            })
            .collect();
        let mut builds: Vec<KnownBuild> = table::rows(include_str!("../../../knowledge/builds.csv"))
            .filter_map(|row| {
                let kind = match &row[3] {
                    "misprint" => return None,
                    "preview" => Kind::Preview,
                    "rtm" | "sp" | "cu" => Kind::Plain,
                    _ => Kind::Update,
                };
                let product = products.iter().position(|product| product.name == row[0]).expect("products.csv has it");
                let levels = &mut products[product].levels;
                let level = levels.iter().position(|level| *level == row[1]).unwrap_or_else(|| {
                    levels.push(row[1].to_owned());
                    levels.len() - 1
                });
                Some(KnownBuild {
                    build: table::build(&row[4]).expect("every row of builds.csv names its build"),
                    product,
                    level,
                    kind,
                    date: table::day(&row[5]),
                    kb: (!row[7].is_empty()).then(|| row[7].to_owned()),
                    display: if row[2].is_empty() { row[1].to_owned() } else { format!("{} {}", &row[1], &row[2]) },
                })
            })
            .collect();
        builds.sort_by_key(|known| known.build);
        Self { builds, products }
    }

    fn release(&self, build: Build) -> Release<'_> {
        let on_cu = self.on_cu(build);
        let (Some(first), Some(last)) = (on_cu.first(), on_cu.last()) else {
            return self.release_of_unknown_cu(build);
        };
        match self.at_or_below(build) {
            Some(known) => {
                let exactness = if known.build == build {
                    Exactness::Exact
                } else if known.build == last.build && self.gets_updates(last) {
                    Exactness::NewerThanKnown
                } else {
                    Exactness::NextLower(known.build)
                };
                Release {
                    product: &self.products[known.product].name,
                    level: self.level_name(known),
                    update: &known.display,
                    date: known.date,
                    kb: known.kb.as_deref(),
                    exactness,
                }
            }
            None => Release {
                product: &self.products[first.product].name,
                level: self.level_name(first),
                update: self.level_name(first),
                date: None,
                kb: None,
                exactness: Exactness::Unknown,
            },
        }
    }

    fn release_of_unknown_cu(&self, build: Build) -> Release<'_> {
        let product = self.product_of(build);
        let newer = product.is_some_and(|product| self.newest(product).is_some_and(|newest| newest.build < build));
        Release {
            product: match product {
                Some(product) => &self.products[product].name,
                None if (build.major, build.minor) == (15, 2) => "Exchange Server 2019 or SE",
                None => UNKNOWN,
            },
            level: UNKNOWN,
            update: UNKNOWN,
            date: None,
            kb: None,
            exactness: if newer { Exactness::NewerThanKnown } else { Exactness::Unknown },
        }
    }

    /// The builds of the same CU.
    pub(crate) fn on_cu(&self, build: Build) -> &[KnownBuild] {
        let from = self.builds.partition_point(|known| cu(known.build) < cu(build));
        let until = self.builds.partition_point(|known| cu(known.build) <= cu(build));
        &self.builds[from..until]
    }

    /// The build itself or the next lower one of its CU.
    pub(crate) fn at_or_below(&self, build: Build) -> Option<&KnownBuild> {
        self.on_cu(build).iter().rfind(|known| known.build <= build)
    }

    pub(crate) fn level_name(&self, known: &KnownBuild) -> &str {
        &self.products[known.product].levels[known.level]
    }

    /// The product by the numbers alone. `None`: no Exchange, or between 2019 and Subscription Edition.
    pub(crate) fn product_of(&self, build: Build) -> Option<usize> {
        if let Some(known) = self.on_cu(build).first() {
            return Some(known.product);
        }
        let of_line = |known: &&KnownBuild| {
            known.build.major == build.major && (build.major == 14 || known.build.minor == build.minor)
        };
        let below = self.builds.iter().filter(of_line).rfind(|known| known.build < build);
        let above = self.builds.iter().filter(of_line).find(|known| known.build > build);
        match (below, above) {
            (Some(below), Some(above)) => (below.product == above.product).then_some(below.product),
            (Some(known), None) | (None, Some(known)) => Some(known.product),
            (None, None) => None,
        }
    }

    pub(crate) fn subscription_edition(&self) -> Option<usize> {
        self.products.iter().position(|product| product.name == SE)
    }

    /// The newest build of a product.
    pub(crate) fn newest(&self, product: usize) -> Option<&KnownBuild> {
        self.builds.iter().rfind(|known| known.product == product)
    }

    /// Whether the CU of which this is the newest build is among those that got the newest update of the product.
    pub(crate) fn gets_updates(&self, newest_on_cu: &KnownBuild) -> bool {
        self.newest(newest_on_cu.product).is_some_and(|newest| newest.date == newest_on_cu.date)
    }
}

/// What names the CU: `15.1.2106`, `14.3`.
fn cu(build: Build) -> (u16, u16, u16) {
    (build.major, build.minor, if build.major < 15 { 0 } else { build.build })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{Build, Utc};

    use super::{Exactness, Release};
    use crate::{Knowledge, table};

    fn build(text: &str) -> Build {
        text.parse().expect(text)
    }

    fn release(text: &str) -> Release<'static> {
        Knowledge::shipped().release(build(text))
    }

    fn check(text: &str, product: &str, update: &str, exactness: Exactness) {
        let found = release(text);
        assert_eq!((found.product, found.update, found.exactness), (product, update, exactness), "{text}");
    }

    #[test]
    fn the_list_is_complete_and_has_no_build_twice() {
        let rows: Vec<_> = table::rows(include_str!("../../../knowledge/builds.csv")).collect();
        let distinct: BTreeSet<_> = rows.iter().map(|row| row[4].to_owned()).collect();
        assert_eq!((rows.len(), distinct.len()), (400, 400));
        let misprints: Vec<_> = rows.iter().filter(|row| &row[3] == "misprint").map(|row| row[4].to_owned()).collect();
        assert_eq!(misprints, ["14.3.328.5"]);
    }

    #[test]
    fn names_known_builds() {
        use Exactness::Exact;
        check("14.3.513.0", "Exchange Server 2010", "SP3 RU32", Exact);
        check("15.0.1497.2", "Exchange Server 2013", "CU23", Exact);
        check("15.1.225.42", "Exchange Server 2016", "RTM", Exact);
        check("15.1.2106.2", "Exchange Server 2016", "CU18", Exact);
        check("15.1.2106.13", "Exchange Server 2016", "CU18 Mar21SU", Exact);
        check("15.2.858.5", "Exchange Server 2019", "CU9", Exact);
        check("15.2.2562.17", "Exchange Server SE", "RTM", Exact);
        check("15.2.2562.53", "Exchange Server SE", "RTM Sep26SUv2", Exact);
        assert_eq!(release("15.1.2106.13").kb, Some("KB5000871"));
        assert_eq!(release("15.1.2106.13").date, Utc::parse(b"2021-03-02"));
        assert_eq!(release("15.1.2106.3").kb, Some("KB4581424"));
    }

    #[test]
    fn says_how_well_it_knows_others() {
        let lower = |text: &str| Exactness::NextLower(build(text));
        check("15.1.2106.10", "Exchange Server 2016", "CU18 Feb21SU", lower("15.1.2106.8"));
        check("15.1.2106.99", "Exchange Server 2016", "CU18 Mar21SU", lower("15.1.2106.13"));
        check("14.3.328.5", "Exchange Server 2010", "SP3 RU15", lower("14.3.319.2"));
        check("15.1.2507.99", "Exchange Server 2016", "CU23 Sep26SUv2", Exactness::NewerThanKnown);
        check("15.2.2562.99", "Exchange Server SE", "RTM Sep26SUv2", Exactness::NewerThanKnown);
        check("15.2.3000.1", "Exchange Server SE", "unknown", Exactness::NewerThanKnown);
        check("15.1.2375.0", "Exchange Server 2016", "CU22", Exactness::Unknown);
        check("15.1.2200.1", "Exchange Server 2016", "unknown", Exactness::Unknown);
        check("15.2.2000.1", "Exchange Server 2019 or SE", "unknown", Exactness::Unknown);
        check("15.2.100.1", "Exchange Server 2019", "unknown", Exactness::Unknown);
        check("8.3.83.6", "unknown", "unknown", Exactness::Unknown);
        check("15.20.4200.1", "unknown", "unknown", Exactness::Unknown);
    }

    #[test]
    fn says_uncertainty_in_words() {
        assert_eq!(release("15.1.2106.2").update_words(), "CU18");
        assert_eq!(release("15.1.2106.10").update_words(), "CU18 Feb21SU or later");
        assert_eq!(release("15.1.2507.99").update_words(), "newer than CU23 Sep26SUv2");
        assert_eq!(release("15.1.2375.0").update_words(), "CU22, update unknown");
        assert_eq!(release("15.2.3000.1").update_words(), "newer than any known");
        assert_eq!(release("15.2.2000.1").update_words(), "unknown");
    }

    #[test]
    fn knows_when_the_plain_cu_came_out() {
        let released = |text: &str| Knowledge::shipped().cu_released(build(text)).map(table::day_words);
        assert_eq!(released("15.1.2106.13").as_deref(), Some("2020-09-15"));
        assert_eq!(released("15.1.225.42").as_deref(), Some("2015-10-01"), "not the preview");
        assert_eq!(released("15.1.225.16").as_deref(), Some("2015-07-22"));
        assert_eq!(released("15.2.858.10").as_deref(), Some("2021-03-16"), "858.2 has no day");
        assert_eq!(released("14.3.513.0").as_deref(), Some("2013-02-12"));
        assert_eq!(released("15.1.2107.1"), None);
    }
}
