//! `indicators.csv`: addresses, hashes, paths and user agents that were seen in a campaign.

use model::Utc;

use super::text;

/// What an indicator is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndicatorKind {
    /// A client address.
    Ip,
    /// SHA-256 of a file, lower-case hex.
    Sha256,
    /// SHA-1 of a file, lower-case hex.
    Sha1,
    /// MD5 of a file, lower-case hex.
    Md5,
    /// A full path on the server, lower case, with backslashes.
    Path,
    /// The name of a file, lower case.
    FileName,
    /// The path of a URL, lower case.
    Url,
    /// A user agent; blanks are blanks, not `+`.
    UserAgent,
    /// A host name, lower case.
    Domain,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// What it is about.
    pub kind: IndicatorKind,
    /// In the spelling that its kind says.
    pub value: String,
    /// As written: `high`, `medium`, `low`.
    pub confidence: String,
    /// Not before.
    pub from: Option<Utc>,
    /// Not after: the last moment of the day, where only a day is written.
    pub until: Option<Utc>,
    /// What it is.
    pub note: String,
    /// Who says so.
    pub source: String,
    /// The group that it speaks of, by the id that `pack.toml` gives it.
    pub group: Option<String>,
}

/// The last column may be left out.
const COLUMNS: [&str; 8] = ["type", "value", "confidence", "from", "until", "note", "source", "group"];
/// Upper bound of the lines of one file.
const INDICATORS_MAX: usize = 200_000;

impl IndicatorKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Ip,
        Self::Sha256,
        Self::Sha1,
        Self::Md5,
        Self::Path,
        Self::FileName,
        Self::Url,
        Self::UserAgent,
        Self::Domain,
    ];

    /// The word for it in `indicators.csv` and in rule ids.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Path => "path",
            Self::FileName => "name",
            Self::Url => "url",
            Self::UserAgent => "user-agent",
            Self::Domain => "domain",
        }
    }

    /// Compared as a whole with one cell or property. The others are searched for in text.
    pub(crate) fn is_looked_up(self) -> bool {
        !matches!(self, Self::UserAgent | Self::Domain)
    }

    fn read(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().replace('_', "-").as_str() {
            "ip" => Some(Self::Ip),
            "sha256" => Some(Self::Sha256),
            "sha1" => Some(Self::Sha1),
            "md5" => Some(Self::Md5),
            "path" => Some(Self::Path),
            "name" | "file" | "file-name" | "filename" => Some(Self::FileName),
            "url" => Some(Self::Url),
            "user-agent" | "useragent" => Some(Self::UserAgent),
            "domain" => Some(Self::Domain),
            _ => None,
        }
    }

    /// The spelling in which values of this kind are compared; `None` where a value cannot be one.
    #[must_use]
    pub fn spelling(self, value: &str) -> Option<String> {
        let value = value.trim();
        let spelt = match self {
            Self::Ip => value.parse::<std::net::IpAddr>().ok()?.to_canonical().to_string(),
            Self::Sha256 => hex(value, 64)?,
            Self::Sha1 => hex(value, 40)?,
            Self::Md5 => hex(value, 32)?,
            Self::Path => value.replace('/', "\\").to_lowercase(),
            Self::FileName | Self::Url | Self::Domain => value.to_lowercase(),
            Self::UserAgent => value.replace('+', " "),
        };
        (!spelt.is_empty()).then_some(spelt)
    }
}

fn hex(value: &str, digits: usize) -> Option<String> {
    let is_hex = value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| value.to_ascii_lowercase())
}

