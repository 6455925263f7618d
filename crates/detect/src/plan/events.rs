//! Rules over Windows events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::WindowsEvent;

use super::Rule;
use super::filter::{Filter, RuleSet};
use super::routes::{EventLog, Scope};
use crate::sigma::{FieldId, FieldNames, Fields, RuleIndex, Writing};

/// Security 4688 under the names of Sysmon 1 (SigmaHQ taxonomy, "process creation").
const RENAMED: [(&str, &str); 7] = [
    ("Image", "NewProcessName"),
    ("CommandLine", "ProcessCommandLine"),
    ("ParentImage", "ParentProcessName"),
    ("User", "SubjectUserName"),
    ("ProcessId", "NewProcessId"),
    ("ParentProcessId", "ProcessId"),
    ("LogonId", "SubjectLogonId"),
];

/// The rules over Windows events, by log and event id.
#[derive(Clone, Debug, Default)]
pub(super) struct EventPlan {
    rules: Arc<[Rule]>,
    names: Arc<FieldNames>,
    kinds: Vec<Kind>,
    logs: Vec<LogRules>,
    filter: Filter,
    filtered: Vec<bool>,
}

/// What a field name means in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    EventId,
    Level,
    Channel,
    Provider,
    Computer,
    /// Event data; in Security 4688 it may have another name.
    Data(Option<&'static str>),
}

#[derive(Clone, Debug)]
struct LogRules {
    /// `None`: any log.
    log: Option<&'static EventLog>,
    by_event_id: BTreeMap<u32, Vec<Entry>>,
    any_event_id: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    rule: RuleIndex,
    renamed: bool,
}

impl EventPlan {
    pub(super) fn new(of: &[(RuleIndex, Vec<Scope>)], rules: &Arc<[Rule]>, names: &Arc<FieldNames>) -> Self {
        let kinds: Vec<Kind> = names.iter().map(Kind::of).collect();
        let mut plan = Self { rules: rules.clone(), names: names.clone(), kinds, ..Self::default() };
        plan.filtered = vec![false; rules.len()];
        let searched = |field: FieldId| !matches!(plan.kinds.get(field.at()), Some(Kind::EventId | Kind::Level));
        let event_id = names.find("EventID");
        let mut literals_of = Vec::new();
        for (rule, scopes) in of {
            let Some(detection) = rules.get(rule.at()).and_then(|rule| rule.detection.as_ref()) else {
                continue;
            };
            let literals = detection.required_literals(Writing::Values, &searched);
            if let Some(filtered) = plan.filtered.get_mut(rule.at()) {
                *filtered = literals.is_some();
            }
            literals_of.push((*rule, literals));
            let required = event_id.and_then(|field| detection.required_integers(field));
            for scope in scopes {
                add_scope(&mut plan.logs, *rule, scope, required.as_deref());
            }
        }
        plan.filter = Filter::new(literals_of);
        plan
    }

    /// Reports the rules that an event fits, in the order of their numbers.
    pub(super) fn test(&self, event: &WindowsEvent<'_>, fits: &mut impl FnMut(RuleIndex)) {
        let mut candidates: Vec<Entry> = Vec::new();
        for log in self.logs.iter().filter(|log| log.log.is_none_or(|log| log.holds(event))) {
            candidates.extend_from_slice(&log.any_event_id);
            candidates.extend(log.by_event_id.get(&event.event_id).into_iter().flatten());
        }
        let filtered = |entry: &Entry| self.filtered.get(entry.rule.at()) == Some(&true);
        if candidates.iter().any(filtered) {
            let possible = self.possible(event);
            candidates.retain(|entry| !filtered(entry) || possible.contains(entry.rule));
        }
        candidates.sort_unstable_by_key(|entry| (entry.rule, entry.renamed));
        let mut last = None;
        for entry in candidates {
            let detection = self.rules.get(entry.rule.at()).and_then(|rule| rule.detection.as_ref());
            let fields = EventFields::new(self, event, entry.renamed);
            if last != Some(entry.rule) && detection.is_some_and(|detection| detection.matches(&fields)) {
                last = Some(entry.rule);
                fits(entry.rule);
            }
        }
    }

    /// The value of a field as a rule that fits the event sees it.
    pub(super) fn value<'a>(
        &self,
        rule: RuleIndex,
        field: FieldId,
        event: &'a WindowsEvent<'_>,
    ) -> Option<Cow<'a, [u8]>> {
        let seen = |log: &&LogRules| log.log.is_none_or(|log| log.holds(event));
        let renamed = self.logs.iter().filter(seen).any(|log| {
            let entries = log.by_event_id.get(&event.event_id).into_iter().flatten().chain(&log.any_event_id);
            entries.into_iter().any(|entry| entry.rule == rule && entry.renamed)
        });
        match self.kinds.get(field.at())? {
            Kind::EventId => Some(Cow::Owned(event.event_id.to_string().into_bytes())),
            Kind::Level => event.level.map(|level| Cow::Owned(level.to_string().into_bytes())),
            Kind::Channel => Some(Cow::Borrowed(event.channel.as_bytes())),
            Kind::Provider => Some(Cow::Borrowed(event.provider.as_bytes())),
            Kind::Computer => Some(Cow::Borrowed(event.computer.as_bytes())),
            Kind::Data(other) => data(event, self.names.name(field), other.filter(|_| renamed)),
        }
    }

    pub(super) fn is_unfiltered(&self, rule: RuleIndex) -> bool {
        self.filter.unfiltered().contains(&rule)
    }

    /// Whether only events of some ids are shown to the rule.
    pub(super) fn is_of_some_ids(&self, rule: RuleIndex) -> bool {
        !self.logs.iter().flat_map(|log| &log.any_event_id).any(|entry| entry.rule == rule)
    }

    /// The rules whose literals occur in the event. The values are searched, not the JSON: they are what rules test,
    /// and no escape can hide a literal in them.
    fn possible(&self, event: &WindowsEvent<'_>) -> RuleSet {
        let mut possible = RuleSet::with_room_for(self.rules.len());
        for text in texts(event) {
            self.filter.scan(text, &mut |_, rule| {
                possible.insert(rule);
            });
        }
        possible
    }
}

