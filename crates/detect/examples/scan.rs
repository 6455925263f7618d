//! Measures the search for literals: `cargo run --release -p detect --example scan -- FILE`.
//!
//! Repeats FILE to 512 MiB and searches it for the required literals of row plans of the shipped packs. Time is CPU
//! time where `/proc` tells it, because a busy machine makes clocks useless.

#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use detect::pack::PackFiles;
use detect::plan::Plan;
use model::Family;

const BYTES: usize = 512 << 20;

fn main() {
    let file = std::env::args().nth(1).expect("a log file");
    let text = std::fs::read(file).expect("readable");
    let mut block = Vec::with_capacity(BYTES + text.len());
    while block.len() < BYTES {
        block.extend_from_slice(&text);
    }
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let packs: Vec<PackFiles> = list(&packs).into_iter().map(|name| pack(&packs.join(&name), name)).collect();
    let compiled = Plan::compile(&packs);
    for family in [Family::Iis, Family::HttpProxy, Family::RpsCmdlet, Family::EcpServer] {
        let Some(rows) = compiled.plan.rows(&family) else {
            continue;
        };
        let mut hits = Vec::new();
        let (start, cpu, mut found) = (Instant::now(), cpu_secs(), 0);
        for part in block.chunks(1 << 20) {
            rows.scan_block(part, &mut hits);
            found += hits.len();
        }
        let secs = match cpu_secs() {
            0.0 => start.elapsed().as_secs_f64(),
            now => now - cpu,
        };
        let unfiltered = rows.unfiltered().len();
        println!(
            "{:12} {:3} rules, {unfiltered} on every row, {found} hits: {:.2} GB/s",
            family.name(),
            rows.rules().len(),
            block.len() as f64 / secs / 1e9
        );
    }
}

fn cpu_secs() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn list(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn pack(folder: &Path, id: String) -> PackFiles {
    let read = |name: &str| Cow::Owned(std::fs::read(folder.join(name)).unwrap_or_default());
    let mut files = vec![("pack.toml".to_owned(), read("pack.toml"))];
    for rule in list(&folder.join("rules")) {
        let name = format!("rules/{rule}");
        files.push((name.clone(), read(&name)));
    }
    PackFiles { id, files }
}
