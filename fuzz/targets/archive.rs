//! A tar archive, nearly right: it reads the same elsewhere, and comes back.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::archive(bytes));
