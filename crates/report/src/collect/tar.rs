//! A script for a mounted image: `find` chooses without regard to case, GNU tar packs.
//!
//! Of patterns GNU tar knows only those that leave files out, or choose from an archive; so the choice is left to `find`.
//! Facts: GNU tar manual (`--null`, `--files-from`, `--no-recursion`, `--verbatim-files-from`), GNU findutils (`-ipath`,
//! in which `*` also stands for slashes, `-newermt`).

use std::fmt::Write as _;

use model::collecting::{Recipe, Root, Row, Since, Take};

use super::{about, by_hand, early};

const BEGIN: &str = r#"
set -eu
if [ $# -ne 2 ]; then
    echo "usage: sh $0 MOUNT OUT.tar" >&2
    echo "MOUNT is the system drive of the server, mounted read-only; OUT.tar must not exist" >&2
    exit 2
fi
case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac
if [ -e "$out" ]; then echo "$out is there already" >&2; exit 2; fi
TZ=UTC; LC_ALL=C; export TZ LC_ALL
cd -- "$1"
"#;

/// The text of the script.
#[must_use]
pub fn tar(recipe: &Recipe) -> String {
    let mut text = String::from("#!/bin/sh\n");
    let out = &mut text;
    let mut notes = about(recipe);
    notes.push("For an image of the system drive, mounted read-only, with GNU find and GNU tar.".to_owned());
    notes.push(
        "ntfs-3g shows $MFT with -o show_sys_files; a part of Exchange on another drive needs a run of its own."
            .to_owned(),
    );
    notes.extend(by_hand(recipe));
    for note in notes {
        writeln!(out, "# {note}").expect("a string takes everything");
    }
    out.push_str(BEGIN);
    let tests = |take: Take| recipe.taken(take).map(|row| test(recipe, row)).collect::<Vec<_>>();
    let (content, names) = (tests(Take::Content), tests(Take::Names));
    if !content.is_empty() {
        out.push_str("find . -type f \\( \\\n");
        out.push_str(&content.join(" -o \\\n"));
        out.push_str(" \\\n\\) -print0 |\n");
        out.push_str("    tar --create --file=\"$out\" --force-local --transform='s,^\\./,C/,' --null --no-recursion --verbatim-files-from --files-from=-\n");
        out.push_str("sha256sum -- \"$out\" > \"$out.sha256\"\n");
    }
    if !names.is_empty() {
        out.push_str("\n# Names only, one JSON object a line; afterpatch reads it beside the archive.\n");
        out.push_str("find . -type f \\( \\\n");
        out.push_str(&names.join(" -o \\\n"));
        out.push_str(" \\\n\\) -printf '{\"SourceFile\":\"C:/%P\",\"FileSize\":%s,\"Created\":null,\"Modified\":\"%TY-%Tm-%TdT%TH:%TM:%TSZ\"}\\n' > \"$out.names.jsonl\"\n");
    }
    text
}

/// What `find` asks of a path.
fn test(recipe: &Recipe, row: &Row) -> String {
    let folder = match (row.root, &recipe.exchange_path) {
        (Root::Exchange, None) => format!(r"C:\Program Files\Microsoft\Exchange Server\*\{}", row.folder),
        _ => recipe.folder(row),
    };
    let below =
        folder.split_once(':').map_or(folder.as_str(), |(_, below)| below).trim_matches('\\').replace('\\', "/");
    let start = if below.is_empty() { "./".to_owned() } else { format!("./{below}/") };
    let mut parts = vec![format!("-ipath {}", quoted(&format!("{start}*")))];
    if let Some(depth) = row.depth {
        let deeper = format!("{start}{}*", "*/".repeat(depth as usize + 1));
        parts.push(format!("! -ipath {}", quoted(&deeper)));
    }
    if !row.masks.contains(&"*") {
        let names: Vec<String> = row.masks.iter().map(|mask| format!("-iname {}", quoted(mask))).collect();
        parts.push(format!("\\( {} \\)", names.join(" -o ")));
    }
    match row.since {
        Since::Ever => {}
        Since::Days(days) => parts.push(format!("-mtime -{}", days.saturating_add(1))),
        Since::From(from) => parts.push(format!("-newermt {}", quoted(&early(from).to_string()))),
    }
    format!("    \\( {} \\)", parts.join(" "))
}

/// A word of the shell in single quotes, in which nothing means anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
