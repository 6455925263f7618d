//! Runs of a scanner that is started by hand or by the update service, and of the mitigation tool: lines that belong together.
//!
//! ```text
//! Microsoft Safety Scanner v1.405, (build 1.405.445.0)
//! Started On Thu Feb 22 13:33:34 2024
//! Threat Detected: Backdoor:ASP/X and Removed!
//!   Action: Remove, Result: 0x00000000
//!     file://C:\inetpub\wwwroot\x.aspx
//! Microsoft Safety Scanner Finished On Thu Feb 22 13:35:58 2024
//! ```

use super::Said;

const SCANNER: &str = "Microsoft Safety Scanner";
const REMOVAL_TOOL: &str = "Microsoft Windows Malicious Software Removal Tool";
const MITIGATION: &str = "Microsoft Safety Scanner and CVE-2021-26855 mitigation summary";
/// Kinds of things that are named below a threat.
const RESOURCES: [&str; 14] = [
    "file",
    "containerfile",
    "webfile",
    "folder",
    "process",
    "service",
    "driver",
    "regkey",
    "regkeyvalue",
    "runkey",
    "runonce",
    "startup",
    "taskscheduler",
    "behavior",
];
/// Longer words are cut: a header stays small.
const WORD_BYTES_MAX: usize = 512;

/// What was said of a run before the line at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    channel: Option<&'static str>,
    started: String,
    threat: String,
    status: String,
    action: String,
    result: String,
    found_any: bool,
    /// The lines that name the threat and what was done, as they stand in the log.
    said: Vec<u8>,
}

/// The first line of a run?
fn begins(line: &str) -> bool {
    let is_tool = |name: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" v"));
    is_tool(SCANNER) || is_tool(REMOVAL_TOOL) || line.starts_with(MITIGATION)
}

impl Header {
    /// Moves on over a block without reading its events.
    pub fn advance(&mut self, block: &[u8]) {
        for (line, _) in crate::block::lines(block) {
            _ = super::line_is(line, self);
        }
    }

    /// Takes a line, and gives what it says where that is an event.
    pub(super) fn take(&mut self, line: &str, raw: &[u8]) -> Option<Said> {
        if begins(line) {
            let channel = match () {
                () if line.starts_with(MITIGATION) => "Antivirus/EOMT",
                () if line.starts_with(SCANNER) => "Antivirus/MSERT",
                () => "Antivirus/MRT",
            };
            *self = Self { channel: Some(channel), ..Self::default() };
            return None;
        }
        let channel = self.channel?;
        if channel == "Antivirus/EOMT" {
            return mitigation(line);
        }
        if let Some(time) = line.strip_prefix("Started On ") {
            self.started = clock(time);
            return Some(self.event(1000));
        }
        if let Some(time) = [SCANNER, REMOVAL_TOOL].iter().find_map(|tool| line.strip_prefix(tool)) {
            let time = clock(time.trim_start().strip_prefix("Finished On ")?);
            self.threat.clear();
            let mut said = Said { channel, event_id: 1001, ..Said::default() };
            said.add("Outcome", if self.found_any { "threats found" } else { "nothing found" });
            said.add("WrittenTime", &time);
            said.add("Started", &self.started);
            return Some(said);
        }
        self.take_of_threat(line, raw)
    }

    fn take_of_threat(&mut self, line: &str, raw: &[u8]) -> Option<Said> {
        let lower = line.get(..16).unwrap_or_default().to_ascii_lowercase();
        if lower == "threat detected:" {
            let named = line.get(16..).unwrap_or_default().trim();
            let (threat, status) = named.split_once(' ').unwrap_or((named, ""));
            self.threat = word(threat.trim_end_matches(','));
            self.status = word(status.strip_prefix("and ").unwrap_or(status).trim_end_matches(['!', '.']));
            (self.action, self.result) = (String::new(), String::new());
            self.found_any = true;
            self.said.clear();
            self.remember(raw);
            return None;
        }
        if let Some(action) = line.strip_prefix("Action: ").filter(|_| !self.threat.is_empty()) {
            let (action, result) = action.split_once(", Result: ").unwrap_or((action, ""));
            (self.action, self.result) = (word(action), word(result));
            self.remember(raw);
            return None;
        }
        if line.starts_with("Results Summary") {
            self.threat.clear();
        }
        let (kind, place) = line.split_once("://")?;
        let is_found = RESOURCES.contains(&kind) && !self.threat.is_empty();
        is_found.then(|| {
            let is_removed =
                self.action.eq_ignore_ascii_case("Remove") || self.action.eq_ignore_ascii_case("Quarantine");
            let mut said = self.event(if is_removed { 1117 } else { 1116 });
            said.add("Threat Name", &self.threat);
            said.add("Resource", line);
            let is_file = matches!(kind, "file" | "containerfile" | "webfile");
            // What lies inside an archive stands behind it.
            said.add("Path", if is_file { place.split("->").next().unwrap_or_default() } else { "" });
            said.add("Action Name", &self.action);
            said.add("Result", &self.result);
            said.add("Status", &self.status);
            said.shown = Some([&self.said, raw].concat());
            said
        })
    }

    /// Keeps a line to be shown with what follows it.
    fn remember(&mut self, raw: &[u8]) {
        if self.said.len().saturating_add(raw.len()) < 2 * WORD_BYTES_MAX {
            self.said.extend_from_slice(raw);
            self.said.push(b'\n');
        }
    }

    fn event(&self, event_id: u32) -> Said {
        let channel = self.channel.unwrap_or_default();
        let mut said = Said { channel, event_id, ..Said::default() };
        said.add("WrittenTime", &self.started);
        said
    }
}

/// The one line of the summary that says how it went. The file is written anew with every run and has no time.
fn mitigation(line: &str) -> Option<Said> {
    line.starts_with("For more information on these vulnerabilities").then(|| {
        let mut said = Said { channel: "Antivirus/EOMT", event_id: 1001, ..Said::default() };
        let failed = line.contains("This attempt was unsuccessful");
        said.add("Outcome", if failed { "the mitigation failed" } else { "the mitigation ran" });
        said
    })
}

fn word(text: &str) -> String {
    let end = (0..=WORD_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// `Thu Feb 22 13:33:34 2024` to `2024-02-22 13:33:34`; what has another form stays as it is.
fn clock(text: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    match parts.as_slice() {
        [_, month, day, time, year] => {
            let Some(month) = MONTHS.iter().position(|name| name == month) else { return word(text) };
            word(&format!("{year}-{:02}-{day:0>2} {time}", month + 1))
        }
        _ => word(text),
    }
}
