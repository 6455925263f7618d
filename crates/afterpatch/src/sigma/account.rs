//! What became of the rules of a folder: how many run, and which do not and why.

use std::collections::BTreeMap;

use detect::plan::{Compiled, Outcome, RuleAccount};
use report::count;
use report::hostile::{ForCsv, ForTerminal};

use super::RuleSets;
use crate::exit::{Exit, Failure};

/// Rules that the screen names; all are in the table.
const NAMED_MAX: usize = 10;
/// Products and log sources that the screen names.
const SOURCES_MAX: usize = 12;

/// The outcome of loading rule sets, in numbers and by name.
#[derive(Debug, Default)]
pub struct Account {
    /// Rules and correlations that run.
    pub loaded: usize,
    /// Of these, rules whose own status is deprecated or unsupported.
    pub outdated: usize,
    /// Filters that apply to no rule.
    pub idle_filters: usize,
    /// Filters.
    pub filters: usize,
    /// Rules for other products, by product.
    pub other_products: BTreeMap<String, usize>,
    /// Rules for logs that are not read here, by log source.
    pub unread: BTreeMap<String, usize>,
    /// Rules and files that cannot be used, with the reason.
    pub refused: Vec<(String, String)>,
    /// Rules with an id that is there already, with that rule.
    pub twice: Vec<(String, String)>,
    /// Files of YAML that are no Sigma.
    pub no_rule: usize,
    /// Links, devices and hidden entries.
    pub passed_over: usize,
}

/// Sums up what became of rule sets.
pub fn account(sets: &RuleSets, compiled: &Compiled) -> Account {
    let mut account = Account { passed_over: sets.passed_over.len(), ..Account::default() };
    for one in &compiled.accounts {
        match &one.outcome {
            Outcome::Loaded(_) => {
                account.loaded += 1;
                let is_outdated = matches!(one.status.as_deref(), Some("deprecated" | "unsupported"));
                account.outdated += usize::from(is_outdated);
            }
            Outcome::Filter(rules) => {
                account.filters += 1;
                account.idle_filters += usize::from(*rules == 0);
            }
            Outcome::OtherProduct(product) => *account.other_products.entry(product.clone()).or_default() += 1,
            Outcome::Unread(source) => *account.unread.entry(source.clone()).or_default() += 1,
            Outcome::Refused(why) => account.refused.push((place(one), first_line(why).to_owned())),
            Outcome::Duplicate(first) => account.twice.push((place(one), first.clone())),
            Outcome::NoRule => account.no_rule += 1,
        }
    }
    account
}

impl Account {
    /// Ends the run when nothing was loaded: an analyst who asked for rules must not read a result without them.
    pub fn refuse_nothing(&self) -> Result<(), Failure> {
        if self.loaded > 0 {
            return Ok(());
        }
        let why = match self.refused.first() {
            Some((rule, why)) => format!(": {}: {}", ForTerminal(rule), ForTerminal(why)),
            None => String::new(),
        };
        Err(Failure::new(Exit::Integrity, format!("no rule of --sigma runs{why}"))
            .hint("--sigma takes rules for Windows events and web servers; without -q each is accounted for above"))
    }

    /// The lines for the screen; what comes from files is made harmless.
    pub fn screen(&self) -> Vec<String> {
        let rules = |number: usize| count(number as u64, "rule", "rules");
        let mut lines = vec![match self.outdated {
            0 => format!("sigma: {} loaded", rules(self.loaded)),
            outdated => format!("sigma: {} loaded, {outdated} of them deprecated or unsupported", rules(self.loaded)),
        }];
        if self.filters > 0 {
            let filters = count(self.filters as u64, "filter", "filters");
            lines.push(format!("  {filters} in force, {} of them for no rule that is here", self.idle_filters));
        }
        let sources = [(&self.other_products, "for other products"), (&self.unread, "for logs that are not read")];
        for (sources, what) in sources.into_iter().filter(|(sources, _)| !sources.is_empty()) {
            lines.push(format!("  {} {what}: {}", rules(sources.values().sum()), by_number(sources)));
        }
        for (named, what) in [(&self.twice, "there already"), (&self.refused, "refused")] {
            if named.is_empty() {
                continue;
            }
            lines.push(format!("  {} {what}:", rules(named.len())));
            let shown = named.iter().take(NAMED_MAX);
            lines.extend(shown.map(|(place, why)| format!("    {}: {}", ForTerminal(place), ForTerminal(why))));
            if named.len() > NAMED_MAX {
                lines.push(format!("    and {} more", named.len() - NAMED_MAX));
            }
        }
        if self.no_rule > 0 {
            lines.push(format!("  {} without a rule", count(self.no_rule as u64, "file", "files")));
        }
        if self.passed_over > 0 {
            let entries =
                count(self.passed_over as u64, "link, device or hidden entry", "links, devices and hidden entries");
            lines.push(format!("  {entries} passed over"));
        }
        lines
    }
}

/// All rules with what became of them: `rules.csv`.
pub fn csv(compiled: &Compiled) -> String {
    let mut text = String::from("set,file,document,title,id,level,status,outcome,detail\r\n");
    for one in &compiled.accounts {
        let (outcome, detail) = in_words(&one.outcome);
        let cells = [
            one.set.as_str(),
            &one.file,
            &one.number.map(|number| number.to_string()).unwrap_or_default(),
            &one.title,
            one.uuid.as_deref().unwrap_or_default(),
            one.level.map_or("", model::campaign::Level::word),
            one.status.as_deref().unwrap_or_default(),
            outcome,
            &detail,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| ForCsv(cell).to_string()).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn in_words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Loaded(_) => ("loaded", String::new()),
        Outcome::Filter(rules) => ("filter", format!("of {}", count(*rules as u64, "rule", "rules"))),
        Outcome::OtherProduct(product) => ("other product", product.clone()),
        Outcome::Unread(source) => ("log not read", source.clone()),
        Outcome::Refused(why) => ("refused", why.clone()),
        Outcome::Duplicate(first) => ("there already", first.clone()),
        Outcome::NoRule => ("no rule", String::new()),
    }
}

/// The most frequent first.
fn by_number(sources: &BTreeMap<String, usize>) -> String {
    let mut sorted: Vec<(&String, &usize)> = sources.iter().collect();
    sorted.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), *name));
    let shown = sorted.iter().take(SOURCES_MAX);
    let mut words: Vec<String> = shown.map(|(name, number)| format!("{} {number}", ForTerminal(name))).collect();
    let rest: usize = sorted.iter().skip(SOURCES_MAX).map(|(_, number)| **number).sum();
    if rest > 0 {
        words.push(format!("others {rest}"));
    }
    words.join(if sorted.iter().any(|(name, _)| name.contains(", ")) { "; " } else { ", " })
}

fn place(one: &RuleAccount) -> String {
    match one.number {
        Some(number) => format!("{}:{}#{number}", one.set, one.file),
        None => format!("{}:{}", one.set, one.file),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
