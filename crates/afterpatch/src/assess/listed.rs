//! Files that a list of files names (`$MFT`, a collector's list): looked at one by one like files of the evidence, with
//! what the list holds of each.

use detect::observe::{FileContent, FileFacts, FileTally, HEAD_BYTES, Merge, listed_kind};
use model::listing::ListedFile;
use model::{Reject, RejectReason};
use sha2::{Digest, Sha256};

use super::page;
use super::parser::Parser;
use super::reading::Pass;

/// Takes the files that a block added out of its reader.
pub fn take_files(parser: &mut Parser, tally: &mut FileTally) {
    if let Some(files) = parser.take_files() {
        tally.table.merge(files);
    }
}

/// Looks at the files that a whole list named, and adds what they tell.
pub fn look_at<P: Pass>(pass: &P, parser: &Parser, facts: &FileFacts, told: &mut P::Told) {
    let table = std::mem::take(&mut P::tally(told).table);
    if table.passed_over() > 0 {
        let reason = RejectReason::Damaged(
            "more folders or files than are kept of one list: those with the highest numbers were passed over",
        );
        P::tally(told).reject(Reject { record: 0, offset: 0, reason });
    }
    let record_bytes = if let Parser::FileTable(size, _) = parser { *size as u64 } else { 0 };
    for file in table.into_files(drive(&facts.on_server), record_bytes, &exchange::is_watched_path) {
        look_at_one(pass, facts, &file, told);
    }
}

fn look_at_one<P: Pass>(pass: &P, facts: &FileFacts, file: &ListedFile, told: &mut P::Told) {
    let on_server = file.path.to_lowercase();
    let bytes = file.content.as_deref().unwrap_or_default();
    // Content that lies in the record is all of the content.
    let sha256 = file.content.as_ref().map(|content| hex(content));
    let kind = listed_kind(&on_server, file.content.as_deref());
    let page = file.content.as_deref().and_then(|content| page::reading(kind, &on_server, content));
    let content = FileContent {
        kind,
        size: file.size,
        sha256: sha256.as_deref(),
        sha1: None,
        md5: None,
        head: bytes.get(..HEAD_BYTES).unwrap_or(bytes),
        content: bytes,
        bytes,
        elements: &[],
        page: page.as_ref(),
        computer: None,
        listed: Some(file),
    };
    told.merge(pass.content(&FileFacts { on_server, ..facts.clone() }, &content));
}

/// `c:` of `c:\$mft`: what the paths of a table begin with.
fn drive(on_server: &str) -> &str {
    match on_server.as_bytes() {
        [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic() => on_server.get(..2).unwrap_or_default(),
        _ => "",
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
