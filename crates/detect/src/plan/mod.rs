//! All rules of all packs as one plan: which records can concern which rules, and whether they fit.
//!
//! A record is only ever tested against rules of its log source, and of those only against the ones whose required
//! literals occur in it. Order of packs and of files in them does not matter.

mod configuration;
mod events;
mod files;
mod filter;
mod filters;
mod foreign;
mod indicators;
mod members;
mod patterns;
mod routes;
mod rows;
pub mod scanner;
mod sets;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::assessment::PackIdentity;
use model::campaign::{Campaign, Proves, RuleFacts, Stage};
use model::{Family, Utc, WindowsEvent};

use self::events::EventPlan;
use self::files::FilePlan;
use self::filters::Filters;
use self::foreign::Shape;
use self::routes::{Route, Scope};
use crate::pack::{Indicator, IndicatorKind, Pack, PackFiles, Refusal, RuleSet, Syntax, WrittenRule};
use crate::sigma::correlation::{Correlation, Correlations, Correlator, Known};
use crate::sigma::{Detection, FieldId, FieldNames, Reason};
use crate::yara::{self, Yara, YaraAccount, YaraFile, YaraHit, YaraSet};

pub use self::files::FileFields;
pub use self::indicators::Indicators;
pub use self::rows::{Binding, CellSearch, RowPlan};
pub use self::sets::{Outcome, RuleAccount};
pub use crate::sigma::RuleIndex;

/// Everything that is looked for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    facts: Vec<RuleFacts>,
    rules: Arc<[Rule]>,
    names: Arc<FieldNames>,
    campaigns: Vec<Campaign>,
    packs: Vec<PackIdentity>,
    rows: BTreeMap<Family, RowPlan>,
    events: EventPlan,
    files: FilePlan,
    configuration: FilePlan,
    registry: FilePlan,
    correlations: Arc<Correlations>,
    indicators: Indicators,
    yara: Option<Yara>,
}

/// A rule of the plan. Correlations and indicators have no test of their own.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// The field whose value a hit is about; of a correlation, the field of the hits that it joins.
    pub subject_field: Option<FieldId>,
    pub(crate) detection: Option<Detection>,
    /// Fields of its records that correlations ask for; `None` where none asks for the rule.
    pub(crate) noted: Option<Vec<FieldId>>,
    /// Hits before and after are none: an indicator of 2021 says nothing in 2024.
    pub(crate) between: (Option<Utc>, Option<Utc>),
}

impl Rule {
    /// Whether a hit of that time counts.
    #[must_use]
    pub fn holds_at(&self, time: Option<Utc>) -> bool {
        let (from, until) = self.between;
        let Some(time) = time else { return true };
        from.is_none_or(|from| from <= time) && until.is_none_or(|until| time <= until)
    }
}

/// How a rule meets records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Every record that fits contains one of its literals.
    ByLiteral,
    /// It is tried on every event of the ids that it names, and on no other.
    EveryEventOfItsIds,
    /// It is tried on every record of its log source.
    EveryRecord,
}

/// Sees every test of a rule on a record: how often, how long. The clock is the caller's.
pub trait Meter {
    /// Runs the test and returns its outcome.
    fn measure(&mut self, rule: RuleIndex, test: impl FnOnce() -> bool) -> bool;
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmeasured;

impl Meter for Unmeasured {
    fn measure(&mut self, _: RuleIndex, test: impl FnOnce() -> bool) -> bool {
        test()
    }
}

/// A plan, and what did not make it into the plan.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// What runs.
    pub plan: Plan,
    /// What does not, by name.
    pub refusals: Vec<Refusal>,
    /// What became of every document of the rule sets, by set and path.
    pub accounts: Vec<RuleAccount>,
    /// What became of every rule of the YARA sets, by set and path.
    pub yara: Vec<YaraAccount>,
}

impl Plan {
    /// Compiles packs. What cannot be used exactly is refused by name, the rest runs.
    #[must_use]
    pub fn compile(packs: &[PackFiles]) -> Compiled {
        Self::compile_all(packs, &[])
    }

