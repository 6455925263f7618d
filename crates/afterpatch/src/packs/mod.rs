//! `afterpatch packs`: packs as files: listed, shown, checked, tested, imported, bundled, signed.
//!
//! What a pack means is decided in `detect`; here packs are opened and bounded, and what is wrong with them is said
//! with file, line and a hint. Text of packs is shown through [`report::hostile`], because packs come from others too.

mod archive;
mod cases;
mod check;
mod import;
mod open;
mod place;
mod show;
pub mod signature;
mod yara;

use std::path::Path;

use detect::pack::Refusal;
use detect::plan::Plan;
use report::hostile::ForTerminal;

use crate::cli::{PackOptionsOfFile, PacksOptions, PacksVerb};
use crate::console::Console;
use crate::exit::{Exit, Failure};

pub use cases::{first_record, records_hit};
pub use open::{Opened, built_in, load, read_whole, refuse_unsigned, sorted_entries};
pub use place::Place;
pub use yara::rule as yara_rule;

/// Upper bound of the name of a pack: a computer name has as many.
const ID_BYTES_MAX: usize = 64;
/// Refused rules that one message names.
const NAMED_MAX: usize = 3;

/// Runs the verb.
pub fn run(options: &PacksOptions, console: &Console) -> Result<Exit, Failure> {
    match &options.verb {
        PacksVerb::List(options) => show::list(options, console),
        PacksVerb::Show(options) => show::show(options, console),
        PacksVerb::Check(options) => check::run(options, console),
        PacksVerb::Test(options) => cases::run(options, console),
        PacksVerb::Import(options) => import::run(options, console),
        PacksVerb::Pack(options) => bundle(options, console),
        PacksVerb::Sign(options) => signature::sign(options, console),
        PacksVerb::Verify(options) => signature::verify(options, console),
        PacksVerb::Keygen(options) => signature::keygen(options, console),
    }
}

/// Whether a word can be the name of a pack: it is a folder and part of rule ids.
pub fn is_id(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !word.is_empty() && word.len() <= ID_BYTES_MAX && word.bytes().all(plain)
}

/// Ends the run when anything of the packs would not run: half a pack must not pass for a whole one.
pub fn refuse_refusals(opened: &[Opened], refusals: &[Refusal]) -> Result<(), Failure> {
    if refusals.is_empty() {
        return Ok(());
    }
    let mut named: Vec<String> = refusals
        .iter()
        .take(NAMED_MAX)
        .map(|refusal| format!("{}: {}", Place::of_refusal(opened, refusal), place::first_line(&refusal.reason)))
        .collect();
    if refusals.len() > NAMED_MAX {
        named.push(format!("and {} more", refusals.len() - NAMED_MAX));
    }
    let parts = match refusals.len() {
        1 => "1 part of the packs does not load".to_owned(),
        many => format!("{many} parts of the packs do not load"),
    };
    let message = format!("{parts}, so nothing is used: {}", named.join("; "));
    Err(Failure::new(Exit::Integrity, message).hint("`afterpatch packs check PATH` says all of it"))
}

/// `packs pack`.
fn bundle(options: &PackOptionsOfFile, console: &Console) -> Result<Exit, Failure> {
    let opened = open::folder(&options.folder)?;
    let compiled = Plan::compile(std::slice::from_ref(&opened.files));
    refuse_refusals(std::slice::from_ref(&opened), &compiled.refusals)?;
    let unfit = |reason: String| Failure::new(Exit::Integrity, format!("`{}` {reason}", opened.place));
    let bytes = archive::write(&opened.files).map_err(unfit)?;
    // What is written here has to be readable there.
    archive::read(&bytes).map_err(unfit)?;
    signature::write_new(&options.output, &bytes, signature::Secrecy::Public)?;
    let (files, size) = (opened.files.files.len(), bytes.len());
    let version = compiled.plan.packs().first().map(|pack| pack.version.as_str()).unwrap_or_default();
    let (id, version) = (ForTerminal(&opened.files.id), ForTerminal(version));
    let files = report::count(files as u64, "file", "files");
    console.say(&format!("{id} {version}: {files}, {size} bytes in `{}`", shown(&options.output)));
    Ok(Exit::Done)
}

/// A path of the analyst's, for the terminal.
fn shown(path: &Path) -> String {
    ForTerminal(&path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn names_of_packs_are_plain() {
        assert!(is_id("proxylogon") && is_id("vendor_2021-03"));
        for word in ["", ".", "..", "a/b", "a b", "a.b", "\u{e4}", &"a".repeat(65)] {
            assert!(!is_id(word), "{word}");
        }
    }
}
