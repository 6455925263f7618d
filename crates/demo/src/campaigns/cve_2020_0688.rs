//! The static ViewState key (CVE-2020-0688): March 2020, a stolen password, commands through the control panel.
//!
//! Spelling after ZDI (2020-02-25) and CERT NZ (2020-03-10). The state is a harmless sentence.

use crate::campaigns::Story;
use crate::cast::{self, Known};
use crate::exchange_logs;
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::sign_in::{self, Visitor};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::windows;

pub(super) const STORY: Story = Story {
    name: "static-viewstate-key",
    description: "CVE-2020-0688 on 5 March 2020 with a stolen password, commands as SYSTEM, updated on 21 March",
    verdict: "compromised",
    campaign: Some("cve-2020-0688"),
    also: None,
    entry: "vulnerability",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.61";
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:73.0) Gecko/20100101 Firefox/73.0";
const POOL: &str = "MSExchangeECPAppPool";
const STEM: &str = "/ecp/default.aspx";
/// "This text is harmless and only long. ", three times over, for a start.
const SENTENCE: &str = "VGhpcyB0ZXh0IGlzIGhhcm1sZXNzIGFuZCBvbmx5IGxvbmcuIFRoaXMgdGV4dCBpcyBoYXJtbGVzcyBhbmQgb25seSBsb25nLiBUaGlz\
                        IHRleHQgaXMgaGFybWxlc3MgYW5kIG9ubHkgbG9uZy4g";
/// How often the sentence stands in the state: real ones have one to two thousand characters.
const SENTENCES: usize = 9;

fn setting() -> Setting {
    let day = |day| Time::day(2020, 3, day);
    let builds = Build::of_2016((1_913, 5), (1_913, 10));
    let update = Update::Security(day(21).at(2, 0, 0));
    Setting::new((day(4), day(22), day(25)), builds, update, Noise::Everyday).installed(
        Time::day(2020, 1, 18).at(5, 12, 31),
        "CU15",
        "15.1.1913.5",
        "15.1.1847.5",
    )
}

fn tell(plan: &mut Plan) {
    own_settings(plan);
    let at = Time::day(2020, 3, 5).at(19, 30, 40);
    let visitor = Visitor { person: victim(), client: INTRUDER, agent: AGENT.to_owned() };
    sign_in::signs_in(plan, at, &visitor);
    plan.tell(at, format!("{INTRUDER} signs in with the password of {}", visitor.person.user));
    let commands: [(i64, &str); 4] = [
        (9 * MINUTE, "\"cmd\" /c ping -n 1 198.51.100.66"),
        (14 * MINUTE, "\"cmd\" /c whoami > C:\\Windows\\Temp\\o.txt"),
        (6 * HOUR, "\"cmd\" /c net user /domain > C:\\Windows\\Temp\\o.txt"),
        (2 * DAY, "\"cmd\" /c nltest /domain_trusts > C:\\Windows\\Temp\\o.txt"),
    ];
    for (wait, command) in commands {
        let at = at.plus(wait);
        request(plan, at);
        plan.tell(at, format!("{INTRUDER} sends a ViewState to {STEM}, answered 500"));
        shell::worker_runs(plan, at.plus(2 * SECOND), POOL, command);
    }
}

fn victim() -> Known {
    cast::known(4)
}

fn request(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        const ERROR: &str = "System.Web.HttpException (0x80004005): The serialized data is invalid.";
        let (agent, person) = (Agent::new(AGENT), victim());
        let query = format!("__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE={}", SENTENCE.repeat(SENTENCES));
        let request = Request {
            query: &query,
            user: &person.account,
            client: INTRUDER,
            status: 500,
            anchor: &person.anchor,
            hint: "WindowsIdentity",
            bytes: (0, 3_420),
            milliseconds: 640,
            backend: Some(Backend { stem: STEM, query: &query, user: &person.account }),
            ..Request::new(Some(Protocol::Ecp), "GET", STEM, &agent)
        };
        server.web(at, &request)?;
        let url = format!("https://exc01.contoso.example:444{STEM}?{query}(https://mail.contoso.example{STEM})");
        windows::web::control_panel_failed(server, at.plus(600), &person.user, &url, ERROR)?;
        exchange_logs::ecp_failed(server, at.plus(610), &format!("{STEM}?__VIEWSTATEGENERATOR=B97B4E27"), ERROR)
    });
}

/// People look at their own settings on the same page; one of them meets an error of another kind.
fn own_settings(plan: &mut Plan) {
    for day in 0..8 {
        plan.step(Time::day(2020, 3, 4).at(9, 40, 12 + day).plus(day * 2 * DAY), move |server, at| {
            let (agent, person) = (Agent::new(&cast::browsers(2020)[0]), cast::known(6 + day as u32));
            let query = "exsvurl=1&p=account";
            let request = Request {
                query,
                user: &person.account,
                client: "10.20.30.40",
                referer: "https://mail.contoso.example/owa/",
                anchor: &person.anchor,
                hint: "WindowsIdentity",
                bytes: (0, 22_100),
                milliseconds: 150,
                backend: Some(Backend { stem: STEM, query, user: &person.account }),
                ..Request::new(Some(Protocol::Ecp), "GET", STEM, &agent)
            };
            server.web(at, &request)?;
            if day != 3 {
                return Ok(());
            }
            let url = "https://exc01.contoso.example:444/ecp/about.aspx(https://mail.contoso.example/ecp/about.aspx)";
            let error = "System.NullReferenceException: Object reference not set to an instance of an object.";
            windows::web::control_panel_failed(server, at.plus(900), &person.user, url, error)
        });
    }
}
