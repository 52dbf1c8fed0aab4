//! An image's name, as people write it and as the store keeps it: `busybox` is `docker.io/library/busybox:latest`.
//! This is grammar only; nothing here looks a name up.

use crate::digest::Digest;
use std::fmt;
use std::str::FromStr;

/// The registry of a name without one.
const DEFAULT_DOMAIN: &str = "docker.io";
/// The older spelling of [`DEFAULT_DOMAIN`].
const LEGACY_DOMAIN: &str = "index.docker.io";
/// The name space of [`DEFAULT_DOMAIN`] for names of one component.
const OFFICIAL: &str = "library/";
/// The tag of a reference without tag and digest.
const DEFAULT_TAG: &str = "latest";
/// The longest name, domain included.
const MAX_NAME: usize = 255;
/// The longest tag.
const MAX_TAG: usize = 128;

/// A full image reference: `domain/path`, then a tag, a digest, or both. Displays in full.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The reason that a text is not an image reference.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image reference: {why}")]
pub struct BadReference {
    text: String,
    why: &'static str,
}

impl Reference {
    /// Parses `text` and adds the parts that it leaves out: registry, `library/` and `latest`.
    pub fn parse(text: &str) -> Result<Self, BadReference> {
        Self::split(text).map_err(|why| BadReference { text: text.chars().take(300).collect(), why })
    }

    /// The latest image of the repository `path` at `domain`. `domain` need not look like a domain.
    pub fn of(domain: &str, path: &str) -> Result<Self, BadReference> {
        let bad = |why| BadReference { text: format!("{domain}/{path}").chars().take(300).collect(), why };
        let (domain, path) = full_name(domain, path).map_err(bad)?;
        Ok(Self { domain, path, tag: Some(DEFAULT_TAG.to_owned()), digest: None })
    }

    fn split(text: &str) -> Result<Self, &'static str> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|_| "the digest after '@' must be sha256: and 64 lower-case hex digits")?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(
                "a tag has 1 to 128 letters, digits, '_', '.' and '-', and does not start with '.' or '-'",
            );
        }
        let (domain, path) = split_name(name)?;
        let tag = match (tag, digest) {
            (None, None) => Some(DEFAULT_TAG),
            (tag, _) => tag,
        };
        Ok(Self { domain, path, tag: tag.map(str::to_owned), digest })
    }

    /// `domain/path`: the reference without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The registry's host, with its port if it has one.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag. `None` only when there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest or index, if the reference has one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The reference without its tag, if it has a digest.
    #[must_use]
    pub fn pinned(&self) -> Self {
        Self { tag: self.tag.clone().filter(|_| self.digest.is_none()), ..self.clone() }
    }

    /// The same name, pinned to this image or index.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The name with its tag and without its digest. The default tag is `latest`.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        let tag = self.tag.clone().or_else(|| Some(DEFAULT_TAG.to_owned()));
        Self { tag, digest: None, ..self.clone() }
    }

    /// The digest, if the text was `sha256:` and 64 digits. By the grammar that is a name and a tag.
    pub fn as_digest(&self) -> Option<Digest> {
        let is_short =
            self.domain == DEFAULT_DOMAIN && self.path == "library/sha256" && self.digest.is_none();
        is_short.then(|| format!("sha256:{}", self.tag.as_deref()?).parse().ok()).flatten()
    }

    /// The shortest text that parses to this reference, for people: `busybox:latest`.
    pub fn familiar(&self) -> String {
        let short = self.path.strip_prefix(OFFICIAL).filter(|short| !short.contains('/'));
        let short = short.unwrap_or(&self.path);
        let ambiguous = short.split_once('/').is_some_and(|(first, _)| is_domain_like(first));
        match self.domain == DEFAULT_DOMAIN && !ambiguous {
            true => short.to_owned() + &self.suffix(),
            false => self.to_string(),
        }
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}"));
        let digest = self.digest.map(|digest| format!("@{digest}"));
        tag.unwrap_or_default() + &digest.unwrap_or_default()
    }
}

/// Whether `text` is a valid tag.
pub fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= MAX_TAG
        && bytes.first().is_some_and(|&b| word(b))
        && bytes.iter().all(|&b| word(b) || matches!(b, b'.' | b'-'))
}

