//! `afterpatch survey report`, `trend` and `diff`: what is said of the runs of a store.

use std::fs;

use ::survey::classify::Classifier;
use ::survey::compare;
use ::survey::store::Store;
use exchange::STATE_DATE;
use model::Utc;
use model::survey::Run;

use super::results::{self, Rows, store_failure};
use crate::cli::{SurveyDiffOptions, SurveyReportOptions, SurveyTrendOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs `survey report`.
pub fn report(options: &SurveyReportOptions, console: &Console) -> Result<Exit, Failure> {
    let mut store = Store::open_existing(&options.store).map_err(|error| store_failure(&error))?;
    let mut run = match options.run {
        Some(id) => store.run(id).map_err(|error| store_failure(&error))?,
        None => last(&store, None)?,
    };
    let today = Utc::parse(STATE_DATE.as_bytes());
    if run.data_date != today {
        run.first_data_date = run.first_data_date.or(run.data_date);
        run.data_date = today;
        let mut classifier = Classifier::new();
        store.judge_again(&run, |observation| classifier.judge(observation)).map_err(|error| store_failure(&error))?;
    }
    fs::create_dir_all(&options.output).map_err(|error| results::cannot_write(&options.output, &error))?;
    let (mut rows, mut wrong) = (Rows::begin(&options.output)?, None);
    let read = store.each_server(run.id, |targets| {
        for target in targets {
            wrong = wrong.take().or_else(|| rows.add(target).err());
        }
    });
    read.map_err(|error| store_failure(&error))?;
    wrong.map_or(Ok(()), Err)?;
    rows.finish()?;
    let survey = results::survey(&store, &run, hole(options.cve.as_ref()).as_deref())?;
    results::write(&options.output, &survey)?;
    console.result(&::report::survey::screen::survey(&survey));
    Ok(Exit::Done)
}

/// Runs `survey trend`.
pub fn trend(options: &SurveyTrendOptions, console: &Console) -> Result<Exit, Failure> {
    let store = Store::open_existing(&options.store).map_err(|error| store_failure(&error))?;
    let scope = match &options.label {
        Some(label) => label.clone(),
        None => last(&store, None)?.scope,
    };
    let runs = store.runs(Some(&scope)).map_err(|error| store_failure(&error))?;
    let hole = hole(options.cve.as_ref());
    let points = compare::trend(&store, &runs, hole.as_deref()).map_err(|error| store_failure(&error))?;
    console.result(&::report::survey::screen::trend(&points));
    let runs: Vec<&Run> = runs.iter().filter(|run| run.finished).collect();
    for caveat in compare::caveats(&runs) {
        console.say(&format!("note: {caveat}"));
    }
    Ok(if points.is_empty() { Exit::Nothing } else { Exit::Done })
}

/// Runs `survey diff`.
pub fn diff(options: &SurveyDiffOptions, console: &Console) -> Result<Exit, Failure> {
    let store = Store::open_existing(&options.store).map_err(|error| store_failure(&error))?;
    let (from, to) = match options.runs.as_slice() {
        [from, to] => {
            let run = |id: i64| store.run(id).map_err(|error| store_failure(&error));
            (run(*from)?, run(*to)?)
        }
        _ => {
            let to = last(&store, None)?;
            (last(&store, Some(&to))?, to)
        }
    };
    let hole = hole(options.cve.as_ref());
    let diff = compare::diff(&store, &from, &to, hole.as_deref()).map_err(|error| store_failure(&error))?;
    console.result(&::report::survey::screen::diff(&diff));
    Ok(Exit::Done)
}

/// The last finished run, or the last of its scope before another.
pub fn last(store: &Store, before: Option<&Run>) -> Result<Run, Failure> {
    let runs = store.runs(before.map(|run| run.scope.as_str())).map_err(|error| store_failure(&error))?;
    let earlier = |run: &Run| before.is_none_or(|before| (run.last, run.id) < (before.last, before.id));
    runs.into_iter()
        .rfind(|run| run.finished && earlier(run))
        .ok_or_else(|| Failure::new(Exit::Nothing, "the store has no finished run to speak of"))
}

fn hole(cve: Option<&String>) -> Option<String> {
    cve.map(|cve| cve.to_uppercase())
}
