//! How much an archive may unpack to. How well it compresses says nothing: a file of zeros is no attack.

/// The most that an archive may ask for. A writer that keeps within it writes what every reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of headers and of files, holes included.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Limits {
    /// None at all: for an archive whose parts are limited one by one.
    pub const NONE: Self = Self { bytes: u64::MAX, entries: u64::MAX };

    /// Refuses what is beyond these limits: the error says of what there is too much, and which option allows it.
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