fn split_name(name: &str) -> Result<(String, String), &'static str> {
    if name.is_empty() {
        return Err("the name is empty");
    }
    if name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err("64 hexadecimal digits look like a digest; write sha256: before them");
    }
    let (domain, path) = match name.split_once('/') {
        Some((first, rest)) if is_domain_like(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, name),
    };
    full_name(domain, path)
}

/// Adds the parts that `path` leaves out, and checks both.
fn full_name(domain: &str, path: &str) -> Result<(String, String), &'static str> {
    let domain = if domain == LEGACY_DOMAIN { DEFAULT_DOMAIN } else { domain };
    let path = match domain == DEFAULT_DOMAIN && !path.contains('/') {
        true => format!("{OFFICIAL}{path}"),
        false => path.to_owned(),
    };
    if !is_domain(domain) {
        return Err("the registry must be a host name or address with an optional :port");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("the repository name must be lowercase");
    }
    if !path.split('/').all(is_path_component) {
        return Err(
            "parts of the repository name are lower-case letters and digits, joined by '.', '_', '__' or '-'",
        );
    }
    if domain.len() + 1 + path.len() > MAX_NAME {
        return Err("the name is longer than 255 bytes");
    }
    Ok((domain.to_owned(), path))
}

/// Whether the first component is a registry and not a part of the repository's path.
fn is_domain_like(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let host_ok = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    host_ok && port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()))
}

fn is_path_component(part: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    let bytes = part.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if !ends.iter().all(|end| end.is_some_and(|&b| alnum(b))) {
        return false;
    }
    let separators = bytes.split(|&b| alnum(b)).filter(|run| !run.is_empty());
    separators.into_iter().all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|&b| b == b'-'))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, self.suffix())
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (text, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1", "docker.io/library/busybox:1"),
            ("docker.io/busybox", "docker.io/library/busybox:latest"),
            ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
            ("me/app", "docker.io/me/app:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("LOCAL/app", "LOCAL/app:latest"),
            ("localhost:5000/a/b:v1.2-rc_3", "localhost:5000/a/b:v1.2-rc_3"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("ghcr.io/o/a__b.c-d/e", "ghcr.io/o/a__b.c-d/e:latest"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), full, "{text}");
        }
    }

    #[test]
    fn a_digest_stands_in_for_the_tag_and_may_join_it() {
        let digest = format!("sha256:{}", hex("a"));
        let pinned = Reference::parse(&format!("busybox@{digest}")).unwrap();
        assert_eq!((pinned.tag(), pinned.digest().unwrap().to_string()), (None, digest.clone()));
        let both = Reference::parse(&format!("busybox:1@{digest}")).unwrap();
        assert_eq!(both.to_string(), format!("docker.io/library/busybox:1@{digest}"));
    }

    #[test]
    fn what_no_registry_would_take_is_refused() {
        let long = format!("{}/{}", "a".repeat(200), "b".repeat(80));
        for bad in [
            "",
            ":x",
            "@",
            "/a",
            "a/",
            "a//b",
            "Busybox",
            "a/B",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a:",
            "a:-x",
            "a:.x",
            "a:b:c",
            "http://x/y",
            "a b",
            "a@sha256:12",
            "a@md5:1",
            "x.y:port/a",
            "x..y/a",
            "-x.y/a",
            "a.b:99999/c",
            "127.0.0.1:5000/../../x",
            "reg.io/..%2f..",
            "ünicode/x",
            "[::1/a",
            "a:+5/b",
            &hex("a"),
            &long,
            &format!("a:{}", "t".repeat(129)),
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_familiar_form_is_short() {
        for (text, short) in [
            ("docker.io/library/busybox:latest", "busybox:latest"),
            ("docker.io/library/a/b", "library/a/b:latest"),
            ("docker.io/me/app:1", "me/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("docker.io/a.b/c", "docker.io/a.b/c:latest"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().familiar(), short);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_errs_and_both_printed_forms_parse_back(text in "[a-zA-Z0-9./:@_-]{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(&Reference::parse(&reference.to_string()).unwrap(), &reference);
                prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
            }
        }
    }
}
