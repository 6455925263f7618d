//! The ProxyLogon stories (CVE-2021-26855, CVE-2021-27065): the chain, mail theft, tidying up, and attempts that fail.
//!
//! Order and spelling of the records follow published victim logs and the OTRF Security Datasets.

use crate::campaigns::Story;
use crate::exchange_logs::{self, WebService};
use crate::file_table::{Entry, FileTable};
use crate::plan::Plan;
use crate::scanners::Noise;
use crate::server::{Agent, Backend, Build, EXCHANGE, Protocol, Request};
use crate::setting::{Setting, Update};
use crate::shell::{self, MARKER, SPIDER, Shell};
use crate::time::{DAY, MINUTE, SECOND, Time};
use crate::windows::{self, Process};

pub(super) const COMPROMISED: Story = Story {
    name: "compromised-before-patch",
    description: "ProxyLogon on 3 March 2021, web shells and commands, update on 5 March, nothing after it",
    verdict: "compromised",
    campaign: Some("proxylogon"),
    also: None,
    entry: "vulnerability",
    days: 21,
    bytes_per_day: 430_000,
    setting: || march_2021(2, 6),
    tell: compromised,
};

pub(super) const ACTIVE: Story = Story {
    name: "active-after-patch",
    description: "ProxyLogon on 3 March 2021, and the web shells are used for days after the update of 5 March",
    verdict: "active",
    setting: || march_2021(2, 11),
    tell: active,
    ..COMPROMISED
};

pub(super) const TARGETED: Story = Story {
    name: "targeted-only",
    description: "scans and failed ProxyLogon chains; logs reach back to before the first known use",
    verdict: "targeted",
    entry: "unknown",
    days: 70,
    bytes_per_day: 175_000,
    setting: ten_weeks,
    tell: targeted,
    ..COMPROMISED
};

pub(super) const MAIL_THEFT: Story = Story {
    name: "mail-theft",
    description: "three mailboxes are read through ProxyLogon in late February 2021; no file is left",
    setting: || Setting { first: Time::day(2021, 2, 26), ..march_2021(2, 6) },
    tell: mail_theft,
    ..COMPROMISED
};

pub(super) const CLEANED_UP: Story = Story {
    name: "cleaned-up",
    description: "ProxyLogon, then the web shell, a day of IIS logs and the stored script are removed by the intruder; the table of files remains",
    setting: || march_2021(2, 7),
    tell: cleaned_up,
    ..COMPROMISED
};

/// A server of March 2021 that is updated on the 5th; the days of March that a story needs.
pub(super) fn march_2021(first: i64, last: i64) -> Setting {
    let day = |day| Time::day(2021, 3, day);
    let builds = Build::of_2016((2_106, 2), (2_106, 13));
    let update = Update::Security(day(5).at(2, 1, 0));
    Setting::new((day(first), day(last), day(13)), builds, update, Noise::ProxyLogon).installed(
        Time::day(2020, 9, 26).at(5, 40, 32),
        "CU18",
        "15.1.2106.2",
        "15.1.2044.4",
    )
}

/// The same, with all days since before the first known use.
pub(super) fn ten_weeks() -> Setting {
    let until = Time::day(2021, 3, 8);
    Setting { first: Time::day(2020, 12, 28), last: until, until, ..march_2021(2, 6) }
}

/// Who breaks in.
const INTRUDER: &str = "203.0.113.7";
/// Who uses what was left.
const OPERATOR: &str = "198.51.100.23";
/// Who reads mail.
const READER: &str = "203.0.113.52";

const CANARY: &str = "Zk3vT0aXq0yF2bD1sR7uLw9eHc5nJm4pB8gQ6tKx-Vo.";
const SERVICE: &str = "/ecp/DDI/DDIService.svc/";
const DIRECTORY: &str = "5f2a7b1c-94c3-4d1e-8f0a-6b7c8d9e0f1a";

