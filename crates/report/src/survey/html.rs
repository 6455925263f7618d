//! `survey.html`: one page that loads nothing, runs nothing and can be printed, in the style of the assessment's.
//!
//! Text from outside goes through [`ForHtml`] and nothing else. Every drawing has the same as a table beside it.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::survey::{Change, ChangeKind, Diff, Exposure, Network, Point, Server, Survey, Table};

use super::charts::{self, Bars};
use super::{day, interval, sentence};
use crate::hostile::ForHtml;
use crate::html::parts::{fact, table};
use crate::html::{STYLE, policy_of};
use crate::wording::{count, number};

/// Rows of a table on the page; all are in `survey.json`.
const ROWS_MAX: usize = 100;

/// Changes named on the page.
const CHANGES_MAX: usize = 300;

/// Title, caption and kind of each count, in the order of the page.
const COUNTS: [(&str, &str, &str, Bars); 8] = [
    ("cve", "By hole", "Servers that have it. Light: the version does not say.", Bars::Own),
    ("product", "By product", "Open servers among all of the product.", Bars::Open),
    ("update", "By update", "Open servers among all on this update, the worst of a farm.", Bars::Open),
    (
        "age",
        "By age of the patch level",
        "Days since the installed update came out. Light: only the cumulative update is visible.",
        Bars::Own,
    ),
    ("country", "By country", "Open servers among all of the country.", Bars::Open),
    ("asn", "By network", "Open servers among all of the network.", Bars::Open),
    ("support", "By support", "Open servers among all.", Bars::Open),
    ("tls", "By lowest TLS version seen", "Open servers among all.", Bars::Open),
];

