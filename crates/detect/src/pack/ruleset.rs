//! Sigma rules of others: a folder of files, whatever they are called and however they are arranged.
//!
//! A file may hold several documents, rules beside correlations and filters, and `action: global` collections; what one
//! file names may stand in another. Nothing is read from disk here, and nothing of a file is passed over in silence:
//! each yields documents or the reason why not. What a rule of somebody else says about our own tags is no claim of ours.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use rsigma_parser::{CorrelationRule, FilterRule, LogSource, SigmaRule, parse_sigma_yaml};
use serde::{Deserialize, Serialize};

use super::nests_too_deep;

/// Upper bound of a file of a rule set, in bytes. The largest of SigmaHQ has 40 KiB.
pub const RULE_FILE_BYTES_MAX: usize = 4 << 20;
/// Upper bound of the documents of a file with `action:` in it, and of what the parser may copy for them, in bytes: it
/// copies what is global for each.
const COPIED_BYTES_MAX: usize = 8 << 20;
const COLLECTION_DOCUMENTS_MAX: usize = 1_000;
/// More threads find nothing to do.
const THREADS_MAX: usize = 8;
/// Files that are worth a thread.
const FILES_PER_THREAD: usize = 128;

/// A folder of Sigma files of somebody else.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleSet {
    /// By which reports call it; rule ids begin with it. No two sets of a plan should share it.
    pub name: String,
    /// Paths relative to the folder, with `/`, and contents.
    pub files: Vec<(String, Cow<'static, [u8]>)>,
}

/// A document of a rule set.
#[derive(Debug)]
pub(crate) struct Written {
    /// Path of its file.
    pub(crate) file: String,
    /// Its number in the file, from 1; `None` where it is alone.
    pub(crate) number: Option<usize>,
    pub(crate) document: Document,
}

/// What a document is.
#[derive(Debug)]
pub(crate) enum Document {
    Rule(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
    Filter(Box<FilterRule>),
    /// A rule for a product whose logs are not read here; only looked at as far as that takes.
    Other(Glance),
    /// YAML that is no Sigma.
    NoRule,
    Unreadable(String),
}

/// A rule that was looked at and not parsed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) product: String,
    pub(crate) title: String,
    pub(crate) uuid: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) status: Option<String>,
}

impl RuleSet {
    /// SHA-256 over its files in the order of their paths, lower-case hex, as of a pack.
    pub(crate) fn sha256(&self) -> String {
        super::digest(&self.sorted())
    }

    fn sorted(&self) -> Vec<(&str, &[u8])> {
        let mut sorted: Vec<(&str, &[u8])> = self.files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(path, _)| *path);
        sorted
    }

    /// The documents of all files, by path and place.
    pub(crate) fn read(&self) -> Vec<Written> {
        let sorted = self.sorted();
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
        let threads = cores.min(sorted.len().div_ceil(FILES_PER_THREAD)).max(1);
        let read = |files: &[(&str, &[u8])]| -> Vec<Written> {
            files.iter().flat_map(|(path, bytes)| read_file(path, bytes)).collect()
        };
        if threads == 1 {
            return read(&sorted);
        }
        std::thread::scope(|scope| {
            let parts = sorted.chunks(sorted.len().div_ceil(threads));
            let running: Vec<_> = parts.map(|part| (part, scope.spawn(|| read(part)))).collect();
            // A reader that ended badly is run again here, so that its fault is that of the caller.
            let ended = running.into_iter().map(|(part, thread)| thread.join().unwrap_or_else(|_| read(part)));
            ended.flatten().collect()
        })
    }
}

fn read_file(path: &str, bytes: &[u8]) -> Vec<Written> {
    let documents = documents(bytes);
    let alone = documents.len() == 1;
    let numbered = documents.into_iter().zip(1usize..).map(|(document, number)| Written {
        file: path.to_owned(),
        number: (!alone).then_some(number),
        document,
    });
    numbered.collect()
}

fn documents(bytes: &[u8]) -> Vec<Document> {
    let refuse = |why: String| vec![Document::Unreadable(why)];
    if bytes.len() > RULE_FILE_BYTES_MAX {
        return refuse(format!("larger than {} MiB, which no file of rules is", RULE_FILE_BYTES_MAX >> 20));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return refuse(format!("not UTF-8: {error}")),
    };
    if let Some(glance) = glance(text).filter(|glance| is_other(&glance.product)) {
        return vec![Document::Other(glance)];
    }
    let text = &*with_plain_levels(text);
    if nests_too_deep(text) {
        return refuse("too many brackets inside each other".into());
    }
    if copies_too_much(text) {
        return refuse(format!(
            "a collection with `action` and more than {COLLECTION_DOCUMENTS_MAX} documents or {} MiB",
            COPIED_BYTES_MAX >> 20
        ));
    }
    let collection = match parse_sigma_yaml(text) {
        Ok(collection) => collection,
        Err(error) => return refuse(format!("not readable as Sigma: {error}")),
    };
    let mut documents: Vec<Document> = Vec::new();
    documents.extend(collection.rules.into_iter().map(|rule| Document::Rule(Box::new(rule))));
    documents.extend(collection.correlations.into_iter().map(|rule| Document::Correlation(Box::new(rule))));
    documents.extend(collection.filters.into_iter().map(|filter| Document::Filter(Box::new(filter))));
    if documents.is_empty() && !speaks_sigma(text) {
        return vec![Document::NoRule];
    }
    let errors = collection.errors.into_iter().filter(|error| !is_about_metadata(error));
    documents.extend(errors.map(|error| Document::Unreadable(in_words(&error))));
    documents
}