/// The page that the chain writes.
pub(super) const OWA_SHELL: Shell = Shell {
    url: "/owa/auth/outlookkr.aspx",
    file: "Program Files/Microsoft/Exchange Server/V15/FrontEnd/HttpProxy/owa/auth/outlookkr.aspx",
    protocol: Some(Protocol::Owa),
    agent: SPIDER,
};
const SECOND_SHELL: Shell = Shell {
    url: "/aspnet_client/system_web/k2mq7dvz.aspx",
    file: "inetpub/wwwroot/aspnet_client/system_web/k2mq7dvz.aspx",
    protocol: None,
    agent: SPIDER,
};

/// A request whose cookie names another target behind the front end.
#[derive(Clone)]
struct Forged {
    stem: &'static str,
    client: &'static str,
    agent: &'static str,
    /// Path and query on the back end.
    target: String,
    status: u16,
    bytes: (u64, u64),
}

impl Forged {
    fn ecp(target: &str, status: u16) -> Self {
        Self {
            stem: "/ecp/y.js",
            client: INTRUDER,
            agent: "python-requests/2.25.1",
            target: target.to_owned(),
            status,
            bytes: (412, 1_830),
        }
    }

    fn from(self, client: &'static str) -> Self {
        Self { client, ..self }
    }
}

/// Chain on 3 March, commands, update on 5 March, then nothing.
fn compromised(plan: &mut Plan) {
    probe(plan);
    break_in(plan, Time::day(2021, 3, 3).at(4, 41, 7), INTRUDER, &OWA_SHELL);
    first_use(plan);
    plunder(plan);
    leave_shells(plan, true);
}

/// The same, and the page is used on after the update.
fn active(plan: &mut Plan) {
    compromised(plan);
    const COMMANDS: [(i64, &str); 4] = [
        (6, "\"cmd\" /c cd /d \"C:\\inetpub\\wwwroot\\aspnet_client\\system_web\"&whoami&echo [S]&cd&echo [E]"),
        (8, "\"cmd\" /c cd /d \"C:\\ProgramData\"&dir&echo [S]&cd&echo [E]"),
        (9, "\"cmd\" /c cd /d \"C:\\ProgramData\"&net group \"Domain Admins\" /domain&echo [S]&cd&echo [E]"),
        (10, "\"cmd\" /c cd /d \"C:\\ProgramData\"&nltest /domain_trusts&echo [S]&cd&echo [E]"),
    ];
    for (day, command) in COMMANDS {
        let at = Time::day(2021, 3, day).at(1 + day, 17, 3);
        shell::call(plan, at, &SECOND_SHELL, OPERATOR, Some(command));
        shell::call(plan, at.plus(41 * SECOND), &OWA_SHELL, OPERATOR, None);
    }
}

