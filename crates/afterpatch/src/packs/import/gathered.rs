//! What importers gather: indicators, rules and YARA files, and by name whatever could not be taken.

use std::collections::{BTreeMap, BTreeSet};

use detect::pack::IndicatorKind;
use model::Utc;

/// Upper bound of the indicators of a pack.
pub const INDICATORS_MAX: usize = 200_000;
/// Upper bound of the rules of an import: SigmaHQ has about three thousand.
const RULES_MAX: usize = 10_000;
/// Upper bound of the YARA files of an import.
const YARA_FILES_MAX: usize = 5_000;
/// Things that were left out, and are named; more are counted.
const LEFT_OUT_MAX: usize = 10_000;
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 160;
/// Longer values are none.
const VALUE_BYTES_MAX: usize = 2_048;

/// How far somebody trusts an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// One line of `indicators.csv` in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: IndicatorKind,
    /// As written; checked when it is added.
    pub value: String,
    pub confidence: Confidence,
    pub from: Option<Utc>,
    pub until: Option<Utc>,
    pub note: String,
    pub source: String,
}

/// A rule file in the making.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Without `.yml`.
    pub name: String,
    pub text: String,
    /// Where it was, for messages.
    pub from: String,
}

/// Something that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// File, and id or line in it.
    pub what: String,
    pub why: String,
}

/// Everything that was read of all files.
#[derive(Debug, Default)]
pub struct Gathered {
    /// By kind and by the spelling in which values are compared.
    pub indicators: BTreeMap<(IndicatorKind, String), Found>,
    pub rules: Vec<RuleFile>,
    /// Name below `yara/`, and content.
    pub yara: Vec<(String, Vec<u8>)>,
    pub left_out: Vec<LeftOut>,
    /// More that were left out than are named.
    pub left_out_more: u64,
    /// What is no indicator and no rule, by what it is.
    pub ignored: BTreeMap<String, u64>,
    /// Indicators that were there already.
    pub joined: u64,
    /// Names that are taken, in small letters.
    names: BTreeSet<String>,
    /// The last number behind a name.
    numbers: BTreeMap<String, u64>,
}

impl Confidence {
    /// The word in `indicators.csv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// STIX 2.1, appendix "confidence scales", "None / Low / Med / High".
    pub fn of_hundred(number: f64) -> Self {
        match number {
            number if number >= 70.0 => Self::High,
            number if number >= 30.0 => Self::Medium,
            _ => Self::Low,
        }
    }
}

impl Gathered {
    /// How many there are of what goes into the pack, in words: indicators, rules, YARA files.
    pub fn held(&self) -> [String; 3] {
        let words = |number: usize, one: &str, many: &str| report::count(number as u64, one, many);
        [
            words(self.indicators.len(), "indicator", "indicators"),
            words(self.rules.len(), "rule", "rules"),
            words(self.yara.len(), "YARA file", "YARA files"),
        ]
    }

    /// Takes an indicator, or says why not. What is there already is joined: the widest time, the higher confidence.
    pub fn add(&mut self, what: &str, mut found: Found) {
        if found.value.len() > VALUE_BYTES_MAX || found.value.chars().any(char::is_control) {
            return self.leave_out(what, format!("the {} is too long or holds control characters", found.kind.word()));
        }
        let value = plain(found.kind, &found.value);
        let Some(spelt) = found.kind.spelling(&value) else {
            return self.leave_out(what, format!("`{}` is no {}", found.value, found.kind.word()));
        };
        if found.kind == IndicatorKind::Domain && !is_host(&spelt) {
            return self.leave_out(what, format!("`{}` is no host name", found.value));
        }
        if matches!((found.from, found.until), (Some(from), Some(until)) if from > until) {
            return self.leave_out(what, "it ends before it begins".into());
        }
        found.value = value;
        found.note = one_line(&found.note);
        found.source = one_line(&found.source);
        let key = (found.kind, spelt);
        if let Some(known) = self.indicators.get_mut(&key) {
            known.from = known.from.zip(found.from).map(|(first, second)| first.min(second));
            known.until = known.until.zip(found.until).map(|(first, second)| first.max(second));
            known.confidence = known.confidence.max(found.confidence);
            self.joined += 1;
        } else if self.indicators.len() >= INDICATORS_MAX {
            self.leave_out(what, format!("there are {INDICATORS_MAX} indicators already, the most that a pack holds"));
        } else {
            self.indicators.insert(key, found);
        }
    }

