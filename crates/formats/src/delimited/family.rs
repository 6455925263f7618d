//! Which family a delimited log belongs to: by what it says of itself, else by its columns.

use model::Family;

/// `#Log-type` of Exchange (compared without case and without a closing `s`).
const LOG_TYPES: &[(&str, Family)] = &[
    ("httpproxy log", Family::HttpProxy),
    ("ecp server log", Family::EcpServer),
    ("ecp activity context log", Family::EcpActivity),
    ("oab generator log", Family::OabGenerator),
    ("rps http log", Family::RpsHttp),
    ("rps cmdlet log", Family::RpsCmdlet),
    ("ews log", Family::Ews),
    ("mapihttp log", Family::MapiHttp),
    ("mapi over http protocol log", Family::MapiHttp),
    ("message tracking log", Family::MessageTracking),
    ("smtp receive protocol log", Family::SmtpReceive),
    ("smtp send protocol log", Family::SmtpSend),
    ("pop3 log", Family::Pop),
    ("imap4 log", Family::Imap),
    ("audit", Family::Audit),
];

/// Columns that together occur in one family only.
const COLUMNS: &[(&[&str], Family)] = &[
    (&["UrlStem", "BackEndStatus"], Family::HttpProxy),
    (&["UrlStem", "AnchorMailbox"], Family::HttpProxy),
    (&["Cmdlet", "ExecutionResult"], Family::RpsCmdlet),
    (&["Cmdlet", "ProcessName", "Parameters"], Family::RpsCmdlet),
    (&["UrlStem", "ShellId"], Family::RpsHttp),
    (&["UrlStem", "ManagedOrganization"], Family::RpsHttp),
    (&["SoapAction", "RequestSize"], Family::Ews),
    (&["MapiRequestId", "RequestType"], Family::MapiHttp),
    (&["event-id", "internal-message-id"], Family::MessageTracking),
    (&["connector-id", "session-id", "local-endpoint"], Family::SmtpReceive),
    (&["oabGuid", "recordType", "message"], Family::OabGenerator),
    (&["EventId", "EventData", "ServerName"], Family::EcpServer),
    (&["RecordType", "Workload", "Operation"], Family::Audit),
    (&["sIp", "cIp", "rqsize"], Family::Imap),
    (&["cs-uri-stem"], Family::Iis),
    (&["cs-uri", "s-reason"], Family::HttpErr),
    (&["c-ip", "s-reason", "s-queuename"], Family::HttpErr),
    (&["cs-method", "c-ip", "sc-status"], Family::Iis),
];

/// The family of a log that names itself.
pub fn of_log_type(log_type: &str) -> Option<Family> {
    let wanted = log_type.trim().to_ascii_lowercase();
    let wanted = wanted.strip_suffix('s').unwrap_or(&wanted);
    if wanted.is_empty() {
        return None;
    }
    let known = LOG_TYPES.iter().find(|(name, _)| *name == wanted).map(|(_, family)| *family);
    let by_part = || match wanted {
        name if name.contains("pop3") => Some(Family::Pop),
        name if name.contains("imap4") => Some(Family::Imap),
        // No public sample shows how this log names itself; its folder and columns do.
        name if name.contains("mapi") && name.contains("http") => Some(Family::MapiHttp),
        _ => None,
    };
    Some(known.or_else(by_part).unwrap_or(Family::OtherExchange))
}

/// The family that these columns show.
pub fn of_columns(names: &[Box<str>]) -> Option<Family> {
    let has = |wanted: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    COLUMNS.iter().find(|(columns, _)| columns.iter().all(has)).map(|(_, family)| *family)
}
