//! Starts the program and keeps what it said and wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::trees::files;

/// The files that every assessment writes.
pub const OUTPUTS: [&str; 6] =
    ["assessment.json", "custody.json", "manifest.jsonl", "report.html", "timeline.csv", "timeline.jsonl"];

/// How a run ended and what it said.
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program with a defined environment.
pub fn afterpatch(arguments: &[&str]) -> Outcome {
    afterpatch_with(arguments, &[])
}

/// Runs the program with further environment variables.
pub fn afterpatch_with(arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_afterpatch"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .env("COLUMNS", "100")
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts");
    Outcome {
        status: output.status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
    }
}

/// A finished assessment.
pub struct Assessed {
    pub outcome: Outcome,
    /// `assessment.json`.
    pub json: Value,
    /// What was written, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Assesses one folder or file.
pub fn assess(evidence: &Path) -> Assessed {
    assess_with(&[evidence], &[])
}

/// Assesses several roots with options.
pub fn assess_with(evidence: &[&Path], options: &[&str]) -> Assessed {
    let output = TempDir::new().expect("a folder for the results");
    let mut arguments = vec!["assess"];
    arguments.extend(evidence.iter().map(|path| text(path)));
    arguments.extend(["-o", text(output.path())]);
    arguments.extend(options);
    let outcome = afterpatch(&arguments);
    assert!(matches!(outcome.status, 0 | 1 | 4), "status {}: {}", outcome.status, outcome.stderr);
    let files = files(output.path());
    let json = serde_json::from_slice(&files["assessment.json"]).expect("assessment.json is JSON");
    Assessed { outcome, json, files }
}

/// Temporary folders have plain names.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

impl Assessed {
    /// One of [`OUTPUTS`].
    pub fn file(&self, name: &str) -> &[u8] {
        self.files.get(name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// One of [`OUTPUTS`] as text.
    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The verdict over all servers.
    pub fn verdict(&self) -> &str {
        word(&self.json["verdict"])
    }

    /// All servers.
    pub fn servers(&self) -> &[Value] {
        self.json["servers"].as_array().expect("servers")
    }

    /// A server by name.
    pub fn server(&self, name: &str) -> &Value {
        let mut servers = self.servers().iter();
        servers.find(|server| server["server"] == name).unwrap_or_else(|| panic!("no server {name}"))
    }

    /// All findings.
    pub fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().expect("findings")
    }

    /// The findings of a rule.
    pub fn findings_of(&self, rule: &str) -> Vec<&Value> {
        self.findings().iter().filter(|finding| finding["rule"] == rule).collect()
    }

    /// Findings that say more than any of these words, in short.
    pub fn findings_beyond(&self, harmless: &[&str]) -> Vec<String> {
        let beyond = self.findings().iter().filter(|finding| !harmless.contains(&word(&finding["proves"])));
        beyond.map(in_short).collect()
    }

    /// The lines of the manifest.
    pub fn manifest(&self) -> Vec<Value> {
        let text = self.text("manifest.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of the manifest is JSON")).collect()
    }
}

/// A finding for a message.
fn in_short(finding: &Value) -> String {
    format!("{} {} {} {}", finding["id"], finding["proves"], finding["rule"], finding["time"])
}

/// Text of a JSON value.
pub fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected, not {value}"))
}

/// Number of a JSON value.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number expected, not {value}"))
}

/// Texts of a JSON list.
pub fn words(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(word).collect()
}

/// The elements of a JSON list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
