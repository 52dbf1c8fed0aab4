//! How much a layer or an archive may unpack to: the same two options in every tool that writes or reads one.

use crate::size::size;
use clap::Args;

/// The options that bound what an image or archive may ask for.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Refuse a layer or an archive that unpacks to more
    #[arg(long, value_name = "SIZE", default_value = "64g", value_parser = size)]
    pub max_unpacked: u64,
    /// Refuse a layer or an archive of more entries
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub max_entries: u64,
}
