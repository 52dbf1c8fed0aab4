//! A Dockerfile from the grammar: printed or folded, it means the same.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::dockerfile(bytes));
