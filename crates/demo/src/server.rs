//! The server: its names, its builds and all of its logs, and the web request, which several of them record at once.

use std::io;
use std::path::Path;

use crate::columns;
use crate::httpproxy;
use crate::iis;
use crate::log::{Layout, Log, Naming, Preamble};
use crate::random::{Guid, Random};
use crate::time::Time;

/// Where Exchange is installed, below the drive.
pub(crate) const EXCHANGE: &str = "Program Files/Microsoft/Exchange Server/V15";
/// The domain of the story, reserved for examples (RFC 2606).
pub(crate) const DOMAIN: &str = "contoso.example";
/// The host that monitors the others.
pub(crate) const MONITORING_HOST: &str = "ORION01";
/// Security identifier of that domain.
pub(crate) const DOMAIN_SID: &str = "S-1-5-21-1004336348-1177238915-682003330";

/// A protocol folder of the front-end proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Autodiscover,
    Eas,
    Ecp,
    Ews,
    Mapi,
    Oab,
    Owa,
    PowerShell,
    RpcHttp,
}

impl Protocol {
    pub(crate) const ALL: [Self; 9] = [
        Self::Autodiscover,
        Self::Eas,
        Self::Ecp,
        Self::Ews,
        Self::Mapi,
        Self::Oab,
        Self::Owa,
        Self::PowerShell,
        Self::RpcHttp,
    ];

    pub(crate) fn name(self) -> &'static str {
        ["Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Oab", "Owa", "PowerShell", "RpcHttp"][self as usize]
    }
}

/// A build in the spellings of the logs.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// `15,1,2106,2`.
    pub(crate) columns: String,
    /// `15.01.2106.002`.
    pub(crate) padded: String,
    /// `15.1.2106.2`.
    pub(crate) dotted: String,
    /// `15.01.2106.000`, as target servers are named.
    pub(crate) target: String,
    /// The number by which front ends know back ends.
    pub(crate) number: String,
    /// Counts service starts: a new run writes new `#` blocks.
    pub(crate) run: u32,
}

impl Build {
    /// Before and after an update: the last two numbers of 15.1 builds.
    pub(crate) fn of_2016(before: (u32, u32), after: (u32, u32)) -> [Self; 2] {
        [Self::new(1, before, 1), Self::new(1, after, 2)]
    }

    /// Likewise for 15.2.
    pub(crate) fn of_2019(before: (u32, u32), after: (u32, u32)) -> [Self; 2] {
        [Self::new(2, before, 1), Self::new(2, after, 2)]
    }

    fn new(minor: u32, (build, revision): (u32, u32), run: u32) -> Self {
        Self {
            columns: format!("15,{minor},{build},{revision}"),
            padded: format!("15.{minor:02}.{build:04}.{revision:03}"),
            dotted: format!("15.{minor}.{build}.{revision}"),
            target: format!("15.{minor:02}.{build:04}.000"),
            number: (0x73C0_8000 + (minor << 16) + build).to_string(),
            run,
        }
    }
}

/// A user agent in the spellings of the logs.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// Commas as blanks.
    pub(crate) proxy: String,
    /// Blanks as plus signs.
    pub(crate) iis: String,
}

impl Agent {
    pub(crate) fn new(sent: &str) -> Self {
        Self { proxy: sent.replace(',', " "), iis: sent.replace(' ', "+") }
    }
}

/// The request that the front end sends on to the back end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend<'a> {
    pub(crate) stem: &'a str,
    pub(crate) query: &'a str,
    /// The account of the request there; the server's own account when the front end spoke for itself.
    pub(crate) user: &'a str,
}

/// A web request. Empty strings are values that the logs leave empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// `None`: outside of Exchange, so only IIS knows it.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) method: &'a str,
    pub(crate) stem: &'a str,
    pub(crate) query: &'a str,
    pub(crate) host: &'a str,
    /// `FBA`, `Negotiate`, `NTLM`, `Basic`, `Kerberos`, `Anonymous`.
    pub(crate) authentication: &'a str,
    pub(crate) user: &'a str,
    pub(crate) client: &'a str,
    pub(crate) agent: &'a Agent,
    pub(crate) referer: &'a str,
    pub(crate) status: u16,
    /// What the back end answered, where the front end made something else of it.
    pub(crate) backend_status: Option<u16>,
    /// `sc-substatus` and `sc-win32-status`.
    pub(crate) detail: (u32, u32),
    pub(crate) client_request: &'a str,
    pub(crate) action: &'a str,
    pub(crate) anchor: &'a str,
    pub(crate) hint: &'a str,
    /// Request and response.
    pub(crate) bytes: (u64, u64),
    pub(crate) milliseconds: i64,
    pub(crate) backend: Option<Backend<'a>>,
}

impl<'a> Request<'a> {
    /// An anonymous request that is answered 200 at once.
    pub(crate) fn new(protocol: Option<Protocol>, method: &'a str, stem: &'a str, agent: &'a Agent) -> Self {
        Self {
            protocol,
            method,
            stem,
            query: "",
            host: "mail.contoso.example",
            authentication: "FBA",
            user: "",
            client: "",
            agent,
            referer: "",
            status: 200,
            backend_status: None,
            detail: (0, 0),
            client_request: "",
            action: "",
            anchor: "",
            hint: "",
            bytes: (0, 0),
            milliseconds: 7,
            backend: None,
        }
    }
}

