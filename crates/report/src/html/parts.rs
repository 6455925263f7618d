//! Small parts that repeat on the page: verdict, table, fact, links to findings.

use maud::{Markup, html};
use model::Utc;
use model::assessment::{Confidence, Verdict};

use super::Page;
use crate::hostile::ForHtml;
use crate::wording;

/// Links to findings shown at one place; more are counted.
const LINKS_MAX: usize = 12;

/// Addresses shown at one place; more are counted.
const CLIENTS_MAX: usize = 12;

/// The class that colours a verdict. Colour never stands without word and shape.
pub(super) fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Active | Verdict::Compromised => "bad",
        Verdict::Exploited | Verdict::Targeted => "warn",
        Verdict::CannotTell => "open",
        Verdict::NoEvidence => "calm",
    }
}

/// A shape of its own for each verdict.
pub(super) fn icon(verdict: Verdict) -> Markup {
    html! {
        svg viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
            @match verdict {
                Verdict::Active => {
                    path fill="currentColor" d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" {}
                    circle cx="8" cy="8" r="3" fill="var(--card)" {}
                }
                Verdict::Compromised => { path fill="currentColor" d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" {} }
                Verdict::Exploited => { path fill="currentColor" d="M8 1l7.5 14H.5z" {} }
                Verdict::Targeted => {
                    path fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" d="M8 2.5l6 11.5H2z" {}
                }
                Verdict::CannotTell => {
                    circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3.4 1.7" {}
                    circle cx="8" cy="8" r="1.6" fill="currentColor" {}
                }
                Verdict::NoEvidence => { circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="2" {} }
            }
        }
    }
}

/// Shape and words.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    html! { span class={ "verdict " (tone(verdict)) } { (icon(verdict)) (wording::headline(verdict)) } }
}

/// How sure: words and three dots.
pub(super) fn confidence(confidence: Confidence) -> Markup {
    let filled = match confidence {
        Confidence::High => 3,
        Confidence::Medium => 2,
        Confidence::Low => 1,
        Confidence::None => 0,
    };
    html! {
        span class="sure" {
            svg viewBox="0 0 24 8" aria-hidden="true" focusable="false" {
                @for dot in 0..3 {
                    circle cx=(4 + dot * 8) cy="4" r="2.8" stroke="currentColor" fill=(if dot < filled { "currentColor" } else { "none" }) {}
                }
            }
            (wording::confidence(confidence))
        }
    }
}

/// One cell of a row of facts.
pub(crate) fn fact(name: &str, value: &str, below: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) small { (below) } } } }
}

/// A table with caption and column headings; each column has a name and a class (`n` for numbers).
pub(crate) fn table(caption: &str, below: Option<&str>, columns: &[(&str, &str)], rows: Markup) -> Markup {
    let class = if columns.len() > 3 { "table wide" } else { "table" };
    html! {
        div class=(class) tabindex="0" role="group" aria-label=(ForHtml(caption)) {
            table {
                caption { (ForHtml(caption)) @if let Some(below) = below { small { (below) } } }
                thead { tr { @for (name, class) in columns { th scope="col" class=[(!class.is_empty()).then_some(class)] { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// The ids of findings, linked where the page shows them.
pub(super) fn links(page: &Page<'_>, ids: &[String]) -> Markup {
    html! {
        @if !ids.is_empty() {
            span class="ids" {
                @for id in ids.iter().take(LINKS_MAX) { (link(page, id)) }
                @if ids.len() > LINKS_MAX { span { "and " (ids.len() - LINKS_MAX) " more" } }
            }
        }
    }
}

fn link(page: &Page<'_>, id: &str) -> Markup {
    html! {
        @if page.linkable.contains(id) && is_anchor(id) {
            a href={ "#" (id) } { span class="unseen" { "Finding " } (id) }
        } @else {
            span { (ForHtml(id)) }
        }
    }
}

/// Whether an id can stand in an address as it is.
pub(super) fn is_anchor(id: &str) -> bool {
    !id.is_empty() && id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A point in time for people and programs.
pub(super) fn moment(time: Option<Utc>) -> Markup {
    html! {
        @match time {
            Some(time) => { time class="t" datetime=(time) { (wording::time(time)) } }
            None => { span { "–" } }
        }
    }
}

/// Client addresses, one below the other.
pub(super) fn clients(clients: &[String]) -> Markup {
    html! {
        @for client in clients.iter().take(CLIENTS_MAX) { div { (ForHtml(client)) } }
        @if clients.len() > CLIENTS_MAX { div { "and " (clients.len() - CLIENTS_MAX) " more" } }
        @if clients.is_empty() { "–" }
    }
}
