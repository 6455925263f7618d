//! Rules over Windows events: by log, then by event id, then by required literals, then tested.

mod group;
mod view;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::WindowsEvent;

use self::group::{Entry, Group};
use self::view::{Kinds, Named, View};
use super::filter::RuleSet;
use super::routes::{EventLog, Scope};
use super::{Meter, Rule};
use crate::sigma::{FieldId, FieldNames, RuleIndex, Writing};

pub(super) use self::view::LOG_OF_RECORD;

/// Names that events are asked for although no rule writes them.
pub(super) fn intern(names: &mut FieldNames) {
    Kinds::intern(names);
}

/// The rules over Windows events, by log and event id.
#[derive(Clone, Debug, Default)]
pub(super) struct EventPlan {
    rules: Arc<[Rule]>,
    kinds: Kinds,
    logs: Vec<LogRules>,
    /// Positions in `logs`, by the names of channels and of providers, as Windows writes them and in small letters.
    by_channel: HashMap<Box<str>, Vec<usize>>,
    by_provider: HashMap<Box<str>, Vec<usize>>,
    /// The position of the rules of no particular log.
    anywhere: Option<usize>,
    tried_on_all: RuleSet,
    of_any_id: RuleSet,
}

#[derive(Clone, Debug, Default)]
struct LogRules {
    by_event_id: BTreeMap<u32, Group>,
    other_ids: Group,
    /// The rules that name Security 4688 by the fields of Sysmon 1.
    renaming: BTreeMap<u32, Vec<RuleIndex>>,
}

/// A log and its rules while they are gathered.
struct Gathered {
    log: Option<&'static EventLog>,
    by_event_id: BTreeMap<u32, Vec<Entry>>,
    any_event_id: Vec<Entry>,
}

impl EventPlan {
    pub(super) fn new(of: &[(RuleIndex, Vec<Scope>)], rules: &Arc<[Rule]>, names: &Arc<FieldNames>) -> Self {
        let mut plan = Self { rules: rules.clone(), kinds: Kinds::new(names), ..Self::default() };
        plan.tried_on_all = RuleSet::with_room_for(rules.len());
        plan.of_any_id = RuleSet::with_room_for(rules.len());
        let event_id = names.find("EventID");
        let mut gathered: Vec<Gathered> = Vec::new();
        for (rule, scopes) in of {
            let Some(detection) = rules.get(rule.at()).and_then(|rule| rule.detection.as_ref()) else {
                continue;
            };
            if detection.required_literals(Writing::Values, &|field| plan.kinds.is_text(field)).is_none() {
                plan.tried_on_all.insert(*rule);
            }
            let required = event_id.and_then(|field| detection.required_integers(field));
            for scope in scopes {
                gather(&mut gathered, *rule, scope, required.as_deref());
            }
        }
        for log in gathered {
            log.any_event_id.iter().for_each(|entry| _ = plan.of_any_id.insert(entry.rule));
            plan.add_log(log, names.iter().count());
        }
        plan
    }

    fn add_log(&mut self, gathered: Gathered, field_count: usize) {
        let with_detection = |entry: &Entry| Some((*entry, self.rules.get(entry.rule.at())?.detection.as_ref()?));
        let group = |entries: &[Entry]| {
            let entries = entries.iter().chain(&gathered.any_event_id);
            Group::new(entries.filter_map(with_detection), &self.kinds, field_count)
        };
        let renamed = |entries: &[Entry]| -> Vec<RuleIndex> {
            entries.iter().filter(|entry| entry.renamed).map(|entry| entry.rule).collect()
        };
        let rules = LogRules {
            by_event_id: gathered.by_event_id.iter().map(|(id, entries)| (*id, group(entries))).collect(),
            other_ids: group(&[]),
            renaming: gathered.by_event_id.iter().map(|(id, entries)| (*id, renamed(entries))).collect(),
        };
        let at = self.logs.len();
        self.logs.push(rules);
        let Some(log) = gathered.log else {
            self.anywhere = Some(at);
            return;
        };
        for channel in log.channels() {
            add_name(&mut self.by_channel, channel, at);
        }
        if let Some(provider) = log.provider() {
            add_name(&mut self.by_provider, provider, at);
        }
    }