/// The chain, then the intruder removes what it can reach.
fn cleaned_up(plan: &mut Plan) {
    probe(plan);
    let attack = Time::day(2021, 3, 3).at(4, 41, 7);
    break_in(plan, attack, INTRUDER, &OWA_SHELL);
    shell::call(plan, attack.plus(38 * SECOND), &OWA_SHELL, INTRUDER, Some("\"cmd\" /c whoami"));
    shell::call(plan, Time::day(2021, 3, 3).at(6, 2, 44), &OWA_SHELL, OPERATOR, Some(DUMP));
    shell::call(plan, Time::day(2021, 3, 4).at(3, 12, 9), &OWA_SHELL, OPERATOR, Some("\"cmd\" /c dir C:\\ProgramData"));
    let tidy = Time::day(2021, 3, 4).at(21, 30, 12);
    shell::call(
        plan,
        tidy,
        &OWA_SHELL,
        OPERATOR,
        Some(
            "\"cmd\" /c del /f /q C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log C:\\inetpub\\logs\\LogFiles\\W3SVC2\\u_ex210303.log",
        ),
    );
    let clear = tidy.plus(2 * MINUTE);
    shell::call(plan, clear, &OWA_SHELL, OPERATOR, Some("\"cmd\" /c wevtutil cl Security"));
    plan.step(clear.plus(400), windows::log_cleared);
    plan.tell(clear, "the Security log is cleared".to_owned());
    plan.lost_iis_days.push(attack.day_number());
    let reset = tidy.plus(4 * MINUTE);
    forged(plan, reset, Forged::ecp(&ddi("SetObject", "OABVirtualDirectory"), 200).from(OPERATOR));
    plan.step(reset.plus(150), |server, at| {
        let command = format!("Set-OabVirtualDirectory.ExternalUrl=$null.Identity='{DIRECTORY}'");
        exchange_logs::ecp_server(server, at, &command, &ddi("SetObject", "OABVirtualDirectory"), "")?;
        let parameters = "-ExternalUrl $null -Identity \"EXC01\\OAB (Default Web Site)\"";
        windows::cmdlet(server, at.plus(90), "Set-OabVirtualDirectory", parameters)
    });
    plan.tell(reset, format!("{OPERATOR} resets ExternalUrl of the address book's virtual directory"));
    shell::call(
        plan,
        tidy.plus(9 * MINUTE),
        &OWA_SHELL,
        OPERATOR,
        Some(
            "\"cmd\" /c del /f /q \"C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\owa\\auth\\outlookkr.aspx\"",
        ),
    );
    shell::call_in_vain(plan, Time::day(2021, 3, 4).at(22, 15, 50), &OWA_SHELL, OPERATOR);
    shell::call_in_vain(plan, Time::day(2021, 3, 6).at(4, 0, 31), &OWA_SHELL, OPERATOR);
    plan.plant("C/$MFT", table_of_files(attack.plus(17 * SECOND + 270)));
    plan.tell(tidy.plus(9 * MINUTE), "the table of files still names the deleted page".to_owned());
}

/// The table of files of the volume: the logon pages as the cumulative update brought them, and the page of the
/// intruder, deleted.
fn table_of_files(written: Time) -> Vec<u8> {
    let installed = Time::day(2020, 9, 26).at(5, 52, 8).0;
    let mut table = FileTable::new();
    let file =
        |name: &str, parent: u64| Entry { parent, name: name.to_owned(), created: installed, ..Entry::default() };
    for (folder, names) in [
        ("owa", &["errorFE.aspx", "expiredpassword.aspx", "logoff.aspx", "logon.aspx", "signout.aspx"][..]),
        ("ecp", &["TimeoutLogout.aspx"]),
    ] {
        let path = format!("{EXCHANGE}/FrontEnd/HttpProxy/{folder}/auth").replace('/', "\\");
        let parent = table.folder(&path, installed);
        for name in names {
            table.add(Entry { content: vec![b' '; 4_100], ..file(name, parent) });
        }
        if folder == "owa" {
            let content = shell::directory_dump("EXC01.contoso.example", "Version 15.1 (Build 2106.2)");
            let page = Entry { created: written.0, deleted: true, content, ..file("outlookkr.aspx", parent) };
            table.add(page);
        }
    }
    table.bytes()
}

/// Probes and chains that end in errors.
fn targeted(plan: &mut Plan) {
    const SCOUT: &str = "203.0.113.40";
    probe(plan);
    let first = Time::day(2021, 3, 3).at(8, 6, 5);
    forged(plan, first, Forged::ecp("/autodiscover/autodiscover.xml", 200).from(SCOUT));
    forged(plan, first.plus(4 * SECOND), Forged::ecp("/mapi/emsmdb/", 500).from(SCOUT));
    forged(plan, first.plus(9 * SECOND), Forged::ecp("/ecp/proxyLogon.ecp", 403).from(SCOUT));
    plan.tell(first, format!("{SCOUT} tries the chain; the back end answers 500 and 403"));
    let second = Time::day(2021, 3, 4).at(23, 3, 44);
    forged(plan, second, Forged::ecp("/autodiscover/autodiscover.xml", 503).from("203.0.113.90"));
    plan.tell(second, "203.0.113.90 asks for the server's name, answered 503".to_owned());
    let after = Time::day(2021, 3, 6).at(11, 9, 20);
    for (wait, stem, status) in [(0, "/ecp/y.js", 404), (3, "/ecp/main.css", 403), (6, "/owa/auth/x.js", 404)] {
        plan.step(after.plus(wait * SECOND), move |server, at| {
            let agent = Agent::new("python-requests/2.25.1");
            let protocol = if stem.starts_with("/ecp") { Protocol::Ecp } else { Protocol::Owa };
            let request = Request { client: SCOUT, status, ..Request::new(Some(protocol), "POST", stem, &agent) };
            server.web(at, &request).map(|_| ())
        });
    }
    plan.tell(after, format!("{SCOUT} comes back after the update and gets 404 and 403"));
}

