//! An image's JSON made of its members: nothing is lost.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::image_members(bytes));
