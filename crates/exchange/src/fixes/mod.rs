//! Which hole a build has. Data: `knowledge/cves.csv`, `knowledge/conditions.csv`, `knowledge/mar21-exceptions.csv`.
//!
//! "Fixed" is said only where the data proves it. A build that proves nothing, such as the updates of March 2021 for
//! old CUs, which do not contain the earlier ones, is undetermined.

use std::collections::BTreeMap;

use model::{Build, Utc};

use crate::builds::{Catalogue, Kind};
use crate::{Knowledge, table};

/// Whether a build has a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FixState {
    /// It has.
    Open,
    /// The code is fixed, but something else has to be done that no build number shows.
    Partly,
    /// The build number does not say.
    Undetermined,
    /// It is fixed.
    Fixed,
    /// The product never had it.
    NotAffected,
}

/// A state and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state.
    pub state: FixState,
    /// One sentence without full stop.
    pub reason: String,
    /// The update that fixed or would fix it: on this CU if there is one, else on the next CU that has one.
    pub fixed_by: Option<Fix>,
}

/// The first update with a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Its build.
    pub build: Build,
    /// `CU18 Mar21SU`.
    pub update: String,
    /// `KB5000871`.
    pub kb: Option<String>,
}

/// A CVE or advisory with its judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// `CVE-2021-26855`.
    pub cve: String,
    /// What is said of it.
    pub judgement: Judgement,
}

/// What is known of a CVE or advisory itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// `CVE-2021-26855`, `ADV24199947`.
    pub id: String,
    /// `ProxyLogon (SSRF)`, where it has one.
    pub nickname: Option<String>,
    /// Day on which CISA listed it as exploited.
    pub exploited_listed: Option<Utc>,
    rules: Vec<Rule>,
}

impl Knowledge {
    /// Whether a build has a hole. `cve` in any case.
    #[must_use]
    pub fn state(&self, cve: &str, build: Build) -> Judgement {
        let cve = cve.to_ascii_uppercase();
        let Some(hole) = self.holes.by_id.get(&cve) else {
            let reason = match self.holes.exception(&self.catalogue, &cve, build) {
                Some(exception) => exception.reason(),
                None => format!("{cve} is not in the list of known holes ({})", crate::STATE_DATE),
            };
            return Judgement { state: FixState::Undetermined, reason, fixed_by: None };
        };
        let case = Case { knowledge: self, hole, build };
        match self.holes.exception(&self.catalogue, &cve, build) {
            Some(exception) => case.undetermined(exception.reason()),
            None => case.judge(),
        }
    }

    /// Those of the holes that are not known to be closed in this build: open, partly closed and undetermined, in the
    /// order asked.
    #[must_use]
    pub fn open_cves(&self, build: Build, cves: &[&str]) -> Vec<Judged> {
        cves.iter()
            .map(|cve| Judged { cve: cve.to_ascii_uppercase(), judgement: self.state(cve, build) })
            .filter(|judged| !matches!(judged.judgement.state, FixState::Fixed | FixState::NotAffected))
            .collect()
    }

    /// What is known of a CVE or advisory itself. In any case.
    #[must_use]
    pub fn hole(&self, cve: &str) -> Option<&Hole> {
        self.holes.by_id.get(&cve.to_ascii_uppercase())
    }

    /// Whether anything is known of a hole, by id in any case.
    #[must_use]
    pub fn is_listed(&self, cve: &str) -> bool {
        let is_it = |known: &String| known.eq_ignore_ascii_case(cve);
        self.hole(cve).is_some() || self.holes.exceptions.iter().any(|exception| exception.cves.iter().any(is_it))
    }

    /// What else has to hold for a hole to be closed, where the data ties something to this build.
    pub(crate) fn condition(&self, cve: &str, build: Build) -> Option<&Condition> {
        let case = Case { knowledge: self, hole: self.holes.by_id.get(cve)?, build };
        match case.rule().or_else(|| case.rule_of_lower_cu().map(|(_, rule)| rule)) {
            Some(rule) => rule.condition.as_ref(),
            None => case.inherited(),
        }
    }

    /// Holes that the March 2021 update for this old CU does not prove closed.
    pub(crate) fn not_proven(&self, build: Build) -> impl Iterator<Item = &str> {
        let on_cu = self.catalogue.on_cu(build);
        let of_build = move |exception: &&Exception| {
            build >= exception.build && on_cu.iter().any(|known| known.build == exception.build)
        };
        self.holes.exceptions.iter().filter(of_build).flat_map(|exception| exception.cves.iter().map(String::as_str))
    }

