//! Rule sets of others in a plan, and what became of each of their documents.
//!
//! A rule of somebody else proves nothing here: nobody has run cases of it. Whatever does not run is named, with the reason
//! in words; no file is passed over in silence.

use model::assessment::PackIdentity;
use std::collections::BTreeSet;

use model::campaign::{Level, Proves, RuleFacts, RuleSource};
use rsigma_parser::{CorrelationRule, FilterRule, SigmaRule};

use super::routes::{self, Route};
use super::{ByName, Compiler, Rule, RuleIndex, foreign};
use crate::pack::{self, Document, Glance, RuleSet, Written};
use crate::sigma::{Detection, Placeholders, Reason, filter};

/// What became of a document of a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAccount {
    /// Name of the set.
    pub set: String,
    /// Path of the file in it.
    pub file: String,
    /// Number of the document in its file, from 1; `None` where it is alone. Rules come first, then correlations, filters
    /// and what could not be read.
    pub number: Option<usize>,
    /// Title; empty where it could not be read.
    pub title: String,
    /// The `id` attribute.
    pub uuid: Option<String>,
    /// The `level` attribute.
    pub level: Option<Level>,
    /// The `status` attribute.
    pub status: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Whether a rule runs, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs.
    Loaded(RuleIndex),
    /// A filter, and to how many rules it applies.
    Filter(usize),
    /// For logs of a product that are not read here: `linux`, `aws`.
    OtherProduct(String),
    /// For a log of Windows or of a web server that is not read here, by log source.
    Unread(String),
    /// It cannot be run exactly as it is written, or not be read.
    Refused(String),
    /// It has the id of a rule that runs: that one's id.
    Duplicate(String),
    /// YAML, and no Sigma.
    NoRule,
}

/// A filter, its place among the accounts, and to how many rules it was joined.
struct Filter {
    syntax: FilterRule,
    account: usize,
    joined: usize,
}

/// What waits until all rules are there.
struct Waiting {
    account: usize,
    id: String,
    file: String,
    syntax: CorrelationRule,
}

/// What account and facts share.
struct Head<'h> {
    title: &'h str,
    uuid: &'h Option<String>,
    level: Option<rsigma_parser::Level>,
    status: Option<rsigma_parser::Status>,
}

impl Compiler {
    pub(super) fn add_sets(&mut self, sets: &[RuleSet]) {
        for set in sets {
            self.add_set(set);
        }
    }

    fn add_set(&mut self, set: &RuleSet) {
        // A checkout has no version of its own; its bytes say which it was.
        let identity = PackIdentity { id: set.name.clone(), version: "rule set".into(), sha256: set.sha256() };
        self.sets.push(identity);
        let mut filters = Vec::new();
        let (mut rules, mut waiting) = (Vec::new(), Vec::new());
        for written in set.read() {
            let account = self.accounts.len();
            let id = rule_id(set, &written);
            self.accounts.push(self.account(set, &written));
            match written.document {
                Document::Rule(syntax) => rules.push((account, id, written.file, syntax)),
                Document::Correlation(syntax) => {
                    waiting.push(Waiting { account, id, file: written.file, syntax: *syntax });
                }
                Document::Filter(syntax) => filters.push(Filter { syntax: *syntax, account, joined: 0 }),
                _ => {}
            }
        }
        for (account, id, file, syntax) in rules {
            let outcome = self.add_rule(set, (id, file), *syntax, &mut filters);
            self.settle(account, outcome);
        }
        self.add_all_joined(set, waiting);
        for filter in filters {
            self.settle(filter.account, Outcome::Filter(filter.joined));
        }
    }

