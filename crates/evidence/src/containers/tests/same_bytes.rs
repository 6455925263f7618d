//! Whatever a tree is packed into, the same bytes are read, and nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use zip::unstable::write::FileOptionsExt as _;
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipWriter};

use super::build::{deflated, gzip, seven_zip, stored, tar, zip as built};
use super::{by_units, inside, with_password};
use crate::budgets::Opening;
use crate::walk::Inventory;
use crate::walk::tests::Folder;
use model::file::Outcome;

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// A few files of a few folders; some of them empty, some of many blocks.
fn tree(seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let names =
        ["EXC01/C/inetpub/a.log", "b.txt", "deep/er/and/deeper/ü.log", "x y.evtx", "z", "EXC01/C/Windows/c.bin"];
    let content = |random: &mut Random| {
        let length = [0, 1, 511, 512, 513, 40_000, 300_000][random.next(7) as usize];
        let letters = 1 + random.next(250);
        (0..length).map(|_| random.next(letters) as u8).collect()
    };
    let used = 1 + random.next(names.len() as u64) as usize;
    names.iter().take(used).map(|name| ((*name).to_owned(), content(&mut random))).collect()
}

fn library_zip(files: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn packed(files: &[(&str, &[u8])]) -> Vec<(&'static str, Vec<u8>)> {
    let options = SimpleFileOptions::default();
    let plain = library_zip(files, options.compression_method(CompressionMethod::Deflated));
    let small_tar = tar(files);
    let of_tar = |codec: fn(&[u8]) -> Vec<u8>| codec(&tar(files));
    vec![
        ("stored.zip", library_zip(files, options.compression_method(CompressionMethod::Stored))),
        ("bzip2.zip", library_zip(files, options.compression_method(CompressionMethod::Bzip2))),
        ("aes.zip", library_zip(files, options.with_aes_encryption(AesMode::Aes256, "infected"))),
        ("aes128.zip", library_zip(files, options.with_aes_encryption(AesMode::Aes128, "infected"))),
        ("old.zip", library_zip(files, options.with_deprecated_encryption(b"infected").unwrap())),
        ("large.zip", library_zip(files, options.large_file(true))),
        ("x.tar", small_tar.clone()),
        ("x.tar.gz", of_tar(gzip)),
        ("x.tar.bz2", of_tar(bzip2)),
        ("x.tar.xz", of_tar(xz)),
        ("x.tar.zst", of_tar(zstd)),
        ("x.7z", seven_zip(files, None)),
        ("locked.7z", seven_zip(files, Some("infected"))),
        ("stored in.zip", built(&[stored("i.zip", &plain)])),
        ("deflated in.zip", built(&[deflated("i.zip", &plain)])),
        ("tar in.zip", built(&[deflated("i.tar", &small_tar)])),
        ("zip in.tar.gz", gzip(&tar(&[("i.zip", &plain)]))),
        ("zip in.7z", seven_zip(&[("first", b"1"), ("i.zip", &plain), ("last", b"2")], None)),
        ("7z in.zip", built(&[deflated("i.7z", &seven_zip(files, None))])),
        ("plain.zip", plain),
    ]
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    // Two frames, and one that is to be skipped between them.
    let (one, two) = content.split_at(content.len() / 2);
    let frame = |part: &[u8]| ruzstd::encoding::compress_to_vec(part, ruzstd::encoding::CompressionLevel::Fastest);
    [frame(one), b"\x50\x2A\x4D\x18\x03\0\0\0abc".to_vec(), frame(two)].concat()
}

/// The files of a tree by the end of their paths, whatever they are packed into.
fn found(test: &str, name: &str, bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let all = inside(test, name, bytes, &with_password("infected"));
    let is_archive = |path: &str| all.keys().any(|other| other.starts_with(&format!("{path}!")));
    let mut files = BTreeMap::new();
    for (path, came) in &all {
        assert_eq!(came.outcome, Outcome::Complete, "{path}");
        assert_eq!(came.notes, Vec::<String>::new(), "{path}");
        let own = path.rsplit('!').next().unwrap_or(path);
        if !is_archive(path) && !matches!(own, "first" | "last") {
            assert!(files.insert(own.to_owned(), came.bytes.clone()).is_none());
        }
    }
    files
}

#[test]
fn a_tree_is_the_same_in_any_archive() {
    for seed in 0..6 {
        let tree = tree(seed);
        let files: Vec<(&str, &[u8])> =
            tree.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let expected: BTreeMap<String, Vec<u8>> = tree.iter().cloned().collect();
        for (name, bytes) in packed(&files) {
            assert!(found("same_bytes", name, &bytes) == expected, "seed {seed} in {name}");
        }
    }
}

/// Everything that could show that somebody was there.
fn state(folder: &Path) -> Vec<(String, u64, SystemTime, Vec<u8>)> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut all = Vec::new();
    for entry in entries {
        let metadata = entry.metadata().unwrap();
        let content = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
        let name = entry.path().display().to_string();
        all.push((name, metadata.len(), metadata.modified().unwrap(), content));
        if metadata.is_dir() {
            all.extend(state(&entry.path()));
        }
    }
    all
}

