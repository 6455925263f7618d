//! `packs list` and `packs show`.

use std::collections::BTreeMap;

use detect::pack::cases::of_pack;
use detect::pack::{Pack, RuleAsWritten};
use detect::plan::Plan;
use model::campaign::{Campaign, CampaignKind};
use report::hostile::ForTerminal;
use serde_json::{Value, json};

use super::open::{self, Opened, Origin, Signed};
use super::yara;
use crate::cli::{ListOptions, Listing, ShowOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::page::Page;

/// A pack that was read, with what only its files say.
struct Shown<'a> {
    opened: &'a Opened,
    pack: Pack,
    cases: usize,
}

const COLUMNS: [&str; 9] = ["ID", "NAME", "VERSION", "KIND", "RULES", "INDICATORS", "CASES", "FIRST USE", "SIGNED"];
/// Columns of the screen that one cell takes at most.
const CELL_COLUMNS_MAX: usize = 36;

/// `packs list`.
pub fn list(options: &ListOptions, console: &Console) -> Result<Exit, Failure> {
    let opened = open::load(&options.packs)?;
    let shown = opened.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match options.format {
        Listing::Json => {
            let packs: Vec<Value> = shown.iter().map(Shown::summary).collect();
            console.result(&report::json::pretty(&json!({"packs": packs})));
        }
        Listing::Human => console.result(&table(&shown)),
    }
    Ok(Exit::Done)
}

/// `packs show ID`.
pub fn show(options: &ShowOptions, console: &Console) -> Result<Exit, Failure> {
    let opened = open::load(&options.packs)?;
    let Some(pack) = opened.iter().find(|pack| pack.files.id == options.id) else {
        let ids: Vec<&str> = opened.iter().map(|pack| pack.files.id.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("there is no pack `{}`", options.id))
            .hint(format!("there are: {}", ids.join(", "))));
    };
    let shown = read(pack)?;
    match options.format {
        Listing::Json => console.result(&report::json::pretty(&shown.whole())),
        Listing::Human => console.result(&shown.page(console.width())),
    }
    Ok(Exit::Done)
}

/// A pack that does not load is not shown as if it did.
fn read(opened: &Opened) -> Result<Shown<'_>, Failure> {
    let refusals = Plan::compile(std::slice::from_ref(&opened.files)).refusals;
    super::refuse_refusals(std::slice::from_ref(opened), &refusals)?;
    let (pack, _) = Pack::read(&opened.files);
    let pack = pack.ok_or_else(|| Failure::new(Exit::Integrity, format!("`{}` is no pack", opened.place)))?;
    let (cases, _) = of_pack(&opened.files);
    Ok(Shown { opened, pack, cases: cases.len() })
}