    fn settle(&mut self, account: usize, outcome: Outcome) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.outcome = outcome;
        }
    }

    /// The account of a document, as far as it is known before rules are compiled.
    fn account(&self, set: &RuleSet, written: &Written) -> RuleAccount {
        let (head, outcome) = match &written.document {
            Document::Rule(rule) => (Some(Head::of_rule(rule)), Outcome::NoRule),
            Document::Correlation(rule) => (Some(Head::of_correlation(rule)), Outcome::NoRule),
            Document::Filter(filter) => {
                let head = Head { title: &filter.title, uuid: &filter.id, level: filter.level, status: filter.status };
                (Some(head), Outcome::NoRule)
            }
            Document::Other(glance) => return of_glance(set, written, glance),
            Document::NoRule => (None, Outcome::NoRule),
            Document::Unreadable(why) => (None, Outcome::Refused(why.clone())),
        };
        RuleAccount {
            set: set.name.clone(),
            file: written.file.clone(),
            number: written.number,
            title: head.as_ref().map(|head| head.title.to_owned()).unwrap_or_default(),
            uuid: head.as_ref().and_then(|head| head.uuid.clone()),
            level: head.as_ref().and_then(|head| head.level).map(pack::level_of),
            status: head.and_then(|head| head.status).map(pack::status_of),
            outcome,
        }
    }

    fn add_rule(
        &mut self,
        set: &RuleSet,
        (id, file): (String, String),
        mut rule: SigmaRule,
        filters: &mut [Filter],
    ) -> Outcome {
        if let Some(product) = pack::product_of(&rule.logsource) {
            return Outcome::OtherProduct(product);
        }
        // Converted rules explain their log source under this name too; it chooses nothing.
        rule.logsource.custom.remove("description");
        let Ok((route, shape)) = routes::of_others(&rule) else {
            return Outcome::Unread(pack::log_source(&rule.logsource));
        };
        if let Some(first) = self.taken(&rule.id, &id) {
            return Outcome::Duplicate(first);
        }
        match self.compile_rule(&mut rule, shape, filters) {
            Ok(detection) => {
                let facts = facts_of_rule(set, id, file, &mut rule);
                Outcome::Loaded(self.load(set, (facts, rule.name), (detection, route)))
            }
            Err(reason) => Outcome::Refused(reason.to_string()),
        }
    }

    fn compile_rule(
        &mut self,
        rule: &mut SigmaRule,
        shape: Option<foreign::Shape>,
        filters: &mut [Filter],
    ) -> Result<Detection, Reason> {
        let is_for = |one: &Filter| filter::applies(&one.syntax, rule, &[&rule.title]);
        let fitting: Vec<usize> = filters.iter().enumerate().filter(|(_, one)| is_for(one)).map(|(at, _)| at).collect();
        let mut joined: Vec<FilterRule> =
            fitting.iter().filter_map(|at| filters.get(*at)).map(|one| one.syntax.clone()).collect();
        if let Some(shape) = shape {
            foreign::adapt(&mut rule.detection, shape)?;
            joined.iter_mut().try_for_each(|filter| foreign::adapt(&mut filter.detection, shape))?;
        }
        let joined: Vec<&FilterRule> = joined.iter().collect();
        let detection = Detection::compile_with(rule, &joined, &Placeholders::default(), &mut self.names)?;
        for at in fitting {
            if let Some(filter) = filters.get_mut(at) {
                filter.joined += 1;
            }
        }
        Ok(detection)
    }

    fn load(
        &mut self,
        set: &RuleSet,
        (facts, name): (RuleFacts, Option<String>),
        (detection, route): (Detection, Route),
    ) -> RuleIndex {
        let index = self.take_names(set, &facts, name);
        self.facts.push(facts);
        self.rules.push(Rule { detection: Some(detection), ..Rule::default() });
        self.route(index, route);
        index
    }

    /// Correlations: those that name others wait until these are there.
    fn add_all_joined(&mut self, set: &RuleSet, mut waiting: Vec<Waiting>) {
        while !waiting.is_empty() {
            let coming: BTreeSet<String> = waiting.iter().flat_map(|one| names_of(&one.syntax)).collect();
            let waits = |one: &Waiting| {
                let is_coming = |name: &String| coming.contains(name) || coming.contains(&name.to_ascii_lowercase());
                one.syntax.rules.iter().any(is_coming)
            };
            let (still, ready): (Vec<_>, Vec<_>) = waiting.into_iter().partition(waits);
            // Those that wait for each other wait for ever.
            let (still, ready) = if ready.is_empty() { (Vec::new(), still) } else { (still, ready) };
            for one in ready {
                let account = one.account;
                let outcome = self.add_joined(set, one);
                self.settle(account, outcome.unwrap_or_else(|reason| Outcome::Refused(reason.to_string())));
            }
            waiting = still;
        }
    }

    fn add_joined(&mut self, set: &RuleSet, waiting: Waiting) -> Result<Outcome, Reason> {
        let Waiting { id, file, syntax, .. } = waiting;
        if let Some(first) = self.taken(&syntax.id, &id) {
            return Ok(Outcome::Duplicate(first));
        }
        let scope = scope_of(set);
        let find = |by_name: &ByName, name: &str| {
            let known = |name: &str| by_name.get(&(scope.clone(), name.to_owned())).copied();
            known(name).or_else(|| known(&name.to_ascii_lowercase()))
        };
        self.join(&syntax, &find)?;
        let facts = RuleFacts {
            false_positives: syntax.falsepositives.clone(),
            references: syntax.references.clone(),
            correlation: true,
            ..facts(set, (id, file), &Head::of_correlation(&syntax), &syntax.tags, syntax.description.as_deref())
        };
        let index = self.take_names(set, &facts, syntax.name);
        self.facts.push(facts);
        self.rules.push(Rule::default());
        Ok(Outcome::Loaded(index))
    }

    /// The rule that has this id already.
    fn taken(&self, uuid: &Option<String>, id: &str) -> Option<String> {
        // Documents of one file share what is global to it, the id too, and mean different things.
        let file = |id: &str| id.split_once('#').map(|(file, _)| file.to_owned());
        let first = uuid.as_ref().and_then(|uuid| self.uuids.get(&uuid.to_ascii_lowercase()))?;
        (file(first).is_none() || file(first) != file(id)).then(|| first.clone())
    }

    /// Remembers by which names correlations may call the next rule. A name that is there twice stays with the first.
    fn take_names(&mut self, set: &RuleSet, facts: &RuleFacts, name: Option<String>) -> RuleIndex {
        let index = self.next();
        let uuid = facts.uuid.as_deref().map(str::to_ascii_lowercase);
        for name in [uuid.clone(), name, Some(facts.title.clone())].into_iter().flatten() {
            self.by_name.entry((scope_of(set), name)).or_insert(index);
        }
        if let Some(uuid) = uuid {
            self.uuids.entry(uuid).or_insert_with(|| facts.id.clone());
        }
        index
    }
}

