//! Each property for many inputs; PROPTEST_CASES=N makes it more.

use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

proptest! {
    #[test]
    fn a_dockerfile_means_the_same_printed_or_folded(bytes in bytes()) {
        properties::dockerfile(&bytes);
    }

    #[test]
    fn any_text_is_a_dockerfile_or_refused_with_a_reason(text in "(FROM a\n)?([A-Z]{0,8} ?[-a-z$<\"'\\\\\\[\\],=#{} \t]{0,20}\n?){0,6}") {
        properties::dockerfile_text(text.as_bytes());
    }

    #[test]
    fn an_ignore_file_excludes_what_its_documentation_says(bytes in bytes()) {
        properties::ignore(&bytes);
    }
}
