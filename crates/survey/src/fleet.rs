//! A made-up fleet: what each host answers, and what is to be said of it. For tests, and for servers on loopback that answer
//! the same ([`Answer`] has all that goes over the wire). Names and addresses are reserved ones, builds are real.

use model::Utc;
use model::survey::Product::{self, Exchange, ExchangeOnline, Other, PerhapsExchange, SuspectLookalike, Unknown};
use model::survey::State::{self, NotApplicable, Patched, Undetermined, Vulnerable};
use model::survey::{Certificate, Judged, Network, Observation, Outcome, Response, Scanner, Target, Tls, Why};

use crate::classify::excerpts;

/// A host and what is to be said of it.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What it stands for.
    pub name: &'static str,
    /// What it answers, in the order in which it is asked.
    pub answers: Vec<Answer>,
    /// Common name and alternative names of a certificate, signed by itself.
    pub certificate: Option<(&'static str, Vec<&'static str>)>,
    /// What it is.
    pub product: Product,
    /// Its builds, such as `15.2.858: CU9, update not told`, in order.
    pub builds: Vec<&'static str>,
    /// Products before it.
    pub behind: Vec<&'static str>,
    /// Words of a contradiction.
    pub contradiction: Option<&'static str>,
    /// Some holes.
    pub holes: Vec<(&'static str, State, Option<Why>)>,
    /// Tags.
    pub tags: Vec<&'static str>,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// To which path.
    pub path: String,
    /// Status.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// As it goes over the wire.
    pub body: String,
}

