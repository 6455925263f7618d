//! Somebody signs in to Outlook on the web, or tries to.

use std::io;

use crate::cast::Known;
use crate::iis;
use crate::plan::Plan;
use crate::server::{Agent, Backend, Protocol, Request, Server};
use crate::time::{SECOND, Time};
use crate::windows::logon;

/// Who signs in from where, with what.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) person: Known,
    pub(crate) client: &'static str,
    pub(crate) agent: String,
}

const LOGON: &str = "/owa/auth/logon.aspx";
const REFERER: &str = "https://mail.contoso.example/owa/auth/logon.aspx";

/// The page, the password, the mailbox.
pub(crate) fn signs_in(plan: &mut Plan, at: Time, visitor: &Visitor) {
    let visitor = visitor.clone();
    plan.step(at, move |server, at| sign_in(server, at, &visitor));
}

fn sign_in(server: &mut Server, at: Time, visitor: &Visitor) -> io::Result<()> {
    let agent = Agent::new(&visitor.agent);
    let person = &visitor.person;
    let page = Request {
        query: "url=https%3a%2f%2fmail.contoso.example%2fowa&reason=0",
        client: visitor.client,
        bytes: (0, 57_100),
        ..Request::new(Some(Protocol::Owa), "GET", LOGON, &agent)
    };
    server.web(at, &page)?;
    let password = Request {
        user: &person.account,
        client: visitor.client,
        referer: REFERER,
        status: 302,
        ..Request::new(Some(Protocol::Owa), "POST", "/owa/auth.owa", &agent)
    };
    server.web(at.plus(4 * SECOND), &password)?;
    logon::succeeded(server, at.plus(4 * SECOND + 20), &person.user, person.rid, visitor.client)?;
    let mailbox = Request {
        user: &person.account,
        client: visitor.client,
        referer: REFERER,
        anchor: &person.anchor,
        hint: "WindowsIdentity",
        bytes: (0, 61_400),
        milliseconds: 120,
        backend: Some(Backend { stem: "/owa/", query: "", user: &person.account }),
        ..Request::new(Some(Protocol::Owa), "GET", "/owa/", &agent)
    };
    server.web(at.plus(5 * SECOND), &mailbox).map(|_| ())
}

/// A password that is wrong, at any of the doors. The web server refuses it before the proxy sees it.
pub(crate) fn refused(
    server: &mut Server,
    at: Time,
    protocol: Protocol,
    user: &str,
    client: &str,
    agent: &str,
) -> io::Result<()> {
    let agent = Agent::new(agent);
    let account = format!("CONTOSO\\{user}");
    let query = format!("Cmd=OPTIONS&User=CONTOSO%5C{user}&DeviceId=0000000000&DeviceType=SP");
    let (method, stem, query) = match protocol {
        Protocol::Eas => ("OPTIONS", "/Microsoft-Server-ActiveSync/default.eas", query.as_str()),
        Protocol::Ews => ("POST", "/EWS/Exchange.asmx", ""),
        _ => ("POST", "/owa/auth.owa", ""),
    };
    let request = Request {
        query,
        user: &account,
        client,
        status: 401,
        // ERROR_LOGON_FAILURE
        detail: (1, 1_326),
        milliseconds: server.random.between(15, 60) as i64,
        ..Request::new(Some(protocol), method, stem, &agent)
    };
    let id = server.random.guid();
    iis::front(server, at, &request, id)
}
