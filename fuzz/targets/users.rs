//! passwd and group of an image.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::users(bytes));
