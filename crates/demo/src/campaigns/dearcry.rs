//! DearCry: a server hit by ProxyLogon on 3 March 2021 and not updated, encrypted by others six days later.
//!
//! Marks after Microsoft (2021-03-12) and Sophos.

use crate::campaigns::{Story, proxylogon};
use crate::plan::Plan;
use crate::ransom::{self, Run};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::time::{MINUTE, SECOND, Time};
use crate::windows::{self, Process};

pub(super) const STORY: Story = Story {
    name: "dearcry",
    description: "ProxyLogon on 3 March 2021, DearCry through the web shell on 9 March, updated on 13 March",
    also: Some("dearcry"),
    bytes_per_day: 320_000,
    setting,
    tell,
    ..proxylogon::COMPROMISED
};

const INTRUDER: &str = "203.0.113.7";
const EXTORTIONIST: &str = "198.51.100.77";
const PROGRAM: &str = r"C:\Windows\Temp\cry.exe";

fn setting() -> Setting {
    let day = |day| Time::day(2021, 3, day);
    let down = Update::Security(day(13).at(20, 0, 0)).down();
    Setting { down, until: day(17), ..proxylogon::march_2021(2, 14) }
}

fn tell(plan: &mut Plan) {
    let page = &proxylogon::OWA_SHELL;
    let attack = Time::day(2021, 3, 3).at(5, 2, 51);
    proxylogon::break_in(plan, attack, INTRUDER, page);
    shell::call(plan, attack.plus(39 * SECOND), page, INTRUDER, Some("\"cmd\" /c whoami"));
    proxylogon::leave_page(plan, page);
    let at = Time::day(2021, 3, 9).at(22, 31, 5);
    shell::call(plan, at, page, EXTORTIONIST, None);
    plan.step(at.plus(800), |server, at| windows::file_created(server, at, shell::WORKER, PROGRAM));
    shell::call(plan, at.plus(2 * MINUTE), page, EXTORTIONIST, Some("\"cmd\" /c C:\\Windows\\Temp\\cry.exe"));
    let begin = at.plus(2 * MINUTE + 5 * SECOND);
    plan.step(begin, |server, at| {
        let process = Process {
            parent: r"C:\Windows\System32\cmd.exe",
            parent_line: "\"cmd\" /c C:\\Windows\\Temp\\cry.exe",
            image: PROGRAM,
            line: PROGRAM,
        };
        windows::process(server, at, &process)?;
        windows::service_installed(server, at.plus(300), "msupdate", PROGRAM)
    });
    plan.tell(begin, "the service msupdate is installed".to_owned());
    let run = Run {
        image: PROGRAM,
        suffix: ".CRYPT",
        head: b"DEARCRY!",
        note: "readme.txt",
        heading: "Your file has been encrypted!
",
    };
    ransom::encrypts(plan, begin.plus(2 * SECOND), run);
}