    /// Compiles packs and rule sets of others. Rules of sets prove nothing, whatever their tags say; of several rules
    /// with one id that of a pack counts, then that of the first set, then the first by path.
    #[must_use]
    pub fn compile_all(packs: &[PackFiles], sets: &[RuleSet]) -> Compiled {
        Self::compile_with_yara(packs, sets, &[])
    }

    /// Like [`Plan::compile_all`], with YARA sets of others. Their rules prove nothing either.
    #[must_use]
    pub fn compile_with_yara(packs: &[PackFiles], sets: &[RuleSet], yara: &[YaraSet]) -> Compiled {
        let mut compiler = Compiler::default();
        let mut sorted: Vec<&PackFiles> = packs.iter().collect();
        sorted.sort_by(|first, second| first.id.cmp(&second.id));
        let mut read = Vec::new();
        for (at, files) in sorted.iter().enumerate() {
            if at > 0 && sorted[at - 1].id == files.id {
                compiler.refuse(&files.id, &Reason::Pack("there are two packs of this name".into()));
                continue;
            }
            let (pack, refusals) = Pack::read(files);
            compiler.refusals.extend(refusals);
            compiler.filters.read(files, &mut compiler.names, &mut compiler.refusals);
            read.extend(pack);
        }
        compiler.compile(read, sets, yara)
    }

    /// Facts of all rules, by [`RuleIndex`]: detections, then correlations, then one rule for each kind of indicator
    /// of each pack.
    #[must_use]
    pub fn rules(&self) -> &[RuleFacts] {
        &self.facts
    }

    /// The campaigns of the packs.
    #[must_use]
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// All packs, those without a campaign too, and behind them the rule sets of others.
    #[must_use]
    pub fn packs(&self) -> &[PackIdentity] {
        &self.packs
    }

    /// A rule.
    ///
    /// # Panics
    /// When the number is of another plan.
    #[must_use]
    pub fn rule(&self, rule: RuleIndex) -> &Rule {
        &self.rules[rule.at()]
    }

    /// The names of all fields.
    #[must_use]
    pub fn fields(&self) -> &FieldNames {
        &self.names
    }

    /// The rules over rows of a family, if there are any.
    #[must_use]
    pub fn rows(&self, family: &Family) -> Option<&RowPlan> {
        self.rows.get(family)
    }

    /// Reports the rules that a Windows event fits, in the order of their numbers.
    pub fn events(&self, event: &WindowsEvent<'_>, fits: &mut impl FnMut(RuleIndex)) {
        self.events.test(event, &mut Unmeasured, fits);
    }

    /// Like [`Plan::events`], and shows every test to a meter.
    pub fn events_measured(&self, event: &WindowsEvent<'_>, meter: &mut impl Meter, fits: &mut impl FnMut(RuleIndex)) {
        self.events.test(event, meter, fits);
    }

    /// Whether some rule looks at Windows events of this kind at all. If none does, their data need not be read.
    #[must_use]
    pub fn looks_at(&self, channel: &str, provider: &str, event_id: u32) -> bool {
        self.events.looks_at(channel, provider, event_id)
    }

