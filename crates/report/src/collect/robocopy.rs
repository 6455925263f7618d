//! A batch file for the server itself, with nothing but what Windows brings.
//!
//! Percent signs are doubled and everything stands in double quotes, in which neither a path of the table nor a checked
//! folder has a sign that `cmd` would take for something else. No path in quotes ends with a backslash, which would
//! escape the quote for `robocopy`.

use std::fmt::Write as _;

use model::Utc;
use model::collecting::{Copying, Recipe, Root, Row, Since, Take, WindowsFolder};

use super::{about, by_hand, early, is_for_scripts, is_hive};

const OPTIONS: &str = "/B /COPY:DAT /DCOPY:T /XJ /R:0 /W:0 /NP /NFL /NDL /NJH /NJS";

/// The text of the batch file, with line ends of Windows.
#[must_use]
pub fn robocopy(recipe: &Recipe) -> String {
    let mut text = String::from("@echo off\n");
    let out = &mut text;
    let mut notes = about(recipe);
    notes.push("Run it as administrator, with a folder of another drive. Nothing on the server is changed.".to_owned());
    notes.extend(recipe.rows.iter().filter(|row| row.copying == Copying::Raw && !is_hive(row)).map(|row| {
        format!(
            "Windows may hold {} ({}): take it with a tool that reads the raw volume.",
            row.masks.join(", "),
            row.title
        )
    }));
    notes.extend(
        recipe
            .taken(Take::Names)
            .map(|row| format!("Only names are wanted of {}: the recipe for powershell lists them.", row.title)),
    );
    notes.extend(by_hand(recipe));
    for note in notes {
        writeln!(out, "rem {}", note.replace('%', "%%")).expect("a string takes everything");
    }
    start(recipe, out);
    for row in recipe.taken(Take::Content).filter(|row| is_for_scripts(row)) {
        if is_hive(row) { hives(row, out) } else { copy(row, out) }
    }
    out.push_str("echo done: assess the folder \"%OUT%\"\n");
    text.replace('\n', "\r\n")
}

fn start(recipe: &Recipe, out: &mut String) {
    out.push_str("setlocal EnableExtensions DisableDelayedExpansion\n");
    out.push_str("if \"%~1\"==\"\" echo usage: %~nx0 DESTINATION& exit /b 2\n");
    out.push_str("set \"OUT=%~f1\"\n");
    out.push_str("if \"%OUT:~-1%\"==\"\\\" set \"OUT=%OUT:~0,-1%\"\n");
    out.push_str("net session >nul 2>&1\nif errorlevel 1 echo run this as administrator& exit /b 5\n");
    let bare = |folder: &WindowsFolder| folder.text().trim_end_matches('\\').to_owned();
    match &recipe.exchange_path {
        Some(folder) => writeln!(out, "set \"EX={}\"", bare(folder)).expect("a string takes everything"),
        None => {
            out.push_str("set \"EX=%ExchangeInstallPath%\"\n");
            out.push_str("if not defined EX set \"EX=C:\\Program Files\\Microsoft\\Exchange Server\\V15\"\n");
            out.push_str("if \"%EX:~-1%\"==\"\\\" set \"EX=%EX:~0,-1%\"\n");
        }
    }
    let iis = recipe.iis_logs.as_ref().map_or_else(|| "%SystemDrive%\\inetpub\\logs\\LogFiles".to_owned(), bare);
    writeln!(out, "set \"IIS={iis}\"").expect("a string takes everything");
    // Below the destination a drive is a folder without its colon.
    for (name, value) in
        [("EX", "EX"), ("IIS", "IIS"), ("SR", "SystemRoot"), ("PD", "ProgramData"), ("SD", "SystemDrive")]
    {
        writeln!(out, "set \"TO_{name}=%OUT%\\%{value}::=%\"").expect("a string takes everything");
    }
}

/// The variables of the folder and of its copy.
fn variables(root: Root) -> (&'static str, &'static str) {
    match root {
        Root::Exchange => ("%EX%", "%TO_EX%"),
        Root::IisLogs => ("%IIS%", "%TO_IIS%"),
        Root::SystemRoot => ("%SystemRoot%", "%TO_SR%"),
        Root::ProgramData => ("%ProgramData%", "%TO_PD%"),
        Root::SystemDrive | Root::Volumes | Root::None => ("%SystemDrive%", "%TO_SD%"),
    }
}

fn copy(row: &Row, out: &mut String) {
    let (from, to) = variables(row.root);
    let folder = row.folder.replace('%', "%%");
    let (from, to) = match (folder.as_str(), row.root) {
        ("", Root::SystemDrive) => (format!("{from}\\."), to.to_owned()),
        ("", _) => (from.to_owned(), to.to_owned()),
        (folder, _) => (format!("{from}\\{folder}"), format!("{to}\\{folder}")),
    };
    let masks: Vec<String> = row.masks.iter().map(|mask| format!("\"{}\"", mask.replace('%', "%%"))).collect();
    let depth = match row.depth {
        None => " /S".to_owned(),
        Some(0) => String::new(),
        Some(depth) => format!(" /S /LEV:{}", depth.saturating_add(1)),
    };
    writeln!(out, "rem {}", row.title).expect("a string takes everything");
    writeln!(
        out,
        "if exist \"{from}\" robocopy \"{from}\" \"{to}\" {} {OPTIONS}{depth}{}",
        masks.join(" "),
        oldest(row.since)
    )
    .expect("a string takes everything");
}

fn hives(row: &Row, out: &mut String) {
    let folder = format!("%TO_SR%\\{}", row.folder);
    writeln!(out, "rem {}\nif not exist \"{folder}\" md \"{folder}\"", row.title).expect("a string takes everything");
    for mask in &row.masks {
        writeln!(out, "reg save HKLM\\{mask} \"{folder}\\{mask}\" /y >nul").expect("a string takes everything");
    }
}

fn oldest(since: Since) -> String {
    match since {
        Since::Ever => String::new(),
        Since::Days(days) => format!(" /MAXAGE:{}", days.clamp(1, DAYS_MAX)),
        Since::From(from) => format!(" /MAXAGE:{}", compact_day(early(from))),
    }
}

/// From 1900 on `robocopy` takes the number for a day.
const DAYS_MAX: u32 = 1_899;

/// `20210302`.
pub(super) fn compact_day(time: Utc) -> String {
    let (year, month, day) = time.date();
    format!("{year:04}{month:02}{day:02}")
}
