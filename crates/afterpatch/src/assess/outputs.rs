//! Writes the files of an assessment.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use model::assessment::Assessment;
use model::file::FileRecord;

use crate::exit::{Exit, Failure};

/// Name of the page, for the last line on screen.
pub const REPORT: &str = "report.html";

/// Writes all outputs to a folder.
pub fn write(folder: &Path, assessment: &Assessment, files: &[FileRecord]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot write results to `{}`: {error}", folder.display()))
            .hint("choose another folder with -o DIR")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let all = || -> std::io::Result<()> {
        report::json::write(assessment, file("assessment.json")?)?;
        report::timeline::write_csv(assessment, file("timeline.csv")?)?;
        report::timeline::write_jsonl(assessment, file("timeline.jsonl")?)?;
        report::manifest::write(files, file("manifest.jsonl")?)?;
        let mut page = file(REPORT)?;
        page.write_all(report::html::report(assessment, files).as_bytes())?;
        page.flush()
    };
    all().map_err(failed)
}
