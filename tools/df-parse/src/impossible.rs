//! Refuses instructions with invalid words. stage-run checks a word with a variable with the same functions, when it
//! knows the value.

use crate::expanded::{constant, copy_words, some_value};
use crate::known_state::KnownState;
use libdockerfile::expand::Expander;
use libdockerfile::sources::{self, Asked};
use libdockerfile::{ParseError, hints, mount, ports, signal, values};
use libpattern::{Matcher, has_wildcards, path_match};
use libwire::Chmod;
use libwire::plan::{Command, Copy, Mount, Op, Stage};
use libwire::remote::Kind;

/// Refuses an instruction of `stage` with invalid words. `known` is the state above it.
pub(crate) fn check(
    expander: &Expander,
    stage: &Stage,
    op: &Op,
    known: &KnownState,
) -> Result<(), ParseError> {
    let bad = |what: String, token: &str| Err(ParseError::new(what).token(token));
    let literal = |text: &str| constant(expander, text);
    quoted(expander, op)?;
    match op {
        Op::Expose { ports } => ports.iter().try_for_each(|port| expose(expander, port)),
        Op::Stopsignal { signal } => match literal(signal) {
            Some(name) if !signal::is_signal(&name) => bad(signal::invalid(&name), signal),
            _ => Ok(()),
        },
        Op::Env { pairs } => match pairs.iter().find(|pair| literal(&pair.key).as_deref() == Some("")) {
            Some(pair) => bad(values::NO_ENV_NAME.into(), &pair.key),
            None => Ok(()),
        },
        Op::Volume { paths } => match paths.iter().find(|path| literal(path).as_deref() == Some("")) {
            Some(path) => bad(values::NO_VOLUME.into(), path),
            None => Ok(()),
        },
        Op::User { user } => match literal(user).and_then(|user| values::bad_owner(&user)) {
            Some(what) => bad(what, user),
            None => Ok(()),
        },
        Op::Copy(copy) => copied(expander, copy, false, known),
        Op::Add(copy) => copied(expander, copy, true, known),
        Op::Run { command, mounts, .. } => run(stage, command, known)
            .and_then(|()| mounts.iter().try_for_each(|one| mounted(expander, one, known))),
        _ => Ok(()),
    }
}

/// Refuses `"name=value"`, with quotes around the whole pair.
fn quoted(expander: &Expander, op: &Op) -> Result<(), ParseError> {
    let pairs: Vec<(&str, &str)> = match op {
        Op::Env { pairs } | Op::Label { pairs } => {
            pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect()
        }
        Op::Arg { args } => {
            args.iter().filter_map(|arg| Some((arg.name.as_str(), arg.default.as_deref()?))).collect()
        }
        _ => return Ok(()),
    };
    let name = match op {
        Op::Env { .. } => "ENV",
        Op::Label { .. } => "LABEL",
        _ => "ARG",
    };
    pairs.into_iter().try_for_each(|(key, text)| {
        let (Some(hint), Err(error)) = (hints::quoted_pair(name, key, text), expander.word(key, &some_value))
        else {
            return Ok(());
        };
        let error = ParseError::from(&error);
        Err(error.with_hint(&hint))
    })
}

fn expose(expander: &Expander, text: &str) -> Result<(), ParseError> {
    if text.contains('$') {
        return Ok(());
    }
    let ports = expander.words(text, &some_value).unwrap_or_default();
    ports.iter().try_for_each(|port| match ports::parse(port) {
        Ok(_) => Ok(()),
        Err(what) => Err(ParseError::new(what).token(text)),
    })
}

fn run(stage: &Stage, command: &Command, known: &KnownState) -> Result<(), ParseError> {
    let error = |what: String| Err(ParseError::new(what));
    let os = stage.platform.split('/').next().unwrap_or_default();
    match command {
        _ if os != "linux" => error(format!(
            "no program for {os} can be run here; begin the stage FROM --platform=$BUILDPLATFORM, and COPY what it builds"
        )),
        Command::Exec(words) if words.iter().any(|word| word.contains('\0')) => {
            error(values::NUL_IN_COMMAND.into())
        }
        command if known.runs_nothing(command) => {
            error("the command is empty; write a program and its arguments".into())
        }
        _ => Ok(()),
    }
}

fn mounted(expander: &Expander, mount: &Mount, known: &KnownState) -> Result<(), ParseError> {
    if let Some(words) = &mount.words {
        return mount::parse(words).map(drop);
    }
    let target = mount.target.as_deref().and_then(|text| constant(expander, text));
    match (target, &known.workdir) {
        (Some(target), Some(workdir)) if !target.is_empty() => mount::target(&target, workdir).map(drop),
        _ => Ok(()),
    }
}

fn copied(expander: &Expander, copy: &Copy, add: bool, known: &KnownState) -> Result<(), ParseError> {
    let literal = |text: &str| constant(expander, text);
    // An empty value is like an absent flag.
    let flag = |text: &Option<String>| text.as_deref().and_then(literal).filter(|value| !value.is_empty());
    if copy_words(copy).iter().any(|word| word.contains('\0')) {
        return Err(ParseError::new("the path has a NUL byte; no file name can have one"));
    }
    let constants: Vec<String> = copy.sources.iter().filter_map(|source| literal(source)).collect();
    let checksum = flag(&copy.checksum);
    sources::check(&Asked {
        add,
        sources: &constants,
        count: copy.sources.len() + copy.heredocs.len(),
        complete: constants.len() == copy.sources.len(),
        has_checksum: copy.checksum.is_some(),
        checksum: checksum.as_deref(),
        keep_git_dir: copy.keep_git_dir,
    })?;
    if let Some(mode) = flag(&copy.chmod) {
        Chmod::parse(&mode).map_err(|what| ParseError::new(what).token(mode))?;
    }
    if let Some(owner) = flag(&copy.chown) {
        chowned(copy, &owner, known)?;
    }
    if !copy.parents {
        patterns(&constants)?;
    }
    copy.exclude.iter().try_for_each(|pattern| match Matcher::new([pattern.as_str()]) {
        Ok(_) => Ok(()),
        Err(bad) => Err(ParseError::new(bad.what).token(pattern.clone())),
    })
}

/// Refuses numbers that are not valid ids. Also refuses names that cannot be looked up: in an empty stage, and for
/// `--link`, which sees no stage unless `--chmod` makes it an ordinary copy.
fn chowned(copy: &Copy, owner: &str, known: &KnownState) -> Result<(), ParseError> {
    let blind = known.empty || (copy.link && copy.chmod.is_none());
    let what = values::bad_owner(owner)
        .or_else(|| values::owner_name(owner).filter(|_| blind).map(values::no_names));
    what.map_or(Ok(()), |what| Err(ParseError::new(what).token(owner)))
}

fn patterns(sources: &[String]) -> Result<(), ParseError> {
    let paths = sources.iter().filter(|source| Kind::of(source) == Kind::Path);
    for source in paths {
        for part in source.split('/').filter(|part| has_wildcards(part.as_bytes())) {
            path_match(part.as_bytes(), b"")
                .map_err(|bad| ParseError::new(bad.to_string()).token(source.clone()))?;
        }
    }
    Ok(())
}
