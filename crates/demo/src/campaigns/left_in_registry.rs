//! After the clean-up: ProxyLogon, then antivirus deletes both web shells, one before the update and one after it. What the
//! intruder put into the registry stays: a service, a hidden task, a program at the logon screen, an account.
//!
//! Shape of the logs: artefacts.help, microsoft/CSS-Exchange (EOMT.ps1); of the hidden task: Microsoft (2022-04-12).

use crate::campaigns::{Story, proxylogon};
use crate::hive::{Data, Key, write};
use crate::plan::Plan;
use crate::setting::Setting;
use crate::shell;
use crate::time::{MINUTE, SECOND, Time};

pub(super) const STORY: Story = Story {
    name: "left-in-registry",
    description: "ProxyLogon on 3 March 2021; antivirus deletes the web shells, and what was put into the registry stays",
    bytes_per_day: 320_000,
    setting: || Setting { ..proxylogon::march_2021(2, 6) },
    tell,
    ..proxylogon::COMPROMISED
};

const INTRUDER: &str = "203.0.113.7";
const CACHE: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache";
const CONTROL: &str = "ControlSet001";
const CONFIG: &str = "C/Windows/System32/config";

fn tell(plan: &mut Plan) {
    let page = &proxylogon::OWA_SHELL;
    let attack = Time::day(2021, 3, 3).at(5, 2, 51);
    proxylogon::break_in(plan, attack, INTRUDER, page);
    shell::call(plan, attack.plus(39 * SECOND), page, INTRUDER, Some("\"cmd\" /c whoami"));
    let inside = attack.plus(9 * MINUTE);
    shell::call(plan, inside, page, INTRUDER, None);
    plan.plant(&format!("{CONFIG}/SYSTEM"), write(&system(inside.plus(4 * SECOND)), "SYSTEM"));
    plan.plant(&format!("{CONFIG}/SOFTWARE"), write(&software(inside.plus(21 * SECOND)), "SOFTWARE"));
    plan.plant(&format!("{CONFIG}/SAM"), write(&sam(inside.plus(50 * SECOND)), "SAM"));
    plan.tell(inside.plus(4 * SECOND), r"the service WinUpd is made, which runs C:\Windows\Temp\wu.exe".to_owned());
    plan.tell(inside.plus(21 * SECOND), r"the task \WinSync is made and hidden; sethc.exe gets a debugger".to_owned());
    plan.tell(inside.plus(50 * SECOND), "the local account support$ is made".to_owned());
    let found = Time::day(2021, 3, 4).at(1, 20, 7);
    plan.plant("C/ProgramData/Microsoft/Windows Defender/Support/MPLog-20210102-031500.log", protection_log(found));
    plan.tell(found, r"antivirus quarantines C:\inetpub\wwwroot\aspnet_client\k2mq7dvz.aspx".to_owned());
    let scanned = Time::day(2021, 3, 5).at(2, 41, 9);
    plan.plant("C/Windows/Debug/msert.log", scanner_log());
    plan.plant("C/EOMTSummary.txt", SUMMARY.as_bytes().to_vec());
    plan.tell(scanned, format!("the Safety Scanner deletes {}", page.windows_path()));
}

/// Half a year before anything happened.
fn long_ago() -> i64 {
    Time::day(2020, 9, 26).at(5, 40, 32).0
}

fn path(text: &str) -> Data {
    Data::Path(text.to_owned())
}

