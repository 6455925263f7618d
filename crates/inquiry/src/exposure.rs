//! When a server was open to a campaign, and how much of that time the evidence covers.

use std::collections::BTreeSet;

use model::Utc;
use model::assessment::{BuildSpan, Covered, Grounds, Span, Uncovered};
use model::campaign::{Campaign, CampaignKind};

use crate::coverage::{self, Bounds, Spoken};
use crate::product::{Openness, Product};
use crate::wording::{day, when};

/// An update shuts the door and removes nothing.
const NO_UPDATE_ENDS_IT: &str = "no update ends it: what was left behind has to be removed";

/// One campaign's window, before anybody judges it.
#[derive(Clone, Debug)]
pub(crate) struct Window<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) grounds: Grounds,
    pub(crate) cves: Vec<String>,
    pub(crate) from: Utc,
    pub(crate) from_basis: String,
    pub(crate) until: Option<Utc>,
    pub(crate) until_basis: String,
    /// From then on a fixed build was running, as far as the evidence shows.
    pub(crate) fixed_since: Option<Utc>,
    pub(crate) covered: Vec<Covered>,
    pub(crate) uncovered: Vec<Uncovered>,
}

impl Window<'_> {
    /// The time lies in the window.
    pub(crate) fn contains(&self, time: Utc) -> bool {
        time >= self.from && self.until.is_none_or(|until| time <= until)
    }

    /// Every need of the campaign is met throughout the window. A window that never opened needs no coverage.
    pub(crate) fn is_covered(&self) -> bool {
        self.grounds == Grounds::FindingsOnly || (self.uncovered.is_empty() && !self.campaign.needs.is_empty())
    }
}

/// What the windows are cut from.
pub(crate) struct Ground<'a> {
    pub(crate) product: &'a dyn Product,
    pub(crate) builds: &'a [BuildSpan],
    /// First and last record of the server.
    pub(crate) evidence: Option<Span>,
    pub(crate) spoken: &'a [Spoken],
    pub(crate) bounds: Bounds,
    /// Something speaks for an Exchange server. Other hosts of the network have event logs, too.
    pub(crate) is_exchange: bool,
    /// Campaigns of which something was found.
    pub(crate) found: &'a BTreeSet<String>,
}

