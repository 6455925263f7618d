//! The whole tree, read back with a splitter of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{Options, Scenario, Summary, columns, write};

mod campaigns;

/// Path below the output, with slashes, and content.
type Tree = BTreeMap<String, Vec<u8>>;

/// A directory below the target folder that no other test uses.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/demo-tests").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[expect(clippy::disallowed_methods, reason = "reads back what the test wrote")]
fn read(folder: &Path, below: &str, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), tree);
        } else {
            tree.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn written(name: &str, options: &Options) -> (Summary, Tree) {
    let folder = scratch(name);
    let summary = write(options, &folder).unwrap();
    let mut tree = Tree::new();
    read(&folder, "", &mut tree);
    std::fs::remove_dir_all(&folder).unwrap();
    (summary, tree)
}

/// A story with no more days than it needs, written once for all tests that only look.
fn short(scenario: Scenario) -> &'static (Summary, Tree) {
    static ALL: [OnceLock<(Summary, Tree)>; Scenario::COUNT] = [const { OnceLock::new() }; Scenario::COUNT];
    let number = Scenario::all().iter().position(|known| *known == scenario).unwrap();
    ALL[number].get_or_init(|| written(&format!("short-{}", scenario.name()), &small(scenario)))
}

fn small(scenario: Scenario) -> Options {
    Options { days: 1, ..Options::new(scenario) }
}

fn text(tree: &Tree, part: &str) -> String {
    let mut all = String::new();
    for (_, content) in tree.iter().filter(|(path, _)| path.contains(part)) {
        all.push_str(&String::from_utf8_lossy(content));
    }
    assert!(!all.is_empty(), "no file under {part}");
    all
}

/// Cells of a comma-separated record.
fn cells(line: &str) -> usize {
    let mut quoted = false;
    let mut count = 1;
    for byte in line.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => count += 1,
            _ => {}
        }
    }
    assert!(!quoted, "open quote: {line}");
    count
}

/// The column list that a log must have, by the folder it lies in.
fn columns_of(path: &str) -> Option<&'static str> {
    const FOLDERS: [(&str, &str); 13] = [
        ("/Logging/HttpProxy/", columns::HTTP_PROXY),
        ("/Logging/ECP/", columns::ECP),
        ("/OABGeneratorLog/", columns::OAB_GENERATOR),
        ("/Powershell-Proxy/Cmdlet/", columns::RPS_CMDLET),
        ("/Powershell-Proxy/Http/", columns::RPS_HTTP),
        ("/Logging/Ews/", columns::EWS),
        ("/Logging/MapiHttp/", columns::MAPI_HTTP),
        ("/MessageTracking/", columns::MESSAGE_TRACKING),
        ("/SmtpReceive/", columns::SMTP),
        ("/CosmosQueue/audit/", columns::AUDIT),
        ("/W3SVC1/", columns::IIS),
        ("/W3SVC2/", columns::IIS),
        ("/HTTPERR/", columns::HTTP_ERROR),
    ];
    FOLDERS.iter().find(|(folder, _)| path.contains(folder)).map(|(_, columns)| *columns)
}

/// Checks one log: line ends, header, directives and the width of every record.
fn check_log(path: &str, content: &[u8], columns: &str) {
    let content = std::str::from_utf8(content).unwrap();
    assert!(content.ends_with("\r\n"), "{path} ends in mid-line");
    assert_eq!(content.matches('\n').count(), content.matches("\r\n").count(), "{path}: bare line feed");
    assert_eq!(content.matches('\r').count(), content.matches("\r\n").count(), "{path}: bare carriage return");
    let w3c = columns.contains(' ');
    let marked = content.starts_with('\u{feff}');
    let row = content.starts_with(columns);
    let family_a = ["HttpProxy", "Rps_", "Ews_", "MapiHttp_"].iter().any(|prefix| path.contains(&format!("/{prefix}")))
        || path.contains("/HttpProxy/");
    assert_eq!((marked, row), (!w3c && !family_a, !w3c && family_a), "{path}: how it begins");
    let mut fields = 0;
    for line in content.trim_start_matches('\u{feff}').lines() {
        if let Some(list) = line.strip_prefix("#Fields: ") {
            assert_eq!(list, columns, "{path}");
            fields += 1;
        }
        if line.starts_with('#') || line == columns {
            continue;
        }
        assert!(fields > 0, "{path}: record before #Fields");
        let (found, expected) = if w3c {
            (line.split(' ').count(), columns.split(' ').count())
        } else {
            (cells(line), columns.split(',').count())
        };
        assert_eq!(found, expected, "{path}: {line}");
    }
}

