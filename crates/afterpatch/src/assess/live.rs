//! `assess --live`: the places of the table of sources on the server that this runs on.
//!
//! Nothing is copied and no right is asked for that the user does not have: what Windows holds (registry hives, `$MFT`)
//! and what the user may not read is left out, and that is said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::Inventory;
use exchange::{EvidenceSource, Folders};

use super::refused;
use crate::cli::AssessOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// What of the environment says where a server keeps its things.
const VARIABLES: [&str; 4] = ["ExchangeInstallPath", "SystemRoot", "SystemDrive", "ProgramData"];

/// The inputs of this server, where they are asked for.
pub fn inventory(options: &AssessOptions, console: &Console) -> Result<Option<Inventory>, Failure> {
    if !options.live {
        return Ok(None);
    }
    if !cfg!(windows) {
        return Err(Failure::new(Exit::Usage, "--live reads the server that it runs on, and this is no Windows")
            .hint("collect first (`afterpatch collect --as powershell`), then assess the copy; or mount an image and assess that"));
    }
    let variables: BTreeMap<String, String> =
        VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    let folders = Folders::of_environment(&variables);
    let rows = exchange::live_folders(&folders);
    let places = places(&rows);
    let roots: Vec<PathBuf> =
        places.iter().map(|(folder, _)| folder.clone()).filter(|folder| folder.parent().is_some()).collect();
    Inventory::refuse_output_inside(&roots, &options.output).map_err(refused)?;
    console.say("  reading this server; what Windows holds (registry hives, $MFT) is left out: `afterpatch collect` says how to take it");
    Ok(Some(Inventory::walk_places(&places, &|path| rows.iter().any(|(row, _)| row.has_file(path, &folders)))))
}

/// The folders with the paths under which their files stand in the evidence. Of the root of a drive only the files that
/// have names of their own are read.
fn places(rows: &[(&'static EvidenceSource, String)]) -> Vec<(PathBuf, String)> {
    let mut places: Vec<(PathBuf, String)> = Vec::new();
    for (row, folder) in rows {
        let files: Vec<String> = if folder.ends_with('\\') {
            row.masks.iter().map(|mask| format!("{folder}{mask}")).collect()
        } else {
            vec![folder.clone()]
        };
        places.extend(files.into_iter().map(|path| {
            let evidence = path.replacen(':', "", 1).replace('\\', "/");
            (PathBuf::from(path), evidence)
        }));
    }
    places
}

#[cfg(test)]
mod tests {
    use exchange::{Folders, live_folders};

    #[test]
    fn folders_become_paths_of_evidence() {
        let places = super::places(&live_folders(&Folders::default()));
        let paths: Vec<&str> = places.iter().map(|(_, path)| path.as_str()).collect();
        assert!(paths.contains(&"C/inetpub/wwwroot"));
        assert!(paths.contains(&"C/EOMTSummary.txt"), "never the whole drive: {paths:?}");
        assert!(paths.contains(&"C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy"));
        assert!(paths.iter().all(|path| path.len() > 2 && !path.contains(['\\', ':', '*'])));
    }
}
