//! Winlogbeat (since 7): `winlog.channel`, `winlog.event_id`, … either nested or with dotted names, `message` and
//! `@timestamp` beside it.
//!
//! Field names: Elastic's "Exported fields" of Winlogbeat. Its Sysmon, Security and PowerShell modules move some event
//! data to ECS names; those are moved back, so that rules find them by their Windows names.

use std::borrow::Cow;

use super::data::{add_event_data, add_named, add_user_data};
use super::json::{Json, Member};
use crate::windows::{self, Draft};

/// ECS name, name in Sysmon's event data, name in the event data of Security 4688.
const MOVED: [(&str, &str, &str); 10] = [
    ("process.executable", "Image", "NewProcessName"),
    ("process.command_line", "CommandLine", "CommandLine"),
    ("process.working_directory", "CurrentDirectory", ""),
    ("process.parent.executable", "ParentImage", "ParentProcessName"),
    ("process.parent.command_line", "ParentCommandLine", ""),
    ("file.path", "TargetFilename", ""),
    ("destination.ip", "DestinationIp", ""),
    ("destination.port", "DestinationPort", ""),
    ("dns.question.name", "QueryName", ""),
    ("powershell.file.script_block_text", "ScriptBlockText", ""),
];

/// More numbered parameters than any event has.
const NUMBERED_MAX: usize = 100;

/// The event that an object with `winlog` holds.
pub fn draft<'a>(members: &[Member<'a>]) -> Draft<'a> {
    let mut draft = Draft { fields: Vec::with_capacity(32), ..Draft::default() };
    for (name, value) in members {
        match name.as_ref() {
            "winlog" => value.members().iter().for_each(|(name, value)| winlog(&mut draft, name, value)),
            "@timestamp" => draft.time = value.text().and_then(|text| windows::time(&text)),
            "message" => draft.add("Message", value.text().unwrap_or_default()),
            "log.level" => set_level(&mut draft, value),
            "log" => value.get("level").into_iter().for_each(|value| set_level(&mut draft, value)),
            dotted => {
                if let Some(name) = dotted.strip_prefix("winlog.") {
                    winlog(&mut draft, name, value);
                }
            }
        }
    }
    add_numbered_as_unnamed(&mut draft);
    add_moved(&mut draft, members);
    draft
}

/// One member of `winlog`, or the part of a dotted name behind it.
fn winlog<'a>(draft: &mut Draft<'a>, name: &str, value: &Json<'a>) {
    let text = || value.text().unwrap_or_default();
    match name {
        "channel" => draft.channel = text(),
        "provider_name" => draft.provider = text(),
        "event_id" => draft.event_id = windows::event_id(&text()),
        "computer_name" => draft.computer = text(),
        "record_id" => draft.add_if_new("EventRecordID", text()),
        "user.identifier" => draft.add_if_new("UserID", text()),
        "event_data" => add_event_data(draft, value),
        "user_data" => add_user_data(draft, value),
        _ => {
            if let Some(name) = name.strip_prefix("event_data.").or(name.strip_prefix("user_data.")) {
                add_named(draft, Cow::Owned(name.to_owned()), value);
            }
        }
    }
}

fn set_level<'a>(draft: &mut Draft<'a>, value: &Json<'a>) {
    draft.level = value.text().and_then(|text| windows::level(&text));
}

/// Winlogbeat calls unnamed data `param1`, `param2`, …
fn add_numbered_as_unnamed(draft: &mut Draft<'_>) {
    let mut values = Vec::new();
    while values.len() < NUMBERED_MAX {
        let wanted = format!("param{}", values.len() + 1);
        match draft.fields.iter().find(|(name, _)| *name == wanted) {
            Some((_, value)) => values.push(value.clone()),
            None => break,
        }
    }
    draft.add_unnamed(values);
}

fn add_moved<'a>(draft: &mut Draft<'a>, members: &[Member<'a>]) {
    let is_security = draft.channel.eq_ignore_ascii_case("Security");
    for (path, sysmon, security) in MOVED {
        let name = if is_security { security } else { sysmon };
        if !name.is_empty()
            && let Some(value) = at_path(members, path)
        {
            draft.add_if_new(name, value);
        }
    }
}

/// The text at a dotted path, whether the names are nested, dotted or both.
fn at_path<'a>(members: &[Member<'a>], path: &str) -> Option<Cow<'a, str>> {
    members.iter().find_map(|(name, value)| {
        let rest = path.strip_prefix(name.as_ref())?;
        match rest.strip_prefix('.') {
            Some(inner) => at_path(value.members(), inner),
            None if rest.is_empty() => value.text(),
            None => None,
        }
    })
}
