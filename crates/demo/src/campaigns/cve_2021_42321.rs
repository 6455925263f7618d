//! CVE-2021-42321: November 2021, a stored user configuration that the server should not have opened.
//!
//! The events are those that SigmaHQ tests for; what was stored is invisible in all logs.

use std::io;

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::exchange_logs::{self, WebService};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, DOMAIN_SID, Protocol, Request, Server};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::sign_in::{self, Visitor};
use crate::time::{DAY, HOUR, SECOND, Time};
use crate::windows::{self, Channel, Failure};

pub(super) const STORY: Story = Story {
    name: "get-app-deserialization",
    description: "CVE-2021-42321 on 5 November 2021 with a stolen password, commands as SYSTEM, updated on 13 November",
    verdict: "compromised",
    campaign: Some("cve-2021-42321"),
    also: None,
    entry: "vulnerability",
    days: 21,
    bytes_per_day: 320_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.88";
const AGENT: &str = "python-requests/2.26.0";
const POOL: &str = "MSExchangeServicesAppPool";

fn setting() -> Setting {
    let day = |day| Time::day(2021, 11, day);
    let builds = Build::of_2019((986, 9), (986, 14));
    let update = Update::Security(day(13).at(1, 30, 0));
    Setting::new((day(4), day(14), day(18)), builds, update, Noise::ProxyShell).installed(
        Time::day(2021, 10, 9).at(4, 40, 2),
        "CU11",
        "15.2.986.5",
        "15.2.922.13",
    )
}

fn tell(plan: &mut Plan) {
    another_failure(plan, Time::day(2021, 11, 4).at(10, 12, 30));
    let at = Time::day(2021, 11, 4).at(22, 50, 3);
    let visitor = Visitor { person: victim(), client: INTRUDER, agent: cast::browsers(2021)[0].clone() };
    sign_in::signs_in(plan, at, &visitor);
    plan.tell(at, format!("{INTRUDER} signs in with the password of {}", visitor.person.user));
    let first = Time::day(2021, 11, 5).at(3, 8, 14);
    let commands = [
        (0, "\"cmd\" /c whoami"),
        (5 * HOUR, "\"cmd\" /c net group \"domain admins\" /domain"),
        (DAY, "\"cmd\" /c systeminfo > C:\\Windows\\Temp\\s.txt"),
    ];
    for (wait, command) in commands {
        let at = first.plus(wait);
        for (number, action) in
            ["DeleteUserConfiguration", "CreateUserConfiguration", "GetClientAccessToken"].into_iter().enumerate()
        {
            plan.step(at.plus(number as i64 * 3 * SECOND), move |server, at| call(server, at, action));
        }
        plan.tell(at, format!("{INTRUDER} stores a user configuration over EWS and has it opened"));
        plan.step(at.plus(6 * SECOND + 400), not_opened);
        shell::worker_runs(plan, at.plus(7 * SECOND), POOL, command);
    }
}

fn victim() -> Known {
    cast::known(5)
}

fn call(server: &mut Server, at: Time, action: &str) -> io::Result<()> {
    let (agent, person) = (Agent::new(AGENT), victim());
    let milliseconds = server.random.between(30, 220) as i64;
    let bytes = (server.random.between(1_800, 6_400), server.random.between(900, 1_600));
    let request = Request {
        authentication: "NTLM",
        user: &person.account,
        client: INTRUDER,
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
        agent: AGENT,
        client: INTRUDER,
        action,
        bytes,
        impersonated: "",
        acting_as: &person.mail,
        milliseconds: milliseconds - 3,
    };
    exchange_logs::ews(server, at.plus(milliseconds - 1), &service)
}

/// The cast fails only after the content has run.
fn not_opened(server: &mut Server, at: Time) -> io::Result<()> {
    const ERROR: &str = "System.InvalidCastException: Unable to cast object of type 'INERT.Sample' to type 'System.Collections.Hashtable'.";
    let person = victim();
    let user = format!("contoso.example/Users/{}", person.user);
    let failure = Failure {
        cmdlet: "Get-App",
        parameters: "-OrganizationApp \"False\"",
        user: &user,
        rid: person.rid,
        process: "w3wp#MSExchangeServicesAppPool",
        error: ERROR,
    };
    windows::cmdlet_failed(server, at, &failure)?;
    let message = format!("(PID 9716, Thread 27) Task Get-App throwing unhandled exception: {ERROR}");
    let sid = format!("{DOMAIN_SID}-{}", person.rid);
    windows::event(server, at.plus(12), Channel::Management, 8, &message, &[("UserSid", &sid)])
}

/// The same cmdlet fails for an administrator, because he misspelt a name.
fn another_failure(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let failure = Failure {
            cmdlet: "Get-App",
            parameters: "-Mailbox \"hugo.beker\"",
            user: "contoso.example/Users/it.admin",
            rid: 1_104,
            process: "w3wp#MSExchangePowerShellAppPool",
            error: "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException: The operation couldn't be performed because object 'hugo.beker' couldn't be found.",
        };
        windows::cmdlet_failed(server, at, &failure)
    });
}
