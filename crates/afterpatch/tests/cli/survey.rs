//! `survey import`, `report`, `trend`, `diff`, `notify` and `estimate`, from the lines of a scanner to what owners are sent.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Outcome, afterpatch, list, number, text, word};

const HOLE: &str = "CVE-2021-26855";

/// One column after the other; whoever reads Shadowserver's report reads the first seventeen.
const NOTICE: &str = "\"timestamp\",\"severity\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\",\"region\",\
                      \"city\",\"naics\",\"hostname_source\",\"sector\",\"version\",\"servername\",\"url\"";
const OWN: &str = ",\"scanner\",\"outcome\",\"reason\",\"kind\",\"product\",\"level\",\"update\",\"precision\",\
                   \"build_lowest\",\"build_highest\",\"mixed\",\"open\",\"vulnerable\",\"undetermined\",\"tls_version\",\
                   \"certificate_sha256\",\"server_key\",\"as_name\"";

const OPEN: &str = "15.1.2106.2";
const PATCHED: &str = "15.1.2106.13";
/// Which update stands on CU18 is not told.
const HALF_TOLD: &str = "15.1.2106";

/// A line as `zgrab2` writes it.
fn line(day: &str, address: &str, name: &str, result: &Value) -> String {
    let mut module = json!({"protocol": "http", "port": 443, "timestamp": format!("{day}T03:02:11Z")});
    let fields = module.as_object_mut().expect("an object");
    fields.extend(result.as_object().expect("an object").clone());
    format!("{}\n", json!({"ip": address, "domain": name, "data": {"http": module}}))
}

/// The logon page of a server.
fn logon(server: &str, build: &str) -> Value {
    let body = format!("<!-- OwaPage = ASP.auth_logon_aspx --> /owa/auth/{build}/themes/resources/favicon.ico");
    let headers = json!({"unknown": [
        {"key": "x_feserver", "value": [server]},
        {"key": "x_owa_version", "value": [build]}
    ]});
    let request = json!({"url": {"scheme": "https", "path": "/owa/auth/logon.aspx"}});
    let response = json!({"status_code": 200, "headers": headers, "body": body, "request": request});
    json!({"status": "success", "result": {"response": response}})
}

/// Two runs into one store, a week apart.
struct Weeks {
    folder: TempDir,
    /// How the two imports ended.
    imports: [Outcome; 2],
}

