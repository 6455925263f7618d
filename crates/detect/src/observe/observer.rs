//! Takes the events of one stretch of one file: rules and observers in one pass.

use model::{EventHead, Family, Origin, Raw, Reject, Row, Sink, Source, Utc, WindowsEvent, server_name};

use super::cells::{Said, is_probe};
use super::columns::{Columns, is_empty};
use super::file::FileTally;
use super::matching::{Habit, Habits, Matcher};
use super::pages::{Pages, Request, Teller, is_command};
use super::server::ServerTally;
use super::sightings::Hit;
use super::{access, events, refused};
use crate::plan::{Plan, Unmeasured};

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
pub struct Observer<'p, 'f> {
    plan: &'p Plan,
    facts: &'f FileFacts,
    range: TimeRange,
    tally: FileTally,
    habits: Habits<'p>,
    matcher: Matcher<'p>,
    here: Here,
    current: Current,
    key: Vec<u8>,
}

/// Server and source of the last row: they seldom change from row to row.
#[derive(Default)]
pub(crate) struct Here {
    server_cell: Vec<u8>,
    server: Option<String>,
    part_cell: Vec<u8>,
    source: Option<Source>,
    teller: Option<Teller>,
}

impl<'p, 'f> Observer<'p, 'f> {
    /// `habits` are what earlier observers of this plan handed back, or none.
    #[must_use]
    pub fn new(plan: &'p Plan, facts: &'f FileFacts, range: TimeRange, habits: Habits<'p>) -> Self {
        Self {
            plan,
            facts,
            range,
            tally: FileTally::default(),
            habits,
            matcher: Matcher::new(plan),
            here: Here::default(),
            current: Current::default(),
            key: Vec::new(),
        }
    }

    /// What was seen, and what the next observer may go on with.
    #[must_use]
    pub fn finish(mut self) -> (FileTally, Habits<'p>) {
        self.current.put_back(&mut self.tally);
        (self.tally, self.habits)
    }

    fn observe(&mut self, row: &Row<'_>, Habit { bound, cells }: &mut Habit<'_>) {
        let columns = &bound.columns;
        self.here.locate(row, columns, &self.facts.on_server);
        let said = cells.read(row, columns, self.plan);
        let Some(source) = &self.here.source else { return };
        let server = self.current.of(self.here.server.as_deref(), &mut self.tally);
        if let Some(address) = columns.cell(row, columns.own_address) {
            server.own_addresses.add(address);
        }
        server.named_by_exchange += u64::from(self.here.server.is_some());
        // A log without the columns in which attacks show covers nothing.
        server.coverage.record(source, row.time.filter(|_| columns.can_show));
        let origin = Origin { file: self.facts.file, record: row.number, offset: row.offset };
        let hit = || Hit {
            rule: 0,
            source,
            time: row.time,
            client: said.client(),
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
            let hit = Hit { rule: rule.at(), subject, ..hit() };
            let noted = self.plan.rule(rule).noted.as_deref();
            server.record_hit(&hit, noted, &|field| bound.value(field, row));
        });
        said.known_client(row.time, &mut |rule| server.sightings.record(&Hit { rule: rule.at(), ..hit() }));
        if let Some(time) = row.time {
            record_build(server, row, columns, time);
            record_access(server, row, columns, &said, (time, origin), &mut self.key);
            if let Some(page) = said.strange_page(self.here.teller, row, columns) {
                let place = PageRow { client: said.client(), time, origin };
                record_page(server, row, columns, page, &place, &mut self.key);
            }
        }
    }
}

impl Sink for Observer<'_, '_> {
    fn row(&mut self, row: &Row<'_>) {
        let (mut habit, is_other) = self.habits.take(self.plan, row.schema);
        if is_other {
            self.here = Here::default();
        }
        if self.range.contains(row.time) {
            self.tally.event(row.time);
            self.matcher.move_to(row, &mut habit.bound);
            self.observe(row, &mut habit);
        }
        self.habits.put(habit);
    }

    fn wants_data(&mut self, head: &EventHead<'_>) -> bool {
        events::looks_at(head) || self.plan.looks_at(head.channel, head.provider, head.event_id)
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        if self.range.contains(event.time) {
            self.current.put_back(&mut self.tally);
            let is_log = self.facts.on_server.ends_with(".evtx");
            events::observe(event, self.plan, (self.facts.file, is_log), &mut self.tally);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.tally.reject(reject);
    }
}

/// The tally of the server that the last row named, in hand: looking it up for every row costs.
#[derive(Default)]
struct Current {
    /// By which it was asked for.
    asked: Option<String>,
    /// By which it is filed.
    held: Option<(String, ServerTally)>,
}

impl Current {
    fn of(&mut self, server: Option<&str>, tally: &mut FileTally) -> &mut ServerTally {
        if self.held.is_none() || self.asked.as_deref() != server {
            self.put_back(tally);
            self.asked = server.map(str::to_owned);
        }
        let (_, held) = self.held.get_or_insert_with(|| tally.take_server(server.unwrap_or_default()));
        held
    }