/// Who the server is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// `EXC01`.
    pub(crate) name: String,
    /// `EXC01.contoso.example`.
    pub(crate) host: String,
    /// Its address inside.
    pub(crate) address: String,
    /// `CONTOSO\EXC01$`.
    pub(crate) account: String,
    /// `CONTOSO\HealthMailbox…`.
    pub(crate) health: String,
    /// `HealthMailbox…@contoso.example`.
    pub(crate) health_mail: String,
    /// `Sid~…` of the health mailbox.
    pub(crate) health_anchor: String,
    /// Mailbox database.
    pub(crate) database: String,
    /// Before and after the service start that ends `down`.
    pub(crate) builds: [Build; 2],
    /// When the services were stopped.
    pub(crate) down: (Time, Time),
    /// Days of which the IIS logs were deleted.
    pub(crate) lost_iis_days: Vec<i64>,
}

impl Identity {
    pub(crate) fn build(&self, at: Time) -> &Build {
        &self.builds[usize::from(at >= self.down.1)]
    }

    pub(crate) fn is_down(&self, at: Time) -> bool {
        at >= self.down.0 && at < self.down.1
    }
}

/// All logs of a server.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) iis_front: Log,
    pub(crate) iis_back: Log,
    pub(crate) http_error: Log,
    pub(crate) proxy: Vec<Log>,
    pub(crate) ecp_server: Log,
    pub(crate) ecp_activity: Log,
    pub(crate) oab: Log,
    pub(crate) rps_cmdlet: Log,
    pub(crate) rps_http: Log,
    pub(crate) ews: Log,
    pub(crate) mapi: Log,
    pub(crate) tracking: Log,
    pub(crate) delivery: Log,
    pub(crate) submission: Log,
    pub(crate) smtp: Log,
    pub(crate) audit: Log,
    pub(crate) events: Log,
    /// Events of the host that monitors the others.
    pub(crate) monitoring_events: Log,
}

impl Logs {
    /// The logs below `OUT/EXC01`; `hours` are in a file of those that Exchange cuts by the hour.
    pub(crate) fn new(root: &Path, hours: i64, measure: bool) -> Self {
        let folders = Folders { root, hours, measure };
        let proxy = |protocol: &Protocol| {
            let folder = format!("Logging/HttpProxy/{}", protocol.name());
            folders.row(&folder, "HttpProxy_", "HttpProxy Logs", columns::HTTP_PROXY)
        };
        let site = |folder| folders.outside(folder, Naming::Iis, "log", Some(IIS), columns::IIS);
        let ecp = |folder, prefix, log_type| folders.daily(folder, prefix, "LOG", (log_type, true), columns::ECP);
        let tracking = |prefix| {
            let log_type = ("Message Tracking Log", false);
            folders.marked("TransportRoles/Logs/MessageTracking", prefix, log_type, columns::MESSAGE_TRACKING)
        };
        let (cmdlet, http) =
            ("Logging/CmdletInfra/Powershell-Proxy/Cmdlet", "Logging/CmdletInfra/Powershell-Proxy/Http");
        let receive = "TransportRoles/Logs/FrontEnd/ProtocolLog/SmtpReceive";
        let http_error = "C/Windows/System32/LogFiles/HTTPERR";
        let oab = ("OAB Generator Log", false);
        Self {
            iis_front: site("C/inetpub/logs/LogFiles/W3SVC1"),
            iis_back: site("C/inetpub/logs/LogFiles/W3SVC2"),
            http_error: folders.outside(
                http_error,
                Naming::Fixed("httperr1"),
                "log",
                Some("Microsoft HTTP API 2.0"),
                columns::HTTP_ERROR,
            ),
            proxy: Protocol::ALL.iter().map(proxy).collect(),
            ecp_server: ecp("Logging/ECP/Server", "ECPServer", "ECP Server Log"),
            ecp_activity: ecp("Logging/ECP/Activity", "ECPActivity_11500_", "ECP Activity Context Log"),
            oab: folders.daily("Logging/OABGeneratorLog", "oabgen", "log", oab, columns::OAB_GENERATOR),
            rps_cmdlet: folders.row(cmdlet, "Rps_Cmdlet_", "Rps Cmdlet Logs", columns::RPS_CMDLET),
            rps_http: folders.row(http, "Rps_Http_", "Rps Http Logs", columns::RPS_HTTP),
            ews: folders.row("Logging/Ews", "Ews_", "EWS Logs", columns::EWS),
            mapi: folders.row("Logging/MapiHttp/Mailbox", "MapiHttp_", "MapiHttp Protocol Logs", columns::MAPI_HTTP),
            tracking: tracking("MSGTRK"),
            delivery: tracking("MSGTRKMD"),
            submission: tracking("MSGTRKMS"),
            smtp: folders.marked(receive, "RECV", ("SMTP Receive Protocol Log", true), columns::SMTP),
            audit: folders.audit(),
            events: folders.outside("", Naming::Fixed("events"), "jsonl", None, ""),
            monitoring_events: Folders { root: &root.with_file_name(MONITORING_HOST), ..folders }.outside(
                "",
                Naming::Fixed("events"),
                "jsonl",
                None,
                "",
            ),
        }
    }

