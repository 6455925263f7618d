//! `report.html`: one page that holds everything, for a manager on top and for a court at the bottom.
//!
//! Nothing is loaded, no script runs, and the page says so itself in its content security policy. Evidence text goes
//! through [`ForHtml`] and nothing else; an address in evidence is text and never a link. What is opened by hand is a
//! `<details>`. Every drawing has the same as a table beside it.
//!
//! Sources: WCAG 2.2 (AA), Content Security Policy Level 3.

mod band;
mod findings;
mod ledger;
mod pages;
pub(crate) mod parts;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::assessment::{Assessment, Finding, ServerAssessment};
use model::file::FileRecord;
use sha2::{Digest, Sha256};

use self::parts::{fact, table, tone, verdict};
use crate::hostile::{ForHtml, ForTerminal};
use crate::wording::{self, bytes, count, headline, meaning, number, time};

/// Findings of one server that the page shows at most; all are in `assessment.json`.
pub const FINDINGS_PER_SERVER_MAX: usize = 2_000;

/// Findings of all servers together that the page shows at most.
pub const FINDINGS_MAX: usize = 6_000;

/// Steps on top of the page.
const FIRST_STEPS_MAX: usize = 3;

pub(crate) const STYLE: &str = include_str!("style.css");

/// The page.
#[must_use]
pub fn report(assessment: &Assessment, files: &[FileRecord]) -> String {
    let page = Page::of(assessment);
    let order = wording::worst_first(assessment);
    let servers: Vec<(usize, &ServerAssessment)> =
        order.iter().map(|&place| (place, &assessment.servers[place])).collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(assessment))
            body {
                a class="skip" href="#main" { "Skip to the content" }
                div class="shell" {
                    (top(assessment, &servers))
                    div class="layout" {
                        (contents(&servers))
                        main id="main" {
                            (overview(&page, &servers))
                            @for (place, server) in &servers { (server::section(&page, *place, server, servers.len() > 1)) }
                            (findings::elsewhere(&page))
                            (ledger::of_all(assessment, files))
                        }
                    }
                    footer { (footer(assessment)) }
                }
            }
        }
    };
    markup.into_string()
}

/// What all parts of the page need to know.
struct Page<'a> {
    assessment: &'a Assessment,
    by_id: BTreeMap<&'a str, &'a Finding>,
    servers: BTreeSet<&'a str>,
    /// Places of the findings that are shown.
    shown: BTreeSet<usize>,
    /// Ids of the shown findings: only these can be linked.
    linkable: BTreeSet<&'a str>,
    /// Ids of the findings on which an answer, an incident or a thing found rests.
    cited: BTreeSet<&'a str>,
}

impl<'a> Page<'a> {
    fn of(assessment: &'a Assessment) -> Self {
        let cited: BTreeSet<&str> = assessment.servers.iter().flat_map(cited_by).map(String::as_str).collect();
        let share = FINDINGS_MAX / assessment.servers.len().max(1);
        let per_server_max = share.clamp(20, FINDINGS_PER_SERVER_MAX);
        let mut shown = BTreeSet::new();
        for server in &assessment.servers {
            shown.extend(strongest(assessment, &cited, |finding| finding.server == server.server, per_server_max));
        }
        let servers: BTreeSet<&str> = assessment.servers.iter().map(|server| server.server.as_str()).collect();
        shown.extend(strongest(
            assessment,
            &cited,
            |finding| !servers.contains(finding.server.as_str()),
            per_server_max,
        ));
        let linkable = shown.iter().map(|&place| assessment.findings[place].id.as_str()).collect();
        let by_id = assessment.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
        Self { assessment, by_id, servers, shown, linkable, cited }
    }

    /// The findings of a server that are shown, in the order of the assessment, and how many there are in all.
    fn findings_of(&self, belongs: impl Fn(&Finding) -> bool) -> (Vec<&'a Finding>, usize) {
        let of_server = || self.assessment.findings.iter().enumerate().filter(|(_, finding)| belongs(finding));
        let shown = of_server().filter(|(place, _)| self.shown.contains(place)).map(|(_, finding)| finding).collect();
        (shown, of_server().count())
    }
}

