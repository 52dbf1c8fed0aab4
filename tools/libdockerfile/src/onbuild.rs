//! ONBUILD: a trigger kept as text, and read again as a line. What triggers do is decided where an image is a base.

use crate::error::ParseError;
use crate::instruction::{self, Parsed, no_flags};
use crate::lines::{Line, heredoc_words};
use crate::words::name_and_rest;
use crate::{hints, mount};
use libwire::plan::Op;

/// Parses what stands behind ONBUILD.
pub(crate) fn parse(rest: &str, line: &Line, escape: char) -> Result<Parsed, ParseError> {
    let rest = no_flags("ONBUILD", rest, escape)?;
    let (name, _) = name_and_rest(rest);
    match name.to_uppercase().as_str() {
        "" => {
            let hint = hints::example("ONBUILD");
            return Err(ParseError::new(format!("ONBUILD requires at least one argument{hint}")));
        }
        "ONBUILD" => return Err(ParseError::new("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        upper @ ("FROM" | "MAINTAINER") => {
            return Err(ParseError::new(format!("{upper} isn't allowed as an ONBUILD trigger")).token(name));
        }
        _ => {}
    }
    let mut trigger = rest.to_owned();
    for heredoc in &line.heredocs {
        trigger += &format!("\n{}{}", heredoc.body, heredoc.name);
    }
    // The trigger must parse now, or every image built on this one would fail.
    let inner = Line { text: rest.to_owned(), heredocs: line.heredocs.clone(), ..line.clone() };
    let (from, mounts) = match instruction::parse(&inner, escape)? {
        Parsed::Op { from, mounts, .. } => (from, mounts),
        Parsed::From(_) => (None, Vec::new()),
    };
    mounts
        .iter()
        .filter_map(|one| one.mount.words.as_deref())
        .try_for_each(|words| mount::parse(words).map(drop))?;
    Ok(Parsed::Op { op: Op::Onbuild { trigger, from: None }, from, mounts: Vec::new(), legacy: false })
}

/// A trigger's text as a line of its own, its heredoc bodies read back.
pub fn trigger_line(text: &str) -> Line {
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
