//! Names made of pieces: references, URLs, repositories.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::name(bytes));
