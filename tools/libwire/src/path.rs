//! A path inside a tree, as in a stream: `path` if its bytes are UTF-8, and otherwise `path_b64`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// The longest path in a stream, in bytes (PATH_MAX).
pub const MAX_PATH: usize = 4096;

/// A relative path without `.`, `..`, empty components or NUL. The root itself is `.`.
///
/// Use it with `#[serde(flatten)]`: it adds either the member `path` or `path_b64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct WirePath(Vec<u8>);

/// The reason that a path is not allowed in a stream.
#[derive(Debug, thiserror::Error)]
pub enum BadPath {
    /// Neither or both of `path` and `path_b64`.
    #[error("a record has exactly one of path and path_b64")]
    Members,
    /// `path_b64` is not base64, or holds a path that is valid UTF-8.
    #[error("path_b64 must be base64 of a path that is not UTF-8")]
    Base64,
    /// The path is absolute, empty or too long, or has a component that a stream must not have.
    #[error("path {0:?} must be relative, at most 4096 bytes, without '.', '..', empty parts or NUL")]
    Shape(String),
}

#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
}

impl WirePath {
    /// Checks `bytes`; [`BadPath`] lists the errors.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BadPath> {
        let bytes = bytes.into();
        let shape = |bytes: &[u8]| BadPath::Shape(String::from_utf8_lossy(bytes).into_owned());
        if bytes == b"." {
            return Ok(Self(bytes));
        }
        if bytes.len() > MAX_PATH || bytes.contains(&0) {
            return Err(shape(&bytes));
        }
        let forbidden = |part: &[u8]| matches!(part, b"" | b"." | b"..");
        if bytes.split(|&b| b == b'/').any(forbidden) {
            return Err(shape(&bytes));
        }
        Ok(Self(bytes))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path for messages, with invalid UTF-8 replaced.
    pub fn display(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl TryFrom<Members> for WirePath {
    type Error = BadPath;

    fn try_from(members: Members) -> Result<Self, BadPath> {
        match (members.path, members.path_b64) {
            (Some(path), None) => Self::new(path),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text).map_err(|_| BadPath::Base64)?;
                if std::str::from_utf8(&bytes).is_ok() {
                    return Err(BadPath::Base64);
                }
                Self::new(bytes)
            }
            _ => Err(BadPath::Members),
        }
    }
}

impl From<WirePath> for Members {
    fn from(path: WirePath) -> Self {
        match String::from_utf8(path.0) {
            Ok(path) => Self { path: Some(path), path_b64: None },
            Err(raw) => Self { path: None, path_b64: Some(STANDARD.encode(raw.as_bytes())) },
        }
    }
}

/// Bytes that may not be UTF-8 (a link target, an xattr value), as base64 in JSON.
pub mod b64 {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes base64.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_that_leave_or_blur_the_root_are_refused() {
        for bad in ["", "/a", "a//b", "a/", "./a", "a/..", "..", "a\0b"] {
            assert!(WirePath::new(bad).is_err(), "{bad:?}");
        }
        assert!(WirePath::new(".").is_ok());
        assert!(WirePath::new(".wh.x/..a").is_ok());
    }

    proptest! {
        #[test]
        fn any_accepted_path_survives_json(bytes in proptest::collection::vec(any::<u8>(), 1..60)) {
            if let Ok(path) = WirePath::new(bytes) {
                let text = serde_json::to_string(&path).unwrap();
                prop_assert_eq!(serde_json::from_str::<WirePath>(&text).unwrap(), path);
            }
        }
    }
}
