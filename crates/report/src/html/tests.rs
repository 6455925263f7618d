//! What the page must never do, and what it must always hold.

use model::assessment::{Assessment, Finding, Verdict};
use model::file::FileRecord;

use super::{FINDINGS_PER_SERVER_MAX, STYLE, base64, report};
use crate::hostile::is_hidden;
use crate::samples;

/// The names of all tags of a page, in order, and a complaint for whatever is not a tag of ours.
fn tags(page: &str) -> Vec<(String, String)> {
    let body = page.replace(STYLE, "");
    body.split('<')
        .skip(1)
        .map(|part| {
            let (tag, _) = part.split_once('>').expect("every tag ends");
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            (name.to_owned(), attributes.to_owned())
        })
        .collect()
}

const OURS: &str = "!DOCTYPE html head meta title style body a div header span b p strong h1 h2 h3 h4 svg path circle \
    dl dt dd small nav ol ul li main section table caption thead tbody tr th td br time details summary figure \
    figcaption pre code article footer text rect line defs pattern desc";

#[test]
fn evidence_adds_no_tag_and_no_attribute() {
    for (name, assessment, files) in samples::all() {
        let page = report(&assessment, &files);
        for (tag, attributes) in tags(&page) {
            let known = OURS.split_whitespace().any(|ours| ours == tag.trim_start_matches('/'));
            assert!(known, "{name}: <{tag}>");
            let attributes = attributes.to_lowercase();
            for bad in [" on", "href=\"http", "href=\"java", "style=", "src="] {
                let inside_value = attributes.split('"').skip(1).step_by(2).any(|value| value.contains(bad));
                assert!(!attributes.contains(bad) || inside_value, "{name}: <{tag} {attributes}>");
            }
        }
    }
}

#[test]
fn links_stay_on_the_page_and_arrive() {
    for (name, assessment, files) in samples::all() {
        let page = report(&assessment, &files);
        let targets: Vec<&str> = page.split(" href=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert!(targets.len() > 10, "{name}");
        for target in targets {
            let id = target.strip_prefix('#').unwrap_or_else(|| panic!("{name}: a link to {target}"));
            assert!(page.contains(&format!(" id=\"{id}\"")), "{name}: nothing at {target}");
        }
    }
}

#[test]
fn ids_are_used_once() {
    for (name, assessment, files) in samples::all() {
        let page = report(&assessment, &files);
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}");
    }
}

#[test]
fn nothing_invisible_reaches_the_page() {
    let (assessment, files) = samples::hostile();
    let page = report(&assessment, &files);
    let hidden: Vec<char> = page.chars().filter(|c| is_hidden(*c) && *c != '\n').collect();
    assert_eq!(hidden, Vec::<char>::new());
    assert!(page.contains("⟦U+202E⟧"));
}

#[test]
fn the_policy_names_the_style() {
    let (assessment, files) = samples::compromised();
    let page = report(&assessment, &files);
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
    assert!(!page.contains("<script"));
    assert_eq!(page.matches("<style>").count(), 1);
    assert_eq!(base64(b"Man"), "TWFu");
    assert_eq!(base64(b"Ma"), "TWE=");
    assert_eq!(base64(b"M"), "TQ==");
}

#[test]
fn headings_are_in_order() {
    for (name, assessment, files) in samples::all() {
        let page = report(&assessment, &files);
        let mut level = 0;
        for (tag, _) in tags(&page) {
            if let Some(next) = tag.strip_prefix('h').and_then(|digit| digit.parse::<u32>().ok()) {
                assert!(next <= level + 1, "{name}: h{next} after h{level}");
                level = next;
            }
        }
        assert_eq!(page.matches("<h1>").count(), 1, "{name}");
    }
}

/// The three words are never said by us; they may stand in evidence, which the samples avoid.
#[test]
fn never_promises() {
    for (name, assessment, files) in samples::all() {
        let page = report(&assessment, &files).to_lowercase();
        for word in page.split(|c: char| !c.is_alphabetic()) {
            assert!(!["clean", "safe", "guaranteed"].contains(&word), "{name}: {word}");
        }
    }
}

