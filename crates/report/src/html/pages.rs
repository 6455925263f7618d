//! What the code of pages says: the ways from what is sent to what is done, and code in disguise as it reads without.

use maud::{Markup, html};
use model::assessment::{PageReading, ServerAssessment};
use model::observation::FileState;
use model::page::{Flow, Judgement, Layer, Step};

use super::Page;
use super::parts::links;
use crate::hostile::ForHtml;
use crate::wording::number;

/// Pages of one server that are shown; more are counted.
const PAGES_MAX: usize = 50;

/// The pages of one server whose code speaks against them.
pub(super) fn of_server(page: &Page<'_>, server: &ServerAssessment) -> Markup {
    let hidden = server.pages.len().saturating_sub(PAGES_MAX);
    html! {
        @if !server.pages.is_empty() {
            div class="code-said" {
                h4 { "What the code of pages says" }
                p class="note" { "Read from the code alone, without signatures. Nothing of it was run." }
                div class="findings" {
                    @for (number, read) in server.pages.iter().take(PAGES_MAX).enumerate() { (one(page, read, number == 0)) }
                }
                @if hidden > 0 { p class="note" { "and " (number(hidden as u64)) " more, in assessment.json" } }
            }
        }
    }
}

fn one(page: &Page<'_>, read: &PageReading, is_open: bool) -> Markup {
    let (word, class) = match read.reading.judgement {
        Judgement::Shell => ("web shell by its code", "proof proven"),
        Judgement::Look | Judgement::Nothing => ("look at it", "proof"),
    };
    html! {
        details class="page-said finding print-open" open[is_open] {
            summary {
                span class="what" { code { (ForHtml(&read.path)) } }
                span class=(class) { (word) }
            }
            div class="body" {
                p {
                    (ForHtml(&read.reading.because))
                    @if read.file == FileState::Deleted { " The file is deleted; its content was still in the table of files." }
                }
                dl class="pairs" {
                    @if let Some(sha256) = &read.sha256 { dt { "SHA-256" } dd { code { (ForHtml(sha256)) } } }
                    @if !read.reading.languages.is_empty() {
                        dt { "Written in" }
                        dd { (read.reading.languages.iter().map(|language| language.name()).collect::<Vec<_>>().join(", ")) }
                    }
                    @if !read.findings.is_empty() { dt { "Findings" } dd { (links(page, &read.findings)) } }
                }
                @for flow in &read.reading.flows { (way(flow)) }
                @for layer in &read.reading.layers { (disguise(layer)) }
                @for what in &read.reading.cut_off { p class="note" { "Not all of it was followed: " (ForHtml(what)) "." } }
            }
        }
    }
}

/// One way, line by line.
fn way(flow: &Flow) -> Markup {
    html! {
        figure class="record" {
            figcaption {
                b { (ForHtml(&flow.source)) " → " (ForHtml(&flow.sink)) } br;
                "It " (flow.ability.words())
            }
            pre { @for step in &flow.steps { (line(step)) } }
        }
    }
}

fn line(step: &Step) -> Markup {
    html! {
        span class="faint" {
            @if step.layer > 0 { "code " (step.layer) ", " }
            "line " (step.line) "  "
        }
        (ForHtml(&step.text)) "\n"
    }
}

fn disguise(layer: &Layer) -> Markup {
    html! {
        figure class="record" {
            figcaption {
                b { "Code " (layer.number) ", in disguise" } br;
                "Run by " (ForHtml(&layer.by)) " in line " (layer.line)
                @if layer.layer > 0 { " of code " (layer.layer) }
                ", as it reads without its disguise"
            }
            pre { (ForHtml(&layer.text)) }
        }
    }
}
