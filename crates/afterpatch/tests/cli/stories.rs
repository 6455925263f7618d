//! Every story of the demo, told back by the program: verdict, web shells, mailboxes, chains and times.
//!
//! The facts stand here as the demo tells them, not as the program found them.

use demo::Scenario;
use serde_json::{Value, json};

use crate::program::{Assessed, assess, list, number, word, words};
use crate::told::{Told, told};
use crate::trees::Tree;

/// Who is who in the stories of March 2021.
const INTRUDER: &str = "203.0.113.7";
const OPERATOR: &str = "198.51.100.23";
const READER: &str = "203.0.113.52";
/// The server's own address: never an attacker's.
const OWN_ADDRESS: &str = "10.20.0.11";

const OWA_SHELL: &str = r"c:\program files\microsoft\exchange server\v15\frontend\httpproxy\owa\auth\outlookkr.aspx";
const SECOND_SHELL: &str = r"c:\inetpub\wwwroot\aspnet_client\system_web\k2mq7dvz.aspx";
const EXPORTED_SHELL: &str = r"c:\inetpub\wwwroot\aspnet_client\tkevsn.aspx";

fn assessed(scenario: Scenario) -> &'static Assessed {
    &told(scenario).assessed
}

/// A time without its fraction.
fn to_the_second(time: &Value) -> &str {
    time.as_str().and_then(|time| time.get(..19)).unwrap_or("never")
}

/// What is known of web shells, by URL. The case of a Windows path is no fact, nor is the part of a second.
fn web_shells(server: &Value) -> Value {
    let mut shells: Vec<&Value> = list(&server["web_shells"]).iter().collect();
    shells.sort_by_key(|shell| shell["url"].as_str());
    let shells = shells.into_iter().map(|shell| {
        json!({
            "path": word(&shell["path"]).to_lowercase(),
            "url": shell["url"],
            "written": to_the_second(&shell["written"]),
            "uses": shell["uses"],
            "first_use": to_the_second(&shell["first_use"]),
            "last_use": to_the_second(&shell["last_use"]),
            "present": shell["present"],
            "clients": shell["clients"],
        })
    });
    shells.collect()
}

/// The chain of a client.
fn chain_of<'a>(server: &'a Value, client: &str) -> &'a Value {
    let mut incidents = list(&server["incidents"]).iter();
    incidents
        .find(|incident| words(&incident["clients"]).contains(&client))
        .unwrap_or_else(|| panic!("no incident of {client}"))
}

fn exposure<'a>(server: &'a Value, campaign: &str) -> &'a Value {
    let mut exposures = list(&server["exposure"]).iter();
    exposures.find(|exposure| exposure["campaign"] == campaign).unwrap_or_else(|| panic!("no exposure to {campaign}"))
}

