//! Finds words that no variable's value can save, `${A` for one, before anything is built.

use crate::bases::Bases;
use crate::followed::Followed;
use crate::literal;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::Dockerfile;
use libdockerfile::expand::{ExpandError, Expander};
use libdockerfile::hints;
use libwire::plan::{Copy, Heredoc, Instruction, Mount, Op, Stage};

/// Checks the words of the stages that are `wanted`, of all that the file has.
pub(crate) fn check(
    file: &Dockerfile,
    stages: &[Stage],
    bases: &Bases,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), ParseError> {
    let expander = file.expander();
    let mut ends = Vec::new();
    for stage in stages {
        let mut followed = Followed::start(stage, &ends, bases);
        for instruction in &stage.instructions {
            if wanted(stage.index) {
                let checked = constant(&expander, stage, instruction, &followed)
                    .and_then(|()| expandable(&expander, stage, &instruction.op));
                checked.map_err(|error| error.at(instruction.line, instruction.line_end))?;
            }
            followed.step(&instruction.op, |word| literal::word(&expander, word));
        }
        let triggers = stage.instructions.iter().any(|inner| matches!(inner.op, Op::Onbuild { .. }));
        ends.push((followed, triggers));
    }
    Ok(())
}

fn expandable(expander: &Expander, stage: &Stage, op: &Op) -> Result<(), ParseError> {
    let words = words(op, stage).into_iter().map(|word| try_word(expander, word));
    let refused = words.chain(bodies(op).map(|heredoc| try_body(expander, heredoc))).find_map(Result::err);
    refused.map_or(Ok(()), |error| Err(ParseError::from(&error)))
}

fn constant(
    expander: &Expander,
    stage: &Stage,
    instruction: &Instruction,
    followed: &Followed,
) -> Result<(), ParseError> {
    let checked = literal::check(expander, stage, &instruction.op, followed);
    checked.map_err(|error| match hints::comment(&instruction.text) {
        Some(hint) if !matches!(instruction.op, Op::Run { .. }) => error.with_hint(&hint),
        _ => error,
    })
}

/// Every variable has a value here, so that `${A:?}` passes.
pub(crate) fn value(_: &str) -> Option<String> {
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
