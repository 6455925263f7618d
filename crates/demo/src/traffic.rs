//! What people do with the mail server on a working day. Their number of actions is the one knob of volume.

use std::io;

use crate::cast::{Cast, Person};
use crate::exchange_logs::{self, Mapi, WebService};
use crate::random::Random;
use crate::server::{Backend, Protocol, Request, Server};
use crate::time::Time;
use crate::transport::{self, Message};

/// Share of each hour (UTC) in a working day, in percent of the average hour.
const HOURS: [u64; 24] =
    [15, 12, 10, 10, 15, 40, 110, 220, 260, 250, 230, 190, 200, 230, 210, 160, 90, 45, 30, 25, 20, 15, 8, 5];
/// So that a week has seven average days.
const WORKING_DAY_PERCENT: u64 = 133;
const WEEKEND_PERCENT: u64 = 18;

/// Kinds of action and how often each occurs in a thousand.
const ACTIONS: [(Action, u64); 9] = [
    (Action::Outlook, 380),
    (Action::Phone, 160),
    (Action::Browser, 170),
    (Action::WebServices, 80),
    (Action::Autodiscover, 30),
    (Action::AddressBook, 10),
    (Action::RpcOverHttp, 20),
    (Action::Intranet, 70),
    (Action::Mail, 80),
];

#[derive(Clone, Copy)]
enum Action {
    Outlook,
    Phone,
    Browser,
    WebServices,
    Autodiscover,
    AddressBook,
    RpcOverHttp,
    Intranet,
    Mail,
}

const SERVICE: &str = "/owa/service.svc";
const LOGON: &str =
    "https://mail.contoso.example/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fmail.contoso.example%2fowa";
const SUBJECTS: [&str; 8] = [
    "Minutes of Monday",
    "Invoice 20213, second copy",
    "Re: lunch",
    "Delivery note",
    "AW: Angebot, Rückfrage",
    "Newsletter March",
    "Re: contract \"Harbour\"",
    "Ticket closed",
];

/// Turns a rate into actions, minute by minute.
pub(crate) struct Traffic<'c> {
    cast: &'c Cast,
    random: Random,
    /// Thousandths of an action in an average day.
    per_day: u64,
    owed: u64,
}

impl<'c> Traffic<'c> {
    pub(crate) fn new(cast: &'c Cast, random: Random, per_day: u64) -> Self {
        Self { cast, random, per_day, owed: 0 }
    }

    /// How many actions fall into this minute.
    pub(crate) fn due(&mut self, minute: Time) -> u64 {
        const WHOLE: u64 = 24 * 60 * 1_000 * 100 * 100 * 100;
        let weekday = if minute.is_weekend() { WEEKEND_PERCENT } else { WORKING_DAY_PERCENT };
        let swing = self.random.between(60, 141);
        self.owed += self.per_day * HOURS[minute.hour() as usize] * weekday * swing;
        let count = self.owed / WHOLE;
        self.owed %= WHOLE;
        count
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self, server: &mut Server, at: Time) -> io::Result<()> {
        let mut ticket = self.random.below(1_000);
        let mut action = Action::Mail;
        for (kind, share) in ACTIONS {
            if ticket < share {
                action = kind;
                break;
            }
            ticket -= share;
        }
        let cast = self.cast;
        let person = self.random.pick(&cast.people);
        match action {
            Action::Outlook => self.outlook(server, at, person),
            Action::Phone => self.phone(server, at, person),
            Action::Browser => self.browser(server, at, person),
            Action::WebServices => self.web_services(server, at, person),
            Action::Autodiscover => self.simple(server, at, person, Protocol::Autodiscover),
            Action::AddressBook => self.simple(server, at, person, Protocol::Oab),
            Action::RpcOverHttp => self.simple(server, at, person, Protocol::RpcHttp),
            Action::Intranet => self.intranet(server, at, person),
            Action::Mail => self.mail(server, at, person),
        }
    }

