//! No hole at all: October 2020, passwords are tried over many accounts, one fits, and that mailbox is emptied.

use std::io;

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::exchange_logs::{self, WebService};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request, Server};
use crate::setting::{Setting, Update};
use crate::sign_in::{self, Visitor};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::windows::logon;

pub(super) const STORY: Story = Story {
    name: "stolen-password",
    description: "password spraying in October 2020, then one mailbox is downloaded over EWS and ActiveSync; no hole is used",
    verdict: "compromised",
    campaign: None,
    also: None,
    entry: "credentials",
    days: 21,
    bytes_per_day: 300_000,
    setting,
    tell,
};

const SPRAYERS: [&str; 3] = ["203.0.113.201", "203.0.113.202", "203.0.113.203"];
const THIEF: &str = "198.51.100.61";
const THUNDERBIRD: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:68.0) Gecko/20100101 Thunderbird/68.10.0";
/// Accounts of the house that are tried.
const PEOPLE: u32 = 24;
/// Names that every house might have.
const GUESSES: [&str; 12] = [
    "administrator",
    "admin",
    "test",
    "scan",
    "scanner",
    "info",
    "reception",
    "backup",
    "sales",
    "support",
    "guest",
    "training",
];

fn setting() -> Setting {
    let day = |day| Time::day(2020, 10, day);
    let builds = Build::of_2016((2_106, 2), (2_106, 3));
    let update = Update::Security(day(24).at(2, 10, 0));
    Setting::new((day(11), day(25), day(28)), builds, update, Noise::Everyday).installed(
        Time::day(2020, 9, 26).at(5, 40, 32),
        "CU18",
        "15.1.2106.2",
        "15.1.2044.4",
    )
}

fn victim() -> Known {
    cast::known(4)
}

fn tell(plan: &mut Plan) {
    forgetful(plan);
    old_telephone(plan);
    new_laptop(plan);
    for (night, protocol) in [(0, Protocol::Eas), (1, Protocol::Ews), (2, Protocol::Owa)] {
        spray(plan, Time::day(2020, 10, 12).at(1, 10, 0).plus(night * DAY), night, protocol);
    }
    let found = Time::day(2020, 10, 14).at(4, 12, 40);
    let person = victim();
    plan.step(found, |server, at| {
        let person = victim();
        logon::succeeded(server, at, &person.user, person.rid, SPRAYERS[1])?;
        mailbox(server, at, SPRAYERS[1], "GetFolder", 1_204)
    });
    plan.tell(found, format!("the password of {} is found by {}", person.user, SPRAYERS[1]));
    let at = Time::day(2020, 10, 16).at(22, 3, 19);
    let visitor = Visitor { person, client: THIEF, agent: cast::browsers(2020)[1].clone() };
    sign_in::signs_in(plan, at, &visitor);
    plan.tell(at, format!("{THIEF} signs in as {}, for the first time from there", visitor.person.user));
    download(plan, at.plus(11 * MINUTE));
}

/// One password for everybody, slowly, from a few addresses in turn.
fn spray(plan: &mut Plan, from: Time, night: i64, protocol: Protocol) {
    let users = (0..PEOPLE).map(|number| (cast::known(number).user, true));
    let all: Vec<(String, bool)> = users.chain(GUESSES.into_iter().map(|name| (name.to_owned(), false))).collect();
    plan.tell(from, format!("{} accounts are tried over {}, one by one", all.len(), protocol.name()));
    for (number, (user, exists)) in all.into_iter().enumerate() {
        let client = SPRAYERS[(number + night as usize) % SPRAYERS.len()];
        plan.step(from.plus(number as i64 * 143 * SECOND), move |server, at| {
            let agent = if protocol == Protocol::Eas { "Apple-iPhone9C1/1606.0" } else { "python-requests/2.24.0" };
            sign_in::refused(server, at, protocol, &user, client, agent)?;
            logon::failed(server, at.plus(4), &user, client, exists)
        });
    }
}

/// One call of the web services with the stolen password.
fn mailbox(server: &mut Server, at: Time, client: &str, action: &str, size: u64) -> io::Result<()> {
    ews(server, at, &victim(), client, THUNDERBIRD, (action, size))
}

