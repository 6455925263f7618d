//! CSV: our own columns, or those of others under the names that they mostly have.

use detect::pack::IndicatorKind;
use model::Utc;

use super::gathered::{Confidence, Found, Gathered, refang};
use super::stix::url;

/// Where the columns stand.
struct Columns {
    kind: usize,
    value: usize,
    confidence: Option<usize>,
    from: Option<usize>,
    until: Option<usize>,
    note: Option<usize>,
    source: Option<usize>,
}

const KIND: [&str; 6] = ["type", "ioc_type", "indicator_type", "observable_type", "kind", "indicator type"];
const VALUE: [&str; 7] =
    ["value", "ioc_value", "indicator", "ioc", "indicator_value", "observable", "observable_value"];
const CONFIDENCE: [&str; 1] = ["confidence"];
const FROM: [&str; 5] = ["from", "first_seen", "firstseen", "valid_from", "first_seen_utc"];
const UNTIL: [&str; 5] = ["until", "last_seen", "lastseen", "valid_until", "last_seen_utc"];
const NOTE: [&str; 6] = ["note", "comment", "description", "ioc_description", "notes", "title"];
const SOURCE: [&str; 4] = ["source", "reference", "provider", "references"];

/// Takes the rows of a table; an error in words where it has not the columns.
pub fn gather(file: &str, text: &str, gathered: &mut Gathered) -> Result<(), String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .delimiter(delimiter(text))
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let columns = Columns::find(&header).ok_or_else(|| {
        let names: Vec<&str> = header.iter().take(12).collect();
        format!("line 1: needs a column `type` and a column `value`, and has: {:.200}", names.join(", "))
    })?;
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                columns.take(&format!("{file}:{line}"), file, &record, gathered);
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                gathered.leave_out(&format!("{file}:{line}"), error.to_string());
            }
        }
    }
    Ok(())
}

/// The sign between the names of the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|sign| first.as_bytes().contains(sign)).unwrap_or(b',')
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Option<Self> {
        let place = |names: &[&str]| {
            let is_it = |cell: &str| names.contains(&cell.trim().to_ascii_lowercase().as_str());
            header.iter().position(is_it)
        };
        Some(Self {
            kind: place(&KIND)?,
            value: place(&VALUE)?,
            confidence: place(&CONFIDENCE),
            from: place(&FROM),
            until: place(&UNTIL),
            note: place(&NOTE),
            source: place(&SOURCE),
        })
    }

    fn take(&self, what: &str, file: &str, record: &csv::StringRecord, gathered: &mut Gathered) {
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        let other = |column: Option<usize>| column.map(cell).unwrap_or_default();
        let (kind, value) = match kind(cell(self.kind), cell(self.value)) {
            Ok(read) => read,
            Err(why) => return gathered.leave_out(what, why),
        };
        let time =
            |text: &str| if text.is_empty() { Ok(None) } else { Utc::parse(text.as_bytes()).map(Some).ok_or(()) };
        let (Ok(from), Ok(until)) = (time(other(self.from)), time(other(self.until))) else {
            return gathered.leave_out(what, "its time is no time like 2021-03-01 or 2021-03-01T00:00:00Z".into());
        };
        // A day ends when it is over.
        let is_day = other(self.until).len() == 10;
        let until = until.map(|time| if is_day { Utc(time.plus_secs(86_400).0 - 1) } else { time });
        let source = other(self.source);
        let found = Found {
            kind,
            value,
            confidence: confidence(other(self.confidence)),
            from,
            until,
            note: other(self.note).to_owned(),
            source: if source.is_empty() { file.to_owned() } else { source.to_owned() },
        };
        gathered.add(what, found);
    }
}

fn confidence(text: &str) -> Confidence {
    match text.to_ascii_lowercase().as_str() {
        "high" => Confidence::High,
        "medium" | "med" => Confidence::Medium,
        other => other.parse().map_or(Confidence::Low, Confidence::of_hundred),
    }
}

