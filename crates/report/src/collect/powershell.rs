//! A script for Windows PowerShell 5.1 and PowerShell 7 on the server itself.
//!
//! It finds Exchange in the registry and the logs of IIS in applicationHost.config, copies with `robocopy` in backup mode,
//! which keeps times, has Windows save the hives, lists names where only names are wanted, and writes a list of SHA-256.

use std::fmt::Write as _;

use model::collecting::{Copying, Recipe, Root, Row, Since, Take, WindowsFolder};

use super::robocopy::compact_day;
use super::{about, by_hand, early, is_hive};

/// What follows the rows.
const SCRIPT: &str = include_str!("collect.ps1");

/// The text of the script, with line ends of Windows.
#[must_use]
pub fn powershell(recipe: &Recipe) -> String {
    let mut text = String::new();
    let out = &mut text;
    let mut notes = about(recipe);
    notes.push("Run it elevated on the server, with a folder of another drive:".to_owned());
    notes.push("powershell -ExecutionPolicy Bypass -File collect.ps1 -Destination E:\\case".to_owned());
    notes.extend(by_hand(recipe));
    for note in notes {
        writeln!(out, "# {note}").expect("a string takes everything");
    }
    let path = |folder: &Option<WindowsFolder>| {
        quoted(folder.as_ref().map_or("", |folder| folder.text().trim_end_matches('\\')))
    };
    writeln!(
        out,
        "[CmdletBinding()]\nparam(\n    [Parameter(Mandatory = $true)][string]$Destination,\n    [string]$ExchangePath = {},\n    [string]$IisLogs = {},\n    # afterpatch reads folders; an archive is made only up to this size\n    [int]$ZipUpToMB = 0\n)\n",
        path(&recipe.exchange_path),
        path(&recipe.iis_logs)
    )
    .expect("a string takes everything");
    out.push_str("$rows = @(\n");
    let rows = recipe.rows.iter().filter(|row| matches!(row.take, Take::Content | Take::Names));
    let rows: Vec<String> = rows.map(of_row).collect();
    out.push_str(&rows.join(",\n"));
    out.push_str("\n)\n\n");
    out.push_str(SCRIPT);
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn of_row(row: &Row) -> String {
    let masks: Vec<String> = row.masks.iter().map(|mask| quoted(mask)).collect();
    let how = match (row.take, row.copying) {
        (Take::Names, _) => "names",
        _ if is_hive(row) => "hive",
        (_, Copying::Raw) if row.root == Root::Volumes => "raw",
        _ => "copy",
    };
    let age = match row.since {
        Since::Ever => String::new(),
        Since::Days(days) => days.clamp(1, 1_899).to_string(),
        Since::From(from) => compact_day(early(from)),
    };
    format!(
        "    @{{ Id = {}; How = '{how}'; Root = '{}'; Folder = {}; Masks = @({}); Depth = {}; MaxAge = '{age}' }}",
        quoted(row.id),
        root(row.root),
        quoted(&row.folder),
        masks.join(", "),
        row.depth.map_or_else(|| "-1".to_owned(), |depth| depth.to_string()),
    )
}

fn root(root: Root) -> &'static str {
    match root {
        Root::Exchange => "exchange",
        Root::IisLogs => "iis-logs",
        Root::SystemRoot => "system-root",
        Root::ProgramData => "program-data",
        Root::SystemDrive | Root::Volumes | Root::None => "system-drive",
    }
}

/// A text in single quotes, in which only the quote itself means something.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
