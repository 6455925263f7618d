//! Back-end logs of Exchange: control panel, address book generator, remote PowerShell, web services, MAPI, audit.

use std::io;

use crate::random::Guid;
use crate::row::Row;
use crate::server::{DOMAIN, DOMAIN_SID, Server};
use crate::time::{HOUR, Time};

const RPS_CMDLET_COLUMNS: usize = 67;
const RPS_HTTP_COLUMNS: usize = 38;
const EWS_COLUMNS: usize = 92;
const MAPI_COLUMNS: usize = 46;
const AUDIT_COLUMNS: usize = 12;

/// A control panel command. `command` is the text of `CMD`; quotes in it are doubled here, as its cell demands.
pub(crate) fn ecp_server(server: &mut Server, at: Time, command: &str, url: &str, referer: &str) -> io::Result<()> {
    ecp_request(server, at, command, url, referer, "")
}

/// A request that the control panel could not answer. The error holds no quotes and semicolons.
pub(crate) fn ecp_failed(server: &mut Server, at: Time, url: &str, error: &str) -> io::Result<()> {
    ecp_request(server, at, "", url, "", error)
}

fn ecp_request(server: &mut Server, at: Time, command: &str, url: &str, referer: &str, error: &str) -> io::Result<()> {
    let build = server.identity.build(at);
    let (session, activity, user) = (server.random.guid(), server.random.guid(), server.random.guid());
    let elapsed = server.random.between(9, 60);
    let mut row = Row::new(server.logs.ecp_server.line(at, build)?);
    row.time(at).plain(&server.identity.name).plain("ECP.Request");
    let member = if command.contains(['\'', ';', '"']) {
        format!("'S:CMD={}'", command.replace('\'', "''"))
    } else {
        format!("S:CMD={command}")
    };
    row.text(&format!(
        "S:TIME={elapsed};S:SID={};{member};S:REQID=;S:URL={url};S:REFERRER={referer};S:EX={error};S:ACTID={};S:RS=0;\
         S:BLD={};S:TNAME=<null>;S:TID=;S:USID={};S:EDOID=;S:ACID=",
        session.text(),
        activity.text(),
        build.dotted,
        user.text(),
    ));
    row.end(4);
    Ok(())
}

/// A control panel request on the back end.
pub(crate) fn ecp_activity(server: &mut Server, at: Time, url: &str) -> io::Result<()> {
    let build = server.identity.build(at);
    let activity = server.random.guid();
    let mut row = Row::new(server.logs.ecp_activity.line(at, build)?);
    row.time(at).plain(&server.identity.name).plain("Request");
    row.text(&format!(
        "S:URL=https://localhost:444{url};S:Bld={};S:ActID={};Dbl:WLM.TS=0",
        build.dotted,
        activity.text()
    ));
    row.end(4);
    Ok(())
}

/// A line of the address book generator.
pub(crate) fn oab(server: &mut Server, at: Time, kind: &str, message: &str) -> io::Result<()> {
    let (trace, book, list) = (server.random.guid(), server.random.guid(), server.random.guid());
    let mut row = Row::new(server.logs.oab.line(at, server.identity.build(at))?);
    row.time(at).plain(kind).guid(trace).guid(book).guid(list).text(message).end(6);
    Ok(())
}

/// A cmdlet of remote PowerShell.
pub(crate) struct Cmdlet<'a> {
    pub(crate) user: &'a str,
    /// `1142`: the last part of the account's security identifier.
    pub(crate) rid: u32,
    /// `PowerShell`, `ActiveMonitor`.
    pub(crate) application: &'a str,
    /// Who opened the session, where that is another.
    pub(crate) sender: &'a str,
    pub(crate) cmdlet: &'a str,
    pub(crate) parameters: &'a str,
    pub(crate) error: &'a str,
}