    /// All CVEs and advisories, by id.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.holes.by_id.values()
    }
}

/// How a hole is closed on some levels of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// By an update on the CU.
    Update,
    /// The CU itself contains it, and so do all later ones.
    Cumulative,
    /// No build closes it; from this build on a condition can.
    Mitigation,
    /// Not on these levels.
    None,
    /// By an update of Windows.
    Windows,
    /// These levels never had it.
    NotAffected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    product: usize,
    /// Indexes into the levels of the product.
    levels: Vec<usize>,
    how: How,
    build: Option<Build>,
    kb: Option<String>,
    condition: Option<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConditionKind {
    /// Has to be done by somebody.
    Required,
    /// Holds unless somebody switched it off.
    Override,
    /// Nothing to do; worth knowing.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `extended-protection`.
    pub name: String,
    pub kind: ConditionKind,
    /// Builds that came out from this day on meet it unless somebody switched it off.
    met_since: Option<Utc>,
    pub text: String,
}

/// An update of March 2021 for an old CU, and holes that it does not prove closed.
struct Exception {
    build: Build,
    needed_kb: String,
    cves: Vec<String>,
}

impl Exception {
    fn reason(&self) -> String {
        format!(
            "the March 2021 update for this CU ({}) does not contain the earlier ones: {} is needed as well, and the \
             build number does not show whether it was installed",
            self.build, self.needed_kb
        )
    }
}

/// All holes by id, and the exceptions of March 2021.
pub(crate) struct Holes {
    by_id: BTreeMap<String, Hole>,
    exceptions: Vec<Exception>,
}

impl Holes {
    pub(crate) fn shipped(catalogue: &Catalogue) -> Self {
        let conditions: BTreeMap<String, Condition> = table::rows(include_str!("../../../../knowledge/conditions.csv"))
            .map(|row| {
                let kind = match &row[1] {
                    "required" => ConditionKind::Required,
                    "override" => ConditionKind::Override,
                    _ => ConditionKind::Note,
                };
                let name = row[0].to_owned();
                (name.clone(), Condition { name, kind, met_since: table::day(&row[2]), text: row[3].to_owned() })
            })
            .collect();
        let mut by_id = BTreeMap::new();
        for row in table::rows(include_str!("../../../../knowledge/cves.csv")) {
            let hole = by_id.entry(row[0].to_owned()).or_insert_with(|| Hole {
                id: row[0].to_owned(),
                nickname: (!row[1].is_empty()).then(|| row[1].to_owned()),
                exploited_listed: table::day(&row[3]),
                rules: Vec::new(),
            });
            hole.rules.push(Rule::read(&row, catalogue, &conditions));
        }
        let exceptions = table::rows(include_str!("../../../../knowledge/mar21-exceptions.csv"))
            .map(|row| Exception {
                build: table::build(&row[2]).expect("every exception names its build"),
                needed_kb: row[3].to_owned(),
                cves: row[4].split(' ').map(str::to_owned).collect(),
            })
            .collect();
        Self { by_id, exceptions }
    }

    /// The exception that keeps a build of an old CU from proving that a hole is closed.
    fn exception(&self, catalogue: &Catalogue, cve: &str, build: Build) -> Option<&Exception> {
        let same_cu = |exception: &Exception| catalogue.on_cu(build).iter().any(|known| known.build == exception.build);
        self.exceptions.iter().find(|exception| {
            build >= exception.build && exception.cves.iter().any(|listed| listed == cve) && same_cu(exception)
        })
    }
}

impl Rule {
    fn read(row: &csv::StringRecord, catalogue: &Catalogue, conditions: &BTreeMap<String, Condition>) -> Self {
        let product = catalogue.products.iter().position(|product| product.name == row[4]).expect("a known product");
        let condition = |name: &str| conditions.get(name).expect("conditions.csv has it").clone();
        Self {
            product,
            levels: levels(&row[5], &catalogue.products[product].levels),
            how: match &row[6] {
                "update" => How::Update,
                "cumulative" => How::Cumulative,
                "mitigation" => How::Mitigation,
                "windows" => How::Windows,
                "not-affected" => How::NotAffected,
                _ => How::None,
            },
            build: table::build(&row[7]),
            kb: (!row[9].is_empty()).then(|| row[9].to_owned()),
            condition: (!row[10].is_empty()).then(|| condition(&row[10])),
        }
    }

