//! Sightings and observed pages and files to findings: one each, with the raw records.

use std::collections::BTreeSet;

use model::assessment::{Evidence, Finding};
use model::campaign::{Proves, RuleFacts, Stage};
use model::file::FileRecord;
use model::observation::{EvidenceRecord, FileSeen, Server, Sighting};
use model::{Family, Utc};

use crate::JOIN_RULE;
use crate::belongs;
use crate::credentials;
use crate::pages;
use crate::paths;
use crate::product::Product;
use crate::readings;

/// The rule id of a page that is a web shell by the way it is used.
pub(crate) const SHELL_PAGE_RULE: &str = "observer/web-shell-page";
/// The rule id of a client that drives such a page.
pub(crate) const SHELL_USE_RULE: &str = "observer/web-shell-use";
/// The rule id of a client that asks for web shells of others.
pub(crate) const PROBES_RULE: &str = "observer/web-shell-probes";
/// The rule id of a page worth a look.
pub(crate) const ODD_PAGE_RULE: &str = "observer/odd-page";
/// The rule id of a page on disk that is not Exchange's.
pub(crate) const UNKNOWN_FILE_RULE: &str = "observer/unknown-page-file";
/// The rule id of what name, place and times say of a page that other findings speak of.
pub(crate) const FILE_SIGNS_RULE: &str = "observer/page-file-signs";
/// The rule id of a genuine page with other content than its build has.
pub(crate) const CHANGED_FILE_RULE: &str = "observer/changed-page-file";
/// The rule id of a genuine page that came by itself, after its neighbours.
pub(crate) const LATE_FILE_RULE: &str = "observer/late-page-file";
/// The rule id of a page that ran and is gone.
pub(crate) const TRACE_GONE_RULE: &str = "observer/compiled-page-gone";
/// The rule id of a page that could not be opened though it was listed.
pub(crate) const VANISHED_FILE_RULE: &str = "observer/page-vanished";

/// A finding and what the judging needs beside it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What the assessment shows.
    pub(crate) finding: Finding,
    /// The log family it was seen in.
    pub(crate) family: Family,
    /// It comes from a list of indicators.
    pub(crate) indicator: bool,
    /// It comes from a rule set of somebody else: background, whatever else is found.
    pub(crate) foreign: bool,
    /// For joining logs.
    pub(crate) request_ids: Vec<String>,
    /// The web pages that it is about, by the name of [`paths::page_key`].
    pub(crate) pages: Vec<String>,
    /// The last use of a foothold that it shows, where that is not simply its last record.
    pub(crate) last_driven: Option<Utc>,
    /// The index of the finding that this one surely follows from.
    pub(crate) follows: Option<usize>,
}

impl Seen {
    pub(crate) fn id(&self) -> &str {
        &self.finding.id
    }

    pub(crate) fn proves(&self) -> Proves {
        self.finding.proves
    }

    /// Antivirus says so, in an event log or in a text log of its own.
    pub(crate) fn is_by_antivirus(&self) -> bool {
        self.family == Family::Windows
            && ["/Antivirus/", "-Windows Defender/"].iter().any(|log| self.finding.source.contains(log))
    }

    /// An exploit went through, or worse.
    pub(crate) fn is_proof(&self) -> bool {
        self.proves() == Proves::Success || self.is_compromise()
    }

    /// Something was left, run or taken.
    pub(crate) fn is_compromise(&self) -> bool {
        matches!(self.proves(), Proves::Persistence | Proves::Execution | Proves::Theft)
    }

    /// The last time at which this finding shows a foothold in use: an answered shell, commands, theft. That something
    /// lies there, or was written, is no use of it.
    pub(crate) fn foothold_used(&self) -> Option<Utc> {
        if self.finding.rule == SHELL_PAGE_RULE {
            return self.last_driven;
        }
        let used = match self.proves() {
            Proves::Execution | Proves::Theft => true,
            Proves::Persistence | Proves::Success => self.finding.stage == Stage::Control,
            _ => false,
        };
        used.then_some(self.finding.last.or(self.finding.time)).flatten().filter(|_| self.family != Family::File)
    }
}

/// What a finding of our own says, in place of a rule's facts.
pub(crate) struct Said {
    pub(crate) rule: &'static str,
    pub(crate) title: String,
    pub(crate) reason: String,
    pub(crate) benign: &'static [&'static str],
    pub(crate) attack: &'static [&'static str],
    pub(crate) stage: Stage,
    pub(crate) proves: Proves,
}

/// What findings are made from.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) files: &'a [FileRecord],
    pub(crate) rules: &'a [RuleFacts],
    pub(crate) product: &'a dyn Product,
    pub(crate) name: &'a str,
    pub(crate) server: &'a Server,
}

