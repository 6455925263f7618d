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

#[cfg(test)]
mod tests {
    use model::campaign::{Proves, Stage};
    use model::observation::FileSeen;
    use model::page::{Judgement, Reading};

    use crate::testing::{Builder, sighting};

    fn read(path: &str, judgement: Judgement) -> FileSeen {
        let because = "It starts programs on request: form field `note` reaches process.start.".to_owned();
        FileSeen {
            path: path.to_owned(),
            url: Some(format!("/aspnet_client/{}", path.rsplit('\\').next().unwrap_or_default())),
            reading: Some(Reading { judgement, because, ..Reading::default() }),
            ..FileSeen::default()
        }
    }

    #[test]
    fn what_code_says_stands_in_findings_answers_and_by_itself() {
        let mut builder = Builder::new();
        let rule = builder.rule("exchange-host/page-runs-input", Stage::Foothold, Proves::Persistence);
        let path = r"c:\inetpub\wwwroot\aspnet_client\b.aspx";
        let mut found = sighting(rule, "file", "2021-03-03T04:00:00Z");
        (found.subject, found.first, found.last) = (Some(path.to_owned()), None, None);
        builder.see(found);
        let look = r"c:\inetpub\wwwroot\aspnet_client\a.aspx";
        builder.server().files = vec![read(look, Judgement::Look), read(path, Judgement::Shell)];
        let assessment = builder.assess();
        let server = &assessment.servers[0];
        let order: Vec<&str> = server.pages.iter().map(|page| page.path.as_str()).collect();
        assert_eq!(order, [path, look], "the worst first");
        let about = assessment.findings.iter().find(|one| one.rule.ends_with("page-runs-input")).unwrap();
        assert!(
            about.reason.ends_with(
                "What its code says: It starts programs on request: form field `note` reaches process.start."
            )
        );
        assert_eq!(server.pages[0].findings.first(), Some(&about.id));
        let left = &server.answers.foothold.answer;
        assert!(left.contains("Web shell") && left.contains("It starts programs on request"), "{left}");
    }
}
