//! Remote PowerShell, reached through the front end of another application: the shape that ProxyNotShell and OWASSRF
//! share. The front end logs the request under its own protocol, the back end gets it at `/powershell`.

use std::io;

use crate::cast::Known;
use crate::exchange_logs::{self, RemoteRequest};
use crate::plan::Plan;
use crate::server::{Agent, Backend, Protocol, Request, Server};
use crate::time::Time;

/// Such a request.
#[derive(Clone)]
pub(crate) struct Detour {
    pub(crate) protocol: Protocol,
    pub(crate) method: &'static str,
    pub(crate) stem: String,
    pub(crate) query: String,
    /// What of the query reaches the back end.
    pub(crate) behind: String,
    pub(crate) client: &'static str,
    pub(crate) agent: &'static str,
    /// Whose password it is.
    pub(crate) person: Known,
    pub(crate) status: u16,
}

/// Sends it.
pub(crate) fn taken(plan: &mut Plan, at: Time, detour: Detour) {
    plan.step(at, move |server, at| send(server, at, &detour));
}

fn send(server: &mut Server, at: Time, detour: &Detour) -> io::Result<()> {
    let agent = Agent::new(detour.agent);
    let machine = server.identity.account.clone();
    let answered = detour.status == 200;
    let milliseconds = server.random.between(60, 480) as i64;
    let request = Request {
        query: &detour.query,
        authentication: "Basic",
        user: &detour.person.account,
        client: detour.client,
        status: detour.status,
        anchor: &detour.person.anchor,
        hint: "ExplicitLogon-SMTP",
        bytes: (server.random.between(1_900, 9_800), server.random.between(600, 2_900)),
        milliseconds,
        backend: answered.then_some(Backend { stem: "/powershell", query: &detour.behind, user: &machine }),
        ..Request::new(Some(detour.protocol), detour.method, &detour.stem, &agent)
    };
    server.web(at, &request)?;
    if !answered {
        return Ok(());
    }
    let remote = RemoteRequest {
        user: &detour.person.mail,
        client: detour.client,
        status: 200,
        command: "",
        client_info: &agent.proxy,
        query: &detour.behind,
    };
    exchange_logs::rps_http(server, at.plus(milliseconds + 20), &remote)
}
