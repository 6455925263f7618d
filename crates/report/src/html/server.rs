//! One server: verdict, the case for it, the band, the eleven answers, the next steps, what was found.

use maud::{Markup, html};
use model::assessment::{Answer, Incident, ServerAssessment, WebShell};
use model::campaign::{Proves, Stage};
use model::observation::FileState;

use super::parts::{clients, confidence, links, moment, table, verdict};
use super::{Page, band, findings, ledger, pages};
use crate::hostile::ForHtml;
use crate::wording::{self, STAGES, Share, bytes, number};

/// Rows of one table of things found; more are counted.
const ROWS_MAX: usize = 200;

/// Incidents drawn for one server; more are counted.
const INCIDENTS_MAX: usize = 25;

/// The section of one server. The top of the page has the summary already when there is only one.
pub(super) fn section(page: &Page<'_>, place: usize, server: &ServerAssessment, one_of_many: bool) -> Markup {
    let below = if one_of_many { &server.summary } else { wording::meaning(server.verdict) };
    html! {
        section class="server" id={ "server-" (place) } aria-labelledby={ "server-title-" (place) } {
            header {
                h2 id={ "server-title-" (place) } { (ForHtml(&server.server)) }
                p { (verdict(server.verdict)) }
                p class="summary" { (ForHtml(below)) }
            }
            (reasons(place, server))
            (window(page, place, server))
            (answers(page, place, server))
            (next(place, server))
            (incidents(page, place, server))
            (left_behind(page, place, server))
            (mailboxes(page, place, server))
            (findings::of_server(page, place, server))
            (ledger::coverage(place, server))
        }
    }
}

/// The links to the parts of one server.
pub(super) fn contents(place: usize, server: &ServerAssessment) -> Markup {
    let something_left = !server.web_shells.is_empty() || !server.persistence.is_empty() || !server.pages.is_empty();
    let parts = [
        ("reasons", "Why this verdict", true),
        ("window", "Time at risk", true),
        ("answers", "Eleven questions", true),
        ("next", "What to do next", true),
        ("incidents", "Incidents", !server.incidents.is_empty()),
        ("left", "Left behind", something_left),
        ("mail", "Mailboxes", !server.mailboxes.is_empty()),
        ("findings", "Findings", true),
        ("coverage", "Coverage", true),
    ];
    html! {
        ol { @for (anchor, name, there) in parts { @if there { li { a href={ "#" (anchor) "-" (place) } { (name) } } } } }
    }
}

/// A titled part of a server's section.
pub(super) fn part(anchor: &str, place: usize, title: &str, lead: Option<&str>, body: Markup) -> Markup {
    html! {
        section id={ (anchor) "-" (place) } aria-labelledby={ (anchor) "-title-" (place) } {
            h3 id={ (anchor) "-title-" (place) } { (title) }
            @if let Some(lead) = lead { p class="lead" { (lead) } }
            (body)
        }
    }
}

fn reasons(place: usize, server: &ServerAssessment) -> Markup {
    let reasons = &server.reasons;
    part(
        "reasons",
        place,
        "Why this verdict",
        None,
        html! {
            div class="card reasons" {
                div {
                    h4 { "What it rests on" }
                    ul { @for reason in &reasons.because { li { (ForHtml(reason)) } } }
                }
                div {
                    h4 { "Why it is not one step worse" }
                    p { (ForHtml(&reasons.not_worse)) }
                }
                div {
                    h4 { "What would change it" }
                    ul { @for change in &reasons.would_change { li { (ForHtml(change)) } } }
                }
            }
        },
    )
}

fn window(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    let lead = "When the server was open, what the evidence covers of that time, and when an attacker was seen.";
    part(
        "window",
        place,
        "Time at risk",
        Some(lead),
        html! {
            (band::band(page, place, server))
            @if !server.exposure.is_empty() { (exposures(server)) }
            @if server.exposure.iter().any(|exposure| !exposure.uncovered.is_empty()) { (missing(server)) }
        },
    )
}

fn exposures(server: &ServerAssessment) -> Markup {
    let columns = [("Campaign", ""), ("Verdict", ""), ("Open from", ""), ("Open until", ""), ("Covered", "")];
    table(
        "Exposure by campaign",
        None,
        &columns,
        html! {
            @for exposure in wording::worst_exposures_first(server) {
                @let was_open = wording::was_open(exposure);
                tr {
                    th scope="row" { (ForHtml(&exposure.campaign_name)) small { (ForHtml(&exposure.cves.join(", "))) } }
                    td { (verdict(exposure.verdict)) }
                    td {
                        @if was_open { (moment(Some(exposure.from))) } @else { "not shown to be open" }
                        small { (ForHtml(&exposure.from_basis)) }
                    }
                    td {
                        @if !was_open { "–" }
                        @else if exposure.until.is_some() { (moment(exposure.until)) }
                        @else { "still open" }
                        small { (ForHtml(&exposure.until_basis)) }
                    }
                    td { @if was_open { (Share::of(exposure).words()) } @else { "–" } }
                }
            }
        },
    )
}

