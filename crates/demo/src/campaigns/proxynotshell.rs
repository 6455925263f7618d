//! ProxyNotShell (CVE-2022-41040, CVE-2022-41082): September 2022, a stolen password, a page of the product replaced.
//!
//! Spelling of the requests after GTSC (2022-09-28) and queries that scanners send to this day.

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::detour::{self, Detour};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::shell::{self, MARKER, Shell};
use crate::sign_in::{self, Visitor};
use crate::time::{DAY, MINUTE, SECOND, Time};
use crate::windows;

pub(super) const STORY: Story = Story {
    name: "proxynotshell",
    description: "ProxyNotShell on 26 September 2022 with a stolen password, a page of OWA replaced, updated on 12 November",
    verdict: "compromised",
    campaign: Some("proxynotshell"),
    also: None,
    entry: "vulnerability",
    days: 60,
    bytes_per_day: 100_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.120";
const OPERATOR: &str = "198.51.100.40";
const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/105.0.0.0 Safari/537.36";
/// Of the pool behind `/powershell`.
const POOL: &str = "MSExchangePowerShellAppPool";

const ANTSWORD: &str = "antSword/v2.1";
/// A page that every server has, with another content.
const REPLACED: Shell = Shell {
    url: "/owa/auth/RedirSuiteServiceProxy.aspx",
    file: "Program Files/Microsoft/Exchange Server/V15/FrontEnd/HttpProxy/owa/auth/RedirSuiteServiceProxy.aspx",
    protocol: Some(Protocol::Owa),
    agent: ANTSWORD,
};
const ADDED: Shell = Shell {
    url: "/owa/auth/fontsvc.ashx",
    file: "Program Files/Microsoft/Exchange Server/V15/FrontEnd/HttpProxy/owa/auth/fontsvc.ashx",
    protocol: Some(Protocol::Owa),
    agent: ANTSWORD,
};

fn setting() -> Setting {
    let builds = Build::of_2019((1_118, 12), (1_118, 20));
    let update = Update::Security(Time::day(2022, 11, 12).at(1, 0, 0));
    let days = (Time::day(2022, 9, 25), Time::day(2022, 11, 13), Time::day(2022, 11, 17));
    Setting::new(days, builds, update, Noise::ProxyShell).installed(
        Time::day(2022, 5, 21).at(4, 11, 2),
        "CU12",
        "15.2.1118.7",
        "15.2.986.22",
    )
}

fn tell(plan: &mut Plan) {
    outlook_on_telephones(plan);
    let at = Time::day(2022, 9, 25).at(23, 14, 9);
    let visitor = Visitor { person: victim(), client: INTRUDER, agent: AGENT.to_owned() };
    sign_in::signs_in(plan, at, &visitor);
    plan.tell(at, format!("{INTRUDER} signs in with the password of {}", visitor.person.user));
    let at = Time::day(2022, 9, 26).at(2, 3, 30);
    probe(plan, at);
    for (wait, target) in [(41, "/powershell/"), (49, SESSION), (58, SESSION), (66, SESSION)] {
        detour::taken(plan, at.plus(wait * SECOND), behind_autodiscover(target));
    }
    plan.tell(at.plus(41 * SECOND), format!("{INTRUDER} reaches remote PowerShell through autodiscover.json"));
    shell::worker_runs(plan, at.plus(68 * SECOND), POOL, "\"cmd\" /c whoami");
    write(plan, at.plus(95 * SECOND), &REPLACED);
    write(plan, at.plus(99 * SECOND), &ADDED);
    let at = Time::day(2022, 9, 26).at(3, 20, 11);
    shell::call(plan, at, &REPLACED, OPERATOR, Some("\"cmd\" /c net group \"domain admins\" /domain"));
    shell::call(plan, at.plus(9 * MINUTE), &ADDED, OPERATOR, Some("\"cmd\" /c tasklist /svc"));
    shell::call(plan, at.plus(2 * DAY), &REPLACED, OPERATOR, Some("\"cmd\" /c netstat -ano"));
    shell::call(plan, at.plus(8 * DAY), &ADDED, OPERATOR, None);
}

fn victim() -> Known {
    cast::known(1)
}

const SESSION: &str = "/PowerShell?serializationLevel=Full;ExchClientVer=15.2.922.7;clientApplication=ManagementShell;\
                       TargetServer=;PSVersion=5.1.17763.592";

/// What follows the host name is taken for an address by the front end and for a path behind it.
fn behind_autodiscover(target: &str) -> Detour {
    const MAIL: &str = "Email=autodiscover/autodiscover.json%3F@evil.example";
    let session = target.split_once('?').map_or(String::new(), |(_, session)| format!("{session}&"));
    Detour {
        protocol: Protocol::Autodiscover,
        method: "POST",
        stem: "/autodiscover/autodiscover.json".to_owned(),
        query: format!("@evil.example{target}&{MAIL}"),
        behind: format!("{session}{MAIL}"),
        client: INTRUDER,
        agent: AGENT,
        person: victim(),
        status: 200,
    }
}

fn probe(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let agent = Agent::new(AGENT);
        let request = Request {
            query: "@evil.example/owa/&Email=autodiscover/autodiscover.json%3F@evil.example",
            client: INTRUDER,
            status: 401,
            authentication: "Anonymous",
            ..Request::new(Some(Protocol::Autodiscover), "GET", "/autodiscover/autodiscover.json", &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

fn write(plan: &mut Plan, at: Time, page: &Shell) {
    let path = page.windows_path();
    plan.tell(at, format!("the worker process of {POOL} writes {path}"));
    plan.step(at, move |server, at| windows::file_created(server, at, shell::WORKER, &path));
    let content = format!("<%@ Page Language=\"C#\" %>\r\n{MARKER}\r\n");
    plan.plant(&format!("C/{}", page.file), content.into_bytes());
}

/// The same file with the same sign in its query, as it is meant to be used.
fn outlook_on_telephones(plan: &mut Plan) {
    let first = Time::day(2022, 9, 25).at(8, 20, 0);
    for day in 0..9 {
        plan.step(first.plus(day * 5 * DAY), move |server, at| {
            let person = cast::known(2 + day as u32);
            let agent = Agent::new("Outlook-iOS-Android/1.0");
            let query = format!("Email={}&Protocol=Autodiscoverv1", person.mail);
            let request = Request {
                query: &query,
                client: "192.0.2.217",
                bytes: (0, 128),
                backend: Some(Backend { stem: "/autodiscover/autodiscover.json", query: &query, user: "" }),
                ..Request::new(Some(Protocol::Autodiscover), "GET", "/autodiscover/autodiscover.json", &agent)
            };
            server.web(at, &request).map(|_| ())
        });
    }
}
