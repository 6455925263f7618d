//! A keylogger in the logon page of OWA: the page stores names and passwords in a file that is fetched from outside.
//! The server was open to ProxyShell; how the page was changed stands in logs that are gone.
//!
//! Shape after Positive Technologies (2024-05-21). The script of the page is no JavaScript and cannot run.

use crate::campaigns::Story;
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Build, EXCHANGE, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::time::{DAY, Time};

pub(super) const STORY: Story = Story {
    name: "owa-keylogger",
    description: "a logon page that stores passwords, fetched from outside in September 2021; nothing shows how it came",
    verdict: "compromised",
    campaign: Some("owa-keylogger"),
    also: None,
    entry: "unknown",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

const COLLECTOR: &str = "203.0.113.150";
const STORE: &str = "/owa/auth/logon_errors.txt";

/// The shape of the real one. The second line of the script is an error, so that no browser runs any of it, and the part
/// for the server is a comment.
const PAGE: &str = "<%@ Page Language=\"c#\" AutoEventWireup=\"false\" %>\r\n\
    <%-- inert sample: a real one appends the posted value to owa\\auth\\logon_errors.txt here, by System.IO.File.AppendAllText --%>\r\n\
    <!DOCTYPE html>\r\n<html><head><title>Outlook</title>\r\n<script type=\"text/javascript\">\r\n\
    /* inert sample: the next line ends it */\r\n\
    INERT SAMPLE, NOT JAVASCRIPT\r\n\
    function clkLgn() {\r\n\
    \x20   var gathered = gbid(\"username\").value + \"\\t\" + gbid(\"password\").value;\r\n\
    \x20   var post = new XMLHttpRequest( INERT );\r\n\
    \x20   post.open(\"POST\", \"/owa/auth/logon.aspx\", INERT);\r\n\
    \x20   post.send( INERT \"uin=\" + gathered);\r\n\
    }\r\n\
    </script></head><body></body></html>\r\n";

fn setting() -> Setting {
    let day = |day| Time::day(2021, 9, day);
    let builds = Build::of_2016((2_242, 4), (2_242, 12));
    let update = Update::Security(day(25).at(2, 40, 0));
    Setting::new((day(7), day(26), day(29)), builds, update, Noise::ProxyShell).installed(
        Time::day(2021, 4, 10).at(5, 33, 1),
        "CU20",
        "15.1.2242.4",
        "15.1.2176.9",
    )
}

fn tell(plan: &mut Plan) {
    plan.plant(&format!("C/{EXCHANGE}/FrontEnd/HttpProxy/owa/auth/logon.aspx"), PAGE.as_bytes().to_vec());
    plan.plant(&format!("C/{EXCHANGE}/FrontEnd/HttpProxy{STORE}"), stored());
    for (day, hour, bytes) in [(8, 1, 4_110), (12, 2, 7_804), (17, 1, 12_420), (22, 3, 17_033)] {
        let at = Time::day(2021, 9, day).at(hour, 6, 41);
        fetched(plan, at, bytes);
        plan.tell(at, format!("{COLLECTOR} fetches {STORE}, {bytes} bytes"));
    }
    other_texts(plan);
}

fn fetched(plan: &mut Plan, at: Time, bytes: u64) {
    plan.step(at, move |server, at| {
        let agent =
            Agent::new("Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/75.0.3770.100 Safari/537.36");
        let request = Request {
            client: COLLECTOR,
            bytes: (0, bytes),
            ..Request::new(Some(Protocol::Owa), "GET", STORE, &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

/// What had been gathered when the evidence was taken.
fn stored() -> Vec<u8> {
    let first = Time::day(2021, 8, 24).at(6, 51, 0);
    let line = |number: i64| {
        let at = first.plus(number * 7 * 3_600_000);
        format!("{}\tinert.user{number}\tINERT-no-password-{number}\r\n", at.readable())
    };
    (0..60).map(line).collect::<String>().into_bytes()
}

/// Text files that may be fetched by anybody, and one that is not there.
fn other_texts(plan: &mut Plan) {
    for day in 0..6 {
        plan.step(Time::day(2021, 9, 7).at(14, 2, 9).plus(day * 3 * DAY), |server, at| {
            let agent = Agent::new("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)");
            let robots = Request {
                client: "192.0.2.240",
                status: 404,
                ..Request::new(Some(Protocol::Owa), "GET", "/owa/auth/robots.txt", &agent)
            };
            server.web(at, &robots)?;
            let notices = Request {
                client: "192.0.2.240",
                bytes: (0, 812),
                ..Request::new(None, "GET", "/intranet/licences.txt", &agent)
            };
            server.web(at.plus(2_000), &notices).map(|_| ())
        });
    }
    plan.plant("C/inetpub/wwwroot/intranet/licences.txt", b"Fonts: SIL Open Font License 1.1\r\n".to_vec());
}
