//! Each property for many inputs; PROPTEST_CASES=N makes it more.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

#[test]
fn a_plan_too_long_for_its_readers_is_refused() {
    let run = format!("RUN {}\n", "\u{1}".repeat(60_000));
    properties::dockerfile_text(format!("FROM a\n{}", run.repeat(30)).as_bytes());
}

proptest! {
    // The same inputs each time: other ones are for scripts/fuzz.
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() })]

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

    #[test]
    fn a_word_becomes_what_it_was_made_to_become(bytes in bytes()) {
        properties::expansion(&bytes);
    }

    #[test]
    fn any_text_expands_or_is_refused(text in "[-a-z${}:?+#%/*\\\\'\" ü]{0,60}") {
        properties::expansion_text(text.as_bytes());
    }

    #[test]
    fn an_archive_reads_the_same_elsewhere_and_comes_back(bytes in bytes()) {
        properties::archive(&bytes);
        properties::archive_bytes(&bytes);
    }

    #[test]
    fn files_with_holes_and_global_headers_are_read_as_they_were_written(bytes in bytes()) {
        properties::sparse_archive(&bytes);
    }

    #[test]
    fn changes_cross_a_pipe_whole_or_not_at_all(bytes in bytes()) {
        properties::changes(&bytes);
    }

    #[test]
    fn an_images_json_loses_nothing(bytes in bytes()) {
        properties::image_members(&bytes);
    }

    #[test]
    fn what_records_tell_of_time_can_be_seen_whatever_they_say(bytes in bytes()) {
        properties::trace(&bytes);
    }

    #[test]
    fn a_lock_is_read_as_it_was_written(bytes in bytes()) {
        properties::lock(&bytes);
        properties::lock_text(&bytes);
    }

    #[test]
    fn a_name_from_outside_is_safe_where_it_is_used(bytes in bytes()) {
        properties::name(&bytes);
        properties::name_text(&bytes);
    }

    #[test]
    fn a_challenge_is_read_as_it_was_meant(bytes in bytes()) {
        properties::challenge(&bytes);
        properties::challenge_text(&bytes);
    }

    #[test]
    fn any_header_is_a_row_of_challenges(text in "[BbaR=\", \\\\()\t:é-]{0,60}") {
        properties::challenge_text(text.as_bytes());
    }

    #[test]
    fn nobody_is_found_that_no_line_has(bytes in bytes()) {
        properties::users(&bytes);
    }
}
