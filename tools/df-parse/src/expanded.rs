//! The words of an instruction that the builder expands, and those among them without variables.

use libdockerfile::expand::Expander;
use libwire::plan::{Copy, Heredoc, Mount, Op, Stage};

/// A value for every variable, so that `${A:?}` expands.
pub(crate) fn some_value(_: &str) -> Option<String> {
    Some("x".into())
}

/// The expansion of a word without variables.
pub(crate) fn constant(expander: &Expander, text: &str) -> Option<String> {
    if text.contains('$') { None } else { expander.word(text, &some_value).ok() }
}

/// The words of an instruction of `stage` that the builder expands.
pub(crate) fn words<'a>(op: &'a Op, stage: &Stage) -> Vec<&'a str> {
    let all = |words: &'a [String]| words.iter().map(String::as_str).collect();
    match op {
        Op::Env { pairs } | Op::Label { pairs } => {
            pairs.iter().flat_map(|pair| [pair.key.as_str(), pair.value.as_str()]).collect()
        }
        // A default that is not used is not checked.
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

/// The words of COPY and ADD that are expanded, flags first.
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
