//! What the answers of one target show: evidence in groups, contradictions, products in front of it, names, versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::survey::{
    BannerProtocol, Certificate, ClaimKind, Evidence, EvidenceGroup, Observation, Precision, Response, Scanner, Target,
};

use super::HYBRID_TAG;
use super::builds::Told;
use super::marks::{Kind, Mark, Place, iis_of, marks, two};

/// The icon of OWA since 2013, as MD5 and as Shodan counts. Both are of one file.
const FAVICON_MD5: &str = "759fade9033aa298629e4b000dcd6dde";
const FAVICON_MMH3: i32 = 1_768_726_119;
/// The application id under which Exchange asks for tokens.
const EXCHANGE_APPLICATION: &str = "00000002-0000-0ff1-ce00-000000000000";
/// Headers of one answer that are looked at.
const HEADERS_MAX: usize = 200;
/// Names of servers that are kept.
const NAMES_MAX: usize = 16;
/// Versions that are kept.
const VERSIONS_MAX: usize = 32;
/// A value is shown this far.
const SHOWN_CHARS_MAX: usize = 80;

/// Headers that only Exchange sets, in lower case.
const EXCHANGE_HEADERS: [&str; 9] = [
    "x-owa-version",
    "x-feserver",
    "x-beserver",
    "x-calculatedbetarget",
    "x-diaginfo",
    "x-owa-diagnosticsinfo",
    "x-owa-error",
    "x-ms-diagnostics",
    "x-backendhttpstatus",
];
/// Paths under which Exchange asks for a logon.
const LOGON_PATHS: [&str; 8] =
    ["/ews", "/autodiscover", "/microsoft-server-activesync", "/mapi", "/rpc", "/oab", "/owa/service", "/api"];

/// Where a version was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    /// What the server says of itself.
    Header,
    /// A path in a page: folders of older updates stay on the disk, but the page names the one in use.
    Page,
    /// The manifest of the export tool, which can lag behind.
    Manifest,
    /// What another scanner says.
    Claim,
}

/// A version as it was read.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub text: String,
    pub place: String,
    pub source: Source,
    /// The answer in which it stood.
    pub answer: usize,
}

/// All that is seen.
#[derive(Default)]
pub(super) struct Sight {
    pub evidence: Vec<Evidence>,
    pub contradictions: Vec<String>,
    pub behind: BTreeSet<String>,
    /// Upper case.
    pub front_ends: BTreeSet<String>,
    pub versions: Vec<Version>,
    /// Holes that another scanner tested and found open.
    pub tested: Vec<String>,
    pub tags: Vec<String>,
    /// Headers that only Microsoft's cloud sets, or its version.
    pub cloud: bool,
    /// Its only answer leads to the cloud.
    pub is_sent_to_cloud: bool,
    /// A front end asks for a logon before anything is seen.
    pub is_hidden: bool,
    other: Option<String>,
    iis: BTreeSet<(u16, u16)>,
}

impl Sight {
    pub(super) fn of(observation: &Observation) -> Self {
        let mut sight = Self::default();
        // A server that asks for a Windows logon everywhere shows nothing of Exchange by asking for it at /EWS.
        let asks_everywhere = observation.responses.iter().any(|answer| {
            answer.status == 401
                && offers_windows_logon(answer)
                && logon_path(&answer.path.to_ascii_lowercase()).is_none()
        });
        for (number, answer) in observation.responses.iter().enumerate() {
            let path = answer.path.to_ascii_lowercase();
            let one = Answer { number, answer, target: &observation.target, headers: headers(answer).collect(), path };
            sight.look_at(&one, observation, asks_everywhere);
        }
        sight.look_at_banners(observation);
        sight.look_at_claims(observation);
        if let Some(certificate) = observation.tls.as_ref().and_then(|tls| tls.certificate.as_ref()) {
            sight.look_at_certificate(certificate);
        }
        sight
    }

    /// Another mail product, and no server name as only Exchange gives it.
    pub(super) fn is_other_product(&self) -> bool {
        self.other.is_some() && self.front_ends.is_empty()
    }

    /// The versions of IIS that answers name.
    pub(super) fn iis(&self) -> impl Iterator<Item = (u16, u16)> {
        self.iis.iter().copied()
    }

