//! The administrators of the house: a few visits to the control panel and to remote PowerShell, all of them harmless.

use crate::cast;
use crate::exchange_logs::{self, Cmdlet};
use crate::plan::Plan;
use crate::server::{Agent, Backend, Protocol, Request};
use crate::time::{DAY, SECOND};
use crate::windows;

/// The account of the house, which stories know as well.
pub(crate) const ACCOUNT: &str = "CONTOSO\\it.admin";
pub(crate) const DESK: &str = "10.20.30.11";
const PANEL: &str = "https://mail.contoso.example/ecp/default.aspx";
const LIST: &str = "/ecp/DDI/DDIService.svc/GetList";
const SET: &str = "/ecp/DDI/DDIService.svc/SetObject";

/// Every third working day somebody has something to do.
pub(crate) fn visits(plan: &mut Plan) {
    let mut day = plan.from.midnight();
    let mut visit = 0;
    while day < plan.until {
        let at = day.at(9, 12 + visit % 30, 8);
        if !day.is_weekend() && day.day_number() % 3 == 0 && at > plan.from {
            visit += 1;
            control_panel(plan, at, visit);
            remote_shell(plan, at.plus(25 * 60 * SECOND), visit);
        }
        day = day.plus(DAY);
    }
}

fn control_panel(plan: &mut Plan, at: crate::time::Time, visit: i64) {
    let requests: &[(&str, &str, &str)] = &[
        ("GET", "/ecp/default.aspx", ""),
        ("POST", LIST, "msExchEcpCanary=k7Qd2mUu.&schema=MailboxService&workflow=GetList"),
        ("POST", SET, "msExchEcpCanary=k7Qd2mUu.&schema=OWAVirtualDirectory"),
    ];
    // Virtual directories change rarely.
    let count = if visit == 2 { 3 } else { 2 };
    for (number, (method, stem, query)) in requests.iter().copied().take(count).enumerate() {
        plan.step(at.plus(number as i64 * 9 * SECOND), move |server, at| {
            let agent = Agent::new(&cast::browsers(at.year())[1]);
            let request = Request {
                query,
                user: ACCOUNT,
                client: DESK,
                referer: PANEL,
                anchor: "Sid~S-1-5-21-1004336348-1177238915-682003330-1104",
                hint: "WindowsIdentity",
                bytes: (612, 20_418),
                milliseconds: 180,
                backend: Some(Backend { stem, query, user: ACCOUNT }),
                ..Request::new(Some(Protocol::Ecp), method, stem, &agent)
            };
            server.web(at, &request).map(|_| ())
        });
    }
    plan.step(at.plus(9 * SECOND + 120), move |server, at| {
        exchange_logs::ecp_server(server, at, "Get-Mailbox.ResultSize='500'", LIST, PANEL)?;
        if visit != 2 {
            return Ok(());
        }
        let command = "Set-OwaVirtualDirectory.ExternalUrl='https://mail.contoso.example/owa'.Identity='EXC01\\owa (Default Web Site)'";
        exchange_logs::ecp_server(server, at.plus(9_000), command, SET, PANEL)?;
        let parameters = "-ExternalUrl \"https://mail.contoso.example/owa\" -Identity \"EXC01\\owa (Default Web Site)\"";
        windows::cmdlet(server, at.plus(9_060), "Set-OwaVirtualDirectory", parameters)
    });
}

fn remote_shell(plan: &mut Plan, at: crate::time::Time, visit: i64) {
    const WORK: [(&str, &str); 4] = [
        ("Get-Queue", ""),
        ("Get-MailboxStatistics", "-Identity \"anna.adler\""),
        ("Set-Mailbox", "-Identity \"hugo.becker\" -IssueWarningQuota \"9 GB (9,663,676,416 bytes)\""),
        ("Get-MailboxDatabase", "-Status \"True\""),
    ];
    let (name, parameters) = WORK[visit as usize % WORK.len()];
    plan.step(at, move |server, at| {
        let cmdlet = Cmdlet {
            user: "it.admin",
            rid: 1_104,
            application: "EMC",
            sender: ACCOUNT,
            cmdlet: name,
            parameters,
            error: "",
        };
        exchange_logs::rps_cmdlet(server, at, &cmdlet)?;
        windows::cmdlet(server, at.plus(20), name, parameters)
    });
}
