//! Reads the output of a scanner from standard input, judges every target, and prints what became of it. `bench/survey-import`
//! makes the input and measures.
#![allow(clippy::print_stdout, reason = "a tool for measuring")]

use std::collections::BTreeMap;
use std::io::BufReader;

use survey::classify::Classifier;
use survey::import::{ImportOptions, import};

fn main() {
    let mut classifier = Classifier::new();
    let mut products: BTreeMap<String, u64> = BTreeMap::new();
    let mut input = BufReader::with_capacity(256 * 1024, std::io::stdin().lock());
    let account = import(&mut input, &ImportOptions::default(), &mut |seen| {
        let judged = classifier.judge(&seen);
        *products.entry(format!("{:?}", judged.product)).or_default() += 1;
        true
    });
    println!("{account:?}\n{products:?}");
}