    /// Compares what was read with what else was seen.
    pub(super) fn weigh(&mut self, told: &[Arc<Told>]) {
        let of_server: Vec<_> = told.iter().filter(|told| told.source != Source::Claim).collect();
        for told in &of_server {
            if told.seen.precision == Precision::Unknown && told.is_of_no_release {
                self.contradict(format!("it names {}, a build of which there is no release", told.seen.text));
            }
        }
        let ranges: Vec<_> =
            of_server.iter().filter_map(|told| Some((iis_of(&told.seen.product)?, &told.seen.product))).collect();
        let is_forwarded = self.behind.contains("IIS Application Request Routing");
        if let (Some(version), false, false) = (self.iis.first().copied(), ranges.is_empty(), is_forwarded) {
            let fits = ranges.iter().any(|((from, until), _)| (*from..=*until).contains(&version));
            if !fits && self.iis.len() == 1 {
                let (major, minor) = version;
                let product = ranges[0].1.clone();
                self.contradict(format!("IIS {major}.{minor} is named, on which {product} does not run"));
            }
        }
        if self.cloud
            && let Some(told) = of_server.first()
        {
            self.contradict(format!(
                "it names servers of Microsoft's cloud and {}, a version of a server of one's own",
                told.seen.text
            ));
        }
    }

    fn look_at(&mut self, one: &Answer<'_>, observation: &Observation, asks_everywhere: bool) {
        self.look_for_marks(one);
        self.look_at_headers(one);
        self.look_at_cloud(one);
        self.look_at_behaviour(one, asks_everywhere);
        self.look_at_page(one, observation);
        self.look_for_fakes(one);
    }

    fn look_for_marks(&mut self, one: &Answer<'_>) {
        for (name, value) in &one.headers {
            let value = value.to_ascii_lowercase();
            let place = match name.as_str() {
                "server" | "via" => Place::Server,
                "x-powered-by" => Place::PoweredBy,
                "location" => Place::Location,
                "www-authenticate" => Place::Realm,
                "x-serverapplication" => Place::Application,
                "ms-server-activesync" => Place::ActiveSync,
                "set-cookie" => Place::Cookie,
                _ => Place::Header,
            };
            let looked_at = match place {
                Place::Header => name.as_str(),
                Place::Cookie => value.split_once('=').map_or(value.as_str(), |(name, _)| name.trim()),
                _ => value.as_str(),
            };
            for mark in marks().iter().filter(|mark| mark.place == place && mark.is_in(looked_at)) {
                self.marked(mark, one);
            }
            if place == Place::Cookie && is_big_ip_cookie(looked_at) {
                self.behind.insert("F5 BIG-IP".to_owned());
            }
            if place == Place::Server
                && let Some(version) = value.split("microsoft-iis/").nth(1)
            {
                self.iis.extend(two(version.split([',', ' ']).next().unwrap_or(version)));
            }
        }
        for excerpt in &one.answer.excerpts {
            let lower = excerpt.to_lowercase();
            for mark in marks().iter().filter(|mark| mark.place == Place::Page && mark.is_in(&lower)) {
                self.marked(mark, one);
            }
        }
    }

    fn marked(&mut self, mark: &Mark, one: &Answer<'_>) {
        match mark.kind {
            Kind::Front => {
                self.is_hidden |= matches!(mark.place, Place::Location | Place::Page);
                self.behind.insert(mark.says.clone());
            }
            Kind::Contradiction => self.contradict(mark.says.clone()),
            Kind::Other => self.other = Some(mark.says.clone()),
            Kind::Cloud => {
                let words = format!("{} at {}", mark.says, one.shown_path());
                self.cloud = true;
                self.add(EvidenceGroup::Headers, words);
            }
        }
    }

    fn look_at_headers(&mut self, one: &Answer<'_>) {
        for (name, value) in &one.headers {
            let value = value.trim();
            let is_empty = value.is_empty();
            if EXCHANGE_HEADERS.contains(&name.as_str()) && !is_empty {
                self.add(EvidenceGroup::Headers, format!("{name} at {}", one.shown_path()));
            }
            match name.as_str() {
                "x-feserver" if !is_empty => self.name(value),
                "x-owa-version" => {
                    self.version(value, format!("X-OWA-Version of {}", one.shown_path()), one, Source::Header)
                }
                "x-serverapplication" => {
                    if let Some(version) = value.strip_prefix("Exchange/") {
                        self.add(EvidenceGroup::Headers, format!("X-ServerApplication at {}", one.shown_path()));
                        let place = format!("X-ServerApplication of {}", one.shown_path());
                        self.version(version, place, one, Source::Header);
                    }
                }
                "request-id" if is_guid(value) && one.is_of_exchange() => {
                    self.add(EvidenceGroup::Headers, format!("request-id at {}", one.shown_path()));
                }
                _ => {}
            }
        }
    }

