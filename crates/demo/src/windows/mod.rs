//! Windows events as JSON lines, one object with flat fields each, as nxlog exports them.

use std::io;

use crate::random::Random;
use crate::server::{DOMAIN, DOMAIN_SID, MONITORING_HOST, Server};
use crate::time::Time;

pub(crate) mod logon;
pub(crate) mod web;

/// A channel and the component that writes there.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    Security,
    System,
    Sysmon,
    Management,
    ControlPanel,
    AspNet,
    IisConfiguration,
    RemoteDesktop,
    /// The service that keeps the logs, in the Security log.
    LogService,
}

impl Channel {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Security => ("Security", "Microsoft-Windows-Security-Auditing"),
            Self::LogService => ("Security", "Microsoft-Windows-Eventlog"),
            Self::System => ("System", "Service Control Manager"),
            Self::Sysmon => ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon"),
            Self::Management => ("MSExchange Management", "MSExchange CmdletLogs"),
            Self::ControlPanel => ("Application", "MSExchange Control Panel"),
            Self::AspNet => ("Application", "ASP.NET 4.0.30319.0"),
            Self::IisConfiguration => {
                ("Microsoft-IIS-Configuration/Operational", "Microsoft-Windows-IIS-Configuration")
            }
            Self::RemoteDesktop => (
                "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
                "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
            ),
        }
    }

    /// Errors of the components that write errors here; audits have no level.
    fn level(self, id: u32) -> &'static str {
        match (self, id) {
            (Self::Security, _) => "0",
            (Self::ControlPanel, 4) | (Self::Management, 6 | 8) => "2",
            _ => "4",
        }
    }
}

/// An event before it is written.
struct Event<'a> {
    host: &'a str,
    channel: Channel,
    id: u32,
    message: &'a str,
    /// Event data with names.
    fields: &'a [(&'a str, &'a str)],
    /// Event data without.
    data: &'a [&'a str],
}

/// Writes one event of the server.
pub(crate) fn event(
    server: &mut Server,
    at: Time,
    channel: Channel,
    id: u32,
    message: &str,
    fields: &[(&str, &str)],
) -> io::Result<()> {
    let out = server.logs.events.line(at, server.identity.build(at))?;
    push(out, at, &Event { host: &server.identity.host, channel, id, message, fields, data: &[] });
    Ok(())
}

/// Writes one event of the host that monitors the others.
pub(crate) fn monitoring_event(
    server: &mut Server,
    at: Time,
    channel: Channel,
    id: u32,
    message: &str,
    fields: &[(&str, &str)],
) -> io::Result<()> {
    let host = format!("{MONITORING_HOST}.{DOMAIN}");
    let out = server.logs.monitoring_events.line(at, server.identity.build(at))?;
    push(out, at, &Event { host: &host, channel, id, message, fields, data: &[] });
    Ok(())
}

fn push(out: &mut Vec<u8>, at: Time, event: &Event<'_>) {
    let (name, source) = event.channel.names();
    let stamp = at.iso();
    out.push(b'{');
    let level = event.channel.level(event.id);
    for (key, value) in [("SourceName", source), ("Level", level), ("Channel", name), ("Hostname", event.host)] {
        pair(out, key, value);
        out.push(b',');
    }
    pair(out, "TimeCreated", &stamp);
    out.push(b',');
    pair(out, "@timestamp", &stamp);
    out.extend_from_slice(format!(",\"EventID\":{},", event.id).as_bytes());
    pair(out, "Message", event.message);
    for (key, value) in event.fields {
        out.push(b',');
        pair(out, key, value);
    }
    if let Some((first, rest)) = event.data.split_first() {
        out.extend_from_slice(b",\"Data\":[");
        text(out, first);
        for value in rest {
            out.push(b',');
            text(out, value);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}\n");
}

/// A process and who started it.
pub(crate) struct Process<'a> {
    pub(crate) parent: &'a str,
    pub(crate) parent_line: &'a str,
    pub(crate) image: &'a str,
    pub(crate) line: &'a str,
}

/// A start of a process, as Sysmon and the Security log record it. Returns its number.
pub(crate) fn process(server: &mut Server, at: Time, process: &Process<'_>) -> io::Result<u64> {
    let (own, parent) = (id(&mut server.random), id(&mut server.random));
    numbered(server, at, process, (own, parent))?;
    Ok(own)
}

/// A process that a process of this number starts.
pub(crate) fn child(server: &mut Server, at: Time, process: &Process<'_>, parent: u64) -> io::Result<()> {
    numbered(server, at, process, (parent + 4, parent))
}

