//! The rules that follow a stage's instructions, with the variables that they set and use.

use super::rules::own_rules;
use super::rules::{
    COPY_IGNORED_FILE, EXPOSE_INVALID_FORMAT, EXPOSE_PROTO_CASING, JSON_ARGS_RECOMMENDED,
    LEGACY_KEY_VALUE_FORMAT, MULTIPLE_INSTRUCTIONS_DISALLOWED, SECRETS_USED_IN_ARG_OR_ENV, UNDEFINED_VAR,
    WORKDIR_RELATIVE_PATH,
};
use super::scope::Scope;
use super::undefined::{self, Setters, Use};
use super::{Found, Rule, quotes};
use crate::args;
use crate::expanded::{bodies, copy_words, mount_words};
use crate::options::Options;
use crate::options::Values;
use libdockerfile::dockerfile::{Dockerfile, Item, StageItem};
use libdockerfile::instruction::{self, Parsed};
use libdockerfile::lines::Line;
use libdockerfile::names::Names;
use libdockerfile::names::stage_name;
use libdockerfile::trigger;
use libdockerfile::words::name_and_rest;
use libdockerfile::{ParseError, hints};
use libpattern::Matcher;
use libwire::plan::{ArgDecl, Command, Copy, Op, Pair};
use std::collections::{BTreeMap, BTreeSet};

own_rules! {
    QUOTES_IN_QUOTES "QuotesInQuotes" "Quotes inside quotes are not part of the value";
}

/// Checks the stages that are `needed`. It follows the others, because stages are built on them.
pub(super) fn collect(
    file: &Dockerfile,
    options: &Options,
    ignored: &Matcher,
    needed: &dyn Fn(usize) -> bool,
    found: &mut Found,
) -> Result<(), ParseError> {
    let globals = args::globals(file, options, &options.platform()?)?;
    let names: Vec<Option<String>> = file.stages.iter().map(stage_name).collect();
    let mut scopes: Vec<Scope> = Vec::new();
    let setters = Setters::of(file);
    let mut unheard = Found { settings: found.settings.clone(), findings: Vec::new() };
    for (index, stage) in file.stages.iter().enumerate() {
        let scope = Names { stages: &names, contexts: &options.contexts, current: index };
        let image = args::expanded(file, &stage.from.image, &globals).unwrap_or_default();
        let base = names[..index].iter().rposition(|name| name.as_deref() == Some(&image));
        let known = options.bases.get(&index);
        let replaced = names[index].as_deref().is_some_and(|name| scope.context(name).is_some());
        if replaced {
            scopes.push(Scope::on(known));
            continue;
        }
        let start = match base {
            Some(base) => scopes[base].clone(),
            None if image == "scratch" => Scope::new(),
            None => Scope::on(known),
        };
        let texts = match base {
            Some(base) => triggers_of(&file.stages[base]),
            None => {
                known.map(|image| image.triggers.iter().map(String::as_str).collect()).unwrap_or_default()
            }
        };
        let triggers = triggers(&texts, &stage.line);
        let found = if needed(index) { &mut *found } else { &mut unheard };
        let (globals, setters) = (&globals, &setters);
        let mut walk = Walk { file, options, ignored, globals, setters, stage: index, scope: start, found };
        walk.stage(triggers.iter().chain(&stage.items));
        scopes.push(walk.scope);
    }
    Ok(())
}

/// The triggers that a stage passes to the stages built on it.
fn triggers_of(base: &StageItem) -> Vec<&str> {
    fn text(item: &Item) -> Option<&str> {
        match &item.parsed {
            Parsed::Op { op: Op::Onbuild { trigger, .. }, .. } => Some(trigger.as_str()),
            _ => None,
        }
    }
    base.items.iter().filter_map(text).collect()
}

/// The triggers that a stage runs first, at the place of its FROM.
fn triggers(texts: &[&str], from: &Line) -> Vec<Item> {
    let trigger = |text: &&str| {
        let (line, line_end) = (from.line, from.line_end);
        let line = Line { line, line_end, text_end: line_end, ..trigger::line(text) };
        Some(Item { parsed: instruction::parse(&line, '\\').ok()?, line })
    };
    texts.iter().filter_map(trigger).collect()
}

