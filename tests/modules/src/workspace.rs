//! Where the crates of this workspace are.

use std::path::{Path, PathBuf};

/// The directory of the crates, as this crate was built.
pub const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools");

/// The names of the crates, sorted.
pub fn crates() -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{TOOLS}: {error}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(TOOLS).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().join("Cargo.toml").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The files that a crate's library and its program begin with.
pub fn roots(name: &str) -> Vec<PathBuf> {
    let root = |file: &str| Path::new(TOOLS).join(name).join("src").join(file);
    [root("lib.rs"), root("main.rs")].into_iter().filter(|root| root.exists()).collect()
}
