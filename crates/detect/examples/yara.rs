//! Loads a folder of YARA rules as `--yara` does and scans a folder of files, for `bench/yara.py`:
//! `cargo run --release -p detect --example yara -- RULES FILES [--threads N] [--names]`.
//!
//! Prints a line `hit<TAB>path<TAB>rule` for each hit, and what did not load. Rules are told no names and places of files
//! unless `--names` is given, because the scanner that it is compared with is not told them either. Files are read whole.

#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use detect::plan::Plan;
use detect::yara::{YaraFile, YaraOutcome, YaraSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules, files, options @ ..] = arguments.as_slice() else { panic!("RULES FILES [--threads N] [--names]") };
    let names = options.iter().any(|option| option == "--names");
    let threads =
        options.iter().position(|option| option == "--threads").and_then(|at| options.get(at + 1)?.parse().ok());
    let mut set = YaraSet { name: "set".into(), files: Vec::new() };
    for path in below(Path::new(rules)) {
        let name = path.strip_prefix(rules).unwrap_or(&path).to_string_lossy().into_owned();
        if name.ends_with(".yar") || name.ends_with(".yara") {
            set.files.push((name, Cow::Owned(std::fs::read(&path).unwrap_or_default())));
        }
    }
    let compiled = Plan::compile_with_yara(&[], &[], &[set]);
    let mut loaded = 0;
    for account in &compiled.yara {
        match &account.outcome {
            YaraOutcome::Refused(why) => {
                println!("refused\t{}:{}\t{}\t{why}", account.file, account.line, account.rule)
            }
            YaraOutcome::Loaded(_) => loaded += 1,
            YaraOutcome::Helper => {}
        }
    }
    println!("loaded\t{loaded}");
    scan(&compiled.plan, &below(Path::new(files)), names, threads.unwrap_or(1));
}

fn scan(plan: &Plan, files: &[PathBuf], names: bool, threads: usize) {
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (bytes, shown) = (std::fs::read(path).unwrap_or_default(), path.to_string_lossy());
                    let on_server = shown.replace('/', "\\").to_lowercase();
                    let mut file = YaraFile { bytes: &bytes, ..YaraFile::default() };
                    if names {
                        (file.on_server, file.in_evidence) = (&on_server, &shown);
                    }
                    let mut text = String::new();
                    let is_whole = plan.yara(&file, &mut |hit| {
                        let id = &plan.rules()[hit.rule.at()].id;
                        _ = writeln!(text, "hit\t{shown}\t{}", id.rsplit('#').next().unwrap_or(id));
                    });
                    if !is_whole {
                        _ = writeln!(text, "cut\t{shown}");
                    }
                    lines.lock().expect("no thread panics with it").push(text);
                }
            });
        }
    });
    lines.into_inner().expect("no thread panics with it").iter().for_each(|text| print!("{text}"));
}

/// All files below a folder, by path.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() { all.extend(below(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
