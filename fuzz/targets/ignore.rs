//! `.dockerignore` against its documentation.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::ignore(bytes));
