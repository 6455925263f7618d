//! Correlations: hits of several rules that belong together, found after all evidence was read.
//!
//! Implements the Sigma correlation rules specification 2.1. Hits are grouped by any field of their records, and by
//! what a hit is about (`client`, `account`, `subject`, `server`), because logs name the same thing differently. Groups
//! of one correlation never share a hit. A [`Correlator`] takes the hits, in any order, and tells the groups.

mod correlator;
mod evaluate;
mod hits;
mod window;

use std::collections::BTreeMap;

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, Quantifier,
    SelectorPattern, WindowMode,
};

use super::RuleIndex;
use super::detection::{Node, selects};
use super::fields::{FieldId, FieldNames};
use super::reason::Reason;

pub use correlator::{CorrelationGroup, Correlator, CutShort, Member};
pub use hits::{HITS_MAX, HitLog, NotedHit};

/// Upper bound of the rules that one correlation names.
const RULES_MAX: usize = 32;
/// Upper bound of the fields that hits of one rule are grouped by or counted.
const FIELDS_MAX: usize = 64;

/// What hits are grouped by, or whose values are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Server,
    Client,
    Account,
    Subject,
    Field(FieldId),
}

/// A name in `group-by` or `field`, and what it means in the hits of each rule that is not correlation itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grouping {
    name: String,
    /// By rule; the others have the last.
    of_rule: BTreeMap<RuleIndex, Key>,
    otherwise: Key,
}

#[derive(Clone, Debug)]
enum Kind {
    /// How many hits.
    Count,
    /// How many different values.
    Values(Vec<Grouping>),
    /// How many different rules.
    Rules,
    /// The sum of a field.
    Sum(Grouping),
    /// The mean of a field.
    Average(Grouping),
    /// The value of a field below which so many hundredths lie.
    Percentile(Grouping, u64),
    /// All rules, in any order.
    Together,
    /// All rules, one after the other.
    InOrder,
    /// A condition over the rules, by their position.
    Condition(Node),
}

/// All of these have to hold.
type Bounds = Vec<(ConditionOperator, u64)>;

/// A compiled correlation.
#[derive(Clone, Debug)]
pub struct Correlation {
    rule: RuleIndex,
    kind: Kind,
    bounds: Bounds,
    members: Vec<RuleIndex>,
    group_by: Vec<Grouping>,
    span_micros: i64,
}

/// A rule that a correlation may name.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its number.
    pub rule: RuleIndex,
    /// The rules whose hits its own consist of: of a detection itself, of a correlation all that it joins.
    pub bases: Vec<RuleIndex>,
}

/// All correlations of a plan, and what has to be noted of hits for them.
#[derive(Clone, Debug, Default)]
pub struct Correlations {
    /// Those that others name come before them.
    all: Vec<Correlation>,
    /// By rule the fields of its records.
    noted: BTreeMap<RuleIndex, Vec<FieldId>>,
    names: Vec<(RuleIndex, bool)>,
}

impl Correlations {
    /// Adds a correlation. Those that it names have to be there.
    ///
    /// # Errors
    /// When the hits of a rule would have to be noted with too many fields.
    pub fn add(&mut self, correlation: Correlation, bases: &[RuleIndex], generate: bool) -> Result<(), Reason> {
        let mut noted = self.noted.clone();
        for base in bases {
            let fields = noted.entry(*base).or_default();
            fields.extend(correlation.groupings().filter_map(|grouping| match grouping.key(*base) {
                Key::Field(field) => Some(field),
                _ => None,
            }));
            fields.sort_unstable();
            fields.dedup();
            if fields.len() > FIELDS_MAX {
                return Err(Reason::Correlation(format!("more than {FIELDS_MAX} fields of one rule are asked for")));
            }
        }
        self.noted = noted;
        self.names.extend(correlation.members.iter().map(|member| (*member, generate)));
        self.all.push(correlation);
        Ok(())
    }

    /// The fields of a rule's hits that have to be noted; `None` where no correlation asks for the rule.
    #[must_use]
    pub fn noted(&self, rule: RuleIndex) -> Option<&[FieldId]> {
        self.noted.get(&rule).map(Vec::as_slice)
    }

    /// The rules that are only there to be joined: a correlation names them, and none of those says `generate: true`.
    #[must_use]
    pub fn is_only_joined(&self, rule: RuleIndex) -> bool {
        let mut named = self.names.iter().filter(|(member, _)| *member == rule).peekable();
        named.peek().is_some() && named.all(|(_, generate)| !generate)
    }

    /// A correlation by its number.
    #[must_use]
    pub fn find(&self, rule: RuleIndex) -> Option<&Correlation> {
        self.all.iter().find(|correlation| correlation.rule == rule)
    }
}

