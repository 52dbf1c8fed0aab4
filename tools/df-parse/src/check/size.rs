//! Our own rules: instructions that make an image larger than necessary, or leave a secret in it. They judge the text
//! of the stages that ship, and stay silent if it does not show enough.

use super::rules::own_rules;
use super::{Found, Rule, packages, shell, users};
use crate::options::Options;
use libdockerfile::dockerfile::{Dockerfile, Item};
use libdockerfile::instruction::Parsed;
use libdockerfile::names::stage_name;
use libwire::plan::{Copy, Op};

own_rules! {
    REMOVED_TOO_LATE "RemovedTooLate" "Removing files of an earlier layer frees nothing";
    RECURSIVE_CHANGE_COPIES "RecursiveChangeCopies" "Changing owner or mode of files in a later layer stores them twice";
    LARGE_USER_ID "LargeUserId" "A user with a large id should be made without entries in the login logs";
    SECRET_COPIED "SecretCopied" "A secret that is copied and then deleted stays in the image";
}

/// A file or directory that an instruction of a stage made.
struct Made<'a> {
    path: String,
    stage: usize,
    item: &'a Item,
    copy: Option<(&'a Copy, String)>,
}

pub(super) fn collect(file: &Dockerfile, options: &Options, found: &mut Found) {
    let mut made: Vec<Made> = Vec::new();
    let (mut workdir, mut quiet) = (None, String::new());
    for stage in shipped(file, options) {
        for item in &file.stages[stage].items {
            let Parsed::Op { op, from, .. } = &item.parsed else { continue };
            match op {
                Op::Workdir { path } => workdir = literal(path, workdir.as_deref()),
                Op::Env { pairs } => pairs.iter().for_each(|pair| quiet += &pair.key.to_uppercase()),
                Op::Arg { args } => args.iter().for_each(|arg| quiet += &arg.name.to_uppercase()),
                Op::Copy(copy) | Op::Add(copy) if copy.heredocs.is_empty() => {
                    copied(copy, from.is_none(), stage, item, workdir.as_deref(), &mut made);
                }
                Op::Run { .. } => run(item, stage, workdir.as_deref(), &quiet, &mut made, found),
                _ => {}
            }
        }
    }
}

/// The stages that the target is built on, and then the target.
fn shipped(file: &Dockerfile, options: &Options) -> Vec<usize> {
    let named = |name: &str, before: usize| {
        file.stages[..before]
            .iter()
            .rposition(|stage| stage_name(stage).is_some_and(|own| own == name.to_lowercase()))
    };
    let all = file.stages.len();
    let target = options.target.as_deref().and_then(|name| named(name, all).or_else(|| name.parse().ok()));
    let mut next = Some(target.filter(|index| *index < all).unwrap_or(all - 1));
    let mut chain = Vec::new();
    while let Some(index) = next {
        chain.insert(0, index);
        next = named(&file.stages[index].from.image, index);
    }
    chain
}

/// A path that is complete in the text.
fn literal(path: &str, workdir: Option<&str>) -> Option<String> {
    if path.contains(['$', '*', '?', '[', '{', '~', '"', '\'']) {
        return None;
    }
    let full = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", workdir?) };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

fn copied<'a>(
    copy: &'a Copy,
    from_context: bool,
    stage: usize,
    item: &'a Item,
    workdir: Option<&str>,
    made: &mut Vec<Made<'a>>,
) {
    let Some(dest) = literal(&copy.dest, workdir) else { return };
    for source in &copy.sources {
        let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let into = copy.dest.ends_with(['/', '.']) && !source.ends_with(['/', '.']) && !name.contains('*');
        let path = if into { format!("{}/{name}", dest.trim_end_matches('/')) } else { dest.clone() };
        let name = if from_context { name.to_owned() } else { String::new() };
        made.push(Made { path, stage, item, copy: Some((copy, name)) });
    }
}

fn run<'a>(
    item: &'a Item,
    stage: usize,
    workdir: Option<&str>,
    quiet: &str,
    made: &mut Vec<Made<'a>>,
    found: &mut Found,
) {
    let commands = shell::commands(item);
    // After a cd the meaning of relative paths is unknown.
    let workdir = workdir.filter(|_| !commands.iter().any(|words| words[0] == "cd"));
    let new: Vec<String> = commands.iter().flat_map(|words| downloads(words, workdir)).collect();
    for words in &commands {
        match words[0].as_str() {
            "rm" => removed(words, item, workdir, &new, made, found),
            "chown" | "chmod" => recursive(words, item, stage, workdir, made, found),
            _ => {}
        }
    }
    packages::collect(item, &commands, quiet, found);
    for what in commands.iter().filter_map(|words| users::large_id(words)) {
        found.at(LARGE_USER_ID, &item.line, what);
    }
    made.extend(new.into_iter().map(|path| Made { path, stage, item, copy: None }));
    let lists = packages::lists_left(item, &commands).map(str::to_owned);
    made.extend(lists.map(|path| Made { path, stage, item, copy: None }));
}