/// Mail is read through forged requests; no file is left.
fn mail_theft(plan: &mut Plan) {
    let begin = Time::day(2021, 2, 27).at(2, 14, 33);
    forged(
        plan,
        begin,
        Forged {
            stem: "/owa/auth/Current/themes/resources/owafont_ko.css",
            ..reading("/autodiscover/autodiscover.xml")
        },
    );
    const MAILBOXES: [(&str, u64, i64); 3] =
        [("anna.adler@contoso.example", 14, 0), ("legal@contoso.example", 9, 1), ("board@contoso.example", 22, 2)];
    for (mailbox, items, day) in MAILBOXES {
        let start = begin.plus(day * DAY + 2 * MINUTE);
        for number in 0..items + 2 {
            let (action, size) = match number {
                0 => ("FindFolder", 18_400),
                1 => ("FindItem", 96_200),
                n => ("GetItem", 310_000 + n * 187_311 % 1_900_000),
            };
            read_mail(plan, start.plus(number as i64 * 7 * SECOND), mailbox, action, size);
        }
        plan.tell(start, format!("{READER} reads {items} items of {mailbox} through forged requests"));
    }
}

/// Learning the server's name the evening before.
fn probe(plan: &mut Plan) {
    let at = Time::day(2021, 3, 2).at(21, 40, 18);
    forged(
        plan,
        at,
        Forged { stem: "/ecp/x.js", ..Forged::ecp("/autodiscover/autodiscover.xml", 200) }.from("203.0.113.77"),
    );
    plan.tell(at, "203.0.113.77 asks for the server's name, as scanners do".to_owned());
}

/// The six requests, and what each leaves elsewhere: `page` is written.
pub(super) fn break_in(plan: &mut Plan, at: Time, client: &'static str, page: &Shell) {
    plan.step(at.plus(-15 * SECOND), move |server, at| {
        let agent = Agent::new("python-requests/2.25.1");
        let request = Request {
            authentication: "NTLM",
            client,
            status: 401,
            ..Request::new(Some(Protocol::RpcHttp), "GET", "/rpc/", &agent)
        };
        server.web(at, &request).map(|_| ())
    });
    let ecp = |target: &str, status| Forged::ecp(target, status).from(client);
    forged(plan, at, ecp("/autodiscover/autodiscover.xml", 200));
    forged(plan, at.plus(2 * SECOND), ecp("/mapi/emsmdb/", 200));
    forged(plan, at.plus(5 * SECOND), ecp("/ecp/proxyLogon.ecp", 241));
    forged(plan, at.plus(8 * SECOND), ecp(&ddi("GetObject", "OABVirtualDirectory"), 200));
    forged(plan, at.plus(12 * SECOND), ecp(&ddi("SetObject", "OABVirtualDirectory"), 200));
    forged(plan, at.plus(17 * SECOND), ecp(&ddi("SetObject", "ResetOABVirtualDirectory"), 200));
    script_stored(plan, at.plus(12 * SECOND + 180));
    page_written(plan, at.plus(17 * SECOND + 240), page.windows_path());
    plan.tell(at, format!("{client} asks the back end for the server's name through a forged cookie"));
    plan.tell(at.plus(5 * SECOND), format!("{client} gets a session as an administrator (status 241)"));
    plan.tell(at.plus(12 * SECOND), format!("{client} stores a script in ExternalUrl of the address book"));
    plan.tell(at.plus(17 * SECOND), format!("{client} has it written to {}", page.windows_path()));
}

