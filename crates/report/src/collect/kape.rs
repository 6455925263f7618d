//! A target of KAPE (`.tkape`).
//!
//! Facts: EricZimmerman/KapeFiles, `Targets/TargetGuide.guide`: keys, `Path` with `*` in folders, `FileMask` with `*`,
//! `AlwaysAddToQueue` for files that Windows holds. A `FileMask` that begins with `regex:` is a .NET expression; none is
//! needed, so none can be wrong.

use std::fmt::Write as _;

use model::collecting::{Copying, Recipe, Root, Row, Since, Take};
use sha2::{Digest, Sha256};

use super::{about, by_hand, titled, window};

/// The text of the target.
#[must_use]
pub fn kape(recipe: &Recipe) -> String {
    let mut targets = String::new();
    for row in recipe.taken(Take::Content) {
        entries(recipe, row, &mut targets);
    }
    let mut text =
        String::from("Description: Exchange server, what afterpatch reads\nAuthor: afterpatch\nVersion: 1.0\n");
    let out = &mut text;
    writeln!(out, "Id: {}\nRecreateDirectories: true\nTargets:\n{targets}", guid(&targets))
        .expect("a string takes everything");
    out.push_str("# Documentation\n");
    let mut notes = about(recipe);
    notes.push(
        "KAPE puts --tsource in place of the drive: run it once for each drive with a part of Exchange or IIS."
            .to_owned(),
    );
    if recipe.taken(Take::Content).any(|row| row.since != Since::Ever) {
        notes.push("KAPE cannot choose by time: files older than asked for are taken, too.".to_owned());
    }
    notes.extend(
        recipe.taken(Take::Names).map(|row| {
            format!("Only names are wanted of {}: $MFT has them.", recipe.folder(row).trim_end_matches('\\'))
        }),
    );
    notes.extend(by_hand(recipe));
    for note in notes {
        writeln!(out, "# {note}").expect("a string takes everything");
    }
    text
}

/// One entry for each mask, and for each depth where only some are looked into.
fn entries(recipe: &Recipe, row: &Row, out: &mut String) {
    let folder = match (row.root, &recipe.exchange_path) {
        // The version of Exchange is not known.
        (Root::Exchange, None) => format!(r"C:\Program Files\Microsoft\Exchange Server\*\{}", row.folder),
        _ => recipe.folder(row),
    };
    let folder = folder.trim_end_matches('\\');
    for depth in 0..=row.depth.unwrap_or(0) {
        let path = format!("{folder}{}\\", r"\*".repeat(depth as usize));
        for mask in &row.masks {
            let lines = [
                format!("Name: {}", quoted(&titled(row))),
                format!("Category: {}", category(row)),
                format!("Path: {}", quoted(&path)),
                if row.depth.is_none() { "Recursive: true".to_owned() } else { String::new() },
                format!("FileMask: {}", quoted(mask)),
                if row.copying == Copying::Raw { "AlwaysAddToQueue: true".to_owned() } else { String::new() },
                format!("Comment: {}", quoted(&format!("{}: {}{}", row.id, row.why, window(row)))),
            ];
            out.push_str("    -\n");
            for line in lines.iter().filter(|line| !line.is_empty()) {
                writeln!(out, "        {line}").expect("a string takes everything");
            }
        }
    }
}

fn category(row: &Row) -> &'static str {
    match row.root {
        Root::Volumes => "FileSystem",
        _ if row.id.contains("hives") => "Registry",
        _ if row.id.starts_with("event-") => "EventLogs",
        _ if row.id.starts_with("web-") || row.id.starts_with("compiled-") => "WebServers",
        _ => "Logs",
    }
}

/// A plain scalar of YAML in single quotes, in which only the quote itself means something.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The same targets have the same id: a UUID of version 8, made from their digest.
fn guid(targets: &str) -> String {
    let digest = Sha256::digest(targets.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(byte, digest)| *byte = *digest);
    bytes[6] = (bytes[6] & 0x0F) | 0x80;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
