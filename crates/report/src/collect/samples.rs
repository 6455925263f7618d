//! Recipes for tests: a row of each sort.

use model::Utc;
use model::collecting::{ComputerName, Copying, Maker, Recipe, Root, Row, ServerRecipe, Since, Take, WindowsFolder};

pub fn row(id: &'static str, root: Root, folder: &str, masks: &[&'static str], depth: Option<u32>) -> Row {
    Row {
        id,
        title: "a title",
        root,
        folder: folder.to_owned(),
        masks: masks.to_vec(),
        depth,
        take: Take::Content,
        copying: Copying::Free,
        since: Since::Ever,
        until: None,
        kept: "30 days".to_owned(),
        answers: vec!["hit"],
        why: "what it shows",
        sensitive: "names",
    }
}

fn rows() -> Vec<Row> {
    let names = row("staging-temp", Root::SystemRoot, "Temp", &["*"], Some(2));
    let hives = row("hives", Root::SystemRoot, r"System32\config", &["SYSTEM", "SAM"], Some(0));
    let table = row("file-table", Root::Volumes, "", &["$MFT"], Some(0));
    let sysmon = "Microsoft-Windows-Sysmon%4Operational.evtx";
    let log = row("event-sysmon", Root::SystemRoot, r"System32\winevt\Logs", &[sysmon], Some(0));
    let hand = Row { masks: Vec::new(), ..row("virtual-directories", Root::None, "", &[], Some(0)) };
    vec![
        row("httpproxy", Root::Exchange, r"Logging\HttpProxy\Ecp", &["*.log"], None),
        Row { copying: Copying::Open, ..log },
        row("iis", Root::IisLogs, "", &["*.log"], None),
        Row { copying: Copying::Raw, ..hives },
        Row { copying: Copying::Raw, ..row("user-hives", Root::SystemDrive, "Users", &["NTUSER.DAT"], Some(1)) },
        Row { copying: Copying::Raw, ..table },
        row("mitigation-tool", Root::SystemDrive, "", &["EOMTSummary.txt"], Some(0)),
        Row { take: Take::Names, ..names },
        Row { take: Take::ByHand, ..hand },
    ]
}

/// Everything, with default paths.
pub fn all() -> Recipe {
    Recipe {
        schema: Recipe::SCHEMA,
        afterpatch: Maker { version: "0.1.0".to_owned() },
        exchange_path: None,
        iis_logs: None,
        servers: Vec::new(),
        rows: rows(),
    }
}

/// What an assessment asks for, of a server with other paths.
pub fn asked() -> Recipe {
    let since = Since::From(Utc::parse(b"2021-01-03").expect("a day"));
    let until = Utc::parse(b"2021-03-05");
    let asked: Vec<Row> = rows().into_iter().take(1).map(|row| Row { since, until, ..row }).collect();
    let server = |name: &str, number| ServerRecipe { server: ComputerName::new(name), number, rows: asked.clone() };
    Recipe {
        exchange_path: WindowsFolder::new(r"D:\Exchange (1)\V15"),
        iis_logs: WindowsFolder::new(r"E:\Logs"),
        servers: vec![server("exc01", 1), server("no name", 2)],
        rows: asked.clone(),
        ..all()
    }
}

/// The last days.
pub fn days() -> Recipe {
    let rows = rows().into_iter().take(1).map(|row| Row { since: Since::Days(14), ..row }).collect();
    Recipe { rows, ..all() }
}