    /// The value of a field of an event, as a rule that fits it sees it.
    #[must_use]
    pub fn event_value<'a>(
        &self,
        rule: RuleIndex,
        field: FieldId,
        event: &'a WindowsEvent<'_>,
    ) -> Option<Cow<'a, [u8]>> {
        self.events.value(rule, field, event)
    }

    /// Reports the rules that a file fits, in the order of their numbers.
    pub fn file(&self, file: &FileFields<'_>, fits: &mut impl FnMut(RuleIndex)) {
        self.files.test(file, fits);
    }

    /// Reports the rules that an element of a configuration file fits, in the order of their numbers.
    pub fn configuration(&self, element: &FileFields<'_>, fits: &mut impl FnMut(RuleIndex)) {
        self.configuration.test(&configuration::judged(element), fits);
    }

    /// Reports the rules that a value of a registry hive fits, in the order of their numbers.
    pub fn registry(&self, value: &FileFields<'_>, fits: &mut impl FnMut(RuleIndex)) {
        self.registry.test(value, fits);
    }

    /// How much of a file has to be shown to [`Plan::yara`], in bytes: nothing where there are no YARA rules, and more where
    /// there are rules of others, which look for programs too.
    #[must_use]
    pub fn yara_bytes_max(&self) -> usize {
        self.yara.as_ref().map_or(0, Yara::bytes_max)
    }

    /// Reports the YARA rules that a file fits. `false`: they took too long, and not all were tried.
    pub fn yara(&self, file: &YaraFile<'_>, fits: &mut dyn FnMut(YaraHit)) -> bool {
        self.yara.as_ref().is_none_or(|yara| yara.scan(file, fits))
    }

    /// Whether rules of others were shown only the beginning of a file.
    #[must_use]
    pub fn yara_is_cut(&self, size: u64, seen: usize) -> bool {
        self.yara.as_ref().is_some_and(|yara| yara.is_cut(size, seen))
    }

    /// The value of a field of a file.
    #[must_use]
    pub fn file_value<'a>(&self, field: FieldId, file: &'a FileFields<'_>) -> Option<&'a [u8]> {
        file.field(self.names.name(field))
    }

    /// How a rule meets records: by a string that they must contain, or by trying each of them. `None` for correlations
    /// and indicators, which are no tests of records.
    #[must_use]
    pub fn search(&self, rule: RuleIndex) -> Option<Search> {
        let detection = self.rules.get(rule.at())?.detection.as_ref()?;
        let of_rows = self.rows.values().filter(|rows| rows.rules().contains(&rule));
        let is_tried = of_rows.clone().any(|rows| rows.unfiltered().contains(&rule))
            || self.events.is_unfiltered(rule)
            || self.files.is_unfiltered(rule)
            || self.configuration.is_unfiltered(rule)
            || self.registry.is_unfiltered(rule);
        if !is_tried {
            return Some(Search::ByLiteral);
        }
        let event_ids = self.names.find("EventID").and_then(|field| detection.required_integers(field));
        let is_bound = self.events.is_unfiltered(rule) && (event_ids.is_some() || self.events.is_of_some_ids(rule));
        Some(if is_bound { Search::EveryEventOfItsIds } else { Search::EveryRecord })
    }

    /// What a rule tests, in one spelling: two rules of the same log source with the same text hit the same records.
    /// `None` for indicators.
    #[must_use]
    pub fn logic(&self, rule: RuleIndex) -> Option<String> {
        let detection = self.rules.get(rule.at())?.detection.as_ref();
        detection.map(Detection::logic).or_else(|| self.correlations.find(rule).map(Correlation::logic))
    }

    /// The names of the fields that a rule looks at; keywords look at none.
    #[must_use]
    pub fn fields_of(&self, rule: RuleIndex) -> Vec<&str> {
        let detection = self.rules.get(rule.at()).and_then(|rule| rule.detection.as_ref());
        let fields = detection.map(Detection::fields).unwrap_or_default();
        fields.into_iter().map(|field| self.names.name(field)).collect()
    }

    /// The indicators of all packs.
    #[must_use]
    pub fn indicators(&self) -> &Indicators {
        &self.indicators
    }

    /// Takes hits, and tells which of them belong together.
    #[must_use]
    pub fn correlations(&self) -> Correlator {
        Correlator::new(&self.correlations)
    }

    /// Whether a rule is only there to be joined: correlations name it, and none of them says `generate: true`. An
    /// assessment shows its hits all the same.
    #[must_use]
    pub fn is_only_joined(&self, rule: RuleIndex) -> bool {
        self.correlations.is_only_joined(rule)
    }
}

/// Rules by the scope of their names, which is a pack or a set, and by each of their names.
type ByName = BTreeMap<(String, String), RuleIndex>;

/// A correlation that is still to be compiled.
type Waiting<'a> = (&'a Pack, &'a WrittenRule, &'a rsigma_parser::CorrelationRule);

