//! What copies of a server's configuration tell together: when something came and whether it is gone, which mitigations
//! stand in it, and which machine keys other servers have too.
//!
//! IIS keeps old copies of applicationHost.config under a number that grows. They carry no time, so nothing but their
//! order is claimed. A mitigation says how things are in the file, not since when, and is never taken for the update.

use std::collections::{BTreeMap, BTreeSet};

use model::campaign::Proves;
use model::file::FileRecord;
use model::observation::Observations;

use crate::findings::Seen;
use crate::wording::{list, name};

/// Folder of the copies that IIS keeps; the number follows.
const COPY: &str = "inetpub/history/cfghistory_";
/// The configuration that is in force.
const PRESENT: &str = "windows/system32/inetsrv/config/applicationhost.config";
/// Digits of a key's digest that are shown.
const DIGEST_SHOWN: usize = 23;
/// The most names that a sentence lists.
const NAMES_MAX: usize = 6;

/// What the copies of a configuration say of what was left in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// A sentence each.
    pub(crate) sentences: Vec<String>,
    /// Ids of findings on what stands in an old copy and no longer in the present configuration.
    pub(crate) gone: BTreeSet<String>,
}

/// Copies of one host's configuration.
#[derive(Default)]
struct Copies {
    numbers: BTreeSet<u64>,
    present: bool,
}

impl Copies {
    fn take(&mut self, copy: Option<u64>) {
        match copy {
            Some(number) => _ = self.numbers.insert(number),
            None => self.present = true,
        }
    }
}

/// Compares the copies in the evidence with those in which a foothold stands.
pub(crate) fn history(files: &[FileRecord], seen: &[Seen]) -> History {
    let mut all: BTreeMap<String, Copies> = BTreeMap::new();
    for (root, copy) in files.iter().filter_map(|file| copy_of(&file.path)) {
        all.entry(root).or_default().take(copy);
    }
    let mut history = History::default();
    for one in seen.iter().filter(|one| one.proves() == Proves::Persistence) {
        let mut having: BTreeMap<String, Copies> = BTreeMap::new();
        for (root, copy) in one.finding.evidence.iter().filter_map(|record| copy_of(&record.path)) {
            having.entry(root).or_default().take(copy);
        }
        let what = name(one.finding.subject.as_ref().unwrap_or(&one.finding.title));
        for (root, having) in &having {
            let Some(all) = all.get(root) else { continue };
            history.sentences.extend(came(&what, all, having));
            if let Some(last) = having.numbers.last().filter(|_| all.present && !having.present) {
                history.sentences.push(format!(
                    "{what} stands in copy {last} of applicationHost.config and no longer in the present one: it was taken out."
                ));
                history.gone.insert(one.finding.id.clone());
            }
        }
    }
    history
}

/// Between which two copies it came.
fn came(what: &str, all: &Copies, having: &Copies) -> Option<String> {
    let Some(first) = having.numbers.first() else {
        let last = all.numbers.last().filter(|_| having.present)?;
        return Some(format!(
            "{what} stands in the present applicationHost.config and not in copy {last}: it came after that copy was made."
        ));
    };
    Some(match all.numbers.range(..first).next_back() {
        Some(before) => format!(
            "{what} stands in copy {first} of applicationHost.config and not in copy {before}: it came between the two. \
             The dates of their folders tell when."
        ),
        None => {
            format!("{what} stands in the oldest copy of applicationHost.config in the evidence, {first}: it is older.")
        }
    })
}

/// The host a configuration is of, and the number of the copy; no number: the one in force.
fn copy_of(path: &str) -> Option<(String, Option<u64>)> {
    let path = path.to_ascii_lowercase().replace('\\', "/");
    if let Some((root, rest)) = path.split_once(COPY) {
        let (number, file) = rest.split_once('/')?;
        return (file == "applicationhost.config").then(|| Some((root.to_owned(), Some(number.parse().ok()?))))?;
    }
    path.strip_suffix(PRESENT).map(|root| (root.to_owned(), None))
}

/// What stands in the configuration against an attack, and does not replace the update.
pub(crate) fn mitigations(seen: &[Seen]) -> Option<String> {
    let titles = titles(seen, |rule| rule.contains("mitigation-pro") || rule.ends_with("mitigation-present"));
    (!titles.is_empty()).then(|| {
        format!(
            "In the configuration as it was collected: {}. Since when is not said, and it does not replace the update.",
            list(&titles, NAMES_MAX)
        )
    })
}

/// Mitigations that do not hold.
pub(crate) fn void_mitigations(seen: &[Seen]) -> Option<String> {
    let titles = titles(seen, |rule| rule.ends_with("mitigation-narrow") || rule.ends_with("mitigation-off"));
    (!titles.is_empty()).then(|| {
        format!("Do not rely on what does not hold: {}. Only the update closes the hole.", list(&titles, NAMES_MAX))
    })
}

