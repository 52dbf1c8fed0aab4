//! Opens standard input for data that nobody types.

use crate::failure::Failure;
use std::io::{IsTerminal, Stdin, stdin};

/// Standard input, from which `wanted` is read. A terminal is an error.
pub fn input(wanted: &str) -> Result<Stdin, Failure> {
    match stdin().is_terminal() {
        true => Err(Failure::usage(format!("standard input is a terminal; give it {wanted}"))),
        false => Ok(stdin()),
    }
}
