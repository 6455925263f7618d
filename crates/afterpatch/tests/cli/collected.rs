//! Hashes that collectors wrote down: compared with the files, told where they differ.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::logs::{IIS_LOG, IisRow, iis_header};
use crate::program::{Assessed, assess, list, number, word};
use crate::trees::Tree;

const KAPE: &str = "EXC01/2021-03-10T08_00_00_0000000_Exchange_copylog.csv";
const KAPE_HEADER: &str = "CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,\
    ModifiedOnUtc,LastAccessedOnUtc,CopyDuration\r\n";
const VELOCIRAPTOR: &str = "EXC01/results/Windows.KapeFiles.Targets%2FUploads.json";
const IIS_SOURCE: &str = r"C:\inetpub\logs\LogFiles\W3SVC1\u_ex210303.log";
const PAGE: &str = "EXC01/C/inetpub/wwwroot/aspnet_client/a.aspx";
const PAGE_SOURCE: &str = r"C:\inetpub\wwwroot\aspnet_client\a.aspx";
/// SHA-1 and MD5 of `abc`, from RFC 3174 and RFC 1321.
const ABC_SHA1: &str = "A9993E364706816ABA3E25717850C26C9CD0D89D";
const ABC_MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

fn iis_log() -> String {
    let mut log = iis_header();
    for second in 0..20 {
        log.push_str(&format!("{}\r\n", IisRow::attack(second).line()));
    }
    log
}

fn tree() -> Tree {
    let tree = Tree::empty();
    tree.put(IIS_LOG, iis_log());
    tree.put(PAGE, "abc");
    tree
}

fn kape_row(source: &str, size: usize, sha1: &str) -> String {
    format!(
        "2021-03-10 08:00:00.0000000,{source},E:\\x,{size},{sha1},False,2021-03-03 05:00:00,2021-03-03 05:00:00,,\r\n"
    )
}

fn velociraptor_row(source: &str, hash: &str) -> String {
    let line = serde_json::json!({
        "SourceFile": format!(r"\\.\{source}"), "FileSize": 3, "SourceFileSha256": hash,
        "Created": "2021-03-03T05:00:00Z", "Changed": "2021-03-03T05:00:00Z", "Modified": "2021-03-03T05:00:00Z",
    });
    format!("{line}\n")
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

fn line<'a>(manifest: &'a [Value], path: &str) -> &'a Value {
    manifest.iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("no {path}"))
}

fn counts(assessed: &Assessed) -> [u64; 5] {
    let collected = &assessed.json["custody"]["collected"];
    ["lists", "compared", "fit", "absent", "open"].map(|key| number(&collected[key]))
}

#[test]
fn what_kape_wrote_down_is_compared() {
    let tree = tree();
    let rows = [
        kape_row(PAGE_SOURCE, 3, ABC_SHA1),
        kape_row(IIS_SOURCE, iis_log().len() + 50, &"0".repeat(40)),
        kape_row(r"C:\not\collected.txt", 3, ABC_SHA1),
    ];
    tree.put(KAPE, format!("\u{feff}{KAPE_HEADER}{}", rows.concat()));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 2, 1, 1, 0]);
    let manifest = assessed.manifest();
    let page = &line(&manifest, PAGE)["claimed"];
    assert_eq!((&page["fits"], word(&page["sha1"])), (&Value::Bool(true), ABC_SHA1.to_lowercase().as_str()));
    let log = &line(&manifest, IIS_LOG)["claimed"];
    assert_eq!((&log["fits"], word(&log["by"]), number(&log["record"])), (&Value::Bool(false), KAPE, 3));
    assert_eq!(line(&manifest, KAPE)["claims"], serde_json::json!({"made": 3, "compared": 2, "absent": 1, "open": 0}));

    let differ = &list(&assessed.json["custody"]["collected"]["differ"])[0];
    assert_eq!((word(&differ["path"]), word(&differ["algorithm"])), (IIS_LOG, "SHA-1"));
    assert!(word(&differ["what"]).contains("50 bytes shorter"), "{differ}");
    let gaps = list(&assessed.json["gaps"]);
    assert!(gaps.iter().any(|gap| gap["path"] == IIS_LOG && word(&gap["what"]).contains("is not what the collector")));
    let page = assessed.text("report.html");
    assert!(page.contains("1 of 2 files has the hash that the collector wrote down; 1 differs."));
    assert!(assessed.outcome.stdout.contains("1 of 2 files are not what the collector wrote down"));
}