pub(super) fn read(bytes: &[u8], refuse: &mut dyn FnMut(u64, String)) -> Vec<Indicator> {
    let text = match text(bytes) {
        Ok(text) => text,
        Err(reason) => {
            refuse(1, reason);
            return Vec::new();
        }
    };
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let fits = |header: &csv::StringRecord| {
        header.len() >= COLUMNS.len() - 1 && header.iter().eq(COLUMNS.into_iter().take(header.len()))
    };
    if !reader.headers().is_ok_and(fits) {
        refuse(1, format!("its columns are not `{}`", COLUMNS.join(",")));
        return Vec::new();
    }
    let mut indicators = Vec::new();
    for record in reader.records() {
        let line = record.as_ref().map_or_else(
            |error| error.position().map_or(0, csv::Position::line),
            |record| record.position().map_or(0, csv::Position::line),
        );
        if indicators.len() >= INDICATORS_MAX {
            refuse(line, format!("more than {INDICATORS_MAX} indicators"));
            break;
        }
        match record.map_err(|error| error.to_string()).and_then(|record| indicator(&record)) {
            Ok(indicator) => indicators.push(indicator),
            Err(reason) => refuse(line, reason),
        }
    }
    indicators
}

fn indicator(record: &csv::StringRecord) -> Result<Indicator, String> {
    let cell = |column: usize| record.get(column).unwrap_or_default().trim();
    let kind = IndicatorKind::read(cell(0)).ok_or_else(|| format!("type `{}` is not looked for", cell(0)))?;
    let value = kind.spelling(cell(1)).ok_or_else(|| format!("`{}` is no {}", cell(1), kind.word()))?;
    let time = |written: &str| match written {
        "" => Ok(None),
        written => Utc::parse(written.as_bytes()).map(Some).ok_or_else(|| format!("`{written}` is no date")),
    };
    let day_end = |time: Utc| if cell(4).len() == 10 { Utc(time.plus_secs(86_400).0 - 1) } else { time };
    Ok(Indicator {
        kind,
        value,
        confidence: cell(2).to_owned(),
        from: time(cell(3))?,
        until: time(cell(4))?.map(day_end),
        note: cell(5).to_owned(),
        source: cell(6).to_owned(),
        group: Some(cell(7)).filter(|group| !group.is_empty()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::{IndicatorKind, read};

    #[test]
    fn reads_and_refuses_line_by_line() {
        let mut refused = Vec::new();
        let text = "type,value,confidence,from,until,note,source\n\
            ip,203.0.113.7,high,2021-03-01,2021-03-05,scanner,somebody\n\
            ip,not-an-ip,high,,,,\n\
            path,C:/inetpub/Shell.aspx,low,,,,\n\
            shoe,44,low,,,,\n\
            user-agent,antSword/v2.1+x,low,,,\"a, b\",\n\
            sha256,12,low,,,,\n";
        let indicators = read(text.as_bytes(), &mut |line, reason| refused.push((line, reason)));
        let values: Vec<&str> = indicators.iter().map(|indicator| indicator.value.as_str()).collect();
        assert_eq!(values, ["203.0.113.7", "c:\\inetpub\\shell.aspx", "antSword/v2.1 x"]);
        assert_eq!(indicators[0].until.unwrap().to_string(), "2021-03-05T23:59:59.999999Z");
        assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 5, 7]);
    }

    #[test]
    fn may_name_a_group() {
        let text = "type,value,confidence,from,until,note,source,group\n\
            name,DukybySSSS.aspx,low,,,,,tonto-team\nmd5,D41D8CD98F00B204E9800998ECF8427E,low,,,,,\n";
        let indicators = read(text.as_bytes(), &mut |line, reason| panic!("{line} {reason}"));
        assert_eq!(indicators[0].group.as_deref(), Some("tonto-team"));
        assert_eq!(
            (indicators[1].group.as_deref(), indicators[1].value.as_str()),
            (None, "d41d8cd98f00b204e9800998ecf8427e")
        );
    }

    #[test]
    fn spells_addresses_in_one_way() {
        assert_eq!(IndicatorKind::Ip.spelling("::ffff:10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(IndicatorKind::Ip.spelling("2001:DB8:0::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(IndicatorKind::Ip.spelling("10.0.0.0/8"), None);
    }
}
