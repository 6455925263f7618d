//! What was left behind beside web shells: tasks, services, modules, agents, accounts, roles.

use std::collections::BTreeMap;

use model::assessment::Persistence;
use model::campaign::{Proves, Stage};

use crate::credentials::person;
use crate::findings::Seen;
use crate::mailboxes::{forwarded_mailbox, sends_mail_on};

/// Kinds by ATT&CK technique, the more exact ones first.
const BY_TECHNIQUE: [(&str, &str); 17] = [
    ("T1505.002", "transport-agent"),
    ("T1505.004", "iis-module"),
    ("T1053", "scheduled-task"),
    ("T1543", "service"),
    ("T1569", "service"),
    ("T1136", "account"),
    ("T1098.002", "mailbox-permission"),
    ("T1098.003", "role-assignment"),
    ("T1098", "account-change"),
    ("T1078", "account"),
    ("T1547", "autostart"),
    ("T1546", "event-trigger"),
    ("T1114.003", "forwarding-rule"),
    ("T1556", "logon-page"),
    ("T1056", "logon-page"),
    ("T1219", "remote-access-tool"),
    ("T1572", "tunnel"),
];

/// Kinds by words in the rule's name.
const BY_WORD: [(&str, &str); 15] = [
    ("task", "scheduled-task"),
    ("service", "service"),
    ("transport-agent", "transport-agent"),
    ("module", "iis-module"),
    ("virtual-dir", "virtual-directory"),
    ("vdir", "virtual-directory"),
    ("directory-markup", "virtual-directory"),
    ("handler", "web-configuration"),
    ("configuration", "web-configuration"),
    ("role", "role-assignment"),
    ("account", "account"),
    ("user", "account"),
    ("group", "group-membership"),
    ("forward", "forwarding-rule"),
    ("registry", "registry"),
];

/// By kind and name.
pub(crate) fn list(seen: &[Seen]) -> Vec<Persistence> {
    let mut kinds: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for one in seen.iter().filter(|one| stays(one)) {
        let Some(kind) = kind(one) else { continue };
        let mailbox = sends_mail_on(one).then(|| forwarded_mailbox(one)).flatten();
        let mailbox = mailbox.map(|mailbox| format!("of {}", person(&mailbox)));
        let name = mailbox.unwrap_or_else(|| one.finding.subject.as_ref().unwrap_or(&one.finding.title).clone());
        kinds.entry((kind, name)).or_default().push(one.finding.id.clone());
    }
    let line =
        |((kind, name), findings): ((&str, String), Vec<String>)| Persistence { kind: kind.to_owned(), name, findings };
    kinds.into_iter().map(line).collect()
}

fn stays(one: &Seen) -> bool {
    one.proves() == Proves::Persistence && (one.pages.is_empty() || is_changed_logon_page(one))
}

/// A genuine page that was changed so that it gives passwords away: no web shell, though it is a page.
pub(crate) fn is_changed_logon_page(one: &Seen) -> bool {
    let technique = |known: &String| known.starts_with("T1056") || known.starts_with("T1556");
    one.proves() == Proves::Persistence && one.finding.attack.iter().any(technique)
}

/// The kind of what a finding speaks of; `None` for web shells whose path no record names, and for their use.
fn kind(one: &Seen) -> Option<&'static str> {
    let techniques = &one.finding.attack;
    let by_technique = BY_TECHNIQUE.iter().find(|(id, _)| techniques.iter().any(|known| known.starts_with(id)));
    let rule = one.finding.rule.rsplit('/').next().unwrap_or_default();
    let by_word = BY_WORD.iter().find(|(word, _)| rule.contains(word));
    match by_technique.or(by_word) {
        Some((_, kind)) => Some(kind),
        None if techniques.iter().any(|known| known.starts_with("T1505.003")) => None,
        None => (one.finding.stage == Stage::Foothold).then_some("other"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, sighting};
    use model::campaign::{Proves, Stage};

    #[test]
    fn kinds_follow_technique_then_name() {
        let mut builder = Builder::new().covered();
        let rules = [
            ("proxylogon/winnet", &["T1053.005"][..], "Winnet"),
            ("proxylogon/new-service", &[][..], "msupdate"),
            ("proxylogon/iis-backdoor", &["T1505.004"][..], "evil.dll"),
            ("proxylogon/shell-write", &["T1505.003"][..], "not named"),
        ];
        for (id, attack, subject) in rules {
            let rule = builder.rule(id, Stage::Foothold, Proves::Persistence);
            builder.observations.rules[rule].attack = attack.iter().map(|id| (*id).to_owned()).collect();
            let mut hit = sighting(rule, "windows/System", "2021-03-03T04:00:00Z");
            hit.subject = Some(subject.to_owned());
            builder.see(hit);
        }
        let assessment = builder.assess();
        let lines: Vec<String> =
            assessment.servers[0].persistence.iter().map(|one| format!("{} {}", one.kind, one.name)).collect();
        assert_eq!(lines, ["iis-module evil.dll", "scheduled-task Winnet", "service msupdate"]);
    }
}