#[test]
fn evidence_stays_as_it_is() {
    let folder = Folder::new("untouched");
    let tree = tree(3);
    let files: Vec<(&str, &[u8])> = tree.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    for (name, bytes) in packed(&files) {
        folder.put(&format!("in/{name}"), &bytes);
    }
    let before = state(&folder.path(""));
    let inventory = Inventory::walk_with(&[folder.path("in")], &with_password("infected")).unwrap();
    assert!(by_units(&inventory).len() > 20 * files.len());
    assert!(state(&folder.path("")) == before);
}

#[test]
fn single_compressed_files_are_streams_of_their_own() {
    for (name, bytes) in [
        ("a.log.gz", gzip(b"x\ny")),
        ("a.log.xz", xz(b"x\ny")),
        ("a.log.zst", zstd(b"x\ny")),
        ("a.log.bz2", bzip2(b"x\ny")),
    ] {
        for (outer, bytes) in [(name, bytes.clone()), ("x.zip", built(&[deflated(name, &bytes)]))] {
            let folder = Folder::new("single");
            folder.put(outer, &bytes);
            let inventory = Inventory::walk(&[folder.path("")]).unwrap();
            let input = inventory.inputs.last().unwrap();
            let mut opened = inventory.open(input).unwrap();
            assert_eq!(opened.inside.as_deref(), Some("a.log"));
            std::io::copy(&mut opened.stream, &mut std::io::sink()).unwrap();
            let hashes = opened.stream.finish(true);
            assert_eq!(hashes.size, 3);
            assert_eq!(hashes.container.unwrap().1, input.size, "{name} in {outer}");
            let mut again = inventory.reread(input).unwrap();
            assert_eq!(again.line_at(2, 10, &|| false), b"y");
        }
    }
}

#[test]
fn some_members_of_a_sequence_come_as_all_do() {
    let inner = built(&[deflated("1", b"1"), deflated("2", b"2")]);
    let middle = built(&[deflated("i.zip", &inner), stored("3", b"3")]);
    for bytes in [
        gzip(&tar(&[("0", b"0"), ("m.zip", &middle), ("4", b"4")])),
        seven_zip(&[("0", b"0"), ("m.zip", &middle), ("4", b"4")], None),
    ] {
        let folder = Folder::new("some_members");
        folder.put("x", &bytes);
        let inventory = Inventory::walk(&[folder.path("")]).unwrap();
        let wanted: Vec<usize> =
            (0..inventory.inputs.len()).filter(|index| inventory.inputs[*index].path.ends_with(['2', '4'])).collect();
        let mut found = Vec::new();
        inventory.open_sequence(&wanted, &mut |index, opened| {
            let mut text = String::new();
            opened.unwrap().stream.read_to_string(&mut text).unwrap();
            found.push((index, text));
            true
        });
        assert_eq!(found, [(wanted[0], "2".to_owned()), (wanted[1], "4".to_owned())]);
        let mut stopped = Vec::new();
        inventory.open_sequence(&wanted, &mut |index, opened| {
            stopped.push((index, opened.err()));
            false
        });
        assert_eq!(stopped, [(wanted[0], None), (wanted[1], Some(Outcome::Interrupted))]);
    }
}

/// What cannot be held in memory is moved about in by reading it again.
#[test]
fn large_archives_in_streams_are_read_too() {
    let mut random = Random(7);
    let large: Vec<u8> = (0..super::super::HELD_BYTES_MAX + 5).map(|_| random.next(256) as u8).collect();
    let inner = built(&[deflated("large.bin", &large), stored("small.log", b"one\ntwo\n")]);
    let in_seven = seven_zip(&[("small.log", b"one\ntwo\n"), ("large.bin", &large)], None);
    for (name, bytes) in [
        ("x.zip", built(&[deflated("i.zip", &inner)])),
        ("x.tar.gz", gzip(&tar(&[("a", b"a"), ("i.zip", &inner), ("z", b"z")]))),
        ("7z in.zip", built(&[deflated("i.zip", &in_seven)])),
    ] {
        let all = inside("large_streams", name, &bytes, &Opening::default());
        let path = |member: &str| format!("{name}!i.zip!{member}");
        assert_eq!(all[&path("small.log")].bytes, b"one\ntwo\n");
        assert!(all[&path("large.bin")].bytes == large);
        assert!(all.values().all(|came| came.outcome == Outcome::Complete));
    }
}