#[test]
fn says_that_it_is_incomplete() {
    let (mut assessment, files) = samples::compromised();
    assert!(!report(&assessment, &files).contains("Incomplete run."));
    assessment.incomplete = true;
    assert!(report(&assessment, &files).contains("Incomplete run."));
}

#[test]
fn caps_what_it_shows_and_says_so() {
    let (mut assessment, files) = samples::compromised();
    let sample = assessment.findings[0].clone();
    for number in 100..3_100 {
        assessment.findings.push(Finding { id: format!("f{number}"), ..sample.clone() });
    }
    let page = report(&assessment, &files);
    assert_eq!(page.matches("<details class=\"finding").count(), FINDINGS_PER_SERVER_MAX);
    assert!(page.contains("2,000 of 3,011 findings are shown"));
    // What an answer rests on is never what is left out.
    assert!(page.contains("id=\"f10\""));
}

#[test]
fn every_question_and_answer_is_there() {
    let (assessment, files) = samples::compromised();
    let page = report(&assessment, &files);
    for (_, question, _) in assessment.servers[0].answers.each() {
        assert!(page.contains(question), "{question}");
    }
}

#[test]
fn is_deterministic() {
    let (assessment, files) = samples::many();
    assert_eq!(report(&assessment, &files), report(&assessment.clone(), &files.clone()));
}

/// An empty assessment, and times at the edges of what can be said, draw something and do not panic.
#[test]
fn survives_the_extremes() {
    let (mut assessment, _) = samples::compromised();
    for server in &mut assessment.servers {
        server.builds[0].first_seen = model::Utc(i64::MIN);
        server.coverage[0].until = Some(model::Utc(i64::MAX));
        server.exposure[0].from = model::Utc(i64::MIN);
        server.exposure[1].until = Some(model::Utc(i64::MAX));
    }
    assert!(report(&assessment, &[]).ends_with("</html>"));
    let nothing = Assessment { servers: Vec::new(), findings: Vec::new(), verdict: Verdict::CannotTell, ..assessment };
    let files: &[FileRecord] = &[];
    assert!(report(&nothing, files).contains("No Exchange server was recognised"));
}

/// Text against what it stands on, at least 4.5 to 1 in both themes (WCAG 2.2, 1.4.3); marks at least 3 to 1 (1.4.11).
#[test]
fn colours_can_be_read() {
    let dark_at = STYLE.find("prefers-color-scheme: dark").expect("a dark theme");
    for (theme, style) in [("light", &STYLE[..dark_at]), ("dark", &STYLE[dark_at..])] {
        for ground in ["page", "card", "sunk"] {
            for ink in ["ink", "soft", "faint", "link", "bad", "warn", "open", "calm"] {
                let ratio = contrast(colour(style, ink), colour(style, ground));
                assert!(ratio >= 4.5, "{theme}: {ink} on {ground} is {ratio:.2}");
            }
        }
        for (ink, ground) in [("ink", "build"), ("warn", "warn-wash"), ("ink", "warn-wash")] {
            assert!(contrast(colour(style, ink), colour(style, ground)) >= 4.5, "{theme}: {ink} on {ground}");
        }
        for mark in ["strong-line", "focus", "bad", "warn", "faint"] {
            let ratio = contrast(colour(style, mark), colour(style, "card"));
            assert!(ratio >= 3.0, "{theme}: {mark} is {ratio:.2}");
        }
    }
}

/// Red, green and blue of the first `--name: #rrggbb` of a style sheet.
fn colour(style: &str, name: &str) -> [f64; 3] {
    let start = style.find(&format!("--{name}: #")).unwrap_or_else(|| panic!("no {name}")) + name.len() + 5;
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&style[start + at..start + at + 2], 16).expect("a colour")))
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let [red, green, blue] = colour.map(|part| {
            let part = part / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (a, b) = (luminance(a), luminance(b));
    a.max(b) / a.min(b)
}
