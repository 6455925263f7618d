//! A rule as one expression over named detections, evaluated lazily on borrowed bytes.

use std::collections::BTreeMap;

use rsigma_parser::{ConditionExpr, Detections, FilterRule, Quantifier, SelectorPattern, SigmaRule};

use super::fields::{FieldId, FieldNames, Fields};
use super::filter;
use super::item::{Item, Test};
use super::placeholders::Placeholders;
use super::reason::Reason;

/// Upper bound of the nesting of a rule.
const DEPTH_MAX: usize = 64;

/// The compiled detection section of a rule.
#[derive(Clone, Debug)]
pub struct Detection {
    /// The named detections, by name.
    pub(super) named: Vec<Node>,
    /// The condition; it points into `named`.
    pub(super) condition: Node,
}

/// A part of a rule.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    AtLeast(usize, Vec<Node>),
    Item(Item),
    /// A detection by its position, so that a long condition does not copy it.
    Named(usize),
}

impl Node {
    /// The node in one spelling; `named` are those of the named detections.
    fn spell(&self, named: &[String]) -> String {
        let spell = |parts: &[Self], word: &str| {
            let mut spelt: Vec<String> = parts.iter().map(|part| part.spell(named)).collect();
            spelt.sort_unstable();
            spelt.dedup();
            if spelt.len() == 1 { spelt.concat() } else { format!("{word}({})", spelt.join(",")) }
        };
        match self {
            Self::All(parts) => spell(parts, "all"),
            Self::Any(parts) => spell(parts, "any"),
            // Copies count here, so they stay.
            Self::AtLeast(least, parts) => {
                let mut spelt: Vec<String> = parts.iter().map(|part| part.spell(named)).collect();
                spelt.sort_unstable();
                format!("{least} of({})", spelt.join(","))
            }
            Self::Not(part) => format!("not {}", part.spell(named)),
            Self::Item(item) => item.spell(),
            Self::Named(at) => named.get(*at).cloned().unwrap_or_default(),
        }
    }

    /// Whether the node holds where it is known whether each of the named detections does.
    pub(super) fn holds_when(&self, named: &BTreeMap<usize, bool>) -> bool {
        let hold = |parts: &[Self]| parts.iter().filter(|part| part.holds_when(named)).count();
        match self {
            Self::All(parts) => hold(parts) == parts.len(),
            Self::Any(parts) => hold(parts) > 0,
            Self::AtLeast(least, parts) => hold(parts) >= *least,
            Self::Not(part) => !part.holds_when(named),
            Self::Named(at) => named.get(at).copied().unwrap_or(false),
            Self::Item(_) => false,
        }
    }

    /// Sorts parts by what they cost at most, and returns the sum. `named` are the costs of the named detections.
    fn put_cheap_tests_first(&mut self, named: &[u64]) -> u64 {
        match self {
            Self::All(parts) | Self::Any(parts) | Self::AtLeast(_, parts) => {
                let mut costed: Vec<(u64, Node)> =
                    parts.drain(..).map(|mut part| (part.put_cheap_tests_first(named), part)).collect();
                costed.sort_by_key(|(cost, _)| *cost);
                let sum = costed.iter().fold(0u64, |sum, (cost, _)| sum.saturating_add(*cost));
                parts.extend(costed.into_iter().map(|(_, part)| part));
                sum
            }
            Self::Not(part) => part.put_cheap_tests_first(named),
            Self::Item(item) => item.cost(),
            Self::Named(at) => named.get(*at).copied().unwrap_or(0),
        }
    }
}

impl Detection {
    /// Compiles the detection section of a rule; placeholders have no values, and there are no filters.
    ///
    /// # Errors
    /// The first thing in it that cannot be tested exactly.
    pub fn compile(rule: &SigmaRule, names: &mut FieldNames) -> Result<Self, Reason> {
        Self::compile_with(rule, &[], &Placeholders::default(), names)
    }

