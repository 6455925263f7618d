//! Small logs of one server, spelt by the tests themselves: a front-end proxy log and an IIS log.

/// Where the control panel's proxy log lies.
pub const PROXY_LOG: &str =
    "EXC01/C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/HttpProxy_2021030304-1.LOG";
/// Where the log of the default web site lies.
pub const IIS_LOG: &str = "EXC01/C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log";

/// The first columns of a proxy log, in their order.
pub const PROXY_COLUMNS: &str = "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,\
    ClientRequestId,Protocol,UrlHost,UrlStem,ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,\
    Organization,AnchorMailbox,UserAgent,ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method";

/// The rules that see [`ProxyRow::attack`] and [`IisRow::attack`].
pub const PROXY_RULE: &str = "proxylogon/anchor-reset";
pub const IIS_RULE: &str = "proxylogon/iis-static-post-241";

/// A record of the proxy log.
#[derive(Clone)]
pub struct ProxyRow<'a> {
    pub second: u32,
    pub url: &'a str,
    pub user: &'a str,
    pub anchor: &'a str,
    pub agent: &'a str,
    pub client: &'a str,
    pub server: &'a str,
    pub method: &'a str,
}

impl ProxyRow<'_> {
    /// A probe of the server's own monitoring.
    pub fn probe(second: u32) -> Self {
        Self {
            second,
            url: "/ecp/",
            user: r"CONTOSO\HealthMailbox4a43c52",
            anchor: "Sid~S-1-5-21-1004336348-1177238915-682003330-1131",
            agent: "AMProbe/Local/ClientAccess",
            client: "127.0.0.1",
            server: "EXC01",
            method: "GET",
        }
    }

    /// The request by which the stored script is written to a file.
    pub fn attack(second: u32) -> Self {
        Self {
            second,
            url: "/ecp/y.js",
            user: "",
            anchor: "ServerInfo~a]@EXC01.contoso.example:444/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=x&schema=ResetOABVirtualDirectory#",
            agent: "python-requests/2.25.1",
            client: "203.0.113.7",
            server: "EXC01",
            method: "POST",
        }
    }

    /// The record without line end.
    pub fn line(&self) -> String {
        let Self { second, url, user, anchor, agent, client, server, method } = self;
        let (minute, second) = (second / 60, second % 60);
        format!(
            "2021-03-03T04:{minute:02}:{second:02}.000Z,7c7fd0a3-6f0b-4d3c-9d70-{minute:04}{second:08},15,1,2106,2,,\
             Ecp,mail.contoso.example,{url},,FBA,false,{user},,{anchor},{agent},{client},{server},200,200,,{method}"
        )
    }
}

/// What stands at the top of a proxy log: a plain header row, then directives.
pub fn proxy_header(columns: &str) -> String {
    format!("{columns}\r\n{}", proxy_directives(columns))
}

/// What a restarted service writes.
pub fn proxy_directives(columns: &str) -> String {
    format!(
        "#Software: Microsoft Exchange Server\r\n#Version: 15.01.2106.002\r\n#Log-type: HttpProxy Logs\r\n\
         #Date: 2021-03-03T04:00:00.000Z\r\n#Fields: {columns}\r\n"
    )
}

/// A record of the IIS log.
#[derive(Clone)]
pub struct IisRow<'a> {
    pub second: u32,
    pub method: &'a str,
    pub url: &'a str,
    pub query: &'a str,
    pub user: &'a str,
    pub client: &'a str,
    pub agent: &'a str,
    pub status: u32,
}

impl IisRow<'_> {
    /// A probe of the server's own monitoring.
    pub fn probe(second: u32) -> Self {
        Self {
            second,
            method: "GET",
            url: "/ecp/",
            query: "-",
            user: r"CONTOSO\HealthMailbox4a43c52",
            client: "127.0.0.1",
            agent: "AMProbe/Local/ClientAccess",
            status: 200,
        }
    }

    /// The request that is answered with a session of an administrator.
    pub fn attack(second: u32) -> Self {
        Self {
            second,
            method: "POST",
            url: "/ecp/y.js",
            query: "-",
            user: "-",
            client: "203.0.113.7",
            agent: "python-requests/2.25.1",
            status: 241,
        }
    }

    /// The record without line end.
    pub fn line(&self) -> String {
        let Self { second, method, url, query, user, client, agent, status } = self;
        let (minute, second) = (second / 60, second % 60);
        format!(
            "2021-03-03 04:{minute:02}:{second:02} 10.20.0.11 {method} {url} {query} 443 {user} {client} {agent} - \
             {status} 0 0 15"
        )
    }
}

/// What stands at the top of an IIS log, and again after each restart.
pub fn iis_header() -> String {
    "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2021-03-03 04:00:00\r\n\
     #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) \
     sc-status sc-substatus sc-win32-status time-taken\r\n"
        .to_owned()
}