    /// Writes what is left; files and bytes.
    pub(crate) fn finish(&mut self) -> io::Result<(u64, u64)> {
        let mut sum = (0, 0);
        let single = [
            &mut self.iis_front,
            &mut self.iis_back,
            &mut self.http_error,
            &mut self.ecp_server,
            &mut self.ecp_activity,
            &mut self.oab,
            &mut self.rps_cmdlet,
            &mut self.rps_http,
            &mut self.ews,
            &mut self.mapi,
            &mut self.tracking,
            &mut self.delivery,
            &mut self.submission,
            &mut self.smtp,
            &mut self.audit,
            &mut self.events,
            &mut self.monitoring_events,
        ];
        for log in self.proxy.iter_mut().chain(single) {
            log.finish()?;
            sum = (sum.0 + log.files, sum.1 + log.bytes);
        }
        Ok(sum)
    }
}

const IIS: &str = "Microsoft Internet Information Services 10.0";

/// Where logs lie and how they are cut.
struct Folders<'a> {
    root: &'a Path,
    hours: i64,
    measure: bool,
}

impl Folders<'_> {
    fn exchange(&self, folder: &str, naming: Naming, extension: &'static str, preamble: Preamble) -> Layout {
        let folder = self.root.join("C").join(EXCHANGE).join(folder);
        Layout { folder, naming, extension, hours: self.hours, preamble, columns: "" }
    }

    /// An hourly log that begins with a row of column names.
    fn row(&self, folder: &str, prefix: &'static str, log_type: &'static str, columns: &'static str) -> Log {
        let layout = self.exchange(folder, Naming::Hourly(prefix), "LOG", Preamble::HeaderRow { log_type });
        Log::new(Layout { columns, ..layout }, self.measure)
    }

    /// An hourly log that begins with a byte order mark. The flag: its version is fixed.
    fn marked(&self, folder: &str, prefix: &'static str, kind: (&'static str, bool), columns: &'static str) -> Log {
        let preamble = marked(kind.0, kind.1);
        let layout = self.exchange(folder, Naming::Hourly(prefix), "LOG", preamble);
        Log::new(Layout { columns, ..layout }, self.measure)
    }

    /// A daily log that begins with a byte order mark.
    fn daily(
        &self,
        folder: &str,
        prefix: &'static str,
        extension: &'static str,
        kind: (&'static str, bool),
        columns: &'static str,
    ) -> Log {
        let preamble = marked(kind.0, kind.1);
        let layout = self.exchange(folder, Naming::Daily(prefix), extension, preamble);
        Log::new(Layout { columns, hours: 24, ..layout }, self.measure)
    }

    /// The audit log of cmdlets, which names its software otherwise.
    fn audit(&self) -> Log {
        let preamble =
            Preamble::ByteOrderMark { software: "Microsoft Exchange", log_type: "audit", fixed_version: false };
        let layout = self.exchange("Logging/CosmosQueue/audit", Naming::Daily("audit"), "LOG", preamble);
        Log::new(Layout { columns: columns::AUDIT, hours: 24, ..layout }, self.measure)
    }

    /// A log that is not of Exchange: daily, or one file.
    fn outside(
        &self,
        folder: &str,
        naming: Naming,
        extension: &'static str,
        software: Option<&'static str>,
        columns: &'static str,
    ) -> Log {
        let hours = if matches!(naming, Naming::Fixed(_)) { 0 } else { 24 };
        let preamble = software.map_or(Preamble::None, |software| Preamble::W3c { software });
        Log::new(Layout { folder: self.root.join(folder), naming, extension, hours, preamble, columns }, self.measure)
    }
}

fn marked(log_type: &'static str, fixed_version: bool) -> Preamble {
    Preamble::ByteOrderMark { software: "Microsoft Exchange Server", log_type, fixed_version }
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) identity: Identity,
    pub(crate) logs: Logs,
    pub(crate) random: Random,
}

impl Server {
    /// Records a request wherever the product would, and returns the id that joins the records.
    ///
    /// The front end logs when a request ends; anonymous ones that it refuses reach IIS only.
    pub(crate) fn web(&mut self, at: Time, request: &Request<'_>) -> io::Result<Guid> {
        let id = self.random.guid();
        let end = at.plus(request.milliseconds);
        iis::front(self, end, request, id)?;
        if let Some(backend) = &request.backend {
            iis::back(self, end.plus(-1), request, backend)?;
        }
        let refused = request.user.is_empty() && request.status == 401 && request.authentication == "Anonymous";
        if let (Some(protocol), false) = (request.protocol, refused) {
            httpproxy::write(self, end, protocol, request, id)?;
        }
        Ok(id)
    }
}
