//! Was this server open to the attack, from when until when? From the build history and the first fixed build per hole.

use model::assessment::{Answer, BuildSpan, Confidence, Grounds};

use crate::answers::{NAMES_MAX, said};
use crate::case::Case;
use crate::configuration;
use crate::exposure::Window;
use crate::wording::{list, name, stretch, when};

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let mut sentences: Vec<String> =
        case.windows.iter().filter(|window| window.grounds != Grounds::FindingsOnly).map(sentence).collect();
    if sentences.is_empty() {
        sentences.push(if case.builds.is_empty() {
            "No build of this server is known from this evidence.".to_owned()
        } else {
            "No: no build seen on this server was open to a campaign known to this version.".to_owned()
        });
    }
    if !case.builds.is_empty() {
        let builds: Vec<String> = case.builds.iter().map(build).collect();
        sentences.push(format!("Builds seen: {}.", list(&builds, NAMES_MAX)));
    }
    sentences.extend(configuration::mitigations(&case.seen));
    said(sentences.join("\n"), confidence(case), &[], unknown(case))
}

fn sentence(window: &Window<'_>) -> String {
    let (campaign, from) = (&window.campaign.name, when(window.from));
    let cves = list(&window.cves, NAMES_MAX);
    let until = match window.until {
        Some(until) => format!("until {} ({})", when(until), window.until_basis),
        None => format!("with no end in this evidence ({})", window.until_basis),
    };
    let opening = match window.grounds {
        Grounds::OpenBuild => "Yes, to",
        Grounds::EarlierBuild => "Very likely, before the evidence begins, to",
        _ => "Possibly, to",
    };
    format!("{opening} {campaign} ({cves}): from {from} ({}) {until}.", window.from_basis)
}

fn build(span: &BuildSpan) -> String {
    let seen = stretch(span.first_seen, span.last_seen);
    format!("{} ({} {}) {seen}, by {}", span.build, span.product, span.update, name(&span.source))
}

fn confidence(case: &Case<'_>) -> Confidence {
    let worst = case.windows.iter().map(|window| match window.grounds {
        Grounds::OpenBuild => Confidence::High,
        Grounds::EarlierBuild => Confidence::Medium,
        Grounds::UndeterminedBuild | Grounds::NoBuild => Confidence::Low,
        Grounds::FindingsOnly => Confidence::Medium,
    });
    let rank = |confidence: &Confidence| match confidence {
        Confidence::High => 0,
        Confidence::Medium => 1,
        Confidence::Low => 2,
        Confidence::None => 3,
    };
    worst.max_by_key(rank).unwrap_or(if case.builds.is_empty() { Confidence::None } else { Confidence::Medium })
}

fn unknown(case: &Case<'_>) -> Vec<String> {
    let setup = format!("{} names every update and its time", exchange::places(&["setup"]));
    match case.builds.iter().map(|span| span.first_seen).min() {
        None => {
            vec![format!("which build ran, and since when: {setup}, the HttpProxy logs name the build in every record")]
        }
        Some(first) => {
            vec![format!("which build ran before {} is not in this evidence: {setup}", when(first))]
        }
    }
}