fn cited_by(server: &ServerAssessment) -> impl Iterator<Item = &String> {
    let answers = server.answers.each().map(|(_, _, answer)| &answer.because).into_iter().flatten();
    let incidents = server.incidents.iter().flat_map(|incident| {
        let stages = &incident.stages;
        [&stages.access, &stages.foothold, &stages.control, &stages.collection, &stages.exfiltration, &stages.cleanup]
            .into_iter()
            .flatten()
    });
    let things = server.web_shells.iter().flat_map(|shell| &shell.findings);
    let things = things.chain(server.mailboxes.iter().flat_map(|mailbox| &mailbox.findings));
    let things = things.chain(server.persistence.iter().flat_map(|persistence| &persistence.findings));
    answers.chain(incidents).chain(things)
}

/// Places of the findings that matter most: cited before others, proof before hints, early before late.
fn strongest(
    assessment: &Assessment,
    cited: &BTreeSet<&str>,
    belongs: impl Fn(&Finding) -> bool,
    findings_max: usize,
) -> Vec<usize> {
    let mut places: Vec<(usize, &Finding)> =
        assessment.findings.iter().enumerate().filter(|(_, finding)| belongs(finding)).collect();
    places.sort_by_key(|(place, finding)| {
        (!cited.contains(finding.id.as_str()), std::cmp::Reverse(finding.proves), *place)
    });
    places.into_iter().take(findings_max).map(|(place, _)| place).collect()
}

fn head(assessment: &Assessment) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="robots" content="noindex, nofollow";
            title { (headline(assessment.verdict)) " – afterpatch assessment" }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Nothing may be loaded, sent or run; the one style sheet is named by its hash.
fn policy() -> String {
    policy_of(STYLE)
}

/// The same for another style sheet.
pub(crate) fn policy_of(style: &str) -> String {
    let hash = base64(&Sha256::digest(style.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().chain(std::iter::repeat(&0)).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).expect("six bits");
            out.push(if place <= chunk.len() { char::from(ALPHABET[letter]) } else { '=' });
        }
    }
    out
}

fn top(assessment: &Assessment, servers: &[(usize, &ServerAssessment)]) -> Markup {
    let subject = match servers {
        [(_, server)] => format!("Exchange server {}", server.server),
        servers => format!("{} Exchange servers", servers.len()),
    };
    html! {
        header class="top" {
            div class="brand" {
                span { b { "afterpatch" } " " (ForHtml(&assessment.afterpatch.version)) " · compromise assessment" }
                span { "All times UTC" }
            }
            @if assessment.incomplete {
                div class="banner" role="note" {
                    p { strong { "Incomplete run." } " The assessment was interrupted before all evidence was read. What is said here holds; what is missing may say more. Run it again before relying on anything that was not found." }
                }
            }
            @if !assessment.afterpatch.rules.refused.is_empty() {
                div class="banner" role="note" {
                    p { strong { (count(assessment.afterpatch.rules.refused.len() as u64, "rule", "rules")) " did not run." }
                        " Anything only they would have found is missing here. " a href="#limits" { "Which ones" } }
                }
            }
            div class={ "hero " (tone(assessment.verdict)) } {
                p class="eyebrow" { (ForHtml(&subject)) @if servers.len() > 1 { " · worst verdict of all" } }
                h1 { (parts::icon(assessment.verdict)) (headline(assessment.verdict)) }
                // Of one server the page can say what happened; of many only what the worst verdict means.
                p class="meaning" {
                    @match servers {
                        [(_, server)] => (ForHtml(&server.summary)),
                        _ => (meaning(assessment.verdict)),
                    }
                }
                p class="meaning" { "This speaks of the material examined only. What was not logged, has been rotated away or was not collected cannot show here." }
                (totals(assessment))
            }
        }
    }
}

