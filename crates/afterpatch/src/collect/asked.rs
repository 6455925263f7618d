//! Which rows of the table would settle the open questions of an assessment.
//!
//! An assessment says what it lacks in three ways: sources that would cover a stretch of a window, sentences that name a
//! place of the table, and files that could not be read. Sentences only choose rows, by the words of the table in them;
//! nothing of them is handed on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use exchange::{EvidenceSource, PartsAre};
use model::Utc;
use model::collecting::{ComputerName, Root, Row, ServerRecipe, Since};
use serde::Deserialize;

use crate::advise::{assessment_in, content};
use crate::exit::{Exit, Failure};

/// No assessment is as large.
const ASSESSMENT_BYTES_MAX: u64 = 2 << 30;
/// More servers than any organisation has.
const SERVERS_MAX: usize = 10_000;
/// Sentences of one server that are looked at.
const SENTENCES_MAX: usize = 10_000;
/// Longer sentences are cut: none of ours is as long.
const SENTENCE_BYTES_MAX: usize = 20_000;

/// Keys of the questions.
const QUESTIONS: [&str; 11] =
    ["exposed", "hit", "since", "entry", "foothold", "control", "taken", "campaign", "cloud", "over", "next"];

#[derive(Deserialize)]
struct Assessment {
    schema: String,
    servers: Vec<Server>,
    #[serde(default)]
    gaps: Vec<Gap>,
}

#[derive(Deserialize)]
struct Server {
    server: String,
    #[serde(default)]
    reasons: Reasons,
    #[serde(default)]
    exposure: Vec<Exposure>,
    #[serde(default)]
    answers: BTreeMap<String, Answer>,
}

#[derive(Default, Deserialize)]
struct Reasons {
    #[serde(default)]
    would_change: Vec<String>,
}

#[derive(Deserialize)]
struct Exposure {
    from: Utc,
    #[serde(default)]
    uncovered: Vec<Uncovered>,
}

#[derive(Deserialize)]
struct Uncovered {
    from: Utc,
    until: Utc,
    #[serde(default)]
    settle: String,
    #[serde(default)]
    sources: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    unknown: Vec<String>,
}

#[derive(Deserialize)]
struct Gap {
    path: String,
    #[serde(default)]
    server: Option<String>,
}

/// A stretch of time; `None` is open.
type Window = (Option<Utc>, Option<Utc>);

/// What is wanted of one row.
#[derive(Clone)]
struct Want {
    /// `None`: all of it.
    parts: Option<BTreeSet<&'static str>>,
    window: Window,
    answers: BTreeSet<&'static str>,
}

/// By the place of the row in the table.
type Wants = BTreeMap<usize, Want>;

/// The file that is read.
pub fn files(path: &Path) -> Vec<PathBuf> {
    assessment_in(path).into_iter().chain([path.to_owned()]).filter(|path| path.is_file()).collect()
}

/// What the assessment asks of each server, and of all of them together.
pub fn rows(path: &Path, only: Option<&str>) -> Result<(Vec<ServerRecipe>, Vec<Row>), Failure> {
    let assessment = read(path)?;
    let is_asked =
        |server: &Server| only.is_none_or(|only| model::server_name(&server.server).as_deref() == Some(only));
    let (mut servers, mut all) = (Vec::new(), Wants::new());
    let mut names = 0_usize;
    for (at, server) in assessment.servers.iter().enumerate().filter(|(_, server)| is_asked(server)) {
        names += 1;
        let wants = wants(server, &assessment.gaps);
        if wants.is_empty() {
            continue;
        }
        wants.iter().for_each(|(at, want)| add(&mut all, *at, want.clone()));
        let name = ComputerName::new(&server.server);
        servers.push(ServerRecipe { server: name, number: at + 1, rows: in_order(wants) });
    }
    if let (Some(_), 0) = (only, names) {
        return Err(Failure::new(Exit::Usage, "the assessment has no server of this name")
            .hint("`afterpatch collect --for FILE` without --server lists all of them"));
    }
    if servers.is_empty() {
        return Err(Failure::new(Exit::Nothing, "nothing is open in the assessment that more files would settle")
            .hint("without --for, the recipe takes everything that is read"));
    }
    Ok((servers, in_order(all)))
}

fn read(path: &Path) -> Result<Assessment, Failure> {
    let no_assessment = |why: &str| {
        Failure::new(Exit::Usage, format!("`{}` is no assessment: {why}", path.display()))
            .hint("--for takes an assessment.json or a folder of results")
    };
    let file = assessment_in(path).unwrap_or_else(|| path.to_owned());
    let bytes = content(&file, ASSESSMENT_BYTES_MAX)?;
    if bytes.len() as u64 > ASSESSMENT_BYTES_MAX {
        return Err(no_assessment("it is too large"));
    }
    // Only where it stands: what stands there was written by others.
    let read: Assessment = serde_json::from_slice(&bytes)
        .map_err(|error| no_assessment(&format!("line {}, column {}", error.line(), error.column())))?;
    if !read.schema.starts_with("afterpatch.assessment/") {
        return Err(no_assessment("its schema is another"));
    }
    if read.servers.len() > SERVERS_MAX {
        return Err(no_assessment(&format!("it has more than {SERVERS_MAX} servers")));
    }
    Ok(read)
}

