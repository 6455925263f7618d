//! Builders for tests: a handful of builds, one campaign, and servers made of a few lines.

use std::collections::BTreeMap;

use model::assessment::Assessment;
use model::campaign::{Campaign, CampaignKind, Need, Proves, RuleFacts, Stage};
use model::file::{FileRecord, Kind, Outcome};
use model::observation::{BuildSeen, EvidenceRecord, Logon, Observations, PageUse, Server, Sighting, SourceCoverage};
use model::{Build, Family, Origin, Source, Utc};

use crate::product::{Openness, Place, Product};
use crate::{Options, assess_with};

/// Open to ProxyLogon.
pub(crate) const OPEN: Build = Build::new(15, 1, 2106, 2);
/// The same cumulative update, fixed.
pub(crate) const FIXED: Build = Build::new(15, 1, 2106, 13);
/// A cumulative update that brings the fix.
pub(crate) const NEWER_CU: Build = Build::new(15, 1, 2242, 4);
/// In no list.
pub(crate) const UNKNOWN_BUILD: Build = Build::new(15, 9, 1, 1);

/// A product with four builds.
pub(crate) struct Fake;

impl Product for Fake {
    fn names(&self, build: Build) -> (String, String) {
        let update = match build {
            OPEN => "CU18",
            FIXED => "CU18 Mar21SU",
            NEWER_CU => "CU20",
            _ => "unknown",
        };
        ("Exchange Server 2016".to_owned(), update.to_owned())
    }

    fn openness(&self, _cve: &str, build: Build) -> Openness {
        match build {
            OPEN => Openness::Open,
            FIXED | NEWER_CU => Openness::Shut,
            _ => Openness::Undetermined,
        }
    }

    fn cumulative_update(&self, build: Build) -> Option<(Build, Option<Utc>)> {
        match build {
            OPEN | FIXED => Some((OPEN, Some(at("2020-09-15")))),
            NEWER_CU => Some((NEWER_CU, Some(at("2021-03-16")))),
            _ => None,
        }
    }

    fn update_steps(&self, build: Build) -> Vec<String> {
        if build == OPEN { vec!["Install CU18 Mar21SU (KB5000871)".to_owned()] } else { Vec::new() }
    }

    fn is_known_page(&self, url: &str) -> bool {
        url == "/owa/auth/logon.aspx"
    }

    fn url_of_path(&self, path: &str) -> Option<String> {
        path.strip_prefix(r"c:\inetpub\wwwroot").map(|rest| rest.replace('\\', "/"))
    }

    fn is_of_build(&self, path: &str, sha256: &str, build: Build) -> Option<bool> {
        (build == FIXED && path.ends_with("logon.aspx")).then(|| sha256 == "genuine")
    }

    fn odd_name(&self, path: &str) -> Vec<String> {
        if path.ends_with("l0gon.aspx") { vec!["its name looks like logon.aspx".to_owned()] } else { Vec::new() }
    }

    fn place(&self, url: &str) -> Place {
        match url {
            url if url.starts_with("/aspnet_client/") => Place::AspNetClient,
            url if url.starts_with("/owa/auth/") => Place::OwaAuth,
            url if url.starts_with("/ecp/auth/") => Place::EcpAuth,
            url if url.starts_with("/owa/") || url.starts_with("/ecp/") => Place::ExchangeFolder,
            url if url.matches('/').count() == 1 => Place::SiteRoot,
            _ => Place::Elsewhere,
        }
    }
}

/// A time, by date or in full.
pub(crate) fn at(text: &str) -> Utc {
    Utc::parse(text.as_bytes()).expect(text)
}

/// `httpproxy/Ecp`.
pub(crate) fn source(name: &str) -> Source {
    let (family, part) = name.split_once('/').map_or((name, None), |(family, part)| (family, Some(part)));
    let families = [
        Family::HttpProxy,
        Family::Iis,
        Family::EcpServer,
        Family::Ews,
        Family::MessageTracking,
        Family::Windows,
        Family::RpsCmdlet,
        Family::File,
    ];
    let family = families.into_iter().find(|one| one.name() == family).expect("a family of the tests");
    Source { family, part: part.map(Into::into) }
}

pub(crate) fn need(any_of: &[&str]) -> Need {
    Need { any_of: any_of.iter().map(|one| (*one).to_owned()).collect(), settle: "collect the logs".to_owned() }
}

pub(crate) fn campaign() -> Campaign {
    Campaign {
        id: "proxylogon".to_owned(),
        name: "ProxyLogon".to_owned(),
        version: "1".to_owned(),
        sha256: String::new(),
        cves: vec!["CVE-2021-26855".to_owned()],
        entry_cves: vec!["CVE-2021-26855".to_owned()],
        kind: CampaignKind::Vulnerability,
        groups: Vec::new(),
        authenticated: false,
        resembles: Vec::new(),
        first_use: Some(at("2021-01-03")),
        first_use_basis: "first known exploitation".to_owned(),
        public: at("2021-03-02"),
        tell_apart: "anchor mailbox and reset.".to_owned(),
        needs: vec![need(&["httpproxy/Ecp"]), need(&["iis/front-end"])],
        limits: vec!["the content of POST requests".to_owned()],
        sources: Vec::new(),
    }
}

