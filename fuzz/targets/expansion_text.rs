//! Any text as a word.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::expansion_text(bytes));
