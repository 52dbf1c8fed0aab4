//! Compares the figures with those of dive 0.13.1 for the images of `tests/dive/cases`, which describes their format.
//! `tests/57-dive.t` runs dive itself, if there is one.

use crate::fixtures::{Line, ledger};

const CASES: &str = include_str!("../../../../tests/dive/cases");
const BYTES: &str = include_str!("tests.rs");

fn layer(line: &str) -> Vec<Line<'_>> {
    let entry = |entry| {
        let mut words = str::split(entry, ' ');
        let (kind, path, value) = (words.next()?, words.next()?, words.next().unwrap_or_default());
        let is_file = matches!(kind, "file" | "setuid");
        Some((kind, path, if is_file { &BYTES[..value.parse().ok()?] } else { value }))
    };
    let entries = line.split("; ").filter(|&entry| entry != "-");
    entries.map(|text| entry(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

/// The figures in the form of a case.
fn figures(layers: &[&str]) -> String {
    let layers: Vec<_> = layers.iter().map(|line| layer(line)).collect();
    let efficiency = ledger(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>()).efficiency;
    let path = |place| String::from_utf8(efficiency.places.path(place)).unwrap();
    let numbered = (0..).zip(&efficiency.seen);
    let mut twice: Vec<_> =
        numbered.filter(|(_, seen)| seen.times > 1).map(|(id, seen)| (path(id), seen)).collect();
    twice.sort_by(|(a, _), (b, _)| a.cmp(b));
    let twice = twice.iter().map(|(path, seen)| format!(" {}:{}:/{path}", seen.times, seen.total));
    format!("= {} {}{}", efficiency.score(), efficiency.wasted(), twice.collect::<String>())
}

#[test]
fn the_figures_are_those_that_dive_printed() {
    for case in CASES.trim().split("\n\n") {
        let lines: Vec<_> = case.lines().collect();
        let [title, layers @ .., printed] = &lines[..] else { panic!("{case}") };
        assert_eq!(figures(layers), *printed, "{title}");
    }
    assert!(CASES.matches("\n= ").count() > 60);
}