#[test]
fn what_velociraptor_wrote_down_is_compared() {
    let tree = tree();
    tree.put(
        VELOCIRAPTOR,
        [velociraptor_row(PAGE_SOURCE, &sha256(b"abc")), velociraptor_row(IIS_SOURCE, &sha256(iis_log().as_bytes()))]
            .concat(),
    );
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 2, 2, 0, 0]);
    assert_eq!(line(&assessed.manifest(), PAGE)["claimed"]["sha256"], sha256(b"abc"));
    assert!(assessed.text("report.html").contains("2 of 2 files have the hash that the collector wrote down."));
    assert!(!assessed.outcome.stdout.contains("not what the collector"));
    tree.put(IIS_LOG, iis_log().replacen("203.0.113.7", "203.0.113.8", 1));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 2, 1, 0, 0]);
    let differ = &list(&assessed.json["custody"]["collected"]["differ"])[0];
    assert_eq!((word(&differ["path"]), word(&differ["algorithm"])), (IIS_LOG, "SHA-256"));
}

#[test]
fn what_acquire_wrote_down_is_compared() {
    let tree = tree();
    let list = format!("path,file-size,md5,sha1,sha256\n/sysvol/inetpub/wwwroot/aspnet_client/a.aspx,3,{ABC_MD5},,\n");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(list.as_bytes()).expect("memory takes everything");
    tree.put("EXC01/$metadata$/file-hashes.csv.gz", packed.finish().expect("memory takes everything"));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 1, 1, 0, 0]);
    assert_eq!(line(&assessed.manifest(), PAGE)["claimed"]["md5"], ABC_MD5);
}

#[test]
fn a_list_speaks_of_its_own_host() {
    let tree = tree();
    tree.put(&PAGE.replace("EXC01", "EXC02"), "other");
    tree.put(VELOCIRAPTOR, velociraptor_row(PAGE_SOURCE, &sha256(b"abc")));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 1, 1, 0, 0]);
    // A list above both hosts cannot tell which of them it means.
    tree.put("all.json", velociraptor_row(PAGE_SOURCE, &sha256(b"abc")));
    assert_eq!(counts(&assess(tree.path())), [2, 1, 1, 0, 1]);
}

#[test]
fn of_copies_of_one_path_the_copied_one_is_meant() {
    let tree = tree();
    tree.put(&PAGE.replace("EXC01/", "EXC01/VSS1/"), "older");
    let row = kape_row(PAGE_SOURCE, 3, ABC_SHA1).replace(r"E:\x", r"E:\EXC01\C\inetpub\wwwroot\aspnet_client\a.aspx");
    tree.put(KAPE, format!("{KAPE_HEADER}{row}"));
    assert_eq!(counts(&assess(tree.path())), [1, 1, 1, 0, 0]);
}

#[test]
fn no_list_is_said() {
    let assessed = assess(tree().path());
    assert_eq!(counts(&assessed), [0; 5]);
    assert!(assessed.text("report.html").contains("No collector's list with hashes"), "it is said");
    assert!(line(&assessed.manifest(), PAGE).get("claimed").is_none());
}

#[test]
fn the_hash_of_a_container_beside_its_log() {
    let tree = tree();
    let zip = "Collection-EXC01.zip";
    // An archive without a member.
    let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    tree.put(zip, &empty);
    let log = |hash: &str| format!("[INFO] 2021-03-10T08:00:00Z Container hash {hash}\n");
    tree.put("collector.log", log(&sha256(&empty)));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 1, 1, 0, 0]);
    tree.put("collector.log", log(&"a".repeat(64)));
    let assessed = assess(tree.path());
    assert_eq!(counts(&assessed), [1, 1, 0, 0, 0]);
    assert_eq!(line(&assessed.manifest(), zip)["claimed"]["by"], "collector.log");
}
