//! How the layers of a build are packed. Only stage-run gets these options. They travel as `layers` in the header of
//! its records and in those of layer-diff's changes.

use crate::compression::Compression;
use crate::shape::{self, Fault, Member, Shape, WHOLE};
use crate::stream::{At, Header, WireError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The name of the header member.
const LAYERS: &str = "layers";
const MEMBERS: &[Member] = &[Member::May(
    LAYERS,
    Shape::Object(
        "this",
        &[
            Member::Must("compression", Shape::Word(&["gzip", "zstd", "none"])),
            Member::May("level", shape::SMALL),
            Member::May("clamp", WHOLE),
        ],
    ),
)];

/// How a layer is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    /// The compression.
    pub compression: Compression,
    /// Its level, where it is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// The time that replaces later modification times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<i64>,
}

impl Packing {
    /// Reads `layers` from a header, if it has that member. An unknown member in it is an error, because every member
    /// affects the layer.
    pub fn of(header: &Header, at: At) -> Result<Option<Self>, WireError> {
        let Some(value) = header.extra.get(LAYERS) else { return Ok(None) };
        let bad = |what| Fault { path: LAYERS.to_owned(), what };
        let alone = Map::from_iter([(LAYERS.to_owned(), value.clone())]);
        let read = || {
            shape::fault(&alone, "a header", MEMBERS, true).map_or(Ok(()), Err)?;
            let packing = Self::deserialize(value).map_err(|error| bad(error.to_string()))?;
            packing.check().map_err(bad)?;
            Ok(packing)
        };
        read().map(Some).map_err(|fault| WireError::Bad { at, fault })
    }

    /// Adds it to the members of a header.
    pub fn tell(self, extra: &mut BTreeMap<String, Value>) {
        let members = [
            ("compression", Some(Value::from(self.compression.name()))),
            ("level", self.level.map(Value::from)),
            ("clamp", self.clamp.map(Value::from)),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        extra.insert(LAYERS.to_owned(), Value::Object(given.collect()));
    }

    /// Checks that the compression has this level.
    pub fn check(self) -> Result<(), String> {
        let (_, range) = self.compression.levels();
        match self.level.filter(|level| !range.contains(level)) {
            None => Ok(()),
            Some(level) => {
                let (name, first, last) = (self.compression.name(), range.start(), range.end());
                Err(format!("level {level} is not one of {name}: {first} to {last}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(layers: &str) -> Result<Option<Packing>, String> {
        let text = format!("{{\"format\":\"x\",\"version\":1{layers}}}");
        Packing::of(&serde_json::from_str(&text).unwrap(), At::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_told_is_read_and_what_means_nothing_is_named() {
        for (level, clamp) in [(None, None), (Some(19), Some(-1)), (Some(1), None)] {
            let packing = Packing { compression: Compression::Zstd, level, clamp };
            let mut extra = BTreeMap::new();
            packing.tell(&mut extra);
            assert_eq!(of(&format!(",\"layers\":{}", extra["layers"])), Ok(Some(packing)));
        }
        assert_eq!(of(""), Ok(None));
        for (layers, what) in [
            ("1", "header: `layers` is 1, not an object"),
            ("{}", "header, layers: `compression` is missing"),
            (
                r#"{"compression":"xz"}"#,
                "header, layers: `compression` is \"xz\", not one of gzip, zstd, none",
            ),
            (r#"{"compression":"gzip","level":10}"#, "header, layers: level 10 is not one of gzip: 0 to 9"),
            (
                r#"{"compression":"gzip","level":-1}"#,
                "header, layers: `level` is -1, not a whole number from 0 to 4294967295",
            ),
            (r#"{"compression":"gzip","clamp":"0"}"#, "header, layers: `clamp` is \"0\", not a whole number"),
            (
                r#"{"compression":"gzip","window":27}"#,
                "header, layers: this has no member `window`; it may have compression, level, clamp",
            ),
        ] {
            assert_eq!(of(&format!(",\"layers\":{layers}")), Err(what.to_owned()));
        }
    }
}