    fn look_at_cloud(&mut self, one: &Answer<'_>) {
        let is_target = |name: &str| matches!(name, "x-calculatedbetarget" | "x-calculatedfetarget" | "x-feproxyinfo");
        for (name, value) in &one.headers {
            let value = value.to_ascii_lowercase();
            if is_target(name) && value.trim().ends_with(".outlook.com") {
                self.cloud = true;
                self.add(EvidenceGroup::Headers, format!("{name} names a server of Microsoft's cloud"));
            }
            let cloud_host = |value: &str| {
                host_of(value).is_some_and(|host| {
                    host == "outlook.office365.com" || host == "outlook.office.com" || host.ends_with(".outlook.com")
                })
            };
            if name == "location" && cloud_host(&value) {
                self.is_sent_to_cloud = true;
                self.tags.push(HYBRID_TAG.to_owned());
            }
        }
    }

    fn look_at_behaviour(&mut self, one: &Answer<'_>, asks_everywhere: bool) {
        let shown = one.shown_path();
        if one.answer.status == 401
            && let Some(path) = logon_path(&one.path)
        {
            let asks_for_tokens = one.values("www-authenticate").any(|value| value.contains(EXCHANGE_APPLICATION));
            if asks_for_tokens {
                self.add(
                    EvidenceGroup::Behaviour,
                    format!("{path} asks for tokens under the application id of Exchange"),
                );
            } else if offers_windows_logon(one.answer) && !asks_everywhere {
                self.add(EvidenceGroup::Behaviour, format!("{path} asks for a Windows logon"));
            }
            if one.values("www-authenticate").any(|value| value.contains("trusted_issuers=\"00000001-")) {
                self.tags.push(HYBRID_TAG.to_owned());
            }
        }
        for value in one.values("location") {
            let lower = value.to_ascii_lowercase();
            if host_of(&lower).is_some_and(|host| !one.is_own(&host, None)) {
                continue;
            }
            let behind_host = path_of(&lower);
            let leads_to_logon = behind_host.starts_with("/owa/auth/logon.aspx?")
                && (lower.contains("reason=") || lower.contains("replacecurrent=1"));
            if leads_to_logon && lower.contains("url=http") {
                self.add(
                    EvidenceGroup::Behaviour,
                    format!("{shown} leads to the logon page with the address asked for"),
                );
            }
            if behind_host.starts_with("/owa/auth/errorfe.aspx") {
                self.add(EvidenceGroup::Behaviour, format!("{shown} leads to the front end's page for errors"));
            }
            if one.path == "/" && matches!(behind_host, "/owa/" | "/owa") {
                self.add(EvidenceGroup::Behaviour, "the root leads to /owa/".to_owned());
            }
        }
    }

