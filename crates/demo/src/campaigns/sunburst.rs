//! SUNBURST, kept apart: summer 2020, the host that monitors the others calls home, and mailboxes are exported with an
//! administrator's account through remote PowerShell. Nothing is wrong with the mail server itself.
//!
//! Shape after Volexity (Dark Halo, 2020-12-14) and FireEye (2020-12-13).

use crate::campaigns::Story;
use crate::management_shell::{self, ADMINISTRATOR, Operator};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Build, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};
use crate::windows::{self, Channel};

pub(super) const STORY: Story = Story {
    name: "sunburst-apart",
    description: "SUNBURST on the Orion host in July 2020, mailboxes exported with a valid account; no hole of Exchange is used",
    verdict: "compromised",
    campaign: Some("sunburst"),
    also: None,
    entry: "credentials",
    days: 24,
    bytes_per_day: 235_000,
    setting,
    tell,
};

/// The account of the monitoring, from its host.
const THIEF: Operator = Operator { user: "svc.orion", rid: 1_118, client: "10.20.40.15" };
const FETCHER: &str = "203.0.113.190";
const ORION: &str = r"C:\Program Files (x86)\SolarWinds\Orion\SolarWinds.BusinessLayerHost.exe";

fn setting() -> Setting {
    let day = |day| Time::day(2020, 7, day);
    let builds = Build::of_2016((1_979, 3), (2_044, 4));
    let update = Update::Cumulative(day(18).at(1, 20, 0));
    Setting::new((day(6), day(19), day(24)), builds, update, Noise::Everyday)
        .installed(Time::day(2020, 4, 18).at(5, 2, 12), "CU16", "15.1.1979.3", "15.1.1913.7")
        .installed(day(18).at(1, 23, 5), "CU17", "15.1.2044.4", "15.1.1979.3")
}

fn tell(plan: &mut Plan) {
    lookups(plan);
    real_export(plan, Time::day(2020, 7, 8).at(13, 40, 9));
    let at = Time::day(2020, 7, 9).at(20, 48, 30);
    let looking = ["Get-ManagementRoleAssignment", "Get-OrganizationConfig", "Get-WebServicesVirtualDirectory"];
    for (number, name) in looking.into_iter().enumerate() {
        let parameters = if number == 0 { "-GetEffectiveUsers \"True\"" } else { "" };
        management_shell::runs(plan, at.plus(number as i64 * 25 * SECOND), THIEF, name, parameters);
    }
    plan.tell(at, format!("{} looks around through remote PowerShell from {}", THIEF.user, THIEF.client));
    for (day, mailbox) in [(0, "anna.adler"), (1, "board"), (3, "legal")] {
        export(plan, at.plus(day * DAY + 10 * MINUTE), mailbox);
    }
    for (day, bytes) in [(0, 41_300_220), (1, 66_120_904), (3, 28_400_118)] {
        fetch(plan, at.plus(day * DAY + 2 * HOUR), bytes);
    }
}

fn export(plan: &mut Plan, at: Time, mailbox: &str) {
    let request = format!(
        "-Mailbox \"{mailbox}@contoso.example\" -ContentFilter \"(Received -ge '03/01/2020')\" -FilePath \
         \"\\\\EXC01\\c$\\temp\\b.pst\""
    );
    management_shell::runs(plan, at, THIEF, "New-MailboxExportRequest", &request);
    management_shell::runs(plan, at.plus(8 * MINUTE), THIEF, "Get-MailboxExportRequest", "");
    let remove = format!("-Identity \"{mailbox}\\MailboxExport\" -Confirm \"False\"");
    management_shell::runs(plan, at.plus(21 * MINUTE), THIEF, "Remove-MailboxExportRequest", &remove);
    plan.tell(at, format!("{} exports the mailbox {mailbox} to \\\\EXC01\\c$\\temp\\b.pst", THIEF.user));
}

/// The archive lies where pictures of the logon page do, and is fetched like one.
fn fetch(plan: &mut Plan, at: Time, bytes: u64) {
    plan.step(at, move |server, at| {
        let agent = Agent::new("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/83.0.4103.116 Safari/537.36");
        let request = Request {
            client: FETCHER,
            bytes: (0, bytes),
            milliseconds: 48_000,
            ..Request::new(Some(Protocol::Owa), "GET", "/owa/auth/Redir.png", &agent)
        };
        server.web(at, &request).map(|_| ())
    });
    plan.tell(at, format!("{FETCHER} fetches /owa/auth/Redir.png, {bytes} bytes"));
}

/// What the Orion host asks for: its maker's servers, and names that carry more than a name.
fn lookups(plan: &mut Plan) {
    const MARKS: [&str; 6] = [
        "inert0sample0k3p2v7q1m8d4",
        "inert0sample0r9s1f6c3w0t5",
        "inert0sample0b7x2n4j8h6g1",
        "inert0sample0z5l0e9y3u2a7",
        "inert0sample0o6i4d1p8k2v9",
        "inert0sample0q3m7t5w1c0f8",
    ];
    let first = Time::day(2020, 7, 6).at(3, 12, 8);
    for (number, mark) in MARKS.into_iter().enumerate() {
        let at = first.plus(number as i64 * 53 * HOUR);
        let name = format!("{mark}.appsync-api.eu-west-1.avsvmcloud.com");
        lookup(plan, at, name.clone(), "::ffff:198.51.100.3;");
        plan.tell(at, format!("the Orion host looks up {name}"));
    }
    for day in 0..12 {
        lookup(plan, first.plus(day * DAY + 6 * HOUR), "downloads.solarwinds.com".to_owned(), "::ffff:192.0.2.245;");
    }
}

fn lookup(plan: &mut Plan, at: Time, name: String, answer: &'static str) {
    plan.step(at, move |server, at| {
        let utc = at.sysmon();
        let fields = windows::dns_query(&utc, ORION, &name, answer);
        windows::monitoring_event(server, at, Channel::Sysmon, 22, "Dns query", &fields)
    });
}

/// A lawyer asks for a mailbox, and the administrator exports it to the share for such things.
fn real_export(plan: &mut Plan, at: Time) {
    let request = "-Mailbox \"hugo.becker@contoso.example\" -FilePath \"\\\\FILE01\\exports\\legal-2020-07.pst\"";
    management_shell::runs(plan, at, ADMINISTRATOR, "New-MailboxExportRequest", request);
    management_shell::runs(plan, at.plus(40 * MINUTE), ADMINISTRATOR, "Get-MailboxExportRequest", "");
}
