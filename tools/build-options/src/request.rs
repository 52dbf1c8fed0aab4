//! Turns a command line into the words of each tool.

use crate::asked::{Asked, Environment, Request};
use crate::command::{self, CONTEXT};
use crate::progress::Progress;
use crate::table::{Row, Takes, To, rows};
use crate::values::{all, flag, last, truth};
use crate::{check, clashes, output};
use clap::ArgMatches;
use libcli::Failure;
use libwire::remote;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

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
    request.progress = Progress::asked(&matches, environment)?;
    request.quiet = request.progress == Progress::Quiet;
    request.dry_run = on("dry-run")?;
    request.no_defer = on("no-defer")?;
    request.take_places(&matches, environment)?;
    request.take_environment(environment)?;
    request.take_platform(&matches, environment)?;
    request.take_build_args(&matches, environment)?;
    request.take_sources(&matches, environment)?;
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
    /// Passes an option on to the tools that take it unchanged.
    fn hand_on(&mut self, row: &Row, matches: &ArgMatches) -> Result<(), Failure> {
        let to = match row.to {
            To::Parse => &mut self.parse,
            To::Stage => &mut self.stage,
            To::Assemble => &mut self.assemble,
            To::Snapshots => &mut self.isolation,
            To::Archives => &mut self.limits,
            To::Request => return Ok(()),
        };
        let option = format!("--{}", row.long);
        match row.takes {
            Takes::Flag if flag(matches, row.long)? => to.push(&option, None),
            Takes::Flag => {}
            _ => given(matches, row).for_each(|value| to.push(&option, Some(value))),
        }
        Ok(())
    }

    /// Adds the options with a value that the driver itself needs.
    fn take_places(&mut self, matches: &ArgMatches, environment: &Environment) -> Result<(), Failure> {
        let word = |name| last(matches, name).map(OsStr::to_owned).unwrap_or_default();
        (self.file, self.keep, self.trace) = (word("file"), word("keep"), word("trace"));
        self.silent = self.trace == "-";
        self.jobs = last(matches, "jobs").unwrap_or(OsStr::new("0")).to_owned();
        let store = last(matches, "store").map(PathBuf::from);
        let store = libstore::locate(store, &libstore::Environment::of(environment))?;
        self.store.push("--store", Some(store.as_os_str()));
        self.store_path = store;
        if self.quiet {
            self.stage.push("--progress", Some(OsStr::new("quiet")));
            self.pack.push("--progress", Some(OsStr::new("quiet")));
        }
        Ok(())
    }

    /// Adds named contexts, and the secrets that servers need.
    fn take_sources(&mut self, matches: &ArgMatches, environment: &Environment) -> Result<(), Failure> {
        for context in all(matches, "build-context") {
            let Some((name, source)) = context.to_str().and_then(|text| text.split_once('=')) else {
                continue;
            };
            self.parse.push("--build-context", Some(OsStr::new(name)));
            self.named.push("--build-context", Some(context));
            self.contexts.push((name.to_owned(), libcli::shell_word(source)));
        }
        let variable = |name: &str| environment(name).map(OsStringExt::into_vec);
        for secret in all(matches, "secret") {
            let checked = libcli::secret(&secret.to_string_lossy(), &variable)
                .and_then(|(id, source)| source.check(&id));
            checked.map_err(|what| Failure::usage(format!("--secret: {what}")))?;
            self.stage.push("--secret", Some(secret));
            let parts = secret.to_str().unwrap_or_default().split(',');
            let mut ids = parts.filter_map(|part| part.strip_prefix("id="));
            if ids.any(|id| id.starts_with("GIT_AUTH_") || id.starts_with("HTTP_AUTH_")) {
                self.fetch.push("--secret", Some(secret));
            }
        }
        Ok(())
    }

    /// Adds `--pull`, `--offline` and `--insecure`. After the images were looked up, a stage only pulls the parts that
    /// the store lacks.
    fn take_pull(&mut self, matches: &ArgMatches) -> Result<(), Failure> {
        let when = last(matches, "pull").map(|when| when.to_string_lossy());
        let word = match when.as_deref() {
            Some("" | "true" | "always") => "always",
            Some("never") => "never",
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
        for host in all(matches, "insecure") {
            self.pull.push("--insecure", Some(host));
            self.stage.push("--insecure", Some(host));
        }
        Ok(())
    }

    /// Adds `--lock` and `--locked`: images are looked up for the plan, then all sources.
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
        // The plan then does not have all stages.
        if ["target", "until", "shell"].iter().any(|name| last(matches, name).is_some()) {
            self.resolve.push("--keep-lines", None);
        }
        Ok(())
    }

    /// Adds `--until`, `--shell` and `--logs`. df-parse ends the plan with the step, and gets the whole value. Only
    /// stage-run knows the triggers of a base, so it gets the part that remains: a number, a line, or nothing for a
    /// whole stage.
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
                _ if word.starts_with("ignorestatus=") => {
                    return Err(Failure::usage(format!("--call: {}", check::IGNORE_STATUS)));
                }
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

/// The values of an option that count and are not idle.
fn given<'a>(matches: &'a ArgMatches, row: &Row) -> impl Iterator<Item = &'a OsStr> {
    let skipped = match row.takes {
        Takes::Values(_) => 0,
        _ => all(matches, row.long).count().saturating_sub(1),
    };
    let idle = row.idle;
    all(matches, row.long).skip(skipped).filter(move |value| !idle.iter().any(|(word, _)| value == word))
}

fn check_value(row: &Row, value: &OsStr) -> Result<(), Failure> {
    let refused = row.refused.iter().find(|(word, _)| value == *word);
    let what = match (refused, row.takes) {
        (Some((_, why)), _) => Err((*why).to_owned()),
        (None, Takes::Flag) => truth(value).map(drop),
        (None, _) => (row.check)(value),
    };
    what.map_err(|what| Failure::usage(format!("--{}: {what}", row.long)))
}

/// The part of a step that stage-run gets: a number or `:LINE`.
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
