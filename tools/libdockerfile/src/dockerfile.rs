//! A parsed Dockerfile: stages and their instructions.

use crate::error::ParseError;
use crate::expand::Expander;
use crate::instruction::{self, From, Parsed};
use crate::lines::{self, Directives, Line};
use libwire::plan::Op;

/// The largest number of stages in a file. Each record names the stages above it, so the size of a plan grows with
/// the square.
const MAX_STAGES: usize = 1000;

/// One instruction with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its text and its place.
    pub line: Line,
    /// Its meaning.
    pub parsed: Parsed,
}

/// A FROM and the instructions after it.
#[derive(Clone, Debug, PartialEq)]
pub struct StageItem {
    /// FROM's text and its place.
    pub line: Line,
    /// FROM's words.
    pub from: From,
    /// The instructions below FROM.
    pub items: Vec<Item>,
}

/// A whole file, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    /// The directives at the top.
    pub directives: Directives,
    /// The ARGs before the first FROM.
    pub globals: Vec<Item>,
    /// The stages, in the file's order.
    pub stages: Vec<StageItem>,
}

impl Dockerfile {
    /// The escape character.
    pub fn escape(&self) -> char {
        self.directives.escape.unwrap_or('\\')
    }

    /// Expands words with the file's escape character.
    pub fn expander(&self) -> Expander {
        Expander::new(self.escape())
    }

    fn add(&mut self, line: Line, parsed: Parsed) -> Result<(), ParseError> {
        if matches!(parsed, Parsed::From(_)) && self.stages.len() == MAX_STAGES {
            return Err(ParseError::new(format!("the file has more than {MAX_STAGES} stages")));
        }
        match (parsed, self.stages.last_mut()) {
            (Parsed::From(from), _) => self.stages.push(StageItem { line, from, items: Vec::new() }),
            (parsed, Some(stage)) => stage.items.push(Item { line, parsed }),
            (parsed @ Parsed::Op { op: Op::Arg { .. }, .. }, None) => {
                self.globals.push(Item { line, parsed })
            }
            (_, None) => {
                let what = "no build stage in current context: only ARG may stand before the first FROM; begin with FROM and a base image";
                return Err(ParseError::new(what));
            }
        }
        Ok(())
    }
}

/// Parses a Dockerfile's text.
pub fn parse(text: &str) -> Result<Dockerfile, ParseError> {
    let (file, error) = read(text);
    match error.or_else(|| no_stages(&file)) {
        Some(error) => Err(error),
        None => Ok(file),
    }
}

/// The error of a file without stages.
pub fn no_stages(file: &Dockerfile) -> Option<ParseError> {
    let what = "dockerfile contains no stages to build: there is no FROM; add FROM and a base image";
    file.stages.is_empty().then(|| ParseError::new(what))
}

/// Parses as much of a Dockerfile's text as possible: the valid instructions, and the error of the file. There may be
/// no stage.
pub fn read(text: &str) -> (Dockerfile, Option<ParseError>) {
    let (read, mut unreadable) = lines::read(text);
    if unreadable.is_none() && read.lines.is_empty() {
        unreadable = Some(no_instructions(text));
    }
    let escape = read.directives.escape.unwrap_or('\\');
    let mut file = Dockerfile { directives: read.directives, globals: Vec::new(), stages: Vec::new() };
    // As in BuildKit, text anywhere that cannot be split into words comes before errors in words.
    let mut refused = None;
    for (at, line) in read.lines.iter().enumerate() {
        let parsed = match instruction::is_known(line) {
            true => instruction::parse(line, escape),
            // Only the first error is reported, so no hints are made for the others.
            false if refused.is_some() => continue,
            false => Err(instruction::unknown(line, at.checked_sub(1).map(|above| &read.lines[above]))),
        };
        let added = parsed.and_then(|parsed| file.add(line.clone(), parsed));
        match added.map_err(|error| error.at(line.line, line.line_end)) {
            Err(error) if error.unreadable => unreadable = unreadable.or(Some(error)),
            Err(error) => refused = refused.or(Some(error)),
            Ok(()) => {}
        }
    }
    (file, unreadable.or(refused))
}

