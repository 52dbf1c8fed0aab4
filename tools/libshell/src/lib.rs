//! Commands of a shell as far as their text shows them, and the package managers that they call. Never runs or expands
//! anything.
//!
//! The lexer is our own. The crates that parse a shell's grammar whole refuse a script that they don't understand, where a
//! check has to read on; yash-syntax is under the GPL, and conch-parser is no longer kept. shlex and shell-words know words,
//! but neither operators nor where a word stands in the text, which advice has to change in place.

pub mod commands;
pub mod list;
pub mod managers;
mod tokens;
