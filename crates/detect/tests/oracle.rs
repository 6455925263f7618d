//! Our plan against an independent evaluator, hit for hit, over every event of the public logs.
//!
//! The evaluator is `rsigma-eval` 0.23. It is given the fields of our events, so what is compared is what rules mean, not how
//! logs are read. Which events a log source means is written down here a second time, from the taxonomy appendix of the Sigma
//! specification 2.1, and shares nothing with the plan's own table. The rules are those of `packs/` that look at Windows
//! events and those of `oracle/modifiers.yml`, which use every modifier on fields that the logs have; with
//! `AFTERPATCH_SIGMAHQ` (a checkout of SigmaHQ/sigma) all of its Windows rules too.
//!
//! A difference is a fault, or stands in [`KNOWN`] with the reason. `docs/sigma-differences.md` says it to analysts.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use detect::pack::{PackFiles, cases};
use detect::plan::Plan;
use formats::block::Block;
use model::{Reject, Row, Sink, WindowsEvent};
use rsigma_eval::{Engine, Event, EventValue};
use rsigma_parser::{SigmaRule, parse_sigma_yaml};

/// Rules on which the two may differ, and why.
const KNOWN: [Known; 11] = [
    known("oracle/all-keywords", KEYWORDS),
    known("oracle/dash-of-a-rule-with-slashes", DASHES),
    known("oracle/ends-with-question-marks", WILDCARDS),
    known("oracle/nothing-is-an-empty-element", NOTHING),
    known("oracle/star-over-line-breaks", LINES),
    known("oracle/starts-with-question-marks", WILDCARDS),
    known("sigmahq/create_remote_thread_win_hktl_cactustorch", NOTHING),
    known("sigmahq/proc_creation_win_renamed_sysinternals_procdump", DASHES),
    known("sigmahq/win_firewall_as_add_rule", NOTHING),
    known("sigmahq/win_security_ad_user_enumeration", WILDCARDS),
    known("sigmahq/win_security_alert_enable_weak_encryption", WILDCARDS),
];

const KEYWORDS: &str = "keywords are looked for in the whole record; theirs wants all of them in one value";
const DASHES: &str = "`windash` takes all dashes for one another, `/` too; theirs replaces only the `-` of a rule";
const LINES: &str = "`*` is any number of any characters; theirs stops at the end of a line";
const NOTHING: &str = "`null` is an empty element too, since event logs have no other way to write nothing";
const WILDCARDS: &str =
    "`?` keeps its meaning under `startswith` and `endswith`; theirs then wants the whole value to fit";

/// A difference that is none of ours.
struct Known {
    rule: &'static str,
    reason: &'static str,
}

const fn known(rule: &'static str, reason: &'static str) -> Known {
    Known { rule, reason }
}

