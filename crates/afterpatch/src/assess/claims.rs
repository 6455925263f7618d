//! Whether files are what collectors wrote down when they copied them: hashes in lists of the evidence against those of
//! the files.
//!
//! It happens when all is read. A list can come after the files it names, and most lists name SHA-1, which nothing else
//! asks for: taking it of every file beside SHA-256 would cost every run half its speed. So only the files that such a
//! list names are read once more, at the end. Nothing is judged here but same or not.

use std::collections::BTreeMap;
use std::io::Read;

use evidence::{Inventory, OlderHashes, Opened};
use formats::text::encoding::{Encoding, decode_utf16};
use model::file::{Claimed, Claims, FileRecord, Kind, Outcome};
use model::listing::ListedHash;

use super::interrupt;
use super::reading::Accounted;
use crate::side_by_side::side_by_side;

/// More of one list is not read for its hashes: half a million lines. What lies behind counts as one more hash that could
/// not be compared.
const LIST_BYTES_MAX: u64 = 256 << 20;
/// Hashes of one list for one file that are kept; collectors name a file more than once when several targets want it.
const CLAIMS_PER_FILE_MAX: usize = 8;
/// Larger logs are not searched for the hash of a container: the logs of collectors are small.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// What stands before the hash of a container in the log of Velociraptor's offline collector.
const CONTAINER_HASH: &str = "Container hash ";

/// A hash that a list names for a file of the evidence.
struct Claim {
    list: usize,
    listed: ListedHash,
}

/// Hashes by the file that they are for.
type ByFile = BTreeMap<usize, Vec<Claim>>;

/// Compares what lists in the evidence say with the files, and notes it at both. `files` begin with those accounted for.
pub fn compare(files: &mut [FileRecord], inventory: &Inventory, accounted: &[Accounted], threads: usize) {
    if interrupt::came() {
        return;
    }
    let mut by_file = ByFile::new();
    let places = Places::of(inventory, accounted);
    for (list, one) in accounted.iter().enumerate() {
        // What ended the process that reads is not opened in this one.
        let claims = match one.record.kind {
            _ if one.record.outcome != Outcome::Complete => None,
            Kind::FileList => places.read_list(list, &mut by_file),
            Kind::Other => read_log(files, inventory, list, &mut by_file),
            _ => None,
        };
        if let (Some(claims), Some(file)) = (claims, files.get_mut(list)) {
            file.claims = Some(claims);
        }
    }
    let older = older_hashes(&by_file, inventory, threads);
    for (file, claims) in by_file {
        compare_file(files, file, &claims, older.get(&file));
    }
}

/// Where the files stood on their servers.
struct Places<'a> {
    inventory: &'a Inventory,
    accounted: &'a [Accounted],
    by_path: BTreeMap<String, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn of(inventory: &'a Inventory, accounted: &'a [Accounted]) -> Self {
        let mut by_path: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let has_list = accounted.iter().any(|one| one.record.kind == Kind::FileList);
        for (file, (input, one)) in inventory.inputs.iter().zip(accounted).enumerate().filter(|_| has_list) {
            let path = &input.place.on_server;
            let is_inside = one.record.path.len() > input.path.len();
            let path = if is_inside { path.strip_suffix(".gz").unwrap_or(path) } else { path };
            by_path.entry(plain(path)).or_default().push(file);
        }
        Self { inventory, accounted, by_path }
    }

    /// Reads a list again for its hashes. `None` where it has none.
    fn read_list(&self, list: usize, by_file: &mut ByFile) -> Option<Claims> {
        let mut stream = self.inventory.open(self.inventory.inputs.get(list)?).ok()?.stream;
        stream.leave_unhashed();
        let mut bytes = Vec::new();
        // What could not be read was said when it was read for its times.
        _ = (&mut stream).take(LIST_BYTES_MAX).read_to_end(&mut bytes);
        let is_cut = stream.read(&mut [0]).is_ok_and(|count| count > 0);
        let encoding = Encoding::of(&bytes);
        if encoding.is_utf16() {
            bytes = decode_utf16(&bytes, encoding == Encoding::Utf16Be);
        }
        let mut claims = Claims { open: u64::from(is_cut), ..Claims::default() };
        formats::collected::hashes(&bytes, &mut |listed| {
            claims.made += 1;
            match self.file(list, &listed) {
                Found::One(file) => keep(by_file, file, Claim { list, listed }, &mut claims),
                Found::Several => claims.open += 1,
                Found::None => claims.absent += 1,
            }
        });
        (claims.made > 0).then_some(claims)
    }

    /// The file that a line is about: of those that stood at its path on a host of the list, the one whose path ends most
    /// like that of the copy, and the nearest to the list.
    fn file(&self, list: usize, listed: &ListedHash) -> Found {
        let host = |file: usize| self.accounted.get(file).map(|one| one.host.as_str()).unwrap_or_default();
        let near = |file: usize| {
            let path = self.inventory.inputs.get(file).map(|input| input.path.as_str()).unwrap_or_default();
            (same_ending(path, &listed.copy), same_beginning(host(file), host(list)))
        };
        let there = self.by_path.get(&plain(&listed.path)).map(Vec::as_slice).unwrap_or_default();
        let of_host = || there.iter().copied().filter(|file| is_around(host(*file), host(list)));
        let Some(nearest) = of_host().map(near).max() else { return Found::None };
        let mut nearest = of_host().filter(|file| near(*file) == nearest);
        match (nearest.next(), nearest.next()) {
            (Some(file), None) => Found::One(file),
            _ => Found::Several,
        }
    }
}

