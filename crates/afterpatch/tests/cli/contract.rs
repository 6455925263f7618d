//! What every assessment promises: the schema, the six files, the chain of custody, and every line accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use demo::Scenario;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::program::{OUTPUTS, list, number, word, words};
use crate::told::{Told, all, told};
use crate::trees::line_count;

const SCHEMA: &str = include_str!("../../../../schema/assessment.schema.json");

/// Kinds that are read line by line.
const LINE_KINDS: [&str; 6] =
    ["delimited-log", "iis-native", "exchange-setup", "windows-events-json", "test-proxy-logon", "antivirus-log"];

/// The keys of the contract that every assessment has.
const TOP: [&str; 6] = ["schema", "afterpatch", "verdict", "totals", "servers", "findings"];
const SERVER: [&str; 12] = [
    "server",
    "verdict",
    "summary",
    "builds",
    "exposure",
    "begin",
    "incidents",
    "web_shells",
    "mailboxes",
    "persistence",
    "coverage",
    "answers",
];
const QUESTIONS: [&str; 11] =
    ["exposed", "hit", "since", "entry", "foothold", "control", "taken", "campaign", "cloud", "over", "next"];
const FINDING: [&str; 11] =
    ["id", "server", "time", "campaign", "stage", "proves", "rule", "title", "client", "evidence", "count"];

#[test]
fn the_schema_holds_for_every_story() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
    let validator = validator.expect("the schema compiles");
    for case in all() {
        let errors = validator.iter_errors(&case.assessed.json);
        let problems: Vec<String> = errors.map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", case.name);
    }
}

#[test]
fn the_fields_of_the_contract_are_there() {
    for Told { name, assessed, .. } in all() {
        let json = &assessed.json;
        assert_eq!(json["schema"], "afterpatch.assessment/1", "{name}");
        has(name, json, &TOP);
        has(name, &json["afterpatch"], &["version", "packs"]);
        has(name, &json["totals"], &["files", "bytes", "records", "rejected", "unrecognised_files"]);
        for server in assessed.servers() {
            has(name, server, &SERVER);
            has(name, &server["answers"], &QUESTIONS);
        }
        for finding in assessed.findings() {
            has(name, finding, &FINDING);
            assert!(!list(&finding["evidence"]).is_empty(), "{name}: {} rests on nothing", finding["id"]);
        }
        let packs: Vec<&str> = list(&json["afterpatch"]["packs"]).iter().map(|pack| word(&pack["id"])).collect();
        assert!(packs.contains(&"proxylogon") && packs.contains(&"proxyshell"), "{name}: {packs:?}");
        assert_eq!(json["afterpatch"]["rules"]["refused"], serde_json::json!([]), "{name}");
    }
}

fn has(name: &str, object: &Value, keys: &[&str]) {
    for key in keys {
        assert!(object.get(key).is_some(), "{name}: `{key}` is missing");
    }
}

#[test]
fn questions_stand_in_their_order() {
    let case = told(Scenario::CompromisedBeforePatch);
    let text = case.assessed.text("assessment.json");
    let answers = text.find("\"answers\":").expect("answers");
    let places: Vec<usize> = QUESTIONS
        .iter()
        .map(|question| answers + text[answers..].find(&format!("\"{question}\": {{")).expect(question))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn findings_that_are_named_exist() {
    for Told { name, assessed, .. } in all() {
        let ids: Vec<&str> = assessed.findings().iter().map(|finding| word(&finding["id"])).collect();
        let known: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(known.len(), ids.len(), "{name}: an id stands twice");
        for server in assessed.servers() {
            let mut named = Vec::new();
            named_findings(server, &mut named);
            let unknown: Vec<&&str> = named.iter().filter(|id| !known.contains(**id)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
        }
    }
}

/// Everything under `findings`, `because` and the stages of incidents.
fn named_findings<'a>(value: &'a Value, named: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_reason = key == "because" && value.as_array().is_some_and(|all| all.iter().any(is_sentence));
                match key.as_str() {
                    "findings" | "because" if !is_reason => named.extend(words(value)),
                    "stages" => {
                        let stages = value.as_object().expect("stages");
                        stages.values().for_each(|stage| named.extend(words(stage)));
                    }
                    _ => named_findings(value, named),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| named_findings(value, named)),
        _ => {}
    }
}

