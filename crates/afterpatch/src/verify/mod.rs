//! `afterpatch verify` and `afterpatch sign`: is a report what was written, is the evidence what was read, and who says so.
//!
//! Nothing is changed and nothing is judged anew. What stands in a report may have been written by anybody, so names in
//! it are names of files beside it or nothing, and everything shown goes through `report::hostile`.

pub mod again;
mod told;
mod written;

use std::path::Path;

use report::custody::CUSTODY;
use report::hostile::ForTerminal;
use serde::Serialize;

use crate::assess::interrupt;
use crate::assess::party::Asked;
use crate::cli::{Listing, SignReportOptions, VerifyReportOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::packs::signature;
use again::Evidence;
use written::Report;

/// What was found, as `--format json` prints it.
#[derive(Debug, Serialize)]
struct Verification {
    schema: &'static str,
    /// Everything that was looked at fits.
    fits: bool,
    report: Report,
    signature: Signature,
    /// Not there where no evidence was given.
    evidence: Option<Evidence>,
    /// What does not fit, in words.
    problems: Vec<String>,
    /// What a reader should know and is no problem.
    notes: Vec<String>,
}

/// The signature of `custody.json`.
#[derive(Debug, Default, Serialize)]
struct Signature {
    /// A file with one is there.
    present: bool,
    /// It was checked with the key that was given, and fits.
    verified: bool,
    /// The key that made it, as it says or as was verified.
    key: Option<String>,
    /// What the signer said, where it was verified.
    comment: Option<String>,
}

/// Runs `verify`.
pub fn run(options: &VerifyReportOptions, console: &Console) -> Result<Exit, Failure> {
    let key = options.key.as_deref().map(signature::public_key).transpose()?;
    let (report, manifest, mut problems) = written::check(&options.folder)?;
    let mut notes = Vec::new();
    if !report.beside.is_empty() {
        let names = report.beside.join(", ");
        notes.push(format!("not part of the report, and not looked at: {names}"));
    }
    let signature = check_signature(&options.folder, &report, key.as_ref(), &mut problems, &mut notes);
    if let Some(noted) = &options.noted
        && report.custody_sha256.as_ref() != Some(noted)
        && report.head.as_ref() != Some(noted)
    {
        problems.push(format!("neither {CUSTODY} nor the last line of the manifest has the noted SHA-256 {noted}"));
    }
    let evidence = match options.evidence.as_slice() {
        [] => None,
        evidence => {
            interrupt::listen();
            let (archives, isolation, threads) = (&options.archives, options.isolation, options.threads);
            let asked = Asked { evidence, archives, isolation, range: (None, None), threads };
            Some(again::check(&asked, &manifest, console)?)
        }
    };
    if interrupt::came() {
        return Err(Failure::new(
            Exit::Interrupted,
            "interrupted before the evidence was hashed: nothing is said of it",
        ));
    }
    evidence.iter().for_each(|evidence| evidence.tell(&mut problems, &mut notes));
    let fits = problems.is_empty();
    let found = Verification { schema: "afterpatch.verify/1", fits, report, signature, evidence, problems, notes };
    match options.format {
        Listing::Json => console.result(&report::json::pretty(&found)),
        Listing::Human if console.quiet && fits => {}
        Listing::Human => console.result(&told::screen(&options.folder, &found)),
    }
    Ok(if fits { Exit::Done } else { Exit::Integrity })
}

/// Checks the signature, and says aloud where there is one that nobody checks.
fn check_signature(
    folder: &Path,
    report: &Report,
    key: Option<&minisign::PublicKey>,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Signature {
    let custody = folder.join(CUSTODY);
    let present = signature::with_ending(&custody, ".minisig").symlink_metadata().is_ok();
    let said = if present { signature::key_id_beside(&custody) } else { None };
    let unverified = Signature { present, key: said.clone(), ..Signature::default() };
    let Some(key) = key else {
        match (present, said) {
            (false, _) => notes.push("the report is not signed".to_owned()),
            (true, Some(said)) => notes.push(format!(
                "there is a signature, by its own account of key {said}, and nothing was checked: no --key was given"
            )),
            (true, None) => problems.push("there is a signature, and it cannot be read".to_owned()),
        }
        return unverified;
    };
    let Some(bytes) = &report.custody_text else {
        problems.push(format!("a key was given, and there is no {CUSTODY} that could be signed"));
        return unverified;
    };
    if !present {
        problems.push("a key was given, and the report is not signed".to_owned());
        return unverified;
    }
    match signature::verify_beside(&custody, bytes, key) {
        Ok(verified) => {
            Signature { present, verified: true, key: Some(verified.key_id), comment: Some(verified.comment) }
        }
        Err(failure) => {
            problems.push(failure.message);
            unverified
        }
    }
}

/// Runs `sign`.
pub fn sign(options: &SignReportOptions, console: &Console) -> Result<Exit, Failure> {
    let (report, _, problems) = written::check(&options.folder)?;
    if let Some(problem) = problems.first() {
        return Err(Failure::new(
            Exit::Integrity,
            format!("the report is not as it was written: {problem}; it is not signed"),
        )
        .hint("`afterpatch verify DIR` names everything; assess the evidence again"));
    }
    let (custody, head) = (options.folder.join(CUSTODY), report.head.unwrap_or_default());
    let place = signature::with_ending(&custody, ".minisig");
    if place.symlink_metadata().is_ok() {
        return Err(signature::exists(&place));
    }
    let key = signature::Key { file: &options.key, password: &options.password };
    let comment = format!("afterpatch custody, manifest {head}");
    let bytes = report.custody_text.unwrap_or_default();
    let signed = signature::sign_bytes(&bytes, &key, &comment, "signature of an afterpatch report")?;
    signature::write_new(&place, signed.text.as_bytes(), signature::Secrecy::Public)?;
    let shown = place.display().to_string();
    console.say(&format!("signature: {}, by key {}", ForTerminal(&shown), signed.key_id));
    Ok(Exit::Done)
}