fn script_stored(plan: &mut Plan, at: Time) {
    plan.step(at, |server, at| {
        let command = format!("Set-OabVirtualDirectory.ExternalUrl='http://f/{MARKER}'.Identity='{DIRECTORY}'");
        exchange_logs::ecp_server(server, at, &command, &ddi("SetObject", "OABVirtualDirectory"), "")?;
        let parameters = format!("-ExternalUrl \"http://f/{MARKER}\" -Identity \"OAB (Default Web Site)\"");
        windows::cmdlet(server, at.plus(70), "Set-OabVirtualDirectory", &parameters)
    });
}

fn page_written(plan: &mut Plan, at: Time, path: String) {
    plan.step(at, move |server, at| {
        let command = format!("Remove-OabVirtualDirectory.Force='True'.Identity='{DIRECTORY}'");
        exchange_logs::ecp_server(server, at, &command, &ddi("SetObject", "ResetOABVirtualDirectory"), "")?;
        windows::file_created(server, at.plus(30), "System", &path)?;
        let parameters = "-Force \"True\" -Identity \"EXC01\\OAB (Default Web Site)\"";
        windows::cmdlet(server, at.plus(900), "Remove-OabVirtualDirectory", parameters)?;
        let parameters = "-WebSiteName \"Default Web Site\" -Server \"EXC01\" -Role \"ClientAccess\" -InternalUrl \"https://exc01.contoso.example/OAB\"";
        windows::cmdlet(server, at.plus(3_600), "New-OabVirtualDirectory", parameters)?;
        let message = "Current User: 'S-1-5-18' Exchange Control Panel finished an Async web request in the thread 176. Command: 'SetObject'";
        windows::event(server, at.plus(3_700), windows::Channel::ControlPanel, 48, message, &[])
    });
}

const DUMP: &str =
    "\"cmd\" /c rundll32 C:\\windows\\system32\\comsvcs.dll MiniDump 712 C:\\windows\\temp\\lsass.dmp full";

fn first_use(plan: &mut Plan) {
    let at = Time::day(2021, 3, 3).at(4, 41, 45);
    shell::call(plan, at, &OWA_SHELL, INTRUDER, Some("\"cmd\" /c whoami"));
    // An administrator asks the same at the same time, at the console.
    plan.step(at.plus(500), |server, at| {
        let process = Process {
            parent: r"C:\Windows\explorer.exe",
            parent_line: r"C:\Windows\explorer.exe",
            image: r"C:\Windows\System32\whoami.exe",
            line: "whoami /groups",
        };
        windows::process(server, at, &process).map(|_| ())
    });
    plan.step(at.plus(900), |server, at| {
        let path = r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\Temporary ASP.NET Files\owa\8e05b027\e164d61b\outlookkr.aspx.f5dba9b9.compiled";
        windows::file_created(server, at, r"C:\Windows\System32\inetsrv\w3wp.exe", path)
    });
    let at = Time::day(2021, 3, 3).at(4, 52, 20);
    shell::call(plan, at, &OWA_SHELL, OPERATOR, None);
    plan.step(at.plus(700), |server, at| {
        windows::file_created(server, at, r"C:\Windows\System32\inetsrv\w3wp.exe", &SECOND_SHELL.windows_path())
    });
    plan.tell(at.plus(700), format!("a second page is written: {}", SECOND_SHELL.windows_path()));
}

fn plunder(plan: &mut Plan) {
    let day = Time::day(2021, 3, 3);
    const GROUP: &str = "\"cmd\" /c cd /d \"C:\\inetpub\\wwwroot\\aspnet_client\\system_web\"&net group \"Exchange Organization administrators\" administrator /del /domain&echo [S]&cd&echo [E]";
    const PACK: &str = "\"cmd\" /c C:\\ProgramData\\7z.exe a -t7z C:\\ProgramData\\it.zip C:\\windows\\temp\\lsass.dmp";
    shell::call(plan, day.at(5, 3, 11), &SECOND_SHELL, OPERATOR, Some(GROUP));
    shell::call(plan, day.at(9, 17, 40), &OWA_SHELL, OPERATOR, Some(DUMP));
    shell::call(plan, day.at(9, 21, 2), &OWA_SHELL, OPERATOR, Some(PACK));
    shell::call(plan, day.plus(DAY).at(2, 8, 55), &SECOND_SHELL, OPERATOR, None);
    plan.plant("C/Windows/Temp/lsass.dmp", b"inert sample: no memory\r\n".to_vec());
    // An archive without members.
    let mut archive = b"PK\x05\x06".to_vec();
    archive.resize(22, 0);
    plan.plant("C/ProgramData/it.zip", archive);
}

