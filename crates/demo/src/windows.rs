//! Windows events as JSON lines, one object with flat fields each, as nxlog exports them.

use std::io;

use crate::random::Random;
use crate::server::{DOMAIN_SID, Server};
use crate::time::Time;

/// A channel and the component that writes there.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    Security,
    Sysmon,
    Management,
    ControlPanel,
}

impl Channel {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Security => ("Security", "Microsoft-Windows-Security-Auditing"),
            Self::Sysmon => ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon"),
            Self::Management => ("MSExchange Management", "MSExchange CmdletLogs"),
            Self::ControlPanel => ("Application", "MSExchange Control Panel"),
        }
    }
}

/// Writes one event.
pub(crate) fn event(
    server: &mut Server,
    at: Time,
    channel: Channel,
    id: u32,
    message: &str,
    fields: &[(&str, &str)],
) -> io::Result<()> {
    let (name, source) = channel.names();
    let level = if matches!(channel, Channel::Security) { "0" } else { "4" };
    let host = &server.identity.host;
    let out = server.logs.events.line(at, server.identity.build(at))?;
    let stamp = at.iso();
    out.push(b'{');
    for (key, value) in [("SourceName", source), ("Level", level), ("Channel", name), ("Hostname", host)] {
        pair(out, key, value);
        out.push(b',');
    }
    pair(out, "TimeCreated", &stamp);
    out.push(b',');
    pair(out, "@timestamp", &stamp);
    out.extend_from_slice(format!(",\"EventID\":{id},").as_bytes());
    pair(out, "Message", message);
    for (key, value) in fields {
        out.push(b',');
        pair(out, key, value);
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// A process and who started it.
pub(crate) struct Process<'a> {
    pub(crate) parent: &'a str,
    pub(crate) parent_line: &'a str,
    pub(crate) image: &'a str,
    pub(crate) line: &'a str,
}

/// A start of a process, as Sysmon and the Security log record it.
pub(crate) fn process(server: &mut Server, at: Time, process: &Process<'_>) -> io::Result<()> {
    let utc = at.sysmon();
    let (own, parent) = (id(&mut server.random), id(&mut server.random));
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

/// A network logon of the health mailbox.
pub(crate) fn logon(server: &mut Server, at: Time) -> io::Result<()> {
    let user = server.identity.health.replace("CONTOSO\\", "");
    let sid = format!("{DOMAIN_SID}-1131");
    let fields = [
        ("TargetUserSid", sid.as_str()),
        ("TargetUserName", &user),
        ("TargetDomainName", "CONTOSO"),
        ("LogonType", "3"),
        ("AuthenticationPackageName", "Kerberos"),
        ("IpAddress", "127.0.0.1"),
    ];
    event(server, at, Channel::Security, 4624, "An account was successfully logged on.", &fields)
}

fn id(random: &mut Random) -> u64 {
    random.between(250, 7_000) * 4
}

fn pair(out: &mut Vec<u8>, key: &str, value: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":\"");
    for byte in value.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
