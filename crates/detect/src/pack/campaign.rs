//! `pack.toml`: the campaign.

use model::Utc;
use model::campaign::{Campaign, CampaignKind, Group, Need};
use serde::Deserialize;

use super::text;

/// What `pack.toml` says.
pub(super) struct Manifest {
    pub(super) version: String,
    pub(super) name: String,
    pub(super) imported: bool,
    pub(super) campaign: Option<Campaign>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: String,
    version: String,
    /// Rules that fit any campaign: the pack describes none.
    #[serde(default)]
    general: bool,
    /// Made from somebody else's files: its rules have no cases.
    #[serde(default)]
    imported: bool,
    #[serde(default)]
    kind: WrittenKind,
    /// The way in needs a signed-in user.
    #[serde(default)]
    authenticated: bool,
    /// Campaigns whose failed attempts look the same.
    #[serde(default)]
    resembles: Vec<String>,
    #[serde(default)]
    cves: Vec<String>,
    #[serde(default)]
    entry_cves: Vec<String>,
    first_use: Option<String>,
    first_use_basis: Option<String>,
    public: Option<String>,
    #[serde(default)]
    tell_apart: String,
    #[serde(default)]
    limits: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    needs: Vec<WrittenNeed>,
    #[serde(default, rename = "group")]
    groups: Vec<WrittenGroup>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenKind {
    #[default]
    Vulnerability,
    Untraceable,
    Aftermath,
    Separate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    id: String,
    name: String,
    first_use: Option<String>,
    note: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNeed {
    any_of: Vec<String>,
    settle: String,
}

pub(super) fn read(id: &str, sha256: &str, files: &[(&str, &[u8])]) -> Result<Manifest, String> {
    let bytes = files.iter().find(|(path, _)| *path == "pack.toml").map(|(_, bytes)| *bytes).ok_or("is missing")?;
    let written: Written = toml::from_str(text(bytes)?).map_err(|error| error.to_string())?;
    if written.id != id {
        return Err(format!("its id is `{}`, but its folder is `{id}`", written.id));
    }
    let (version, name, imported) = (written.version.clone(), written.name.clone(), written.imported);
    let campaign = if written.general { None } else { Some(campaign(written, sha256)?) };
    Ok(Manifest { version, name, imported, campaign })
}

fn campaign(written: Written, sha256: &str) -> Result<Campaign, String> {
    if let Some(stray) = written.entry_cves.iter().find(|cve| !written.cves.contains(cve)) {
        return Err(format!("`{stray}` of entry_cves is not among cves"));
    }
    let kind = match written.kind {
        WrittenKind::Vulnerability => CampaignKind::Vulnerability,
        WrittenKind::Untraceable => CampaignKind::Untraceable,
        WrittenKind::Aftermath => CampaignKind::Aftermath,
        WrittenKind::Separate => CampaignKind::Separate,
    };
    if matches!(kind, CampaignKind::Vulnerability | CampaignKind::Untraceable) && written.entry_cves.is_empty() {
        return Err("without entry_cves no server can be open to it; what is done after a break-in has \
                    kind = \"aftermath\""
            .into());
    }
    // What no log shows is met by no log.
    if kind != CampaignKind::Untraceable && written.needs.iter().any(|need| need.any_of.is_empty()) {
        return Err("a need without sources can never be met".into());
    }
    if kind == CampaignKind::Untraceable && written.needs.is_empty() {
        return Err("a campaign without traces has to say in needs what would settle it".into());
    }
    let first_use = written.first_use.as_deref().map(|day| time("first_use", Some(day))).transpose()?;
    let basis = match (first_use, written.first_use_basis) {
        (Some(_), Some(basis)) => basis,
        (Some(_), None) => return Err("first_use_basis is missing".into()),
        (None, basis) => basis.unwrap_or_else(|| "public disclosure; no use before or after is known".to_owned()),
    };
    Ok(Campaign {
        id: written.id,
        name: written.name,
        kind,
        version: written.version,
        sha256: sha256.to_owned(),
        cves: written.cves,
        entry_cves: written.entry_cves,
        first_use,
        first_use_basis: basis,
        public: time("public", written.public.as_deref())?,
        tell_apart: written.tell_apart,
        needs: written.needs.into_iter().map(|need| Need { any_of: need.any_of, settle: need.settle }).collect(),
        limits: written.limits,
        sources: written.sources,
        authenticated: written.authenticated,
        resembles: written.resembles,
        groups: written.groups.into_iter().map(group).collect::<Result<_, _>>()?,
    })
}

fn group(written: WrittenGroup) -> Result<Group, String> {
    let first_use = written.first_use.as_deref().map(|day| time("first_use", Some(day))).transpose()?;
    Ok(Group { id: written.id, name: written.name, first_use, note: written.note, source: written.source })
}

fn time(key: &str, written: Option<&str>) -> Result<Utc, String> {
    let written = written.ok_or_else(|| format!("{key} is missing"))?;
    Utc::parse(written.as_bytes()).ok_or_else(|| format!("{key} `{written}` is no date"))
}

#[cfg(test)]
mod tests {
    use model::campaign::CampaignKind;

    use super::read;

    const CAMPAIGN: &str = r#"
id = "p"
name = "P"
version = "1"
cves = ["CVE-2021-26855", "CVE-2021-27065"]
entry_cves = ["CVE-2021-26855"]
first_use = "2021-01-03"
first_use_basis = "first known exploitation"
public = "2021-03-02"
[[needs]]
any_of = ["httpproxy/Ecp"]
settle = "collect it"
"#;

    fn campaign(text: &str) -> Result<model::campaign::Campaign, String> {
        read("p", "00", &[("pack.toml", text.as_bytes())]).map(|manifest| manifest.campaign.unwrap())
    }

    #[test]
    fn reads_a_campaign() {
        let campaign = campaign(CAMPAIGN).unwrap();
        assert_eq!(campaign.first_use.map(|time| time.to_string()).as_deref(), Some("2021-01-03T00:00:00Z"));
        assert_eq!(campaign.kind, CampaignKind::Vulnerability);
        assert_eq!(campaign.needs[0].any_of, ["httpproxy/Ecp"]);
    }

    #[test]
    fn what_is_found_afterwards_needs_no_hole_and_what_leaves_no_trace_no_log() {
        let aftermath = CAMPAIGN.replace("entry_cves = [\"CVE-2021-26855\"]", "kind = \"aftermath\"");
        assert_eq!(campaign(&aftermath).unwrap().kind, CampaignKind::Aftermath);
        let untraceable = CAMPAIGN
            .replace("first_use = \"2021-01-03\"", "kind = \"untraceable\"")
            .replace("[\"httpproxy/Ecp\"]", "[]");
        let campaign = campaign(&untraceable).unwrap();
        assert_eq!((campaign.first_use, campaign.since()), (None, campaign.public));
    }

    #[test]
    fn refuses_what_would_be_misread() {
        for (from, to) in [
            ("2021-01-03", "January"),
            ("first_use_basis", "first_use_bases"),
            ("entry_cves = [\"CVE-2021-26855\"]", "entry_cves = [\"CVE-1\"]"),
            ("any_of = [\"httpproxy/Ecp\"]", "any_of = []"),
            ("settle = \"collect it\"", ""),
            ("version = \"1\"", "version = \"1\"\nkind = \"rumour\""),
            ("entry_cves = [\"CVE-2021-26855\"]", ""),
        ] {
            assert!(campaign(&CAMPAIGN.replace(from, to)).is_err(), "{from}");
        }
    }
}