/// A plan in the making.
#[derive(Default)]
struct Compiler {
    facts: Vec<RuleFacts>,
    rules: Vec<Rule>,
    names: FieldNames,
    rows: BTreeMap<Family, Vec<RuleIndex>>,
    events: Vec<(RuleIndex, Vec<Scope>)>,
    files: Vec<RuleIndex>,
    configuration: Vec<RuleIndex>,
    registry: Vec<RuleIndex>,
    correlations: Correlations,
    filters: Filters,
    refusals: Vec<Refusal>,
    accounts: Vec<RuleAccount>,
    yara: Vec<YaraAccount>,
    sets: Vec<PackIdentity>,
    /// Rules by their `id` attribute, in lower case.
    uuids: BTreeMap<String, String>,
    /// Rules by pack and by each of their names.
    by_name: ByName,
    /// The rules that correlations join, by correlation.
    joined: BTreeMap<RuleIndex, Vec<RuleIndex>>,
}

impl Compiler {
    fn compile(mut self, packs: Vec<Pack>, sets: &[RuleSet], yara_sets: &[YaraSet]) -> Compiled {
        for pack in &packs {
            for rule in &pack.rules {
                let outcome = match &rule.syntax {
                    Syntax::Detection(syntax) => self.add_detection(pack, rule, syntax),
                    Syntax::Correlation(_) => Ok(()),
                };
                outcome.unwrap_or_else(|reason| self.refuse(&rule.facts.id, &reason));
            }
        }
        self.refusals.extend(self.filters.unused());
        self.add_correlations(&packs);
        self.add_sets(sets);
        let indicators = self.indicators(&packs);
        let yara = self.add_yara(&packs, yara_sets);
        self.finish(packs, indicators, yara)
    }

    fn add_yara(&mut self, packs: &[Pack], sets: &[YaraSet]) -> Option<Yara> {
        let compiled = yara::compile(packs, sets, self.next());
        self.rules.extend(compiled.facts.iter().map(|_| Rule::default()));
        self.facts.extend(compiled.facts);
        for (pack, refusal) in compiled.refused {
            let line = refusal.line.map(|line| format!(":{line}")).unwrap_or_default();
            self.refuse(&format!("{pack}/{}{line}", refusal.file), &Reason::Pack(refusal.reason));
        }
        self.sets.extend(sets.iter().map(YaraSet::identity));
        self.yara = compiled.accounts;
        compiled.yara
    }

    fn add_detection(
        &mut self,
        pack: &Pack,
        rule: &WrittenRule,
        syntax: &rsigma_parser::SigmaRule,
    ) -> Result<(), Reason> {
        self.check_names(pack, rule)?;
        let route = Route::of(&syntax.logsource)?;
        // What is marked as somebody else's means what it means there.
        let adapted = (pack.imported && route == Route::Rows(Family::Iis)).then(|| {
            let mut adapted = syntax.clone();
            foreign::adapt(&mut adapted.detection, Shape::Web).map(|()| adapted)
        });
        let adapted = adapted.transpose()?;
        let syntax = adapted.as_ref().unwrap_or(syntax);
        let detection = self.filters.compile(&pack.id, &rule.facts.id, syntax, &mut self.names)?;
        let subject_field = rule.subject.as_deref().and_then(|subject| self.names.intern(subject));
        let index = self.push(pack, rule, Rule { subject_field, detection: Some(detection), ..Rule::default() });
        self.route(index, route);
        Ok(())
    }

    fn route(&mut self, index: RuleIndex, route: Route) {
        match route {
            Route::Rows(family) => self.rows.entry(family).or_default().push(index),
            Route::Events(scopes) => self.events.push((index, scopes)),
            Route::Registry => self.registry.push(index),
            Route::EventsAndRegistry(scopes) => {
                self.events.push((index, scopes));
                self.registry.push(index);
            }
            Route::Files => self.files.push(index),
            Route::Configuration => self.configuration.push(index),
        }
    }