/// The file that `curl -o` or `wget -O` writes.
fn downloads(words: &[String], workdir: Option<&str>) -> Option<String> {
    let flag = match words[0].as_str() {
        "curl" => "-o",
        "wget" => "-O",
        _ => return None,
    };
    let is_flag =
        |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with(&flag[1..]);
    let at = words.iter().position(is_flag)?;
    words
        .get(at + 1)
        .filter(|word| *word != "-" && !word.starts_with("/dev/"))
        .and_then(|word| literal(word, workdir))
}

fn removed(
    words: &[String],
    item: &Item,
    workdir: Option<&str>,
    new: &[String],
    made: &[Made],
    found: &mut Found,
) {
    for word in words[1..].iter().filter(|word| !word.starts_with('-')) {
        let Some(path) = literal(word.strip_suffix("/*").unwrap_or(word), workdir) else { continue };
        if path == "/" || new.iter().any(|new| within(new, &path)) {
            continue;
        }
        let Some(made) = made.iter().find(|made| within(&made.path, &path)) else { continue };
        match &made.copy {
            Some((copy, name)) if is_secret(name) => {
                let detail = format!(
                    "{name:?} stays in this layer though line {} deletes it; do not copy it, but give it to the RUN that needs it: RUN --mount=type=secret,id={},target={} …",
                    item.line.line,
                    name.trim_start_matches('.'),
                    made.path
                );
                found.at(SECRET_COPIED, &made.item.line, detail);
            }
            copy => {
                let how = match copy {
                    Some((copy, _)) => format!(
                        "use the file without copying it: RUN --mount=type=bind,source={},target={} …",
                        copy.sources.first().map_or("", String::as_str),
                        made.path
                    ),
                    None => "delete it at the end of the RUN that made it".to_owned(),
                };
                let detail = format!(
                    "rm {word} frees nothing: line {} put it into an earlier layer; {how}",
                    made.item.line.line
                );
                found.at(REMOVED_TOO_LATE, &item.line, detail);
            }
        }
    }
}

fn within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_secret(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        ".env",
        ".npmrc",
        ".netrc",
        ".pypirc",
        ".git-credentials",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "credentials",
        ".ssh",
        ".aws",
        "kubeconfig",
    ];
    let lower = name.to_lowercase();
    NAMES.contains(&lower.as_str())
        || lower.ends_with(".key")
        || lower.ends_with(".pem")
        || ["secret", "password", "token"]
            .iter()
            .any(|word| lower.split(['.', '-', '_']).any(|part| part == *word))
}

fn recursive(
    words: &[String],
    item: &Item,
    stage: usize,
    workdir: Option<&str>,
    made: &[Made],
    found: &mut Found,
) {
    let deep = |word: &String| {
        word == "--recursive" || (word.starts_with('-') && !word.starts_with("--") && word.contains('R'))
    };
    let rest: Vec<&String> = words[1..].iter().filter(|word| !word.starts_with('-')).collect();
    if !words[1..].iter().any(deep) || rest.len() < 2 {
        return;
    }
    let (tool, value) = (&words[0], rest[0]);
    for word in &rest[1..] {
        let Some(path) = literal(word, workdir) else { continue };
        let same = |made: &&Made| {
            let done = made.copy.as_ref().is_some_and(|(copy, _)| match tool.as_str() {
                "chown" => copy.chown.is_some(),
                _ => copy.chmod.is_some(),
            });
            made.stage == stage && !done && (within(&made.path, &path) || within(&path, &made.path))
        };
        let Some(made) = made.iter().find(same) else { continue };
        let line = made.item.line.line;
        let how = match &made.copy {
            Some(_) => {
                let text = made.item.line.text.trim();
                let (name, args) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
                format!("line {line} can do it: {name} --{tool}={value} {}", args.trim_start())
            }
            None => format!("do it in the RUN of line {line}"),
        };
        let detail = format!("{tool} -R {word} stores again all files that line {line} made; {how}");
        found.at(RECURSIVE_CHANGE_COPIES, &item.line, detail);
        return;
    }
}
