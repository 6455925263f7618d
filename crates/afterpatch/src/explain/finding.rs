//! A finding of an `assessment.json`: its records, what rests on it, and its rule.
//!
//! The file is somebody's output and full of evidence text: only the fields that are shown are read, nothing is taken
//! for granted, and all text goes through the page.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Known, nearest};
use crate::exit::{Exit, Failure};
use crate::page::Page;

/// Larger files are no assessment.
const ASSESSMENT_BYTES_MAX: u64 = 512 << 20;
/// Lines of the answers that rest on a finding.
const ANSWERS: [&str; 11] =
    ["exposed", "hit", "since", "entry", "foothold", "control", "taken", "campaign", "cloud", "over", "next"];

/// What is read of an assessment.
#[derive(Debug, Deserialize)]
pub struct Assessment {
    schema: String,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    findings: Vec<Finding>,
}

/// A finding as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Finding {
    id: String,
    server: String,
    time: Option<String>,
    last: Option<String>,
    count: u64,
    campaign: Option<String>,
    stage: String,
    proves: String,
    rule: String,
    title: String,
    reason: String,
    benign: Vec<String>,
    source: String,
    client: Option<String>,
    account: Option<String>,
    subject: Option<String>,
    evidence: Vec<Evidence>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    path: String,
    record: u64,
    offset: u64,
    time: Option<String>,
    text: String,
    encoding: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Server {
    server: String,
    incidents: Vec<Incident>,
    web_shells: Vec<Resting>,
    mailboxes: Vec<Resting>,
    persistence: Vec<Resting>,
    answers: BTreeMap<String, Answer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: String,
    campaign: String,
    outcome: String,
    stages: BTreeMap<String, Vec<String>>,
}

/// Something that rests on findings; each kind has a name of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resting {
    path: Option<String>,
    mailbox: Option<String>,
    name: Option<String>,
    findings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    answer: String,
    because: Vec<String>,
}

impl Assessment {
    /// Reads a file, or the `assessment.json` in a folder.
    pub fn read(place: &Path) -> Result<Self, Failure> {
        let file = if place.is_dir() { place.join("assessment.json") } else { place.to_owned() };
        let bytes = crate::packs::read_whole(&file, ASSESSMENT_BYTES_MAX).map_err(|failure| {
            failure.hint("--in takes the folder that `afterpatch assess` wrote, or its assessment.json")
        })?;
        let refuse = |why: String| {
            Failure::new(Exit::Usage, format!("`{}` is no assessment: {why}", file.display()))
                .hint("--in takes the folder that `afterpatch assess` wrote, or its assessment.json")
        };
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if read.schema.starts_with("afterpatch.assessment/") {
            Ok(read)
        } else {
            Err(refuse(format!("its schema is `{}`", read.schema)))
        }
    }

    /// A finding by its id.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.id == id)
    }

    /// No finding has this id.
    pub fn unknown(&self, id: &str) -> Failure {
        let failure = Failure::new(Exit::Usage, format!("there is no finding and no rule `{id}`"));
        let near = nearest(id, self.findings.iter().map(|finding| finding.id.as_str()));
        match self.findings.len() {
            0 => failure.hint("this assessment has no findings"),
            count if near.is_empty() => failure.hint(format!("this assessment has the findings f1 to f{count}")),
            _ => failure.hint(format!("the nearest: {}", near.join(", "))),
        }
    }

    /// Writes all that is known of a finding.
    pub(super) fn explain(&self, finding: &Finding, known: &Known, page: &mut Page) {
        page.title(&format!("{}: {}", finding.id, finding.title));
        page.field("server", &finding.server);
        page.field("when", &finding.when());
        page.field("records", &finding.count.to_string());
        page.field("proves", &finding.proves);
        page.field("part", &finding.stage);
        page.field("campaign", finding.campaign.as_deref().unwrap_or("fits any"));
        page.field("log", &finding.source);
        page.field("client", finding.client.as_deref().unwrap_or_default());
        page.field("account", finding.account.as_deref().unwrap_or_default());
        page.field("about", finding.subject.as_deref().unwrap_or_default());
        page.field("rule", &finding.rule);
        page.heading("What rests on it");
        let resting = self.resting_on(finding);
        if resting.is_empty() {
            page.paragraph("Nothing: no incident and no answer.");
        }
        resting.iter().for_each(|text| page.item(text));
        page.heading(&format!("Records ({} of {})", finding.evidence.len(), finding.count));
        for evidence in &finding.evidence {
            page.item(&evidence.place());
            page.indented(&evidence.text);
        }
        match known.find(&finding.rule) {
            Ok(rule) => {
                page.heading("The rule");
                known.explain(rule, page);
            }
            Err(_) => finding.explain_itself(page),
        }
    }

    fn resting_on(&self, finding: &Finding) -> Vec<String> {
        let mut resting = Vec::new();
        let rests = |ids: &[String]| ids.contains(&finding.id);
        for server in self.servers.iter().filter(|server| server.server == finding.server) {
            for incident in &server.incidents {
                let stages: Vec<&str> =
                    incident.stages.iter().filter(|(_, ids)| rests(ids)).map(|(stage, _)| stage.as_str()).collect();
                if !stages.is_empty() {
                    let (id, campaign, outcome) = (&incident.id, &incident.campaign, &incident.outcome);
                    resting.push(format!("incident {id} ({campaign}, {outcome}): {}", stages.join(", ")));
                }
            }
            let kinds = [
                ("web shell", &server.web_shells),
                ("mailbox", &server.mailboxes),
                ("left behind", &server.persistence),
            ];
            for (kind, things) in kinds {
                let on_it = things.iter().filter(|thing| rests(&thing.findings));
                resting.extend(on_it.map(|thing| format!("{kind} {}", thing.called())));
            }
            let answers = ANSWERS.iter().filter_map(|key| server.answers.get(*key).map(|answer| (key, answer)));
            let on_it = answers.filter(|(_, answer)| rests(&answer.because));
            resting.extend(on_it.map(|(key, answer)| format!("answer `{key}`: {}", first_line(&answer.answer))));
        }
        resting
    }
}

/// The report has the rest.
fn first_line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

impl Resting {
    fn called(&self) -> &str {
        let names = [&self.path, &self.mailbox, &self.name];
        names.into_iter().find_map(|name| name.as_deref()).unwrap_or("(no name)")
    }
}

impl Evidence {
    fn place(&self) -> String {
        let time = self.time.as_deref().unwrap_or("no time");
        let encoding = self.encoding.as_deref().map(|name| format!(", shown as {name}")).unwrap_or_default();
        format!("{}, record {}, byte {}, {time}{encoding}", self.path, self.record, self.offset)
    }
}

impl Finding {
    fn when(&self) -> String {
        match (self.time.as_deref(), self.last.as_deref()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            (Some(time), _) | (None, Some(time)) => time.to_owned(),
            (None, None) => "the evidence has no time".to_owned(),
        }
    }

    /// Where the rule is not of these packs, the finding says itself what it means.
    fn explain_itself(&self, page: &mut Page) {
        page.heading("Why it matters");
        page.paragraph(&self.reason);
        page.list("What else it can be", &self.benign);
        page.heading("The rule");
        page.paragraph(if self.rule.starts_with("observer/") {
            "It is part of the program and of no pack: it judges many records together."
        } else {
            "It is in none of the packs in use here; choose those of the assessment with --packs or --add-packs."
        });
    }
}
