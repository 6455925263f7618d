//! Rules of others, brought to the names and the writing of the logs that are read here.
//!
//! Public rules name fields as the taxonomy of SigmaHQ does, and logs write some things otherwise. What a rule asks for
//! is not changed: where a record can say it in two ways, the rule holds if it holds for either. All of it is done on the
//! syntax tree, so that the language itself knows nothing of it.
//!
//! * IIS puts the path into `cs-uri-stem`, and public rules look for it in `cs-uri-query`
//!   (<https://github.com/SigmaHQ/sigma/issues/471>, <https://github.com/SigmaHQ/sigma/issues/3855>).
//! * IIS writes a blank inside a value as a plus sign (W3C extended log file format, as IIS writes it).
//! * `category: antivirus` is asked of Windows Defender, whose events call things differently
//!   (<https://learn.microsoft.com/defender-endpoint/troubleshoot-microsoft-defender-antivirus>).
//! * Hayabusa's converted rules name their channel themselves, and some fields by names of their own
//!   (<https://github.com/Yamato-Security/hayabusa-rules>, `config/eventkey_alias.txt`).

use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, FieldSpec, Modifier, SigmaString, SigmaValue, StringPart,
};

use super::events::LOG_OF_RECORD;
use super::rows::{BLANKS, PATH_AND_QUERY};
use crate::sigma::Reason;

/// What the records are, for which a rule is brought into shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Web,
    Defender,
    /// Windows events of any kind.
    Events,
}

/// Columns of IIS by the names that public rules give them. `None`: path and query together.
const WEB_NAMES: [(&str, Option<&str>); 16] = [
    ("c-uri", None),
    ("cs-uri", None),
    ("c-uri-query", Some("cs-uri-query")),
    ("c-uri-stem", Some("cs-uri-stem")),
    ("cs-user-agent", Some("cs(User-Agent)")),
    ("c-useragent", Some("cs(User-Agent)")),
    ("cs-useragent", Some("cs(User-Agent)")),
    ("cs-referer", Some("cs(Referer)")),
    ("cs-referrer", Some("cs(Referer)")),
    ("cs-host", Some("cs(Host)")),
    ("cs-cookie", Some("cs(Cookie)")),
    ("cs-content-type", Some("cs(Content-Type)")),
    ("src_ip", Some("c-ip")),
    ("dst_ip", Some("s-ip")),
    ("src_port", Some("c-port")),
    ("dst_port", Some("s-port")),
];

/// Fields of `category: antivirus` in the events of Windows Defender.
const DEFENDER_NAMES: [(&str, &str); 2] = [("Signature", "Threat Name"), ("Filename", "Path")];

/// What stands between two paths in the field `Path` of Defender.
const NEXT_PATH: &str = "; ";

/// Names of Hayabusa for fields that events call otherwise, as far as its rules use them. `None`: any text of the event.
const HAYABUSA_NAMES: [(&str, Option<&str>); 8] = [
    ("ThreatName", Some("Threat Name")),
    ("SeverityID", Some("Severity ID")),
    ("ProviderName", Some("Provider_Name")),
    ("ComputerName", Some("Computer")),
    ("UserDataPossibleCause", Some("PossibleCause")),
    ("RdsGtwErrorCode", Some("ErrorCode")),
    ("WindowsDefenderProcessName", Some("Process Name")),
    ("Message", None),
];

/// Hayabusa's name for the data of a cleared log that names it.
const CLEARED: &str = "LogFileClearedChannel";

/// Brings the detection section of a rule into shape.
pub(super) fn adapt(section: &mut Detections, shape: Shape) -> Result<(), Reason> {
    for detection in section.named.values_mut() {
        let written = std::mem::replace(detection, Detection::AllOf(Vec::new()));
        *detection = adapt_detection(written, shape)?;
    }
    Ok(())
}

fn adapt_detection(detection: Detection, shape: Shape) -> Result<Detection, Reason> {
    let each = |parts: Vec<Detection>| -> Result<Vec<_>, _> {
        parts.into_iter().map(|part| adapt_detection(part, shape)).collect()
    };
    Ok(match detection {
        Detection::AllOf(items) => adapt_items(items, shape)?,
        Detection::AnyOf(parts) => Detection::AnyOf(each(parts)?),
        Detection::And(parts) => Detection::And(each(parts)?),
        Detection::Keywords(values) if shape == Shape::Web => keywords(&values, &[]),
        other => other,
    })
}

