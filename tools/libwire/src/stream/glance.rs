//! A first look at a line: the type of its record, and whether it must be checked member by member.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The result of a first look at a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Its `type`; empty if it has none.
    pub(crate) kind: String,
    /// How many members it has, including `type`.
    pub(crate) members: usize,
    /// Whether one of them is null.
    pub(crate) has_null: bool,
}

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Glance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
        let mut glance = Glance::default();
        while let Some(IsType(is_type)) = map.next_key()? {
            glance.members += 1;
            if is_type {
                glance.kind = map.next_value()?;
            } else {
                glance.has_null |= map.next_value::<IsNull>()?.0;
            }
        }
        Ok(glance)
    }
}

/// Whether a member's name is `type`.
struct IsType(bool);

impl<'de> Deserialize<'de> for IsType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = IsType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<IsType, E> {
                Ok(IsType(name == "type"))
            }
        }
        from.deserialize_identifier(Name)
    }
}

/// Whether a value is null.
struct IsNull(bool);

impl<'de> Deserialize<'de> for IsNull {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(from)?.is_none()))
    }
}
