use expect_test::expect_file;
use model::collecting::{Recipe, Since, Take};
use yaml_serde::Value;

use super::{json, kape, list, powershell, robocopy, samples, tar, velociraptor};

/// Snapshots with the line ends of the recipe.
fn check(name: &str, text: &str) {
    expect_file![format!("{}/src/collect/samples/{name}", env!("CARGO_MANIFEST_DIR"))]
        .assert_eq(&text.replace("\r\n", "\n"));
}

#[test]
fn recipes_for_everything() {
    let recipe = samples::all();
    check("all.tkape", &kape(&recipe));
    check("all.yaml", &velociraptor(&recipe));
    check("all.ps1.txt", powershell(&recipe).split("Set-StrictMode").next().expect("a beginning"));
    check("all.cmd.txt", &robocopy(&recipe));
    check("all.sh.txt", &tar(&recipe));
    check("all.txt", &list(&recipe, 80));
}

#[test]
fn recipes_for_what_an_assessment_asks() {
    let recipe = samples::asked();
    check("asked.tkape", &kape(&recipe));
    check("asked.yaml", velociraptor(&recipe).split("precondition").next().expect("a beginning"));
    check("asked.ps1.txt", powershell(&recipe).split("Set-StrictMode").next().expect("a beginning"));
    check("asked.cmd.txt", &robocopy(&recipe));
    check("asked.sh.txt", &tar(&recipe));
    check("asked.txt", &list(&recipe, 80));
    check("asked.json", &json(&recipe));
}

fn yaml(text: &str) -> Value {
    yaml_serde::from_str(text).expect("YAML")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} is a text"))
}

#[test]
fn a_kape_target_is_one() {
    for recipe in [samples::all(), samples::asked(), samples::days()] {
        let target = yaml(&kape(&recipe));
        let id = text(&target, "Id").to_owned();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()) && &id[14..15] == "8", "{id}");
        assert_eq!(target.get("RecreateDirectories").and_then(Value::as_bool), Some(true));
        let entries = target.get("Targets").and_then(Value::as_sequence).expect("targets");
        assert!(!entries.is_empty());
        for entry in entries {
            assert!(
                text(entry, "Path").ends_with('\\')
                    && text(entry, "Path").starts_with(|c: char| c.is_ascii_uppercase())
            );
            assert!(!text(entry, "FileMask").to_lowercase().starts_with("regex"), "a mask, no expression");
            for key in ["Name", "Category", "Comment"] {
                assert!(!text(entry, key).is_empty(), "{key}");
            }
            let known = ["Name", "Category", "Path", "Recursive", "FileMask", "AlwaysAddToQueue", "Comment"];
            let keys = entry.as_mapping().expect("a mapping").keys();
            assert!(keys.into_iter().all(|key| known.contains(&key.as_str().expect("a text"))));
        }
    }
    let id = |recipe: &Recipe| text(&yaml(&kape(recipe)), "Id").to_owned();
    assert_eq!(id(&samples::all()), id(&samples::all()));
    assert_ne!(id(&samples::all()), id(&samples::asked()));
}

#[test]
fn a_velociraptor_artifact_is_one() {
    for recipe in [samples::all(), samples::asked(), samples::days()] {
        let artifact = yaml(&velociraptor(&recipe));
        assert_eq!(text(&artifact, "name"), "Custom.Windows.Exchange.Afterpatch");
        let parameters = artifact.get("parameters").and_then(Value::as_sequence).expect("parameters");
        let wanted = parameters.iter().find(|one| text(one, "name") == "Wanted").expect("the table");
        let lines: Vec<&str> = text(wanted, "default").lines().collect();
        assert_eq!(lines[0], "Id,Take,Root,Glob,Accessor,Since,Days");
        assert!(lines.iter().all(|line| line.matches(',').count() == 6 && !line.contains('"')));
        let rows = recipe.rows.iter().filter(|row| matches!(row.take, Take::Content | Take::Names));
        assert_eq!(lines.len() - 1, rows.map(|row| row.masks.len()).sum::<usize>());
        let sources = artifact.get("sources").and_then(Value::as_sequence).expect("sources");
        assert_eq!(sources.len(), 2);
        for source in sources {
            let query = text(source, "query");
            assert_eq!(query.matches('(').count(), query.matches(')').count());
            assert_eq!(query.matches('{').count(), query.matches('}').count());
            for written in ["execve", "rm(", "copy(", "tempfile", "write_"] {
                assert!(!query.contains(written), "{written}");
            }
        }
    }
}

#[test]
fn the_batch_file_doubles_percent_signs_and_ends_no_path_with_a_backslash() {
    let text = robocopy(&samples::all());
    assert!(text.contains("\"Microsoft-Windows-Sysmon%%4Operational.evtx\""), "{text}");
    for line in text.lines().filter(|line| line.contains(" robocopy ")) {
        assert!(!line.contains("\\\""), "{line}");
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
}

#[test]
fn days_are_counted_when_the_recipe_is_run() {
    let recipe = samples::days();
    assert_eq!(recipe.rows[0].since, Since::Days(14));
    assert!(robocopy(&recipe).contains(" /MAXAGE:14\r\n"));
    assert!(powershell(&recipe).contains("MaxAge = '14'"));
    assert!(tar(&recipe).contains("-mtime -15"));
    assert!(velociraptor(&recipe).contains(",,14\n"));
}

#[test]
fn scripts_only_read() {
    let recipe = samples::all();
    let words = [
        "Remove-Item",
        "del ",
        "rmdir",
        "Set-ItemProperty",
        "Stop-",
        "wevtutil",
        "/MIR",
        "/MOV",
        "/PURGE",
        "rm ",
        "LastWriteTime =",
    ];
    for text in [powershell(&recipe), robocopy(&recipe), tar(&recipe)] {
        for word in words {
            assert!(!text.contains(word), "{word}");
        }
    }
    let script = powershell(&recipe);
    for (open, close) in [('{', '}'), ('(', ')'), ('[', ']')] {
        assert_eq!(script.matches(open).count(), script.matches(close).count(), "{open}{close}");
    }
    assert!(script.is_ascii(), "5.1 reads scripts without a mark in the code page of the machine");
}
