//! The words of a tool's command line, as text for a shell.

use libcli::shell_word;
use std::ffi::OsStr;

/// Options for a tool: each word with a blank before it, quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<u8>);

impl Words {
    /// Adds an option, and its value.
    pub fn push(&mut self, option: &str, value: Option<&OsStr>) {
        for word in std::iter::once(OsStr::new(option)).chain(value) {
            self.0.push(b' ');
            self.0.extend(shell_word(word));
        }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
