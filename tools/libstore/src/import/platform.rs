//! Which of several platforms serves best, by the levels that variants are of.

use libwire::image::Platform;

/// The rank of an image for more than what was asked for says it has: taken where there is no better one.
const LACKING: u32 = u32::MAX;

/// How well an image for `offered` serves where `wanted` is wanted: 0 is best, `None` not at all. Variants are levels
/// of an architecture, of which each runs what is made for those below it.
pub(super) fn rank(offered: &Platform, wanted: &Platform) -> Option<u32> {
    if (&offered.os, &offered.architecture) != (&wanted.os, &wanted.architecture) {
        return None;
    }
    match (level(offered), level(wanted)) {
        _ if offered.variant == wanted.variant => Some(0),
        (Some(offered), Some(wanted)) if offered <= wanted => Some(wanted - offered),
        _ if offered.variant.is_none() || wanted.variant.is_none() => Some(LACKING),
        _ => None,
    }
}

/// The rank of an image that does not say what it is for.
pub(super) const UNKNOWN: u32 = LACKING;

/// Whether an image for `offered` can be expected to run where `wanted` is.
pub(super) fn runs(offered: &Platform, wanted: &Platform) -> bool {
    rank(offered, wanted).is_some_and(|rank| rank < LACKING)
}

/// `v8` is 800, `v8.1` 801. Without a variant it is the one that the architecture means then.
fn level(platform: &Platform) -> Option<u32> {
    let Some(variant) = platform.variant.as_deref() else {
        return Some(match platform.architecture.as_str() {
            "arm" => 700,
            "arm64" => 800,
            _ => 100,
        });
    };
    let (major, minor) = variant.trim_start_matches('v').split_once('.').unwrap_or((variant, "0"));
    let number = |text: &str| text.trim_start_matches('v').parse::<u8>().ok().map(u32::from);
    Some(number(major)? * 100 + number(minor)?)
}

/// `os/architecture`, and the variant where there is one.
pub(super) fn text(platform: &Platform) -> String {
    let variant = platform.variant.as_ref().map(|variant| format!("/{variant}"));
    format!("{}/{}{}", platform.os, platform.architecture, variant.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_variant_that_the_machine_has_is_the_best() {
        let best = |wanted: &str, offered: &[&'static str]| {
            let wanted = wanted.parse().unwrap();
            let rank = |text: &&&str| rank(&text.parse().unwrap(), &wanted);
            offered.iter().filter(|text| rank(text).is_some()).min_by_key(rank).copied()
        };
        let amd64 = ["linux/arm64", "linux/amd64/v3", "linux/amd64", "linux/amd64/v2"];
        assert_eq!(best("linux/amd64", &amd64), Some("linux/amd64"));
        assert_eq!(best("linux/amd64/v2", &amd64), Some("linux/amd64/v2"));
        assert_eq!(best("linux/amd64/v4", &amd64), Some("linux/amd64/v3"));
        assert_eq!(best("linux/amd64", &amd64[..2]), Some("linux/amd64/v3"), "there is no better one");
        let arm = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"];
        assert_eq!(best("linux/arm", &arm), Some("linux/arm/v7"));
        assert_eq!(best("linux/arm/v6", &arm), Some("linux/arm/v6"));
        assert_eq!(best("linux/arm/v6", &arm[1..2]), None);
        assert_eq!(best("linux/arm64/v8", &["linux/arm64/v9", "linux/arm64"]), Some("linux/arm64"));
        assert_eq!(best("linux/amd64", &["windows/amd64"]), None);
        assert!(!runs(&"linux/amd64/v3".parse().unwrap(), &"linux/amd64".parse().unwrap()));
    }
}