fn system(made: Time) -> Key {
    let mut root = Key::new("ROOT", long_ago());
    root.at("Select", long_ago()).number("Current", 1);
    for (name, image) in [
        ("W3SVC", r"%windir%\system32\svchost.exe -k iissvcs"),
        (
            "MSExchangeIS",
            r#""C:\Program Files\Microsoft\Exchange Server\V15\Bin\Microsoft.Exchange.Store.Service.exe""#,
        ),
        ("FabrikamBackup", r#""D:\Fabrikam\backup.exe" -service"#),
    ] {
        root.at(&format!(r"{CONTROL}\Services\{name}"), long_ago()).set("ImagePath", path(image)).number("Start", 2);
    }
    let service = root.at(&format!(r"{CONTROL}\Services\WinUpd"), made.0);
    service.set("ImagePath", path(r"C:\Windows\Temp\wu.exe")).number("Start", 2).text("ObjectName", "LocalSystem");
    let packages = Data::Texts(vec!["rassfm".to_owned(), "scecli".to_owned()]);
    root.at(&format!(r"{CONTROL}\Control\Lsa"), long_ago()).set("Notification Packages", packages);
    root.at(&format!(r"{CONTROL}\Control\ComputerName\ComputerName"), long_ago()).text("ComputerName", "EXC01");
    root
}

fn software(made: Time) -> Key {
    let mut root = Key::new("ROOT", long_ago());
    let tools = r#""C:\Program Files\VMware\VMware Tools\vmtoolsd.exe" -n vmusr"#;
    root.at(r"Microsoft\Windows\CurrentVersion\Run", long_ago()).text("VMware User Process", tools);
    let winlogon = root.at(r"Microsoft\Windows NT\CurrentVersion\Winlogon", long_ago());
    winlogon.text("Shell", "explorer.exe").text("Userinit", r"C:\Windows\system32\userinit.exe,");
    let debugged = r"Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe";
    root.at(debugged, made.plus(20 * SECOND).0).text("Debugger", r"C:\Windows\System32\cmd.exe");
    for (name, id, written, is_shown) in [
        (r"Microsoft\Windows\Defrag\ScheduledDefrag", "{0d6ab7c8-0000-4000-8000-000000000001}", long_ago(), true),
        ("FabrikamInventory", "{0d6ab7c8-0000-4000-8000-000000000002}", long_ago(), true),
        ("WinSync", "{0d6ab7c8-0000-4000-8000-000000000003}", made.0, false),
    ] {
        let task = root.at(&format!(r"{CACHE}\Tree\{name}"), written).text("Id", id);
        if is_shown {
            task.set("SD", Data::Bytes(vec![1, 0, 4, 0x80]));
        }
        root.at(&format!(r"{CACHE}\Tasks\{id}"), written).text("Path", &format!(r"\{name}"));
    }
    let exchange = r"C:\Program Files\Microsoft\Exchange Server\V15\Mailbox";
    root.at(r"Microsoft\Windows Defender\Exclusions\Paths", long_ago()).number(exchange, 0);
    let setup = root.at(r"Microsoft\ExchangeServer\v15\Setup", long_ago());
    setup.text("MsiInstallPath", r"C:\Program Files\Microsoft\Exchange Server\V15\").number("MsiProductMajor", 15);
    let ran = Time::day(2021, 3, 5).at(3, 2, 55);
    let state = root.at(r"MSERTBootstrap\PatchState", ran.0).text("Timestamp", "03/05/2021 04:02:55");
    state.text("MSERTProcess", "1 Microsoft Safety Scanner is complete: THREATS DETECTED");
    root
}

fn sam(made: Time) -> Key {
    const MACHINE: [u8; 12] = [0x11; 12];
    let mut root = Key::new("ROOT", long_ago());
    root.at(r"SAM\Domains\Account", long_ago()).set("V", Data::Bytes([&[0; 20][..], &MACHINE].concat()));
    let accounts: [(&str, u32, u8, i64); 4] = [
        ("Administrator", 500, 0x10, long_ago()),
        ("Guest", 501, 0x15, long_ago()),
        ("DefaultAccount", 503, 0x15, long_ago()),
        ("support$", 1_001, 0x10, made.0),
    ];
    let mut members = Vec::new();
    for (name, number, flags, written) in accounts {
        let mut data = vec![0; 80];
        data[48..52].copy_from_slice(&number.to_le_bytes());
        data[56] = flags;
        let users = root.at(r"SAM\Domains\Account\Users", written);
        users.at(&format!("{number:08X}"), written).set("F", Data::Bytes(data));
        users.at(&format!(r"Names\{name}"), written).set("", Data::Typed(number));
        if matches!(number, 500 | 1_001) {
            members.extend([1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]);
            members.extend(MACHINE);
            members.extend(number.to_le_bytes());
        }
    }
    let mut group = vec![0; 0x34];
    group[48] = 2;
    group.extend(members);
    root.at(r"SAM\Domains\Builtin\Aliases\00000220", made.0).set("C", Data::Bytes(group));
    root
}

/// UTF-16 behind a byte order mark, as both tools write.
fn wide(lines: &[String]) -> Vec<u8> {
    let text = lines.iter().flat_map(|line| line.encode_utf16().chain([13, 10]));
    [0xFEFF].into_iter().chain(text).flat_map(u16::to_le_bytes).collect()
}

fn protection_log(found: Time) -> Vec<u8> {
    const PAGE: &str = r"C:\inetpub\wwwroot\aspnet_client\k2mq7dvz.aspx";
    let stamp = |at: Time| {
        let text = at.sysmon().replace(' ', "T");
        format!("{text}Z")
    };
    let threat = "Backdoor:ASP/Webshell!MSR";
    wide(&[
        format!("{} Service started", stamp(found.plus(-MINUTE))),
        format!("{} DETECTIONEVENT MPSOURCE_REALTIME {threat} file:{PAGE};", stamp(found)),
        format!("{} DETECTION_ADD#1 {threat} file:{PAGE} PropBag [length: 0, data: (null)]", stamp(found.plus(16))),
        "Begin Resource Scan".to_owned(),
        format!("Resource Path:{PAGE}"),
        "End Scan".to_owned(),
        format!(
            "{} DETECTION_CLEANEVENT MPSOURCE_REALTIME MP_THREAT_ACTION_QUARANTINE 0x80508023 {threat} file:{PAGE};",
            stamp(found.plus(22 * SECOND))
        ),
    ])
}

/// The clock of the server is an hour ahead of UTC.
fn scanner_log() -> Vec<u8> {
    let page = proxylogon::OWA_SHELL.windows_path();
    let lines = [
        "---------------------------------------------------------------------------------------",
        "Microsoft Safety Scanner v1.331, (build 1.331.2471.0)",
        "Started On Fri Mar  5 03:41:09 2021",
        "",
        "Engine: 1.1.17800.5",
        "Run Mode: Scan Run in Quiet Mode",
        "",
        "Quick Scan Results:",
        "-------------------",
        "Threat Detected: Backdoor:JS/Chopper.Inert!dha and Removed!",
        "  Action: Remove, Result: 0x00000000",
        &format!("    file://{page}"),
        "        SigSeq: 0x00000555DC2DDDB0",
        "",
        "Results Summary:",
        "----------------",
        "Found Backdoor:JS/Chopper.Inert!dha and Removed!",
        "Microsoft Safety Scanner Finished On Fri Mar  5 04:02:51 2021",
        "",
        "Return code: 6 (0x6)",
    ];
    wide(&lines.map(str::to_owned))
}

const SUMMARY: &str = "Microsoft Safety Scanner and CVE-2021-26855 mitigation summary\r\n\
    Message: Microsoft attempted to mitigate and protect your Exchange server from CVE-2021-26855 and clear malicious files.\r\n\
    For more information on these vulnerabilities please visit https://aka.ms/Exchangevulns.\r\n\
    Please review locations and files as soon as possible and take the recommended action.\r\n";
