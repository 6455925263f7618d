//! Words, numbers and times as all outputs say them.
//!
//! The words clean, safe and guaranteed are never used: what is not found is "not found in the material examined".

use model::Utc;
use model::assessment::{
    Assessment, Collected, Confidence, Entry, Exposure, Grounds, Incident, IncidentOutcome, ServerAssessment, Verdict,
    WrittenBasis,
};
use model::campaign::{Proves, Stage};
use model::file::Kind;

/// The verdict as a headline.
pub(crate) fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Active => "Compromised, and still in use",
        Verdict::Compromised => "Compromised",
        Verdict::Exploited => "Exploited",
        Verdict::CannotTell => "Cannot tell",
        Verdict::Targeted => "Targeted",
        Verdict::NoEvidence => "No evidence found",
    }
}

/// What the verdict means, in a sentence for somebody who has not read the contract.
pub(crate) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Active => {
            "An attacker has a foothold, and it was used after the update that closes the hole was running."
        }
        Verdict::Compromised => {
            "A web shell or other persistence, commands run by an attacker, or access to mail is proven."
        }
        Verdict::Exploited => {
            "A request that uses the hole succeeded. Nothing that followed is proven by this evidence."
        }
        Verdict::CannotTell => {
            "Nothing that proves success was found, but the evidence does not cover the whole time at risk. This is not an all-clear."
        }
        Verdict::Targeted => "Attempts were seen. None of them succeeded in the material examined.",
        Verdict::NoEvidence => {
            "Nothing was found in the material examined, and it covers the whole time at risk with the logs in which this attack shows."
        }
    }
}

/// How sure, in words.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "High confidence",
        Confidence::Medium => "Medium confidence",
        Confidence::Low => "Low confidence",
        Confidence::None => "Not answerable",
    }
}

/// The six stages in the order of an attack.
pub(crate) const STAGES: [Stage; 6] =
    [Stage::Access, Stage::Foothold, Stage::Control, Stage::Collection, Stage::Exfiltration, Stage::Cleanup];

/// The word of the contract for a stage.
#[must_use]
pub fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Access => "access",
        Stage::Foothold => "foothold",
        Stage::Control => "control",
        Stage::Collection => "collection",
        Stage::Exfiltration => "exfiltration",
        Stage::Cleanup => "cleanup",
    }
}

/// The stage as a heading.
pub(crate) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Access => "Access",
        Stage::Foothold => "Foothold",
        Stage::Control => "Control",
        Stage::Collection => "Collection",
        Stage::Exfiltration => "Exfiltration",
        Stage::Cleanup => "Cleanup",
    }
}

/// The word of the contract for what is proven.
#[must_use]
pub fn proves_word(proves: Proves) -> &'static str {
    match proves {
        Proves::Context => "context",
        Proves::Scan => "scan",
        Proves::Attempt => "attempt",
        Proves::Success => "success",
        Proves::Cleanup => "cleanup",
        Proves::Persistence => "persistence",
        Proves::Execution => "execution",
        Proves::Theft => "theft",
    }
}

/// What a finding proves, for people.
pub(crate) fn proves(proves: Proves) -> &'static str {
    match proves {
        Proves::Context => "Background",
        Proves::Scan => "Scan",
        Proves::Attempt => "Attempt",
        Proves::Success => "Exploit succeeded",
        Proves::Cleanup => "Traces wiped",
        Proves::Persistence => "Something left behind",
        Proves::Execution => "Commands ran",
        Proves::Theft => "Data taken",
    }
}

/// How far one attacker got.
pub(crate) fn outcome(outcome: IncidentOutcome) -> &'static str {
    match outcome {
        IncidentOutcome::Attempted => "attempted only",
        IncidentOutcome::Exploited => "exploited the hole",
        IncidentOutcome::Foothold => "left a foothold",
        IncidentOutcome::Control => "took control",
        IncidentOutcome::Collection => "gathered data",
        IncidentOutcome::Exfiltration => "took data away",
    }
}

/// How one attacker came in.
pub(crate) fn entry(entry: Entry) -> &'static str {
    match entry {
        Entry::Vulnerability => "through a vulnerability",
        Entry::Credentials => "with somebody's credentials",
        Entry::Unknown => "not shown by the evidence",
    }
}

