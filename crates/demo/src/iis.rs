//! IIS W3C logs of the front end (W3SVC1) and the back end (W3SVC2), and the error log of HTTP.sys.

use std::io;

use crate::random::Guid;
use crate::row::push_number;
use crate::server::{Backend, Protocol, Request, Server};
use crate::time::Time;

/// The front-end record. Exchange adds the id to the query by which the proxy log can be joined.
pub(crate) fn front(server: &mut Server, end: Time, request: &Request<'_>, id: Guid) -> io::Result<()> {
    if server.identity.lost_iis_days.contains(&end.day_number()) {
        return Ok(());
    }
    let out = server.logs.iis_front.line(end, server.identity.build(end))?;
    let local = request.client == "127.0.0.1";
    head(out, end, if local { "127.0.0.1" } else { &server.identity.address }, request.method, request.stem);
    out.extend_from_slice(request.query.as_bytes());
    if let Some(protocol) = request.protocol {
        out.extend_from_slice(b"&CorrelationID=<empty>;&cafeReqId=");
        id.push(out);
        out.push(b';');
        if matches!(protocol, Protocol::Owa | Protocol::Ecp) {
            out.extend_from_slice(b"&encoding=;");
        }
    } else if request.query.is_empty() {
        out.push(b'-');
    }
    tail(out, b" 443 ", request.user, request.client, request, request.status);
    Ok(())
}

/// The back-end record: the caller is the front end on the same server.
pub(crate) fn back(server: &mut Server, end: Time, request: &Request<'_>, backend: &Backend<'_>) -> io::Result<()> {
    if server.identity.lost_iis_days.contains(&end.day_number()) {
        return Ok(());
    }
    let out = server.logs.iis_back.line(end, server.identity.build(end))?;
    let address = &server.identity.address;
    head(out, end, address, request.method, backend.stem);
    out.extend_from_slice(if backend.query.is_empty() { b"-" } else { backend.query.as_bytes() });
    let status = request.backend_status.unwrap_or(request.status);
    tail(out, b" 444 ", backend.user, address, request, status);
    Ok(())
}

/// A connection that HTTP.sys dropped by itself.
pub(crate) fn dropped(server: &mut Server, at: Time, client: &str, port: i64, reason: &str) -> io::Result<()> {
    let out = server.logs.http_error.line(at, server.identity.build(at))?;
    at.push_w3c(out);
    out.push(b' ');
    out.extend_from_slice(client.as_bytes());
    out.push(b' ');
    push_number(out, port);
    for part in [" ", &server.identity.address, " 443 - - - - - - ", reason, " -\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

fn head(out: &mut Vec<u8>, end: Time, address: &str, method: &str, stem: &str) {
    end.push_w3c(out);
    for value in [address, method, stem] {
        out.push(b' ');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b' ');
}

fn tail(out: &mut Vec<u8>, port: &[u8], user: &str, client: &str, request: &Request<'_>, status: u16) {
    out.extend_from_slice(port);
    for value in [user, client, &request.agent.iis, request.referer] {
        out.extend_from_slice(if value.is_empty() { b"-" } else { value.as_bytes() });
        out.push(b' ');
    }
    let (substatus, win32) = request.detail;
    push_number(out, i64::from(status));
    for value in [i64::from(substatus), i64::from(win32), request.milliseconds] {
        out.push(b' ');
        push_number(out, value);
    }
    out.extend_from_slice(b"\r\n");
}
