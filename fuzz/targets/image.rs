//! Any bytes as an image's JSON.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::image(bytes));
