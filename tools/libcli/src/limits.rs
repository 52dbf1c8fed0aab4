//! The limits to which a layer or an archive may unpack: the same two options in every tool that writes or reads one.

use crate::size::size;
use clap::Args;

/// The options that limit layers and archives.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Refuse a layer or an archive that unpacks to more
    #[arg(long, value_name = "SIZE", default_value = "64g", value_parser = size)]
    pub max_unpacked: u64,
    /// Refuse a layer or an archive with more entries
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub max_entries: u64,
}
