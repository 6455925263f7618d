//! Where a record comes from, in the words of an Exchange administrator: `httpproxy/Ecp`, `iis/W3SVC1`,
//! `windows/Security`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The log families that afterpatch reads. The name of each is its word in sources, coverage and rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Exchange front-end proxy logs, one folder per protocol.
    HttpProxy,
    /// IIS W3C logs, one folder per site.
    Iis,
    /// The HTTP.sys error log.
    HttpErr,
    /// Exchange Control Panel server log.
    EcpServer,
    /// Exchange Control Panel activity log.
    EcpActivity,
    /// Offline address book generator log.
    OabGenerator,
    /// Remote PowerShell, requests.
    RpsHttp,
    /// Remote PowerShell, cmdlets.
    RpsCmdlet,
    /// Exchange Web Services back end.
    Ews,
    /// MAPI over HTTP back end.
    MapiHttp,
    /// Message tracking.
    MessageTracking,
    /// SMTP protocol log, receiving side.
    SmtpReceive,
    /// SMTP protocol log, sending side.
    SmtpSend,
    /// POP3 protocol log.
    Pop,
    /// IMAP4 protocol log.
    Imap,
    /// Admin audit queue.
    Audit,
    /// ExchangeSetup.log.
    Setup,
    /// Windows events, EVTX or exported as JSON.
    Windows,
    /// What Microsoft's Test-ProxyLogon script wrote.
    TestProxyLogon,
    /// An Exchange log type that is recognised and counted, and in which no rule looks.
    OtherExchange,
    /// A value of a registry hive.
    Registry,
    /// A file itself: its path, hash and, for web pages and configuration, its content.
    File,
}

impl Family {
    /// The word for this family.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpProxy => "httpproxy",
            Self::Iis => "iis",
            Self::HttpErr => "httperr",
            Self::EcpServer => "ecpserver",
            Self::EcpActivity => "ecpactivity",
            Self::OabGenerator => "oabgenerator",
            Self::RpsHttp => "rps_http",
            Self::RpsCmdlet => "rps_cmdlet",
            Self::Ews => "ews",
            Self::MapiHttp => "mapihttp",
            Self::MessageTracking => "messagetracking",
            Self::SmtpReceive => "smtpreceive",
            Self::SmtpSend => "smtpsend",
            Self::Pop => "pop3",
            Self::Imap => "imap4",
            Self::Audit => "audit",
            Self::Setup => "setup",
            Self::Windows => "windows",
            Self::TestProxyLogon => "test-proxylogon",
            Self::OtherExchange => "exchange",
            Self::Registry => "registry",
            Self::File => "file",
        }
    }
}

/// A family and the part of it: protocol folder, IIS site, event channel or log type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The log family.
    pub family: Family,
    /// `Ecp`, `W3SVC1`, `Security`; `None` where a family has no parts.
    pub part: Option<Box<str>>,
}

impl Source {
    /// A family without parts.
    #[must_use]
    pub fn whole(family: Family) -> Self {
        Self { family, part: None }
    }

    /// One part of a family.
    #[must_use]
    pub fn part(family: Family, part: &str) -> Self {
        Self { family, part: Some(part.into()) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family.name())?;
        match &self.part {
            Some(part) => write!(f, "/{part}"),
            None => Ok(()),
        }
    }
}