fn ews(
    server: &mut Server,
    at: Time,
    person: &Known,
    client: &str,
    agent_name: &str,
    (action, size): (&str, u64),
) -> io::Result<()> {
    let agent = Agent::new(agent_name);
    let milliseconds = 40 + (size / 9_000) as i64;
    let bytes = (1_380, size);
    let request = Request {
        authentication: "Basic",
        user: &person.account,
        client,
        anchor: &person.anchor,
        hint: "WindowsIdentity",
        bytes,
        milliseconds,
        backend: Some(Backend { stem: "/ews/exchange.asmx", query: "", user: &person.account }),
        ..Request::new(Some(Protocol::Ews), "POST", "/EWS/Exchange.asmx", &agent)
    };
    let id = server.web(at, &request)?;
    let service = WebService {
        id,
        user: &person.mail,
        agent: &agent.proxy,
        client,
        action,
        bytes,
        impersonated: "",
        acting_as: &person.mail,
        milliseconds: milliseconds - 3,
    };
    exchange_logs::ews(server, at.plus(milliseconds - 1), &service)
}

/// Everything, over the web services first, then what a telephone would get.
fn download(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| mailbox(server, at, THIEF, "FindFolder", 38_400));
    for number in 0..90 {
        plan.step(at.plus((number + 1) * 9 * SECOND), |server, at| {
            let size = server.random.between(1_400_000, 9_800_000);
            mailbox(server, at, THIEF, "GetItem", size)
        });
    }
    plan.tell(at, format!("{THIEF} downloads the mailbox over EWS, 90 large answers"));
    let later = at.plus(DAY + HOUR);
    for number in 0..25 {
        plan.step(later.plus(number * 14 * SECOND), telephone_sync);
    }
    plan.tell(later, format!("{THIEF} synchronises the mailbox over ActiveSync as a new device"));
}

fn telephone_sync(server: &mut Server, at: Time) -> io::Result<()> {
    let (agent, person) = (Agent::new("Android/7.1.2-EAS-2.0"), victim());
    let query = format!("Cmd=Sync&User=CONTOSO%5C{}&DeviceId=androidc259148960&DeviceType=Android", person.user);
    let size = server.random.between(700_000, 5_200_000);
    let request = Request {
        query: &query,
        authentication: "Basic",
        user: &person.account,
        client: THIEF,
        anchor: &person.anchor,
        hint: "WindowsIdentity",
        bytes: (412, size),
        milliseconds: 60 + (size / 9_000) as i64,
        backend: Some(Backend { stem: "/Microsoft-Server-ActiveSync/Proxy", query: &query, user: &person.account }),
        ..Request::new(Some(Protocol::Eas), "POST", "/Microsoft-Server-ActiveSync/default.eas", &agent)
    };
    server.web(at, &request).map(|_| ())
}

/// Somebody mistypes the password after a holiday and then does not.
fn forgetful(plan: &mut Plan) {
    const HOME: &str = "192.0.2.212";
    let at = Time::day(2020, 10, 12).at(7, 48, 10);
    for number in 0..3 {
        plan.step(at.plus(number * 22 * SECOND), |server, at| {
            let user = cast::known(9).user;
            sign_in::refused(server, at, Protocol::Owa, &user, HOME, &cast::browsers(2020)[0])?;
            logon::failed(server, at.plus(4), &user, HOME, true)
        });
    }
    let visitor = Visitor { person: cast::known(9), client: HOME, agent: cast::browsers(2020)[0].clone() };
    sign_in::signs_in(plan, at.plus(2 * MINUTE), &visitor);
}

/// A telephone in a drawer that still has the password of last year.
fn old_telephone(plan: &mut Plan) {
    for number in 0..40 {
        plan.step(Time::day(2020, 10, 11).at(2, 5, 51).plus(number * 8 * HOUR), |server, at| {
            let user = cast::known(10).user;
            sign_in::refused(server, at, Protocol::Eas, &user, "192.0.2.214", "Apple-iPhone7C2/1508.0")?;
            logon::failed(server, at.plus(4), &user, "192.0.2.214", true)
        });
    }
}

/// A new computer fetches a whole mailbox, from an address that its owner always had.
fn new_laptop(plan: &mut Plan) {
    const HOME: &str = "192.0.2.215";
    const MAC: &str = "MacOutlook/16.40.20081000 (Intelx64 Mac OS X Version 10.15.6 (Build 19G2021))";
    for day in 0..9 {
        plan.step(Time::day(2020, 10, 11).at(18, 20, 2).plus(day * DAY), |server, at| {
            ews(server, at, &cast::known(11), HOME, MAC, ("SyncFolderItems", 18_220))
        });
    }
    for number in 0..30 {
        plan.step(Time::day(2020, 10, 20).at(18, 40, 0).plus(number * 11 * SECOND), |server, at| {
            let size = server.random.between(900_000, 4_000_000);
            ews(server, at, &cast::known(11), HOME, MAC, ("GetItem", size))
        });
    }
}