    /// The logs that an event belongs to.
    fn logs_of(&self, channel: &str, provider: &str) -> impl Iterator<Item = &LogRules> + Clone {
        let by_channel = positions(&self.by_channel, channel);
        let by_provider = positions(&self.by_provider, provider).iter().filter(|at| !by_channel.contains(at));
        by_channel.iter().chain(by_provider).chain(&self.anywhere).filter_map(|at| self.logs.get(*at))
    }

    /// Whether some rule looks at events of this kind at all.
    pub(super) fn looks_at(&self, channel: &str, provider: &str, event_id: u32) -> bool {
        self.logs_of(channel, provider).any(|log| !log.group(event_id).is_empty())
    }

    /// Reports the rules that an event fits, in the order of their numbers.
    pub(super) fn test(&self, event: &WindowsEvent<'_>, meter: &mut impl Meter, fits: &mut impl FnMut(RuleIndex)) {
        let logs = self.logs_of(&event.channel, &event.provider);
        let mut groups = logs.map(|log| log.group(event.event_id)).filter(|group| !group.is_empty()).peekable();
        if groups.peek().is_none() {
            return;
        }
        let view = View::new(&self.kinds, event);
        let mut candidates: Vec<Entry> = Vec::new();
        groups.for_each(|group| group.candidates(&view, &self.kinds, &mut candidates));
        candidates.sort_unstable();
        candidates.dedup();
        let mut last = None;
        for entry in candidates {
            let detection = self.rules.get(entry.rule.at()).and_then(|rule| rule.detection.as_ref());
            let fields = Named { view: &view, renamed: entry.renamed };
            let test = || detection.is_some_and(|detection| detection.matches(&fields));
            if last != Some(entry.rule) && meter.measure(entry.rule, test) {
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
        let renames = |log: &&LogRules| log.renaming.get(&event.event_id).is_some_and(|rules| rules.contains(&rule));
        let renamed = self.logs_of(&event.channel, &event.provider).any(|log| renames(&log));
        let view = View::new(&self.kinds, event);
        view.value(field, renamed).map(|value| Cow::Owned(value.into_owned()))
    }

    pub(super) fn is_unfiltered(&self, rule: RuleIndex) -> bool {
        self.tried_on_all.contains(rule)
    }

    /// Whether only events of some ids are shown to the rule.
    pub(super) fn is_of_some_ids(&self, rule: RuleIndex) -> bool {
        !self.of_any_id.contains(rule)
    }
}

impl LogRules {
    fn group(&self, event_id: u32) -> &Group {
        self.by_event_id.get(&event_id).unwrap_or(&self.other_ids)
    }
}

fn add_name(logs: &mut HashMap<Box<str>, Vec<usize>>, name: &str, at: usize) {
    for spelling in [name.to_owned(), name.to_ascii_lowercase()] {
        let positions = logs.entry(spelling.into()).or_default();
        if !positions.contains(&at) {
            positions.push(at);
        }
    }
}

/// The positions of the logs of a name, which is nearly always written as Windows writes it.
fn positions<'m>(logs: &'m HashMap<Box<str>, Vec<usize>>, name: &str) -> &'m [usize] {
    let as_written = logs.get(name);
    let found = as_written.or_else(|| {
        name.bytes()
            .any(|byte| byte.is_ascii_uppercase())
            .then(|| logs.get(name.to_ascii_lowercase().as_str()))
            .flatten()
    });
    found.map_or(&[], Vec::as_slice)
}

fn gather(logs: &mut Vec<Gathered>, rule: RuleIndex, scope: &Scope, required: Option<&[i64]>) {
    let at = logs.iter().position(|known| known.log == scope.log).unwrap_or_else(|| {
        logs.push(Gathered { log: scope.log, by_event_id: BTreeMap::new(), any_event_id: Vec::new() });
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
