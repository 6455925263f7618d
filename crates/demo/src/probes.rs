//! What the server asks itself, day and night: health mailboxes and probes. They leave no hour without a record.

use std::io;

use crate::exchange_logs::{self, Cmdlet, RemoteRequest, WebService};
use crate::iis;
use crate::server::{Agent, Backend, Protocol, Request, Server};
use crate::time::Time;
use crate::windows;

const STEMS: [&str; 9] = [
    "/autodiscover/",
    "/Microsoft-Server-ActiveSync/",
    "/ecp/",
    "/ews/",
    "/mapi/",
    "/oab/",
    "/owa/",
    "/powershell/",
    "/rpc/",
];

/// How often each group of probes runs: `per_hour` times, once in `hours`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Divides 60.
    pub(crate) per_hour: i64,
    /// 1, or more when `per_hour` is 1.
    pub(crate) hours: i64,
}

impl Pace {
    fn is_due(self, minute: Time, offset: i64) -> bool {
        let step = 60 / self.per_hour;
        (minute.minute() + offset * 7) % step == 0 && (minute.hour() + offset) % self.hours == 0
    }
}

/// The pace of the sources that coverage rests on, and of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paces {
    pub(crate) main: Pace,
    pub(crate) other: Pace,
}

impl Paces {
    /// So that probes stay a modest part of the volume of a day.
    pub(crate) fn for_day(bytes: u64) -> Self {
        let pace = |per_hour, hours| Pace { per_hour, hours };
        let (main, other) = match bytes {
            0..250_000 => (pace(1, 1), pace(1, 6)),
            250_000..1_000_000 => (pace(2, 1), pace(1, 1)),
            1_000_000..5_000_000 => (pace(6, 1), pace(2, 1)),
            5_000_000..50_000_000 => (pace(12, 1), pace(6, 1)),
            _ => (pace(60, 1), pace(30, 1)),
        };
        Self { main, other }
    }
}

type Probe = fn(&mut Server, Time) -> io::Result<()>;

/// The probes that are not of one protocol, numbered behind the protocols.
const OTHERS: [(Probe, bool); 5] =
    [(back_end, true), (control_panel, true), (web_services, false), (remote_shell, false), (workers, false)];
const ADDRESS_BOOK: usize = Protocol::ALL.len() + OTHERS.len();

/// Numbers of the probes that are due in this minute.
pub(crate) fn due(minute: Time, paces: Paces) -> impl Iterator<Item = usize> {
    let protocols = Protocol::ALL
        .into_iter()
        .map(|protocol| matches!(protocol, Protocol::Autodiscover | Protocol::Ecp | Protocol::Owa));
    let others = OTHERS.into_iter().map(|(_, main)| main);
    let regular = protocols.chain(others).enumerate().filter_map(move |(number, main)| {
        let pace = if main { paces.main } else { paces.other };
        pace.is_due(minute, number as i64).then_some(number)
    });
    let nightly = minute.hour() == 5 && minute.minute() == 10;
    regular.chain(nightly.then_some(ADDRESS_BOOK))
}

/// Runs the probe of that number.
pub(crate) fn run(server: &mut Server, at: Time, number: usize) -> io::Result<()> {
    if let Some(protocol) = Protocol::ALL.get(number) {
        return front_end(server, at, *protocol);
    }
    match OTHERS.get(number - Protocol::ALL.len()) {
        Some((probe, _)) => probe(server, at),
        None => address_book(server, at),
    }
}

/// A local probe of one protocol, sometimes after the challenge that IIS alone records.
pub(crate) fn front_end(server: &mut Server, at: Time, protocol: Protocol) -> io::Result<()> {
    let agent = Agent::new("AMProbe/Local/ClientAccess");
    let (health, anchor) = (server.identity.health.clone(), server.identity.health_anchor.clone());
    let request = Request {
        host: "localhost",
        authentication: "Negotiate",
        user: &health,
        client: "127.0.0.1",
        anchor: &anchor,
        milliseconds: 1,
        ..Request::new(Some(protocol), "GET", STEMS[protocol as usize], &agent)
    };
    if server.random.percent(25) {
        let challenge =
            Request { user: "", anchor: "", authentication: "Anonymous", status: 401, detail: (2, 5), ..request };
        server.web(at, &challenge)?;
    }
    server.web(at, &request).map(|_| ())
}

