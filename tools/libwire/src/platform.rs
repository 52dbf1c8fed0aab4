//! One spelling for each platform: containerd's normal form, in which `linux/arm64/v8` is `linux/arm64`.

use crate::image::Platform;

/// Operating system, architecture and variant in normal form.
pub fn normal_form(os: &str, architecture: &str, variant: Option<&str>) -> (String, String, Option<String>) {
    let [os, architecture] = [os, architecture].map(str::to_lowercase);
    let variant = variant.map(str::to_lowercase).filter(|variant| !variant.is_empty());
    let os = if os == "macos" { "darwin" } else { &os };
    let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386" | "x86", _) => ("386", None),
        ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        (architecture, variant) => (architecture, variant),
    };
    (os.to_owned(), architecture.to_owned(), variant.map(str::to_owned))
}

/// A platform in normal form, as `os/architecture[/variant]`.
pub fn normal_text(platform: &Platform) -> String {
    let Platform { os, architecture, variant, .. } = platform;
    let (os, architecture, variant) = normal_form(os, architecture, variant.as_deref());
    let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{os}/{architecture}{variant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_platform_meet_and_others_stay_apart() {
        for (text, normal) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/i386", "linux/386"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("Linux/ARMHF", "linux/arm/v7"),
            ("macOS/arm64", "darwin/arm64"),
        ] {
            assert_eq!(normal_text(&text.parse().unwrap()), normal);
        }
    }
}
