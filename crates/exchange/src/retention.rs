//! How long the product keeps its logs, and where evidence lies by default. Data: `knowledge/retention.csv`,
//! `knowledge/paths.csv`.
//!
//! These are defaults: an administrator can change every one of them, so they explain a gap and never prove one.

use std::sync::OnceLock;

use crate::table;

/// How long a log family is kept unless somebody changed it. Age or size, whichever comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `httpproxy`, as the families are named in sources and coverage.
    pub family: String,
    /// Below the install path, or from the drive on.
    pub folder: String,
    /// How the file names begin.
    pub prefix: String,
    /// `None`: kept until somebody deletes it, or circular by size alone.
    pub age_days_max: Option<u64>,
    /// `None`: no limit.
    pub folder_bytes_max: Option<u64>,
    /// `None`: no limit.
    pub file_bytes_max: Option<u64>,
    /// What the folder limit counts for: `folder`, `protocol folder`, `file prefix`, `channel`.
    pub per: String,
    /// What else is known.
    pub note: String,
}

/// One default place of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePlace {
    /// A log family, or words.
    pub what: String,
    /// `%Ex%` stands for the install path.
    pub path: String,
    /// What it shows.
    pub why: String,
}

/// How long a log family is kept, by its name: `httpproxy`, `iis`.
#[must_use]
pub fn retention(family: &str) -> Option<&'static Retention> {
    static SHIPPED: OnceLock<Vec<Retention>> = OnceLock::new();
    let all = SHIPPED.get_or_init(|| {
        table::rows(include_str!("../../../knowledge/retention.csv"))
            .map(|row| Retention {
                family: row[0].to_owned(),
                folder: row[1].to_owned(),
                prefix: row[2].to_owned(),
                age_days_max: table::number(&row[3]),
                folder_bytes_max: table::number(&row[4]),
                file_bytes_max: table::number(&row[5]),
                per: row[6].to_owned(),
                note: row[7].to_owned(),
            })
            .collect()
    });
    all.iter().find(|retention| retention.family == family)
}

/// Where evidence lies by default, most telling first.
#[must_use]
pub fn evidence_places() -> &'static [EvidencePlace] {
    static SHIPPED: OnceLock<Vec<EvidencePlace>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        table::rows(include_str!("../../../knowledge/paths.csv"))
            .map(|row| EvidencePlace { what: row[0].to_owned(), path: row[1].to_owned(), why: row[2].to_owned() })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use model::Family;

    use super::{evidence_places, retention};
    use crate::table;

    #[test]
    fn knows_the_defaults() {
        let proxy = retention("httpproxy").expect("listed");
        assert_eq!((proxy.age_days_max, proxy.folder_bytes_max), (Some(30), Some(1 << 30)));
        let book = retention("oabgenerator").expect("listed");
        assert_eq!(book.folder_bytes_max, Some(100 << 20));
        assert_eq!(retention("iis").expect("listed").age_days_max, None);
        assert_eq!(retention("no such family"), None);
    }

    #[test]
    fn names_families_as_the_house_does() {
        let families = [
            Family::HttpProxy,
            Family::EcpServer,
            Family::OabGenerator,
            Family::RpsHttp,
            Family::RpsCmdlet,
            Family::MessageTracking,
            Family::SmtpReceive,
            Family::SmtpSend,
            Family::Iis,
            Family::Windows,
        ];
        let listed = table::rows(include_str!("../../../knowledge/retention.csv")).count();
        assert_eq!(families.iter().filter(|family| retention(family.name()).is_some()).count(), listed);
    }

    #[test]
    fn names_places() {
        assert!(evidence_places().iter().any(|place| place.what == "httpproxy"));
        assert!(evidence_places().iter().all(|place| !place.path.is_empty() && !place.why.is_empty()));
    }
}
