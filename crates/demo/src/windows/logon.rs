//! Logons as the Security log records them.

use std::io;

use super::{Channel, event};
use crate::server::{DOMAIN_SID, Server};
use crate::time::Time;

/// A network logon of the health mailbox.
pub(crate) fn of_health_mailbox(server: &mut Server, at: Time) -> io::Result<()> {
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

/// A password that was right: Exchange checks it in the name of the client.
pub(crate) fn succeeded(server: &mut Server, at: Time, user: &str, rid: u32, client: &str) -> io::Result<()> {
    let sid = format!("{DOMAIN_SID}-{rid}");
    let fields = [
        ("TargetUserSid", sid.as_str()),
        ("TargetUserName", user),
        ("TargetDomainName", "CONTOSO"),
        ("LogonType", "8"),
        ("LogonProcessName", "Advapi"),
        ("AuthenticationPackageName", "Negotiate"),
        ("ProcessName", WORKER),
        ("IpAddress", client),
    ];
    event(server, at, Channel::Security, 4624, "An account was successfully logged on.", &fields)
}

/// A password that was wrong, or an account that does not exist.
pub(crate) fn failed(server: &mut Server, at: Time, user: &str, client: &str, exists: bool) -> io::Result<()> {
    let why = if exists { "0xc000006a" } else { "0xc0000064" };
    let workstation = server.identity.name.clone();
    let fields = [
        ("PackageName", "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"),
        ("TargetUserName", user),
        ("Workstation", workstation.as_str()),
        ("Status", why),
    ];
    let message = "The computer attempted to validate the credentials for an account.";
    event(server, at, Channel::Security, 4776, message, &fields)?;
    let fields = [
        ("SubjectUserSid", "S-1-5-18"),
        ("TargetUserSid", "S-1-0-0"),
        ("TargetUserName", user),
        ("TargetDomainName", "CONTOSO"),
        ("Status", "0xc000006d"),
        ("FailureReason", "%%2313"),
        ("SubStatus", why),
        ("LogonType", "8"),
        ("LogonProcessName", "Advapi"),
        ("AuthenticationPackageName", "Negotiate"),
        ("WorkstationName", workstation.as_str()),
        ("ProcessName", WORKER),
        ("IpAddress", client),
    ];
    event(server, at.plus(2), Channel::Security, 4625, "An account failed to log on.", &fields)
}

const WORKER: &str = r"C:\Windows\System32\inetsrv\w3wp.exe";