/// Channels by service, from the taxonomy.
const SERVICES: [(&str, &[&str]); 38] = [
    // Not in the taxonomy: text logs, by the names of their reader.
    ("antivirus", &formats::antivirus::CHANNELS),
    ("application", &["Application"]),
    (
        "applocker",
        &[
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        ],
    ),
    ("appmodel-runtime", &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    ("appxdeployment-server", &["Microsoft-Windows-AppXDeploymentServer/Operational"]),
    ("appxpackaging-om", &["Microsoft-Windows-AppxPackaging/Operational"]),
    ("bits-client", &["Microsoft-Windows-Bits-Client/Operational"]),
    ("capi2", &["Microsoft-Windows-CAPI2/Operational"]),
    (
        "certificateservicesclient-lifecycle-system",
        &["Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational"],
    ),
    ("codeintegrity-operational", &["Microsoft-Windows-CodeIntegrity/Operational"]),
    ("dhcp", &["Microsoft-Windows-DHCP-Server/Operational"]),
    ("diagnosis-scripted", &["Microsoft-Windows-Diagnosis-Scripted/Operational"]),
    // The taxonomy has the name that is shown to people; records carry the other.
    ("dns-client", &["Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"]),
    ("dns-server", &["DNS Server"]),
    ("dns-server-analytic", &["Microsoft-Windows-DNS-Server/Analytical"]),
    ("driver-framework", &["Microsoft-Windows-DriverFrameworks-UserMode/Operational"]),
    ("firewall-as", &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"]),
    ("iis-configuration", &["Microsoft-IIS-Configuration/Operational"]),
    ("ldap", &["Microsoft-Windows-LDAP-Client/Debug"]),
    ("lsa-server", &["Microsoft-Windows-LSA/Operational"]),
    ("msexchange-management", &["MSExchange Management"]),
    ("ntlm", &["Microsoft-Windows-NTLM/Operational"]),
    ("openssh", &["OpenSSH/Operational"]),
    ("powershell", &["Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"]),
    ("powershell-classic", &["Windows PowerShell"]),
    ("printservice-admin", &["Microsoft-Windows-PrintService/Admin"]),
    ("printservice-operational", &["Microsoft-Windows-PrintService/Operational"]),
    ("security", &["Security"]),
    (
        "security-mitigations",
        &[
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
        ],
    ),
    ("shell-core", &["Microsoft-Windows-Shell-Core/Operational"]),
    ("smbclient-connectivity", &["Microsoft-Windows-SmbClient/Connectivity"]),
    ("smbclient-security", &["Microsoft-Windows-SmbClient/Security"]),
    ("sysmon", &["Microsoft-Windows-Sysmon/Operational"]),
    ("system", &["System"]),
    ("taskscheduler", &["Microsoft-Windows-TaskScheduler/Operational"]),
    ("terminalservices-localsessionmanager", &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"]),
    ("windefend", &["Microsoft-Windows-Windows Defender/Operational"]),
    ("wmi", &["Microsoft-Windows-WMI-Activity/Operational"]),
];

/// Event ids by category and service, from the taxonomy. Security 4688 is `process_creation` too (its section "Process
/// Creation"); `file_delete` is what the pipelines of pySigma make of it.
const CATEGORIES: [(&str, &str, &[u32]); 35] = [
    ("process_creation", "sysmon", &[1]),
    ("process_creation", "security", &[4688]),
    ("file_change", "sysmon", &[2]),
    ("network_connection", "sysmon", &[3]),
    ("sysmon_status", "sysmon", &[4, 16]),
    ("process_termination", "sysmon", &[5]),
    ("driver_load", "sysmon", &[6]),
    ("image_load", "sysmon", &[7]),
    ("create_remote_thread", "sysmon", &[8]),
    ("raw_access_thread", "sysmon", &[9]),
    ("process_access", "sysmon", &[10]),
    ("file_event", "sysmon", &[11]),
    ("registry_event", "sysmon", &[12, 13, 14]),
    ("registry_add", "sysmon", &[12]),
    ("registry_delete", "sysmon", &[12]),
    ("registry_set", "sysmon", &[13]),
    ("registry_rename", "sysmon", &[14]),
    ("create_stream_hash", "sysmon", &[15]),
    ("pipe_created", "sysmon", &[17, 18]),
    ("wmi_event", "sysmon", &[19, 20, 21]),
    ("dns_query", "sysmon", &[22]),
    ("file_delete", "sysmon", &[23, 26]),
    ("clipboard_capture", "sysmon", &[24]),
    ("process_tampering", "sysmon", &[25]),
    ("file_delete_detected", "sysmon", &[26]),
    ("file_block_executable", "sysmon", &[27]),
    ("file_block_shredding", "sysmon", &[28]),
    ("file_executable_detected", "sysmon", &[29]),
    ("sysmon_error", "sysmon", &[255]),
    ("ps_module", "powershell", &[4103]),
    ("ps_script", "powershell", &[4104]),
    ("ps_classic_start", "powershell-classic", &[400]),
    ("ps_classic_provider_start", "powershell-classic", &[600]),
    ("ps_classic_script", "powershell-classic", &[800]),
    // Not in the taxonomy, but read by the plan under this name too.
    ("clipboard_change", "sysmon", &[24]),
];

/// Security 4688 under the names of Sysmon 1.
const RENAMED: [(&str, &str); 8] = [
    ("NewProcessName", "Image"),
    ("ProcessCommandLine", "CommandLine"),
    ("ParentProcessName", "ParentImage"),
    ("SubjectUserName", "User"),
    ("NewProcessId", "ProcessId"),
    ("ProcessId", "ParentProcessId"),
    ("SubjectLogonId", "LogonId"),
    // Rules name the SIDs of this field beside the words of the other: `IntegrityLevel: [High, S-1-16-12288]`.
    ("MandatoryLabel", "IntegrityLevel"),
];

/// Every rule has a case that it hits, so none sleeps here; needs no evidence.
#[test]
fn rules_of_the_packs_hit_the_same_events_of_their_cases() {
    let packs = packs();
    let mut comparison = Comparison::new(&packs);
    for pack in &packs {
        let (cases, _) = cases::of_pack(pack);
        for case in &cases {
            comparison.log = format!("{}/{}:{}", pack.id, case.file, case.line);
            let block = Block::whole(case.log.as_bytes());
            match case.family() {
                "windows" => _ = formats::jsonl::read(&block, &mut comparison),
                "antivirus" => _ = formats::antivirus::read(&block, &mut Default::default(), &mut comparison),
                _ => {}
            }
        }
    }
    comparison.report();
    comparison.check();
    let asleep: Vec<&String> = comparison.oracle.rules.difference(&comparison.awake).collect();
    assert!(asleep.is_empty(), "rules that hit nothing compare nothing: {asleep:?}");
}

#[test]
fn rules_of_the_packs_hit_the_same_events() {
    compare(&packs());
}

#[test]
fn rules_with_every_modifier_hit_the_same_events() {
    let asleep = compare(&[written_for_this()]);
    assert!(asleep.is_empty(), "rules that hit nothing compare nothing: {asleep:?}");
}

#[test]
fn rules_of_sigmahq_hit_the_same_events() {
    let Some(checkout) = std::env::var_os("AFTERPATCH_SIGMAHQ") else {
        eprintln!("skipped: set AFTERPATCH_SIGMAHQ to a checkout of SigmaHQ/sigma");
        return;
    };
    compare(&[sigmahq(Path::new(&checkout))]);
}

/// Runs both over all events; hands back the rules that hit nothing.
fn compare(packs: &[PackFiles]) -> Vec<String> {
    let Some(logs) = logs() else { return Vec::new() };
    let mut comparison = Comparison::new(packs);
    for (name, log) in &logs {
        comparison.log.clone_from(name);
        let (_, outcome) = formats::evtx::read(&mut log.as_slice(), &mut comparison);
        outcome.expect("a slice can be read");
    }
    comparison.report();
    comparison.check();
    comparison.oracle.rules.difference(&comparison.awake).cloned().collect()
}

/// Both sides, and where they part.
struct Comparison {
    plan: Plan,
    oracle: Oracle,
    log: String,
    events: u64,
    hits: u64,
    awake: BTreeSet<String>,
    differences: BTreeMap<String, Difference>,
}

/// Hits that only one side has.
#[derive(Default)]
struct Difference {
    only_ours: Vec<String>,
    only_theirs: Vec<String>,
}

impl Comparison {
    fn new(packs: &[PackFiles]) -> Self {
        let compiled = Plan::compile(packs);
        for refusal in &compiled.refusals {
            eprintln!("ours refuses {}: {}", refusal.rule, refusal.reason);
        }
        let names: BTreeSet<&str> = compiled.plan.rules().iter().map(|rule| rule.id.as_str()).collect();
        let oracle = Oracle::new(packs, &names);
        let (log, awake, differences) = (String::new(), BTreeSet::new(), BTreeMap::new());
        Self { plan: compiled.plan, oracle, log, events: 0, hits: 0, awake, differences }
    }

    fn report(&self) {
        eprintln!("{} events, {} hits of {} rules", self.events, self.hits, self.awake.len());
        for (rule, difference) in &self.differences {
            let reason = reason(rule).unwrap_or("UNEXPLAINED");
            let (ours, theirs) = (&difference.only_ours, &difference.only_theirs);
            eprintln!("{rule}: {} only ours, {} only theirs: {reason}", ours.len(), theirs.len());
            for place in ours.iter().take(2) {
                eprintln!("  only ours: {place}");
            }
            for place in theirs.iter().take(2) {
                eprintln!("  only theirs: {place}");
            }
        }
    }

    fn check(&self) {
        assert!(self.hits > 0, "no rule hit anything");
        assert!(self.unexplained().is_empty(), "differences without a reason, see above");
        assert!(self.settled().is_empty(), "no longer different: {:?}", self.settled());
    }

    /// Known differences that are none any more.
    fn settled(&self) -> Vec<&str> {
        let settled =
            |known: &&Known| self.oracle.rules.contains(known.rule) && !self.differences.contains_key(known.rule);
        KNOWN.iter().filter(settled).map(|known| known.rule).collect()
    }

    fn unexplained(&self) -> Vec<&str> {
        self.differences.keys().map(String::as_str).filter(|rule| reason(rule).is_none()).collect()
    }
}

fn reason(rule: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.rule == rule).map(|known| known.reason)
}

impl Sink for Comparison {
    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.events += 1;
        let mut ours = BTreeSet::new();
        self.plan.events(event, &mut |rule| {
            ours.extend(self.plan.rules().get(rule.at()).map(|facts| facts.id.clone()));
        });
        let theirs = self.oracle.hits(event);
        self.hits += ours.len() as u64;
        let place = || format!("{}, record {}", self.log, event.record);
        for rule in ours.difference(&theirs) {
            self.differences.entry(rule.clone()).or_default().only_ours.push(place());
        }
        for rule in theirs.difference(&ours) {
            self.differences.entry(rule.clone()).or_default().only_theirs.push(place());
        }
        self.awake.extend(ours);
        self.awake.extend(theirs);
    }

    fn row(&mut self, _: &Row<'_>) {}

    fn reject(&mut self, _: Reject) {}
}

/// The other evaluator: an engine for each log source.
struct Oracle {
    engines: BTreeMap<Source, Engine>,
    /// All rules in them.
    rules: BTreeSet<String>,
}

/// Category and service of a rule.
type Source = (Option<String>, Option<String>);

impl Oracle {
    /// The rules of the packs that the plan runs and that look at Windows events.
    fn new(packs: &[PackFiles], names: &BTreeSet<&str>) -> Self {
        let mut engines: BTreeMap<Source, Engine> = BTreeMap::new();
        let mut rules = BTreeSet::new();
        for pack in packs {
            for (path, text) in &pack.files {
                let Some(file) = path.strip_prefix("rules/").and_then(|file| file.strip_suffix(".yml")) else {
                    continue;
                };
                let id = format!("{}/{file}", pack.id);
                let collection = parse_sigma_yaml(std::str::from_utf8(text).unwrap()).unwrap();
                for mut rule in collection.rules {
                    // Values of registry hives are no events.
                    let of_events = rule.logsource.product.as_deref() == Some("windows")
                        && rule.logsource.service.as_deref() != Some("registry");
                    if names.contains(id.as_str()) && of_events {
                        rule.id = Some(id.clone());
                        let engine = engines.entry(source_of(&rule)).or_default();
                        engine.add_rule(&rule).unwrap_or_else(|error| panic!("theirs refuses {id}: {error}"));
                        rules.insert(id.clone());
                    }
                }
            }
        }
        Self { engines, rules }
    }

    fn hits(&self, event: &WindowsEvent<'_>) -> BTreeSet<String> {
        let mut hits = BTreeSet::new();
        let plain = Fields::new(event);
        for ((category, service), engine) in &self.engines {
            let services = services_of(event);
            let by_service = service.as_deref().is_none_or(|service| services.contains(&service));
            let meant = |(name, of, ids): &&(&str, &str, &[u32])| {
                category.as_deref() == Some(*name) && services.contains(of) && ids.contains(&event.event_id)
            };
            let by_category = category.is_none() || CATEGORIES.iter().any(|entry| meant(&entry));
            if !by_service || !by_category {
                continue;
            }
            let results = match event.event_id == 4688 && category.is_some() {
                true => engine.evaluate(&plain.renamed()),
                false => engine.evaluate(&plain),
            };
            hits.extend(results.into_iter().filter_map(|result| result.header.rule_id));
        }
        hits
    }
}

fn source_of(rule: &SigmaRule) -> Source {
    (rule.logsource.category.clone(), rule.logsource.service.clone())
}

fn services_of(event: &WindowsEvent<'_>) -> Vec<&'static str> {
    let holds = |channels: &[&str]| channels.iter().any(|channel| channel.eq_ignore_ascii_case(&event.channel));
    SERVICES.iter().filter(|(_, channels)| holds(channels)).map(|(service, _)| *service).collect()
}

/// An event as the other evaluator sees it. Names are compared exactly, the first of a name counts: data before system.
struct Fields<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    fn new(event: &'a WindowsEvent<'_>) -> Self {
        let data = event.fields.iter().map(|(name, value)| (&**name, Cow::Borrowed(&**value)));
        let mut fields: Vec<(&str, Cow<'_, str>)> = data.collect();
        fields.push(("EventID", Cow::Owned(event.event_id.to_string())));
        fields.push(("Channel", Cow::Borrowed(&event.channel)));
        fields.push(("Provider_Name", Cow::Borrowed(&event.provider)));
        fields.push(("Computer", Cow::Borrowed(&event.computer)));
        fields.extend(event.level.map(|level| ("Level", Cow::Owned(level.to_string()))));
        Self(fields)
    }

    /// The names of Sysmon 1 before the own ones: `ProcessId` is one of both.
    fn renamed(&self) -> Self {
        let other = |name: &str| RENAMED.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
        let mut fields: Vec<(&str, Cow<'_, str>)> =
            self.0.iter().filter_map(|(name, value)| Some((other(name)?, value.clone()))).collect();
        fields.extend(self.0.iter().cloned());
        Self(fields)
    }
}

impl Event for Fields<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        let (_, value) = self.0.iter().find(|(name, _)| *name == path)?;
        Some(EventValue::Str(Cow::Borrowed(value)))
    }

    fn any_string_value(&self, test: &dyn Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(_, value)| test(value))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(|(_, value)| Cow::Borrowed(&**value)).collect()
    }

    fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(&**value))).collect()
    }
}

