//! Measures how long a folder of Sigma rules takes to load: `cargo run --release -p detect --example sets -- DIR`.
//!
//! Time is CPU time of all threads where `/proc` tells it. `-v` names every rule that does not run.

#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use detect::pack::RuleSet;
use detect::plan::{Outcome, Plan};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let names = arguments.next().is_some();
    let mut files = Vec::new();
    collect(Path::new(&folder), "", &mut files);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let count = files.len();
    let set = RuleSet { name: "set".into(), files };
    let (start, cpu) = (Instant::now(), cpu_secs());
    let compiled = Plan::compile_all(&[], std::slice::from_ref(&set));
    println!("{count} files, {bytes} bytes: {:.2} s, {:.2} CPU s", start.elapsed().as_secs_f64(), cpu_secs() - cpu);
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for account in &compiled.accounts {
        let word = match &account.outcome {
            Outcome::Loaded(_) => "loaded".to_owned(),
            Outcome::Filter(rules) => format!("a filter of {rules} rules"),
            Outcome::OtherProduct(product) => format!("for {product}"),
            Outcome::Unread(source) => format!("not read: {source}"),
            Outcome::Refused(why) => {
                if names {
                    println!("{}: {why}", account.file);
                }
                "refused".to_owned()
            }
            Outcome::Duplicate(first) => {
                if names {
                    println!("{}: as {first}", account.file);
                }
                "twice".to_owned()
            }
            Outcome::NoRule => "no rule".to_owned(),
        };
        *outcomes.entry(word).or_default() += 1;
    }
    for (word, count) in outcomes {
        println!("{count:6} {word}");
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, Cow<'static, [u8]>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files);
        } else if name.ends_with(".yml") || name.ends_with(".yaml") {
            files.push((format!("{prefix}{name}"), Cow::Owned(std::fs::read(&path).unwrap_or_default())));
        }
    }
}

fn cpu_secs() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
