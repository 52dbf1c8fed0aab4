//! What a command line asks for, as the words of each tool.

use crate::command::{self, CONTEXT};
use crate::output::{self, Kind, Output};
use crate::table::{Row, Takes, To, rows};
use crate::values::{all, flag, last, truth};
use crate::words::Words;
use crate::{check, clashes};
use clap::ArgMatches;
use libcli::Failure;
use libwire::remote;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Looks up a variable of the caller's environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A build that is asked for: what goes to each tool, and what the driver does itself.
#[derive(Debug, Default)]
pub struct Request {
    /// The context, as it was given.
    pub context: OsString,
    /// The Dockerfile, as it was given, if it was.
    pub file: OsString,
    /// For df-parse, whatever it is asked.
    pub parse: Words,
    /// For df-parse, what it is asked in place of a plan.
    pub call: Words,
    /// Named contexts, for stage-run.
    pub named: Words,
    /// The same: the name, and the source as a word of shell.
    pub contexts: Vec<(String, Vec<u8>)>,
    /// For every stage-run.
    pub stage: Words,
    /// For the stage-run that looks images up: when it pulls them.
    pub pull: Words,
    /// For the stage-run that looks up what a lock has, before all others.
    pub resolve: Words,
    /// A lock is written.
    pub lock: bool,
    /// There has to be a lock.
    pub locked: bool,
    /// For the target's stage-run: where it ends.
    pub stops: Words,
    /// For layer-pack.
    pub pack: Words,
    /// For image-assemble.
    pub assemble: Words,
    /// For image-push: where to.
    pub push: Words,
    /// Layers are pushed while the build goes on.
    pub early: bool,
    /// For image-save, each a command.
    pub saves: Vec<Words>,
    /// For all that use the store.
    pub store: Words,
    /// For all that look at snapshots.
    pub isolation: Words,
    /// For all that read or write layers or archives.
    pub limits: Words,
    /// For context-fetch.
    pub fetch: Words,
    /// For stage-run, in place of a build: what RUN printed.
    pub logs: Words,
    /// How many stages at once; 0 is all.
    pub jobs: OsString,
    /// Where to leave the streams.
    pub keep: OsString,
    /// Where the trace goes.
    pub trace: OsString,
    /// No file in a new layer is younger than SOURCE_DATE_EPOCH.
    pub rewrite: bool,
    /// No image is made.
    pub cache_only: bool,
    /// An archive goes to standard output.
    pub archive: bool,
    /// An archive goes there, or the trace, and not by image-assemble, whose digest would be in it.
    pub silent: bool,
    /// The pipeline is printed, not run.
    pub dry_run: bool,
    /// Nothing but the digest is printed.
    pub quiet: bool,
    /// A shell is opened before a step.
    pub shell: bool,
    /// A shell may be opened, so one stage is built after another.
    pub alone: bool,
    /// COPYs are made although only the packer reads them.
    pub no_defer: bool,
}

/// What a command line asks for.
pub enum Asked {
    /// A build.
    Build(Box<Request>),
    /// A text.
    Text(Vec<u8>),
}

/// Reads the words after `image-build`.
pub fn request(args: Vec<OsString>, environment: &Environment) -> Result<Asked, Failure> {
    let matches = command::matches(args)?;
    let on = |name: &str| flag(&matches, name);
    if on("help")? {
        return Ok(Asked::Text(command::help().into_bytes()));
    }
    if on("version")? {
        return Ok(Asked::Text(concat!("image-build ", env!("CARGO_PKG_VERSION"), "\n").into()));
    }
    for row in rows() {
        for value in given(&matches, row) {
            check_value(row, value)?;
        }
    }
    if let Some(shell) = last(&matches, "completion") {
        return Ok(Asked::Text(command::completion(shell)));
    }
    let outputs = all(&matches, "output").map(output::output).collect::<Result<Vec<_>, _>>();
    let outputs = outputs.map_err(|what| Failure::usage(format!("--output: {what}")))?;
    clashes::check(&matches, &outputs)?;
    let mut request = Request { context: context(&matches)?, ..Request::default() };
    for row in rows() {
        request.hand_on(row, &matches)?;
    }
    request.quiet = on("quiet")? || last(&matches, "progress").is_some_and(|mode| mode == "quiet");
    request.dry_run = on("dry-run")?;
    request.no_defer = on("no-defer")?;
    request.take_places(&matches, environment)?;
    request.take_build_args(&matches, environment);
    request.take_sources(&matches);
    request.take_pull(&matches)?;
    request.take_lock(&matches)?;
    request.take_steps(&matches)?;
    request.take_call(&matches)?;
    request.take_outputs(&matches, &outputs)?;
    if request.trace == "-" && request.archive {
        return Err(Failure::usage("--trace: standard output has the image already; name a file"));
    }
    Ok(Asked::Build(Box::new(request)))
}

