//! Files that could not be read to their end, and files of which lines were lost, in words.

use std::collections::BTreeSet;

use model::assessment::FileGap;
use model::file::{FileRecord, Kind, Outcome, RejectCount};

use crate::custody;
use crate::wording::{count, name, number};

/// The most reasons that one sentence gives.
const REASONS_MAX: usize = 4;

/// One line per file of which something is missing, in the order of the manifest.
pub(crate) fn list(files: &[FileRecord]) -> Vec<FileGap> {
    // A gzip file is a container that was looked into: what it holds is an input of its own.
    let opened: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.rsplit_once('!')).map(|(outer, _)| outer).collect();
    files
        .iter()
        .filter_map(|file| {
            let mut parts = what_is_missing(file, opened.contains(file.path.as_str()));
            parts.extend(custody::unlike_collected(file));
            let what = (!parts.is_empty()).then(|| parts.join("; "))?;
            Some(FileGap { path: file.path.clone(), server: file.server.clone(), what })
        })
        .collect()
}

fn what_is_missing(file: &FileRecord, opened: bool) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    match &file.outcome {
        Outcome::Complete => {}
        Outcome::Unreadable(reason) => parts.push(format!("could not be read to its end: {}", name(reason))),
        Outcome::Vanished => parts.push(
            "was listed, and was gone or held back when it was to be read, as an antivirus program does it".to_owned(),
        ),
        Outcome::NotRegular => parts.push("is a link, device, pipe or socket and was not followed".to_owned()),
        Outcome::Encrypted(how) => parts.push(format!("is encrypted: {how}")),
        Outcome::LimitReached(which) => parts.push(format!("was not read further: {which}")),
        Outcome::Interrupted => parts.push("reading was interrupted before its end".to_owned()),
    }
    parts.extend(file.notes.iter().cloned());
    if file.kind == Kind::Container && file.outcome == Outcome::Complete && file.notes.is_empty() && !opened {
        parts.push("is an archive or image that this version does not look into".to_owned());
    }
    if file.rejected > 0 {
        parts.push(rejects(file));
    }
    parts
}

/// `3 of 1,204 lines could not be read: 2 with … (first at line 17, byte 4711), 1 …`.
fn rejects(file: &FileRecord) -> String {
    let binary = file.lines == 0;
    let unit = if binary { "record" } else { "line" };
    let all = if binary { file.records.saturating_add(file.rejected) } else { file.lines };
    let mut text = format!("{} of {} could not be read", number(file.rejected), count(all, unit));
    let reasons: Vec<String> = file.reasons.iter().take(REASONS_MAX).map(|reason| because(reason, unit)).collect();
    if !reasons.is_empty() {
        text.push_str(": ");
        text.push_str(&reasons.join(", "));
    }
    if file.reasons.len() > REASONS_MAX {
        text.push_str(&format!(", and {} more", count((file.reasons.len() - REASONS_MAX) as u64, "reason")));
    }
    text
}

fn because(reason: &RejectCount, unit: &str) -> String {
    format!(
        "{} {} (first at {unit} {}, byte {})",
        number(reason.count),
        name(&reason.reason),
        reason.first_record,
        reason.first_offset
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::file;

    fn check(change: impl FnOnce(&mut FileRecord), expected: &str) {
        let mut record = file("u_ex210303.log");
        change(&mut record);
        let gaps = list(&[record]);
        assert_eq!(gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn nothing_lost_says_nothing() {
        assert_eq!(list(&[file("u_ex210303.log")]), []);
    }

    #[test]
    fn lost_lines_are_counted_with_their_first_place() {
        check(
            |record| {
                record.lines = 1_204;
                record.rejected = 3;
                record.reasons = vec![RejectCount {
                    reason: "with another number of cells than columns".to_owned(),
                    count: 3,
                    first_record: 17,
                    first_offset: 4_711,
                }];
            },
            "3 of 1,204 lines could not be read: 3 with another number of cells than columns (first at line 17, byte 4711)",
        );
    }

    #[test]
    fn lost_files_are_named() {
        check(
            |record| record.outcome = Outcome::Unreadable("permission denied".to_owned()),
            "could not be read to its end: permission denied",
        );
        check(
            |record| record.outcome = Outcome::Encrypted("AES-256: give its password".to_owned()),
            "is encrypted: AES-256: give its password",
        );
        check(|record| record.notes = vec!["stands twice in its archive".to_owned()], "stands twice in its archive");
        check(|record| record.kind = Kind::Container, "is an archive or image that this version does not look into");
    }
}
