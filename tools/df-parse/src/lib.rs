//! Reads a Dockerfile and says what is to be built: build-plan(5).
//!
//! A pure function of the Dockerfile, the build arguments, the target and the platform. It resolves FROM
//! and the names of stages, keeps every other word as it is written, and never looks at a tree, an
//! image or the network.

mod args;
pub mod bases;
pub mod check;
mod dockerfile;
mod duration;
mod epoch;
mod error;
pub mod expand;
mod followed;
mod hints;
mod instruction;
pub mod job;
pub mod layers;
mod lines;
mod literal;
mod modifier;
mod mount;
mod names;
mod onbuild;
mod order;
mod outline;
mod plan;
pub mod ports;
mod print;
pub mod signal;
pub mod sources;
pub mod summary;
mod syntax;
mod tables;
mod until;
pub mod values;
mod words;

pub use check::names_secret;
pub use dockerfile::{Dockerfile, parse};
pub use error::{ParseError, snippet, snippet_of};
pub use hints::{comment as comment_hint, is_broken_array};
pub use lines::{Directives, MAX_FILE};
pub use mount::{NO_TARGET as NO_MOUNT_TARGET, target as mount_target};
pub use plan::{Options, plan};

use instruction::Parsed;
use libwire::plan::{Instruction, Mount};
use onbuild::trigger_line;

/// Decides what the mount of a plan is whose `words` have variables, with the values that `get` has. Its other
/// members are as the words have them, unexpanded.
pub fn decide_mount(mount: &Mount, escape: char, get: expand::Lookup) -> Result<Mount, ParseError> {
    let Some(words) = &mount.words else { return Ok(mount.clone()) };
    let decided = mount::decide(words, expand::Expander::new(escape), get)?.mount;
    Ok(Mount { from: mount.from.clone(), ..decided })
}

/// Parses an ONBUILD trigger of a base image, as it runs in a stage that may name `stages` (by index, the
/// stage itself last) and `contexts`. It may come from any file, so its escape character is the backslash.
pub fn parse_trigger(
    text: &str,
    stages: &[Option<String>],
    contexts: &[String],
) -> Result<Instruction, ParseError> {
    let line = trigger_line(text);
    let Parsed::Op { op, from, mounts, .. } = instruction::parse(&line, '\\')? else {
        return Err(ParseError::file("FROM isn't allowed as an ONBUILD trigger"));
    };
    let names = names::Names { stages, contexts, current: stages.len().saturating_sub(1) };
    let op = names::resolve(op, from.as_deref(), &mounts, &names)?;
    Ok(Instruction { line: 0, line_end: 0, text: line.text, lines: Vec::new(), op })
}