    fn look_at_page(&mut self, one: &Answer<'_>, observation: &Observation) {
        let certificate = observation.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        for excerpt in &one.answer.excerpts {
            let of_page = format!("page of {}", one.shown_path());
            if excerpt.starts_with("OwaPage = ASP.")
                || excerpt.starts_with("{57A118C6")
                || excerpt.starts_with("{698798E9")
            {
                self.add(EvidenceGroup::Page, format!("`{excerpt}` in the {of_page}"));
            } else if let Some(version) = excerpt.strip_prefix("owaVersion ") {
                self.add(EvidenceGroup::Page, format!("the version of OWA in the {of_page}"));
                self.version(version, of_page, one, Source::Page);
            } else if let Some(version) = excerpt.strip_prefix("exporttool version=\"") {
                self.add(EvidenceGroup::Manifest, "the manifest of the export tool".to_owned());
                let place = "manifest of the export tool".to_owned();
                self.version(version.trim_end_matches('"'), place, one, Source::Manifest);
            } else if let Some(version) = excerpt.strip_prefix("ServerVersionInfo ") {
                self.add(EvidenceGroup::Page, format!("ServerVersionInfo in the answer of {}", one.shown_path()));
                self.version(version, format!("ServerVersionInfo of {}", one.shown_path()), one, Source::Header);
            } else if let Some(version) = excerpt.strip_prefix("MAPI/HTTP Version: ") {
                self.add(EvidenceGroup::Page, format!("the page of MAPI over HTTP at {}", one.shown_path()));
                self.version(version, of_page, one, Source::Header);
            } else if excerpt.starts_with("<!-- ") && one.path.contains("logon.asp") && !one.path.contains("logon.aspx")
            {
                self.add(EvidenceGroup::Page, format!("the build in the {of_page}"));
                let build = excerpt.trim_matches(|c: char| !c.is_ascii_digit());
                self.version(&old_build(build), of_page, one, Source::Page);
            } else if excerpt.contains("Microsoft (R) Exchange Server") {
                self.add(EvidenceGroup::Page, format!("`{excerpt}` in the {of_page}"));
            } else {
                self.look_at_link(excerpt, one, certificate);
            }
        }
        if let Some(icon) = &one.answer.favicon
            && (icon.mmh3 == Some(FAVICON_MMH3)
                || icon.md5.as_deref().is_some_and(|md5| md5.eq_ignore_ascii_case(FAVICON_MD5)))
        {
            self.add(EvidenceGroup::Page, "the icon of OWA".to_owned());
        }
    }

    /// A path with a build; with a host, where the link leads to one.
    fn look_at_link(&mut self, excerpt: &str, one: &Answer<'_>, certificate: Option<&Certificate>) {
        let host = excerpt.strip_prefix("//").and_then(|rest| rest.split('/').next());
        let path = excerpt.find("/owa/").or_else(|| excerpt.find("/OWA/")).or_else(|| excerpt.find("/ecp/"));
        let Some(path) = path.and_then(|at| excerpt.get(at..)) else { return };
        let Some(version) = path.split('/').find(|part| part.starts_with(|c: char| c.is_ascii_digit())) else { return };
        match host {
            Some(host) if !one.is_own(host, certificate) => {
                let words = format!("the page takes its parts from another server, {:.SHOWN_CHARS_MAX$}", host);
                self.contradict(words);
                self.add(EvidenceGroup::Page, format!("a link into OWA in the page of {}", one.shown_path()));
            }
            _ => {
                self.add(EvidenceGroup::Page, format!("`{path}` in the page of {}", one.shown_path()));
                self.version(version, format!("page of {}", one.shown_path()), one, Source::Page);
            }
        }
    }

    fn look_for_fakes(&mut self, one: &Answer<'_>) {
        let servers: BTreeSet<String> =
            one.values("server").flat_map(|value| value.split(", ")).map(|value| value.trim().to_lowercase()).collect();
        let is_front = |server: &String| {
            marks().iter().any(|mark| mark.kind == Kind::Front && mark.place == Place::Server && mark.is_in(server))
        };
        if servers.len() > 1
            && servers.iter().any(|server| server.contains("microsoft-iis"))
            && !servers.iter().any(is_front)
        {
            let all: Vec<&str> = servers.iter().map(String::as_str).collect();
            self.contradict(format!("one answer has several headers `Server`: {:.SHOWN_CHARS_MAX$}", all.join(", ")));
        }
        let schemes = |value: &str| value.to_ascii_lowercase().split(',').any(|scheme| scheme.trim() == "kerberos");
        if one.values("www-authenticate").any(schemes) {
            self.contradict("it offers the logon scheme Kerberos, which IIS never names".to_owned());
        }
        let is_page = one.answer.status == 200 && one.path.starts_with("/owa/auth/logon.aspx");
        if is_page && one.values("set-cookie").any(|value| value.to_ascii_lowercase().starts_with("cadata=")) {
            self.contradict("it sets the cookie `cadata` without a logon".to_owned());
        }
        let has = |piece: &str| one.answer.excerpts.iter().any(|excerpt| excerpt == piece);
        if one.answer.status == 200 && one.path.starts_with("/autodiscover/autodiscover.json") && has("MailboxGuid") {
            self.contradict("/autodiscover/autodiscover.json names a mailbox to anybody".to_owned());
        }
        let leads_without_address = one.values("location").any(|value| {
            let lower = value.to_ascii_lowercase();
            path_of(&lower).starts_with("/owa/auth/logon.aspx?") && lower.ends_with("url=")
        });
        if one.path == "/" && leads_without_address {
            self.contradict("the root leads to the logon page without the address asked for".to_owned());
        }
        if one.path.starts_with("/owa/")
            && one.answer.status == 200
            && one.values("content-type").any(|kind| kind.contains("application/x-php"))
        {
            self.contradict("it hands out the source of a page in PHP".to_owned());
        }
    }

