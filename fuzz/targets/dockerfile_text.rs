//! Any text as a Dockerfile: a plan, or a reason and a place.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::dockerfile_text(bytes));
