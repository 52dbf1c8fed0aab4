//! Any text as a name from outside.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::name_text(bytes));
