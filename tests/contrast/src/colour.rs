//! A colour as light: how bright it is, and how it looks beside another or through it.

/// Red, green and blue, as they are written: from 0 to 1, not linear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour(pub [f64; 3]);

impl Colour {
    /// From `#rgb` or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let part = |at: usize| match digits.len() {
            3 => u8::from_str_radix(digits.get(at..=at)?, 16).ok().map(|digit| digit * 17),
            6 => u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok(),
            _ => None,
        };
        let parts = [part(0)?, part(1)?, part(2)?];
        Some(Self(parts.map(|part| f64::from(part) / 255.0)))
    }

    /// Linear light.
    pub fn light(self) -> [f64; 3] {
        self.0.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) })
    }

    /// This, as opaque as `part`, over another.
    #[must_use]
    pub fn over(self, part: f64, below: Self) -> Self {
        let mixed = |at: usize| self.0[at] * part + below.0[at] * (1.0 - part);
        Self([mixed(0), mixed(1), mixed(2)])
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.light();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// The contrast of two colours, from 1 to 21.
pub fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (a.luminance() + 0.05, b.luminance() + 0.05);
    a.max(b) / a.min(b)
}
