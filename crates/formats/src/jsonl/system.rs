//! Shapes that keep the XML of the event: Velociraptor (`System`, `EventData`) and `evtx_dump` (`Event` around both,
//! attributes under `#attributes`). Fields of `System` are numbers or texts: forwarded and re-saved logs have texts.
//!
//! Element names: MS-EVEN6, section 2.2 (`Event` schema).

use std::borrow::Cow;

use model::Utc;

use super::data::{add_event_data, add_user_data};
use super::json::{Json, Member, member};
use crate::windows::{self, Draft};

/// The event that an object with `System` holds.
pub fn draft<'a>(members: &[Member<'a>]) -> Option<Draft<'a>> {
    let system = member(members, "System")?;
    let text = |name| system.get(name).and_then(Json::text);
    let mut draft = Draft {
        time: system.get("TimeCreated").and_then(time_created),
        channel: text("Channel").unwrap_or_default(),
        provider: system.get("Provider").and_then(provider).unwrap_or_default(),
        event_id: text("EventID").and_then(|id| windows::event_id(&id)),
        level: text("Level").and_then(|level| windows::level(&level)),
        computer: text("Computer").unwrap_or_default(),
        fields: Vec::with_capacity(32),
    };
    for (name, value) in members {
        match name.as_ref() {
            "EventData" => add_event_data(&mut draft, value),
            "UserData" => add_user_data(&mut draft, value),
            "Message" => draft.add("Message", value.text().unwrap_or_default()),
            // Forwarded with rendered text.
            "RenderingInfo" => {
                if let Some(message) = value.get("Message").and_then(Json::text) {
                    draft.add("Message", message);
                }
            }
            _ => {}
        }
    }
    for name in windows::SYSTEM_EXTRAS {
        if let Some(value) = text(name) {
            draft.add_if_new(name, value);
        }
    }
    if let Some(user) = system.get("Security").and_then(|security| attribute(security, "UserID")) {
        draft.add_if_new("UserID", user);
    }
    Some(draft)
}

fn provider<'a>(value: &Json<'a>) -> Option<Cow<'a, str>> {
    attribute(value, "Name").or_else(|| attribute(value, "EventSourceName")).or_else(|| value.text())
}

fn time_created(value: &Json<'_>) -> Option<Utc> {
    let text = attribute(value, "SystemTime").or_else(|| value.text())?;
    windows::time(&text)
}

/// An attribute of an element, however the writer spells attributes.
fn attribute<'a>(element: &Json<'a>, name: &str) -> Option<Cow<'a, str>> {
    element
        .get("#attributes")
        .and_then(|attributes| attributes.get(name))
        .or_else(|| element.get(name))
        .or_else(|| {
            element.members().iter().find(|(key, _)| key.strip_prefix('@') == Some(name)).map(|(_, value)| value)
        })
        .and_then(Json::text)
}
