//! Our rules about package managers: downloads that stay in a layer, and compilers in a stage that ships.

use super::rules::own_rules;
use super::{Found, Rule};
use libdockerfile::dockerfile::Item;
use libdockerfile::instruction::Parsed;
use libshell::managers::{Installing, MANAGERS, Manager, Remedy};
use libwire::plan::MountKind;

own_rules! {
    PACKAGE_CACHE_LEFT "PackageCacheLeft" "Package lists and download caches should be removed by the RUN that made them";
    COMPILER_IN_FINAL_STAGE "CompilerInFinalStage" "Build tools should stay in a stage that does not ship";
}

/// A call of a package manager.
struct Call<'a> {
    manager: &'static Manager,
    installing: &'static Installing,
    /// The words after the program's name.
    words: &'a [String],
    /// The first of them that is not an option.
    verb: &'a str,
}

/// Collects findings about a RUN's commands and its calls of package managers. `quiet` has the names of the variables
/// set above it.
pub(super) fn collect(item: &Item, commands: &[Vec<String>], quiet: &str, found: &mut Found) {
    let calls: Vec<Call> = commands.iter().filter_map(|words| call(words)).collect();
    caches(item, commands, &calls, quiet, found);
    compiler(item, &calls, found);
}

/// The directories of package lists that a RUN leaves in its layer.
pub(super) fn lists_left(item: &Item, commands: &[Vec<String>]) -> Option<&'static str> {
    let mut calls =
        commands.iter().filter_map(|words| call(words)).filter(|call| !mounted(item) && call.leaves());
    let left = |call: Call| call.manager.lists.first().filter(|_| !call.cares_below(commands));
    calls.find_map(left).copied()
}

fn call(words: &[String]) -> Option<Call<'_>> {
    let module = words.windows(2).position(|pair| pair[0] == "-m" && pair[1] == "pip");
    let words = match module.filter(|_| ["python", "python3"].contains(&words[0].as_str())) {
        Some(at) => &words[at + 1..],
        None => words,
    };
    let (program, words) = words.split_first()?;
    let verb = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    MANAGERS.iter().find_map(|manager| {
        let installing = manager.installing.as_ref()?;
        let call = Call { manager, installing, words, verb };
        installing.programs.contains(&program.as_str()).then_some(call)
    })
}

impl Call<'_> {
    fn leaves(&self) -> bool {
        self.installing.leave.contains(&self.verb)
    }

    fn installs(&self) -> bool {
        self.installing.install.contains(&self.verb)
    }

    fn replaces(&self) -> bool {
        self.installing.replace.contains(&self.verb)
    }

    fn has_option(&self) -> bool {
        let option = self.installing.option;
        !option.is_empty() && self.words.iter().any(|word| word.starts_with(option))
    }

    /// Whether another command names a path below which it leaves files.
    fn cares_below(&self, commands: &[Vec<String>]) -> bool {
        self.installing.below.is_some_and(|path| {
            commands.iter().flatten().any(|word| {
                word.starts_with(path)
                    || word.starts_with("/var/lib/{")
                    || word.contains("clean.sh")
                    || word.contains("cleanup")
            })
        })
    }

    /// The advice about files that an installation leaves, and the RUN of this `text` after the advice.
    fn remedy(&self, text: &str, calls: &[Call]) -> (String, Option<String>) {
        let Installing { programs, option, .. } = *self.installing;
        match self.installing.remedy {
            Remedy::Option => {
                let call = |program: &&str| format!("{program} {} ", self.verb);
                let changed = programs
                    .iter()
                    .map(call)
                    .fold(text.to_owned(), |text, call| text.replace(&call, &format!("{call}{option} ")));
                (format!("use {option}"), (changed != text).then_some(changed))
            }
            Remedy::Removal(removal, cache) => {
                let installs =
                    |call: &Call| call.manager == self.manager && (call.installs() || call.replaces());
                if !calls.iter().any(installs) {
                    return ("update, install and remove them in one RUN".into(), None);
                }
                let mount = cache.map(|path| format!(", or use --mount=type=cache,target={path}"));
                let how = format!("end it with the removal{}", mount.unwrap_or_default());
                (how, Some(format!("{text} && {removal}")))
            }
        }
    }
}

fn mounted(item: &Item) -> bool {
    let Parsed::Op { mounts, .. } = &item.parsed else { return false };
    mounts.iter().any(|mount| matches!(mount.mount.kind, MountKind::Cache | MountKind::Tmpfs))
}

fn caches(item: &Item, commands: &[Vec<String>], calls: &[Call], quiet: &str, found: &mut Found) {
    if mounted(item) {
        return;
    }
    let text = item.line.text.trim();
    let pasted = item.line.heredocs.is_empty() && !text.contains(['#', '[']);
    let joined: String = commands.iter().flatten().map(|word| format!("{word} ")).collect();
    let mut told: Vec<String> = Vec::new();
    for call in calls.iter().filter(|call| call.leaves() && !call.has_option()) {
        let Installing { left, variable, cares, .. } = *call.installing;
        let set = variable.is_some_and(|name| quiet.contains(name) || text.contains(name));
        if set || cares.iter().any(|text| joined.contains(text)) || call.cares_below(commands) {
            continue;
        }
        let (how, changed) = call.remedy(text, calls);
        let changed = changed.filter(|_| pasted).map(|line| format!(": {line}")).unwrap_or_default();
        let detail = format!("{}'s {left} stay in this layer; {how}{changed}", call.manager.name);
        if !told.contains(&detail) {
            found.at(PACKAGE_CACHE_LEFT, &item.line, detail.clone());
            told.push(detail);
        }
    }
}

fn compiler(item: &Item, calls: &[Call], found: &mut Found) {
    const TOOLS: [&str; 11] = [
        "gcc",
        "g++",
        "clang",
        "build-essential",
        "build-base",
        "make",
        "cmake",
        "gcc-c++",
        "golang",
        "cargo",
        "rustc",
    ];
    if calls.iter().any(|call| call.installing.remove.contains(&call.verb)) {
        return;
    }
    let is_tool = |word: &&String| {
        let name = word.split('=').next().unwrap_or_default();
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
        TOOLS.contains(&name) || (["gcc", "g++", "clang"].contains(&base) && name != base)
    };
    // A manager that can remove packages manages those of the system, not the libraries of a language.
    let installs = calls.iter().filter(|call| call.installs() && !call.installing.remove.is_empty());
    if let Some(tool) = installs.flat_map(|call| call.words).find(is_tool) {
        let detail = format!(
            "{tool} ships with the image; install it in an earlier stage (FROM … AS build), and take only what it built: COPY --from=build …"
        );
        found.at(COMPILER_IN_FINAL_STAGE, &item.line, detail);
    }
}
