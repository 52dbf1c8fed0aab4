//! Adds the outputs to a request: the packing of layers, and the words to save, load and push the image.

use crate::asked::Request;
use crate::check;
use crate::output::{self, Kind, Output};
use crate::values::{all, flag, last};
use crate::words::Words;
use clap::ArgMatches;
use libcli::Failure;
use std::ffi::OsStr;

impl Request {
    /// Adds the outputs, and checks that they agree.
    pub fn take_outputs(&mut self, matches: &ArgMatches, outputs: &[Output]) -> Result<(), Failure> {
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
        if self.cache_only && all(matches, "tag").next().is_some() {
            self.warnings
                .push("--tag: --output type=cacheonly makes no image, so there is none to name".into());
        }
        if flag(matches, "load")? {
            self.load.push("--format", Some(OsStr::new("docker")));
            let names = outputs.iter().flat_map(|output| &output.names).map(OsStr::new);
            let mut names = all(matches, "tag").chain(names).peekable();
            if names.peek().is_none() {
                self.load.push("--no-tag", None);
            }
            names.for_each(|name| self.load.push("--tag", Some(name)));
        }
        for name in pushed(matches, outputs)? {
            self.push.push(&name, None);
            // A secret that got into a layer would be published before anybody could look.
            self.early = all(matches, "secret").next().is_none();
        }
        if !self.push.as_bytes().is_empty() {
            all(matches, "insecure").for_each(|host| self.push.push("--insecure", Some(host)));
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

/// The names under which the image is pushed: those of the outputs that push it, or if they have none, all of its
/// names.
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