impl Request {
    /// Hands an option on to the tools that take it as it is.
    fn hand_on(&mut self, row: &Row, matches: &ArgMatches) -> Result<(), Failure> {
        let to = match row.to {
            To::Parse => &mut self.parse,
            To::Stage => &mut self.stage,
            To::Assemble => &mut self.assemble,
            To::Snapshots => &mut self.isolation,
            To::Archives => &mut self.limits,
            To::Nobody | To::Request => return Ok(()),
        };
        let option = format!("--{}", row.long);
        match row.takes {
            Takes::Flag if flag(matches, row.long)? => to.push(&option, None),
            Takes::Flag => {}
            _ => given(matches, row).for_each(|value| to.push(&option, Some(value))),
        }
        Ok(())
    }

    /// Options with a value that the driver itself needs.
    fn take_places(&mut self, matches: &ArgMatches, environment: &Environment) -> Result<(), Failure> {
        let word = |name| last(matches, name).map(OsStr::to_owned).unwrap_or_default();
        (self.file, self.keep, self.trace) = (word("file"), word("keep"), word("trace"));
        self.silent = self.trace == "-";
        self.jobs = last(matches, "jobs").unwrap_or(OsStr::new("0")).to_owned();
        let store = last(matches, "store").map(PathBuf::from);
        let store = libstore::locate(store, &libstore::Environment::of(environment))?;
        self.store.push("--store", Some(store.as_os_str()));
        if self.quiet {
            self.stage.push("--progress", Some(OsStr::new("quiet")));
            self.pack.push("--progress", Some(OsStr::new("quiet")));
        }
        Ok(())
    }

    fn take_build_args(&mut self, matches: &ArgMatches, environment: &Environment) {
        let mut epoch = false;
        for given in all(matches, "build-arg").filter_map(OsStr::to_str) {
            // A name that the environment does not have is left unset, as docker does.
            let value = match given.contains('=') {
                true => OsString::from(given),
                false => match environment(given) {
                    Some(value) => [OsStr::new(given), OsStr::new("="), &value].into_iter().collect(),
                    None => continue,
                },
            };
            let text = value.to_string_lossy();
            epoch |= text.starts_with("SOURCE_DATE_EPOCH=");
            let keep = text.strip_prefix("BUILDKIT_CONTEXT_KEEP_GIT_DIR=");
            if keep.is_some_and(|value| value.starts_with(['1', 't', 'T'])) {
                self.fetch.push("--keep-git-dir", None);
            }
            self.parse.push("--build-arg", Some(&value));
        }
        // buildx hands SOURCE_DATE_EPOCH on as a build argument too.
        if let Some(value) = environment("SOURCE_DATE_EPOCH").filter(|value| !epoch && !value.is_empty()) {
            let value: OsString = [OsStr::new("SOURCE_DATE_EPOCH="), &value].into_iter().collect();
            self.parse.push("--build-arg", Some(&value));
        }
    }

    /// Named contexts, and the secrets that servers are shown.
    fn take_sources(&mut self, matches: &ArgMatches) {
        for context in all(matches, "build-context") {
            let Some((name, source)) = context.to_str().and_then(|text| text.split_once('=')) else {
                continue;
            };
            self.parse.push("--build-context", Some(OsStr::new(name)));
            self.named.push("--build-context", Some(context));
            self.contexts.push((name.to_owned(), libcli::shell_word(source)));
        }
        for secret in all(matches, "secret") {
            self.stage.push("--secret", Some(secret));
            let parts = secret.to_str().unwrap_or_default().split(',');
            let mut ids = parts.filter_map(|part| part.strip_prefix("id="));
            if ids.any(|id| id.starts_with("GIT_AUTH_") || id.starts_with("HTTP_AUTH_")) {
                self.fetch.push("--secret", Some(secret));
            }
        }
    }

    /// `--pull` and `--offline`. Once the images were looked up, a stage that builds pulls no more than it lacks.
    fn take_pull(&mut self, matches: &ArgMatches) -> Result<(), Failure> {
        let when = last(matches, "pull").map(|when| when.to_string_lossy());
        let word = match when.as_deref() {
            Some("" | "true" | "always") => "always",
            Some("false" | "never") => "never",
            Some("newer") => "newer",
            _ => "missing",
        };
        if flag(matches, "offline")? {
            for place in [&self.context, &self.file] {
                let text = place.to_string_lossy();
                if remote::Kind::of(&text) != remote::Kind::Path {
                    let what = "--offline: it would have to be fetched; name a directory or a file";
                    return Err(Failure::usage(format!("{}: {what}", remote::redact(&text))));
                }
            }
            self.pull.push("--offline", None);
            self.stage.push("--offline", None);
        }
        if word != "missing" {
            self.pull.push("--pull", Some(OsStr::new(word)));
        }
        if word == "never" {
            self.stage.push("--pull", Some(OsStr::new(word)));
        }
        Ok(())
    }

