//! COPYs that need not be carried out: if nothing of the build looks at the tree any more, only the packer
//! needs the files, and it can read them where they are.

use crate::copy::destination::Destination;
use crate::copy::parts::Part;
use crate::error::StepError;
use crate::session::Session;
use libcopy::Selection;
use libtree::Root;
use libwire::changes::LayerChanges;
use libwire::plan::{Instruction, Op};
use libwire::stream;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

/// How many of the last instructions neither look at the tree nor change it.
pub fn after_last_use<'a>(instructions: impl DoubleEndedIterator<Item = &'a Instruction>) -> usize {
    let uses = |op: &Op| matches!(op, Op::Run { .. } | Op::Copy(_) | Op::Add(_) | Op::Workdir { .. });
    instructions.rev().take_while(|instruction| !uses(&instruction.op)).count()
}

/// Writes down in the new snapshot what copying the selections of `parts` would change, and says whether that was
/// possible. If not, they have to be copied.
pub fn defer(
    session: &Session,
    parts: &[Part],
    selections: &[Selection],
    &Destination { lowers, new, target }: &Destination,
) -> Result<bool, StepError> {
    let options = session.options;
    // The layer would have other times than the tree, and could not stand for it.
    if !options.defer_copies || options.packing.clamp.is_some() {
        return Ok(false);
    }
    let ([part], [selection]) = (parts, selections) else { return Ok(false) };
    let Some(root) = part.tree.memory.as_ref().and_then(|memory| memory.directory.to_str()) else {
        return Ok(false);
    };
    let lower = match lowers.is_empty() {
        true => None,
        false => Some(Root::from_fd(session.mount(lowers, None)?, options.isolation.owners())),
    };
    let path = new.changes();
    let place = path.display().to_string();
    let extra = BTreeMap::from([
        ("root".to_owned(), Value::from(root)),
        ("snapshot".to_owned(), Value::from(new.id())),
    ]);
    let file = BufWriter::with_capacity(1 << 17, File::create(&path).map_err(StepError::io(&place))?);
    let mut writer =
        stream::Writer::<_, LayerChanges>::digesting(file, extra).map_err(StepError::io(&place))?;
    let deferred =
        selection.changes(lower.as_ref(), target.as_bytes(), &mut |change| writer.write(&change))?;
    match deferred {
        true => writer.finish().and_then(|mut file| file.flush()).map_err(StepError::io(&place))?,
        false => std::fs::remove_file(&path).map_err(StepError::io(&place))?,
    }
    Ok(deferred)
}