    fn look_at_banners(&mut self, observation: &Observation) {
        for banner in &observation.banners {
            let text = banner.text.to_ascii_lowercase();
            let is_exchange = match banner.protocol {
                BannerProtocol::Smtp => text.contains("microsoft esmtp mail service ready at"),
                BannerProtocol::Imap => text.contains("microsoft exchange imap4"),
                BannerProtocol::Pop3 => text.contains("microsoft exchange pop3"),
                BannerProtocol::Other => text.contains("microsoft exchange"),
            };
            if is_exchange {
                self.add(EvidenceGroup::Banner, format!("the greeting on port {}", banner.port));
            }
        }
    }

    fn look_at_claims(&mut self, observation: &Observation) {
        let who = scanner_name(observation.scanner);
        for claim in &observation.claims {
            let text = claim.text.trim();
            match claim.kind {
                ClaimKind::Version => {
                    self.add(EvidenceGroup::Claim, format!("{who} names the version"));
                    self.push_version(text, format!("report of {who}"), usize::MAX, Source::Claim);
                }
                ClaimKind::Cve => {
                    self.add(EvidenceGroup::Claim, format!("{who} found a hole of Exchange open"));
                    self.tested.push(text.to_ascii_uppercase());
                }
                ClaimKind::Product
                    if text.to_ascii_lowercase().contains("exchange") || text.contains("Outlook Web A") =>
                {
                    self.add(EvidenceGroup::Claim, format!("{who} takes it for Exchange"));
                }
                ClaimKind::Product => {}
                ClaimKind::ServerName if !text.is_empty() => self.name(text),
                ClaimKind::ServerName => {}
                ClaimKind::Tag => self.tags.push(text.to_ascii_lowercase()),
            }
        }
    }

    fn look_at_certificate(&mut self, certificate: &Certificate) {
        let subject = certificate.subject.as_deref().unwrap_or_default();
        let names = || certificate.names.iter().map(String::as_str).chain([subject]);
        let first_label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_uppercase();
        let is_servers_own = self.front_ends.iter().any(|server| names().any(|name| first_label(name) == *server));
        let is_name_only = !subject.is_empty() && !subject.contains(['.', ' ', '*']);
        let with_domain = |name: &str| {
            let (name, subject) = (name.to_ascii_lowercase(), subject.to_ascii_lowercase());
            name.strip_prefix(&subject).is_some_and(|rest| rest.starts_with('.'))
        };
        if is_servers_own {
            self.add(EvidenceGroup::Certificate, "the certificate bears the name of the server".to_owned());
        } else if certificate.self_signed && is_name_only && names().any(with_domain) {
            self.add(EvidenceGroup::Certificate, "a certificate as setup makes it".to_owned());
        }
    }

    fn version(&mut self, text: &str, place: String, one: &Answer<'_>, source: Source) {
        for text in text.split([',', ' ', ';']).filter(|text| !text.is_empty()) {
            self.push_version(text, place.clone(), one.number, source);
        }
    }

    fn push_version(&mut self, text: &str, place: String, answer: usize, source: Source) {
        const VERSION_CHARS_MAX: usize = 40;
        let is_known = self.versions.iter().any(|known| known.text == text && known.source == source);
        if self.versions.len() < VERSIONS_MAX && text.len() <= VERSION_CHARS_MAX && !is_known {
            self.versions.push(Version { text: text.to_owned(), place, source, answer });
        }
    }

    fn name(&mut self, names: &str) {
        const NAME_CHARS_MAX: usize = 64;
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if self.front_ends.len() < NAMES_MAX {
                self.front_ends.insert(name.chars().take(NAME_CHARS_MAX).collect::<String>().to_uppercase());
            }
        }
    }

    fn add(&mut self, group: EvidenceGroup, words: String) {
        const EVIDENCE_MAX: usize = 40;
        let is_known = self.evidence.iter().any(|known| known.group == group && known.words == words);
        if !is_known && self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(Evidence { group, words });
        }
    }

    pub(super) fn contradict(&mut self, words: String) {
        const CONTRADICTIONS_MAX: usize = 20;
        if !self.contradictions.contains(&words) && self.contradictions.len() < CONTRADICTIONS_MAX {
            self.contradictions.push(words);
        }
    }
}

