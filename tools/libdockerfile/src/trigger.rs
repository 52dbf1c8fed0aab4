//! Parses the trigger of an ONBUILD, which is stored as text, as an instruction of the stage in which it runs.

use crate::error::ParseError;
use crate::instruction::{self, Parsed};
use crate::lines::{Line, heredoc_words};
use crate::names::{Names, resolve};
use libwire::plan::Instruction;

/// Parses a trigger of a base image for a stage that may name `stages` (by index, the stage itself last) and
/// `contexts`. It may come from any file, so its escape character is the backslash.
///
/// # Errors
/// The text is not an instruction that can be a trigger, or names no stage.
pub fn parse(text: &str, stages: &[Option<String>], contexts: &[String]) -> Result<Instruction, ParseError> {
    let line = self::line(text);
    let Parsed::Op { op, from, mounts, .. } = instruction::parse(&line, '\\')? else {
        return Err(ParseError::new("FROM isn't allowed as an ONBUILD trigger"));
    };
    let names = Names { stages, contexts, current: stages.len().saturating_sub(1) };
    let op = resolve(op, from.as_deref(), &mounts, &names)?;
    Ok(Instruction { line: 0, line_end: 0, text: line.text, lines: Vec::new(), op })
}

/// A trigger's text as a line, with its heredoc bodies.
pub fn line(text: &str) -> Line {
    let (first, mut rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut heredocs = heredoc_words(first, '\\');
    for heredoc in &mut heredocs {
        while !rest.is_empty() {
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let bare = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
            if bare.trim_end_matches(['\n', '\r']) == heredoc.name {
                break;
            }
            heredoc.body += line;
        }
    }
    Line {
        line: 0,
        line_end: 0,
        text_end: 0,
        text: first.to_owned(),
        written: Vec::new(),
        heredocs,
        comments: Vec::new(),
        blank_inside: false,
    }
}
