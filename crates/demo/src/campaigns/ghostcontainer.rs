//! GhostContainer: summer 2025, a stolen machine key, and a module in memory that answers at pages which no file has.
//!
//! Shape after Kaspersky (2025-07, 2026-09-16) and QAX (NightEagle, 2025-07).

use crate::campaigns::Story;
use crate::cast;
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::windows::{self, Channel, web::ViewState};

pub(super) const STORY: Story = Story {
    name: "ghostcontainer",
    description: "pages without files answer two clients in August 2025, after ViewState with a stolen machine key",
    verdict: "compromised",
    campaign: Some("ghostcontainer"),
    also: None,
    entry: "unknown",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

const INTRUDER: &str = "203.0.113.171";
const OPERATOR: &str = "198.51.100.58";
const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36";
const PAGES: [&str; 2] = ["/owa/auth/lang/cn1.aspx", "/owa/auth/lang/cn2.aspx"];
/// "This state is a harmless sentence and fits no key."
const STATE: &str = "VGhpcyBzdGF0ZSBpcyBhIGhhcm1sZXNzIHNlbnRlbmNlIGFuZCBmaXRzIG5vIGtleS4=";

/// Years behind with its updates; setup ends what is in memory only.
fn setting() -> Setting {
    let builds = Build::of_2019((1_118, 15), (1_544, 33));
    let stop = Time::day(2025, 8, 16).at(1, 15, 0);
    let days = (Time::day(2025, 7, 28), Time::day(2025, 8, 17), Time::day(2025, 8, 20));
    Setting::new(days, builds, Update::Cumulative(stop), Noise::ProxyShell)
        .installed(Time::day(2022, 5, 21).at(4, 11, 2), "CU12", "15.2.1118.7", "15.2.986.22")
        .installed(stop.plus(3 * MINUTE), "CU14", "15.2.1544.4", "15.2.1118.15")
}

fn tell(plan: &mut Plan) {
    stale_page(plan, Time::day(2025, 7, 28).at(9, 12, 44));
    let at = Time::day(2025, 7, 30).at(18, 40, 12);
    for number in 0..3 {
        refused(plan, at.plus(number * 21 * SECOND));
    }
    plan.tell(at, format!("{INTRUDER} posts ViewState to the logon page; the first three do not fit the key"));
    posted(plan, at.plus(80 * SECOND), "/owa/auth/logon.aspx");
    let first = at.plus(3 * MINUTE);
    for (number, (wait, client)) in [
        (0, INTRUDER),
        (HOUR, OPERATOR),
        (DAY, OPERATOR),
        (3 * DAY, OPERATOR),
        (9 * DAY, INTRUDER),
        (13 * DAY, OPERATOR),
    ]
    .into_iter()
    .enumerate()
    {
        let page = PAGES[number % PAGES.len()];
        for call in 0..4 {
            asked(plan, first.plus(wait + call * 9 * SECOND), client, page);
        }
        plan.tell(first.plus(wait), format!("{client} uses {page}, which no file has"));
    }
    tunnel(plan, first.plus(DAY + 4 * MINUTE));
}

fn refused(plan: &mut Plan, at: Time) {
    posted(plan, at, "/owa/auth/logon.aspx");
    plan.step(at.plus(40), |server, at| {
        let view = ViewState {
            application: "/owa",
            page: "/owa/auth/logon.aspx",
            client: INTRUDER,
            agent: AGENT,
            state: STATE,
        };
        windows::web::view_state_refused(server, at, &view)
    });
}

fn posted(plan: &mut Plan, at: Time, page: &'static str) {
    plan.step(at, move |server, at| {
        let agent = Agent::new(AGENT);
        let request = Request {
            client: INTRUDER,
            status: 302,
            bytes: (18_400, 0),
            milliseconds: 55,
            ..Request::new(Some(Protocol::Owa), "POST", page, &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

fn asked(plan: &mut Plan, at: Time, client: &'static str, page: &'static str) {
    plan.step(at, move |server, at| {
        let agent = Agent::new(AGENT);
        let request = Request {
            client,
            bytes: (server.random.between(600, 4_800), server.random.between(400, 22_000)),
            milliseconds: server.random.between(20, 900) as i64,
            ..Request::new(Some(Protocol::Owa), "POST", page, &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

/// From the mail server into the network behind it.
fn tunnel(plan: &mut Plan, at: Time) {
    shell::worker_runs(
        plan,
        at,
        "MSExchangeOWAAppPool",
        "\"cmd\" /c netsh interface portproxy add v4tov4 listenport=8443 connectaddress=10.20.0.40 connectport=3389",
    );
    plan.step(at.plus(7 * MINUTE), |server, at| {
        let message =
            "The server has confirmed that the client's multi-transport capability. Channel rdp2tcp was opened.";
        windows::event(server, at, Channel::RemoteDesktop, 132, message, &[("ChannelName", "rdp2tcp")])?;
        let message = "Channel rdp2tcp has been closed between the server and the client on transport tunnel: 0.";
        windows::event(server, at.plus(HOUR), Channel::RemoteDesktop, 148, message, &[("ChannelName", "rdp2tcp")])
    });
    plan.tell(at.plus(7 * MINUTE), "a tunnel through remote desktop (rdp2tcp) is opened".to_owned());
}

/// Somebody leaves a form of the intranet open over the weekend; remote desktop has channels of its own.
fn stale_page(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let agent = cast::browsers(2025)[0].clone();
        let view = ViewState {
            application: "/intranet",
            page: "/intranet/report.aspx",
            client: "10.20.30.44",
            agent: &agent,
            state: STATE,
        };
        windows::web::view_state_refused(server, at, &view)?;
        let message = "A channel rdpdr has been connected between the server and the client using transport tunnel: 0.";
        windows::event(server, at.plus(9_000), Channel::RemoteDesktop, 132, message, &[("ChannelName", "rdpdr")])
    });
}
