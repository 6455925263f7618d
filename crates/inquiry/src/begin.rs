//! When it began: the earliest time that is proven, and the earliest that the evidence does not rule out.

use model::Utc;
use model::assessment::Begin;

use crate::exposure::Window;
use crate::findings::Seen;
use crate::incidents::Chain;

/// Both times; nothing where nothing is proven.
pub(crate) fn of(seen: &[Seen], windows: &[Window<'_>], chains: &[Chain]) -> Begin {
    let proofs: Vec<(usize, &Seen)> = seen.iter().enumerate().filter(|(_, one)| one.is_proof()).collect();
    if proofs.is_empty() {
        return Begin::default();
    }
    let certain = proofs.iter().filter_map(|(_, one)| one.finding.time).min();
    let possible =
        earliest_unseen(&proofs, windows, certain).or_else(|| earliest_attempt(seen, &proofs, chains, certain));
    Begin { earliest_certain: certain, earliest_possible: possible.or(certain) }
}

/// The begin of the earliest uncovered stretch, before the first proof, of the windows of the proven campaigns.
fn earliest_unseen(proofs: &[(usize, &Seen)], windows: &[Window<'_>], certain: Option<Utc>) -> Option<Utc> {
    let unattributed = proofs.iter().any(|(_, one)| one.finding.campaign.is_none());
    let concerned = |window: &&Window<'_>| {
        unattributed || proofs.iter().any(|(_, one)| one.finding.campaign.as_ref() == Some(&window.campaign.id))
    };
    let unseen = windows.iter().filter(concerned).flat_map(|window| &window.uncovered).map(|one| one.from);
    unseen.filter(|from| certain.is_none_or(|certain| *from < certain)).min()
}

/// The earliest trace of the actor whose proof is the first.
fn earliest_attempt(seen: &[Seen], proofs: &[(usize, &Seen)], chains: &[Chain], certain: Option<Utc>) -> Option<Utc> {
    let (first, _) = proofs.iter().find(|(_, one)| one.finding.time == certain)?;
    let chain = chains.iter().find(|chain| chain.members.contains(first))?;
    chain.members.iter().filter_map(|index| seen.get(*index)?.finding.time).min()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, at, sighting};
    use model::assessment::Begin;
    use model::campaign::{Proves, Stage};

    fn check(mut builder: Builder, certain: Option<&str>, possible: Option<&str>) {
        let attempt = builder.rule("proxylogon/attempt", Stage::Access, Proves::Attempt);
        builder.see(sighting(attempt, "httpproxy/Ecp", "2021-03-01T04:00:00Z"));
        let begin = builder.assess().servers[0].begin.clone();
        assert_eq!(begin, Begin { earliest_certain: certain.map(at), earliest_possible: possible.map(at) });
    }

    fn hit(mut builder: Builder) -> Builder {
        let success = builder.rule("proxylogon/success", Stage::Access, Proves::Success);
        builder.see(sighting(success, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
        builder
    }

    #[test]
    fn nothing_proven_has_no_begin() {
        check(Builder::new().covered(), None, None);
    }

    #[test]
    fn the_first_attempt_of_the_same_actor_bounds_a_covered_window() {
        check(hit(Builder::new().covered()), Some("2021-03-03T04:00:00Z"), Some("2021-03-01T04:00:00Z"));
    }

    #[test]
    fn an_uncovered_stretch_bounds_it_earlier() {
        check(hit(Builder::new().rotated()), Some("2021-03-03T04:00:00Z"), Some("2021-01-03"));
    }

    #[test]
    fn files_alone_prove_no_time() {
        let mut builder = Builder::new().rotated();
        let rule = builder.rule("proxylogon/shell-file", Stage::Foothold, Proves::Persistence);
        let mut file = sighting(rule, "file", "2021-03-03T04:00:00Z");
        (file.first, file.last) = (None, None);
        builder.see(file);
        check(builder, None, Some("2021-01-03"));
    }
}
