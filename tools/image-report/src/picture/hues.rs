//! The colours of layers, in the light and in the dark. In each scheme all are told apart by eyes that lack one of
//! their three kinds of cones, stand out from what is behind them, and carry text: tests/contrast measures that.

use std::fmt::Write;

/// A colour, and that of text on it.
pub type Hue = (&'static str, &'static str);

/// Text on a hue.
const WHITE: &str = "#ffffff";
const INK: &str = "#0d1117";

/// On white. The first is that of all layers without a hue of their own.
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

/// On black.
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

/// The rules of the classes h0, h1 and so on: what is drawn is filled, and for what is not there are `--hue` and
/// `--on`. `dark` is the condition under which a reader has it dark.
pub fn sheet(dark: &str) -> String {
    let rules = |hues: &[Hue]| {
        hues.iter().enumerate().fold(String::new(), |mut sheet, (at, (hue, on))| {
            // A String takes all that is written to it.
            let _ = writeln!(sheet, ".h{at} {{ fill: {hue}; --hue: {hue}; --on: {on}; }}");
            sheet
        })
    };
    format!("{}@media {dark} {{\n{}}}\n", rules(&LIGHT), rules(&DARK))
}
