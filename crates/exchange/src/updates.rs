//! The shortest way from a build to safety.

use model::Build;

use crate::builds::{Catalogue, Kind, KnownBuild};
use crate::{Knowledge, table};

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do, one sentence without full stop.
    pub text: String,
    /// The build that runs afterwards.
    pub build: Option<Build>,
    /// Where the vendor describes it.
    pub kb: Option<String>,
}

impl Knowledge {
    /// The shortest way to the newest update, in order: the newest update on this CU if it still gets any, else the
    /// newest CU and its newest update; then, where support has ended, the move to a product that has it.
    ///
    /// Empty when the build is the newest known one of a supported product.
    #[must_use]
    pub fn update_that_fits(&self, build: Build) -> Vec<Step> {
        let catalogue = &self.catalogue;
        let Some(product) = catalogue.product_of(build).or_else(|| self.likely_product(build)) else {
            return vec![Step {
                text: format!("Find out which product runs: {build} is no known build of Exchange Server"),
                build: None,
                kb: None,
            }];
        };
        let mut steps = Vec::new();
        let newest_here = catalogue.on_cu(build).last().filter(|newest| catalogue.gets_updates(newest));
        match newest_here {
            Some(newest) if build >= newest.build => {}
            Some(newest) => steps.push(install(catalogue, newest)),
            None => steps.extend(newest_cu_and_update(catalogue, product, build)),
        }
        steps.extend(leave_unsupported(catalogue, product));
        steps
    }

    /// Between 2019 and Subscription Edition the numbers do not decide: the older product has the longer way.
    fn likely_product(&self, build: Build) -> Option<usize> {
        let between = (build.major, build.minor) == (15, 2);
        self.catalogue.subscription_edition().filter(|_| between).map(|edition| edition - 1)
    }
}

fn newest_cu_and_update(catalogue: &Catalogue, product: usize, build: Build) -> Vec<Step> {
    let Some(newest) = catalogue.newest(product).filter(|newest| newest.build > build) else {
        return Vec::new();
    };
    let plain = catalogue.on_cu(newest.build).iter().find(|known| known.kind == Kind::Plain);
    let plain = plain.filter(|plain| plain.build > build && plain.build != newest.build);
    plain.into_iter().chain([newest]).map(|known| install(catalogue, known)).collect()
}

fn install(catalogue: &Catalogue, known: &KnownBuild) -> Step {
    let product = &catalogue.products[known.product];
    let released = known.date.map(|day| format!(" of {}", table::day_words(day))).unwrap_or_default();
    let mut text = format!("Install {} for {}{released}", known.display, product.name);
    if let Some(last) = last_public_update(catalogue, known) {
        text.push_str(&format!(
            "; it is only for customers of the extended update programme: without it the last one is {} ({})",
            last.display, last.build
        ));
    }
    Step { text, build: Some(known.build), kb: known.kb.clone() }
}

/// The last update on the same CU before support ended, where this one came later.
fn last_public_update<'c>(catalogue: &'c Catalogue, known: &KnownBuild) -> Option<&'c KnownBuild> {
    let end = catalogue.products[known.product].support_end?;
    if known.kind != Kind::Update || known.date.is_none_or(|day| day <= end) {
        return None;
    }
    // 2010 got its last rollups after the end of support for everybody; there was no programme.
    catalogue.products[known.product].assessed_until.filter(|until| *until > end)?;
    catalogue.on_cu(known.build).iter().rfind(|earlier| earlier.date.is_some_and(|day| day <= end))
}

fn leave_unsupported(catalogue: &Catalogue, product: usize) -> Option<Step> {
    let product = &catalogue.products[product];
    let end = product.support_end?;
    let edition = catalogue.subscription_edition().and_then(|edition| catalogue.newest(edition))?;
    Some(Step {
        text: format!(
            "Move to {}: support of {} ended on {} ({})",
            catalogue.products[edition.product].name,
            product.name,
            table::day_words(end),
            product.way_out
        ),
        build: Some(edition.build),
        kb: edition.kb.clone(),
    })
}

#[cfg(test)]
mod tests {
    use crate::Knowledge;

    fn way(build: &str) -> Vec<String> {
        let steps = Knowledge::shipped().update_that_fits(build.parse().expect(build));
        let short = |step: &crate::Step| {
            let build = step.build.map(|build| build.to_string()).unwrap_or_default();
            let first = step.text.split([';', ':']).next().unwrap_or_default().to_owned();
            format!("{first} | {build} | {}", step.kb.as_deref().unwrap_or("-"))
        };
        steps.iter().map(short).collect()
    }

    const MOVE: &str = "Move to Exchange Server SE | 15.2.2562.53 | KB5129955";

    #[test]
    fn from_an_old_cu_over_the_newest_one() {
        let newest = [
            "Install CU23 for Exchange Server 2016 of 2022-04-20 | 15.1.2507.6 | KB5011155",
            "Install CU23 Sep26SUv2 for Exchange Server 2016 of 2026-10-02 | 15.1.2507.75 | KB5129958",
            MOVE,
        ];
        assert_eq!(way("15.1.2106.2"), newest);
        assert_eq!(way("15.1.2200.1"), newest, "an unknown CU");
        assert_eq!(
            way("15.0.847.32")[0],
            "Install CU23 for Exchange Server 2013 of 2019-06-18 | 15.0.1497.2 | KB4489622"
        );
        assert_eq!(
            way("14.1.218.15")[0],
            "Install SP3 for Exchange Server 2010 of 2013-02-12 | 14.3.123.4 | KB2808208"
        );
    }

    #[test]
    fn on_a_cu_that_gets_updates() {
        let fourteen = "Install CU14 Sep26SUv2 for Exchange Server 2019 of 2026-10-02 | 15.2.1544.48 | KB5129957";
        assert_eq!(way("15.2.1544.9"), [fourteen, MOVE]);
        assert_eq!(
            way("15.0.1497.2")[0],
            "Install CU23 Mar23SU for Exchange Server 2013 of 2023-03-14 | 15.0.1497.48 | KB5024296"
        );
        assert_eq!(way("15.2.2562.17").len(), 1);
    }

    #[test]
    fn at_the_end() {
        assert_eq!(way("15.2.2562.53"), Vec::<String>::new());
        assert_eq!(way("15.2.2562.60"), Vec::<String>::new());
        assert_eq!(way("15.1.2507.75"), [MOVE]);
        assert_eq!(way("15.1.2600.1"), [MOVE], "newer than known");
        assert_eq!(way("8.3.83.6"), ["Find out which product runs | - | -".replace("| - |", "|  |")]);
    }

    #[test]
    fn says_who_gets_late_updates() {
        let steps = Knowledge::shipped().update_that_fits("15.1.2507.6".parse().expect("a build"));
        assert!(steps[0].text.contains("without it the last one is CU23 Oct25SU (15.1.2507.61)"), "{}", steps[0].text);
        let old = Knowledge::shipped().update_that_fits("14.3.123.4".parse().expect("a build"));
        assert!(!old[0].text.contains("programme"), "{}", old[0].text);
    }
}