impl Ground<'_> {
    /// The windows of all campaigns that count for this server, in the order of the campaigns' names.
    pub(crate) fn windows<'c>(&self, campaigns: &'c [Campaign]) -> Vec<Window<'c>> {
        let mut windows: Vec<Window<'c>> = campaigns.iter().filter_map(|campaign| self.window(campaign)).collect();
        windows.sort_by(|a, b| a.campaign.id.cmp(&b.campaign.id));
        windows
    }

    fn window<'c>(&self, campaign: &'c Campaign) -> Option<Window<'c>> {
        let found = self.found.contains(&campaign.id);
        let used = campaign.first_use.zip(self.evidence.as_ref());
        let in_time = used.is_some_and(|(first_use, evidence)| first_use < evidence.until);
        let grounds = match self.grounds(campaign) {
            Some(grounds) if in_time || found => grounds,
            None if found => Grounds::FindingsOnly,
            _ => return None,
        };
        let since = campaign.since();
        let (fixed_since, until_basis) = self.until(campaign, grounds);
        let shut_before_use = fixed_since.is_some_and(|fixed| fixed <= since);
        if shut_before_use && !found {
            return None;
        }
        let never_open = shut_before_use || grounds == Grounds::FindingsOnly;
        let (until, until_basis) = match campaign.kind {
            CampaignKind::Aftermath | CampaignKind::Separate => (None, NO_UPDATE_ENDS_IT.to_owned()),
            _ if never_open => (Some(since), "no build seen was open from then on".to_owned()),
            _ => (fixed_since, until_basis),
        };
        let end = until.or(self.evidence.as_ref().map(|one| one.until)).unwrap_or(since);
        let span = Span { from: since, until: end.max(since) };
        let (covered, uncovered) = self.coverage(campaign, &span, never_open);
        Some(Window {
            campaign,
            grounds: if never_open { Grounds::FindingsOnly } else { grounds },
            cves: self.cves(campaign),
            from: span.from,
            from_basis: self.basis(campaign, if never_open { Grounds::FindingsOnly } else { grounds }),
            until,
            until_basis,
            fixed_since,
            covered,
            uncovered,
        })
    }

    fn coverage(&self, campaign: &Campaign, span: &Span, never_open: bool) -> (Vec<Covered>, Vec<Uncovered>) {
        if campaign.kind == CampaignKind::Untraceable && !never_open {
            return (Vec::new(), vec![no_trace(span, campaign)]);
        }
        let (covered, mut uncovered) = coverage::of_window(span.clone(), &campaign.needs, self.spoken, self.bounds);
        if self.spoken.is_empty() && uncovered.is_empty() && !never_open {
            uncovered.push(no_logs(span, campaign));
        }
        (covered, uncovered)
    }

    fn grounds(&self, campaign: &Campaign) -> Option<Grounds> {
        if matches!(campaign.kind, CampaignKind::Aftermath | CampaignKind::Separate) {
            return None;
        }
        let Some(earliest) = self.builds.iter().min_by_key(|span| span.first_seen) else {
            let counts = campaign.kind == CampaignKind::Vulnerability && self.is_exchange;
            return counts.then_some(Grounds::NoBuild);
        };
        let states: Vec<Openness> = self.builds.iter().map(|span| self.state(campaign, span)).collect();
        if states.contains(&Openness::Open) {
            return Some(Grounds::OpenBuild);
        }
        // What no log shows would keep every server in doubt for ever, were it counted without a build known to be open.
        if campaign.kind == CampaignKind::Untraceable {
            return None;
        }
        if states.contains(&Openness::Undetermined) {
            return Some(Grounds::UndeterminedBuild);
        }
        (earliest.first_seen > campaign.since() && self.stood_on_open(campaign, earliest).is_some())
            .then_some(Grounds::EarlierBuild)
    }

    /// The worst state among the holes that let the campaign in.
    fn state(&self, campaign: &Campaign, span: &BuildSpan) -> Openness {
        let states: Vec<Openness> =
            campaign.entry_cves.iter().map(|cve| self.product.openness(cve, span.build)).collect();
        match states.as_slice() {
            [] => Openness::Undetermined,
            states if states.contains(&Openness::Open) => Openness::Open,
            states if states.contains(&Openness::Undetermined) => Openness::Undetermined,
            _ => Openness::Shut,
        }
    }

    /// The cumulative update under a fixed build, where that one was open without its later updates.
    fn stood_on_open(&self, campaign: &Campaign, span: &BuildSpan) -> Option<String> {
        let (base, released) = self.product.cumulative_update(span.build)?;
        let open = campaign.entry_cves.iter().any(|cve| self.product.openness(cve, base) == Openness::Open);
        let (_, update) = self.product.names(base);
        let released = released.map(|time| format!(", released {}", day(time))).unwrap_or_default();
        (open && base != span.build).then(|| format!("{update} (build {base}{released})"))
    }

    fn basis(&self, campaign: &Campaign, grounds: Grounds) -> String {
        let basis = &campaign.first_use_basis;
        match grounds {
            Grounds::OpenBuild => basis.clone(),
            Grounds::NoBuild => format!("{basis}; no build is known from this evidence, so the campaign counts"),
            Grounds::UndeterminedBuild => {
                format!(
                    "{basis}; the build number seen does not tell whether the hole was open, so the campaign counts"
                )
            }
            Grounds::FindingsOnly if matches!(campaign.kind, CampaignKind::Aftermath | CampaignKind::Separate) => {
                format!("{basis}; listed because of what was found")
            }
            Grounds::FindingsOnly => {
                format!("{basis}; no build seen was open from then on, listed because of what was found")
            }
            Grounds::EarlierBuild => {
                let earliest = self.builds.iter().min_by_key(|span| span.first_seen);
                let base = earliest.and_then(|span| self.stood_on_open(campaign, span)).unwrap_or_default();
                let since = earliest.map(|span| day(span.first_seen)).unwrap_or_default();
                format!(
                    "{basis}; inferred: the earliest build seen (from {since}) is already fixed, but it stands on \
                     {base}, which was open, so the server ran an open build before"
                )
            }
        }
    }

    /// First record of a fixed build after the last open one.
    fn until(&self, campaign: &Campaign, grounds: Grounds) -> (Option<Utc>, String) {
        if grounds == Grounds::NoBuild || self.builds.is_empty() {
            return (None, "no build is known from this evidence, so no end is known".to_owned());
        }
        let shut = |span: &&BuildSpan| self.state(campaign, span) == Openness::Shut;
        let last_open = self.builds.iter().filter(|span| !shut(span)).map(|span| span.last_seen).max();
        let after = self.builds.iter().filter(shut).filter(|span| last_open.is_none_or(|open| span.last_seen > open));
        let first = after.min_by_key(|span| span.first_seen);
        match first {
            Some(span) => {
                let time = last_open.map_or(span.first_seen, |open| span.first_seen.max(open));
                (Some(time), format!("first record of build {} ({})", span.build, span.update))
            }
            None => (None, "no fixed build is seen: still open at the end of this evidence".to_owned()),
        }
    }

    /// The holes to which a build seen was open; all of them where no build tells.
    fn cves(&self, campaign: &Campaign) -> Vec<String> {
        let open =
            |cve: &&String| self.builds.iter().any(|span| self.product.openness(cve, span.build) == Openness::Open);
        let named: Vec<String> = campaign.cves.iter().filter(open).cloned().collect();
        if named.is_empty() { campaign.cves.clone() } else { named }
    }
}

/// No log shows whether it was used.
fn no_trace(span: &Span, campaign: &Campaign) -> Uncovered {
    let wishes: Vec<&str> = campaign.needs.iter().map(|need| need.settle.as_str()).collect();
    let sources = coverage::sources(campaign.needs.iter());
    let why = "leaves no trace".to_owned();
    Uncovered { from: span.from, until: span.until, why, settle: wishes.join("; "), sources }
}