/// What says when a page was written.
pub(crate) fn written_basis(basis: WrittenBasis) -> &'static str {
    match basis {
        WrittenBasis::FileRecord => "a record of the file",
        WrittenBasis::FileTable => "the table of files",
        WrittenBasis::CommandRecord => "a record of the command",
        WrittenBasis::CollectorList => "possibly: as the file said when it was collected",
    }
}

/// What a file is.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::DelimitedLog => "IIS and Exchange logs",
        Kind::IisNative => "IIS native logs",
        Kind::ExchangeSetup => "Exchange setup logs",
        Kind::WindowsEventsJson => "Windows events as JSON",
        Kind::Evtx => "Windows event logs",
        Kind::TestProxyLogon => "Test-ProxyLogon output",
        Kind::AntivirusLog => "Antivirus logs",
        Kind::RegistryHive => "Registry hives",
        Kind::WebFile => "Pages and scripts of web folders",
        Kind::CompiledPage => "Traces of compiled pages",
        Kind::Configuration => "Configuration",
        Kind::ErrorReport => "Windows error reports",
        Kind::ScheduledTask => "Scheduled tasks",
        Kind::DirectoryExport => "Directory exports",
        Kind::Executable => "Executables (version only)",
        Kind::FileTable => "Tables of files ($MFT)",
        Kind::FileList => "Lists of collected files",
        Kind::Other => "Other files (hashed, not read further)",
        Kind::Container => "Archives not looked into",
    }
}

/// `2021-03-03 04:23:22`, always UTC; fractions are left to the data.
pub(crate) fn time(time: Utc) -> String {
    let text = Utc(time.0.div_euclid(1_000_000).saturating_mul(1_000_000)).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

/// `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `2 files`.
#[must_use]
pub fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// `4.2 GB`, decimal units, one digit.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1_000 {
        return count(value, "byte", "bytes");
    }
    // Tenths of the unit, rounded half up, in whole numbers: the same on every machine.
    let mut tenths = value / 100 + u64::from(value % 100 >= 50);
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A length of time in the largest unit that still says something: `3 days`, `5 hours`.
pub(crate) fn length(secs: i64) -> String {
    let secs = u64::try_from(secs).unwrap_or(0);
    match secs {
        172_800.. => count((secs + 43_200) / 86_400, "day", "days"),
        7_200.. => count((secs + 1_800) / 3_600, "hour", "hours"),
        120.. => count((secs + 30) / 60, "minute", "minutes"),
        _ => count(secs, "second", "seconds"),
    }
}

/// A campaign's name, by its id, as the exposures of a server give it.
pub(crate) fn campaign_name<'a>(server: &'a ServerAssessment, id: &'a str) -> &'a str {
    let known = server.exposure.iter().find(|exposure| exposure.campaign == id);
    match known {
        Some(exposure) => &exposure.campaign_name,
        None if id == "unknown" => "no campaign known to this version",
        None => id,
    }
}

/// Incidents by how far they got, the earliest of equals first.
pub(crate) fn furthest_first(incidents: &[Incident]) -> Vec<&Incident> {
    let mut sorted: Vec<&Incident> = incidents.iter().collect();
    sorted.sort_by_key(|incident| std::cmp::Reverse(incident.outcome));
    sorted
}

/// A build that ran was open to it, or may have been; otherwise it is listed only because something of it was found.
pub(crate) fn was_open(exposure: &Exposure) -> bool {
    exposure.grounds != Grounds::FindingsOnly
}

/// Exposures with the worst verdict first, then in their order.
pub(crate) fn worst_exposures_first(server: &ServerAssessment) -> Vec<&Exposure> {
    let mut sorted: Vec<&Exposure> = server.exposure.iter().collect();
    sorted.sort_by_key(|exposure| exposure.verdict);
    sorted
}

/// What the line of an exposure is called.
pub(crate) fn window(exposure: &Exposure) -> String {
    match exposure.grounds {
        Grounds::FindingsOnly => format!("Found: {}", exposure.campaign_name),
        Grounds::OpenBuild => format!("Open to {}", exposure.campaign_name),
        _ => format!("Possibly open to {}", exposure.campaign_name),
    }
}

