//! Takes the events of one stretch of one file: rules and observers in one pass.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::observation::Belongs;
use model::{EventHead, Family, Origin, Raw, Reject, Row, Sink, Source, Utc, WindowsEvent, server_name};

use super::columns::{Columns, is_empty};
use super::file::FileTally;
use super::matching::{Bound, Matcher};
use super::pages::{Pages, Request, Teller, is_command, page_of};
use super::server::ServerTally;
use super::sightings::Hit;
use super::{access, events, refused};
use crate::pack::IndicatorKind;
use crate::plan::{Plan, RuleIndex, Unmeasured};

/// What is known of a file before it is read.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// Its number in the manifest.
    pub file: u32,
    /// Path on the server, lower case, backslashes.
    pub on_server: String,
    /// Path as the manifest has it.
    pub path: String,
    /// The server that folder or file name suggest.
    pub suggested: Option<String>,
}

/// Times outside are read and counted, not judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeRange {
    /// First moment that counts.
    pub from: Option<Utc>,
    /// First moment that does not count any more.
    pub until: Option<Utc>,
}

impl TimeRange {
    /// Does a record of this time count? One without a time does.
    #[must_use]
    pub fn contains(&self, time: Option<Utc>) -> bool {
        let Some(time) = time else { return true };
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// See the module.
pub struct Observer<'p> {
    plan: &'p Plan,
    facts: &'p FileFacts,
    range: TimeRange,
    tally: FileTally,
    /// Boxed: it is taken out and put back for every row.
    bound: Option<Box<Bound<'p>>>,
    own_pages: OwnPages,
    matcher: Matcher<'p>,
    here: Here,
    scratch: Vec<u8>,
    key: Vec<u8>,
}

/// Server and source of the last row: they seldom change from row to row.
#[derive(Default)]
pub(crate) struct Here {
    server_cell: Vec<u8>,
    server: Option<String>,
    part_cell: Vec<u8>,
    source: Option<Source>,
    client_cell: Vec<u8>,
    /// Indicators that name the client, with the times between which they hold.
    known_client: Vec<(RuleIndex, Option<Utc>, Option<Utc>)>,
}

impl<'p> Observer<'p> {
    /// `family` is what the block to come holds, as far as its header tells.
    #[must_use]
    pub fn new(plan: &'p Plan, facts: &'p FileFacts, range: TimeRange, family: Option<Family>) -> Self {
        Self {
            plan,
            facts,
            range,
            tally: FileTally::default(),
            bound: None,
            own_pages: OwnPages::default(),
            matcher: Matcher::new(plan, family),
            here: Here::default(),
            scratch: Vec::new(),
            key: Vec::new(),
        }
    }

    /// What was seen.
    #[must_use]
    pub fn finish(self) -> FileTally {
        self.tally
    }

    fn observe(&mut self, row: &Row<'_>, bound: &Bound<'_>) {
        let columns = &bound.columns;
        self.here.locate(row, columns, &self.facts.on_server);
        let client = columns.client(row);
        self.here.recognise(client, self.plan);
        let Some(source) = &self.here.source else { return };
        let server = self.tally.server(self.here.server.as_deref());
        if let Some(address) = columns.cell(row, columns.own_address) {
            server.own_addresses.add(address);
        }
        server.named_by_exchange += u64::from(self.here.server.is_some());
        // A log without the columns in which attacks show covers nothing.
        server.coverage.record(source, row.time.filter(|_| columns.can_show));
        let origin = Origin { file: self.facts.file, record: row.number, offset: row.offset };
        let hit = Hit {
            rule: 0,
            source,
            time: row.time,
            client,
            subject: None,
            account: columns.cell(row, columns.account),
            request_id: columns.request_id(row),
            status: columns.status(row),
            bytes: columns.number(row, columns.bytes).unwrap_or(0),
            origin,
            raw: Raw::Text(row.line),
        };
        self.matcher.fitting(bound, row, &mut Unmeasured, &mut |rule| {
            let field = self.plan.rule(rule).subject_field;
            let subject = field.and_then(|field| bound.value(field, row));
            let subject = subject.as_deref().filter(|cell| !is_empty(cell));
            let hit = Hit { rule: rule.at(), subject, ..hit };
            let noted = self.plan.rule(rule).noted.as_deref();
            server.record_hit(&hit, noted, &|field| bound.value(field, row));
        });
        self.here.known_client(row.time, &mut |rule| server.sightings.record(&Hit { rule: rule.at(), ..hit }));
        if let Some(time) = row.time {
            record_build(server, row, columns, time);
            record_access(server, row, columns, client, (time, origin), &mut self.key);
            let place = PageRow { source, client, time, origin };
            record_page(server, row, columns, &place, (&mut self.scratch, &mut self.key), &mut self.own_pages);
        }
    }
}

impl Sink for Observer<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.matcher.block(bytes);
    }

    fn row(&mut self, row: &Row<'_>) {
        if Bound::renew(&mut self.bound, self.plan, row.schema) {
            self.here = Here::default();
        }
        let Some(bound) = self.bound.take() else { return };
        self.matcher.move_to(row, &bound);
        if self.range.contains(row.time) {
            self.tally.event(row.time);
            self.observe(row, &bound);
        }
        self.bound = Some(bound);
    }

    fn wants_data(&mut self, head: &EventHead<'_>) -> bool {
        events::looks_at(head) || self.plan.looks_at(head.channel, head.provider, head.event_id)
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        if self.range.contains(event.time) {
            let is_log = self.facts.on_server.ends_with(".evtx");
            events::observe(event, self.plan, (self.facts.file, is_log), &mut self.tally);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.tally.reject(reject);
    }
}