#[test]
fn every_scenario_writes_well_formed_logs() {
    for scenario in Scenario::all() {
        let (summary, tree) = short(scenario);
        let mut logs = 0;
        for (path, content) in tree {
            if let Some(columns) = columns_of(path) {
                check_log(path, content, columns);
                logs += 1;
            }
        }
        assert!(logs > 30, "{}: {logs} logs", scenario.name());
        assert_eq!(summary.files, tree.len() as u64);
        assert_eq!(summary.bytes, tree.values().map(|content| content.len() as u64).sum::<u64>());
        assert_eq!(summary.expected_verdict, scenario.expected_verdict());
        let times = summary.story.iter().map(|line| &line[..20]);
        assert!(times.is_sorted() && summary.story.len() >= 4, "{:?}", summary.story);
    }
}

#[test]
fn records_are_in_order_but_for_moments() {
    let (_, tree) = short(Scenario::ActiveAfterPatch);
    for part in ["/HttpProxy/Owa/", "/W3SVC1/", "/W3SVC2/", "/ECP/Server/"] {
        // Files of a folder stand in the tree in time order.
        let all = text(tree, part);
        let seconds = all.lines().filter(|line| line.starts_with("2021-")).map(|line| {
            let number = |range: std::ops::Range<usize>| line[range].parse::<i64>().unwrap();
            ((number(8..10) * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19)
        });
        let seconds: Vec<i64> = seconds.collect();
        assert!(seconds.windows(2).all(|pair| pair[1] >= pair[0] - 9), "{part}");
    }
}

#[test]
fn every_log_family_is_there() {
    let (_, tree) = short(Scenario::CompromisedBeforePatch);
    let exchange = "EXC01/C/Program Files/Microsoft/Exchange Server/V15/";
    for prefix in [
        "EXC01/C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log".to_owned(),
        "EXC01/C/inetpub/logs/LogFiles/W3SVC2/u_ex210303.log".to_owned(),
        "EXC01/C/Windows/System32/LogFiles/HTTPERR/httperr1.log".to_owned(),
        "EXC01/C/ExchangeSetupLogs/ExchangeSetup.log".to_owned(),
        "EXC01/events.jsonl".to_owned(),
        format!("{exchange}Logging/HttpProxy/Ecp/HttpProxy_2021030"),
        format!("{exchange}Logging/ECP/Server/ECPServer20210303-1.LOG"),
        format!("{exchange}Logging/ECP/Activity/ECPActivity_11500_20210303-1.LOG"),
        format!("{exchange}Logging/OABGeneratorLog/oabgen20210303-1.log"),
        format!("{exchange}Logging/CmdletInfra/Powershell-Proxy/Cmdlet/Rps_Cmdlet_2021030"),
        format!("{exchange}Logging/CmdletInfra/Powershell-Proxy/Http/Rps_Http_2021030"),
        format!("{exchange}Logging/Ews/Ews_2021030"),
        format!("{exchange}Logging/MapiHttp/Mailbox/MapiHttp_2021030"),
        format!("{exchange}TransportRoles/Logs/MessageTracking/MSGTRK2021030"),
        format!("{exchange}TransportRoles/Logs/MessageTracking/MSGTRKMD2021030"),
        format!("{exchange}TransportRoles/Logs/MessageTracking/MSGTRKMS2021030"),
        format!("{exchange}TransportRoles/Logs/FrontEnd/ProtocolLog/SmtpReceive/RECV2021030"),
        format!("{exchange}Logging/CosmosQueue/audit/audit20210303-1.LOG"),
        format!("{exchange}TransportRoles/Shared/agents.config"),
        format!("{exchange}FrontEnd/HttpProxy/owa/auth/logon.aspx"),
        "EXC01/C/Windows/System32/inetsrv/config/applicationHost.config".to_owned(),
    ] {
        assert!(tree.keys().any(|path| path.starts_with(&prefix)), "{prefix} is missing");
    }
}

#[test]
fn same_options_same_bytes() {
    for scenario in Scenario::all() {
        let (_, again) = written(&format!("same-{}", scenario.name()), &small(scenario));
        assert_eq!(fingerprint(&short(scenario).1), fingerprint(&again), "{}", scenario.name());
    }
    let (_, other) = written("same-other", &Options { seed: 2, ..small(Scenario::CleanedUp) });
    assert_ne!(fingerprint(&short(Scenario::CleanedUp).1), fingerprint(&other));
}

/// FNV-1a over paths and contents.
fn fingerprint(tree: &Tree) -> u64 {
    let bytes = tree.iter().flat_map(|(path, content)| path.bytes().chain(content.iter().copied()));
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[test]
fn meets_the_size_that_was_asked_for() {
    for (scenario, size) in [(Scenario::MailTheft, 20_000_000), (Scenario::CompromisedBeforePatch, 60_000_000)] {
        let options = Options { size: Some(size), days: 6, ..Options::new(scenario) };
        let (summary, _) = written(&format!("size-{size}"), &options);
        let share = summary.bytes * 100 / size;
        assert!((75..=125).contains(&share), "{share} % of {size}");
    }
}

#[test]
fn the_default_is_small() {
    for scenario in Scenario::all() {
        let folder = scratch(&format!("default-{}", scenario.name()));
        let summary = write(&Options::new(scenario), &folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!((3_000_000..15_000_000).contains(&summary.bytes), "{}: {}", scenario.name(), summary.bytes);
    }
}

#[test]
fn covered_scenarios_have_a_record_in_every_hour() {
    let (_, tree) = written("hours", &Options::new(Scenario::QuietCovered));
    for part in ["/HttpProxy/Ecp/", "/HttpProxy/Owa/", "/HttpProxy/Autodiscover/", "/W3SVC1/", "/ECP/Server/"] {
        let mut hours: Vec<String> = text(&tree, part)
            .lines()
            .filter(|line| line.starts_with("202"))
            .map(|line| line[..13].replace(' ', "T"))
            .collect();
        hours.sort();
        hours.dedup();
        assert_eq!(hours.first().map(String::as_str), Some("2020-12-28T00"), "{part}");
        assert_eq!(hours.len(), 70 * 24, "{part}");
    }
}

#[test]
fn the_chain_stands_in_all_logs() {
    let (_, tree) = short(Scenario::CompromisedBeforePatch);
    let ecp = text(tree, "/HttpProxy/Ecp/");
    let mut at = 0;
    for step in [
        "ServerInfo~a]@EXC01.contoso.example:444/autodiscover/autodiscover.xml?#,python-requests/2.25.1,203.0.113.7",
        "ServerInfo~a]@EXC01.contoso.example:444/mapi/emsmdb/?#",
        "ServerInfo~a]@EXC01.contoso.example:444/ecp/proxyLogon.ecp?#,python-requests/2.25.1,203.0.113.7,EXC01,241,",
        "/ecp/DDI/DDIService.svc/GetObject?",
        "schema=OABVirtualDirectory#",
        "schema=ResetOABVirtualDirectory#,python-requests/2.25.1,203.0.113.7,EXC01,200,",
    ] {
        at += ecp[at..].find(step).unwrap_or_else(|| panic!("{step} is not behind the step before"));
    }
    assert!(text(tree, "/ECP/Server/").contains(
        "'S:CMD=Set-OabVirtualDirectory.ExternalUrl=''http://f/<script language=\"\"JScript\"\" runat=\"\"server\"\">"
    ));
    let front = text(tree, "/W3SVC1/");
    assert!(front.contains("POST /owa/auth/outlookkr.aspx &CorrelationID=<empty>;&cafeReqId="));
    assert!(front.contains("POST /aspnet_client/system_web/k2mq7dvz.aspx - 443 - 198.51.100.23"));
    let events = text(tree, "events.jsonl");
    assert!(events.contains("MiniDump") && events.contains("Cmdlet suceeded. Cmdlet Set-OabVirtualDirectory"));
    assert!(text(tree, "owa/auth/outlookkr.aspx").contains("ExternalUrl                     : http://f/<script"));
}

#[test]
fn ids_join_the_logs() {
    let (_, tree) = short(Scenario::MailTheft);
    let owa = text(tree, "/HttpProxy/Owa/");
    let (front, services) = (text(tree, "/W3SVC1/"), text(tree, "/Logging/Ews/"));
    let stolen: Vec<&str> = owa.lines().filter(|line| line.contains("/ews/exchange.asmx?#")).collect();
    assert_eq!(stolen.len(), 16 + 11 + 24);
    for line in stolen {
        let id = line.split(',').nth(1).unwrap();
        assert!(front.contains(&format!("&cafeReqId={id};")), "{line}");
        assert!(services.lines().any(|call| call.contains(id) && call.contains(r"NT AUTHORITY\SYSTEM")), "{line}");
    }
}

#[test]
fn the_update_changes_the_build_after_ten_minutes_of_silence() {
    let (_, tree) = short(Scenario::ActiveAfterPatch);
    let ecp = text(tree, "/HttpProxy/Ecp/");
    let records = || ecp.lines().filter(|line| line.starts_with("2021-"));
    let first_new = records().filter(|line| line.contains(",15,1,2106,13,")).map(|line| &line[..16]).min();
    let last_old = records().filter(|line| line.contains(",15,1,2106,2,")).map(|line| &line[..16]).max();
    assert_eq!(first_new, Some("2021-03-05T02:11"));
    assert!(last_old < Some("2021-03-05T02:01"));
    assert!(ecp.contains("#Version: 15.01.2106.002\r\n") && ecp.contains("#Version: 15.01.2106.013\r\n"));
    let late =
        |line: &&str| line.contains("POST /aspnet_client/system_web/k2mq7dvz.aspx") && *line > "2021-03-05 02:11";
    assert_eq!(text(tree, "/W3SVC1/").lines().filter(late).count(), 4);
}

#[test]
fn tidying_up_leaves_traces() {
    let (_, tree) = short(Scenario::CleanedUp);
    for site in ["W3SVC1", "W3SVC2"] {
        let lost = format!("{site}/u_ex210303.log");
        assert!(!tree.keys().any(|path| path.ends_with(&lost)), "{lost} should be gone");
        assert!(tree.keys().any(|path| path.ends_with(&format!("{site}/u_ex210304.log"))));
    }
    assert!(text(tree, "/HttpProxy/Owa/").contains("/owa/auth/outlookkr.aspx"));
    assert!(!tree.keys().any(|path| path.ends_with("outlookkr.aspx")));
    let name: Vec<u8> = "outlookkr.aspx".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let table = tree.iter().find(|(path, _)| path.ends_with("/$MFT")).map(|(_, bytes)| bytes).unwrap();
    assert!(table.windows(name.len()).any(|window| window == name), "the table of files still names it");
    assert!(text(tree, "/ECP/Server/").contains("Set-OabVirtualDirectory.ExternalUrl=$null"));
    let gone = |line: &str| line.contains("outlookkr.aspx") && line.contains(" - 404 0 0 ");
    assert!(text(tree, "/W3SVC1/").lines().any(gone));
}

#[test]
fn attempts_stay_attempts() {
    let (_, tree) = written("targeted", &Options::new(Scenario::TargetedOnly));
    let anchors = text(&tree, "/HttpProxy/");
    let forged = anchors.lines().filter(|line| line.contains("ServerInfo~") && !line.contains("/autodiscover/"));
    for line in forged {
        let status = line.split(',').nth(19).unwrap();
        assert!(matches!(status, "500" | "403"), "{line}");
    }
    assert!(!anchors.contains("schema=ResetOABVirtualDirectory"));
    let shells = text(&tree, "/W3SVC1/");
    let probed: Vec<&str> = shells.lines().filter(|line| line.contains(" GET /aspnet_client/")).collect();
    assert!(!probed.is_empty() && probed.iter().all(|line| line.contains(" 404 0 0 ")), "{probed:?}");
}

#[test]
fn quiet_is_quiet() {
    for scenario in [Scenario::QuietCovered, Scenario::QuietUncovered] {
        let (_, tree) = short(scenario);
        for (path, content) in tree {
            let content = String::from_utf8_lossy(content);
            for trace in ["ServerInfo~", "<script", "/aspnet_client/", "y.js", "203.0.113.", "cmd.exe"] {
                assert!(!content.contains(trace), "{path} has {trace}");
            }
        }
        let begins = if scenario == Scenario::QuietCovered { "2020-12-28T00:" } else { "2021-03-04T22:" };
        let first =
            text(tree, "/HttpProxy/Ecp/").lines().filter(|line| line.starts_with("202")).min().map(str::to_owned);
        assert!(first.unwrap().starts_with(begins));
    }
}

#[test]
fn proxyshell_has_its_marks() {
    let (_, tree) = short(Scenario::ProxyShell);
    assert!(
        text(tree, "/W3SVC1/").contains("POST /autodiscover/autodiscover.json @evil.example/powershell/?X-Rps-CAT=")
    );
    assert!(text(tree, "/W3SVC2/").contains("POST /powershell/ X-Rps-CAT="));
    let cmdlets = text(tree, "Rps_Cmdlet_");
    assert!(cmdlets.contains(r#"New-MailboxExportRequest,"-Mailbox ""anna.adler@contoso.example"""#));
    assert!(cmdlets.contains(r#"-FilePath ""\\127.0.0.1\C$\inetpub\wwwroot\aspnet_client\tkevsn.aspx""""#));
    assert!(tree["EXC01/C/inetpub/wwwroot/aspnet_client/tkevsn.aspx"].starts_with(b"!BDN"));
    assert!(text(tree, "/HttpProxy/Owa/").contains(",15,1,2308,14,"));
}

#[test]
fn shells_are_inert() {
    for scenario in Scenario::all() {
        for (path, content) in &short(scenario).1 {
            let content = String::from_utf8_lossy(content).to_lowercase();
            for code in ["eval(", "request[", "request.item", "page_load", "<%=", "unsafe", "process.start"] {
                assert!(!content.contains(code), "{path} has {code}");
            }
            for (_, script) in content.match_indices("<script").map(|(at, _)| content[at..].split_at(7)) {
                let body = script.split_once('>').map_or("", |(_, rest)| rest);
                // Either there is no code, or the first line of it is an error, which ends the block for a browser.
                let harmless = [
                    "/* inert sample: no code */</script>",
                    "\r\n/* inert sample: the next line ends it */\r\ninert sample, not",
                ];
                assert!(harmless.iter().any(|start| body.starts_with(start)), "{path}: {body:.60}");
            }
        }
    }
}

#[test]
fn neighbours_are_quiet() {
    let (summary, tree) = written("servers", &Options { servers: 2, ..small(Scenario::CompromisedBeforePatch) });
    assert_eq!(summary.server, "EXC01");
    assert!(
        text(&tree, "EXC02/C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/").contains(",EXC02,")
    );
    assert!(!text(&tree, "EXC02/").contains("ServerInfo~"));
}

#[test]
fn refuses_a_directory_that_is_not_empty() {
    let folder = scratch("occupied");
    std::fs::create_dir_all(folder.join("evidence")).unwrap();
    let error = write(&small(Scenario::QuietUncovered), &folder).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert!(!folder.join("EXC01").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn names_lead_back() {
    for scenario in Scenario::all() {
        assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        assert!(!scenario.description().is_empty());
        assert!(matches!(scenario.expected_entry(), "vulnerability" | "credentials" | "unknown"));
        assert!(scenario.expected_also().is_none() || scenario.expected_campaign().is_some());
        assert_eq!(scenario.expected_servers()[0], "EXC01");
    }
    let names: std::collections::BTreeSet<_> = Scenario::all().map(Scenario::name).into_iter().collect();
    assert_eq!(names.len(), Scenario::COUNT);
    assert_eq!(Scenario::from_name("unknown"), None);
}
