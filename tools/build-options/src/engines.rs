//! The options of all engines that image-build does not obey, with a look-up.

use crate::foreign::Foreign;
use crate::{docker, podman};

/// All rows.
pub fn foreign() -> impl Iterator<Item = &'static Foreign> {
    docker::ROWS.iter().chain(podman::ROWS)
}

/// The row of an option, by its name or letter with its dashes.
pub fn named(word: &str) -> Option<&'static Foreign> {
    foreign().find(|row| match word.strip_prefix("--") {
        Some(long) => row.long() == long,
        None => row.short.is_some_and(|short| word.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]))),
    })
}