fn is_sentence(value: &Value) -> bool {
    word(value).contains(' ')
}

#[test]
fn exactly_the_six_files_are_written() {
    let case = told(Scenario::CompromisedBeforePatch);
    assert_eq!(case.assessed.files.keys().collect::<Vec<_>>(), OUTPUTS);
}

#[test]
fn the_place_of_the_evidence_stays_out_of_the_results() {
    let case = told(Scenario::CompromisedBeforePatch);
    for name in OUTPUTS {
        assert!(!case.assessed.text(name).contains(&case.place), "{name}");
    }
}

#[test]
fn the_chain_of_custody_holds() {
    for Told { name, assessed, .. } in all() {
        let manifest = assessed.file("manifest.jsonl");
        let chain = report::manifest::verify(manifest).unwrap_or_else(|broken| panic!("{name}: {broken}"));
        assert_eq!(chain.lines, line_count(manifest), "{name}");
        let page = assessed.text("report.html");
        assert!(page.contains(&chain.head), "{name}: the report does not print the head of the chain");
        assert_eq!(assessed.json["custody"]["manifest"]["head"], chain.head, "{name}");
        assert_eq!(assessed.json["custody"]["manifest"]["lines"], chain.lines, "{name}");
    }
}

#[test]
fn custody_names_every_other_file_as_it_is() {
    for Told { name, assessed, .. } in all() {
        let custody: Value = serde_json::from_slice(assessed.file("custody.json")).expect("JSON");
        let named = list(&custody["files"]);
        let names: Vec<&str> = named.iter().map(|file| word(&file["name"])).collect();
        let expected: Vec<&str> = OUTPUTS.into_iter().filter(|output| *output != "custody.json").collect();
        assert_eq!(names, expected, "{name}");
        for file in named {
            let content = assessed.file(word(&file["name"]));
            assert_eq!(number(&file["size"]), content.len() as u64, "{name}: {file}");
            assert_eq!(word(&file["sha256"]), sha256(content), "{name}: {file}");
        }
        assert_eq!(custody["manifest"], assessed.json["custody"]["manifest"], "{name}");
        assert_eq!(custody["afterpatch"]["packs"], assessed.json["afterpatch"]["packs"], "{name}");
    }
}

#[test]
fn every_file_and_every_line_is_accounted_for() {
    for Told { name, evidence, assessed, .. } in all() {
        let manifest = assessed.manifest();
        let listed: Vec<&str> = manifest.iter().map(|line| word(&line["path"])).collect();
        assert_eq!(listed, evidence.keys().map(String::as_str).collect::<Vec<_>>(), "{name}");
        for line in &manifest {
            let path = word(&line["path"]);
            let content = &evidence[path];
            assert_eq!(number(&line["size"]), content.len() as u64, "{name}: {path}");
            assert_eq!(word(&line["sha256"]), sha256(content), "{name}: {path}");
            let content = &as_text(content);
            let sum: u64 = ["records", "rejected", "headers", "blanks"].iter().map(|key| number(&line[*key])).sum();
            let expected = match word(&line["kind"]) {
                kind if LINE_KINDS.contains(&kind) => (line_count(content), line_count(content)),
                // Values of a hive and records of a table are no lines.
                "registry-hive" => (sum, 0),
                "file-table" => (content.len() as u64 / 1_024, 0),
                _ => (0, 0),
            };
            assert_eq!((sum, number(&line["lines"])), expected, "{name}: {path}");
        }
        let total = |key: &str| manifest.iter().map(|line| number(&line[key])).sum::<u64>();
        let totals = &assessed.json["totals"];
        assert_eq!(number(&totals["files"]), manifest.len() as u64, "{name}");
        for (key, sum) in [("bytes", total("size")), ("records", total("records")), ("rejected", total("rejected"))] {
            assert_eq!(number(&totals[key]), sum, "{name}: {key}");
        }
    }
}

