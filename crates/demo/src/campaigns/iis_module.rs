//! A native module of IIS that gathers logons: September 2021, installed by a worker process, no page and no file in a web
//! folder.
//!
//! Shape after ESET (2021-08) and Kaspersky (SessionManager, 2022-06-30). Its commands are in cookies, which no log has.

use std::io;

use crate::campaigns::Story;
use crate::configuration::Module;
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Build, Protocol, Request, Server};
use crate::setting::{Setting, Update};
use crate::shell;
use crate::time::{DAY, MINUTE, SECOND, Time};
use crate::windows::{self, Process, web};

pub(super) const STORY: Story = Story {
    name: "iis-module",
    description: "a module of IIS that gathers logons, installed on 8 September 2021; nothing shows how they came in",
    verdict: "compromised",
    campaign: Some("iis-native-modules"),
    also: None,
    entry: "unknown",
    days: 26,
    bytes_per_day: 220_000,
    setting,
    tell,
};

const OPERATOR: &str = "198.51.100.52";
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.159 Safari/537.36";
const POOL: &str = "MSExchangeOWAAppPool";
const MODULE: Module = Module { name: "HttpFilterModule", image: r"C:\ProgramData\Microsoft\NetFramework\httpflt.dll" };
const INSTALL: &str = "\"cmd\" /c C:\\Windows\\System32\\inetsrv\\appcmd.exe install module /name:HttpFilterModule /image:C:\\ProgramData\\Microsoft\\NetFramework\\httpflt.dll /add:true";
const CREDENTIALS: &str = r"C:\Windows\Temp\creds.db";

fn setting() -> Setting {
    let day = |day| Time::day(2021, 9, day);
    let builds = Build::of_2019((858, 5), (858, 15));
    let update = Update::Security(day(25).at(1, 45, 0));
    Setting::new((day(6), day(26), day(29)), builds, update, Noise::ProxyShell).installed(
        Time::day(2021, 4, 17).at(4, 50, 20),
        "CU9",
        "15.2.858.5",
        "15.2.792.10",
    )
}

fn tell(plan: &mut Plan) {
    product_is_updated(plan, Time::day(2021, 9, 7).at(10, 14, 2));
    let at = Time::day(2021, 9, 8).at(2, 11, 33);
    answered(plan, at);
    plan.step(at.plus(2 * SECOND), |server, at| windows::file_created(server, at, shell::WORKER, MODULE.image));
    plan.tell(at.plus(2 * SECOND), format!("the worker process of {POOL} writes {}", MODULE.image));
    let install = at.plus(40 * SECOND);
    shell::worker_runs(plan, install, POOL, INSTALL);
    plan.step(install.plus(90), |server, at| appcmd(server, at, r"C:\Windows\System32\cmd.exe", INSTALL, MODULE));
    plan.tell(install.plus(90), format!("the module {} is installed", MODULE.name));
    plan.modules.push(MODULE);
    plan.plant("C/ProgramData/Microsoft/NetFramework/httpflt.dll", b"inert sample: no program\r\n".to_vec());
    plan.plant("C/Windows/Temp/creds.db", b"inert sample: no logons\r\n".to_vec());
    let first = Time::day(2021, 9, 8).at(7, 2, 18);
    plan.step(first, |server, at| windows::file_created(server, at, shell::WORKER, CREDENTIALS));
    plan.tell(first, format!("the module begins to keep logons in {CREDENTIALS}"));
    for day in [1, 4, 9, 14] {
        let at = at.plus(day * DAY + 17 * MINUTE);
        answered(plan, at);
        plan.tell(at, format!("{OPERATOR} posts to the logon page, which the module answers"));
    }
}

/// A request for a page that belongs there; what it carries is in no log.
fn answered(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let agent = Agent::new(AGENT);
        let request = Request {
            client: OPERATOR,
            bytes: (server.random.between(300, 900), server.random.between(2_000, 30_000)),
            milliseconds: 31,
            ..Request::new(Some(Protocol::Owa), "POST", "/owa/auth/logon.aspx", &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

/// The tool of IIS installs a module, and the configuration log says so.
fn appcmd(server: &mut Server, at: Time, parent: &str, parent_line: &str, module: Module) -> io::Result<()> {
    let line = format!(
        "C:\\Windows\\System32\\inetsrv\\appcmd.exe install module /name:{} /image:{} /add:true",
        module.name, module.image
    );
    let image = r"C:\Windows\System32\inetsrv\appcmd.exe";
    windows::process(server, at, &Process { parent, parent_line, image, line: &line })?;
    let element = format!("/system.webServer/globalModules/add[@name=\"{}\"]", module.name);
    web::configured(server, at.plus(180), &element, module.name)?;
    web::configured(server, at.plus(182), &format!("{element}/@image"), module.image)?;
    let element = format!("/system.webServer/modules/add[@name=\"{}\"]", module.name);
    web::configured(server, at.plus(190), &element, module.name)
}

/// A product that protects web servers installs its own module again, as at every update.
fn product_is_updated(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let image = r#""C:\Program Files\Fabrikam\Endpoint Protection\iisscan64.dll""#;
        let module = Module { name: "FabrikamWebScan", image };
        appcmd(server, at, r"C:\Windows\System32\msiexec.exe", "C:\\Windows\\system32\\msiexec.exe /V", module)
    });
}