fn titles(seen: &[Seen], wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let found = seen.iter().filter(|one| wanted(&one.finding.rule)).map(|one| one.finding.title.as_str());
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Machine keys in the configuration of this server that other servers have too, and on which servers they stand. Keys
/// are told by their digest only.
pub(crate) fn shared_keys(observations: &Observations, server: &str) -> Vec<(String, Vec<String>)> {
    let mut holders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (holder, seen) in &observations.servers {
        let keys = seen.sightings.iter().filter(|one| {
            observations.rules.get(one.rule).is_some_and(|rule| rule.id.contains("machine-key") && !rule.indicator)
        });
        for key in keys.filter_map(|one| one.subject.as_deref()).filter(|subject| subject.starts_with("sha256:")) {
            holders.entry(key).or_default().insert(holder);
        }
    }
    let shared = holders.into_iter().filter(|(_, holders)| holders.len() > 1 && holders.contains(server));
    let line = |(key, holders): (&str, BTreeSet<&str>)| {
        let others = holders.into_iter().filter(|holder| *holder != server).map(str::to_owned).collect();
        (key.get(..DIGEST_SHOWN).unwrap_or(key).to_owned(), others)
    };
    shared.map(line).collect()
}

#[cfg(test)]
mod tests {
    use model::Origin;
    use model::assessment::Assessment;
    use model::campaign::{Proves, Stage};
    use model::observation::EvidenceRecord;

    use crate::testing::{Builder, file, sighting};

    const COPIES: [&str; 4] = [
        "C/inetpub/history/CFGHISTORY_0000000007/applicationHost.config",
        "C/inetpub/history/CFGHISTORY_0000000008/applicationHost.config",
        "C/inetpub/history/CFGHISTORY_0000000012/applicationHost.config",
        "C/Windows/System32/inetsrv/config/applicationHost.config",
    ];

    /// A module that stands in some of the copies.
    fn with_module_in(copies: &[u32]) -> Assessment {
        let mut builder = Builder::new().covered();
        builder.observations.files = COPIES.iter().map(|path| file(path)).collect();
        let rule = builder.rule("iis-native-modules/module-odd-folder", Stage::Foothold, Proves::Persistence);
        let mut hit = sighting(rule, "file", "2021-03-03T04:00:00Z");
        (hit.first, hit.last) = (None, None);
        hit.subject = Some(r"C:\Windows\Temp\m.dll".to_owned());
        let record = |copy: &u32| EvidenceRecord {
            origin: Origin { file: *copy, record: 1, offset: 0 },
            time: None,
            raw: Box::default(),
        };
        hit.evidence = copies.iter().map(record).collect();
        builder.see(hit);
        builder.assess()
    }

    #[test]
    fn order_of_copies_gives_a_window_and_no_time() {
        let foothold = |copies: &[u32]| with_module_in(copies).servers[0].answers.foothold.answer.clone();
        let text = foothold(&[2, 3]);
        assert!(text.contains("stands in copy 12 of applicationHost.config and not in copy 8"), "{text}");
        assert!(!text.contains("taken out"), "{text}");
        assert!(foothold(&[0, 1, 2, 3]).contains("oldest copy"), "{}", foothold(&[0, 1, 2, 3]));
        assert!(foothold(&[3]).contains("not in copy 12: it came after"), "{}", foothold(&[3]));
    }

    #[test]
    fn what_is_in_an_old_copy_only_was_taken_out() {
        let assessment = with_module_in(&[1]);
        let answers = &assessment.servers[0].answers;
        assert!(answers.foothold.answer.contains("no longer in the present one"), "{}", answers.foothold.answer);
        assert!(!answers.over.answer.contains("not shown to be removed: iis-module"), "{}", answers.over.answer);
        assert!(with_module_in(&[1, 3]).servers[0].answers.over.answer.contains("not shown to be removed: iis-module"));
    }

    #[test]
    fn a_mitigation_is_said_and_is_no_fix() {
        let mut builder = Builder::new().covered();
        let rule = builder.rule("exchange-host/config-mitigation-proxylogon", Stage::Access, Proves::Context);
        let void = builder.rule("exchange-host/config-mitigation-narrow", Stage::Access, Proves::Context);
        let before = builder.assess().servers[0].verdict;
        builder.see(sighting(rule, "file", "2021-03-03T04:00:00Z"));
        builder.see(sighting(void, "file", "2021-03-03T04:00:00Z"));
        let assessment = builder.assess();
        assert_eq!(assessment.servers[0].verdict, before);
        assert!(assessment.servers[0].answers.exposed.answer.contains("does not replace the update"));
        assert!(assessment.servers[0].answers.next.answer.contains("Do not rely on"));
    }

    #[test]
    fn one_key_on_two_servers_is_said_on_both_without_the_key() {
        let mut builder = Builder::new().covered();
        let rule = builder.rule("exchange-host/config-machine-key-static", Stage::Access, Proves::Context);
        let mut hit = sighting(rule, "file", "2021-03-03T04:00:00Z");
        hit.subject = Some(format!("sha256:{}", "0123456789abcdef".repeat(4)));
        builder.see(hit);
        assert!(!builder.assess().servers[0].answers.next.answer.contains("same machine key"));
        let twin = builder.observations.servers.values().next().cloned().expect("made by new");
        builder.observations.servers.insert("EXC02".to_owned(), twin);
        let next = builder.assess().servers[0].answers.next.answer.clone();
        assert!(next.contains("same machine key") && next.contains("EXC02"), "{next}");
        assert!(next.contains("sha256:0123456789abcdef") && !next.contains("0123456789abcdef0"), "{next}");
    }
}