impl Here {
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Reports the indicators that name the client, where they hold at this time.
    pub(crate) fn known_client(&self, time: Option<Utc>, fits: &mut dyn FnMut(RuleIndex)) {
        for (rule, from, until) in &self.known_client {
            if (TimeRange { from: *from, until: *until }).contains(time) {
                fits(*rule);
            }
        }
    }

    pub(crate) fn recognise(&mut self, client: Option<&[u8]>, plan: &Plan) {
        let client = client.unwrap_or_default();
        if client == self.client_cell {
            return;
        }
        self.client_cell.clear();
        self.client_cell.extend_from_slice(client);
        self.known_client.clear();
        if let Ok(client) = std::str::from_utf8(client) {
            let known = plan.indicators().find(IndicatorKind::Ip, client);
            self.known_client.extend(known.iter().map(|(rule, indicator)| (*rule, indicator.from, indicator.until)));
        }
    }

    pub(crate) fn locate(&mut self, row: &Row<'_>, columns: &Columns, on_server: &str) {
        let cell = columns.server.map(|at| row.raw(at)).unwrap_or_default();
        if cell != self.server_cell {
            self.server_cell = cell.to_vec();
            let text = columns.server.map(|at| row.text(at)).unwrap_or_default();
            self.server = server_name(&String::from_utf8_lossy(&text));
        }
        let part = match columns.family {
            Family::HttpProxy => columns.protocol,
            Family::Iis => columns.port,
            _ => None,
        };
        let cell = part.map(|at| row.raw(at)).unwrap_or_default();
        if self.source.is_none() || cell != self.part_cell {
            self.part_cell = cell.to_vec();
            self.source = Some(source(row, columns, on_server));
        }
    }
}

/// `httpproxy/Ecp`, `iis/W3SVC1`: a site by its folder, a protocol by its column or folder.
fn source(row: &Row<'_>, columns: &Columns, on_server: &str) -> Source {
    let by_row = || columns.part(row).filter(|part| part.len() <= 32).map(|part| Source::part(columns.family, &part));
    let by_path = || match columns.family {
        Family::Iis => site(on_server).map(|site| Source::part(Family::Iis, &site)),
        Family::HttpProxy => protocol(on_server).map(|protocol| Source::part(Family::HttpProxy, protocol)),
        Family::OtherExchange => {
            Some(Source::part(Family::OtherExchange, &row.schema.log_type)).filter(|_| !row.schema.log_type.is_empty())
        }
        _ => None,
    };
    let found = if columns.family == Family::Iis { by_path().or_else(by_row) } else { by_row().or_else(by_path) };
    found.unwrap_or_else(|| columns.source())
}

/// `W3SVC1` from `…\w3svc1\u_ex210303.log`, `iis_w3svc1_logs\…` or `u_ex210303-w3svc1.log`.
fn site(on_server: &str) -> Option<String> {
    let at = on_server.rfind("w3svc")?;
    let digits: String = on_server.get(at + 5..)?.chars().take_while(char::is_ascii_digit).take(9).collect();
    (!digits.is_empty()).then(|| format!("W3SVC{digits}"))
}