    /// Names something that cannot be taken.
    pub fn leave_out(&mut self, what: &str, why: String) {
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(LeftOut { what: what.to_owned(), why });
        } else {
            self.left_out_more += 1;
        }
    }

    /// Counts something that is no indicator and no rule.
    pub fn ignore(&mut self, what: &str) {
        // A forged file may have a kind of its own for each object.
        let what = if self.ignored.len() < 100 { one_line(what) } else { "other".into() };
        *self.ignored.entry(what).or_default() += 1;
    }

    /// Takes a rule, or says that there are too many.
    pub fn add_rule(&mut self, stem: &str, text: String, from: String) {
        if self.rules.len() >= RULES_MAX {
            return self.leave_out(&from, format!("there are {RULES_MAX} rules already, the most that is imported"));
        }
        let name = self.fresh_name(stem);
        self.rules.push(RuleFile { name, text, from });
    }

    /// Takes a YARA file, or says that there are too many.
    pub fn add_yara(&mut self, stem: &str, bytes: Vec<u8>) {
        if self.yara.len() >= YARA_FILES_MAX {
            return self
                .leave_out(stem, format!("there are {YARA_FILES_MAX} YARA files already, the most that is imported"));
        }
        let name = format!("{}.yar", self.fresh_name(stem));
        self.yara.push((name, bytes));
    }

    /// A plain name that nothing has yet.
    fn fresh_name(&mut self, stem: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
        let stem: String = stem.chars().take(80).map(plain).collect();
        let stem = if stem.trim_matches('-').is_empty() { "unnamed".to_owned() } else { stem };
        let mut name = stem.clone();
        // Not from 2 on each time: a file can hold thousands of rules.
        let number = self.numbers.entry(stem.to_ascii_lowercase()).or_insert(1);
        while !self.names.insert(name.to_ascii_lowercase()) {
            *number += 1;
            name = format!("{stem}-{number}");
        }
        name
    }
}

/// Undoes the brackets with which addresses are made unclickable, and writes a host without its last dot.
fn plain(kind: IndicatorKind, value: &str) -> String {
    let value = value.trim();
    match kind {
        IndicatorKind::Ip => refang(value).trim_end_matches("/32").trim_end_matches("/128").to_owned(),
        IndicatorKind::Domain => refang(value).trim_end_matches('.').to_owned(),
        _ => value.to_owned(),
    }
}

/// `1.2.3[.]4`, `evil[dot]example`, `hxxp://`.
pub fn refang(value: &str) -> String {
    let value = value.replace("[.]", ".").replace("(.)", ".").replace("[dot]", ".").replace("[:]", ":");
    match value.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("hxxp") => format!("http{}", value.get(4..).unwrap_or_default()),
        _ => value,
    }
}

fn is_host(value: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.len() <= 63;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    value.contains('.') && value.len() <= 253 && value.chars().all(plain) && value.split('.').all(part)
}

/// On one line, short, and nothing that a spreadsheet would run.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || report::hostile::is_hidden(c)).collect();
    let line: String = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(NOTE_CHARS_MAX).collect();
    if line.starts_with(['=', '+', '-', '@']) { format!("'{line}") } else { line }
}

#[cfg(test)]
pub(super) mod tests {
    use detect::pack::IndicatorKind;
    use model::Utc;

    use super::{Confidence, Found, Gathered};

    pub fn found(kind: IndicatorKind, value: &str) -> Found {
        let (note, source) = (String::new(), String::new());
        Found { kind, value: value.into(), confidence: Confidence::Low, from: None, until: None, note, source }
    }

    #[test]
    fn values_are_checked_and_made_plain() {
        let mut gathered = Gathered::default();
        for (kind, value) in [
            (IndicatorKind::Ip, "203.0.113[.]7/32"),
            (IndicatorKind::Ip, "203.0.113.0/24"),
            (IndicatorKind::Domain, "Evil[.]example."),
            (IndicatorKind::Domain, "not a host"),
            (IndicatorKind::Md5, "12"),
            (IndicatorKind::FileName, "a\u{1b}b"),
        ] {
            gathered.add("x", found(kind, value));
        }
        let values: Vec<&str> = gathered.indicators.values().map(|found| found.value.as_str()).collect();
        assert_eq!((values.as_slice(), gathered.left_out.len()), (["203.0.113.7", "Evil.example"].as_slice(), 4));
    }

    #[test]
    fn what_is_there_already_is_joined() {
        let mut gathered = Gathered::default();
        let times = [
            (Some(5), Some(7), Confidence::Low),
            (Some(3), Some(9), Confidence::High),
            (Some(4), None, Confidence::Low),
        ];
        for (from, until, confidence) in times {
            let (from, until) = (from.map(Utc), until.map(Utc));
            gathered.add("x", Found { from, until, confidence, ..found(IndicatorKind::FileName, "A.aspx") });
        }
        let found = gathered.indicators.values().next().unwrap();
        assert_eq!(
            (found.from, found.until, found.confidence, gathered.joined),
            (Some(Utc(3)), None, Confidence::High, 2)
        );
    }

    #[test]
    fn notes_are_short_and_run_nowhere() {
        assert_eq!(super::one_line(" a\r\nb\u{202e}c  "), "a b c");
        assert_eq!(super::one_line("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(super::one_line(&"x".repeat(5_000)).len(), 160);
    }

    #[test]
    fn names_are_fresh_and_plain() {
        let mut gathered = Gathered::default();
        gathered.add_yara("a", Vec::new());
        let names = ["A", "a-2", "a", "../x y", ".."].map(|stem| gathered.fresh_name(stem));
        assert_eq!(names, ["A-2", "a-2-2", "a-3", "---x-y", "unnamed"]);
    }

    #[test]
    fn many_of_one_name_are_numbered_quickly() {
        let mut gathered = Gathered::default();
        (0..30_000).for_each(|_| gathered.add_rule("a", String::new(), "a".into()));
        assert_eq!((gathered.rules.len(), gathered.rules[9_999].name.as_str()), (10_000, "a-10000"));
        assert_eq!(gathered.left_out.len() as u64 + gathered.left_out_more, 20_000);
    }
}