/// The error of a text that is empty or has only comments.
fn no_instructions(text: &str) -> ParseError {
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return ParseError::new("the Dockerfile cannot be empty; begin with FROM and a base image");
    }
    let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    ParseError::new("file with no instructions; begin with FROM and a base image").at(last, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn what(text: &str) -> (Option<u32>, String) {
        let error = parse(text).unwrap_err();
        (error.line, error.to_string())
    }

    #[test]
    fn four_kinds_of_nothing() {
        assert!(what("\n \n").1.starts_with("the Dockerfile cannot be empty; "));
        assert_eq!(what("\n# only\n").0, Some(2));
        assert!(what("# only\n").1.starts_with("file with no instructions; "));
        assert_eq!(what("ARG A\n").0, None);
        assert_eq!(what("\nENV A=1\nFROM x\n").0, Some(2));
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_refused() {
        assert_eq!(what("FROM a\nRUN \0\n").0, Some(2));
        assert_eq!(what(&"FROM a\n".repeat(1001)), (Some(1001), "the file has more than 1000 stages".into()));
    }

    #[test]
    fn lines_join_and_comments_drop_out() {
        let file = parse("FROM a\nRUN echo \\\n# comment\n\n  b \\  \nc\n").unwrap();
        let line = &file.stages[0].items[0].line;
        assert_eq!((line.text.as_str(), line.line, line.line_end), ("RUN echo   b c", 2, 6));
        assert!(line.blank_inside);
    }

    #[test]
    fn an_escaped_escape_ends_the_line() {
        let file = parse("FROM a\nRUN echo \\\\\nRUN b\n").unwrap();
        assert_eq!(file.stages[0].items.len(), 2);
    }

    #[test]
    fn heredocs_are_read_whole() {
        let file =
            parse("FROM a\nCOPY <<-\"E\" <<F /d/\n\t\tx\n  y\n\tE\n# z\nF\nRUN <<E\nbody\nE\n").unwrap();
        let docs = &file.stages[0].items[0].line.heredocs;
        assert_eq!((docs[0].body.as_str(), docs[0].expand), ("\t\tx\n  y\n", false));
        assert_eq!((docs[1].body.as_str(), docs[1].expand), ("# z\n", true));
        assert_eq!(file.stages[0].items[1].line.heredocs[0].body, "body\n");
        assert_eq!(what("FROM a\nRUN <<E\nx\n").0, Some(2));
    }

    #[test]
    fn heredocs_are_found_behind_any_flag() {
        for text in ["RUN --mount=target=\"/a b\" <<E", "ONBUILD -- RUN <<E", "COPY --exclude='a b' <<E /d"] {
            let file = parse(&format!("FROM a\n{text}\nbody\nE\n")).unwrap();
            assert_eq!(file.stages[0].items[0].line.heredocs.len(), 1, "{text}");
        }
    }

    #[test]
    fn errors_name_the_text() {
        for (line, want) in [
            ("RUNN x", "unknown instruction RUNN; did you mean RUN?"),
            ("COPY --chonw=1 a b", "unknown flag --chonw of COPY; did you mean --chown?"),
            ("COPY --chmod=1 --chmod=2 a b", "duplicate flag specified: --chmod; give it once"),
            ("COPY --from a b", "missing a value on flag: --from; write --from=a"),
            ("ENV A", "ENV must have two arguments, a name and a value; write ENV A=value"),
            (
                "CMD [\"a\", 1]",
                "when using JSON array syntax, arrays must be comprised of strings only; write \"1\"",
            ),
            ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
            ("WORKDIR", "WORKDIR requires exactly one argument; write WORKDIR /app"),
        ] {
            assert_eq!(what(&format!("FROM a\n{line}\n")), (Some(2), want.into()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(FROM a\n)?([A-Z]{0,8} ?[-a-z$<\"'\\\\\\[\\],=#{} ]{0,20}\n?){0,6}") {
            let _ = parse(&text);
        }
    }
}
