//! Does it reach the cloud tenant? Only hybrid configuration and audit exports can say; logs of the server cannot.

use model::assessment::{Answer, Confidence, IncidentOutcome};

use crate::answers::said;
use crate::case::Case;
use crate::findings::Seen;

/// The answer.
pub(crate) fn answer(case: &Case<'_>) -> Answer {
    let hybrid: Vec<&Seen> = case.having(speaks_of_the_cloud);
    let inside = case.chains.iter().any(|chain| chain.incident.outcome > IncidentOutcome::Exploited);
    let mut text = if hybrid.is_empty() {
        "That cannot be answered from this evidence: no hybrid configuration and no audit export of a tenant is in it."
            .to_owned()
    } else {
        "Signs of a hybrid configuration are in the evidence. Whether it was used against the tenant cannot be answered \
         from the logs of the server."
            .to_owned()
    };
    if inside {
        text.push_str(
            " If the server is joined to a tenant, take its OAuth certificate and its synchronised administrators as \
             known to the attacker until shown otherwise.",
        );
    }
    let confidence = if hybrid.is_empty() { Confidence::None } else { Confidence::Low };
    said(text, confidence, &hybrid, unknown())
}

fn speaks_of_the_cloud(one: &Seen) -> bool {
    let rule = one.finding.rule.as_str();
    ["hybrid", "cloud", "tenant", "53786"].iter().any(|word| rule.contains(word))
}

fn unknown() -> Vec<String> {
    [
        "whether there is a hybrid configuration: exports of Get-HybridConfiguration, Get-AuthConfig and \
         Get-IntraOrganizationConnector",
        "whether the shared service principal carries foreign keys: its keyCredentials in Microsoft Entra ID",
        "what was done in the tenant: the unified audit log, Entra sign-in and audit logs of the same days",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect()
}