fn missing(server: &ServerAssessment) -> Markup {
    let columns = [("Not covered", ""), ("Campaign", ""), ("Why", ""), ("What would settle it", "")];
    let stretches =
        server.exposure.iter().flat_map(|exposure| exposure.uncovered.iter().map(move |span| (exposure, span)));
    let all = stretches.clone().count();
    html! {
        (table("What the evidence does not cover", None, &columns, html! {
            @for (exposure, span) in stretches.take(ROWS_MAX) {
                tr {
                    th scope="row" { (moment(Some(span.from))) small { "until " (wording::time(span.until)) } }
                    td { (ForHtml(&exposure.campaign_name)) }
                    td { (ForHtml(&span.why)) }
                    td class="w" { (ForHtml(&span.settle)) }
                }
            }
        }))
        (more(all, ROWS_MAX))
    }
}

/// Says how many rows are not shown.
pub(super) fn more(all: usize, shown_max: usize) -> Markup {
    html! {
        @if all > shown_max {
            p class="note" { "The first " (number(shown_max as u64)) " of " (number(all as u64)) " are shown; assessment.json has all." }
        }
    }
}

fn answers(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    let lead = "The questions that follow a mail-server zero-day, answered from this evidence alone.";
    part(
        "answers",
        place,
        "Eleven questions",
        Some(lead),
        html! {
            dl class="card questions" {
                @for (key, question, answer) in server.answers.each() {
                    div {
                        dt { (question) }
                        dd {
                            @if key == "next" {
                                p { a href={ "#next-" (place) } { "See what to do next" } "." }
                            } @else {
                                @for line in answer.answer.lines() { p { (ForHtml(line)) } }
                            }
                            (unknown(answer))
                            p class="meta" {
                                (confidence(answer.confidence))
                                @if !answer.because.is_empty() { span { "Because of " (links(page, &answer.because)) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn unknown(answer: &Answer) -> Markup {
    html! {
        @if !answer.unknown.is_empty() {
            ul class="unknown" { @for unknown in &answer.unknown { li { "Open: " (ForHtml(unknown)) } } }
        }
    }
}

fn next(place: usize, server: &ServerAssessment) -> Markup {
    part(
        "next",
        place,
        "What to do next",
        None,
        html! {
            div class="card" {
                ol class="steps" { @for step in wording::steps(&server.answers.next.answer) { li { (ForHtml(step)) } } }
            }
        },
    )
}

fn incidents(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    if server.incidents.is_empty() {
        return html! {};
    }
    let lead = "One attacker's chain each, stitched across logs.";
    part(
        "incidents",
        place,
        "Incidents",
        Some(lead),
        html! {
            @for found in wording::furthest_first(&server.incidents).into_iter().take(INCIDENTS_MAX) { (incident(page, server, found)) }
            (more(server.incidents.len(), INCIDENTS_MAX))
        },
    )
}

fn incident(page: &Page<'_>, server: &ServerAssessment, incident: &Incident) -> Markup {
    html! {
        article class="card" {
            h4 { (ForHtml(&incident.id)) ": " (wording::outcome(incident.outcome)) }
            dl class="pairs" {
                dt { "Looks like" } dd { (ForHtml(wording::campaign_name(server, &incident.campaign))) }
                @if !incident.also.is_empty() {
                    @let also: Vec<&str> = incident.also.iter().map(|id| wording::campaign_name(server, id)).collect();
                    dt { "And with it" } dd { (ForHtml(&also.join(", "))) }
                }
                dt { "Came in" } dd { (wording::entry(incident.entry)) }
                dt { "From" } dd { (clients(&incident.clients)) }
                dt { "Seen" } dd { (moment(incident.first)) " to " (moment(incident.last)) }
            }
            ol class="chain" aria-label="Stages" { @for stage in STAGES { (stage_item(page, incident, stage)) } }
        }
    }
}

fn stage_item(page: &Page<'_>, incident: &Incident, stage: Stage) -> Markup {
    let stages = &incident.stages;
    let ids = match stage {
        Stage::Access => &stages.access,
        Stage::Foothold => &stages.foothold,
        Stage::Control => &stages.control,
        Stage::Collection => &stages.collection,
        Stage::Exfiltration => &stages.exfiltration,
        Stage::Cleanup => &stages.cleanup,
    };
    let findings = ids.iter().filter_map(|id| page.by_id.get(id.as_str()));
    let first = findings.clone().filter_map(|finding| finding.time).min();
    let proven = findings.map(|finding| finding.proves).any(|proves| proves >= Proves::Success);
    let class = match (ids.is_empty(), proven) {
        (true, _) => "none",
        (false, true) => "reached",
        (false, false) => "tried",
    };
    html! {
        li class=(class) {
            b { (wording::stage(stage)) }
            @if ids.is_empty() { "not seen" } @else {
                div { (if proven { "proven, " } else { "not proven, " }) (wording::count(ids.len() as u64, "finding", "findings")) }
                div { (moment(first)) }
                div { (links(page, ids)) }
            }
        }
    }
}

fn left_behind(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    if server.web_shells.is_empty() && server.persistence.is_empty() && server.pages.is_empty() {
        return html! {};
    }
    part(
        "left",
        place,
        "Left behind",
        None,
        html! {
            @if !server.web_shells.is_empty() { (web_shells(page, server)) }
            @if !server.persistence.is_empty() { (persistence(page, server)) }
            (pages::of_server(page, server))
        },
    )
}

fn web_shells(page: &Page<'_>, server: &ServerAssessment) -> Markup {
    let columns = [("Path", ""), ("When", ""), ("Uses", "n"), ("File", ""), ("From", ""), ("Findings", "")];
    html! {
        (table("Web shells", Some("Uses are requests answered with 200."), &columns, html! {
            @for shell in server.web_shells.iter().take(ROWS_MAX) { (web_shell(page, shell)) }
        }))
        (more(server.web_shells.len(), ROWS_MAX))
    }
}

fn web_shell(page: &Page<'_>, shell: &WebShell) -> Markup {
    let file = match (shell.file, shell.present) {
        (Some(FileState::Deleted), _) => "deleted",
        (Some(FileState::Listed), _) => "listed, not collected",
        (_, Some(true)) => "in the evidence",
        (_, Some(false)) => "gone",
        (_, None) => "web folders not collected",
    };
    html! {
        tr {
            th scope="row" {
                code { (ForHtml(&shell.path)) }
                @if let Some(url) = &shell.url { @if *url != shell.path { small { (ForHtml(url)) } } }
                @if let Some(sha256) = &shell.sha256 { small { "SHA-256 " code { (ForHtml(sha256)) } } }
            }
            td class="t" {
                @if shell.written.is_some() { div { "Written " (moment(shell.written)) @if let Some(basis) = shell.written_basis { small { (wording::written_basis(basis)) } } } }
                @if shell.compiled.is_some() { div { "Compiled " (moment(shell.compiled)) } }
                @if shell.first_use.is_some() { div { "First use " (moment(shell.first_use)) } }
                @if shell.last_use.is_some() { div { "Last use " (moment(shell.last_use)) } }
                @if [shell.written, shell.compiled, shell.first_use, shell.last_use] == [None; 4] { "–" }
            }
            td class="n" { (number(shell.uses)) }
            td { (file) }
            td class="c" { (clients(&shell.clients)) }
            td { (links(page, &shell.findings)) }
        }
    }
}

fn persistence(page: &Page<'_>, server: &ServerAssessment) -> Markup {
    html! {
        (table("Other persistence", None, &[("Name", ""), ("Kind", ""), ("Findings", "")], html! {
            @for found in server.persistence.iter().take(ROWS_MAX) {
                tr {
                    th scope="row" { code { (ForHtml(&found.name)) } }
                    td { (ForHtml(&found.kind.replace('-', " "))) }
                    td { (links(page, &found.findings)) }
                }
            }
        }))
        (more(server.persistence.len(), ROWS_MAX))
    }
}

fn mailboxes(page: &Page<'_>, place: usize, server: &ServerAssessment) -> Markup {
    if server.mailboxes.is_empty() {
        return html! {};
    }
    let columns =
        [("Mailbox", ""), ("How", ""), ("Requests", "n"), ("Sent", "n"), ("First", ""), ("Last", ""), ("Findings", "")];
    part(
        "mail",
        place,
        "Mailboxes",
        None,
        html! {
            (table("Mailboxes that were read", None, &columns, html! {
                @for mailbox in server.mailboxes.iter().take(ROWS_MAX) {
                    tr {
                        th scope="row" { (ForHtml(&mailbox.mailbox)) }
                        td { (ForHtml(&mailbox.how)) }
                        td class="n" { (number(mailbox.requests)) }
                        td class="n" { (bytes(mailbox.bytes)) }
                        td { (moment(mailbox.first)) }
                        td { (moment(mailbox.last)) }
                        td { (links(page, &mailbox.findings)) }
                    }
                }
            }))
            (more(server.mailboxes.len(), ROWS_MAX))
        },
    )
}