impl Profile {
    /// What somebody sees who asks it.
    ///
    /// # Panics
    /// Never: day and address are written here.
    #[must_use]
    pub fn observation(&self) -> Observation {
        let responses = self.answers.iter().map(|answer| Response {
            path: answer.path.clone(),
            status: answer.status,
            headers: answer.headers.clone(),
            excerpts: excerpts(answer.body.as_bytes()),
            ..Response::default()
        });
        let certificate = self.certificate.as_ref().map(|(subject, names)| Certificate {
            sha256: "ab".repeat(32),
            subject: Some((*subject).to_owned()),
            issuer: Some((*subject).to_owned()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            self_signed: true,
            ..Certificate::default()
        });
        let address = "192.0.2.7".parse().expect("an address");
        Observation {
            observed_at: Utc::parse(b"2026-11-23").expect("a day"),
            scanner: Scanner::Probe,
            target: Target { name: Some("mail.example.test".to_owned()), address: Some(address), port: 443 },
            outcome: if self.answers.is_empty() { Outcome::TimedOut } else { Outcome::Answered },
            reason: None,
            tls: certificate.map(|certificate| Tls { certificate: Some(certificate), ..Tls::default() }),
            responses: responses.collect(),
            banners: Vec::new(),
            claims: Vec::new(),
            network: Network::default(),
        }
    }

    /// Where a judgement says otherwise; nothing where it is right.
    #[must_use]
    pub fn differs(&self, judged: &Judged) -> Option<String> {
        let builds: Vec<String> =
            judged.builds.iter().map(|build| format!("{}: {}", build.text, build.update)).collect();
        let state = |cve: &str| judged.cves.iter().find(|state| state.cve == cve).map(|state| (state.state, state.why));
        let holes = self.holes.iter().filter(|(cve, expected, why)| state(cve) != Some((*expected, *why)));
        let holes: Vec<_> = holes.map(|(cve, ..)| (cve, state(cve))).collect();
        let contradicts = match self.contradiction {
            Some(words) => judged.contradictions.iter().any(|one| one.contains(words)),
            None => judged.contradictions.is_empty(),
        };
        let is_right = judged.product == self.product
            && builds == self.builds
            && judged.behind == self.behind
            && judged.tags == self.tags
            && judged.mixed == (self.builds.len() > 1)
            && contradicts
            && holes.is_empty();
        (!is_right).then(|| {
            format!(
                "{}: {:?} {builds:?} behind {:?} tags {:?} holes {holes:?}\n  contradictions {:?}\n  evidence {:?}",
                self.name, judged.product, judged.behind, judged.tags, judged.contradictions, judged.evidence
            )
        })
    }

    fn with(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    fn builds(mut self, builds: &[&'static str]) -> Self {
        self.builds = builds.to_vec();
        self
    }

    fn behind(mut self, behind: &[&'static str]) -> Self {
        self.behind = behind.to_vec();
        self
    }

    fn contradicts(mut self, words: &'static str) -> Self {
        self.contradiction = Some(words);
        self
    }

    fn certificate(mut self, subject: &'static str, names: &[&'static str]) -> Self {
        self.certificate = Some((subject, names.to_vec()));
        self
    }

    fn hole(mut self, cve: &'static str, state: State, why: Option<Why>) -> Self {
        self.holes.push((cve, state, why));
        self
    }

    fn tagged(mut self, tag: &'static str) -> Self {
        self.tags.push(tag);
        self
    }
}

fn host(name: &'static str, product: Product) -> Profile {
    Profile {
        name,
        answers: Vec::new(),
        certificate: None,
        product,
        builds: Vec::new(),
        behind: Vec::new(),
        contradiction: None,
        holes: Vec::new(),
        tags: Vec::new(),
    }
}

/// `Name: value` lines.
fn answer(path: &str, status: u16, headers: &str, body: &str) -> Answer {
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Answer { path: path.to_owned(), status, headers: headers.lines().filter_map(pair).collect(), body: body.to_owned() }
}

const EWS: &str = "/EWS/Exchange.asmx";
const AUTODISCOVER: &str = "/autodiscover/autodiscover.xml";
const LOGON: &str = "/owa/auth/logon.aspx";
const EXPORT_TOOL: &str = "/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application";
const IIS10: &str = "Server: Microsoft-IIS/10.0\n";
const SCHEMES: &str = "WWW-Authenticate: Negotiate\nWWW-Authenticate: NTLM\n";

/// 401 of autodiscover with the header of the version.
fn asks(version: &str, server: &str) -> Answer {
    asks_at(AUTODISCOVER, IIS10, version, server)
}

fn asks_at(path: &str, front: &str, version: &str, server: &str) -> Answer {
    let headers = format!(
        "{front}request-id: e379a219-4853-478b-ab37-842e5e5915b9\nX-OWA-Version: {version}\nX-FEServer: {server}\n{SCHEMES}"
    );
    answer(path, 401, &headers, "")
}

/// The logon page since 2013.
fn logon(front: &str, build: &str, title: &str) -> Answer {
    let headers = format!("{front}Content-Type: text/html\nrequest-id: cf863360-c222-4f1a-86f8-3618919bad43\n");
    answer(LOGON, 200, &headers, &page(build, title))
}

fn page(build: &str, title: &str) -> String {
    format!(
        "<!-- OwaPage = ASP.auth_logon_aspx -->\n<!-- {{57A118C6-2DA9-419d-BE9A-F92B0F9A418B}} -->\n<html><head>\n\
         <link rel=\"shortcut icon\" href=\"/owa/auth/{build}/themes/resources/favicon.ico\">\n<title>{title}</title>\n"
    )
}

/// All of them.
#[must_use]
pub fn fleet() -> Vec<Profile> {
    let parts = [exact(), intervals(), odd_versions(), farms(), before_2013(), fronts(), cloud(), fakes(), others()];
    parts.into_iter().flatten().collect()
}

/// Four parts, each product.
fn exact() -> Vec<Profile> {
    let iis85 = "Server: Microsoft-IIS/8.5\n";
    vec![
        host("2013 CU23 with all updates", Exchange)
            .with(asks_at(EWS, iis85, "15.0.1497.48", "EX13"))
            .builds(&["15.0.1497.48: CU23 Mar23SU"])
            .hole("CVE-2022-41040", Patched, None),
        host("2013 SP1", Exchange).with(asks_at(EWS, iis85, "15.0.847.32", "EX13")).builds(&["15.0.847.32: CU4"]).hole(
            "CVE-2021-26855",
            Vulnerable,
            Some(Why::MitigationPossible),
        ),
        host("2016 CU19 of March 2021", Exchange)
            .with(asks("15.1.2176.9", "EX16"))
            .builds(&["15.1.2176.9: CU19 Mar21SU"])
            .hole("CVE-2021-26855", Patched, None)
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("2016 CU19 without any update", Exchange)
            .with(asks("15.1.2176.2", "EX16"))
            .builds(&["15.1.2176.2: CU19"])
            .hole("CVE-2021-26855", Vulnerable, Some(Why::MitigationPossible)),
        host("2016 CU23 of August 2022, Extended Protection not visible", Exchange)
            .with(asks("15.1.2507.12", "EX16"))
            .builds(&["15.1.2507.12: CU23 Aug22SU"])
            .hole("CVE-2024-21410", Undetermined, Some(Why::MitigationPossible)),
        host("2016 CU23 before August 2022 has no Extended Protection", Exchange)
            .with(asks("15.1.2507.6", "EX16"))
            .builds(&["15.1.2507.6: CU23"])
            .hole("CVE-2024-21410", Vulnerable, None),
        host("2019 CU14, the setting is on unless told not to", Exchange)
            .with(asks("15.2.1544.4", "EX19"))
            .builds(&["15.2.1544.4: CU14"])
            .hole("CVE-2024-21410", Undetermined, Some(Why::SettingNotVisible))
            .hole("CVE-2022-41040", Patched, None),
        host("2019 CU11 of November 2021", Exchange)
            .with(asks("15.2.986.14", "EX19"))
            .builds(&["15.2.986.14: CU11 Nov21SU"])
            .hole("CVE-2021-26855", Patched, None),
        host("2019 CU15 of August 2025", Exchange)
            .with(asks("15.2.1748.36", "EX19"))
            .builds(&["15.2.1748.36: CU15 Aug25SU"]),
        host("SE is not 2019", Exchange)
            .with(asks("15.2.2562.45", "EXSE"))
            .builds(&["15.2.2562.45: RTM Jul26SU"])
            .hole("CVE-2026-42897", Patched, None),
        host("SE at its release", Exchange).with(asks("15.2.2562.17", "EXSE")).builds(&["15.2.2562.17: RTM"]).hole(
            "CVE-2026-42897",
            Vulnerable,
            Some(Why::MitigationPossible),
        ),
        host("March 2021 for a CU out of support", Exchange)
            .with(asks("15.2.659.12", "EX19"))
            .builds(&["15.2.659.12: CU6 Mar21SU"])
            .hole("CVE-2021-26855", Patched, None)
            .hole("CVE-2020-17132", Undetermined, Some(Why::BuildProvesNothing)),
        host("an update that was withdrawn", Exchange)
            .with(asks("15.2.1544.13", "EX19"))
            .builds(&["15.2.1544.13: CU14 Nov24SU"]),
        host("an update in its second version", Exchange)
            .with(asks("15.2.1544.14", "EX19"))
            .builds(&["15.2.1544.14: CU14 Nov24SUv2"]),
        host("a hotfix between updates", Exchange)
            .with(asks("15.2.1544.11", "EX19"))
            .builds(&["15.2.1544.11: CU14 Apr24HU"]),
    ]
}

/// Three parts.
fn intervals() -> Vec<Profile> {
    vec![
        host("2013 CU21, three parts", Exchange)
            .with(logon("Server: Microsoft-IIS/8.5\n", "15.0.1395", "Outlook Web App"))
            .builds(&["15.0.1395: CU21, update not told"])
            .hole("CVE-2021-26855", Undetermined, Some(Why::CuOnly))
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("2016 CU23, three parts: 27 builds", Exchange)
            .with(logon(IIS10, "15.1.2507", "Outlook"))
            .builds(&["15.1.2507: CU23, update not told"])
            .hole("CVE-2022-41040", Undetermined, Some(Why::CuOnly))
            .hole("CVE-2021-26855", Patched, None),
        host("2019 CU9 before the header", Exchange)
            .with(logon(IIS10, "15.2.858", "Exchange Admin Center"))
            .builds(&["15.2.858: CU9, update not told"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("2019 CU13, three parts, has the fix from the start", Exchange)
            .with(logon(IIS10, "15.2.1258", "Outlook"))
            .builds(&["15.2.1258: CU13, update not told"])
            .hole("CVE-2022-41040", Patched, None)
            .hole("CVE-2024-21410", Undetermined, Some(Why::MitigationPossible)),
        host("SE, three parts", Exchange)
            .with(logon(IIS10, "15.2.2562", "Outlook"))
            .builds(&["15.2.2562: RTM, update not told"])
            .hole("CVE-2026-42897", Undetermined, Some(Why::CuOnly)),
        host("a CU with one build only", Exchange)
            .with(logon(IIS10, "15.1.225", "Outlook"))
            .builds(&["15.1.225: RTM, update not told"])
            .hole("CVE-2021-26855", Vulnerable, Some(Why::MitigationPossible)),
        host("the page alone may be a copy", PerhapsExchange)
            .with(answer(LOGON, 200, "Server: Microsoft-IIS/10.0", &page("15.1.2507", "Outlook")))
            .builds(&["15.1.2507: CU23, update not told"])
            .hole("CVE-2021-26855", Undetermined, Some(Why::ProductUnsure)),
        host("no version at all", Exchange)
            .with(answer("/", 302, &format!("{IIS10}X-FEServer: EX01\nLocation: https://mail.example.test/owa/"), ""))
            .hole("CVE-2021-26855", Undetermined, Some(Why::NoVersion)),
        host("a broken front end", PerhapsExchange).with(answer(
            "/owa/",
            302,
            &format!("{IIS10}Location: /owa/auth/errorFE.aspx?httpCode=500"),
            "<h2>Object moved to <a href=\"/owa/auth/errorFE.aspx?httpCode=500\">here</a>.</h2>",
        )),
        host("the header wins over the page", Exchange)
            .with(asks("15.1.2507.12", "EX16"))
            .with(logon(IIS10, "15.1.2507", "Outlook"))
            .builds(&["15.1.2507.12: CU23 Aug22SU"]),
    ]
}

fn manifest(build: &str) -> Answer {
    let body = format!("<assemblyIdentity name=\"microsoft.exchange.ediscovery.exporttool\" version=\"{build}\" />");
    answer(EXPORT_TOOL, 200, IIS10, &body)
}

/// Versions that lie, lag, or are spelt otherwise.
fn odd_versions() -> Vec<Profile> {
    vec![
        host("OWA of 2019 CU9 has a lower number than its setup", Exchange)
            .with(asks("15.2.858.2", "EX19"))
            .builds(&["15.2.858.2: CU9"])
            .hole("CVE-2021-26855", Patched, None),
        host("the manifest is in no list and can lag behind", Exchange)
            .with(manifest("15.1.2242.5"))
            .with(answer("/", 302, "X-FEServer: EX16\nLocation: /owa/", ""))
            .builds(&["15.1.2242.5: CU20 or later"])
            .hole("CVE-2021-26855", Patched, None)
            .hole("CVE-2021-31207", Undetermined, Some(Why::CuOnly)),
        host("the header wins over the manifest", Exchange)
            .with(asks("15.1.2242.12", "EX16"))
            .with(manifest("15.1.2242.5"))
            .builds(&["15.1.2242.12: CU20 Jul21SU"]),
        host("newer than the data", Exchange)
            .with(asks("15.2.2562.99", "EXSE"))
            .builds(&["15.2.2562.99: newer than RTM Sep26SUv2"])
            .hole("CVE-2026-42897", Patched, None),
        host("a CU newer than the data", Exchange)
            .with(asks("15.2.3000.4", "EXSE"))
            .builds(&["15.2.3000.4: newer than any known"]),
        host("the long form", Exchange).with(asks("15.02.2562.037", "MAIL")).builds(&["15.02.2562.037: RTM Feb26SU"]),
        host("a number between two updates", Exchange)
            .with(asks("15.1.2106.10", "EX16"))
            .builds(&["15.1.2106.10: CU18 Feb21SU or later"])
            .hole("CVE-2021-26855", Vulnerable, Some(Why::MitigationPossible)),
        host("a number below all of its CU is that of the CU", Exchange)
            .with(asks("15.1.2375.0", "EX16"))
            .builds(&["15.1.2375.0: CU22"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("the header was emptied", Exchange)
            .with(answer(EWS, 401, &format!("{IIS10}X-OWA-Version:\nX-FEServer: MAIL.EXAMPLE.TEST\n{SCHEMES}"), ""))
            .hole("CVE-2021-26855", Undetermined, Some(Why::NoVersion)),
        host("the header was replaced by words", Exchange).with(asks("not your business", "MAIL")).hole(
            "CVE-2021-26855",
            Undetermined,
            Some(Why::NoVersion),
        ),
        host("names in lower case, as HTTP/2 has them", Exchange)
            .with(answer(
                AUTODISCOVER,
                401,
                &format!("server: Microsoft-IIS/10.0\nx-owa-version: 15.2.986.14\nx-feserver: EX19-01\n{SCHEMES}"),
                "",
            ))
            .builds(&["15.2.986.14: CU11 Nov21SU"]),
        host("the certificate bears the name of the server", Exchange)
            .with(answer("/", 403, "Server: nginx\nX-FEServer: MAIL01\nX-OWA-Version: 15.2.1748.36", ""))
            .certificate("MAIL01", &["MAIL01", "mail.example.test"])
            .builds(&["15.2.1748.36: CU15 Aug25SU"])
            .behind(&["nginx"]),
        host("the page, and a certificate as setup makes it", Exchange)
            .with(answer(LOGON, 200, IIS10, &page("15.1.2507", "Outlook")))
            .certificate("MAIL01", &["MAIL01", "MAIL01.example.test"])
            .builds(&["15.1.2507: CU23, update not told"])
            .hole("CVE-2021-26855", Patched, None),
    ]
}

/// Several servers behind one address.
fn farms() -> Vec<Profile> {
    vec![
        host("one of two is not patched", Exchange)
            .with(asks("15.1.2507.16", "EX16A"))
            .with(asks_at(EWS, IIS10, "15.1.2507.6", "EX16B"))
            .builds(&["15.1.2507.6: CU23", "15.1.2507.16: CU23 Nov22SU"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible))
            .hole("CVE-2021-26855", Patched, None),
        host("front end 2016, back end 2019", Exchange)
            .with(logon(IIS10, "15.1.2507", "Outlook"))
            .with(asks("15.2.1748.36", "EX19"))
            .builds(&["15.1.2507: CU23, update not told", "15.2.1748.36: CU15 Aug25SU"])
            .hole("CVE-2022-41040", Undetermined, Some(Why::CuOnly)),
        host("front end 2019, back end 2016", Exchange)
            .with(logon(IIS10, "15.2.1748", "Outlook"))
            .with(asks("15.1.2507.6", "EX16"))
            .builds(&["15.1.2507.6: CU23", "15.2.1748: CU15, update not told"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("the first request meets another server than the third", Exchange)
            .with(answer(AUTODISCOVER, 401, &format!("{IIS10}{SCHEMES}"), ""))
            .with(logon(IIS10, "15.2.1748", "Outlook"))
            .with(asks_at(EWS, IIS10, "15.1.2507.6", "EX16"))
            .builds(&["15.1.2507.6: CU23", "15.2.1748: CU15, update not told"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("values joined by a comma", Exchange)
            .with(asks("15.2.1118.7, 15.2.1118.20", "EX19A, EX19B"))
            .builds(&["15.2.1118.7: CU12", "15.2.1118.20: CU12 Nov22SU"])
            .hole("CVE-2022-41040", Vulnerable, Some(Why::MitigationPossible)),
        host("the header twice", Exchange)
            .with(answer(EWS, 401, &format!("{IIS10}X-OWA-Version: 15.2.1118.7\nX-OWA-Version: 15.2.1118.7\nX-FEServer: A\nX-FEServer: B\n{SCHEMES}"), ""))
            .builds(&["15.2.1118.7: CU12"]),
        host("2013 beside 2019 in a migration", Exchange)
            .with(asks_at(AUTODISCOVER, "Server: Microsoft-IIS/8.5\n", "15.0.1497.48", "EX13"))
            .with(asks_at(EWS, IIS10, "15.2.1544.11", "EX19"))
            .builds(&["15.0.1497.48: CU23 Mar23SU", "15.2.1544.11: CU14 Apr24HU"]),
    ]
}

fn before_2013() -> Vec<Profile> {
    let old = "Server: Microsoft-IIS/7.5\nX-Powered-By: ASP.NET\n";
    vec![
        host("2010 by its page", PerhapsExchange)
            .with(answer(
                LOGON,
                200,
                old,
                "<title>Outlook Web App</title><link href=\"/owa/14.3.123.3/themes/resources/logon.css\">",
            ))
            .builds(&["14.3.123.3: SP3"]),
        host("2010 by page and header", Exchange)
            .with(answer(LOGON, 200, old, "<link href=\"/owa/14.3.361.1/themes/resources/logon.css\">"))
            .with(answer(EWS, 401, &format!("{old}X-OWA-Version: 14.3.361.1\n{SCHEMES}"), ""))
            .builds(&["14.3.361.1: SP3 RU18"])
            .hole("CVE-2020-0688", Vulnerable, None)
            .hole("CVE-2021-26855", NotApplicable, None),
        host("2010 with its last update", Exchange)
            .with(asks_at(EWS, old, "14.3.513.0", "EX10"))
            .builds(&["14.3.513.0: SP3 RU32"])
            .hole("CVE-2020-0688", Patched, None),
        host("2007 by an error page", PerhapsExchange)
            .with(answer(
                "/owa/",
                200,
                "Server: Microsoft-IIS/6.0",
                "<!-- OwaPage = ASP.auth_error_aspx -->OWA version: <span id=owaVersion>8.3.83.4</span>",
            ))
            .builds(&["8.3.83.4: older than what is covered"])
            .hole("CVE-2021-26855", Undetermined, Some(Why::BuildProvesNothing)),
        host("2003 by logon.asp", PerhapsExchange)
            .with(answer(
                "/exchange/logon.asp",
                200,
                "Server: Microsoft-IIS/6.0",
                "<!-- 7638.2 --> <title>Microsoft Outlook Web Access</title>",
            ))
            .builds(&["6.5.7638.2: older than what is covered"]),
        host("5.5 by logon.asp", PerhapsExchange)
            .with(answer("/exchange/logon.asp", 200, "Server: Microsoft-IIS/4.0", "<!-- 2653.23 -->"))
            .builds(&["5.5.2653.23: older than what is covered"]),
        host("2007 answers logon.asp", PerhapsExchange).with(answer(
            "/exchange/logon.asp",
            400,
            "",
            "Outlook Web Access for Microsoft (R) Exchange Server 2007",
        )),
    ]
}

/// Products in front of a real server.
fn fronts() -> Vec<Profile> {
    let before = |name: &'static str, header: &str, behind: &'static str| {
        host(name, Exchange)
            .with(asks_at(AUTODISCOVER, header, "15.2.1544.11", "EX19"))
            .builds(&["15.2.1544.11: CU14 Apr24HU"])
            .behind(&[behind])
    };
    vec![
        before("behind F5", "Set-Cookie: TS01a32329=014c63c9; Path=/\n", "F5 BIG-IP"),
        before("behind F5 by its pool cookie", "Set-Cookie: BIGipServerowa_pool=1.2.3\n", "F5 BIG-IP"),
        before("behind NetScaler", "Set-Cookie: NSC_wt_owa=ffff\n", "Citrix NetScaler"),
        before("behind Cloudflare, which writes its own name", "Server: cloudflare\nCF-RAY: 8a-FRA\n", "Cloudflare"),
        before("behind nginx, which writes its own name", "Server: nginx/1.22.1\n", "nginx"),
        before("behind HAProxy", "Server: HAProxy\n", "HAProxy"),
        before(
            "behind a forwarding IIS of another age",
            "Server: Microsoft-IIS/8.5\nX-Powered-By: ARR/3.0\n",
            "IIS Application Request Routing",
        ),
        before("behind Imperva", "X-Iinfo: 1-2-3\n", "Imperva"),
        before("behind two servers that name themselves", "Server: Apache\nServer: Microsoft-IIS/10.0\n", "Apache"),
        host("OWA hidden behind Kemp, autodiscover open", Exchange)
            .with(asks("15.2.1544.11", "EX19"))
            .with(answer(LOGON, 200, "", "<form action=\"/lm_auth_proxy?LMLogon\" method=\"post\">"))
            .builds(&["15.2.1544.11: CU14 Apr24HU"])
            .behind(&["Kemp LoadMaster"]),
        host("nothing but a logon of AD FS", Unknown)
            .with(answer(LOGON, 302, "Location: https://sts.example.test/adfs/ls/?wa=wsignin1.0", ""))
            .behind(&["AD FS or Web Application Proxy"]),
        host("nothing but a logon of F5", Unknown)
            .with(answer(LOGON, 302, "Location: /my.policy\nSet-Cookie: MRHSession=1", ""))
            .behind(&["F5 BIG-IP"]),
        host("nothing but a logon of TMG", Unknown)
            .with(answer(LOGON, 302, "Location: /CookieAuth.dll?GetLogon?curl=Z2Fowa", ""))
            .behind(&["ISA Server or Forefront TMG"]),
        host("no header Server at all", Exchange)
            .with(asks_at(EWS, "", "15.2.986.14", "EX19"))
            .builds(&["15.2.986.14: CU11 Nov21SU"]),
    ]
}

fn cloud() -> Vec<Profile> {
    let online = "Server: Microsoft-IIS/10.0\nX-CalculatedFETarget: BYAPR06CU002.internal.outlook.com\n\
        X-CalculatedBETarget: PH7PR13MB4482.namprd42.PROD.OUTLOOK.COM\nX-RUM-Validated: 1\nX-FirstHopCafeEFZ: MNZ\n\
        X-FEServer: BL1PR13CA0291\n";
    let tokens = "WWW-Authenticate: Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", \
        trusted_issuers=\"00000001-0000-0000-c000-000000000000@1d3c9b43\"\n";
    vec![
        host("Exchange Online", ExchangeOnline).with(answer(AUTODISCOVER, 400, online, "")).hole(
            "CVE-2021-26855",
            NotApplicable,
            None,
        ),
        host("Exchange Online with its version", ExchangeOnline).with(answer(
            EWS,
            401,
            &format!("{online}X-OWA-Version: 15.20.7587.36"),
            "",
        )),
        host("the name leads to the cloud", ExchangeOnline)
            .with(answer("/owa/", 302, "Location: https://outlook.office365.com/owa/?realm=example.test", ""))
            .tagged("hybrid"),
        host("a hybrid organisation's own server", Exchange)
            .with(answer(EWS, 401, &format!("{IIS10}X-OWA-Version: 15.2.1544.11\nX-FEServer: EX19\n{tokens}"), ""))
            .builds(&["15.2.1544.11: CU14 Apr24HU"])
            .tagged("hybrid"),
    ]
}

/// Look-alikes, each with what gives it away.
fn fakes() -> Vec<Profile> {
    let fake = |name: &'static str, words: &'static str| {
        host(name, SuspectLookalike).contradicts(words).hole("CVE-2021-26855", NotApplicable, None)
    };
    vec![
        fake("2016 on an IIS of 2008", "on which Exchange Server 2016 does not run")
            .with(asks_at(EWS, "Server: Microsoft-IIS/7.5\n", "15.1.2106.2", "EX01"))
            .builds(&["15.1.2106.2: CU18"]),
        fake("2010 on an IIS of 2016", "on which Exchange Server 2010 does not run")
            .with(asks_at(EWS, IIS10, "14.3.123.4", "EX01"))
            .builds(&["14.3.123.4: SP3"]),
        fake("a program that adds IIS to its own name", "several headers `Server`")
            .with(answer(LOGON, 200, "Server: MyServer/1.0\nServer: Microsoft-IIS/10.0", &page("15.1.2507", "Outlook")))
            .builds(&["15.1.2507: CU23, update not told"]),
        fake("a program in Python", "Werkzeug")
            .with(answer(LOGON, 200, "Server: Werkzeug/3.1.9 Python/3.11.7", &page("15.1.1466", "Outlook")))
            .builds(&["15.1.1466: CU9, update not told"]),
        fake("a realm of a library", "Login Required")
            .with(logon(IIS10, "15.1.2507", "Outlook"))
            .with(answer(EWS, 401, "WWW-Authenticate: Basic realm=\"Login Required\"", ""))
            .builds(&["15.1.2507: CU23, update not told"]),
        fake("a scheme that IIS never names", "Kerberos")
            .with(answer(EWS, 401, "X-OWA-Version: 15.1.2106.2\nX-FEServer: E\nWWW-Authenticate: Negotiate, Kerberos, NTLM", ""))
            .builds(&["15.1.2106.2: CU18"]),
        fake("a cookie before anybody logged on", "cadata")
            .with(answer(LOGON, 200, "Set-Cookie: cadata=0011; path=/\nX-FEServer: E", &page("15.1.2106", "Outlook")))
            .builds(&["15.1.2106: CU18, update not told"]),
        fake("a mailbox for anybody", "names a mailbox to anybody")
            .with(answer("/autodiscover/autodiscover.json", 200, "X-FEServer: E", "{\"MailboxGuid\":\"1\",\"Bearer\":\"x\"}")),
        fake("the cloud's servers and a version of one's own", "Microsoft's cloud")
            .with(answer(LOGON, 200, "X-CalculatedBETarget: BY2PR06MB549.namprd06.prod.outlook.com\nX-OWA-Version: 15.1.2106.2\nX-FEServer: CY4PR02CA0010", ""))
            .builds(&["15.1.2106.2: CU18"]),
        fake("the cloud's version and nothing else of it", "version of Microsoft's cloud")
            .with(answer(LOGON, 200, "X-OWA-Version: 15.20.7595.016\nX-FEServer: OUTLOOK-WEB-01\nX-CalculatedBETarget: exchange.internal", "")),
        fake("SharePoint's header too", "SharePoint")
            .with(answer(LOGON, 200, "MicrosoftSharePointTeamServices: 16.0.0.20227\nX-OWA-Version: 15.2.1118.7\nX-FEServer: E", ""))
            .builds(&["15.2.1118.7: CU12"]),
        fake("a build of no release", "of which there is no release")
            .with(asks("15.1.1240.20", "E"))
            .builds(&["15.1.1240.20: unknown"]),
        fake("a page that takes its parts from another server", "takes its parts from another server")
            .with(answer(LOGON, 200, "Server: Apache", "<!-- OwaPage = ASP.auth_logon_aspx --><img src=\"https://mail.victim.test/owa/14.3.123.3/x.gif\">"))
            .behind(&["Apache"]),
        fake("a copied page in PHP", "PHP")
            .with(answer(LOGON, 200, "X-Powered-By: PHP/8.2", "<!-- OwaPage = ASP.auth_logon_aspx --><title>Outlook</title>")),
        fake("the root leads straight to the page", "without the address asked for")
            .with(answer("/", 302, "Location: /owa/auth/logon.aspx?replaceCurrent=1&url=", ""))
            .with(answer(LOGON, 200, "", &page("15.1.1466", "Outlook")))
            .builds(&["15.1.1466: CU9, update not told"]),
        fake("one answer of two CUs", "one answer names")
            .with(answer(LOGON, 200, "X-OWA-Version: 15.1.2106.2\nX-FEServer: E", &page("15.2.986", "Outlook")))
            .builds(&["15.1.2106.2: CU18", "15.2.986: CU11, update not told"]),
    ]
}

/// Everything else.
fn others() -> Vec<Profile> {
    let page = |name: &'static str, headers: &str, body: &str| host(name, Other).with(answer("/", 200, headers, body));
    vec![
        page("Zimbra", "", "<title>Zimbra Web Client Sign In</title>"),
        page("SmarterMail on IIS", IIS10, "<title>SmarterMail Login - SmarterMail</title>"),
        page("Kopano", "", "<title>Kopano WebApp</title>"),
        page("Axigen", "Server: Axigen-Webmail", "<title>AXIGEN Webmail - v8.x</title>"),
        host("an ordinary server", Other)
            .with(answer("/", 200, "Server: Microsoft-IIS/10.0", "<title>IIS Windows Server</title>"))
            .with(answer(LOGON, 404, "Server: Microsoft-IIS/10.0", ""))
            .hole("CVE-2021-26855", NotApplicable, None),
        host("of which only the root was seen", Unknown).with(answer(
            "/",
            200,
            IIS10,
            "<title>IIS Windows Server</title>",
        )),
        host("Exchange 2003 answers at none of the paths", Unknown)
            .with(answer(LOGON, 404, "Server: Microsoft-IIS/6.0", ""))
            .with(answer(EWS, 404, "Server: Microsoft-IIS/6.0", "")),
        host("a front end that reaches nothing", Unknown)
            .behind(&["nginx"])
            .with(answer(AUTODISCOVER, 502, "Server: nginx", ""))
            .with(answer(LOGON, 502, "Server: nginx", ""))
            .with(answer(EWS, 504, "Server: nginx", ""))
            .with(answer(EXPORT_TOOL, 502, "Server: nginx", "")),
        host("grommunio names Exchange 2013", Other).with(answer(
            "/mapi/emsmdb",
            401,
            "X-ServerApplication: Exchange/15.00.0847.4040\nWWW-Authenticate: Basic realm=\"msrpc\"",
            "",
        )),
        host("grommunio by its realm", Other).with(answer(EWS, 401, "WWW-Authenticate: Basic realm=\"grommunio\"", "")),
        host("Syncroton names Exchange 2010", Other).with(answer(
            "/Microsoft-Server-ActiveSync",
            401,
            "MS-Server-ActiveSync: 14.00.0536.000",
            "",
        )),
        host("a web server with a Windows logon everywhere", Other)
            .with(answer(AUTODISCOVER, 401, &format!("{IIS10}{SCHEMES}"), ""))
            .with(answer(LOGON, 401, &format!("{IIS10}{SCHEMES}"), "")),
        host("a Windows logon at one path of Exchange", PerhapsExchange)
            .with(answer(AUTODISCOVER, 401, &format!("{IIS10}{SCHEMES}"), ""))
            .with(answer(LOGON, 404, IIS10, "")),
        host("nobody answers", Unknown),
    ]
}

#[cfg(test)]
mod tests {
    use super::fleet;
    use crate::classify::Classifier;

    #[test]
    fn every_host_is_judged_as_it_should_be() {
        let mut classifier = Classifier::new();
        let all = fleet();
        assert!(all.len() >= 60, "{}", all.len());
        let wrong: Vec<String> =
            all.iter().filter_map(|profile| profile.differs(&classifier.judge(&profile.observation()))).collect();
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    }

    #[test]
    fn names_tell_profiles_apart() {
        let names: std::collections::BTreeSet<_> = fleet().iter().map(|profile| profile.name).collect();
        assert_eq!(names.len(), fleet().len());
    }

    #[test]
    fn the_order_of_judging_does_not_matter() {
        let (mut forward, mut backward) = (Classifier::new(), Classifier::new());
        let mut first: Vec<_> = fleet().iter().map(|profile| forward.judge(&profile.observation())).collect();
        let last: Vec<_> = fleet().iter().rev().map(|profile| backward.judge(&profile.observation())).collect();
        first.reverse();
        assert_eq!(first, last);
    }
}
