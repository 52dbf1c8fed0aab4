//! Limits of lines that somebody pastes.

/// More paths than these are no lines to paste.
pub(super) const MAX_NAMED: usize = 40;

/// Whether a path can stand in a line as it is.
pub(super) fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+@%:=~,-".contains(&byte))
}
