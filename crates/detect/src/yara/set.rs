//! YARA files of somebody else: which of them stand alone, what they include, and what became of each rule.
//!
//! Files are in memory; an include is looked up among them and nowhere else. What does not load is refused by file, line
//! and reason, and costs nothing but itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use boreal::Compiler;
use model::assessment::PackIdentity;
use serde::{Deserialize, Serialize};

use super::condition::{is_for_programs, names_one_of};
use super::split::{Kind, Part, split};
use super::{Key, refusal};
use crate::pack::digest;
use crate::sigma::RuleIndex;

/// Files inside each other by include.
const INCLUDE_DEPTH_MAX: usize = 16;
/// Parts of a file with all that it includes.
const PARTS_MAX: usize = 200_000;

/// A folder of YARA files of somebody else.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct YaraSet {
    /// By which reports call it; rule ids begin with it. No two sets of a plan should share it.
    pub name: String,
    /// Paths relative to the folder, with `/`, and contents.
    pub files: Vec<(String, Cow<'static, [u8]>)>,
}

impl YaraSet {
    pub(crate) fn identity(&self) -> PackIdentity {
        let mut sorted: Vec<(&str, &[u8])> = self.files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        sorted.sort_unstable();
        PackIdentity { id: self.name.clone(), version: "YARA rule set".into(), sha256: digest(&sorted) }
    }
}

/// What became of a rule of a set, or of a line that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YaraAccount {
    /// Name of the set.
    pub set: String,
    /// Path of the file in it.
    pub file: String,
    /// Where it begins, from 1; 0 for a whole file.
    pub line: u64,
    /// The rule's name; empty where it is none: an import, an include, a file.
    pub rule: String,
    /// What became of it.
    pub outcome: YaraOutcome,
}

/// Whether a YARA rule runs, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum YaraOutcome {
    /// It runs.
    Loaded(RuleIndex),
    /// Private or global: it runs for others and is never reported.
    Helper,
    /// It does not run.
    Refused(String),
}

/// A rule of a set that was compiled.
pub(super) struct Compiled {
    pub(super) set: usize,
    pub(super) account: usize,
}

/// A part with the file it stands in.
struct Placed<'s> {
    file: &'s str,
    part: Part<'s>,
}

/// Compiles sets into one compiler, and keeps an account of everything in them.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) accounts: Vec<YaraAccount>,
    /// Rules that were compiled, by namespace and name.
    pub(super) compiled: BTreeMap<Key, Compiled>,
}

impl Loader {
    /// Adds a set. Its files stand in namespaces of their own, those that others include in theirs.
    pub(super) fn add(&mut self, compilers: &mut Compilers, number: usize, set: &YaraSet) {
        let mut texts = BTreeMap::new();
        for (path, bytes) in &set.files {
            match text(bytes) {
                Ok(text) => _ = texts.insert(path.as_str(), text),
                Err(reason) => self.account((&set.name, path, 0), "", YaraOutcome::Refused(reason)),
            }
        }
        let parts: BTreeMap<&str, Vec<Part<'_>>> = texts.iter().map(|(path, text)| (*path, split(text))).collect();
        // Where a rule stands, so that a file that several include is told once.
        let mut told = BTreeSet::new();
        for root in roots(&parts) {
            let mut flat = Flat { parts: &parts, placed: Vec::new(), seen: BTreeSet::new(), refused: Vec::new() };
            flat.take(root, 0);
            for (file, line, reason) in flat.refused {
                self.account((&set.name, file, line), "", YaraOutcome::Refused(reason));
            }
            self.compile(compilers, (number, set), root, &flat.placed, &mut told);
        }
    }

