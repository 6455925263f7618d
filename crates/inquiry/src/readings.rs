//! What the code of pages says: beside the findings about them, and in full for whoever wants to see why.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::Family;
use model::assessment::PageReading;
use model::campaign::Stage;
use model::observation::FileSeen;

use crate::findings::{Material, Seen};
use crate::web_shells::as_written;

/// Pages that are told of one server. An attacker can leave any number.
const PAGES_MAX: usize = 200;

/// Adds to findings about pages what their code says.
pub(crate) fn tell(seen: &mut [Seen], files: &[FileSeen]) {
    let said: BTreeMap<&str, &str> = files
        .iter()
        .filter_map(|file| Some((file.path.as_str(), file.reading.as_ref()?.because.as_str())))
        .filter(|(_, because)| !because.is_empty())
        .collect();
    let about_files = seen.iter_mut().filter(|one| one.family == Family::File && one.finding.stage == Stage::Foothold);
    for one in about_files {
        let because = one.finding.subject.as_deref().and_then(|subject| said.get(subject));
        if let Some(because) = because {
            one.finding.reason.push_str(" What its code says: ");
            one.finding.reason.push_str(because);
        }
    }
}

/// The pages whose code speaks against them, the worst first.
pub(crate) fn list(material: &Material<'_>, seen: &[Seen]) -> Vec<PageReading> {
    let read = material.server.files.iter().filter_map(|file| Some((file, file.reading.as_ref()?)));
    let mut pages: Vec<PageReading> = read
        .map(|(file, reading)| {
            let about = seen.iter().filter(|one| one.finding.subject.as_deref() == Some(&file.path));
            PageReading {
                path: as_written(file, material),
                url: file.url.clone(),
                sha256: file.sha256.clone(),
                file: file.state,
                findings: about.map(|one| one.finding.id.clone()).collect(),
                reading: reading.clone(),
            }
        })
        .collect();
    pages.sort_by(|a, b| {
        (Reverse(a.reading.judgement), &a.path, &a.sha256).cmp(&(Reverse(b.reading.judgement), &b.path, &b.sha256))
    });
    pages.truncate(PAGES_MAX);
    pages
}