    /// Those that name others wait until these are there; what waits for nothing that comes is refused.
    fn add_correlations(&mut self, packs: &[Pack]) {
        let mut waiting: Vec<Waiting<'_>> = Vec::new();
        for pack in packs {
            waiting.extend(pack.rules.iter().filter_map(|rule| match &rule.syntax {
                Syntax::Correlation(syntax) => Some((pack, rule, &**syntax)),
                Syntax::Detection(_) => None,
            }));
        }
        while !waiting.is_empty() {
            let mut coming: BTreeSet<(&str, String)> = BTreeSet::new();
            for (pack, rule, _) in &waiting {
                coming.extend(names_of(pack, rule).map(|name| (pack.id.as_str(), name)));
            }
            let waits = |(pack, _, syntax): &Waiting<'_>| {
                syntax.rules.iter().any(|name| coming.contains(&(pack.id.as_str(), name.clone())))
            };
            let (still, ready): (Vec<_>, Vec<_>) = waiting.into_iter().partition(waits);
            // Those that wait for each other wait for ever.
            let (still, ready) = if ready.is_empty() { (Vec::new(), still) } else { (still, ready) };
            for (pack, rule, syntax) in ready {
                let outcome = self.add_correlation(pack, rule, syntax);
                outcome.unwrap_or_else(|reason| self.refuse(&rule.facts.id, &reason));
            }
            waiting = still;
        }
    }

    fn add_correlation(
        &mut self,
        pack: &Pack,
        rule: &WrittenRule,
        syntax: &rsigma_parser::CorrelationRule,
    ) -> Result<(), Reason> {
        self.check_names(pack, rule)?;
        self.join(syntax, &|by_name, name| by_name.get(&(pack.id.clone(), name.to_owned())).copied())?;
        let subject_field = rule.subject.as_deref().and_then(|subject| self.names.intern(subject));
        self.push(pack, rule, Rule { subject_field, ..Rule::default() });
        Ok(())
    }

    /// Compiles a correlation as the rule that is added next. `find` knows rules by the names of their pack or set.
    fn join(
        &mut self,
        syntax: &rsigma_parser::CorrelationRule,
        find: &dyn Fn(&ByName, &str) -> Option<RuleIndex>,
    ) -> Result<(), Reason> {
        let (by_name, joined, next) = (&self.by_name, &self.joined, self.next());
        let known = |name: &str| {
            let rule = find(by_name, name)?;
            Some(Known { rule, bases: joined.get(&rule).cloned().unwrap_or_else(|| vec![rule]) })
        };
        let correlation = Correlation::compile(syntax, next, &known, &mut self.names)?;
        let mut bases: Vec<RuleIndex> =
            syntax.rules.iter().filter_map(|name| known(name)).flat_map(|known| known.bases).collect();
        bases.sort_unstable();
        bases.dedup();
        self.correlations.add(correlation, &bases, syntax.generate)?;
        self.joined.insert(next, bases);
        Ok(())
    }

    /// Names have to be unique: the id over all packs, the others within the pack.
    fn check_names(&mut self, pack: &Pack, rule: &WrittenRule) -> Result<(), Reason> {
        if let Some(name) = &rule.name
            && self.by_name.contains_key(&(pack.id.clone(), name.clone()))
        {
            return Err(Reason::Pack(format!("another rule of this pack has the name `{name}`")));
        }
        match &rule.uuid {
            Some(uuid) => match self.uuids.insert(uuid.to_ascii_lowercase(), rule.facts.id.clone()) {
                Some(_) => Err(Reason::Pack(format!("another rule has the id `{uuid}`"))),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn push(&mut self, pack: &Pack, rule: &WrittenRule, compiled: Rule) -> RuleIndex {
        let index = self.next();
        for name in names_of(pack, rule) {
            self.by_name.entry((pack.id.clone(), name)).or_insert(index);
        }
        self.facts.push(rule.facts.clone());
        self.rules.push(compiled);
        index
    }

    fn next(&self) -> RuleIndex {
        // A pack is bounded by the size of its files, far below 2^32 rules.
        RuleIndex(self.rules.len() as u32)
    }

    fn indicators(&mut self, packs: &[Pack]) -> Indicators {
        let mut indicators = Indicators::default();
        for pack in packs {
            let mut lists: BTreeMap<(IndicatorKind, Option<&str>), Vec<&Indicator>> = BTreeMap::new();
            for indicator in &pack.indicators {
                lists.entry((indicator.kind, indicator.group.as_deref())).or_default().push(indicator);
            }
            for ((kind, group), list) in lists {
                let facts = indicator_facts(pack, kind, group);
                for (route, detection, between) in patterns::of(kind, &list, &mut self.names) {
                    let index = self.next();
                    self.facts.push(facts.clone());
                    self.rules.push(Rule { detection: Some(detection), between, ..Rule::default() });
                    self.route(index, route);
                }
                if kind.is_looked_up() {
                    let index = self.next();
                    self.facts.push(facts);
                    self.rules.push(Rule::default());
                    list.into_iter().for_each(|indicator| indicators.add(index, indicator.clone()));
                }
            }
        }
        indicators
    }

    fn refuse(&mut self, rule: &str, reason: &Reason) {
        self.refusals.push(Refusal { rule: rule.to_owned(), reason: reason.to_string() });
    }

    fn finish(mut self, packs: Vec<Pack>, indicators: Indicators, yara: Option<Yara>) -> Compiled {
        events::intern(&mut self.names);
        for (rule, at) in self.rules.iter_mut().zip(0..) {
            rule.noted = self.correlations.noted(RuleIndex(at)).map(<[FieldId]>::to_vec);
        }
        let (rules, names): (Arc<[Rule]>, Arc<FieldNames>) = (self.rules.into(), Arc::new(self.names));
        let row_plan = |(family, of): (Family, Vec<RuleIndex>)| (family, RowPlan::new(family, &of, &rules, &names));
        let plan = Plan {
            rows: self.rows.into_iter().map(row_plan).collect(),
            events: EventPlan::new(&self.events, &rules, &names),
            files: FilePlan::new(&self.files, &rules, &names),
            configuration: FilePlan::new(&self.configuration, &rules, &names),
            registry: FilePlan::new(&self.registry, &rules, &names),
            facts: self.facts,
            packs: packs.iter().map(identity).chain(self.sets).collect(),
            campaigns: packs.into_iter().filter_map(|pack| pack.campaign).collect(),
            correlations: Arc::new(self.correlations),
            indicators,
            yara,
            rules,
            names,
        };
        self.refusals.sort();
        Compiled { plan, refusals: self.refusals, accounts: self.accounts, yara: self.yara }
    }
}

/// The names by which correlations call a rule.
fn names_of(pack: &Pack, rule: &WrittenRule) -> impl Iterator<Item = String> {
    let file = rule.facts.id.strip_prefix(&format!("{}/", pack.id)).unwrap_or_default().to_owned();
    [Some(file), Some(rule.facts.id.clone()), rule.name.clone(), rule.uuid.clone()].into_iter().flatten()
}

fn identity(pack: &Pack) -> PackIdentity {
    PackIdentity { id: pack.id.clone(), version: pack.version.clone(), sha256: pack.sha256.clone() }
}

fn indicator_facts(pack: &Pack, kind: IndicatorKind, group: Option<&str>) -> RuleFacts {
    let (title, stage) = match kind {
        IndicatorKind::Ip => ("Address named in reports", Stage::Access),
        IndicatorKind::Url => ("URL path named in reports", Stage::Access),
        IndicatorKind::UserAgent => ("User agent named in reports", Stage::Access),
        IndicatorKind::Domain => ("Host name named in reports", Stage::Control),
        IndicatorKind::Sha256 | IndicatorKind::Sha1 | IndicatorKind::Md5 => {
            ("File hash named in reports", Stage::Foothold)
        }
        IndicatorKind::Path => ("Path named in reports", Stage::Foothold),
        IndicatorKind::FileName => ("File name named in reports", Stage::Foothold),
    };
    RuleFacts {
        id: match group {
            Some(group) => format!("{}/indicator-{}-{group}", pack.id, kind.word()),
            None => format!("{}/indicator-{}", pack.id, kind.word()),
        },
        campaign: pack.campaign.as_ref().map(|campaign| campaign.id.clone()),
        title: title.into(),
        description: "An indicator that somebody published. Others use the same addresses, names and tools.".into(),
        false_positives: vec!["Addresses change hands, names and user agents are common".into()],
        references: Vec::new(),
        attack: Vec::new(),
        stage,
        proves: Proves::Context,
        indicator: true,
        group: group.map(str::to_owned),
        correlation: false,
        level: None,
        uuid: None,
        status: None,
        tags: Vec::new(),
        set: None,
    }
}
