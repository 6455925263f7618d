//! The verdict: how bad it is, and whether the evidence allows to say that nothing happened.

use model::assessment::{Exposure, Grounds, Verdict};
use model::campaign::{Campaign, CampaignKind, Proves};
use model::file::{FileRecord, Kind, Outcome};
use model::observation::Observations;
use model::{Family, Source, Utc};

use crate::Options;
use crate::coverage;
use crate::exposure::Window;
use crate::findings::{ODD_PAGE_RULE, Seen, UNKNOWN_FILE_RULE};
use crate::incidents::UNKNOWN;
use crate::product::{Place, Product};
use crate::wording::name;

/// The verdict that findings force, `None` when they force none. `fixed_since`: from then on a fixed build ran.
fn forced(seen: &[&Seen], fixed_since: Option<Utc>) -> Option<Verdict> {
    let compromised = seen.iter().any(|one| one.is_compromise());
    let used_after = |fixed: Utc| seen.iter().filter_map(|one| one.foothold_used()).any(|used| used > fixed);
    if compromised && fixed_since.is_some_and(used_after) {
        Some(Verdict::Active)
    } else if compromised {
        Some(Verdict::Compromised)
    } else {
        seen.iter().any(|one| one.is_proof()).then_some(Verdict::Exploited)
    }
}

/// The verdict for one campaign's window.
pub(crate) fn of_window(window: &Window<'_>, windows: &[Window<'_>], seen: &[Seen], blind: &[String]) -> Verdict {
    let campaign = Some(window.campaign.id.as_str());
    let own: Vec<&Seen> = seen.iter().filter(|one| one.finding.campaign.as_deref() == campaign).collect();
    if let Some(verdict) = forced(&own, window.fixed_since) {
        return verdict;
    }
    if !window.is_covered() || !blind.is_empty() {
        return Verdict::CannotTell;
    }
    let general = seen.iter().filter(|one| is_general_interest(one) && one.finding.time >= Some(window.from));
    let alike = seen.iter().filter(|one| is_alike(one, window, windows));
    let interest = own.into_iter().chain(general).chain(alike).any(is_interest);
    if interest { Verdict::Targeted } else { Verdict::NoEvidence }
}

/// An attempt of another campaign that looks the same as one of this, while this one was open.
pub(crate) fn is_alike(one: &Seen, window: &Window<'_>, windows: &[Window<'_>]) -> bool {
    let resembles = |other: &Window<'_>| {
        one.finding.campaign.as_deref() == Some(other.campaign.id.as_str())
            && other.campaign.resembles.contains(&window.campaign.id)
    };
    let in_time = one.finding.time.is_some_and(|time| window.contains(time));
    in_time && !one.is_proof() && is_interest(one) && windows.iter().any(resembles)
}

/// An attempt or a scan.
fn is_interest(one: &Seen) -> bool {
    one.proves() != Proves::Context
}

/// An attempt or a scan that fits every campaign, such as a search for web shells of others.
fn is_general_interest(one: &Seen) -> bool {
    one.finding.campaign.is_none() && is_interest(one) && !one.is_proof()
}

/// Why nothing can be ruled out for this campaign although its window may be covered.
pub(crate) fn blind_spots(
    observations: &Observations,
    options: &Options,
    campaign: &Campaign,
    (server, seen): (&str, &[Seen]),
    product: &dyn Product,
) -> Vec<String> {
    let leaves_traces = campaign.kind != CampaignKind::Untraceable;
    let campaign = campaign.id.as_str();
    let mut blind = unopened_pages(seen, product);
    blind.extend(unread_logs(observations, server));
    blind.extend(unseen_outcomes(observations, server, campaign, seen));
    if observations.incomplete {
        blind.push("the run ended before all evidence was read; run it to its end".to_owned());
    }
    let own = |rule: &&model::campaign::RuleFacts| rule.campaign.as_deref() == Some(campaign);
    if leaves_traces && !observations.rules.iter().any(|rule| own(&rule)) {
        blind.push(format!("no rule of {campaign} ran; check the packs"));
    }
    let prefix = format!("{campaign}/");
    for refused in options.rules.refused.iter().filter(|refused| refused.starts_with(&prefix)) {
        blind.push(format!("the rule {} did not load", crate::wording::name(refused)));
    }
    blind
}

