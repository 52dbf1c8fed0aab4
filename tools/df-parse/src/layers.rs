//! Counts the layers of an image, as far as its stages and its base are known.

use crate::bases::Bases;
use libdockerfile::{ParseError, values};
use libwire::image::MAX_LAYERS;
use libwire::plan::{Base, Op, Stage};

/// Refuses the first instruction, in a stage that is `wanted`, beyond the largest number of layers.
pub(crate) fn check(
    stages: &[Stage],
    bases: &Bases,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), ParseError> {
    let mut ends: Vec<usize> = Vec::new();
    for stage in stages {
        let mut layers = match &stage.base {
            Base::Stage { index } => ends.get(*index).copied().unwrap_or(0),
            _ => bases.get(&stage.index).map_or(0, |image| image.layers),
        };
        for instruction in stage.instructions.iter().filter(|inner| makes_layer(&inner.op)) {
            layers += 1;
            if layers > MAX_LAYERS && wanted(stage.index) {
                return Err(
                    ParseError::new(values::too_many_layers()).at(instruction.line, instruction.line_end)
                );
            }
        }
        ends.push(layers);
    }
    Ok(())
}

/// Whether an instruction makes a layer for any values of its variables. A WORKDIR of the root does not.
fn makes_layer(op: &Op) -> bool {
    match op {
        Op::Run { .. } | Op::Copy(_) | Op::Add(_) => true,
        Op::Workdir { path } => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
            path.bytes().all(plain) && path.bytes().any(|byte| byte != b'/')
        }
        _ => false,
    }
}
