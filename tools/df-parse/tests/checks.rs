//! Our rules about size and secrets: each folder's name is the assertion.

use df_parse::{Options, check, parse};
use std::fs;

#[test]
fn every_folder_holds() {
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checks")).unwrap() {
        let folder = entry.unwrap().path();
        let file = parse(&fs::read_to_string(folder.join("Dockerfile")).unwrap()).unwrap();
        let checked = check::check_all(
            &file,
            &Options::default(),
            &libpattern::Matcher::default(),
            check::Extent::AllStages,
        )
        .unwrap();
        let own = checked.findings.iter().filter(|finding| finding.rule.own);
        let got: String = own.map(|finding| format!("{} {}\n", finding.line, finding.rule.name)).collect();
        assert_eq!(got, fs::read_to_string(folder.join("expected")).unwrap(), "{}", folder.display());
    }
}

#[test]
fn a_command_of_no_words_is_refused() {
    let file = parse("FROM a\nRUN []\n").unwrap();
    let (options, none) = (Options::default(), libpattern::Matcher::default());
    assert!(check::check_all(&file, &options, &none, check::Extent::AllStages).is_err());
}