/// How much of a window the evidence covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Seconds covered.
    pub covered_secs: i64,
    /// Seconds of the window.
    pub window_secs: i64,
}

impl Share {
    /// Of one campaign's window.
    pub(crate) fn of(exposure: &Exposure) -> Self {
        let covered: i64 = exposure.covered.iter().map(|span| span.until.secs_since(span.from).max(0)).sum();
        let uncovered: i64 = exposure.uncovered.iter().map(|span| span.until.secs_since(span.from).max(0)).sum();
        Self { covered_secs: covered, window_secs: covered.saturating_add(uncovered) }
    }

    /// Whole percent, rounded down: 100 means all of it. `None` where the window is empty.
    pub(crate) fn percent(self) -> Option<i64> {
        (self.window_secs > 0).then(|| self.covered_secs.saturating_mul(100) / self.window_secs)
    }

    /// `92 % (60 of 65 days)`.
    pub(crate) fn words(self) -> String {
        match self.percent() {
            None => "no window in this evidence".to_owned(),
            Some(percent) => {
                let (covered, window) = (length(self.covered_secs), length(self.window_secs));
                // `9 of 61 days` where both have the same unit.
                let covered = match (covered.split_once(' '), window.split_once(' ')) {
                    (Some((number, unit)), Some((_, other))) if unit == other => number.to_owned(),
                    _ => covered,
                };
                format!("{percent} % ({covered} of {window})")
            }
        }
    }
}

/// The steps of an answer that holds one step a line, without numbers that stand before them.
pub(crate) fn steps(answer: &str) -> impl Iterator<Item = &str> {
    answer
        .lines()
        .map(|line| {
            let line = line.trim();
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let numbered = rest.len() < line.len();
            match rest.strip_prefix(['.', ')']) {
                Some(rest) if numbered => rest.trim_start(),
                _ => line.strip_prefix("- ").unwrap_or(line),
            }
        })
        .filter(|line| !line.is_empty())
}

/// Servers, worst first, those alike by name.
pub(crate) fn worst_first(assessment: &Assessment) -> Vec<usize> {
    let mut order: Vec<usize> = (0..assessment.servers.len()).collect();
    order.sort_by_key(|&place| (assessment.servers[place].verdict, place));
    order
}

/// What became of the hashes that collectors wrote down.
pub(crate) fn collected(collected: &Collected) -> String {
    if collected.lists == 0 {
        return "No collector's list with hashes is in the evidence: nothing in it says what the files were when they were copied."
            .to_owned();
    }
    let differ = collected.differ.len() as u64;
    let have = if collected.fit == 1 { "has" } else { "have" };
    let mut text = format!(
        "{} of {} {have} the hash that the collector wrote down",
        number(collected.fit),
        count(collected.compared, "file", "files")
    );
    text.push_str(&match differ {
        0 => ".".to_owned(),
        1 => "; 1 differs.".to_owned(),
        many => format!("; {} differ.", number(many)),
    });
    if collected.open > 0 {
        let lines = count(collected.open, "more hash", "more hashes");
        text.push_str(&format!(" {lines} could not be compared: the file has none, or several stand for its path."));
    }
    if collected.absent > 0 {
        let lines = count(collected.absent, "line", "lines");
        text.push_str(&format!(" {lines} of the lists are about files that are not in this evidence."));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{bytes, length, number, steps};

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn sizes_round_once() {
        let cases = [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_550, "1.6 kB"),
            (999_949, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (4_200_000_000, "4.2 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (value, text) in cases {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn lengths_use_a_fitting_unit() {
        for (secs, text) in [(-1, "0 seconds"), (61, "61 seconds"), (7_200, "2 hours"), (864_000, "10 days")] {
            assert_eq!(length(secs), text);
        }
    }

    #[test]
    fn steps_lose_their_own_numbers() {
        let found: Vec<_> = steps("1. Cut it off\n2) Keep the disk\n\n- Ask\n365 days of mail").collect();
        assert_eq!(found, ["Cut it off", "Keep the disk", "Ask", "365 days of mail"]);
    }
}
