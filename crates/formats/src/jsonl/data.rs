//! Event data of every shape as names and texts.

use std::borrow::Cow;

use super::json::{Json, member};
use crate::windows::Draft;

/// A longer name made of nested names is cut to its last part, so that nesting cannot multiply the size of a line.
const NAME_BYTES_MAX: usize = 256;

/// Adds an `EventData` object: named members, `Data` lists of named or unnamed items, or one bare text.
pub fn add_event_data<'a>(draft: &mut Draft<'a>, data: &Json<'a>) {
    match data {
        Json::Object(members) => {
            for (name, value) in members {
                match name.as_ref() {
                    "#attributes" | "@xmlns" | "xmlns" => {}
                    "Data" => add_data(draft, value),
                    _ => add_named(draft, name.clone(), value),
                }
            }
        }
        other => add_data(draft, other),
    }
}

/// Adds `UserData`: the elements inside its wrapper by their own names.
pub fn add_user_data<'a>(draft: &mut Draft<'a>, data: &Json<'a>) {
    for (name, value) in data.members() {
        match (name.as_ref(), value) {
            ("#attributes" | "xmlns" | "@xmlns", _) => {}
            (_, Json::Object(_)) if value.text().is_none() => add_user_data(draft, value),
            _ => add_named(draft, name.clone(), value),
        }
    }
}

/// Adds what stands under `Data`: texts without name, or items that carry their name as attribute.
pub fn add_data<'a>(draft: &mut Draft<'a>, data: &Json<'a>) {
    let items = match data {
        Json::List(items) => items.as_slice(),
        // `evtx_dump`: {"#text": ["a", "b"]}
        Json::Object(members) if matches!(member(members, "#text"), Some(Json::List(_))) => {
            return member(members, "#text").into_iter().for_each(|texts| add_data(draft, texts));
        }
        Json::Null => &[],
        other => std::slice::from_ref(other),
    };
    let mut unnamed = Vec::new();
    for item in items {
        match item_name(item) {
            Some(name) => draft.add(name, item.text().unwrap_or_default()),
            None => unnamed.push(item.text().unwrap_or_default()),
        }
    }
    draft.add_unnamed(unnamed);
}

/// The name that an item of a `Data` list carries.
fn item_name<'a>(item: &Json<'a>) -> Option<Cow<'a, str>> {
    let Json::Object(members) = item else {
        return None;
    };
    ["@Name", "Name", "name"]
        .iter()
        .find_map(|name| member(members, name))
        .or_else(|| member(members, "#attributes").and_then(|attributes| attributes.get("Name")))
        .and_then(Json::text)
}

/// Adds a member by name; nested members as `outer.inner`, lists as their texts joined by line feeds.
pub fn add_named<'a>(draft: &mut Draft<'a>, name: Cow<'a, str>, value: &Json<'a>) {
    if let Some(text) = value.text() {
        return draft.add(name, text);
    }
    match value {
        Json::List(items) => {
            let texts: Vec<_> = items.iter().filter_map(Json::text).collect();
            draft.add(name.clone(), texts.join("\n"));
            for item in items.iter().filter(|item| item.text().is_none() && !matches!(item, Json::Null)) {
                add_nested(draft, &name, item);
            }
        }
        Json::Object(members) => match member(members, "#text") {
            Some(texts @ Json::List(_)) => add_named(draft, name, texts),
            _ => add_nested(draft, &name, value),
        },
        _ => draft.add(name, ""),
    }
}

fn add_nested<'a>(draft: &mut Draft<'a>, outer: &str, value: &Json<'a>) {
    for (inner, value) in value.members() {
        let name = if outer.len() + inner.len() < NAME_BYTES_MAX {
            Cow::Owned(format!("{outer}.{inner}"))
        } else {
            inner.clone()
        };
        add_named(draft, name, value);
    }
}
