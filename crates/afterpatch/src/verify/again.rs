//! The evidence, hashed again and compared with the manifest.

use std::collections::BTreeMap;
use std::io::Read;

use detect::plan::Plan;
use evidence::{Input, Inventory, Opened};
use model::file::Outcome;
use report::manifest::Entry;
use serde::{Deserialize, Serialize};

use crate::assess::crew::RuleFiles;
use crate::assess::party::Asked;
use crate::assess::progress::Progress;
use crate::assess::work::{GotOn, Job, Part};
use crate::assess::{interrupt, refused};
use crate::console::Console;
use crate::exit::Failure;

/// What became of the evidence.
#[derive(Debug, Default, Serialize)]
pub struct Evidence {
    /// Files, and members of gzip files, that are as they were.
    pub same: u64,
    /// Those with another content.
    pub altered: Vec<Altered>,
    /// Those that are not there any more.
    pub missing: Vec<String>,
    /// Those that were not there.
    pub new: Vec<String>,
    /// Those that cannot be read now, and could then.
    pub unreadable: Vec<Unreadable>,
    /// Those of which the manifest holds no hash: they could not be read then, or are no files. Nothing is said of them.
    pub without_hash: Vec<String>,
    /// Paths that the manifest names more than once.
    pub named_twice: Vec<String>,
}

/// A file with another content.
#[derive(Debug, Serialize)]
pub struct Altered {
    /// As in the manifest.
    pub path: String,
    /// Bytes then.
    pub expected_size: u64,
    /// Bytes now.
    pub size: u64,
    /// SHA-256 then.
    pub expected: String,
    /// SHA-256 now.
    pub found: String,
}

/// A file that cannot be read now.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// As in the manifest.
    pub path: String,
    /// Why, in words.
    pub why: String,
}

/// What a file, or a member of it, is now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hashed {
    path: String,
    /// Size and SHA-256, or why there is none.
    content: Result<(u64, String), String>,
}

/// Hashes the evidence again.
pub fn check(asked: &Asked<'_>, manifest: &[u8], console: &Console) -> Result<Evidence, Failure> {
    Inventory::refuse_missing(asked.evidence).map_err(refused)?;
    let mut away = asked.away(None, RuleFiles::default())?;
    let inventory = asked.inventory(None, &mut away)?;
    console.say(&format!("hashing {}", report::count(inventory.inputs.len() as u64, "file", "files")));
    let (progress, plan) = (Progress::default(), Plan::default());
    let mut crew = asked.crew(away, &inventory, &plan, &progress);
    let files: Vec<u32> = (0..).take(inventory.inputs.len()).collect();
    let mut now: Vec<Vec<Hashed>> = std::iter::repeat_with(Vec::new).take(files.len()).collect();
    let lost = progress.show_while(&inventory, console, || {
        crew.perform(&Job::Hash, &files, &mut |file, part| {
            if let (Some(slot), Part::Hashed(hashed)) = (now.get_mut(file as usize), part) {
                *slot = hashed;
            }
        })
    });
    for lost in lost {
        let at = lost.file as usize;
        if let (Some(slot), Some(input)) = (now.get_mut(at), inventory.inputs.get(at)) {
            *slot = vec![Hashed { path: input.path.clone(), content: Err(lost.reason) }];
        }
    }
    let mut evidence = Evidence::default();
    let mut expected: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in report::manifest::entries(manifest) {
        if let Some(before) = expected.insert(entry.path.clone(), entry) {
            evidence.named_twice.push(before.path);
        }
    }
    for now in now.into_iter().flatten() {
        evidence.compare(expected.remove(&now.path), now);
    }
    evidence.missing.extend(expected.into_keys());
    Ok(evidence)
}

/// The file, and what is inside where it is a gzip file: as it was read for the manifest.
pub fn hash(input: &Input, opened: Result<Opened<'_>, Outcome>, got_on: &GotOn<'_>) -> Vec<Hashed> {
    if interrupt::came() {
        return Vec::new();
    }
    let opened = match opened {
        Ok(opened) => opened,
        Err(outcome) => return vec![Hashed { path: input.path.clone(), content: Err(why(&outcome)) }],
    };
    let (mut stream, mut buffer) = (opened.stream, vec![0; 256 << 10]);
    let read = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(_) if interrupt::came() => return Vec::new(),
            Ok(count) => got_on(count as u64),
            Err(error) => break Err(error.kind().to_string()),
        }
    };
    let hashes = stream.finish(true);
    let content = read.map(|()| (hashes.size, hashes.sha256.unwrap_or_default()));
    let Some(inside) = opened.inside else { return vec![Hashed { path: input.path.clone(), content }] };
    let mut both = vec![Hashed { path: format!("{}!{inside}", input.path), content }];
    let container =
        hashes.container.map(|(sha256, size)| Hashed { path: input.path.clone(), content: Ok((size, sha256)) });
    both.extend(container);
    both
}

fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unreadable(reason) | Outcome::LimitReached(reason) => reason.clone(),
        Outcome::Encrypted(how) => format!("encrypted: {how}"),
        Outcome::Vanished => "it was gone, or held back".to_owned(),
        Outcome::NotRegular => "a link or device, never followed".to_owned(),
        Outcome::Complete | Outcome::Interrupted => "interrupted".to_owned(),
    }
}

impl Evidence {
    fn compare(&mut self, expected: Option<Entry>, now: Hashed) {
        let Some(expected) = expected else { return self.new.push(now.path) };
        match (expected.sha256, now.content) {
            (None, _) => self.without_hash.push(now.path),
            (Some(_), Err(why)) => self.unreadable.push(Unreadable { path: now.path, why }),
            (Some(sha256), Ok((size, found))) if (expected.size, &sha256) == (size, &found) => self.same += 1,
            (Some(sha256), Ok((size, found))) => self.altered.push(Altered {
                path: now.path,
                expected_size: expected.size,
                size,
                expected: sha256,
                found,
            }),
        }
    }

    /// What does not fit, and what is only to be known.
    pub fn tell(&self, problems: &mut Vec<String>, notes: &mut Vec<String>) {
        let counts = [
            (self.altered.len(), "altered"),
            (self.missing.len(), "missing"),
            (self.new.len(), "new"),
            (self.unreadable.len(), "not readable any more"),
            (self.named_twice.len(), "named twice by the manifest"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            problems.push(format!("{} of the evidence {what}", report::count(count as u64, "file", "files")));
        }
        if self.same == 0 && !self.missing.is_empty() && !self.new.is_empty() {
            notes.push(
                "nothing stands where the manifest says: give the same folders and files as to `afterpatch assess`, \
                 all of them"
                    .to_owned(),
            );
        }
        if !self.without_hash.is_empty() {
            let count = report::count(self.without_hash.len() as u64, "file", "files");
            notes.push(format!("the manifest has no hash of {count}: nothing is said of their content"));
        }
    }
}
