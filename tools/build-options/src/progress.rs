//! The form of progress: `--progress`, or else BUILDKIT_PROGRESS, or else `auto`.

use crate::check;
use crate::values::{flag, last};
use clap::ArgMatches;
use libcli::Failure;
use std::ffi::{OsStr, OsString};

/// Docker's variable for it.
const VARIABLE: &str = "BUILDKIT_PROGRESS";

/// The form of progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// `Tty` on a terminal, otherwise `Plain`.
    #[default]
    Auto,
    /// The view of build-view.
    Tty,
    /// Lines of text.
    Plain,
    /// Only messages.
    Quiet,
    /// The records of build-progress(5).
    RawJson,
}

impl Progress {
    /// The requested mode.
    pub fn asked(
        matches: &ArgMatches,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        if flag(matches, "quiet")? {
            return Ok(Self::Quiet);
        }
        if let Some(mode) = last(matches, "progress") {
            return Ok(Self::of(mode));
        }
        let Some(mode) = environment(VARIABLE).filter(|mode| !mode.is_empty()) else { return Ok(Self::Auto) };
        check::progress(&mode).map_err(|what| Failure::usage(format!("{VARIABLE}: {what}")))?;
        Ok(Self::of(&mode))
    }

    fn of(mode: &OsStr) -> Self {
        match mode.to_str() {
            Some("tty") => Self::Tty,
            Some("plain") => Self::Plain,
            Some("quiet") => Self::Quiet,
            Some("rawjson") => Self::RawJson,
            _ => Self::Auto,
        }
    }

    /// The mode for a standard error that is a terminal, or is not, with the value of TERM.
    pub fn on(self, is_terminal: bool, term: Option<&OsStr>) -> Result<Self, Failure> {
        let can_move = term.is_some_and(|term| !term.is_empty() && term != "dumb");
        match (self, is_terminal, can_move) {
            (Self::Auto, true, true) => Ok(Self::Tty),
            (Self::Auto, ..) => Ok(Self::Plain),
            (Self::Tty, false, _) => {
                Err(Failure::usage("--progress tty: standard error is no terminal; use plain or rawjson"))
            }
            (Self::Tty, true, false) => Err(Failure::usage(
                "--progress tty: TERM names no terminal that can move its cursor; use plain",
            )),
            (mode, ..) => Ok(mode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_can_move_its_cursor_is_used_and_must_be_there_if_asked_for() {
        let on = |mode: Progress, terminal, term: Option<&str>| mode.on(terminal, term.map(OsStr::new)).ok();
        for (mode, terminal, term, result) in [
            (Progress::Auto, true, Some("xterm"), Some(Progress::Tty)),
            (Progress::Auto, true, Some("dumb"), Some(Progress::Plain)),
            (Progress::Auto, true, None, Some(Progress::Plain)),
            (Progress::Auto, false, Some("xterm"), Some(Progress::Plain)),
            (Progress::Tty, true, Some("xterm"), Some(Progress::Tty)),
            (Progress::Tty, false, Some("xterm"), None),
            (Progress::Tty, true, Some(""), None),
            (Progress::Plain, true, Some("xterm"), Some(Progress::Plain)),
            (Progress::RawJson, true, Some("xterm"), Some(Progress::RawJson)),
        ] {
            assert_eq!(on(mode, terminal, term), result, "{mode:?} {terminal} {term:?}");
        }
        let is_auto = |mode: &str| Progress::of(OsStr::new(mode)) == Progress::Auto;
        assert!(check::PROGRESS.iter().all(|mode| is_auto(mode) == (*mode == "auto")));
    }
}
