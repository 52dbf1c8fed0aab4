//! The example of image-report(5) is exactly what the code writes, and the page has every member.

use crate::report::Report;
use libadvice::{advice, what_if};
use libimage::from_cost::{Brought, FromCost};
use libimage::{fixtures, reading};
use libwire::provenance::Line;
use serde_json::Value;

const PAGE: &str = include_str!("../../../man/image-report.5");

/// The report of an image with a file that a later layer removes, and a build tool.
fn written() -> String {
    let large = "x".repeat(120_000);
    let first: &[_] = &[("file", "tmp/large", &*large), ("file", "usr/include/a.h", "1234")];
    let opened = fixtures::opened(&[first, &[("file", "tmp/.wh.large", "")]]);
    let ledger = reading::ledger(&opened).unwrap();
    let mut report = Report::of(&opened, &ledger);
    report.advice = Some(advice::advise(&opened, &ledger, &report.cost.instructions).unwrap());
    let squash = ("squash".to_owned(), what_if::Change::Squash);
    report.what_if = Some(what_if::what_if(&opened, &ledger, &report.cost.instructions, &[squash]).unwrap());
    serde_json::to_string(&report).unwrap()
}

#[test]
fn the_example_is_what_is_written() {
    let (_, rest) = PAGE.split_once(".Bd -literal\n").unwrap();
    assert_eq!(rest.split_once("\n.Ed\n").unwrap().0, written());
}

#[test]
fn every_member_is_on_the_page_and_format_and_version_are_first() {
    let text = written();
    assert!(text.starts_with("{\"format\":\"image-report\",\"version\":1,\"image\":"));
    let mut value: Value = serde_json::from_str(&text).unwrap();
    // Members of an image about which more is known.
    value["created"] = Value::from("");
    value["instructions"][0]["dockerfile"] = Value::from("");
    value["instructions"][0]["line"] = Value::from(1);
    value["hidden"][0]["path_b64"] = Value::from("");
    let line = Line { dockerfile: String::new(), line: 1, text: String::new() };
    let from = FromCost {
        line,
        image: Some(String::new()),
        base: false,
        instructions: 1,
        brought: Brought::default(),
    };
    value["from"] = serde_json::to_value([from]).unwrap();
    value["totals"]["base"] = serde_json::to_value(Brought::default()).unwrap();
    members(&value);
}

fn members(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(values) => values.iter().for_each(members),
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            assert!(PAGE.split_whitespace().any(|word| word == name), "{name} is not on the page");
            members(value);
        }),
        _ => {}
    }
}

#[test]
fn every_kind_is_on_the_page() {
    use libadvice::advice::Kind as Advice;
    use libadvice::findings::Kind as Found;
    use libimage::ledger::Fate;
    let found = [
        Found::Duplicate,
        Found::MetadataCopy,
        Found::UnchangedCopy,
        Found::PackageLists,
        Found::Cache,
        Found::BuildTool,
        Found::Headers,
        Found::StaticLibrary,
        Found::Sources,
        Found::VersionControl,
        Found::Setuid,
        Found::EmptyLayer,
    ];
    let advice = [
        Advice::CacheMount,
        Advice::NoCache,
        Advice::Join,
        Advice::CopyMeta,
        Advice::Drop,
        Advice::NoRecommends,
    ];
    let fates = [Fate::Deleted, Fate::Overwritten, Fate::Metadata, Fate::Unchanged];
    let words = found.iter().map(serde_json::to_value).chain(advice.iter().map(serde_json::to_value));
    for word in words.chain(fates.iter().map(serde_json::to_value)) {
        let word = word.unwrap();
        assert!(PAGE.split_whitespace().any(|other| Some(other) == word.as_str()), "{word}");
    }
}
