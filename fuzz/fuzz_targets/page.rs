//! Any bytes as a page, whatever its name says it is. Nothing stops the reader, and the same page reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] = ["a.aspx", "a.asp", "a.ashx", "a.cshtml", "a.asmx", "a.config"];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, page)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let reading = pages::read(page, name);
    assert_eq!(reading, pages::read(page, name));
    assert_eq!(reading.because.is_empty(), reading.judgement == model::page::Judgement::Nothing);
});
