//! Pictures of the reports in these tests.

use super::bars::{self, Canvas};
use super::{html, hues, svg};
use crate::report::Report;
use libadvice::advice::{Advice, Change, Kind};
use libadvice::findings::{self, Finding};
use libcli::columns;
use libimage::fixtures::ledger;
use libimage::from_cost::{Brought, FromCost};
use libimage::image_cost::{ImageCost, Totals};
use libimage::instruction::Instruction;
use libimage::layer_cost::{HiddenSum, LayerCost};
use libimage::ledger::Fate;
use libwire::Digest;
use libwire::provenance::Line;
use proptest::prelude::*;

/// A report of layers with these visible and hidden bytes, all made by the same instruction.
pub fn report(image: &str, text: &str, layers: &[(u64, u64)]) -> Report {
    let mut report = Report {
        format: crate::report::FORMAT,
        version: crate::report::VERSION,
        cost: ImageCost {
            name: image.into(),
            digest: Digest::of(b"manifest"),
            platform: "linux/amd64".into(),
            created: None,
            totals: Totals::default(),
            from: Vec::new(),
            instructions: Vec::new(),
            layers: Vec::new(),
            hidden: Vec::new(),
        },
        findings: Vec::new(),
        advice: None,
        what_if: None,
    };
    for (at, &(visible, hidden)) in layers.iter().enumerate() {
        let sum = HiddenSum { by: layers.len(), fate: Fate::Deleted, files: 1, bytes: hidden };
        let content = visible + hidden;
        report.cost.totals.download += content;
        report.cost.totals.content += content;
        report.cost.totals.visible += visible;
        report.cost.totals.hidden += hidden;
        report.cost.instructions.push(Instruction {
            number: at + 1,
            text: text.into(),
            dockerfile: Some(image.into()),
            line: Some(7),
            base: false,
            layer: Some(at + 1),
            stage: 0,
            by_from: false,
        });
        report.cost.layers.push(LayerCost {
            layer: at + 1,
            digest: Digest::of(b"blob"),
            diff_id: Digest::of(b"tar"),
            download: content,
            running: report.cost.totals.download,
            tar: content,
            entries: 1,
            content,
            visible,
            hidden: Vec::from_iter((hidden > 0).then_some(sum)),
        });
    }
    report
}

/// The same report, whose first layers belong to a base.
fn on_base(mut report: Report, layers: usize, text: &str) -> Report {
    let brought = Brought {
        layers,
        download: report.cost.layers[..layers].iter().map(|cost| cost.download).sum(),
        content: report.cost.layers[..layers].iter().map(|cost| cost.content).sum(),
    };
    let line = Line { dockerfile: text.into(), line: 1, text: text.into() };
    report.cost.totals.base = Some(brought);
    report.cost.from = vec![FromCost { line, image: None, base: false, instructions: layers, brought }];
    report.cost.instructions[..layers].iter_mut().for_each(|instruction| instruction.base = true);
    report
}

/// The lines below the head.
fn drawn(report: &Report, width: usize) -> Vec<String> {
    headed(report, width).split_off(1)
}

fn headed(report: &Report, width: usize) -> Vec<String> {
    let mut output = Vec::new();
    bars::write(report, Canvas { width, colour: false, bars: true }, &mut output).unwrap();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_bar_begins_where_the_one_before_ended() {
    let drawn = drawn(&report("f", "RUN x", &[(40, 20), (0, 0), (30, 10)]), 80);
    assert_eq!(
        drawn[..3],
        [
            "  1  f:7    █████████████▒▒▒▒▒▒▒                    60 B  RUN x",
            "  2  f:7                                             0 B  RUN x",
            "  3  f:7                        ██████████▒▒▒       40 B  RUN x",
        ]
    );
}

fn narrow_legend(report: &Report) -> String {
    headed(report, 80).pop().unwrap()
}

#[test]
fn a_wide_terminal_has_room_for_what_is_downloaded() {
    let report = report("Dockerfile", "RUN x", &[(40, 60)]);
    let [narrow, wide] = [80, 100].map(|width| headed(&report, width));
    let legend = "     ▒ is paid for and not visible; each bar begins where the one before ends";
    assert_eq!(narrow_legend(&report), legend);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&narrow[0]), ["LAY", "PLACE", "FILES", "INSTRUCTION"]);
    assert_eq!(words(&wide[0]), ["LAY", "PLACE", "FILES", "DOWNLOAD", "INSTRUCTION"]);
    assert!(
        narrow[1].ends_with("  100 B  RUN x") && wide[1].ends_with("  100 B      100 B  RUN x"),
        "{wide:?}"
    );
}

