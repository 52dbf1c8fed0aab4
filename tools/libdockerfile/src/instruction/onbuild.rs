//! ONBUILD: its trigger has to parse as an instruction, and is kept as text.

use super::{Parsed, missing_argument, no_flags};
use crate::error::ParseError;
use crate::lines::Line;
use crate::mount;
use crate::words::name_and_rest;
use libwire::plan::Op;

/// Parses the text after ONBUILD.
pub(crate) fn parse(rest: &str, line: &Line, escape: char) -> Result<Parsed, ParseError> {
    let rest = no_flags("ONBUILD", rest, escape)?;
    let (name, _) = name_and_rest(rest);
    match name.to_uppercase().as_str() {
        "" => return Err(missing_argument("ONBUILD", false)),
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
    // The trigger is parsed now, because otherwise every image built on this one would fail.
    let inner = Line { text: rest.to_owned(), heredocs: line.heredocs.clone(), ..line.clone() };
    let (from, mounts) = match super::parse(&inner, escape)? {
        Parsed::Op { from, mounts, .. } => (from, mounts),
        Parsed::From(_) => (None, Vec::new()),
    };
    mounts
        .iter()
        .filter_map(|one| one.mount.words.as_deref())
        .try_for_each(|words| mount::parse(words).map(drop))?;
    Ok(Parsed::Op { op: Op::Onbuild { trigger, from: None }, from, mounts: Vec::new(), legacy: false })
}
