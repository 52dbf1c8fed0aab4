//! A word, made with what it becomes.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::expansion(bytes));