/// Items that can be said in one way only stay together.
fn adapt_items(items: Vec<DetectionItem>, shape: Shape) -> Result<Detection, Reason> {
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    for item in items {
        let negated = item.field.modifiers.contains(&Modifier::Neq);
        let mut ways = match shape {
            Shape::Web if item.field.name.is_none() => {
                others.push(web_keywords(&item));
                continue;
            }
            Shape::Web => web_ways(item),
            Shape::Defender => defender_ways(item)?,
            Shape::Events => event_ways(item)?,
        };
        if ways.len() == 1 {
            kept.append(&mut ways);
            continue;
        }
        let ways = ways.into_iter().map(|way| Detection::AllOf(vec![way])).collect();
        // What differs from all values differs in every way in which they can be written.
        others.push(if negated { Detection::And(ways) } else { Detection::AnyOf(ways) });
    }
    if others.is_empty() {
        return Ok(Detection::AllOf(kept));
    }
    if !kept.is_empty() {
        others.insert(0, Detection::AllOf(kept));
    }
    Ok(if others.len() == 1 { others.swap_remove(0) } else { Detection::And(others) })
}

/// The ways in which an IIS log can say what an item of a rule for web servers asks for.
fn web_ways(mut item: DetectionItem) -> Vec<DetectionItem> {
    let name = item.field.name.clone().unwrap_or_default();
    let known = WEB_NAMES.iter().find(|(written, _)| name.eq_ignore_ascii_case(written));
    let name = known.map_or(name.as_str(), |(_, column)| column.unwrap_or(PATH_AND_QUERY)).to_owned();
    item.field.name = Some(name.clone());
    let mut ways = vec![item];
    if name.eq_ignore_ascii_case("cs-uri-query") {
        let way = renamed(&ways[0], PATH_AND_QUERY);
        ways.push(way);
    }
    let blanks = BLANKS.iter().find(|(column, _)| name.eq_ignore_ascii_case(column));
    if let Some((_, with_blanks)) = blanks.filter(|_| ways[0].field.modifiers.contains(&Modifier::Re)) {
        let way = renamed(&ways[0], with_blanks);
        ways.push(way);
    }
    let with_plus: Vec<DetectionItem> = ways.iter().filter_map(plus_for_blank).collect();
    ways.extend(with_plus);
    ways
}

fn renamed(item: &DetectionItem, name: &str) -> DetectionItem {
    let field = FieldSpec::new(Some(name.to_owned()), item.field.modifiers.clone());
    DetectionItem { field, values: item.values.clone() }
}

/// The item with a plus sign for every blank, where it has blanks and is about texts as they are written.
fn plus_for_blank(item: &DetectionItem) -> Option<DetectionItem> {
    let about_text = item.field.modifiers.iter().all(|modifier| {
        matches!(
            modifier,
            Modifier::Contains
                | Modifier::StartsWith
                | Modifier::EndsWith
                | Modifier::All
                | Modifier::Cased
                | Modifier::Neq
                | Modifier::WindAsh
        )
    });
    let has_blank = |value: &SigmaValue| matches!(value, SigmaValue::String(text) if text.original.contains(' '));
    (about_text && item.values.iter().any(has_blank)).then(|| {
        let values = item.values.iter().map(|value| match value {
            SigmaValue::String(text) => SigmaValue::String(with_plus(text)),
            other => other.clone(),
        });
        DetectionItem { field: item.field.clone(), values: values.collect() }
    })
}

fn with_plus(text: &SigmaString) -> SigmaString {
    let parts = text.parts.iter().map(|part| match part {
        StringPart::Plain(plain) => StringPart::Plain(plain.replace(' ', "+")),
        special => special.clone(),
    });
    SigmaString { parts: parts.collect(), original: text.original.replace(' ', "+") }
}

/// Keywords with modifiers; of `|all` each may stand somewhere else.
fn web_keywords(item: &DetectionItem) -> Detection {
    let modifiers = &item.field.modifiers;
    if modifiers.contains(&Modifier::Neq) {
        return Detection::AllOf(vec![item.clone()]);
    }
    if !modifiers.contains(&Modifier::All) {
        return keywords(&item.values, modifiers);
    }
    let rest: Vec<Modifier> = modifiers.iter().copied().filter(|modifier| *modifier != Modifier::All).collect();
    Detection::And(item.values.iter().map(|value| keywords(std::slice::from_ref(value), &rest)).collect())
}

