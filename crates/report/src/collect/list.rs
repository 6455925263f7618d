//! A table for people: what, where, why, how long it lives.

use std::fmt::Write as _;

use model::collecting::{Copying, Recipe, Root, Row, Take, WindowsFolder};

use super::window;

/// Columns of a line.
const WIDTH_MIN: usize = 48;

/// The list, ending in a line feed.
#[must_use]
pub fn list(recipe: &Recipe, width: usize) -> String {
    let width = width.max(WIDTH_MIN);
    let mut text = String::new();
    let out = &mut text;
    if recipe.servers.is_empty() {
        paragraph(out, "", "What to collect, the most perishable and most telling first.", width);
        rows(out, recipe, &recipe.rows, width);
        return text;
    }
    for server in &recipe.servers {
        let name = server.server.as_ref().map_or_else(
            || format!("Server {} of the assessment (its name is none of a computer)", server.number),
            |name| name.text().to_owned(),
        );
        paragraph(out, "", &format!("{name}: what would settle its open questions, the most perishable first."), width);
        rows(out, recipe, &server.rows, width);
    }
    text
}

fn rows(out: &mut String, recipe: &Recipe, rows: &[Row], width: usize) {
    for (number, row) in rows.iter().enumerate() {
        writeln!(out, "\n{:>3}. {}{}", number + 1, row.title, window(row)).expect("a string takes everything");
        part(out, "where", &place(recipe, row), width);
        part(out, "shows", row.why, width);
        if !row.answers.is_empty() {
            part(out, "answers", &row.answers.join(", "), width);
        }
        if !row.kept.is_empty() {
            part(out, "kept", &row.kept, width);
        }
        if let Some(how) = how(row) {
            part(out, "how", how, width);
        }
        if !row.sensitive.is_empty() {
            part(out, "holds", row.sensitive, width);
        }
    }
    out.push('\n');
}

/// The folder with its masks; the paths that were said stand in it.
fn place(recipe: &Recipe, row: &Row) -> String {
    let said = match row.root {
        Root::Exchange => recipe.exchange_path.as_ref().map(WindowsFolder::text),
        Root::IisLogs => recipe.iis_logs.as_ref().map(WindowsFolder::text),
        Root::None => return if row.masks.is_empty() { "no fixed place".to_owned() } else { row.masks.join(", ") },
        Root::Volumes => return format!("{} in the root of each volume", row.masks.join(", ")),
        _ => None,
    };
    let folder = format!("{}{}", said.unwrap_or(row.root.words()), row.folder);
    let folder = if row.folder.is_empty() { folder.as_str() } else { folder.trim_end_matches('\\') };
    let below = match row.depth {
        Some(0) => "",
        Some(_) => ", a little below it too",
        None => " and below",
    };
    let masks = if row.masks == ["*"] { "all files".to_owned() } else { row.masks.join(", ") };
    format!("{folder}{below}: {masks}")
}

fn how(row: &Row) -> Option<&'static str> {
    match (row.take, row.copying) {
        (Take::ByHand, _) => Some("by hand"),
        (Take::NotAsked, _) => Some("in no recipe; read where it is at hand"),
        (Take::Names, _) => Some("names, sizes and times only"),
        (Take::Content, Copying::Raw) => Some("Windows holds it: from the raw volume or a shadow copy"),
        (Take::Content, Copying::Open) => Some("Windows writes on while it is copied"),
        (Take::Content, Copying::Free) => None,
    }
}

fn part(out: &mut String, name: &str, text: &str, width: usize) {
    paragraph(out, &format!("     {name:<8} "), text, width);
}

/// Words in lines of at most so many columns; the first begins with the name.
fn paragraph(out: &mut String, name: &str, text: &str, width: usize) {
    let indent = " ".repeat(name.len());
    let mut line = name.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.len() + 1 + word.len() > width {
            writeln!(out, "{line}").expect("a string takes everything");
            (line, is_empty) = (indent.clone(), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}").expect("a string takes everything");
}