/// UTF-16 behind a byte order mark as UTF-8; anything else as it is. Lines and offsets are those of the text.
fn as_text(content: &[u8]) -> Vec<u8> {
    let Some(units) = content.strip_prefix(&[0xFF, 0xFE]) else { return content.to_vec() };
    let units: Vec<u16> = units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

#[test]
fn logs_of_the_demo_are_read_without_rejects() {
    for Told { name, assessed, .. } in all() {
        assert_eq!(assessed.json["totals"]["rejected"], 0, "{name}: {}", assessed.json["gaps"]);
    }
}

#[test]
fn every_record_can_be_opened_in_the_evidence() {
    for Told { name, evidence, assessed, .. } in all() {
        let mut shown = 0;
        for finding in assessed.findings() {
            for record in list(&finding["evidence"]) {
                shown += usize::from(stands_in_its_file(name, evidence, record));
            }
        }
        // Background may stand in files that are no logs.
        assert!(shown > 0 || assessed.findings_beyond(&["context"]).is_empty(), "{name}");
    }
}

/// Whether the record is a line of a log; then its number, offset and text must be those of the file.
fn stands_in_its_file(name: &str, files: &BTreeMap<String, Vec<u8>>, record: &Value) -> bool {
    let path = word(&record["path"]);
    let content = &as_text(files.get(path).unwrap_or_else(|| panic!("{name}: no file {path}")));
    let is_log = path.ends_with(".log") || path.ends_with(".LOG") || path.ends_with(".jsonl");
    if !is_log {
        return false;
    }
    let (number, offset) = (number(&record["record"]), number(&record["offset"]));
    let rest = content.get(offset as usize..).unwrap_or_default();
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    // What a scanner found is shown below the lines that name the threat.
    let text = if path.ends_with("msert.log") { word(&record["text"]).lines().last() } else { record["text"].as_str() };
    assert_eq!(text, Some(line.as_str()), "{name}: {path} at {offset}");
    let before = content[..offset as usize].iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(number, before + 1, "{name}: {path} at {offset}");
    true
}

#[test]
fn the_timeline_has_the_columns_that_timesketch_asks_for() {
    for Told { name, assessed, .. } in all() {
        let csv = assessed.text("timeline.csv");
        assert!(csv.starts_with("message,datetime,timestamp_desc,"), "{name}");
        let rows = csv.split_terminator("\r\n").count() - 1;
        let lines: Vec<Value> =
            assessed.text("timeline.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(rows, lines.len(), "{name}");
        for line in &lines {
            has(name, line, &["message", "datetime", "timestamp_desc", "server", "rule", "path", "record"]);
            assert!(word(&line["datetime"]).ends_with("+00:00"), "{name}: {line}");
        }
    }
}

#[test]
fn verdicts_of_servers_and_campaigns_add_up() {
    const ORDER: [&str; 6] = ["active", "compromised", "exploited", "cannot-tell", "targeted", "no-evidence"];
    let rank = |value: &Value| ORDER.iter().position(|verdict| *verdict == word(value)).expect("a verdict");
    for Told { name, assessed, .. } in all() {
        let servers = assessed.servers();
        let worst = servers.iter().map(|server| rank(&server["verdict"])).min().expect("a server");
        assert_eq!(worst, rank(&assessed.json["verdict"]), "{name}");
        for server in servers {
            let campaigns = list(&server["exposure"]).iter().map(|exposure| rank(&exposure["verdict"]));
            assert_eq!(campaigns.min(), Some(rank(&server["verdict"])), "{name}");
        }
    }
}