impl<'h> Head<'h> {
    fn of_rule(rule: &'h SigmaRule) -> Self {
        Self { title: &rule.title, uuid: &rule.id, level: rule.level, status: rule.status }
    }

    fn of_correlation(rule: &'h CorrelationRule) -> Self {
        Self { title: &rule.title, uuid: &rule.id, level: rule.level, status: rule.status }
    }
}

/// `sigmahq:rules/web/x.yml`: a colon, so that no pack has such an id.
fn rule_id(set: &RuleSet, written: &Written) -> String {
    match written.number {
        Some(number) => format!("{}:{}#{number}", set.name, written.file),
        None => format!("{}:{}", set.name, written.file),
    }
}

/// Under which names of rules are kept apart from those of packs.
fn scope_of(set: &RuleSet) -> String {
    format!("{}:", set.name)
}

fn of_glance(set: &RuleSet, written: &Written, glance: &Glance) -> RuleAccount {
    RuleAccount {
        set: set.name.clone(),
        file: written.file.clone(),
        number: written.number,
        title: glance.title.clone(),
        uuid: glance.uuid.clone(),
        level: glance.level.as_deref().and_then(|word| word.parse().ok()).map(pack::level_of),
        status: glance.status.clone(),
        outcome: Outcome::OtherProduct(glance.product.clone()),
    }
}

fn facts_of_rule(set: &RuleSet, id: String, file: String, rule: &mut SigmaRule) -> RuleFacts {
    let tags = std::mem::take(&mut rule.tags);
    RuleFacts {
        false_positives: std::mem::take(&mut rule.falsepositives),
        references: std::mem::take(&mut rule.references),
        ..facts(set, (id, file), &Head::of_rule(rule), &tags, rule.description.as_deref())
    }
}

fn facts(
    set: &RuleSet,
    (id, file): (String, String),
    head: &Head<'_>,
    tags: &[String],
    description: Option<&str>,
) -> RuleFacts {
    RuleFacts {
        id,
        campaign: None,
        title: head.title.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        false_positives: Vec::new(),
        references: Vec::new(),
        attack: pack::techniques_of(tags),
        stage: pack::stage_of_tactics(tags),
        proves: Proves::Context,
        indicator: false,
        group: None,
        correlation: false,
        level: head.level.map(pack::level_of),
        uuid: head.uuid.clone(),
        status: head.status.map(pack::status_of),
        tags: tags.to_vec(),
        set: Some(RuleSource { name: set.name.clone(), file }),
    }
}

/// By which names others may call a correlation.
fn names_of(syntax: &CorrelationRule) -> impl Iterator<Item = String> {
    let uuid = syntax.id.as_deref().map(str::to_ascii_lowercase);
    [uuid, syntax.name.clone(), Some(syntax.title.clone())].into_iter().flatten()
}