fn kind(word: &str, value: &str) -> Result<(IndicatorKind, String), String> {
    let plain = |kind| Ok((kind, value.to_owned()));
    match word.to_ascii_lowercase().replace([' ', '_'], "-").as_str() {
        "ip" | "ipv4" | "ipv6" | "ipv4-addr" | "ipv6-addr" | "ip-src" | "ip-dst" | "ip-address" | "address" => {
            plain(IndicatorKind::Ip)
        }
        "domain" | "domain-name" | "hostname" | "host" | "fqdn" => plain(IndicatorKind::Domain),
        "url" | "uri" => url(&refang(value)),
        "md5" | "hash-md5" | "filehash-md5" | "file-hash-md5" => plain(IndicatorKind::Md5),
        "sha1" | "sha-1" | "hash-sha1" | "filehash-sha1" | "file-hash-sha1" => plain(IndicatorKind::Sha1),
        "sha256" | "sha-256" | "hash-sha256" | "filehash-sha256" | "file-hash-sha256" => plain(IndicatorKind::Sha256),
        "hash" | "filehash" | "file-hash" => match value.len() {
            32 => plain(IndicatorKind::Md5),
            40 => plain(IndicatorKind::Sha1),
            64 => plain(IndicatorKind::Sha256),
            _ => Err(format!("`{value:.80}` is no hash")),
        },
        "path" | "filepath" | "file-path" | "directory" => plain(IndicatorKind::Path),
        "name" | "file" | "filename" | "file-name" if value.contains(['\\', '/']) => plain(IndicatorKind::Path),
        "name" | "file" | "filename" | "file-name" => plain(IndicatorKind::FileName),
        "user-agent" | "useragent" => plain(IndicatorKind::UserAgent),
        _ => Err(format!("type `{word:.40}` is not looked for")),
    }
}

#[cfg(test)]
mod tests {
    use super::gather;
    use crate::packs::import::gathered::Gathered;

    fn gathered(text: &str) -> Gathered {
        let mut gathered = Gathered::default();
        gather("t.csv", text, &mut gathered).unwrap();
        gathered
    }

    fn lines(gathered: &Gathered) -> Vec<String> {
        let line = |found: &super::Found| format!("{} {} {}", found.kind.word(), found.value, found.confidence.word());
        gathered.indicators.values().map(line).collect()
    }

    #[test]
    fn reads_our_columns_and_those_of_others() {
        let ours =
            gathered("type,value,confidence,from,until,note,source\nip,203.0.113.7,high,2021-03-01,2021-03-05,n,s\n");
        assert_eq!(lines(&ours), ["ip 203.0.113.7 high"]);
        assert_eq!(ours.indicators.values().next().unwrap().until.unwrap().to_string(), "2021-03-05T23:59:59.999999Z");
        let hash = "a".repeat(40);
        let others = gathered(&format!(
            "\u{feff}Indicator;Indicator_Type;Description\nevil[.]example;hostname;c2\n{hash};hash;x\n/aspnet_client/x.aspx;url;shell\n"
        ));
        assert_eq!(
            lines(&others),
            [format!("sha1 {hash} low"), "url /aspnet_client/x.aspx low".into(), "domain evil.example low".into()]
        );
    }

    #[test]
    fn rows_that_do_not_fit_are_named_by_line() {
        let gathered = gathered("type,value,first_seen\nip,999,\nshoe,44,\nip,203.0.113.7,yesterday\n\"ip\n");
        let places: Vec<&str> = gathered.left_out.iter().map(|left| left.what.as_str()).collect();
        assert_eq!(places, ["t.csv:2", "t.csv:3", "t.csv:4", "t.csv:5"]);
    }

    #[test]
    fn a_table_without_the_columns_is_refused() {
        for text in ["", "a,b\n1,2\n", "type\nip\n", "\u{0}\u{1}\n"] {
            assert!(gather("t.csv", text, &mut Gathered::default()).is_err(), "{text:?}");
        }
    }
}
