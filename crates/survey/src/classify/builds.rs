//! Versions as they were read → builds, each as exactly as it is known.
//!
//! What the server says of itself wins over the page and the manifest where they name the same CU: the page leaves the
//! update out, and the manifest can lag behind. What names different CUs stays side by side.

use std::collections::HashMap;
use std::sync::Arc;

use exchange::{Exactness, Knowledge, Names, NotANumber, Number};
use model::Build;
use model::survey::{BuildSeen, Precision};

use super::marks::older;
use super::sight::{Sight, Source};

/// Versions that are remembered: more are made up, and forgotten.
const REMEMBERED_MAX: usize = 8_192;

/// A build that answers name, and all that it can be.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub seen: BuildSeen,
    pub source: Source,
    /// All known builds that it can be; empty for what came before 2010.
    pub builds: Vec<Build>,
    /// Its CU was never released, and newer ones were.
    pub is_of_no_release: bool,
}

/// Reads versions, each once.
#[derive(Default)]
pub(super) struct Reader {
    known: HashMap<(String, Source), Option<Arc<Told>>>,
}

impl Reader {
    /// The builds that the versions of a target name, lowest first.
    pub(super) fn read(&mut self, sight: &mut Sight) -> Vec<Arc<Told>> {
        let versions = std::mem::take(&mut sight.versions);
        let mut told: Vec<(usize, Arc<Told>)> = Vec::new();
        for version in &versions {
            if is_of_cloud(&version.text) {
                if version.source != Source::Header || sight.cloud || !version.place.starts_with("X-OWA") {
                    sight.cloud = true;
                } else {
                    let words =
                        format!("{} is the version of Microsoft's cloud, of which nothing else is seen", version.text);
                    sight.contradict(words);
                }
                continue;
            }
            let Some(one) = self.one(&version.text, version.source) else { continue };
            let mut one = one;
            if one.seen.place != version.place {
                let seen = BuildSeen { place: version.place.clone(), ..one.seen.clone() };
                one = Arc::new(Told {
                    seen,
                    source: one.source,
                    builds: one.builds.clone(),
                    is_of_no_release: one.is_of_no_release,
                });
            }
            told.push((version.answer, one));
        }
        for (answer, one) in told.iter().filter(|(_, one)| one.source == Source::Page) {
            let differs = |(other, header): &&(usize, Arc<Told>)| {
                other == answer && header.source == Source::Header && cu(header) != cu(one)
            };
            if let Some((_, header)) = told.iter().find(differs) {
                sight.contradict(format!("one answer names {} and {}", header.seen.text, one.seen.text));
            }
        }
        reduced(told.into_iter().map(|(_, one)| one).collect())
    }

    fn one(&mut self, text: &str, source: Source) -> Option<Arc<Told>> {
        let key = (text.to_owned(), source);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        let told = read(text, source).map(Arc::new);
        self.known.insert(key, told.clone());
        told
    }
}

/// `15.20.7595.016`.
fn is_of_cloud(text: &str) -> bool {
    text.starts_with("15.20.") || text == "15.20"
}

fn read(text: &str, source: Source) -> Option<Told> {
    let knowledge = Knowledge::shipped();
    let number = match source {
        Source::Manifest => knowledge.read_display_version(text),
        _ => knowledge.read_number(text),
    };
    match number {
        Ok(number) => told(text, source, &number),
        Err(NotANumber::TooOld { product }) => Some(too_old(text, source, product)),
        Err(_) => None,
    }
}

