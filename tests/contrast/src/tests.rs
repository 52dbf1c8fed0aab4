//! What has to stand out from what, in each scheme: text by 4.5, what is drawn by 3 (WCAG 2.2, 1.4.3 and 1.4.11).

use crate::colour::{Colour, contrast};
use crate::eyes::{EYES, ciede2000, difference};
use crate::sheet::Sheet;
use image_report::picture::bars::COLOURS;
use image_report::picture::hues::{DARK, Hue, LIGHT, sheet};

const PAGE: &str = include_str!("../../../tools/image-report/src/picture/page/page.css");
const PICTURE: &str = include_str!("../../../tools/image-report/src/picture/svg.css");
const CHART: &str = include_str!("../../../tools/build-trace/src/chart.css");

const TEXT: f64 = 4.5;
const DRAWN: f64 = 3.0;
/// How different two hues look to any eye, and to those that lack nothing.
const HUES: f64 = 12.0;
const HUES_TO_MOST: f64 = 19.0;

/// The schemes of a page, with what is true in them and the hues they have.
const SCHEMES: [(&str, &[&str], &[Hue]); 3] =
    [("light", &["screen"], &LIGHT), ("dark", &["screen", "dark"], &DARK), ("print", &["print"], &LIGHT)];

fn colour(text: &str) -> Colour {
    Colour::parse(text).unwrap_or_else(|| panic!("{text} is no colour"))
}

fn stands_out(what: &str, front: Colour, back: Colour, least: f64) {
    let contrast = contrast(front, back);
    assert!(contrast >= least, "{what}: {contrast:.2}, wanted {least}");
}

#[test]
fn contrast_and_difference_are_what_their_definitions_say() {
    let of = |a, b| (contrast(colour(a), colour(b)) * 100.0).round() / 100.0;
    assert_eq!((of("#fff", "#000000"), of("#777", "#fff"), of("#00f", "#00f")), (21.0, 4.48, 1.0));
    for (a, b, wanted) in [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, -1.0, 2.0], [50.0, 0.0, 0.0], 2.3669),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([6.7747, -0.2908, -2.4247], [5.8714, -0.0985, -2.2286], 0.6377),
    ] {
        assert!((ciede2000(a, b) - wanted).abs() < 0.0001, "{} of {wanted}", ciede2000(a, b));
    }
}

#[test]
fn a_sheet_is_read_as_a_browser_would() {
    let text = "a, .b { fill: #000; /* { */ x: y }\n@media print { a { fill: #111 } }\n@media screen and (prefers-color-scheme: dark) {\n:root { --c: #222; }\n}";
    let fill = |conditions: &[&str]| Sheet::read(text, conditions).get("a", "fill").map(str::to_owned);
    assert_eq!((fill(&[]).as_deref(), fill(&["print"]).as_deref()), (Some("#000"), Some("#111")));
    let dark = |conditions: &[&str]| Sheet::read(text, conditions).get(":root", "--c").is_some();
    assert_eq!((dark(&["dark"]), dark(&["screen", "dark"])), (false, true));
}

#[test]
fn hues_are_told_apart_by_all_eyes() {
    for (scheme, _, hues) in &SCHEMES[..2] {
        for (lacks, eye) in &EYES {
            let least = if *lacks == "nothing" { HUES_TO_MOST } else { HUES };
            for (at, (a, _)) in hues.iter().enumerate() {
                for (b, _) in &hues[at + 1..] {
                    let difference = difference(eye, colour(a), colour(b));
                    assert!(difference >= least, "{scheme}, {lacks} lacking: {a} and {b}: {difference:.1}");
                }
            }
        }
    }
}

#[test]
fn text_on_a_hue_is_read() {
    for (scheme, _, hues) in SCHEMES {
        for (hue, on) in hues {
            stands_out(&format!("{scheme}: {on} on {hue}"), colour(on), colour(hue), TEXT);
        }
    }
}

#[test]
fn the_page_is_read_in_the_light_in_the_dark_and_on_paper() {
    for (scheme, conditions, hues) in SCHEMES {
        let page = Sheet::read(PAGE, conditions);
        let of =
            |name: &str| colour(page.get(":root", name).unwrap_or_else(|| panic!("{scheme}: no {name}")));
        for back in ["--page", "--card"] {
            for (front, least) in
                [("--text", TEXT), ("--dim", TEXT), ("--lost", TEXT), ("--focus", DRAWN), ("--edge", DRAWN)]
            {
                stands_out(&format!("{scheme}: {front} on {back}"), of(front), of(back), least);
            }
        }
        for (hue, _) in hues {
            // Stripes of what is hidden are in the page's colour.
            for back in ["--page", "--card", "--track"] {
                stands_out(&format!("{scheme}: {hue} on {back}"), colour(hue), of(back), DRAWN);
            }
            // The ring of the focus has two colours, one in the other.
            let ring = contrast(of("--focus"), colour(hue)).max(contrast(of("--page"), colour(hue)));
            assert!(ring >= DRAWN, "{scheme}: the focus on {hue}: {ring:.2}");
        }
    }
}