#[test]
fn from_stands_below_what_it_brought_with_a_rule_as_long() {
    let drawn = drawn(&on_base(report("f", "RUN x", &[(30, 20), (50, 0)]), 1, "FROM"), 80);
    assert_eq!(
        drawn[..3],
        [
            "  1  base f:7  █████████▒▒▒▒▒▒▒                      50 B  RUN x",
            "     FROM:1    ────────────────                      50 B  FROM",
            "  2  f:7                       ███████████████       50 B  RUN x",
        ]
    );
}

#[test]
fn every_picture_says_what_came_with_the_base() {
    let report = on_base(report("f", "RUN x", &[(3000, 0), (1000, 0)]), 1, "FROM y");
    let picture = svg::svg(&report);
    assert!(picture.contains("class=\"bracket\" d=\"M24 124v6h594.00v-6\""), "{picture}");
    assert!(picture.contains(">FROM y:1 FROM y</tspan> brought 3.0 kB to download<"), "{picture}");
    let page = html::page(&report, &ledger(&[]));
    assert!(
        page.contains("<small>3.0 kB the base&#39;s</small>") && page.contains("<rect width=\"75.000%\"")
    );
    let row = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}"));
    assert!(row(">base f:7<") < row("<tr class=\"from\">") && row("<tr class=\"from\">") < row(">f:7<"));
}

#[test]
fn what_is_there_is_seen_however_small() {
    let rows = drawn(&report("f", "RUN x", &[(1_000_000, 1), (1, 0), (0, 1)]), 80);
    assert_eq!(drawn(&report("f", "RUN x", &[(1, 0), (0, 0)]), 80)[1].matches('█').count(), 0);
    assert!(rows[0].contains("█▒ ") && rows[1].contains('█') && rows[2].contains('▒'), "{rows:?}");
}

#[test]
fn one_column_is_shaded_when_most_of_it_is_hidden() {
    let drawn = drawn(&report("f", "RUN x", &[(80, 20), (20, 80), (100_000, 0)]), 80);
    let bar = |line: &str| line.chars().filter(|c| "█▒".contains(*c)).collect::<String>();
    assert_eq!((bar(&drawn[0]), bar(&drawn[1])), ("█".into(), "▒".into()));
}

#[test]
fn the_largest_layers_have_a_hue_of_their_own() {
    let sizes: Vec<_> = (0..20).map(|size| (size % 10 * 100, 0)).collect();
    let hues = hues(&report("f", "x", &sizes).cost.layers);
    let mut given: Vec<usize> = hues.iter().copied().filter(|&hue| hue > 0).collect();
    assert_eq!(given, (1..=super::HUES).collect::<Vec<_>>(), "in the order of the image");
    given.dedup();
    assert_eq!((hues[0], hues[9], hues[19]), (0, 4, 8));
}

#[test]
fn a_hundred_layers_are_one_picture() {
    let picture = svg::svg(&report("f", "RUN x", &vec![(10, 1); 100]));
    assert!(picture.contains("and 76 smaller layers, 836 B together"));
    assert!(picture.len() < 40_000, "{}", picture.len());
}

#[test]
fn an_image_without_a_byte_has_a_picture() {
    for layers in [vec![], vec![(0, 0)]] {
        let report = report("f", "x", &layers);
        let picture = svg::svg(&report);
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        assert_eq!(drawn(&report, 80).len(), layers.len() + 1);
    }
}

/// Sizes that a hostile image can have.
fn sizes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0..1_u64 << 50, 0..1_u64 << 50), 0..12)
}

/// An advice, in which every text is `text`.
fn advice(text: &str) -> Advice {
    let change = |lines| Change { instruction: 1, place: text.into(), lines };
    Advice {
        kind: Kind::NoRecommends,
        title: text.into(),
        instruction: 1,
        place: text.into(),
        saves_content: 2,
        saves_download: 1,
        paste: vec![text.into()],
        changes: vec![change(vec![text.into(), "\tCMD x".into()]), change(Vec::new())],
        why: text.into(),
    }
}

#[test]
fn an_advice_has_its_lines_to_copy() {
    let (page, _) = page("x");
    assert!(page.contains("<pre>x\n\tCMD x</pre>"));
    assert!(page.contains("</span>: leave it out</p>"));
}