fn told(text: &str, source: Source, number: &Number) -> Option<Told> {
    let knowledge = Knowledge::shipped();
    let (first, last) = (*number.builds.first()?, *number.builds.last()?);
    // Other products count from other numbers; nothing below 14 or above 15 is Exchange.
    if !(14..=15).contains(&first.major) {
        return None;
    }
    let release = knowledge.release(first);
    let is_of_no_release = release.exactness == Exactness::Unknown && release.level == "unknown";
    let (precision, builds) = match (release.exactness, number.names) {
        (Exactness::Unknown, _) if is_of_no_release => (Precision::Unknown, vec![first]),
        // OWA can bear a lower number than the setup of its CU; no update bears a lower one.
        (Exactness::Unknown, _) => (Precision::NextLower, vec![plain_of_cu(first).unwrap_or(first)]),
        (Exactness::NewerThanKnown, _) => (Precision::NewerThanData, vec![first]),
        (_, names) if names != Names::Build => (Precision::CuOnly, number.builds.clone()),
        (Exactness::Exact, _) => (Precision::Exact, vec![as_set_up(first).unwrap_or(first)]),
        (Exactness::NextLower(_), _) => (Precision::NextLower, vec![first]),
    };
    let (lowest, highest) = match precision {
        Precision::CuOnly => (first, last),
        _ => (*builds.first()?, *builds.last()?),
    };
    let (low, high) = (knowledge.release(lowest), knowledge.release(highest));
    let update = match precision {
        Precision::CuOnly if source == Source::Manifest => format!("{} or later", low.update),
        Precision::CuOnly => format!("{}, update not told", low.level),
        _ => low.update_words(),
    };
    let advice = knowledge.advise(number, knowledge.state_day().0, &["CVE-2021-26855".to_owned()]);
    let seen = BuildSeen {
        text: text.to_owned(),
        place: String::new(),
        precision,
        lowest,
        highest,
        product: low.product.to_owned(),
        level: low.level.to_owned(),
        update,
        released: low.date.filter(|_| precision != Precision::NewerThanData),
        latest: high.date.filter(|_| precision != Precision::NewerThanData),
        support_end: advice.support.end.map(|day| day.0),
    };
    Some(Told { seen, source, builds, is_of_no_release })
}

/// The plain release of the CU of a build that is lower than it.
fn plain_of_cu(build: Build) -> Option<Build> {
    let cu = format!("{}.{}.{}", build.major, build.minor, build.build);
    let builds = Knowledge::shipped().read_number(&cu).ok()?.builds;
    builds.into_iter().find(|known| *known > build)
}

/// OWA of 2019 CU9 bears 15.2.858.2, the setup of it 15.2.858.5: a plain CU of which the list has two numbers, the lower one
/// without a day, is the one with the day.
fn as_set_up(build: Build) -> Option<Build> {
    let knowledge = Knowledge::shipped();
    let release = knowledge.release(build);
    let is_plain_without_day = release.date.is_none() && release.update == release.level;
    let set_up = plain_of_cu(build).filter(|_| is_plain_without_day)?;
    (knowledge.release(set_up).update == release.update).then_some(set_up)
}

/// What came before 2010 is named and nothing more: nothing is known of its updates.
fn too_old(text: &str, source: Source, product: &str) -> Told {
    let part = |place: usize| text.split('.').nth(place).and_then(|part| part.parse().ok()).unwrap_or(0);
    let build = Build::new(part(0), part(1), part(2), part(3));
    let seen = BuildSeen {
        text: text.to_owned(),
        place: String::new(),
        precision: Precision::Unknown,
        lowest: build,
        highest: build,
        product: product.to_owned(),
        level: "unknown".to_owned(),
        update: "older than what is covered".to_owned(),
        released: None,
        latest: None,
        support_end: older(product).and_then(|older| older.support_end),
    };
    Told { seen, source, builds: Vec::new(), is_of_no_release: false }
}

/// Of one CU: what the server says of itself, else the manifest, else the page, else what others say.
fn reduced(told: Vec<Arc<Told>>) -> Vec<Arc<Told>> {
    let rank = |source: Source| match source {
        Source::Header => 0,
        Source::Manifest => 1,
        Source::Page => 2,
        Source::Claim => 3,
    };
    // A page of 2010 and before names all four parts: it is as good as a header.
    let best =
        |one: &Told| if one.seen.precision == Precision::CuOnly { rank(one.source) } else { rank(one.source).min(2) };
    let mut kept: Vec<Arc<Told>> = Vec::new();
    for one in &told {
        let is_beaten = told.iter().any(|other| cu(other) == cu(one) && best(other) < best(one));
        let is_known =
            kept.iter().any(|known| known.seen.lowest == one.seen.lowest && known.seen.highest == one.seen.highest);
        if !is_beaten && !is_known {
            kept.push(Arc::clone(one));
        }
    }
    kept.sort_by_key(|one| (one.seen.lowest, one.seen.highest));
    kept
}

fn cu(told: &Told) -> (u16, u16, u16) {
    let build = told.seen.lowest;
    (build.major, build.minor, if build.major < 15 { 0 } else { build.build })
}
