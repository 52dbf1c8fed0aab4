//! Each property for many inputs; PROPTEST_CASES=N makes it more.

use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

proptest! {
    #[test]
    fn an_ignore_file_excludes_what_its_documentation_says(bytes in bytes()) {
        properties::ignore(&bytes);
    }
}