/// IIS shows that forged requests came, the proxy log of the same application what they reached: attempts without it are
/// open.
fn unseen_outcomes(observations: &Observations, server: &str, campaign: &str, seen: &[Seen]) -> Option<String> {
    let is_attempt = |one: &&Seen| {
        one.family == Family::Iis
            && one.proves() == Proves::Attempt
            && one.finding.campaign.as_deref() == Some(campaign)
    };
    let is_told = |protocol: &str| {
        let coverage = observations.servers.get(server).map(|server| &server.coverage);
        coverage.is_some_and(|coverage| coverage.contains_key(&Source::part(Family::HttpProxy, protocol)))
    };
    let subjects = || seen.iter().filter(is_attempt).filter_map(|one| one.finding.subject.as_deref());
    let asked = |prefix: &str| subjects().any(|subject| subject.to_lowercase().starts_with(prefix));
    let protocols = [("/owa/", "Owa"), ("/ecp/", "Ecp"), ("/autodiscover/", "Autodiscover")];
    let (_, protocol) = protocols.into_iter().find(|(prefix, protocol)| asked(prefix) && !is_told(protocol))?;
    Some(format!(
        r"requests of this kind came, and what they reached stands in the HttpProxy log that is missing: collect Logging\HttpProxy\{protocol}"
    ))
}

/// Logs of this server, or of nobody knows which, of which nothing could be read.
fn unread_logs(observations: &Observations, server: &str) -> Option<String> {
    // No way in shows in a hive or a list of files.
    let is_log = |kind: Kind| {
        !matches!(
            kind,
            Kind::RegistryHive
                | Kind::WebFile
                | Kind::Executable
                | Kind::FileTable
                | Kind::FileList
                | Kind::Other
                | Kind::Container
        )
    };
    let is_unread = |file: &&FileRecord| {
        let failed = matches!(
            file.outcome,
            Outcome::Unreadable(_) | Outcome::Vanished | Outcome::Encrypted(_) | Outcome::LimitReached(_)
        ) && (is_log(file.kind) || names_log(&file.path));
        let no_record = is_log(file.kind) && file.records == 0 && coverage::is_lossy(file);
        (failed || no_record) && file.server.as_deref().is_none_or(|own| own == server)
    };
    let unread: Vec<&FileRecord> = observations.files.iter().filter(is_unread).collect();
    let first = unread.first()?;
    let more = match unread.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Some(format!("the log {}{more} could not be read: collect it again", name(&first.path)))
}

/// The path says that the file is one of the logs in which attacks show.
fn names_log(path: &str) -> bool {
    let lower = path.to_lowercase();
    let is_log = [".log", ".evtx"].iter().any(|ending| lower.ends_with(ending));
    is_log && ["httpproxy", "w3svc", "ecp", "winevt"].iter().any(|folder| lower.contains(folder))
}

/// Pages in the folders that attackers choose, not Exchange's own, of which nobody has said yet what they do.
fn unopened_pages(seen: &[Seen], product: &dyn Product) -> Vec<String> {
    let is_open = |one: &&Seen| matches!(one.finding.rule.as_str(), UNKNOWN_FILE_RULE | ODD_PAGE_RULE);
    let pages = seen.iter().filter(is_open).flat_map(|one| &one.pages);
    let chosen =
        pages.filter(|page| matches!(product.place(page), Place::AspNetClient | Place::OwaAuth | Place::EcpAuth));
    let told: std::collections::BTreeSet<&String> = chosen.collect();
    told.into_iter()
        .map(|page| format!("the page {} is not one of Exchange's own: open the file", name(page)))
        .collect()
}

