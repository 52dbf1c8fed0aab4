//! Any bytes as a record stream.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::records_text(bytes));
