//! The colours of layers, in light and dark themes. In each theme, people with each kind of colour blindness can
//! distinguish them, and they contrast with the background and with text on them. tests/contrast measures that.

use std::fmt::Write;

/// A colour, and the colour of text on it.
pub type Hue = (&'static str, &'static str);

/// Text on a hue.
const WHITE: &str = "#ffffff";
const INK: &str = "#0d1117";

/// Colours on white. The first is for all layers without their own hue.
pub const LIGHT: [Hue; super::HUES + 1] = [
    ("#585b59", WHITE),
    ("#1a4ca8", WHITE),
    ("#675b06", WHITE),
    ("#7d7dd7", INK),
    ("#c87335", INK),
    ("#74045a", WHITE),
    ("#339975", INK),
    ("#014726", WHITE),
    ("#966189", WHITE),
];

/// Colours on black.
pub const DARK: [Hue; super::HUES + 1] = [
    ("#9ca19f", INK),
    ("#54acfb", INK),
    ("#cba85d", INK),
    ("#a0f2da", INK),
    ("#7c8630", INK),
    ("#f6d0ff", INK),
    ("#b26f71", INK),
    ("#dee99f", INK),
    ("#9574a9", INK),
];

/// The rules of the classes h0, h1 and so on. Shapes get a fill; other elements can use `--hue` and `--on`. `dark` is
/// the condition for the reader's dark theme.
pub fn sheet(dark: &str) -> String {
    let rules = |hues: &[Hue]| {
        hues.iter().enumerate().fold(String::new(), |mut sheet, (at, (hue, on))| {
            // Writing to a String cannot fail.
            let _ = writeln!(sheet, ".h{at} {{ fill: {hue}; --hue: {hue}; --on: {on}; }}");
            sheet
        })
    };
    format!("{}@media {dark} {{\n{}}}\n", rules(&LIGHT), rules(&DARK))
}