fn numbered(server: &mut Server, at: Time, process: &Process<'_>, (own, parent): (u64, u64)) -> io::Result<()> {
    let utc = at.sysmon();
    let fields = [
        ("RuleName", "-"),
        ("UtcTime", utc.as_str()),
        ("ProcessId", &own.to_string()),
        ("Image", process.image),
        ("CommandLine", process.line),
        ("CurrentDirectory", r"c:\windows\system32\inetsrv\"),
        ("User", r"NT AUTHORITY\SYSTEM"),
        ("LogonId", "0x3e7"),
        ("IntegrityLevel", "System"),
        ("ParentProcessId", &parent.to_string()),
        ("ParentImage", process.parent),
        ("ParentCommandLine", process.parent_line),
    ];
    event(server, at, Channel::Sysmon, 1, "Process Create", &fields)?;
    let account = format!("{}$", server.identity.name);
    let fields = [
        ("SubjectUserSid", "S-1-5-18"),
        ("SubjectUserName", account.as_str()),
        ("SubjectDomainName", "CONTOSO"),
        ("SubjectLogonId", "0x3e7"),
        ("NewProcessId", &format!("{own:#x}")),
        ("NewProcessName", process.image),
        ("TokenElevationType", "%%1936"),
        ("ProcessId", &format!("{parent:#x}")),
        ("CommandLine", process.line),
        ("ParentProcessName", process.parent),
        ("MandatoryLabel", "S-1-16-16384"),
    ];
    event(server, at.plus(2), Channel::Security, 4688, "A new process has been created.", &fields)
}

/// The Security log is cleared.
pub(crate) fn log_cleared(server: &mut Server, at: Time) -> io::Result<()> {
    let account = format!("{}$", server.identity.name);
    let fields =
        [("SubjectUserSid", "S-1-5-18"), ("SubjectUserName", account.as_str()), ("SubjectDomainName", "CONTOSO")];
    event(server, at, Channel::LogService, 1102, "The audit log was cleared.", &fields)
}

/// A file that Sysmon saw being created.
pub(crate) fn file_created(server: &mut Server, at: Time, image: &str, path: &str) -> io::Result<()> {
    let utc = at.sysmon();
    let own = id(&mut server.random).to_string();
    let fields = [
        ("RuleName", "-"),
        ("UtcTime", utc.as_str()),
        ("ProcessId", &own),
        ("Image", image),
        ("TargetFilename", path),
        ("CreationUtcTime", &utc),
    ];
    event(server, at, Channel::Sysmon, 11, "File created", &fields)
}

/// A cmdlet that Exchange ran. The text has the product's own spelling.
pub(crate) fn cmdlet(server: &mut Server, at: Time, cmdlet: &str, parameters: &str) -> io::Result<()> {
    let message = format!("Cmdlet suceeded. Cmdlet {cmdlet}, parameters {parameters}.");
    event(server, at, Channel::Management, 1, &message, &[])
}

/// A cmdlet that failed, and for whom.
pub(crate) struct Failure<'a> {
    pub(crate) cmdlet: &'a str,
    pub(crate) parameters: &'a str,
    /// Distinguished by its place in the directory: `contoso.example/Users/anna.weber`.
    pub(crate) user: &'a str,
    pub(crate) rid: u32,
    /// `w3wp#MSExchangeServicesAppPool`.
    pub(crate) process: &'a str,
    /// `System.ArgumentException: …`.
    pub(crate) error: &'a str,
}

/// A cmdlet that Exchange could not run, with the values that make up the text.
pub(crate) fn cmdlet_failed(server: &mut Server, at: Time, failure: &Failure<'_>) -> io::Result<()> {
    let message = format!("Cmdlet failed. Cmdlet {}, parameters {}.", failure.cmdlet, failure.parameters);
    let sid = format!("{DOMAIN_SID}-{}", failure.rid);
    let process = format!("{} {}", id(&mut server.random), failure.process);
    let shell = failure.process.contains("PowerShell");
    let application = if shell { "Remote-ManagementShell-Unknown" } else { "ExchangeWebServices-Unknown" };
    let data = [
        failure.cmdlet,
        failure.parameters,
        failure.user,
        &sid,
        &sid,
        application,
        &process,
        "00:00:00.0590082",
        "View Entire Forest: 'False', Default Scope: 'contoso.example'",
        failure.error,
        "NonLocalizedException",
        "0 objects execution has been proxied to remote server.",
    ];
    let out = server.logs.events.line(at, server.identity.build(at))?;
    let host = &server.identity.host;
    push(out, at, &Event { host, channel: Channel::Management, id: 6, message: &message, fields: &[], data: &data });
    Ok(())
}

/// A service that was installed.
pub(crate) fn service_installed(server: &mut Server, at: Time, name: &str, image: &str) -> io::Result<()> {
    let fields = [
        ("ServiceName", name),
        ("ImagePath", image),
        ("ServiceType", "user mode service"),
        ("StartType", "auto start"),
        ("AccountName", "LocalSystem"),
    ];
    event(server, at, Channel::System, 7045, "A service was installed in the system.", &fields)
}

/// Fields of a name that was looked up, as Sysmon records it.
pub(crate) fn dns_query<'a>(utc: &'a str, image: &'a str, name: &'a str, answer: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("RuleName", "-"),
        ("UtcTime", utc),
        ("QueryName", name),
        ("QueryStatus", if answer.is_empty() { "9003" } else { "0" }),
        ("QueryResults", answer),
        ("Image", image),
    ]
}

fn id(random: &mut Random) -> u64 {
    random.between(250, 7_000) * 4
}

fn pair(out: &mut Vec<u8>, key: &str, value: &str) {
    text(out, key);
    out.push(b':');
    text(out, value);
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    for byte in value.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