#[test]
fn no_colour_of_the_page_is_beyond_these_tests() {
    let known = ["text", "dim", "lost", "focus", "edge", "page", "card", "track", "line"]
        .map(|name| format!("--{name}"));
    for (scheme, conditions, _) in SCHEMES {
        let page = Sheet::read(PAGE, conditions);
        for (name, value) in page.of(":root").filter(|(_, value)| value.starts_with('#')) {
            assert!(known.iter().any(|known| known == name), "{scheme}: {name}: {value}");
        }
        for (property, values) in [
            ("color", &["var(--text)", "var(--dim)", "var(--lost)", "var(--on)", "inherit"][..]),
            ("background", &["var(--page)", "var(--card)", "var(--track)", "var(--hue)", "none"]),
            ("fill", &["var(--page)", "var(--dim)"]),
        ] {
            for (selector, value) in page.with(property) {
                assert!(values.contains(&value), "{scheme}: {selector} {{ {property}: {value} }}");
            }
        }
        assert_eq!(page.with("opacity").count(), 0, "what is seen through is not measured");
    }
}

#[test]
fn the_picture_is_read_in_the_light_and_in_the_dark() {
    for (scheme, conditions, hues) in &SCHEMES[..2] {
        let picture = Sheet::read(PICTURE, conditions);
        let of = |selector: &str| colour(picture.get(selector, "fill").unwrap_or("none"));
        for text in ["text", ".dim"] {
            stands_out(&format!("{scheme}: {text}"), of(text), of(".page"), TEXT);
        }
        for (hue, _) in *hues {
            for back in [".page", ".track", ".stripe"] {
                stands_out(&format!("{scheme}: {hue} on {back}"), colour(hue), of(back), DRAWN);
            }
        }
        let bracket = picture.get(".bracket", "stroke").unwrap_or("none");
        stands_out(&format!("{scheme}: bracket"), colour(bracket), of(".page"), DRAWN);
        for (selector, value) in picture.with("fill").filter(|(_, value)| *value != "none") {
            let known = ["text", ".dim", ".page", ".track", ".stripe"];
            assert!(known.contains(&selector), "{selector} {{ fill: {value} }}");
        }
    }
}

/// A colour of the 256 of a terminal, beyond the 16 that are as its user likes.
fn of_terminal(number: u8) -> Colour {
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let parts = match number {
        16..232 => [36, 6, 1].map(|unit| CUBE[usize::from((number - 16) / unit % 6)]),
        _ => [8 + 10 * (number - 232); 3],
    };
    Colour(parts.map(|part| f64::from(part) / 255.0))
}

#[test]
fn bars_are_seen_on_a_light_terminal_and_on_a_dark_one() {
    for number in COLOURS {
        for ground in ["#ffffff", "#000000", "#1e1e1e"] {
            stands_out(&format!("{number} on {ground}"), of_terminal(number), colour(ground), DRAWN);
        }
    }
}

#[test]
fn both_pictures_have_the_hues_and_on_paper_they_are_the_light_ones() {
    let rules = sheet("screen and (prefers-color-scheme: dark)");
    for (_, conditions, hues) in SCHEMES {
        let read = Sheet::read(&rules, conditions);
        for (at, (hue, on)) in hues.iter().enumerate() {
            let class = format!(".h{at}");
            let said = ["fill", "--hue", "--on"].map(|name| read.get(&class, name));
            assert_eq!(said, [Some(*hue), Some(*hue), Some(*on)]);
        }
    }
}

#[test]
fn the_chart_of_a_build_is_read_in_the_light_and_in_the_dark() {
    const KINDS: [&str; 6] = [".from", ".run", ".copy", ".config", ".pack", ".failed"];
    for (scheme, conditions, _) in &SCHEMES[..2] {
        let chart = Sheet::read(CHART, conditions);
        let said = |selector: &str, property| chart.get(selector, property).unwrap_or("none").to_owned();
        let number = |selector: &str, property| said(selector, property).parse::<f64>().unwrap();
        let of = |selector: &str| colour(&said(selector, "fill"));
        let ground = of(".ground");
        for text in ["text", ".faint", ".wrong"] {
            stands_out(&format!("{scheme}: {text}"), of(text), ground, TEXT);
        }
        for line in [".wait", ".lost"] {
            stands_out(&format!("{scheme}: {line}"), colour(&said(line, "stroke")), ground, DRAWN);
        }
        for kind in KINDS {
            stands_out(&format!("{scheme}: {kind}"), of(kind), ground, DRAWN);
            stands_out(&format!("{scheme}: text on {kind}"), of(".code"), of(kind), TEXT);
            if kind == ".pack" {
                continue; // It is never cached.
            }
            let edge = colour(&said(&format!("{kind}.cached"), "stroke"));
            stands_out(&format!("{scheme}: the edge of {kind}, cached"), edge, ground, DRAWN);
            let cached = of(kind).over(number(".cached", "fill-opacity"), ground);
            let hatch = colour(&said(".hatch", "stroke")).over(number(".hatch", "stroke-opacity"), cached);
            for back in [cached, hatch] {
                stands_out(&format!("{scheme}: text on {kind}, cached"), of(".pale"), back, TEXT);
            }
        }
    }
}