    fn put_back(&mut self, tally: &mut FileTally) {
        self.held.take().into_iter().for_each(|(name, server)| tally.put_server(name, server));
    }
}

impl Here {
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    pub(crate) fn teller(&self) -> Option<Teller> {
        self.teller
    }

    pub(crate) fn locate(&mut self, row: &Row<'_>, columns: &Columns, on_server: &str) {
        let cell = columns.server.map(|at| row.raw(at)).unwrap_or_default();
        if !is_same(cell, &self.server_cell) {
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
        if self.source.is_none() || !is_same(cell, &self.part_cell) {
            self.part_cell = cell.to_vec();
            let source = source(row, columns, on_server);
            self.teller = Teller::of(&source);
            self.source = Some(source);
        }
    }
}

/// Whether two cells are alike. Empty ones are not compared: a vector without bytes points nowhere, and some processors take
/// longer to find out than to compare a hundred bytes.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
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

fn record_access(
    server: &mut ServerTally,
    row: &Row<'_>,
    columns: &Columns,
    said: &Said<'_>,
    (time, origin): (Utc, Origin),
    key: &mut Vec<u8>,
) {
    let Some(client) = said.client() else { return };
    let account = columns.cell(row, columns.account).filter(|_| !said.is_probe);
    let status = columns.status(row);
    if columns.family == Family::Iis && !said.is_probe {
        let answer = refused::Answer { status, is_form: said.is_form() };
        refused::record_row(&mut server.refused, row, columns, answer, (client, account), (time, origin));
    }
    let Some(account) = account else { return };
    // The logon form names an account and is answered 302 whether the password was right or not.
    if !matches!(status, Some(200..=399) | None) || said.is_form() {
        return;
    }
    access::key(&[account, client], key);
    server.logons.slot(key).add(0, time, origin);
    let mailbox = match columns.family {
        Family::Ews | Family::MapiHttp => columns.mailbox.iter().find_map(|at| columns.cell(row, Some(*at))),
        Family::HttpProxy if reads_mail(row, columns, said) => Some(account),
        _ => None,
    };
    if let Some(mailbox) = mailbox.filter(|mailbox| !is_probe(mailbox)) {
        let bytes = columns.number(row, columns.bytes).unwrap_or(0);
        let protocol = columns.cell(row, columns.protocol).unwrap_or_default();
        access::key(&[mailbox, account, client, columns.family.name().as_bytes(), protocol], key);
        server.mailboxes.slot(key).add(bytes, time, origin);
    }
}

/// A request of a protocol of mail. The remote shell is reached through OWA by an exploit only, and reads none.
fn reads_mail(row: &Row<'_>, columns: &Columns, said: &Said<'_>) -> bool {
    match columns.cell(row, columns.protocol) {
        Some(b"Ews" | b"Mapi" | b"Eas") => true,
        Some(b"Owa") => !said.may_be_shell(),
        _ => false,
    }
}

/// What `record_page` needs beside the row.
struct PageRow<'a> {
    client: Option<&'a [u8]>,
    time: Utc,
    origin: Origin,
}

fn record_page(
    server: &mut ServerTally,
    row: &Row<'_>,
    columns: &Columns,
    (teller, page): (Teller, &[u8]),
    place: &PageRow<'_>,
    key: &mut Vec<u8>,
) {
    let Some(client) = place.client else { return };
    let request = Request {
        client,
        account: columns.cell(row, columns.account),
        status: columns.status(row).unwrap_or(0),
        is_post: columns.is_post(row),
        has_referrer: columns.cell(row, columns.referrer).is_some_and(|referrer| !names_page(referrer, page)),
        is_command: columns.cell(row, columns.query).is_some_and(is_command),
        time: place.time,
        origin: place.origin,
        raw: row.line,
    };
    Pages::key(teller, page, place.time, key);
    server.pages.of(teller).record(key, &request);
}

/// A page that is its own referrer was reached by no link: shells with a form look so.
fn names_page(referrer: &[u8], page: &[u8]) -> bool {
    let path = referrer.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    path.len() >= page.len() && path.get(path.len() - page.len()..).is_some_and(|end| end.eq_ignore_ascii_case(page))
}
