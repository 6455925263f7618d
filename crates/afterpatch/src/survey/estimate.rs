//! `afterpatch survey estimate`: how many servers were broken into, an interval or a refusal.

use std::collections::BTreeSet;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use ::survey::compare;
use ::survey::estimate::{Assessed, estimate, read_assessment, web_shells_seen};
use ::survey::store::Store;
use evidence::Inventory;
use report::hostile::ForTerminal;
use sha2::{Digest, Sha256};

use super::results::store_failure;
use crate::cli::{EstimateFormat, SurveyEstimateOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// The file that every assessment writes.
const ASSESSMENT: &str = "assessment.json";
/// No assessment is as large.
const ASSESSMENT_BYTES_MAX: u64 = 2 << 30;

/// Runs the verb.
pub fn run(options: &SurveyEstimateOptions, console: &Console) -> Result<Exit, Failure> {
    let store = Store::open_existing(&options.store).map_err(|error| store_failure(&error))?;
    let scope = match &options.label {
        Some(label) => label.clone(),
        None => super::report::last(&store, None)?.scope,
    };
    let hole = options.cve.as_ref().map(|cve| cve.to_uppercase());
    let runs = store.runs(Some(&scope)).map_err(|error| store_failure(&error))?;
    let trend = compare::trend(&store, &runs, hole.as_deref()).map_err(|error| store_failure(&error))?;
    let mut shells = 0;
    for point in &trend {
        shells = shells.max(web_shells_seen(&store, point.run).map_err(|error| store_failure(&error))?);
    }
    let assessed = assessed(&options.assessments, hole.as_deref(), console)?;
    let estimate = estimate(hole.as_deref(), &trend, shells, assessed);
    match options.format {
        EstimateFormat::Text => console.result(&report::survey::screen::estimate(&estimate)),
        EstimateFormat::Json => {
            let text = serde_json::to_string_pretty(&estimate).expect("an estimate is JSON");
            console.result(&format!("{text}\n"));
        }
    }
    Ok(if estimate.victims.is_some() { Exit::Done } else { Exit::CannotTell })
}

/// All assessments below some folders; one that lies there twice counts once.
fn assessed(folders: &[PathBuf], hole: Option<&str>, console: &Console) -> Result<Assessed, Failure> {
    let usage = |error: evidence::WalkError| Failure::new(Exit::Usage, error.to_string());
    Inventory::refuse_missing(folders).map_err(usage)?;
    let inventory = Inventory::walk(folders).map_err(usage)?;
    let (mut all, mut met) = (Assessed::default(), BTreeSet::new());
    let is_one = |path: &str| path.rsplit('/').next() == Some(ASSESSMENT);
    for input in inventory.inputs.iter().filter(|input| is_one(&input.path)) {
        let refused = |why: &str| console.say(&format!("{}: not read: {}", ForTerminal(&input.path), ForTerminal(why)));
        let Ok(opened) = inventory.open(input) else {
            refused("it cannot be opened");
            continue;
        };
        let mut content = Hashed { inner: opened.stream.take(ASSESSMENT_BYTES_MAX), hash: Sha256::new() };
        match read_assessment(BufReader::new(&mut content), hole) {
            Ok(one) if met.insert(content.hash.finalize().to_vec()) => all.join(one),
            Ok(_) => refused("the same assessment was read before"),
            Err(error) => refused(&error.to_string()),
        }
    }
    if met.is_empty() {
        return Err(Failure::new(Exit::Nothing, "no assessment was found")
            .hint("`--assessments` takes folders with the results of `assess`"));
    }
    Ok(all)
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
