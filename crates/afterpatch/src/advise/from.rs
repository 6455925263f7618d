//! Builds from an assessment that was written before, or from evidence as `assess` reads it.

use std::path::{Path, PathBuf};

use model::Utc;
use model::advice::NotUnderstood;
use serde::Deserialize;

use super::asked::{Asked, Row};
use super::table;
use crate::assess;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// The file that every assessment writes.
const ASSESSMENT: &str = "assessment.json";
/// No assessment is as large.
const ASSESSMENT_BYTES_MAX: u64 = 2 << 30;

/// What is needed of an assessment.
#[derive(Deserialize)]
struct Assessment {
    schema: String,
    servers: Vec<Server>,
}

#[derive(Deserialize)]
struct Server {
    server: String,
    builds: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    build: String,
    last_seen: Utc,
}

/// The assessment that a path is, or the one in a folder of results.
pub fn assessment_in(path: &Path) -> Option<PathBuf> {
    let inside = path.join(ASSESSMENT);
    let is_one = path.file_name().is_some_and(|name| name == ASSESSMENT) && path.is_file();
    if is_one { Some(path.to_owned()) } else { inside.is_file().then_some(inside) }
}

/// Adds what each server ran last.
pub fn servers(path: &Path, console: &Console, asked: &mut Asked) -> Result<(), Failure> {
    let (source, last) = match assessment_in(path) {
        Some(file) => (ASSESSMENT.to_owned(), of_assessment(&file)?),
        None => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let last = assess::last_builds(path, console)?;
            (name, last.into_iter().map(|(server, build)| (server, build.map(|build| build.to_string()))).collect())
        }
    };
    if last.is_empty() {
        return Err(Failure::new(Exit::Nothing, format!("`{}` names no server", path.display())));
    }
    for (server, build) in last {
        let (server, source) = (Some(server), source.clone());
        let number = build.as_deref().map(|build| exchange::Knowledge::shipped().read_number(build));
        let asked_text = build.clone().unwrap_or_default();
        match number {
            Some(Ok(number)) => asked.rows.push(Row { server, asked: asked_text, source, number }),
            Some(Err(error)) => {
                let why = error.to_string();
                asked.not_understood.push(NotUnderstood { source, server, asked: asked_text, why });
            }
            None => {
                let why = "the evidence names no build".to_owned();
                asked.not_understood.push(NotUnderstood { source, server, asked: asked_text, why });
            }
        }
    }
    Ok(())
}

fn of_assessment(file: &Path) -> Result<Vec<(String, Option<String>)>, Failure> {
    let no_assessment = |why: &str| {
        Failure::new(Exit::Usage, format!("`{}` is no assessment: {why}", file.display()))
            .hint("--from takes an assessment.json, a folder of results, or evidence")
    };
    let bytes = table::content(file, ASSESSMENT_BYTES_MAX)?;
    if bytes.len() as u64 > ASSESSMENT_BYTES_MAX {
        return Err(no_assessment("it is too large"));
    }
    let read: Assessment = serde_json::from_slice(&bytes).map_err(|error| no_assessment(&error.to_string()))?;
    if !read.schema.starts_with("afterpatch.assessment/") {
        return Err(no_assessment("its schema is another"));
    }
    let last = |server: Server| {
        let span = server.builds.into_iter().max_by_key(|span| span.last_seen);
        (server.server, span.map(|span| span.build))
    };
    Ok(read.servers.into_iter().map(last).collect())
}