enum Found {
    None,
    One(usize),
    Several,
}

fn keep(by_file: &mut ByFile, file: usize, claim: Claim, claims: &mut Claims) {
    let kept = by_file.entry(file).or_default();
    let of_list = kept.iter().filter(|one| one.list == claim.list).count();
    match of_list {
        CLAIMS_PER_FILE_MAX.. => claims.open += 1,
        _ => kept.push(claim),
    }
}

/// A path for comparing: small letters, and `%24` as the `$` that a collector wrote so.
fn plain(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&plain).to_lowercase()
}

/// Lists stand in the folder of their host, below it, or in one above the hosts of a collection.
fn is_around(host: &str, list: &str) -> bool {
    let is_below = |one: &str, other: &str| {
        other.is_empty() || one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '!']))
    };
    is_below(host, list) || is_below(list, host)
}

fn same_beginning(one: &str, other: &str) -> usize {
    one.split(['/', '!']).zip(other.split(['/', '!'])).take_while(|(one, other)| one == other).count()
}

fn same_ending(path: &str, copy: &str) -> usize {
    let parts = path.rsplit(['/', '!']).zip(copy.rsplit('\\'));
    parts.take_while(|(one, other)| plain(one) == plain(other)).count()
}

/// The hash that a collector's log gives for the archive beside it.
fn read_log(files: &[FileRecord], inventory: &Inventory, log: usize, by_file: &mut ByFile) -> Option<Claims> {
    let input = inventory.inputs.get(log)?;
    let is_log = [".log", ".txt"].iter().any(|ending| input.place.on_server.ends_with(ending));
    let folder = |path: &str| path.rsplit_once('/').map_or(0, |(folder, _)| folder.len());
    let is_beside = |file: &FileRecord| {
        file.kind == Kind::Container
            && file.path.to_ascii_lowercase().ends_with(".zip")
            && file.path.get(..folder(&file.path)) == input.path.get(..folder(&input.path))
    };
    let zips: Vec<usize> = (0..files.len()).filter(|file| files.get(*file).is_some_and(is_beside)).collect();
    if !is_log || input.size > LOG_BYTES_MAX || zips.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    inventory.open(input).ok()?.stream.take(LOG_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut claims = Claims::default();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(hash) = container_hash(line) else { continue };
        claims.made += 1;
        let has_it = |file: &usize| files.get(*file).and_then(|file| file.sha256.as_deref()) == Some(hash.as_str());
        let of_this = zips.iter().copied().find(has_it).or_else(|| zips.first().copied().filter(|_| zips.len() == 1));
        let listed = ListedHash { sha256: Some(hash), record: number, ..ListedHash::default() };
        match of_this {
            Some(file) => keep(by_file, file, Claim { list: log, listed }, &mut claims),
            None => claims.open += 1,
        }
    }
    (claims.made > 0).then_some(claims)
}

fn container_hash(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(CONTAINER_HASH)?;
    let hash = rest.get(..64).filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let ends = rest.as_bytes().get(64).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    ends.then(|| hash.to_ascii_lowercase())
}

/// SHA-1 and MD5 of the files for which a list names nothing better.
fn older_hashes(by_file: &ByFile, inventory: &Inventory, threads: usize) -> BTreeMap<usize, (String, String)> {
    let needs = |claims: &[Claim]| claims.iter().any(|claim| claim.listed.sha256.is_none());
    let wanted = by_file.iter().filter(|(_, claims)| needs(claims)).map(|(file, _)| *file).collect();
    let units = inventory.units_of(&wanted);
    let hashes = side_by_side(units.len(), threads, &|number| {
        let mut hashes = Vec::new();
        if let Some(unit) = units.get(number) {
            inventory.open_unit(unit, &mut |file, opened| {
                hashes.extend(opened.ok().and_then(older).map(|older| (file, older)));
                !interrupt::came()
            });
        }
        hashes
    });
    hashes.into_iter().flatten().collect()
}

