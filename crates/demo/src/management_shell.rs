//! Cmdlets through remote PowerShell with a password that is right: administrators, and whoever has their passwords.

use std::io;

use crate::exchange_logs::{self, Cmdlet, RemoteRequest};
use crate::plan::Plan;
use crate::server::{Agent, Backend, Protocol, Request, Server};
use crate::time::Time;
use crate::windows;

/// Who works from where.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    /// `it.admin`.
    pub(crate) user: &'static str,
    pub(crate) rid: u32,
    pub(crate) client: &'static str,
}

/// The administrator of the house at his desk.
pub(crate) const ADMINISTRATOR: Operator = Operator { user: "it.admin", rid: 1_104, client: crate::admin::DESK };

/// Runs one cmdlet.
pub(crate) fn runs(plan: &mut Plan, at: Time, operator: Operator, name: &'static str, parameters: &str) {
    let parameters = parameters.to_owned();
    plan.step(at, move |server, at| run(server, at, operator, name, &parameters));
}

fn run(server: &mut Server, at: Time, operator: Operator, name: &str, parameters: &str) -> io::Result<()> {
    const QUERY: &str = "PSVersion=5.1.14393.3866";
    let agent = Agent::new("Microsoft WinRM Client");
    let account = format!("CONTOSO\\{}", operator.user);
    let action = format!("{name}:Command");
    let host = server.identity.host.clone();
    // `15.01.1979.000` without its zeros.
    let (version, build) = server.identity.build(at).dotted.split_at(5);
    let anchor =
        format!("ServerVersion~Version {} (Build {}.0)", &version[..4], build.split('.').next().unwrap_or(build));
    let request = Request {
        query: QUERY,
        host: &host,
        authentication: "Kerberos",
        user: &account,
        client: operator.client,
        action: &action,
        anchor: &anchor,
        hint: "ExchClientVer-ServerCookie",
        bytes: (5_127, 847),
        milliseconds: 24,
        backend: Some(Backend { stem: "/powershell", query: QUERY, user: &account }),
        ..Request::new(Some(Protocol::PowerShell), "POST", "/powershell", &agent)
    };
    server.web(at, &request)?;
    let remote = RemoteRequest {
        user: &format!("{}@contoso.example", operator.user),
        client: operator.client,
        status: 200,
        command: name,
        client_info: "Microsoft WinRM Client",
        query: QUERY,
    };
    exchange_logs::rps_http(server, at.plus(60), &remote)?;
    let cmdlet = Cmdlet {
        user: operator.user,
        rid: operator.rid,
        application: "ManagementShell",
        sender: &account,
        cmdlet: name,
        parameters,
        error: "",
    };
    exchange_logs::rps_cmdlet(server, at.plus(300), &cmdlet)?;
    windows::cmdlet(server, at.plus(320), name, parameters)
}
