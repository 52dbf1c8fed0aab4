//! Instructions and paths in the form that all views share.

use libcli::{cut, sanitise as clean};
use libimage::instruction::Instruction;
use libwire::WirePath;

/// How many columns an instruction's text may have.
const TEXT: usize = 60;

/// The place and text of an instruction.
pub(super) fn instruction(known: Option<&Instruction>) -> [String; 2] {
    match known {
        Some(known) => [clean(&known.place()), cut(&clean(&known.words()), TEXT)],
        None => ["-".into(), "(the image does not say)".into()],
    }
}

/// A path from the image's root.
pub(super) fn path(path: &WirePath) -> String {
    match path.as_bytes() {
        b"." => "/".to_owned(),
        _ => format!("/{}", clean(&path.display())),
    }
}
