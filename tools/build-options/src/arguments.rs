//! Adds the platform, build arguments and the environment to a request.

use crate::asked::{Environment, Request};
use crate::check;
use crate::proxies::proxies;
use crate::values::all;
use crate::variables::{ARGUMENTS, ENVIRONMENT, Verdict};
use clap::ArgMatches;
use libcli::Failure;
use std::ffi::{OsStr, OsString};

impl Request {
    /// Adds the platform. Several platforms are refused.
    pub fn take_platform(&mut self, matches: &ArgMatches, environment: &Environment) -> Result<(), Failure> {
        let mut asked: Vec<&OsStr> =
            all(matches, "platform").filter(|platform| *platform != "local").collect();
        asked.dedup();
        if let [one, other, ..] = asked[..] {
            let both = format!("--platform: {} and {}", one.display(), other.display());
            return Err(Failure::usage(format!("{both}: {}", check::ONE_PLATFORM)));
        }
        let default = environment("DOCKER_DEFAULT_PLATFORM").filter(|value| !value.is_empty());
        let given = all(matches, "platform").next().is_some();
        if let Some(default) = default.as_deref().filter(|_| !given) {
            let wrong = |what| Failure::usage(format!("DOCKER_DEFAULT_PLATFORM: {what}"));
            check::platform(default).map_err(wrong)?;
            asked.push(default);
        }
        asked.first().into_iter().for_each(|platform| self.parse.push("--platform", Some(platform)));
        Ok(())
    }

    /// Adds the build arguments of the command line, of SOURCE_DATE_EPOCH and of docker's config.json.
    pub fn take_build_args(
        &mut self,
        matches: &ArgMatches,
        environment: &Environment,
    ) -> Result<(), Failure> {
        let mut names = Vec::new();
        for given in all(matches, "build-arg").filter_map(OsStr::to_str) {
            // As in docker, a name that the environment does not have stays unset.
            let (name, value) = match given.split_once('=') {
                Some((name, value)) => (name, OsString::from(value)),
                None => match environment(given) {
                    Some(value) => (given, value),
                    None => continue,
                },
            };
            self.take_build_arg(name, &value)?;
            names.push(name);
        }
        // buildx hands SOURCE_DATE_EPOCH on as a build argument too.
        if let Some(value) = environment("SOURCE_DATE_EPOCH").filter(|value| !value.is_empty())
            && !names.contains(&"SOURCE_DATE_EPOCH")
        {
            self.take_build_arg("SOURCE_DATE_EPOCH", &value)?;
        }
        let found = proxies(environment).unwrap_or_else(|what| {
            self.warnings.push(format!("{what}; no proxies of it are used"));
            Vec::new()
        });
        for (name, value) in found.iter().filter(|(name, _)| !names.contains(name)) {
            self.take_build_arg(name, OsStr::new(value))?;
        }
        Ok(())
    }

    fn take_build_arg(&mut self, name: &str, value: &OsStr) -> Result<(), Failure> {
        let text = value.to_string_lossy();
        if let Some(row) = ARGUMENTS.iter().find(|row| row.name == name) {
            self.heed(row.verdict(&text), "--build-arg ")?;
        }
        if name == "BUILDKIT_CONTEXT_KEEP_GIT_DIR" && text.starts_with(['1', 't', 'T']) {
            self.fetch.push("--keep-git-dir", None);
        }
        let pair: OsString = [OsStr::new(name), OsStr::new("="), value].into_iter().collect();
        self.parse.push("--build-arg", Some(&pair));
        Ok(())
    }

    /// Warns of variables of the environment that are not obeyed, and refuses those that must be.
    pub fn take_environment(&mut self, environment: &Environment) -> Result<(), Failure> {
        for row in ENVIRONMENT {
            let Some(value) = environment(row.name) else { continue };
            self.heed(row.verdict(&value.to_string_lossy()), "")?;
        }
        Ok(())
    }

    fn heed(&mut self, verdict: Verdict, place: &str) -> Result<(), Failure> {
        match verdict {
            Verdict::Quiet => Ok(()),
            Verdict::Warning(what) => {
                self.warnings.push(format!("{place}{what}"));
                Ok(())
            }
            Verdict::Refusal(what) => Err(Failure::usage(format!("{place}{what}"))),
        }
    }
}
