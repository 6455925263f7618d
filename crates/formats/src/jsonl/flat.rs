//! Flat exports: system fields and event data side by side in one object, as NXLog, `Get-WinEvent | ConvertTo-Json`,
//! EvtxECmd and others write them. Which name stands for which system field differs by tool; what is none is data.

use super::data::{add_data, add_event_data, add_named, add_user_data};
use super::json::{Json, Member};
use crate::windows::{self, Draft};

// Per system field its names, by preference.
const CHANNEL: &[&str] = &["Channel", "LogName", "log_name"];
const EVENT_ID: &[&str] = &["EventID", "EventId", "event_id", "Id"];
const PROVIDER: &[&str] = &["SourceName", "ProviderName", "Provider", "provider_name", "source_name"];
const COMPUTER: &[&str] = &["Hostname", "Computer", "MachineName", "computer_name", "host"];
const TIME: &[&str] = &["TimeCreated", "EventTime", "@timestamp", "Timestamp", "timestamp"];
const LEVEL: &[&str] = &["Level", "level"];

/// The event that a flat object holds; without event id it is none, which the caller finds out.
pub fn draft<'a>(members: &[Member<'a>]) -> Draft<'a> {
    let mut used = Vec::with_capacity(6);
    let mut take = |names: &[&str]| {
        let found = names.iter().find_map(|wanted| members.iter().position(|(name, _)| name == wanted))?;
        used.push(found);
        members.get(found).map(|(_, value)| value)
    };
    let mut draft = Draft {
        channel: take(CHANNEL).and_then(Json::text).unwrap_or_default(),
        event_id: take(EVENT_ID).and_then(Json::text).and_then(|id| windows::event_id(&id)),
        provider: take(PROVIDER)
            .and_then(|value| value.text().or_else(|| value.get("Name")?.text()))
            .unwrap_or_default(),
        computer: take(COMPUTER).and_then(Json::text).unwrap_or_default(),
        time: take(TIME)
            .and_then(|value| value.text().or_else(|| value.get("SystemTime")?.text()))
            .and_then(|time| windows::time(&time)),
        level: take(LEVEL).and_then(Json::text).and_then(|level| windows::level(&level)),
        fields: Vec::with_capacity(members.len()),
    };
    if draft.event_id.is_none() {
        return draft;
    }
    // A repeated system field must not stand among the data under the same name.
    let system: Vec<&str> = used.iter().filter_map(|at| members.get(*at)).map(|(name, _)| name.as_ref()).collect();
    for member in members.iter().filter(|(name, _)| !system.contains(&name.as_ref())) {
        add_member(&mut draft, member);
    }
    draft
}

fn add_member<'a>(draft: &mut Draft<'a>, (name, value): &Member<'a>) {
    match (name.as_ref(), value) {
        ("EventData" | "event_data", _) => add_event_data(draft, value),
        ("UserData" | "user_data", Json::Object(_)) => add_user_data(draft, value),
        ("Data", _) => add_data(draft, value),
        // `Get-WinEvent`: a list of {"Value": …}.
        ("Properties", Json::List(_)) => add_data(draft, value),
        ("message", Json::Text(_)) => draft.add("Message", value.text().unwrap_or_default()),
        // EvtxECmd: the event data once more, as JSON in a text.
        ("Payload", Json::Text(text)) => add_payload(draft, text),
        ("RecordNumber" | "RecordId" | "EventRecordId" | "record_number", _) => {
            draft.add_if_new("EventRecordID", value.text().unwrap_or_default());
        }
        _ => add_named(draft, name.clone(), value),
    }
}

fn add_payload(draft: &mut Draft<'_>, text: &str) {
    let Ok(payload) = Json::parse(text.as_bytes()) else {
        return draft.add("Payload", text.to_owned());
    };
    let mut inner = Draft::default();
    for (name, value) in payload.members() {
        match name.as_ref() {
            "EventData" => add_event_data(&mut inner, value),
            "UserData" => add_user_data(&mut inner, value),
            _ => add_named(&mut inner, name.clone(), value),
        }
    }
    for (name, value) in inner.fields {
        draft.add(name.into_owned(), value.into_owned());
    }
}
