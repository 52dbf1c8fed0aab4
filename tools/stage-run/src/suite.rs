//! Whether the packers that a driver joins to this tool are the suite's own. These make the known layer of an unchanged
//! snapshot again; any other packer has to see every change.

use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The tools between a snapshot and its layer, and this one, beside which they are.
const TOOLS: [&str; 3] = ["stage-run", "layer-diff", "layer-pack"];

/// Whether `path`, a PATH, leads to all of them in one directory once links are followed. They have to be compiled
/// programs: a script there is the user's own.
pub fn is_in(path: &OsStr) -> bool {
    let dirs: Vec<PathBuf> = std::env::split_paths(path).collect();
    let found = TOOLS.map(|tool| {
        let first = dirs.iter().map(|dir| dir.join(tool)).find(|file| access(file, Access::EXEC_OK).is_ok());
        first.and_then(|file| file.canonicalize().ok())
    });
    let place = |file: &Option<PathBuf>| file.as_ref().and_then(|file| file.parent()).map(PathBuf::from);
    let own = place(&found[0]);
    own.is_some() && found.iter().all(|file| place(file) == own && file.as_ref().is_some_and(is_program))
}

fn is_program(file: &PathBuf) -> bool {
    let mut magic = [0; 4];
    File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_tool_of_elsewhere_or_in_words_is_not_the_suites() {
        let dir = tempfile::tempdir().unwrap();
        let put = |file: &str, bytes: &[u8], mode: u32| {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
            fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
        };
        let is_in = |dirs: &[&str]| {
            let dirs = dirs.iter().map(|name| dir.path().join(name));
            super::is_in(&std::env::join_paths(dirs).unwrap())
        };
        for tool in TOOLS {
            put(&format!("suite/{tool}"), b"\x7fELF...", 0o755);
        }
        put("own/layer-pack", b"\x7fELF...", 0o755);
        put("notes/layer-pack", b"\x7fELF...", 0o644);
        assert!(is_in(&["suite"]) && is_in(&["gone", "notes", "suite", "own"]));
        assert!(!is_in(&["own", "suite"]) && !is_in(&["own"]) && !is_in(&[]));
        // One of somebody's own among links to the suite's.
        for (links, tools) in [("all", &TOOLS[..]), ("most", &TOOLS[..2])] {
            fs::create_dir(dir.path().join(links)).unwrap();
            for tool in tools {
                std::os::unix::fs::symlink(
                    dir.path().join("suite").join(tool),
                    dir.path().join(links).join(tool),
                )
                .unwrap();
            }
        }
        put("most/layer-pack", b"\x7fELF...", 0o755);
        assert!(is_in(&["all"]) && !is_in(&["most"]));
        put("suite/layer-diff", b"#!/bin/sh\n", 0o755);
        assert!(!is_in(&["suite"]));
    }
}
