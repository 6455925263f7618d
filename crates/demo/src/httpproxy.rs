//! Front-end proxy logs: 74 columns, one folder per protocol.
//!
//! Cells follow published samples of build 15.1.2375: a request that is sent on carries the target and all latencies,
//! one that the front end answers itself leaves them empty.

use std::io;

use crate::random::Guid;
use crate::row::Row;
use crate::server::{Identity, Protocol, Request, Server};
use crate::time::Time;

const COLUMNS: usize = 74;

/// Records a request at its end.
pub(crate) fn write(
    server: &mut Server,
    end: Time,
    protocol: Protocol,
    request: &Request<'_>,
    id: Guid,
) -> io::Result<()> {
    let identity = &server.identity;
    let build = identity.build(end);
    let mut row = Row::new(server.logs.proxy[protocol as usize].line(end, build)?);
    row.time(end).guid(id);
    // Four cells in one.
    for part in build.columns.split(',') {
        row.plain(part);
    }
    row.text(request.client_request).plain(protocol.name()).plain(request.host).text(request.stem);
    row.plain(request.action).plain(request.authentication);
    row.plain(if request.user.is_empty() { "false" } else { "true" }).plain(request.user).empty(1);
    row.text(request.anchor).plain(&request.agent.proxy).plain(request.client).plain(&identity.name);
    row.number(i64::from(request.status));
    match request.backend {
        Some(_) => proxied(&mut row, identity, end, request),
        None => answered(&mut row, request),
    }
    query(&mut row, request.query);
    row.empty(1);
    match request.backend {
        Some(_) => proxied_details(&mut row, identity, end, request),
        None => answered_details(&mut row, end, request),
    }
    row.end(COLUMNS);
    Ok(())
}

/// From `BackEndStatus` to `RouteRefresherLatency`, for a request that was sent on.
fn proxied(row: &mut Row<'_>, identity: &Identity, end: Time, request: &Request<'_>) {
    let build = identity.build(end);
    // The back-end cookie decides where to: what follows the marker is taken for a server name.
    let target = request.anchor.strip_prefix("ServerInfo~").unwrap_or(&identity.host);
    let total = request.milliseconds;
    let backend = (total - 4).max(1);
    let status = request.backend_status.unwrap_or(request.status);
    row.number(i64::from(status)).empty(1).plain(request.method).plain("Proxy").text(target);
    row.plain(&build.target).plain("IntraForest").plain(request.hint).empty(3);
    row.number(request.bytes.0 as i64).number(request.bytes.1 as i64).empty(2).numbers(&[0, 0]).empty(1);
    row.number(0).empty(1).number(0).empty(1).numbers(&[0, 0]).empty(1).number(0).number(total);
    row.numbers(&[0, 1, 0, 0, backend, 0, 0, 0, 0, 0, total, 0, backend + 1, 1, 1, 2, total]).empty(1);
}

/// From `BackEndStatus` to `RouteRefresherLatency`, for a request that the front end answers itself.
fn answered(row: &mut Row<'_>, request: &Request<'_>) {
    let total = request.milliseconds;
    row.empty(2).plain(request.method).empty(8).number(request.bytes.0 as i64).empty(14).number(total).empty(13);
    row.number(total).empty(1).number(total).number(total).empty(1);
}

fn query(row: &mut Row<'_>, query: &str) {
    let out = row.cell();
    if !query.is_empty() {
        out.push(b'?');
        // The callers' queries hold no commas or quotes: URL encoding has removed them.
        out.extend_from_slice(query.as_bytes());
    }
}

/// From `GenericInfo` to `RoutingStatus`.
fn proxied_details(row: &mut Row<'_>, identity: &Identity, end: Time, request: &Request<'_>) {
    let out = row.cell();
    let moment = |out: &mut Vec<u8>, name: &str, at: Time| {
        out.extend_from_slice(name.as_bytes());
        at.push_iso(out);
        out.push(b';');
    };
    let begin = end.plus(-request.milliseconds);
    let sent = begin.plus(2).min(end);
    moment(out, "BeginRequest=", begin);
    out.extend_from_slice(b"CorrelationID=<empty>;ProxyState-Run=None;FEAuth=BEVersion-");
    out.extend_from_slice(identity.build(end).number.as_bytes());
    out.push(b';');
    if request.method == "POST" {
        moment(out, "BeginGetRequestStream=", begin.plus(1).min(end));
        moment(out, "OnRequestStreamReady=", sent);
    }
    moment(out, "BeginGetResponse=", sent);
    moment(out, "OnResponseReady=", end);
    moment(out, "EndGetResponse=", end);
    out.extend_from_slice(b"ProxyState-Complete=ProxyResponseData;SharedCacheGuard=0;");
    moment(out, "EndRequest=", end);
    row.empty(2);
    let out = row.cell();
    if request.user.is_empty() {
        row.empty(2);
    } else {
        out.extend_from_slice(b"|RoutingDB:");
        out.extend_from_slice(identity.database.as_bytes());
        row.empty(2);
    }
    row.plain("CafeV1");
}

fn answered_details(row: &mut Row<'_>, end: Time, request: &Request<'_>) {
    let out = row.cell();
    out.extend_from_slice(b"BeginRequest=");
    end.plus(-request.milliseconds).push_iso(out);
    out.extend_from_slice(b";CorrelationID=<empty>;SharedCacheGuard=0;");
    if request.status == 302 {
        out.extend_from_slice(b"NoCookies=302 - GET/E14AuthPost;");
    }
    out.extend_from_slice(b"EndRequest=");
    end.push_iso(out);
    out.push(b';');
    row.empty(6);
}