    /// Compiles the detection section of a rule together with filters. It is up to the caller that they are for this
    /// rule ([`filter::applies`]).
    ///
    /// # Errors
    /// The first thing in them that cannot be tested exactly.
    pub fn compile_with(
        rule: &SigmaRule,
        filters: &[&FilterRule],
        placeholders: &Placeholders,
        names: &mut FieldNames,
    ) -> Result<Self, Reason> {
        let mut compiling = Compiling { names, placeholders };
        let mut named = Vec::new();
        let condition = compiling.section(&rule.detection, &mut named)?;
        let mut parts = vec![condition];
        for filter in filters {
            parts.push(filter::compile(filter, &mut named, &mut compiling)?);
        }
        let condition = if parts.len() == 1 { parts.remove(0) } else { Node::All(parts) };
        let mut compiled = Self { named, condition };
        compiled.put_cheap_tests_first();
        Ok(compiled)
    }

    /// Compiles a filter by itself, to know whether it can be put to rules.
    ///
    /// # Errors
    /// The first thing in it that cannot be tested exactly.
    pub fn check_filter(
        filter: &FilterRule,
        placeholders: &Placeholders,
        names: &mut FieldNames,
    ) -> Result<(), Reason> {
        filter::compile(filter, &mut Vec::new(), &mut Compiling { names, placeholders }).map(|_| ())
    }

    /// Order changes no outcome, only how soon it is known.
    fn put_cheap_tests_first(&mut self) {
        let mut costs = Vec::with_capacity(self.named.len());
        for node in &mut self.named {
            costs.push(node.put_cheap_tests_first(&[]));
        }
        self.condition.put_cheap_tests_first(&costs);
    }

    /// Whether a record fits the rule.
    #[must_use]
    pub fn matches<F: Fields + ?Sized>(&self, fields: &F) -> bool {
        self.holds(&self.condition, fields)
    }

    /// Whether a record may fit the rule of which no more is known than the fields that are `known`. What other fields
    /// say is left open; `false` is said only where it makes no difference.
    #[must_use]
    pub fn may_match<F: Fields + ?Sized>(&self, fields: &F, known: &dyn Fn(FieldId) -> bool) -> bool {
        self.holds_as_far_as_known(&self.condition, fields, known) != Some(false)
    }

    /// The fields that the rule looks at.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldId> {
        let mut fields = Vec::new();
        for node in &self.named {
            collect_fields(node, &mut fields);
        }
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// The test in one spelling: names of detections, the order of alternatives and needless brackets do not show.
    pub(crate) fn logic(&self) -> String {
        let mut named = Vec::with_capacity(self.named.len());
        for node in &self.named {
            let spelt = node.spell(&named);
            named.push(spelt);
        }
        self.condition.spell(&named)
    }