fn in_order(wants: Wants) -> Vec<Row> {
    let of = |(at, want): (usize, Want)| {
        let Some(source) = exchange::sources().get(at) else { return Vec::new() };
        let (from, until) = want.window;
        let parts: Vec<&'static str> = want.parts.into_iter().flatten().collect();
        let until = until.filter(|_| source.dated);
        let mut rows = source.rows_of(&parts, from.map_or(Since::Ever, Since::From), until);
        let answers: Vec<&str> = QUESTIONS.into_iter().filter(|key| want.answers.contains(key)).collect();
        rows.iter_mut().for_each(|row| row.answers = answers.clone());
        rows
    };
    wants.into_iter().flat_map(of).collect()
}

/// What is wanted of one server.
fn wants(server: &Server, gaps: &[Gap]) -> Wants {
    let mut wants = Wants::new();
    let mut sentences: Vec<(&'static str, &str, Window)> = Vec::new();
    for one in server.exposure.iter().flat_map(|exposure| &exposure.uncovered) {
        let window = (Some(one.from), Some(one.until));
        if one.sources.is_empty() {
            sentences.push(("hit", &one.settle, window));
        }
        one.sources.iter().take(SENTENCES_MAX).for_each(|source| add_source(&mut wants, source, window));
    }
    let open = (server.exposure.iter().map(|exposure| exposure.from).min(), None);
    sentences.extend(server.reasons.would_change.iter().map(|text| ("hit", text.as_str(), open)));
    for (key, answer) in &server.answers {
        // What to do next repeats what the others ask for.
        let Some(key) = QUESTIONS.iter().find(|known| *known == key && **known != "next") else { continue };
        sentences.extend(answer.unknown.iter().map(|text| (*key, text.as_str(), open)));
    }
    for (key, text, window) in sentences.into_iter().take(SENTENCES_MAX) {
        add_named(&mut wants, key, text, window);
    }
    for gap in gaps.iter().filter(|gap| gap.server.as_deref() == Some(server.server.as_str())).take(SENTENCES_MAX) {
        add_damaged(&mut wants, &gap.path);
    }
    wants
}

/// The rows that hold a source of the coverage list.
fn add_source(wants: &mut Wants, source: &str, window: Window) {
    let part = source.split_once('/').map_or("", |(_, part)| part);
    for (at, row) in asked().filter(|(_, row)| row.holds_source(source)) {
        let parts = row.part(part).map(|part| BTreeSet::from([part]));
        add(wants, at, Want { parts, window, answers: BTreeSet::from(["hit"]) });
    }
}

/// The rows of which a sentence names place or title; those of a source that is asked for already are not widened.
fn add_named(wants: &mut Wants, key: &'static str, text: &str, window: Window) {
    let end = text.floor_char_boundary(SENTENCE_BYTES_MAX);
    let text = text.get(..end).unwrap_or_default().to_lowercase();
    for (at, _) in asked().filter(|(_, row)| is_named(row, &text)) {
        match wants.get_mut(&at) {
            Some(known) => _ = known.answers.insert(key),
            None => add(wants, at, Want { parts: None, window, answers: BTreeSet::from([key]) }),
        }
    }
}

/// A file that was not read to its end is wanted again. What is missing of a log stands in the windows.
fn add_damaged(wants: &mut Wants, path: &str) {
    let place = evidence::place::place(path).on_server;
    for (at, _) in asked().filter(|(_, row)| !row.dated && row.may_have_file(&place)) {
        add(wants, at, Want { parts: None, window: (None, None), answers: BTreeSet::from(["hit"]) });
    }
}

fn asked() -> impl Iterator<Item = (usize, &'static EvidenceSource)> {
    exchange::sources().iter().enumerate().filter(|(_, row)| row.is_asked())
}

/// A sentence in lower case names the row.
fn is_named(row: &EvidenceSource, text: &str) -> bool {
    let folder = row.shown_folder().to_lowercase();
    if row.parts_are == PartsAre::Files {
        let around = text.replace(&folder, "");
        let has_part = |part: &&str| {
            around.contains(&part.to_lowercase()) || around.contains(&part.to_lowercase().replace('/', "%4"))
        };
        return text.contains(&row.title.to_lowercase())
            || (text.contains(&folder) && row.parts.iter().flatten().any(has_part));
    }
    let is_file = |mask: &&&str| mask.contains('.') && !mask.contains('*');
    row.masks.iter().filter(is_file).any(|mask| text.contains(&mask.to_lowercase()))
        || (row.folder.contains('\\') && text.contains(&row.folder.to_lowercase()))
        || (!row.folder.is_empty() && row.root != Root::None && text.contains(&folder))
        || (row.root == Root::IisLogs && text.contains(&folder))
        || text.contains(&row.title.to_lowercase())
}

fn add(wants: &mut Wants, at: usize, want: Want) {
    let Some(known) = wants.get_mut(&at) else {
        wants.insert(at, want);
        return;
    };
    known.parts = match (known.parts.take(), want.parts) {
        (Some(known), Some(more)) => Some(&known | &more),
        _ => None,
    };
    let earliest = known.window.0.zip(want.window.0).map(|(a, b)| a.min(b));
    let latest = known.window.1.zip(want.window.1).map(|(a, b)| a.max(b));
    known.window = (earliest, latest);
    known.answers.extend(want.answers);
}
