//! Takes observations one by one, judges them and writes the results: the same for a probe and an import.
//!
//! What is held in memory does not grow with the number of targets: rows go to their files and to the store at once, and
//! counting reads them back in order.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ::survey::classify::Classifier;
use ::survey::geo::{Networks, TABLE_BYTES_MAX};
use ::survey::store::{Store, seen_in_run};
use exchange::STATE_DATE;
use model::Utc;
use model::survey::{Observation, Run};

use super::results::{self, Rows};
use crate::cli::SurveyOutputOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// A run in the making.
pub struct Gathering {
    classifier: Classifier,
    networks: Networks,
    observations: BufWriter<File>,
    rows: Rows,
    store: Store,
    run: Run,
    folder: PathBuf,
    hole: Option<String>,
}

impl Gathering {
    /// Begins a run.
    pub fn begin(options: &SurveyOutputOptions) -> Result<Self, Failure> {
        let folder = options.output.clone();
        fs::create_dir_all(&folder).map_err(|error| results::cannot_write(&folder, &error))?;
        let networks = networks(options)?;
        let file = results::create(&folder.join("observations.jsonl"))?;
        let path = options.store.clone().unwrap_or_else(|| folder.join("survey.db"));
        let mut store = Store::open(&path).map_err(|error| results::store_failure(&error))?;
        let mut run = Run {
            scope: options.label.clone(),
            data_date: Utc::parse(STATE_DATE.as_bytes()),
            networks: networks.tables(),
            ..Run::default()
        };
        run.id = store.begin(&run).map_err(|error| results::store_failure(&error))?;
        Ok(Self {
            classifier: Classifier::new(),
            networks,
            observations: file,
            rows: Rows::begin(&folder)?,
            store,
            run,
            folder,
            hole: options.cve.as_ref().map(|cve| cve.to_uppercase()),
        })
    }

    /// By which order, and with which options, what follows is looked at.
    pub fn ordered(&mut self, ticket: &str, configuration: String) {
        self.run.ticket = Some(ticket.to_owned());
        self.run.configuration = configuration;
    }

    /// Takes one more.
    pub fn take(&mut self, observation: &Observation) -> Result<(), Failure> {
        let mut judged = self.classifier.judge(observation);
        judged.network = self.networks.of(observation.target.address, &observation.network);
        seen_in_run(&mut self.run, observation);
        let line = serde_json::to_string(observation).expect("an observation is JSON");
        writeln!(self.observations, "{line}").map_err(|error| results::cannot_write(&self.folder, &error))?;
        self.rows.add(&judged)?;
        self.store.add(self.run.id, &line, &judged).map_err(|error| results::store_failure(&error))
    }

    /// Writes the results.
    pub fn finish(mut self, console: &Console) -> Result<Exit, Failure> {
        self.observations.flush().map_err(|error| results::cannot_write(&self.folder, &error))?;
        self.rows.finish()?;
        self.run.finished = true;
        self.store.finish(&self.run).map_err(|error| results::store_failure(&error))?;
        let survey = results::survey(&self.store, &self.run, self.hole.as_deref())?;
        results::write(&self.folder, &survey)?;
        console.result(&report::survey::screen::survey(&survey));
        Ok(if survey.totals.targets == 0 { Exit::Nothing } else { Exit::Done })
    }
}

fn networks(options: &SurveyOutputOptions) -> Result<Networks, Failure> {
    let mut networks = Networks::default();
    for path in &options.mmdb {
        networks.add_mmdb(&name_of(path), read(path)?).map_err(|error| no_table(path, &error.to_string()))?;
    }
    for path in &options.networks {
        networks.add_list(&name_of(path), &read(path)?, None).map_err(|error| no_table(path, &error.to_string()))?;
    }
    Ok(networks)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a table that the user names is no evidence")]
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| no_table(path, &error.to_string()))?;
    file.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| no_table(path, &error.to_string()))?;
    Ok(bytes)
}

fn no_table(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("cannot use the table `{}`: {why}", path.display()))
}
