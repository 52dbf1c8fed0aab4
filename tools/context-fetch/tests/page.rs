//! The requests and answers of the page are those that are read and written.

use libwire::fetch::{Answer, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PAGE: &str = include_str!("../../../man/context-fetch.1");

fn again<T: DeserializeOwned + Serialize>(number: usize) -> (String, String) {
    let text = PAGE.split(".Bd -literal\n").nth(number).and_then(|rest| rest.split(".Ed").next()).unwrap();
    let text = text.replace("\\e", "\\");
    let lines: Vec<T> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let written = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    (text, written)
}

#[test]
fn the_examples_of_the_page_are_what_is_written() {
    let (requests, written) = again::<Request>(1);
    assert_eq!(written, requests);
    let (answers, written) = again::<Answer>(2);
    assert_eq!(written, answers);
    assert_eq!(answers.lines().count(), requests.lines().count());
}

#[test]
fn a_member_that_nobody_knows_is_no_request() {
    for text in [
        r#"{"type":"file","source":"http://h/x","checksun":"sha256:00"}"#,
        r#"{"type":"file","source":"http://h/x","secrets":{},"keep_git_dir":true}"#,
        r#"{"type":"commit","source":"git://h/x","commit":{}}"#,
        r#"{"source":"http://h/x"}"#,
    ] {
        assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
    }
}

#[test]
fn a_commit_that_could_be_an_option_of_gits_is_no_request() {
    let request = |commit: &str, wanted: &str| {
        let commit = format!("{{\"commit\":\"{commit}\",\"wanted\":\"{wanted}\"}}");
        serde_json::from_str::<Request>(&format!(
            "{{\"type\":\"tree\",\"source\":\"git://h/x\",\"commit\":{commit}}}"
        ))
    };
    let commit = "4b220de5058abfd01ff619c9d2ff6b09a049bea0";
    assert!(request(commit, "refs/heads/main").is_ok());
    for (commit, wanted) in
        [("--upload-pack=x", "HEAD"), (commit, "--upload-pack=x"), (commit, "a b"), ("main", "main")]
    {
        assert!(request(commit, wanted).is_err(), "{commit} {wanted}");
    }
}