/// A page of one file, and the data in it.
fn page(text: &str) -> (String, serde_json::Value) {
    let name = format!("n{}", text.replace(['/', '\0'], ""));
    let mut report = on_base(report(text, text, &[(1, 1)]), 1, text);
    report.advice = Some(vec![advice(text)]);
    let page = html::page(&report, &ledger(&[&[("file", &name, "1")]]));
    let (_, data) = page.split_once(r#"id="data">"#).unwrap();
    let data = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    (page, data)
}

#[test]
fn a_page_says_which_script_may_run() {
    let (page, _) = page("x");
    let between = |start, end| page.split_once(start).and_then(|(_, rest)| rest.split_once(end)).unwrap().0;
    assert_eq!(between("<script>", "</script>"), include_str!("page/page.js"));
    assert_eq!(between("script-src ", ";"), format!("'{}'", html::policy(between("<script>", "</script>"))));
    assert_eq!(between("style-src ", ";"), format!("'{}'", html::policy(between("<style>", "</style>"))));
    assert!(!page.contains("{{"), "a part is not filled in");
}

#[test]
fn what_looks_like_a_part_of_the_page_is_text() {
    assert!(page("{{script}}").0.contains("<h1><bdi>{{script}}</bdi></h1>"));
}

proptest! {
    // Each case writes and reads a layer.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_text_gets_out_of_a_page(text in any::<String>()) {
        let ((plain, _), (hostile, data)) = (page("t"), page(&text));
        let marks = |text: &str| text.matches(['<', '>']).count();
        prop_assert_eq!(marks(&hostile), marks(&plain));
        prop_assert!(!hostile.contains(|c: char| c.is_control() && !"\n\t".contains(c)));
        let name = format!("n{}", libcli::spelled_out(text.replace(['/', '\0'], "").as_bytes()));
        prop_assert_eq!(&data["tree"]["name"][1], &serde_json::Value::from(name));
    }

    #[test]
    fn no_text_gets_out_of_a_picture(text in any::<String>(), layers in sizes()) {
        let base = layers.len() / 2;
        let plain = svg::svg(&on_base(report("i", "t", &layers), base, "t"));
        let hostile = svg::svg(&on_base(report(&text, &text, &layers), base, &text));
        let marks = |text: &str| text.matches(['<', '>', '"']).count();
        prop_assert_eq!(marks(&hostile), marks(&plain));
        prop_assert!(!hostile.contains(|c: char| c.is_control() && c != '\n'));
    }

    #[test]
    fn no_bar_is_wider_than_its_terminal(layers in sizes(), width in 40_usize..200, text in any::<String>()) {
        let base = layers.len() / 2;
        for row in headed(&on_base(report("Dockerfile", &text, &layers), base, &text), width) {
            prop_assert!(columns(&row) <= width, "{}: {row}", columns(&row));
        }
    }
}

/// A finding of some bytes in a layer.
fn finding(layer: usize, bytes: u64) -> Finding {
    let (kind, what) = (findings::Kind::Cache, format!("tool{bytes}"));
    Finding { kind, what, layer, bytes, hidden: 0, files: 1, paths: Vec::new() }
}

#[test]
fn what_the_base_has_is_counted_and_comes_after_what_the_image_has() {
    let mut report = on_base(report("app", "RUN make", &[(900, 0), (100, 0)]), 1, "Dockerfile");
    report.findings = vec![finding(1, 30), finding(1, 20), finding(2, 10)];
    let mut text = Vec::new();
    crate::text::write(&report, None, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        text.split_once("Found:\n").unwrap().1,
        "       10 B  cache of tool10 (layer 2)\n  and 2 in layers of the base; --json has all\n"
    );
    let page = html::page(&report, &ledger(&[]));
    let at = |what: &str| page.find(what).unwrap();
    assert!(at("cache of tool10") < at("2 in layers of the base"));
    assert!(at("2 in layers of the base") < at("cache of tool30"));
}

#[test]
fn findings_of_nothing_but_the_base_are_a_number() {
    let mut report = on_base(report("app", "RUN make", &[(900, 0), (100, 0)]), 1, "Dockerfile");
    report.findings = vec![finding(1, 30)];
    let mut text = Vec::new();
    crate::text::write(&report, None, &mut text).unwrap();
    assert!(
        String::from_utf8(text).unwrap().ends_with("\nFound:\n  1 in layers of the base; --json has all\n")
    );
}