#[test]
fn every_story_ends_in_its_verdict() {
    let mut wrong = Vec::new();
    for scenario in Scenario::all() {
        let assessed = assessed(scenario);
        let status = match scenario.expected_verdict() {
            "active" | "compromised" | "exploited" => 1,
            "cannot-tell" => 4,
            _ => 0,
        };
        // What another host on the network told is its own.
        let server = *scenario.expected_servers().last().expect("there is a server");
        let found = (assessed.verdict(), word(&assessed.server(server)["verdict"]), assessed.outcome.status);
        let expected = (scenario.expected_verdict(), scenario.expected_verdict(), status);
        if found != expected || assessed.servers().len() != scenario.expected_servers().len() {
            wrong.push(format!("{}: {found:?}, not {expected:?}", scenario.name()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn defaults_of_the_demo_end_in_the_same_verdict() {
    for scenario in [Scenario::ActiveAfterPatch, Scenario::MailTheft] {
        let tree = Tree::demo(&demo::Options::new(scenario));
        assert_eq!(assess(tree.path()).verdict(), scenario.expected_verdict(), "{}", scenario.name());
    }
}

#[test]
fn another_seed_tells_the_same_story() {
    for scenario in Scenario::all() {
        let tree = Tree::demo(&demo::Options { size: Some(400_000), seed: 2021, ..demo::Options::new(scenario) });
        assert_eq!(assess(tree.path()).verdict(), scenario.expected_verdict(), "{}", scenario.name());
    }
}

#[test]
fn quiet_servers_have_nothing_worse_than_scans() {
    for scenario in [Scenario::QuietCovered, Scenario::QuietUncovered] {
        let assessed = assessed(scenario);
        assert_eq!(assessed.findings_beyond(&["scan", "context"]), Vec::<String>::new(), "{}", scenario.name());
        let server = assessed.server("EXC01");
        for absent in ["incidents", "web_shells", "mailboxes", "persistence"] {
            assert!(list(&server[absent]).is_empty(), "{}: {absent}: {}", scenario.name(), server[absent]);
        }
        assert_eq!(server["begin"], json!({"earliest_certain": null, "earliest_possible": null}));
    }
}

#[test]
fn quiet_neighbours_stay_quiet() {
    let options =
        demo::Options { size: Some(800_000), servers: 2, ..demo::Options::new(Scenario::CompromisedBeforePatch) };
    let assessed = assess(Tree::demo(&options).path());
    assert_eq!(assessed.server("EXC01")["verdict"], "compromised");
    // The neighbour's logs begin three weeks before the update, so nothing can be ruled out before that.
    assert_eq!(assessed.server("EXC02")["verdict"], "cannot-tell");
    let of_neighbour: Vec<_> = assessed.findings().iter().filter(|finding| finding["server"] == "EXC02").collect();
    let worse = of_neighbour.iter().filter(|finding| !matches!(word(&finding["proves"]), "scan" | "context"));
    assert_eq!(worse.count(), 0);
}

#[test]
fn builds_and_windows_are_told() {
    let assessed = assessed(Scenario::CompromisedBeforePatch);
    let server = assessed.server("EXC01");
    let builds: Vec<&str> = list(&server["builds"]).iter().map(|span| word(&span["build"])).collect();
    // Setup updated 15.1.2044.4 to 15.1.2106.2; the security update came in March.
    assert_eq!(builds.first(), Some(&"15.1.2044.4"), "{builds:?}");
    assert_eq!(builds.last(), Some(&"15.1.2106.13"), "{builds:?}");
    assert!(builds.contains(&"15.1.2106.2"), "{builds:?}");
    let window = exposure(server, "proxylogon");
    assert_eq!(
        (word(&window["from"]), to_the_second(&window["until"])),
        ("2021-01-03T00:00:00Z", "2021-03-05T02:11:00")
    );
    assert!(!list(&window["uncovered"]).is_empty(), "the logs begin on 20 February");
}

#[test]
fn an_update_that_failed_ends_no_window() {
    let tree = Tree::short_story(Scenario::CompromisedBeforePatch);
    let line = |time: &str, text: &str| format!("[03/02/2021 {time}.0000] [0] {text}\r\n");
    let log = [
        line("22:00:00", "Starting Microsoft Exchange Server 2016 Setup"),
        line("22:00:00", "Setup version: 15.1.2242.4."),
        line("22:00:20", "The locally installed version is 15.1.2106.2."),
        line("22:09:00", "[ERROR] Setup cannot continue with the upgrade because files are open."),
        line("22:09:01", "CurrentResult setupbase.maincore:396: 1"),
        line("22:09:01", "End of Setup"),
    ];
    tree.put("EXC01/C/ExchangeSetupLogs/ExchangeSetup-failed.log", log.concat());
    let assessed = assess(tree.path());
    assert_eq!(assessed.verdict(), "compromised", "the shell was not used after an update");
    let window = exposure(assessed.server("EXC01"), "proxylogon");
    assert_eq!(to_the_second(&window["until"]), "2021-03-05T02:11:00");
}

#[test]
fn web_shells_of_the_first_story() {
    let assessed = assessed(Scenario::CompromisedBeforePatch);
    let server = assessed.server("EXC01");
    let expected = json!([
        {"path": SECOND_SHELL, "url": "/aspnet_client/system_web/k2mq7dvz.aspx", "written": "2021-03-03T04:52:20",
         "uses": 2, "first_use": "2021-03-03T05:03:11", "last_use": "2021-03-04T02:08:55", "present": true,
         "clients": [OPERATOR]},
        {"path": OWA_SHELL, "url": "/owa/auth/outlookkr.aspx", "written": "2021-03-03T04:41:24",
         "uses": 4, "first_use": "2021-03-03T04:41:45", "last_use": "2021-03-03T09:21:02", "present": true,
         "clients": [OPERATOR, INTRUDER]},
    ]);
    assert_eq!(web_shells(server), expected);
}

#[test]
fn the_chain_of_the_first_story() {
    let assessed = assessed(Scenario::CompromisedBeforePatch);
    let server = assessed.server("EXC01");
    let chain = chain_of(server, INTRUDER);
    assert_eq!(words(&chain["clients"]), [OPERATOR, INTRUDER]);
    assert_eq!((word(&chain["campaign"]), word(&chain["entry"])), ("proxylogon", "vulnerability"));
    // Credentials were dumped and packed; nothing shows that they left.
    assert_eq!(word(&chain["outcome"]), "collection");
    assert!(to_the_second(&chain["first"]) <= "2021-03-03T04:41:07", "{}", chain["first"]);
    assert_eq!(to_the_second(&chain["last"]), "2021-03-04T02:08:55");
    for stage in ["access", "foothold", "control", "collection"] {
        assert!(!list(&chain["stages"][stage]).is_empty(), "{stage}");
    }
    let certain = to_the_second(&server["begin"]["earliest_certain"]);
    assert!(("2021-03-03T04:41:07"..="2021-03-03T04:41:12").contains(&certain), "{certain}");
    assert!(list(&server["mailboxes"]).is_empty());
    assert_eq!(word(&chain_of(server, "203.0.113.77")["outcome"]), "attempted");
}

#[test]
fn commands_join_by_their_processes_and_those_of_administrators_do_not() {
    let assessed = assessed(Scenario::CompromisedBeforePatch);
    let chain = chain_of(assessed.server("EXC01"), INTRUDER);
    let control = words(&chain["stages"]["control"]);
    let asked = assessed.findings_of("exchange-host/recon-command");
    let of = |line: &str| asked.iter().filter(|finding| finding["subject"] == line).copied().collect::<Vec<_>>();
    let (intruder, administrator) = (of("whoami"), of("whoami /groups"));
    assert!(!intruder.is_empty() && !administrator.is_empty(), "{asked:#?}");
    for finding in intruder {
        assert_eq!(finding["proves"], "execution");
        assert!(control.contains(&word(&finding["id"])), "{finding:#}");
    }
    for finding in administrator {
        assert_eq!(finding["proves"], "context");
        assert!(!control.contains(&word(&finding["id"])), "{finding:#}");
    }
}

#[test]
fn a_cleared_log_is_part_of_the_chain_and_of_what_is_not_known() {
    let assessed = assessed(Scenario::CleanedUp);
    let server = assessed.server("EXC01");
    let cleared = assessed.findings_of("exchange-host/log-cleared-security");
    assert_eq!((cleared.len(), &cleared[0]["proves"]), (1, &json!("cleanup")));
    assert!(words(&chain_of(server, OPERATOR)["stages"]["cleanup"]).contains(&word(&cleared[0]["id"])));
    let unknown = words(&server["answers"]["control"]["unknown"]).join("\n");
    assert!(unknown.contains("the log Security held before it was cleared (2021-03-04 21:32:12 UTC"), "{unknown}");
}

#[test]
fn use_after_the_update_is_told() {
    let assessed = assessed(Scenario::ActiveAfterPatch);
    let server = assessed.server("EXC01");
    let shells = web_shells(server);
    let found: Vec<_> = list(&shells)
        .iter()
        .map(|shell| (word(&shell["path"]), number(&shell["uses"]), word(&shell["last_use"])))
        .collect();
    assert_eq!(found, [(SECOND_SHELL, 6, "2021-03-10T11:17:03"), (OWA_SHELL, 8, "2021-03-10T11:17:44")]);
    assert_eq!(words(&chain_of(server, INTRUDER)["clients"]), [OPERATOR, INTRUDER]);
    let over = &server["answers"]["over"];
    assert!(word(&over["answer"]).starts_with("No."), "{over}");
    assert_eq!(word(&over["confidence"]), "high");
}

#[test]
fn attempts_stay_attempts() {
    let assessed = assessed(Scenario::TargetedOnly);
    assert_eq!(assessed.findings_beyond(&["scan", "context", "attempt"]), Vec::<String>::new());
    let server = assessed.server("EXC01");
    for client in ["203.0.113.77", "203.0.113.40", "203.0.113.90"] {
        assert_eq!(word(&chain_of(server, client)["outcome"]), "attempted", "{client}");
    }
    for absent in ["web_shells", "mailboxes", "persistence"] {
        assert!(list(&server[absent]).is_empty(), "{absent}: {}", server[absent]);
    }
    assert!(list(&exposure(server, "proxylogon")["uncovered"]).is_empty());
}

#[test]
fn an_uncovered_window_is_named_with_what_would_settle_it() {
    let assessed = assessed(Scenario::QuietUncovered);
    let window = exposure(assessed.server("EXC01"), "proxylogon");
    let first = list(&window["uncovered"]).first().expect("a stretch that is not covered");
    assert_eq!(word(&first["from"]), "2021-01-03T00:00:00Z");
    // The logs begin at 22:00, the one with the rarest records within the hour.
    let until = to_the_second(&first["until"]);
    assert!(("2021-03-04T22:00:00".."2021-03-04T23:00:00").contains(&until), "{until}");
    assert!(!word(&first["settle"]).is_empty());
}

/// Calls in the name of a mailbox by the server's own account, as the web services log counts them.
fn calls_in_the_name_of(story: &Told, mailbox: &str) -> (u64, u64) {
    let log = story.text("/Logging/Ews/");
    let columns: Vec<&str> = log.lines().next().expect("a header row").split(',').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name).expect("a column of the log");
    let (user, bytes, whose) = (column("AuthenticatedUser"), column("ResponseSize"), column("ImpersonatedUser"));
    let rows = log.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let calls = rows.filter(|row| row.get(user) == Some(&r"NT AUTHORITY\SYSTEM") && row.get(whose) == Some(&mailbox));
    calls.fold((0, 0), |(calls, sum), row| (calls + 1, sum + row[bytes].parse::<u64>().expect("a number")))
}

#[test]
fn stolen_mail_is_counted_by_mailbox() {
    let story = told(Scenario::MailTheft);
    let server = story.assessed.server("EXC01");
    let mut expected = Vec::new();
    for (mailbox, items, first) in [
        ("anna.adler@contoso.example", 14, "2021-02-27T02:16:33"),
        ("board@contoso.example", 22, "2021-03-01T02:16:33"),
        ("legal@contoso.example", 9, "2021-02-28T02:16:33"),
    ] {
        let (calls, bytes) = calls_in_the_name_of(story, mailbox);
        // Two calls look for the items.
        assert_eq!(calls, items + 2, "{mailbox}");
        expected.push((mailbox, "ews-ssrf", calls, bytes, first));
    }
    let found: Vec<_> = list(&server["mailboxes"])
        .iter()
        .map(|mailbox| {
            let (requests, bytes) = (number(&mailbox["requests"]), number(&mailbox["bytes"]));
            (word(&mailbox["mailbox"]), word(&mailbox["how"]), requests, bytes, to_the_second(&mailbox["first"]))
        })
        .collect();
    assert_eq!(found, expected);
    assert!(list(&server["web_shells"]).is_empty());
}

#[test]
fn mail_thieves_came_through_the_hole() {
    let assessed = assessed(Scenario::MailTheft);
    let chain = chain_of(assessed.server("EXC01"), READER);
    assert_eq!((word(&chain["outcome"]), word(&chain["entry"])), ("collection", "vulnerability"));
    assert_eq!(words(&chain["clients"]), [READER]);
    assert_eq!(to_the_second(&chain["first"]), "2021-02-27T02:14:33");
}

#[test]
fn a_removed_shell_is_told_with_all_its_uses() {
    let assessed = assessed(Scenario::CleanedUp);
    // A day of IIS logs is gone; the front end's own log still has the requests of that day.
    let expected = json!([
        {"path": OWA_SHELL, "url": "/owa/auth/outlookkr.aspx", "written": "2021-03-03T04:41:24", "uses": 6,
         "first_use": "2021-03-03T04:41:45", "last_use": "2021-03-04T21:39:12", "present": false,
         "clients": [OPERATOR, INTRUDER]},
    ]);
    assert_eq!(web_shells(assessed.server("EXC01")), expected);
}

#[test]
fn a_removed_shell_still_joins_its_users() {
    let assessed = assessed(Scenario::CleanedUp);
    assert_eq!(words(&chain_of(assessed.server("EXC01"), INTRUDER)["clients"]), [OPERATOR, INTRUDER]);
}

#[test]
fn tidying_up_is_told() {
    let assessed = assessed(Scenario::CleanedUp);
    let server = assessed.server("EXC01");
    let mut gaps = list(&exposure(server, "proxylogon")["uncovered"]).iter();
    assert!(gaps.any(|gap| to_the_second(&gap["from"]) == "2021-03-03T00:00:00" && gap["why"] == "gap"));
    let stage = list(&chain_of(server, OPERATOR)["stages"]["cleanup"]);
    assert!(!stage.is_empty(), "logs, the page and the stored script were removed by {OPERATOR}");
    let shell = &list(&server["web_shells"])[0];
    assert_eq!((word(&shell["file"]), &shell["present"]), ("deleted", &json!(false)));
    assert_eq!(
        (word(&shell["written_basis"]), to_the_second(&shell["written"])),
        ("file-record", "2021-03-03T04:41:24")
    );
    let deleted = |one: &&Value| word(&one["rule"]) == "exchange-host/file-deleted-page";
    let finding = list(&assessed.json["findings"]).iter().find(deleted).expect("told by the table of files");
    assert_eq!(to_the_second(&finding["time"]), "2021-03-03T04:41:24");
    assert!(
        list(&chain_of(server, OPERATOR)["stages"]["foothold"]).contains(&finding["id"]),
        "joined by page and time"
    );
}

#[test]
fn the_exported_shell_of_proxyshell() {
    let assessed = assessed(Scenario::ProxyShell);
    let expected = json!([
        {"path": EXPORTED_SHELL, "url": "/aspnet_client/tkevsn.aspx", "written": "2021-08-13T03:22:37", "uses": 4,
         "first_use": "2021-08-13T03:23:02", "last_use": "2021-08-16T03:22:04", "present": true,
         "clients": ["198.51.100.88", "203.0.113.66"]},
    ]);
    assert_eq!(web_shells(assessed.server("EXC01")), expected);
}

#[test]
fn the_chain_of_proxyshell() {
    let assessed = assessed(Scenario::ProxyShell);
    let server = assessed.server("EXC01");
    let chain = chain_of(server, "203.0.113.66");
    assert_eq!(words(&chain["clients"]), ["198.51.100.88", "203.0.113.66"]);
    assert_eq!((word(&chain["campaign"]), word(&chain["entry"])), ("proxyshell", "vulnerability"));
    assert_eq!(to_the_second(&chain["first"]), "2021-08-12T21:55:02");
    assert_eq!(to_the_second(&chain["last"]), "2021-08-16T03:22:04");
    // The export request was removed.
    assert!(!list(&chain["stages"]["cleanup"]).is_empty());
    let window = exposure(server, "proxyshell");
    assert_eq!((word(&window["verdict"]), to_the_second(&window["until"])), ("compromised", "2021-08-21T03:25:00"));
    let mailboxes: Vec<&str> = list(&server["mailboxes"]).iter().map(|mailbox| word(&mailbox["mailbox"])).collect();
    assert_eq!(mailboxes, ["anna.adler@contoso.example"]);
}

#[test]
fn the_server_never_attacks_itself() {
    for scenario in Scenario::all() {
        let assessed = assessed(scenario);
        for incident in list(&assessed.server("EXC01")["incidents"]) {
            let clients = words(&incident["clients"]);
            assert!(!clients.contains(&OWN_ADDRESS), "{}: {} {clients:?}", scenario.name(), incident["id"]);
        }
    }
}

#[test]
fn no_answer_claims_safety() {
    for scenario in Scenario::all() {
        let assessed = assessed(scenario);
        let report = assessed.text("report.html").to_lowercase();
        let screen = assessed.outcome.stdout.to_lowercase();
        for server in assessed.servers() {
            let said = format!("{} {} {}", server["summary"], server["answers"], server["reasons"]).to_lowercase();
            for claim in ["guaranteed", "is clean", "is safe", "are safe", "are clean"] {
                let place = [&said, &report, &screen].iter().any(|text| text.contains(claim));
                assert!(!place, "{}: `{claim}`", scenario.name());
            }
        }
    }
}

#[test]
fn what_antivirus_deleted_and_what_stays_in_the_registry() {
    let assessed = assessed(Scenario::LeftInRegistry);
    let server = assessed.server("EXC01");
    let kept: Vec<String> = list(&server["persistence"])
        .iter()
        .map(|one| format!("{} {}", word(&one["kind"]), word(&one["name"])))
        .collect();
    assert_eq!(kept, ["account support$", "event-trigger sethc.exe", r"scheduled-task \WinSync", "service WinUpd"]);
    // Both pages are gone; that of Defender was never used, and when it was written nobody tells.
    let shells = web_shells(server);
    assert_eq!(shells[0]["path"], r"c:\inetpub\wwwroot\aspnet_client\k2mq7dvz.aspx");
    assert_eq!(
        (&shells[0]["present"], word(&shells[0]["written"]), &shells[0]["uses"]),
        (&json!(false), "never", &json!(0))
    );
    assert_eq!((word(&shells[1]["path"]), &shells[1]["present"]), (OWA_SHELL, &json!(false)));
    assert_eq!(to_the_second(&shells[1]["written"]), "2021-03-03T05:03:08");
    // The times of keys put them into the chain of the intruder.
    let chain = chain_of(server, INTRUDER);
    let of_chain = words(&chain["stages"]["foothold"]);
    for (rule, time) in [
        ("exchange-host/registry-service-odd", "2021-03-03T05:11:55"),
        ("exchange-host/registry-task-hidden", "2021-03-03T05:12:12"),
        ("exchange-host/registry-logon-screen-debugger", "2021-03-03T05:12:32"),
        ("exchange-host/account-hidden-name", "2021-03-03T05:12:41"),
    ] {
        let findings = assessed.findings();
        let finding = findings.iter().find(|finding| finding["rule"] == rule).unwrap_or_else(|| panic!("no {rule}"));
        assert_eq!((to_the_second(&finding["time"]), word(&finding["source"])), (time, "registry"), "{rule}");
        assert!(of_chain.contains(&word(&finding["id"])), "{rule}");
    }
    let over = word(&server["answers"]["over"]["answer"]);
    assert!(over.contains("A scanner or the mitigation tool of Microsoft was run"), "{over}");
    assert!(word(&server["answers"]["foothold"]["answer"]).starts_with("Web shell "));
}