fn table(shown: &[Shown<'_>]) -> String {
    let mut rows: Vec<Vec<String>> = vec![COLUMNS.iter().map(|&cell| cell.to_owned()).collect()];
    rows.extend(
        shown
            .iter()
            .map(|pack| pack.row().iter().map(|cell| format!("{:.CELL_COLUMNS_MAX$}", ForTerminal(cell))).collect()),
    );
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The day of a moment.
fn day(time: model::Utc) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn first_use(campaign: &Campaign) -> String {
    campaign.first_use.map_or_else(|| "none known".to_owned(), day)
}

impl Shown<'_> {
    fn campaign(&self) -> Option<&Campaign> {
        self.pack.campaign.as_ref()
    }

    fn kind(&self) -> &'static str {
        match (self.campaign(), self.pack.imported) {
            (Some(campaign), false) => match campaign.kind {
                CampaignKind::Vulnerability => "vulnerability",
                CampaignKind::Untraceable => "untraceable",
                CampaignKind::Aftermath => "aftermath",
                CampaignKind::Separate => "separate",
            },
            (None, false) => "general",
            (Some(_), true) => "campaign, imported",
            (None, true) => "general, imported",
        }
    }

    fn signed(&self) -> String {
        match &self.opened.origin {
            Origin::BuiltIn => "built in".into(),
            Origin::Folder | Origin::File(Signed::No) => "no".into(),
            Origin::File(Signed::NotVerified(key)) => format!("by {key}, not verified"),
            Origin::File(Signed::By(key)) => format!("yes, by {key}"),
        }
    }

    fn row(&self) -> [String; 9] {
        [
            self.pack.id.clone(),
            self.pack.name.clone(),
            self.pack.version.clone(),
            self.kind().to_owned(),
            self.pack.rules().count().to_string(),
            self.pack.indicators().len().to_string(),
            self.cases.to_string(),
            self.campaign().map_or_else(|| "-".to_owned(), first_use),
            self.signed(),
        ]
    }

    fn summary(&self) -> Value {
        json!({
            "id": self.pack.id, "name": self.pack.name, "version": self.pack.version, "sha256": self.pack.sha256,
            "kind": if self.campaign().is_some() { "campaign" } else { "general" }, "imported": self.pack.imported,
            "rules": self.pack.rules().count(), "indicators": self.pack.indicators().len(), "cases": self.cases,
            "first_use": self.campaign().map(|campaign| campaign.first_use), "place": self.opened.place,
            "signed": self.signed(),
        })
    }

    fn indicators(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for indicator in self.pack.indicators() {
            *counts.entry(indicator.kind.word()).or_default() += 1;
        }
        counts
    }

    fn whole(&self) -> Value {
        let rule = |rule: RuleAsWritten<'_>| {
            json!({"id": rule.facts.id, "title": rule.facts.title, "stage": rule.facts.stage, "proves": rule.facts.proves,
                "log_source": rule.log_source, "joins": rule.joins, "attack": rule.facts.attack})
        };
        let campaign = self.campaign().map(|campaign| {
            let needs = campaign.needs.iter().map(|need| json!({"any_of": need.any_of, "settle": need.settle}));
            let group = |group: &model::campaign::Group| {
                json!({"id": group.id, "name": group.name, "first_use": group.first_use, "note": group.note,
                    "source": group.source})
            };
            let groups: Vec<Value> = campaign.groups.iter().map(group).collect();
            json!({"kind": campaign.kind, "groups": groups, "cves": campaign.cves, "entry_cves": campaign.entry_cves, "first_use": campaign.first_use,
                "first_use_basis": campaign.first_use_basis, "public": campaign.public, "tell_apart": campaign.tell_apart,
                "needs": needs.collect::<Vec<_>>(), "limits": campaign.limits, "sources": campaign.sources})
        });
        let mut whole = self.summary();
        whole["campaign"] = json!(campaign);
        whole["rules"] = self.pack.rules().map(rule).collect();
        whole["indicators"] = json!(self.indicators());
        whole["yara_files"] = yara::files(self.opened).iter().map(|(path, _)| *path).collect();
        whole["readme"] = json!(self.opened.text("README.md"));
        whole
    }

    fn page(&self, width: usize) -> String {
        let mut page = Page::new(width);
        page.title(&format!("{}: {}", self.pack.id, self.pack.name));
        page.field("version", &self.pack.version);
        page.field("sha256", &self.pack.sha256);
        page.field("kind", self.kind());
        page.field("from", &self.opened.place);
        page.field("signed", &self.signed());
        if let Some(campaign) = self.campaign() {
            campaign_on(&mut page, campaign);
        }
        page.heading(&format!("Rules ({})", self.pack.rules().count()));
        for rule in self.pack.rules() {
            page.item(&format!("{}: {}", rule.facts.id, rule.facts.title));
            let joins = || format!("joins {}", rule.joins.join(", "));
            let source = rule.log_source.clone().unwrap_or_else(joins);
            let (stage, proves) = (report::stage_word(rule.facts.stage), report::proves_word(rule.facts.proves));
            page.indented(&format!("{stage}, proves {proves}; {source}"));
        }
        let counts: Vec<String> = self.indicators().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        page.heading(&format!("Indicators ({})", self.pack.indicators().len()));
        page.paragraph(if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }.as_str());
        let yara: Vec<&str> = yara::files(self.opened).iter().map(|(path, _)| *path).collect();
        page.list("YARA files", &yara);
        if let Some(readme) = self.opened.text("README.md") {
            page.heading("README.md");
            page.quote(readme);
        }
        page.into_text()
    }
}

fn campaign_on(page: &mut Page, campaign: &Campaign) {
    page.heading("Campaign");
    page.field("holes", &campaign.cves.join(", "));
    page.field("way in", &campaign.entry_cves.join(", "));
    page.field("first use", &format!("{}, {}", first_use(campaign), campaign.first_use_basis));
    page.field("public", &day(campaign.public));
    page.field("told apart by", &campaign.tell_apart);
    let needs: Vec<String> =
        campaign.needs.iter().map(|need| format!("{}: {}", need.any_of.join(" or "), need.settle)).collect();
    page.list("What has to cover the window before \"no evidence\" may be said", &needs);
    page.list("What stays invisible even with all evidence", &campaign.limits);
    let groups: Vec<String> =
        campaign.groups.iter().map(|group| format!("{}: {} ({})", group.name, group.note, group.source)).collect();
    page.list("Groups that reports tell apart", &groups);
    page.list("Sources", &campaign.sources);
}
