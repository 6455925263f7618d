//! Any bytes as a registry hive. Nothing stops the reader, what it tells is bounded, and what a person is shown is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|bytes: &[u8]| {
    let contents = formats::registry::read(bytes, "user");
    assert!(contents.elements.len() <= 20_000);
    for element in contents.elements.iter().take(64) {
        serde_json::from_slice::<IgnoredAny>(&element.raw).expect("JSON");
    }
    assert_eq!(contents, formats::registry::read(bytes, "user"));
});