    /// Whole numbers of which the field has to be one, if the rule says so: the event ids of a rule.
    #[must_use]
    pub fn required_integers(&self, field: FieldId) -> Option<Vec<i64>> {
        let mut numbers = self.integers(&self.condition, field)?;
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers)
    }

    fn holds<F: Fields + ?Sized>(&self, node: &Node, fields: &F) -> bool {
        match node {
            Node::All(parts) => parts.iter().all(|part| self.holds(part, fields)),
            Node::Any(parts) => parts.iter().any(|part| self.holds(part, fields)),
            Node::Not(part) => !self.holds(part, fields),
            Node::AtLeast(least, parts) => {
                parts.iter().filter(|part| self.holds(part, fields)).take(*least).count() == *least
            }
            Node::Item(item) => item.matches(fields),
            Node::Named(at) => self.named.get(*at).is_some_and(|part| self.holds(part, fields)),
        }
    }

    /// `None`: it depends on fields that are not known.
    fn holds_as_far_as_known<F: Fields + ?Sized>(
        &self,
        node: &Node,
        fields: &F,
        known: &dyn Fn(FieldId) -> bool,
    ) -> Option<bool> {
        let of = |part: &Node| self.holds_as_far_as_known(part, fields, known);
        match node {
            Node::All(parts) => {
                let open = parts.iter().map(of).try_fold(false, |open, part| match part {
                    Some(false) => Err(()),
                    part => Ok(open || part.is_none()),
                });
                open.map_or(Some(false), |open| (!open).then_some(true))
            }
            Node::Any(parts) => {
                let open = parts.iter().map(of).try_fold(false, |open, part| match part {
                    Some(true) => Err(()),
                    part => Ok(open || part.is_none()),
                });
                open.map_or(Some(true), |open| (!open).then_some(false))
            }
            // So seldom that nothing is gained.
            Node::AtLeast(..) => None,
            Node::Not(part) => of(part).map(|holds| !holds),
            Node::Item(item) => item.looks_only_at(known).then(|| item.matches(fields)),
            Node::Named(at) => self.named.get(*at).and_then(of),
        }
    }

    fn integers(&self, node: &Node, field: FieldId) -> Option<Vec<i64>> {
        match node {
            Node::All(parts) => parts.iter().filter_map(|part| self.integers(part, field)).min_by_key(Vec::len),
            Node::Any(parts) | Node::AtLeast(_, parts) => {
                let sets: Option<Vec<_>> = parts.iter().map(|part| self.integers(part, field)).collect();
                sets.map(|sets| sets.concat())
            }
            Node::Not(_) => None,
            Node::Item(item) => integers_of_item(item, field),
            Node::Named(at) => self.named.get(*at).and_then(|part| self.integers(part, field)),
        }
    }
}

fn integers_of_item(item: &Item, field: FieldId) -> Option<Vec<i64>> {
    if item.field != Some(field) || item.negated {
        return None;
    }
    let tests = item.tests.iter().map(|test| match test {
        Test::Integer(number) => Some(*number),
        Test::Text(pattern) => pattern.exact().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
        _ => None,
    });
    tests.collect()
}

fn collect_fields(node: &Node, fields: &mut Vec<FieldId>) {
    match node {
        Node::All(parts) | Node::Any(parts) | Node::AtLeast(_, parts) => {
            parts.iter().for_each(|part| collect_fields(part, fields));
        }
        Node::Not(part) => collect_fields(part, fields),
        Node::Item(item) => {
            fields.extend(item.field);
            item.tests.iter().for_each(|test| test.references(fields));
        }
        Node::Named(_) => {}
    }
}

/// What is needed to compile: the numbers of fields, and the values of placeholders.
pub(super) struct Compiling<'a> {
    pub(super) names: &'a mut FieldNames,
    pub(super) placeholders: &'a Placeholders,
}

impl Compiling<'_> {
    /// Compiles a detection section. Its detections are put behind those in `named`, and the condition points to them.
    pub(super) fn section(&mut self, section: &Detections, named: &mut Vec<Node>) -> Result<Node, Reason> {
        if section.timeframe.is_some() {
            return Err(Reason::Construct("`timeframe` in a detection".into()));
        }
        let by_name: BTreeMap<&str, &rsigma_parser::Detection> =
            section.named.iter().map(|(name, detection)| (name.as_str(), detection)).collect();
        let names = Names { first: named.len(), names: by_name.keys().copied().collect() };
        for detection in by_name.values() {
            named.push(self.detection(detection, DEPTH_MAX)?);
        }
        names.conditions(&section.conditions)
    }

    fn detection(&mut self, detection: &rsigma_parser::Detection, depth: usize) -> Result<Node, Reason> {
        use rsigma_parser::Detection as Written;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Reason::Construct(format!("nesting deeper than {DEPTH_MAX}")));
        };
        match detection {
            Written::AllOf(items) if items.is_empty() => Err(Reason::Construct("an empty detection".into())),
            Written::AnyOf(parts) | Written::And(parts) if parts.is_empty() => {
                Err(Reason::Construct("an empty detection".into()))
            }
            Written::AllOf(items) => items
                .iter()
                .map(|item| Item::compile(item, self).map(Node::Item))
                .collect::<Result<_, _>>()
                .map(Node::All),
            Written::AnyOf(parts) => self.detections(parts, depth).map(Node::Any),
            Written::And(parts) => self.detections(parts, depth).map(Node::All),
            Written::Keywords(values) => Item::keywords(values, self).map(Node::Item),
            Written::ArrayMatch { field, .. } => Err(Reason::Construct(format!(
                "the array test `{field}[…]`, which no version of the specification has and no record here needs,"
            ))),
            Written::Conditional { .. } => Err(Reason::Construct("a condition inside a detection".into())),
        }
    }

    fn detections(&mut self, parts: &[rsigma_parser::Detection], depth: usize) -> Result<Vec<Node>, Reason> {
        parts.iter().map(|part| self.detection(part, depth)).collect()
    }
}