fn back_end(server: &mut Server, at: Time) -> io::Result<()> {
    let agent = Agent::new("Microsoft WinRM Client");
    let health = server.identity.health.clone();
    let backend = Backend {
        stem: "/powershell",
        query: "clientApplication=ActiveMonitor;PSVersion=5.1.14393.4225",
        user: &health,
    };
    let request = Request { milliseconds: 15, ..Request::new(None, "POST", "/powershell", &agent) };
    iis::back(server, at, &request, &backend)
}

fn control_panel(server: &mut Server, at: Time) -> io::Result<()> {
    const URL: &str = "/ecp/RulesEditor/InboxRules.svc/GetList?msExchEcpCanary=8mXq0fk60n05Eauw.";
    exchange_logs::ecp_server(server, at, "Get-InboxRule", URL, "")?;
    exchange_logs::ecp_activity(server, at.plus(20), "/ecp/logoff.aspx")
}

fn web_services(server: &mut Server, at: Time) -> io::Result<()> {
    let (id, health) = (server.random.guid(), server.identity.health_mail.clone());
    let agent = format!("Ews_AM_Probe/Local (ExchangeServicesClient/{})", server.identity.build(at).padded);
    let call = WebService {
        id,
        user: &health,
        agent: &agent,
        client: "::1",
        action: "GetFolder",
        bytes: (666, 1_204),
        impersonated: "",
        acting_as: &health,
        milliseconds: 17,
    };
    exchange_logs::ews(server, at, &call)
}

fn remote_shell(server: &mut Server, at: Time) -> io::Result<()> {
    let health = server.identity.health_mail.clone();
    let user = health.replace("@contoso.example", "");
    let cmdlet = Cmdlet {
        user: &user,
        rid: 1_131,
        application: "ActiveMonitor",
        sender: &server.identity.health.clone(),
        cmdlet: "Get-Mailbox",
        parameters: "-ResultSize \"1\"",
        error: "",
    };
    exchange_logs::rps_cmdlet(server, at, &cmdlet)?;
    let request = RemoteRequest {
        user: &health,
        client: "127.0.0.1",
        status: 200,
        command: "Get-Mailbox",
        client_info: "Microsoft WinRM Client",
        query: "clientApplication=ActiveMonitor;PSVersion=5.1.14393.4225",
    };
    exchange_logs::rps_http(server, at.plus(4), &request)
}

/// Ordinary processes of a mail server, a logon, an idle connection.
fn workers(server: &mut Server, at: Time) -> io::Result<()> {
    const WORKER: &str = r"C:\Program Files\Microsoft\Exchange Server\V15\Bin\MSExchangeHMWorker.exe";
    const COMPILER: &str = r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\csc.exe";
    let process = if server.random.percent(80) {
        windows::Process {
            parent: WORKER,
            parent_line: "MSExchangeHMWorker.exe -pipe:3208",
            image: r"C:\Windows\System32\netsh.exe",
            line: "\"netsh\" interface tcp show global",
        }
    } else {
        windows::Process {
            parent: COMPILER,
            parent_line: "csc.exe /noconfig /fullpaths",
            image: r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\cvtres.exe",
            line: "cvtres.exe /NOLOGO /READONLY /MACHINE:IX86",
        }
    };
    windows::process(server, at, &process)?;
    windows::logon::of_health_mailbox(server, at.plus(310))?;
    let client = format!("192.0.2.{}", server.random.between(10, 210));
    let port = server.random.between(20_000, 65_000) as i64;
    iis::dropped(server, at.plus(500), &client, port, "Timer_ConnectionIdle")
}

/// The nightly run of the address book generator, after a new password for the health mailbox, with the harmless form of a message that attacks leave as well.
fn address_book(server: &mut Server, at: Time) -> io::Result<()> {
    exchange_logs::password_renewed(server, at.plus(-40_000))?;
    exchange_logs::oab(server, at, "FunctionTrace", "OABGeneratorAssistant: begin processing, 1 address list")?;
    if server.random.percent(15) {
        let message = r"Download failed and temporary file 'C:\Program Files\Microsoft\Exchange Server\V15\ClientAccess\OAB\Temp\binpatch-1.lzx' needs to be removed";
        exchange_logs::oab(server, at.plus(2_100), "DebugTrace", message)?;
    }
    exchange_logs::oab(server, at.plus(4_400), "PerformanceTrace", "OABGeneratorAssistant: finished after 00:00:04.4")
}
