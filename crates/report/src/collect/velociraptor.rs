//! An artifact of Velociraptor.
//!
//! Facts: Velocidex/velociraptor, `artifacts/definitions` (Generic.Collectors.File, Windows.Search.FileFinder): keys of an
//! artifact, a parameter of type `csv`, `glob()` with `**` for any depth and `**2` for two, the accessors `auto` and
//! `ntfs`, `upload()`, keywords in any case (so no column is called like one), and the columns of its two sources, which afterpatch reads.

use std::fmt::Write as _;

use model::collecting::{Copying, Recipe, Root, Row, Since, Take, WindowsFolder};

use super::kape::quoted;
use super::{about, by_hand, early};

/// What follows the table. The columns are those that collections of Velociraptor have everywhere.
const QUERIES: &str = r#"
precondition: SELECT OS FROM info() WHERE OS = 'windows'

sources:
  - name: All Matches Metadata
    query: |
      LET Registered <= SELECT MsiInstallPath
        FROM read_reg_key(globs="HKEY_LOCAL_MACHINE/SOFTWARE/Microsoft/ExchangeServer/v1*/Setup",
                          accessor="registry")
        WHERE MsiInstallPath
      LET Exchange <= if(condition=ExchangePath, then=ExchangePath,
        else=if(condition=Registered, then=Registered[0].MsiInstallPath,
                else="C:/Program Files/Microsoft/Exchange Server/V15"))

      LET RootOf(Root) = if(condition=Root = "exchange", then=Exchange,
        else=if(condition=Root = "iis-logs", then=IisLogs, else=SystemDrive))

      LET IsAnyAge(Since, Days) = NOT Since AND int(int=Days) = 0
      LET Oldest(Since, Days) = if(condition=Since, then=timestamp(string=Since),
                                   else=timestamp(epoch=now() - 86400 * int(int=Days)))

      LET AllResults <= SELECT * FROM foreach(row=Wanted, query={
          SELECT Id, Take, Accessor,
                 OSPath AS SourceFile,
                 Size,
                 Btime AS Created,
                 Ctime AS Changed,
                 Mtime AS Modified,
                 Atime AS LastAccessed
          FROM glob(globs=RootOf(Root=Root) + "/" + Glob, accessor=Accessor)
          WHERE NOT IsDir
            AND ( IsAnyAge(Since=Since, Days=Days) OR Mtime > Oldest(Since=Since, Days=Days) )
        })

      SELECT Created, Changed, LastAccessed, Modified, Size, SourceFile, Id
      FROM AllResults

  - name: Uploads
    query: |
      LET Uploaded = SELECT * FROM foreach(
        row={ SELECT * FROM AllResults WHERE Take = "content" },
        query={
          SELECT Created, Changed, LastAccessed, Modified, Size, SourceFile, Id,
                 upload(file=SourceFile, accessor=Accessor, mtime=Modified) AS Upload
          FROM scope()
        })

      SELECT now() AS CopiedOnTimestamp,
             SourceFile,
             Upload.Path AS DestinationFile,
             Size AS FileSize,
             Upload.sha256 AS SourceFileSha256,
             Created, Changed, Modified, LastAccessed, Id
      FROM Uploaded
"#;

/// The text of the artifact.
#[must_use]
pub fn velociraptor(recipe: &Recipe) -> String {
    let mut text =
        String::from("name: Custom.Windows.Exchange.Afterpatch\nauthor: afterpatch\ntype: CLIENT\ndescription: |\n");
    let out = &mut text;
    for line in about(recipe).into_iter().chain(by_hand(recipe)) {
        writeln!(out, "  {line}").expect("a string takes everything");
    }
    let slashes = |folder: &WindowsFolder| folder.text().trim_end_matches('\\').replace('\\', "/");
    let exchange = recipe.exchange_path.as_ref().map(slashes).unwrap_or_default();
    let iis = recipe.iis_logs.as_ref().map_or_else(|| "C:/inetpub/logs/LogFiles".to_owned(), slashes);
    out.push_str("\nparameters:\n");
    parameter(out, "ExchangePath", &exchange, "Where Exchange stands, if not where the registry says");
    parameter(out, "IisLogs", &iis, "The folder in which IIS has a folder per site");
    parameter(out, "SystemDrive", "C:", "The drive of Windows");
    out.push_str("  - name: Wanted\n    description: What is taken; of rows with Take names only the names\n    type: csv\n    default: |\n");
    out.push_str("      Id,Take,Root,Glob,Accessor,Since,Days\n");
    for row in recipe.rows.iter().filter(|row| matches!(row.take, Take::Content | Take::Names)) {
        globs(row, out);
    }
    out.push_str(QUERIES);
    text
}

fn parameter(out: &mut String, name: &str, default: &str, description: &str) {
    writeln!(out, "  - name: {name}\n    description: {description}\n    default: {}", quoted(default))
        .expect("a string takes everything");
}

fn globs(row: &Row, out: &mut String) {
    let (take, root) = (if row.take == Take::Names { "names" } else { "content" }, root(row.root));
    let accessor = if row.copying == Copying::Raw { "ntfs" } else { "auto" };
    let (from, days) = match row.since {
        Since::Ever => (String::new(), 0),
        Since::Days(days) => (String::new(), days),
        Since::From(from) => (early(from).to_string(), 0),
    };
    let usual = match row.root {
        Root::SystemRoot => "Windows/",
        Root::ProgramData => "ProgramData/",
        _ => "",
    };
    let folder = if row.folder.is_empty() { String::new() } else { format!("{}/", row.folder.replace('\\', "/")) };
    let depth = match row.depth {
        None => "**/".to_owned(),
        Some(0) => String::new(),
        Some(depth) => format!("**{depth}/"),
    };
    for mask in &row.masks {
        writeln!(out, "      {},{take},{root},{usual}{folder}{depth}{mask},{accessor},{from},{days}", row.id)
            .expect("a string takes everything");
    }
}

fn root(root: Root) -> &'static str {
    match root {
        Root::Exchange => "exchange",
        Root::IisLogs => "iis-logs",
        _ => "drive",
    }
}