/// The names of the detections of one section, in order, and where the first stands.
struct Names<'a> {
    first: usize,
    names: Vec<&'a str>,
}

impl Names<'_> {
    /// Several conditions are alternatives.
    fn conditions(&self, conditions: &[ConditionExpr]) -> Result<Node, Reason> {
        let compiled: Vec<Node> = conditions.iter().map(|part| self.condition(part)).collect::<Result<_, _>>()?;
        if compiled.is_empty() { Err(Reason::Construct("an empty condition".into())) } else { Ok(Node::Any(compiled)) }
    }

    /// The parser bounds the depth of conditions.
    fn condition(&self, condition: &ConditionExpr) -> Result<Node, Reason> {
        let all = |parts: &[ConditionExpr]| -> Result<Vec<Node>, Reason> {
            parts.iter().map(|part| self.condition(part)).collect()
        };
        match condition {
            ConditionExpr::And(parts) => all(parts).map(Node::All),
            ConditionExpr::Or(parts) => all(parts).map(Node::Any),
            ConditionExpr::Not(part) => Ok(Node::Not(Box::new(self.condition(part)?))),
            ConditionExpr::Identifier(name) => {
                let at = self.names.iter().position(|known| known == name);
                at.map(|at| Node::Named(self.first + at)).ok_or_else(|| Reason::Undefined(name.clone()))
            }
            ConditionExpr::Selector { quantifier, pattern } => self.selector(quantifier, pattern),
        }
    }

    fn selector(&self, quantifier: &Quantifier, pattern: &SelectorPattern) -> Result<Node, Reason> {
        let chosen = self.names.iter().enumerate().filter(|(_, name)| selects(pattern, name));
        let parts: Vec<Node> = chosen.map(|(at, _)| Node::Named(self.first + at)).collect();
        let undefined = || Reason::Undefined(format!("{quantifier} of {pattern}"));
        if parts.is_empty() {
            return Err(undefined());
        }
        match quantifier {
            Quantifier::Any => Ok(Node::Any(parts)),
            Quantifier::All => Ok(Node::All(parts)),
            Quantifier::Count(count) => match usize::try_from(*count) {
                Ok(count) if (1..=parts.len()).contains(&count) => Ok(Node::AtLeast(count, parts)),
                _ => Err(undefined()),
            },
        }
    }
}

/// Whether a selector means a name. A pattern is "the same as `them`, but restricted": names with an underscore in
/// front are left out, unless the pattern begins with one itself.
pub(super) fn selects(pattern: &SelectorPattern, name: &str) -> bool {
    match pattern {
        SelectorPattern::Them => !name.starts_with('_'),
        SelectorPattern::Pattern(pattern) => {
            name_fits(pattern.as_bytes(), name.as_bytes()) && (!name.starts_with('_') || pattern.starts_with('_'))
        }
    }
}

/// `*` at any place of a detection name.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}