/// What the parser says, in words for the person who has the rule.
fn in_words(error: &str) -> String {
    let counts = error.lines().any(|line| line.contains('|') && line.contains(") by ") || line.contains("| count("));
    if error.starts_with("Condition parse error") && counts {
        return "the condition counts behind a `|`, which Sigma has replaced by correlations".into();
    }
    format!("not readable as Sigma: {error}")
}

/// Whether a product is one whose logs are never read here.
pub(crate) fn is_other(product: &str) -> bool {
    !product.is_empty() && !product.eq_ignore_ascii_case("windows") && !product.eq_ignore_ascii_case("exchange")
}

/// A word of a log source, in lower case.
pub(crate) fn product_of(source: &LogSource) -> Option<String> {
    source.product.as_deref().map(str::to_ascii_lowercase).filter(|product| is_other(product))
}

/// The parser's words about things that change no test: a misspelt status or level, a relation without a target.
fn is_about_metadata(error: &str) -> bool {
    let beginnings = ["invalid status", "invalid level", "related[", "'related'", "invalid sigma-version"];
    beginnings.iter().any(|beginning| error.starts_with(beginning))
}

/// `level: High` is what people write; the parser knows small letters only.
fn with_plain_levels(text: &str) -> Cow<'_, str> {
    let is_loud = |line: &str| line.starts_with("level:") && line.bytes().any(|byte| byte.is_ascii_uppercase());
    if !text.lines().any(is_loud) {
        return Cow::Borrowed(text);
    }
    let plain = |line: &str| if is_loud(line) { line.to_ascii_lowercase() } else { line.to_owned() };
    Cow::Owned(text.split_inclusive('\n').map(plain).collect())
}

fn copies_too_much(text: &str) -> bool {
    // The word may stand in quotes or brackets, so any line that has it counts.
    let documents = text.lines().filter(|line| line.starts_with("---")).count();
    let large = documents > COLLECTION_DOCUMENTS_MAX || text.len().saturating_mul(documents + 1) > COPIED_BYTES_MAX;
    large
        && ["global", "repeat"].iter().any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
        && memchr::memmem::find(text.as_bytes(), b"action").is_some()
}

/// Whether a text has one of the keys that make a document of Sigma.
fn speaks_sigma(text: &str) -> bool {
    // Keys may stand in quotes and brackets: better a file too many that is said to be unreadable than one too few.
    let keys: [&[u8]; 4] = [b"logsource", b"detection", b"correlation", b"filter"];
    keys.iter().any(|key| memchr::memmem::find(text.as_bytes(), key).is_some())
}

/// What the lines of a rule say at a glance, if it is a single document in block style with one plain log source. Such a
/// file need not be parsed to know that it is for another product: a fifth of SigmaHQ is.
fn glance(text: &str) -> Option<Glance> {
    let mut seen = Glance::default();
    let (mut inside, mut sources, mut detections, mut is_first) = (false, 0, 0, true);
    for line in text.lines() {
        let begins_document = line.starts_with("---") || line.starts_with("...");
        if line.is_empty() || line.starts_with('#') || (begins_document && is_first) {
            continue;
        }
        is_first = false;
        if begins_document {
            return None;
        }
        if let Some(rest) = line.strip_prefix([' ', '\t', '-']) {
            if let Some(product) = rest.trim_start().strip_prefix("product:").filter(|_| inside) {
                seen.product = plain_word(product)?;
            }
            continue;
        }
        let (key, value) = line.split_once(':')?;
        inside = key == "logsource";
        let value = value.trim();
        match key {
            "logsource" if value.is_empty() => sources += 1,
            "detection" if value.is_empty() => detections += 1,
            "logsource" | "detection" | "action" | "correlation" | "filter" => return None,
            "title" => seen.title = value.trim_matches(['\'', '"']).to_owned(),
            "id" => seen.uuid = plain_word(value),
            "level" => seen.level = plain_word(value),
            "status" => seen.status = plain_word(value),
            _ => {}
        }
    }
    (sources == 1 && detections == 1 && !seen.product.is_empty()).then_some(seen)
}

/// A word that means the same in and out of quotes, without what stands behind it.
fn plain_word(value: &str) -> Option<String> {
    let value = value.split(" #").next().unwrap_or_default().trim();
    let word = value.trim_matches(['\'', '"']);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!word.is_empty() && word.bytes().all(plain)).then(|| word.to_ascii_lowercase())
}
