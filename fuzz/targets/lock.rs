//! Locks of Dockerfiles, made of pieces.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::lock(bytes));
