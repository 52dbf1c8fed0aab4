//! Standard input as the place of data, which nobody types.

use crate::failure::Failure;
use std::io::{IsTerminal, Stdin, stdin};

/// Standard input, from which `wanted` is read: it may be anything but a terminal.
pub fn input(wanted: &str) -> Result<Stdin, Failure> {
    match stdin().is_terminal() {
        true => Err(Failure::usage(format!("standard input is a terminal; give it {wanted}"))),
        false => Ok(stdin()),
    }
}
