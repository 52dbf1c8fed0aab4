//! The compressions that layer-pack can make: their names, levels and media types. Nothing is compressed here.

use crate::image::MEDIA_LAYER;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How a layer blob is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// `+gzip`, levels 0 to 9, by default 6.
    #[default]
    Gzip,
    /// `+zstd`, levels 1 to 22, by default 3.
    Zstd,
    /// The bare tar.
    None,
}

impl Compression {
    /// The layer's media type (OCI image-spec, layer.md).
    pub fn media_type(self) -> String {
        match self {
            Self::Gzip => format!("{MEDIA_LAYER}+gzip"),
            Self::Zstd => format!("{MEDIA_LAYER}+zstd"),
            Self::None => MEDIA_LAYER.to_owned(),
        }
    }

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }

    /// The default level, and the allowed range.
    pub fn levels(self) -> (u32, std::ops::RangeInclusive<u32>) {
        match self {
            Self::Gzip => (6, 0..=9),
            Self::Zstd => (3, 1..=22),
            Self::None => (0, 0..=0),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "none" | "uncompressed" => Ok(Self::None),
            _ => Err(format!("{text:?} is not one of gzip, zstd and none")),
        }
    }
}
