//! What a registry wants to be shown, written in any way that the grammar allows.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::challenge(bytes));
