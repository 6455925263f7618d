//! The account of the evidence: coverage, gaps, files, how to repeat it, limits.

use std::collections::BTreeMap;

use maud::{Markup, html};
use model::assessment::{Assessment, ServerAssessment};
use model::file::{FileRecord, Kind, Outcome};

use super::parts::{moment, table};
use super::server::{more, part};
use crate::hostile::ForHtml;
use crate::manifest;
use crate::wording::{self, bytes, number};

/// Rows of one table of this part; more are counted.
const ROWS_MAX: usize = 200;

/// Gaps named for one source; more are counted.
const GAPS_MAX: usize = 6;

/// The coverage ledger of one server.
pub(super) fn coverage(place: usize, server: &ServerAssessment) -> Markup {
    let columns = [
        ("Source", ""),
        ("First", ""),
        ("Last", ""),
        ("Files", "n"),
        ("Records", "n"),
        ("Unreadable", "n"),
        ("Silence inside", ""),
    ];
    let lead = "What was read of this server. A log that is missing here cannot have shown anything.";
    part(
        "coverage",
        place,
        "Coverage",
        Some(lead),
        html! {
            @if server.coverage.is_empty() {
                div class="card" { p { "No log of this server was read." } }
            } @else {
                (table("Coverage by source", None, &columns, html! {
                    @for source in server.coverage.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { (ForHtml(&source.source)) }
                            td { (moment(source.from)) }
                            td { (moment(source.until)) }
                            td class="n" { (number(source.files)) }
                            td class="n" { (number(source.records)) }
                            td class="n" { (number(source.rejected)) }
                            td {
                                @if source.gaps.is_empty() { "none" }
                                @for gap in source.gaps.iter().take(GAPS_MAX) {
                                    div { (wording::time(gap.from)) ", " (wording::length(gap.until.secs_since(gap.from))) }
                                }
                                @if source.gaps.len() > GAPS_MAX { div { "and " (source.gaps.len() - GAPS_MAX) " more" } }
                            }
                        }
                    }
                }))
                (more(server.coverage.len(), ROWS_MAX))
            }
        },
    )
}

/// Files, gaps, how to repeat, limits.
pub(super) fn of_all(assessment: &Assessment, files: &[FileRecord]) -> Markup {
    html! {
        section id="files" aria-labelledby="files-title" {
            h2 id="files-title" { "Files and gaps" }
            (files_by_kind(files))
            (troubled_files(files))
            (gaps(assessment))
        }
        (custody(assessment))
        (repeat(assessment, files))
        (limits(assessment))
    }
}

#[derive(Default)]
struct Sum {
    files: u64,
    bytes: u64,
    records: u64,
    rejected: u64,
}

fn files_by_kind(files: &[FileRecord]) -> Markup {
    let mut sums: BTreeMap<Kind, Sum> = BTreeMap::new();
    for file in files {
        let sum = sums.entry(file.kind).or_default();
        sum.files += 1;
        sum.bytes = sum.bytes.saturating_add(file.size);
        sum.records = sum.records.saturating_add(file.records);
        sum.rejected = sum.rejected.saturating_add(file.rejected);
    }
    let columns = [("Kind", ""), ("Files", "n"), ("Size", "n"), ("Records", "n"), ("Unreadable lines", "n")];
    html! {
        p class="lead" { "manifest.jsonl names every file with its size, SHA-256 and line counts." }
        (table("Files by kind", None, &columns, html! {
            @for (kind, sum) in &sums {
                tr {
                    th scope="row" { (wording::kind(*kind)) }
                    td class="n" { (number(sum.files)) }
                    td class="n" { (bytes(sum.bytes)) }
                    td class="n" { (number(sum.records)) }
                    td class="n" { (number(sum.rejected)) }
                }
            }
        }))
    }
}

fn troubled_files(files: &[FileRecord]) -> Markup {
    let troubled = || {
        files.iter().filter(|file| {
            file.rejected > 0
                || file.outcome != Outcome::Complete
                || file.clock_shift_secs != 0
                || !file.notes.is_empty()
        })
    };
    let all = troubled().count();
    let columns = [("File", ""), ("Reading", ""), ("Records", "n"), ("Unreadable", "n"), ("Main reason", "")];
    html! {
        @if all > 0 {
            (table("Files that were not read in full, or not as they are", None, &columns, html! {
                @for file in troubled().take(ROWS_MAX) {
                    tr {
                        th scope="row" { code { (ForHtml(&file.path)) } }
                        td { (reading(file)) }
                        td class="n" { (number(file.records)) }
                        td class="n" { (number(file.rejected)) }
                        td { @if let Some(reason) = file.reasons.first() { (ForHtml(&reason.reason)) } @else { "–" } }
                    }
                }
            }))
            (more(all, ROWS_MAX))
        }
    }
}

