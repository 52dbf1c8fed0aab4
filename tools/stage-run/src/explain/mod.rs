//! Why a step is not in the cache, for `--explain` and the records. It decides nothing.

pub mod differences;
pub mod why;
