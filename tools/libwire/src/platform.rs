//! Platforms. There is one type, and one spelling for each platform: containerd's normal form, in which
//! `linux/arm64/v8` is `linux/arm64`. The module also decides which of several platforms suits a machine best. It
//! uses only the words and this program's own build.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The operating systems that a platform of one word can name.
const SYSTEMS: [&str; 12] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
];
/// The architectures that a platform of one word can name, in normal form.
const ARCHITECTURES: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
];

/// Members beyond those named.
pub type Extra = BTreeMap<String, Value>;

/// A descriptor's platform (OCI image-index.md). From JSON it keeps the spelling it came with. From a command line or
/// a Dockerfile it is in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// As GOARCH.
    pub architecture: String,
    /// As GOOS.
    pub os: String,
    /// CPU variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Platform {
    /// The platform this program is built for.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            other => other,
        };
        Self::normal("linux", architecture, None)
    }

    /// Operating system, architecture and variant in normal form.
    pub fn normal(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let [os, architecture] = [os, architecture].map(str::to_lowercase);
        let variant = variant.map(str::to_lowercase).filter(|variant| !variant.is_empty());
        let os = if os == "macos" { "darwin" } else { &os };
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("i386" | "x86", _) => ("386", None),
            ("aarch64" | "arm64", None | Some("8" | "v8" | "v8.0")) => ("arm64", None),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
            ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
            ("arm", Some("5")) => ("arm", Some("v5")),
            ("arm", Some("8")) => ("arm", Some("v8")),
            (architecture, variant) => (architecture, variant),
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
            extra: Extra::default(),
        }
    }

    /// The same platform in normal form.
    #[must_use]
    pub fn normalised(&self) -> Self {
        Self::normal(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// The reason that no image for this platform can be built here, if there is one.
    pub fn impossible(&self) -> Option<&'static str> {
        (self.os == "windows").then_some(
            "images for Windows can't be built here: their layers have another form and their programs need Windows to run; build for linux",
        )
    }

    /// How well an image for this platform suits `wanted`: 0 is best, `None` is not at all. A variant is a level of
    /// its architecture, and each level runs programs for the levels below it.
    pub fn rank(&self, wanted: &Self) -> Option<u32> {
        let (offered, wanted) = (self.normalised(), wanted.normalised());
        if (&offered.os, &offered.architecture) != (&wanted.os, &wanted.architecture) {
            return None;
        }
        match (offered.level(), wanted.level()) {
            _ if offered.variant == wanted.variant => Some(0),
            (Some(offered), Some(wanted)) if offered <= wanted => Some(wanted - offered),
            _ if offered.variant.is_none() || wanted.variant.is_none() => Some(Self::LACKING),
            _ => None,
        }
    }

    /// The rank of an image that needs more than `wanted` has, or that names no platform. It is used if there is no
    /// better one.
    pub const LACKING: u32 = u32::MAX;

    /// Whether an image for this platform probably runs on `wanted`.
    pub fn runs_on(&self, wanted: &Self) -> bool {
        self.rank(wanted).is_some_and(|rank| rank < Self::LACKING)
    }

    /// `v8` is 800, `v8.1` is 801. An absent variant has the level that it stands for on the architecture.
    fn level(&self) -> Option<u32> {
        let Some(variant) = self.variant.as_deref() else {
            return Some(match self.architecture.as_str() {
                "arm" => 700,
                "arm64" => 800,
                _ => 100,
            });
        };
        let (major, minor) = variant.trim_start_matches('v').split_once('.').unwrap_or((variant, "0"));
        let number = |text: &str| text.trim_start_matches('v').parse::<u8>().ok().map(u32::from);
        Some(number(major)? * 100 + number(minor)?)
    }
}

impl FromStr for Platform {
    type Err = String;

    /// Parses `os/architecture[/variant]`, `os` or `architecture` (containerd's specifiers) into normal form. The
    /// error is a sentence for people.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("failed to parse platform {text}: {why}"));
        let parts: Vec<_> = text.split('/').collect();
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !parts.iter().all(|part| word(part)) {
            return bad("a platform is os/arch or os/arch/variant, such as linux/amd64");
        }
        match parts[..] {
            [one] if SYSTEMS.contains(&one.to_lowercase().as_str()) => {
                Ok(Self { os: one.to_lowercase(), ..Self::host() })
            }
            [one] => {
                let platform = Self::normal("linux", one, None);
                match ARCHITECTURES.contains(&platform.architecture.as_str()) {
                    true => Ok(platform),
                    false => bad("unknown operating system or architecture"),
                }
            }
            [os, architecture] => Ok(Self::normal(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::normal(os, architecture, Some(variant))),
            _ => bad("cannot parse platform specifier: at most os/arch/variant"),
        }
    }
}

impl fmt::Display for Platform {
    /// Writes `os/architecture[/variant]` in its own spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_platform_meet_and_others_stay_apart() {
        for (text, normal) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("aarch64", "linux/arm64"),
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
            assert_eq!(platform(text).to_string(), normal);
        }
        for bad in ["", "nosuch", "linux/amd64/v1/extra", "linux/", "a b/c"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        assert_eq!(Platform::host(), Platform::host().normalised());
    }

    #[test]
    fn the_nearest_variant_that_the_machine_has_is_the_best() {
        let best = |wanted: &str, offered: &[&'static str]| {
            let rank = |text: &&&str| platform(text).rank(&platform(wanted));
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
        assert!(!platform("linux/amd64/v3").runs_on(&platform("linux/amd64")));
    }
}
