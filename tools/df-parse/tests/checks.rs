//! Our rules about size and secrets: each folder's name is the assertion.

use df_parse::check::{Checked, Request, check_text};
use df_parse::{Extent, Options};
use std::fs;

fn checked(text: &str) -> Checked {
    let (options, ignored) = (&Options::default(), &libpattern::Matcher::default());
    check_text(text, &Request { options, ignored, extent: Extent::AllStages, own: true })
}

#[test]
fn every_folder_holds() {
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checks")).unwrap() {
        let folder = entry.unwrap().path();
        let checked = checked(&fs::read_to_string(folder.join("Dockerfile")).unwrap());
        assert_eq!(checked.refused, None, "{}", folder.display());
        let own = checked.findings.iter().filter(|finding| finding.rule.own);
        let got: String = own.map(|finding| format!("{} {}\n", finding.line, finding.rule.name)).collect();
        assert_eq!(got, fs::read_to_string(folder.join("expected")).unwrap(), "{}", folder.display());
    }
}

#[test]
fn a_command_of_no_words_is_refused_and_breaks_no_rule() {
    let checked = checked("FROM a\nRUN []\n");
    assert!(checked.findings.is_empty() && checked.refused.is_some());
}
