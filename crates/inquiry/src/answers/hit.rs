//! Were we hit? The verdict, and why not one step worse.

use model::assessment::{Answer, Confidence, Verdict};
use model::campaign::Proves;

use crate::answers::{said, sureness, wishes};
use crate::case::Case;
use crate::event_logs;
use crate::reasons;

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let proofs = case.proofs();
    let interest = case.having(|one| one.proves() != Proves::Context);
    let word = match case.verdict {
        Verdict::Active => "Yes, and it is not over.",
        Verdict::Compromised => "Yes.",
        Verdict::Exploited => "Yes, as far as the door.",
        Verdict::CannotTell => "Not known.",
        Verdict::Targeted => "Tried, but no success is seen.",
        Verdict::NoEvidence => "Not seen.",
    };
    let reasons = reasons::reasons(case);
    let text = format!("{word} {} {}", reasons::summary(case), reasons.not_worse);
    let confidence = match case.verdict {
        Verdict::Active | Verdict::Compromised | Verdict::Exploited => sureness(&proofs),
        Verdict::CannotTell => Confidence::None,
        Verdict::Targeted | Verdict::NoEvidence => Confidence::Medium,
    };
    let because = if proofs.is_empty() { interest } else { proofs };
    let mut unknown = wishes(case);
    unknown.extend(case.blind.iter().cloned());
    unknown.extend(event_logs::unknown(case.server));
    said(text, confidence, &because, unknown)
}
