//! Colours as eyes see them that lack one kind of cones (Machado, Oliveira and Fernandes, 2009, at full severity), and
//! how different two then look (CIEDE2000).

use crate::colour::Colour;

/// What an eye sees of linear light.
pub type Eye = [[f64; 3]; 3];

/// The eyes, with what they lack.
pub const EYES: [(&str, Eye); 4] = [
    ("nothing", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "red",
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ),
    (
        "green",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    (
        "blue",
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ),
];

/// How different two colours look to an eye; from about 2 on, who looks closely sees a difference.
pub fn difference(eye: &Eye, a: Colour, b: Colour) -> f64 {
    ciede2000(lab(times(eye, a.light())), lab(times(eye, b.light())))
}

fn times(matrix: &Eye, light: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(light).map(|(factor, part)| factor * part).sum())
}

/// Linear light in CIE L*a*b*, under D65.
fn lab(light: [f64; 3]) -> [f64; 3] {
    const TO_XYZ: Eye = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ];
    const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];
    let xyz = times(&TO_XYZ, light.map(|part| part.clamp(0.0, 1.0)));
    let f = |at: usize| match xyz[at] / WHITE[at] {
        part if part > 216.0 / 24389.0 => part.cbrt(),
        part => (part * 24389.0 / 27.0 + 16.0) / 116.0,
    };
    let [x, y, z] = [f(0), f(1), f(2)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000, after Sharma, Wu and Dalal (2005).
pub fn ciede2000([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let damped = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
    let stretch = 1.5 - 0.5 * damped((a1.hypot(b1) + a2.hypot(b2)) / 2.0);
    let (a1, a2) = (a1 * stretch, a2 * stretch);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let turn = match c1 * c2 {
        0.0 => 0.0,
        _ => (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0,
    };
    let middle = if c1 * c2 == 0.0 { h1 + h2 } else { (h1 + turn / 2.0).rem_euclid(360.0) };
    let (light, chroma) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let wave = |factor: f64, shift: f64| (factor * middle + shift).to_radians().cos();
    let t = 1.0 - 0.17 * wave(1.0, -30.0) + 0.24 * wave(2.0, 0.0) + 0.32 * wave(3.0, 6.0)
        - 0.20 * wave(4.0, -63.0);
    let off = (light - 50.0).powi(2);
    let d_l = (l2 - l1) / (1.0 + 0.015 * off / (20.0 + off).sqrt());
    let d_c = (c2 - c1) / (1.0 + 0.045 * chroma);
    let d_h = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * chroma * t);
    let blue = 60.0 * (-((middle - 275.0) / 25.0).powi(2)).exp();
    let turned = -blue.to_radians().sin() * 2.0 * damped(chroma);
    (d_l * d_l + d_c * d_c + d_h * d_h + turned * d_c * d_h).sqrt()
}
