//! Who uses the mail server: people with their computers and telephones, and the programs they use.

use crate::random::Random;
use crate::server::{Agent, DOMAIN, DOMAIN_SID};

const FIRST: [&str; 20] = [
    "anna", "bao", "carla", "david", "elif", "farid", "greta", "hugo", "ines", "jonas", "karin", "luca", "mara",
    "nils", "olga", "pablo", "rosa", "sven", "tessa", "viktor",
];
const LAST: [&str; 24] = [
    "adler", "becker", "costa", "dunn", "egger", "fischer", "garcia", "huber", "ivanova", "jensen", "keller", "lindt",
    "moreau", "novak", "olsen", "peters", "quinn", "rossi", "santos", "tanaka", "ulrich", "vogel", "weber", "zimmer",
];

/// A mailbox user. Everything is spelt once, so that no record needs an allocation.
#[derive(Debug)]
pub(crate) struct Person {
    /// `CONTOSO\anna.weber`.
    pub(crate) account: String,
    pub(crate) mail: String,
    /// `Sid~…`.
    pub(crate) anchor: String,
    pub(crate) mailbox: String,
    pub(crate) mailbox_anchor: String,
    pub(crate) mailbox_query: String,
    pub(crate) mapi_request: String,
    pub(crate) desk: String,
    pub(crate) outside: String,
    pub(crate) phone_queries: [String; 4],
    pub(crate) outlook: usize,
    pub(crate) browser: usize,
    pub(crate) phone: usize,
}

/// Everybody, and what they use.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) people: Vec<Person>,
    pub(crate) outlooks: Vec<Agent>,
    pub(crate) browsers: Vec<Agent>,
    pub(crate) phones: Vec<Agent>,
    pub(crate) web_services: Vec<Agent>,
    pub(crate) scanners: Vec<Agent>,
}

/// Somebody whom a story names. Names follow from the number alone, addresses from the seed.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// `anna.weber`.
    pub(crate) user: String,
    pub(crate) account: String,
    pub(crate) mail: String,
    pub(crate) anchor: String,
    /// The last part of the security identifier.
    pub(crate) rid: u32,
}

/// The person of that number, of whom there are at least 24.
pub(crate) fn known(index: u32) -> Known {
    let (user, rid) = (user(index as usize), 1_200 + index);
    Known {
        account: format!("CONTOSO\\{user}"),
        mail: format!("{user}@{DOMAIN}"),
        anchor: format!("Sid~{DOMAIN_SID}-{rid}"),
        user,
        rid,
    }
}

/// What browsers called themselves in that year: Chrome, Firefox, Edge, Safari.
pub(crate) fn browsers(year: i64) -> [String; 4] {
    let (chrome, firefox, edge, safari) = match year {
        ..2020 => ("78.0.3904.108", "70.0", "Edge/18.18362", "13.0.3"),
        2020 => ("80.0.3987.149", "74.0", "Edg/80.0.361.69", "13.1"),
        2021 => ("88.0.4324.190", "86.0", "Edg/88.0.705.81", "14.0.3"),
        2022 => ("107.0.0.0", "106.0", "Edg/107.0.1418.42", "16.1"),
        _ => ("137.0.0.0", "139.0", "Edg/137.0.0.0", "18.5"),
    };
    let webkit = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
    let beside_edge = if year == 2021 { "88.0.4324.182" } else { chrome };
    [
        format!("{webkit} Chrome/{chrome} Safari/537.36"),
        format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{firefox}) Gecko/20100101 Firefox/{firefox}"),
        format!("{webkit} Chrome/{beside_edge} Safari/537.36 {edge}"),
        format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/{safari} Safari/605.1.15"
        ),
    ]
}

impl Cast {
    /// Everybody in that year.
    pub(crate) fn new(seed: u64, people: usize, year: i64) -> Self {
        let mut random = Random::new(seed, "people");
        let agents = |names: &[&str]| names.iter().map(|name| Agent::new(name)).collect();
        Self {
            people: (0..people).map(|index| person(index, &mut random)).collect(),
            outlooks: agents(&[
                "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.5254; Pro)",
                "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.13628; Pro)",
                "Microsoft Office/15.0 (Windows NT 6.1; Microsoft Outlook 15.0.5319; Pro)",
            ]),
            browsers: browsers(year).iter().map(|name| Agent::new(name)).collect(),
            phones: agents(&[
                "Apple-iPhone12C1/1803.70",
                "Android-SAMSUNG-SM-G960F/101.100",
                "Outlook-iOS-Android/1.0",
            ]),
            web_services: agents(&[
                "AppleExchangeWebServices/818.120.2 accountsd/113",
                "MacOutlook/16.46.21021202 (Intelx64 Mac OS X Version 11.2.1 (Build 20D74))",
                "RoomPanel/2.4 (ExchangeServicesClient/15.00.0847.030)",
            ]),
            scanners: agents(&[
                "Mozilla/5.0 zgrab/0.x",
                "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
                "python-requests/2.25.1",
                "Go-http-client/1.1",
            ]),
        }
    }
}

/// `anna.weber`.
fn user(index: usize) -> String {
    let names = FIRST.len() * LAST.len();
    let number = if index < names { String::new() } else { (index / names).to_string() };
    // A stride that shares no factor with the number of names visits all of them, mixed.
    let name = (index * 211) % names;
    format!("{}.{}{number}", FIRST[name % FIRST.len()], LAST[name / FIRST.len()])
}

fn person(index: usize, random: &mut Random) -> Person {
    let user = user(index);
    let mailbox = random.guid().text();
    let device = format!("{:032X}", (u128::from(random.next()) << 64) | u128::from(random.next()));
    let kind = *random.pick(&["iPhone", "Android", "Outlook"]);
    let phone_query =
        |command: &str| format!("Cmd={command}&User=CONTOSO%5C{user}&DeviceId={device}&DeviceType={kind}");
    Person {
        account: format!("CONTOSO\\{user}"),
        mail: format!("{user}@{DOMAIN}"),
        anchor: format!("Sid~{DOMAIN_SID}-{}", 1_200 + index),
        mailbox_anchor: format!("MailboxGuid~{mailbox}"),
        mailbox_query: format!("mailboxId={mailbox}@{DOMAIN}"),
        mailbox,
        mapi_request: format!("R:{0}:7;RT:Execute;CI:{1}:1;CID:{1}", random.guid().text(), random.guid().text()),
        desk: format!("10.20.{}.{}", 30 + index / 200, 20 + index % 200),
        outside: format!("192.0.2.{}", 10 + random.below(200)),
        phone_queries: [phone_query("Ping"), phone_query("Sync"), phone_query("FolderSync"), phone_query("SendMail")],
        outlook: random.below(3) as usize,
        browser: random.below(4) as usize,
        phone: ["iPhone", "Android", "Outlook"].iter().position(|name| *name == kind).unwrap_or(0),
    }
}