/// Keywords stand in the line, or across path and query, which the line writes apart.
fn keywords(values: &[SigmaValue], modifiers: &[Modifier]) -> Detection {
    let item = |name: Option<&str>, modifiers: Vec<Modifier>| DetectionItem {
        field: FieldSpec::new(name.map(str::to_owned), modifiers),
        values: values.to_vec(),
    };
    let mut of_url = modifiers.to_vec();
    let is_placed = |modifier: &Modifier| {
        matches!(modifier, Modifier::Contains | Modifier::StartsWith | Modifier::EndsWith | Modifier::Re)
    };
    if !modifiers.iter().any(is_placed) {
        of_url.push(Modifier::Contains);
    }
    let mut ways = vec![item(None, modifiers.to_vec()), item(Some(PATH_AND_QUERY), of_url)];
    let with_plus: Vec<DetectionItem> = ways.iter().filter_map(plus_for_blank).collect();
    ways.extend(with_plus);
    Detection::AnyOf(ways.into_iter().map(|way| Detection::AllOf(vec![way])).collect())
}

/// Defender writes `file:_C:\x.aspx; file:_C:\y.aspx` where rules ask for one name.
fn defender_ways(mut item: DetectionItem) -> Result<Vec<DetectionItem>, Reason> {
    let Some(name) = item.field.name.clone() else { return Ok(vec![item]) };
    let known = DEFENDER_NAMES.iter().find(|(written, _)| name.eq_ignore_ascii_case(written));
    let Some((_, theirs)) = known else {
        return Err(Reason::Construct(format!("the field `{name}`, which events of Windows Defender do not have,")));
    };
    item.field.name = Some((*theirs).to_owned());
    if *theirs != "Path" || item.field.modifiers.contains(&Modifier::Contains) {
        return Ok(vec![item]);
    }
    if item.field.modifiers != [Modifier::EndsWith] {
        return Err(Reason::Construct(
            "a file name that is tested otherwise than by `contains` or `endswith`, where Windows Defender lists several,"
                .into(),
        ));
    }
    let before_next = |value: &SigmaValue| match value {
        SigmaValue::String(text) => {
            let mut text = text.clone();
            text.parts.push(StringPart::Plain(NEXT_PATH.to_owned()));
            text.original.push_str(NEXT_PATH);
            SigmaValue::String(text)
        }
        other => other.clone(),
    };
    let field = FieldSpec::new(item.field.name.clone(), vec![Modifier::Contains]);
    let inside = DetectionItem { field, values: item.values.iter().map(before_next).collect() };
    Ok(vec![item, inside])
}

fn event_ways(item: DetectionItem) -> Result<Vec<DetectionItem>, Reason> {
    let name = item.field.name.as_deref().unwrap_or_default();
    // These rules name the log of the record so, whatever its data say.
    if name == "Channel" {
        return Ok(vec![renamed(&item, LOG_OF_RECORD)]);
    }
    if name == CLEARED {
        return Ok(vec![renamed(&item, "Channel")]);
    }
    Ok(match HAYABUSA_NAMES.iter().find(|(written, _)| *written == name) {
        Some((_, Some(theirs))) => vec![renamed(&item, theirs), item],
        Some((_, None)) if item.field.modifiers == [Modifier::Contains] => {
            let field = FieldSpec::new(None, Vec::new());
            vec![DetectionItem { field, values: item.values.clone() }, item]
        }
        _ => vec![item],
    })
}

/// The channels of which a rule requires one, where its condition says so by itself: as converted rules of Hayabusa do.
pub(super) fn own_channels(section: &Detections) -> Option<Vec<&str>> {
    let [condition] = section.conditions.as_slice() else { return None };
    channels_of(condition, section)
}

fn channels_of<'s>(condition: &ConditionExpr, section: &'s Detections) -> Option<Vec<&'s str>> {
    match condition {
        ConditionExpr::And(parts) => parts.iter().find_map(|part| channels_of(part, section)),
        ConditionExpr::Identifier(name) => match section.named.get(name)? {
            Detection::AllOf(items) => items.iter().find_map(channels_of_item),
            _ => None,
        },
        _ => None,
    }
}

fn channels_of_item(item: &DetectionItem) -> Option<Vec<&str>> {
    let is_channel = item.field.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("Channel"));
    if !is_channel || !item.field.modifiers.is_empty() {
        return None;
    }
    let plain = item.values.iter().map(|value| match value {
        SigmaValue::String(text) if text.is_plain() => Some(text.original.as_str()),
        _ => None,
    });
    plain.collect()
}
