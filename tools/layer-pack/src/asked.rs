//! How a stream is to be packed: as its header says, unless something else is asked for.

use crate::error::PackError;
use libwire::{At, Compression, Header, Packing};

/// The options that the caller asks for, which win over those of a stream's header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The compression.
    pub compression: Option<Compression>,
    /// Its level.
    pub level: Option<u32>,
    /// Later modification times become this one.
    pub clamp: Option<i64>,
}

impl Asked {
    /// How to pack the stream of the header that a reader is at. The level that is told is one of the compression that is
    /// told, and means nothing for another.
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
