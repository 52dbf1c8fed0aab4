//! layer-changes: across a pipe whole or not at all.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::changes(bytes));