    fn outlook(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        let agent = &self.cast.outlooks[person.outlook];
        let milliseconds = self.random.between(8, 90) as i64;
        let request = Request {
            query: &person.mailbox_query,
            authentication: "Negotiate",
            user: &person.account,
            client: &person.desk,
            client_request: &person.mapi_request,
            anchor: &person.mailbox_anchor,
            hint: "MailboxGuidWithDomain",
            bytes: (self.random.between(150, 4_000), self.random.between(90, 40_000)),
            milliseconds,
            backend: Some(Backend { stem: "/mapi/emsmdb/", query: &person.mailbox_query, user: &person.account }),
            ..Request::new(Some(Protocol::Mapi), "POST", "/mapi/emsmdb/", agent)
        };
        self.challenge(server, at, &request)?;
        let id = server.web(at, &request)?;
        let call = Mapi {
            id,
            kind: "Execute",
            user: &person.account,
            mail: &person.mail,
            mailbox: &person.mailbox,
            client: &person.desk,
            software: "OUTLOOK.EXE",
            milliseconds: milliseconds - 4,
        };
        exchange_logs::mapi(server, at.plus(milliseconds - 1), &call)
    }

    fn phone(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        const STEM: &str = "/Microsoft-Server-ActiveSync/default.eas";
        let query = self.random.pick(&person.phone_queries);
        let request = Request {
            query,
            authentication: "Basic",
            user: &person.account,
            client: &person.outside,
            anchor: &person.anchor,
            hint: "WindowsIdentity",
            bytes: (self.random.between(20, 900), self.random.between(100, 30_000)),
            milliseconds: self.random.between(30, 900) as i64,
            backend: Some(Backend { stem: "/Microsoft-Server-ActiveSync/Proxy", query, user: &person.account }),
            ..Request::new(Some(Protocol::Eas), "POST", STEM, &self.cast.phones[person.phone])
        };
        server.web(at, &request).map(|_| ())
    }

    fn browser(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        let agent = &self.cast.browsers[person.browser];
        let base = Request {
            client: if self.random.percent(60) { &person.desk } else { &person.outside },
            referer: LOGON,
            bytes: (0, self.random.between(900, 60_000)),
            milliseconds: self.random.between(6, 160) as i64,
            ..Request::new(Some(Protocol::Owa), "GET", "/owa/auth/logon.aspx", agent)
        };
        let signed_in = Request {
            user: &person.account,
            anchor: &person.anchor,
            hint: "WindowsIdentity",
            referer: "https://mail.contoso.example/owa/",
            ..base
        };
        let request = match self.random.below(12) {
            0 => Request {
                query: "url=https%3a%2f%2fmail.contoso.example%2fowa&reason=0",
                referer: "https://mail.contoso.example/owa/",
                ..base
            },
            1 => Request { method: "POST", stem: "/owa/auth.owa", status: 302, user: &person.account, ..base },
            2 => Request {
                stem: "/owa/",
                backend: Some(Backend { stem: "/owa/", query: "", user: &person.account }),
                referer: LOGON,
                ..signed_in
            },
            n => {
                let query =
                    ["action=FindItem&EP=1&ID=-12&AC=1", "action=GetItem&EP=1&ID=-31&AC=1", "action=UpdateItem"]
                        [n as usize % 3];
                let backend = Some(Backend { stem: SERVICE, query, user: &person.account });
                Request { method: "POST", stem: SERVICE, query, backend, ..signed_in }
            }
        };
        server.web(at, &request).map(|_| ())
    }

    fn web_services(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        let agent = self.random.pick(&self.cast.web_services);
        let milliseconds = self.random.between(9, 140) as i64;
        let bytes = (self.random.between(700, 2_400), self.random.between(900, 50_000));
        let request = Request {
            authentication: "NTLM",
            user: &person.account,
            client: &person.outside,
            anchor: &person.anchor,
            hint: "WindowsIdentity",
            bytes,
            milliseconds,
            backend: Some(Backend { stem: "/ews/exchange.asmx", query: "", user: &person.account }),
            ..Request::new(Some(Protocol::Ews), "POST", "/EWS/Exchange.asmx", agent)
        };
        self.challenge(server, at, &request)?;
        let id = server.web(at, &request)?;
        let action: &&str = self.random.pick(&["SyncFolderItems", "GetItem", "FindFolder", "GetFolder"]);
        let call = WebService {
            id,
            user: &person.mail,
            agent: &agent.proxy,
            client: &person.outside,
            action,
            bytes,
            impersonated: "",
            acting_as: &person.mail,
            milliseconds: milliseconds - 3,
        };
        exchange_logs::ews(server, at.plus(milliseconds - 1), &call)
    }