/// All findings of one server, in the order of the assessment, numbered from `before + 1` on.
pub(crate) fn all(material: &Material<'_>, before: usize) -> Vec<Seen> {
    let mut seen: Vec<Seen> =
        material.server.sightings.iter().filter_map(|sighting| of_sighting(material, sighting)).collect();
    seen.extend(pages::findings(material));
    seen.extend(credentials::findings(material));
    let told: BTreeSet<String> = seen.iter().flat_map(|one| one.pages.iter().cloned()).collect();
    seen.extend(belongs::findings(material, &told));
    readings::tell(&mut seen, &material.server.files);
    belongs::settle_times(&mut seen, &material.server.files);
    seen.sort_by(|a, b| order(a).cmp(&order(b)));
    for (index, one) in seen.iter_mut().enumerate() {
        one.finding.id = format!("f{}", before + index + 1);
    }
    seen
}

type Order<'a> =
    ((bool, Option<Utc>), (&'a str, &'a str), Option<&'a str>, Option<&'a str>, Option<Utc>, Vec<(&'a str, u64)>);

/// Time, rule, then whatever tells two findings apart. Findings without a time come last.
fn order(seen: &Seen) -> Order<'_> {
    let finding = &seen.finding;
    (
        (finding.time.is_none(), finding.time),
        (&finding.rule, &finding.source),
        finding.client.as_deref(),
        finding.subject.as_deref(),
        finding.last,
        finding.evidence.iter().map(|one| (one.path.as_str(), one.record)).collect(),
    )
}

fn of_sighting(material: &Material<'_>, sighting: &Sighting) -> Option<Seen> {
    let rule = material.rules.get(sighting.rule)?;
    let finding = Finding {
        id: String::new(),
        server: material.name.to_owned(),
        time: sighting.first,
        last: sighting.last.or(sighting.first),
        count: sighting.count,
        campaign: rule.campaign.clone(),
        stage: rule.stage,
        proves: rule.proves,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        reason: rule.description.clone(),
        benign: rule.false_positives.clone(),
        attack: rule.attack.clone(),
        references: rule.references.clone(),
        source: sighting.source.to_string(),
        client: sighting.client.clone(),
        account: sighting.account.clone(),
        subject: sighting.subject.clone(),
        bytes: sighting.bytes,
        evidence: evidence(material.files, &sighting.evidence),
    };
    let request_ids = sighting.request_ids.iter().filter(|id| is_request_id(id)).map(|id| id.to_lowercase()).collect();
    let pages = pages_of(material.product, &finding, sighting.source.family);
    let family = sighting.source.family;
    Some(Seen {
        finding,
        family,
        indicator: rule.indicator,
        foreign: rule.set.is_some(),
        request_ids,
        pages,
        last_driven: None,
        follows: None,
    })
}

/// The pages that a finding is about. Requests that open the door name pages that mean nothing; the others name the
/// page in their subject, and records of writing also in their text.
fn pages_of(product: &dyn Product, finding: &Finding, family: Family) -> Vec<String> {
    if finding.stage == Stage::Access || finding.rule == JOIN_RULE {
        return Vec::new();
    }
    let mut pages: BTreeSet<String> =
        finding.subject.iter().filter_map(|subject| paths::page_key(product, subject)).collect();
    let web_log = matches!(family, Family::Iis | Family::HttpProxy | Family::HttpErr | Family::File);
    if pages.is_empty() && !web_log && matches!(finding.stage, Stage::Foothold | Stage::Cleanup) {
        let texts = finding.evidence.iter().flat_map(|record| paths::scripts_in(&record.text));
        pages.extend(texts.filter_map(|path| paths::page_key(product, &path)));
    }
    if pages.is_empty() && family == Family::File {
        // A trace of compilation names the page that it was compiled from.
        let compiled = finding.evidence.iter().filter_map(|record| paths::virtual_path(&record.text));
        pages.extend(compiled.filter_map(|url| paths::page_key(product, url)));
    }
    pages.into_iter().collect()
}

/// Traces of compilation say the name of a page and its application, not its folder: they are about the page of that
/// name that others speak of.
pub(crate) fn settle_traces(seen: &mut [Seen]) {
    let known: BTreeSet<String> =
        seen.iter().flat_map(|one| &one.pages).filter(|page| !paths::is_trace(page)).cloned().collect();
    let page_of = |trace: &str| {
        let name = paths::base_name(trace);
        known.iter().find(|page| paths::base_name(page) == name).cloned()
    };
    for page in seen.iter_mut().flat_map(|one| &mut one.pages).filter(|page| paths::is_trace(page)) {
        if let Some(known) = page_of(page) {
            *page = known;
        }
    }
}

/// The page name of a file that is a page.
pub(crate) fn file_key(product: &dyn Product, file: &FileSeen) -> Option<String> {
    match &file.url {
        Some(url) => paths::page_key(product, url),
        None => paths::page_key(product, &file.path),
    }
}

/// A finding of our own, without time, client and records.
pub(crate) fn own_finding(server: &str, said: Said) -> Finding {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Finding {
        id: String::new(),
        server: server.to_owned(),
        time: None,
        last: None,
        count: 1,
        campaign: None,
        stage: said.stage,
        proves: said.proves,
        rule: said.rule.to_owned(),
        title: said.title,
        reason: said.reason,
        benign: owned(said.benign),
        attack: owned(said.attack),
        references: Vec::new(),
        source: Family::Iis.name().to_owned(),
        client: None,
        account: None,
        subject: None,
        bytes: 0,
        evidence: Vec::new(),
    }
}

/// Kept records as a reader sees them.
pub(crate) fn evidence<'a>(
    files: &[FileRecord],
    records: impl IntoIterator<Item = &'a EvidenceRecord>,
) -> Vec<Evidence> {
    let shown = |record: &EvidenceRecord| {
        let (text, encoding) = lossless(&record.raw);
        Evidence {
            path: files.get(record.origin.file as usize).map(|file| file.path.clone()).unwrap_or_default(),
            record: record.origin.record,
            offset: record.origin.offset,
            time: record.time,
            text,
            encoding,
        }
    };
    records.into_iter().map(shown).collect()
}

