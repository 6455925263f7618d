//! Any bytes as a rule of somebody else. It is refused or it runs; it stops nothing, and it ends.
#![no_main]

use std::borrow::Cow;

use detect::pack::{PackFiles, RuleSet};
use detect::plan::{Plan, RuleIndex};
use detect::sigma::correlation::{Correlator, NotedHit};
use formats::block::Block;
use formats::delimited::{Header, read};
use libfuzzer_sys::fuzz_target;
use model::{Family, Origin, Raw, Reject, Row, Sink, Source, Utc, WindowsEvent};

const MANIFEST: &[u8] = b"id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\nimported = true\n";
const IIS: &[u8] = b"#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) sc-status\n\
    2021-03-03 05:09:38 POST /ecp/q7.js a=b - 203.0.113.7 python-requests/2.24.0 200\n";

fn event(channel: &'static str, event_id: u32, fields: &[(&'static str, &'static str)]) -> WindowsEvent<'static> {
    WindowsEvent {
        record: 1,
        offset: 0,
        time: Some(Utc(1_614_746_602_370_123)),
        clock_shift_secs: None,
        channel: channel.into(),
        provider: "Microsoft-Windows-Sysmon".into(),
        event_id,
        level: Some(4),
        computer: "EXC01".into(),
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        raw: Raw::Text(b""),
    }
}

/// Tests every row, as a run does.
struct Run<'a> {
    plan: &'a Plan,
}

impl Sink for Run<'_> {
    fn row(&mut self, row: &Row<'_>) {
        let Some(rows) = self.plan.rows(&row.schema.family) else { return };
        let binding = rows.bind(row.schema);
        let mut hits = Vec::new();
        rows.scan_block(row.line, &mut hits);
        rows.test_row(&hits, &binding, row, &mut |rule| {
            if let Some(field) = self.plan.rule(rule).subject_field {
                let _ = rows.value(field, &binding, row);
            }
        });
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {}

    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }
}

fn note(correlator: &mut Correlator, plan: &Plan, rule: RuleIndex, event: &WindowsEvent<'_>) {
    let hit = NotedHit {
        rule,
        time: event.time.unwrap_or(Utc(0)),
        source: &Source::part(Family::Windows, &event.channel),
        origin: Origin { file: 0, record: event.record, offset: event.offset },
        client: None,
        account: None,
        subject: None,
    };
    correlator.note("EXC01", &hit, &|field| plan.event_value(rule, field, event));
}

fuzz_target!(|bytes: &[u8]| {
    let file = |name: &str, bytes: &[u8]| (name.to_owned(), Cow::Owned(bytes.to_vec()));
    let files = vec![file("pack.toml", MANIFEST), file("rules/r.yml", bytes)];
    let set = RuleSet { name: "s".into(), files: vec![file("r.yml", bytes)] };
    let plan = Plan::compile_all(&[PackFiles { id: "p".into(), files }], &[set]).plan;
    let sysmon = [
        ("Image", r"C:\Windows\System32\cmd.exe"),
        ("ParentImage", r"C:\Windows\System32\inetsrv\w3wp.exe"),
        ("CommandLine", "cmd.exe /c whoami"),
        ("User", "NT AUTHORITY\\SYSTEM"),
    ];
    let security = [("TargetUserName", "jones"), ("IpAddress", "203.0.113.7"), ("LogonType", "3")];
    let mut correlator = plan.correlations();
    for event in [event("Microsoft-Windows-Sysmon/Operational", 1, &sysmon), event("Security", 4_624, &security)] {
        plan.events(&event, &mut |rule| {
            if let Some(field) = plan.rule(rule).subject_field {
                let _ = plan.event_value(rule, field, &event);
            }
            note(&mut correlator, &plan, rule, &event);
        });
    }
    let _ = correlator.finish();
    read(&Block::whole(IIS), &mut Header::for_file("", IIS), &mut Run { plan: &plan });
});
