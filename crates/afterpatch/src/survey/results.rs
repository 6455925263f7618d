//! The files of a survey's results, made of what its store holds.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use ::survey::columns::Columns;
use ::survey::compare;
use ::survey::count::Counter;
use ::survey::store::{Store, StoreError};
use model::Utc;
use model::survey::{Judged, Run, SCHEMA, Survey};

use crate::exit::{Exit, Failure};

/// `survey.csv` and `survey.parquet` in the making.
pub struct Rows {
    csv: BufWriter<File>,
    columns: Columns<BufWriter<File>>,
}

impl Rows {
    /// Begins both.
    pub fn begin(folder: &Path) -> Result<Self, Failure> {
        let mut csv = create(&folder.join("survey.csv"))?;
        csv.write_all(report::survey::csv::heading().as_bytes()).map_err(|error| cannot_write(folder, &error))?;
        let columns = Columns::begin(create(&folder.join("survey.parquet"))?).map_err(|error| fault(&error))?;
        Ok(Self { csv, columns })
    }

    /// Adds a target.
    pub fn add(&mut self, judged: &Judged) -> Result<(), Failure> {
        self.csv.write_all(report::survey::csv::line(judged).as_bytes()).map_err(|error| fault(&error))?;
        self.columns.add(judged).map_err(|error| fault(&error))
    }

    /// Ends both.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.csv.flush().map_err(|error| fault(&error))?;
        self.columns.finish().map_err(|error| fault(&error))
    }
}

/// All that is said of a run.
pub fn survey(store: &Store, run: &Run, hole: Option<&str>) -> Result<Survey, Failure> {
    let mut counter = Counter::new(hole, run.last.unwrap_or(Utc(0)));
    store.each_server(run.id, |targets| counter.take(targets)).map_err(|error| store_failure(&error))?;
    let counted = counter.finish();
    if run.finished {
        store.keep_counts(run.id, hole, &counted.totals).map_err(|error| store_failure(&error))?;
    }
    let mut runs = store.runs(Some(&run.scope)).map_err(|error| store_failure(&error))?;
    runs.retain(|other| other.finished && (other.last, other.id) <= (run.last, run.id));
    let trend = compare::trend(store, &runs, hole).map_err(|error| store_failure(&error))?;
    let before = runs.iter().rfind(|other| other.id != run.id);
    let diff = before.map(|before| compare::diff(store, before, run, hole)).transpose();
    let mut notes = Vec::new();
    if let Some(first) = run.first_data_date {
        notes.push(format!(
            "The run was judged anew: builds and holes first known until {first}, now until {}.",
            run.data_date.map_or_else(|| "an unknown day".to_owned(), |day| day.to_string())
        ));
    }
    if hole.is_some_and(|hole| {
        !counted.tables.iter().any(|table| table.by == "cve" && table.rows.iter().any(|row| row.label == hole))
    }) {
        notes.push(
            "No server was judged for the hole that was asked for: it is not in the data, or no server was seen."
                .to_owned(),
        );
    }
    Ok(Survey {
        schema: SCHEMA.to_owned(),
        afterpatch: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.clone(),
        hole: hole.map(str::to_owned),
        totals: counted.totals,
        tables: counted.tables,
        outcomes: counted.outcomes,
        notes,
        trend,
        diff: diff.map_err(|error| store_failure(&error))?,
        servers: counted.servers,
        servers_omitted: counted.servers_omitted,
    })
}

/// Writes `survey.json` and `survey.html`.
pub fn write(folder: &Path, survey: &Survey) -> Result<(), Failure> {
    fs::write(folder.join("survey.json"), report::survey::json(survey))
        .map_err(|error| cannot_write(folder, &error))?;
    fs::write(folder.join("survey.html"), report::survey::html::page(survey))
        .map_err(|error| cannot_write(folder, &error))
}

/// A file to write to.
pub fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    File::create(path).map(BufWriter::new).map_err(|error| cannot_write(path, &error))
}

pub fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot write to `{}`: {error}", path.display()))
}

pub fn store_failure(error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Damaged { .. } | StoreError::Foreign(_) | StoreError::Newer { .. } => Exit::Nothing,
        _ => Exit::Usage,
    };
    let failure = Failure::new(exit, error.to_string());
    match error {
        StoreError::Missing(_) => failure.hint("`--store` names the `survey.db` of an earlier run"),
        StoreError::Damaged { .. } => {
            failure.hint("the results of each run hold `observations.jsonl`, which can be imported again")
        }
        _ => failure,
    }
}

fn fault(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Fault, error.to_string())
}
