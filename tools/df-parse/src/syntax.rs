//! Finds words that no variable's value can save, `${A` for one, before anything is built.

use crate::ParseError;
use crate::dockerfile::Dockerfile;
use crate::expand::{ExpandError, Expander};
use crate::{hints, ports, signal};
use libwire::plan::{Copy, Heredoc, Mount, Op, Stage};

/// Checks all words of a stage that will be expanded.
pub(crate) fn check(file: &Dockerfile, stage: &Stage) -> Result<(), ParseError> {
    let expander = file.expander();
    for instruction in &stage.instructions {
        let refused = words(&instruction.op, stage)
            .into_iter()
            .map(|word| try_word(&expander, word))
            .chain(bodies(&instruction.op).map(|heredoc| try_body(&expander, heredoc)))
            .find_map(Result::err);
        let place = |error: ParseError| error.at(instruction.line, instruction.line_end);
        if let Some(error) = refused {
            return Err(place(ParseError::from(&error)));
        }
        constant(&expander, &instruction.op).map_err(|error| match hints::comment(&instruction.text) {
            Some(hint) => place(ParseError { what: error.what + &hint, ..error }),
            None => place(error),
        })?;
    }
    Ok(())
}

/// Checks what words say, where no variable has a part in it.
fn constant(expander: &Expander, op: &Op) -> Result<(), ParseError> {
    let words = |word: &str| match word.contains('$') {
        true => Vec::new(),
        false => expander.words(word, &value).unwrap_or_default(),
    };
    match op {
        Op::Expose { ports } => {
            for word in ports {
                for port in words(word) {
                    ports::parse(&port).map_err(|what| ParseError::new(what).token(word.clone()))?;
                }
            }
        }
        Op::Stopsignal { signal } => {
            if let Some(bad) = words(signal).iter().find(|word| !signal::is_signal(word)) {
                return Err(ParseError::new(signal::invalid(bad)).token(signal.clone()));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Every variable has a value here, so that `${A:?}` passes.
fn value(_: &str) -> Option<String> {
    Some("x".into())
}

fn try_word(expander: &Expander, word: &str) -> Result<(), ExpandError> {
    match word.contains(['$', '\'', '"']) {
        true => expander.word(word, &value).map(drop),
        false => Ok(()),
    }
}

fn try_body(expander: &Expander, heredoc: &Heredoc) -> Result<(), ExpandError> {
    let tried = expander.heredoc_body(&heredoc.body, &value);
    tried.map(drop).map_err(|error| ExpandError { word: format!("<<{}", heredoc.name), ..error })
}

fn words<'a>(op: &'a Op, stage: &Stage) -> Vec<&'a str> {
    let all = |words: &'a [String]| words.iter().map(String::as_str).collect();
    match op {
        Op::Env { pairs } | Op::Label { pairs } => {
            pairs.iter().flat_map(|pair| [pair.key.as_str(), pair.value.as_str()]).collect()
        }
        // A default that is not used is not looked at.
        Op::Arg { args } => {
            let used = args.iter().filter(|arg| !stage.build_args.contains_key(&arg.name));
            used.filter_map(|arg| arg.default.as_deref()).collect()
        }
        Op::Workdir { path } => vec![path],
        Op::User { user } => vec![user],
        Op::Stopsignal { signal } => vec![signal],
        Op::Expose { ports } => all(ports),
        Op::Volume { paths } => all(paths),
        Op::Copy(copy) | Op::Add(copy) => copy_words(copy),
        Op::Run { mounts, .. } => mounts.iter().flat_map(mount_words).collect(),
        _ => Vec::new(),
    }
}

/// COPY's and ADD's words that are expanded, flags first.
pub(crate) fn copy_words(copy: &Copy) -> Vec<&str> {
    let flags = [&copy.chown, &copy.chmod, &copy.checksum].into_iter().flatten();
    flags.chain(&copy.sources).chain([&copy.dest]).map(String::as_str).collect()
}

/// A mount's words that are expanded.
pub(crate) fn mount_words(mount: &Mount) -> impl Iterator<Item = &str> {
    let keys = [&mount.target, &mount.source, &mount.id, &mount.sharing, &mount.mode, &mount.uid, &mount.gid];
    keys.into_iter().chain([&mount.size, &mount.env, &mount.words]).flatten().map(String::as_str)
}

/// The here-documents that the builder expands.
pub(crate) fn bodies(op: &Op) -> impl Iterator<Item = &Heredoc> {
    let heredocs = match op {
        Op::Copy(copy) | Op::Add(copy) => &copy.heredocs[..],
        _ => &[],
    };
    heredocs.iter().filter(|heredoc| heredoc.expand)
}
