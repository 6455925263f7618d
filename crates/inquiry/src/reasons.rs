//! The case for the verdict: a summary for a manager, what makes it this bad, what is missing for one step worse, and
//! what would change it.

use std::collections::BTreeSet;

use model::assessment::{Reasons, Verdict};
use model::campaign::{CampaignKind, Proves};

use crate::case::Case;
use crate::exposure::Window;
use crate::findings::{Seen, top};
use crate::wording::{count, day, list, name, when};

/// The most reasons that are given.
const BECAUSE_MAX: usize = 5;
/// The most wishes that are repeated as what would change the verdict.
const CHANGE_MAX: usize = 6;

/// One or two sentences that a manager understands.
pub(crate) fn summary(case: &Case<'_>) -> String {
    let since = case.begin.earliest_certain.map(|time| format!(", first proven on {}", day(time))).unwrap_or_default();
    match case.verdict {
        Verdict::Active => format!(
            "An attacker was inside {}{since}, and the foothold was still used on {}, after the fixed build was running. \
             Treat this as an intrusion that is not over.",
            name(case.name),
            last_use(case)
        ),
        Verdict::Compromised => {
            format!("An attacker was inside {}: {}{since}.", name(case.name), proven_words(case))
        }
        Verdict::Exploited => format!(
            "An exploit request against {} succeeded{since}. Nothing later is proven, which does not mean that nothing \
             followed.",
            name(case.name)
        ),
        Verdict::CannotTell => cannot_tell(case),
        Verdict::Targeted => format!(
            "{} was looked at or attacked ({}), and the evidence, which covers the time in question, shows no success.",
            name(case.name),
            interest_words(case)
        ),
        Verdict::NoEvidence if case.windows.is_empty() && case.builds.is_empty() => format!(
            "No evidence of an attack was found on {}, and no campaign known to this version was in use before this \
             evidence ends.",
            name(case.name)
        ),
        Verdict::NoEvidence if case.windows.is_empty() => format!(
            "No evidence of an attack was found on {}, and no build seen on it was open to a campaign known to this \
             version.",
            name(case.name)
        ),
        Verdict::NoEvidence => format!(
            "No evidence of an attack was found in the material examined, and that material covers the whole time in \
             which {} was open ({}).",
            name(case.name),
            list(&campaign_names(case), 4)
        ),
    }
}