fn add_scope(logs: &mut Vec<LogRules>, rule: RuleIndex, scope: &Scope, required: Option<&[i64]>) {
    let at = logs.iter().position(|known| known.log == scope.log).unwrap_or_else(|| {
        logs.push(LogRules { log: scope.log, by_event_id: BTreeMap::new(), any_event_id: Vec::new() });
        logs.len() - 1
    });
    let Some(log) = logs.get_mut(at) else {
        return;
    };
    let entry = Entry { rule, renamed: scope.renamed };
    let required = required.map(|ids| ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect::<Vec<u32>>());
    let ids: Vec<u32> = match (scope.event_ids, required) {
        (None, None) => return log.any_event_id.push(entry),
        (Some(ids), None) => ids.to_vec(),
        (None, Some(required)) => required,
        (Some(ids), Some(required)) => ids.iter().copied().filter(|id| required.contains(id)).collect(),
    };
    for id in ids {
        log.by_event_id.entry(id).or_default().push(entry);
    }
}

impl Kind {
    fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "eventid" => Self::EventId,
            "level" => Self::Level,
            "channel" => Self::Channel,
            "provider_name" => Self::Provider,
            "computer" => Self::Computer,
            _ => {
                Self::Data(RENAMED.iter().find(|(ours, _)| name.eq_ignore_ascii_case(ours)).map(|(_, theirs)| *theirs))
            }
        }
    }
}

/// Event data by name. A renamed field is looked up under its own name too, because some exports rename it already;
/// not so `ProcessId`, which Security 4688 uses for another thing.
fn data<'a>(event: &'a WindowsEvent<'_>, name: &str, other: Option<&str>) -> Option<Cow<'a, [u8]>> {
    let value = match other {
        Some(other) => {
            event.field(other).or_else(|| if name.eq_ignore_ascii_case("ProcessId") { None } else { event.field(name) })
        }
        None => event.field(name),
    };
    value.map(|value| Cow::Borrowed(value.as_bytes()))
}

/// All texts of an event that rules can test.
fn texts<'a>(event: &'a WindowsEvent<'_>) -> impl Iterator<Item = &'a [u8]> {
    let system = [&event.channel, &event.provider, &event.computer];
    system.into_iter().map(|text| text.as_bytes()).chain(event.fields.iter().map(|(_, value)| value.as_bytes()))
}

struct EventFields<'a> {
    plan: &'a EventPlan,
    event: &'a WindowsEvent<'a>,
    renamed: bool,
    event_id: Digits,
    level: Option<Digits>,
}

impl<'a> EventFields<'a> {
    fn new(plan: &'a EventPlan, event: &'a WindowsEvent<'a>, renamed: bool) -> Self {
        let level = event.level.map(|level| Digits::of(u32::from(level)));
        Self { plan, event, renamed, event_id: Digits::of(event.event_id), level }
    }
}

impl Fields for EventFields<'_> {
    fn get(&self, field: FieldId) -> Option<Cow<'_, [u8]>> {
        match self.plan.kinds.get(field.at())? {
            Kind::EventId => Some(Cow::Borrowed(self.event_id.text())),
            Kind::Level => self.level.as_ref().map(|level| Cow::Borrowed(level.text())),
            Kind::Channel => Some(Cow::Borrowed(self.event.channel.as_bytes())),
            Kind::Provider => Some(Cow::Borrowed(self.event.provider.as_bytes())),
            Kind::Computer => Some(Cow::Borrowed(self.event.computer.as_bytes())),
            Kind::Data(other) => data(self.event, self.plan.names.name(field), other.filter(|_| self.renamed)),
        }
    }

    fn any(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        texts(self.event).any(test)
    }
}

/// A number in decimal digits, without allocating.
struct Digits {
    bytes: [u8; 10],
    start: usize,
}

impl Digits {
    fn of(mut number: u32) -> Self {
        let mut digits = Self { bytes: [b'0'; 10], start: 10 };
        for (at, byte) in digits.bytes.iter_mut().enumerate().rev() {
            // The remainder of a division by ten fits any width.
            *byte = b'0' + (number % 10) as u8;
            number /= 10;
            digits.start = at;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
