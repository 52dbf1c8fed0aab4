//! Limits for the unpacked size of an archive. The ratio of compression does not matter: a file of zeros is not an
//! attack.

/// The limits of an archive. If a writer keeps them, every reader accepts its archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of headers and files, including holes.
    pub bytes: u64,
    /// The number of entries.
    pub entries: u64,
}

impl Limits {
    /// No limits, for an archive whose parts are limited one by one.
    pub const NONE: Self = Self { bytes: u64::MAX, entries: u64::MAX };

    /// Refuses sizes beyond these limits. The error says what is too large, and which option allows it.
    pub fn check(&self, bytes: u64, entries: u64) -> Result<(), String> {
        if bytes > self.bytes {
            return Err(format!("more than {} bytes; --max-unpacked allows more", self.bytes));
        }
        if entries > self.entries {
            return Err(format!("more than {} entries; --max-entries allows more", self.entries));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 30, entries: 10_000_000 }
    }
}
