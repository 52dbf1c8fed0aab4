//! Commands of a shell, as far as their text shows them, and the package managers that they call. It never runs or
//! expands anything.
//!
//! The lexer is our own. The crates that parse a shell's whole grammar refuse a script that they do not understand,
//! but a check has to read on; yash-syntax is under the GPL, and conch-parser is no longer maintained. shlex and
//! shell-words know words, but neither operators nor the position of a word in the text, which advice has to change
//! in place.

pub mod commands;
pub mod list;
pub mod managers;
mod tokens;
