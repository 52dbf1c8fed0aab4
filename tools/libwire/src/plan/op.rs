//! The instructions of a plan except FROM: their kinds, and their words as written. Nothing here is expanded or
//! checked.

use super::{Source, unset};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One instruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instruction {
    /// First line, from 1.
    pub line: u32,
    /// Last line, heredoc bodies included.
    pub line_end: u32,
    /// The instruction as one logical line: continuations joined, comments dropped, heredoc bodies left out.
    pub text: String,
    /// The physical lines that make up the text, when there are several. For messages.
    #[serde(default, skip_serializing_if = "unset")]
    pub lines: Vec<String>,
    /// The kind of instruction, and its words.
    #[serde(flatten)]
    pub op: Op,
}

/// The instructions of the Dockerfile reference except FROM. Words are not expanded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// RUN
    Run {
        /// The command. In shell form its text still has the `<<` words of heredocs.
        #[serde(flatten)]
        command: Command,
        /// Heredocs, in order.
        #[serde(default, skip_serializing_if = "unset")]
        heredocs: Vec<Heredoc>,
        /// `--mount`, in order.
        #[serde(default, skip_serializing_if = "unset")]
        mounts: Vec<Mount>,
        /// `--network`: `default`, `none` or `host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<String>,
        /// `--security`: `sandbox` or `insecure`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        security: Option<String>,
    },
    /// COPY
    Copy(Copy),
    /// ADD
    Add(Copy),
    /// ENV
    Env {
        /// In order.
        pairs: Vec<Pair>,
    },
    /// LABEL
    Label {
        /// In order.
        pairs: Vec<Pair>,
    },
    /// ARG
    Arg {
        /// In order.
        args: Vec<ArgDecl>,
    },
    /// WORKDIR
    Workdir {
        /// The directory.
        path: String,
    },
    /// USER
    User {
        /// `user[:group]`.
        user: String,
    },
    /// EXPOSE
    Expose {
        /// Words.
        ports: Vec<String>,
    },
    /// VOLUME
    Volume {
        /// Paths.
        paths: Vec<String>,
    },
    /// CMD
    Cmd {
        /// The command; an empty `exec` clears it.
        #[serde(flatten)]
        command: Command,
    },
    /// ENTRYPOINT
    Entrypoint {
        /// The command; an empty `exec` clears it.
        #[serde(flatten)]
        command: Command,
    },
    /// SHELL
    Shell {
        /// Its words.
        shell: Vec<String>,
    },
    /// HEALTHCHECK
    Healthcheck {
        /// The command; absent for NONE.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test: Option<Command>,
        /// The time between two checks in nanoseconds; 0 is unset.
        #[serde(default, skip_serializing_if = "unset")]
        interval: i64,
        /// The time limit of a check in nanoseconds.
        #[serde(default, skip_serializing_if = "unset")]
        timeout: i64,
        /// The grace period after the start in nanoseconds.
        #[serde(default, skip_serializing_if = "unset")]
        start_period: i64,
        /// The time between checks in the grace period, in nanoseconds.
        #[serde(default, skip_serializing_if = "unset")]
        start_interval: i64,
        /// The number of failures in a row that make a container unhealthy.
        #[serde(default, skip_serializing_if = "unset")]
        retries: i64,
    },
    /// STOPSIGNAL
    Stopsignal {
        /// The signal.
        signal: String,
    },
    /// ONBUILD
    Onbuild {
        /// The trigger's text as the image stores it, with heredoc bodies.
        trigger: String,
        /// The stage that the trigger's `--from` names, if this file has it. Stages built on this one wait for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Source>,
    },
    /// MAINTAINER
    Maintainer {
        /// The author.
        name: String,
    },
}

/// A command in shell or exec form, in JSON the member `shell` or `exec`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Text for the stage's SHELL.
    Shell(String),
    /// The words themselves.
    Exec(Vec<String>),
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heredoc {
    /// The delimiter, without quotes.
    pub name: String,
    /// The file descriptor before `<<`, 0 when none.
    pub fd: u32,
    /// The body as written.
    pub body: String,
    /// Whether it is expanded, by the builder (COPY, ADD) or the shell (RUN): no part of the delimiter was quoted.
    pub expand: bool,
    /// Whether it was `<<-`.
    #[serde(default, skip_serializing_if = "unset")]
    pub strip_tabs: bool,
}

impl Heredoc {
    /// The body as it is written to a file. For `<<-`, the tabs at the start of each line are removed.
    pub fn text(&self) -> Cow<'_, str> {
        match self.strip_tabs {
            true => self
                .body
                .split_inclusive('\n')
                .map(|line| line.trim_start_matches('\t'))
                .collect::<String>()
                .into(),
            false => Cow::Borrowed(&self.body),
        }
    }
}

/// `key=value` of ENV and LABEL, quotes kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// `name[=default]` of ARG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArgDecl {
    /// The name.
    pub name: String,
    /// The default, quotes kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// COPY's and ADD's words and flags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    /// Source paths (for ADD also URLs), in order; heredocs are not among them.
    #[serde(default, skip_serializing_if = "unset")]
    pub sources: Vec<String>,
    /// Heredoc sources, in order.
    #[serde(default, skip_serializing_if = "unset")]
    pub heredocs: Vec<Heredoc>,
    /// Destination.
    pub dest: String,
    /// `--from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    /// `--chown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chown: Option<String>,
    /// `--chmod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chmod: Option<String>,
    /// `--link`.
    #[serde(default, skip_serializing_if = "unset")]
    pub link: bool,
    /// `--parents`.
    #[serde(default, skip_serializing_if = "unset")]
    pub parents: bool,
    /// `--exclude`, in order.
    #[serde(default, skip_serializing_if = "unset")]
    pub exclude: Vec<String>,
    /// ADD `--checksum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// ADD `--keep-git-dir`.
    #[serde(default, skip_serializing_if = "unset")]
    pub keep_git_dir: bool,
    /// ADD `--unpack`; absent, local archives are unpacked and downloads are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<bool>,
}

/// The kind of a RUN mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// A read-only (or throw-away) view of a source.
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// An empty directory in memory.
    Tmpfs,
    /// A secret as a file or environment variable.
    Secret,
    /// The caller's ssh agent.
    Ssh,
}

/// One `RUN --mount`. Keys are checked by df-parse; values are unexpanded, except `from`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// `type=`.
    pub kind: MountKind,
    /// `target=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `source=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `from=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    /// `id=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `sharing=`: `shared`, `private` or `locked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<String>,
    /// Whether it is read-only, after the default of its type.
    pub readonly: bool,
    /// `required=`.
    #[serde(default, skip_serializing_if = "unset")]
    pub required: bool,
    /// `mode=`, octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `uid=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `gid=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// `size=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// `env=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The flag's whole value as written, if a variable decides its type or a boolean. Then only `from` among the
    /// other members has a meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}
