//! Windows events and setup records.

use std::borrow::Cow;

use model::{Build, EventHead, Family, Origin, Row, Source, Utc, WindowsEvent, server_name};

use super::access;
use super::file::FileTally;
use super::refused;
use super::server::ServerTally;
use super::sightings::Hit;
use crate::plan::Plan;

/// Files one event of a file; `binary`: it is an event log, no export.
pub fn observe(event: &WindowsEvent<'_>, plan: &Plan, (file, binary): (u32, bool), tally: &mut FileTally) {
    tally.event(event.time);
    if let Some(shift) = event.clock_shift_secs {
        *tally.clock_votes.entry(shift).or_default() += 1;
    }
    let source = Source::part(Family::Windows, &event.channel);
    let name = server_name(&event.computer);
    let server = tally.server(name.as_deref());
    server.coverage.record(&source, event.time);
    server.event_logs.record(event, (file, binary));
    let (client, account) = who(event);
    let origin = Origin { file, record: event.record, offset: event.offset };
    if event.event_id == 4624 {
        record_logon(server, event, client, origin);
    } else if matches!(event.event_id, 4625 | 4771 | 4776) {
        refused::record_event(&mut server.refused, event, origin);
    }
    plan.events(event, &mut |rule| {
        if !plan.rule(rule).holds_at(event.time) {
            return;
        }
        let subject: Option<Cow<'_, [u8]>> =
            plan.rule(rule).subject_field.and_then(|field| plan.event_value(rule, field, event));
        let noted = plan.rule(rule).noted.as_deref();
        let hit = Hit {
            rule: rule.at(),
            source: &source,
            time: event.time,
            client: client.map(str::as_bytes),
            subject: subject.as_deref(),
            account: account.map(str::as_bytes),
            request_id: None,
            status: None,
            bytes: 0,
            origin,
            raw: event.raw,
        };
        server.record_hit(&hit, noted, &|field| plan.event_value(rule, field, event));
    });
}

/// The client and the account that an event names.
pub(crate) fn who<'e>(event: &'e WindowsEvent<'_>) -> (Option<&'e str>, Option<&'e str>) {
    let client = field(event, &["IpAddress", "SourceAddress", "SourceIp", "ClientAddress"]);
    (client, field(event, &["User", "SubjectUserName", "TargetUserName"]))
}

/// Whether these observers look into events of this kind, whatever rules there are: logons, refused ones, cleared logs.
pub fn looks_at(head: &EventHead<'_>) -> bool {
    matches!(head.event_id, 104 | 1102 | 4624 | 4625 | 4771 | 4776)
}

/// A successful logon of a person from another machine.
fn record_logon(server: &mut ServerTally, event: &WindowsEvent<'_>, client: Option<&str>, origin: Origin) {
    let is_person = |name: &&str| !name.ends_with('$') && !name.starts_with("HealthMailbox");
    let account = field(event, &["TargetUserName"]).filter(is_person);
    if let (Some(time), Some(client), Some(account)) = (event.time, client, account) {
        let mut key = Vec::new();
        access::key(&[account.as_bytes(), client.as_bytes()], &mut key);
        server.logons.slot(&key).add(0, time, origin);
    }
}

/// The first of these fields that says something.
fn field<'e>(event: &'e WindowsEvent<'_>, names: &[&str]) -> Option<&'e str> {
    names.iter().find_map(|name| event.field(name)).filter(|value| !matches!(*value, "" | "-" | "::" | "0.0.0.0"))
}

/// Builds that ExchangeSetup.log names. The version of the setup program becomes the server's only if setup succeeds,
/// so it is a weak word.
pub fn record_setup(server: &mut ServerTally, row: &Row<'_>, time: Utc) {
    let Some(column) = row.schema.column("text") else { return };
    let text = row.text(column);
    let Ok(text) = std::str::from_utf8(&text) else { return };
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let build = |rest: &str| {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        rest.get(..length)?.trim_end_matches('.').parse::<Build>().ok()
    };
    for (mark, weak) in [
        ("The locally installed version is ", false),
        ("The backup copy of the previously installed version is '", true),
        ("Setup version: ", true),
    ] {
        if let Some(found) = after(mark).and_then(build) {
            server.builds.record(found, Family::Setup, weak, time);
        }
    }
}
