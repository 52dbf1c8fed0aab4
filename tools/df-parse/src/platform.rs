//! Platforms: `os[/arch[/variant]]`, spelled as containerd spells them.

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
const MACHINES: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
];

/// A platform in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) variant: Option<String>,
}

impl Platform {
    /// The platform this program is built for.
    pub(crate) fn own() -> Self {
        Self::of("linux", std::env::consts::ARCH, None)
    }

    /// Reads a platform; the text of an error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("failed to parse platform {text}: {why}"));
        let parts: Vec<_> = text.split('/').collect();
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !parts.iter().all(|part| word(part)) {
            return bad("a platform is os/arch or os/arch/variant, as linux/amd64");
        }
        match parts[..] {
            [one] if SYSTEMS.contains(&one.to_lowercase().as_str()) => {
                Ok(Self { os: one.to_lowercase(), ..Self::own() })
            }
            [one] => {
                let platform = Self::of("linux", one, None);
                match MACHINES.contains(&platform.arch.as_str()) {
                    true => Ok(platform),
                    false => bad("unknown operating system or architecture"),
                }
            }
            [os, arch] => Ok(Self::of(os, arch, None)),
            [os, arch, variant] => Ok(Self::of(os, arch, Some(variant))),
            _ => bad("cannot parse platform specifier: at most os/arch/variant"),
        }
    }

    /// Why no image for a system can be made here, if none can.
    pub(crate) fn impossible(os: &str) -> Option<String> {
        (os == "windows").then(|| {
            "images for Windows can't be built here: their layers have another form and their programs need Windows to run; build for linux".into()
        })
    }

    fn of(os: &str, arch: &str, variant: Option<&str>) -> Self {
        let (os, arch, variant) = libwire::platform::normal_form(os, arch, variant);
        Self { os, arch, variant }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet_in_one_form() {
        for (text, want) in [
            ("linux/x86_64", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/armhf", "linux/arm/v7"),
            ("Linux/AMD64", "linux/amd64"),
        ] {
            assert_eq!(Platform::parse(text).unwrap().to_string(), want);
        }
        for bad in ["", "nosuch", "linux/amd64/v1/extra", "linux/", "a b/c"] {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
    }
}
