//! Indicators of all packs, for exact look-up.

use std::collections::HashMap;

use crate::pack::{Indicator, IndicatorKind};
use crate::sigma::RuleIndex;

/// Indicators by kind and value. Looked up, never walked, so that no order of a map shows.
#[derive(Clone, Debug, Default)]
pub struct Indicators {
    by_value: HashMap<IndicatorKind, HashMap<String, Vec<(RuleIndex, Indicator)>>>,
}

impl Indicators {
    pub(super) fn add(&mut self, rule: RuleIndex, indicator: Indicator) {
        let of_kind = self.by_value.entry(indicator.kind).or_default();
        of_kind.entry(indicator.value.clone()).or_default().push((rule, indicator));
    }

    /// Whether any pack has indicators of a kind.
    #[must_use]
    pub fn has(&self, kind: IndicatorKind) -> bool {
        self.by_value.contains_key(&kind)
    }

    /// The indicators with this value, which has to be spelt as [`IndicatorKind::spelling`] does.
    #[must_use]
    pub fn find(&self, kind: IndicatorKind, spelt: &str) -> &[(RuleIndex, Indicator)] {
        self.by_value.get(&kind).and_then(|of_kind| of_kind.get(spelt)).map_or(&[], Vec::as_slice)
    }
}
