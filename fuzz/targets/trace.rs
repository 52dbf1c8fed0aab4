//! What build-trace draws of a build.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::trace(bytes));