impl Weeks {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let silent = |status: &str| json!({"status": status, "error": "no answer"});
        let first = [
            ("192.0.2.1", "mx1.example.org", logon("EX01", OPEN)),
            ("192.0.2.2", "mx2.example.org", logon("EX02", OPEN)),
            ("192.0.2.3", "mx3.example.net", logon("EX03", HALF_TOLD)),
            ("192.0.2.4", "mx4.example.net", logon("EX04", PATCHED)),
            ("198.51.100.5", "mx5.example.com", logon("EX05", OPEN)),
            ("198.51.100.6", "mx6.example.com", logon("EX06", OPEN)),
            ("198.51.100.7", "mx7.example.com", logon("EX07", OPEN)),
        ];
        let second = [
            ("192.0.2.1", "mx1.example.org", logon("EX01", PATCHED)),
            ("192.0.2.2", "mx2.example.org", logon("EX02", OPEN)),
            ("192.0.2.3", "mx3.example.net", logon("EX03", HALF_TOLD)),
            ("192.0.2.4", "mx4.example.net", logon("EX04", PATCHED)),
            ("203.0.113.8", "mx8.example.com", logon("EX08", OPEN)),
            ("198.51.100.5", "mx5.example.com", silent("connection-refused")),
            ("198.51.100.6", "mx6.example.com", silent("connection-timeout")),
        ];
        let weeks = [("2021-03-04", first), ("2021-03-11", second)];
        let imports = weeks.map(|(day, hosts)| {
            let lines: String = hosts.iter().map(|(address, name, result)| line(day, address, name, result)).collect();
            let file = folder.path().join(format!("{day}.jsonl"));
            fs::write(&file, lines).expect("a file");
            let (store, out) = (folder.path().join("store.db"), folder.path().join(day));
            let to = ["--store", text(&store), "-o", text(&out), "--cve", "cve-2021-26855"];
            afterpatch(&[&["survey", "import", text(&file)], &to[..]].concat())
        });
        Self { folder, imports }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A verb on the store.
    fn survey(&self, verb: &str, options: &[&str]) -> Outcome {
        let store = self.path("store.db");
        afterpatch(&[&["survey", verb, "--store", text(&store)], options].concat())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn survey_json(folder: &Path) -> Value {
    serde_json::from_str(&read(&folder.join("survey.json"))).expect("JSON")
}

fn interval(value: &Value) -> (u64, u64) {
    (number(&value["at_least"]), number(&value["at_most"]))
}

fn changes(survey: &Value) -> Vec<(&str, u64)> {
    let counts = list(&survey["diff"]["counts"]).iter();
    counts.map(|pair| (word(&pair[0]), number(&pair[1]))).filter(|(_, times)| *times > 0).collect()
}

/// How many rows of `survey.csv` or of a list there are; texts of these tests hold no line break.
fn rows(csv: &str) -> usize {
    csv.lines().count() - 1
}

#[test]
fn two_weeks_are_counted_and_compared() {
    let weeks = Weeks::new();
    for import in &weeks.imports {
        assert_eq!(import.status, 0, "{}", import.stderr);
        assert!(
            import.stderr.contains("jsonl: zgrab2, 7 records: 7 read, 0 not, 0 without content; 7 observations"),
            "{}",
            import.stderr
        );
    }
    let written = ["observations.jsonl", "survey.csv", "survey.html", "survey.json", "survey.parquet"];
    let (first, second) = (survey_json(&weeks.path("2021-03-04")), survey_json(&weeks.path("2021-03-11")));
    assert_eq!(names(&weeks.path("2021-03-04")), written);
    assert_eq!((interval(&first["totals"]["servers"]), interval(&first["totals"]["open"])), ((7, 7), (5, 6)));
    assert_eq!((interval(&second["totals"]["servers"]), interval(&second["totals"]["open"])), ((5, 5), (2, 3)));
    assert_eq!((number(&second["totals"]["targets"]), number(&second["totals"]["answered"])), (7, 5));
    assert_eq!((&first["diff"], list(&second["trend"]).len()), (&Value::Null, 2));
    // EX05's port is closed, EX06 was silent, EX07 nobody asked.
    let expected = [
        ("patched", 1),
        ("new-and-open", 1),
        ("still-open", 1),
        ("unchanged", 2),
        ("gone", 1),
        ("not-seen", 1),
        ("not-asked", 1),
    ];
    assert_eq!(changes(&second), expected);
    let screen = &weeks.imports[1].stdout;
    for said in [
        "At least 2 of 5 Exchange servers are open to CVE-2021-26855, at most 3.\n",
        "Asked 7 targets, 5 answered.",
        "Not seen: 1 port closed, 1 nothing came in time.\nSince 2021-03-04 (run 1):\n          1  patched\n",
    ] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
}

#[test]
fn rows_have_the_columns_of_shadowserver_and_ours() {
    let weeks = Weeks::new();
    let csv = read(&weeks.path("2021-03-11/survey.csv"));
    assert_eq!(csv.lines().next(), Some(format!("{NOTICE}{OWN}").as_str()));
    assert_eq!(rows(&csv), 7);
    let row = csv.lines().find(|row| row.contains("\"EX01\"")).expect("a row");
    assert!(
        row.starts_with("\"2021-03-11 03:02:11\",\"high\",\"192.0.2.1\",\"tcp\",443,\"mx1.example.org\","),
        "{row}"
    );
    assert!(row.contains(",\"CU18 Mar21SU\",\"exact\",\"15.1.2106.13\",\"15.1.2106.13\",\"no\",\"open\","), "{row}");
    assert!(!row.contains(HOLE), "{row}");
    let closed = csv.lines().find(|row| row.contains("198.51.100.5")).expect("a row");
    assert!(closed.contains("\"zgrab2\",\"refused\","), "{closed}");
    assert!(fs::read(weeks.path("2021-03-11/survey.parquet")).expect("a file").starts_with(b"PAR1"));
    assert_eq!(read(&weeks.path("2021-03-11/observations.jsonl")).lines().count(), 7);
}

#[test]
fn every_survey_satisfies_the_schema() {
    let weeks = Weeks::new();
    let schema = include_str!("../../../../schema/survey.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
    let validator = validator.expect("the schema compiles");
    for day in ["2021-03-04", "2021-03-11"] {
        let survey = survey_json(&weeks.path(day));
        let problems: Vec<String> =
            validator.iter_errors(&survey).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{day}: {problems:#?}");
        for key in survey
            .as_object()
            .expect("an object")
            .keys()
            .filter(|key| !["hole", "trend", "diff"].contains(&key.as_str()))
        {
            let mut without = survey.clone();
            without.as_object_mut().expect("an object").remove(key);
            assert!(!validator.is_valid(&without), "the schema does not require {key}");
        }
    }
}

#[test]
fn a_stored_run_is_reported_again() {
    let weeks = Weeks::new();
    let again = weeks.path("again");
    let outcome = weeks.survey("report", &["--run", "1", "-o", text(&again), "--cve", HOLE]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    for name in ["survey.json", "survey.html"] {
        assert_eq!(read(&again.join(name)), read(&weeks.path("2021-03-04").join(name)), "{name}");
    }
    // Rows of a report come server by server.
    let sorted = |path: &Path| {
        let text = read(path);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again.join("survey.csv")), sorted(&weeks.path("2021-03-04/survey.csv")));
    let any = weeks.survey("report", &["-o", text(&again)]);
    assert!(any.stdout.starts_with("5 of 5 Exchange servers are open to known attacks.\n"), "{}", any.stdout);
}

#[test]
fn trend_and_diff_tell_the_weeks() {
    let weeks = Weeks::new();
    let trend = weeks.survey("trend", &["--cve", HOLE]);
    assert_eq!(trend.status, 0, "{}", trend.stderr);
    let lines: Vec<Vec<&str>> = trend.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["1", "2021-03-04", "7", "5", "to", "6"]);
    assert_eq!(lines[2], ["2", "2021-03-11", "5", "2", "to", "3"]);
    let words = [
        "         1  patched\n",
        "         1  new, and open\n",
        "         1  still open\n",
        "         1  gone\n",
        "         1  not seen this time: it was asked and did not answer\n",
        "         1  not asked this time\n",
    ];
    let last_two = weeks.survey("diff", &["--cve", HOLE]);
    let named = weeks.survey("diff", &["--cve", HOLE, "1", "2"]);
    assert_eq!((last_two.status, &last_two.stdout), (0, &named.stdout), "{}", last_two.stderr);
    for said in words {
        assert!(named.stdout.contains(said), "{said}: {}", named.stdout);
    }
    let backwards = weeks.survey("diff", &["--cve", HOLE, "2", "1"]);
    assert!(backwards.stdout.contains("1  newly open\n"), "{}", backwards.stdout);
}

#[test]
fn owners_are_told_of_their_own_servers_only() {
    let weeks = Weeks::new();
    let write = |name: &str, content: &str| {
        let path = weeks.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        text(&path).to_owned()
    };
    let contacts = write("contacts.csv", "192.0.2.0/30,soc@example.org\nnobody,=cmd|x\n");
    write("txt/mx1.example.org.txt", "Contact: mailto:security@example.org\n");
    write(
        "rdap/1.json",
        &json!({"startAddress": "203.0.113.0", "endAddress": "203.0.113.255", "entities": [
            {"roles": ["abuse"], "vcardArray": ["vcard", [["email", {}, "text", "abuse@isp.example"]]]}]})
        .to_string(),
    );
    let (out, txt, rdap) = (weeks.path("told"), weeks.path("txt"), weeks.path("rdap"));
    let from = ["--contacts", &contacts, "--security-txt-dir", text(&txt), "--rdap", text(&rdap)];
    let outcome = weeks.survey("notify", &[&["--by", "contact", "-o", text(&out)], &from[..]].concat());
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stderr, "note: 1 entry of the lists is no contact\nnote: nobody is known to send 1 list to\n");
    assert!(outcome.stdout.starts_with("4 lists with letters in "), "{}", outcome.stdout);
    let index = read(&out.join("contacts.csv"));
    let mut told: Vec<Vec<&str>> = index.lines().skip(1).map(|row| row.split(',').collect()).collect();
    told.sort_by_key(|row| row[2]);
    assert_eq!(index.lines().next(), Some("\"file\",\"constituency\",\"contact\",\"source\""));
    let sources: Vec<(&str, &str)> = told.iter().map(|row| (row[2], row[3])).collect();
    let expected = [
        ("", ""),
        ("\"abuse@isp.example\"", "\"RDAP abuse contact\""),
        ("\"security@example.org\"", "\"security.txt\""),
        ("\"soc@example.org\"", "\"list of contacts\""),
    ];
    assert_eq!(sources, expected);
    // EX04 has an address outside the list's prefix.
    for (row, servers) in told.iter().zip([&["EX04"][..], &["EX08"], &["EX01"], &["EX02", "EX03"]]) {
        let file = row[0].trim_matches('"');
        let csv = read(&out.join(file));
        assert_eq!((csv.lines().next(), rows(&csv)), (Some(NOTICE), servers.len()), "{file}");
        for server in servers {
            assert!(csv.contains(&format!("\"{server}\"")), "{file}: {server}");
        }
        for language in ["en", "de"] {
            let letter = read(&out.join(file.replace(".csv", &format!(".{language}.txt"))));
            assert!(letter.contains(file), "{letter}");
        }
    }
    assert_eq!(names(&out).len(), 4 * 3 + 1);
}

#[test]
fn a_probed_run_names_its_order_and_its_options() {
    let folder = TempDir::new().expect("a folder");
    let scope = folder.path().join("scope.toml");
    let order = r#"
operator = "Test"
contact = "mailto:test@example.org"
probing_uri = "https://example.org/.well-known/probing.txt"
ticket = "T-1"
valid_until = "9999-12-31"
targets = ["127.0.0.1:9"]
"#;
    fs::write(&scope, order).expect("a file");
    let out = folder.path().join("out");
    let outcome = afterpatch(&["survey", "probe", "--scope", text(&scope), "-o", text(&out), "--rate", "20"]);
    let run = &survey_json(&out)["run"];
    assert_eq!(word(&run["ticket"]), "T-1", "{}", outcome.stderr);
    assert_eq!(word(&run["configuration"]), "rate 20, rate per prefix 5, timeout 10 s");
}

/// An assessment of a server each that was open, some exploited.
fn assessments(folder: &Path, of: usize, exploited: usize) {
    for server in 0..of {
        let verdict = if server < exploited { "exploited" } else { "no-evidence" };
        let exposure = json!({"grounds": "open-build", "cves": [HOLE], "verdict": verdict});
        let server = json!({"server": format!("EX{server}"), "verdict": verdict, "exposure": [exposure]});
        let place = folder.join(server["server"].as_str().expect("a name"));
        fs::create_dir_all(&place).expect("a folder");
        let whole = json!({"schema": "afterpatch.assessment/1", "servers": [server]});
        fs::write(place.join("assessment.json"), whole.to_string()).expect("a file");
    }
}

#[test]
fn an_estimate_is_an_interval_with_its_assumptions_or_none() {
    let weeks = Weeks::new();
    let (few, many) = (weeks.path("few"), weeks.path("many"));
    assessments(&few, 9, 9);
    assessments(&many, 20, 10);
    let refused = weeks.survey("estimate", &["--assessments", text(&few), "--cve", HOLE]);
    assert_eq!(refused.status, 4, "{}", refused.stderr);
    assert!(refused.stdout.starts_with("No estimate: the basis is too small."), "{}", refused.stdout);
    assert!(refused.stdout.contains("at least 10 assessed servers"), "{}", refused.stdout);
    // 27.2 to 72.8 per cent (Clopper and Pearson) of 5 to 6 open servers in the first week.
    let told = weeks.survey("estimate", &["--assessments", text(&many), "--cve", HOLE]);
    assert_eq!(told.status, 0, "{}", told.stderr);
    for said in [
        "Between 1 and 5 servers of this scope were broken into through CVE-2021-26855, if the assumptions hold.\n",
        "10 of 20 were exploited: between 27.2 and 72.8 per cent",
        "It takes for true:\n- ",
    ] {
        assert!(told.stdout.contains(said), "{said}: {}", told.stdout);
    }
    let json = weeks.survey("estimate", &["--assessments", text(&many), "--cve", HOLE, "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(interval(&json["victims"]), (1, 5));
    // Another hole: nobody of those assessed was open to it.
    let other = weeks.survey("estimate", &["--assessments", text(&many), "--cve", "CVE-2021-34473"]);
    assert_eq!(other.status, 4, "{}", other.stdout);
    let nothing = weeks.survey("estimate", &["--assessments", text(&weeks.path("2021-03-04"))]);
    assert_eq!(nothing.status, 3, "{}", nothing.stderr);
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let weeks = Weeks::new();
    for (verb, options) in [
        ("diff", &["1"][..]),
        ("diff", &["1", "9"]),
        ("report", &["--run", "9"]),
        ("trend", &["--run", "1"]),
        ("notify", &["--by", "colour"]),
        ("estimate", &[]),
    ] {
        let outcome = weeks.survey(verb, options);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{verb} {options:?}");
        assert!(outcome.stderr.starts_with("error: "), "{verb}: {}", outcome.stderr);
    }
    let out = weeks.path("out");
    for (arguments, status) in
        [(&["nowhere.jsonl"][..], 2), (&["x", "--as", "pcap"], 2), (&["x", "--seen-on", "yesterday"], 2), (&[], 2)]
    {
        let outcome = afterpatch(&[&["survey", "import", "-o", text(&out)], arguments].concat());
        assert_eq!((outcome.status, outcome.stdout.as_str()), (status, ""), "{arguments:?}: {}", outcome.stderr);
    }
    assert!(!out.exists());
    let notes = weeks.path("notes.txt");
    fs::write(&notes, "nothing of a scanner\n").expect("a file");
    let unknown = afterpatch(&["survey", "import", text(&notes), "-o", text(&out)]);
    assert_eq!(unknown.status, 3);
    assert!(!out.exists(), "nothing is left behind");
    assert!(
        unknown.stderr.contains("notes.txt: not read: it is the output of no known scanner\n"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_damaged_or_foreign_store_is_an_error_and_no_panic() {
    let weeks = Weeks::new();
    let mut bytes = fs::read(weeks.path("store.db")).expect("the store");
    let half = weeks.path("half.db");
    fs::write(&half, &bytes[..bytes.len() / 2]).expect("a file");
    bytes[4_096..].iter_mut().for_each(|byte| *byte ^= 0x5A);
    let spoilt = weeks.path("spoilt.db");
    fs::write(&spoilt, &bytes).expect("a file");
    let foreign = weeks.path("2021-03-04/survey.html");
    let page = read(&foreign);
    for (store, said, status) in [
        (&half, " is damaged: ", 3),
        (&spoilt, " is damaged: ", 3),
        (&foreign, " is no store of a survey", 3),
        (&weeks.path("nowhere.db"), "no store at ", 2),
    ] {
        for verb in ["report", "trend", "diff", "notify"] {
            let out = weeks.path("out");
            let to: &[&str] = if matches!(verb, "report" | "notify") { &["-o", text(&out)] } else { &[] };
            let outcome = afterpatch(&[&["survey", verb, "--store", text(store)], to].concat());
            assert_eq!((outcome.status, outcome.stdout.as_str()), (status, ""), "{verb}: {}", outcome.stderr);
            assert!(outcome.stderr.contains(said), "{verb}: {}", outcome.stderr);
        }
    }
    assert_eq!(read(&foreign), page);
}

#[test]
fn samples_of_every_scanner_are_imported() {
    let Some(evidence) = std::env::var_os("AFTERPATCH_EVIDENCE") else {
        eprintln!("skipped: AFTERPATCH_EVIDENCE names no folder");
        return;
    };
    let samples = PathBuf::from(evidence).join("scanner-samples");
    if !samples.is_dir() {
        eprintln!("skipped: no scanner-samples in AFTERPATCH_EVIDENCE");
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let outcome = afterpatch(&["survey", "import", text(&samples), "-o", text(folder.path())]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    for format in ["httpx", "masscan", "nmap", "shadowserver", "shodan", "zgrab2"] {
        assert!(outcome.stderr.contains(&format!(": {format}, ")), "{format}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.lines().any(|line| line.starts_with("  record ")), "{}", outcome.stderr);
    let survey = survey_json(folder.path());
    assert_eq!((number(&survey["totals"]["targets"]), interval(&survey["totals"]["servers"])), (15, (2, 6)));
    assert_eq!(rows(&read(&folder.path().join("survey.csv"))), 15);
}
