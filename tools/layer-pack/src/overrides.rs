//! How a stream is packed: as its header says, unless the caller asks for something else.

use crate::error::PackError;
use libwire::{At, Compression, Header, Packing};

/// The options of the caller, which take precedence over those in a stream's header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// The compression.
    pub compression: Option<Compression>,
    /// Its level.
    pub level: Option<u32>,
    /// The time that replaces later modification times.
    pub clamp: Option<i64>,
}

impl Overrides {
    /// The packing for a stream with this header. The level in the header belongs to the compression in the header,
    /// and has no meaning for another.
    pub fn packing(self, header: &Header, at: At) -> Result<Packing, PackError> {
        let told = Packing::of(header, at)?.unwrap_or_default();
        let compression = self.compression.unwrap_or(told.compression);
        let told_level = told.level.filter(|_| compression == told.compression);
        let (level, clamp) = (self.level.or(told_level), self.clamp.or(told.clamp));
        let packing = Packing { compression, level, clamp };
        packing.check().map_err(PackError::Level)?;
        Ok(packing)
    }
}
