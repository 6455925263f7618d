//! When did it begin? The earliest time that is proven, and the earliest that the evidence does not rule out.

use model::assessment::{Answer, Confidence};

use crate::answers::{said, sureness, wishes};
use crate::case::Case;
use crate::exposure::Window;
use crate::findings::Seen;
use crate::wording::when;

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let proofs = case.proofs();
    if proofs.is_empty() {
        let text = "No begin: nothing is proven to have succeeded.".to_owned();
        return said(text, Confidence::None, &[], wishes(case));
    }
    let (certain, possible) = (case.begin.earliest_certain, case.begin.earliest_possible);
    let first: Vec<&Seen> = proofs.iter().copied().filter(|one| one.finding.time == certain).collect();
    let ids: Vec<&str> = first.iter().map(|one| one.id()).collect();
    let text = match (certain, possible) {
        (Some(certain), Some(possible)) if possible < certain => format!(
            "The first proven step is at {} ({}). It may have begun as early as {}: {}.",
            when(certain),
            crate::wording::list(&ids, 3),
            when(possible),
            why_earlier(case, possible)
        ),
        (Some(certain), _) => format!(
            "The first proven step is at {} ({}); {}.",
            when(certain),
            crate::wording::list(&ids, 3),
            if !case.windows.is_empty() && case.windows.iter().all(Window::is_covered) {
                "the evidence covers the time before it, and no earlier trace of the same attacker is seen"
            } else {
                "no earlier trace of the same attacker is seen"
            }
        ),
        (None, Some(possible)) => format!(
            "What was found has no time of its own (files). The earliest time that the evidence does not rule out is {}.",
            when(possible)
        ),
        (None, None) => "What was found has no time of its own (files), and no log narrows it down.".to_owned(),
    };
    let mut unknown = wishes(case);
    if certain.is_none() {
        unknown.push(
            "file system times ($MFT, $UsnJrnl) of the files found, and the IIS logs of the time before, would date it"
                .to_owned(),
        );
    }
    said(text, if certain.is_some() { sureness(&proofs) } else { Confidence::Low }, &first, unknown)
}

fn why_earlier(case: &Case<'_>, possible: model::Utc) -> &'static str {
    let unseen = case.windows.iter().flat_map(|window| &window.uncovered).any(|one| one.from == possible);
    if unseen {
        "the server was open then and the evidence does not cover it"
    } else {
        "the same attacker is seen trying from then on"
    }
}
