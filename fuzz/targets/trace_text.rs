//! What build-trace draws of any bytes.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::trace_text(bytes));