    fn compile<'s>(
        &mut self,
        compilers: &mut Compilers,
        (number, set): (usize, &YaraSet),
        root: &str,
        placed: &[Placed<'s>],
        told: &mut BTreeSet<(&'s str, u64)>,
    ) {
        let namespace = format!("{}:{root}", set.name);
        let first = self.accounts.len();
        let mut lost_global = None;
        let is_apart = each_stands_alone(placed);
        for Placed { file, part } in placed {
            let name = match part.kind {
                Kind::Rule { name, .. } => name,
                _ => "",
            };
            if let Err((below, reason)) = compilers.add(part, &namespace, is_apart) {
                if matches!(part.kind, Kind::Rule { is_global: true, .. }) {
                    lost_global.get_or_insert(name);
                }
                if told.insert((*file, part.line)) {
                    self.account((&set.name, file, part.line + below), name, YaraOutcome::Refused(reason));
                }
            } else if !name.is_empty() && told.insert((*file, part.line)) {
                let key = Key { namespace: namespace.clone(), name: name.to_owned() };
                self.compiled.insert(key, Compiled { set: number, account: self.accounts.len() });
                self.account((&set.name, file, part.line), name, YaraOutcome::Helper);
            }
        }
        if let Some(global) = lost_global {
            self.lose(first, global);
        }
    }

    /// A global rule bounds all others of its file: without it they would hit what their author left out.
    fn lose(&mut self, first: usize, global: &str) {
        self.compiled.retain(|_, compiled| compiled.account < first);
        for account in self.accounts.iter_mut().skip(first) {
            if account.outcome == YaraOutcome::Helper {
                account.outcome =
                    YaraOutcome::Refused(format!("its file has the global rule `{global}`, which was refused"));
            }
        }
    }

    fn account(&mut self, (set, file, line): (&str, &str, u64), rule: &str, outcome: YaraOutcome) {
        self.accounts.push(YaraAccount {
            set: set.to_owned(),
            file: file.to_owned(),
            line,
            rule: rule.to_owned(),
            outcome,
        });
    }
}

/// Rules that are tried on every file, and those that can only fit programs.
pub(super) struct Compilers {
    pub(super) all: Compiler,
    pub(super) programs: Compiler,
}

impl Compilers {
    /// Adds a part; an error with the line in it, from 0.
    fn add(&mut self, part: &Part<'_>, namespace: &str, is_apart: bool) -> Result<(), (u64, String)> {
        match part.kind {
            Kind::Rule { .. } if is_apart && is_for_programs(part.text) => add(&mut self.programs, part, namespace),
            Kind::Import => add(&mut self.all, part, namespace).and(add(&mut self.programs, part, namespace)),
            _ => add(&mut self.all, part, namespace),
        }
    }
}

/// Whether no rule of a file needs another: only then they may run apart.
fn each_stands_alone(placed: &[Placed<'_>]) -> bool {
    let rules = || {
        placed.iter().filter_map(|placed| match placed.part.kind {
            Kind::Rule { name, is_global } => Some((name, is_global, placed.part.text)),
            _ => None,
        })
    };
    let names: BTreeSet<&str> = rules().map(|(name, ..)| name).collect();
    rules().all(|(name, is_global, text)| !is_global && !names_one_of(text, name, &names))
        && names.len() == rules().count()
}

/// Adds a part; an error with the line in it, from 0.
fn add(compiler: &mut Compiler, part: &Part<'_>, namespace: &str) -> Result<(), (u64, String)> {
    // Bytes of another code page would be searched for as something else than their author wrote.
    let strings = part.text.find("strings").map_or("", |at| part.text.get(at..).unwrap_or_default());
    if strings.contains(char::REPLACEMENT_CHARACTER) {
        return Err((0, "its strings hold bytes that are no UTF-8".into()));
    }
    let added = compiler.add_rules_str_in_namespace(part.text, namespace).map(drop);
    added.map_err(|error| {
        let refused = refusal("", part.text, &error);
        (refused.line.map_or(0, |line| line - 1), refused.reason)
    })
}

/// The text of a file. Old rules are written in the code page of their author; only comments and meta data have such bytes.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    if bytes.len() > super::RULE_FILE_BYTES_MAX {
        return Err(format!("larger than {} MiB", super::RULE_FILE_BYTES_MAX >> 20));
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err("no text: it holds zero bytes".into());
    }
    Ok(String::from_utf8_lossy(bytes))
}

