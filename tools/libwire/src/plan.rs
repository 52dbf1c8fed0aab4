//! build-plan(5): the stages that df-parse wants built, one record each, in the order of their dependencies.
//!
//! FROM, stage references and global ARGs are resolved. Every other word is as written; stage-run expands it, because
//! it knows the environment of the base image.

mod check;
mod members;
mod op;

pub use check::read;
pub use op::{ArgDecl, Command, Copy, Heredoc, Instruction, Mount, MountKind, Op, Pair};

use crate::formats::BUILD_PLAN;
use crate::stream::{Format, Records};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The build-plan stream.
pub struct BuildPlan;

impl Format for BuildPlan {
    const NAME: &'static str = BUILD_PLAN.name;
    const VERSION: u32 = 1;
    const MAKER: &'static str = BUILD_PLAN.maker;
    const RECORDS: Records = &[("stage", "a stage", members::STAGE)];
    const STRICT: bool = true;
    type Record = PlanRecord;

    // A plan is short, and its members have members, so every record is checked.
    fn is_odd(_: &PlanRecord, _: usize) -> bool {
        true
    }
}

/// A record of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanRecord {
    /// One stage to build.
    Stage(Box<Stage>),
}

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One stage: its base, its instructions, and the stages it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The position among the FROM lines of the file, from 0. Later records name the stage by it.
    pub index: usize,
    /// `AS name`, lower-cased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// FROM's first line, from 1.
    pub line: u32,
    /// FROM's last line.
    pub line_end: u32,
    /// FROM as written, continuation lines joined.
    pub text: String,
    /// Its physical lines, if there are several. For messages.
    #[serde(default, skip_serializing_if = "unset")]
    pub lines: Vec<String>,
    /// The base of the stage.
    pub base: Base,
    /// `os/arch[/variant]` the stage is built for.
    pub platform: String,
    /// The platform of the image, if the caller asked for one and this is the target. Otherwise it is that of the
    /// base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_platform: Option<String>,
    /// SOURCE_DATE_EPOCH, from the caller or the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Whether it is the target of the build.
    pub target: bool,
    /// Whether its layers are part of the image: it is the target, or the target is built on it.
    pub ships: bool,
    /// The stages whose result it uses, by index, ascending.
    #[serde(default, skip_serializing_if = "unset")]
    pub needs: Vec<usize>,
    /// The names of this and earlier stages, by index: a trigger of the base image may name them. A stage without a
    /// name is an empty string in the record.
    #[serde(with = "unnamed")]
    pub stages: Vec<Option<String>>,
    /// The build contexts that the caller declared. They take precedence over stages and images.
    #[serde(default, skip_serializing_if = "unset")]
    pub contexts: Vec<String>,
    /// All build arguments of the caller.
    #[serde(default, skip_serializing_if = "unset")]
    pub build_args: BTreeMap<String, String>,
    /// The values that `ARG name` imports: the ARGs before the first FROM and the platform arguments, after build
    /// arguments.
    #[serde(default, skip_serializing_if = "unset")]
    pub global_args: BTreeMap<String, String>,
    /// The file's escape character, `\` or `` ` ``.
    pub escape: char,
    /// The instructions after FROM, in order.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// Its part in the image: `target`, `below` the target in its chain of FROMs, or `beside`.
    pub fn part(&self) -> &'static str {
        match (self.target, self.ships) {
            (true, _) => "target",
            (false, true) => "below",
            (false, false) => "beside",
        }
    }
}

/// Optional names. An absent one is an empty string, because a stream has no null.
mod unnamed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(names: &[Option<String>], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(names.iter().map(|name| name.as_deref().unwrap_or_default()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<String>>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        Ok(names.into_iter().map(|name| (!name.is_empty()).then_some(name)).collect())
    }
}

/// The base of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Base {
    /// An empty tree.
    Scratch,
    /// An earlier stage.
    Stage {
        /// Its index.
        index: usize,
    },
    /// An image in the store or a registry.
    Image {
        /// The name as written, expanded.
        name: String,
        /// The full name: `docker.io/library/ubuntu:latest`, or with `@sha256:…`.
        reference: String,
    },
    /// A named build context.
    Context {
        /// The name exactly as the caller declared it.
        name: String,
    },
}

/// The source in `--from=` or in a mount's `from=`. If there is none, it is the build context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A stage of this file.
    Stage {
        /// Its index.
        index: usize,
    },
    /// An image.
    Image {
        /// As written.
        name: String,
        /// In full.
        reference: String,
    },
    /// A named build context.
    Context {
        /// The name exactly as the caller declared it.
        name: String,
    },
    /// An empty tree (`from=scratch`).
    Scratch,
}
