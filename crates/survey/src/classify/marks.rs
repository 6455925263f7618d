//! The fingerprints of `knowledge/fingerprints.csv`: front ends, other products, contradictions, which IIS belongs to which
//! product, what came before 2010, which holes a mitigation can close. Ours and checked by tests, so a broken table is a
//! fault of the build.

use std::sync::OnceLock;

use model::Utc;

/// The lowest and the highest version, each of two numbers.
pub(super) type Versions = ((u16, u16), (u16, u16));

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Which product stands before the server.
    Front,
    /// It cannot be Exchange.
    Contradiction,
    /// Another mail product.
    Other,
    /// Microsoft's cloud.
    Cloud,
}

/// Where a mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The header `Server`.
    Server,
    /// The header `X-Powered-By`.
    PoweredBy,
    /// The name of a cookie that is set.
    Cookie,
    /// The name of a header.
    Header,
    /// The header `Location`.
    Location,
    /// A piece of a body.
    Page,
    /// The realm of a logon.
    Realm,
    /// The header `X-ServerApplication`.
    Application,
    /// The header `MS-Server-ActiveSync`.
    ActiveSync,
}

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub kind: Kind,
    pub place: Place,
    /// In lower case.
    pub pattern: String,
    pub says: String,
}

/// A product from before 2010.
#[derive(Clone, Debug)]
pub(super) struct Older {
    pub name: String,
    pub support_end: Option<Utc>,
}

struct Tables {
    marks: Vec<Mark>,
    iis: Vec<(String, Versions)>,
    older: Vec<Older>,
    mitigated: Vec<String>,
}

/// Front ends, contradictions, other products, the cloud.
pub(super) fn marks() -> &'static [Mark] {
    &tables().marks
}

/// The lowest and the highest IIS on which a product runs.
pub(super) fn iis_of(product: &str) -> Option<Versions> {
    tables().iis.iter().find(|row| row.0 == product).map(|row| row.1)
}

/// What is known of a product from before 2010.
pub(super) fn older(product: &str) -> Option<&'static Older> {
    tables().older.iter().find(|older| older.name == product)
}

/// Whether something that no version shows can keep a hole shut.
pub(super) fn can_be_mitigated(cve: &str) -> bool {
    tables().mitigated.iter().any(|listed| listed == cve)
}

/// `8.5` → 8 and 5.
pub(super) fn two(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = Tables { marks: Vec::new(), iis: Vec::new(), older: Vec::new(), mitigated: Vec::new() };
        let text = include_str!("../../../../knowledge/fingerprints.csv");
        for row in csv::Reader::from_reader(text.as_bytes()).into_records() {
            tables.take(&row.expect("every row of fingerprints.csv has five cells"));
        }
        tables
    })
}

impl Tables {
    fn take(&mut self, row: &csv::StringRecord) {
        let kind = match &row[0] {
            "front" => Kind::Front,
            "contradiction" => Kind::Contradiction,
            "other" => Kind::Other,
            "cloud" => Kind::Cloud,
            "iis" => {
                let (from, until) = row[2].split_once('-').expect("a range of versions");
                let version = |text: &str| two(text).expect("a version of IIS");
                return self.iis.push((row[1].to_owned(), (version(from), version(until))));
            }
            "older" => {
                let older = Older { name: row[1].to_owned(), support_end: Utc::parse(row[2].as_bytes()) };
                return self.older.push(older);
            }
            "mitigation" => return self.mitigated.push(row[2].to_owned()),
            other => unreachable!("fingerprints.csv has no kind {other}"),
        };
        let place = match &row[1] {
            "server" => Place::Server,
            "powered-by" => Place::PoweredBy,
            "cookie" => Place::Cookie,
            "header" => Place::Header,
            "location" => Place::Location,
            "page" => Place::Page,
            "realm" => Place::Realm,
            "application" => Place::Application,
            "activesync" => Place::ActiveSync,
            other => unreachable!("fingerprints.csv has no place {other}"),
        };
        self.marks.push(Mark { kind, place, pattern: row[2].to_owned(), says: row[3].to_owned() });
    }
}

impl Mark {
    /// Whether a text in lower case has it: a header's or a cookie's name as a whole (`*` ends it), all else anywhere.
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self.place {
            Place::Cookie | Place::Header => match self.pattern.split_once('*') {
                Some((start, _)) => text.starts_with(start),
                None => text == self.pattern,
            },
            _ => text.contains(&self.pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{iis_of, marks, older, tables};

    #[test]
    fn the_table_is_whole() {
        assert!(marks().len() > 60);
        assert!(marks().iter().all(|mark| mark.pattern == mark.pattern.to_lowercase() && !mark.says.is_empty()));
        assert_eq!(iis_of("Exchange Server 2016"), Some(((8, 0), (10, 0))));
        assert!(older("Exchange Server 2007").is_some_and(|older| older.support_end.is_some()));
        for cve in &tables().mitigated {
            assert!(exchange::Knowledge::shipped().is_listed(cve), "{cve}");
        }
    }
}
