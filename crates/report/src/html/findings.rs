//! Findings, each to be opened down to the raw records.

use maud::{Markup, html};
use model::assessment::{Evidence, Finding, ServerAssessment};

use super::Page;
use super::band::{proof_mark, strength};
use super::parts::{is_anchor, moment};
use super::server::part;
use crate::hostile::ForHtml;
use crate::wording::{self, bytes, number};

/// Raw records shown for one finding.
const RECORDS_MAX: usize = 12;

/// The findings of one server.
pub(super) fn of_server(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    let (shown, all) = page.findings_of(|finding| finding.server == server.server);
    let lead = "Each opens to the reason, what else it could be, and the raw records it rests on.";
    part(
        "findings",
        place,
        "Findings",
        Some(lead),
        html! {
            @if shown.is_empty() {
                div class="card" { p { "No rule found anything in the material examined." } }
            } @else {
                (list(page, &shown))
            }
            (shown_of(shown.len(), all))
        },
    )
}

/// Findings in evidence of which nobody knows whose it is.
pub(super) fn elsewhere(page: &Page<'_>) -> Markup {
    let (shown, all) = page.findings_of(|finding| !page.servers.contains(finding.server.as_str()));
    html! {
        @if !shown.is_empty() {
            section id="elsewhere" aria-labelledby="elsewhere-title" {
                h2 id="elsewhere-title" { "Findings without a server" }
                p class="lead" { "These lie in evidence that names no server of this assessment." }
                (list(page, &shown))
                (shown_of(shown.len(), all))
            }
        }
    }
}

fn shown_of(shown: usize, all: usize) -> Markup {
    html! {
        @if all > shown {
            p class="note" {
                (number(shown as u64)) " of " (number(all as u64))
                " findings are shown, those first on which an answer rests. assessment.json has all."
            }
        }
    }
}

fn list(page: &Page<'_>, findings: &[&Finding]) -> Markup {
    html! { div class="findings" { @for found in findings { (finding(page, found)) } } }
}

fn finding(page: &Page<'_>, finding: &Finding) -> Markup {
    let cited = page.cited.contains(finding.id.as_str());
    html! {
        details class={ "finding" @if cited { " print-open" } } {
            summary {
                span class="raw" { (ForHtml(&finding.id)) }
                @if finding.time.is_some() { (moment(finding.time)) } @else { span class="when" { "no time" } }
                span class="what" {
                    (ForHtml(&finding.title))
                    @if finding.count > 1 { span class="raw" { " × " (number(finding.count)) } }
                }
                span class={ "proof" @if strength(finding.proves) == 2 { " proven" } } {
                    (proof_mark(finding.proves)) (wording::proves(finding.proves))
                }
            }
            // The anchor is inside, so that following a link opens the finding without any script.
            div class="body" id=[is_anchor(&finding.id).then_some(&finding.id)] {
                p { (ForHtml(&finding.reason)) }
                (facts(finding))
                @if !finding.benign.is_empty() {
                    div {
                        h4 { "What else it could be" }
                        ul { @for benign in &finding.benign { li { (ForHtml(benign)) } } }
                    }
                }
                (records(finding))
            }
        }
    }
}

fn facts(finding: &Finding) -> Markup {
    let pair = |name: &'static str, value: Option<&str>| {
        html! { @if let Some(value) = value { dt { (name) } dd { (ForHtml(value)) } } }
    };
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    html! {
        dl class="pairs" {
            dt { "Rule" } dd { code { (ForHtml(&finding.rule)) } }
            (pair("Campaign", finding.campaign.as_deref()))
            (pair("Stage", Some(wording::stage(finding.stage))))
            (pair("Log", Some(&finding.source)))
            (pair("Client", finding.client.as_deref()))
            (pair("Account", finding.account.as_deref()))
            (pair("About", finding.subject.as_deref()))
            @if finding.last.is_some() && finding.last != finding.time {
                dt { "Seen" } dd { (moment(finding.time)) " to " (moment(finding.last)) }
            }
            @if finding.bytes > 0 { dt { "Sent to the client" } dd { (bytes(finding.bytes)) } }
            (pair("ATT&CK", joined(&finding.attack).as_deref()))
            @if !finding.references.is_empty() {
                dt { "References" } dd { @for reference in &finding.references { div { (ForHtml(reference)) } } }
            }
        }
    }
}

fn records(finding: &Finding) -> Markup {
    let shown = finding.evidence.len().min(RECORDS_MAX);
    html! {
        div {
            h4 { "Raw records" }
            @for evidence in finding.evidence.iter().take(RECORDS_MAX) { (record(evidence)) }
            @if finding.count > shown as u64 {
                p class="note" { (number(shown as u64)) " of " (number(finding.count)) " records are shown." }
            }
        }
    }
}

fn record(evidence: &Evidence) -> Markup {
    html! {
        figure class="record" {
            figcaption {
                b { (ForHtml(&evidence.path)) } br;
                "record " (number(evidence.record)) ", offset " (number(evidence.offset))
                @if let Some(time) = evidence.time { ", " (moment(Some(time))) }
                @if evidence.encoding.is_some() { ", bytes shown as Latin-1" }
            }
            pre { (ForHtml(&evidence.text)) }
        }
    }
}
