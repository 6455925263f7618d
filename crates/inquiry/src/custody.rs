//! Whether the files are what collectors wrote down, in words. Why a file differs cannot be known from here: what is said
//! is what its size allows.

use std::collections::BTreeSet;

use model::assessment::{Collected, Custody, Differing, ManifestChain};
use model::file::{Claimed, FileRecord};

use crate::wording::{count, name, number};

/// What collectors wrote down, over all files. The chain of the manifest is not known here.
pub(crate) fn of(files: &[FileRecord]) -> Custody {
    let mut collected = Collected::default();
    for claims in files.iter().filter_map(|file| file.claims) {
        collected.lists += 1;
        collected.absent += claims.absent;
        collected.open += claims.open;
    }
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for (file, claimed) in files.iter().filter_map(|file| Some((file, file.claimed.as_ref()?))) {
        collected.compared += 1;
        collected.fit += u64::from(claimed.fits);
        if !claimed.fits {
            let is_sparse = paths.contains(format!("{}.idx", file.path).as_str());
            collected.differ.push(differing(file, claimed, is_sparse));
        }
    }
    collected.differ.sort_by(|a, b| (&a.path, &a.by, a.record).cmp(&(&b.path, &b.by, b.record)));
    Custody { manifest: ManifestChain::default(), collected }
}

/// A file that is not what its collector wrote down, as a part of what is wrong with it.
pub(crate) fn unlike_collected(file: &FileRecord) -> Option<String> {
    let claimed = file.claimed.as_ref().filter(|claimed| !claimed.fits)?;
    let (algorithm, hash) = claimed.hash();
    Some(format!(
        "is not what the collector wrote down: its {algorithm} is {} and not {} as in {}, line {}",
        name(&claimed.found),
        name(hash),
        name(&claimed.by),
        number(claimed.record)
    ))
}

fn differing(file: &FileRecord, claimed: &Claimed, is_sparse: bool) -> Differing {
    let (algorithm, hash) = claimed.hash();
    Differing {
        path: file.path.clone(),
        by: claimed.by.clone(),
        record: claimed.record,
        algorithm,
        claimed: hash.to_owned(),
        found: claimed.found.clone(),
        claimed_size: claimed.size,
        size: file.size,
        what: meaning(file.size, claimed.size, is_sparse),
    }
}

fn meaning(size: u64, claimed: Option<u64>, is_sparse: bool) -> String {
    match claimed {
        _ if is_sparse => {
            "the collector left out its empty stretches, which the .idx file beside it lists; its hash can \
            be that of the whole file or of what was stored"
                .to_owned()
        }
        Some(claimed) if size < claimed => format!(
            "it is {} shorter than the {} written down: copying broke off, a limit of the collector cut it, or it was cut later",
            count(claimed - size, "byte"),
            count(claimed, "byte")
        ),
        Some(claimed) if size > claimed => format!(
            "it is {} longer than the {} written down: it went on being written while it was copied, or something was \
             added later",
            count(size - claimed, "byte"),
            count(claimed, "byte")
        ),
        Some(_) => {
            "it is as long as was written down and holds something else: it changed while it was copied, or was \
            altered later"
                .to_owned()
        }
        None => "it changed while it was copied, or was altered later".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::file;
    use model::file::Claims;

    fn claimed(path: &str, size: u64, fits: bool) -> FileRecord {
        let hash = |digit: &str| digit.repeat(40);
        let found = if fits { hash("a") } else { hash("b") };
        let by = "x_copylog.csv".to_owned();
        let claimed =
            Claimed { sha1: Some(hash("a")), size: Some(size), by, record: 7, found, fits, ..Claimed::default() };
        FileRecord { claimed: Some(claimed), ..file(path) }
    }

    #[test]
    fn counts_and_names_those_that_differ() {
        let list =
            FileRecord { claims: Some(Claims { made: 9, compared: 3, absent: 5, open: 1 }), ..file("x_copylog.csv") };
        let files = [claimed("b", 10, false), list, claimed("a", 10, false), claimed("c", 10, true), file("d")];
        let collected = of(&files).collected;
        assert_eq!((collected.lists, collected.compared, collected.fit), (1, 3, 1));
        assert_eq!((collected.absent, collected.open), (5, 1));
        let paths: Vec<&str> = collected.differ.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["a", "b"]);
        assert_eq!(collected.differ[0].algorithm, "SHA-1");
    }

    #[test]
    fn the_size_says_what_it_can_mean() {
        let what = |size: u64, beside: &str| {
            let files = [claimed("a", size, false), file(beside)];
            of(&files).collected.differ[0].what.clone()
        };
        assert!(what(12, "x").starts_with("it is 2 bytes shorter than the 12 bytes"));
        assert!(what(9, "x").starts_with("it is 1 byte longer than the 9 bytes"));
        assert!(what(10, "x").starts_with("it is as long"));
        assert!(what(12, "a.idx").starts_with("the collector left out its empty stretches"));
    }

    #[test]
    fn it_is_a_gap_of_the_file() {
        let gaps = crate::gaps::list(&[claimed("a", 10, true), claimed("b", 10, false)]);
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].path, "b");
        assert!(
            gaps[0].what.starts_with("is not what the collector wrote down: its SHA-1 is bbbb"),
            "{}",
            gaps[0].what
        );
    }
}