fn no_logs(span: &Span, campaign: &Campaign) -> Uncovered {
    let wishes: Vec<&str> = campaign.needs.iter().map(|need| need.settle.as_str()).collect();
    let settle =
        format!("no log of this server is in the evidence; {} (from {} on)", wishes.join("; "), when(span.from));
    let sources = coverage::sources(campaign.needs.iter());
    Uncovered { from: span.from, until: span.until, why: "absent".to_owned(), settle, sources }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FIXED, Fake, NEWER_CU, OPEN, UNKNOWN_BUILD, build_seen, campaign, records};
    use model::Build;
    use model::observation::{BuildSeen, Server};

    /// Grounds, begin, end, and stretches of the one window.
    fn check(seen: &[BuildSeen], found: bool, expected: &expect_test::Expect) {
        let mut server = Server::default();
        records(&mut server, "httpproxy/Ecp", "2021-02-20", "2021-03-12");
        records(&mut server, "iis/W3SVC1", "2021-02-20", "2021-03-12");
        let campaigns = [campaign()];
        let found: BTreeSet<String> = found.then(|| "proxylogon".to_owned()).into_iter().collect();
        let ground = Ground {
            product: &Fake,
            builds: &crate::builds::history(seen, &Fake),
            evidence: Some(Span { from: crate::testing::at("2021-02-20"), until: crate::testing::at("2021-03-12") }),
            spoken: &coverage::spoken(&server, "EXC01", &[]),
            bounds: Bounds::default(),
            is_exchange: true,
            found: &found,
        };
        let lines: String = ground
            .windows(&campaigns)
            .iter()
            .map(|window| {
                let until = window.until.map_or("open".to_owned(), |until| until.to_string());
                let missing: Vec<String> =
                    window.uncovered.iter().map(|one| format!("{} {} {}", one.from, one.until, one.why)).collect();
                format!("{:?} {} {until} [{}]\n", window.grounds, window.from, missing.join(", "))
            })
            .collect();
        expected.assert_eq(&lines);
    }

    fn proxy(build: Build, from: &str, until: &str) -> BuildSeen {
        build_seen("httpproxy", build, from, until)
    }

    #[test]
    fn an_open_build_opens_the_window_and_a_fixed_one_shuts_it() {
        check(
            &[proxy(OPEN, "2021-02-20", "2021-03-05"), proxy(FIXED, "2021-03-05T02:00:00Z", "2021-03-12")],
            false,
            &expect_test::expect![[r#"
                OpenBuild 2021-01-03T00:00:00Z 2021-03-05T02:00:00Z [2021-01-03T00:00:00Z 2021-02-20T00:00:00Z rotated]
            "#]],
        );
    }

    #[test]
    fn a_build_that_stays_open_leaves_the_end_open() {
        check(
            &[proxy(FIXED, "2021-02-20", "2021-03-01"), proxy(OPEN, "2021-03-02", "2021-03-12")],
            false,
            &expect_test::expect![[r#"
                OpenBuild 2021-01-03T00:00:00Z open [2021-01-03T00:00:00Z 2021-02-20T00:00:00Z rotated]
            "#]],
        );
    }

    #[test]
    fn patched_before_the_evidence_begins_is_inferred() {
        check(
            &[proxy(FIXED, "2021-02-20", "2021-03-12")],
            false,
            &expect_test::expect![[r#"
                EarlierBuild 2021-01-03T00:00:00Z 2021-02-20T00:00:00Z [2021-01-03T00:00:00Z 2021-02-20T00:00:00Z rotated]
            "#]],
        );
    }

    #[test]
    fn a_cumulative_update_that_brings_the_fix_opens_nothing() {
        check(&[proxy(NEWER_CU, "2021-02-20", "2021-03-12")], false, &expect_test::expect![[""]]);
        check(
            &[proxy(NEWER_CU, "2021-02-20", "2021-03-12")],
            true,
            &expect_test::expect![[r#"
                FindingsOnly 2021-01-03T00:00:00Z 2021-01-03T00:00:00Z []
            "#]],
        );
    }

    #[test]
    fn builds_that_are_not_known_or_not_told_count() {
        check(
            &[],
            false,
            &expect_test::expect![[r#"
                NoBuild 2021-01-03T00:00:00Z open [2021-01-03T00:00:00Z 2021-02-20T00:00:00Z rotated]
            "#]],
        );
        check(
            &[proxy(UNKNOWN_BUILD, "2021-02-20", "2021-03-12")],
            false,
            &expect_test::expect![[r#"
                UndeterminedBuild 2021-01-03T00:00:00Z open [2021-01-03T00:00:00Z 2021-02-20T00:00:00Z rotated]
            "#]],
        );
    }

    #[test]
    fn a_window_shut_before_the_first_use_is_none() {
        check(
            &[proxy(OPEN, "2020-10-01", "2020-12-01"), proxy(FIXED, "2020-12-02", "2021-03-12")],
            false,
            &expect_test::expect![[""]],
        );
    }
}