struct Walk<'a> {
    file: &'a Dockerfile,
    options: &'a Options,
    ignored: &'a Matcher,
    globals: &'a Values,
    setters: &'a Setters,
    stage: usize,
    scope: Scope,
    found: &'a mut Found,
}

impl Walk<'_> {
    fn stage<'i>(&mut self, items: impl Iterator<Item = &'i Item>) {
        let mut last: BTreeMap<&str, &Line> = BTreeMap::new();
        for item in items {
            let Parsed::Op { op, from, mounts, legacy } = &item.parsed else { continue };
            let line = &item.line;
            if *legacy {
                self.legacy(line, op);
            }
            self.report(line, mounts.iter().flat_map(|parsed| mount_words(&parsed.mount)));
            self.instruction(line, op, from.is_some());
            let once = match op {
                Op::Cmd { .. } => "CMD",
                Op::Entrypoint { .. } => "ENTRYPOINT",
                Op::Healthcheck { .. } => "HEALTHCHECK",
                _ => continue,
            };
            if let Some(earlier) = last.insert(once, line) {
                let word = name_and_rest(&line.text).0;
                let detail = format!(
                    "Multiple {word} instructions should not be used in the same stage because only the last one will be used"
                );
                self.found.under(line, MULTIPLE_INSTRUCTIONS_DISALLOWED, earlier, detail);
            }
        }
    }

    fn instruction(&mut self, line: &Line, op: &Op, from: bool) {
        match op {
            Op::Env { pairs } => self.env(line, pairs),
            Op::Label { pairs } => self.report_pairs(line, pairs),
            Op::Arg { args } => args.iter().for_each(|arg| self.arg(line, arg)),
            Op::Workdir { path } => self.workdir(line, path),
            Op::User { user: word } | Op::Stopsignal { signal: word } => self.report(line, [word.as_str()]),
            Op::Volume { paths } => self.report(line, paths.iter().map(String::as_str)),
            Op::Expose { ports } => ports.iter().for_each(|port| self.expose(line, port)),
            Op::Copy(copy) => self.copy(line, op, copy, (!from).then_some("Copy")),
            Op::Add(copy) => self.copy(line, op, copy, Some("Add")),
            Op::Shell { .. } => self.scope.shell = true,
            Op::Cmd { command: Command::Shell(text) } | Op::Entrypoint { command: Command::Shell(text) }
                if !self.scope.shell =>
            {
                self.shell_form(line, text);
            }
            _ => {}
        }
    }

    fn shell_form(&mut self, line: &Line, text: &str) {
        let word = name_and_rest(&line.text).0;
        let mut detail = format!(
            "JSON arguments recommended for {word} to prevent unintended behavior related to OS signals"
        );
        if hints::is_broken_array(text) {
            detail += "; it begins like a JSON array but is not one, so a shell gets it unchanged: put each word in \" and commas between them";
        }
        self.found.at(JSON_ARGS_RECOMMENDED, line, detail);
    }

    fn report<'w>(&mut self, line: &Line, words: impl IntoIterator<Item = &'w str>) {
        words.into_iter().for_each(|word| self.report_word(line, None, word));
    }

    /// Reports the undefined variables in a word, which may be the value of `key`.
    fn report_word(&mut self, line: &Line, key: Option<&str>, word: &str) {
        let missing = self.scope.missing(self.file, word);
        self.report_names(line, key, Some(word), &missing);
    }

    fn report_names(
        &mut self,
        line: &Line,
        key: Option<&str>,
        word: Option<&str>,
        missing: &BTreeSet<String>,
    ) {
        let Self { file, globals, setters, stage, ref scope, .. } = *self;
        let place = Use { file, globals, setters, scope, stage, line, word, key };
        let details: Vec<String> = missing.iter().map(|name| undefined::detail(&place, name)).collect();
        details.into_iter().for_each(|detail| self.found.at(UNDEFINED_VAR, line, detail));
    }

    fn legacy(&mut self, line: &Line, op: &Op) {
        let word = name_and_rest(&line.text).0;
        let mut detail =
            format!("\"{word} key=value\" should be used instead of legacy \"{word} key value\" format");
        if let Op::Env { pairs } | Op::Label { pairs } = op
            && let [Pair { key, value }] = &pairs[..]
            && value.starts_with('=')
        {
            detail += &format!("; this sets {key} to {value:?}, write {key}={}", value[1..].trim());
        }
        self.found.at(LEGACY_KEY_VALUE_FORMAT, line, detail);
    }

    fn report_pairs(&mut self, line: &Line, pairs: &[Pair]) {
        for Pair { key, value } in pairs {
            self.quotes(line, key, value);
            self.report_word(line, None, key);
            self.report_word(line, Some(key), value);
        }
    }

    fn quotes(&mut self, line: &Line, key: &str, value: &str) {
        let escape = self.file.escape();
        if quotes::nested(value, escape) {
            let becomes = self.scope.word(self.file, value);
            let detail = format!(
                "quotes inside quotes end them: {key} becomes {becomes:?}; write {escape}\" for those that are to stay, or '…' around all"
            );
            self.found.at(QUOTES_IN_QUOTES, line, detail);
        }
    }

    /// All values use the variables from above the instruction.
    fn env(&mut self, line: &Line, pairs: &[Pair]) {
        self.report_pairs(line, pairs);
        let expand = |word| self.scope.word(self.file, word);
        let pairs: Vec<_> = pairs.iter().map(|pair| (expand(&pair.key), expand(&pair.value))).collect();
        for (name, value) in pairs {
            self.secret(line, "ENV", &name);
            self.scope.set(&name, value);
        }
    }

    fn arg(&mut self, line: &Line, arg: &ArgDecl) {
        self.secret(line, "ARG", &arg.name);
        let value = match (self.options.build_args.get(&arg.name), &arg.default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => {
                self.quotes(line, &arg.name, default);
                self.report_word(line, Some(&arg.name), default);
                Some(self.scope.word(self.file, default))
            }
            (None, None) => self.globals.get(&arg.name).cloned(),
        };
        self.scope.declare(&arg.name, value);
    }

    fn secret(&mut self, line: &Line, instruction: &str, name: &str) {
        if libdockerfile::names_secret(name) {
            let detail =
                format!("Do not use ARG or ENV instructions for sensitive data ({instruction} {name:?})");
            self.found.at(SECRETS_USED_IN_ARG_OR_ENV, line, detail);
        }
    }

    fn workdir(&mut self, line: &Line, path: &str) {
        self.report(line, [path]);
        let path = self.scope.word(self.file, path);
        if !self.scope.workdir && !path.starts_with('/') {
            let detail =
                format!("Relative workdir {path:?} can have unexpected results if the base image changes");
            self.found.at(WORKDIR_RELATIVE_PATH, line, detail);
        }
        self.scope.workdir = true;
    }

    fn expose(&mut self, line: &Line, word: &str) {
        for port in self.scope.words(self.file, word) {
            let (before, container) = port.rsplit_once(':').unwrap_or(("", &port));
            let proto = container.split_once('/').map_or("", |(_, proto)| proto);
            if proto != proto.to_lowercase() {
                let detail = format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
                self.found.at(EXPOSE_PROTO_CASING, line, detail);
            }
            if !before.is_empty() {
                let detail = format!(
                    "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                );
                self.found.at(EXPOSE_INVALID_FORMAT, line, detail);
            }
        }
    }

    /// `context` is the verb for the message if sources come from the build context.
    fn copy(&mut self, line: &Line, op: &Op, copy: &Copy, context: Option<&str>) {
        self.report(line, copy_words(copy));
        for heredoc in bodies(op) {
            let missing = self.scope.missing_in_body(self.file, &heredoc.body);
            self.report_names(line, None, None, &missing);
        }
        let Some(verb) = context else { return };
        for source in &copy.sources {
            let source = clean(&self.scope.word(self.file, source));
            if is_ignored(self.ignored, &source) {
                let detail =
                    format!("Attempting to {verb} file {source:?} that is excluded by .dockerignore");
                self.found.at(COPY_IGNORED_FILE, line, detail);
            }
        }
    }
}

/// Whether a source is excluded from the context. A list with a `!` pattern gives no answer, because a directory may
/// be excluded and a file inside it included.
fn is_ignored(ignored: &Matcher, source: &str) -> bool {
    if ignored.has_exceptions() || source.contains("://") || source.starts_with("git@") {
        return false;
    }
    match source {
        // The context itself is never excluded, but everything in it may be.
        "." | "/" => ignored.excludes_everything(),
        source => ignored.matches(source.as_bytes()),
    }
}

/// The path without double slashes, `.` and `..`, as far as possible.
fn clean(path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    match (path.starts_with('/'), parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}
