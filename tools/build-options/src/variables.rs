//! Variables of the environment, and build arguments with a meaning of their own. Each is obeyed, changes nothing,
//! causes a warning, or is refused.

use crate::values::truth;
use std::ffi::OsStr;

/// A variable that docker, BuildKit or buildx knows.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// A value for which it is not obeyed; if it always is, any value.
    pub example: &'static str,
    /// The answer to it.
    pub answer: Answer,
}

/// The answer to a variable.
pub enum Answer {
    /// It is obeyed, with this effect.
    Works(&'static str),
    /// It changes nothing, for this reason.
    Idle(&'static str),
    /// Other values cause a warning.
    Warned(Unless, &'static str),
    /// Other values are refused.
    Refused(Unless, &'static str),
}

/// Whether a value of a variable asks for nothing.
pub type Unless = fn(&str) -> bool;

/// The answer to a variable's value.
pub enum Verdict {
    /// Nothing is to be said.
    Quiet,
    /// A warning.
    Warning(String),
    /// A refusal.
    Refusal(String),
}

impl Variable {
    /// The answer to a value.
    pub fn verdict(&self, value: &str) -> Verdict {
        let said = |what: &str| format!("{}: {what}", self.name);
        match self.answer {
            Answer::Warned(unless, what) if !unless(value) => Verdict::Warning(said(what)),
            Answer::Refused(unless, what) if !unless(value) => Verdict::Refusal(said(what)),
            _ => Verdict::Quiet,
        }
    }
}

const fn row(name: &'static str, example: &'static str, answer: Answer) -> Variable {
    Variable { name, example, answer }
}

/// No value, or one that means false.
fn off(value: &str) -> bool {
    value.is_empty() || truth(OsStr::new(value)) == Ok(false)
}

/// No value, or one that means true.
fn on(value: &str) -> bool {
    value.is_empty() || truth(OsStr::new(value)) == Ok(true)
}

fn empty(value: &str) -> bool {
    value.is_empty()
}

const NO_BUILDER: &str = "there is no builder to choose, and it changes nothing; unset it";
const NO_LIST: &str = "no list of packages is made";
const PROXY: &str = "RUN has it, and neither the image nor the cache's keys do";

/// The build arguments.
pub const ARGUMENTS: &[Variable] = &[
    row("ALL_PROXY", "http://proxy", Answer::Works(PROXY)),
    row("BUILDKIT_BUILD_NAME", "name", Answer::Idle("there is no list of builds that it would be in")),
    row("BUILDKIT_CACHE_MOUNT_NS", "name", Answer::Works("cache mounts are those of this namespace")),
    row("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "1", Answer::Works("a context from git has its .git")),
    row("BUILDKIT_DOCKERFILE_CHECK", "skip=all", Answer::Works("it takes the place of # check=")),
    row(
        "BUILDKIT_INLINE_CACHE",
        "1",
        Answer::Warned(off, "no cache is put into the image; keep the store's directory instead"),
    ),
    row(
        "BUILDKIT_MULTI_PLATFORM",
        "1",
        Answer::Refused(off, "no index of platforms is made; leave it out, and the image is one manifest"),
    ),
    row("BUILDKIT_SANDBOX_HOSTNAME", "name", Answer::Works("RUN's host name")),
    row("BUILDKIT_SBOM_SCAN_CONTEXT", "true", Answer::Idle(NO_LIST)),
    row("BUILDKIT_SBOM_SCAN_STAGE", "true", Answer::Idle(NO_LIST)),
    row("BUILDKIT_SYNTAX", "docker/dockerfile:1", Answer::Works("it takes the place of # syntax=")),
    row("FTP_PROXY", "http://proxy", Answer::Works(PROXY)),
    row("HTTP_PROXY", "http://proxy", Answer::Works(PROXY)),
    row("HTTPS_PROXY", "http://proxy", Answer::Works(PROXY)),
    row("NO_PROXY", "host", Answer::Works(PROXY)),
    row("SOURCE_DATE_EPOCH", "0", Answer::Works("the time of what is made; see image-build(1)")),
];

/// The variables of the environment.
pub const ENVIRONMENT: &[Variable] = &[
    row("BUILDKIT_COLORS", "run=blue", Answer::Idle("steps have the terminal's own colours")),
    row("BUILDKIT_HOST", "tcp://host:1234", Answer::Warned(empty, NO_BUILDER)),
    row("BUILDKIT_PROGRESS", "plain", Answer::Works("how the build is shown, without --progress")),
    row("BUILDKIT_TTY_LOG_LINES", "9", Answer::Idle("a step that runs shows the last line of its output")),
    row("BUILDX_BUILDER", "name", Answer::Warned(empty, NO_BUILDER)),
    row("BUILDX_CONFIG", "/directory", Answer::Idle("there is no builder that it would configure")),
    row(
        "BUILDX_DEFAULT_POLICY",
        "1",
        Answer::Refused(
            off,
            "no policy is asked about sources; unset it, and --locked holds them to FILE.lock",
        ),
    ),
    row("BUILDX_EXPERIMENTAL", "1", Answer::Idle("no option needs it")),
    row("BUILDX_GIT_CHECK_DIRTY", "1", Answer::Idle("nothing is looked up in git")),
    row("BUILDX_GIT_INFO", "1", Answer::Idle("no attestation is made that would have it")),
    row(
        "BUILDX_GIT_LABELS",
        "1",
        Answer::Warned(
            off,
            "git is not asked for labels; write --label org.opencontainers.image.revision=$(git rev-parse HEAD)",
        ),
    ),
    row(
        "BUILDX_METADATA_PROVENANCE",
        "max",
        Answer::Warned(
            |value| off(value) || value == "disabled",
            "no provenance is written into --metadata-file; unset it",
        ),
    ),
    row(
        "BUILDX_METADATA_WARNINGS",
        "1",
        Answer::Warned(off, "no warnings are written into --metadata-file; write --call check,format=json"),
    ),
    row("BUILDX_NO_DEFAULT_ATTESTATIONS", "1", Answer::Idle("no attestation is made")),
    row("BUILDX_NO_DEFAULT_LOAD", "1", Answer::Idle("nothing is loaded without --load")),
    row(
        "CONTAINERS_REGISTRIES_CONF",
        "/file",
        Answer::Works("which servers are asked; see stagepipe-registries(7)"),
    ),
    row(
        "DOCKER_BUILDKIT",
        "0",
        Answer::Warned(on, "there is no other builder, and it changes nothing; unset it"),
    ),
    row("DOCKER_CONFIG", "/directory", Answer::Works("its config.json has logins and proxies")),
    row(
        "DOCKER_CONTENT_TRUST",
        "1",
        Answer::Refused(off, "no image's signature is verified; unset it, and name images by digest"),
    ),
    row("DOCKER_CONTEXT", "name", Answer::Works("where --load loads an image")),
    row("DOCKER_DEFAULT_PLATFORM", "linux/arm64", Answer::Works("the platform, without --platform")),
    row("DOCKER_HOST", "unix:///socket", Answer::Works("where --load loads an image")),
    row(
        "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY",
        "/file",
        Answer::Refused(
            empty,
            "no policy is asked about sources; unset it, and --locked holds them to FILE.lock",
        ),
    ),
    row(
        "HTTP_PROXY",
        "http://proxy",
        Answer::Works("for what is fetched; RUN has it by --build-arg HTTP_PROXY"),
    ),
    row("HTTPS_PROXY", "http://proxy", Answer::Works("the same")),
    row("NO_COLOR", "1", Answer::Works("the terminal gets no colours")),
    row("NO_PROXY", "host", Answer::Works("the same")),
    row("REGISTRY_AUTH_FILE", "/file", Answer::Works("where logins are")),
    row("SOURCE_DATE_EPOCH", "0", Answer::Works("as the build argument, which wins")),
    row("SSH_AUTH_SOCK", "/socket", Answer::Works("the agent of --ssh default, and of sources over ssh")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_answered_as_its_row_says() {
        for row in ARGUMENTS.iter().chain(ENVIRONMENT) {
            let said = match row.verdict(row.example) {
                Verdict::Quiet => matches!(row.answer, Answer::Works(_) | Answer::Idle(_)),
                Verdict::Warning(_) => matches!(row.answer, Answer::Warned(..)),
                Verdict::Refusal(_) => matches!(row.answer, Answer::Refused(..)),
            };
            assert!(said, "{}={}", row.name, row.example);
            assert!(matches!(row.verdict(""), Verdict::Quiet), "{}=", row.name);
        }
    }
}