/// All public event logs by name, or `None` (said aloud) where they are not at hand.
fn logs() -> Option<Vec<(String, Vec<u8>)>> {
    let evidence = std::env::var_os("AFTERPATCH_EVIDENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence"), PathBuf::from);
    let mut logs = Vec::new();
    for archive in ["mdecrevoisier.zip", "sbousseaden.zip"] {
        let Ok(packed) = std::fs::read(evidence.join("evtx").join(archive)) else {
            eprintln!("skipped: no evtx/{archive} in {} (set AFTERPATCH_EVIDENCE)", evidence.display());
            return None;
        };
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            if formats::evtx::is_event_log(&bytes) {
                logs.push((String::from_utf8_lossy(member.name_raw()).into_owned(), bytes));
            }
        }
    }
    Some(logs)
}

fn packs() -> Vec<PackFiles> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let read = |path: &Path| Cow::Owned(std::fs::read(path).unwrap());
    let pack = |path: PathBuf| {
        let mut files = vec![("pack.toml".to_owned(), read(&path.join("pack.toml")))];
        for part in ["rules", "cases"] {
            let paths = entries(&path.join(part));
            files.extend(paths.iter().map(|file| (format!("{part}/{}", name_of(file)), read(file))));
        }
        PackFiles { id: name_of(&path), files }
    };
    entries(&folder).into_iter().filter(|path| path.join("pack.toml").exists()).map(pack).collect()
}

