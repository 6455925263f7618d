//! The shortest way from a build to the newest one that is supported.

use model::Build;
use model::advice::{StepKind, Update, WithoutProgramme};

use crate::builds::{Catalogue, Kind, KnownBuild};
use crate::{FixState, Knowledge, table};

/// One step of the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What kind of step.
    pub kind: StepKind,
    /// What to do, one sentence without full stop.
    pub text: String,
    /// The build that runs afterwards.
    pub build: Option<Build>,
    /// What it is called: `CU18 Mar21SU`.
    pub update: Option<String>,
    /// Where the vendor describes it.
    pub kb: Option<String>,
    /// Where only customers of the extended update programme get it: what everybody else can install.
    pub without_programme: Option<WithoutProgramme>,
}

impl Knowledge {
    /// The shortest way to the newest update, in order: the newest update on this CU if it still gets any, else the
    /// newest CU and its newest update; then, where support has ended, the move to a product that has it.
    ///
    /// No step leads to a preview or to a build below this one. An update of March 2021 for an old CU is never a step:
    /// it closes four holes and leaves the others. Empty when the build is the newest known one of a supported product.
    #[must_use]
    pub fn update_that_fits(&self, build: Build) -> Vec<Step> {
        let catalogue = &self.catalogue;
        let Some(product) = catalogue.product_of(build).or_else(|| self.likely_product(build)) else {
            return vec![find_out(build)];
        };
        let mut steps = Vec::new();
        if catalogue.product_of(build).is_none() {
            steps.push(of_no_list(build));
        }
        let newest_here = catalogue.on_cu(build).last().filter(|newest| catalogue.gets_updates(newest));
        match newest_here {
            Some(newest) if build >= newest.build => {}
            Some(newest) => steps.push(self.install(StepKind::Update, newest, build)),
            None => steps.extend(self.newest_cu_and_update(product, build)),
        }
        steps.extend(leave_unsupported(catalogue, product));
        steps
    }

    /// Between 2019 and Subscription Edition the numbers do not decide: the older product has the longer way.
    fn likely_product(&self, build: Build) -> Option<usize> {
        let between = (build.major, build.minor) == (15, 2);
        self.catalogue.subscription_edition().filter(|_| between).map(|edition| edition - 1)
    }

    fn newest_cu_and_update(&self, product: usize, build: Build) -> Vec<Step> {
        let catalogue = &self.catalogue;
        let Some(newest) = catalogue.newest(product).filter(|newest| newest.build > build) else {
            return Vec::new();
        };
        // Of two rows for one plain CU the later one is that which the vendor offers.
        let plain = catalogue.on_cu(newest.build).iter().rfind(|known| known.kind == Kind::Plain);
        let plain = plain.filter(|plain| plain.build > build && plain.build != newest.build);
        let mut steps: Vec<Step> =
            plain.into_iter().map(|plain| self.install(StepKind::CumulativeUpdate, plain, build)).collect();
        let kind = match steps.last() {
            Some(_) => StepKind::UpdateAfterCumulative,
            None if newest.kind == Kind::Plain => StepKind::CumulativeUpdate,
            None => StepKind::Update,
        };
        let from = steps.last().and_then(|step| step.build).unwrap_or(build);
        steps.push(self.install(kind, newest, from));
        steps
    }

    /// Installs `known` where `from` runs.
    fn install(&self, kind: StepKind, known: &KnownBuild, from: Build) -> Step {
        let product = &self.catalogue.products[known.product];
        let released = known.date.map(|day| format!(" of {}", table::day_words(day))).unwrap_or_default();
        let mut text = format!("Install {} for {}{released}", known.display, product.name);
        let without_programme = self.without_programme(known, from);
        if let Some(without) = &without_programme {
            text.push_str(&programme_words(product.assessed_until.map(table::day_words), without));
        }
        Step {
            kind,
            text,
            build: Some(known.build),
            update: Some(known.display.clone()),
            kb: known.kb.clone(),
            without_programme,
        }
    }