fn reading(file: &FileRecord) -> Markup {
    html! {
        @match &file.outcome {
            Outcome::Complete => "to its end",
            Outcome::Unreadable(reason) => { "not readable: " (ForHtml(reason)) }
            Outcome::Vanished => "gone, or held back, when it was to be read",
            Outcome::NotRegular => "a link or device, never followed",
            Outcome::Encrypted(how) => { "encrypted: " (ForHtml(how)) }
            Outcome::LimitReached(which) => { "not read further: " (ForHtml(which)) }
            Outcome::Interrupted => "interrupted",
        }
        @for note in &file.notes { small { (ForHtml(note)) } }
        @if file.clock_shift_secs != 0 { small { "times moved by " (file.clock_shift_secs) " s to UTC" } }
    }
}

fn gaps(assessment: &Assessment) -> Markup {
    html! {
        @if !assessment.gaps.is_empty() {
            (table("What was lost, file by file", None, &[("File", ""), ("Server", ""), ("What", "")], html! {
                @for gap in assessment.gaps.iter().take(ROWS_MAX) {
                    tr {
                        th scope="row" { code { (ForHtml(&gap.path)) } }
                        td { (ForHtml(gap.server.as_deref().unwrap_or("not known"))) }
                        td class="w" { (ForHtml(&gap.what)) }
                    }
                }
            }))
            (more(assessment.gaps.len(), ROWS_MAX))
        }
    }
}

/// How the evidence is held, and how to check it.
fn custody(assessment: &Assessment) -> Markup {
    let collected = &assessment.custody.collected;
    let columns = [("File", ""), ("As written down", ""), ("As it is", ""), ("What it can mean", "")];
    html! {
        section id="custody" aria-labelledby="custody-title" {
            h2 id="custody-title" { "Custody" }
            div class="card" {
                p { "Evidence was opened to be read only. " code { "custody.json" } " holds the size and SHA-256 of every file of this report, of which "
                    code { "manifest.jsonl" } " holds those of every file of the evidence. " code { "afterpatch verify DIR EVIDENCE" }
                    " compares both with what is there now." }
                p { (wording::collected(collected)) }
            }
            @if !collected.differ.is_empty() {
                (table("Files that are not what the collector wrote down", None, &columns, html! {
                    @for one in collected.differ.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { code { (ForHtml(&one.path)) } }
                            td { (one.algorithm) " " code { (ForHtml(&one.claimed)) } @if let Some(size) = one.claimed_size { ", " (bytes(size)) }
                                small { (ForHtml(&one.by)) ", line " (number(one.record)) } }
                            td { code { (ForHtml(&one.found)) } ", " (bytes(one.size)) }
                            td class="w" { (ForHtml(&one.what)) }
                        }
                    }
                }))
                (more(collected.differ.len(), ROWS_MAX))
            }
        }
    }
}

fn repeat(assessment: &Assessment, files: &[FileRecord]) -> Markup {
    let chain = manifest::chain(files);
    html! {
        section id="repeat" aria-labelledby="repeat-title" {
            h2 id="repeat-title" { "How to repeat this" }
            p class="lead" { "The same evidence with the same version and packs gives the same bytes, on any machine." }
            div class="card" {
                dl class="pairs" {
                    dt { "Command" } dd { code { "afterpatch assess EVIDENCE -o DIR" } }
                    dt { "Version" } dd { "afterpatch " (ForHtml(&assessment.afterpatch.version)) }
                    dt { "Manifest" } dd { (wording::count(chain.lines, "line", "lines")) ", last line SHA-256 " code { (chain.head) } }
                    @for pack in &assessment.afterpatch.packs {
                        dt { "Pack" } dd { (ForHtml(&pack.id)) " " (ForHtml(&pack.version)) ", SHA-256 " code { (ForHtml(&pack.sha256)) } }
                    }
                }
                p class="note" { "Note the SHA-256 of the manifest's last line elsewhere: with it, any later change to the list of evidence shows." }
            }
        }
    }
}

fn limits(assessment: &Assessment) -> Markup {
    let rules = &assessment.afterpatch.rules;
    html! {
        section id="limits" aria-labelledby="limits-title" {
            h2 id="limits-title" { "Limits" }
            div class="card" {
                ul class="plain" {
                    li { "That nothing was found is not proof that nothing happened. It says that the rules that ran saw nothing in the records that were read." }
                    li { "Logs on a compromised server can be altered or deleted by whoever compromised it." }
                    li { "Bodies of web requests are not logged by IIS or Exchange; what was sent or received is known only by its size and its effects." }
                    li { "Looking like a campaign is not attribution. No group is named from overlap alone." }
                    @if assessment.totals.files_met_twice > 0 {
                        li { (wording::count(assessment.totals.files_met_twice, "file was", "files were")) " met twice (in a shadow copy, in a second collection): they count once, and the manifest names the other." }
                    }
                    @if assessment.totals.unrecognised_files > 0 {
                        li { (wording::count(assessment.totals.unrecognised_files, "file was", "files were")) " not recognised: hashed, listed, not read." }
                    }
                    @if assessment.totals.rejected > 0 {
                        li { (wording::count(assessment.totals.rejected, "line", "lines")) " could not be read as records. They are counted above and in manifest.jsonl." }
                    }
                    @if rules.loaded == 0 { li { strong { "No rule ran. Nothing can be concluded from this page." } } }
                    @for refused in rules.refused.iter().take(ROWS_MAX) { li { "Rule did not run: " (ForHtml(refused)) } }
                }
            }
        }
    }
}
