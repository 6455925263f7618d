//! Lines of Defender's protection log: a stamp, then free text, of which the detections have a form.
//!
//! `2023-07-12T11:16:35.087Z DETECTIONEVENT MPSOURCE_REALTIME Backdoor:ASP/X file:C:\a.asp;`

use model::{RejectReason, Utc};

use super::Said;

/// `2023-07-12T11:16:35`; `0` stands for any digit.
const STAMP: &[u8] = b"0000-00-00T00:00:00";

/// The event of a line; `None` where it has no stamp.
pub fn read(line: &[u8]) -> Result<Option<Said>, RejectReason> {
    let Some(stamp) = stamp(line) else { return Ok(None) };
    let written = String::from_utf8_lossy(stamp.written).into_owned();
    let at = Utc::parse(written.as_bytes()).ok_or(RejectReason::Time)?;
    let mut said = Said { channel: "Antivirus/MPLog", ..Said::default() };
    match stamp.has_zone {
        true => said.time = Some(at),
        false => said.add("WrittenTime", &written),
    }
    let text = String::from_utf8_lossy(stamp.rest);
    detection(&text, &mut said);
    said.add("Message", &text);
    Ok(Some(said))
}

struct Stamp<'a> {
    written: &'a [u8],
    has_zone: bool,
    rest: &'a [u8],
}

fn stamp(line: &[u8]) -> Option<Stamp<'_>> {
    let head = line.get(..STAMP.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !head.iter().zip(STAMP).all(fits) {
        return None;
    }
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (written, rest) = line.split_at_checked(end)?;
    let zone = written.get(STAMP.len()..).unwrap_or_default();
    let has_zone = zone.iter().any(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    Some(Stamp { written, has_zone, rest: rest.trim_ascii() })
}

/// What was found where, and what was done with it.
fn detection(text: &str, said: &mut Said) {
    let Some(at) = text.find("DETECTION") else { return };
    let mut words = text.get(at..).unwrap_or_default().splitn(2, ' ');
    let (kind, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let split = |text: &'_ str| text.split_once(' ').map(|(one, rest)| (one.to_owned(), rest.to_owned()));
    let found = match kind {
        "DETECTIONEVENT" => split(rest).and_then(|(source, rest)| {
            said.add("Detection Source", &source);
            split(&rest)
        }),
        "DETECTION_CLEANEVENT" => split(rest).and_then(|(source, rest)| {
            let (action, rest) = split(&rest)?;
            let (result, rest) = split(&rest)?;
            said.add("Detection Source", &source);
            said.add("Action Name", action.strip_prefix("MP_THREAT_ACTION_").unwrap_or(&action));
            said.add("Result", &result);
            split(&rest)
        }),
        _ if kind == "DETECTION" || kind.starts_with("DETECTION_ADD") => split(rest),
        _ => return,
    };
    let Some((threat, resources)) = found else { return };
    said.event_id = if kind == "DETECTION_CLEANEVENT" { 1117 } else { 1116 };
    let resources = resources.split(" PropBag [").next().unwrap_or_default().trim().trim_end_matches(';');
    said.add("Threat Name", &threat);
    said.add("Resource", resources);
    said.add("Path", path(resources).unwrap_or_default());
}

/// The first file among `file:C:\a.aspx;process:pid:4711,ProcessStart:1`.
fn path(resources: &str) -> Option<&str> {
    let kinds = ["file:", "containerfile:", "webfile:"];
    let path =
        resources.split(';').find_map(|resource| kinds.iter().find_map(|kind| resource.trim().strip_prefix(kind)))?;
    // What lies inside an archive, and where a file came from, stand behind it.
    path.split("->").next()?.split('|').next()
}
