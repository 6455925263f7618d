//! The build history of a server, merged from every log that names a build.

use model::assessment::BuildSpan;
use model::observation::BuildSeen;
use model::{Family, Utc};

use crate::product::Product;

/// Builds in time order. A build that goes and comes back stands twice. Sources that are known to name wrong builds
/// speak only where no better one does.
pub(crate) fn history(seen: &[BuildSeen], product: &dyn Product) -> Vec<BuildSpan> {
    let seen = &in_order_of_setup(seen);
    let mut kept: Vec<BuildSeen> = seen.iter().filter(|one| !one.weak).cloned().collect();
    let strong = kept.iter().map(|one| one.first).min().zip(kept.iter().map(|one| one.last).max());
    let weak: Vec<BuildSeen> = seen
        .iter()
        .filter(|one| one.weak)
        .flat_map(|one| match strong {
            None => vec![one.clone()],
            Some(hull) => outside(one, hull, kept.iter().any(|known| known.build == one.build)),
        })
        .collect();
    kept.extend(weak);
    kept.sort_by_key(|one| (one.first, one.last, one.build, one.family));
    merge(&kept, product)
}

/// Setup names its own version first and the installed one after it: what it brings comes later than what it finds.
fn in_order_of_setup(seen: &[BuildSeen]) -> Vec<BuildSeen> {
    const RUN_SECS: i64 = 3_600;
    let found = |weak: &BuildSeen| {
        let after = |one: &&BuildSeen| {
            let secs = one.first.secs_since(weak.first);
            !one.weak && one.family == Family::Setup && one.build != weak.build && (0..RUN_SECS).contains(&secs)
        };
        seen.iter().filter(after).map(|one| one.first).min()
    };
    let moved = |one: &BuildSeen| match found(one).filter(|_| one.weak && one.family == Family::Setup) {
        Some(time) => BuildSeen { first: time.plus_secs(1), last: one.last.max(time.plus_secs(1)), ..one.clone() },
        None => one.clone(),
    };
    seen.iter().map(moved).collect()
}

/// The parts of a weak record that lie outside the time of the strong ones. One that names another build than they do
/// at the same time is wrong and says nothing.
fn outside(weak: &BuildSeen, hull: (Utc, Utc), agrees: bool) -> Vec<BuildSeen> {
    let overlaps = weak.first <= hull.1 && weak.last >= hull.0;
    if !overlaps {
        return vec![weak.clone()];
    }
    if !agrees {
        return Vec::new();
    }
    let before = (weak.first < hull.0).then(|| BuildSeen { last: hull.0.min(weak.last), ..weak.clone() });
    let after = (weak.last > hull.1).then(|| BuildSeen { first: hull.1.max(weak.first), ..weak.clone() });
    before.into_iter().chain(after).collect()
}

fn merge(sorted: &[BuildSeen], product: &dyn Product) -> Vec<BuildSpan> {
    let mut spans: Vec<BuildSpan> = Vec::new();
    for one in sorted {
        let last_index = spans.len().saturating_sub(1);
        let same = spans
            .iter_mut()
            .enumerate()
            .rev()
            .find(|(index, span)| span.build == one.build && (*index == last_index || one.first <= span.last_seen));
        match same {
            Some((_, span)) => span.last_seen = span.last_seen.max(one.last),
            None => spans.push(new_span(one, product)),
        }
    }
    spans
}

fn new_span(one: &BuildSeen, product: &dyn Product) -> BuildSpan {
    let (product, update) = product.names(one.build);
    BuildSpan {
        build: one.build,
        product,
        update,
        first_seen: one.first,
        last_seen: one.last,
        source: one.family.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FIXED, Fake, OPEN, build_seen};

    fn check(seen: &[BuildSeen], expected: &[&str]) {
        let spans: Vec<String> = history(seen, &Fake)
            .iter()
            .map(|span| {
                let (from, until) = (crate::wording::day(span.first_seen), crate::wording::day(span.last_seen));
                format!("{} {from} {until} {}", span.build, span.source)
            })
            .collect();
        assert_eq!(spans, expected);
    }

    #[test]
    fn sources_that_agree_are_one_span() {
        check(
            &[
                build_seen("httpproxy", OPEN, "2021-02-01", "2021-03-05"),
                build_seen("ews", OPEN, "2021-01-20", "2021-03-04"),
                build_seen("httpproxy", FIXED, "2021-03-05", "2021-03-12"),
            ],
            &["15.1.2106.2 2021-01-20 2021-03-05 ews", "15.1.2106.13 2021-03-05 2021-03-12 httpproxy"],
        );
    }

    #[test]
    fn going_down_and_up_is_kept() {
        check(
            &[
                build_seen("httpproxy", OPEN, "2021-02-01", "2021-03-05"),
                build_seen("httpproxy", FIXED, "2021-03-06", "2021-03-07"),
                build_seen("httpproxy", OPEN, "2021-03-08", "2021-03-09"),
            ],
            &[
                "15.1.2106.2 2021-02-01 2021-03-05 httpproxy",
                "15.1.2106.13 2021-03-06 2021-03-07 httpproxy",
                "15.1.2106.2 2021-03-08 2021-03-09 httpproxy",
            ],
        );
    }

    #[test]
    fn weak_sources_speak_only_where_no_strong_one_does() {
        let weak = |build, from, until| BuildSeen { weak: true, ..build_seen("ecpserver", build, from, until) };
        let strong = build_seen("httpproxy", FIXED, "2021-03-05", "2021-03-12");
        check(
            &[weak(OPEN, "2021-03-06", "2021-03-20"), strong.clone()],
            &["15.1.2106.13 2021-03-05 2021-03-12 httpproxy"],
        );
        check(
            &[weak(OPEN, "2021-02-01", "2021-03-01"), strong],
            &["15.1.2106.2 2021-02-01 2021-03-01 ecpserver", "15.1.2106.13 2021-03-05 2021-03-12 httpproxy"],
        );
        check(&[weak(OPEN, "2021-02-01", "2021-03-01")], &["15.1.2106.2 2021-02-01 2021-03-01 ecpserver"]);
    }
}