fn cannot_tell(case: &Case<'_>) -> String {
    let found = match interest(case).len() {
        0 => "Nothing was found".to_owned(),
        _ => format!("Nothing that succeeded was found ({})", interest_words(case)),
    };
    let why = if case.spoken.is_empty() {
        "no log of it is in the evidence".to_owned()
    } else {
        let untraceable = |window: &&Window<'_>| window.campaign.kind == CampaignKind::Untraceable;
        let names = |windows: &[&Window<'_>]| windows.iter().map(|one| one.campaign.name.clone()).collect::<Vec<_>>();
        let uncovered = case.windows.iter().filter(|window| !window.is_covered());
        let (traceless, open): (Vec<&Window<'_>>, Vec<&Window<'_>>) = uncovered.partition(untraceable);
        match (open.is_empty(), traceless.is_empty()) {
            (true, true) => "not everything could be searched".to_owned(),
            (true, false) => {
                format!("it was open to {}, whose use leaves no trace in logs", list(&names(&traceless), 4))
            }
            (false, _) => {
                let open = names(&open);
                format!("the evidence does not cover the whole time in which it was open to {}", list(&open, 4))
            }
        }
    };
    format!("{found} on {}, but {why}: whether it was hit cannot be told from this.", name(case.name))
}

/// The case for the verdict.
pub(crate) fn reasons(case: &Case<'_>) -> Reasons {
    Reasons { because: because(case), not_worse: not_worse(case), would_change: would_change(case) }
}

fn because(case: &Case<'_>) -> Vec<String> {
    let telling = match case.verdict {
        Verdict::Active | Verdict::Compromised => case.having(Seen::is_compromise),
        Verdict::Exploited => case.proofs(),
        _ => interest(case),
    };
    let mut because: Vec<String> = Vec::new();
    if case.verdict == Verdict::Active {
        let used =
            case.having(|one| one.foothold_used().zip(case.fixed_since()).is_some_and(|(used, fixed)| used > fixed));
        because.extend(used.iter().take(2).map(|one| format!("used after the fix: {}", line(one))));
    }
    let room = BECAUSE_MAX.saturating_sub(because.len());
    let told = |one: &Seen| because.iter().any(|text| text.ends_with(&line(one)));
    // Several logs record the same step: it is told once.
    let mut steps: BTreeSet<(&str, Option<i64>)> = BTreeSet::new();
    let more: Vec<String> = top(telling, usize::MAX)
        .into_iter()
        .filter(|one| !told(one) && steps.insert((&one.finding.title, one.finding.time.map(|time| time.0 / 1_000_000))))
        .map(line)
        .take(room)
        .collect();
    because.extend(more);
    if matches!(case.verdict, Verdict::CannotTell) {
        because.extend(case.blind.iter().cloned());
        let uncovered = case.windows.iter().filter(|window| !window.is_covered());
        for (window, one) in uncovered.flat_map(|window| window.uncovered.iter().map(move |one| (window, one))).take(3)
        {
            because.push(format!(
                "{}: {} to {} is not covered ({})",
                window.campaign.name,
                when(one.from),
                when(one.until),
                one.why
            ));
        }
        if case.spoken.is_empty() {
            because.push("no log record of this server is in the evidence".to_owned());
        }
    }
    if because.is_empty() {
        because.push(match case.windows.is_empty() {
            true => "no build seen on this server was open to a campaign known to this version".to_owned(),
            false => format!(
                "every log family that {} needs covers the whole window, and no rule and no observer found anything",
                list(&campaign_names(case), 4)
            ),
        });
    }
    because
}

fn line(one: &Seen) -> String {
    let time = one.finding.time.map(|time| format!("{}, ", when(time))).unwrap_or_default();
    let who = one.finding.client.as_deref().map(|client| format!(", from {}", name(client))).unwrap_or_default();
    format!("{}: {time}{}{who}", one.id(), name(&one.finding.title))
}

fn not_worse(case: &Case<'_>) -> String {
    match case.verdict {
        Verdict::Active => "Nothing is worse than this.".to_owned(),
        Verdict::Compromised => match case.fixed_since() {
            Some(fixed) => format!(
                "No use of the foothold is seen after the fixed build was running ({}). That holds only as far as the \
                 evidence reaches.",
                when(fixed)
            ),
            None => "No fixed build is seen in this evidence, so there is no time after the fix to look at.".to_owned(),
        },
        Verdict::Exploited => "No web shell or other persistence, no command and no access to mail or other data is \
                               proven. The request that succeeded may have done more than the logs show."
            .to_owned(),
        Verdict::CannotTell | Verdict::Targeted => {
            "No exploit request is seen to have succeeded, and nothing that follows one is seen.".to_owned()
        }
        Verdict::NoEvidence => "No attempt, no scan for the hole and no search for web shells is seen.".to_owned(),
    }
}

fn would_change(case: &Case<'_>) -> Vec<String> {
    let mut change: Vec<String> = case.wishes();
    change.truncate(CHANGE_MAX);
    change.extend(case.blind.iter().cloned());
    if !case.server.web_folders_present {
        change.push(format!(
            "the web folders ({}) are not in the evidence; a web shell that nobody used would lie there",
            exchange::places(&["web-root", "web-front-end"])
        ));
    }
    change
}

fn interest<'a>(case: &'a Case<'_>) -> Vec<&'a Seen> {
    case.having(|one| !matches!(one.proves(), Proves::Context))
}

/// `3 attempts and 2 scans, from 4 clients`.
fn interest_words(case: &Case<'_>) -> String {
    let found = interest(case);
    let scans = found.iter().filter(|one| one.proves() == Proves::Scan).count() as u64;
    let attempts = (found.len() as u64).saturating_sub(scans);
    let clients: BTreeSet<&str> = found.iter().filter_map(|one| one.finding.client.as_deref()).collect();
    let mut parts: Vec<String> = Vec::new();
    if attempts > 0 {
        parts.push(count(attempts, "attempt"));
    }
    if scans > 0 {
        parts.push(count(scans, "scan"));
    }
    let from =
        if clients.is_empty() { String::new() } else { format!(" from {}", count(clients.len() as u64, "client")) };
    format!("{}{from}", list(&parts, 2))
}

/// What is proven, in words.
fn proven_words(case: &Case<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let shells = case.web_shells.len() as u64;
    if shells > 0 {
        parts.push(format!("{} left behind", count(shells, "web shell")));
    }
    let has = |level: Proves| case.seen.iter().any(|one| one.proves() == level);
    if shells == 0 && has(Proves::Persistence) {
        let kinds: BTreeSet<&str> = case.persistence.iter().map(|one| one.kind.as_str()).collect();
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "other").collect();
        parts.push(match kinds.as_slice() {
            [] => "something was left behind".to_owned(),
            kinds => format!("{} left behind", list(kinds, 3)),
        });
    }
    if has(Proves::Execution) {
        parts.push("commands ran".to_owned());
    }
    if !case.mailboxes.is_empty() {
        parts.push("mail was reached".to_owned());
    } else if has(Proves::Theft) {
        parts.push("data was taken or gathered".to_owned());
    }
    if parts.is_empty() { "a compromise is proven".to_owned() } else { list(&parts, 4) }
}

fn last_use(case: &Case<'_>) -> String {
    case.seen.iter().filter_map(Seen::foothold_used).max().map(when).unwrap_or_default()
}

fn campaign_names(case: &Case<'_>) -> Vec<String> {
    case.windows.iter().map(|window| window.campaign.name.clone()).collect()
}
