//! Indicators of all packs, for exact look-up.

use std::collections::HashMap;

use crate::pack::{Indicator, IndicatorKind};
use crate::sigma::RuleIndex;

/// The indicators of one kind by value. Looked up, never walked, so that no order of a map shows.
type OfKind = HashMap<String, Vec<(RuleIndex, Indicator)>>;

/// All indicators, by kind.
#[derive(Clone, Debug, Default)]
pub struct Indicators {
    /// In the order of [`IndicatorKind::ALL`].
    kinds: [OfKind; IndicatorKind::ALL.len()],
}

impl Indicators {
    pub(super) fn add(&mut self, rule: RuleIndex, indicator: Indicator) {
        let of_kind = &mut self.kinds[indicator.kind as usize];
        of_kind.entry(indicator.value.clone()).or_default().push((rule, indicator));
    }

    /// Whether any pack has indicators of a kind.
    #[must_use]
    pub fn has(&self, kind: IndicatorKind) -> bool {
        !self.kinds[kind as usize].is_empty()
    }

    /// The indicators with this value, which has to be spelt as [`IndicatorKind::spelling`] does.
    #[must_use]
    pub fn find(&self, kind: IndicatorKind, spelt: &str) -> &[(RuleIndex, Indicator)] {
        self.kinds[kind as usize].get(spelt).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::IndicatorKind;

    #[test]
    fn every_kind_has_its_place() {
        for (place, kind) in IndicatorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