/// Records a cmdlet at its end.
pub(crate) fn rps_cmdlet(server: &mut Server, end: Time, cmdlet: &Cmdlet<'_>) -> io::Result<()> {
    let build = server.identity.build(end);
    let (request, unique) = (server.random.guid(), server.random.guid());
    let elapsed = server.random.between(12, 240) as i64;
    let mut row = Row::new(server.logs.rps_cmdlet.line(end, build)?);
    row.time(end).time(end.plus(-elapsed)).guid(request).empty(1);
    for part in build.columns.split(',') {
        row.plain(part);
    }
    row.plain(&server.identity.name).number(15_756).plain("w3wp#MSExchangePowerShellAppPool").number(85).empty(2);
    row.plain(cmdlet.user).plain(&format!("{DOMAIN_SID}-{}", cmdlet.rid)).empty(2);
    row.plain(if cmdlet.application == "ActiveMonitor" { "False" } else { "True" }).plain(cmdlet.application);
    row.plain(cmdlet.cmdlet).text(cmdlet.parameters).guid(unique).empty(2).plain("GCRandomly").plain("False");
    let controller = "DC01.contoso.example";
    row.plain(DOMAIN).plain(controller).plain(controller).plain(controller).empty(11);
    row.number(i64::from(cmdlet.error.is_empty())).empty(2).numbers(&[0, 6, elapsed - 6, 0]).empty(1).number(9);
    row.empty(2).number(6).number(22_681_600).number(elapsed).text(cmdlet.error);
    row.plain(if cmdlet.error.is_empty() { "Success" } else { "Error" }).empty(2);
    row.plain("TaskModuleLatency=4;ProvisioningLayerLatency.C=9;BizLogic.C=15;Cmd=15;Cmd.AD=4;");
    row.text(&format!("PSSenderInfo={};", cmdlet.sender)).empty(4).text(cmdlet.parameters);
    row.end(RPS_CMDLET_COLUMNS);
    Ok(())
}

/// A request of remote PowerShell.
pub(crate) struct RemoteRequest<'a> {
    pub(crate) user: &'a str,
    pub(crate) client: &'a str,
    pub(crate) status: u16,
    pub(crate) command: &'a str,
    /// What the client calls itself.
    pub(crate) client_info: &'a str,
    /// Without the question mark.
    pub(crate) query: &'a str,
}

/// Records a request at its end.
pub(crate) fn rps_http(server: &mut Server, end: Time, request: &RemoteRequest<'_>) -> io::Result<()> {
    let build = server.identity.build(end);
    let (id, session, shell) = (server.random.guid(), server.random.guid(), server.random.guid());
    let elapsed = server.random.between(15, 120) as i64;
    let mut row = Row::new(server.logs.rps_http.line(end, build)?);
    row.time(end).time(end.plus(-elapsed)).guid(id);
    for part in build.columns.split(',') {
        row.plain(part);
    }
    row.empty(1).plain(&server.identity.host).plain("/Powershell").plain("Kerberos").plain("true");
    row.plain(request.user).empty(2).plain(request.client).plain(&server.identity.name).plain(&server.identity.host);
    row.number(i64::from(request.status)).number(0).empty(2);
    if request.command.is_empty() {
        row.empty(2)
    } else {
        row.guid(id).plain(request.command)
    };
    row.guid(session).guid(shell).empty(2).number(3_236).plain(request.client_info).plain("0% * 4");
    row.plain("169M/175M").number(elapsed).number(elapsed).text(&format!("?{}", request.query)).empty(3);
    row.end(RPS_HTTP_COLUMNS);
    Ok(())
}

/// A call of Exchange Web Services.
pub(crate) struct WebService<'a> {
    /// The id of the front-end request.
    pub(crate) id: Guid,
    pub(crate) user: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) client: &'a str,
    pub(crate) action: &'a str,
    pub(crate) bytes: (u64, u64),
    pub(crate) impersonated: &'a str,
    pub(crate) acting_as: &'a str,
    pub(crate) milliseconds: i64,
}

/// Records a call at its end.
pub(crate) fn ews(server: &mut Server, end: Time, call: &WebService<'_>) -> io::Result<()> {
    let build = server.identity.build(end);
    let correlation = server.random.guid();
    let name = &server.identity.name;
    let mut row = Row::new(server.logs.ews.line(end, build)?);
    row.time(end).guid(call.id);
    for part in build.columns.split(',') {
        row.plain(part);
    }
    row.plain("Unknown").empty(1).plain("Negotiate").plain("true").plain(call.user).plain("CONTOSO.EXAMPLE");
    row.text(call.agent).plain("Target=None;Req=Exchange2013/Exchange2013;").plain(call.client).plain(name);
    row.plain(name).plain(call.action).number(200).number(call.bytes.0 as i64).number(call.bytes.1 as i64).empty(1);
    row.plain(call.impersonated).empty(1).plain(call.acting_as).empty(1).guid(correlation);
    row.plain("PrimaryServer").plain("LocalTask").numbers(&[0, 1, 0, 1, 0]).empty(19).plain("[C]");
    row.numbers(&[0, 0, 1, 0, 10]).empty(1).numbers(&[1, 10]).empty(1).numbers(&[0, 14, 1]);
    row.number(call.milliseconds).empty(1);
    row.plain("MessageId_0=;ResponseTime_0=20;").text(&format!("RequestHandler=Wcf;SoapAction={};", call.action));
    row.empty(3).time(end.plus(-call.milliseconds)).number(9_716).empty(1).numbers(&[137_332_048, 139_253_608]);
    row.plain("4038_450_53").plain("4038_450_53").empty(12);
    row.end(EWS_COLUMNS);
    Ok(())
}