/// Valid UTF-8 as it is; otherwise every byte becomes the character of its number.
fn lossless(raw: &[u8]) -> (String, Option<&'static str>) {
    match std::str::from_utf8(raw) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (raw.iter().map(|byte| char::from(*byte)).collect(), Some("latin-1")),
    }
}

/// A value that can join two logs: not empty, not all zeros.
pub(crate) fn is_request_id(id: &str) -> bool {
    id.len() >= 8 && id.bytes().any(|byte| !matches!(byte, b'0' | b'-' | b'{' | b'}'))
}

/// The ids of the most telling findings: what proves most first, then the earliest.
pub(crate) fn top_ids<'a>(seen: impl IntoIterator<Item = &'a Seen>, most: usize) -> Vec<String> {
    top(seen, most).into_iter().map(|one| one.finding.id.clone()).collect()
}

/// The most telling findings.
pub(crate) fn top<'a>(seen: impl IntoIterator<Item = &'a Seen>, most: usize) -> Vec<&'a Seen> {
    let mut sorted: Vec<&Seen> = seen.into_iter().collect();
    sorted.sort_by_key(|one| (std::cmp::Reverse(one.proves()), one.finding.time.is_none(), one.finding.time));
    sorted.truncate(most);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, sighting};

    #[test]
    fn raw_records_lose_nothing() {
        assert_eq!(lossless("größe".as_bytes()), ("größe".to_owned(), None));
        let (text, encoding) = lossless(&[0x41, 0xff, 0x00, 0xe4]);
        assert_eq!((text.as_str(), encoding), ("A\u{ff}\u{0}\u{e4}", Some("latin-1")));
    }

    #[test]
    fn findings_are_ordered_by_time_then_rule_and_numbered() {
        let mut builder = Builder::new();
        let late = builder.rule("proxylogon/b", Stage::Access, Proves::Attempt);
        let early = builder.rule("proxylogon/a", Stage::Access, Proves::Attempt);
        builder.see(sighting(late, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
        builder.see(sighting(early, "httpproxy/Ecp", "2021-03-03T04:00:00Z"));
        let mut timeless = sighting(early, "file", "2021-03-03T04:00:00Z");
        (timeless.first, timeless.last) = (None, None);
        builder.see(timeless);
        builder.see(sighting(late, "httpproxy/Ecp", "2021-03-01T04:00:00Z"));
        let lines: Vec<String> =
            builder.assess().findings.iter().map(|finding| format!("{} {}", finding.id, finding.rule)).collect();
        assert_eq!(lines, ["f1 proxylogon/b", "f2 proxylogon/a", "f3 proxylogon/b", "f4 proxylogon/a"]);
    }

    #[test]
    fn request_ids_that_say_nothing_are_none() {
        assert!(is_request_id("c3b1c1d4-1111-2222-3333-444455556666"));
        for id in ["", "-", "00000000-0000-0000-0000-000000000000", "1"] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