/// Protocol folders of HttpProxy, also as Microsoft's ExchangeLogCollector names them.
fn protocol(on_server: &str) -> Option<&'static str> {
    const FOLDERS: [(&str, &str); 20] = [
        (r"\autodiscover\", "Autodiscover"),
        (r"\eas\", "Eas"),
        (r"\ecp\", "Ecp"),
        (r"\ews\", "Ews"),
        (r"\mapi\", "Mapi"),
        (r"\oab\", "Oab"),
        (r"\owa\", "Owa"),
        (r"\owacalendar\", "OwaCalendar"),
        (r"\powershell\", "PowerShell"),
        (r"\rpchttp\", "RpcHttp"),
        ("autod_proxy_logs", "Autodiscover"),
        ("eas_proxy_logs", "Eas"),
        ("ecp_proxy_logs", "Ecp"),
        ("ews_proxy_logs", "Ews"),
        ("mapi_proxy_logs", "Mapi"),
        ("oab_proxy_logs", "Oab"),
        ("owa_proxy_logs", "Owa"),
        ("owa_proxy_calendar_logs", "OwaCalendar"),
        ("powershell_proxy_logs", "PowerShell"),
        ("rca_proxy_logs", "RpcHttp"),
    ];
    FOLDERS.iter().find(|(folder, _)| on_server.contains(folder)).map(|(_, protocol)| *protocol)
}

fn record_build(server: &mut ServerTally, row: &Row<'_>, columns: &Columns, time: Utc) {
    if let Some(build) = columns.build(row) {
        server.builds.record(build, columns.family, false, time);
    } else if let Some(build) = columns.version {
        server.builds.record(build, columns.family, true, time);
    } else if let Some(build) = columns.event_data.and_then(|at| build_in_cell(row.raw(at))) {
        server.builds.record(build, columns.family, true, time);
    } else if columns.family == Family::Setup {
        events::record_setup(server, row, time);
    }
}

/// `S:BLD=15.1.2375.7` of the ECP logs.
fn build_in_cell(cell: &[u8]) -> Option<model::Build> {
    let at = [&b"S:BLD="[..], b"S:Bld="].into_iter().find_map(|mark| memchr::memmem::find(cell, mark))?;
    let rest = cell.get(at + 6..)?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    std::str::from_utf8(rest.get(..length)?).ok()?.parse().ok()
}

/// Health mailboxes make most of the traffic and are nobody.
fn is_probe(account: &[u8]) -> bool {
    static PROBE: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new("HealthMailbox"));
    PROBE.find(account).is_some()
}

fn record_access(
    server: &mut ServerTally,
    row: &Row<'_>,
    columns: &Columns,
    client: Option<&[u8]>,
    (time, origin): (Utc, Origin),
    key: &mut Vec<u8>,
) {
    let Some(client) = client else { return };
    let account = columns.cell(row, columns.account);
    if columns.family == Family::Iis && !account.is_some_and(is_probe) {
        refused::record_row(&mut server.refused, row, columns, (client, account), (time, origin));
    }
    let Some(account) = account.filter(|account| !is_probe(account)) else { return };
    // The logon form names an account and is answered 302 whether the password was right or not.
    let is_form = || columns.cell(row, columns.stem).is_some_and(refused::is_logon_form);
    if !matches!(columns.status(row), Some(200..=399) | None) || is_form() {
        return;
    }
    access::key(&[account, client], key);
    server.logons.slot(key).add(0, time, origin);
    let bytes = columns.number(row, columns.bytes).unwrap_or(0);
    let mailbox = match columns.family {
        Family::Ews | Family::MapiHttp => columns.mailbox.iter().find_map(|at| columns.cell(row, Some(*at))),
        Family::HttpProxy if reads_mail(row, columns) => Some(account),
        _ => None,
    };
    if let Some(mailbox) = mailbox.filter(|mailbox| !is_probe(mailbox)) {
        let protocol = columns.cell(row, columns.protocol).unwrap_or_default();
        access::key(&[mailbox, account, client, columns.family.name().as_bytes(), protocol], key);
        server.mailboxes.slot(key).add(bytes, time, origin);
    }
}

/// A request of a protocol of mail. The remote shell is reached through OWA by an exploit only, and reads none.
fn reads_mail(row: &Row<'_>, columns: &Columns) -> bool {
    static SHELL: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new("owershell"));
    match columns.cell(row, columns.protocol) {
        Some(b"Ews" | b"Mapi" | b"Eas") => true,
        Some(b"Owa") => {
            let stem = columns.cell(row, columns.stem).unwrap_or_default().to_ascii_lowercase();
            SHELL.find(&stem).is_none() && memchr::memchr(b'%', &stem).is_none()
        }
        _ => false,
    }
}

/// What `record_page` needs beside the row.
struct PageRow<'a> {
    source: &'a Source,
    client: Option<&'a [u8]>,
    time: Utc,
    origin: Origin,
}

fn record_page(
    server: &mut ServerTally,
    row: &Row<'_>,
    columns: &Columns,
    place: &PageRow<'_>,
    (scratch, key): (&mut Vec<u8>, &mut Vec<u8>),
    own_pages: &mut OwnPages,
) {
    let Some(client) = place.client else { return };
    let Some((teller, page)) = strange_page(row, columns, place.source, scratch, own_pages) else { return };
    let request = Request {
        client,
        account: columns.cell(row, columns.account),
        status: columns.status(row).unwrap_or(0),
        is_post: is_post(row, columns),
        has_referrer: columns.cell(row, columns.referrer).is_some_and(|referrer| !names_page(referrer, page)),
        is_command: columns.cell(row, columns.query).is_some_and(is_command),
        time: place.time,
        origin: place.origin,
        raw: row.line,
    };
    Pages::key(teller, page, place.time, key);
    server.pages.of(teller).record(key, &request);
}

/// The page that a request asks for, where it is none of Exchange's own.
pub(crate) fn strange_page<'s>(
    row: &Row<'_>,
    columns: &Columns,
    source: &Source,
    scratch: &'s mut Vec<u8>,
    own_pages: &mut OwnPages,
) -> Option<(Teller, &'s [u8])> {
    let teller = Teller::of(source)?;
    let page = page_of(columns.cell(row, columns.stem)?, scratch)?;
    // The back end is only ever asked by the front end, which posts on for others.
    let has_account = columns.cell(row, columns.account).is_some();
    let is_bare_post = !has_account && teller != Teller::BackEnd && is_post(row, columns);
    (!own_pages.contains(page, is_bare_post)).then_some((teller, page))
}

fn is_post(row: &Row<'_>, columns: &Columns) -> bool {
    columns.cell(row, columns.method).is_some_and(|method| method.eq_ignore_ascii_case(b"POST"))
}

/// A page that is its own referrer was reached by no link: shells with a form look so.
fn names_page(referrer: &[u8], page: &[u8]) -> bool {
    let path = referrer.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    path.len() >= page.len() && path.get(path.len() - page.len()..).is_some_and(|end| end.eq_ignore_ascii_case(page))
}

/// Whether pages are Exchange's own, remembered: a few dozen pages make up most requests.
#[derive(Default)]
pub(crate) struct OwnPages(HashMap<Box<[u8]>, [Option<bool>; 2]>);

impl OwnPages {
    /// More are looked up each time.
    const REMEMBERED_MAX: usize = 4_096;

    fn contains(&mut self, page: &[u8], is_bare_post: bool) -> bool {
        let at = usize::from(is_bare_post);
        if let Some(known) = self.0.get(page).and_then(|answers| answers.get(at).copied().flatten()) {
            return known;
        }
        let is_own = std::str::from_utf8(page).is_ok_and(|page| is_exchanges_own(page, is_bare_post));
        if self.0.len() < Self::REMEMBERED_MAX
            && let Some(answer) = self.0.entry(page.into()).or_default().get_mut(at)
        {
            *answer = Some(is_own);
        }
        is_own
    }
}

/// A page of Exchange's own. In the front end's logon folders a back-end page of the same URL is no excuse for a POST
/// without an account:
/// attackers name their pages after it.
fn is_exchanges_own(page: &str, is_bare_post: bool) -> bool {
    let in_logon_folder =
        || matches!(exchange::place_of_url(page), exchange::Place::OwaAuth | exchange::Place::EcpAuth);
    let in_front_end = || {
        exchange::file_belongs(&format!(r"\frontend\httpproxy{}", page.replace('/', r"\")), None)
            != Some(Belongs::Unknown)
    };
    let takes_no_post = || page.ends_with(LINK_ONLY);
    exchange::is_known_page(page) && (!is_bare_post || !in_logon_folder() || (in_front_end() && !takes_no_post()))
}

/// The page of the logon folder that is only ever followed to, and that intruders replace: one that is posted to is no
/// longer Exchange's.
const LINK_ONLY: &str = "/redirsuiteserviceproxy.aspx";
