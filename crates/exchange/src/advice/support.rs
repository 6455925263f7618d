//! Whether the vendor still mends a product. Data: `knowledge/products.csv`.

use model::advice::{Day, Support, SupportState};
use model::{Build, Utc};

use crate::Knowledge;
use crate::builds::Product;

impl Knowledge {
    /// The state on a day. Whether a CU still gets updates is told as the data stands.
    pub(super) fn support(&self, build: Build, as_of: Utc) -> Support {
        let catalogue = &self.catalogue;
        let Some(product) = catalogue.product_of(build).map(|product| &catalogue.products[product]) else {
            let words =
                "whether it is in support is not known, because the number does not tell the product".to_owned();
            return Support { state: SupportState::Unknown, end: None, extension_end: None, words };
        };
        let extension_end = product.assessed_until.filter(|until| product.support_end.is_some_and(|end| *until > end));
        let (state, mut words) = on_day(product, extension_end, as_of);
        let left_behind = catalogue.on_cu(build).last().is_some_and(|newest| !catalogue.gets_updates(newest));
        if left_behind && state != SupportState::Ended {
            words.push_str("; this CU gets no more updates");
        }
        Support { state, end: product.support_end.map(Day), extension_end: extension_end.map(Day), words }
    }
}

fn on_day(product: &Product, extension_end: Option<Utc>, as_of: Utc) -> (SupportState, String) {
    match (product.support_end, extension_end) {
        (None, _) => {
            let words = match product.support_not_before.filter(|day| as_of <= *day) {
                Some(day) => format!("in support until {} at the earliest, no end is set", Day(day)),
                None => "in support, no end is known".to_owned(),
            };
            (SupportState::Supported, words)
        }
        (Some(end), _) if as_of <= end => (SupportState::Supported, format!("in support until {}", Day(end))),
        (Some(end), Some(until)) if as_of <= until => (
            SupportState::PaidExtension,
            format!(
                "support ended on {}; until {} only customers of the extended update programme get updates ({})",
                Day(end),
                Day(until),
                product.extended_programme
            ),
        ),
        (Some(end), Some(until)) => {
            (SupportState::Ended, format!("support ended on {}, the paid extension on {}", Day(end), Day(until)))
        }
        (Some(end), None) => (SupportState::Ended, format!("support ended on {}", Day(end))),
    }
}

#[cfg(test)]
mod tests {
    use model::Utc;
    use model::advice::SupportState::{self, Ended, PaidExtension, Supported, Unknown};

    use crate::Knowledge;

    fn check(build: &str, day: &str, state: SupportState, words: &str) {
        let day = Utc::parse(day.as_bytes()).expect("a day");
        let support = Knowledge::shipped().support(build.parse().expect("a build"), day);
        assert_eq!((support.state, support.words.as_str()), (state, words), "{build}");
    }

    #[test]
    fn depends_on_the_day() {
        check("15.1.2507.6", "2025-10-14", Supported, "in support until 2025-10-14");
        check("15.1.2106.2", "2025-10-14", Supported, "in support until 2025-10-14; this CU gets no more updates");
        check(
            "15.1.2507.6",
            "2025-10-15",
            PaidExtension,
            "support ended on 2025-10-14; until 2026-10-31 only customers of the extended update programme get updates \
             (period 1 until 2026-04-14; period 2 until 2026-10, CU23 only)",
        );
        check("15.1.2507.6", "2026-11-01", Ended, "support ended on 2025-10-14, the paid extension on 2026-10-31");
        check("14.3.123.4", "2026-11-23", Ended, "support ended on 2020-10-13");
        check("15.2.2562.17", "2026-11-23", Supported, "in support until 2035-12-31 at the earliest, no end is set");
        check("15.2.2562.17", "2036-01-01", Supported, "in support, no end is known");
        check(
            "15.2.2000.1",
            "2026-11-23",
            Unknown,
            "whether it is in support is not known, because the number does not tell the product",
        );
    }
}