/// What belongs to no campaign, judged by itself: its verdict where it is worse than that of every campaign.
pub(crate) fn unattributed(seen: &[Seen], windows: &[Window<'_>], worst: Option<Verdict>) -> Option<(Verdict, Utc)> {
    let own: Vec<&Seen> = seen.iter().filter(|one| one.finding.campaign.is_none() && is_interest(one)).collect();
    let ways_in = windows.iter().filter(|window| window.campaign.kind == CampaignKind::Vulnerability);
    let fixed: Option<Vec<Utc>> = ways_in.map(|window| window.fixed_since).collect();
    let fixed_since = fixed.and_then(|times| times.into_iter().max());
    let verdict = forced(&own, fixed_since).or((!own.is_empty()).then_some(Verdict::Targeted))?;
    let first = own.iter().filter_map(|one| one.finding.time).min();
    worst.is_none_or(|worst| verdict < worst).then_some((verdict, first.unwrap_or(Utc(0))))
}

/// The line of the exposure list that carries such a verdict.
pub(crate) fn unattributed_exposure(verdict: Verdict, first: Utc) -> Exposure {
    Exposure {
        campaign: UNKNOWN.to_owned(),
        campaign_name: "No campaign known to this version".to_owned(),
        grounds: Grounds::FindingsOnly,
        cves: Vec::new(),
        verdict,
        from: first,
        from_basis: "first finding that belongs to no campaign known to this version".to_owned(),
        until: None,
        until_basis: "the way in is not known, so no update is known that closes it".to_owned(),
        covered: Vec::new(),
        uncovered: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, FIXED, OPEN, at, build_seen, file, page_use, sighting};
    use model::assessment::Verdict;
    use model::campaign::{Proves, Stage};
    use model::file::FileRecord;
    use model::observation::PageUse;

    fn check(builder: Builder, expected: Verdict) {
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        assert_eq!(assessment.verdict, expected, "{}", server.summary);
        assert_eq!(server.verdict, expected);
        if let Some(worst) = server.exposure.iter().map(|one| one.verdict).min() {
            assert_eq!(worst, expected, "the server has the worst verdict of its exposures");
        }
    }

    fn with(mut builder: Builder, stage: Stage, proves: Proves, time: &str) -> Builder {
        let rule = builder.rule("proxylogon/rule", stage, proves);
        builder.see(sighting(rule, "httpproxy/Ecp", time));
        builder
    }

    const IN_WINDOW: &str = "2021-03-03T04:00:00Z";

    #[test]
    fn nothing_found_depends_on_coverage() {
        check(Builder::new().covered(), Verdict::NoEvidence);
        check(Builder::new().rotated(), Verdict::CannotTell);
        check(Builder::new(), Verdict::CannotTell);
    }

    #[test]
    fn findings_by_what_they_prove() {
        for (proves, expected) in [
            (Proves::Context, Verdict::NoEvidence),
            (Proves::Scan, Verdict::Targeted),
            (Proves::Attempt, Verdict::Targeted),
            (Proves::Cleanup, Verdict::Targeted),
            (Proves::Success, Verdict::Exploited),
            (Proves::Persistence, Verdict::Compromised),
            (Proves::Execution, Verdict::Compromised),
            (Proves::Theft, Verdict::Compromised),
        ] {
            check(with(Builder::new().covered(), Stage::Access, proves, IN_WINDOW), expected);
        }
    }

    #[test]
    fn a_scan_on_a_server_that_cannot_be_seen_is_no_all_clear() {
        for proves in [Proves::Scan, Proves::Attempt] {
            check(with(Builder::new().rotated(), Stage::Access, proves, IN_WINDOW), Verdict::CannotTell);
        }
        check(with(Builder::new().rotated(), Stage::Access, Proves::Success, IN_WINDOW), Verdict::Exploited);
    }

    #[test]
    fn use_after_the_fix_is_active() {
        let after = "2021-03-09T04:00:00Z";
        check(with(Builder::new().covered(), Stage::Control, Proves::Persistence, after), Verdict::Active);
        check(with(Builder::new().covered(), Stage::Collection, Proves::Theft, after), Verdict::Active);
        check(with(Builder::new().covered(), Stage::Foothold, Proves::Persistence, after), Verdict::Compromised);
        check(with(Builder::new().covered(), Stage::Access, Proves::Success, after), Verdict::Exploited);
        let mut shell = Builder::new().covered();
        shell.server().pages = vec![PageUse {
            posts_answered: 1,
            first_answered: Some(at(IN_WINDOW)),
            last_answered: Some(at(after)),
            ..page_use("/aspnet_client/x.aspx", "203.0.113.7", 2)
        }];
        check(shell, Verdict::Active);
    }

    #[test]
    fn still_open_is_not_active() {
        let mut builder = Builder::new().covered();
        builder.server().builds = vec![build_seen("httpproxy", OPEN, "2020-12-20", "2021-03-12")];
        check(with(builder, Stage::Control, Proves::Persistence, "2021-03-09"), Verdict::Compromised);
    }

    #[test]
    fn what_could_not_run_rules_nothing_out() {
        let mut interrupted = Builder::new().covered();
        interrupted.observations.incomplete = true;
        check(interrupted, Verdict::CannotTell);
        let mut refused = Builder::new().covered();
        refused.options.rules.refused = vec!["proxylogon/anchor: not supported".to_owned()];
        check(refused, Verdict::CannotTell);
        let mut no_rules = Builder::new().covered();
        no_rules.observations.rules.clear();
        check(no_rules, Verdict::CannotTell);
    }

    #[test]
    fn a_fixed_server_that_is_scanned_is_targeted() {
        let mut builder = Builder::new().covered();
        builder.server().builds = vec![build_seen("httpproxy", FIXED, "2020-12-20", "2021-03-12")];
        check(with(builder, Stage::Access, Proves::Attempt, IN_WINDOW), Verdict::Targeted);
    }

    #[test]
    fn no_exposure_and_no_finding_is_no_evidence() {
        let mut builder = Builder::new().covered();
        builder.server().builds = vec![build_seen("httpproxy", FIXED, "2020-12-20", "2021-03-12")];
        let assessment = builder.assess();
        assert!(assessment.servers[0].exposure.is_empty());
        assert!(assessment.servers[0].summary.contains("no build seen"), "{}", assessment.servers[0].summary);
        check(builder, Verdict::NoEvidence);
    }

    #[test]
    fn an_incident_of_no_campaign_counts_for_the_server() {
        let mut builder = Builder::new().covered();
        builder.server().builds = vec![build_seen("httpproxy", FIXED, "2020-12-20", "2021-03-12")];
        builder.server().pages =
            vec![PageUse { posts_answered: 1, ..page_use("/aspnet_client/x.aspx", "203.0.113.7", 2) }];
        let assessment = builder.assess();
        assert_eq!(assessment.servers[0].incidents[0].campaign, "unknown");
        check(builder, Verdict::Compromised);
    }

    #[test]
    fn files_without_any_log_cannot_tell() {
        let mut builder = Builder::new();
        builder.server().coverage.clear();
        builder.server().builds.clear();
        check(builder, Verdict::CannotTell);
    }

    /// Whatever sources are taken away from a server that was hit, it never reads as if nothing had happened.
    #[test]
    fn taking_evidence_away_never_makes_a_hit_vanish() {
        let sources = ["httpproxy/Ecp", "iis/W3SVC1", "ecpserver", "windows/Security"];
        let levels = [Proves::Success, Proves::Persistence, Proves::Execution, Proves::Theft, Proves::Success];
        for hits in 0..1_u32 << sources.len() {
            for gone in 0..1_u32 << sources.len() {
                let has = |set: u32, index: usize| set & (1 << index) != 0;
                let mut builder = Builder::new().covered_by(&sources);
                let mut left = 0;
                for (index, source) in sources.iter().enumerate() {
                    let rule = builder.rule(&format!("proxylogon/{index}"), Stage::Access, levels[index]);
                    if has(hits, index) && !has(gone, index) {
                        builder.see(sighting(rule, source, IN_WINDOW));
                        left += 1;
                    }
                    if has(gone, index) {
                        builder.remove_source(source);
                    }
                }
                let lost_a_hit = hits & gone != 0;
                let verdict = builder.assess().verdict;
                if left > 0 {
                    assert!(verdict <= Verdict::Exploited, "hits {hits:b} gone {gone:b}: {verdict:?}");
                } else if lost_a_hit {
                    assert_eq!(verdict, Verdict::CannotTell, "hits {hits:b} gone {gone:b}");
                }
            }
        }
    }

    /// A proxy log of three hours inside the window, of which so many lines could be read and so many not.
    fn with_file(records: u64, rejected: u64) -> model::assessment::Assessment {
        let mut builder = Builder::new().covered();
        builder.observations.files.push(FileRecord {
            source: Some("httpproxy/Ecp".to_owned()),
            server: Some("EXC01".to_owned()),
            records,
            rejected,
            lines: records + rejected,
            first: (records > 0).then(|| at("2021-02-01T10:00:00Z")),
            last: (records > 0).then(|| at("2021-02-01T12:30:00Z")),
            ..file("HttpProxy/Ecp/a.LOG")
        });
        builder.assess()
    }

    #[test]
    fn a_log_that_could_hardly_be_read_covers_nothing() {
        assert_eq!(with_file(1_000, 3).verdict, Verdict::NoEvidence);
        let assessment = with_file(1_000, 40);
        assert_eq!(assessment.verdict, Verdict::CannotTell);
        let why: Vec<&str> = assessment.servers[0].exposure[0].uncovered.iter().map(|one| one.why.as_str()).collect();
        assert!(why.contains(&"unreadable"), "{why:?}");
    }

    #[test]
    fn a_log_of_which_nothing_could_be_read_is_said() {
        let assessment = with_file(0, 40);
        assert_eq!(assessment.verdict, Verdict::CannotTell);
        let because = assessment.servers[0].reasons.because.join("\n");
        assert!(because.contains("HttpProxy/Ecp/a.LOG"), "{because}");
    }
}
