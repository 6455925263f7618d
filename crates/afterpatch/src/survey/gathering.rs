//! Takes observations one by one, judges them and writes the results: the same for a probe and an import.

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use ::survey::classify::Classifier;
use model::survey::Observation;

use crate::cli::SurveyOutputOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// A run in the making.
pub struct Gathering {
    classifier: Classifier,
    observations: BufWriter<File>,
    taken: u64,
}

impl Gathering {
    /// Begins a run.
    pub fn begin(options: &SurveyOutputOptions) -> Result<Self, Failure> {
        fs::create_dir_all(&options.output).map_err(|error| cannot_write(options, &error))?;
        let file =
            File::create(options.output.join("observations.jsonl")).map_err(|error| cannot_write(options, &error))?;
        Ok(Self { classifier: Classifier::new(), observations: BufWriter::new(file), taken: 0 })
    }

    /// Takes one more.
    pub fn take(&mut self, observation: &Observation) -> Result<(), Failure> {
        let _judged = self.classifier.judge(observation);
        self.taken += 1;
        let line = serde_json::to_string(observation).expect("an observation is JSON");
        writeln!(self.observations, "{line}").map_err(|error| Failure::new(Exit::Fault, error.to_string()))
    }

    /// Writes the results.
    pub fn finish(mut self, console: &Console) -> Result<Exit, Failure> {
        self.observations.flush().map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
        console.say(&format!("{} targets", self.taken));
        Ok(Exit::Done)
    }
}

fn cannot_write(options: &SurveyOutputOptions, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot write to {}: {error}", options.output.display()))
}