/// One answer, and whose it is.
struct Answer<'o> {
    number: usize,
    answer: &'o Response,
    target: &'o Target,
    /// Names in lower case with `-`, values as they came.
    headers: Vec<(String, &'o str)>,
    /// In lower case.
    path: String,
}

impl Answer<'_> {
    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The path, without its query, cut.
    fn shown_path(&self) -> String {
        self.answer.path.split('?').next().unwrap_or_default().chars().take(SHOWN_CHARS_MAX).collect()
    }

    fn is_of_exchange(&self) -> bool {
        is_path_of_exchange(&self.path)
    }

    /// Whether a host in a link is this server, as far as its names are known.
    fn is_own(&self, host: &str, certificate: Option<&Certificate>) -> bool {
        let bare = without_port(host);
        let is_name = |name: &str| {
            let name = name.to_ascii_lowercase();
            name == bare
                || name
                    .strip_prefix("*.")
                    .is_some_and(|domain| bare.split_once('.').is_some_and(|(_, rest)| rest == domain))
        };
        let of_certificate = certificate.map(|certificate| {
            certificate.names.iter().map(String::as_str).chain(certificate.subject.as_deref()).any(is_name)
        });
        self.target.name.as_deref().is_some_and(is_name)
            || self.target.address.is_some_and(|address| address.to_string() == bare.trim_matches(['[', ']']))
            || of_certificate.unwrap_or(false)
    }
}

/// Whether Exchange of 2007 and later answers there.
pub(super) fn is_path_of_exchange(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["/owa", "/ecp"].iter().any(|known| path.starts_with(known)) || logon_path(&path).is_some()
}

fn headers(answer: &Response) -> impl Iterator<Item = (String, &str)> {
    let lower = |name: &str| name.trim().to_ascii_lowercase().replace('_', "-");
    answer.headers.iter().take(HEADERS_MAX).map(move |(name, value)| (lower(name), value.as_str()))
}

fn values<'r>(answer: &'r Response, name: &'r str) -> impl Iterator<Item = &'r str> {
    headers(answer).filter(move |(known, _)| known == name).map(|(_, value)| value)
}

fn offers_windows_logon(answer: &Response) -> bool {
    values(answer, "www-authenticate").any(|value| {
        let lower = value.to_ascii_lowercase();
        lower.split([',', ' ']).any(|word| matches!(word.trim(), "ntlm" | "negotiate"))
    })
}

fn logon_path(path: &str) -> Option<&'static str> {
    LOGON_PATHS.into_iter().find(|known| path.starts_with(known))
}

/// `TS01a32329`, `TS7b1c…`: F5 names its cookies so.
fn is_big_ip_cookie(name: &str) -> bool {
    name.strip_prefix("ts").is_some_and(|rest| rest.len() >= 6 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The host of an address in lower case, where it has one.
fn host_of(address: &str) -> Option<String> {
    let rest = address.split_once("://").map(|(_, rest)| rest).or_else(|| address.strip_prefix("//"))?;
    Some(without_port(rest.split(['/', '?']).next().unwrap_or(rest)))
}

fn path_of(address: &str) -> &str {
    match address.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => address,
    }
}

fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !bare.ends_with(':') => bare,
        _ => host,
    };
    bare.to_ascii_lowercase()
}

/// The build of `logon.asp` names no product; the numbers of the three do not overlap.
fn old_build(build: &str) -> String {
    let major: u32 = build.split('.').next().and_then(|part| part.parse().ok()).unwrap_or(0);
    match major {
        0..4000 => format!("5.5.{build}"),
        4000..6900 => format!("6.0.{build}"),
        _ => format!("6.5.{build}"),
    }
}

fn scanner_name(scanner: Scanner) -> &'static str {
    match scanner {
        Scanner::Probe => "this program",
        Scanner::Zgrab2 => "zgrab2",
        Scanner::Httpx => "httpx",
        Scanner::Nmap => "nmap",
        Scanner::Masscan => "masscan",
        Scanner::Shodan => "Shodan",
        Scanner::Censys => "Censys",
        Scanner::Shadowserver => "Shadowserver",
    }
}