/// A rule for each modifier and construct, one YAML document a rule.
fn written_for_this() -> PackFiles {
    let text = include_str!("oracle/modifiers.yml");
    imported("oracle", text.split("\n---\n").map(|rule| (title_of(rule), rule.to_owned())))
}

fn sigmahq(checkout: &Path) -> PackFiles {
    let mut files = Vec::new();
    for folder in ["rules/windows", "rules-emerging-threats", "rules-threat-hunting/windows"] {
        rules_below(&checkout.join(folder), &mut files);
    }
    assert!(!files.is_empty(), "no rules in {}", checkout.display());
    imported("sigmahq", files.iter().map(|file| (stem_of(file), std::fs::read_to_string(file).unwrap())))
}

fn rules_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() {
            rules_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            found.push(path);
        }
    }
}

/// A pack of foreign rules. They get the tags that every rule of ours carries, and lose nothing.
fn imported(id: &str, rules: impl Iterator<Item = (String, String)>) -> PackFiles {
    const TAGS: &str = "tags:\n    - afterpatch.stage.access\n    - afterpatch.proves.context\n";
    let manifest = format!("id = \"{id}\"\nname = \"{id}\"\nversion = \"1\"\ngeneral = true\nimported = true\n");
    let mut files = vec![("pack.toml".to_owned(), Cow::Owned(manifest.into_bytes()))];
    for (name, text) in rules {
        let text = match text.split_once("\ntags:\n") {
            Some((before, after)) => format!("{before}\n{TAGS}{after}"),
            None => format!("{}\n{TAGS}", text.trim_end()),
        };
        files.push((format!("rules/{name}.yml"), Cow::Owned(text.into_bytes())));
    }
    PackFiles { id: id.to_owned(), files }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn title_of(rule: &str) -> String {
    rule.lines().find_map(|line| line.strip_prefix("title: ")).unwrap_or("untitled").replace(' ', "-")
}