fn older(opened: Opened<'_>) -> Option<(String, String)> {
    let mut stream = opened.stream;
    stream.leave_unhashed();
    let (mut older, mut buffer) = (OlderHashes::default(), vec![0; 256 << 10]);
    loop {
        match stream.read(&mut buffer) {
            _ if interrupt::came() => return None,
            Ok(0) => return Some(older.finish()),
            Ok(count) => older.update(buffer.get(..count).unwrap_or_default()),
            Err(_) => return None,
        }
    }
}

/// Compares one file with what each list says of it. A list that names it several times is right when it is right once;
/// of several lists the first that is wrong is noted.
fn compare_file(files: &mut [FileRecord], file: usize, claims: &[Claim], older: Option<&(String, String)>) {
    let Some(record) = files.get(file) else { return };
    let sha256 = record.sha256.clone().filter(|_| record.outcome == Outcome::Complete);
    let mut by_list: BTreeMap<usize, Claimed> = BTreeMap::new();
    for claim in claims {
        let by = files.get(claim.list).map(|list| list.path.clone()).unwrap_or_default();
        match compared(&claim.listed, sha256.as_deref(), older, by) {
            Some(claimed) if !by_list.get(&claim.list).is_some_and(|before| before.fits) => {
                by_list.insert(claim.list, claimed);
            }
            Some(_) => {}
            None => {
                let open = files.get_mut(claim.list).and_then(|list| list.claims.as_mut());
                open.into_iter().for_each(|claims| claims.open += 1);
            }
        }
    }
    for list in by_list.keys() {
        let compared = files.get_mut(*list).and_then(|list| list.claims.as_mut());
        compared.into_iter().for_each(|claims| claims.compared += 1);
    }
    let mut claimed: Vec<Claimed> = by_list.into_values().collect();
    // The sort keeps the order of lists.
    claimed.sort_by_key(|claimed| claimed.fits);
    if let Some(record) = files.get_mut(file) {
        record.claimed = claimed.into_iter().next();
    }
}

/// The strongest hash of a line against that of the file; `None` where the file has none.
fn compared(
    listed: &ListedHash,
    sha256: Option<&str>,
    older: Option<&(String, String)>,
    by: String,
) -> Option<Claimed> {
    let base = Claimed { size: listed.size, by, record: listed.record, ..Claimed::default() };
    let (claimed, hash, found) = match (&listed.sha256, &listed.sha1, &listed.md5) {
        (Some(hash), ..) => (Claimed { sha256: Some(hash.clone()), ..base }, hash, sha256?),
        (None, Some(hash), _) => (Claimed { sha1: Some(hash.clone()), ..base }, hash, older?.0.as_str()),
        (None, None, Some(hash)) => (Claimed { md5: Some(hash.clone()), ..base }, hash, older?.1.as_str()),
        (None, None, None) => return None,
    };
    Some(Claimed { found: found.to_owned(), fits: hash == found, ..claimed })
}

#[cfg(test)]
mod tests {
    use super::{container_hash, is_around, plain, same_ending};

    #[test]
    fn paths_are_compared_as_they_are_meant() {
        assert_eq!(plain(r"C:\%24MFT"), r"c:\$mft");
        assert_eq!(plain(r"c:\a%zz%4"), r"c:\a%zz%4");
        assert_eq!(plain("Ä%C3%84"), "ää");
        assert_eq!(same_ending("x/VSS1/C/Windows/a.evtx", r"E:\t\VSS1\C\windows\A.evtx"), 4);
        assert_eq!(same_ending("x/C/Windows/a.evtx", r"E:\t\VSS1\C\windows\A.evtx"), 3);
        assert_eq!(same_ending("a", ""), 0);
    }

    #[test]
    fn a_list_is_about_the_hosts_around_it() {
        for (host, list) in [("E", "E"), ("E", "E/results"), ("", "results"), ("case/E", "case"), ("case/E", "")] {
            assert!(is_around(host, list), "{host:?} {list:?}");
        }
        for (host, list) in [("E", "F"), ("E", "E2"), ("case/E", "case/F/results"), ("E2", "E")] {
            assert!(!is_around(host, list), "{host:?} {list:?}");
        }
    }

    #[test]
    fn the_hash_of_a_container_stands_in_its_log() {
        let hash = "AB".repeat(32);
        let line = format!("[INFO] 2021-11-21T18:06:00Z Container hash {hash}");
        assert_eq!(container_hash(&line), Some("ab".repeat(32)));
        assert_eq!(container_hash(&format!("{line} ")), Some("ab".repeat(32)));
        assert_eq!(container_hash(&format!("{line}ab")), None);
        assert_eq!(container_hash("Container hash é"), None);
        assert_eq!(container_hash("Container hash"), None);
    }
}
