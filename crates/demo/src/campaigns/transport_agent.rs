//! A transport agent that reads mail: November 2019, installed at night with the administrator's account, independent of
//! IIS.
//!
//! Shape after ESET (LightNeuron, 2019-05) and event samples of mdecrevoisier (CC0).

use crate::campaigns::Story;
use crate::configuration;
use crate::management_shell::{self, ADMINISTRATOR, Operator};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::Build;
use crate::setting::{Setting, Update};
use crate::time::{HOUR, MINUTE, SECOND, Time};
use crate::windows::{self, Process};

pub(super) const STORY: Story = Story {
    name: "transport-agent",
    description: "a transport agent outside of Exchange's folders, installed at night on 5 November 2019",
    verdict: "compromised",
    campaign: Some("transport-agent"),
    also: None,
    entry: "unknown",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

/// On the server itself, where nobody works at night.
const AT_NIGHT: Operator = Operator { user: "it.admin", rid: 1_104, client: "10.20.0.11" };
const AGENT: configuration::TransportAgent = configuration::TransportAgent {
    name: "Content Check Agent",
    kind: "Routing",
    factory: "ContentCheck.RoutingAgentFactory",
    assembly: r"C:\ProgramData\Microsoft\Crypto\content.check.dll",
};

fn setting() -> Setting {
    let day = |day| Time::day(2019, 11, day);
    let builds = Build::of_2016((1_847, 3), (1_847, 5));
    let update = Update::Security(day(16).at(2, 20, 0));
    Setting::new((day(4), day(17), day(21)), builds, update, Noise::Everyday).installed(
        Time::day(2019, 10, 5).at(5, 41, 19),
        "CU14",
        "15.1.1847.3",
        "15.1.1779.5",
    )
}

fn tell(plan: &mut Plan) {
    disclaimer_is_moved(plan, Time::day(2019, 11, 4).at(14, 5, 31));
    let at = Time::day(2019, 11, 5).at(1, 30, 12);
    plan.step(at, |server, at| {
        windows::file_created(server, at, r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe", AGENT.assembly)
    });
    plan.tell(at, format!("{} is written", AGENT.assembly));
    let install = format!(
        "-Name \"{}\" -TransportAgentFactory \"{}\" -AssemblyPath \"{}\"",
        AGENT.name, AGENT.factory, AGENT.assembly
    );
    let enable = format!("-Identity \"{}\"", AGENT.name);
    let cmdlets = [
        (1, "Install-TransportAgent", install),
        (2, "Enable-TransportAgent", enable),
        (3, "Get-TransportAgent", String::new()),
    ];
    for (minute, name, parameters) in cmdlets {
        let at = at.plus(minute * MINUTE);
        management_shell::runs(plan, at, AT_NIGHT, name, &parameters);
        plan.tell(at, format!("{} runs {name} {parameters}", AT_NIGHT.user));
    }
    transport_restarts(plan, at.plus(4 * MINUTE));
    plan.agents.push(AGENT);
    plan.plant("C/ProgramData/Microsoft/Crypto/content.check.dll", b"inert sample: no program\r\n".to_vec());
}

/// An agent is loaded when transport starts.
fn transport_restarts(plan: &mut Plan, at: Time) {
    for (wait, line) in [(0, "net  stop MSExchangeTransport"), (20, "net  start MSExchangeTransport")] {
        plan.step(at.plus(wait * SECOND), move |server, at| {
            let process = Process {
                parent: r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
                parent_line: "powershell.exe",
                image: r"C:\Windows\System32\net.exe",
                line,
            };
            windows::process(server, at, &process).map(|_| ())
        });
    }
}

/// The administrator moves the agent that adds disclaimers behind the others, by day.
fn disclaimer_is_moved(plan: &mut Plan, at: Time) {
    let identity = "-Identity \"Fabrikam Disclaimer\"";
    management_shell::runs(
        plan,
        at,
        ADMINISTRATOR,
        "Disable-TransportAgent",
        &format!("{identity} -Confirm \"False\""),
    );
    management_shell::runs(
        plan,
        at.plus(MINUTE),
        ADMINISTRATOR,
        "Set-TransportAgent",
        &format!("{identity} -Priority \"6\""),
    );
    management_shell::runs(plan, at.plus(2 * MINUTE), ADMINISTRATOR, "Enable-TransportAgent", identity);
    transport_restarts(plan, at.plus(HOUR));
}
