//! What was found, for people: the files of the report, the manifest, the signature, the evidence, and what does not fit.

use std::fmt::Write as _;
use std::path::Path;

use report::count;
use report::hostile::ForTerminal;

use super::Verification;
use super::again::Evidence;
use super::written::Fit;

/// Names of each kind that are listed; `--format json` has all.
const NAMES_MAX: usize = 200;

/// The screen.
pub fn screen(folder: &Path, found: &Verification) -> String {
    let mut text = format!("{}\n", ForTerminal(&folder.display().to_string()));
    report_lines(&mut text, found);
    if let Some(evidence) = &found.evidence {
        evidence_lines(&mut text, evidence);
    } else {
        line(&mut text, "evidence", "not given, not looked at");
    }
    for note in &found.notes {
        line(&mut text, "note", note);
    }
    for problem in &found.problems {
        line(&mut text, "PROBLEM", problem);
    }
    text.push_str(if found.fits {
        "Everything that was looked at is as it was written.\n"
    } else {
        "This is NOT as it was written.\n"
    });
    text
}

fn report_lines(text: &mut String, found: &Verification) {
    let report = &found.report;
    if let (Some(version), Some(sha256)) = (&report.version, &report.custody_sha256) {
        line(text, "custody", &format!("custody.json of afterpatch {version}, SHA-256 {sha256}"));
    }
    if report.incomplete {
        line(text, "report", "the run was interrupted: the report is incomplete");
    }
    let same = report.files.iter().filter(|file| file.state == Fit::Same).count();
    line(text, "report", &format!("{same} of {} as written", count(report.files.len() as u64, "file", "files")));
    if let Some(head) = &report.head {
        line(text, "manifest", &format!("{}, chain whole, head {head}", count(report.lines, "line", "lines")));
    }
    let signature = &found.signature;
    if let (true, Some(key)) = (signature.verified, &signature.key) {
        let comment = signature.comment.as_deref().unwrap_or_default();
        line(text, "signature", &format!("fits, by key {key}: {comment}"));
    }
}

fn evidence_lines(text: &mut String, evidence: &Evidence) {
    line(
        text,
        "evidence",
        &format!(
            "{} same, {} altered, {} missing, {} new",
            evidence.same,
            evidence.altered.len(),
            evidence.missing.len(),
            evidence.new.len()
        ),
    );
    let altered = evidence.altered.iter().map(|one| {
        let (then, now) = (count(one.expected_size, "byte", "bytes"), count(one.size, "byte", "bytes"));
        (one.path.as_str(), format!("{then}, SHA-256 {}, now {now}, {}", one.expected, one.found))
    });
    names(text, "altered", altered);
    names(text, "missing", evidence.missing.iter().map(|path| (path.as_str(), String::new())));
    names(text, "new", evidence.new.iter().map(|path| (path.as_str(), String::new())));
    names(text, "unreadable", evidence.unreadable.iter().map(|one| (one.path.as_str(), one.why.clone())));
    names(text, "twice", evidence.named_twice.iter().map(|path| (path.as_str(), String::new())));
}

fn names<'a>(text: &mut String, word: &str, all: impl ExactSizeIterator<Item = (&'a str, String)>) {
    let more = all.len().saturating_sub(NAMES_MAX);
    for (path, what) in all.take(NAMES_MAX) {
        let what = if what.is_empty() { what } else { format!("  ({})", ForTerminal(&what)) };
        writeln!(text, "    {word:<10} {}{what}", ForTerminal(path)).expect("a string takes everything");
    }
    if more > 0 {
        writeln!(text, "    {word:<10} and {more} more; --format json names all").expect("a string takes everything");
    }
}

fn line(text: &mut String, word: &str, what: &str) {
    writeln!(text, "  {word:<10} {}", ForTerminal(what)).expect("a string takes everything");
}