/// The page.
#[must_use]
pub fn page(survey: &Survey) -> String {
    let style = style();
    let tone = match (survey.totals.open.at_least, survey.totals.open.at_most) {
        (0, 0) => "calm",
        (0, _) => "open",
        _ => "bad",
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy_of(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex, nofollow";
                title { (ForHtml(&sentence(survey))) " – afterpatch survey" }
                style { (PreEscaped(&style)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                div class="shell" {
                    (top(survey, tone))
                    div class="layout" {
                        (contents(survey))
                        main id="main" {
                            (trend(&survey.trend))
                            @if let Some(diff) = &survey.diff { (changed(diff)) }
                            (counts(survey))
                            (servers(survey))
                            (not_seen(survey))
                            (method(survey))
                        }
                    }
                    footer { p { "Made by afterpatch " (ForHtml(&survey.afterpatch)) " from survey.json. This page loads nothing, sends nothing and runs no script." } }
                }
            }
        }
    };
    markup.into_string()
}

/// The style of the assessment's page, and what a survey has besides.
pub(super) fn style() -> String {
    [STYLE, include_str!("style.css")].concat()
}

fn top(survey: &Survey, tone: &str) -> Markup {
    let totals = &survey.totals;
    html! {
        header class="top" {
            div class="brand" {
                span { b { "afterpatch" } " " (ForHtml(&survey.afterpatch)) " · survey" }
                span { "All times UTC" }
            }
            @if !survey.run.finished {
                div class="banner" role="note" { p { strong { "Incomplete run." } " It was broken off. What is counted here was seen; what was not reached is missing." } }
            }
            div class={ "hero " (tone) } {
                p class="eyebrow" { (ForHtml(&survey.run.scope)) " · " (day(survey.run.last)) }
                h1 { (ForHtml(&sentence(survey))) }
                p class="meaning" { "Counted from outside, by the version that each server shows. A server behind several addresses counts once. Where a version does not say which update is installed, the server counts only towards “at most”." }
                dl class="facts" {
                    (fact("Open servers", &interval(totals.open), &format!("at {} addresses", interval(totals.open_addresses))))
                    (fact("Exchange servers", &interval(totals.servers), &format!("at {} addresses", interval(totals.addresses))))
                    (fact("Without support", &interval(totals.unsupported), "servers"))
                    (fact("No version seen", &number(totals.no_version), "servers"))
                    (fact("Targets", &number(totals.targets), &format!("{} answered", number(totals.answered))))
                }
            }
        }
    }
}

fn contents(survey: &Survey) -> Markup {
    html! {
        nav class="contents" aria-labelledby="contents" {
            div {
                p class="eyebrow" id="contents" { "On this page" }
                ol {
                    @if survey.trend.len() > 1 { li { a href="#trend" { "Over time" } } }
                    @if survey.diff.is_some() { li { a href="#changed" { "What changed" } } }
                    li { a href="#counts" { "Counts" } }
                    li { a href="#servers" { "Servers" } }
                    li { a href="#unseen" { "What was not seen" } }
                    li { a href="#method" { "Method and limits" } }
                }
            }
        }
    }
}

fn trend(points: &[Point]) -> Markup {
    if points.len() < 2 {
        return html! {};
    }
    let columns =
        [("Run", ""), ("Day", ""), ("Servers", "n"), ("Open at least", "n"), ("Open at most", "n"), ("Answered", "n")];
    html! {
        section id="trend" aria-labelledby="trend-title" {
            h2 id="trend-title" { "Over time" }
            p class="lead" { "Runs of the same scope. Between the solid and the dashed line lie the servers whose version does not say." }
            div class="plot" {
                figure { (charts::lines(points)) }
                details class="more print-open" {
                    summary { "The same as a table" }
                    (table("Runs of this scope", None, &columns, html! {
                        @for point in points {
                            tr {
                                th scope="row" { (point.run) }
                                td class="t" { (day(Some(point.day))) }
                                td class="n" { (interval(point.servers)) }
                                td class="n" { (number(point.open.at_least)) }
                                td class="n" { (number(point.open.at_most)) }
                                td class="n" { (number(point.answered)) " of " (number(point.targets)) }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn changed(diff: &Diff) -> Markup {
    let named: Vec<&Change> = diff.changes.iter().filter(|change| change.kind != ChangeKind::StillOpen).collect();
    html! {
        section id="changed" aria-labelledby="changed-title" {
            h2 id="changed-title" { "What changed" }
            p class="lead" { "From run " (diff.from.id) " of " (day(diff.from.last)) " to run " (diff.to.id) " of " (day(diff.to.last)) ", server by server." }
            @if !diff.caveats.is_empty() {
                div class="card" { ul class="plain" { @for caveat in &diff.caveats { li { (caveat) } } } }
            }
            (table("Servers", None, &[("What became of them", ""), ("Servers", "n")], html! {
                @for (kind, times) in diff.counts.iter().filter(|(_, times)| *times > 0) {
                    tr { th scope="row" { (kind.words()) } td class="n" { (number(*times)) } }
                }
            }))
            @if !named.is_empty() {
                details class="more" {
                    summary { "Which servers" }
                    (table("Changes", Some(&format!("{} named here; the rest is in survey.json", count(named.len().min(CHANGES_MAX) as u64, "change", "changes"))),
                        &[("Server", ""), ("What became of it", ""), ("Before", ""), ("Now", ""), ("Network", "")], html! {
                        @for change in named.iter().take(CHANGES_MAX) {
                            tr {
                                th scope="row" { (ForHtml(&change.server)) }
                                td { (change.kind.words()) }
                                td { (ForHtml(change.before.as_deref().unwrap_or("–"))) }
                                td { (ForHtml(change.after.as_deref().unwrap_or("–"))) }
                                td { (network(&change.network)) }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn counts(survey: &Survey) -> Markup {
    html! {
        section id="counts" aria-labelledby="counts-title" {
            h2 id="counts-title" { "Counts" }
            p class="lead" { "Solid: at least. Light with an edge: at most. Grey: all servers of the row, where they are drawn." }
            @for (by, title, caption, bars) in COUNTS {
                @if let Some(counted) = survey.tables.iter().find(|table| table.by == by) { (one_count(counted, title, caption, bars)) }
            }
        }
    }
}

fn one_count(counted: &Table, title: &str, caption: &str, bars: Bars) -> Markup {
    let rows: Vec<_> =
        counted.rows.iter().filter(|row| bars == Bars::Open || row.counted.at_most > 0).cloned().collect();
    if rows.is_empty() {
        return html! {};
    }
    let mut drawn = rows.clone();
    for row in &mut drawn {
        if let (true, Some(note)) = (counted.by == "asn", &row.note) {
            row.label = format!("{} {note}", row.label);
        }
        // The name of the product alone would fill the room.
        if let (true, Some(short)) = (counted.by == "update", row.label.strip_prefix("Exchange Server ")) {
            row.label = short.to_owned();
        }
    }
    let left = rows.len().saturating_sub(ROWS_MAX) as u64 + counted.omitted.0;
    html! {
        div class="plot" {
            h3 { (title) }
            figure {
                figcaption { (caption) @if rows.len() > charts::BARS_MAX { " The first " (charts::BARS_MAX) " of " (number(rows.len() as u64 + counted.omitted.0)) "." } }
                (charts::bars(&drawn, bars))
            }
            details class="more" {
                summary { "The same as a table" }
                (table(title, (left > 0).then_some("Shortened; survey.json has more"), &[("", ""), ("Servers", "n"), ("At least", "n"), ("At most", "n")], html! {
                    @for row in rows.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { (ForHtml(&row.label)) @if let Some(note) = &row.note { small { (ForHtml(note)) } } }
                            td class="n" { (number(row.all)) }
                            td class="n" { (number(row.counted.at_least)) }
                            td class="n" { (number(row.counted.at_most)) }
                        }
                    }
                }))
            }
        }
    }
}

/// Servers on the page.
const SERVERS_SHOWN_MAX: usize = 200;

fn servers(survey: &Survey) -> Markup {
    let shown = survey.servers.len().min(SERVERS_SHOWN_MAX);
    let all = survey.servers.len() as u64 + survey.servers_omitted;
    let below = format!("{} of {} are shown, the most open first", number(shown as u64), number(all));
    let columns = [("Server", ""), ("Addresses", ""), ("Update", ""), ("Holes", "n"), ("Network", "")];
    html! {
        section id="servers" aria-labelledby="servers-title" {
            h2 id="servers-title" { "Servers" }
            p class="lead" { "All targets with all columns: " a href="survey.csv" { "survey.csv" } "." }
            (table("Exchange servers", Some(&below), &columns, html! {
                @for server in survey.servers.iter().take(shown) { (server_row(server)) }
            }))
        }
    }
}

fn server_row(server: &Server) -> Markup {
    html! {
        tr {
            th scope="row" { (ForHtml(&server.name)) }
            td { @for address in &server.addresses { div { (ForHtml(address)) } } @if server.addresses_omitted > 0 { div { "and " (number(server.addresses_omitted)) " more" } } }
            td { (ForHtml(&server.update)) small { (ForHtml(&server.product)) @if server.mixed { ", answers of different builds" } } }
            td class="n" {
                @match server.exposure {
                    Exposure::Open => { span class="verdict bad" { (number(server.holes.0)) } }
                    Exposure::Undetermined => { "not told" }
                    Exposure::Closed => { "0" }
                }
                @if server.holes.1 > 0 { small { (number(server.holes.1)) " not told" } }
            }
            td { (network(&server.network)) }
        }
    }
}

fn network(network: &Network) -> Markup {
    html! {
        @if let Some(country) = &network.country { (ForHtml(country)) " " }
        @if let Some(asn) = network.asn { "AS" (asn) }
        @if let Some(name) = &network.as_name { small { (ForHtml(name)) } }
        @if network.country.is_none() && network.asn.is_none() { "–" }
    }
}

fn not_seen(survey: &Survey) -> Markup {
    let kinds = survey.tables.iter().find(|table| table.by == "kind");
    html! {
        section id="unseen" aria-labelledby="unseen-title" {
            h2 id="unseen-title" { "What was not seen" }
            p class="lead" { "A target that does not answer is a row here and never a server without holes." }
            (table("How looking ended", None, &[("Outcome", ""), ("Targets", "n"), ("Most frequent reasons", "w")], html! {
                @for row in &survey.outcomes {
                    tr { th scope="row" { (ForHtml(&row.label)) } td class="n" { (number(row.all)) } td { (ForHtml(row.note.as_deref().unwrap_or("–"))) } }
                }
            }))
            @if let Some(kinds) = kinds {
                (table("What answered", Some("Only the first two rows count as Exchange servers"), &[("Kind", ""), ("Counted once", "n")], html! {
                    @for row in &kinds.rows { tr { th scope="row" { (ForHtml(&row.label)) } td class="n" { (number(row.all)) } } }
                }))
            }
        }
    }
}

fn method(survey: &Survey) -> Markup {
    let run = &survey.run;
    html! {
        section id="method" aria-labelledby="method-title" {
            h2 id="method-title" { "Method and limits" }
            div class="card" {
                ul class="plain" {
                    li { "A count is an interval. “At least” holds servers whose version names a build without the fix; “at most” adds those whose version does not say, and those of which it is not sure that they are Exchange servers." }
                    li { "A version is what a server says of itself. It can be wrong, rewritten or older than what runs behind it." }
                    li { "Mitigations such as Extended Protection or the Emergency Mitigation service cannot be seen from outside." }
                    li { "Servers are told apart by the name that they give themselves and their certificate, else by address and port. Two servers behind one name and certificate count once." }
                    li { "Country and network are those of the address, as the tables below say; a mail service of another country may stand behind it." }
                    @for note in &survey.notes { li { (ForHtml(note)) } }
                }
                dl class="pairs" {
                    dt { "Run" } dd { (run.id) ", " (day(run.first)) " to " (day(run.last)) }
                    @if let Some(ticket) = &run.ticket { dt { "Order" } dd { (ForHtml(ticket)) } }
                    dt { "Builds and holes known until" } dd { (day(run.data_date)) }
                    dt { "Tables of networks" }
                    dd {
                        @for table in &run.networks { div { (ForHtml(&table.name)) " of " (day(table.date)) } }
                        @if run.networks.is_empty() { "none: only what scanners said" }
                    }
                }
            }
        }
    }
}
