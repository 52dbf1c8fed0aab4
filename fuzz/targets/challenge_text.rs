//! Any bytes as the header WWW-Authenticate.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::challenge_text(bytes));