impl Correlation {
    /// Compiles a correlation; `find` knows the rules that it may name.
    ///
    /// # Errors
    /// The first thing in it that cannot be evaluated exactly.
    pub fn compile(
        written: &CorrelationRule,
        rule: RuleIndex,
        find: &dyn Fn(&str) -> Option<Known>,
        names: &mut FieldNames,
    ) -> Result<Self, Reason> {
        let refuse = |why: String| Err(Reason::Correlation(why));
        if written.window != WindowMode::Sliding || written.gap.is_some() {
            return refuse("only sliding windows are known".into());
        }
        if written.rules.is_empty() || written.rules.len() > RULES_MAX {
            return refuse(format!("names {} rules, 1 to {RULES_MAX} are possible", written.rules.len()));
        }
        let mut known = Vec::new();
        for name in &written.rules {
            known.push(find(name).ok_or_else(|| unknown(name))?);
        }
        let micros = i64::try_from(written.timespan.seconds).ok().and_then(|secs| secs.checked_mul(1_000_000));
        let Some(span_micros) = micros else {
            return refuse(format!("timespan `{}` is too long", written.timespan));
        };
        let mut reading = Reading { written, find, names, known: &known };
        let group_by = written.group_by.iter().map(|name| reading.grouping(name)).collect::<Result<_, _>>()?;
        let (kind, bounds) = reading.kind()?;
        let members = known.iter().map(|known| known.rule).collect();
        Ok(Self { rule, kind, bounds, members, group_by, span_micros })
    }

    /// The correlation's own number.
    #[must_use]
    pub fn rule(&self) -> RuleIndex {
        self.rule
    }

    /// What it asks for, in one spelling.
    pub(crate) fn logic(&self) -> String {
        let Self { kind, bounds, members, group_by, span_micros, .. } = self;
        format!("{kind:?} {bounds:?} {members:?} {group_by:?} {span_micros}")
    }

    fn groupings(&self) -> impl Iterator<Item = &Grouping> {
        let of_kind = match &self.kind {
            Kind::Values(groupings) => groupings.as_slice(),
            Kind::Sum(grouping) | Kind::Average(grouping) | Kind::Percentile(grouping, _) => {
                std::slice::from_ref(grouping)
            }
            _ => &[],
        };
        self.group_by.iter().chain(of_kind)
    }
}

impl Grouping {
    fn key(&self, rule: RuleIndex) -> Key {
        self.of_rule.get(&rule).copied().unwrap_or(self.otherwise)
    }
}

fn unknown(name: &str) -> Reason {
    Reason::Correlation(format!("`{name}` is no rule of this pack that was loaded"))
}

/// A correlation while it is compiled.
struct Reading<'a> {
    written: &'a CorrelationRule,
    find: &'a dyn Fn(&str) -> Option<Known>,
    names: &'a mut FieldNames,
    known: &'a [Known],
}

