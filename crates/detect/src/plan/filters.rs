//! What a pack says beside its rules: `filters/*.yml`, which suppress hits of many rules at once, and
//! `placeholders.toml`, the values of placeholders.

use std::collections::BTreeMap;

use rsigma_parser::{FilterRule, FilterRuleTarget, SigmaRule};

use crate::pack::{PackFiles, Refusal};
use crate::sigma::{Detection, FieldNames, Placeholders, Reason, filter};

/// Filters and placeholders, by pack.
#[derive(Default)]
pub(super) struct Filters {
    of_pack: BTreeMap<String, OfPack>,
}

#[derive(Default)]
struct OfPack {
    placeholders: Placeholders,
    /// With the name by which each is refused, and whether it was put to a rule.
    filters: Vec<(String, FilterRule, bool)>,
}

impl Filters {
    /// Reads those of a pack. A filter that cannot be used exactly is refused, and the rules run without it.
    pub(super) fn read(&mut self, pack: &PackFiles, names: &mut FieldNames, refusals: &mut Vec<Refusal>) {
        let mut of_pack = OfPack::default();
        let mut refuse = |path: &str, reason: String| {
            refusals.push(Refusal { rule: format!("{}/{path}", pack.id), reason });
        };
        let mut files: Vec<(&str, &[u8])> = pack.files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        files.sort_unstable();
        if let Some((path, bytes)) = files.iter().find(|(path, _)| *path == "placeholders.toml") {
            let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned());
            match text.and_then(Placeholders::read) {
                Ok(placeholders) => of_pack.placeholders = placeholders,
                Err(reason) => refuse(path, reason),
            }
        }
        for (path, bytes) in files {
            if !path.starts_with("filters/") {
                continue;
            }
            for filter in filter::read(bytes).map_err(|reason| refuse(path, reason.to_string())).unwrap_or_default() {
                match Detection::check_filter(&filter, &of_pack.placeholders, names) {
                    Ok(()) => of_pack.filters.push((path.to_owned(), filter, false)),
                    Err(reason) => refuse(path, reason.to_string()),
                }
            }
        }
        self.of_pack.insert(pack.id.clone(), of_pack);
    }

    /// Compiles a rule of a pack with its filters; `id` is the rule's, as reports show it.
    pub(super) fn compile(
        &mut self,
        pack: &str,
        id: &str,
        rule: &SigmaRule,
        names: &mut FieldNames,
    ) -> Result<Detection, Reason> {
        let of_pack = self.of_pack.entry(pack.to_owned()).or_default();
        let file = id.strip_prefix(pack).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        let mut filters = Vec::new();
        for (_, filter, used) in &mut of_pack.filters {
            if filter::applies(filter, rule, &[id, file]) {
                *used = true;
                filters.push(&*filter);
            }
        }
        Detection::compile_with(rule, &filters, &of_pack.placeholders, names)
    }

    /// Filters that name rules and were put to none: a word of theirs is wrong.
    pub(super) fn unused(&self) -> Vec<Refusal> {
        let all = self.of_pack.iter().flat_map(|(pack, of)| of.filters.iter().map(move |filter| (pack, filter)));
        let stray = all.filter(|(_, (_, filter, used))| !used && matches!(filter.rules, FilterRuleTarget::Specific(_)));
        let refusal = |(pack, (path, ..)): (&String, &(String, FilterRule, bool))| Refusal {
            rule: format!("{pack}/{path}"),
            reason: Reason::Filter("it names no rule of this pack and of its log source that was loaded".into())
                .to_string(),
        };
        stray.map(refusal).collect()
    }
}
