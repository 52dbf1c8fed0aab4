//! Instructions and paths, which every view writes the same way.

use libcli::{cut, sanitise as clean};
use libimage::instruction::Instruction;
use libwire::WirePath;

/// Columns for an instruction's text.
const TEXT: usize = 60;

/// Where an instruction stands, and what it says.
pub(super) fn instruction(known: Option<&Instruction>) -> [String; 2] {
    match known {
        Some(known) => [clean(&known.place()), cut(&clean(&known.words()), TEXT)],
        None => ["-".into(), "(the image does not say)".into()],
    }
}

/// A path as it is from the image's root.
pub(super) fn path(path: &WirePath) -> String {
    match path.as_bytes() {
        b"." => "/".to_owned(),
        _ => format!("/{}", clean(&path.display())),
    }
}