pub(crate) fn file(path: &str) -> FileRecord {
    FileRecord {
        path: path.to_owned(),
        size: 10,
        sha256: None,
        kind: Kind::DelimitedLog,
        source: None,
        server: None,
        records: 1,
        rejected: 0,
        headers: 0,
        blanks: 0,
        lines: 1,
        first: None,
        last: None,
        reasons: Vec::new(),
        clock_shift_secs: 0,
        same_as: None,
        outcome: Outcome::Complete,
        claimed: None,
        claims: None,
        notes: Vec::new(),
    }
}

pub(crate) fn build_seen(family: &str, build: Build, first: &str, last: &str) -> BuildSeen {
    BuildSeen { build, first: at(first), last: at(last), family: source(family).family, weak: false }
}

/// Records in every hour of a stretch.
pub(crate) fn records(server: &mut Server, name: &str, from: &str, until: &str) {
    let (from, until) = (at(from), at(until));
    let hours: BTreeMap<i64, u64> = (from.hour()..=until.hour()).map(|hour| (hour, 7)).collect();
    let seen =
        SourceCoverage { records: hours.len() as u64 * 7, hours, files: 1, first: Some(from), last: Some(until) };
    server.coverage.insert(source(name), seen);
}

/// One hit from a public client.
pub(crate) fn sighting(rule: usize, name: &str, time: &str) -> Sighting {
    Sighting {
        rule,
        source: source(name),
        first: Some(at(time)),
        last: Some(at(time)),
        count: 1,
        client: None,
        subject: None,
        account: None,
        bytes: 0,
        status: None,
        request_ids: Vec::new(),
        evidence: vec![EvidenceRecord {
            origin: Origin { file: 0, record: 17, offset: 4_711 },
            time: Some(at(time)),
            raw: (*b"a record").into(),
        }],
    }
}

/// GETs answered 200.
pub(crate) fn page_use(page: &str, client: &str, answered: u64) -> PageUse {
    let time = at("2021-03-03T05:00:00Z");
    PageUse {
        page: page.to_owned(),
        client: client.to_owned(),
        account: None,
        exchange_site: true,
        requests: answered,
        answered,
        posts_answered: 0,
        not_found: 0,
        referred: 0,
        commands: 0,
        first: time,
        last: time,
        first_answered: Some(time),
        last_answered: Some(time),
        gone: None,
        evidence: Vec::new(),
    }
}

pub(crate) fn logon(account: &str, client: &str, time: Utc) -> Logon {
    Logon {
        account: account.to_owned(),
        client: client.to_owned(),
        requests: 1,
        first: time,
        last: time,
        evidence: Vec::new(),
    }
}

/// One server, `EXC01`, open until 5 March 2021, and one campaign with one rule.
pub(crate) struct Builder {
    pub(crate) observations: Observations,
    pub(crate) options: Options,
}

impl Builder {
    /// Builds are known, no log is there.
    pub(crate) fn new() -> Self {
        let server = Server {
            builds: vec![
                build_seen("httpproxy", OPEN, "2020-12-20", "2021-03-05"),
                build_seen("httpproxy", FIXED, "2021-03-05T02:11:00Z", "2021-03-12"),
            ],
            ..Server::default()
        };
        let observations = Observations {
            files: vec![file("a.log")],
            campaigns: vec![campaign()],
            servers: BTreeMap::from([("EXC01".to_owned(), server)]),
            ..Observations::default()
        };
        let mut builder = Self { observations, options: Options { version: "0".to_owned(), ..Options::default() } };
        builder.rule("proxylogon/never", Stage::Collection, Proves::Theft);
        builder
    }

    /// Both needs are met throughout the window.
    pub(crate) fn covered(self) -> Self {
        self.with_records("2020-12-20")
    }

    /// Logs begin in February.
    pub(crate) fn rotated(self) -> Self {
        self.with_records("2021-02-10")
    }

    fn with_records(mut self, from: &str) -> Self {
        records(self.server(), "httpproxy/Ecp", from, "2021-03-12");
        records(self.server(), "iis/W3SVC1", from, "2021-03-12");
        self
    }

    /// Each of these sources is needed, and there.
    pub(crate) fn covered_by(mut self, sources: &[&str]) -> Self {
        self.observations.campaigns[0].needs = sources.iter().map(|one| need(&[one])).collect();
        for one in sources {
            records(self.server(), one, "2020-12-20", "2021-03-12");
        }
        self
    }

    pub(crate) fn remove_source(&mut self, name: &str) {
        self.server().coverage.remove(&source(name));
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.observations.servers.get_mut("EXC01").expect("made by new")
    }

    pub(crate) fn rule(&mut self, id: &str, stage: Stage, proves: Proves) -> usize {
        let campaign = id.starts_with("proxylogon/").then(|| "proxylogon".to_owned());
        self.observations.rules.push(RuleFacts {
            id: id.to_owned(),
            campaign,
            title: format!("title of {id}"),
            description: "why it matters".to_owned(),
            false_positives: Vec::new(),
            references: Vec::new(),
            attack: Vec::new(),
            stage,
            proves,
            indicator: false,
            group: None,
            correlation: false,
            level: None,
            uuid: None,
            status: None,
            tags: Vec::new(),
            set: None,
        });
        self.observations.rules.len() - 1
    }

    pub(crate) fn indicator(&mut self, id: &str, stage: Stage, proves: Proves) -> usize {
        let rule = self.rule(id, stage, proves);
        self.observations.rules[rule].indicator = true;
        rule
    }

    pub(crate) fn see(&mut self, sighting: Sighting) {
        self.server().sightings.push(sighting);
    }

    pub(crate) fn assess(&self) -> Assessment {
        assess_with(&self.observations, &self.options, &Fake)
    }
}