/// Files that no other includes, by path, and of files that include each other the first.
fn roots<'s>(parts: &BTreeMap<&'s str, Vec<Part<'s>>>) -> Vec<&'s str> {
    let included = |file: &str| {
        let parts = parts.get(file).into_iter().flatten();
        let paths = parts.filter_map(|part| match part.kind {
            Kind::Include(path) => resolve(file, path),
            _ => None,
        });
        paths.filter(|path| path != file).collect::<Vec<String>>()
    };
    let all: BTreeMap<&str, Vec<String>> = parts.keys().map(|file| (*file, included(file))).collect();
    let named: BTreeSet<&str> = all.values().flatten().map(String::as_str).collect();
    let (mut roots, mut reached) = (Vec::new(), BTreeSet::new());
    let alone = all.keys().filter(|file| !named.contains(*file));
    for file in alone.chain(all.keys()) {
        if reached.contains(*file) {
            continue;
        }
        roots.push(*file);
        let mut waiting = vec![*file];
        while let Some(next) = waiting.pop() {
            if reached.insert(next) {
                waiting.extend(all.get(next).into_iter().flatten().map(String::as_str));
            }
        }
    }
    roots
}

/// The parts of a file in their order, with those of what it includes.
struct Flat<'a, 's> {
    parts: &'a BTreeMap<&'s str, Vec<Part<'s>>>,
    placed: Vec<Placed<'s>>,
    seen: BTreeSet<&'s str>,
    refused: Vec<(&'s str, u64, String)>,
}

impl<'s> Flat<'_, 's> {
    /// A file is taken once, so that files that include each other come to an end.
    fn take(&mut self, file: &'s str, depth: usize) {
        self.seen.insert(file);
        for part in self.parts.get(file).into_iter().flatten() {
            let Kind::Include(path) = part.kind else {
                if self.placed.len() >= PARTS_MAX {
                    return self.refused.push((file, part.line, format!("more than {PARTS_MAX} parts in one file")));
                }
                self.placed.push(Placed { file, part: *part });
                continue;
            };
            let Some(whole) = resolve(file, path) else {
                self.refused.push((file, part.line, format!("include of `{path}`, which lies outside the folder")));
                continue;
            };
            match self.parts.get_key_value(whole.as_str()) {
                None => {
                    let why = format!("include of `{path}`, and there is no such .yar or .yara file in the folder");
                    self.refused.push((file, part.line, why));
                }
                Some(_) if depth >= INCLUDE_DEPTH_MAX => {
                    self.refused.push((file, part.line, format!("includes deeper than {INCLUDE_DEPTH_MAX}")));
                }
                Some((known, _)) if !self.seen.contains(known) => self.take(known, depth + 1),
                Some(_) => {}
            }
        }
    }
}

/// The path of an included file in the folder; `None` where it leads out of it.
fn resolve(file: &str, path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    if path.starts_with('/') || path.contains(':') {
        return None;
    }
    let mut whole: Vec<&str> = file.split('/').collect();
    whole.pop();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => _ = whole.pop()?,
            name => whole.push(name),
        }
    }
    Some(whole.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn includes_stay_inside() {
        assert_eq!(resolve("a/b.yar", "../c.yar").as_deref(), Some("c.yar"));
        assert_eq!(resolve("a/b.yar", "./d\\e.yar").as_deref(), Some("a/d/e.yar"));
        for path in ["../../c.yar", "/etc/passwd", "C:\\x.yar", "../a/../../x"] {
            assert_eq!(resolve("a/b.yar", path), None, "{path}");
        }
    }
}