fn totals(assessment: &Assessment) -> Markup {
    let totals = &assessment.totals;
    let rules = &assessment.afterpatch.rules;
    let packs = count(assessment.afterpatch.packs.len() as u64, "pack", "packs");
    html! {
        dl class="facts" {
            (fact("Files read", &number(totals.files), &bytes(totals.bytes)))
            (fact("Records", &number(totals.records), "read and tested"))
            (fact("Unreadable lines", &number(totals.rejected), "counted, not skipped"))
            (fact("Unrecognised files", &number(totals.unrecognised_files), "hashed, not read"))
            (fact("Rules run", &number(rules.loaded), &packs))
        }
    }
}

fn contents(servers: &[(usize, &ServerAssessment)]) -> Markup {
    html! {
        nav class="contents" aria-labelledby="contents" {
            div {
                p class="eyebrow" id="contents" { "On this page" }
                ol {
                    li { a href="#overview" { "Overview" } }
                    @for (place, server) in servers {
                        li {
                            a href={ "#server-" (place) } { (ForHtml(&format!("{:.40}", ForTerminal(&server.server)))) }
                            @if servers.len() <= 3 { (server::contents(*place, server)) }
                        }
                    }
                    li { a href="#files" { "Files and gaps" } }
                    li { a href="#custody" { "Custody" } }
                    li { a href="#repeat" { "How to repeat this" } }
                    li { a href="#limits" { "Limits" } }
                }
            }
        }
    }
}

fn overview(page: &Page<'_>, servers: &[(usize, &ServerAssessment)]) -> Markup {
    html! {
        section id="overview" aria-labelledby="overview-title" {
            h2 id="overview-title" class="unseen" { "Overview" }
            @if servers.is_empty() {
                div class="card" {
                    p { "No Exchange server was recognised in the evidence, so no question can be answered. The files that were read are listed below." }
                }
            }
            @if servers.len() > 1 { (servers_table(page, servers)) }
            @if let Some((place, server)) = servers.first() { (first_steps(*place, server, servers.len() > 1)) }
        }
    }
}

fn first_steps(place: usize, server: &ServerAssessment, named: bool) -> Markup {
    let steps: Vec<&str> = wording::steps(&server.answers.next.answer).collect();
    if steps.is_empty() {
        return html! {};
    }
    html! {
        section class="first" aria-labelledby="first-title" {
            h3 id="first-title" { "Do first" @if named { " on " (ForHtml(&server.server)) } }
            div class="card" {
                ol class="steps" { @for step in steps.iter().take(FIRST_STEPS_MAX) { li { (ForHtml(step)) } } }
                @if steps.len() > FIRST_STEPS_MAX {
                    p class="note" { a href={ "#next-" (place) } { "All " (steps.len()) " steps" } }
                }
            }
        }
    }
}

fn servers_table(page: &Page<'_>, servers: &[(usize, &ServerAssessment)]) -> Markup {
    let columns =
        [("Server", ""), ("Verdict", ""), ("Time at risk covered", ""), ("Earliest certain", ""), ("Findings", "n")];
    table(
        "Servers, worst first",
        None,
        &columns,
        html! {
            @for (place, server) in servers {
                tr {
                    th scope="row" { a href={ "#server-" (place) } { (ForHtml(&server.server)) } }
                    td { (verdict(server.verdict)) }
                    td {
                        @if server.exposure.is_empty() { "no campaign applies" }
                        @for exposure in &server.exposure {
                            div { (ForHtml(&exposure.campaign_name)) ": " (wording::Share::of(exposure).words()) }
                        }
                    }
                    td class="t" { @match server.begin.earliest_certain { Some(begin) => (time(begin)), None => "–" } }
                    td class="n" { (number(page.findings_of(|finding| finding.server == server.server).1 as u64)) }
                }
            }
        },
    )
}

fn footer(assessment: &Assessment) -> Markup {
    html! {
        p {
            "Made by afterpatch " (ForHtml(&assessment.afterpatch.version))
            " from assessment.json. This page loads nothing, sends nothing and runs no script. Text from evidence is shown with control and invisible characters spelt out, such as "
            code { "\\x1b" } " or " code { "⟦U+202E⟧" } "; assessment.json has it byte for byte."
        }
    }
}

#[cfg(test)]
mod tests;
