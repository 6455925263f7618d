//! Packed evidence tells what it tells unpacked.

use std::io::{Cursor, Write};

use demo::Scenario;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::program::{Assessed, afterpatch, assess, text};
use crate::trees::Tree;

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        writer.start_file(path, SimpleFileOptions::default()).expect("a member");
        writer.write_all(content).expect("memory takes everything");
    }
    writer.finish().expect("an archive").into_inner()
}

fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, &content[..]).expect("a member");
    }
    builder.into_inner().and_then(GzEncoder::finish).expect("an archive")
}

#[test]
fn packed_evidence_comes_to_the_same() {
    let tree = Tree::demo(&demo::Options { days: 1, ..demo::Options::new(Scenario::ActiveAfterPatch) });
    let files: Vec<(String, Vec<u8>)> =
        tree.files().into_iter().map(|(path, content)| (path.clone(), content.clone())).collect();
    let expected = assess(tree.path());
    let inner = zipped(&files);
    for (name, bytes) in
        [("x.zip", inner.clone()), ("x.tar.gz", tar_gz(&files)), ("n.zip", zipped(&[("i.zip".to_owned(), inner)]))]
    {
        let packed = Tree::empty();
        packed.put(name, &bytes);
        let told = assess(packed.path());
        assert_eq!(told.outcome.status, expected.outcome.status, "{name}");
        let servers = serde_json::to_string(told.servers()).unwrap();
        let (outer, inner) = (format!("{name}!"), "i.zip!");
        let plain = servers.replace(&outer, "").replace(inner, "");
        assert!(plain == serde_json::to_string(expected.servers()).unwrap(), "{name}");
        let archives = if name == "n.zip" { 2 } else { 1 };
        assert_eq!(told.manifest().len(), expected.manifest().len() + archives, "{name}");
        let hits = |folder: &Tree| {
            let hunted = afterpatch(&["hunt", "-q", "--format", "jsonl", text(folder.path())]).stdout;
            hunted.replace(&outer, "").replace(inner, "").lines().count()
        };
        assert_eq!(hits(&packed), hits(&tree), "{name}");
    }
}

#[test]
fn an_archive_without_its_password_is_told() {
    let tree = Tree::empty();
    // One stored member whose flags say that it is encrypted.
    let mut bytes = zipped(&[("u_ex210303.log".to_owned(), vec![b'x'; 40])]);
    let list = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[6] |= 1;
    bytes[list + 8] |= 1;
    tree.put("x.zip", &bytes);
    let ended = afterpatch(&["assess", "-q", "-o", text(&tree.path().with_extension("out")), text(tree.path())]);
    assert_eq!(ended.status, 3);
    assert!(ended.stderr.contains("give its password with --password"), "{}", ended.stderr);
}

/// A readme in a folder, another in an archive: beside a server that shows itself they are no servers.
#[test]
fn what_tells_nothing_is_no_server() {
    let tree = Tree::short_story(Scenario::QuietUncovered);
    let expected = assess(tree.path());
    let names = |assessed: &Assessed| -> Vec<String> {
        assessed.servers().iter().map(|server| server["server"].to_string()).collect()
    };
    tree.put("NOTES/readme.txt", "nothing of note");
    tree.put("tools.zip", zipped(&[("licence.txt".to_owned(), b"as is".to_vec())]));
    let with = assess(tree.path());
    assert_eq!(names(&with), names(&expected));
    assert!(with.manifest().iter().any(|line| line["path"] == "tools.zip!licence.txt"), "they are accounted for");
}