    /// One request that needs no story: locating the mailbox, the address book, old Outlooks.
    fn simple(&mut self, server: &mut Server, at: Time, person: &Person, protocol: Protocol) -> io::Result<()> {
        let (method, stem, backend) = match protocol {
            Protocol::Oab => ("GET", "/OAB/7f2e1b7a-0c7c-4b1e-9a55-2d3f6f1c9a10/oab.xml", "/OAB/oab.xml"),
            Protocol::RpcHttp => ("RPC_IN_DATA", "/rpc/rpcproxy.dll", "/rpc/rpcproxy.dll"),
            _ => ("POST", "/autodiscover/autodiscover.xml", "/autodiscover/autodiscover.xml"),
        };
        let query = if protocol == Protocol::RpcHttp { &person.mailbox_query[10..] } else { "" };
        let request = Request {
            query,
            host: if protocol == Protocol::Autodiscover {
                "autodiscover.contoso.example"
            } else {
                "mail.contoso.example"
            },
            authentication: "NTLM",
            user: &person.account,
            client: &person.desk,
            anchor: &person.anchor,
            hint: "WindowsIdentity",
            bytes: (336, self.random.between(300, 9_000)),
            milliseconds: self.random.between(8, 60) as i64,
            backend: Some(Backend { stem: backend, query, user: &person.account }),
            ..Request::new(Some(protocol), method, stem, &self.cast.outlooks[person.outlook])
        };
        self.challenge(server, at, &request)?;
        server.web(at, &request).map(|_| ())
    }

    /// A web application of the house that happens to run on the same server.
    fn intranet(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        const STEM: &str = "/intranet/report.aspx";
        let agent = &self.cast.browsers[person.browser];
        let page = Request {
            query: "year=2021",
            user: &person.account,
            client: &person.desk,
            referer: "http://intranet.contoso.example/",
            milliseconds: self.random.between(20, 300) as i64,
            ..Request::new(None, "GET", STEM, agent)
        };
        if self.random.percent(40) {
            let referer = "http://intranet.contoso.example/intranet/report.aspx?year=2021";
            return server.web(at, &Request { method: "POST", query: "", referer, ..page }).map(|_| ());
        }
        server.web(at, &page).map(|_| ())
    }

    fn mail(&mut self, server: &mut Server, at: Time, person: &Person) -> io::Result<()> {
        let number = self.random.below(60);
        let (peer, client) = (format!("contact{number}@fabrikam.example"), format!("192.0.2.{}", 220 + number % 20));
        let bytes = self.random.between(4_000, 900_000) as i64;
        let subject = self.random.pick(&SUBJECTS);
        if self.random.percent(65) {
            let message = Message { sender: &peer, recipient: &person.mail, subject, client: &client, bytes };
            return transport::received(server, at, &message);
        }
        let message = Message { sender: &person.mail, recipient: &peer, subject, client: &person.desk, bytes };
        transport::submitted(server, at, &message)
    }

    /// The anonymous first request of a handshake, which only IIS records.
    fn challenge(&mut self, server: &mut Server, at: Time, request: &Request<'_>) -> io::Result<()> {
        if !self.random.percent(20) {
            return Ok(());
        }
        let refused = Request {
            user: "",
            authentication: "Anonymous",
            status: 401,
            detail: (1, 2_148_074_254),
            milliseconds: 1,
            backend: None,
            ..*request
        };
        server.web(at.plus(-3), &refused).map(|_| ())
    }
}
