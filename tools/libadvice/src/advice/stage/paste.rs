//! Limits for lines to paste.

/// With more paths than this, lines are not worth pasting.
pub(super) const MAX_NAMED: usize = 40;

/// Whether a path can be written in a line without quotes.
pub(super) fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+@%:=~,-".contains(&byte))
}
