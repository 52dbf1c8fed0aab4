//! Texts of the reports in these tests.

use super::write;
use crate::picture::bars::Canvas;
use crate::picture::tests::report;
use crate::report::Report;
use libadvice::advice::{Advice, Kind};
use libcli::columns;
use libimage::fixtures::{Line, opened};
use libimage::reading;

fn said(report: &Report, width: Option<usize>) -> String {
    drawn(report, width.map(|width| Canvas { width, colour: false, bars: true }))
}

fn drawn(report: &Report, canvas: Option<Canvas>) -> String {
    let mut text = Vec::new();
    write(report, canvas, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn advice(title: &str, why: &str) -> Advice {
    Advice {
        kind: Kind::Join,
        title: title.into(),
        instruction: 1,
        place: "Dockerfile:1".into(),
        saves_content: 30,
        saves_download: 20,
        paste: Vec::new(),
        changes: Vec::new(),
        why: why.into(),
    }
}

#[test]
fn of_many_layers_that_hid_something_the_largest_are_told() {
    let sizes: Vec<(u64, u64)> = (1..=100).map(|at| (1, at)).collect();
    let text = said(&report("app", "RUN make", &sizes), None);
    let told: Vec<&str> = text.lines().filter(|line| line.contains("of layer")).collect();
    assert_eq!(told.len(), 10);
    assert_eq!(told[0], "      100 B  of layer 100 deleted by layer 100 (app:7: RUN make)");
    assert!(
        text.contains("\n  and 90 smaller ones, 4.1 kB together; --json has all\nThe largest:\n"),
        "{text}"
    );
}

#[test]
fn the_head_says_what_is_hidden_and_what_saves_most() {
    let mut report = report("app", "RUN make", &[(900, 100)]);
    report.cost.layers[0].tar += 1;
    report.advice = Some(vec![advice("join these", "why"), advice("do that", "why")]);
    let text = said(&report, None);
    let head: Vec<&str> = text.lines().skip(1).take(4).collect();
    assert_eq!(
        head,
        [
            "1.0 kB to download",
            "1.0 kB of files: 900 B visible, 100 B hidden; efficiency 0.00 %",
            "20 B less to download, if you join these; see below",
            ""
        ]
    );
}

#[test]
fn layers_that_are_not_compressed_are_called_so() {
    let text = said(&report("app.tar", "RUN make", &[(900, 100)]), None);
    assert_eq!(text.lines().nth(1), Some("1.0 kB to download; the layers are not compressed"));
}

#[test]
fn a_terminal_gets_no_line_that_is_wider() {
    let words = "many words that explain at length what is to be done and why it is ".repeat(3);
    let mut report = report("registry.example/team/app:1", &words, &[(900, 100), (70, 30)]);
    report.advice = Some(vec![advice(&words, &words)]);
    for (width, bars) in [(60, true), (80, true), (80, false), (120, true)] {
        let text = drawn(&report, Some(Canvas { width, colour: false, bars }));
        assert_eq!(text.contains("RUNNING"), !bars, "{text}");
        for line in text.lines() {
            assert!(columns(line) <= width, "{} in {width}: {line}", columns(line));
        }
        assert!(text.contains("sha256:") == (width == 120), "{text}");
    }
    assert!(said(&report, None).contains(words.trim()), "what is no terminal gets lines as they are");
}

#[test]
fn an_instruction_of_several_lines_is_one() {
    let text = said(&report("app", "RUN a && \\\n    b \t--c\nd", &[(900, 100)]), None);
    assert!(text.contains("  RUN a && b --c d\n"), "{text}");
    let text = said(&report("app", "RUN a && \\\n    b", &[(900, 100)]), Some(100));
    assert!(text.contains("  RUN a && b\n"), "{text}");
}

#[test]
fn a_blob_that_is_there_twice_is_downloaded_once() {
    let (a, b): (&[Line], &[Line]) = (&[("file", "a", "1")], &[("file", "b", "22")]);
    let opened = opened(&[a, b, a]);
    let report = Report::of(&opened, &reading::ledger(&opened).unwrap());
    let downloads: Vec<_> = report.cost.layers.iter().map(|cost| (cost.download, cost.running)).collect();
    assert_eq!(downloads, [(2048, 2048), (2048, 4096), (0, 4096)]);
    assert_eq!((report.cost.totals.download, report.cost.totals.content), (4096, 4));
    assert!(said(&report, None).contains("4.1 kB to download; the layers are not compressed"));
}