fn leave_shells(plan: &mut Plan, both: bool) {
    leave_page(plan, &OWA_SHELL);
    if both {
        leave_page(plan, &SECOND_SHELL);
    }
    debug_assert!(OWA_SHELL.file.starts_with(EXCHANGE));
}

/// The page that a reset of the address book's virtual directory wrote.
pub(super) fn leave_page(plan: &mut Plan, page: &Shell) {
    let dump = shell::directory_dump("EXC01.contoso.example", "Version 15.1 (Build 2106.2)");
    plan.plant(&format!("C/{}", page.file), dump);
}

/// `/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=…&schema=OABVirtualDirectory`.
fn ddi(operation: &str, schema: &str) -> String {
    format!("{SERVICE}{operation}?msExchEcpCanary={CANARY}&schema={schema}")
}

fn forged(plan: &mut Plan, at: Time, forged: Forged) {
    plan.step(at, move |server, at| {
        let agent = Agent::new(forged.agent);
        let (stem, query) = forged.target.split_once('?').unwrap_or((&forged.target, ""));
        let mark = if query.is_empty() { "?#" } else { "#" };
        let anchor = format!("ServerInfo~a]@{}:444{}{mark}", server.identity.host, forged.target);
        let account = server.identity.account.clone();
        let protocol = if forged.stem.starts_with("/owa") { Protocol::Owa } else { Protocol::Ecp };
        let request = Request {
            client: forged.client,
            status: forged.status,
            anchor: &anchor,
            hint: "X-BEResource-Cookie",
            bytes: forged.bytes,
            milliseconds: server.random.between(40, 400) as i64,
            backend: Some(Backend { stem, query, user: &account }),
            ..Request::new(Some(protocol), "POST", forged.stem, &agent)
        };
        server.web(at, &request).map(|_| ())
    });
}

fn reading(target: &str) -> Forged {
    Forged {
        stem: "/owa/auth/Current/themes/resources/logon.css",
        client: READER,
        agent: "Mozilla/5.0 (compatible; DuckDuckBot-Https/1.1; https://duckduckgo.com/duckduckbot)",
        target: target.to_owned(),
        status: 200,
        bytes: (1_204, 1_466),
    }
}

/// One call of the web services behind the front end, in the name of the mailbox.
fn read_mail(plan: &mut Plan, at: Time, mailbox: &'static str, action: &'static str, size: u64) {
    plan.step(at, move |server, at| {
        let call = Forged { bytes: (2_180, size), ..reading("/ews/exchange.asmx") };
        let agent = Agent::new(call.agent);
        let anchor = format!("ServerInfo~a]@{}:444{}?#", server.identity.host, call.target);
        let (account, address) = (server.identity.account.clone(), server.identity.address.clone());
        let milliseconds = server.random.between(120, 900) as i64;
        let request = Request {
            client: call.client,
            anchor: &anchor,
            hint: "X-BEResource-Cookie",
            bytes: call.bytes,
            milliseconds,
            backend: Some(Backend { stem: "/ews/exchange.asmx", query: "", user: &account }),
            ..Request::new(Some(Protocol::Owa), "POST", call.stem, &agent)
        };
        let id = server.web(at, &request)?;
        let service = WebService {
            id,
            user: r"NT AUTHORITY\SYSTEM",
            agent: call.agent,
            client: &address,
            action,
            bytes: call.bytes,
            impersonated: mailbox,
            acting_as: mailbox,
            milliseconds: milliseconds - 4,
        };
        exchange_logs::ews(server, at.plus(milliseconds - 1), &service)
    });
}