impl Reading<'_> {
    /// An alias, a word of ours, or a field.
    fn grouping(&mut self, name: &str) -> Result<Grouping, Reason> {
        let alias = self.written.aliases.iter().find(|alias| alias.alias == name);
        let Some(alias) = alias else {
            return Ok(Grouping { name: name.to_owned(), of_rule: BTreeMap::new(), otherwise: self.key(name)? });
        };
        let mut of_rule = BTreeMap::new();
        // Sorted, so that numbers of fields do not depend on chance.
        let mapping: BTreeMap<&String, &String> = alias.mapping.iter().collect();
        for (rule, field) in mapping {
            let known = (self.find)(rule).ok_or_else(|| unknown(rule))?;
            let key = self.key(field)?;
            of_rule.extend(known.bases.iter().map(|base| (*base, key)));
        }
        let bases: Vec<RuleIndex> = self.known.iter().flat_map(|known| known.bases.iter().copied()).collect();
        match bases.iter().find(|base| !of_rule.contains_key(base)) {
            Some(_) => Err(Reason::Correlation(format!("the alias `{name}` names no field for one of the rules"))),
            None => Ok(Grouping { name: name.to_owned(), of_rule, otherwise: Key::Server }),
        }
    }

    fn key(&mut self, name: &str) -> Result<Key, Reason> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "server" => Key::Server,
            "client" => Key::Client,
            "account" => Key::Account,
            "subject" => Key::Subject,
            _ => Key::Field(super::item::intern(self.names, name)?),
        })
    }

    fn kind(&mut self) -> Result<(Kind, Bounds), Reason> {
        let refuse = |why: &str| Err(Reason::Correlation(why.into()));
        let of = self.written.correlation_type;
        let (bounds, field, percentile) = match &self.written.condition {
            CorrelationCondition::Extended(condition) if of == CorrelationType::Temporal => {
                return Ok((Kind::Condition(self.condition(condition)?), Vec::new()));
            }
            CorrelationCondition::Extended(_) => return refuse("a condition over rule names belongs to `temporal`"),
            CorrelationCondition::Threshold { predicates, field, percentile } => (predicates, field, *percentile),
        };
        if bounds.iter().any(|(_, bound)| i64::try_from(*bound).is_err()) {
            return refuse("bounds below zero or above 2^63");
        }
        if percentile.is_some() && of != CorrelationType::ValuePercentile {
            return refuse("`percentile` belongs to `value_percentile`");
        }
        let fields = field.as_deref().unwrap_or_default();
        let kind = match of {
            CorrelationType::EventCount | CorrelationType::Temporal | CorrelationType::TemporalOrdered
                if !fields.is_empty() =>
            {
                return refuse("counts no values, and takes no `field`");
            }
            CorrelationType::EventCount => Kind::Count,
            CorrelationType::Temporal | CorrelationType::TemporalOrdered => return self.temporal(bounds),
            CorrelationType::ValueCount if fields.is_empty() => {
                return refuse("value_count counts the values of a `field`");
            }
            CorrelationType::ValueCount => {
                Kind::Values(fields.iter().map(|field| self.values(field)).collect::<Result<_, _>>()?)
            }
            CorrelationType::ValueSum => Kind::Sum(self.only_field(fields)?),
            CorrelationType::ValueAvg => Kind::Average(self.only_field(fields)?),
            CorrelationType::ValueMedian => Kind::Percentile(self.only_field(fields)?, 50),
            CorrelationType::ValuePercentile => match percentile {
                Some(percentile @ 0..=100) => Kind::Percentile(self.only_field(fields)?, percentile),
                // The specification's example means the share of a value, its hint the percentile of numbers.
                _ => return refuse("value_percentile needs `percentile`, a number from 0 to 100"),
            },
        };
        Ok((kind, bounds.clone()))
    }

    /// Without a condition the parser fills in "at least one".
    fn temporal(&self, bounds: &Bounds) -> Result<(Kind, Bounds), Reason> {
        let mut rules: Vec<RuleIndex> = self.known.iter().map(|known| known.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let all = rules.len() as u64;
        let is_all = matches!(bounds.as_slice(), [(ConditionOperator::Gte, 1)])
            || matches!(bounds.as_slice(), [(ConditionOperator::Gte | ConditionOperator::Eq, count)] if *count == all);
        match (self.written.correlation_type, is_all) {
            (CorrelationType::TemporalOrdered, true) => Ok((Kind::InOrder, Vec::new())),
            (CorrelationType::TemporalOrdered, false) => {
                Err(Reason::Correlation("the order of some of the rules has no meaning: all or none".into()))
            }
            (_, true) => Ok((Kind::Together, Vec::new())),
            (_, false) => Ok((Kind::Rules, bounds.clone())),
        }
    }

    fn only_field(&mut self, fields: &[String]) -> Result<Grouping, Reason> {
        match fields {
            [field] => self.values(field),
            _ => Err(Reason::Correlation("takes the numbers of one `field`".into())),
        }
    }

    /// A correlation has no field of its own: what it joins may have many values.
    fn values(&mut self, field: &str) -> Result<Grouping, Reason> {
        if self.known.iter().any(|known| known.bases != [known.rule]) {
            return Err(Reason::Correlation("a correlation that it names has no values of its own".into()));
        }
        self.grouping(field)
    }

    /// A rule as a condition points to it: where it is named first, by whatever name.
    fn place(&self, at: usize) -> Node {
        let rule = self.known.get(at).map(|known| known.rule);
        Node::Named(self.known.iter().position(|known| Some(known.rule) == rule).unwrap_or(at))
    }

    /// A condition over the names of the rules, as `rules` has them.
    fn condition(&self, condition: &ConditionExpr) -> Result<Node, Reason> {
        let all = |parts: &[ConditionExpr]| -> Result<Vec<Node>, Reason> {
            parts.iter().map(|part| self.condition(part)).collect()
        };
        let rules = &self.written.rules;
        match condition {
            ConditionExpr::And(parts) => all(parts).map(Node::All),
            ConditionExpr::Or(parts) => all(parts).map(Node::Any),
            ConditionExpr::Not(part) => Ok(Node::Not(Box::new(self.condition(part)?))),
            ConditionExpr::Identifier(name) => {
                let at = rules.iter().position(|rule| rule == name);
                at.map(|at| self.place(at)).ok_or_else(|| Reason::Undefined(name.clone()))
            }
            ConditionExpr::Selector { quantifier, pattern } => {
                let chosen = |rule: &&String| *pattern == SelectorPattern::Them || selects(pattern, rule);
                let chosen = (0..rules.len()).filter(|at| rules.get(*at).as_ref().is_some_and(chosen));
                let parts: Vec<Node> = chosen.map(|at| self.place(at)).collect();
                let least = match quantifier {
                    Quantifier::Any => 1,
                    Quantifier::All => parts.len(),
                    Quantifier::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
                };
                let undefined = || Reason::Undefined(format!("{quantifier} of {pattern}"));
                if (1..=parts.len()).contains(&least) { Ok(Node::AtLeast(least, parts)) } else { Err(undefined()) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