/// A MAPI call of a mailbox user.
pub(crate) struct Mapi<'a> {
    pub(crate) id: Guid,
    pub(crate) kind: &'a str,
    pub(crate) user: &'a str,
    pub(crate) mail: &'a str,
    pub(crate) mailbox: &'a str,
    pub(crate) client: &'a str,
    pub(crate) software: &'a str,
    pub(crate) milliseconds: i64,
}

/// Records a call at its end.
pub(crate) fn mapi(server: &mut Server, end: Time, call: &Mapi<'_>) -> io::Result<()> {
    let build = server.identity.build(end);
    let mut row = Row::new(server.logs.mapi.line(end, build)?);
    row.time(end).guid(call.id).empty(2).plain(call.kind).numbers(&[200, 0, 0, 0, call.milliseconds]).empty(1);
    for part in build.columns.split(',') {
        row.plain(part);
    }
    row.plain(call.mail).plain(call.mail).empty(2).plain(call.mailbox).plain(&server.identity.database);
    row.plain(call.mail).plain(call.client).plain(&server.identity.host).empty(5).plain(call.software);
    row.plain("16.0.5254.1000").plain("Cached").plain("Negotiate").number(1).empty(7).plain(call.user);
    row.plain("OpenFolder/GetProps").empty(3);
    row.end(MAPI_COLUMNS);
    Ok(())
}

/// A cmdlet in the audit log.
pub(crate) struct Audited<'a> {
    pub(crate) operation: &'a str,
    /// `CONTOSO\anna.weber`, or a service with its process.
    pub(crate) user: &'a str,
    /// What it was done to.
    pub(crate) object: &'a str,
    pub(crate) parameters: &'a [(&'a str, &'a str)],
}

/// Records an audited cmdlet. Its own time of creation is the server's local time.
pub(crate) fn audit(server: &mut Server, at: Time, audited: &Audited<'_>) -> io::Result<()> {
    let build = server.identity.build(at);
    let record = server.random.guid().text();
    let tenant = "00000000-0000-0000-0000-000000000000";
    let json = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/");
    let parameters: Vec<String> = audited
        .parameters
        .iter()
        .map(|(name, value)| format!("{{\"Name\":\"{name}\",\"Value\":\"{}\"}}", json(value)))
        .collect();
    let created = &at.plus(HOUR).iso()[..19];
    let data = format!(
        "{{\"CreationTime\":\"{created}\",\"Id\":\"{record}\",\"Operation\":\"{0}\",\"OrganizationId\":\"{tenant}\",\
         \"RecordType\":1,\"ResultStatus\":\"True\",\"UserKey\":\"{1}\",\"UserType\":3,\"Version\":1,\
         \"Workload\":\"Exchange\",\"ObjectId\":\"{2}\",\"UserId\":\"{1}\",\"ExternalAccess\":false,\
         \"OrganizationName\":\"First Org\",\"OriginatingServer\":\"{3} ({4})\",\"Parameters\":[{5}]}}",
        audited.operation,
        json(audited.user),
        json(audited.object),
        server.identity.name,
        build.padded,
        parameters.join(","),
    );
    let mut row = Row::new(server.logs.audit.line(at, build)?);
    row.time(at).plain(&server.identity.name).plain(tenant).plain("ExchangeAdmin").text(&data);
    row.text(audited.user).plain(&record).plain(audited.operation).plain("Exchange").plain("True");
    row.number(1).plain("Online").end(AUDIT_COLUMNS);
    Ok(())
}

/// The health service gives its mailbox a new password every night.
pub(crate) fn password_renewed(server: &mut Server, at: Time) -> io::Result<()> {
    let health = server.identity.health.replace("CONTOSO\\", "");
    let mailbox = format!("contoso.example/Microsoft Exchange System Objects/Monitoring Mailboxes/{health}");
    let parameters = [("Identity", mailbox.as_str()), ("Password", "<Secure Information Omitted>")];
    let user = r"NT AUTHORITY\SYSTEM (MSExchangeHMHost)";
    audit(server, at, &Audited { operation: "Set-Mailbox", user, object: &mailbox, parameters: &parameters })
}
