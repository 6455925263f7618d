//! The rest of the internet: scanners that ask every server the same questions and get nowhere.

use std::io;

use crate::cast::Cast;
use crate::random::Random;
use crate::server::{Agent, Backend, Protocol, Request, Server};
use crate::time::Time;

/// What was being scanned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    /// The everyday kind, which tells nothing of the story.
    Everyday,
    /// Also ProxyLogon, after it was public, and the web shells of others.
    ProxyLogon,
    /// The same on a server that is no longer open to it.
    ProxyLogonInVain,
    /// Also ProxyShell, and what has its shape.
    ProxyShell,
}

/// Pages that others planted elsewhere; none was ever here.
const SHELL_NAMES: [&str; 10] = [
    "/aspnet_client/discover.aspx",
    "/aspnet_client/shell.aspx",
    "/aspnet_client/load.aspx",
    "/aspnet_client/system_web/logon.aspx",
    "/owa/auth/errorEE.aspx",
    "/owa/auth/OutlookEN.aspx",
    "/owa/auth/8Lw7tAhF9i1pJnRo.aspx",
    "/owa/auth/web.aspx",
    "/owa/auth/getpp.aspx",
    "/owa/auth/a.aspx",
];

/// One visit.
pub(crate) fn visit(server: &mut Server, at: Time, noise: Noise, cast: &Cast, random: &mut Random) -> io::Result<()> {
    let client = format!("198.51.100.{}", random.between(130, 250));
    let agent = random.pick(&cast.scanners);
    let public = match noise {
        Noise::Everyday => false,
        Noise::ProxyLogon | Noise::ProxyLogonInVain => at >= Time::day(2021, 3, 3),
        Noise::ProxyShell => at >= Time::day(2021, 8, 7),
    };
    if !public || random.percent(45) {
        return everyday(server, at, &client, agent, random);
    }
    if random.percent(50) {
        let stem = random.pick(&SHELL_NAMES);
        let protocol = stem.starts_with("/owa/").then_some(Protocol::Owa);
        let request = Request { client: &client, status: 404, ..Request::new(protocol, "GET", stem, agent) };
        return server.web(at, &request).map(|_| ());
    }
    match noise {
        Noise::ProxyShell => autodiscover_json(server, at, &client, agent, random),
        _ => proxylogon(server, at, &client, agent, noise, random),
    }
}

fn everyday(server: &mut Server, at: Time, client: &str, agent: &Agent, random: &mut Random) -> io::Result<()> {
    const EXPORT_TOOL: &str = "/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application";
    let plain = |protocol, stem, status| Request {
        client,
        status,
        host: "192.0.2.4",
        bytes: (0, 1_120),
        ..Request::new(protocol, "GET", stem, agent)
    };
    let request = match random.below(8) {
        0 | 1 => Request {
            anchor: "ServerVersion~Version 15.0 (Build 0.0)",
            hint: "EDiscoveryExportTool-ServerVersion",
            bytes: (0, 10_112),
            milliseconds: 29,
            backend: Some(Backend { stem: EXPORT_TOOL, query: "", user: "" }),
            ..plain(Some(Protocol::Ecp), EXPORT_TOOL, 200)
        },
        2 => plain(Some(Protocol::Owa), "/owa/", 302),
        3 => plain(None, "/", 302),
        4 => plain(None, "/robots.txt", 404),
        5 => plain(None, "/.env", 404),
        6 => Request {
            authentication: "Anonymous",
            ..plain(Some(Protocol::Autodiscover), "/autodiscover/autodiscover.xml", 401)
        },
        _ => plain(None, "/favicon.ico", 404),
    };
    server.web(at, &request).map(|_| ())
}

/// Is the hole there? An updated server does not follow the cookie.
fn proxylogon(
    server: &mut Server,
    at: Time,
    client: &str,
    agent: &Agent,
    noise: Noise,
    random: &mut Random,
) -> io::Result<()> {
    if random.percent(40) {
        let request =
            Request { client, status: 404, ..Request::new(Some(Protocol::Owa), "GET", "/owa/auth/x.js", agent) };
        return server.web(at, &request).map(|_| ());
    }
    if noise == Noise::ProxyLogonInVain || at >= server.identity.down.1 {
        let request = Request { client, status: 404, ..Request::new(Some(Protocol::Ecp), "POST", "/ecp/x.js", agent) };
        return server.web(at, &request).map(|_| ());
    }
    let token = random.pick(&["a]@", "akak]@"]);
    let anchor = format!("ServerInfo~{token}{}:444/autodiscover/autodiscover.xml?#", server.identity.host);
    let account = server.identity.account.clone();
    let request = Request {
        client,
        anchor: &anchor,
        hint: "X-BEResource-Cookie",
        bytes: (359, 1_466),
        milliseconds: 38,
        backend: Some(Backend { stem: "/autodiscover/autodiscover.xml", query: "", user: &account }),
        ..Request::new(Some(Protocol::Ecp), "POST", "/ecp/x.js", agent)
    };
    server.web(at, &request).map(|_| ())
}

fn autodiscover_json(
    server: &mut Server,
    at: Time,
    client: &str,
    agent: &Agent,
    random: &mut Random,
) -> io::Result<()> {
    let (path, status) = *random.pick(&[("mapi/nspi/", 401), ("owa/", 302), ("mapi/nspi/", 400)]);
    let query = format!("@scan.example/{path}?&Email=autodiscover/autodiscover.json%3F@scan.example");
    let request = Request {
        client,
        status,
        query: &query,
        ..Request::new(Some(Protocol::Autodiscover), "GET", "/autodiscover/autodiscover.json", agent)
    };
    server.web(at, &request).map(|_| ())
}
