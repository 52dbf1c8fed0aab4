//! The grammar of Dockerfiles, for df-parse, and for stage-run, which expands words and reads the triggers of base images.
//!
//! Text in, instructions out. It opens no file, and knows neither stages' dependencies nor what a step does.

pub mod dockerfile;
mod duration;
mod error;
pub mod expand;
pub mod hints;
pub mod instruction;
pub mod lines;
mod modifier;
pub mod mount;
pub mod names;
pub mod onbuild;
pub mod ports;
mod print;
mod secret;
pub mod signal;
pub mod sources;
pub mod values;
pub mod words;

pub use dockerfile::{Dockerfile, parse};
pub use error::{ParseError, snippet, snippet_of};
pub use lines::MAX_FILE;
pub use secret::names_secret;

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
