//! Locks of Dockerfiles, from any text.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::lock_text(bytes));
