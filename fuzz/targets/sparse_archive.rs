//! A tar archive of files with holes, in all formats, after global headers: it reads as it was meant.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::sparse_archive(bytes));