    /// `--lock` and `--locked`: images are looked up for the plan, then all sources.
    fn take_lock(&mut self, matches: &ArgMatches) -> Result<(), Failure> {
        self.locked = flag(matches, "locked")?;
        if self.locked {
            self.pull.push("--locked", None);
            self.stage.push("--locked", None);
            self.resolve.push("--sources", None);
        }
        let Some(name) = last(matches, "lock") else { return Ok(()) };
        self.lock = true;
        let renew = match name.to_string_lossy() {
            all if all.is_empty() => "--renew".to_owned(),
            one => format!("--renew={one}"),
        };
        self.pull.push(&renew, None);
        self.resolve.push("--sources", None);
        self.resolve.push(&renew, None);
        // The plan does not have all stages then.
        if ["target", "until", "shell"].iter().any(|name| last(matches, name).is_some()) {
            self.resolve.push("--keep-lines", None);
        }
        Ok(())
    }

    /// `--until`, `--shell` and `--logs`: df-parse ends the plan with the step, and is told all of it; stage-run alone
    /// knows the triggers of a base, and is told what is left to it: a number, a line, or nothing for a whole stage.
    fn take_steps(&mut self, matches: &ArgMatches) -> Result<(), Failure> {
        let mut ends: Option<String> = None;
        for name in ["until", "shell", "logs"] {
            let Some(step) = last(matches, name).map(|step| step.to_string_lossy()) else { continue };
            let option = format!("--{name}");
            match (&ends, step.as_ref()) {
                (_, "") if name == "until" => {
                    let what = "the step is empty; write STEP, STAGE:STEP, :LINE or STAGE";
                    return Err(Failure::usage(format!("{option}: {what}")));
                }
                (_, "") => {}
                (Some(earlier), step) => {
                    let what = format!("the build ends at {earlier} already; name one step");
                    return Err(Failure::usage(format!("{option}={step}: {what}")));
                }
                (None, step) => {
                    self.parse.push("--until", Some(OsStr::new(step)));
                    ends = Some(step.to_owned());
                }
            }
            let place = place(&step);
            let whole = if place.is_empty() { option } else { format!("{option}={place}") };
            match name {
                "shell" => self.stops.push(&whole, None),
                "logs" => self.logs.push(&whole, None),
                // The plan ends at a line already.
                _ if place.is_empty() || place.starts_with(':') => {}
                _ => self.stops.push("--until", Some(OsStr::new(place))),
            }
        }
        self.shell = last(matches, "shell").is_some();
        self.alone = self.shell;
        if flag(matches, "shell-on-fail")? {
            self.stage.push("--shell-on-fail", None);
            self.alone = true;
        }
        Ok(())
    }

    fn take_call(&mut self, matches: &ArgMatches) -> Result<(), Failure> {
        let check = flag(matches, "check")?;
        let call = last(matches, "call").unwrap_or(OsStr::new(if check { "check" } else { "build" }));
        let call = call.to_string_lossy();
        let mut words = call.split(',');
        let method = words.next().unwrap_or_default();
        let (mut rules, mut json) = ("", false);
        for word in words {
            match word {
                _ if method == "build" => {
                    let what = "build prints nothing that has a format";
                    return Err(Failure::usage(format!("--call: '{call}': {what}")));
                }
                "all" if matches!(method, "check" | "lint") => rules = "=all",
                "format=json" => json = true,
                "format=text" => {}
                _ => return Err(Failure::usage(format!("--call: '{call}' is not METHOD[,format=json]"))),
            }
        }
        match method {
            "build" => return Ok(()),
            "check" | "lint" => self.call.push(&format!("--check{rules}"), None),
            "targets" | "outline" => self.call.push(&format!("--{method}"), None),
            other => {
                let known = ["build", "check", "targets", "outline"];
                let hint = libcli::did_you_mean(other, known);
                let what = format!("--call: '{other}' is none of {}{hint}", known.join(", "));
                return Err(Failure::usage(what));
            }
        }
        if json {
            self.call.push("--format", Some(OsStr::new("json")));
        }
        Ok(())
    }