    /// Whether an update closes the hole by itself.
    fn closes(&self) -> bool {
        matches!(self.how, How::Update | How::Cumulative)
    }
}

/// `any`, `CU16+`, `RTM-CU3 CU5-CU20`, `CU14`: indexes of the levels meant.
fn levels(cell: &str, all: &[String]) -> Vec<usize> {
    let index = |name: &str| all.iter().position(|level| level == name).expect("builds.csv has the level");
    let mut found = Vec::new();
    for part in cell.split(' ') {
        if part == "any" {
            found.extend(0..all.len());
        } else if let Some(first) = part.strip_suffix('+') {
            found.extend(index(first)..all.len());
        } else if let Some((first, last)) = part.split_once('-') {
            found.extend(index(first)..=index(last));
        } else {
            found.push(index(part));
        }
    }
    found
}

/// One question: has this build this hole?
struct Case<'k> {
    knowledge: &'k Knowledge,
    hole: &'k Hole,
    build: Build,
}

impl<'k> Case<'k> {
    /// The row that speaks of the CU of this build.
    fn rule(&self) -> Option<&'k Rule> {
        let first = self.catalogue().on_cu(self.build).first()?;
        let level = self.level()?;
        self.hole.rules.iter().find(|rule| rule.product == first.product && rule.levels.contains(&level))
    }

    /// A revision below the plain build of the CU names no update; the level is that of the plain build.
    fn level(&self) -> Option<usize> {
        let on_cu = self.catalogue().on_cu(self.build);
        let plain = || on_cu.iter().find(|known| known.kind == Kind::Plain);
        self.catalogue().at_or_below(self.build).or_else(plain).or(on_cu.first()).map(|known| known.level)
    }

    fn judge(&self) -> Judgement {
        let catalogue = self.catalogue();
        let (Some(first), Some(level)) = (catalogue.on_cu(self.build).first(), self.level()) else {
            return self.judge_unknown_cu();
        };
        let known = catalogue.at_or_below(self.build);
        if known.is_some_and(|known| known.kind == Kind::Preview) {
            return self.undetermined("it is a preview, about which nothing was published".to_owned());
        }
        match self.rule() {
            Some(rule) => self.judge_by_rule(rule, known.is_none()),
            None => self.judge_without_rule(first.product, level),
        }
    }

    fn judge_by_rule(&self, rule: &Rule, below_all: bool) -> Judgement {
        let level = self.knowledge.release(self.build).level;
        match (rule.how, rule.build) {
            (How::NotAffected, _) => self.not_affected(),
            (How::Windows, _) => self.undetermined(with(&rule.condition, "the Exchange build does not decide this")),
            (How::Update | How::Cumulative, Some(fixed)) if self.build >= fixed => self.fixed(rule, fixed),
            (How::Cumulative, Some(fixed)) if below_all => self.fixed(rule, fixed),
            (How::Mitigation, Some(fixed)) if self.build >= fixed => Judgement {
                state: FixState::Partly,
                reason: with(&rule.condition, &format!("no update closes it on {level}")),
                fixed_by: self.next_fix(rule.product),
            },
            (How::Update, Some(_)) if below_all => {
                self.undetermined(format!("{} names {level}, but no update of it", self.build))
            }
            (How::Update | How::Cumulative, Some(fixed)) if self.same_name(fixed) => self.undetermined(format!(
                "sources disagree whether the first fixed build of {} is {} or {fixed}",
                self.update_name(fixed),
                self.build
            )),
            (How::Update | How::Cumulative, Some(fixed)) => Judgement {
                state: FixState::Open,
                reason: noted(&rule.condition, &format!("{level} is open before {}", self.words(fixed))),
                fixed_by: Some(self.fix(rule, fixed)),
            },
            _ => self.open_without_fix(rule.product, level),
        }
    }

    fn open_without_fix(&self, product: usize, level: &str) -> Judgement {
        let fixed_by = self.next_fix(product);
        let reason = match &fixed_by {
            Some(fix) => format!("there is no update for {level}; the next one that closes it is {}", words(fix)),
            None => format!("no update closes it on {level} or any later CU"),
        };
        Judgement { state: FixState::Open, reason, fixed_by }
    }

    fn fixed(&self, rule: &Rule, fixed: Build) -> Judgement {
        let reason = match rule.how {
            How::Cumulative => format!("contained since {}", self.words(fixed)),
            _ => format!("closed by {}", self.words(fixed)),
        };
        let (state, reason) = self.unless_unmet(rule.condition.as_ref(), reason);
        Judgement { state, reason, fixed_by: Some(self.fix(rule, fixed)) }
    }

    /// The code is fixed; whether the hole is closed depends on what else has to hold.
    fn unless_unmet(&self, condition: Option<&Condition>, reason: String) -> (FixState, String) {
        let met = |condition: &Condition| {
            let known = self.catalogue().at_or_below(self.build).and_then(|known| known.date);
            let released = known.or_else(|| self.newer_than_product());
            condition.met_since.zip(released).is_some_and(|(since, released)| released >= since)
        };
        match condition {
            Some(condition) if condition.kind == ConditionKind::Required && !met(condition) => {
                (FixState::Partly, format!("{reason}, but {}", condition.text))
            }
            Some(condition) => (FixState::Fixed, format!("{reason}; {}", condition.text)),
            None => (FixState::Fixed, reason),
        }
    }

    /// Of a CU that is not in the list: the lower CU that contains the fix.
    fn rule_of_lower_cu(&self) -> Option<(Build, &'k Rule)> {
        let (catalogue, build) = (self.catalogue(), self.build);
        let of_line = |rule: &Rule, fixed: Build| {
            (fixed.major, fixed.minor) == (build.major, build.minor) && rule.how == How::Cumulative && fixed <= build
        };
        let mut rules = self.hole.rules.iter().filter(|_| catalogue.on_cu(build).is_empty());
        rules.find_map(|rule| rule.build.filter(|fixed| of_line(rule, *fixed)).zip(Some(rule)))
    }

    /// The CU is not in the list. Only a CU that contains the fix, and is lower, proves anything.
    fn judge_unknown_cu(&self) -> Judgement {
        if let Some((fixed, rule)) = self.rule_of_lower_cu() {
            return self.fixed(rule, fixed);
        }
        let catalogue = self.catalogue();
        let is_named = |product: usize| self.hole.rules.iter().any(|rule| rule.product == product);
        let continues = |product: usize| Some(product) == catalogue.subscription_edition() && is_named(product - 1);
        match catalogue.product_of(self.build) {
            Some(product) if !is_named(product) && !continues(product) => self.judge_unlisted_product(product),
            _ => self.undetermined(format!(
                "{} stands on a CU that is not in the list of builds ({})",
                self.build,
                crate::STATE_DATE
            )),
        }
    }

    /// The level is known, but nothing is published about it.
    fn judge_without_rule(&self, product: usize, level: usize) -> Judgement {
        let level_name = &self.catalogue().products[product].levels[level];
        let product_name = &self.catalogue().products[product].name;
        let of_product = || self.hole.rules.iter().filter(|rule| rule.product == product);
        if of_product().next().is_some() {
            let newest_listed = of_product().flat_map(|rule| &rule.levels).max();
            return match self.last_fix_day(of_product()) {
                Some(day) if newest_listed < Some(&level) && self.stands_on_cu_of(day) => {
                    self.fixed_by_lineage(format!("{level_name} came out after the fix of {}", table::day_words(day)))
                }
                _ => self.undetermined(format!("nothing is published about {product_name} {level_name}")),
            };
        }
        if Some(product) == self.catalogue().subscription_edition() {
            // products.csv lists the products in order, so its predecessor is the one before.
            let of_line = || self.hole.rules.iter().filter(|rule| rule.product + 1 == product);
            if of_line().next().is_some() {
                return match self.last_fix_day(of_line()) {
                    Some(day) if self.stands_on_cu_of(day) => self.fixed_by_lineage(format!(
                        "{product_name} continues Exchange Server 2019, which was fixed by {}",
                        table::day_words(day)
                    )),
                    _ => self.undetermined(format!("nothing is published about {product_name}")),
                };
            }
        }
        self.judge_unlisted_product(product)
    }

    fn judge_unlisted_product(&self, product: usize) -> Judgement {
        let product = &self.catalogue().products[product];
        let first_fix = self.hole.rules.iter().filter(|rule| rule.closes()).filter_map(|rule| self.day_of(rule)).min();
        match (first_fix, product.assessed_until) {
            (Some(fix), Some(end)) if fix > end => self.undetermined(format!(
                "{} was out of support since {} and is no longer assessed",
                product.name,
                table::day_words(end)
            )),
            (None, _) => self.undetermined(format!("nothing is published about {}", product.name)),
            (Some(_), _) => self.not_affected(),
        }
    }

    fn fixed_by_lineage(&self, reason: String) -> Judgement {
        let (state, reason) = self.unless_unmet(self.inherited(), reason);
        Judgement { state, reason, fixed_by: None }
    }

    /// What else has to hold where no row speaks of the CU: the same as for the newest CU that has a row, for
    /// Subscription Edition that of its predecessor. A newer CU brings the code and not what somebody has to do.
    fn inherited(&self) -> Option<&'k Condition> {
        let product = self.catalogue().on_cu(self.build).first()?.product;
        let of = |product: usize| self.hole.rules.iter().filter(move |rule| rule.product == product);
        let continues = Some(product) == self.catalogue().subscription_edition() && of(product).next().is_none();
        let rules = of(if continues { product - 1 } else { product });
        let newest = rules.filter(|rule| rule.closes()).max_by_key(|rule| rule.levels.iter().max());
        newest?.condition.as_ref().filter(|condition| condition.kind != ConditionKind::Note)
    }

    fn not_affected(&self) -> Judgement {
        let product = self.knowledge.release(self.build).product;
        let reason = format!("{product} is not among the products that have it");
        Judgement { state: FixState::NotAffected, reason, fixed_by: None }
    }

    fn undetermined(&self, reason: String) -> Judgement {
        let product = self.catalogue().product_of(self.build);
        let fixed_by = product.and_then(|product| self.next_fix(product));
        Judgement { state: FixState::Undetermined, reason, fixed_by }
    }

    /// The first update of the product above this build that closes the hole.
    fn next_fix(&self, product: usize) -> Option<Fix> {
        let closes = |rule: &&Rule| rule.product == product && rule.closes();
        let above = |rule: &&Rule| rule.build.is_some_and(|fixed| fixed > self.build);
        let rule = self.hole.rules.iter().filter(closes).filter(above).min_by_key(|rule| rule.build)?;
        Some(self.fix(rule, rule.build?))
    }

    fn fix(&self, rule: &Rule, fixed: Build) -> Fix {
        Fix { build: fixed, update: self.update_name(fixed), kb: rule.kb.clone() }
    }

    /// Whether this build and the first fixed one carry the same name, because sources name different builds.
    fn same_name(&self, fixed: Build) -> bool {
        self.catalogue().at_or_below(self.build).is_some_and(|known| known.display == self.update_name(fixed))
    }

    fn update_name(&self, build: Build) -> String {
        self.knowledge.release(build).update.to_owned()
    }

    fn words(&self, build: Build) -> String {
        format!("{} ({build})", self.update_name(build))
    }

    /// A CU above all known ones of its product came out no earlier than the newest of those.
    fn newer_than_product(&self) -> Option<Utc> {
        let newest = self.catalogue().newest(self.catalogue().product_of(self.build)?)?;
        self.knowledge.cu_released(newest.build).filter(|_| newest.build < self.build)
    }

    /// Whether the CU of this build came out on that day or later.
    fn stands_on_cu_of(&self, day: Utc) -> bool {
        self.knowledge.cu_released(self.build).is_some_and(|released| released >= day)
    }

    fn last_fix_day<'r>(&self, rules: impl Iterator<Item = &'r Rule>) -> Option<Utc> {
        rules.filter(|rule| rule.how == How::Update).filter_map(|rule| self.day_of(rule)).max()
    }

    fn day_of(&self, rule: &Rule) -> Option<Utc> {
        self.knowledge.release(rule.build?).date
    }

    fn catalogue(&self) -> &'k Catalogue {
        &self.knowledge.catalogue
    }
}

/// `CU19 Mar21SU (15.1.2176.9)`.
fn words(fix: &Fix) -> String {
    format!("{} ({})", fix.update, fix.build)
}

/// A reason and what remains to be done.
fn with(condition: &Option<Condition>, reason: &str) -> String {
    condition.as_ref().map_or_else(|| reason.to_owned(), |condition| format!("{reason}: {}", condition.text))
}

/// A reason and what is worth knowing beside it.
fn noted(condition: &Option<Condition>, reason: &str) -> String {
    match condition {
        Some(condition) if condition.kind == ConditionKind::Note => format!("{reason}; {}", condition.text),
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
