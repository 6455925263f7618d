//! Small advices for the tests of this folder.

use model::advice::{
    Advice, Beyond, BuildAdvice, Counts, Day, Hole, HoleState, NotUnderstood, Recognised, SCHEMA, Server, Step,
    StepKind, Support, SupportState, Update, Version, When, WithoutProgramme,
};
use model::{Build, Utc};

fn day(text: &str) -> Day {
    Day(Utc::parse(text.as_bytes()).expect("a day"))
}

fn update(build: Build, update: &str, kb: &str) -> Update {
    Update { build, update: update.to_owned(), kb: Some(kb.to_owned()) }
}

fn hole(id: &str, state: HoleState) -> Hole {
    Hole {
        id: id.to_owned(),
        nickname: None,
        exploited: None,
        state,
        reason: format!("{id} is {}", state.word()),
        fixed_by: Some(update(Build::new(15, 1, 2106, 13), "CU18 Mar21SU", "KB5000871")),
    }
}

fn build(id: &str, lowest: Build, highest: Build) -> BuildAdvice {
    let exploited = Hole {
        nickname: Some("ProxyLogon (SSRF)".to_owned()),
        exploited: Some(day("2021-11-03")),
        ..hole("CVE-2021-26855", HoleState::Open)
    };
    let without = WithoutProgramme {
        last: Some(update(Build::new(15, 1, 2507, 61), "CU23 Oct25SU", "KB2")),
        leaves_exploited: vec!["CVE-2026-42897".to_owned()],
        leaves_open: 3,
    };
    BuildAdvice {
        id: id.to_owned(),
        lowest,
        highest,
        recognised: if lowest == highest { Recognised::Exact } else { Recognised::CuOnly },
        product: "Exchange Server 2016".to_owned(),
        level: "CU18".to_owned(),
        update: "CU18".to_owned(),
        released: Some(day("2020-09-15")),
        kb: Some("KB4571788".to_owned()),
        note: (lowest != highest).then(|| "three parts name the CU".to_owned()),
        support: Support {
            state: SupportState::Ended,
            end: Some(day("2025-10-14")),
            extension_end: Some(day("2026-10-31")),
            words: "support ended on 2025-10-14".to_owned(),
        },
        counts: Counts {
            open_exploited: 1,
            undetermined_exploited: 0,
            open: 2,
            partly: 1,
            undetermined: 1,
            fixed: 1,
            not_affected: 1,
        },
        holes: vec![
            exploited,
            Hole { fixed_by: None, ..hole("CVE-2021-34470", HoleState::Open) },
            hole("CVE-2024-21410", HoleState::Partly),
            hole("ADV24199947", HoleState::Undetermined),
            hole("CVE-2020-0688", HoleState::Fixed),
        ],
        not_affected: vec!["CVE-2020-17144".to_owned()],
        way: vec![Step {
            kind: StepKind::Update,
            text: "Install CU23; it is only for customers of the programme".to_owned(),
            update: Some(update(Build::new(15, 1, 2507, 75), "CU23 Sep26SUv2", "KB1")),
            without_programme: Some(without),
        }],
        beyond: vec![Beyond {
            id: "extended-protection".to_owned(),
            when: When::WithTheWay,
            text: "Switch on Extended Protection".to_owned(),
            holes: vec!["CVE-2024-21410".to_owned()],
            details: vec!["it has to be on".to_owned()],
            source: "css".to_owned(),
        }],
    }
}

fn server(name: Option<&str>, asked: &str, build: &str) -> Server {
    Server {
        server: name.map(str::to_owned),
        asked: asked.to_owned(),
        source: "command line".to_owned(),
        build: build.to_owned(),
    }
}

/// One build, no name.
pub fn one() -> Advice {
    let plain = Build::new(15, 1, 2106, 2);
    Advice {
        schema: SCHEMA,
        afterpatch: Version { version: "0.1.0".to_owned() },
        state_date: day("2026-11-23"),
        as_of: day("2026-11-23"),
        only: Vec::new(),
        servers: vec![server(None, "15.1.2106.2", "15.1.2106.2")],
        builds: vec![build("15.1.2106.2", plain, plain)],
        not_understood: Vec::new(),
    }
}

/// Three servers, two builds, and a row that was not understood.
pub fn many() -> Advice {
    let mut advice = one();
    let interval = "15.1.2106.2 to 15.1.2106.13";
    advice.builds.push(build(interval, Build::new(15, 1, 2106, 2), Build::new(15, 1, 2106, 13)));
    advice.servers = vec![
        server(Some("EXC01"), "15.1.2106.2", "15.1.2106.2"),
        server(Some("EXC02"), "15.01.2106.002", "15.1.2106.2"),
        server(Some("EXC03"), "15.1.2106", interval),
    ];
    advice.not_understood = vec![NotUnderstood {
        source: "servers.csv:5".to_owned(),
        server: Some("EXC04".to_owned()),
        asked: "n/a".to_owned(),
        why: "not a build number".to_owned(),
    }];
    advice
}

/// Names that attack terminals, spreadsheets and markup.
pub fn hostile() -> Advice {
    let mut advice = many();
    let names = ["=cmd|' /C calc'!A0", "\x1b[2J\x1b]8;;http://192.0.2.1/\x07x", "a\u{202e}b\r\n\"<script>\","];
    for (server, name) in advice.servers.iter_mut().zip(names) {
        server.server = Some(name.to_owned());
        server.asked = format!("{name}15.1.2106.2");
        server.source = format!("{name}.csv:2");
    }
    for row in &mut advice.not_understood {
        row.asked = "@SUM(1)\u{9b}31m".repeat(50);
        row.server = Some("+1".to_owned());
    }
    advice
}