    fn take_outputs(&mut self, matches: &ArgMatches, outputs: &[Output]) -> Result<(), Failure> {
        let usage = |what: String| Failure::usage(format!("--output: {what}"));
        let mut compression = last(matches, "compression").map(|name| name.to_string_lossy().into_owned());
        let mut level: Option<String> = None;
        for output in outputs {
            for (one, all, what) in [
                (&output.compression, &mut compression, "compression"),
                (&output.level, &mut level, "compression-level"),
            ] {
                match (one, &all) {
                    (Some(one), Some(all)) if one != all => {
                        let why = "a layer is stored once; build again for the other";
                        return Err(usage(format!("{what}={one}, but {all} is asked for too; {why}")));
                    }
                    (Some(one), _) => *all = Some(one.clone()),
                    (None, _) => {}
                }
            }
            self.take_output(output).map_err(usage)?;
        }
        self.cache_only = output::are_cache_only(outputs);
        for name in pushed(matches, outputs)? {
            self.push.push(&name, None);
            // A secret that got into a layer would be out before anybody could look.
            self.early = all(matches, "secret").next().is_none();
        }
        if let Some(level) = &level {
            check::level(compression.as_deref(), level)
                .map_err(|what| usage(format!("compression-{what}")))?;
        }
        for (option, value) in [("--compression", compression), ("--level", level)] {
            if let Some(value) = value {
                self.stage.push(option, Some(OsStr::new(&value)));
            }
        }
        Ok(())
    }

    fn take_output(&mut self, output: &Output) -> Result<(), String> {
        for name in &output.names {
            self.assemble.push("--tag", Some(OsStr::new(name)));
        }
        self.rewrite |= output.rewrite;
        if output.dest == "-" && std::mem::replace(&mut self.archive, true) {
            return Err("two outputs go to standard output; add dest=FILE to one".into());
        }
        let format = match output.kind {
            Kind::Image | Kind::CacheOnly => return Ok(()),
            Kind::Oci | Kind::Docker => {
                let kind = if output.kind == Kind::Oci { "oci" } else { "docker" };
                let spec = format!("type={kind},dest={}", output.dest);
                self.assemble.push("--output", Some(OsStr::new(&spec)));
                return Ok(());
            }
            Kind::Layout => "layout",
            Kind::Tar => "tar",
            Kind::Local => "dir",
        };
        let mut save = Words::default();
        save.push("--format", Some(OsStr::new(format)));
        save.push("-o", Some(OsStr::new(&output.dest)));
        if output.kind == Kind::Local {
            let existing = if output.delete { "delete" } else { "merge" };
            save.push("--existing", Some(OsStr::new(existing)));
        }
        self.saves.push(save);
        self.silent |= output.dest == "-";
        Ok(())
    }
}

/// The names under which the image is pushed: those of the outputs that are, or where they have none, all that it gets.
fn pushed(matches: &ArgMatches, outputs: &[Output]) -> Result<Vec<String>, Failure> {
    let asked = flag(matches, "push")?;
    let is_image = |output: &&Output| output.kind == Kind::Image;
    let wanted: Vec<&Output> =
        outputs.iter().filter(is_image).filter(|output| asked || output.push).collect();
    if !asked && wanted.is_empty() {
        return Ok(Vec::new());
    }
    let tags = || all(matches, "tag").filter_map(OsStr::to_str).map(str::to_owned);
    let mut names: Vec<String> = wanted.iter().flat_map(|output| output.names.clone()).collect();
    if wanted.is_empty() || wanted.iter().any(|output| output.names.is_empty()) {
        names.extend(tags());
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    match names.is_empty() {
        true => Err(Failure::usage("an image without a name can't be pushed; add -t HOST/NAME[:TAG]")),
        false => Ok(names),
    }
}

/// The one context.
fn context(matches: &ArgMatches) -> Result<OsString, Failure> {
    let mut contexts = matches.get_many::<OsString>(CONTEXT).into_iter().flatten();
    match (contexts.next(), contexts.next()) {
        (Some(one), None) if one.is_empty() => {
            Err(Failure::usage("the context is empty; write . for this directory"))
        }
        (Some(one), None) => Ok(one.clone()),
        (Some(one), Some(other)) => {
            let (one, other) = (one.display(), other.display());
            Err(Failure::usage(format!("one context, please; both '{one}' and '{other}' are given")))
        }
        (None, _) => Err(Failure::usage("the context is missing; write . for this directory")),
    }
}

/// The values of an option that count.
fn given<'a>(matches: &'a ArgMatches, row: &Row) -> impl Iterator<Item = &'a OsStr> {
    let skipped = match row.takes {
        Takes::Values(_) => 0,
        _ => all(matches, row.long).count().saturating_sub(1),
    };
    all(matches, row.long).skip(skipped)
}

fn check_value(row: &Row, value: &OsStr) -> Result<(), Failure> {
    let what = match row.takes {
        Takes::Flag => truth(value).map(drop),
        _ => (row.check)(value),
    };
    what.map_err(|what| Failure::usage(format!("--{}: {what}", row.long)))
}

/// What of a step is for stage-run: a number or `:LINE`.
fn place(step: &str) -> &str {
    let place = match step.split_once(':') {
        Some(("", _)) => step,
        Some((_, place)) => place,
        None => step,
    };
    match place.starts_with(':') || place.bytes().all(|byte| byte.is_ascii_digit()) {
        true => place,
        false => "",
    }
}