    /// What is left to those without the extended update programme, where an update came after the end of support.
    fn without_programme(&self, known: &KnownBuild, from: Build) -> Option<WithoutProgramme> {
        let product = &self.catalogue.products[known.product];
        let end = product.support_end?;
        if known.kind != Kind::Update || known.date.is_none_or(|day| day <= end) {
            return None;
        }
        // 2010 got its last rollups after the end of support for everybody; there was no programme.
        product.assessed_until.filter(|until| *until > end)?;
        let public = |earlier: &&KnownBuild| earlier.date.is_some_and(|day| day <= end);
        let last = self.catalogue.on_cu(known.build).iter().rfind(public).filter(|last| last.build > from);
        let stays = last.map_or(from, |last| last.build);
        let (mut leaves_exploited, mut leaves_open) = (Vec::new(), 0);
        for hole in self.holes() {
            let open = |build| self.state(&hole.id, build).state == FixState::Open;
            match open(stays) && !open(known.build) {
                true if hole.exploited_listed.is_some() => leaves_exploited.push(hole.id.clone()),
                open => leaves_open += u64::from(open),
            }
        }
        let last = last.map(|last| Update { build: last.build, update: last.display.clone(), kb: last.kb.clone() });
        Some(WithoutProgramme { last, leaves_exploited, leaves_open })
    }
}

fn find_out(build: Build) -> Step {
    let text = if (build.major, build.minor) == (15, 20) {
        format!("Nothing to install: {build} is Exchange Online, which Microsoft updates")
    } else {
        format!("Find out which product runs: {build} is no known build of Exchange Server")
    };
    unclear(text)
}

/// Between the last build of 2019 and the first of Subscription Edition.
fn of_no_list(build: Build) -> Step {
    unclear(format!("Find out whether Exchange Server 2019 or Subscription Edition runs: {build} is in no list"))
}

fn unclear(text: String) -> Step {
    Step { kind: StepKind::FindOut, text, build: None, update: None, kb: None, without_programme: None }
}

/// `; it is only for customers of … without it the last one is …, which leaves …`.
fn programme_words(until: Option<String>, without: &WithoutProgramme) -> String {
    let ended =
        until.filter(|until| until.as_str() < crate::STATE_DATE).map(|until| format!(", which ended on {until}"));
    let mut words =
        format!("; it is only for customers of the extended update programme{}: ", ended.unwrap_or_default());
    match &without.last {
        Some(last) => words.push_str(&format!("without it the last one is {} ({})", last.update, last.build)),
        None => words.push_str("without it there is nothing newer than what runs"),
    }
    let exploited = without.leaves_exploited.join(", ");
    match (without.leaves_exploited.len(), without.leaves_open) {
        (0, 0) => {}
        (0, 1) => words.push_str(", which leaves 1 hole open"),
        (0, others) => words.push_str(&format!(", which leaves {others} holes open")),
        (_, 0) => words.push_str(&format!(", which leaves {exploited} open, known to be exploited")),
        (_, 1) => words.push_str(&format!(", which leaves {exploited} open, known to be exploited, and 1 other")),
        (_, others) => {
            words.push_str(&format!(", which leaves {exploited} open, known to be exploited, and {others} others"));
        }
    }
    words
}

fn leave_unsupported(catalogue: &Catalogue, product: usize) -> Option<Step> {
    let product = &catalogue.products[product];
    let end = product.support_end?;
    let edition = catalogue.subscription_edition().and_then(|edition| catalogue.newest(edition))?;
    Some(Step {
        kind: StepKind::Move,
        text: format!(
            "Move to {}: support of {} ended on {} ({})",
            catalogue.products[edition.product].name,
            product.name,
            table::day_words(end),
            product.way_out
        ),
        build: Some(edition.build),
        update: Some(edition.display.clone()),
        kb: edition.kb.clone(),
        without_programme: None,
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
        assert!(
            steps[0].text.contains("which leaves CVE-2026-42897 open, known to be exploited, and"),
            "{}",
            steps[0].text
        );
        let old = Knowledge::shipped().update_that_fits("14.3.123.4".parse().expect("a build"));
        assert!(!old[0].text.contains("programme"), "{}", old[0].text);
    }

    #[test]
    fn names_no_update_that_is_older_than_what_runs() {
        let steps = Knowledge::shipped().update_that_fits("15.1.2507.66".parse().expect("a build"));
        assert!(steps[0].text.contains("without it there is nothing newer than what runs"), "{}", steps[0].text);
        assert!(!steps[0].text.contains("15.1.2507.61"), "{}", steps[0].text);
        let after_cu = Knowledge::shipped().update_that_fits("15.1.2106.2".parse().expect("a build"));
        assert!(after_cu[1].text.contains("without it the last one is CU23 Oct25SU"), "{}", after_cu[1].text);
    }

    #[test]
    fn what_is_no_known_product_is_to_be_found_out() {
        assert!(way("15.20.4200.1")[0].starts_with("Nothing to install"));
        assert!(
            way("15.2.2000.1")[0].starts_with("Find out whether Exchange Server 2019 or Subscription Edition runs")
        );
    }
}
