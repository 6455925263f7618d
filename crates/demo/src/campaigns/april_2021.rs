//! The holes of April 2021 (CVE-2021-28480 and others): probes, to which a new server answers with nothing.
//!
//! Shape of the requests after the SigmaHQ rule for CVE-2021-28480.

use crate::campaigns::Story;
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::time::{DAY, SECOND, Time};

pub(super) const STORY: Story = Story {
    name: "calendar-probe",
    description: "probes for the holes of April 2021 on a server set up in March 2021, updated on 24 April",
    verdict: "targeted",
    campaign: Some("april-2021"),
    also: None,
    entry: "unknown",
    days: 42,
    bytes_per_day: 170_000,
    setting,
    tell,
};

/// The server is new: nothing ran before the logs begin.
fn setting() -> Setting {
    let builds = Build::of_2016((2_242, 4), (2_242, 8));
    let update = Update::Security(Time::day(2021, 4, 24).at(1, 10, 0));
    let days = (Time::day(2021, 3, 22).at(6, 0, 0), Time::day(2021, 4, 26), Time::day(2021, 5, 3));
    let setting = Setting::new(days, builds, update, Noise::ProxyLogonInVain).installed(
        Time::day(2021, 3, 22).at(4, 31, 9),
        "CU20",
        "15.1.2242.4",
        "",
    );
    Setting { older_are_gone: true, ..setting }
}

fn tell(plan: &mut Plan) {
    published_calendars(plan);
    probe(plan, Time::day(2021, 4, 15).at(4, 17, 50), "203.0.113.44", &[("/a", 404), ("/a@evil.example/x", 302)]);
    probe(plan, Time::day(2021, 4, 18).at(21, 17, 50), "203.0.113.45", &[("/abcd", 404)]);
    probe(plan, Time::day(2021, 4, 27).at(13, 17, 50), "203.0.113.44", &[("/a", 404), ("/aa", 503)]);
}

/// Requests for calendars that nobody published, and what they are answered.
fn probe(plan: &mut Plan, at: Time, client: &'static str, calendars: &[(&str, u16)]) {
    for (number, (calendar, status)) in calendars.iter().enumerate() {
        let (stem, status) = (format!("/owa/calendar{calendar}"), *status);
        plan.step(at.plus(number as i64 * 3 * SECOND), move |server, at| {
            let agent = Agent::new("python-requests/2.25.1");
            let request = Request { client, status, ..Request::new(Some(Protocol::Owa), "POST", &stem, &agent) };
            server.web(at, &request).map(|_| ())
        });
    }
    plan.tell(at, format!("{client} posts to /owa/calendar/a…, answered by nothing"));
}

/// A calendar that somebody published is fetched by whoever subscribed to it.
fn published_calendars(plan: &mut Plan) {
    const STEM: &str = "/owa/calendar/8f1d2c3b4a5e4f6d@contoso.example/0a1b2c3d4e5f/calendar.ics";
    for day in 0..36 {
        plan.step(Time::day(2021, 3, 22).at(12, 30, 4).plus(day * DAY), |server, at| {
            let agent = Agent::new("Google-Calendar-Importer");
            let request = Request {
                client: "192.0.2.233",
                bytes: (0, 9_220),
                milliseconds: 48,
                backend: Some(Backend { stem: STEM, query: "", user: "" }),
                ..Request::new(Some(Protocol::Owa), "GET", STEM, &agent)
            };
            server.web(at, &request).map(|_| ())
        });
    }
}
